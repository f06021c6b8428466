"""How cost grows with the images, their size, the patch, the stride and the ratio: ``figures/cost_growth.png``.

One thing changes at a time, from 32 pictures of 128 pixels, patch 24, stride 4, ratio 1. Medians of three runs of ``tiny``.
"""

import sys
from pathlib import Path

from compare import pictures, times
from matplotlib.ticker import NullFormatter, ScalarFormatter

import bgnb
from bgnb.device import keep_memory, processor
from bgnb.plots import panels
from bgnb.study.tables import put_into

BASE = dict(images=32, size=128, patch=24, stride=4, ratio=1)
STEPS = {
    "images": (16, 32, 64),
    "size": (64, 96, 128, 192),
    "patch": (16, 24, 32, 48),
    "stride": (2, 4, 8, 16),
    "ratio": (1, 2, 4),
}
WORDS = {"images": "images", "size": "image side, px", "patch": "patch side, px", "stride": "stride, px", "ratio": "ratio"}
LINES = {
    "an epoch of training": ("#0072B2", "o"),
    "maps, window by window": ("#E69F00", "s"),
    "maps, dense": ("#AA4499", "X"),
}


def measure(images: int, size: int, patch: int, stride: int, ratio: float) -> list[float]:
    """Seconds of an epoch, of the maps by windows, of the maps by sliding the whole network."""
    imageset = pictures(images, size)
    run = bgnb.Run(size=size, patch=patch, stride=stride, ratio=ratio, epochs=1, device="cpu")
    model = bgnb.build("tiny", patch).eval()

    def maps(mode: str):
        scores = bgnb.score_windows(model, imageset.targets, patch, stride, mode, "auto")
        return bgnb.targetness(scores, patch, stride, size)

    works = [lambda: bgnb.fit(imageset, run, progress=False), lambda: maps("dense")]
    windows = len(bgnb.starts(size, patch, stride)) ** 2 * images * patch**2
    if windows < 1e8:  # one by one the others take minutes: that is the point
        return [*times(works[0], lambda: maps("windows"), works[1], rounds=3)]
    epoch, dense = times(*works, rounds=3)
    return [epoch, float("nan"), dense]


def main() -> None:
    keep_memory()
    figure, axes = panels(1, len(STEPS), width=14, height=4.2, sharey=True)
    for ax, (name, steps) in zip(axes[0], STEPS.items(), strict=True):
        seconds = [measure(**(BASE | {name: step})) for step in steps]
        for (word, (colour, marker)), values in zip(LINES.items(), zip(*seconds, strict=True), strict=True):
            ax.plot(steps, values, color=colour, marker=marker, lw=2.5, ms=8, label=word)
            print(name, word, [round(value, 3) for value in values], file=sys.stderr)
        ax.set(xscale="log", yscale="log", xlabel=WORDS[name])
        ax.set_xticks(steps, steps)
        ax.xaxis.set_minor_formatter(NullFormatter())
        ax.yaxis.set_major_formatter(ScalarFormatter())
        ax.axvline(BASE[name], color="0.8", zorder=0)
        ax.grid(axis="y", alpha=0.3)
    axes[0, 0].set_ylabel("seconds")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=3, frameon=False, fontsize=13)
    root = Path(__file__).parents[2]
    figure.savefig(root / "figures" / "cost_growth.png", metadata={"Software": None})
    words = f"*`tiny`, measured on {processor()}. The grey lines are the values that stay in the other panels.*"
    put_into(root / "docs" / "speed.md", "growth", words)


if __name__ == "__main__":
    main()
