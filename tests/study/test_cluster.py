"""A sweep on a Dask cluster: a real scheduler, workers in processes of their own, and one of them killed in the middle."""

import json
import os
import signal
import subprocess
import sys
import time

import psutil
import pytest
from distributed import Client

from bgnb.files import InputError
from bgnb.study.sweeps import read_results, sweep

GRID = "size: 48\npatch: 16\nimages: 8\nepochs: {epochs}\nseed: [0, 1, 2, 3]\n"
DASK = [sys.executable, "-m", "dask"]


def wait_for(condition, seconds=120):
    """What the condition gives as soon as it is true."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.1)
    return found


def plain(results):
    """Results without what may differ between two machines, by seed."""
    return {r["run"]["seed"]: {name: value for name, value in r.items() if name != "seconds"} for r in results}


@pytest.fixture
def cluster(tmp_path, monkeypatch):
    """The address of a scheduler with two workers, which have a cache of their own."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    file, started = tmp_path / "scheduler.json", []
    environment = os.environ | {"BGNB_CACHE": str(tmp_path / "theirs")}
    options = ["--scheduler-file", str(file)]

    def start(*command):
        started.append(subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))

    start(*DASK, "scheduler", *options, "--port", "0", "--no-dashboard")
    for _ in range(2):
        start(*DASK, "worker", *options, "--no-nanny", "--nthreads", "1", "--no-dashboard", "--local-directory", str(tmp_path))
    wait_for(file.exists)
    yield json.loads(file.read_text())["address"]
    for process in started:
        process.kill()
        process.wait()


def test_a_lost_worker_costs_only_its_run(tmp_path, cluster):
    grid, out = tmp_path / "g.yml", tmp_path / "g.jsonl"
    grid.write_text(GRID.format(epochs=10))
    command = [sys.executable, "-m", "bgnb", "sweep", str(grid), "--out", str(out), "--scheduler", cluster]
    with Client(cluster) as client:
        client.wait_for_workers(2)
        numbers = client.run(os.getpid)
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        busy = wait_for(lambda: [worker for worker, runs in client.processing().items() if runs])
        os.kill(numbers[busy[0]], signal.SIGKILL)
        _, said = process.communicate(timeout=300)
        assert process.returncode == 0, said
        assert list(client.scheduler_info()["workers"]) == [worker for worker in numbers if worker != busy[0]]
    found = read_results(out)
    assert len(found) == len(out.read_text().splitlines()) == 4
    sweep(grid, tmp_path / "here.jsonl", jobs=1)
    assert plain(found) == plain(read_results(tmp_path / "here.jsonl"))  # to the last digit
    assert not list((tmp_path / "theirs").rglob("*.jsonl"))


def test_ctrl_c_ends_a_local_cluster(tmp_path):
    grid = tmp_path / "g.yml"
    grid.write_text(GRID.format(epochs=100000))
    command = [sys.executable, "-m", "bgnb", "sweep", str(grid), "--out", str(tmp_path / "g.jsonl"), "--scheduler", "local"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)

    def workers():
        return [p for p in psutil.Process(process.pid).children() if p.cpu_times().user > 2]

    running = wait_for(lambda: workers() if len(workers()) >= 2 else None)
    os.killpg(process.pid, signal.SIGINT)  # a terminal's Ctrl-C goes to the workers, too
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130 and said.splitlines()[-1] == "bgnb: interrupted" and "Traceback" not in said
    assert not psutil.wait_procs(running, timeout=10)[1]


@pytest.mark.parametrize("address", ["127.0.0.1:1", "nonsense://x", "no address"])
def test_a_bad_address_is_one_line(tmp_path, address):
    (tmp_path / "g.yml").write_text("seed: 0")
    with pytest.raises(InputError, match=rf"scheduler {address}: no Dask") as refused:
        sweep(tmp_path / "g.yml", tmp_path / "g.jsonl", scheduler=address)
    assert "\n" not in str(refused.value) and not (tmp_path / "g.jsonl").exists()


def test_without_dask_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    (tmp_path / "g.yml").write_text("seed: 0")
    with pytest.raises(InputError, match=r"bgnb\[cluster\]"):
        sweep(tmp_path / "g.yml", tmp_path / "g.jsonl", scheduler="local")
