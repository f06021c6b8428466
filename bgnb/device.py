"""Where and how numbers are computed: the device, the precision, memory, evaluation mode, and CUDA graphs."""

import contextlib
import ctypes
import os
import platform
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from torch import Tensor, nn

from bgnb.files import InputError, choose

# Values of ONEDNN_MAX_CPU_ISA below the first that allows instructions for bfloat16.
WITHOUT_BF16 = ("SSE41", "AVX", "AVX2", "AVX2_VNNI", "AVX2_VNNI_2", "AVX512_CORE", "AVX512_CORE_VNNI")


def pick_device(name: str = "auto") -> torch.device:
    """The device to compute on: ``"auto"`` takes CUDA, then Apple's MPS, then the CPU.

    Raises InputError for a device that this machine or this torch does not have.

    >>> pick_device("cpu")
    device(type='cpu')
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise InputError(f"device {name!r}: {str(error).splitlines()[0]}") from None
    return device


def describe(device: torch.device) -> str:
    """A device in words: "cpu (2 threads)", or the name of the GPU."""
    if device.type == "cuda":
        return f"cuda ({torch.cuda.get_device_name(device)})"
    return f"cpu ({torch.get_num_threads()} threads)" if device.type == "cpu" else device.type


def compute_dtype(device: torch.device, precision: str = "auto") -> torch.dtype:
    """bfloat16 if the device computes faster in it, else float32. ``precision`` "fp32" or "bf16" decides by hand.

    >>> compute_dtype(pick_device("cpu"), "fp32")
    torch.float32
    """
    choose("precision", precision, ("auto", "fp32", "bf16"))
    if precision == "auto":
        precision = "bf16" if bf16_instructions(device) else "fp32"
    return torch.bfloat16 if precision == "bf16" else torch.float32


def bf16_instructions(device: torch.device) -> str:
    """The instructions that make bfloat16 faster than float32 on this device: "AMX", say; "" if it has none.

    There are four kinds of x86 processors: with AMX; with AVX512_BF16 only; with AVX-512 but neither; and without AVX-512. torch
    computes in bfloat16 on all of them, but on the last two it takes twice as long as in float32, or longer.
    ONEDNN_MAX_CPU_ISA, which makes a newer processor behave like an older one, is obeyed.
    """
    if device.type == "cuda":
        return "tensor cores" if torch.cuda.is_bf16_supported(including_emulation=False) else ""
    if device.type != "cpu" or os.environ.get("ONEDNN_MAX_CPU_ISA", "").upper() in WITHOUT_BF16:
        return ""
    if platform.machine() in ("aarch64", "arm64"):
        flags = Path("/proc/cpuinfo").read_text().split() if Path("/proc/cpuinfo").exists() else []
        return "ARM's bf16" if "bf16" in flags and torch.backends.mkldnn.is_available() else ""
    found = {"AMX": torch.cpu._is_amx_tile_supported(), "AVX512_BF16": torch.cpu._is_avx512_bf16_supported()}
    return next((name for name, there in found.items() if there and torch.backends.mkldnn.is_available()), "")


def processor() -> str:
    """The CPU's name, and the instructions that its speed depends on most: "Intel(R) Xeon(R), AMX", say.

    >>> processor().count(", ")
    1
    """
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    name = next(named, platform.processor() or platform.machine()).replace(",", "")
    return f"{name}, {bf16_instructions(torch.device('cpu')) or torch.backends.cpu.get_cpu_capability()}"


def autocast(device: torch.device, dtype: torch.dtype) -> torch.autocast:
    """Autocast to ``dtype``; a context that does nothing if ``dtype`` is float32."""
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=dtype == torch.bfloat16)


@contextlib.contextmanager
def evaluating(model: nn.Module | Callable) -> Iterator[None]:
    """No gradients, and the network in evaluation mode; afterwards its mode is restored. A plain function stays as it is.

    >>> model = nn.BatchNorm2d(3)
    >>> with evaluating(model): model.training, torch.is_grad_enabled()
    (False, False)
    >>> model.training
    True
    """
    training = model if isinstance(model, nn.Module) and model.training else None
    if training is not None:
        training.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        if training is not None:
            training.train()


def keep_memory() -> bool:
    """Let glibc keep freed memory for the next tensor instead of giving it back to the system. True if that was set.

    Otherwise large tensors are mapped again each time, and the system zeroes every page of them. On a CPU that takes up to
    half the time of a small network. Numbers do not change; the process keeps the memory that it needed at its peak. The
    command line calls this itself. In a notebook or a program, call it before the first large tensor. Linux with glibc only.

    >>> isinstance(keep_memory(), bool)
    True
    """
    try:
        if not (os.confstr("CS_GNU_LIBC_VERSION") or "").startswith("glibc"):
            return False
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, ValueError):  # Windows, macOS, musl
        return False
    mmap_max, trim_threshold, top_pad = -4, -1, -2  # <malloc.h>
    return all((mallopt(mmap_max, 0), mallopt(trim_threshold, 2**31 - 1), mallopt(top_pad, 64 * 2**20)))


def graphed(update: Callable[[Tensor, Tensor], Tensor], capture: Callable | None = None, first: int = 3) -> Callable:
    """``update``, replayed as one CUDA graph for each shape of batch: one launch instead of some hundred.

    The first updates of a shape run as they are, because they make what a graph must find: momentum, and cuDNN's choices.
    They are real updates, so nothing needs to be put back. If the capture fails, training goes on without it and warns.

    >>> twice = graphed(lambda pixels, label: pixels.sum() + label.sum(), capture=lambda function: function)
    >>> [twice(torch.tensor([1.0]), torch.tensor([n])).item() for n in range(5)]
    [1.0, 2.0, 3.0, 4.0, 5.0]
    """
    capture = capture or capture_on_gpu
    seen: Counter[torch.Size] = Counter()
    graphs: dict[torch.Size, tuple[tuple[Tensor, Tensor], Callable[[], Tensor]]] = {}

    def step(pixels: Tensor, label: Tensor) -> Tensor:
        shape = pixels.shape
        seen[shape] += 1
        if seen[shape] == first + 1:
            held = pixels.clone(), label.clone()  # a graph reads its input from the same place every time
            try:
                graphs[shape] = held, capture(lambda: update(*held))
            except RuntimeError as error:
                warnings.warn(f"no CUDA graph, training is slower: {str(error).splitlines()[0]}", stacklevel=2)
        if shape not in graphs:
            return update(pixels, label)
        held, replay = graphs[shape]
        for place, given in zip(held, (pixels, label), strict=True):
            place.copy_(given)
        return replay()

    return step


def capture_on_gpu(function: Callable[[], Tensor]) -> Callable[[], Tensor]:
    """Record what ``function`` asks of the GPU, without doing it. The function returned does it and gives the result."""
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        result = function()

    def replay() -> Tensor:
        graph.replay()
        return result

    return replay
