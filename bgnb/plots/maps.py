"""Maps of the target: windows, targetness, outlines, cut-outs."""

from collections.abc import Mapping, Sequence

import numpy as np
import seaborn as sns
import torch
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator
from torch import Tensor

from bgnb.maps import merge_windows
from bgnb.plots.base import LABEL, SERIES, SMALL, TARGETNESS, colour_bar, panels, rim, tick
from bgnb.plots.pictures import OUTLINE, PLAIN, array, cut_out, iou, legend_of_outlines, name_rows, outlines, picture, show_image
from bgnb.windows import starts


def draw_cover(photo: Tensor, patch: int, stride: int) -> Figure:
    """Some of the windows that slide over a photo, and how many of them cover every pixel.

    Returns a Figure; ``.numbers`` holds the count of "windows" and the most that cover a pixel, "most".
    """
    rows, columns = (starts(length, patch, stride) for length in photo.shape[1:])
    cover = merge_windows(torch.ones(1, len(rows), len(columns)), patch, stride, tuple(photo.shape[1:]), "add")[0].numpy()
    figure, axes = panels(1, 2, height=0.4, tall=photo.shape[1] / photo.shape[2], beside=0.9)
    figure.numbers = {"windows": len(rows) * len(columns), "most": round(float(cover.max()))}
    show_image(axes[0, 0], picture(photo), f"{len(rows)} × {len(columns)} windows of {patch} pixels")
    corner = (columns[0] - 0.5, rows[len(rows) // 2] - 0.5)
    for left in columns[: max(2, min(len(columns), 5))]:  # where two windows lie, the photo is brighter than where one does
        window = dict(facecolor=(1, 1, 1, 0.13), edgecolor=OUTLINE, lw=1.8, path_effects=rim(1.8))
        axes[0, 0].add_patch(Rectangle((left - 0.5, corner[1]), patch, patch, **window))
    shown = show_image(axes[0, 1], cover, "windows that cover a pixel", cmap="viridis", vmin=0)
    colour_bar(figure, shown, axes[0, 1], "windows", shrink=0.9).locator = MaxNLocator(integer=True)
    return figure


def draw_map(photo: Tensor, map: Tensor, threshold: float, mask: Tensor | None = None, title: str = "") -> Figure:
    """Photo | targetness | opacity (paper, Fig. 5) | the outline of targetness >= map threshold.

    Args:
        photo: ``(3, H, W)`` uint8.
        map: ``(H, W)`` targetness.
        threshold: map threshold.
        mask: ``(H, W)`` bool, white outline, if known.
        title: above everything.

    Returns:
        A Figure; ``.numbers`` holds "outlined", the pixels at or above the threshold, and "iou", None without a mask.

    >>> figure = draw_map(torch.zeros(3, 8, 8, dtype=torch.uint8), torch.linspace(0, 1, 64).view(8, 8), 0.5)
    >>> figure.numbers
    {'outlined': 32, 'iou': None}
    """
    figure, axes = panels(1, 4, height=1.3 + 0.3 * bool(title), tall=photo.shape[1] / photo.shape[2])
    values, fit = array(map), None if mask is None else iou(map, mask, threshold)
    show_image(axes[0, 0], picture(photo), "photo")
    shown = show_image(axes[0, 1], values, "targetness", cmap=TARGETNESS, vmin=0, vmax=1)
    below = axes[0, 1].inset_axes([0.05, -0.13, 0.9, 0.06])  # inset: the four pictures stay in one row
    bar = figure.colorbar(shown, cax=below, orientation="horizontal", ticks=[0, threshold, 1])
    ends = ("0" if threshold > 0.2 else "", tick(round(threshold, 2)), "1" if threshold < 0.85 else "")
    bar.ax.set_xticklabels(ends, size=SMALL)
    bar.ax.axvline(threshold, color=OUTLINE, lw=3, path_effects=rim(3))
    show_image(axes[0, 2], cut_out(photo, values), "opacity")
    show_image(axes[0, 3], picture(photo), "map threshold" if fit is None else f"IoU {fit:.2f}")
    outlines(axes[0, 3], map, threshold, mask)
    legend_of_outlines(figure, threshold, mask, title)
    figure.numbers = {"outlined": int((values >= threshold).sum()), "iou": fit}
    return figure


def draw_masked(photo: Tensor, mask: Tensor) -> Figure:
    """A photo ``(3, H, W)`` uint8, and what its mask ``(H, W)`` bool cuts out of it.

    Returns:
        A Figure; ``.numbers`` holds "area", the share of the photo that the mask covers.

    >>> draw_masked(torch.zeros(3, 8, 8, dtype=torch.uint8), torch.arange(64).view(8, 8) < 16).numbers
    {'area': 0.25}
    """
    figure, axes = panels(1, 2, width=8.4, height=0.4, tall=photo.shape[1] / photo.shape[2])
    area = float(mask.float().mean())
    show_image(axes[0, 0], picture(photo), "picture")
    show_image(axes[0, 1], cut_out(photo, array(mask)), f"its mask: {area:.0%} of the picture")
    figure.numbers = {"area": area}
    return figure


def draw_compare(
    photo: Tensor | None, maps: Mapping[str, Tensor], mask: Tensor | None = None, threshold: float | None = None
) -> Figure:
    """Maps of one photo side by side, each with its outline at the map threshold and its IoU with the mask.

    Returns a Figure; ``.numbers`` holds every map's IoU by name, if there is a mask and a threshold.
    """
    count = len(maps) + (photo is not None)
    rows, known = -(-count // 5), mask is not None and threshold is not None
    columns = -(-count // rows)
    high, wide = next(iter(maps.values())).shape
    letters = 0.1 + 0.35 * (mask is not None or threshold is not None) + 0.3 * rows * (1 + known + (columns > 3))
    figure, axes = panels(rows, columns, height=letters, tall=high / wide, beside=0.9)
    for ax in axes.flat[count:]:
        ax.remove()
    if photo is not None:
        show_image(axes[0, 0], picture(photo), "photo")
        outlines(axes[0, 0], mask=mask)
    for ax, (name, values) in zip(axes.flat[photo is not None : count], maps.items(), strict=True):
        title = name
        if known:
            figure.numbers[name] = iou(values, mask, threshold)
            title += f"\nIoU {figure.numbers[name]:.2f}"
        shown = show_image(ax, array(values), title, cmap=TARGETNESS, vmin=0, vmax=1)
        outlines(ax, values, threshold, mask)
    colour_bar(figure, shown, list(axes.flat[:count]), "targetness", shrink=0.8, pad=0.02)
    legend_of_outlines(figure, threshold, mask)
    return figure


def draw_gallery(
    images: Tensor,
    maps: Tensor,
    threshold: float | None = None,
    masks: Tensor | None = None,
    n: int = 6,
    title: str = "",
    found: float | None = None,
) -> Figure:
    """A column for each of the first ``n`` photos: photo, targetness, cut-out.

    Args:
        images: ``(N, 3, H, W)`` uint8.
        maps: ``(N, H, W)`` targetness in [0, 1].
        threshold: map threshold: the cut-out is what lies above it; None: opacity = targetness.
        masks: ``(N, H, W)`` bool or None: dashed outline, and each IoU if there is a threshold.
        n: how many photos.
        title: above everything.
        found: the IoU from which an image counts as found; the others are marked as missed.

    Returns:
        A Figure; ``.numbers`` holds "ious" of the photos shown, if there are masks and a threshold.

    >>> draw_gallery(torch.zeros(2, 3, 8, 8, dtype=torch.uint8), torch.rand(2, 8, 8)).get_size_inches().round().tolist()
    [7.0, 10.0]
    """
    n, fits = min(n, len(images)), masks is not None and threshold is not None
    letters = 0.1 + 0.3 * bool(title) + 0.35 * (masks is not None) + 0.3 * fits + 0.25 * (found is not None)
    size = dict(width=min(9.6, 3.4 * n), height=letters, tall=images.shape[2] / images.shape[3], beside=0.35)
    figure, axes = panels(3, n, **size)
    figure.get_layout_engine().set(w_pad=0.02, h_pad=0.02, wspace=0.01, hspace=0.01)
    for i, (above, middle, below) in enumerate(axes.T):
        mask = None if masks is None else masks[i]
        fit, words = iou(maps[i], mask, threshold) if fits else None, ""
        if fits:
            figure.numbers.setdefault("ious", []).append(fit)
            words = f"IoU {fit:.2f}" + ("" if found is None else "\nfound" if fit >= found else "\nmissed")
        alpha = array(maps[i]) if threshold is None else array(maps[i] >= threshold)
        show_image(above, picture(images[i]))
        show_image(middle, array(maps[i]), cmap=TARGETNESS, vmin=0, vmax=1)
        show_image(below, cut_out(images[i], alpha), words)
        outlines(middle, mask=mask)
    cut = "opacity" if threshold is None else f"targetness\n≥ {tick(round(threshold, 2))}"
    name_rows(axes[:, 0], ("photo", "targetness", cut))
    legend_of_outlines(figure, None, masks, title)
    return figure


def draw_cut_outs(
    photos: Sequence[np.ndarray],
    maps: Sequence[np.ndarray],
    threshold: float,
    n: int = 4,
    masks: Sequence[np.ndarray] | None = None,
) -> Figure:
    """Photos of any size, above their cut-outs, and the histogram of targetness that it parts.

    Args:
        photos: ``(h, w, 3)`` uint8 each.
        maps: ``(h, w)`` targetness each.
        threshold: map threshold.
        n: how many to show.
        masks: ``(h, w)`` bool each, what is cut out; None: where targetness reaches the threshold.

    Returns:
        A Figure; ``.numbers``: "share", the mean share of a photo that is cut out, over all photos.
    """
    n = min(n, len(photos))
    high = min(3.0, 9.6 / n * max(photo.shape[0] / photo.shape[1] for photo in photos[:n]))
    figure, axes = panels(3, n, height=2 * high + 2.3, height_ratios=[high, high, 1.3])
    masks = masks or [values >= threshold for values in maps]
    for above, below, photo, mask in zip(*axes[:2], photos, masks, strict=False):
        alpha = mask[..., None]
        show_image(above, photo)
        show_image(below, np.where(alpha, photo / 255, PLAIN), f"{alpha.mean():.0%} of the photo")
    name_rows(axes[:2, 0], ("photo", "cut-out"))
    for ax in axes[2, 1:]:
        ax.remove()
    ax = axes[2, 0]
    ax.set_subplotspec(ax.get_gridspec()[2, :])
    counts, edges = np.histogram(np.concatenate([m.ravel() for m in maps]), 50, (0, 1))
    bars = dict(bins=50, binrange=(0, 1), stat="proportion", color="0.5", linewidth=0)
    sns.histplot(x=edges[:-1] + 0.01, weights=counts, ax=ax, **bars)
    ax.axvline(threshold, color=SERIES[4], lw=3)
    over = dict(transform=ax.get_xaxis_transform(), va="bottom", fontsize=LABEL)
    side = "left" if threshold < 0.15 else "right" if threshold > 0.85 else "center"
    ax.text(threshold, 1.03, f"map threshold {tick(round(threshold, 2))}", ha=side, **over)
    ax.set(xlim=(0, 1), xlabel="targetness of all pixels of all photos", ylabel="share of pixels")
    figure.numbers = {"share": float(np.mean([mask.mean() for mask in masks]))}
    return figure
