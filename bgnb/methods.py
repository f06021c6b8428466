"""What a method changes in training: a small object with hooks. The loop itself, ``bgnb.training.fit``, is the same for all.

Background learning changes nothing. CAM trains on whole images instead of patches. ADL, HaS and CutMix are CAM with one
change, so that the network cannot rely on the most telling part alone (a face, say). Their numbers are those of
their papers or of the field's reference evaluation (Choe et al., "Evaluating WSOL methods right", CVPR 2020).
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from bgnb.data import ImageSet
from bgnb.files import InputError
from bgnb.networks import Network
from bgnb.patches import MIN_FRACTION, Crops, box_share

REFERENCE_SIDE = 224  # pixels, of the pictures for which HaS gives its cells


@dataclass
class Method:
    """Background learning: it trains on patches, and no hook does anything.

    ``image_level`` says whether a batch holds whole images.
    """

    image_level: ClassVar[bool] = False

    def start(self, model: Network, images: Iterable[Tensor], generator: torch.Generator) -> list:
        """Called once, before the first batch, with all pictures, each ``(H, W, 3)`` uint8. May add hooks to the network.

        Returns the handles of its hooks, which training removes at the end.
        """
        return []

    def training_labels(self, crops: Crops, imageset: ImageSet, patch: int) -> Tensor:
        """``(n,)`` labels that training is told: those of the images."""
        return crops.label

    def batch(self, pixels: Tensor, label: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """A batch ``(n, 3, H, W)`` uint8 with its labels ``(n,)`` float32, as the network will see them."""
        return pixels, label


@dataclass
class TrueLabels(Method):
    """A ceiling, not a method: patches labelled by the masks, P against F and N. Nobody can do that without masks."""

    def training_labels(self, crops: Crops, imageset: ImageSet, patch: int) -> Tensor:
        if imageset.masks is None:
            raise InputError("true labels: these pictures have no masks")
        of_target = crops.label == 0
        masks = imageset.masks.to(crops.label.device)
        share = box_share(masks, crops.image.where(of_target, 0), crops.top, crops.left, patch)
        return 1 - (of_target & (share >= MIN_FRACTION)).long()


@dataclass
class CAM(Method):
    """Class activation map (Zhou et al., CVPR 2016): train on whole images, then look at the map before the mean.

    ``cam_unpadded`` is the same on the very network that background learning trains on patches, so that the two differ in
    what they train on and in nothing else.
    """

    image_level = True


@dataclass
class ADL(CAM):
    """Attention-based dropout layer (Choe & Shim, CVPR 2019), at three places of the trunk, in training only.

    Attention is the mean over the channels. A coin decides for each picture. With probability ``drop``, all places whose
    attention reaches ``gamma`` times the picture's highest are set to 0 (the most telling part is hidden). Otherwise every
    place is multiplied by sigmoid(attention) (the telling parts are stressed). The reference tosses one coin for a whole
    batch; we toss one for each picture.

    Attributes:
        drop: probability of hiding, .75 as in the reference evaluation.
        gamma: .9 as in the reference evaluation; the paper's VGG code has .8.
        placement: "paper": after the last two poolings and the last convolution (VGG: pool3, pool4, conv5_3, "3 4 53" in the
            authors' code); "reference": the middle one is a pooling earlier, on conv4_3. ResNet50: in both, after the first
            blocks of layer3 and layer4 and the last block.
    """

    drop: float = 0.75
    gamma: float = 0.9
    placement: str = "paper"
    generator: torch.Generator | None = field(default=None, repr=False)

    def start(self, model: Network, images: Iterable[Tensor], generator: torch.Generator) -> list:
        self.generator = generator  # hooks, not modules: the weights keep their names
        return [place.register_forward_hook(self.hook) for place in adl_places(model.trunk, self.placement)]

    def hook(self, module: nn.Module, inputs: tuple, features: Tensor) -> Tensor | None:
        """In training, the features, hidden or stressed; in evaluation, None."""
        if not module.training:
            return None
        attention = features.mean(1, keepdim=True)  # (n, 1, h, w)
        keep = attention < self.gamma * attention.amax((2, 3), keepdim=True)
        hide = torch.rand(len(features), generator=self.generator) < self.drop
        hide = hide.to(features.device, non_blocking=True)[:, None, None, None]
        return features * torch.where(hide, keep.to(features.dtype), torch.sigmoid(attention))


def adl_places(trunk: nn.Module, placement: str) -> list[nn.Module]:
    """The three modules after which ADL sits, see ``ADL``."""
    if placement not in ("paper", "reference"):
        raise InputError(f"placement {placement!r}: choose paper or reference")
    layers = [*trunk.children()]
    groups = [layer for layer in layers if isinstance(layer, nn.Sequential)]
    if groups:  # ResNet50
        return [groups[-2][0], groups[-1][0], groups[-1][-1]]
    third, fourth = [i for i, layer in enumerate(layers) if isinstance(layer, nn.MaxPool2d)][-2:]
    return [layers[third], layers[fourth if placement == "paper" else fourth - 1], layers[-1]]


@dataclass
class HaS(CAM):
    """Hide-and-Seek (Singh & Lee, ICCV 2017): hide random cells of every picture behind the mean colour of all pictures.

    Attributes:
        cells: sides of a cell in pixels, one drawn for each picture; 0 hides nothing. They are for pictures of 224 pixels, as
            in the authors' code, and scale with the picture's shorter side. (The reference evaluation's single 4 is not HaS.)
        hidden: probability that a cell is hidden.
    """

    cells: tuple[int, ...] = (0, 16, 32, 44, 56)
    hidden: float = 0.5
    mean: Tensor = field(init=False, repr=False, compare=False)

    def start(self, model: Network, images: Iterable[Tensor], generator: torch.Generator) -> list:
        self.mean = torch.stack([image.float().mean((0, 1)) for image in images]).mean(0).round().to(torch.uint8)
        return []

    def batch(self, pixels: Tensor, label: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        height, width = pixels.shape[2:]
        hide = self.mask(len(pixels), height, width, generator).to(pixels.device, non_blocking=True)
        return torch.where(hide[:, None], self.mean.view(1, 3, 1, 1), pixels), label

    def mask(self, n: int, height: int, width: int, generator: torch.Generator) -> Tensor:
        """``(n, H, W)`` bool: which pixels of n pictures are hidden."""
        sides = torch.tensor([round(cell * min(height, width) / REFERENCE_SIDE) for cell in self.cells])
        side = sides[torch.randint(len(sides), (n,), generator=generator)]
        smallest = max(1, min((s for s in sides.tolist() if s), default=1))
        coins = torch.rand(n, -(-height // smallest), -(-width // smallest), generator=generator) < self.hidden
        y, x = (torch.arange(length) // side.clamp(min=smallest)[:, None] for length in (height, width))  # cell of each pixel
        hide = coins[torch.arange(n)[:, None, None], y[:, :, None], x[:, None, :]]
        return hide & (side > 0)[:, None, None]


@dataclass
class CutMix(CAM):
    """CutMix (Yun et al., ICCV 2019): every picture gets a box of another one, and its label the same share of the other's.

    The whole batch shares one box, as in the authors' code.

    Attributes:
        beta: the share that a picture keeps is drawn from Beta(beta, beta); 1 is uniform.
        probability: probability that a batch is mixed; 1, as the authors use for ImageNet and the reference evaluation has.
    """

    beta: float = 1.0
    probability: float = 1.0

    def batch(self, pixels: Tensor, label: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        rng = np.random.default_rng(int(torch.randint(2**62, (1,), generator=generator)))
        other = torch.randperm(len(pixels), generator=generator).to(pixels.device, non_blocking=True)
        if rng.random() >= self.probability:
            return pixels, label
        height, width = pixels.shape[2:]
        top, bottom, left, right = mix_box(height, width, rng.beta(self.beta, self.beta), rng)
        mixed = pixels.clone()
        mixed[:, :, top:bottom, left:right] = pixels[other, :, top:bottom, left:right]
        share = (bottom - top) * (right - left) / (height * width)
        return mixed, (1 - share) * label + share * label[other]


def mix_box(height: int, width: int, keep: float, rng: np.random.Generator) -> tuple[int, int, int, int]:
    """Top, bottom, left, right of a box of share 1 - keep, in the picture's shape, at a random place, clipped at the borders."""
    centre = int(rng.integers(height)), int(rng.integers(width))
    sides = [int(length * np.sqrt(1 - keep)) for length in (height, width)]
    ends = [(max(0, c - s // 2), min(length, c + s // 2)) for c, s, length in zip(centre, sides, (height, width), strict=True)]
    return *ends[0], *ends[1]


CLASSES = {"background": Method, "cam": CAM, "adl": ADL, "has": HaS, "cutmix": CutMix, "cam_unpadded": CAM}
