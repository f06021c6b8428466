"""Let the disk fill, or become read-only, at a random moment: one line, nothing half-written, and the next start completes."""

import random
import shutil
import subprocess
import time
from pathlib import Path

from jobs import Place, Reference, complaint, damage, fresh, orphans, results

JOBS = ("run", "extract", "sweep", "run", "extract", "rerun")  # in turn
WAYS = ("full", "read-only", "a full tmpfs", "a read-only tmpfs")
MOST = 900  # kB; more than any of the jobs writes


def can_mount(folder: Path) -> bool:
    """Whether this process may mount a disk of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    if not shutil.which("mount") or subprocess.run(mount(folder, "size=64k"), capture_output=True).returncode:
        return False
    subprocess.run(["umount", folder], check=True)
    return True


def mount(folder: Path, options: str) -> list[str]:
    return ["mount", "-t", "tmpfs", "-o", options, "none", str(folder)]


def cycle(
    number: int, seed: int, given: Path, folder: Path, references: dict[str, Reference], real: bool = False
) -> tuple[str, list[str]]:
    """One disk. ``real``: a small disk is mounted; otherwise Python's writes fail. Returns what was done, and every fault."""
    rng = random.Random(f"disks {seed} {number}")
    job, way = JOBS[number % len(JOBS)], WAYS[number // len(JOBS) % 2 + 2 * real]
    known, home = references[job], folder / f"disk-{number}"
    home.mkdir(parents=True)
    if real:
        size = rng.randint(MOST // 20, MOST) if way == "a full tmpfs" else 64_000
        subprocess.run(mount(home, f"size={size}k"), check=True)
    try:
        return f"{job}, {way}", accident(rng, job, way, Place(home, given), known)
    finally:
        if real:
            subprocess.run(["umount", "--lazy", str(home)], check=True)


def accident(rng: random.Random, job: str, way: str, place: Place, known: Reference) -> list[str]:
    before = known.old if rng.random() < 0.5 else {}
    if before:
        shutil.copytree(known.before, place.out, dirs_exist_ok=True)
    faults, new = [], known.new if before else fresh(known)
    if way == "a read-only tmpfs":
        command = place.start(job)
        time.sleep(rng.uniform(0, 1) * known.seconds)
        while command.status is None and subprocess.run(remount(place, "ro"), capture_output=True).returncode:
            time.sleep(0.001)  # busy, as long as a file is open
        status, error = command.wait()
    elif way == "a full tmpfs":
        status, error = place.finish(job)
    else:
        status, error = place.finish(job, at=rng.randint(1, known.moments), what=way)
    found = results(job, place.out)
    if status == 2:
        faults += filter(None, [complaint(error)])
        words = [line for line in error.splitlines() if line.startswith("bgnb: ")]
        if not any(str(folder) in word for word in words for folder in (place.out, place.cache, place.tmp)):
            faults.append(f"names no file: {words}")
        if job == "extract" and found not in (before, new):
            faults.append("some results are old, some are new")
    elif status != 0:
        faults.append(f"status {status}: {error.strip().splitlines()[-1:]}")
    elif found != new:
        faults.append("status 0, but not all results")
    faults += damage(found, before, known.new)
    if "full" in way and status:
        faults += [f"left at once: {name}" for name in place.leftovers() if not name.endswith(".part")]
    faults += [f"still running: {name}" for name in orphans(place)]
    if "tmpfs" in way:
        subprocess.run(remount(place, "rw,size=64000k"), check=True)
    status, error = place.finish(job)
    if status:
        faults.append(f"the next start: status {status}, {error.strip().splitlines()[-1]}")
    if results(job, place.out) != new:
        faults.append("other results than in peace")
    faults += [f"left: {name}" for name in place.leftovers()]
    place.remove()
    return faults


def remount(place: Place, options: str) -> list[str]:
    return ["mount", "-o", f"remount,{options}", str(place.folder)]
