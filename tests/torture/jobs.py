"""The four commands that write something, small enough to be killed a hundred times, and what must be true afterwards."""

import contextlib
import hashlib
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path

import child
import nbformat
import psutil
from PIL import Image

from bgnb.scenes import background_picture, target_picture
from bgnb.study.sweeps import read_results

FORKS, LOCK, NUMBERS = get_context("forkserver"), threading.Lock(), itertools.count()
FORKS.set_forkserver_preload(["bgnb.cli", "bgnb.study.claims", "bgnb.plots", "bgnb.photos", "bgnb.lessons.rerun", "papermill"])
SMALL = ["--size", "48", "--patch", "16", "--epochs", "4"]
PATIENCE = 600  # seconds for a command that takes ten: whoever waits longer waits for nothing
NAMES = ("run", "sweep", "extract", "rerun")


def prepare(folder: Path) -> Path:
    """The photos, a grid and a notebook, in ``folder``. Nothing may ever change them."""
    for part in ("targets/cat", "masks/cat", "backgrounds/forest"):
        (folder / part).mkdir(parents=True)
    for i in range(4):
        picture, mask = target_picture("cat", "forest", i, size=64)
        Image.fromarray(picture).save(folder / f"targets/cat/{i}.png")
        Image.fromarray(mask).save(folder / f"masks/cat/{i}.png")
        Image.fromarray(background_picture("forest", i, size=64)).save(folder / f"backgrounds/forest/{i}.png")
    for name, seeds in (("new", "[0, 1]"), ("old", "[7]")):
        (folder / f"{name}.yml").write_text(f"source: {folder}\nsize: 48\npatch: 16\nepochs: 4\nseed: {seeds}\n")
    book = nbformat.v4.new_notebook(
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    )
    code = "import bgnb\nrun = bgnb.Run(source=source, size=48, patch=16, epochs=4, seed=seed)\n"
    code += "print(bgnb.measure(run, progress=False).numbers['loss'])"
    parameters = f"seed = 0  # of the run\nsource = {str(folder)!r}  # of the photos"
    book.cells = [
        nbformat.v4.new_code_cell(parameters, metadata={"tags": ["parameters"]}),
        nbformat.v4.new_code_cell(code),
    ]
    nbformat.write(book, folder / "lesson.ipynb")
    return folder


def arguments(job: str, given: Path, out: Path, old: bool = False) -> list[str]:
    """The command line of a job. ``old``: the same with other parameters, to make what was there before."""
    seed, photos = ["--seed", "7" if old else "0"], (given / "targets/cat", given / "backgrounds/forest")
    return {
        "run": ["run", "--source", given, *SMALL, *seed, "--json", out / "run.json", "--picture", out / "run.png"],
        "sweep": ["sweep", given / f"{'old' if old else 'new'}.yml", "--out", out / "grid.jsonl", "--jobs", "1"],
        "extract": [
            "extract",
            "--targets",
            photos[0],
            "--backgrounds",
            photos[1],
            "--out",
            out / "cats",
            "--anyway",
            *SMALL,
            *seed,
        ],
        "rerun": ["rerun", given / "lesson.ipynb", "-p", "seed", seed[1], "--out", out],
    }[job]


def results(job: str, out: Path) -> dict[str, str]:
    """What a job has written, file by file, without the seconds. A file that is not whole is "broken"."""
    found = {}
    for file in sorted(file for file in out.rglob("*") if file.is_file() and not hidden(file, out)):
        try:
            found[str(file.relative_to(out))] = READERS[file.suffix](file)
        except (ValueError, OSError, SyntaxError, KeyError):
            found[str(file.relative_to(out))] = "broken"
    return found


def png(file: Path) -> str:
    with Image.open(file) as picture:
        picture.load()
    return hashlib.sha256(file.read_bytes()).hexdigest()


def one_json(file: Path) -> str:
    numbers = json.loads(file.read_text())
    numbers.pop("seconds", None)
    return json.dumps(numbers)


def lines(file: Path) -> str:
    """Every result of a sweep, sorted; one that stands there twice is shown twice."""
    read_results(file)  # InputError if a line is broken, except for half a line at the end, which the next start removes
    text = file.read_text()
    whole = text[: text.rfind("\n") + 1].splitlines()
    return "\n".join(sorted(json.dumps({k: v for k, v in json.loads(line).items() if k != "seconds"}) for line in whole))


def notebook(file: Path) -> str:
    cells = json.loads(file.read_text())["cells"]
    return json.dumps([[cell["source"], cell["outputs"]] for cell in cells])


READERS = {".png": png, ".json": one_json, ".jsonl": lines, ".ipynb": notebook}


def hidden(file: Path, folder: Path) -> bool:
    return any(part.startswith(".") for part in file.relative_to(folder).parts)


def fingerprint(folder: Path) -> str:
    """Of all names and contents in a folder."""
    digest = hashlib.sha256()
    for file in sorted(folder.rglob("*")):
        digest.update(str(file).encode() + (file.read_bytes() if file.is_file() else b""))
    return digest.hexdigest()


@dataclass
class Command:
    """A process that was started, and the file that holds what it says."""

    process: subprocess.Popen | BaseProcess
    said: Path

    @property
    def status(self) -> int | None:
        """None as long as it runs; then its exit status, or minus the signal that ended it."""
        if isinstance(self.process, subprocess.Popen):
            return self.process.poll()
        with LOCK:  # one thread at a time may ask
            return self.process.exitcode

    def wait(self) -> tuple[int, str]:
        """Its status at the end, and what it said."""
        deadline = time.monotonic() + PATIENCE
        while (status := self.status) is None:
            if time.monotonic() > deadline:
                os.kill(self.process.pid, signal.SIGKILL)
                raise TimeoutError(f"after {PATIENCE} s: {self.said.read_text()}")
            time.sleep(0.02)
        error = self.said.read_text(errors="replace") if self.said.exists() else ""
        self.said.unlink(missing_ok=True)
        return status, error

    def send(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.process.pid, number)


@dataclass
class Place:
    """Where one cycle works: its output, its cache and its temporary files."""

    folder: Path
    given: Path

    def __post_init__(self):
        self.out, self.cache = self.folder / "out", self.folder / "cache"
        self.tmp = self.folder.with_name(f"{self.folder.name}-tmp")  # elsewhere, because the folder's disk may be full
        for folder in (self.out, self.cache, self.tmp):
            folder.mkdir(parents=True)

    def start(self, job: str, old: bool = False, command: list[str] | None = None, forked=True, **plan) -> "Command":
        """Start a job, with the accident of a ``plan`` (see ``child.py``).

        To save time it is forked from a process that has loaded torch already; otherwise it starts as a person starts it.
        """
        words = [str(word) for word in command or arguments(job, self.given, self.out, old)]
        said = self.tmp.with_name(f"{self.tmp.name}-said-{next(NUMBERS)}")
        environment = {"BGNB_CACHE": str(self.cache), "TMPDIR": str(self.tmp), "JUPYTER_RUNTIME_DIR": str(self.tmp / "jupyter")}
        if not forked:
            with said.open("w") as error:
                process = subprocess.Popen(
                    [sys.executable, "-m", "bgnb", *words],
                    env=os.environ | environment,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=error,
                    start_new_session=True,
                )
            return Command(process, said)
        if plan:
            environment["TORTURE"] = json.dumps(plan | {"folders": [str(self.out), str(self.cache)]})
        process = FORKS.Process(target=child.command, args=(words, environment, str(said)))
        with LOCK:
            process.start()
        return Command(process, said)

    def finish(self, job: str, old: bool = False, **plan) -> tuple[int, str]:
        """Start a job and wait for it: its status and what it said."""
        return self.start(job, old, **plan).wait()

    def leftovers(self) -> list[str]:
        """Files and folders that no finished command leaves: hidden ones, checkpoints, temporary ones."""
        found = [path for folder in (self.out, self.cache) for path in folder.rglob("*")]
        found = [path for path in found if path.name.startswith(".") or path.suffix == ".part"]
        found += [path for path in self.tmp.iterdir() if path.name != "jupyter" and "torchinductor" not in path.name]
        return [str(path.relative_to(self.folder.parent)) for path in found]

    def remove(self) -> None:
        for folder in (self.out, self.cache, self.tmp):
            shutil.rmtree(folder, ignore_errors=True)


def complaint(error: str) -> str | None:
    """What is wrong with the words of a command that was refused or stopped; None if it said one line."""
    said = [line for line in error.replace("\r", "\n").splitlines() if line.startswith("bgnb: ")]
    if "Traceback" in error:
        return "a traceback: " + error.strip().splitlines()[-1]
    return None if len(said) == 1 else f"{len(said)} lines instead of one: {said}"


def orphans(place: Place, seconds: float = 10) -> list[str]:
    """Processes of a place that still run after some seconds: a sweep's workers, a kernel. They are killed."""
    deadline = time.monotonic() + seconds
    while (alive := family(place)) and time.monotonic() < deadline:
        time.sleep(0.2)
    found = [" ".join(process.cmdline()[:4]) for process in alive]
    for process in alive:
        process.kill()
    return found


def family(place: Place) -> list[psutil.Process]:
    """All processes that inherited a place's environment."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("BGNB_CACHE") == str(place.cache) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return found


@dataclass
class Reference:
    """What a job gives if nobody disturbs it: what was there before, what is there after, and how long it takes."""

    old: dict[str, str]
    new: dict[str, str]
    before: Path  # a folder with the old results
    seconds: float
    seconds_afresh: float
    moments: int


def reference(job: str, given: Path, folder: Path) -> Reference:
    """Run a job twice in peace: with the old parameters, and then with the new ones over the old results."""
    place, count, seconds = Place(folder / f"reference-{job}", given), folder / f"moments-{job}", []
    for old, plan in ((True, {"forked": False}), (False, {"count": str(count)})):
        clock = time.perf_counter()
        status, error = place.finish(job, old, **plan)
        seconds.append(time.perf_counter() - clock)
        if status or place.leftovers() or not results(job, place.out):
            raise RuntimeError(f"{job} in peace: status {status}, left {place.leftovers()}, said {error}")
        if old:
            shutil.copytree(place.out, folder / f"before-{job}")
    before = results(job, folder / f"before-{job}")
    return Reference(before, results(job, place.out), folder / f"before-{job}", seconds[1], seconds[0], int(count.read_text()))


def fresh(known: Reference) -> dict[str, str]:
    """What a job gives where nothing was before: the new results without the lines of an older sweep."""
    found = dict(known.new)
    for name in found:
        if name.endswith(".jsonl"):
            found[name] = "\n".join(sorted(set(found[name].splitlines()) - set(known.old[name].splitlines())))
    return found


def damage(now: dict[str, str], before: dict[str, str], new: dict[str, str]) -> list[str]:
    """What is lost or half-written in ``now``. Each file must be as before, or new, or absent if it was absent before."""
    found = []
    for name in sorted(now.keys() | before.keys()):
        content, whole = now.get(name, "gone"), {before.get(name, "gone"), new.get(name, "gone")}
        if name.endswith(".jsonl") and content not in ("gone", "broken"):  # it grows line by line
            here, old, all_ = (Counter(text.splitlines()) for text in (content, before.get(name, ""), new.get(name, "")))
            if not old <= here <= all_:
                found.append(f"{name}: lines were lost, or stand there twice")
        elif content not in whole:
            found.append(f"{name}: {content if content in ('gone', 'broken') else 'is neither old nor new'}")
    return found
