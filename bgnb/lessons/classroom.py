"""The lessons for a class: student copies without solutions, and Voila to serve them."""

import copy
import json
import os
import socket
import sys
from importlib.resources import files
from pathlib import Path

from bgnb.files import InputError, atomic_write

YOUR_TURN = {"code": "# Your turn\n", "markdown": "*Your turn: write here.*"}
IDLE = 600  # seconds until a kernel that nobody uses is ended


def student_copy(book: dict) -> dict:
    """A lesson with its cells tagged ``solution`` emptied.

    >>> cell = {"cell_type": "code", "metadata": {"tags": ["solution"]}, "source": ["1 + 1"], "outputs": []}
    >>> student_copy({"cells": [cell]})["cells"][0]["source"]
    ['# Your turn\\n']
    """
    book = copy.deepcopy(book)
    for cell in book["cells"]:
        if "solution" in cell["metadata"].get("tags", []):
            cell["source"] = [YOUR_TURN[cell["cell_type"]]]
            cell["metadata"]["tags"] = ["your-turn"]
    return book


def write_copies(notebooks: str | Path, out: str | Path) -> list[Path]:
    """Student copies of all lessons in a folder. InputError if it holds none."""
    lessons = sorted(Path(notebooks).glob("[0-9][0-9]_*.ipynb"))
    if not lessons:
        raise InputError(f"{notebooks}: holds no lesson")
    for lesson in lessons:
        with atomic_write(Path(out) / lesson.name) as part:
            part.write_text(json.dumps(student_copy(json.loads(lesson.read_text())), indent=1, ensure_ascii=False) + "\n")
    return [Path(out) / lesson.name for lesson in lessons]


def voila_command(folder: str | Path, port: int, token: str, ip: str, preheat: list[str]) -> list[str]:
    """The command that starts Voila: with a token, nothing from other servers, kernels that end when idle, some lessons ready.

    Args:
        preheat: numbers of the lessons to keep executed for the next visitor: ["01", "03"]. Each costs a kernel.
    """
    others = [path.name for path in sorted(Path(folder).glob("*.ipynb")) if path.name[:2] not in preheat]
    return [
        sys.executable, "-m", "voila", str(folder), "--no-browser", f"--port={port}", f"--Voila.ip={ip}", f"--token={token}",
        "--template=bgnb", "--classic-tree", "--show_tracebacks=False", f"--preheat_kernel={bool(preheat)}", "--pool_size=1",
        f"--VoilaKernelManager.preheat_denylist={json.dumps(others)}",
        f"--MappingKernelManager.cull_idle_timeout={IDLE}", "--MappingKernelManager.cull_interval=60",
    ]  # fmt: skip


def environment() -> dict[str, str]:
    """What Voila's process needs: one thread for each kernel, and where our page is (no style sheets from elsewhere)."""
    found = [str(files("bgnb.lessons") / "share"), *filter(None, [os.environ.get("JUPYTER_PATH")])]
    return {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "JUPYTER_PATH": os.pathsep.join(found)}


def serve(folder: Path, port: int, token: str, ip: str, preheat: list[str]) -> None:
    """Print the address for the class, then become Voila; see ``voila_command``."""
    if ip == "127.0.0.1":
        print(f"Only this machine can see it:  http://{ip}:{port}/?token={token}", flush=True)
        print("For a class, listen to the network: bgnb classroom --serve --ip 0.0.0.0, or make class IP=0.0.0.0", flush=True)
    else:
        print(f"Give your class this address:  http://{socket.gethostname()}:{port}/?token={token}", flush=True)
        print("It is plain HTTP: others on the network may read along. Whoever has the address can run code here.", flush=True)
    print("Stop with Ctrl-C.", flush=True)
    # Each visitor's kernel is one process with one thread, so thirty of them share the cores fairly.
    os.environ |= environment()
    command = voila_command(folder, port, token, ip, preheat)
    os.execv(command[0], command)
