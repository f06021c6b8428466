"""What the lessons read: made anew from the stored results, and from the networks that it is made of."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from bgnb import build, load, loc_acc, localise
from bgnb.cli import main
from bgnb.metrics import mask_ious
from bgnb.study import stored
from bgnb.study.stored import (
    ARMS,
    EPOCHS,
    FOLDER,
    PAIRS,
    PHOTOS,
    from_bytes,
    kept_claims,
    kept_curves,
    kept_maps,
    long_run,
    to_bytes,
)

RESULTS = Path(__file__).parents[2] / "docs" / "results"


def test_what_lessons_read_is_that_of_the_stored_results(tmp_path):
    """If this fails, the results have changed: ``bgnb digest`` renews it."""
    stored.digest(RESULTS, tmp_path)
    for name in ("claims.json", "curves.csv", "reviewers.csv"):
        assert (tmp_path / name).read_text() == (FOLDER / name).read_text()


def test_the_curves_end_where_the_results_do():
    """Against the raw lines of one file, without pandas."""
    frame, lines = kept_curves(), [json.loads(line) for line in (RESULTS / "verdict.jsonl").read_text().splitlines()]
    for result in lines[:6]:
        run, last = result["run"], result["epochs"][-1]
        name = {"cam": "CAM", "background": f"background x{run['ratio']:g}"}[run["method"]]
        chosen = frame[(frame["name"] == name) & (frame["pictures"] == f"{run['target']}, {run['scene']}")]
        chosen = chosen[(chosen["seed"] == run["seed"]) & (chosen["weights"] == last["weights"]) & (chosen["epoch"] == 150)]
        assert chosen["held_out"].tolist() == [pytest.approx(last["held_out"], abs=1e-4)]
        patches = run["method"] == "background"
        in_an_epoch = 80 * 8 * (1 + run["ratio"]) if patches else 160
        assert chosen["updates"].tolist() == [150 * -(-in_an_epoch // run["batch"])]
        assert not patches or chosen["F"].tolist() == [pytest.approx(last["target"]["F"], abs=1e-4)]


def test_claims_are_complete_and_can_be_read_aloud():
    for claims in kept_claims().values():
        assert sorted(claims) == [f"H{i}" for i in range(1, 7)]
        for claim in claims.values():
            assert re.match("(supported|refuted|undecided)", stored.in_words(claim))


@pytest.mark.parametrize("name", ARMS)
def test_eight_bits_are_enough(name):
    """From bytes and back: the maps of ``localise``, up to the rounding."""
    run = replace(long_run("cat", "forest", name), size=64, device="cpu", precision="fp32")
    model = build("tiny", run.patch, seed=1, image_level=run.image_network).eval()
    photos = torch.randint(0, 256, (3, 3, 64, 64), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    small = to_bytes(model, photos, run)
    assert small.dtype == torch.uint8 and small[0].numel() < 64 * 64 / 8
    assert (from_bytes(small, run) - localise(model, photos, run)).abs().max() < 0.02


@pytest.mark.parametrize("pair", PAIRS, ids=" in ".join)
def test_the_kept_maps_find_what_their_numbers_say(pair):
    maps, numbers = kept_maps(*pair)
    photos = load(**long_run(*pair, "CAM").load_arguments() | {"images": PHOTOS}, progress=False)
    for name in ARMS:
        assert list(maps[name]) == list(numbers[name]) == list(EPOCHS)
        for epoch, found in numbers[name].items():
            hits = mask_ious(maps[name][epoch], photos.masks, [found["threshold"]])[:, 0] >= 0.4
            assert "".join(str(int(hit)) for hit in hits) == found["hits"][:PHOTOS]
            assert found["hits"].count("1") / 80 == pytest.approx(found["loc_acc"])
        assert loc_acc(maps[name][150], photos.masks).value > 0.2  # they are the right photos


def test_a_long_run_is_one_of_the_verdict_but_on_drawn_scenes():
    """Same parameters as the stored runs of the grid verdict, except for the pictures."""
    of_verdict = [json.loads(line)["run"] for line in (RESULTS / "verdict.jsonl").read_text().splitlines()]
    for name in ARMS:
        mine = vars(long_run("cat", "forest", name).resolved())
        theirs = next(
            run for run in of_verdict if (run["method"], run["ratio"], run["seed"]) == (mine["method"], mine["ratio"], 0)
        )
        different = {key for key in theirs if mine[key] != theirs[key]} - {"target", "scene"}
        assert different == {"source", "compose", "part"}


def test_training_them_anew_writes_such_a_file(tmp_path, monkeypatch):
    monkeypatch.setattr(stored, "LONG", stored.LONG | dict(size=48, stride=8, images=4, epochs=3, device="cpu"))
    monkeypatch.setattr(stored, "EPOCHS", (1, 3))
    monkeypatch.setattr(stored, "FOLDER", tmp_path)
    stored.keep_maps("dog", "playground", tmp_path, progress=False)
    maps, numbers = kept_maps("dog", "playground")
    photos = load("scenes", "dog", "playground", size=48, images=4, progress=False)
    for name in ARMS:
        run = long_run("dog", "playground", name)
        model = stored.fit(photos, run, progress=False)
        assert (maps[name][3] - localise(model, photos.targets, run)).abs().mean() < 0.02
        assert numbers[name][3]["loc_acc"] == loc_acc(maps[name][3], photos.masks).value


def test_the_files_are_small():
    assert sum(file.stat().st_size for file in FOLDER.iterdir()) < 2e6


def test_the_command_writes_what_lessons_read_and_no_maps_unless_asked(tmp_path, monkeypatch, capsys):
    asked = []
    monkeypatch.setattr(stored, "FOLDER", tmp_path)
    monkeypatch.setattr(stored, "keep_maps", lambda target, scene, folder: asked.append((target, scene, folder)))
    main(["digest", "--results", str(RESULTS)])
    assert sorted(file.name for file in tmp_path.iterdir()) == ["claims.json", "curves.csv", "reviewers.csv"] and not asked
    main(["digest", "--results", str(RESULTS), "--maps"])
    assert asked == [(*pair, tmp_path) for pair in PAIRS]
    with pytest.raises(SystemExit) as end:
        main(["digest", "--results", "nowhere"])
    assert end.value.code == 2 and "nowhere: no such folder" in capsys.readouterr().err
