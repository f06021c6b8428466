"""Maps that move."""

import zlib
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from bgnb.device import evaluating
from bgnb.files import InputError
from bgnb.maps import targetness
from bgnb.moving.base import FOUND, LEVELS, Moving, bits, floats, integers, levels, sheet, square
from bgnb.networks import Network
from bgnb.plots import draw_choice, draw_compare, draw_cover, draw_cut_outs, draw_map, draw_methods
from bgnb.windows import starts

THUMB = 160  # pixels: the longer side of a photo that is shown among many


def move_map(photos: Tensor, maps: Tensor, masks: Tensor | None = None, threshold: float = 0.5, photo: int = 0) -> Moving:
    """A map over a photo: choose the photo, move the map threshold, see the cut-out and its IoU with the mask.

    Args:
        photos: ``(n, 3, H, W)`` uint8.
        maps: ``(n, H, W)`` targetness in [0, 1].
        masks: ``(n, H, W)`` bool, if known.
        threshold: map threshold to begin with.
        photo: number of the photo to begin with.

    Returns:
        Moving; its still picture is ``draw_map``'s.

    >>> import torch
    >>> move_map(torch.zeros(2, 3, 8, 8, dtype=torch.uint8), torch.rand(2, 8, 8))
    Moving(map: photo 0, threshold 0.5, opacity 0.5, outline True)
    """
    mask = None if masks is None else masks[photo]
    still = draw_map(photos[photo], maps[photo], threshold, mask)
    pixels, about = sheet(photos)
    coded = levels(maps)
    cell = square(coded)
    data = {"photos": pixels, "levels": coded[:, ::cell, ::cell].tobytes()}
    if masks is not None:
        data["masks"] = bits(masks)
    state = {"photo": photo, "threshold": threshold, "opacity": 0.5, "outline": True}
    return Moving("map", still, state, about | {"cell": cell, "found": FOUND}, data)


def move_stride(
    photo: Tensor, scores: Tensor, patch: int, mask: Tensor | None = None, stride: int = 4, threshold: float = 0.5
) -> Moving:
    """The map of one photo at any stride, with the windows over a pixel averaged or added.

    Args:
        photo: ``(3, H, W)`` uint8.
        scores: ``(H - patch + 1, W - patch + 1)`` backgroundness of its windows at stride 1; they hold those of any stride.
        patch: side of a window, in pixels.
        mask: ``(H, W)`` bool, if known.
        stride: to begin with.
        threshold: map threshold to begin with.

    Returns:
        Moving; its still picture is ``draw_compare``'s.

    Raises:
        InputError: scores of another stride.
    """
    size = tuple(photo.shape[1:])
    if tuple(scores.shape) != tuple(side - patch + 1 for side in size):
        raise InputError(f"scores {tuple(scores.shape)}: must be those of all windows of {patch} pixels at stride 1")
    rows, columns = (starts(side, patch, stride) for side in size)
    map = targetness(scores[rows][:, columns][None], patch, stride, size)[0]
    still = draw_compare(photo, {f"average, stride {stride}": map}, mask, threshold)
    pixels, about = sheet(photo[None])
    data = {"photos": pixels, "scores": floats(scores)} | ({} if mask is None else {"mask": bits(mask[None])})
    state = {"stride": stride, "threshold": threshold, "overlap": "average"}
    return Moving("stride", still, state, about | {"patch": patch}, data)


def move_gallery(
    photos: Tensor,
    maps: Mapping,
    threshold: float = 0.5,
    masks: Tensor | None = None,
    own: Mapping | None = None,
    step: str = "",
    n: int = 12,
) -> Moving:
    """Maps of several methods side by side over the same photos, cut at one map threshold, or each at its own.

    Args:
        photos: ``(N, 3, H, W)`` uint8.
        maps: method -> ``(N, H, W)`` targetness; with ``step``, value of the step -> method -> maps.
        threshold: map threshold to begin with.
        masks: ``(N, H, W)`` bool, if known.
        own: method -> its own threshold, to 0.01; with ``step``, value of the step -> method -> threshold.
        step: what else moves, such as "epochs": its name. The picture begins at the last value.
        n: how many photos are shown, at most.

    Returns:
        Moving; its still picture is ``draw_methods``'s.
    """
    maps, own = (maps, own) if step else ({"": maps}, own and {"": own})
    n, (*_, last) = min(n, len(photos)), maps
    parts, pieces, first = [], [], 0
    for value, methods in maps.items():
        parts.append([])
        for name, one in methods.items():
            coded = levels(one[:n])
            cell = square(coded)
            pieces.append(np.ascontiguousarray(coded[:, ::cell, ::cell]))
            parts[-1].append([name, cell, first, round(float(own[value][name]), 2) if own else None])
            first += pieces[-1].size
    still = draw_methods(photos, maps[last], own[last] if own else threshold, masks, n=min(n, 3))
    pixels, about = sheet(photos[:n])
    data = {"photos": pixels, "levels": zlib.compress(b"".join(piece.tobytes() for piece in pieces), 9)}
    if masks is not None:
        data["masks"] = bits(masks[:n])
    given = about | {"parts": parts, "steps": [str(value) for value in maps], "step": step, "owns": bool(own), "found": FOUND}
    state = {"threshold": threshold, "own": bool(own), "step": len(maps) - 1, "photo": 0, "opacity": 0.5, "boxes": False}
    return Moving("gallery", still, state, given, data)


def move_heat(
    values: np.ndarray,
    rows: Sequence,
    columns: Sequence,
    photos: Tensor,
    maps: Mapping[tuple, Tensor],
    thresholds: Mapping[tuple, float],
    masks: Tensor | None = None,
    chosen: tuple[int, int] = (0, 0),
    names: tuple[str, str] = ("patch", "ratio"),
    title: str = "Loc. Acc.",
    most: int = 10**6,
) -> Moving:
    """A heat map with its numbers; a cell that is chosen shows its maps of some photos.

    Args:
        values: ``(rows, columns)`` or ``(seeds, rows, columns)``.
        rows: what stands beside the cells.
        columns: what stands above the cells.
        photos: ``(n, 3, H, W)`` uint8.
        maps: (row, column) by name -> ``(n, H, W)`` targetness.
        thresholds: (row, column) by name -> the map threshold of that cell.
        masks: ``(n, H, W)`` bool, if known.
        chosen: place of the cell to begin with.
        names: of the rows and of the columns.
        title: what the numbers are.
        most: bytes for the maps; the last photos are left out if they take more.

    Returns:
        Moving; its still picture is ``draw_choice``'s.
    """
    seeds = np.asarray(values, float).reshape(-1, len(rows), len(columns))
    keys = [(row, column) for row in rows for column in columns]
    coded = np.stack([levels(maps[key]) for key in keys])  # (cells, n, H, W)
    cell = square(coded.reshape(-1, *coded.shape[2:]))
    n = max(1, min(len(photos), most // (len(keys) * coded[0, 0].size // cell**2)))
    shown, key = min(3, n), (rows[chosen[0]], columns[chosen[1]])
    few = None if masks is None else masks[:shown]
    still = draw_choice(values, rows, columns, chosen, photos[:shown], maps[key][:shown], few, thresholds[key])
    pixels, about = sheet(photos[:n])
    given = about | {"rows": list(rows), "columns": list(columns), "names": names, "title": title, "cell": cell}
    mean = seeds.mean(0)
    given |= {"mean": mean.tolist(), "low": seeds.min(0).tolist(), "high": seeds.max(0).tolist(), "seeds": len(seeds)}
    given |= {"range": [float(mean.min()), float(max(mean.max(), mean.min() + 0.05))], "together": shown}
    given["thresholds"] = [[thresholds[row, column] for column in columns] for row in rows]
    data = {"photos": pixels, "levels": np.ascontiguousarray(coded[:, :n, ::cell, ::cell]).tobytes()}
    if masks is not None:
        data["masks"] = bits(masks[:n])
    state = {"row": chosen[0], "column": chosen[1], "photo": 0, "outline": True}
    return Moving("heat", still, state, given, data)


def move_cutouts(photos: Sequence[np.ndarray], maps: Sequence[np.ndarray], threshold: float, n: int = 12) -> Moving:
    """Cut-outs of photos of any size at one map threshold, and the histogram of targetness that it parts.

    Args:
        photos: ``(h, w, 3)`` uint8 each.
        maps: ``(h, w)`` targetness each.
        threshold: Otsu's, say; it stays marked.
        n: how many are shown, in at most 160 pixels; numbers are of all photos, in their own size.

    Returns:
        Moving; its still picture is ``draw_cut_outs``'s.
    """
    still = draw_cut_outs(photos, maps, threshold)
    coded = [levels(one) for one in maps]
    table = np.stack([np.bincount(one.ravel(), minlength=LEVELS + 1) for one in coded])
    reached = table[:, ::-1].cumsum(1)[:, ::-1] / table.sum(1, keepdims=True)
    counts = table.sum(0)
    counts[LEVELS - 1] += counts[LEVELS]  # the last bin holds 1, too
    small = []
    for photo, map in zip(photos[:n], coded, strict=False):
        height, width = map.shape
        scale = min(1.0, THUMB / max(height, width))
        down, across = max(1, round(height * scale)), max(1, round(width * scale))
        at = np.ix_(np.arange(down) * height // down, np.arange(across) * width // across)
        small.append((np.asarray(Image.fromarray(photo).resize((across, down), Image.Resampling.LANCZOS)), map[at]))
    sizes = [one.shape[::-1] for _, one in small]
    wide, high = (max(side) for side in zip(*sizes, strict=True))
    framed = [np.pad(photo, ((0, high - len(photo)), (0, wide - photo.shape[1]), (0, 0)), mode="edge") for photo, _ in small]
    pixels, about = sheet(framed)
    given = about | {"sizes": [list(size) for size in sizes], "shares": reached.tolist(), "otsu": float(threshold)}
    given["counts"] = counts[:LEVELS].tolist()
    data = {"photos": pixels, "levels": b"".join(one.tobytes() for _, one in small)}
    return Moving("cutouts", still, {"threshold": round(float(threshold), 2), "whole": False}, given, data)


def move_explorer(
    photos: Tensor,
    scores: Tensor,
    model: Network,
    background: Tensor,
    patch: int,
    stride: int,
    near: int = 5,
    most: int = 10**6,
) -> Moving:
    """Drag a window over a photo: its patch, its backgroundness, and the background patches most like it. The map fills in.

    Args:
        photos: ``(n, 3, H, W)`` uint8.
        scores: ``(n, rows, columns)`` backgroundness of their windows.
        model: its features say what is alike: the mean over places, compared by cosine distance.
        background: ``(m, 3, p, p)`` uint8 patches of background images.
        patch: side of a window, in pixels.
        stride: pixels from one window to the next.
        near: how many of the most similar patches are shown.
        most: bytes for the windows; the last photos are left out if they take more.

    Returns:
        Moving; its still picture is ``draw_cover``'s.
    """
    size = tuple(photos.shape[2:])
    rows, columns = (starts(side, patch, stride) for side in size)
    each, near = len(rows) * len(columns), min(near, len(background))
    n = max(1, min(len(photos), most // (each * (4 + 8 * near))))
    known, numbers, distances = features(model, background), [], []
    for photo in photos[:n]:
        windows = torch.stack([photo[:, top : top + patch, left : left + patch] for top in rows for left in columns])
        distance = 1 - features(model, windows) @ known.T
        found = distance.topk(near, largest=False)
        numbers.append(found.indices)
        distances.append(found.values)
    numbers = torch.stack(numbers)
    used, places = numbers.unique(return_inverse=True)
    pixels, about = sheet(photos[:n].cpu())
    patches, where = sheet(background[used.to(background.device)].cpu(), None)
    given = about | {"patch": patch, "rows": rows, "columns": columns, "near": near, "patches": where}
    data = {"photos": pixels, "patches": patches, "scores": floats(scores[:n]), "near": integers(places)}
    data["distances"] = floats(torch.stack(distances))
    state = {"photo": 0, "row": len(rows) // 2, "column": len(columns) // 2}
    return Moving("explorer", draw_cover(photos[0], patch, stride), state, given, data)


def features(model: Network, patches: Tensor) -> Tensor:
    """What the head of a network sees of patches ``(n, 3, p, p)``: the mean over places, each of length 1, ``(n, C)``."""
    device = next(model.parameters()).device
    with evaluating(model):
        seen = torch.cat([model.features(part.to(device)).mean((2, 3)) for part in patches.split(512)])
    return torch.nn.functional.normalize(seen, dim=1).cpu()
