"""Sliding windows: from photos to score grids, in one dense pass or window by window."""

import math
from collections.abc import Callable
from itertools import product

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from bgnb.device import autocast, compute_dtype, evaluating
from bgnb.files import InputError, choose, progress_bar, shaped, whole
from bgnb.networks import Network
from bgnb.patches import check_patch, crop
from bgnb.settings import LIMITS

# Pixels that go through the network at a time. More makes a CPU slower (its memory is new every time), but a GPU faster.
CHUNK = {"cpu": 2**18, "cuda": 2**24, "mps": 2**22}


def starts(length: int, patch: int, stride: int) -> list[int]:
    """Where windows begin along a side: every ``stride`` pixels, plus one that ends at the border.

    >>> starts(100, 48, 20)
    [0, 20, 40, 52]
    """
    whole("length", length, 1, 10**6)
    check_patch(patch, length, length)
    whole("stride", stride, *LIMITS["stride"])
    if stride > patch:
        raise InputError(f"stride {stride}: must lie in 1 ... {patch} (the patch), else windows leave gaps")
    last = length - patch
    return [*range(0, last, stride), last]


def score_windows(
    model: Network | Callable[[Tensor], Tensor],
    images: Tensor,
    patch: int = 48,
    stride: int = 8,
    mode: str = "exact",
    precision: str = "fp32",
    progress: bool = False,
) -> Tensor:
    """Backgroundness of every window (paper, Sec. 3.2).

    Args:
        model: turns uint8 ``(n, 3, patch, patch)`` into n logits of P(background). A Network is scored in evaluation mode.
        images: ``(n, 3, H, W)`` uint8, any H, W >= patch.
        patch: side of a window, in pixels.
        stride: pixels from one window to the next, 1 ... patch. The last window always reaches the border.
        mode: "exact" takes the fastest way that is exact for this network; "windows" scores each window separately;
            "dense" slides the network over the photo in one pass, only for networks without padding.
        precision: "fp32"; "bf16"; or "auto" (bf16 if the device is faster with it).
        progress: show a bar.

    Returns:
        ``(n, rows, columns)`` float32 in [0, 1], rows = len(starts(H, patch, stride)). Besides it, only a chunk of windows
        needs memory, however large the images are.

    Raises:
        InputError: a patch that does not fit, a stride of 0, an unknown mode, "dense" where it is not exact.

    >>> from bgnb.networks import build
    >>> photos = torch.randint(0, 256, (2, 3, 50, 70), dtype=torch.uint8)
    >>> score_windows(build("tiny", 24), photos, patch=24, stride=4).shape
    torch.Size([2, 8, 13])
    """
    choose("mode", mode, ("exact", "windows", "dense"))
    shaped("images", images, "n 3 H W")
    check_patch(patch, *images.shape[2:])
    rows, columns = (starts(length, patch, stride) for length in images.shape[2:])
    sliding = model if isinstance(model, Network) and not model.padding else None
    if mode == "dense" and not sliding:
        raise InputError(
            "mode 'dense': only exact for a network without padding (tiny, micro): padding shows every window a border of its own"
        )
    if sliding and patch < sliding.field:
        raise InputError(f"patch {patch}: too small for this network, which sees {sliding.field} pixels at once")
    way: Callable[..., Tensor] = dense if sliding and mode != "windows" else window_by_window
    device = images.device
    with evaluating(model), autocast(device, compute_dtype(device, precision)):
        lean = model.folded() if isinstance(model, Network) else model
        logits = way(lean, images, patch, rows, columns, CHUNK.get(device.type, CHUNK["cpu"]), progress)
    return torch.sigmoid(logits)


def window_by_window(
    model, images: Tensor, patch: int, rows: list[int], columns: list[int], chunk: int, progress: bool
) -> Tensor:
    """Logits ``(n, rows, columns)``: every window is cropped and goes through the network.

    Photos are normalised before windows are cropped, because a pixel lies in many windows.
    """
    n, each = len(images), len(rows) * len(columns)
    corners = torch.cartesian_prod(torch.tensor(rows), torch.tensor(columns)).view(-1, 2).to(images.device)
    logits = torch.empty(n * each, device=images.device)
    at_once = max(1, chunk // patch**2)
    together = max(1, at_once // each)  # photos whose windows fill a chunk
    for first in progress_bar(range(0, n, together), "windows", progress):
        part = images[first : first + together]
        pixels = (model.normalise(part) if isinstance(model, Network) else part).permute(0, 2, 3, 1).contiguous()
        for number in torch.arange(len(part) * each, device=images.device).tensor_split(-(-len(part) * each // at_once)):
            top, left = corners[number % each].T
            logits[first * each + number] = model(crop(pixels, number // each, top, left, patch)).flatten().float()
    return logits.view(n, len(rows), len(columns))


def dense(model: Network, images: Tensor, patch: int, rows: list[int], columns: list[int], chunk: int, progress: bool) -> Tensor:
    """Logits ``(n, rows, columns)`` from passes over whole stretches of the photos.

    Without padding, a network sees each place of a photo as it would in a separate window, if its poolings fall on the same
    pixels. They do for windows that lie a multiple of ``model.step`` apart. So windows are grouped by their remainder, and
    each group gets its own pass ("shift and stitch"). A window larger than the receptive field is the mean over ``side`` x
    ``side`` places.
    """
    side = model.logit_map(images[:1, :, :patch, :patch]).shape[-1]
    reach = max(math.isqrt(chunk), 2 * patch)  # the most pixels that a stretch is high and wide
    stretches = list(product(grouped(rows, model.step, reach - patch), grouped(columns, model.step, reach - patch)))
    logits = torch.empty(len(images), len(rows), len(columns), device=images.device)
    for down, right in progress_bar(stretches, "windows", progress):
        (top, bottom), (left, end) = ((places[0][1], places[-1][1] + patch) for places in (down, right))
        at_once = max(1, chunk // ((bottom - top) * (end - left)))
        (i, y), (j, x) = (torch.tensor(places, device=images.device).T for places in (down, right))
        for start in range(0, len(images), at_once):
            part = slice(start, start + at_once)
            seen = model.logit_map(images[part, :, top:bottom, left:end])
            scores = avg_pool2d(seen[:, None], side, stride=1)[:, 0]
            at = scores[:, (y - top) // model.step][:, :, (x - left) // model.step]
            logits[start : start + len(at)].index_put_(
                (torch.arange(len(at), device=images.device)[:, None, None], i[:, None], j), at
            )
    return logits


def grouped(places: list[int], step: int, reach: int) -> list[list[tuple[int, int]]]:
    """``(index, place)`` in groups: the same remainder by ``step``, and at most ``reach`` from first to last.

    >>> grouped([0, 4, 8, 9], step=4, reach=6)
    [[(0, 0), (1, 4)], [(2, 8)], [(3, 9)]]
    """
    groups: list[list[tuple[int, int]]] = []
    for remainder in range(step):
        first = None
        for index, place in enumerate(places):
            if place % step == remainder:
                if first is None or place - first > reach:
                    first = place
                    groups.append([])
                groups[-1].append((index, place))
    return groups
