"""Photos and maps in a panel: their outlines, cut-outs, and what an outline means."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from torch import Tensor

from bgnb.metrics import mask_ious
from bgnb.plots.base import LABEL, fold, largest, legend_above, rim, tick

OUTLINE = "#00E5FF"  # of the thresholded map, on photos
MASK = "#FFFFFF"  # outline of the mask, on photos
PLAIN = 0.93  # grey of the ground behind a cut-out


def picture(pixels: Tensor) -> np.ndarray:
    """``(3, H, W)`` -> ``(H, W, 3)`` on the CPU, as matplotlib wants it."""
    return pixels.permute(1, 2, 0).cpu().numpy()


def array(values) -> np.ndarray:
    """A tensor on any device, or anything else, as a NumPy array."""
    return values.detach().cpu().numpy() if isinstance(values, Tensor) else np.asarray(values)


def show_image(ax: Axes, image: np.ndarray, title: str = "", **options):
    """An image without ticks or frame, its title as large and in as many lines as it fits; options go to ``imshow``."""
    ax.set_axis_off()
    inches = 1.4 * ax.get_position().width * ax.figure.get_figwidth()
    title = fold(title, inches)
    ax.set_title(title, fontsize=largest(title, inches))
    return ax.imshow(image, **options)


def outline(ax: Axes, region: np.ndarray, colour: str = OUTLINE, width: float = 2.2, line: str = "-") -> None:
    """The border of a region ``(H, W)`` bool, dark beside its colour, so that it shows on bright and on dark ground.

    The margin around the region closes borders that run along the picture's edge.
    """
    if not region.any():
        return
    height, across = region.shape
    limits = dict(xlim=(-0.5, across - 0.5), ylim=(height - 0.5, -0.5))
    places = np.arange(-1, across + 1), np.arange(-1, height + 1), np.pad(region.astype(float), 1)
    drawn = ax.contour(*places, [0.5], colors=colour, linewidths=width, linestyles=line)
    drawn.set(path_effects=rim(width), clip_on=False)
    ax.set(**limits)


def outlines(ax: Axes, map=None, threshold: float | None = None, mask=None) -> None:
    """What lies at or above the map threshold, and the mask, dashed; what is None is left out."""
    if map is not None and threshold is not None:
        outline(ax, array(map) >= threshold)
    if mask is not None:
        outline(ax, array(mask), MASK, 1.8, "--")


def cut_out(photo: Tensor, alpha: np.ndarray) -> np.ndarray:
    """``(H, W, 3)`` in [0, 1]: the photo, ``alpha`` (H, W) opaque, on a plain ground."""
    return PLAIN + (picture(photo) / 255 - PLAIN) * alpha[..., None]


def name_rows(axes: Sequence[Axes], words: Sequence[str]) -> None:
    """A word left of each row of photos, as large as the rows are high."""
    inches = 1.2 * axes[0].get_position().height * axes[0].figure.get_figheight()
    size = largest("\n".join(words), inches, LABEL)
    for ax, word in zip(axes, words, strict=True):
        ax.text(-0.06, 0.5, word, transform=ax.transAxes, rotation=90, ha="right", va="center", fontsize=size)


def legend_of_outlines(figure: Figure, threshold: float | str | None, mask, title: str = "", line: str = "--") -> None:
    """What the outlines on photos mean, above everything; ``mask`` and ``threshold`` may be None."""
    words = threshold if isinstance(threshold, str) else f"targetness ≥ {tick(round(threshold or 0, 2))}"
    shown = [(OUTLINE, "-", words)] * (threshold is not None) + [(MASK, line, "mask")] * (mask is not None)
    handles = [Line2D([], [], color=colour, ls=dashes, lw=2.2, path_effects=rim(2.2)) for colour, dashes, _ in shown]
    legend_above(figure, handles, [name for *_, name in shown], title)


def iou(map: Tensor, mask: Tensor, threshold: float) -> float:
    """IoU of one map ``(H, W)`` at a threshold with its mask."""
    return mask_ious(map[None].cpu(), mask[None].cpu(), (threshold,)).item()
