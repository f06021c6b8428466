"""Figures of the comparison: plain functions ``draw_*(...) -> Figure``, as those of ``bgnb.plots``."""

from collections.abc import Mapping

import numpy as np
import torch
from matplotlib import colormaps
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor

from bgnb.boxes import boxes, largest_region
from bgnb.maps import upsample
from bgnb.methods import ADL, CutMix, HaS
from bgnb.metrics import overlap
from bgnb.networks import Network
from bgnb.plots.base import MASK, METHODS_STYLE, OUTLINE, TARGETNESS, array, panels, picture, show_image

ENLARGED = 3  # pixels of a gallery for each pixel of a photo: outlines stay thin


def draw_changes(photo: Tensor, background: Tensor, images: Tensor, model: Network, patch: int = 24, seed: int = 0) -> Figure:
    """What a network gets to see of one photo: patches, the whole, HaS, CutMix, and behind a layer with ADL.

    Args:
        photo, background: ``(3, H, W)`` uint8, a target and a background image. images: ``(N, 3, H, W)``, for the mean colour.
        model: trained on whole images; its last features show what ADL hides.

    Returns:
        A Figure; ``.numbers`` holds the soft label of the CutMix picture, "mixed", the share that HaS hides, "hidden",
        and the share of places that ADL hides, "dropped".
    """
    generator = torch.Generator().manual_seed(seed)
    figure, axes = panels(2, 3, height=7.4)
    height, width = photo.shape[1:]
    show_image(axes[0, 0], picture(photo), f"background learning:\npatches of {patch} pixels")
    for _ in range(7):
        top, left = (int(torch.randint(side - patch + 1, (), generator=generator)) for side in (height, width))
        for rim, colour in ((4, "white"), (2.2, METHODS_STYLE["background x1"][0])):
            axes[0, 0].add_patch(Rectangle((left - 0.5, top - 0.5), patch, patch, fill=False, ec=colour, lw=rim))
    show_image(axes[0, 1], picture(photo), "CAM: the whole photo,\none label")

    seek = HaS(cells=(44,))
    seek.start(model, images.permute(0, 2, 3, 1), generator)
    hidden, _ = seek.batch(photo[None], torch.zeros(1), generator)
    figure.numbers["hidden"] = (hidden[0] != photo).any(0).float().mean().item()
    show_image(axes[0, 2], picture(hidden[0]), f"HaS: hides cells\n({figure.numbers['hidden']:.0%} here)")

    pair, label = torch.stack([photo, background]), torch.tensor([0.0, 1.0])
    for _ in range(50):  # until the other one was drawn as a partner, and a box that shows
        mixed, soft = CutMix().batch(pair, label, generator)
        if 0.2 < soft[0] < 0.5:
            break
    figure.numbers["mixed"] = soft[0].item()
    show_image(axes[1, 0], picture(mixed[0]), f"CutMix: a box of another photo,\nlabel {soft[0]:.2f} background")

    device = next(model.parameters()).device
    attention = model.features(photo[None].to(device)).cpu().mean(1)
    keep = attention < ADL().gamma * attention.amax()
    figure.numbers["dropped"] = 1 - keep.float().mean().item()
    large = upsample(attention, (height, width))[0]
    show_image(axes[1, 1], picture(photo), "ADL: attention, the mean\nover all channels")
    axes[1, 1].imshow(array(large), cmap="magma", alpha=0.65)
    show_image(axes[1, 2], picture(photo), "ADL: hides where attention\nis highest, or stresses it")
    square = keep[0].repeat_interleave(height // keep.shape[1], 0).repeat_interleave(width // keep.shape[2], 1)
    axes[1, 2].imshow(np.where(array(square)[..., None], 0, [0.0, 0, 0, 1]), extent=(-0.5, width - 0.5, height - 0.5, -0.5))
    return figure


def edge(region: np.ndarray, thick: int = 2) -> np.ndarray:
    """``(H, W)`` bool: the pixels of a region that lie within ``thick`` of its border; the picture's rim is a border."""
    inside = np.pad(region, thick)
    for axis in (0, 1):  # both ways: a pixel is inside where its neighbours at that distance are
        inside = inside & np.roll(inside, thick, axis) & np.roll(inside, -thick, axis)
    return region & ~inside[thick:-thick, thick:-thick]


def large(pixels: np.ndarray) -> np.ndarray:
    """Every pixel becomes a square of ``ENLARGED``."""
    return pixels.repeat(ENLARGED, 0).repeat(ENLARGED, 1)


def rgb(colour: str) -> np.ndarray:
    """A colour as three bytes."""
    return (255 * np.array(to_rgb(colour))).round().astype(np.uint8)


def filled_box(box: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """``(H, W)`` bool: all that lies inside a box (top, bottom, left, right)."""
    inside = np.zeros(shape, bool)
    inside[box[0] : box[1], box[2] : box[3]] = True
    return inside


def draw_methods(
    photos: Tensor,
    maps: Mapping[str, Tensor],
    threshold: float | Mapping[str, float] = 0.5,
    masks: Tensor | None = None,
    with_boxes: bool = False,
    first: int = 0,
    n: int = 4,
) -> Figure:
    """The gallery (paper, Fig. 6): a row for each photo, a column for each method; outlined where targetness >= map threshold.

    It is put together as a single picture, so that a slider answers at once.

    Args:
        photos: ``(N, 3, H, W)`` uint8. maps: method -> ``(N, H, W)`` targetness. masks: ``(N, H, W)`` bool: white outline.
        threshold: map threshold, one for all methods, or one for each.
        with_boxes: boxes around the largest region and the mask instead of their outlines.
        first, n: which photos.

    Returns:
        A Figure; ``.numbers`` holds method -> the IoU of every photo shown (of boxes, if boxes are shown), with masks only.
    """
    chosen = range(first, min(first + n, len(photos)))
    height, width = (ENLARGED * side for side in photos.shape[2:])
    gap, names = 6, ["photo", *maps]
    canvas = np.full((len(chosen) * (height + gap) - gap, len(names) * (width + gap) - gap, 3), 255, np.uint8)
    figure, axes = panels(height=10.4 * canvas.shape[0] / canvas.shape[1] + 0.5, width=10.4)
    ax, heat = axes[0, 0], colormaps[TARGETNESS]
    figure.get_layout_engine().set(w_pad=0, h_pad=0.02)
    for row, i in enumerate(chosen):
        photo = picture(photos[i])
        mask = None if masks is None else large(array(masks[i]))
        grey = photo.mean(2, keepdims=True)
        for column, name in enumerate(names):
            cell = large(photo)
            if name != "photo":
                values = array(maps[name][i])
                region = values >= (threshold[name] if isinstance(threshold, Mapping) else threshold)
                cell = large((0.4 * grey + 0.6 * 255 * heat(values)[..., :3]).astype(np.uint8))
                if with_boxes:
                    region = filled_box(boxes(largest_region(region)[None])[0], region.shape)
                cell[edge(large(region), 4)] = rgb(OUTLINE)
            if mask is not None:
                cell[edge(filled_box(boxes(mask[None])[0], mask.shape) if with_boxes else mask)] = rgb(MASK)
            top, left = row * (height + gap), column * (width + gap)
            canvas[top : top + height, left : left + width] = cell
            if name != "photo" and mask is not None:
                truth = array(masks[i])
                iou = overlap(region, filled_box(boxes(truth[None])[0], truth.shape) if with_boxes else truth)
                figure.numbers.setdefault(name, []).append(iou)
                box = dict(facecolor="black", alpha=0.6, edgecolor="none", pad=1.5)
                ax.text(left + 10, top + height - 12, f"{iou:.2f}", color="white", fontsize=11, bbox=box)
    show_image(ax, canvas)
    for column, name in enumerate(names):
        ax.text(column * (width + gap) + width / 2, -14, name, ha="center", va="bottom", fontsize=13)
    return figure


def draw_inside(maps: Mapping[str, Tensor], masks: Tensor, steps: int = 50) -> Figure:
    """How evenly a map covers the target: inside each mask targetness from its highest to its lowest, as shares of the highest.

    A map that likes one part only falls steeply; one that likes the whole animal stays high.

    Args:
        maps: method -> ``(n, H, W)`` targetness. masks: ``(n, H, W)`` bool.

    Returns:
        A Figure; ``.numbers`` holds method -> the share of the target that reaches half of the highest value, mean over images.
    """
    figure, axes = panels(height=4.4)
    ax, share = axes[0, 0], np.linspace(0, 1, steps)
    for name, several in maps.items():
        curves, half = [], []
        for values, mask in zip(array(several), array(masks), strict=True):
            inside = np.sort(values[mask])[::-1]
            if len(inside) and inside[0] > 0:
                curves.append(np.interp(share, np.linspace(0, 1, len(inside)), inside / inside[0]))
                half.append((inside >= 0.5 * inside[0]).mean())
        figure.numbers[name] = float(np.mean(half))
        line, marker = METHODS_STYLE.get(name, ("0.3", "x"))
        ax.plot(share, np.mean(curves, 0), color=line, marker=marker, markevery=7, lw=2.6, ms=8, label=name)
    ax.axhline(0.5, color="0.4", lw=1, ls=":")
    ax.set(xlabel="share of the target's pixels, the brightest first", ylabel="targetness / highest", ylim=(0, 1.02), xlim=(0, 1))
    ax.xaxis.set_major_formatter("{x:.0%}")
    ax.grid(alpha=0.3)
    ax.legend(frameon=False, fontsize=12, ncols=2)
    return figure
