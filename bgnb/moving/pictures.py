"""Pictures that move: patches on photos, and scenes whose dials turn."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch

from bgnb.data import ImageSet
from bgnb.files import InputError
from bgnb.moving.base import Moving, bits, floats, integers, sheet
from bgnb.patches import MIN_FRACTION, Patches, sample_patches
from bgnb.plots import array, draw_masked, draw_patches

SMALLEST, STEP = 16, 4  # pixels: the smallest patch, and from one size to the next


def move_patches(imageset: ImageSet, patch: int = 24, crops: int = 6, most: int = 16, n: int = 4, seed: int = 0) -> Moving:
    """Patches on photos, coloured by kind: move their size, the rule that makes a patch P, and how many there are.

    For every size, ``most`` patches of each photo are drawn once; fewer are the first of them.

    Args:
        imageset: where patches are cut; without masks nobody can tell P from F.
        patch: side of a patch to begin with; the nearest that the slider has is taken.
        crops: patches from each photo to begin with.
        most: the most that the slider has.
        n: photos of each sort that are shown; numbers are of all.
        seed: of the patches.

    Returns:
        Moving; its still picture is ``draw_patches``'s.
    """
    largest = min(96, *imageset.size) // STEP * STEP
    sizes = list(range(min(SMALLEST, largest), largest + 1, STEP))
    patch = min(sizes, key=lambda size: abs(size - patch))
    n = min(n, len(imageset.targets), len(imageset.backgrounds))
    drawn = {size: sample_patches(imageset, size, most, 1, generator=seed) for size in sizes}
    total, masked = len(imageset.targets) * most, imageset.masks is not None
    places = np.full((len(sizes), 2 * n, most, 3), -1)
    for number, one in enumerate(drawn.values()):
        label, image, top, left = (array(t) for t in (one.label, one.image, one.top, one.left))
        for i in range(2 * n):
            mine = np.flatnonzero((label == i // n) & (image == i % n))[:most]  # in the order in which they were drawn
            places[number, i, : len(mine)] = np.stack([left[mine], top[mine], mine if i < n else mine * 0 - 1], axis=1)
    still = draw_patches(imageset, first_of(drawn[patch], len(imageset.targets) * crops, total), n)
    pixels, about = sheet(torch.cat([imageset.targets[:n], imageset.backgrounds[:n]]).cpu())
    given = about | {"photos": n, "crops": most, "targets": len(imageset.targets)}
    given["sizes"] = {"range": [sizes[0], sizes[-1], STEP]}
    data = {"photos": pixels, "places": integers(places)}
    if masked:
        data["fractions"] = floats(np.stack([array(one.target_fraction)[:total] for one in drawn.values()]))
    return Moving("patches", still, {"size": patch, "least": MIN_FRACTION, "crops": crops}, given, data)


def first_of(patches: Patches, count: int, total: int) -> Patches:
    """The first ``count`` patches of target images, of which there are ``total``, and the same share of background patches."""
    rest = len(patches) - total
    chosen = torch.cat([torch.arange(count), total + torch.arange(rest * count // total)]).to(patches.label.device)
    parts = [getattr(patches, name)[chosen] for name in ("pixels", "label", "image", "top", "left")]
    shares = None if patches.target_fraction is None else patches.target_fraction[chosen]
    return Patches(*parts, shares, patches.min_fraction)


def move_frames(
    draw: Callable[..., tuple[np.ndarray, np.ndarray]], dials: Mapping[str, Sequence], start: Mapping | None = None
) -> Moving:
    """A picture drawn by code whose dials turn, one at a time; the others stay where they begin. All turns are drawn here.

    Args:
        draw: takes every dial by name; returns a picture ``(H, W, 3)`` uint8 and its mask ``(H, W)`` bool.
        dials: name -> the values that it can take.
        start: name -> where it begins; those left out begin at their first value.

    Returns:
        Moving; its still picture is ``draw_masked``'s.

    Raises:
        InputError: a dial that begins at a value that it cannot take.

    >>> blank = np.zeros((4, 4, 3), np.uint8)
    >>> move_frames(lambda light: (blank + light, blank[..., 0] > 0), {"light": [1, 2, 3]}, {"light": 2}).state
    {'dial': 'light', 'step': 1}
    """
    begin = {name: values[0] for name, values in dials.items()} | dict(start or {})
    for name, value in begin.items():
        if value not in dials.get(name, ()):
            raise InputError(f"start {name}={value!r}: this dial can take {', '.join(map(str, dials.get(name, ['nothing'])))}")
    frames, first = [draw(**begin)], {}
    for name, values in dials.items():
        first[name] = len(frames)
        frames += [draw(**begin | {name: value}) for value in values if value != begin[name]]
    pictures, masks = zip(*frames, strict=True)
    still = draw_masked(torch.from_numpy(pictures[0]).permute(2, 0, 1), torch.from_numpy(masks[0]))
    pixels, about = sheet(pictures)
    words = {name: [f"{value:g}" if isinstance(value, float) else str(value) for value in dials[name]] for name in dials}
    begins = {name: list(values).index(begin[name]) for name, values in dials.items()}
    given = about | {"dials": words, "begins": begins, "first": first}
    name = next(iter(dials))
    data = {"photos": pixels, "masks": bits(np.stack(masks))}
    return Moving("frames", still, {"dial": name, "step": begins[name]}, given, data)
