"""The README and the pages of docs/: short, their links lead somewhere, their code runs, and their words fit the numbers."""

import re
from pathlib import Path

import pytest

import bgnb
from bgnb.study.claims import claims
from bgnb.study.comparison import accuracy_table, difference_table, settings_table
from bgnb.study.longruns import endpoint, reviewers_table, snapshots
from bgnb.study.sweeps import grids, read_results
from bgnb.study.tables import combine, runs_table, stacked

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
PAGES = [README, ROOT / "notebooks" / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
IDS = [str(page.relative_to(ROOT)) for page in PAGES]
RESULTS = ROOT / "docs" / "results"


def prose(page: Path) -> str:
    """A page without its blocks of code."""
    return re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)


def anchors(page: Path) -> set[str]:
    """What a link may name after "#": every heading as GitHub spells it."""
    headings = re.findall(r"^#+ (.+)$", prose(page), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def links(page: Path) -> list[str]:
    """The targets of all links and pictures of a page."""
    return re.findall(r"\]\(([^)\s]+)\)", prose(page))


def test_the_readme_is_one_page():
    lines = README.read_text().splitlines()
    assert len(lines) <= 150 and max(map(len, lines)) <= 150


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_every_relative_link_leads_somewhere(page):
    for link in links(page):
        if re.match(r"\w+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_every_page_and_every_lesson_is_within_reach_of_the_readme():
    reached, new = set(), {README}
    while new:
        reached |= new
        found = {(page.parent / link.partition("#")[0]).resolve() for page in new if page.suffix == ".md" for link in links(page)}
        new = found - reached
    assert {page.resolve() for page in PAGES} <= reached
    lessons = set((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))
    assert lessons <= {(ROOT / link).resolve() for link in links(README)}


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_no_page_names_a_folder_of_one_machine(page):
    assert not re.search(r"(?<![\w.])/(home|root|tmp|work|usr|Users)/", page.read_text())


def test_the_tree_in_the_readme_is_the_package():
    tree = README.read_text().partition("bgnb/  ")[2].partition("\nnotebooks/")[0]
    named = re.findall(r"^  (\w+/?) ", tree, flags=re.MULTILINE)
    here = {path.stem if path.suffix == ".py" else f"{path.name}/" for path in (ROOT / "bgnb").glob("[a-z]*")}
    assert len(set(named)) == len(named) and set(named) == here


def test_the_readmes_python_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (code,) = re.findall(r"^```python\n(.*?)^```$", README.read_text(), flags=re.MULTILINE | re.DOTALL)
    assert len(code.splitlines()) <= 10
    names = {}
    exec(code, names)
    assert names["maps"].shape == (40, 96, 96) and (tmp_path / "maps.png").stat().st_size > 10_000
    assert names["found"].value > 0.3  # more than luck; a centred Gaussian finds a fifth of such cats
    assert capsys.readouterr().out.startswith("Loc. Acc. 0.")


def rows(name: str) -> dict[tuple[str, str], dict]:
    """A page's table of runs by pair and ratio; the patch, where it is named, follows the pair."""
    table = {}
    for _, row in runs_table(read_results(RESULTS / f"{name}.jsonl")).iterrows():
        patch = row["network"].partition(", patch ")[2]
        table[row["target, scene"] + (f", {patch}" if patch else ""), row["ratio"]] = row.to_dict()
    return table


def accuracies(name: str) -> dict[str, dict]:
    """A comparison's table of Loc. Acc. by method."""
    return accuracy_table(read_results(RESULTS / f"{name}.jsonl")).set_index("Loc. Acc., IoU 0.40").to_dict("index")


def value(cell: str) -> float:
    """The number in "**0.89** [0.86, 0.92]"."""
    return float(cell.partition(" ")[0].strip("*"))


def test_what_the_readme_and_the_verdict_say():
    found = endpoint(snapshots(read_results(RESULTS / "verdict.jsonl")))
    ahead = combine((1, found["background x2"]), (-1, found["CAM"]))
    assert len(ahead) == 4 and all(difference.mean() > 0 for difference in ahead.values())  # "ahead on all four"
    means = {name: sum(values.mean() for values in stacked(pairs).values()) / 4 for name, pairs in found.items()}
    assert f"{means['background x2']:.2f} (background x2) and {means['CAM']:.2f} (CAM)" in README.read_text()


def test_what_the_verdict_says_of_cam_without_padding():
    found = {}
    for name in ("verdict", "verdict_images"):
        found |= {name: stacked(pairs) for name, pairs in endpoint(snapshots(read_results(RESULTS / f"{name}.jsonl"))).items()}
    for pair, hits in found["CAM, unpadded"].items():
        x2, padded = (found[name][pair].mean() for name in ("background x2", "CAM"))
        if "forest" in pair:  # "as many as background learning does", and more than with padding
            assert abs(hits.mean() - x2) < 0.03 and hits.mean() > padded
        else:
            assert hits.mean() < padded - 0.15 and padded < x2


def test_what_surprised_us(bench):
    said = claims(RESULTS)["photographs"]
    assert said["H5"]["playground"]["effect"] > 0 and said["H5"]["verdict"] == "refuted"  # line 4
    assert claims(RESULTS)["scenes"]["H5"]["verdict"] == "undecided"
    assert said["H1"]["beside"]["x4 minus x1, equal updates"]["interval"][0] > said["H1"]["interval"][1]  # line 5
    table = reviewers_table(read_results(RESULTS / "reviewers.jsonl")).set_index("Loc. Acc., best threshold")
    for pair in ("cat, forest", "cat, playground", "dog, forest", "dog, playground"):  # line 6
        found = table[pair][["true labels on 5 photos", "background x2", "true labels on 10 photos"]].astype(float).tolist()
        assert found == sorted(set(found))
    found = table["mean [95 %]"].map(value)
    assert found["background x2"] - found["background x2, held-out photos"] < 0.05  # line 7
    assert 0.3 < 1 - found["CAM, held-out photos"] / found["CAM"] < 0.4
    quick = bench("quick")
    runs = quick.trainings(RESULTS)
    proof = quick.proof(runs).set_index("x2, averaged weights").loc[["photographs", "drawn scenes"]]  # line 8
    assert (proof["quick"].astype(float) - proof["after 30 of them"].astype(float)).abs().max() < 0.02
    scenes = runs.query("place == 'drawn scenes' and last")  # line 9
    by_seed = scenes.groupby(["seed", "arm"])["held_out"].mean().unstack()
    ahead = (by_seed["quick"] - by_seed["protocol"]).tolist()
    assert ahead[0] > 0.05 and sum(ahead) < 0


def test_tiny_is_two_networks():
    sizes = {}
    for image_level in (False, True):
        network = bgnb.build("tiny", 24, image_level=image_level)
        assert network.padding == image_level
        sizes[image_level] = f"{round(sum(weights.numel() for weights in network.parameters()), -3):,}"
    for page in (README, ROOT / "docs" / "photos.md", RESULTS / "comparison.md"):
        text = " ".join(page.read_text().split())
        assert f"{sizes[False]} weights" in text and re.search(rf"{sizes[True]} (weights|with padding)", text), page.name


def test_what_the_pages_of_the_main_job_say():
    table = rows("main_job")
    baselines = ["constant map", "centred Gaussian", "colour distance", "untrained network"]
    for ratio in ("x1", "x2", "x4"):
        forest, playground = (table[pair, ratio] for pair in ("cat, forest", "dog, playground"))
        assert value(forest["Loc. Acc. [95 %]"]) > max(float(forest[name]) for name in baselines)
        assert value(playground["Loc. Acc. [95 %]"]) < float(playground["centred Gaussian"])
        for row in (forest, playground):
            assert row["median F"] < row["median N"] < row["r / (r + 1 - pi)"]
            assert 0 <= value(row["Loc. Acc. [95 %]"]) - float(row["threshold without masks"]) < 0.045  # docs/photos.md: 0 to 4
    for pair in ("cat, forest", "dog, playground"):
        for kind in "FNP":
            assert table[pair, "x1"][f"median {kind}"] < table[pair, "x2"][f"median {kind}"] < table[pair, "x4"][f"median {kind}"]
    updates = {name: [made(result) for result in read_results(RESULTS / f"{name}.jsonl")] for name in ("main_job", "longer")}
    assert {u for pair, u in updates["main_job"] if pair == "dog"} == {100, 140, 220}
    assert {u for _, u in updates["longer"]} == {300, 420, 660}
    longer = [rows("longer")["dog, playground", ratio] for ratio in ("x1", "x2", "x4")]
    first, second, third = (value(row["Loc. Acc. [95 %]"]) for row in longer)
    assert first < float(longer[0]["centred Gaussian"]) < second < third


def made(result: dict) -> tuple[str, int]:
    """The target, and the number of updates of a run on patches."""
    run = result["run"]
    drawn = round(result["images"]["targets"] * run["per_image"] * (1 + run["ratio"]))
    return run["target"], result["epochs_run"] * -(-drawn // run["batch"])


@pytest.mark.parametrize(("name", "middle"), [("patches", "main_job"), ("scenes_patches", "scenes")])
def test_what_the_pages_of_patch_sizes_say(name, middle):
    found = {patch: {} for patch in (16, 24, 32, 48, 64)}
    for pair in ("cat, forest", "dog, playground"):
        for patch in found:
            row = rows(middle)[pair, "x2"] if patch == 24 else rows(name)[f"{pair}, {patch}", "x2"]
            found[patch][pair] = value(row["Loc. Acc. [95 %]"])
    forest, playground = ([by_pair[pair] for by_pair in found.values()] for pair in ("cat, forest", "dog, playground"))
    assert forest == sorted(forest, reverse=True) and forest[0] > forest[1]
    assert max(playground) == max(playground[1:4]) > playground[0] and min(playground) == playground[4]


@pytest.mark.parametrize("name", ["comparison", "comparison_scenes"])
def test_what_the_pages_of_the_comparison_say(name):
    results = read_results(RESULTS / f"{name}.jsonl")
    against = difference_table(results).set_index("minus CAM, image by image")["wins, ties, losses"]
    assert all(counts.startswith("0, ") for counts in against)  # nothing is ahead of CAM on any pair
    updates = settings_table(results).set_index("")["updates"].astype(int)
    assert updates.between(52, 65).all() and updates["background x1"] == updates["CAM"] == 60
    means = {method: value(row["mean [95 %]"]) for method, row in accuracies(name).items()}
    methods = ["background x1", "background x2", "ADL", "HaS", "CutMix"]
    assert means["CAM"] > max(means[method] for method in methods)
    if name == "comparison_scenes":
        assert min(means[method] for method in methods) > means["*centred Gaussian*"]
        return
    assert against["background x1"] == "0, 3, 1" and against["background x2"] == "0, 1, 3"
    assert means["background x1"] == means["ADL"] == means["CutMix"] > means["HaS"]
    table = accuracies(name)
    for pair in ("cat, playground", "dog, playground"):
        bump = float(table["*centred Gaussian*"][pair])
        assert all(float(table[method][pair]) <= bump for method in [*methods, "CAM"])
        assert abs(float(table["*true labels*"][pair]) - bump) < 0.05 and table["*mask blurred by the window*"][pair] == "1.00"


def test_what_the_pages_of_the_scenes_say():
    table = {pair: row for (pair, ratio), row in rows("scenes").items() if ratio == "x2"}
    assert len(table) == 8
    for place in ("forest", "playground"):
        found = {pair: value(row["Loc. Acc. [95 %]"]) for pair, row in table.items() if place in pair}
        assert max(found, key=found.get).startswith("owl")
    assert max(float(row[cue]) for row in table.values() for cue in ("centred Gaussian", "colour distance")) < 0.5
    controls = {pair: value(row["Loc. Acc. [95 %]"]) for (pair, _), row in rows("scenes_controls").items()}
    hidden = {pair: found for pair, found in controls.items() if "camouflage" in pair}
    assert min(hidden, key=hidden.get) == "owl, forest, camouflage 0.8"
    page = " ".join((RESULTS / "scenes_controls.md").read_text().partition("## What it says")[2].split())
    for pair in ("cat, forest", "dog, playground"):
        assert f"{controls[pair]:.2f} and {controls[f'{pair}, seam control']:.2f}" in page
    owl = rows("scenes_controls")["owl, forest, camouflage 0.8", "x2"]
    assert owl["Loc. Acc. [95 %]"].replace("*", "") in page
    assert controls["owl, forest, camouflage 0.8"] < float(owl["centred Gaussian"])


def test_every_page_of_results_says_how_its_tables_were_made():
    for page in RESULTS.glob("*.md"):
        text = page.read_text()
        for name in re.findall(r"^<!-- (?!end)(\w+) -->$", text, flags=re.MULTILINE):
            told = [line for line in text.splitlines() if f"--into docs/results/{page.name}" in line]
            if name.removesuffix("_photographs") in grids():
                said = any("bgnb sweep" in line and f"{name}.jsonl" in line for line in told)
            elif name.startswith("claims"):
                said = any("bgnb claims" in line for line in told)
            else:
                said = any("bgnb beside" in line and f"--name {name} " in line for line in told)
            if name == "proof":
                said = "python tests/bench/quick.py" in text
            assert said, (page.name, name)
