"""Small changes to a CAM after training, on the same features; no weight is trained anew.

Three are from Bae et al., "Rethinking class activation mapping" (ECCV 2020), one from Kim et al., "Normalization matters in
weakly supervised object localization" (ICCV 2021). Maps here are signed maps of the target, as ``class_map`` gives them.
"""

import torch
from torch import Tensor

from bgnb.networks import Network


def features(model: Network, images: Tensor) -> Tensor:
    """``(n, 3, H, W)`` uint8 -> ``(n, C, h, w)`` float32: what the head sees."""
    with torch.no_grad():
        return model.trunk(model.normalise(images)).float()


def target_weights(model: Network) -> Tensor:
    """``(C,)``: what each channel says for the target: minus the head's weights, since its logit is for background."""
    return -model.head.weight.detach().flatten().float()


def thresholded_average(seen: Tensor, theta: float = 0.1) -> Tensor:
    """Thresholded average pooling: each channel's mean over the places that reach ``theta`` times its highest value.

    A plain mean punishes a channel that answers strongly at few places; a small part of the target then gets a large weight.

    Args:
        seen: ``(n, C, h, w)`` features, not negative (after a ReLU). theta: the authors' 0.1; at 0 it is the plain mean.

    Returns:
        ``(n, C)``.

    >>> thresholded_average(torch.tensor([[[[4.0, 2.0], [0.1, 0.0]]]])).item()
    3.0
    """
    keep = seen >= theta * seen.amax((2, 3), keepdim=True)
    return (seen * keep).sum((2, 3)) / keep.sum((2, 3))


def clamped_map(seen: Tensor, weights: Tensor) -> Tensor:
    """Negative weight clamping: ``(n, h, w)`` map from the channels that speak for the target alone.

    Channels that speak against the target also answer on parts of it that look like background; they would be cut out.

    >>> clamped_map(torch.ones(1, 2, 1, 1), torch.tensor([3.0, -2.0])).item()
    3.0
    """
    return torch.einsum("nchw,c->nhw", seen, weights.clamp(min=0))


def percentile_threshold(maps: Tensor, share: float = 0.35, percentile: float = 0.9) -> Tensor:
    """Percentile as a standard for thresholding: ``(n, H, W)`` bool, where the map reaches ``share`` of its 90th percentile.

    The usual standard, the highest value, hangs on one place and is very high where a map has a single peak.

    >>> percentile_threshold(torch.tensor([[[0.0, 0.1, 0.2, 9.0]]]), percentile=0.5).tolist()
    [[[False, True, True, True]]]
    """
    return maps >= share * torch.quantile(maps.flatten(1), percentile, 1)[:, None, None]


def restrict(maps: Tensor, percentile: float = 0.3) -> Tensor:
    """IVR normalisation (inferior value removal): what lies below a percentile becomes 0, the highest value 1.

    Min-max normalisation hangs on the lowest value, which says nothing about the target.

    >>> restrict(torch.tensor([[[-9.0, 0.0, 1.0, 2.0]]]), percentile=1 / 3).tolist()
    [[[0.0, 0.0, 0.5, 1.0]]]
    """
    low = torch.quantile(maps.flatten(1), percentile, 1)[:, None, None]
    high = maps.amax((1, 2), keepdim=True)
    return ((maps - low) / (high - low).clamp(min=torch.finfo(maps.dtype).tiny)).clamp(0, 1)
