"""``bgnb`` and ``python -m bgnb``: Ctrl-C ends it in one line and with status 130, even while it is still starting."""

import os
import sys

INTERRUPTED = 130


def main() -> None:
    """Run the command line."""
    try:
        from bgnb.cli import main

        main()
    except KeyboardInterrupt:
        print("bgnb: interrupted", file=sys.stderr)
    except SystemExit as end:
        if end.code != INTERRUPTED:
            raise
    else:
        return
    # By now all is cleaned up. sys.exit would not do: if Ctrl-C came during an exec, as imports use it, Python then ends itself
    # with the signal, whoever caught the exception.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(INTERRUPTED)


if __name__ == "__main__":
    main()
