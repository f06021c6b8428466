"""Is this machine ready for the lessons? Each finding is ok or says what to do."""

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires, version

from bgnb.device import bf16_instructions, compute_dtype, describe, pick_device
from bgnb.files import InputError, cache_folder

ROOM = 2.0  # GB, enough for the prepared pictures and networks of all lessons
INSTALL = "install again: make run, or conda env update -f environment.yml"


def findings() -> Iterator[tuple[str, str, bool]]:
    """What was checked, what was found or is to be done, and whether it is ok. One by one, because the last takes seconds."""
    for look in (versions, device, precision, threads, cache, kernel):
        yield look.__name__, *look()


def versions() -> tuple[str, bool]:
    """Python and every package that bgnb requires, against the versions that it requires."""
    from packaging.requirements import Requirement

    if not (3, 11) <= sys.version_info < (3, 14):
        return f"Python {sys.version.split()[0]}: bgnb is tested with 3.11, 3.12 and 3.13; make a new environment", False
    try:
        lines = [Requirement(line) for line in requires("bgnb") or [] if "extra ==" not in line]
    except PackageNotFoundError:
        return f"bgnb is not installed here; {INSTALL}", False
    for line in lines:
        try:
            have = version(line.name)
        except PackageNotFoundError:
            return f"{line.name} is missing; {INSTALL}", False
        if not line.specifier.contains(have, prereleases=True):
            return f"{line.name} {have}: bgnb needs {line.specifier}; {INSTALL}", False
    return f"Python {sys.version.split()[0]}, torch {version('torch')}, and {len(lines) - 1} more packages as bgnb requires", True


def device() -> tuple[str, bool]:
    """The device that "auto" picks, tested with a small convolution."""
    import torch

    try:
        place = pick_device("auto")
        clock = time.perf_counter()
        torch.nn.functional.conv2d(torch.ones(1, 3, 32, 32, device=place), torch.ones(4, 3, 3, 3, device=place)).sum().item()
    except (RuntimeError, InputError) as error:
        return f"cannot compute ({str(error).splitlines()[0]}); set device = 'cpu', or update its driver", False
    return f"{describe(place)}, computes ({1000 * (time.perf_counter() - clock):.0f} ms for the first convolution)", True


def precision() -> tuple[str, bool]:
    """The precision that "auto" picks on that device, and why."""
    import torch

    place = pick_device("auto")
    why = bf16_instructions(place)
    if compute_dtype(place) == torch.bfloat16:
        return f"bf16, because the device has {why}", True
    return "fp32, because the device has no instructions that make bf16 faster (AMX, AVX512_BF16)", True


def threads() -> tuple[str, bool]:
    """How many threads torch uses, and how many cores this process may use."""
    import torch

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    used, limit = torch.get_num_threads(), os.environ.get("OMP_NUM_THREADS")
    if used > cores:
        return f"{used} threads on {cores} cores get in each other's way; export OMP_NUM_THREADS={cores}", False
    return f"{used} on {cores} cores" + (f" (OMP_NUM_THREADS={limit})" if limit else ""), True


def cache() -> tuple[str, bool]:
    """Where prepared pictures and trained networks are kept: it must be writable and have room."""
    folder = cache_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
        free = shutil.disk_usage(folder).free / 1e9
        held = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / 1e9
    except OSError as error:
        return f"{folder}: {error.strerror}; set BGNB_CACHE to a folder that you may write to", False
    if free < ROOM:
        return f"{folder}: only {free:.1f} GB free; make room, or set BGNB_CACHE to a folder on another disk", False
    return f"{folder}: holds {held:.2f} GB, {free:.0f} GB free", True


def kernel() -> tuple[str, bool]:
    """Whether the notebooks' kernel starts and finds bgnb."""
    from jupyter_client.kernelspec import NoSuchKernel
    from jupyter_client.manager import start_new_kernel

    remedy = "python -m ipykernel install --sys-prefix --name python3"
    try:
        manager, client = start_new_kernel(kernel_name="python3", startup_timeout=60)
    except (NoSuchKernel, RuntimeError, OSError) as error:
        return f"python3 does not start ({str(error).splitlines()[0]}); {remedy}", False
    try:
        reply = client.execute_interactive("import bgnb", timeout=120, output_hook=lambda message: None)["content"]
    except TimeoutError:
        return "python3 gives no answer in two minutes; close other programs and try again", False
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    if reply["status"] != "ok":
        return f"python3 is another Python, without bgnb ({reply['ename']}); {remedy}", False
    return "python3 starts and imports bgnb", True
