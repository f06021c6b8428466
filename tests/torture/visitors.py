"""What a visitor of a class costs: the memory of the kernel that runs a lesson, at its peak, and how long the page takes.

``python tests/torture/visitors.py`` visits every lesson once, with an empty cache; ``... visitors.py 01 05`` only these.
"""

import os
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil

from bgnb.lessons import classroom

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"


def weigh(server: psutil.Process, peaks: dict[int, int]) -> None:
    """Anonymous memory of every kernel at its peak, in bytes, until the server is gone. Libraries are shared, and so left out."""
    while server.is_running() and server.status() != psutil.STATUS_ZOMBIE:
        for kernel in server.children(recursive=True):
            try:
                lines = Path(f"/proc/{kernel.pid}/status").read_text().splitlines()
                now = next((1024 * int(line.split()[1]) for line in lines if line.startswith("RssAnon")), 0)
                peaks[kernel.pid] = max(peaks.get(kernel.pid, 0), now)
            except OSError:
                pass
        time.sleep(0.2)


def visit(lessons: list[str]) -> None:
    with TemporaryDirectory() as folder, socket.socket() as probe:
        copies = classroom.write_copies(NOTEBOOKS, Path(folder) / "class", live=True)
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()
        command = classroom.voila_command(copies[0].parent, port, "class", "127.0.0.1", [], len(copies))
        environment = os.environ | classroom.environment() | {"BGNB_CACHE": f"{folder}/cache"}
        server = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        peaks = {}
        threading.Thread(target=weigh, args=(psutil.Process(server.pid), peaks), daemon=True).start()
        try:
            while True:
                try:
                    urllib.request.urlopen(f"http://127.0.0.1:{port}/login")
                    break
                except OSError:
                    time.sleep(0.5)
            for copy in copies:
                if lessons and copy.name[:2] not in lessons:
                    continue
                before, clock = set(peaks), time.monotonic()
                address = f"http://127.0.0.1:{port}/voila/render/{copy.name}?token=class"
                urllib.request.urlopen(address).read()
                took = time.monotonic() - clock
                time.sleep(1)
                print(f"{copy.stem}: {max(peaks[pid] for pid in set(peaks) - before) / 1e6:.0f} MB, {took:.0f} s", flush=True)
        finally:
            server.terminate()
            server.wait()


if __name__ == "__main__":
    visit(sys.argv[1:])
