"""``bgnb`` and ``python -m bgnb``: Ctrl-C ends it in one line, even while it is still starting."""

import sys


def main() -> None:
    """Run the command line."""
    try:
        from bgnb.cli import main

        main()
    except KeyboardInterrupt:
        print("bgnb: interrupted", file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    main()
