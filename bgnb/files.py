"""What every file needs: one error for bad input, a progress bar, files that are whole or absent, and a key for the cache."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator
from numbers import Integral, Real
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
from filelock import FileLock, Timeout

if TYPE_CHECKING:  # imported where it is used, so drawing scenes need not wait for it
    import torch


class InputError(ValueError):
    """Something that the user gave is wrong. The message is one line that names the file or the argument.

    >>> print(InputError("a\\nb.png: not a picture"))
    a\\nb.png: not a picture
    """

    def __init__(self, message: str):
        super().__init__(message.replace("\n", "\\n"))  # a file's name may hold a line break


class Busy(InputError):
    """Another process is writing to the file."""


def choose(name: str, value: str, choices: Iterable[str]) -> None:
    """InputError if ``value`` is not one of ``choices``.

    >>> choose("mode", "fast", ("exact", "dense"))
    Traceback (most recent call last):
    bgnb.files.InputError: mode 'fast': choose exact or dense
    """
    if value not in choices:
        raise InputError(f"{name} {value!r}: choose {' or '.join(choices)}")


def within(name: str, value: float, low: float, high: float) -> None:
    """InputError if ``value`` is not a finite number from ``low`` to ``high``.

    >>> within("pi", 1.5, 0, 1)
    Traceback (most recent call last):
    bgnb.files.InputError: pi 1.5: must lie in 0 ... 1
    """
    if isinstance(value, bool) or not isinstance(value, Real) or not low <= value <= high:
        raise InputError(f"{name} {value!r}: must lie in {low:g} ... {high:g}")


def whole(name: str, value: int, low: float, high: float) -> None:
    """InputError if ``value`` is not a whole number from ``low`` to ``high``.

    >>> whole("draws", 2.5, 1, 10)
    Traceback (most recent call last):
    bgnb.files.InputError: draws 2.5: must be a whole number
    """
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise InputError(f"{name} {value!r}: must be a whole number")
    within(name, value, low, high)


def shaped(name: str, array, form: str) -> None:
    """InputError unless an array or tensor has this shape; a letter stands for any length from 1.

    >>> class Photo: shape = (3, 32)
    >>> shaped("images", Photo(), "n 3 H W")
    Traceback (most recent call last):
    bgnb.files.InputError: images (3, 32): must be (n, 3, H, W)
    """
    shape, sides = tuple(array.shape), form.split()
    if len(shape) != len(sides) or not all(
        length == int(side) if side.isdecimal() else length for side, length in zip(sides, shape, strict=True)
    ):
        raise InputError(f"{name} {shape}: must be ({', '.join(sides)})")


def progress_bar(items: Iterable, title: str, progress: bool = True, **kwargs):
    """A tqdm bar on standard error. In a terminal it moves; elsewhere only its last line is printed."""
    from tqdm import tqdm

    watched = sys.stderr.isatty()
    return tqdm(items, desc=title, disable=not progress, leave=True, mininterval=0.1 if watched else 1e9, **kwargs)


@contextlib.contextmanager
def atomic_write(path: str | Path) -> Iterator[Path]:
    """A temporary path beside ``path`` that replaces it at the end, or vanishes: never half a file. OSError names ``path``.

    >>> folder = Path(tempfile.mkdtemp())
    >>> with atomic_write(folder / "a.txt") as file: _ = file.write_text("all of it")
    >>> (folder / "a.txt").read_text()
    'all of it'
    """
    path, part = Path(path), None
    if path.exists() and not path.is_file():  # a folder, a pipe, /dev/null
        raise InputError(f"{path}: is there already, and is not a file; name another one")
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=temporary(path), suffix=path.suffix)
        os.close(handle)
        part = Path(name)
        yield part
        part.chmod(0o666 & ~_umask())
        part.replace(path)
    except OSError as error:  # name the file that was wanted, not the temporary one
        raise OSError(error.errno or errno.EIO, error.strerror or str(error), str(path)) from None
    finally:
        with contextlib.suppress(OSError):  # a folder that has become read-only
            if part:
                part.unlink(missing_ok=True)


def temporary(path: Path) -> str:
    """The start of the hidden name of a temporary file or folder beside ``path``. Makes the folder that both lie in.

    The name holds this process's number. Whatever a killed process left beside ``path`` is removed.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(OSError):
        for other in path.parent.iterdir():
            number = other.name.removeprefix(f".{path.name}.bgnb-").partition("-")[0]
            if other.name.startswith(f".{path.name}.bgnb-") and number.isdecimal() and not psutil.pid_exists(int(number)):
                shutil.rmtree(other) if other.is_dir() else other.unlink()
    return f".{path.name}.bgnb-{os.getpid()}-"


@contextlib.contextmanager
def only_writer(path: str | Path) -> Iterator[None]:
    """A lock on a file: ``Busy`` if another process holds it. It ends with the process, however that ends."""
    lock = FileLock(cache_folder() / "locks" / f"{key(str(Path(path).resolve()))}.lock", timeout=0)
    try:
        Path(lock.lock_file).parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout:
        raise Busy(f"{path}: another process is writing to it; wait for it, or name another file") from None
    try:
        yield
    finally:
        lock.release()


def append_line(path: str | Path, line: str) -> None:
    """Add a line of JSON to a file, or leave the file as it was. Half a line, left by a full disk or a kill, does not stay."""
    try:
        with Path(path).open("ab+", buffering=0) as file:
            file.seek(0)
            content = file.read()
            end, left = len(content), f"{line}\n".encode()
            if content and not content.endswith(b"\n"):
                try:
                    json.loads(content[content.rfind(b"\n") + 1 :])
                    left = b"\n" + left  # a whole line, whose end alone is missing
                except ValueError:
                    end = content.rfind(b"\n") + 1
                    file.truncate(end)
            try:
                while left:
                    left = left[file.write(left) :]
            except OSError:
                file.truncate(end)
                raise
    except OSError as error:
        raise OSError(error.errno or errno.EIO, error.strerror or str(error), str(path)) from None


def save_tensors(path: str | Path, tensors: dict[str, torch.Tensor], metadata: dict[str, str] | None = None) -> None:
    """Write a safetensors file, whole or not at all. OSError if it cannot be written (a full disk, say)."""
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    with atomic_write(path) as part:
        try:
            save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, part, metadata)
        except SafetensorError as error:
            raise OSError(errno.EIO, f"cannot be written ({error})", str(path)) from None


def load_tensors(path: str | Path) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    """The tensors and the metadata of a safetensors file. InputError, naming ``path``, if it cannot be read."""
    from safetensors import SafetensorError, safe_open

    try:
        if not Path(path).is_file():  # a pipe would be waited for
            raise OSError(errno.ENOENT, "no such file")
        with safe_open(path, "pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise InputError(f"{path}: cannot be read as safetensors ({str(error).splitlines()[0]})") from None


def key(*parts) -> str:
    """A hash of all ``parts``: the content of files (``Path``), the bytes of tensors, and anything that JSON can write.

    >>> key({"size": 64, "seed": 0}) == key({"seed": 0, "size": 64}), key("a", "b") == key("ab")
    (True, False)
    """
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:
        if isinstance(part, Path):
            try:
                content = part.read_bytes()
            except OSError as error:
                raise InputError(f"{part}: cannot be read ({error.strerror})") from None
        elif hasattr(part, "numpy"):
            digest.update(repr(tuple(part.shape)).encode())
            content = part.cpu().contiguous().numpy()
        else:
            content = json.dumps(part, sort_keys=True).encode()
        digest.update(f"{memoryview(content).nbytes} ".encode())
        digest.update(content)
    return digest.hexdigest()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def cache_folder() -> Path:
    """Where prepared pictures and trained networks are kept: ``BGNB_CACHE``, or the user's cache folder."""
    from platformdirs import user_cache_path

    return Path(os.environ.get("BGNB_CACHE") or user_cache_path("bgnb"))
