"""The allocator's setting: in a process of its own, because it cannot be taken back."""

import os
import subprocess
import sys

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
