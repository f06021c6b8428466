"""A photo of the reader's own: a trained network goes along with the picture, and the page maps what it is given."""

import copy
import math
from dataclasses import replace

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from bgnb.data.images import FAINT, MEAN, SPREAD, standardise
from bgnb.device import evaluating
from bgnb.files import InputError
from bgnb.maps import localise
from bgnb.moving.base import FOLDER, Moving, array, named, sheet
from bgnb.networks import Network
from bgnb.plots import draw_map
from bgnb.settings import Run

SHOWN = 512  # pixels: the longer side of the photo to begin with, at most
TOGETHER = 8  # channels that tiny.c computes at a time


def move_photo(model: Network, photo: Tensor | np.ndarray, run: Run, note: str = "", threshold: float = 0.5) -> Moving:
    """A network to take along: the reader chooses a photo, the page maps it, cuts it out and saves it. Nothing is uploaded.

    The weights go along in half precision. The photo is scaled to a short side of about ``run.size`` pixels, so that windows
    of ``run.patch`` pixels, ``model.step`` apart, end at its border. Windows over a pixel are averaged.

    Args:
        model: a plain chain of layers without padding: ``tiny`` for patches, or ``micro``.
        photo: ``(3, H, W)`` or ``(H, W, 3)`` uint8, to begin with.
        run: its size, patch and colours, as in the training.
        note: a sentence above everything: what this network has seen.
        threshold: map threshold to begin with.

    Returns:
        Moving; its still picture is ``draw_map``'s.

    Raises:
        InputError: another network.

    >>> from bgnb.networks import build
    >>> move_photo(build("tiny", 24), torch.zeros(3, 60, 80, dtype=torch.uint8), Run(size=48, patch=24, stride=4))
    Moving(photo: threshold 0.5, opacity 0.5, outline True)
    """
    lean = carried(model)
    given, weights = packed(lean)
    shown = Image.fromarray(array(photo.permute(1, 2, 0) if isinstance(photo, Tensor) else photo))
    shown.thumbnail((SHOWN, SHOWN), Image.Resampling.LANCZOS)
    with torch.no_grad():
        side = lean.logit_map(torch.zeros(1, 3, run.patch, run.patch, dtype=torch.uint8)).shape[-1]
    given |= {"size": run.size, "patch": run.patch, "step": lean.step, "side": side, "note": note}
    given |= {"cell": math.gcd(run.patch, lean.step), "width": shown.width, "height": shown.height}
    even = run.colours == "standardised"
    given["colours"] = {"mean": MEAN, "spread": SPREAD, "faint": FAINT} if even else None
    small = scaled(shown, run.size, run.patch, lean.step)
    pixels = standardise(small[None]) if even else small[None]
    same = replace(run, stride=lean.step, overlap="average", precision="fp32")
    still = draw_map(small, localise(lean, pixels, same)[0], threshold)
    data = {"photo": sheet([np.asarray(shown)])[0], "weights": weights, "binary": (FOLDER / "tiny.wasm").read_bytes()}
    return Moving("photo", still, {"threshold": threshold, "opacity": 0.5, "outline": True}, given, data)


def carried(model: Network) -> Network:
    """The network as it goes along: batch norms folded into the convolutions, then every weight rounded to half precision.

    InputError for a network that is no plain chain of layers, or with a weight that half precision cannot hold.

    >>> from bgnb.networks import build
    >>> sum(weights.numel() for weights in carried(build("tiny", 24)).parameters())
    139553
    """
    kinds = nn.Conv2d, nn.BatchNorm2d, nn.ReLU, nn.MaxPool2d
    if model.padding or not all(isinstance(layer, kinds) for layer in model.trunk):
        raise InputError("model: only tiny and micro, trained on patches, can go along with a page")
    with evaluating(model):
        folded = copy.deepcopy(model.folded())
    trunk = [layer for layer in folded.trunk.children() if not isinstance(layer, nn.Identity)]
    lean = Network(nn.Sequential(*trunk), folded.head.in_channels, folded.step, padding=False)
    lean.head = folded.head
    with torch.no_grad():
        for weights in lean.parameters():
            weights.copy_(weights.half())
    if not all(weights.isfinite().all() for weights in lean.parameters()):
        raise InputError("model: a weight is too large for half precision")
    return lean.cpu().eval()


def packed(lean: Network) -> tuple[dict, bytes]:
    """What the page must know of a network, and its weights as 16-bit floats, as ``flat`` has them."""
    layers: list[list] = []
    for layer in lean.trunk:
        if isinstance(layer, nn.Conv2d):
            layers.append([layer.in_channels, layer.out_channels, layer.kernel_size[0], False])
        elif isinstance(layer, nn.MaxPool2d):
            layers[-1][3] = True
    scale, shift = named(array(1 / lean.std)), named(array(-lean.mean / lean.std))
    return {"layers": layers, "scale": scale, "shift": shift}, flat(lean).astype("<f2").tobytes()


def flat(lean: Network) -> np.ndarray:
    """The weights ``(count,)`` float32 of a chain of convolutions with biases, as tiny.c and micro.c want them.

    Layer by layer, each ``(outs / 8, side, side, ins, 8)`` and then its biases; the head and its bias at the end.

    >>> from bgnb.networks import build
    >>> flat(build("micro", 20)).shape
    (6065,)
    """
    parts: list[Tensor] = []
    for layer in lean.trunk:
        if isinstance(layer, nn.Conv2d):
            outs, ins, side, _ = layer.weight.shape
            parts += [layer.weight.view(outs // TOGETHER, TOGETHER, ins, side, side).permute(0, 3, 4, 2, 1), layer.bias]
    return np.concatenate([array(part).ravel() for part in (*parts, lean.head.weight, lean.head.bias)])


def scaled(photo: Image.Image, size: int, patch: int, step: int) -> Tensor:
    """A photo as the page scales it, ``(3, H, W)`` uint8: a short side of about ``size``, windows end at its border.

    >>> scaled(Image.new("RGB", (300, 200)), 96, 24, 4).shape
    torch.Size([3, 96, 144])
    """
    scale = size / min(photo.size)
    sides = [patch + step * max(0, math.floor((length * scale - patch) / step + 0.5)) for length in photo.size]
    return torch.from_numpy(np.array(photo.resize(sides, Image.Resampling.LANCZOS))).permute(2, 0, 1)
