"""Kill a command at a random moment, start it again until it ends, and compare with what it gives in peace."""

import random
import shutil
import signal
import time
from pathlib import Path

from jobs import Place, Reference, complaint, damage, fresh, orphans, results

JOBS = ("run", "run", "extract", "run", "sweep", "extract", "run", "rerun", "extract", "sweep")  # in turn
WAYS = ("SIGKILL at a random time", "SIGKILL in a write", "SIGINT", "SIGKILL in a write", "SIGKILL at a random time")
STOPS = 2.0  # seconds that Ctrl-C may take


def victim(number: int) -> str:
    """The command that a cycle kills."""
    return JOBS[number % len(JOBS)]


def way(number: int) -> str:
    """What is done to the command of a cycle."""
    return WAYS[number // 2 % len(WAYS)]


def cycle(
    number: int, seed: int, given: Path, folder: Path, references: dict[str, Reference], without: str | None = None, timed=True
) -> tuple[str, list[str]]:
    """One kill. Returns what was done, and all that then was not as promised."""
    rng = random.Random(f"kills {seed} {number}")
    job, what = victim(number), way(number)
    known, place = references[job], Place(folder / f"kill-{number}-{without}", given)
    before = known.old if rng.random() < 0.5 else {}
    if before:
        shutil.copytree(known.before, place.out, dirs_exist_ok=True)
    faults = []
    plan = {"without": without} if without else {}
    if what == "SIGKILL in a write":
        place.start(job, **plan, at=rng.randint(1, known.moments), what="kill").wait()
    else:
        forked = rng.random() < 0.5
        command = place.start(job, **plan, forked=forked)
        time.sleep(rng.uniform(0, 0.95) * (known.seconds if forked else known.seconds_afresh))
        command.send(signal.SIGKILL if what.startswith("SIGKILL") else signal.SIGINT)
        clock = time.perf_counter()
        status, error = command.wait()
        seconds = time.perf_counter() - clock
        unborn = status == -signal.SIGINT and "bgnb" not in error  # Python itself was still starting
        if what == "SIGINT" and status and not unborn:  # without a status, it had ended before
            if status != 130:
                faults.append(f"status {status} instead of 130")
            if timed and seconds > STOPS:
                faults.append(f"stopped after {seconds:.1f} s")
            faults += filter(None, [complaint(error)])
            faults += [f"left at once: {name}" for name in place.leftovers() if not name.endswith(".part")]
    faults += [f"still running: {name}" for name in orphans(place)]
    faults += damage(results(job, place.out), before, known.new)
    for _ in range(2):
        status, error = place.finish(job, **plan)
        if status == 0:
            break
        faults.append(f"the next start: status {status}, {error.strip().splitlines()[-1]}")
    if results(job, place.out) != (known.new if before else fresh(known)):
        faults.append("other results than in peace")
    faults += [f"left: {name}" for name in place.leftovers()]
    place.remove()
    return f"{job}, {what}", faults
