"""Stored results as tidy frames, and frames as Markdown tables."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from bgnb.files import InputError, atomic_write
from bgnb.settings import METHODS, Machine, Run, names
from bgnb.study.intervals import bootstrap_interval, bootstrap_over_seeds
from bgnb.training import count_updates

# Name in tables -> method, ratio, learning rate. The grid comparison_development chose the rates, in the same way for all.
SETTINGS = {
    "background x1": ("background", 1, 0.01),
    "background x2": ("background", 2, 0.03),
    "CAM": ("cam", 1, 0.003),
    "ADL": ("adl", 1, 0.003),
    "HaS": ("has", 1, 0.003),
    "CutMix": ("cutmix", 1, 0.003),
}
SPELLED = {"cam": "CAM", "adl": "ADL", "has": "HaS", "cutmix": "CutMix"}
# Runs that differ in none of these are the same run with other seeds, perhaps on other machines.
PARAMETERS = [name for name in names(Run) if name not in ("seed", "source", *names(Machine))]
PICTURES = ["target", "scene", "camouflage", "seam_control"]


def method_name(run: dict) -> str:
    """What a run's method is called in tables.

    >>> method_name({"method": "background", "ratio": 2}), method_name({"method": "has", "ratio": 1})
    ('background x2', 'HaS')
    """
    return SPELLED.get(run["method"]) or f"background x{run['ratio']:g}"


def tidy(results: Iterable[dict]) -> pd.DataFrame:
    """One row for each result: all parameters of its run, and what tables show of it.

    "hits" holds an array ``(images,)`` of 0 and 1, "result" the result itself. Parameters that a run lacks get their defaults.
    """
    rows = []
    for result in results:
        run = dict(result["run"])
        pictures = f"{run['target']}, {run['scene']}"
        pictures += f", camouflage {run['camouflage']:g}" if run.get("camouflage") else ""
        pictures += ", seam control" if run.get("seam_control") else ""
        hits = np.array([int(hit) for hit in result["hits"]])
        rows.append(run | {"pictures": pictures, "name": method_name(run), "hits": hits, "result": result})
    frame = pd.DataFrame(rows)
    for name in PARAMETERS:
        if name not in frame:
            frame[name] = getattr(Run, name, None)
    return frame


def differing(frame: pd.DataFrame, shown: Iterable[str] = ()) -> list[str]:
    """The parameters that differ within a frame and that no column shows: a table must name them."""
    return [name for name in PARAMETERS if name not in shown and frame[name].nunique(dropna=False) > 1]


def also(run: pd.Series, parameters: Iterable[str]) -> str:
    """ ", patch 16, net resnet50": some parameters of a run in words."""
    return "".join(f", {name} {run[name]:g}" if isinstance(run[name], float) else f", {name} {run[name]}" for name in parameters)


def markdown(frame: pd.DataFrame) -> str:
    """A frame of strings as a Markdown table.

    >>> print(markdown(pd.DataFrame({"ratio": ["x1"], "Loc. Acc.": ["0.50"]})))
    | ratio   | Loc. Acc.   |
    |:--------|:------------|
    | x1      | 0.50        |
    """
    return frame.to_markdown(index=False, disable_numparse=True)


def number(values: Iterable[float]) -> str:
    """A mean with two decimals; "-" if there is nothing to average, as for F if every patch shows the target."""
    known = [value for value in values if value is not None]
    return f"{np.mean(known):.2f}" if known else "-"


# ---- one method: every run is a row ----


def runs_table(results: list[dict]) -> pd.DataFrame:
    """One row for each run: means over its seeds.

    Loc. Acc. at IoU .40 is the mean over seeds, each at its best map threshold; its interval is a bootstrap over all images
    of all seeds. Everything else is a mean over seeds.
    """
    frame = tidy(results).sort_values("seed", kind="stable")
    frame = frame.sort_values(["net", "target", "scene", "ratio", "patch", "camouflage", "seam_control"], kind="stable")
    more = differing(frame, [*PICTURES, "net", "epochs", "ratio"])
    rows = []
    for _, group in frame.groupby(PARAMETERS, dropna=False, sort=False):
        run, several = group.iloc[0], list(group["result"])
        low, high = bootstrap_interval(np.concatenate(list(group["hits"])))
        single = [result["loc_acc"] for result in several]
        rows.append({
            "target, scene": run["pictures"],
            "network": f"{run['net']}, {run['epochs']} epochs{also(run, more)}",
            "ratio": f"x{run['ratio']:g}",
            "Loc. Acc. [95 %]": f"**{number(single)}** [{low:.2f}, {high:.2f}]",
            "min-max of seeds": f"{min(single):.2f}-{max(single):.2f} ({len(single)})",
            "threshold without masks": number(result["without_masks"]["loc_acc"] for result in several),
            "PxAP": number(result["pxap"] for result in several),
            **{name: number(r["baselines"][name]["loc_acc"] for r in several) for name in several[0].get("baselines", {})},
            "median F": number(result["backgroundness"]["F"] for result in several),
            "median N": number(result["backgroundness"]["N"] for result in several),
            "r / (r + 1 - pi)": number(result["bayes_backgroundness"] for result in several),
            "median P": number(result["backgroundness"]["P"] for result in several),
            "pi": number(result["pi"] for result in several),
        })  # fmt: skip
    return pd.DataFrame(rows)


def beside(left: list[dict], right: list[dict]) -> str:
    """Two tables in one, for what both have measured (pictures, network, epochs, ratio): each cell is left / right.

    Raises InputError if they have nothing in common.
    """
    rows = ["target, scene", "network", "ratio"]
    if not (left and right):
        raise InputError("beside: one of the two holds no results")
    one, other = (runs_table(half).set_index(rows) for half in (left, right))
    both = [row for row in one.index if row in other.index]
    if not both:
        raise InputError("beside: the two have no pictures, network and ratio in common")
    columns = [c for c in one if c in other and c not in ("min-max of seeds", "PxAP", "pi")]
    return markdown((one.loc[both, columns] + " / " + other.loc[both, columns]).reset_index())


# ---- several methods: every method is a row, every pair of target and scene a column ----


def labelled(results: Iterable[dict]) -> pd.DataFrame:
    """``tidy``, but runs of one method that differ in a parameter have it in their names: two networks stay two rows."""
    frame = tidy(results).sort_values("seed", kind="stable")
    more = {name: differing(group, PICTURES) for name, group in frame.groupby("name", sort=False)}
    frame["name"] = [run["name"] + also(run, more[run["name"]]) for _, run in frame.iterrows()]
    return frame


def complete(results: list[dict]) -> list[dict]:
    """The results of those seeds that are measured for every method on every pair (a sweep may not have ended yet)."""
    frame = labelled(results)
    measured = frame.groupby("seed").size()
    return list(frame[frame["seed"].isin(measured.index[measured == measured.max()])]["result"])


def hits(results: list[dict]) -> dict[str, dict[str, np.ndarray]]:
    """Method -> pair -> ``(seeds, images)`` of 0 and 1: which image is found (IoU 0.40, each seed's best map threshold).

    With ``complete`` results a pair's arrays fit together image by image.
    """
    table = {}
    for (name, pair), group in labelled(results).groupby(["name", "pictures"], sort=False):
        table.setdefault(name, {})[pair] = np.stack(list(group["hits"]))
    return table


def references(results: list[dict]) -> pd.DataFrame:
    """Baselines and ceilings with all metrics, one row for each and each seed: "name", "pictures", "metrics"."""
    rows = []
    for _, run in tidy(results).iterrows():
        for name, numbers in (run["result"].get("baselines", {}) | run["result"].get("ceilings", {})).items():
            if "metrics" in numbers:
                rows.append({"name": f"*{name}*", "pictures": run["pictures"], "metrics": numbers["metrics"]})
    return pd.DataFrame(rows, columns=["name", "pictures", "metrics"])


def verdict(low: float, high: float) -> str:
    """A difference's interval in one word: win, loss, or tie if it contains 0.

    >>> verdict(0.1, 0.2), verdict(-0.1, 0.1), verdict(-0.2, -0.1)
    ('win', 'tie', 'loss')
    """
    return "win" if low > 0 else "loss" if high < 0 else "tie"


def accuracy_table(results: list[dict]) -> pd.DataFrame:
    """Loc. Acc. at IoU 0.40 of all methods, baselines and ceilings, pair by pair, and the mean with its interval."""
    rows = []
    for name, by_pair in hits(results).items():
        low, high = bootstrap_over_seeds(np.stack(list(by_pair.values())))
        means = {pair: found.mean() for pair, found in by_pair.items()}
        mean = f"**{number(means.values())}** [{low:.2f}, {high:.2f}]"
        rows.append({"Loc. Acc., IoU 0.40": name, **{p: f"{m:.2f}" for p, m in means.items()}, "mean [95 %]": mean})
    for name, group in references(results).groupby("name", sort=False):
        means = {p: np.mean([m["loc_acc"]["0.4"] for m in one["metrics"]]) for p, one in group.groupby("pictures", sort=False)}
        cells = {pair: f"{means[pair]:.2f}" for pair in means}
        rows.append({"Loc. Acc., IoU 0.40": name, **cells, "mean [95 %]": number(means.values())})
    return pd.DataFrame(rows)


def difference_table(results: list[dict], to: str = "CAM") -> pd.DataFrame:
    """Paired difference in Loc. Acc. from one method, image by image, with its interval over seeds and images."""
    found, rows = hits(results), []
    for name in found:
        if name == to:
            continue
        differences = {pair: found[name][pair] - found[to][pair] for pair in found[to]}
        row, words = {f"minus {to}, image by image": name}, []
        for column, difference in [*differences.items(), ("mean", np.stack(list(differences.values())))]:
            low, high = bootstrap_over_seeds(difference)
            words.append(verdict(low, high))
            row[column] = f"{difference.mean():+.2f} [{low:+.2f}, {high:+.2f}] {words[-1]}"
        row["wins, ties, losses"] = ", ".join(str(words[:-1].count(word)) for word in ("win", "tie", "loss"))
        rows.append(row)
    return pd.DataFrame(rows)


def metrics_table(results: list[dict]) -> pd.DataFrame:
    """Every metric, as the mean over pairs and seeds."""
    frame = labelled(results).assign(metrics=lambda f: [result["metrics"] for result in f["result"]])
    rows = []
    for name, group in pd.concat([frame[["name", "metrics"]], references(results)]).groupby("name", sort=False):
        columns = {}
        for metrics in group["metrics"]:
            flat = {f"mask {level}": value for level, value in metrics["loc_acc"].items()}
            flat["mask 0.4, held-out threshold"] = metrics["held_out"]["0.4"]
            flat |= {f"box {level}": value for level, value in metrics["loc_acc_box"].items()}
            flat |= {"MaxBoxAccV2": metrics["max_box_acc_v2"], "PxAP": metrics["pxap"]}
            flat |= {"peak IoU": metrics["peak_iou"], "pointing": metrics["pointing"]}
            for column, value in flat.items():
                columns.setdefault(column, []).append(value)
        rows.append({"": name} | {column: number(values) for column, values in columns.items()})
    return pd.DataFrame(rows)


def settings_table(results: list[dict]) -> pd.DataFrame:
    """What every method was trained with."""
    rows = []
    for name, group in labelled(results).groupby("name", sort=False):
        run, result = group.iloc[-1], group.iloc[-1]["result"]
        unit = METHODS[run["method"]].unit
        updates = count_updates(Run(**result["run"]), result["images"]["targets"])
        cells = {"learning rate": f"{run['lr']:g}", "epochs": str(result["epochs_run"])}
        rows.append({"": name, **cells, "in a batch": f"{run['batch']} {unit}", "updates": str(updates)})
    return pd.DataFrame(rows)


def comparison(results: list[dict]) -> str:
    """All tables in Markdown: for photographs, for drawn scenes, and at the end what every method was trained with."""
    blocks = []
    for word, drawn in (("Photographs", False), ("Drawn scenes", True)):
        chosen = [result for result in results if (result["run"]["source"] == "scenes") == drawn]
        if chosen:
            chosen = complete(chosen)
            seeds, images = len({r["run"]["seed"] for r in chosen}), chosen[0]["images"]["targets"]
            blocks.append(f"**{word}**, {images} target images a pair, {seeds} seeds")
            blocks += [markdown(table(chosen)) for table in (accuracy_table, difference_table, metrics_table)]
    return "\n\n".join([*blocks, markdown(settings_table(results))])


# ---- learning rates ----


def rates(results: Iterable[dict]) -> pd.DataFrame:
    """Loc. Acc. and PxAP by method ("name") and learning rate ("lr"), each a mean over the development sets."""
    frame = tidy(results)
    frame = frame.assign(loc_acc=[r["loc_acc"] for r in frame["result"]], pxap=[r["pxap"] for r in frame["result"]])
    return frame.groupby(["name", "lr"], sort=False)[["loc_acc", "pxap"]].mean()


def chosen_rates(results: Iterable[dict]) -> dict[str, float]:
    """Method -> the learning rate with the best Loc. Acc. on the development sets; PxAP decides ties."""
    best = rates(results).sort_values(["loc_acc", "pxap"]).reset_index().groupby("name", sort=False)["lr"].last()
    return best.to_dict()


def rates_table(results: list[dict]) -> pd.DataFrame:
    """Loc. Acc. of every method at every learning rate, the chosen one in bold."""
    found, best = rates(results)["loc_acc"].unstack(), chosen_rates(results)
    found = found.reindex(index=dict.fromkeys(tidy(results)["name"]), columns=sorted(found.columns))
    rows = []
    for name, row in found.iterrows():
        cells = {f"{lr:g}": "" if np.isnan(v) else f"**{v:.2f}**" if lr == best[name] else f"{v:.2f}" for lr, v in row.items()}
        rows.append({"Loc. Acc. at learning rate": name} | cells)
    return pd.DataFrame(rows)


# ---- any sweep ----


def render(results: list[dict]) -> str:
    """The tables that fit the results: a comparison of methods, the best learning rate of each, or every run of one method."""
    frame = tidy(results)
    if frame["method"].nunique() > 1:
        rates_differ = frame.groupby("name")["lr"].nunique().max() > 1
        return markdown(rates_table(results)) if rates_differ else comparison(results)
    table = runs_table(results)
    first = table.columns.get_loc("median F")
    return "\n\n".join([markdown(table.iloc[:, :first]), markdown(pd.concat([table.iloc[:, :3], table.iloc[:, first:]], axis=1))])


def put_into(path: str | Path, name: str, text: str) -> None:
    """Replace the text between ``<!-- NAME -->`` and ``<!-- end -->`` in a Markdown file."""
    page = Path(path).read_text()
    before, mark, rest = page.partition(f"<!-- {name} -->\n")
    _, end, after = rest.partition("<!-- end -->")
    if not (mark and end):
        raise InputError(f"{path}: has no lines <!-- {name} --> and <!-- end -->")
    with atomic_write(path) as part:
        part.write_text(f"{before}{mark}{text}\n{end}{after}")
