"""The allocator's setting: in a process of its own, because it cannot be taken back."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import bgnb
import bgnb.device

GLIBC = sys.platform == "linux" and os.confstr("CS_GNU_LIBC_VERSION").startswith("glibc")

CODE = """
import resource, torch, bgnb
if {keep}:
    assert bgnb.keep_memory()
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for n in range(30):
    total = torch.ones(12_000_000).cumsum(0)[-1].item()
    if n == 4:
        before = faults()  # by then the memory is there
print(total, faults() - before)
"""


def run(keep):
    code = CODE.format(keep=keep)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    total, faults = done.stdout.split()
    return float(total), int(faults)


@pytest.mark.skipif(not GLIBC, reason="glibc on Linux only")
def test_kept_memory_is_not_mapped_anew_and_changes_no_number():
    (plain, many), (kept, few) = run(False), run(True)
    assert plain == kept
    assert few < many / 3


DTYPE = "from bgnb.device import *; print(compute_dtype(pick_device('cpu')), bf16_instructions(pick_device('cpu')) or 'none')"


@pytest.mark.parametrize("limit", ["AVX512_CORE", "avx2", "AVX512_CORE_VNNI"])
def test_auto_takes_no_bf16_where_the_processor_has_no_instructions_for_it(limit):
    done = subprocess.run(
        [sys.executable, "-c", DTYPE], capture_output=True, text=True, check=True, env=os.environ | {"ONEDNN_MAX_CPU_ISA": limit}
    )
    assert done.stdout.split() == ["torch.float32", "none"]


@pytest.mark.skipif(not Path("/proc/cpuinfo").exists(), reason="needs Linux's list of instructions")
def test_auto_takes_bf16_where_the_kernel_lists_instructions_for_it():
    flags = Path("/proc/cpuinfo").read_text().split()
    env = {name: value for name, value in os.environ.items() if name != "ONEDNN_MAX_CPU_ISA"}
    done = subprocess.run([sys.executable, "-c", DTYPE], capture_output=True, text=True, check=True, env=env)
    fast = bool({"amx_tile", "avx512_bf16", "bf16"} & set(flags))
    assert done.stdout.split()[0] == ("torch.bfloat16" if fast else "torch.float32")


def test_it_does_nothing_where_there_is_no_glibc(monkeypatch):
    monkeypatch.setattr(bgnb.device.os, "confstr", lambda name: "musl 1.2", raising=False)
    assert bgnb.keep_memory() is False
    monkeypatch.delattr(bgnb.device.os, "confstr")
    assert bgnb.keep_memory() is False


def test_a_network_is_put_back_into_the_mode_it_had():
    model = torch.nn.BatchNorm1d(2)
    for training in (True, False):
        model.train(training)
        with pytest.raises(RuntimeError), bgnb.device.evaluating(model):
            assert not model.training and not torch.is_grad_enabled()
            raise RuntimeError
        assert model.training is training and torch.is_grad_enabled()
