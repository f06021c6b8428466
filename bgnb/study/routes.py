"""Three routes to a higher ratio: crop more background, weight it more, or add log k to the logit after training."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from torch import Tensor

from bgnb.data import ImageSet
from bgnb.files import progress_bar
from bgnb.maps import targetness
from bgnb.metrics import loc_acc
from bgnb.networks import Network
from bgnb.settings import Run
from bgnb.study.intervals import bootstrap_interval, share_above
from bgnb.study.runs import kind_scores
from bgnb.study.theory import shift
from bgnb.training import trained
from bgnb.windows import score_windows

ROUTES = ("more crops", "loss weight", "log k afterwards")


def route(run: Run, name: str, k: float) -> Run:
    """The run to train for ratio ``k`` by one of ROUTES. All get the same number of updates (to the nearest epoch).

    >>> [route(Run(epochs=30), name, 4).epochs_run for name in ROUTES]
    [12, 30, 30]
    """
    plain = replace(run, ratio=1, background_weight=1, equal_updates=True)
    changes = {"more crops": {"ratio": k}, "loss weight": {"background_weight": k}, "log k afterwards": {}}
    return replace(plain, **changes[name])


def ranking(scores: dict[str, np.ndarray]) -> float:
    """How often a random F patch has a higher backgroundness than a random P patch: 1 = always, 0.5 = by chance.

    Only the order counts, so adding log k to every logit cannot change it.

    >>> ranking({"P": np.array([0.1, 0.6]), "F": np.array([0.5, 0.9])})
    0.75
    """
    if not (len(scores["F"]) and len(scores["P"])):
        return float("nan")
    return share_above(scores["F"], scores["P"])


def look(model: Network, imageset: ImageSet, run: Run) -> tuple[dict[str, np.ndarray], Tensor]:
    """Backgroundness of 200 patches of each kind, and of all windows ``(n, rows, columns)``."""
    images = imageset.targets.to(next(model.parameters()).device)
    windows = score_windows(model, images, run.patch, run.stride, precision=run.precision)  # as localise does
    return kind_scores(model, imageset, run), windows


def judge(scores: dict[str, np.ndarray], windows: Tensor, imageset: ImageSet, run: Run, k: float = 1) -> dict:
    """What ``look`` returned, with log ``k`` added to every logit: median of each kind, ranking, Loc. Acc. and its interval."""
    scores = {kind: shift(values, k) for kind, values in scores.items()}
    maps = targetness(shift(windows, k), run.patch, run.stride, imageset.size, run.resolved().overlap).cpu()
    found = loc_acc(maps, imageset.masks.cpu())
    medians = {kind: float(np.median(values)) if len(values) else float("nan") for kind, values in scores.items()}
    return medians | {"ranking": ranking(scores), "loc_acc": found.value, "interval": bootstrap_interval(found.hits)}


def routes(
    imageset: ImageSet, run: Run, ratios: Sequence[float] = (1, 2, 4), seeds: int = 1, progress: bool = True
) -> list[dict]:
    """Every route to every ratio, for each seed, at equal updates.

    Args:
        imageset: pictures with masks.
        run: parameters. Its ratio and its seed are replaced.
        ratios: the values of k.
        seeds: number of networks of each sort, from ``run.seed`` on.
        progress: show a bar.

    Returns:
        One row for each: "route", "k", "seed", median backgroundness "P", "F", "N", "ranking", "loc_acc", "interval".
    """
    jobs = [(name, k, run.seed + i) for i in range(seeds) for k in ratios for name in ROUTES]
    rows, seen = [], {}
    for name, k, seed in progress_bar(jobs, "networks", progress):
        one = route(replace(run, seed=seed), name, k)
        if one not in seen:  # at k = 1 all routes are the same, and log k needs no network of its own
            seen[one] = look(trained(imageset, one, progress=False), imageset, one)
        added = k if name == "log k afterwards" else 1
        rows.append({"route": name, "k": k, "seed": seed} | judge(*seen[one], imageset, one, added))
    return rows
