"""Claims by the plan's rules, on results made up so that every verdict is known by hand."""

import json
from dataclasses import asdict
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from bgnb import Run
from bgnb.cli import main
from bgnb.files import InputError
from bgnb.study.claims import beside_table, claims, claims_table, headline, put_into, render, words
from bgnb.study.longruns import decide, endpoint, endpoint_table, epochs_table, readings_table, reviewers_table, snapshots
from bgnb.study.tables import combine, markdown

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "docs" / "results"
PAIRS = tuple(product(("cat", "dog"), ("forest", "playground")))
EIGHT = tuple(product(("cat", "dog", "owl", "horse"), ("forest", "playground")))
LONG = dict(size=128, patch=24, stride=4, images=80, epochs=150, lr=0.01, weight_average=True)  # docs/results/plan.md
PHOTOGRAPHS = dict(source="$BGNB_PHOTOS", compose=True, part="reporting")


def result(pair, seed, tenths, ratio=2, method="background", photographs=True, early=None, kinds=None, **other):
    """A training that finds so many tenths of 20 images after its last epoch, and ``early`` tenths after epoch 60.

    ``kinds``: the entries about P, F and N of its last snapshot.
    """
    batch = 170 if method == "background" else 21
    where = PHOTOGRAPHS if photographs else {}
    parameters = LONG | dict(batch=batch) | where | dict(target=pair[0], scene=pair[1]) | other
    run = Run(method=method, ratio=ratio if method == "background" else 1, seed=seed, **parameters)
    taken = []
    for (epoch, share), weights in product(((60, tenths if early is None else early), (150, tenths)), ("last", "mean")):
        found = share if weights == "mean" else 0  # the weights of the last update find nothing, and must not count
        digits = ("1" * found + "0" * (10 - found)) * 2
        numbers = dict(loc_acc=found / 10, hits=digits, held_out=found / 10, held_out_hits=digits, loc_acc_50=0, held_out_50=0)
        taken.append(dict(epoch=epoch, weights=weights, threshold=0.5, pxap=0.5) | numbers | (kinds or {}))
    numbers = {"hits": taken[-1]["hits"], "loc_acc": tenths / 10, "epochs": taken, "epochs_run": run.epochs}
    return {"run": asdict(run.resolved())} | numbers | {"images": {"targets": 20}}


def store(folder, results):
    """Stored as sweeps store them, in two files."""
    for i in (0, 1):
        (folder / f"{'ab'[i]}.jsonl").write_text("".join(json.dumps(one) + "\n" for one in results[i::2]))
    return claims(folder)


def background(share=0.5, median=0.7, above=None):
    """The entries about P, F and N: ``share`` of P is called background, F is .02 below ``median`` and N as far above it."""
    about = {kind: value for kind, value in (("P", 0.3), ("F", median - 0.02), ("N", median + 0.02))}
    entries = {"backgroundness": about, "target": {"P": 1 - share, "F": 0.1, "N": 0.1}}
    return entries | ({"above": {"P": 0.1, "F": above, "N": above}} if above is not None else {})


# ---- H1 and H2 ----


@pytest.mark.parametrize(
    ("rises", "verdict"),
    [
        ([0.2, 0.1, 0.2, 0.1], "supported"),
        ([0.2, 0.2, 0.2, -0.1], "supported"),  # three of four
        ([0.3, 0.3, -0.1, -0.1], "undecided"),  # two of four
        ([0.0, 0.0, 0.0, 0.0], "undecided"),
        ([-0.2, -0.1, -0.2, -0.1], "refuted"),
    ],
)
@pytest.mark.parametrize("photographs", [True, False])
def test_h1_and_h2_by_hand(tmp_path, rises, verdict, photographs):
    results = []
    for seed, (pair, rise) in product(range(3), zip(PAIRS, rises, strict=True)):
        results.append(result(pair, seed, 5, 1, photographs=photographs, kinds=background(0.5, 0.6)))
        results.append(result(pair, seed, 5, 4, photographs=photographs, kinds=background(0.5 - rise, 0.6 + rise)))
    found = store(tmp_path, results)["photographs" if photographs else "scenes"]
    assert found["H1"]["verdict"] == verdict and "median" in found["H1"]["measured"]
    assert found["H1"]["effect"] == pytest.approx(np.mean(rises)) and found["H2"]["effect"] == pytest.approx(-np.mean(rises))
    assert found["H2"]["verdict"] == {"supported": "refuted", "refuted": "supported"}.get(verdict, verdict)
    assert (found["H1"]["pairs"], found["H1"]["seeds"]) == (4, 3)


def test_h1_takes_the_share_above_as_soon_as_all_compared_runs_have_it(tmp_path):
    def made(lacking):
        results = []
        for seed, pair in product(range(3), PAIRS):
            for ratio in (1, 2, 4):
                above = None if lacking == (ratio, seed) else 0.3 + 0.1 * ratio
                results.append(result(pair, seed, 5, ratio, kinds=background(median=0.7 - 0.1 * ratio, above=above)))
        return store(tmp_path, results)["photographs"]["H1"]

    for lacking, beside in ((None, 0.1), ((2, 0), -0.1)):  # the claim itself does not compare x2
        h1 = made(lacking)
        assert "above .8" in h1["measured"] and h1["effect"] == pytest.approx(0.3) and h1["verdict"] == "supported"
        assert h1["beside"]["x2 minus x1"]["effect"] == pytest.approx(beside)
        assert ("median" in words(h1["beside"]["x2 minus x1"])) == (lacking == (2, 0))
    h1 = made((4, 1))
    assert "median" in h1["measured"] and h1["effect"] == pytest.approx(-0.3) and h1["verdict"] == "refuted"
    assert h1["beside"]["x2 minus x1"]["effect"] == pytest.approx(0.1) and "above .8" in words(h1["beside"]["x2 minus x1"])


def test_beside_h1_stands_the_owl_in_the_forest(tmp_path):
    results = [
        result(pair, s, 5, r, photographs=False, kinds=background(median=0.5 + (0.1 * r if pair[0] != "owl" else 0)))
        for pair, s, r in product(EIGHT, range(3), (1, 2))
    ]
    h1 = store(tmp_path, results)["scenes"]["H1"]
    assert h1["beside"]["the owl in the forest, x2 minus x1"]["effect"] == pytest.approx(0)
    assert h1["beside"]["x2 minus x1"]["effect"] == pytest.approx(0.1)
    assert (h1["verdict"], h1["why"]) == ("undecided", "not run")


# ---- H3 ----


def overtaking(tenths, seeds=5, photographs=True, pairs=PAIRS):
    """x2 finds ``tenths`` on the pairs, CAM five tenths."""
    results = [result(p, s, t, photographs=photographs) for s in range(seeds) for p, t in zip(pairs, tenths, strict=True)]
    return results + [result(p, s, 5, method="cam", photographs=photographs) for s, p in product(range(seeds), pairs)]


@pytest.mark.parametrize(
    ("tenths", "verdict"),
    [
        ([9, 9, 9, 9], "supported"),
        ([9, 9, 9, 2], "supported"),  # three of four
        ([10, 10, 2, 2], "undecided"),  # two of four
        ([5, 5, 5, 5], "undecided"),
        ([2, 2, 2, 2], "refuted"),
    ],
)
def test_h3_by_hand(tmp_path, tenths, verdict):
    h3 = store(tmp_path, overtaking(tenths))["photographs"]["H3"]
    assert h3["verdict"] == verdict and (h3["pairs"], h3["seeds"]) == (4, 5) and ("why" in h3) == (verdict == "undecided")
    by_hand = np.mean(tenths) / 10 - 0.5
    assert h3["effect"] == pytest.approx(by_hand) and h3["interval"][0] <= by_hand <= h3["interval"][1]
    assert h3["arms"] == {"background x2": pytest.approx(np.mean(tenths) / 10), "CAM": pytest.approx(0.5)}
    assert h3["beside"]["x2 minus ADL"]["why"] == "not run"


def test_photographs_need_five_seeds_and_drawn_scenes_three_seeds_and_eight_pairs(tmp_path):
    assert store(tmp_path, overtaking([9] * 4, seeds=4))["photographs"]["H3"]["why"] == "4 of 5 seeds"
    assert store(tmp_path, overtaking([9] * 8, 3, False, EIGHT))["scenes"]["H3"]["verdict"] == "supported"
    assert store(tmp_path, overtaking([9] * 8, 2, False, EIGHT))["scenes"]["H3"]["why"] == "2 of 3 seeds"
    assert store(tmp_path, overtaking([9] * 4, 3, False, PAIRS))["scenes"]["H3"]["why"] == "4 of 8 pairs"


def test_a_run_counts_once_and_only_with_the_settings_of_the_plan(tmp_path):
    right = overtaking([9] * 4)
    wrong = [result(p, s, 0, **other) for p, s in product(PAIRS, (0, 5)) for other in (
        dict(epochs=20), dict(lr=0.03), dict(part="development"), dict(images=40), dict(weight_average=False), dict(batch=512)
    )]  # fmt: skip
    found = store(tmp_path, [*wrong, *right])
    (tmp_path / "c.jsonl").write_text("".join(json.dumps(one) + "\n" for one in right))  # a second time
    assert claims(tmp_path) == found == store(tmp_path, right)
    assert found["photographs"]["H3"]["effect"] == pytest.approx(0.4) and found["scenes"]["H3"]["why"] == "not run"


def test_only_seeds_that_both_methods_have_on_all_pairs_are_compared(tmp_path):
    results = overtaking([9] * 4, seeds=6)[:-4]  # CAM lacks the last seed
    h3 = store(tmp_path, results[:-1])["photographs"]["H3"]  # and one pair of the one before
    assert h3["seeds"] == 4 and h3["why"] == "4 of 5 seeds" and h3["effect"] == pytest.approx(0.4)


# ---- H4 ----


@pytest.mark.parametrize(
    ("found", "verdict", "effect"),
    [
        ({16: 8, 24: 9, 32: 7, 48: 4, 64: 2}, "supported", 0.55),  # forest: 16, playground: 24; (.8 + .9) / 2 - (.4 + .2) / 2
        ({16: 2, 24: 2, 32: 7, 48: 6, 64: 8}, "refuted", -0.5),
        ({16: 5, 24: 5, 32: 7, 48: 5, 64: 5}, "undecided", 0),
    ],
)
def test_h4_by_hand(tmp_path, found, verdict, effect):
    h4 = store(tmp_path, [result(p, s, t, patch=n) for p, s, (n, t) in product(PAIRS, range(3), found.items())])["photographs"][
        "H4"
    ]
    assert h4["verdict"] == verdict and h4["effect"] == pytest.approx(effect)
    best = 2 * max(found, key=found.get)
    assert h4["best_patch"] == {"forest": best, "playground": best}


def test_h4_needs_all_sizes_and_pairs(tmp_path):
    sizes = {16: 8, 24: 8, 48: 4, 64: 4}
    three = [result(p, s, t, patch=n) for p, s, (n, t) in product(PAIRS[:3], range(3), sizes.items())]
    h4 = store(tmp_path, three)["photographs"]["H4"]
    assert h4["why"] == "3 of 4 pairs" and h4["best_patch"] == {}  # 32 is missing
    assert store(tmp_path, [r for r in three if r["run"]["patch"] != 64])["photographs"]["H4"]["why"] == "not run"


# ---- H5 ----


@pytest.mark.parametrize(
    ("forest", "playground", "verdict"),
    [
        ((5, 9), (5, 5), "supported"),
        ((5, 9), (7, 3), "supported"),
        ((3, 9), (3, 9), "undecided"),  # it helps in both
        ((9, 5), (9, 1), "refuted"),  # negative in the forest
        ((5, 6), (2, 9), "refuted"),  # it helps more on the playground
        ((5, 5), (5, 5), "undecided"),
    ],
)
def test_h5_by_hand(tmp_path, forest, playground, verdict):
    results = []
    for pair, seed in product(PAIRS, range(3)):
        x1, x4 = forest if pair[1] == "forest" else playground
        results += [result(pair, seed, x1, 1, early=0), result(pair, seed, x4, 4, early=x1)]
    h5 = store(tmp_path, results)["photographs"]["H5"]
    by_hand = (forest[1] - forest[0] - playground[1] + playground[0]) / 10
    assert h5["verdict"] == verdict and (h5["pairs"], h5["seeds"]) == (4, 3)
    assert h5["effect"] == pytest.approx(by_hand, abs=1e-12)
    assert h5["forest"]["effect"] == pytest.approx((forest[1] - forest[0]) / 10)
    equal = h5["beside"]["equal updates"]  # x4 after 60 epochs finds what x1 finds after 150
    assert equal["effect"] == pytest.approx(0) and equal["verdict"] == "undecided"


def test_h5_needs_both_scenes(tmp_path):
    results = [result(p, s, 5, r) for p, s, r in product(PAIRS, range(3), (1, 4)) if p[1] == "forest"]
    assert store(tmp_path, results)["photographs"]["H5"]["why"] == "only one of the two scenes"
    results += [result(("cat", "playground"), s, 5, r) for s, r in product(range(3), (1, 4))]
    assert store(tmp_path, results)["photographs"]["H5"]["why"] == "3 of 4 pairs"


# ---- H6 ----


@pytest.mark.parametrize(
    ("owl", "hidden", "worst", "verdicts"),
    [
        (2, 1, 8, ("supported", "supported")),
        (9, 1, 8, ("refuted", "supported")),
        (7, 1, 0, ("undecided", "undecided")),  # another pair is found less often
    ],
)
def test_h6_by_hand(tmp_path, owl, hidden, worst, verdicts):
    tenths = {pair: 7 for pair in EIGHT} | {("owl", "forest"): owl, ("horse", "playground"): worst}
    results = [result(p, s, t, photographs=False) for s, (p, t) in product(range(3), tenths.items())]
    results += [result(("owl", "forest"), s, hidden, photographs=False, camouflage=0.8) for s in range(3)]
    found = store(tmp_path, results)
    h6, others = found["scenes"]["H6"], (6 * 7 + worst) / 70
    camouflaged = h6["beside"]["with camouflage 0.8"]
    assert (h6["verdict"], camouflaged["verdict"]) == verdicts
    assert h6["effect"] == pytest.approx(owl / 10 - others) and camouflaged["effect"] == pytest.approx(hidden / 10 - others)
    assert found["photographs"]["H6"]["why"] == "not run: no photographs of owls"
    if worst == 0:
        assert camouflaged["why"] == "found less often: horse, playground"
    assert store(tmp_path, results[1:])["scenes"]["H6"]["why"] == "2 of 3 seeds"


# ---- all ----


def test_what_has_not_run_is_undecided(tmp_path):
    found = claims(tmp_path)
    assert set(found) == {"photographs", "scenes"} and all(
        list(part) == [f"H{i}" for i in range(1, 7)] for part in found.values()
    )
    for claim in (*found["photographs"].values(), *found["scenes"].values()):
        assert (claim["verdict"], claim["effect"], claim["interval"]) == ("undecided", None, None)
        assert claim["why"].startswith("not run") and claim["claim"] and claim["measured"]


def test_the_same_differences_give_the_same_interval_in_either_direction():
    rng = np.random.default_rng(0)
    differences = {pair: rng.choice([-1, 0, 1], (3, 40), p=[0.1, 0.4, 0.5]) for pair in "abcd"}
    up, down = decide(differences), decide({pair: -values for pair, values in differences.items()})
    assert up["verdict"] == "supported" and down["verdict"] == "refuted"
    assert np.allclose(up["interval"], [-down["interval"][1], -down["interval"][0]], atol=1e-12)


def test_claims_are_put_where_a_page_has_marks(tmp_path, capsys):
    (tmp_path / "results").mkdir()
    found = store(tmp_path / "results", overtaking([9] * 4))
    page = tmp_path / "page.md"
    page.write_text("a\n<!-- claims -->\nold\n<!-- end -->\nb\n<!-- headline -->\n<!-- end -->\n")
    main(["claims", "--results", str(tmp_path / "results"), "--into", str(page)])
    assert capsys.readouterr().out == ""
    text = page.read_text()
    assert (
        text
        == f"a\n<!-- claims -->\n{claims_table(found)}\n<!-- end -->\nb\n<!-- headline -->\n{headline(found)}\n<!-- end -->\n"
    )
    assert "**supported**: +0.40 [+0.3" in text and "Loc. Acc. in photographs: 0.90 (background x2) and 0.50 (CAM)." in text
    main(["claims", "--results", str(tmp_path / "results")])
    assert json.loads(capsys.readouterr().out) == json.loads(json.dumps(found))
    assert "| H4 | best patch" in " ".join(beside_table(found).split())
    page.write_text("no marks")
    with pytest.raises(InputError, match="claims"):
        put_into(page, found)
    page.write_bytes(b"\xff")
    with pytest.raises(InputError, match="cannot be read as text"):
        put_into(page, found)
    with pytest.raises(InputError, match=r"missing\.md"):
        put_into(tmp_path / "missing.md", found)


@pytest.mark.parametrize(
    ("page", "name", "block"),
    [
        (RESULTS / "README.md", "claims", claims_table),
        (RESULTS / "claims.md", "claims_beside", beside_table),
        (ROOT / "README.md", "headline", headline),
    ],
)
def test_the_pages_say_what_the_stored_results_say(page, name, block):
    """After new results: ``bgnb claims --into PAGE``."""
    assert page.read_text().partition(f"<!-- {name} -->\n")[2].partition("\n<!-- end -->")[0] == block(claims(RESULTS))


# ---- the verdict's page ----


def test_tables_are_means_over_pairs_and_seeds():
    made = overtaking([10, 10, 2, 5])
    frame = snapshots(made)
    table = endpoint_table(frame).set_index("Loc. Acc., held-out threshold")
    assert table.loc["background x2", "dog, forest"] == "0.20" and table.loc["CAM", "mean [95 %]"].startswith("**0.50** [0.4")
    assert table.loc["background x2 minus CAM", "mean [95 %]"].startswith("**+0.17** [") and set(table["seeds"]) == {"5"}
    row = readings_table(frame).set_index("").loc["background x2"]
    assert row["averaged weights, held-out threshold"] == f"{np.mean([1, 1, 0.2, 0.5]):.2f}"
    assert row["last update, best threshold"] == "0.00" and row["highest minus lowest of the ten"] == "0.00"
    assert epochs_table(frame).set_index("epoch").loc["CAM"].to_dict() == {"60": "0.50", "150": "0.50"}
    assert render(made).startswith("20 target images a pair; seeds: background x2 5, CAM 5\n\n| Loc. Acc.")


def test_held_out_photos_and_few_shots_have_rows_of_their_own():
    made = overtaking([9, 9, 9, 5], seeds=3)
    for one in made:
        held = one["run"]["method"] == "cam"  # CAM finds half of what it has not seen, background learning nothing
        one["held_out_photos"] = {"hits": ("1" if held else "0") * 10 + "0" * 10}
        if not held:  # the five masked photos are found, and of the 15 others three
            one["few_shot"] = {"5": {"hits": "1" * 8 + "0" * 12, "photos": [0, 1, 2, 3, 4]}}
    table = reviewers_table(made).set_index("Loc. Acc., best threshold")["mean [95 %]"]
    assert table["background x2"].startswith("**0.80** [") and table["CAM, held-out photos"].startswith("**0.50** [")
    assert table["true labels on 5 photos"].startswith("**0.20** [")
    assert table["background x2 minus CAM"].startswith("**+0.30** [")
    assert table["background x2, held-out photos minus CAM, held-out photos"].startswith("**-0.50** [")
    assert not table.str.contains("supported|undecided").any()  # the plan's rule is about another reading
    assert render(made) == markdown(reviewers_table(made))


def test_a_method_with_more_seeds_shows_them_all():
    made = overtaking([9] * 4)[:-4]
    table = endpoint(snapshots(made))
    assert {pair: len(seeds) for pair, seeds in table["CAM"].items()} == {f"{t}, {s}": 4 for t, s in PAIRS}
    assert endpoint_table(snapshots(made))["seeds"].tolist() == ["5", "4", "4"]
    both = combine((1, table["background x2"]), (-1, table["CAM"]))
    assert {values.shape for values in both.values()} == {(4, 20)}
