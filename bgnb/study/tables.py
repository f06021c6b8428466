"""Tables of a comparison: every method, yardstick and ceiling on every pair of target and scene, from stored results."""

from collections.abc import Iterable
from itertools import chain

import numpy as np

# Name in tables -> method, ratio, learning rate: what comparison_development.yml chose, the same way for all.
SETTINGS = {
    "background x1": ("background", 1, 0.01),
    "background x2": ("background", 2, 0.03),
    "CAM": ("cam", 1, 0.003),
    "ADL": ("adl", 1, 0.003),
    "HaS": ("has", 1, 0.003),
    "CutMix": ("cutmix", 1, 0.003),
}
NAMES = {"background": "background", "cam": "CAM", "adl": "ADL", "has": "HaS", "cutmix": "CutMix"}


def method_name(run: dict) -> str:
    """What a run's method is called in tables.

    >>> method_name({"method": "background", "ratio": 2}), method_name({"method": "has", "ratio": 1})
    ('background x2', 'HaS')
    """
    return f"background x{run['ratio']:g}" if run["method"] == "background" else NAMES[run["method"]]


def interval_over_seeds(values: np.ndarray, confidence: float = 0.95, draws: int = 2000) -> tuple[float, float]:
    """Bootstrap interval of a mean over seeds and images: seeds are drawn anew, then images within each.

    Args:
        values: ``(seeds, images)``, or ``(pairs, seeds, images)``: each pair is drawn by itself, the mean is over all.

    >>> low, high = interval_over_seeds(np.tile([0, 1], (3, 50)))
    >>> 0.4 < low < 0.46 and 0.54 < high < 0.6
    True
    """
    rng = np.random.default_rng(0)
    values = np.asarray(values, float)
    values = values[None] if values.ndim == 2 else values
    means = np.zeros(draws)
    seeds, images = values.shape[1:]
    for pair in values:
        seed = rng.integers(seeds, size=(draws, seeds, 1))
        means += pair[seed, rng.integers(images, size=(draws, seeds, images))].mean((1, 2)) / len(values)
    low, high = np.quantile(means, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def hits(results: Iterable[dict]) -> dict[str, dict[str, np.ndarray]]:
    """Method -> pair -> ``(seeds, images)`` of 0 and 1: which image is found (IoU 0.40, each seed's best map threshold).

    With ``complete`` results a pair's arrays fit together image by image.
    """
    table = {}
    for result in sorted(results, key=lambda r: r["run"]["seed"]):
        of_method = table.setdefault(method_name(result["run"]), {})
        of_method.setdefault(pair_name(result["run"]), []).append([int(hit) for hit in result["hits"]])
    return {method: {pair: np.array(seeds) for pair, seeds in pairs.items()} for method, pairs in table.items()}


def pair_name(run: dict) -> str:
    """Target and scene of a run."""
    return f"{run['target']}, {run['scene']}"


def complete(results: Iterable[dict]) -> list[dict]:
    """The results of those seeds that every method has been measured with on every pair (a sweep may not have ended yet)."""
    seen = {}
    for result in results:
        seen.setdefault(result["run"]["seed"], {})[method_name(result["run"]), pair_name(result["run"])] = result
    most = max(map(len, seen.values()), default=0)
    return [result for found in seen.values() if len(found) == most for result in found.values()]


def references(results: Iterable[dict]) -> dict[str, dict[str, list[dict]]]:
    """Yardstick or ceiling -> pair -> the panels of its metrics, one for each seed."""
    table = {}
    for result in results:
        pair = pair_name(result["run"])
        for other, numbers in (result["baselines"] | result.get("ceilings", {})).items():
            if "metrics" in numbers:
                table.setdefault(other, {}).setdefault(pair, []).append(numbers["metrics"])
    return table


def verdict(low: float, high: float) -> str:
    """A difference's interval in a word: win, loss, or tie where it holds 0.

    >>> verdict(0.1, 0.2), verdict(-0.1, 0.1), verdict(-0.2, -0.1)
    ('win', 'tie', 'loss')
    """
    return "win" if low > 0 else "loss" if high < 0 else "tie"


def accuracy_table(results: list[dict]) -> list[list[str]]:
    """Loc. Acc. at IoU 0.40 of all methods, yardsticks and ceilings, pair by pair; the mean with its interval."""
    found, others = hits(results), references(results)
    pairs = list(next(iter(found.values())))
    rows = [["Loc. Acc., IoU 0.40", *pairs, "mean [95 %]"]]
    for method, by_pair in found.items():
        low, high = interval_over_seeds(np.stack(list(by_pair.values())))
        means = [by_pair[pair].mean() for pair in pairs]
        rows.append([method, *(f"{m:.2f}" for m in means), f"**{np.mean(means):.2f}** [{low:.2f}, {high:.2f}]"])
    for other, by_pair in others.items():
        means = [np.mean([panel["loc_acc"]["0.4"] for panel in by_pair[pair]]) for pair in pairs]
        rows.append([f"*{other}*", *(f"{m:.2f}" for m in means), f"{np.mean(means):.2f}"])
    return rows


def difference_table(results: list[dict], to: str = "CAM") -> list[list[str]]:
    """Paired difference in Loc. Acc. to one method, image by image, with its interval over seeds and images."""
    found = hits(results)
    pairs = list(found[to])
    rows = [[f"minus {to}, image by image", *pairs, "mean", "wins, ties, losses"]]
    for method in found:
        if method != to:
            differences = [found[method][pair] - found[to][pair] for pair in pairs]
            cells, words = [], []
            for difference in [*differences, np.stack(differences)]:
                low, high = interval_over_seeds(difference)
                words.append(verdict(low, high))
                cells.append(f"{difference.mean():+.2f} [{low:+.2f}, {high:+.2f}] {words[-1]}")
            counts = (str(words[:-1].count(word)) for word in ("win", "tie", "loss"))
            rows.append([method, *cells, ", ".join(counts)])
    return rows


def panel_table(results: list[dict]) -> list[list[str]]:
    """Every metric, as the mean over pairs and seeds."""
    panels = {}
    for result in results:
        panels.setdefault(method_name(result["run"]), []).append(result["metrics"])
    panels |= {f"*{other}*": list(chain(*by_pair.values())) for other, by_pair in references(results).items()}
    levels = list(next(iter(panels.values()))[0]["loc_acc"])
    head = [f"mask {level}" for level in levels] + ["mask 0.4, held-out threshold"] + [f"box {level}" for level in levels]
    rows = [["", *head, "MaxBoxAccV2", "PxAP", "peak IoU", "pointing"]]
    for method, several in panels.items():
        columns = [[p["loc_acc"][level] for p in several] for level in levels]
        columns += [[p["held_out"]["0.4"] for p in several]]
        columns += [[p["loc_acc_box"][level] for p in several] for level in levels]
        columns += [[p[key] for p in several] for key in ("max_box_acc_v2", "pxap", "peak_iou", "pointing")]
        rows.append([method, *(f"{np.mean(column):.2f}" for column in columns)])
    return rows


def settings_table(results: list[dict]) -> list[list[str]]:
    """What every method was trained with."""
    rows = [["", "learning rate", "epochs", "in a batch", "updates"]]
    for result in {method_name(r["run"]): r for r in results}.values():
        run, shown = result["run"], result["images"]["targets"]
        patches = run["method"] == "background"
        batches = -(-round(shown * (1 + run["ratio"]) * (run["per_image"] if patches else 1)) // run["batch"])
        batch = f"{run['batch']} {'patches' if patches else 'images'}"
        rows.append([method_name(run), f"{run['lr']:g}", str(result["epochs_run"]), batch, str(result["epochs_run"] * batches)])
    return rows


def comparison(results: list[dict]) -> str:
    """All tables in Markdown: for photographs, then for drawn scenes; at the end what every method was trained with."""
    blocks = []
    for word, source in (("Photographs", lambda s: s != "scenes"), ("Drawn scenes", lambda s: s == "scenes")):
        chosen = complete(r for r in results if source(r["run"]["source"]))
        if chosen:
            seeds, images = len({r["run"]["seed"] for r in chosen}), chosen[0]["images"]["targets"]
            tables = [accuracy_table(chosen), difference_table(chosen), panel_table(chosen)]
            blocks += [
                f"**{word}**, {images} target images a pair, {seeds} seeds",
                *map(markdown, tables),
            ]
    return "\n\n".join([*blocks, markdown(settings_table(results))])


def rates(results: Iterable[dict]) -> dict[str, dict[float, tuple[float, float]]]:
    """Method -> learning rate -> Loc. Acc. and PxAP, each a mean over the development sets."""
    table = {}
    for result in results:
        one = table.setdefault(method_name(result["run"]), {}).setdefault(result["run"]["lr"], [])
        one.append((result["loc_acc"], result["pxap"]))
    return {m: {lr: tuple(np.mean(found, 0).tolist()) for lr, found in sorted(by.items())} for m, by in table.items()}


def chosen_rates(results: Iterable[dict]) -> dict[str, float]:
    """Method -> the learning rate with the best Loc. Acc. on the development sets; PxAP decides between equals."""
    return {method: max(found, key=found.get) for method, found in rates(results).items()}


def rates_table(results: list[dict]) -> str:
    """Loc. Acc. of every method at every learning rate, the chosen one in bold."""
    table, best = rates(results), chosen_rates(results)
    columns = sorted({lr for found in table.values() for lr in found})
    rows = [["Loc. Acc. at learning rate", *(f"{lr:g}" for lr in columns)]]
    for method, found in table.items():
        cells = [f"{found[lr][0]:.2f}" if lr in found else "" for lr in columns]
        rows.append([method, *(f"**{c}**" if lr == best[method] else c for c, lr in zip(cells, columns, strict=True))])
    return markdown(rows)


def markdown(rows: list[list[str]]) -> str:
    """Rows, the first of them the head, as a Markdown table."""
    return "\n".join(f"| {' | '.join(row)} |" for row in [rows[0], ["---"] * len(rows[0]), *rows[1:]])
