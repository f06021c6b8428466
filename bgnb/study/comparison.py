"""Several methods beside each other: every method is a row, every pair of target and scene a column."""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from bgnb.settings import METHODS, Run
from bgnb.study.intervals import bootstrap_over_seeds
from bgnb.study.tables import by_seed, combine, exact, labelled, markdown, number, ordered, seed_count, stacked, tidy, verdict
from bgnb.training import count_updates


def references(results: list[dict]) -> pd.DataFrame:
    """Baselines and ceilings with all metrics, one row for each and each seed: "name", "pictures", "metrics"."""
    rows = []
    for _, run in tidy(results).iterrows():
        for name, numbers in (run["result"].get("baselines", {}) | run["result"].get("ceilings", {})).items():
            if "metrics" in numbers:
                rows.append({"name": f"*{name}*", "pictures": run["pictures"], "metrics": numbers["metrics"]})
    return pd.DataFrame(rows, columns=["name", "pictures", "metrics"])


def accuracy_table(results: list[dict]) -> pd.DataFrame:
    """Loc. Acc. at IoU 0.40 of all methods, baselines and ceilings, pair by pair, and the mean over pairs with its interval."""
    rows = []
    for name, found in by_seed(results).items():
        pairs = stacked(found)
        low, high = bootstrap_over_seeds([*pairs.values()])
        means = {pair: values.mean() for pair, values in pairs.items()}
        cells = {pair: f"{mean:.2f}" for pair, mean in means.items()}
        mean = {"mean [95 %]": f"**{number(means.values())}** [{low:.2f}, {high:.2f}]", "seeds": seed_count(found)}
        rows.append({"Loc. Acc., IoU 0.40": name, **cells, **mean})
    for name, group in references(results).groupby("name", sort=False):
        means = {p: np.mean([m["loc_acc"]["0.4"] for m in one["metrics"]]) for p, one in group.groupby("pictures", sort=False)}
        cells = {pair: f"{means[pair]:.2f}" for pair in means}
        rows.append({"Loc. Acc., IoU 0.40": name, **cells, "mean [95 %]": number(means.values())})
    return ordered(pd.DataFrame(rows), "mean [95 %]", "seeds")


def difference_table(results: list[dict], to: str = "CAM") -> pd.DataFrame:
    """Paired difference in Loc. Acc. from one method, image by image, with its interval over seeds and images.

    See ``combine`` for the seeds that count.
    """
    found, rows = by_seed(results), []
    for name in found:
        differences = combine((1, found[name]), (-1, found[to])) if name != to else {}
        if not differences:
            continue
        row, words = {f"minus {to}, image by image": name}, []
        for column, difference in [*differences.items(), ("mean", np.stack(list(differences.values())))]:
            low, high = bootstrap_over_seeds(difference)
            words.append(verdict(low, high))
            row[column] = f"{difference.mean():+.2f} [{low:+.2f}, {high:+.2f}] {words[-1]}"
        row["wins, ties, losses"] = ", ".join(str(words[:-1].count(word)) for word in ("win", "tie", "loss"))
        rows.append(row)
    return ordered(pd.DataFrame(rows), "mean", "wins, ties, losses")


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
        cells = {"learning rate": exact(run["lr"]), "epochs": str(result["epochs_run"])}
        rows.append({"": name, **cells, "in a batch": f"{run['batch']} {unit}", "updates": str(updates)})
    return pd.DataFrame(rows)


def comparison(results: list[dict]) -> str:
    """All tables in Markdown: for photographs, for drawn scenes, and at the end what every method was trained with."""
    blocks = []
    for word, drawn in (("Photographs", False), ("Drawn scenes", True)):
        chosen = [result for result in results if (result["run"]["source"] == "scenes") == drawn]
        if not chosen:
            continue
        blocks.append(f"**{word}**, {chosen[0]['images']['targets']} target images a pair")
        found = [accuracy_table(chosen)]
        found += [difference_table(chosen)] if "CAM" in by_seed(chosen) else []
        found += [metrics_table(chosen)] if all("metrics" in result for result in chosen) else []
        blocks += [markdown(table) for table in found if not table.empty]
    return "\n\n".join([*blocks, markdown(settings_table(results))])


# ---- learning rates ----


def rates(results: Iterable[dict]) -> pd.DataFrame:
    """Loc. Acc. and PxAP by method ("name") and learning rate ("lr"), each a mean over the development sets."""
    frame = labelled(results, ["lr"])
    frame = frame.assign(loc_acc=[r["loc_acc"] for r in frame["result"]], pxap=[r["pxap"] for r in frame["result"]])
    return frame.groupby(["name", "lr"], sort=False)[["loc_acc", "pxap"]].mean()


def chosen_rates(results: Iterable[dict]) -> dict[str, float]:
    """Method -> the learning rate with the best Loc. Acc. on the development sets; PxAP decides ties."""
    best = rates(results).sort_values(["loc_acc", "pxap"]).reset_index().groupby("name", sort=False)["lr"].last()
    return best.to_dict()


def rates_table(results: list[dict]) -> pd.DataFrame:
    """Loc. Acc. of every method at every learning rate, the chosen one in bold."""
    found, best = rates(results)["loc_acc"].unstack(), chosen_rates(results)
    found = found.reindex(index=dict.fromkeys(labelled(results, ["lr"])["name"]), columns=sorted(found.columns))
    rows = []
    for name, row in found.iterrows():
        cells = {exact(lr): "" if np.isnan(v) else f"**{v:.2f}**" if lr == best[name] else f"{v:.2f}" for lr, v in row.items()}
        rows.append({"Loc. Acc. at learning rate": name} | cells)
    return pd.DataFrame(rows)
