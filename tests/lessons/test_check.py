"""bgnb check: each finding on a sound machine, and what it says when something is amiss."""

import os
import subprocess
import sys

import pytest
import torch

from bgnb.lessons import check


def test_on_this_machine_all_is_ready():
    found = {what: (words, ok) for what, words, ok in check.findings()}
    assert list(found) == ["versions", "device", "precision", "threads", "cache", "kernel"]
    assert [what for what, (words, ok) in found.items() if not ok] == []
    assert torch.__version__.split("+")[0] in found["versions"][0] and "imports bgnb" in found["kernel"][0]


@pytest.mark.parametrize("have", ["0.1", None])
def test_a_package_that_is_old_or_missing_is_named(monkeypatch, have):
    def version(name):
        if name == "pillow" and have is None:
            raise check.PackageNotFoundError(name)
        return have if name == "pillow" else real(name)

    real = check.version
    monkeypatch.setattr(check, "version", version)
    words, ok = check.versions()
    assert not ok and words.startswith("pillow") and "make run" in words


def test_more_threads_than_cores_is_something_to_do(monkeypatch):
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1000)
    words, ok = check.threads()
    assert not ok and "export OMP_NUM_THREADS=" in words


def test_a_full_disk_is_something_to_do(monkeypatch):
    monkeypatch.setattr(check, "ROOM", 1e9)
    words, ok = check.cache()
    assert not ok and "make room" in words


def test_a_kernel_that_is_not_there_comes_with_its_command(monkeypatch, tmp_path):
    def start(**options):
        from jupyter_client.kernelspec import NoSuchKernel

        raise NoSuchKernel("python3")

    monkeypatch.setattr("jupyter_client.manager.start_new_kernel", start)
    words, ok = check.kernel()
    assert not ok and "ipykernel install" in words


def test_the_exit_status_says_that_there_is_something_to_do(tmp_path):
    (tmp_path / "file").write_text("")
    environment = os.environ | {"BGNB_CACHE": str(tmp_path / "file" / "below")}
    done = subprocess.run([sys.executable, "-m", "bgnb.cli", "check"], capture_output=True, text=True, env=environment)
    assert done.returncode == 1 and "TO DO  cache" in done.stdout and "BGNB_CACHE" in done.stdout
    assert "Traceback" not in done.stderr and "ok     versions" in done.stdout
