"""Class activation maps (Zhou et al., CVPR 2016): with one logit, the map before the mean is the map."""

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from bgnb.files import autocast, compute_dtype, progress
from bgnb.networks import Network

PIXELS = {"cpu": 2**19, "cuda": 2**24, "mps": 2**22}  # that go through the network at a time


def class_map(model: Network, images: Tensor, precision: str = "fp32", show: bool = False) -> Tensor:
    """Signed CAM of the target ``(n, h, w)`` float32, as coarse as the feature map; its mean is minus the logit, exactly.

    The head is a 1x1 convolution with one channel: its value at a place is what that place says for background. Nothing
    is clipped: what speaks against the target counts as much as what speaks for it.

    Args:
        images: ``(n, 3, H, W)`` uint8, any H and W. precision: "fp32", "bf16" or "auto".

    >>> from bgnb.networks import build
    >>> model, images = build("tiny", 24, whole=True).eval(), torch.randint(0, 256, (2, 3, 48, 80), dtype=torch.uint8)
    >>> maps = class_map(model, images)
    >>> maps.shape, torch.allclose(maps.mean((1, 2)), -model(images))
    (torch.Size([2, 6, 10]), True)
    """
    was_training = model.training
    model.eval()
    at_once = max(1, PIXELS.get(images.device.type, PIXELS["cpu"]) // images[0, 0].numel())
    try:
        with torch.no_grad(), autocast(images.device, compute_dtype(images.device, precision)):
            starts = progress(range(0, len(images), at_once), "maps", show)
            return -torch.cat([model.logit_map(images[start : start + at_once]) for start in starts])
    finally:
        model.train(was_training)


def upsample(maps: Tensor, size: tuple[int, int], mode: str = "bicubic") -> Tensor:
    """``(n, h, w)`` -> ``(n, H, W)``: smooth between the places of a coarse map; "bicubic", as the reference, or "bilinear".

    >>> upsample(torch.zeros(2, 4, 6), (32, 48)).shape
    torch.Size([2, 32, 48])
    """
    return interpolate(maps[:, None].float(), size, mode=mode, align_corners=False)[:, 0]
