"""Patches: where they are cropped, what label they inherit from their image, and what they really show."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from bgnb.data import ImageSet
from bgnb.files import InputError, whole, within
from bgnb.settings import LIMITS

MIN_FRACTION = 0.10  # a patch of a target image is P if at least this share of its pixels is target (paper, Sec. 4.2)


@dataclass(frozen=True)
class Crops:
    """Where patches lie: the image, the corner, and the label that they inherit. All tensors ``(n,)`` int64.

    ``image`` is an index into the target images where ``label`` is 0, and into the background images where it is 1.
    """

    image: Tensor
    top: Tensor
    left: Tensor
    label: Tensor

    def __getitem__(self, chosen: Tensor | slice) -> "Crops":
        return Crops(self.image[chosen], self.top[chosen], self.left[chosen], self.label[chosen])

    def __len__(self) -> int:
        return len(self.label)

    def to(self, device: torch.device | str) -> "Crops":
        """The same crops on another device, without waiting for it."""
        return Crops(*(t.to(device, non_blocking=True) for t in (self.image, self.top, self.left, self.label)))


@dataclass(frozen=True)
class Patches:
    """n patches of p x p pixels.

    Attributes:
        pixels: ``(n, 3, p, p)`` uint8.
        label: ``(n,)`` int64, what training is told: 1 = from a background image, 0 = from a target image.
        image: ``(n,)`` int64, see ``Crops``.
        top: ``(n,)`` int64, of the corner.
        left: ``(n,)`` int64, of the corner.
        target_fraction: ``(n,)`` float32 share of target pixels, 0 in background images; None without masks.
        min_fraction: the share from which a patch counts as showing the target.
    """

    pixels: Tensor
    label: Tensor
    image: Tensor
    top: Tensor
    left: Tensor
    target_fraction: Tensor | None
    min_fraction: float = MIN_FRACTION

    @cached_property
    def kind(self) -> np.ndarray | None:
        """``(n,)`` array of "P", "F" and "N": see ``kinds``; None without masks."""
        return None if self.target_fraction is None else kinds(self.label, self.target_fraction, self.min_fraction)

    @property
    def known_kind(self) -> np.ndarray:
        """``kind``; without masks, "T" (P or F) for all patches of target images."""
        return np.where(self.label.cpu().numpy() == 1, "N", "T") if self.kind is None else self.kind

    def __len__(self) -> int:
        return len(self.label)


def kinds(label: Tensor, target_fraction: Tensor, min_fraction: float = MIN_FRACTION) -> np.ndarray:
    """What patches really are (paper, Sec. 3.1).

    **P** shows the target and is labelled target. **F** does not show it but is labelled target, because its image is: label
    noise. **N** comes from a background image. The default ``min_fraction`` is 10 % of the patch's pixels.

    >>> kinds(torch.tensor([0, 0, 1]), torch.tensor([0.5, 0.05, 0.0]))
    array(['P', 'F', 'N'], dtype='<U1')
    """
    within("min_fraction", min_fraction, 0, 1)
    if label.ndim != 1 or label.shape != target_fraction.shape:
        raise InputError(f"label {tuple(label.shape)} and target_fraction {tuple(target_fraction.shape)}: both must be (n,)")
    shows = (target_fraction >= min_fraction).cpu().numpy()
    return np.where(label.cpu().numpy() == 1, "N", np.where(shows, "P", "F"))


def noise_rate(patches: Patches, min_fraction: float | None = None) -> float:
    """Label noise: the share of F among the patches of target images; NaN without masks or patches.

    >>> zeros = torch.zeros(4, dtype=torch.int64)
    >>> patches = Patches(torch.zeros(4, 3, 8, 8), zeros, zeros, zeros, zeros, torch.tensor([0.0, 0.05, 0.2, 0.9]))
    >>> noise_rate(patches), noise_rate(patches, min_fraction=0.5)
    (0.5, 0.75)
    """
    if patches.target_fraction is None:
        return float("nan")
    limit = patches.min_fraction if min_fraction is None else min_fraction
    within("min_fraction", limit, 0, 1)
    return (patches.target_fraction[patches.label == 0] < limit).float().mean().item()


def draw_crops(
    imageset: ImageSet, size: int = 48, per_image: int = 8, ratio: float = 1, generator: torch.Generator | int = 0
) -> Crops:
    """Draw an epoch's crops: ``per_image`` from every target image, and ``ratio`` times as many from background images.

    Corners are uniform over all that fit. Background images get equal shares; what is left over goes to random ones.
    Crops are drawn on the CPU, so every device sees the same ones.

    >>> imageset = ImageSet(torch.zeros(2, 3, 32, 32, dtype=torch.uint8), None, torch.zeros(3, 3, 32, 32, dtype=torch.uint8))
    >>> crops = draw_crops(imageset, size=24, per_image=3, ratio=2, generator=0)
    >>> crops.label.bincount().tolist(), crops.image[crops.label == 1].bincount().tolist()
    ([6, 12], [4, 4, 4])
    """
    height, width = imageset.size
    check_patch(size, height, width)
    whole("per_image", per_image, *LIMITS["per_image"])
    within("ratio", ratio, *LIMITS["ratio"])
    generator = as_generator(generator)
    n_targets, n_backgrounds = len(imageset.targets), len(imageset.backgrounds)
    counts = n_targets * per_image, max(1, round(ratio * n_targets * per_image))
    images, labels = [], []
    for label, (count, n) in enumerate(zip(counts, (n_targets, n_backgrounds), strict=True)):
        images += [torch.arange(n).repeat(count // n), torch.randperm(n, generator=generator)[: count % n]]
        labels += [torch.full((count,), label)]
    total = sum(counts)
    top = torch.randint(height - size + 1, (total,), generator=generator)
    left = torch.randint(width - size + 1, (total,), generator=generator)
    return Crops(torch.cat(images), top, left, torch.cat(labels))


def sample_patches(
    imageset: ImageSet,
    size: int = 48,
    per_image: int = 8,
    ratio: float = 1,
    generator: torch.Generator | int = 0,
    min_fraction: float = MIN_FRACTION,
) -> Patches:
    """Crop random patches. Each inherits the label of its image (paper, Sec. 3.1 and 4.1).

    Args:
        imageset: T target and B background images of H x W pixels.
        size: side of a patch, 1 ... min(H, W) pixels.
        per_image: patches from every target image.
        ratio: background patches for each target patch, > 0: the paper's 1, 2 or 4.
        generator: a CPU ``torch.Generator``, which moves on, or a seed.
        min_fraction: share of target pixels from which a patch is P rather than F.

    Returns:
        Patches, those of target images first, on the device of the images.

    Raises:
        InputError: a patch larger than the images, no patches, or a ratio that is not positive.

    >>> from bgnb import load
    >>> patches = sample_patches(load(size=64, images=3, progress=False), size=24, per_image=4, ratio=2)
    >>> patches.pixels.shape, patches.label.sum().item()
    (torch.Size([36, 3, 24, 24]), 24)
    """
    within("min_fraction", min_fraction, 0, 1)
    device = imageset.targets.device
    crops = draw_crops(imageset, size, per_image, ratio, generator).to(device)
    pixels = cutter(imageset, device, size)(crops)
    fraction = None
    if imageset.masks is not None:
        of_target = crops.label == 0
        inside = box_share(imageset.masks, crops.image.where(of_target, 0), crops.top, crops.left, size)
        fraction = inside.where(of_target, 0)
    return Patches(pixels, crops.label, crops.image, crops.top, crops.left, fraction, min_fraction)


def cutter(imageset: ImageSet, device: torch.device, size: int | None) -> Callable[[Crops], Tensor]:
    """A function that cuts crops on ``device`` out of the images: ``(n, 3, size, size)``, or whole images if ``size`` is None.

    On a CPU, it reads the images where they lie, in memory or on disk. A GPU first gets a copy of all, because choosing between
    targets and backgrounds would make it wait.
    """
    if device.type != "cpu":
        images = pool(imageset, device)

        def cut_there(crops: Crops) -> Tensor:
            image = pool_index(crops, len(imageset.targets))
            return crop(images, image, crops.top, crops.left, size) if size else images[image].permute(0, 3, 1, 2)

        return cut_there
    sides = [colours_last(images.cpu()) for images in (imageset.targets, imageset.backgrounds)]

    def cut(crops: Crops) -> Tensor:
        shape = (size, size) if size else sides[0].shape[1:3]
        pixels = torch.empty(len(crops), *shape, 3, dtype=sides[0].dtype)
        for label, images in enumerate(sides):
            mine = crops.label == label
            part = crops[mine]
            if size:
                pixels[mine] = crop(images, part.image, part.top, part.left, size).permute(0, 2, 3, 1)
            else:
                pixels[mine] = images[part.image]
        return pixels.permute(0, 3, 1, 2)

    return cut


def colours_last(images: Tensor) -> Tensor:
    """``(n, 3, H, W)`` -> ``(n, H, W, 3)`` in the same order in memory, so that a patch is a few long runs of it.

    No copy if they lie in this order already, as those of ``bgnb.load`` do.
    """
    return images.permute(0, 2, 3, 1).contiguous()


def pool(imageset: ImageSet, device: torch.device | None = None) -> Tensor:
    """All images in one tensor ``(T + B, H, W, 3)``, see ``colours_last``; on ``device``, by default their own."""
    targets, backgrounds = imageset.targets, imageset.backgrounds
    shape = len(targets) + len(backgrounds), *imageset.size, 3
    images = torch.empty(shape, dtype=targets.dtype, device=device or targets.device)
    images[: len(targets)], images[len(targets) :] = targets.permute(0, 2, 3, 1), backgrounds.permute(0, 2, 3, 1)
    return images


def pool_index(crops: Crops, n_targets: int) -> Tensor:
    """``(n,)`` index of each crop's image in ``pool``."""
    return crops.image + crops.label * n_targets


def crop(images: Tensor, image: Tensor, top: Tensor, left: Tensor, size: int) -> Tensor:
    """Crop n patches in one gather: ``(N, H, W, 3)`` -> ``(n, 3, size, size)`` of the same dtype, channels last in memory.

    >>> images = torch.arange(2 * 4 * 4 * 3, dtype=torch.uint8).view(2, 4, 4, 3)
    >>> patch = crop(images, torch.tensor([1]), torch.tensor([2]), torch.tensor([0]), 2)
    >>> torch.equal(patch[0], images[1, 2:4, 0:2].permute(2, 0, 1))
    True
    """
    if images.device.type != "cpu":
        return images.unfold(1, size, 1).unfold(2, size, 1)[image, top, left]
    # The same in NumPy, which copies whole rows and is three times as fast on a CPU.
    raw = images.view(torch.int16) if images.dtype == torch.bfloat16 else images  # NumPy has no bfloat16
    windows = np.lib.stride_tricks.sliding_window_view(raw.numpy(), (size, size), axis=(1, 2))
    return torch.from_numpy(windows[image.numpy(), top.numpy(), left.numpy()]).view(images.dtype)


def box_share(masks: Tensor, image: Tensor, top: Tensor, left: Tensor, size: int) -> Tensor:
    """``(n,)`` float32 share of True in each box, with four look-ups in the integral image of ``masks`` ``(N, H, W)``."""
    integral = torch.nn.functional.pad(
        masks.to(torch.int32).cumsum(1, dtype=torch.int32).cumsum(2, dtype=torch.int32), (1, 0, 1, 0)
    )
    bottom, right = top + size, left + size
    inside = (
        integral[image, bottom, right] - integral[image, top, right] - integral[image, bottom, left] + integral[image, top, left]
    )
    return inside / float(size * size)


def check_patch(size: int, height: int, width: int) -> None:
    """InputError if a patch of ``size`` does not fit into an image of ``height`` x ``width``."""
    whole("patch", size, 1, 10**6)
    if size > min(height, width):
        raise InputError(f"patch {size}: does not fit into images of {width}x{height} pixels")


def as_generator(generator: torch.Generator | int) -> torch.Generator:
    """A generator from a seed; a generator is returned as it is."""
    if isinstance(generator, torch.Generator):
        return generator
    whole("generator", generator, 0, 2**63 - 1)
    return torch.Generator().manual_seed(int(generator))
