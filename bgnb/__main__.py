"""``bgnb`` and ``python -m bgnb``: Ctrl-C ends it in one line and with status 130, even while it is still starting."""

import os
import signal
import sys
from traceback import walk_stack
from types import FrameType


def interrupt(_: int, frame: FrameType | None) -> None:
    """End at once while modules are being imported; elsewhere raise KeyboardInterrupt, so that everything is cleaned up.

    No import can be interrupted safely: numpy and scipy catch the exception and fail later with a traceback, and torch aborts.
    """
    if any("importlib._bootstrap" in inner.f_code.co_filename for inner, _ in walk_stack(frame)):
        os.write(sys.stderr.fileno(), b"bgnb: interrupted\n")
        os._exit(130)
    raise KeyboardInterrupt


def main() -> None:
    """Run the command line."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # it is not where Ctrl-C is ignored, as after nohup
        signal.signal(signal.SIGINT, interrupt)
    from bgnb.cli import main

    main()


if __name__ == "__main__":
    main()
