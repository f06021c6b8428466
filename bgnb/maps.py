"""Maps of the target: targetness from window scores (paper, Sec. 3.2 and Eq. 1), or class activation maps (Zhou et al., 2016)."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import interpolate, pad

from bgnb.device import autocast, compute_dtype, evaluating
from bgnb.files import InputError, choose, progress_bar, shaped, whole
from bgnb.networks import Network
from bgnb.patches import check_patch
from bgnb.settings import OVERLAPS, Run
from bgnb.windows import score_windows, starts

PIXELS = {"cpu": 2**19, "cuda": 2**24, "mps": 2**22}  # pixels that go through the network at a time
FLAT = 1e-5  # a map whose values differ by less than this (rounding) shows nothing and becomes 0 everywhere


def localise(model: Network, images: Tensor, run: Run, progress: bool = False) -> Tensor:
    """Targetness ``(n, H, W)`` of images ``(n, 3, H, W)``: ``score_windows`` and ``targetness`` as ``run`` says, or the CAM."""
    shaped("images", images, "n 3 H W")
    images, run = images.to(next(model.parameters()).device), run.resolved()
    height, width = images.shape[2:]
    size = height, width
    if run.image_level:
        maps = class_map(model, images, run.precision, progress)
        return min_max(upsample(maps, size) if model.padding else upsample_unpadded(maps, size, model.step, model.field))
    scores = score_windows(model, images, run.patch, run.stride, precision=run.precision, progress=progress)
    return targetness(scores, run.patch, run.stride, size, run.overlap)


def targetness(scores: Tensor, patch: int, stride: int, size: int | tuple[int, int], overlap: str = "average") -> Tensor:
    """From the windows' backgroundness to a map of the target (paper, Sec. 3.2 and Eq. 1; docs/protocol.md, rows 1 and 2).

    Args:
        scores: ``(n, rows, columns)`` backgroundness in [0, 1].
        patch: side of a window, in pixels.
        stride: pixels from one window to the next.
        size: side, or (height, width), of the images.
        overlap: "average" the windows that cover a pixel, or "add" them, as the letter of the paper says. Near the border,
            "add" has fewer windows and sees less target: even a constant classifier draws an object in the middle.

    Returns:
        ``(n, H, W)`` in [0, 1]: 1 - backgroundness, merged over the windows of each pixel, scaled to 0 ... 1 per image.

    >>> constant = torch.full((1, 7, 7), 0.5)
    >>> targetness(constant, 16, 8, 64).max().item(), targetness(constant, 16, 8, 64, overlap="add").max().item()
    (0.0, 1.0)
    """
    shaped("scores", scores, "n rows columns")
    for name, value in (("patch", patch), ("stride", stride)):
        whole(name, value, 1, 10**6)
    side = cell_side(patch, stride, size)
    return enlarge(min_max(merge_windows(1 - scores.float(), patch, stride, size, overlap, side)), side)


def merge_windows(
    values: Tensor, patch: int, stride: int, size: int | tuple[int, int], overlap: str = "average", cell: int = 1
) -> Tensor:
    """Give every pixel the mean ("average") or the sum ("add") of the windows that cover it.

    Either takes two small matrix products, because windows lie on a grid: ``rows^T @ values @ columns``.

    Args:
        values: ``(n, rows, columns)``, as ``score_windows`` lays them out.
        patch: side of a window, in pixels.
        stride: pixels from one window to the next.
        size: side, or (height, width), of the images in pixels.
        overlap: "average" or "add".
        cell: compute one pixel of every ``cell`` in each direction.

    Returns:
        ``(n, H / cell, W / cell)`` float32, not scaled.
    """
    choose("overlap", overlap, OVERLAPS)
    shaped("values", values, "n rows columns")
    whole("cell", cell, 1, 10**6)
    covers = []
    for length, count in zip(size if isinstance(size, Sequence) else (size, size), values.shape[1:], strict=True):
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


def cell_side(patch: int, stride: int, size: int | tuple[int, int]) -> int:
    """Side of the squares of pixels that the same windows cover: the stride if it divides patch and image, else 1.

    >>> cell_side(48, 8, 256), cell_side(50, 8, 256)
    (8, 1)
    """
    sides = size if isinstance(size, Sequence) else (size, size)
    return stride if all(length % stride == 0 for length in (patch, *sides)) else 1


def enlarge(maps: Tensor, side: int) -> Tensor:
    """Turn every value of ``(n, h, w)`` into a square of ``side`` pixels: ``(n, h side, w side)``."""
    n, height, width = maps.shape
    return maps[:, :, None, :, None].expand(n, height, side, width, side).reshape(n, height * side, width * side)


def min_max(maps: Tensor) -> Tensor:
    """Min-max each map to [0, 1] (paper, Eq. 1); a flat one, which shows nothing, becomes 0.

    >>> min_max(torch.tensor([[[2.0, 3.0, 4.0]], [[5.0, 5.0, 5.0]]])).tolist()
    [[[0.0, 0.5, 1.0]], [[0.0, 0.0, 0.0]]]
    """
    low, high = maps.amin((1, 2), keepdim=True), maps.amax((1, 2), keepdim=True)
    flat = high - low <= FLAT * high.abs()
    return torch.where(flat, 0.0, (maps - low) / (high - low).masked_fill(flat, 1.0))


def class_map(model: Network, images: Tensor, precision: str = "fp32", progress: bool = False) -> Tensor:
    """Signed CAM of the target ``(n, h, w)`` float32, as coarse as the feature map. Its mean is exactly minus the logit.

    The head is a 1x1 convolution with one channel. Its value at a place is the evidence for background there. Nothing is
    clipped: evidence against the target counts as much as evidence for it.

    Args:
        model: a network, trained on whole images.
        images: ``(n, 3, H, W)`` uint8, any H and W.
        precision: "fp32", "bf16" or "auto".
        progress: show a bar.

    >>> from bgnb.networks import build
    >>> model, images = build("tiny", 24, image_level=True).eval(), torch.randint(0, 256, (2, 3, 48, 80), dtype=torch.uint8)
    >>> maps = class_map(model, images)
    >>> maps.shape, torch.allclose(maps.mean((1, 2)), -model(images))
    (torch.Size([2, 6, 10]), True)
    """
    shaped("images", images, "n 3 H W")
    at_once = max(1, PIXELS.get(images.device.type, PIXELS["cpu"]) // images[0, 0].numel())
    with evaluating(model), autocast(images.device, compute_dtype(images.device, precision)):
        bar = progress_bar(range(0, len(images), at_once), "maps", progress)
        try:
            return -torch.cat([model.logit_map(images[start : start + at_once]) for start in bar])
        except RuntimeError as error:
            raise InputError(f"images {tuple(images.shape)}: do not fit this network ({str(error).splitlines()[0]})") from None


def upsample(maps: Tensor, size: tuple[int, int], mode: str = "bicubic") -> Tensor:
    """``(n, h, w)`` -> ``(n, H, W)``: enlarge a coarse map smoothly, "bicubic" as in the reference, or "bilinear".

    >>> upsample(torch.zeros(2, 4, 6), (32, 48)).shape
    torch.Size([2, 32, 48])
    """
    return interpolate(maps[:, None].float(), size, mode=mode, align_corners=False)[:, 0]


def upsample_unpadded(maps: Tensor, size: tuple[int, int], step: int, field: int) -> Tensor:
    """``upsample`` for a network without padding, whose map is smaller than the photo.

    A value belongs to the centre of the pixels that its place has seen. Beyond the outermost centres, the map goes on with the
    values of its border.

    Args:
        maps: ``(n, h, w)``.
        size: height and width of the photos.
        step: pixels from one place to the next, ``Network.step``.
        field: side of the square of pixels that a place sees, ``Network.field``.

    >>> upsample_unpadded(torch.zeros(2, 27, 27), (128, 128), step=4, field=24).shape
    torch.Size([2, 128, 128])
    """
    margin = (field - step) // 2  # pixels before the first place's own ``step`` pixels, which lie around its centre
    before = -(-margin // step)  # in places
    after = [max(0, -(-(length - margin) // step) - count) for length, count in zip(size, maps.shape[1:], strict=True)]
    wide = pad(maps[:, None].float(), (before, after[1], before, after[0]), mode="replicate")[:, 0]
    top = before * step - margin
    large = upsample(wide, (wide.shape[1] * step, wide.shape[2] * step))
    return large[:, top : top + size[0], top : top + size[1]]
