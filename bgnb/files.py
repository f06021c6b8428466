"""What every file needs: one error for bad input, a progress bar, files that are whole or absent, one key for what is kept."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # imported where it is used: who only paints pictures need not wait for it
    import torch


class InputError(ValueError):
    """Something the user gave is wrong; the message is one line that names the file or the argument."""


def choose(name: str, value: str, choices: Iterable[str]) -> None:
    """InputError where ``value`` is not among ``choices``.

    >>> choose("mode", "fast", ("exact", "dense"))
    Traceback (most recent call last):
    bgnb.files.InputError: mode 'fast': choose exact or dense
    """
    if value not in choices:
        raise InputError(f"{name} {value!r}: choose {' or '.join(choices)}")


def progress_bar(items: Iterable, title: str, progress: bool = True, **kwargs):
    """A tqdm bar on standard error: one that moves in a terminal, and a last line only where nobody watches."""
    from tqdm import tqdm

    watched = sys.stderr.isatty()
    return tqdm(items, desc=title, disable=not progress, leave=True, mininterval=0.1 if watched else 1e9, **kwargs)


@contextlib.contextmanager
def atomic_write(path: str | Path) -> Iterator[Path]:
    """A temporary path beside ``path`` that takes its place at the end, or vanishes: never half a file. OSError names ``path``.

    >>> folder = Path(tempfile.mkdtemp())
    >>> with atomic_write(folder / "a.txt") as file: _ = file.write_text("all of it")
    >>> (folder / "a.txt").read_text()
    'all of it'
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=path.suffix)
    os.close(handle)
    part = Path(name)
    try:
        yield part
        part.chmod(0o666 & ~_umask())
        part.replace(path)
    except OSError as error:  # name the file that was wanted, not the temporary one
        raise OSError(error.errno or errno.EIO, error.strerror or str(error), str(path)) from None
    finally:
        part.unlink(missing_ok=True)


def save_tensors(path: str | Path, tensors: dict[str, torch.Tensor], metadata: dict[str, str] | None = None) -> None:
    """A safetensors file that is whole or absent; OSError where it cannot be written (a full disk, say)."""
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    with atomic_write(path) as part:
        try:
            save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, part, metadata)
        except SafetensorError as error:
            raise OSError(errno.EIO, f"cannot be written ({error})", str(path)) from None


def load_tensors(path: str | Path) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    """The tensors and the metadata of a safetensors file; InputError, naming ``path``, where it cannot be read."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise InputError(f"{path}: cannot be read as safetensors ({str(error).splitlines()[0]})") from None


def key(*parts) -> str:
    """A hash of all ``parts``: of the content of files (``Path``), the bytes of tensors, and whatever JSON can write.

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
