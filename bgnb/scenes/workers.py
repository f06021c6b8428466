"""Many pictures on all cores.

Threads gain nothing, because painting is mostly Python. Helpers are plain Python processes that get an index and answer
with pixels: nothing is forked, and the caller's own script is not run again, so this works in a notebook, in a script
without a main guard, and on every system. This process paints from the start: nobody waits for the helpers to wake up.
"""

import os
import pickle
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence

SERVE = "from bgnb.scenes import workers; workers.serve()"  # imports no torch, which would take seconds


def in_processes(paint: Callable, items: Sequence, helpers: int) -> Iterator:
    """``paint(item)`` for all items, in order. ``paint`` is a function that pickle knows by name, or a partial of one."""
    todo, done = queue.SimpleQueue(), queue.SimpleQueue()
    for item in enumerate(items):
        todo.put(item)
    processes = [_start() for _ in range(helpers)]
    for process in processes:
        threading.Thread(target=_feed, args=(process, paint, todo, done), daemon=True).start()
    ready, due = {}, 0
    try:
        while due < len(items):
            try:
                number, item = todo.get_nowait()
                ready[number] = paint(item)
            except queue.Empty:
                number, result, failed = done.get()
                ready[number] = paint(items[number]) if failed else result
            while not done.empty():
                number, result, failed = done.get()
                ready[number] = paint(items[number]) if failed else result
            while due in ready:
                yield ready.pop(due)
                due += 1
    finally:
        for process in processes:
            process.kill()
            process.wait()
            process.stdin.close()
            process.stdout.close()


def serve() -> None:
    """The helper's side: a function, then items, until the caller hangs up."""
    paint = pickle.load(sys.stdin.buffer)
    pickle.dump("awake", sys.stdout.buffer)
    sys.stdout.buffer.flush()
    while True:
        try:
            item = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        pickle.dump(paint(item), sys.stdout.buffer, protocol=5)
        sys.stdout.buffer.flush()


def _start() -> subprocess.Popen:
    path = os.pathsep.join(p or os.getcwd() for p in sys.path)
    settings = os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    pipe = subprocess.PIPE
    return subprocess.Popen([sys.executable, "-c", SERVE], stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, env=settings)


def _feed(process, paint, todo, done) -> None:
    """Keep one helper busy. Whatever happens to it, its last item is painted by the caller instead."""
    number = None
    try:
        pickle.dump(paint, process.stdin)
        process.stdin.flush()
        pickle.load(process.stdout)  # it is awake: only now does it get an item
        while True:
            try:
                number, item = todo.get_nowait()
            except queue.Empty:
                return
            pickle.dump(item, process.stdin)
            process.stdin.flush()
            result = pickle.load(process.stdout)
            done.put((number, result, False))
            number = None
    except Exception:
        if number is not None:
            done.put((number, None, True))
