"""Start a command twice at once: each ends well, or says in one line that another process writes."""

import contextlib
import json
import random
import shutil
import signal
import time
from pathlib import Path

import psutil
from jobs import Command, Place, Reference, arguments, complaint, fresh, orphans, results

PAIRS = {
    "run": "two runs with one --json",
    "sweep": "two sweeps on one file",
    "extract": "two extracts into one folder",
    "rerun": "two reruns of one notebook",
    "training": "two runs that need the same network",
}
ORDER = ("run", "sweep", "extract", "training", "sweep", "extract", "rerun")  # in turn


def pair(number: int) -> str:
    """What is started twice in a cycle."""
    return ORDER[number % len(ORDER)]


def cycle(
    number: int, seed: int, given: Path, folder: Path, references: dict[str, Reference], without: str | None = None
) -> tuple[str, list[str]]:
    """One pair: what was done, and every fault. In half of the pairs, the first waits in a write until the second has ended."""
    rng = random.Random(f"together {seed} {number}")
    started, stops = pair(number), number // len(ORDER) % 2 == 0
    job = "run" if started == "training" else started
    known, place = references[job], Place(folder / f"pair-{number}-{without}", given)
    before = known.old if rng.random() < 0.5 else {}
    if before:
        shutil.copytree(known.before, place.out, dirs_exist_ok=True)
    plan = {"without": without} if without else {}
    one = place.start(job, **plan, **({"at": rng.randint(1, known.moments), "what": "stop"} if stops else {}))
    if stops:
        wait_until_stopped(one)
    else:
        time.sleep(rng.uniform(0, known.seconds / 2))
    command = arguments(job, given, place.out)
    if started == "training":
        command = [place.out / "other.json" if word == place.out / "run.json" else word for word in command]
        command = command[: command.index("--picture")]
    two = place.start(job, command=command, **plan)
    if stops:
        while two.status is None:
            time.sleep(0.02)
        one.send(signal.SIGCONT)
    faults, ends = [], [one.wait(), two.wait()]
    for status, error in ends:
        if status == 2:
            faults += filter(None, [complaint(error)])
            if "another process" not in error:
                faults.append(f"refused, but does not say that another process writes: {error.strip().splitlines()[-1]}")
        elif status != 0:
            faults.append(f"status {status}: {error.strip().splitlines()[-1:]}")
    if all(status for status, _ in ends):
        faults.append("neither ended well")
    new, found = known.new if before else fresh(known), results(job, place.out)
    if started == "training" and json.loads(found.pop("other.json", "{}")) != json.loads(new["run.json"]):
        faults.append("the two networks differ")
    if found != new:
        faults.append("other results than in peace")
    faults += [f"still running: {name}" for name in orphans(place)]
    faults += [f"left: {name}" for name in place.leftovers()]
    place.remove()
    return PAIRS[started], faults


def wait_until_stopped(command: Command) -> None:
    """Until a process has stopped itself, or has ended without coming to that moment."""
    with contextlib.suppress(psutil.NoSuchProcess):
        while command.status is None and psutil.Process(command.process.pid).status() != psutil.STATUS_STOPPED:
            time.sleep(0.02)
