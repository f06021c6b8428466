"""Maps of the target: windows, targetness, outlines, cut-outs, Loc. Acc."""

from collections.abc import Mapping

import torch
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor

from bgnb.maps import merge_windows
from bgnb.metrics import LocAcc, mask_ious
from bgnb.plots.base import MASK, OUTLINE, SERIES, TARGETNESS, array, cut_out, legend_above, outline, panels, picture, show_image
from bgnb.windows import starts


def draw_cover(photo: Tensor, patch: int, stride: int) -> Figure:
    """Some of the windows that slide over a photo, and how many of them cover every pixel.

    Returns a Figure; ``.numbers`` holds the count of "windows" and the most that cover a pixel, "most".
    """
    rows, columns = (starts(length, patch, stride) for length in photo.shape[1:])
    cover = merge_windows(torch.ones(1, len(rows), len(columns)), patch, stride, tuple(photo.shape[1:]), "add")[0].numpy()
    figure, axes = panels(1, 2, height=4.3)
    figure.numbers = {"windows": len(rows) * len(columns), "most": round(float(cover.max()))}
    show_image(axes[0, 0], picture(photo), f"{len(rows)} x {len(columns)} windows of {patch} pixels")
    middle = rows[len(rows) // 2]
    shades = LinearSegmentedColormap.from_list("", ["#0072B2", "#56B4E9"])
    shown = columns[: max(2, min(len(columns), 5))]
    for number, left in enumerate(shown):
        for colour, width in (("white", 4), (shades(number / len(shown)), 2.2)):
            axes[0, 0].add_patch(Rectangle((left - 0.5, middle - 0.5), patch, patch, fill=False, ec=colour, lw=width))
    shown = show_image(axes[0, 1], cover, "windows that cover a pixel", cmap="viridis", vmin=0)
    figure.colorbar(shown, ax=axes[0, 1], shrink=0.9).ax.tick_params(labelsize=11)
    return figure


def draw_map(photo: Tensor, map: Tensor, threshold: float, mask: Tensor | None = None) -> Figure:
    """Photo | targetness | opacity (paper, Fig. 5) | the outline of targetness >= map threshold.

    Args:
        photo: ``(3, H, W)`` uint8. map: ``(H, W)`` targetness. threshold: map threshold. mask: white outline, if known.

    Returns:
        A Figure; ``.numbers`` holds "outlined", the pixels at or above the threshold, and "iou", None without a mask.

    >>> figure = draw_map(torch.zeros(3, 8, 8, dtype=torch.uint8), torch.linspace(0, 1, 64).view(8, 8), 0.5)
    >>> figure.numbers
    {'outlined': 32, 'iou': None}
    """
    figure, axes = panels(1, 4, height=3.5)
    values = array(map)
    found = values >= threshold
    iou = None if mask is None else mask_ious(map[None].cpu(), mask[None].cpu(), (threshold,)).item()
    show_image(axes[0, 0], picture(photo), "photo")
    shown = show_image(axes[0, 1], values, "targetness", cmap=TARGETNESS, vmin=0, vmax=1)
    below = axes[0, 1].inset_axes([0.05, -0.13, 0.9, 0.06])  # inset: the four pictures stay in one row
    bar = figure.colorbar(shown, cax=below, orientation="horizontal", ticks=[0, threshold, 1])
    bar.ax.set_xticklabels(["0" if threshold > 0.12 else "", f"{threshold:.2f}", "1" if threshold < 0.85 else ""])
    bar.ax.axvline(threshold, color=OUTLINE, lw=3)
    show_image(axes[0, 2], cut_out(photo, values), "opacity = targetness")
    show_image(axes[0, 3], picture(photo), f"map threshold {threshold:.2f}" if iou is None else f"IoU {iou:.2f}")
    outline(axes[0, 3], found, OUTLINE)
    if mask is not None:
        outline(axes[0, 3], array(mask), MASK, 1.8, "--")
    under = ("targetness ≥ map threshold", "") if mask is None else ("targetness ≥ map threshold", "dashed: the mask")
    axes[0, 3].text(0.5, -0.03, "\n".join(under).strip(), transform=axes[0, 3].transAxes, ha="center", va="top", fontsize=11)
    figure.numbers = {"outlined": int(found.sum()), "iou": iou}
    return figure


def draw_masked(photo: Tensor, mask: Tensor) -> Figure:
    """A photo ``(3, H, W)`` uint8, and what its mask ``(H, W)`` bool cuts out of it.

    Returns:
        A Figure; ``.numbers`` holds "area", the share of the photo that the mask covers.

    >>> draw_masked(torch.zeros(3, 8, 8, dtype=torch.uint8), torch.arange(64).view(8, 8) < 16).numbers
    {'area': 0.25}
    """
    figure, axes = panels(1, 2, width=8.4, height=4.8)
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
    figure, axes = panels(1, count, height=0.75 + 9.6 / max(count, 3))
    if photo is not None:
        show_image(axes[0, 0], picture(photo), "photo")
        if mask is not None:
            outline(axes[0, 0], array(mask), MASK, 1.8, "--")
    for ax, (name, values) in zip(axes[0, photo is not None :], maps.items(), strict=True):
        title = name
        if mask is not None and threshold is not None:
            figure.numbers[name] = mask_ious(values[None].cpu(), mask[None].cpu(), (threshold,)).item()
            title += f"\nIoU {figure.numbers[name]:.2f}"
        shown = show_image(ax, array(values), title, cmap=TARGETNESS, vmin=0, vmax=1)
        if threshold is not None:
            outline(ax, array(values) >= threshold, OUTLINE)
        if mask is not None:
            outline(ax, array(mask), MASK, 1.8, "--")
    figure.colorbar(shown, ax=list(axes[0]), shrink=0.8, pad=0.02).set_label("targetness", size=13)
    return figure


def draw_curve(found: LocAcc | Mapping[str, LocAcc]) -> Figure:
    """Loc. Acc. against the map threshold, the best marked; several by name.

    >>> from bgnb import loc_acc
    >>> one = loc_acc(torch.rand(5, 8, 8), torch.rand(5, 8, 8) > 0.5)
    >>> draw_curve(one).axes[0].get_ylabel()
    'Loc. Acc. (IoU ≥ 0.4)'
    """
    several = isinstance(found, Mapping)
    found = found if several else {"": found}
    levels = {a.iou for a in found.values()}
    figure, axes = panels(height=4)
    ax = axes[0, 0]
    for (name, accuracy), colour, marker in zip(found.items(), SERIES, "osXD^v", strict=False):
        words = f"{name}: " if name else ""
        words += f"{accuracy.value:.0%} of the images at map threshold {accuracy.threshold:.2f}"
        ax.plot(accuracy.thresholds, array(accuracy.curve), color=colour, marker=marker, lw=2.5, ms=8, label=words)
        ax.plot(accuracy.threshold, accuracy.value, marker="o", ms=18, mfc="none", mec=colour, mew=2)
    ax.set(xlabel="map threshold", xlim=(0, 1), ylim=(-0.03, 1.03))
    ax.set_ylabel(f"Loc. Acc. (IoU ≥ {levels.pop()})" if len(levels) == 1 else "Loc. Acc.")
    ax.yaxis.set_major_formatter("{x:.0%}")
    ax.grid(alpha=0.3)
    legend_above(figure)
    return figure


def draw_gallery(images: Tensor, maps: Tensor, threshold: float | None = None, masks: Tensor | None = None, n: int = 6) -> Figure:
    """A column for each of the first ``n`` photos: photo, targetness, cut-out.

    Args:
        images: ``(N, 3, H, W)`` uint8. maps: ``(N, H, W)`` targetness in [0, 1].
        threshold: map threshold: the cut-out is what lies above it; None: opacity = targetness.
        masks: ``(N, H, W)`` bool or None: dashed outline, and each IoU if there is a threshold.

    >>> draw_gallery(torch.zeros(2, 3, 8, 8, dtype=torch.uint8), torch.rand(2, 8, 8)).get_size_inches().round().tolist()
    [10.0, 14.0]
    """
    n = min(n, len(images))
    tall = images.shape[2] / images.shape[3]
    figure, axes = panels(3, n, height=3 * tall * 9.6 / n + (0.5 if masks is not None and threshold is not None else 0))
    figure.get_layout_engine().set(w_pad=0.02, h_pad=0.02, wspace=0.01, hspace=0.01)
    for i, column in enumerate(axes.T):
        values = array(maps[i])
        show_image(column[0], picture(images[i]))
        show_image(column[1], values, cmap=TARGETNESS, vmin=0, vmax=1)
        show_image(column[2], cut_out(images[i], values if threshold is None else (values >= threshold).astype(float)))
        if masks is not None:
            outline(column[1], array(masks[i]), MASK, 1.8, "--")
            if threshold is not None:
                column[2].set_title(
                    f"IoU {mask_ious(maps[i : i + 1].cpu(), masks[i : i + 1].cpu(), (threshold,)).item():.2f}", size=13
                )
    words = ("photo", "targetness", "opacity" if threshold is None else f"targetness ≥ {threshold:.2f}")
    for ax, word in zip(axes[:, 0], words, strict=True):
        ax.text(-0.06, 0.5, word, transform=ax.transAxes, rotation=90, ha="right", va="center", fontsize=13)
    return figure
