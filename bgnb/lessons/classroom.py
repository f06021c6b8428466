"""The lessons for a class: student copies without solutions; static pages to read, and Voila to run them with other values."""

import copy
import json
import os
import re
import socket
import sys
from importlib.resources import files
from pathlib import Path

import psutil

from bgnb.files import InputError, atomic_write
from bgnb.lessons.live import NAME as LIVE
from bgnb.lessons.pages import NEEDS_KERNEL, check_out, contents, facts_of

YOUR_TURN = {"code": "# Your turn\n", "markdown": "*Your turn: write here.*"}
SERVED = r"(index|live|\d\d_\w+|docs/[\w/-]+)\.html"  # the files that need no kernel
IDLE = 600  # seconds until a kernel that nobody uses is ended
VISITOR = 1100 * 10**6  # bytes of memory for a kernel that runs the largest lesson (tests/torture/visitors.py)


def student_copy(book: dict, write: bool = True) -> dict:
    """A lesson with its cells tagged ``solution`` emptied; or without them, where a student cannot ``write``.

    >>> cell = {"cell_type": "code", "metadata": {"tags": ["solution"]}, "source": ["1 + 1"], "outputs": []}
    >>> student_copy({"cells": [cell]})["cells"][0]["source"]
    ['# Your turn\\n']
    """
    book = copy.deepcopy(book)
    if not write:
        book["cells"] = [cell for cell in book["cells"] if "solution" not in cell["metadata"].get("tags", [])]
    for cell in book["cells"]:
        if "solution" in cell["metadata"].get("tags", []):
            cell["source"] = [YOUR_TURN[cell["cell_type"]]]
            cell["metadata"]["tags"] = ["your-turn"]
    return book


def write_copies(notebooks: str | Path, out: str | Path, live: bool = False) -> list[Path]:
    """Student copies of all lessons in a folder. InputError if it holds none.

    Args:
        notebooks: folder of the lessons.
        out: folder for the copies.
        live: for Voila: nothing to write in, and links to the contents and to the lesson's page.
    """
    lessons = sorted(Path(notebooks).glob("[0-9][0-9]_*.ipynb"))
    if not lessons:
        raise InputError(f"{notebooks}: holds no lesson")
    for lesson in lessons:
        book = student_copy(json.loads(lesson.read_text()), write=not live)
        if live:
            way_back = {"cell_type": "markdown", "id": "way-back", "metadata": {}, "source": [links_back(lesson, out)]}
            book["cells"].insert(0, way_back)
        with atomic_write(Path(out) / lesson.name) as part:
            part.write_text(json.dumps(book, indent=1, ensure_ascii=False) + "\n")
    return [Path(out) / lesson.name for lesson in lessons]


def links_back(lesson: Path, out: str | Path) -> str:
    """The links above a lesson in Voila, as Markdown."""
    links = ["[Contents](../files/index.html)"]
    if (Path(out) / f"{lesson.stem}.html").is_file():
        links.append(f"[This lesson as a page](../files/{lesson.stem}.html)")
    return " | ".join(links)


def write_pages(notebooks: str | Path, pages: str | Path | None, out: str | Path) -> list[Path]:
    """The pages for a class: no solutions, a link to run each lesson with other values, and contents that lead to all.

    Args:
        notebooks: folder of the lessons.
        pages: folder that ``bgnb pages`` wrote; None: there are only the contents, and every lesson is run by a kernel.
        out: folder for them; it also holds the copies for Voila.

    Raises:
        InputError: ``pages`` holds no page, or ``out`` holds a file that is not ours.
    """
    lessons, out = sorted(Path(notebooks).glob("[0-9][0-9]_*.ipynb")), Path(out)
    found = [Path(pages) / f"{lesson.stem}.html" for lesson in lessons] if pages else []
    found = [page for page in found if facts_of(page)]
    if pages and not found:
        raise InputError(f"{pages}: holds no page of a lesson; bgnb pages writes them")
    more = [*Path(pages).glob(LIVE), *sorted(Path(pages).glob("docs/**/*.html"))] if pages else []
    names = {page: str(page.relative_to(pages)) for page in (*found, *more)}
    check_out(out, [*names.values(), "index.html"])
    for page, name in names.items():
        text, address = page.read_text(encoding="utf-8"), f"../render/{page.stem}.ipynb"
        text = re.sub("<!-- solution -->.*?<!-- end -->", "", text, flags=re.DOTALL)
        text = text.replace("<!-- live -->", f' <a href="{address}">Run it with other values</a>')
        text = text.replace(NEEDS_KERNEL, f'Only Python can move this: <a href="{address}">run the lesson</a>.')
        with atomic_write(out / name) as part:
            part.write_text(text, encoding="utf-8")
    with atomic_write(out / "index.html") as part:
        part.write_text(contents(out, lessons, live="../render/"), encoding="utf-8")
    return [out / name for name in names.values()]


def room(preheat: list[str]) -> int:
    """How many visitors the free memory is good for, beside the kernels that are kept ready: at least one."""
    return max(1, psutil.virtual_memory().available // VISITOR - len(preheat))


def voila_command(
    folder: str | Path, port: int, token: str, ip: str, preheat: list[str], visitors: int | None = None
) -> list[str]:
    """The command that starts Voila: with a token, nothing from other servers, kernels that end when idle, some lessons ready.

    Args:
        folder: what ``write_copies`` wrote.
        port: of the server.
        token: what visitors must give to come in.
        ip: address to listen at; "0.0.0.0": every one that this machine has.
        preheat: numbers of the lessons to keep executed for the next visitor: ["01", "03"]. Each costs a kernel.
        visitors: how many may run a lesson at a time; None: see ``room``.
    """
    visitors = room(preheat) if visitors is None else visitors
    others = [path.name for path in sorted(Path(folder).glob("*.ipynb")) if path.name[:2] not in preheat]
    return [
        sys.executable, "-m", "bgnb.lessons.visitors", str(folder), f"--Classroom.kernels={visitors + len(preheat)}",
        "--no-browser", f"--port={port}", f"--Voila.ip={ip}", f"--token={token}",
        "--template=bgnb", "--classic-tree", f"--VoilaConfiguration.file_allowlist={json.dumps([SERVED])}",
        "--show_tracebacks=False", f"--preheat_kernel={bool(preheat)}", "--pool_size=1",
        f"--VoilaKernelManager.preheat_denylist={json.dumps(others)}",
        f"--MappingKernelManager.cull_idle_timeout={IDLE}", "--MappingKernelManager.cull_interval=60",
    ]  # fmt: skip


def environment() -> dict[str, str]:
    """What Voila's process needs: one thread for each kernel, and where our page is (no style sheets from elsewhere)."""
    found = [str(files("bgnb.lessons") / "share"), *filter(None, [os.environ.get("JUPYTER_PATH")])]
    return {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "JUPYTER_PATH": os.pathsep.join(found)}


def serve(folder: Path, port: int, token: str, ip: str, preheat: list[str], visitors: int | None = None) -> None:
    """Print the address for the class, then become Voila; see ``voila_command``. InputError for fewer than one visitor."""
    visitors = room(preheat) if visitors is None else visitors
    if visitors < 1:
        raise InputError(f"visitors {visitors}: at least 1")
    if ip == "127.0.0.1":
        print(f"Only this machine can see it:  http://{ip}:{port}/?token={token}", flush=True)
        print("For a class, listen to the network: bgnb classroom --serve --ip 0.0.0.0, or make class IP=0.0.0.0", flush=True)
    else:
        print(f"Give your class this address:  http://{socket.gethostname()}:{port}/?token={token}", flush=True)
        print("It is plain HTTP: others on the network may read along. Whoever has the address can run code here.", flush=True)
    print(f"{visitors} visitors can run a lesson at a time. Stop with Ctrl-C.", flush=True)
    # Each visitor's kernel is one process with one thread, so thirty of them share the cores fairly.
    os.environ |= environment()
    command = voila_command(folder, port, token, ip, preheat, visitors)
    os.execv(command[0], command)
