"""What every room needs: one error for bad input, the device, a progress bar, files that are whole or absent."""

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


def pick_device(name: str = "auto") -> torch.device:
    """The device to compute on: ``"auto"`` takes CUDA, then Apple's MPS, then the CPU.

    Raises InputError for a device that this machine or this torch does not have.

    >>> pick_device("cpu")
    device(type='cpu')
    """
    import torch

    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise InputError(f"device {name!r}: {str(error).splitlines()[0]}") from None
    return device


def compute_dtype(device: torch.device, precision: str = "auto") -> torch.dtype:
    """bfloat16 where the device computes faster in it, else float32; ``precision`` "fp32" or "bf16" decides by hand.

    A CPU gains 2 to 3 times from bfloat16 if it has instructions for it (AVX512-BF16, AMX) and loses without them.

    >>> compute_dtype(pick_device("cpu"), "fp32")
    torch.float32
    """
    import torch

    if precision not in ("auto", "fp32", "bf16"):
        raise InputError(f"precision {precision!r}: choose auto, fp32 or bf16")
    if precision == "auto":
        if device.type == "cuda":
            precision = "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
        else:
            fast = device.type == "cpu" and torch.ops.mkldnn._is_mkldnn_bf16_supported()
            precision = "bf16" if fast else "fp32"
    return torch.bfloat16 if precision == "bf16" else torch.float32


def keep_memory() -> bool:
    """Let glibc keep freed memory for the next tensor instead of giving it back to the system; True where that was set.

    Large tensors are otherwise mapped anew each time, and the system zeroes every page of them: on a CPU up to half the
    time of a small network. Numbers do not change; the process keeps the memory that it needed at its peak. The command line
    sets it for itself; in a notebook or a program it is yours to call, before the first large tensor. Linux with glibc only.

    >>> isinstance(keep_memory(), bool)
    True
    """
    import ctypes

    try:
        if not os.confstr("CS_GNU_LIBC_VERSION").startswith("glibc"):
            return False
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, ValueError):  # Windows, macOS, musl
        return False
    mmap_max, trim_threshold, top_pad = -4, -1, -2  # <malloc.h>
    return all((mallopt(mmap_max, 0), mallopt(trim_threshold, 2**31 - 1), mallopt(top_pad, 64 * 2**20)))


def autocast(device: torch.device, dtype: torch.dtype) -> torch.autocast:
    """Autocast to ``dtype``; a context that does nothing where ``dtype`` is float32."""
    import torch

    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=dtype == torch.bfloat16)


def progress(items: Iterable, title: str, show: bool = True, **kwargs):
    """A tqdm bar on standard error: one that moves in a terminal, and a last line only where nobody watches."""
    from tqdm import tqdm

    watched = sys.stderr.isatty()
    return tqdm(items, desc=title, disable=not show, leave=True, mininterval=0.1 if watched else 1e9, **kwargs)


@contextlib.contextmanager
def whole_file(path: str | Path) -> Iterator[Path]:
    """A temporary path beside ``path`` that takes its place at the end, or vanishes: never half a file. OSError names ``path``.

    >>> folder = Path(tempfile.mkdtemp())
    >>> with whole_file(folder / "a.txt") as file: _ = file.write_text("all of it")
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

    with whole_file(path) as part:
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
