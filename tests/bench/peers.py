"""What a user would write or install instead: the opponents of ``compare.py``, each as its own documentation would have it."""

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, fold
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import v2

from bgnb.data import ImageSet
from bgnb.networks import MEAN, STD

NORMALISE = v2.Normalize(MEAN, STD)


class RandomPatches(Dataset):
    """One random patch of a photo at a time, as torchvision's tutorials do it."""

    def __init__(self, imageset: ImageSet, patch: int, per_image: int):
        pictures = torch.cat([imageset.targets, imageset.backgrounds]).permute(0, 2, 3, 1).numpy()
        self.pictures = [Image.fromarray(picture) for picture in pictures]
        self.targets, self.per_image = len(imageset.targets), per_image
        self.transform = v2.Compose([v2.RandomCrop(patch), v2.ToImage(), v2.ToDtype(torch.float32, scale=True), NORMALISE])

    def __len__(self):
        return len(self.pictures) * self.per_image

    def __getitem__(self, index):
        image = index // self.per_image
        return self.transform(self.pictures[image]), float(image >= self.targets)


def loader(imageset: ImageSet, patch: int, per_image: int, batch: int = 512, workers: int = 0) -> DataLoader:
    return DataLoader(RandomPatches(imageset, patch, per_image), batch, shuffle=True, num_workers=workers)


def train_epoch(model: nn.Module, batches, optimiser) -> float:
    """The training loop of every tutorial; returns the mean loss."""
    total = 0.0
    for pixels, label in batches:
        optimiser.zero_grad()
        loss = binary_cross_entropy_with_logits(model(pixels), label.float())
        loss.backward()
        optimiser.step()
        total += loss.item()
    return total


def monai_maps(model: nn.Module, images: Tensor, patch: int, overlap: float, batch: int) -> Tensor:
    """MONAI's sliding window; it takes maps, not single values, so each value is spread over its window."""
    from monai.inferers import sliding_window_inference

    def score(windows: Tensor) -> Tensor:
        return torch.sigmoid(model(windows)).view(-1, 1, 1, 1).repeat(1, 1, patch, patch)

    with torch.no_grad():
        return sliding_window_inference(images, patch, batch, score, overlap=overlap)[:, 0]


def numpy_maps(model: nn.Module, photos: np.ndarray, patch: int, stride: int) -> np.ndarray:
    """Two loops, a stack, a sum and a count: ``(n, H, W, 3)`` uint8 -> ``(n, H, W)`` mean backgroundness."""
    maps = []
    places = [
        (y, x) for y in range(0, photos.shape[1] - patch + 1, stride) for x in range(0, photos.shape[2] - patch + 1, stride)
    ]
    for photo in photos:
        windows = np.stack([photo[y : y + patch, x : x + patch] for y, x in places])
        windows = ((windows / 255 - MEAN) / STD).astype(np.float32).transpose(0, 3, 1, 2)
        with torch.no_grad():
            scores = torch.sigmoid(model(torch.from_numpy(windows))).numpy()
        total, count = np.zeros(photo.shape[:2], np.float32), np.zeros(photo.shape[:2], np.float32)
        for (y, x), score in zip(places, scores, strict=True):
            total[y : y + patch, x : x + patch] += score
            count[y : y + patch, x : x + patch] += 1
        maps.append(total / count)
    return np.stack(maps)


def fold_average(scores: Tensor, patch: int, stride: int, size: int) -> Tensor:
    """``F.fold`` of every window's value repeated over its pixels, divided by the fold of ones."""
    columns = scores.flatten(1)[:, None].expand(-1, patch * patch, -1)
    total, count = (fold(values, size, patch, stride=stride) for values in (columns, torch.ones_like(columns[:1])))
    return (total / count)[:, 0]


def torchmetrics_ious(maps: Tensor, masks: Tensor, thresholds) -> Tensor:
    """``(n, K)``: torchmetrics' Jaccard index of every image at every threshold."""
    from torchmetrics.functional.classification import binary_jaccard_index

    return torch.stack(
        [
            torch.stack([binary_jaccard_index(one, mask, threshold=t, validate_args=False) for t in thresholds])
            for one, mask in zip(maps, masks.int(), strict=True)
        ]
    )
