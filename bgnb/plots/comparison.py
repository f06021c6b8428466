"""Figures of the comparison: plain functions ``draw_*(...) -> Figure``, as those of ``bgnb.plots``."""

from collections.abc import Mapping

import numpy as np
import torch
from matplotlib import colormaps
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from scipy.ndimage import binary_erosion
from torch import Tensor

from bgnb.boxes import boxes, largest_region
from bgnb.maps import upsample
from bgnb.methods import ADL, CutMix, HaS
from bgnb.metrics import overlap
from bgnb.networks import Network
from bgnb.plots.base import LABEL, LINE, METHODS_STYLE, SMALL, TARGETNESS, fold, largest, legend_above, panels, rim, room, styles
from bgnb.plots.pictures import MASK, OUTLINE, array, legend_of_outlines, picture, show_image

ENLARGED = 3  # pixels of a gallery for each pixel of a photo: outlines stay thin


def draw_changes(photo: Tensor, background: Tensor, images: Tensor, model: Network, patch: int = 24, seed: int = 0) -> Figure:
    """What a network gets to see of one photo: patches, the whole, HaS, CutMix, and behind a layer with ADL.

    Args:
        photo: ``(3, H, W)`` uint8, a target image.
        background: ``(3, H, W)`` uint8, a background image.
        images: ``(N, 3, H, W)`` uint8, for the mean colour.
        model: trained on whole images; its last features show what ADL hides.
        patch: side of the patches, in pixels.
        seed: decides everything random.

    Returns:
        A Figure; ``.numbers`` holds the soft label of the CutMix picture, "mixed", the share that HaS hides, "hidden",
        and the share of places that ADL hides, "dropped".
    """
    generator = torch.Generator().manual_seed(seed)
    height, width = photo.shape[1:]
    figure, axes = panels(2, 3, height=1.3, tall=height / width)
    show_image(axes[0, 0], picture(photo), f"background learning: patches of {patch} pixels")
    for _ in range(7):
        top, left = (int(torch.randint(side - patch + 1, (), generator=generator)) for side in (height, width))
        frame = dict(fill=False, ec=METHODS_STYLE["background x1"][0], lw=2.4, path_effects=rim(2.4, "white"), clip_on=False)
        axes[0, 0].add_patch(Rectangle((left - 0.5, top - 0.5), patch, patch, **frame))
    show_image(axes[0, 1], picture(photo), "CAM: the whole photo, one label")

    seek = HaS(cells=(44,))
    seek.start(model, images.permute(0, 2, 3, 1), generator)
    hidden, _ = seek.batch(photo[None], torch.zeros(1), generator)
    figure.numbers["hidden"] = (hidden[0] != photo).any(0).float().mean().item()
    show_image(axes[0, 2], picture(hidden[0]), f"HaS: hides cells ({figure.numbers['hidden']:.0%} here)")

    pair, label = torch.stack([photo, background]), torch.tensor([0.0, 1.0])
    for _ in range(50):  # until the other one was drawn as a partner, and a box that shows
        mixed, soft = CutMix().batch(pair, label, generator)
        if 0.2 < soft[0] < 0.5:
            break
    figure.numbers["mixed"] = soft[0].item()
    show_image(axes[1, 0], picture(mixed[0]), f"CutMix: a pasted box, label {soft[0]:.2f} background")

    device = next(model.parameters()).device
    attention = model.features(photo[None].to(device)).cpu().mean(1)
    keep = attention < ADL().gamma * attention.amax()
    figure.numbers["dropped"] = 1 - keep.float().mean().item()
    large = upsample(attention, (height, width))[0]
    show_image(axes[1, 1], picture(photo), "ADL: attention, the mean over all channels")
    axes[1, 1].imshow(array(large), cmap="magma", alpha=0.65)
    show_image(axes[1, 2], picture(photo), "ADL: hides where attention is highest, or stresses it")
    square = keep[0].repeat_interleave(height // keep.shape[1], 0).repeat_interleave(width // keep.shape[2], 1)
    axes[1, 2].imshow(np.where(array(square)[..., None], 0, [0.0, 0, 0, 1]), extent=(-0.5, width - 0.5, height - 0.5, -0.5))
    return figure


def edge(region: np.ndarray, thick: int = 2) -> np.ndarray:
    """``(H, W)`` bool: the pixels of a region that lie within ``thick`` of its border; the picture's rim is a border."""
    return region & ~binary_erosion(region, iterations=thick)


def large(pixels: np.ndarray) -> np.ndarray:
    """Every pixel becomes a square of ``ENLARGED``."""
    return pixels.repeat(ENLARGED, 0).repeat(ENLARGED, 1)


def paint_edge(pixels: np.ndarray, region: np.ndarray, colour: str, thick: int) -> None:
    """Draw the border of a region into its enlarged picture, dark along the inner side: it shows on any ground."""
    pixels[edge(large(region), thick + 2)] = 0
    pixels[edge(large(region), thick)] = (255 * np.array(to_rgb(colour))).round()


def filled_box(region: np.ndarray) -> np.ndarray:
    """``(H, W)`` bool: all that lies inside the box around a region."""
    top, bottom, left, right = boxes(region[None])[0]
    inside = np.zeros_like(region)
    inside[top:bottom, left:right] = True
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
        photos: ``(N, 3, H, W)`` uint8.
        maps: method -> ``(N, H, W)`` targetness.
        threshold: map threshold, one for all methods, or one for each.
        masks: ``(N, H, W)`` bool: white outline.
        with_boxes: boxes around the largest region and the mask instead of their outlines.
        first: number of the first photo.
        n: how many photos.

    Returns:
        A Figure; ``.numbers`` holds method -> the IoU of every photo shown (of boxes, if boxes are shown), with masks only.
    """
    chosen = range(first, min(first + n, len(photos)))
    height, width = (ENLARGED * side for side in photos.shape[2:])
    gap, names = 6, ["photo", *maps]
    inches = 0.9 * room(10.4) / len(names)
    words = [fold(name, inches, LABEL) for name in names]
    canvas = np.full((len(chosen) * (height + gap) - gap, len(names) * (width + gap) - gap, 3), 255, np.uint8)
    letters = 0.5 + 0.25 * max(1 + word.count("\n") for word in words)
    figure, axes = panels(width=10.4, height=letters, tall=canvas.shape[0] / canvas.shape[1])
    ax, heat, thick = axes[0, 0], colormaps[TARGETNESS], 2 + len(names) // 2
    figure.set_layout_engine("none")  # all sizes are known, and a slider waits
    ax.set_position((0, 0, 1, 1 - letters / figure.get_figheight()))
    points = dict(textcoords="offset points", va="bottom")
    for row, i in enumerate(chosen):
        photo = picture(photos[i])
        truth = None if masks is None else array(masks[i])
        truth = filled_box(truth) if with_boxes and masks is not None else truth
        grey = photo.mean(2, keepdims=True)
        for column, name in enumerate(names):
            cell, top, left = large(photo), row * (height + gap), column * (width + gap)
            if name != "photo":
                values = array(maps[name][i])
                region = values >= (threshold[name] if isinstance(threshold, Mapping) else threshold)
                region = filled_box(largest_region(region)) if with_boxes else region
                cell = large((0.4 * grey + 0.6 * 255 * heat(values)[..., :3]).astype(np.uint8))
                paint_edge(cell, region, OUTLINE, thick)
            if truth is not None:
                paint_edge(cell, truth, MASK, thick - 1)
            canvas[top : top + height, left : left + width] = cell
            if name != "photo" and truth is not None:
                fit = overlap(region, truth)
                figure.numbers.setdefault(name, []).append(fit)
                box = dict(facecolor="black", alpha=0.75, edgecolor="none", pad=1.5)
                ax.annotate(f"IoU {fit:.2f}", (left, top + height), (3, 4), color="white", fontsize=SMALL, bbox=box, **points)
    show_image(ax, canvas)
    size = largest("\n".join(words), inches, LABEL)
    for column, word in enumerate(words):
        ax.annotate(word, (column * (width + gap) + width / 2, 0), (0, 5), ha="center", fontsize=size, **points)
    legend_of_outlines(figure, f"{'boxes of the largest regions: ' * with_boxes}targetness ≥ map threshold", masks, line="-")
    return figure


def draw_inside(maps: Mapping[str, Tensor], masks: Tensor, steps: int = 50) -> Figure:
    """How evenly a map covers the target: inside each mask targetness from its highest to its lowest, as shares of the highest.

    A map that likes one part only falls steeply; one that likes the whole animal stays high.

    Args:
        maps: method -> ``(n, H, W)`` targetness.
        masks: ``(n, H, W)`` bool.
        steps: points of a line.

    Returns:
        A Figure; ``.numbers`` holds method -> the share of the target that reaches half of the highest value, mean over images.
    """
    figure, axes = panels(height=4.4)
    ax, share, looks = axes[0, 0], np.linspace(0, 1, steps), styles(maps)
    for name, several in maps.items():
        curves, half = [], []
        for values, mask in zip(array(several), array(masks), strict=True):
            inside = np.sort(values[mask])[::-1]
            if len(inside) and inside[0] > 0:
                curves.append(np.interp(share, np.linspace(0, 1, len(inside)), inside / inside[0]))
                half.append((inside >= 0.5 * inside[0]).mean())
        figure.numbers[name] = float(np.mean(half))
        ax.plot(share, np.mean(curves, 0), markevery=7, label=name, **looks[name], **LINE)
    ax.axhline(0.5, color="0.4", lw=1.5, ls=":")
    ax.set(xlabel="share of the target's pixels, the brightest first", xlim=(0, 1))
    ax.set(ylabel="targetness / its highest", ylim=(0, 1))
    legend_above(figure)
    return figure
