"""Every figure of the lessons and of the command line: plain functions ``draw_*(...) -> Figure``.

A figure is made without pyplot: nothing is shown twice and nothing stays open. Some carry what they show as numbers, in
``figure.numbers``, so that prose and tests need not read them off the picture. Photos are ``(3, H, W)`` uint8 tensors,
maps ``(H, W)`` in [0, 1], masks ``(H, W)`` bool, on any device.
"""

import io
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor

from bgnb.data import ImageSet
from bgnb.metrics import LocAcc, mask_ious
from bgnb.patches import Patches
from bgnb.tools import InputError
from bgnb.windows import spread, starts

# Colour (told apart by colour-blind people, too), marker, words. T stands for what is P or F when no mask tells which.
KINDS_STYLE = {
    "P": ("#0072B2", "o", "P: shows the target"),
    "F": ("#E69F00", "X", "F: target image, no target"),
    "N": ("#AA4499", "s", "N: background image"),
    "T": ("#56B4E9", "D", "P or F: no mask tells"),
}
TARGETNESS = "magma"  # dark = background, bright = target
# Backgroundness from 0 (the colour of P) to 1 (the colour of N).
BACKGROUNDNESS = LinearSegmentedColormap.from_list("backgroundness", ["#0072B2", "#F7F7F7", "#AA4499"])
OUTLINE = "#00E5FF"  # of the thresholded map, on photos
MASK = "#FFFFFF"  # outline of the mask, on photos
PLAIN = 0.93  # grey of the ground behind a cut-out
FONT = {"font.size": 13, "axes.titlesize": 14, "axes.labelsize": 13, "legend.fontsize": 11}


class Drawing(Figure):
    """A Figure that a notebook shows by itself, without pyplot; ``numbers`` holds what it shows."""

    def _repr_png_(self) -> bytes:
        return png(self)


def png(figure: Figure) -> bytes:
    """A figure as the bytes of a PNG."""
    file = io.BytesIO()
    figure.savefig(file, format="png")
    return file.getvalue()


def panels(rows: int = 1, columns: int = 1, width: float = 9.6, height: float = 3.6, **options) -> tuple[Figure, np.ndarray]:
    """An empty figure, inches wide and high, and its axes ``(rows, columns)``; letters large enough for the last row of a room.

    >>> figure, axes = panels(2, 3)
    >>> axes.shape
    (2, 3)
    """
    figure = Drawing(figsize=(width, height), dpi=100, layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False, **options)
    for ax in axes.flat:
        ax.title.set_size(FONT["axes.titlesize"])
        ax.xaxis.label.set_size(FONT["axes.labelsize"])
        ax.yaxis.label.set_size(FONT["axes.labelsize"])
        ax.tick_params(labelsize=11)
        ax.spines[["top", "right"]].set_visible(False)
    figure.numbers = {}
    return figure, axes


def picture(pixels: Tensor) -> np.ndarray:
    """``(3, H, W)`` -> ``(H, W, 3)`` on the CPU, as matplotlib wants it."""
    return pixels.permute(1, 2, 0).cpu().numpy()


def array(values) -> np.ndarray:
    """A tensor on any device, or anything else, as a NumPy array."""
    return values.detach().cpu().numpy() if isinstance(values, Tensor) else np.asarray(values)


def show(ax: Axes, image: np.ndarray, title: str = "", **options):
    """An image without ticks or frame; options go to ``imshow``."""
    ax.set_axis_off()
    ax.set_title(title)
    return ax.imshow(image, **options)


def outline(ax: Axes, region: np.ndarray, colour: str, width: float = 2.2, line: str = "-") -> None:
    """The border of a region ``(H, W)`` bool; the margin around it closes borders that run along the picture's edge."""
    if not region.any():
        return
    field = np.pad(region.astype(float), 1)
    height, across = region.shape
    along, down = np.arange(-1, across + 1), np.arange(-1, height + 1)
    if line != "-":  # dashes need a dark line below them on bright ground
        ax.contour(along, down, field, [0.5], colors="black", linewidths=width + 0.6, linestyles="-", alpha=0.7)
    ax.contour(along, down, field, [0.5], colors=colour, linewidths=width, linestyles=line)
    ax.set(xlim=(-1, across), ylim=(height, -1))


def cut_out(photo: Tensor, alpha: np.ndarray) -> np.ndarray:
    """``(H, W, 3)`` in [0, 1]: the photo, ``alpha`` (H, W) opaque, on a plain ground."""
    return PLAIN + (picture(photo) / 255 - PLAIN) * alpha[..., None]


def kind_of(patches: Patches) -> np.ndarray:
    """The patches' kinds; without masks "T" (P or F) for those of target images."""
    return patches.kind if patches.kind is not None else np.where(array(patches.label) == 1, "N", "T")


def noise_rate(patches: Patches, line: float | None = None) -> float:
    """Label-noise rate: the share of F among the patches of target images; no number without masks or patches.

    >>> zeros = torch.zeros(4, dtype=torch.int64)
    >>> patches = Patches(torch.zeros(4, 3, 8, 8), zeros, zeros, zeros, zeros, torch.tensor([0.0, 0.05, 0.2, 0.9]))
    >>> noise_rate(patches), noise_rate(patches, line=0.5)
    (0.5, 0.75)
    """
    if patches.target_fraction is None:
        return float("nan")
    of_target = patches.label == 0
    return (patches.target_fraction[of_target] < (patches.line if line is None else line)).float().mean().item()


def draw_patches(imageset: ImageSet, patches: Patches, n: int = 4, first: int = 0) -> Figure:
    """Target images (above) and background images (below) with the frames of their patches, coloured by kind.

    Args:
        imageset: where the patches were cut. n: photos in a row. first: number of the first photo.

    Returns:
        A Figure; ``.numbers`` holds how many patches of each kind there are, and "noise", the label-noise rate.
    """
    n = min(n, len(imageset.targets), len(imageset.backgrounds))
    figure, axes = panels(2, n, height=0.3 + 2 * 9.6 / n)
    kind, side = kind_of(patches), patches.pixels.shape[-1]
    label, image, top, left = (array(t) for t in (patches.label, patches.image, patches.top, patches.left))
    for row, images in enumerate((imageset.targets, imageset.backgrounds)):
        for column in range(n):
            number = (first + column) % len(images)
            show(axes[row, column], picture(images[number]))
            for i in np.flatnonzero((label == row) & (image == number)):
                frame(axes[row, column], left[i], top[i], side, kind[i])
    counts = {name: int((kind == name).sum()) for name in KINDS_STYLE if (kind == name).any()}
    figure.numbers = counts | {"noise": noise_rate(patches)}
    noise = "" if patches.kind is None else f"label noise: {figure.numbers['noise']:.0%} of the target images' patches are F"
    key(figure, counts, noise)
    return figure


def frame(ax: Axes, left: int, top: int, side: int, kind: str) -> None:
    """A patch's frame with a white rim and the letter of its kind, readable on any photo."""
    colour = KINDS_STYLE[kind][0]
    for rim, width in (("white", 4), (colour, 2.4)):
        ax.add_patch(Rectangle((left - 0.5, top - 0.5), side, side, fill=False, edgecolor=rim, linewidth=width))
    letter = "?" if kind == "T" else kind
    box = dict(facecolor=colour, edgecolor="none", pad=1.2)
    ax.text(left + 0.5, top + 0.5, letter, color="white", fontsize=9, weight="bold", va="top", ha="left", bbox=box, clip_on=True)


def key(figure: Figure, kinds: Sequence[str], title: str = "") -> None:
    """What the colours mean, above everything, with a title."""
    handles = [Rectangle((0, 0), 1, 1, fill=False, ec=KINDS_STYLE[k][0], lw=2.4) for k in kinds]
    names = [KINDS_STYLE[k][2] for k in kinds]
    figure.legend(
        handles,
        names,
        loc="outside upper center",
        ncols=len(names),
        frameon=False,
        fontsize=12,
        title=title or None,
        title_fontsize=14,
    )


def draw_kind_strip(patches: Patches, n: int = 10, scores=None, title: str = "") -> Figure:
    """Examples of every kind, a row each; with ``scores`` (backgroundness of every patch) their colour and number below.

    The same patches are shown at every call, the first ``n`` of each kind: only their scores change.
    """
    kind = kind_of(patches)
    found = [name for name in KINDS_STYLE if (kind == name).any()]
    step = 1.18 if scores is None else 1.4  # from row to row, in patches
    across, down = 1.1 * n + 2.4, step * len(found)
    figure, axes = panels(height=9.6 * down / (across + (1.2 if scores is not None else 0)) + (0.5 if title else 0.15))
    ax = axes[0, 0]  # one for all: thirty would take a second to draw
    show(ax, np.zeros((1, 1)), title, alpha=0)
    for row, name in enumerate(found):
        colour, _, words = KINDS_STYLE[name]
        letter, _, rest = words.partition(": ")
        ax.text(-2.3, step * row + 0.5, "?" if name == "T" else letter, va="center", color=colour, weight="bold", fontsize=26)
        ax.text(
            -1.75,
            step * row + 0.5,
            rest.replace(", ", ",\n").replace(" the ", "\nthe ").replace("d im", "d\nim"),
            va="center",
            fontsize=11,
        )
        for column, i in enumerate(np.flatnonzero(kind == name)[:n]):
            left, top, text = 1.1 * column, step * row, ""
            if scores is not None:
                colour, text = BACKGROUNDNESS(float(scores[i])), f"{float(scores[i]):.2f}"
            ax.imshow(picture(patches.pixels[i]), extent=(left, left + 1, top + 1, top))
            ax.add_patch(Rectangle((left, top), 1, 1, fill=False, edgecolor=colour, linewidth=4 if scores is None else 7))
            ax.text(left + 0.5, top + 1.07, text, ha="center", va="top", fontsize=12)
            if scores is None and name in "PF":
                box = dict(facecolor="white", alpha=0.85, edgecolor="none", pad=1)
                ax.text(left + 0.08, top + 0.9, f"{float(patches.target_fraction[i]):.0%}", fontsize=11, bbox=box)
    ax.set(xlim=(-2.4, 1.1 * n), ylim=(down, -0.06), aspect="equal")
    if scores is not None:
        bar = figure.colorbar(ScalarMappable(cmap=BACKGROUNDNESS), ax=ax, shrink=0.85, pad=0.01)
        bar.set_label("backgroundness", size=13)
    return figure


def draw_noise_curve(curves: Mapping[str, tuple[Sequence[float], Sequence[float], float]]) -> Figure:
    """Label-noise rate (share of F among target-image patches) against one or more settings, a panel each.

    Args:
        curves: what the x axis says -> (x values, rates, the x value that the lesson uses).

    >>> draw_noise_curve({"patch (pixels)": ([16, 32], [0.7, 0.5], 24)}).axes[0].get_ylabel()
    'label-noise rate'
    """
    figure, axes = panels(1, len(curves), height=3.8, sharey=True)
    for ax, (name, (x, rates, here)) in zip(axes[0], curves.items(), strict=True):
        ax.plot(x, rates, color=KINDS_STYLE["F"][0], marker=KINDS_STYLE["F"][1], lw=3, ms=9)
        ax.axvline(here, color="0.35", ls="--")
        ax.annotate("this lesson", (here, 0.03), xytext=(5, 0), textcoords="offset points", fontsize=11, color="0.35")
        ax.set(xlabel=name, ylim=(0, 1))
        ax.grid(alpha=0.3)
        ax.yaxis.set_major_formatter("{x:.0%}")
    axes[0, 0].set_ylabel("label-noise rate")
    return figure


def draw_losses(losses: Sequence[float], at: int | None = None) -> Figure:
    """Mean loss of every epoch, from 1; a dot at epoch ``at``."""
    figure, axes = panels(height=3.2)
    ax = axes[0, 0]
    epochs = np.arange(1, len(losses) + 1)
    ax.plot(epochs, losses, color="0.2", lw=2.5, marker="." if len(losses) < 60 else None)
    if at is not None:
        ax.plot(at, losses[at - 1], "o", color="#D55E00", ms=11)
    ax.set(xlabel="epoch", ylabel="mean loss", xlim=(0.5, len(losses) + 0.5))
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.grid(alpha=0.3)
    return figure


def draw_medians(history, kind: np.ndarray, bayes: float | None = None, at: int | None = None) -> Figure:
    """Median backgroundness of each kind, epoch by epoch.

    Args:
        history: ``(epochs, n)`` backgroundness of the same n patches after every epoch. kind: ``(n,)`` their kinds.
        bayes: dashed line, what the best classifier gives F and N. at: an epoch to mark.
    """
    figure, axes = panels(height=4)
    ax, history = axes[0, 0], array(history)
    epochs = np.arange(1, len(history) + 1)
    for name in [k for k in KINDS_STYLE if (kind == k).any()]:
        colour, marker, words = KINDS_STYLE[name]
        ax.plot(epochs, np.median(history[:, kind == name], axis=1), color=colour, marker=marker, lw=2.5, ms=7, label=words)
    if bayes is not None:
        ax.axhline(bayes, color="0.2", ls="--", lw=2, label="r / (r + 1 $-$ π)")
    if at is not None:
        ax.axvline(at, color="0.35", lw=1)
    ax.set(xlabel="epoch", ylabel="median backgroundness", ylim=(0, 1), xlim=(0.5, len(history) + 0.5))
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.grid(alpha=0.3)
    figure.legend(loc="outside upper center", ncols=4, frameon=False, fontsize=11)
    return figure


def draw_scores(scores: Mapping[str, np.ndarray], bayes: float | None = None, title: str = "", bins: int = 20) -> Figure:
    """Relative frequency of backgroundness by kind, a panel each (paper, Fig. 4), with the median and r / (r + 1 - pi).

    Args:
        scores: kind -> ``(n,)`` backgroundness. bayes: dashed line in the panels of F and N.

    Returns:
        A Figure; ``.numbers`` holds each kind's median.
    """
    found = {k: array(scores[k]) for k in KINDS_STYLE if k in scores and len(scores[k])}
    if not found:
        raise InputError("scores: there is no patch of any kind")
    figure, axes = panels(len(found), 1, height=0.8 + 1.5 * len(found), sharex=True, sharey=True)
    for ax, (name, values) in zip(axes[:, 0], found.items(), strict=True):
        colour, _, words = KINDS_STYLE[name]
        ax.hist(values, bins, range=(0, 1), weights=np.full(len(values), 1 / len(values)), color=colour, alpha=0.85)
        figure.numbers[name] = float(np.median(values))
        ax.axvline(figure.numbers[name], color=colour, lw=3)
        ax.text(
            0.01,
            0.94,
            f"{words}\nmedian {figure.numbers[name]:.2f}",
            transform=ax.transAxes,
            va="top",
            fontsize=12,
            color=colour,
            weight="bold",
        )
        if bayes is not None and name != "P":
            ax.axvline(bayes, color="0.1", ls="--", lw=2, label=f"r / (r + 1 $-$ π) = {bayes:.2f}")
        ax.set(xlim=(0, 1))
        ax.yaxis.set_major_formatter("{x:.0%}")
    top = max(ax.get_ylim()[1] for ax in axes.flat)
    axes[0, 0].set_ylim(0, 1.35 * top)
    axes[-1, 0].set_xlabel("backgroundness")
    figure.supylabel("relative frequency", fontsize=13)
    handles = [h for ax in axes[:, 0] for h in ax.get_legend_handles_labels()[0]][:1]
    if handles:
        figure.legend(handles=handles, loc="outside upper right", frameon=False, fontsize=12)
    figure.suptitle(title, fontsize=14)
    return figure


def draw_cover(photo: Tensor, patch: int, stride: int) -> Figure:
    """Some of the windows that slide over a photo, and how many of them cover every pixel.

    Returns a Figure; ``.numbers`` holds the count of "windows" and the most that cover a pixel, "most".
    """
    rows, columns = (starts(length, patch, stride) for length in photo.shape[1:])
    cover = spread(torch.ones(1, len(rows), len(columns)), patch, stride, tuple(photo.shape[1:]), "add")[0].numpy()
    figure, axes = panels(1, 2, height=4.3)
    figure.numbers = {"windows": len(rows) * len(columns), "most": round(float(cover.max()))}
    show(axes[0, 0], picture(photo), f"{len(rows)} x {len(columns)} windows of {patch} pixels")
    middle = rows[len(rows) // 2]
    shades = LinearSegmentedColormap.from_list("", ["#0072B2", "#56B4E9"])
    shown = columns[: max(2, min(len(columns), 5))]
    for number, left in enumerate(shown):
        for colour, width in (("white", 4), (shades(number / len(shown)), 2.2)):
            axes[0, 0].add_patch(Rectangle((left - 0.5, middle - 0.5), patch, patch, fill=False, ec=colour, lw=width))
    shown = show(axes[0, 1], cover, "windows that cover a pixel", cmap="viridis", vmin=0)
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
    show(axes[0, 0], picture(photo), "photo")
    shown = show(axes[0, 1], values, "targetness", cmap=TARGETNESS, vmin=0, vmax=1)
    below = axes[0, 1].inset_axes([0.05, -0.13, 0.9, 0.06])  # inset: the four pictures stay in one row
    bar = figure.colorbar(shown, cax=below, orientation="horizontal", ticks=[0, threshold, 1])
    bar.ax.set_xticklabels(["0" if threshold > 0.12 else "", f"{threshold:.2f}", "1" if threshold < 0.85 else ""])
    bar.ax.axvline(threshold, color=OUTLINE, lw=3)
    show(axes[0, 2], cut_out(photo, values), "opacity = targetness")
    show(axes[0, 3], picture(photo), f"map threshold {threshold:.2f}" if iou is None else f"IoU {iou:.2f}")
    outline(axes[0, 3], found, OUTLINE)
    if mask is not None:
        outline(axes[0, 3], array(mask), MASK, 1.8, "--")
    under = ("targetness ≥ map threshold", "") if mask is None else ("targetness ≥ map threshold", "dashed: the mask")
    axes[0, 3].text(0.5, -0.03, "\n".join(under).strip(), transform=axes[0, 3].transAxes, ha="center", va="top", fontsize=11)
    figure.numbers = {"outlined": int(found.sum()), "iou": iou}
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
        show(axes[0, 0], picture(photo), "photo")
        if mask is not None:
            outline(axes[0, 0], array(mask), MASK, 1.8, "--")
    for ax, (name, values) in zip(axes[0, photo is not None :], maps.items(), strict=True):
        title = name
        if mask is not None and threshold is not None:
            figure.numbers[name] = mask_ious(values[None].cpu(), mask[None].cpu(), (threshold,)).item()
            title += f"\nIoU {figure.numbers[name]:.2f}"
        shown = show(ax, array(values), title, cmap=TARGETNESS, vmin=0, vmax=1)
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
    colours = ["#0072B2", "#E69F00", "#AA4499", "#009E73", "#D55E00", "0.3"]
    for (name, accuracy), colour, marker in zip(found.items(), colours, "osXD^v", strict=False):
        words = f"{name}: " if name else ""
        words += f"{accuracy.value:.0%} of the images at map threshold {accuracy.threshold:.2f}"
        ax.plot(accuracy.thresholds, array(accuracy.curve), color=colour, marker=marker, lw=2.5, ms=8, label=words)
        ax.plot(accuracy.threshold, accuracy.value, marker="o", ms=18, mfc="none", mec=colour, mew=2)
    ax.set(xlabel="map threshold", xlim=(0, 1), ylim=(-0.03, 1.03))
    ax.set_ylabel(f"Loc. Acc. (IoU ≥ {levels.pop()})" if len(levels) == 1 else "Loc. Acc.")
    ax.yaxis.set_major_formatter("{x:.0%}")
    ax.grid(alpha=0.3)
    figure.legend(loc="outside upper center", frameon=False, fontsize=12, ncols=1)
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
        show(column[0], picture(images[i]))
        show(column[1], values, cmap=TARGETNESS, vmin=0, vmax=1)
        show(column[2], cut_out(images[i], values if threshold is None else (values >= threshold).astype(float)))
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
