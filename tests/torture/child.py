"""``bgnb`` in a process of its own, with an accident at a chosen moment.

A moment is when a file is opened to be written, half of it is written, or a file or folder is renamed, removed or made. The
accident: "kill" (SIGKILL), "stop" (SIGSTOP, until somebody sends SIGCONT), "full" (from now on, no byte fits on the disk) or
"read-only" (from now on, nothing can be changed). "without" takes a safeguard away, to see that the suite then fails.
"""

import builtins
import contextlib
import errno
import io
import json
import os
import signal
import sys
import tempfile
from pathlib import Path

CHANGES = {"os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.truncate", "os.link", "os.symlink"}
plan, moments = {}, 0


def command(words: list[str], environment: dict[str, str], said: str) -> None:
    """Run ``bgnb`` with these words, in a process that was forked for it. What it says goes into the file ``said``."""
    os.setsid()
    os.environ.update(environment)
    tempfile.tempdir = None  # TMPDIR has changed
    for descriptor, file in ((1, os.devnull), (2, said)):
        os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT), descriptor)
    sys.stderr = open(2, "w", buffering=1, closefd=False)  # noqa: SIM115
    sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115
    sys.argv = ["bgnb", *words]
    sys.modules["__main__"] = sys.modules[__name__]  # the workers of a sweep import this file, so nothing else is theirs
    from bgnb.__main__ import main

    take_away()
    if plan:
        builtins.open = io.open = opened
        sys.addaudithook(watch)
    try:
        main()
    finally:
        if "count" in plan:
            Path(plan["count"]).write_text(str(moments))


def moment(path: str, writing: bool) -> None:
    """One more moment. From the one that was chosen, the accident happens."""
    global moments
    moments += 1
    if moments < plan.get("at", float("inf")):
        return
    if plan["what"] == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif plan["what"] == "stop" and moments == plan["at"]:
        os.kill(os.getpid(), signal.SIGSTOP)
    elif plan["what"] == "full" and writing:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)
    elif plan["what"] == "read-only":
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), path)


def mine(path) -> bool:
    return isinstance(path, str | os.PathLike) and str(path).startswith(tuple(plan["folders"]))


def watch(event: str, arguments: tuple) -> None:
    """An audit hook: Python calls it before each event."""
    changes = event in CHANGES or (event == "open" and (arguments[2] or 0) & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))
    if changes and mine(arguments[0]):
        moment(str(arguments[0]), writing=False)


def opened(file, *arguments, _open=io.open, **options):
    """``open``, but the first half of what is written reaches the disk before the second half begins."""
    handle = _open(file, *arguments, **options)
    if mine(file) and handle.writable():
        write = handle.write

        def in_halves(content):
            half = len(content) // 2
            written = write(content[:half])
            handle.flush()
            moment(str(file), writing=True)
            return (written or 0) + (write(content[half:]) or 0)

        handle.write = in_halves
    return handle


def take_away() -> None:
    """Read the plan, and take the safeguard of ``bgnb.files`` away that it names, wherever it has been imported."""
    import bgnb.files  # noqa: F401

    @contextlib.contextmanager
    def plain_write(path):
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        yield Path(path)

    plan.update(json.loads(os.environ.get("TORTURE", "{}")))
    if "without" in plan:
        name, instead = {
            "atomic write": ("atomic_write", plain_write),
            "lock": ("only_writer", contextlib.nullcontext),
        }[plan["without"]]
        for module in [module for title, module in sys.modules.items() if title.startswith("bgnb")]:
            if name in vars(module):
                setattr(module, name, instead)


if "TORTURE" in os.environ:  # a worker of a sweep, which inherited it
    take_away()
