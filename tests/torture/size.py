"""Size: a thousand photos, one of them of 6000 x 4000, and a hundred thousand backgrounds that are kept on disk.

How much anonymous memory does it take, how long does Ctrl-C take, and does the next start go on? ``python tests/torture/size.py``
prints the table; ``python tests/torture/size.py 2000`` is a quick look.
"""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image

MEMORY, PATIENCE = 2000, 2.0  # MB of anonymous memory, and seconds after Ctrl-C
SIDE, SIZE = 160, 128  # pixels of the photos, and of the work
LONGEST = 3 * 3600  # seconds for a command


def draw(folder: Path, first: int, last: int, seed: int) -> None:
    """Photos of random colours."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng([seed, first])
    for i in range(first, last):
        colours = Image.fromarray(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8))
        size = (6000, 4000) if folder.name == "cat" and i == 7 else (SIDE, SIDE)
        colours.resize(size, Image.Resampling.BILINEAR).save(folder / f"{i:06d}.jpg", quality=80)


class Job:
    """A command of bgnb, its anonymous memory at its peak in MB, and what it has said so far."""

    def __init__(self, *words: str | Path, cache: Path):
        environment = os.environ | {"BGNB_CACHE": str(cache), "OMP_NUM_THREADS": "1"}
        command = [sys.executable, "-m", "bgnb", *map(str, words)]
        self.begun, self.memory, self.said = time.monotonic(), 0.0, ""
        self.process = subprocess.Popen(
            command, env=environment, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, bufsize=0,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a shell's background jobs ignore Ctrl-C
        )  # fmt: skip
        self.threads = [threading.Thread(target=watch, daemon=True) for watch in (self.listen, self.weigh)]
        for thread in self.threads:
            thread.start()

    def listen(self) -> None:
        while text := self.process.stderr.read(4096):
            self.said += text.decode()

    def weigh(self) -> None:
        while self.process.poll() is None:
            try:
                lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
                self.memory = max(self.memory, *(int(line.split()[1]) * 1.024e-3 for line in lines if line.startswith("RssAnon")))
            except (OSError, TypeError):
                pass
            time.sleep(0.02)

    def wait_until(self, reached) -> bool:
        """Wait until something is reached. False if the command has ended before."""
        while not reached():
            if self.process.poll() is not None:
                return False
            time.sleep(0.01)
        return True

    def interrupt(self) -> float:
        """Ctrl-C, and the seconds until the command has ended."""
        before = time.monotonic()
        self.process.send_signal(signal.SIGINT)
        self.finish()
        return time.monotonic() - before

    def finish(self) -> int:
        """Wait for the end: the exit status."""
        self.process.wait(LONGEST)
        for thread in self.threads:
            thread.join()
        self.seconds = time.monotonic() - self.begun
        return self.process.returncode


def row(what: str, passed: list[bool], note: str) -> dict:
    return {"part": "size", "what": what, "tried": len(passed), "passed": sum(passed), "note": note}


def draw_all(photos: Path, targets: int, backgrounds: int, seed: int) -> None:
    """``targets/cat`` and ``backgrounds/forest``, on all cores."""
    cuts = [*range(0, backgrounds, 2000), backgrounds]
    with ProcessPoolExecutor() as pool:
        jobs = [pool.submit(draw, photos / "targets/cat", 0, targets, seed + 1)]
        jobs += [pool.submit(draw, photos / "backgrounds/forest", *ends, seed) for ends in pairwise(cuts)]
        for job in jobs:
            job.result()


def prepared(cache: Path) -> int:
    """How many backgrounds are prepared, in a file that is not whole yet."""
    return sum(file.stat().st_size for file in cache.glob("pictures/*.part")) // (3 * SIZE**2)


def size(count: int = 100_000, seed: int = 0) -> list[dict]:
    """The rows of the table, for so many backgrounds and a hundredth as many photos with the target."""
    rng = random.Random(seed)
    with TemporaryDirectory() as name:
        root, targets = Path(name), max(10, count // 100)
        photos, cache, out = root / "photos", root / "cache", root / "out"
        draw_all(photos, targets, count, seed)
        small = ["--size", SIZE, "--patch", 24, "--stride", 4, "--epochs", 3]
        folders = ["--targets", photos / "targets/cat", "--backgrounds", photos / "backgrounds/forest", "--out", out]
        extract = ["extract", *folders, "--anyway", *small]
        jobs, seconds, stopped, went_on, cut = [], [], [], [], []

        def stop(job: Job) -> None:
            seconds.append(job.interrupt())
            stopped.append(job.process.returncode == 130 and seconds[-1] <= PATIENCE)
            jobs.append(job)

        # Ctrl-C while the backgrounds are prepared; the next start must not lose any of them.
        for share in sorted(rng.uniform(0.05, 0.95) for _ in range(3)):
            job, seen = Job(*extract, cache=cache), []
            job.wait_until(lambda share=share, seen=seen: seen.append(prepared(cache)) or seen[-1] >= share * count)
            stop(job)
            went_on.append(min(seen) >= max(cut, default=0))
            cut.append(prepared(cache))
        # Ctrl-C while it trains, while it maps and while it writes.
        for bar in ("backgrounds: 100%", "training: 100%", "maps: 100%"):
            job = Job(*extract, cache=cache)
            if job.wait_until(lambda job=job, bar=bar: bar in job.said):
                time.sleep(rng.uniform(0.2, 2))
            stop(job)
        nothing_written = not out.exists() and not [*root.glob(".*")]
        # To the end, and `bgnb run` on the same photos; then many backgrounds of 256 pixels.
        jobs.append(Job(*extract, cache=cache))
        done = [jobs[-1].finish() == 0 and len([*out.glob("*.png")]) == 2 * targets]
        jobs.append(Job("run", "--source", photos, *small, "--json", root / "run.json", cache=cache))
        done.append(jobs[-1].finish() == 0)
        (root / "large/backgrounds").mkdir(parents=True)
        (root / "large/targets").symlink_to(photos / "targets")
        few = min(count, 5000)
        (root / "large/backgrounds/forest").mkdir()
        for file in sorted((photos / "backgrounds/forest").iterdir())[:few]:
            (root / "large/backgrounds/forest" / file.name).symlink_to(file)
        light = ["--size", 256, "--patch", 24, "--epochs", 1, "--per-image", 2, "--batch", 128]
        large = Job("run", "--source", root / "large", *light, "--json", root / "large.json", cache=cache)
        done.append(large.finish() == 0)
    what = f"{targets:,} photos, one of 6000 x 4000, and {count:,} backgrounds at {SIZE} pixels"
    memory = [job.memory for job in jobs]
    times = f"extract took {jobs[-2].seconds:.0f} s when all was prepared and trained, run {jobs[-1].seconds:.0f} s"
    pixels = f"{large.memory:.0f} MB, for {few * 3 * 256**2 / 1e6:.0f} MB of pixels"
    return [
        row(f"{what}: extract and run come to their end", done[:2], times),
        row("anonymous memory below 2 GB", [m < MEMORY for m in memory], f"{max(memory):.0f} MB at most"),
        row("Ctrl-C ends extract within 2 s, with status 130", stopped, f"after {max(seconds):.1f} s at most"),
        row("the next start goes on with the backgrounds", went_on, f"cut off after {', '.join(f'{n:,}' for n in cut)} of them"),
        row("what was cut off has written nothing", [nothing_written], ""),
        row(f"{few:,} backgrounds at 256 pixels", [done[2] and large.memory < MEMORY], pixels),
    ]


if __name__ == "__main__":
    for line in size(*map(int, sys.argv[1:])):
        print(f"{line['passed']}/{line['tried']}  {line['what']}: {line['note']}")
