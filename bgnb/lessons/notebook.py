"""What a lesson calls first: text of the right size, and errors that are one sentence instead of a page."""

from bgnb.data import ImageSet
from bgnb.device import keep_memory
from bgnb.files import InputError
from bgnb.plots import talk as talk_style


def start(talk: bool = False) -> None:
    """Begin a lesson. ``talk`` enlarges all figures. From now on, a wrong folder or value is answered with one sentence.

    Freed memory is kept (``keep_memory``): a lesson has its kernel to itself, and training takes a third less time.
    """
    keep_memory()
    talk_style(talk)
    one_line_errors()


def one_line_errors() -> None:
    """In a notebook, show an InputError as its one line. The cell still fails: papermill stops and later cells do not run."""
    try:
        from IPython import get_ipython
    except ImportError:
        return
    if (shell := get_ipython()) is not None:
        shell.set_custom_exc((InputError,), show_one_line)


def show_one_line(shell, kind, error, trace, tb_offset=None) -> list[str]:
    """How IPython shows an error: with one line in place of the traceback."""
    lines = ["\033[31mThis does not work: " + " ".join(str(error).split()).rstrip(".") + ".\033[0m"]
    shell._showtraceback(kind, error, lines)
    return lines


def need_masks(imageset: ImageSet, source: str) -> ImageSet:
    """The same pictures. InputError if they have no masks to compare with.

    >>> from bgnb import load
    >>> need_masks(load(size=64, images=2, progress=False), "scenes").masks.shape
    torch.Size([2, 64, 64])
    """
    if imageset.masks is None:
        raise InputError(f"source {source}: this lesson compares with masks; name a folder that has masks/, or scenes")
    return imageset
