"""Which of the paper's claims hold? The rules of docs/results/plan.md, applied to all stored results.

H1  x4 minus x1, share of F and N above a backgroundness of .8 (or their median): supported if positive, refuted if negative.
H2  x4 minus x1, share of P that is called background: the same.
H3  x2 minus CAM, Loc. Acc.: the same.
H4  x2, Loc. Acc. with the paper's best patch for the scene minus the mean of the two largest: the same.
H5  x4 minus x1, Loc. Acc., forest minus playground: supported if x4 minus x1 is positive in the forest and the interval of the
    effect lies above 0; refuted if x4 minus x1 is negative in the forest, or if the interval lies below 0.
H6  x2, Loc. Acc., the owl in the forest minus the mean of the other pairs: supported if the interval lies below 0 and no other
    pair is found less often; refuted if the interval lies above 0.

Positive: the interval of the mean over pairs lies above 0, and three quarters of the pairs are above 0. Negative: the opposite.
Undecided: otherwise, with a pair missing, or with fewer than three seeds (five for H3 on photographs).
"""

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from bgnb.study import comparison, longruns, paper, stopping, tables
from bgnb.study.intervals import bootstrap_over_seeds
from bgnb.study.longruns import FEWEST, NOT_RUN, SEEDS, decide, lacking, signed
from bgnb.study.sweeps import read_grid, read_results, run_key
from bgnb.study.tables import Found, array, combine, markdown, stacked, tidy

CLAIMS = {
    "H1": "a higher ratio raises the backgroundness of F and N",
    "H2": "a higher ratio raises the backgroundness of some P, too",
    "H3": "with a suitable ratio, it finds more than CAM, ADL, HaS and CutMix",
    "H4": "smaller patches find more, down to a best size for each scene",
    "H5": "more background helps in the forest; no clear effect on the playground",
    "H6": "the owl in the forest is found worst",
}
PLACES = {"photographs": True, "scenes": False}
PATCH, EPOCHS = 24, 150
EQUAL = 60  # epochs after which x4 has as many updates as x1 after 150
OWL, CAMOUFLAGE = "owl, forest", 0.8


def claims(folder: str | Path) -> dict[str, dict[str, dict]]:
    """ "photographs" and "scenes" -> "H1" ... "H6" -> "claim", "measured", "effect", "interval", "verdict" and more.

    "why" says why a claim is undecided. "pairs" and "seeds" count what was compared. "beside" holds other effects in the same
    form, which do not decide.

    Args:
        folder: where the results of the sweeps lie, docs/results. Every file there counts that holds the right settings.
    """
    stored = read_results(*sorted(Path(folder).glob("*.jsonl")))
    found = {}
    for place, photographs in PLACES.items():
        frame = counting(stored, photographs)
        judged = (
            kinds(frame, photographs),
            overtaking(frame, photographs),
            sizes(frame),
            scenes(frame),
            owls(frame, photographs),
        )
        parts = {name: claim for part in judged for name, claim in part.items()}
        found[place] = {name: {"claim": text} | parts[name] for name, text in CLAIMS.items()}
    return found


def counting(results: Iterable[dict], photographs: bool) -> pd.DataFrame:
    """The trainings that count, one row for each snapshot of averaged weights: its parameters, "pictures", "epoch", and values.

    They have the settings of the grids' scale cpu, with any seed. Values are arrays: "hits" ``(images,)``; ``(1,)`` each
    "above", the share of F and N above .8 (mean of both kinds), "median" of the two, and "P", the share called background.
    """
    planned = [run for grid in paper.TABLES for run, _ in read_grid(grid, "cpu", photographs)]
    planned += [run for run, _ in (read_grid("verdict_images") if photographs else read_grid("camouflage", "cpu"))]
    wanted = {run_key(run | {"seed": 0}) for run in planned}
    chosen = [r for r in results if "epochs" in r and run_key(r["run"] | {"seed": 0}) in wanted]
    rows = []
    for _, run in tidy(chosen).iterrows() if chosen else ():
        about = run[["method", "ratio", "patch", "scene", "camouflage", "pictures", "seed"]].to_dict()
        for taken in run["result"]["epochs"]:
            if taken["weights"] == "mean":
                values = {"hits": array(taken["held_out_hits"])}
                for name, key in (("above", "above"), ("median", "backgroundness")):
                    both = [taken[key][kind] for kind in "FN" if kind in taken[key]] if key in taken else []
                    values[name] = np.array([np.mean(both)]) if len(both) == 2 else None
                values["P"] = np.array([1 - taken["target"]["P"]]) if "P" in taken.get("target", ()) else None
                rows.append(about | {"epoch": taken["epoch"]} | values)
    columns = ["method", "ratio", "patch", "scene", "camouflage", "pictures", "seed", "epoch", "hits", "above", "median", "P"]
    return pd.DataFrame(rows, columns=columns)


def arm(frame: pd.DataFrame, ratio: float = 2, value: str = "hits", epoch: int = EPOCHS, **where) -> Found:
    """Pair -> seed -> value, for the runs of one arm; by default background learning with patch 24, without camouflage."""
    where = {"method": "background", "ratio": ratio, "patch": PATCH, "camouflage": 0, "epoch": epoch} | where
    for name, wanted in where.items():
        frame = frame[frame[name] == wanted]
    found = {}
    for _, row in frame[frame[value].notna()].iterrows():
        found.setdefault(row["pictures"], {})[row["seed"]] = row[value]
    return found


def only(differences: Mapping, word: str) -> dict:
    """The pairs whose name contains a word."""
    return {pair: values for pair, values in differences.items() if word in pair}


def cats_and_dogs(found: Mapping) -> dict:
    """The four pairs of H1, H2, H4 and H5: the pairs of the paper's Tables 3 and 4."""
    return only(found, "cat,") | only(found, "dog,")


# ---- the claims ----


def kinds(frame: pd.DataFrame, photographs: bool) -> dict[str, dict]:
    """H1 and H2: what a higher ratio does to the backgroundness of F and N, and of P.

    H1 compares shares above .8, or medians where one of the compared runs lacks the share. What stands beside it has a "note"
    if it compares the other of the two.
    """
    patches = frame[frame["method"] == "background"]
    words = {"above": "the share of F and N above .8", "median": "the median backgroundness of F and N"}

    def rise(value: str, ratio: float, epoch: int = EPOCHS) -> dict:
        return combine((1, arm(frame, ratio, value, epoch)), (-1, arm(frame, 1, value)))

    def share_or_median(ratio: float, epoch: int = EPOCHS) -> str:
        compared = patches.query("(ratio == @ratio and epoch == @epoch) or (ratio == 1 and epoch == @EPOCHS)")
        return "above" if len(compared) and compared["above"].notna().all() else "median"

    def beside(ratio: float, epoch: int = EPOCHS, pair: str = "") -> dict:
        value = share_or_median(ratio, epoch)
        found = rise(value, ratio, epoch)
        said = decide(only(found, pair)) if pair else decide(cats_and_dogs(found), 4)
        return said | ({} if value == decides else {"note": words[value]})

    decides = share_or_median(4)
    h1 = {"measured": f"x4 minus x1: {words[decides]}"} | decide(cats_and_dogs(rise(decides, 4)), 4)
    h1["beside"] = {"x2 minus x1": beside(2), "x4 minus x1, equal updates": beside(4, EQUAL)}
    if not photographs:
        h1["beside"]["the owl in the forest, x2 minus x1"] = beside(2, pair=OWL)
    h2 = {"measured": "x4 minus x1: the share of P called background"} | decide(cats_and_dogs(rise("P", 4)), 4)
    h2["beside"] = {
        "x2 minus x1": decide(cats_and_dogs(rise("P", 2)), 4),
        "x4 minus x1, equal updates": decide(cats_and_dogs(rise("P", 4, EQUAL)), 4),
    }
    return {"H1": h1, "H2": h2}


def overtaking(frame: pd.DataFrame, photographs: bool) -> dict[str, dict]:
    """H3: background learning minus the methods for whole images. "arms" holds the Loc. Acc. of both."""
    pairs, seeds = (4, SEEDS) if photographs else (8, FEWEST)

    def minus(ratio: float, method: str) -> dict:
        return combine((1, arm(frame, ratio)), (-1, arm(frame, 1, method=method)))

    beside = {f"x{ratio} minus CAM": decide(minus(ratio, "cam"), 4 if ratio == 4 else pairs) for ratio in (1, 4)}
    beside |= {
        f"x2 minus {word}": decide(minus(2, m), pairs) for m, word in (("adl", "ADL"), ("has", "HaS"), ("cutmix", "CutMix"))
    }
    if photographs:
        beside["x2 minus CAM, unpadded"] = decide(minus(2, "cam_unpadded"), pairs)
    found = {"measured": "x2 minus CAM: Loc. Acc."} | decide(minus(2, "cam"), pairs, seeds)
    arms = {"background x2": stacked(arm(frame, 2)), "CAM": stacked(arm(frame, 1, method="cam"))}
    found["arms"] = {name: float(np.mean([v.mean() for v in pairs.values()])) for name, pairs in arms.items() if pairs}
    return {"H3": found | {"beside": beside}}


def sizes(frame: pd.DataFrame) -> dict[str, dict]:
    """H4: small patches minus large ones. "best_patch" is the best size in each scene, in pixels of the paper's images."""
    ours = {patch: patch * 128 // paper.SIDE for patch in paper.SIZES}
    best = {scene: paper.SIZES[int(paper.TABLE_3[scene].mean(1).argmax())] for scene in paper.SCENES}
    found = {patch: cats_and_dogs(arm(frame, patch=ours[patch])) for patch in paper.SIZES}
    small = {pair: values for scene in paper.SCENES for pair, values in only(found[best[scene]], scene).items()}
    differences = combine((1, small), (-0.5, found[96]), (-0.5, found[128]))
    claim = {"measured": "x2, the paper's best patch minus 96 and 128: Loc. Acc."} | decide(differences, 4)
    claim["best_patch"] = {}
    for scene in paper.SCENES:
        means = {
            p: np.mean([v.mean() for v in stacked(only(one, scene)).values()]) for p, one in found.items() if only(one, scene)
        }
        if len(means) == len(paper.SIZES):
            claim["best_patch"][scene] = max(means, key=means.get)
    return {"H4": claim}


def scenes(frame: pd.DataFrame) -> dict[str, dict]:
    """H5: what more background brings in the forest, minus what it brings on the playground."""

    def rise(epoch: int) -> dict:
        differences = cats_and_dogs(combine((1, arm(frame, 4, epoch=epoch)), (-1, arm(frame, 1))))
        forest, playground = only(differences, "forest"), only(differences, "playground")
        if not (forest and playground):
            return NOT_RUN | ({"why": "only one of the two scenes"} if differences else {})
        weights = {pair: 1 / len(forest) if pair in forest else -1 / len(playground) for pair in differences}
        found, there = weighted(differences, weights), decide(forest)
        parts = {"forest": there, "playground": decide(playground)}
        low, high = found["interval"]
        if few := lacking(found, 4, FEWEST):
            return found | {"why": few} | parts
        if there["verdict"] == "refuted" or high < 0:
            return found | {"verdict": "refuted"} | parts
        if there["verdict"] == "supported" and low > 0:
            return found | {"verdict": "supported"} | parts
        why = "the interval contains 0" if low <= 0 else f"in the forest alone: {there['why']}"
        return found | {"why": why} | parts

    measured = {"measured": "x4 minus x1, forest minus playground: Loc. Acc."}
    return {"H5": measured | rise(EPOCHS) | {"beside": {"equal updates": rise(EQUAL)}}}


def owls(frame: pd.DataFrame, photographs: bool) -> dict[str, dict]:
    """H6: the owl in the forest beside all other pairs, as drawn, and beside it with camouflage."""
    if photographs:
        return {"H6": {"measured": "the owl in the forest"} | NOT_RUN | {"why": "not run: no photographs of owls"}}

    def apart(found: Found) -> dict:
        values = combine((1, found))
        if OWL not in values or len(values) < 2:
            return NOT_RUN
        judged = weighted(values, {pair: 1 if pair == OWL else -1 / (len(values) - 1) for pair in values})
        low, high = judged["interval"]
        worst = min(values, key=lambda pair: values[pair].mean())
        if few := lacking(judged, 8, FEWEST):
            return judged | {"why": few}
        if low > 0 or (high < 0 and worst == OWL):
            return judged | {"verdict": "refuted" if low > 0 else "supported"}
        return judged | {"why": "the interval contains 0" if high >= 0 else f"found less often: {worst}"}

    drawn, hidden = arm(frame), arm(frame, camouflage=CAMOUFLAGE)
    camouflaged = apart({**drawn, OWL: next(iter(hidden.values()))}) if hidden else NOT_RUN
    claim = {"measured": "x2, the owl in the forest minus the other pairs: Loc. Acc."} | apart(drawn)
    return {"H6": claim | {"beside": {f"with camouflage {CAMOUFLAGE}": camouflaged}}}


def weighted(differences: Mapping[str, np.ndarray], weights: Mapping[str, float]) -> dict:
    """The weighted sum over pairs, undecided so far: "effect", "interval" (as in ``decide``), "pairs" and "seeds"."""
    scaled = [len(weights) * weights[pair] * values for pair, values in differences.items()]
    effect = float(np.mean([values.mean() for values in scaled]))
    found = {"effect": effect, "interval": [*bootstrap_over_seeds(scaled)], "verdict": "undecided"}
    return found | {"pairs": len(scaled), "seeds": len(scaled[0])}


# ---- in words ----


def words(claim: Mapping) -> str:
    """A claim's verdict in words, with its note. Where pairs or seeds are missing, the effect so far is not shown.

    >>> words({"verdict": "supported", "effect": 0.121, "interval": [0.04, 0.2], "pairs": 4, "seeds": 5})
    '**supported**: +0.12 [+0.04, +0.20]'
    >>> words({"verdict": "undecided", "effect": 0.1, "interval": [-0.1, 0.2], "why": "the interval contains 0"})
    'undecided: +0.10 [-0.10, +0.20]; the interval contains 0'
    >>> words({"verdict": "undecided", "effect": 0.1, "interval": [-0.1, 0.2], "why": "2 of 4 pairs"}), words(NOT_RUN)
    ('undecided: 2 of 4 pairs', 'undecided: not run')
    """
    why = claim.get("why", "")
    if claim["effect"] is None or why[:1].isdigit():
        return f"undecided: {why}"
    effect = signed(claim["effect"], claim["interval"]) + (f" ({claim['note']})" if "note" in claim else "")
    return f"undecided: {effect}; {why}" if why else f"**{claim['verdict']}**: {effect}"


def claims_table(found: Mapping[str, Mapping[str, dict]]) -> str:
    """All claims in Markdown: what was measured, and the verdict for photographs and drawn scenes."""
    rows = []
    for name, text in CLAIMS.items():
        both = {place: found[place][name] for place in PLACES}
        measured = " / ".join(dict.fromkeys(claim["measured"] for claim in both.values() if claim["effect"] is not None))
        row = {"": name, "the paper claims": text, "measured": measured or both["scenes"]["measured"]}
        rows.append(row | {"photographs": words(both["photographs"]), "drawn scenes": words(both["scenes"])})
    return markdown(pd.DataFrame(rows))


def beside_table(found: Mapping[str, Mapping[str, dict]]) -> str:
    """What stands beside the claims and does not decide them, in Markdown. A cell is empty where no runs are planned."""
    rows = []
    for name in CLAIMS:
        both = {place: found[place][name].get("beside", {}) for place in PLACES}
        for label in both["scenes"] | both["photographs"]:
            cells = [words(one[label]) if label in one else "" for one in both.values()]
            rows.append({"": name, "beside it": label, "photographs": cells[0], "drawn scenes": cells[1]})
    best = [found[place]["H4"]["best_patch"] for place in PLACES]
    cells = [", ".join(f"{size} ({scene})" for scene, size in one.items()) or "undecided: not run" for one in best]
    row = {"": "H4", "beside it": "best patch of 256 pixels", "photographs": cells[0], "drawn scenes": cells[1]}
    return markdown(pd.DataFrame(sorted([*rows, row], key=lambda row: row[""])))


def headline(found: Mapping[str, Mapping[str, dict]]) -> str:
    """The README's table: every claim and its verdicts in narrow columns, and what both methods of H3 find in photographs."""
    rows = [["", "the paper claims", "photographs", "drawn scenes"], ["---"] * 4]
    for name, text in CLAIMS.items():
        rows.append([name, text, *(words(found[place][name]).partition(";")[0].replace("**", "") for place in PLACES)])
    lines = [f"| {' | '.join(row)} |" for row in rows]
    if arms := found["photographs"]["H3"].get("arms"):
        said = " and ".join(f"{value:.2f} ({name})" for name, value in arms.items())
        lines += ["", f"H3 is judged against CAM alone. Loc. Acc. in photographs: {said}."]
    return "\n".join(lines)


def put_into(path: str | Path, found: Mapping[str, Mapping[str, dict]]) -> None:
    """Put the claims into a Markdown file, wherever it has a mark for them: claims, claims_beside or headline."""
    blocks = {"claims": claims_table, "claims_beside": beside_table, "headline": headline}
    page = tables.page_text(path)
    there = [name for name in blocks if f"<!-- {name} -->\n" in page]
    for name in there or ["claims"]:
        tables.put_into(path, name, blocks[name](found))


def render(results: list[dict], name: str = "") -> str:
    """The tables that fit the results of a sweep, in Markdown: a table of the paper, long runs, a comparison, or one method.

    Args:
        results: as a sweep stores them.
        name: of the grid; "table1" ... "table4" are set beside the paper's tables.
    """
    measured = [result for result in results if result.get("hits")]
    if not measured:
        return f"{len(results)} runs on pictures without masks: there is nothing to compare."
    if name in paper.TABLES:
        table = tables.paper_table(measured, name)
        return f"{markdown(table)}\n\n{tables.inside(table)}"
    for asked, other in (("every", stopping.render_every), ("signals", stopping.render_signals)):
        if all(asked in result for result in measured):
            return other(measured)
    if any("held_out_photos" in result for result in measured):
        return markdown(longruns.reviewers_table(measured))
    frame = tidy(measured)
    if all("epochs" in result for result in measured):
        long = longruns.snapshots(measured)
        seeds = long.groupby("name", sort=False)["seed"].nunique().to_dict()
        several = longruns.endpoint_table, longruns.readings_table, longruns.epochs_table
        head = f"{measured[0]['images']['targets']} target images a pair; seeds: "
        head += ", ".join(f"{name} {count}" for name, count in seeds.items())
        return "\n\n".join([head, *(markdown(table(long)) for table in several)])
    if frame["method"].nunique() > 1:
        several = frame.groupby("name")["lr"].nunique().max() > 1
        return markdown(comparison.rates_table(measured)) if several else comparison.comparison(measured)
    table = tables.runs_table(measured)
    first = table.columns.get_loc("median F")
    second = pd.concat([table.iloc[:, :3], table.iloc[:, first:]], axis=1)
    return f"{markdown(table.iloc[:, :first])}\n\n{markdown(second)}"
