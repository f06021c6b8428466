"""Sliding windows: score them, spread the scores over the pixels, normalise: backgroundness -> targetness."""

import math
from collections.abc import Callable
from itertools import product

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from bgnb.files import InputError, autocast, choose, compute_dtype, progress
from bgnb.maps import class_map, upsample
from bgnb.networks import Network
from bgnb.patches import check_patch, cut
from bgnb.settings import OVERLAPS, Run

# Pixels that go through the network at a time. More makes a CPU slower (memory that is new to it every time), a GPU faster.
CHUNK = {"cpu": 2**18, "cuda": 2**24, "mps": 2**22}
FLAT = 1e-5  # a map whose values differ by less than this (rounding) shows nothing and becomes 0 everywhere


def starts(length: int, patch: int, stride: int) -> list[int]:
    """Where windows begin along a side: every ``stride`` pixels, and one that ends at the border.

    >>> starts(100, 48, 20)
    [0, 20, 40, 52]
    """
    if not 1 <= stride <= patch:
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
    show: bool = False,
) -> Tensor:
    """Backgroundness of every window (paper, Sec. 3.2).

    Args:
        model: maps uint8 ``(n, 3, patch, patch)`` to n logits of P(background); a Network is scored in evaluation mode.
        images: ``(n, 3, H, W)`` uint8, any H, W >= patch.
        patch: side of a window. stride: pixels from one to the next, 1 ... patch; the last always reaches the border.
        mode: "exact" takes the faster of the two ways that is exact for this network; "windows" scores each window by
            itself; "dense" slides the network over the photo in one pass, for networks without padding only.
        precision: "fp32"; "bf16"; or "auto", bf16 where the device gains from it.
        show: a bar.

    Returns:
        ``(n, rows, columns)`` float32 in [0, 1], rows = len(starts(H, patch, stride)). Beside it, memory is needed only for
        a chunk of windows, however large the images are.

    Raises:
        InputError: a patch that does not fit, a stride of 0, an unknown mode, "dense" where it is not exact.

    >>> from bgnb.networks import build
    >>> photos = torch.randint(0, 256, (2, 3, 50, 70), dtype=torch.uint8)
    >>> score_windows(build("tiny", 24), photos, patch=24, stride=4).shape
    torch.Size([2, 8, 13])
    """
    choose("mode", mode, ("exact", "windows", "dense"))
    check_patch(patch, *images.shape[2:])
    rows, columns = (starts(length, patch, stride) for length in images.shape[2:])
    slides = isinstance(model, Network) and not model.padding
    if mode == "dense" and not slides:
        raise InputError(
            "mode 'dense': only exact for a network without padding (tiny): padding shows every window a border of its own"
        )
    way = dense if slides and mode != "windows" else window_by_window
    device = images.device
    was_training = isinstance(model, torch.nn.Module) and model.training
    if was_training:
        model.eval()
    try:
        with torch.no_grad(), autocast(device, compute_dtype(device, precision)):
            lean = model.folded() if isinstance(model, Network) else model
            logits = way(lean, images, patch, rows, columns, CHUNK.get(device.type, CHUNK["cpu"]), show)
    finally:
        if was_training:
            model.train()
    return torch.sigmoid(logits)


def window_by_window(model, images: Tensor, patch: int, rows: list[int], columns: list[int], chunk: int, show: bool) -> Tensor:
    """Logits ``(n, rows, columns)``: every window is cut out and goes through the network.

    Photos are normalised before they are cut, not window by window: a pixel lies in many windows.
    """
    n, each = len(images), len(rows) * len(columns)
    corners = torch.cartesian_prod(torch.tensor(rows), torch.tensor(columns)).view(-1, 2).to(images.device)
    logits = torch.empty(n * each, device=images.device)
    at_once = max(1, chunk // patch**2)
    together = max(1, at_once // each)  # photos whose windows fill a chunk
    for first in progress(range(0, n, together), "windows", show):
        part = images[first : first + together]
        pixels = (model.normalise(part) if isinstance(model, Network) else part).permute(0, 2, 3, 1).contiguous()
        for number in torch.arange(len(part) * each, device=images.device).tensor_split(-(-len(part) * each // at_once)):
            top, left = corners[number % each].T
            logits[first * each + number] = model(cut(pixels, number // each, top, left, patch)).flatten().float()
    return logits.view(n, len(rows), len(columns))


def dense(model: Network, images: Tensor, patch: int, rows: list[int], columns: list[int], chunk: int, show: bool) -> Tensor:
    """Logits ``(n, rows, columns)`` from passes over whole stretches of the photos.

    Without padding, a network sees each place of a photo as it would see it in a window by itself, if its poolings fall on
    the same pixels. They do for windows that lie a multiple of ``model.step`` apart; so windows are taken together by
    their remainder, each such group in a pass of its own ("shift and stitch"). A window larger than the receptive
    field is the mean over ``side`` x ``side`` places.
    """
    side = model.logit_map(images[:1, :, :patch, :patch]).shape[-1]
    reach = max(math.isqrt(chunk), 2 * patch)  # pixels a stretch may be high and wide
    stretches = list(product(grouped(rows, model.step, reach - patch), grouped(columns, model.step, reach - patch)))
    logits = torch.empty(len(images), len(rows), len(columns), device=images.device)
    for down, right in progress(stretches, "windows", show):
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
    """``(index, place)`` in groups: equal remainder by ``step``, and no more than ``reach`` from first to last.

    >>> grouped([0, 4, 8, 9], step=4, reach=6)
    [[(0, 0), (1, 4)], [(2, 8)], [(3, 9)]]
    """
    groups = []
    for remainder in range(step):
        first = None
        for index, place in enumerate(places):
            if place % step == remainder:
                if first is None or place - first > reach:
                    first = place
                    groups.append([])
                groups[-1].append((index, place))
    return groups


def cell_side(patch: int, stride: int, size: int | tuple[int, int]) -> int:
    """Side of the squares of pixels that the same windows cover: the stride where it divides patch and image, else 1.

    >>> cell_side(48, 8, 256), cell_side(50, 8, 256)
    (8, 1)
    """
    sides = (size, size) if isinstance(size, int) else size
    return stride if all(length % stride == 0 for length in (patch, *sides)) else 1


def spread(
    values: Tensor, patch: int, stride: int, size: int | tuple[int, int], overlap: str = "average", cell: int = 1
) -> Tensor:
    """Give every pixel the mean ("average") or the sum ("add") of the windows that cover it.

    Both are two small matrix products, because windows lie on a grid: ``rows^T @ values @ columns``.

    Args:
        values: ``(n, rows, columns)``, as ``score_windows`` lays them out.
        size: side, or (height, width), of the images in pixels.
        cell: compute one pixel of every ``cell`` in each direction.

    Returns:
        ``(n, H / cell, W / cell)`` float32, not normalised.
    """
    choose("overlap", overlap, OVERLAPS)
    covers = []
    for length, count in zip((size, size) if isinstance(size, int) else size, values.shape[1:], strict=True):
        check_patch(patch, length, length)
        begin = torch.tensor(starts(length, patch, stride), device=values.device)
        if len(begin) != count:
            raise InputError(
                f"scores: {count} windows along a side, but {length} pixels hold {len(begin)} (patch {patch}, stride {stride})"
            )
        pixel = torch.arange(0, length, cell, device=values.device)[:, None]
        cover = ((begin <= pixel) & (pixel < begin + patch)).float()  # (pixels, windows)
        covers.append(cover / cover.sum(1, keepdim=True) if overlap == "average" else cover)
    return covers[0] @ values.float() @ covers[1].T


def normalise(maps: Tensor) -> Tensor:
    """Min-max each map to [0, 1] (paper, Eq. 1); a flat one, which shows nothing, becomes 0.

    >>> normalise(torch.tensor([[[2.0, 3.0, 4.0]], [[5.0, 5.0, 5.0]]])).tolist()
    [[[0.0, 0.5, 1.0]], [[0.0, 0.0, 0.0]]]
    """
    low, high = maps.amin((1, 2), keepdim=True), maps.amax((1, 2), keepdim=True)
    flat = high - low <= FLAT * high.abs()
    return torch.where(flat, 0.0, (maps - low) / (high - low).masked_fill(flat, 1.0))


def targetness(scores: Tensor, patch: int, stride: int, size: int | tuple[int, int], overlap: str = "average") -> Tensor:
    """From the windows' backgroundness to a map of the target (paper, Sec. 3.2 and Eq. 1; docs/protocol.md, rows 1 and 2).

    Args:
        scores: ``(n, rows, columns)`` backgroundness in [0, 1].
        patch, stride: of the windows. size: side, or (height, width), of the images.
        overlap: "average" over the windows that cover a pixel, or "add" them as the paper's letter says. Where *add* has
            fewer windows, at the border, it sees less target: a constant classifier already draws an object in the middle.

    Returns:
        ``(n, H, W)`` in [0, 1]: 1 - backgroundness, spread over the pixels, min-max normalised per image.

    >>> constant = torch.full((1, 7, 7), 0.5)
    >>> targetness(constant, 16, 8, 64).max().item(), targetness(constant, 16, 8, 64, overlap="add").max().item()
    (0.0, 1.0)
    """
    side = cell_side(patch, stride, size)
    return enlarge(normalise(spread(1 - scores, patch, stride, size, overlap, side)), side)


def enlarge(maps: Tensor, side: int) -> Tensor:
    """Every value of ``(n, h, w)`` becomes a square of ``side`` pixels: ``(n, h side, w side)``."""
    n, height, width = maps.shape
    return maps[:, :, None, :, None].expand(n, height, side, width, side).reshape(n, height * side, width * side)


def localise(model: Network, images: Tensor, run: Run, show: bool = False) -> Tensor:
    """Targetness ``(n, H, W)`` of images ``(n, 3, H, W)``: ``score_windows`` and ``targetness`` as ``run`` says, or the CAM."""
    images, run = images.to(next(model.parameters()).device), run.resolved()
    if run.image_level:
        return normalise(upsample(class_map(model, images, run.precision, show), tuple(images.shape[2:])))
    scores = score_windows(model, images, run.patch, run.stride, precision=run.precision, show=show)
    return targetness(scores, run.patch, run.stride, tuple(images.shape[2:]), run.overlap)
