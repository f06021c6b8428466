"""Stored results as tidy frames, and frames as Markdown tables. Every result counts in exactly one cell of a table."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd

from bgnb.files import InputError, atomic_write
from bgnb.settings import Machine, Run, names
from bgnb.study import paper
from bgnb.study.intervals import bootstrap_interval, bootstrap_over_seeds

# Name in tables -> method, ratio, learning rate. The grid comparison_development chose the rates, in the same way for all.
SETTINGS = {
    "background x1": ("background", 1, 0.01),
    "background x2": ("background", 2, 0.03),
    "CAM": ("cam", 1, 0.003),
    "ADL": ("adl", 1, 0.003),
    "HaS": ("has", 1, 0.003),
    "CutMix": ("cutmix", 1, 0.003),
}
SPELLED = {"cam": "CAM", "adl": "ADL", "has": "HaS", "cutmix": "CutMix", "cam_unpadded": "CAM, unpadded"}
# Runs that differ in none of these are the same run with other seeds, perhaps on other machines.
PARAMETERS = [name for name in names(Run) if name not in ("seed", *names(Machine))]
PICTURES = ["target", "scene", "camouflage", "seam_control"]
Found = Mapping[str, Mapping[int, np.ndarray]]  # pair -> seed -> (images,)


def method_name(run: Mapping) -> str:
    """What a run's method is called in tables.

    >>> method_name({"method": "background", "ratio": 2}), method_name({"method": "has", "ratio": 1})
    ('background x2', 'HaS')
    """
    return SPELLED.get(run["method"]) or f"background x{exact(run['ratio'])}"


def exact(value: object) -> str:
    """A value in words, short if that loses nothing: two numbers that differ never look alike.

    >>> exact(2.0), exact(0.01), exact(0.30000001), exact(None)
    ('2', '0.01', '0.30000001', 'None')
    """
    short = isinstance(value, float) and float(f"{value:g}") == value
    return f"{value:g}" if short else str(value)


def tidy(results: Iterable[dict]) -> pd.DataFrame:
    """One row for each result: all parameters of its run, and what tables show of it.

    "hits" holds an array ``(images,)`` of 0 and 1, "result" the result itself. Parameters that a run lacks are filled in.
    """
    rows = []
    for result in results:
        run = asdict(Run(**result["run"]).resolved())
        pictures = f"{run['target']}, {run['scene']}"
        pictures += f", camouflage {exact(run['camouflage'])}" if run.get("camouflage") else ""
        pictures += ", seam control" if run.get("seam_control") else ""
        rows.append(run | {"pictures": pictures, "name": method_name(run), "hits": array(result["hits"]), "result": result})
    return pd.DataFrame(rows)


def array(digits: str) -> np.ndarray:
    """Hits as a result stores them, "0110", as an array ``(images,)`` of 0 and 1."""
    return np.array([int(digit) for digit in digits])


def differing(frame: pd.DataFrame, shown: Iterable[str] = ()) -> list[str]:
    """The parameters that differ within a frame and that no column shows: a table must name them."""
    return [name for name in PARAMETERS if name not in shown and frame[name].nunique(dropna=False) > 1]


def also(run: pd.Series, parameters: Iterable[str]) -> str:
    """ ", patch 16, net resnet50": some parameters of a run in words."""
    return "".join(f", {name} {exact(run[name])}" for name in parameters)


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
        medians, baselines = ([result.get(name, {}) for result in several] for name in ("backgroundness", "baselines"))
        rows.append({
            "target, scene": run["pictures"],
            "network": f"{run['net']}, {run['epochs']} epochs{also(run, more)}",
            "ratio": f"x{exact(run['ratio'])}",
            "Loc. Acc. [95 %]": f"**{number(single)}** [{low:.2f}, {high:.2f}]",
            "min-max of seeds": f"{min(single):.2f}-{max(single):.2f} ({len(single)})",
            "threshold without masks": number(result["without_masks"]["loc_acc"] for result in several),
            "PxAP": number(result["pxap"] for result in several),
            **{name: number(one[name]["loc_acc"] for one in baselines if one) for name in next(filter(None, baselines), {})},
            "median F": number(median.get("F") for median in medians),
            "median N": number(median.get("N") for median in medians),
            "r / (r + 1 - pi)": number(result.get("bayes_backgroundness") for result in several),
            "median P": number(median.get("P") for median in medians),
            "pi": number(result.get("pi") for result in several),
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


# ---- several methods ----


def labelled(results: Iterable[dict], shown: Iterable[str] = ()) -> pd.DataFrame:
    """``tidy``, but runs of one method that differ in a parameter have it in their names: two networks stay two rows.

    Args:
        results: as a sweep stores them.
        shown: parameters that the table shows in another way.
    """
    frame = tidy(results).sort_values("seed", kind="stable")
    more = {name: differing(group, [*PICTURES, *shown]) for name, group in frame.groupby("name", sort=False)}
    frame["name"] = [run["name"] + also(run, more[run["name"]]) for _, run in frame.iterrows()]
    return frame


def by_seed(results: Iterable[dict]) -> dict[str, Found]:
    """Method -> pair -> seed -> ``(images,)`` of 0 and 1: which image is found (IoU 0.40, each seed's best map threshold)."""
    table = {}
    for _, run in labelled(results).iterrows():
        table.setdefault(run["name"], {}).setdefault(run["pictures"], {})[run["seed"]] = run["hits"]
    return table


def stacked(found: Found) -> dict[str, np.ndarray]:
    """Pair -> ``(seeds, images)``, all seeds of each pair."""
    return {pair: np.stack(list(seeds.values())) for pair, seeds in found.items()}


def combine(*arms: tuple[float, Found]) -> dict[str, np.ndarray]:
    """Pair -> ``(seeds, images)``: the sum of some arms, each times its weight, image by image.

    Only pairs that all arms have count, and only seeds that all arms have on all of these pairs.

    >>> x2, cam = {"cat, forest": {0: np.array([1, 1]), 1: np.array([1, 0])}}, {"cat, forest": {0: np.array([0, 1])}}
    >>> combine((1, x2), (-1, cam))
    {'cat, forest': array([[1, 0]])}
    """
    pairs = [pair for pair in arms[0][1] if all(pair in found for _, found in arms)]
    seeds = sorted(set.intersection(*(set(found[pair]) for _, found in arms for pair in pairs))) if pairs else []
    return {p: np.stack([sum(w * found[p][s] for w, found in arms) for s in seeds]) for p in pairs} if seeds else {}


def seed_count(found: Found) -> str:
    """How many seeds each pair has: "3", or "2 to 5" if they differ."""
    counts = sorted(len(seeds) for seeds in found.values())
    return f"{counts[0]}" if counts[0] == counts[-1] else f"{counts[0]} to {counts[-1]}"


def verdict(low: float, high: float) -> str:
    """A difference's interval in one word: win, loss, or tie if it contains 0.

    >>> verdict(0.1, 0.2), verdict(-0.1, 0.1), verdict(-0.2, -0.1)
    ('win', 'tie', 'loss')
    """
    return "win" if low > 0 else "loss" if high < 0 else "tie"


def ordered(frame: pd.DataFrame, *last: str) -> pd.DataFrame:
    """The same frame with some columns at the end, and empty cells where a row has nothing."""
    return frame[[*(column for column in frame if column not in last), *(c for c in last if c in frame)]].fillna("")


# ---- a table of the paper: every method and pair is a row ----


def paper_table(results: list[dict], table: str) -> pd.DataFrame:
    """Loc. Acc. of every method and pair, with its interval over seeds and images, and the paper's cells beside it.

    Each run is read as the paper reads it: at IoU .40, with the best of ten map thresholds. A cell of the paper lies inside our
    interval, above or below it. Where runs have snapshots, the last column has the weights of the last update, not averaged.

    Args:
        results: of the grid of that name.
        table: "table1" ... "table4".
    """
    rows = []
    order = {"scene": paper.SCENES, "target": paper.ANIMALS, "method": paper.CALLED}
    frame = labelled(results)
    for column, known in order.items():
        frame[f"{column} order"] = [[*known, value].index(value) for value in frame[column]]
    frame = frame.sort_values([*(f"{column} order" for column in order), "net", "ratio", "patch"], kind="stable")
    for (pair, name), group in frame.groupby(["pictures", "name"], sort=False):
        low, high = bootstrap_over_seeds(np.stack(list(group["hits"])))
        row = {"target, scene": pair, "method": name, "seeds": str(len(group))}
        row["Loc. Acc. [95 %]"] = f"**{number(result['loc_acc'] for result in group['result'])}** [{low:.2f}, {high:.2f}]"
        for net, cell in paper.cells(table, group.iloc[0]).items():
            place = "below" if cell < low else "above" if cell > high else "inside"
            row[f"paper, {net}"] = f"{cell:.2f} {place}"
        last = [e["loc_acc"] for r in group["result"] for e in r.get("epochs", ())[-2:] if e["weights"] == "last"]
        rows.append(row | ({"last update": number(last)} if last else {}))
    return ordered(pd.DataFrame(rows), *(f"paper, {net}" for net in paper.NETS), "last update")


def inside(table: pd.DataFrame) -> str:
    """How many of the paper's cells lie inside our intervals, in a sentence.

    >>> inside(pd.DataFrame({"paper, VGG16": ["0.81 inside", "0.98 above", ""]}))
    "Inside our interval: 1 of the paper's 2 cells for VGG16."
    """
    counts = []
    for net in paper.NETS:
        places = [cell.partition(" ")[2] for cell in table.get(f"paper, {net}", ()) if cell]
        counts += [f"{places.count('inside')} of the paper's {len(places)} cells for {net}"] if places else []
    return f"Inside our interval: {', '.join(counts)}." if counts else "The paper has no such cells."


def page_text(path: str | Path) -> str:
    """The text of a Markdown file. InputError if it cannot be read, or is no text."""
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read as text ({getattr(error, 'strerror', None) or 'not UTF-8'})") from None


def put_into(path: str | Path, name: str, text: str) -> None:
    """Replace the text between ``<!-- NAME -->`` and ``<!-- end -->`` in a Markdown file."""
    page = page_text(path)
    before, mark, rest = page.partition(f"<!-- {name} -->\n")
    _, end, after = rest.partition("<!-- end -->")
    if not (mark and end):
        raise InputError(f"{path}: has no lines <!-- {name} --> and <!-- end -->")
    with atomic_write(path) as part:
        part.write_text(f"{before}{mark}{text}\n{end}{after}")
