"""Signals that may say when to stop, the rules that read them, and the tables of what they pick."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import log_loss, roc_auc_score

import bgnb.study.stopping as stopping
from bgnb import Run, fit, localise, measure
from bgnb.boxes import held_out
from bgnb.cli import main
from bgnb.metrics import mask_ious
from bgnb.plots import draw_every_epoch, png
from bgnb.study.intervals import share_above
from bgnb.study.stopping import (
    CHOOSE_ON,
    EVERY,
    HELD_OUT,
    RULES,
    agreement,
    honest_loss,
    pi_from_scores,
    with_signals,
)
from bgnb.study.sweeps import read_results

RESULTS = Path(__file__).parents[2] / "docs" / "results"
SMALL = dict(size=40, patch=16, stride=8, epochs=4, per_image=2, weight_average=True, device="cpu", precision="fp32")


@pytest.mark.parametrize(("ratio", "pi"), [(1, 0.3), (2, 0.5), (4, 0.1)])
def test_the_honest_loss_is_that_of_the_true_probabilities(ratio, pi):
    p, f, n = round(1000 * pi), round(1000 * (1 - pi)), 1000 * ratio
    label = np.repeat([0, 0, 1], [p, f, n])
    honest = np.where(np.arange(len(label)) < p, 0, n / (f + n))  # nobody can tell F from N
    assert honest_loss(ratio, pi) == pytest.approx(log_loss(label, honest), abs=1e-9)
    for other in (0.9 * honest, np.minimum(1, 1.1 * honest)):
        assert log_loss(label, other) > honest_loss(ratio, pi)


@given(st.lists(st.integers(0, 5), min_size=1, max_size=20), st.lists(st.integers(0, 5), min_size=1, max_size=20))
def test_the_share_above_is_the_area_under_the_roc_curve(one, other):
    expected = roc_auc_score([1] * len(one) + [0] * len(other), one + other)
    assert share_above(np.array(one), np.array(other)) == pytest.approx(expected)


@pytest.mark.parametrize("pi", [0, 0.3, 0.6, 1])
def test_pi_from_the_scores_of_a_network_that_knows_p(pi):
    rng = np.random.default_rng(0)
    background = rng.beta(8, 2, 20_000)
    target = np.concatenate([rng.beta(1, 9, round(20_000 * pi)), rng.beta(8, 2, round(20_000 * (1 - pi)))])
    assert pi_from_scores(target, background) == pytest.approx(pi, abs=0.03)
    assert pi_from_scores(np.full(9, 0.9), np.full(9, 0.1)) == 0  # never below 0


def test_agreement_is_the_mean_correlation():
    one, other = torch.rand(2, 5, 6, 7, generator=torch.Generator().manual_seed(0))
    expected = np.mean([np.corrcoef(a.flatten(), b.flatten())[0, 1] for a, b in zip(one.numpy(), other.numpy(), strict=True)])
    assert agreement(one, other) == pytest.approx(expected, abs=1e-6)


def made_up(looks=10, pictures="owl, forest", **columns):
    """A curve on which nothing happens, but for the columns given."""
    flat = dict(held_out=0.5, without_masks=0.5, loss=1.0, pi=0.4, agreement=0.5, memory=0.5, drift=0.5)
    curve = pd.DataFrame({"epoch": np.arange(1, looks + 1) * EVERY} | {n: [v] * looks for n, v in flat.items()} | columns)
    curve.attrs = {"name": pictures, "pictures": pictures, "ratio": 1, "pi": 0.4}
    return curve


def steps(low, high, at, looks=10):
    """``low`` before a look, ``high`` from it on."""
    return [low] * at + [high] * (looks - at)


def test_every_rule_by_hand():
    floor, rules = honest_loss(1, 0.4), {name: rule for name, (rule, _) in RULES.items()}
    names = list(rules)
    assert names[0].endswith("pi by masks") and names[1].endswith("pi from scores")
    # of three looks, 0.3 below and two times 0.1 above are below on average; 0.3 below and once 0.1 above is not
    sinking = made_up(loss=steps(floor + 0.1, floor - 0.3, 5))
    assert [rules[name](sinking, 0) for name in names[:2]] == [4, 4]
    assert rules[names[0]](made_up(loss=steps(floor + 0.3, floor - 0.1, 5)), 0) == 6  # needs three looks below
    assert rules[names[1]](made_up(loss=[floor] * 10, pi=steps(0.5, 0.2, 5)), 0) == 5  # the floor rises: on average at the 7th
    assert [rules[name](made_up(), 0.6) for name in names] == [9, 9, 9, 9, 0]  # nothing happens
    for name, column in ((names[2], "drift"), (names[3], "memory")):
        assert rules[name](made_up(**{column: steps(0.5, 0.8, 4)}), 0.55) == 3
        assert rules[name](made_up(**{column: steps(0.5, 0.8, 4)}), 0.75) == 5
    assert rules[names[4]](made_up(agreement=[0.1, 0.2, 0.9, 0.9, 0.9, 0.3, 0.2, 0.1, 0.1, 0.1]), 0) == 4
    assert rules[names[0]](made_up(loss=[0.0] * 10), 0) == 0  # below from the start: the first look


def test_no_rule_looks_ahead():
    rng = np.random.default_rng(1)
    names = ("loss", "pi", "agreement", "memory", "drift")
    curve = made_up(looks=30, **{name: rng.uniform(0.3, 0.9, 30) for name in names})
    for name in names:
        assert np.allclose(stopping.smooth(curve[name])[:20], stopping.smooth(curve[name][:20]))
    for name, (rule, _) in list(RULES.items())[:4]:
        stopped = rule(curve, 0.6)
        later = curve.copy()
        later.loc[stopped + 2 :, list(names)] = 0.4
        assert rule(later, 0.6) == stopped, name


def test_limits_and_length_come_from_other_pairs_than_those_that_are_reported():
    early = made_up(pictures=CHOOSE_ON[0], held_out=steps(0.9, 0.1, 4), memory=np.linspace(0.5, 0.95, 10))
    late = made_up(held_out=steps(0.1, 0.9, 8), memory=np.linspace(0.5, 0.95, 10))
    alone, both = stopping.picks([early], "held_out"), stopping.picks([early, late], "held_out")
    assert list(alone) == list(both)  # the names tell the limits and the length
    assert f"{stopping.RIVAL}: {EVERY}" in both  # the first look is as good as any of four
    limit = stopping.chosen_limit(stopping.drift_without_masks, [early], "held_out")
    assert stopping.lost(early, stopping.drift_without_masks(early, limit), "held_out") == 0
    (name,) = [name for name in both if name.startswith("trained N")]
    assert stopping.lost(late, both[name][1], "held_out") == pytest.approx(0.8)  # early's limit stops late too early


def test_a_rule_must_gain_on_the_best_length_without_masks():
    def result(pictures, ratio, peak):
        target, scene = pictures.split(", ")
        epochs = np.arange(1, 21) * EVERY
        shape = 1 - np.abs(epochs - peak) / 50
        signals = pd.DataFrame({"epoch": epochs, "held_out": shape, "without_masks": shape, "agreement": shape})
        signals = signals.assign(loss=0.6, pi=0.4, memory=0.5, drift=0.5)
        run = {"source": "scenes", "target": target, "scene": scene, "method": "background", "ratio": ratio}
        return {"run": run, "hits": "", "pi": 0.4, "signals": signals.to_dict("records")}

    first = [result(pictures, ratio, 20) for pictures in CHOOSE_ON for ratio in (1, 2)]
    moved = [result("owl, forest", ratio, peak) for ratio, peak in ((1, 6), (2, 10), (3, 30), (4, 36))]
    assert stopping.deserving([*first, *moved]) == ["most agreement of two networks"]
    assert stopping.render_signals([*first, *moved]).endswith("\n\nWorth a setting: most agreement of two networks.")
    same = [result("owl, forest", ratio, 20) for ratio in (1, 2, 3, 4)]  # the best length is the best there, too
    assert stopping.deserving([*first, *same]) == []
    assert stopping.render_signals([*first, *same]).endswith("\n\nNo rule that needs no masks is worth a setting.")


def test_what_with_signals_trains_and_finds(easy_set, monkeypatch):
    pictures, run, trained = easy_set(size=40), Run(**SMALL), []
    pictures = replace(pictures, backgrounds=pictures.backgrounds.repeat(2, 1, 1, 1)[:10])
    monkeypatch.setattr(stopping, "fit", lambda part, run, **options: trained.append((part, run)) or fit(part, run, **options))
    _, taken = with_signals(pictures, run, progress=False)
    assert [one["epoch"] for one in taken] == [2, 4]
    assert [r.seed for _, r in trained] == [1000, 0]
    for part, _ in trained:
        kept = [i for i in range(10) if i % HELD_OUT]
        assert torch.equal(part.backgrounds, pictures.backgrounds[kept]) and torch.equal(part.targets, pictures.targets)
    part = trained[0][0]
    for one in taken:  # the same as shorter trainings end with
        networks = [fit(part, replace(run, epochs=one["epoch"], seed=seed), progress=False) for seed in (0, 1000)]
        maps = [localise(network, pictures.targets, run) for network in networks]
        assert one["held_out"] == round(held_out(mask_ious(maps[0], pictures.masks), 0.4).double().mean().item(), 4)
        assert one["agreement"] == pytest.approx(agreement(*(m[:, ::8, ::8] for m in maps)), abs=1e-4)
        assert one["loss"] == pytest.approx(np.mean(networks[0].losses[-2:]), abs=1e-4)
        assert all(0 <= one[name] <= 1 for name in ("loc_acc", "without_masks", "pxap", "pi", "memory"))


def test_every_epoch_is_measured_as_the_watched_ones_are(photos):
    run = Run(source=str(photos), **(SMALL | dict(epochs=12)))
    every = measure(run, every=True, progress=False).numbers["every"]
    some = measure(run, epochs=True, progress=False).numbers["epochs"]
    assert [(one["epoch"], one["weights"]) for one in every] == [(e, w) for e in range(1, 13) for w in ("last", "mean")]
    by_epoch = {(one["epoch"], one["weights"]): one for one in every}
    for one in some:
        same = by_epoch[one["epoch"], one["weights"]]
        assert {n: v for n, v in one.items() if "hits" not in n and n != "cpu"} == {n: v for n, v in same.items() if n != "cpu"}


def cells(text):
    """The rows of the first Markdown table in a text, each as column -> cell."""
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.split("\n\n")[0].splitlines()]
    return [dict(zip(lines[0], line, strict=True)) for line in lines[2:]]


def test_the_table_of_weight_average_by_hand():
    def result(seed, last, mean):
        numbers = [v for pair in zip(last, mean, strict=True) for v in pair]
        every = [{"epoch": 1 + i // 2, "weights": ("last", "mean")[i % 2], "loc_acc": v} for i, v in enumerate(numbers)]
        return {"run": {"source": "scenes", "target": "cat", "scene": "forest", "method": "cam", "ratio": 1, "seed": seed},
                "hits": "", "every": every}  # fmt: skip

    results = [result(0, [9, *[0.2, 0.6] * 5], [9, *[0.5] * 10]), result(1, [9, *[0.4] * 10], [9, *[0.5, 0.7] * 5])]
    (row,) = cells(stopping.render_every(results))
    assert row["Loc. Acc. in the last ten epochs"] == "drawn: cat, forest; CAM"
    assert row["highest minus lowest, last update"] == "0.20" and row["highest minus lowest, averaged"] == "0.10"
    assert row["mean, last update"] == "0.40" and row["mean, averaged"] == "0.55"
    assert row["gain (each seed)"] == "**+0.15** (+0.10, +0.20)"


@pytest.mark.parametrize("reading", stopping.READINGS)
def test_the_stored_signals_say_what_the_page_says(reading):
    """Lost Loc. Acc. of the fixed lengths, and of the agreement, in plain loops."""
    results = read_results(RESULTS / "stopping.jsonl")
    if len(results) < 16:
        pytest.skip("not measured yet")
    tested = [r for r in results if f"{r['run']['target']}, {r['run']['scene']}" not in CHOOSE_ON]
    assert len(tested) == len(results) // 2 and {r["run"]["source"] == "scenes" for r in tested} == {True, False}
    assert all(r["run"]["part"] == "development" for r in results if r["run"]["source"] != "scenes")
    (text,) = [
        t for t in stopping.render_signals(results).split("\n\n") if t.startswith(f"| Loc. Acc., {stopping.READINGS[reading]}")
    ]
    rows = {next(iter(row.values())): row["lost"].strip("*") for row in cells(text)}
    for epochs in (20, 50, 100):
        losses = []
        for r in tested:
            found = {one["epoch"]: one[reading] for one in r["signals"]}
            losses.append(max(found.values()) - found[epochs])
        assert float(rows[f"always {epochs} epochs"]) == pytest.approx(np.mean(losses), abs=6e-4)
    losses = []
    for r in tested:
        values, best, at = [], -2, 0
        for i, one in enumerate(r["signals"]):
            values = [*values, one["agreement"]][-3:]
            if np.mean(values) > best:
                best, at = np.mean(values), i
        losses.append(max(one[reading] for one in r["signals"]) - r["signals"][at][reading])
    assert float(rows["most agreement of two networks"]) == pytest.approx(np.mean(losses), abs=6e-4)


def test_a_sweep_draws_every_epoch_or_refuses_at_once(tmp_path, capsys):
    grid, out, picture = tmp_path / "g.yml", tmp_path / "g.jsonl", tmp_path / "g.png"
    grid.write_text("size: 32\npatch: 16\nimages: 3\nepochs: 2\nweight_average: true\nmeasure: every\n")
    main(["sweep", str(grid), "--out", str(out), "--jobs", "1", "--picture", str(picture)])
    assert "highest minus lowest, averaged" in capsys.readouterr().out
    assert picture.read_bytes() == png(draw_every_epoch(stopping.every_epoch(read_results(out))))
    grid.write_text("size: 32\npatch: 16\nimages: 3\nepochs: 2\n")
    with pytest.raises(SystemExit) as end:
        main(["sweep", str(grid), "--out", str(tmp_path / "other.jsonl"), "--picture", str(tmp_path / "other.png")])
    assert end.value.code == 2 and "does not measure every epoch" in capsys.readouterr().err
    assert not (tmp_path / "other.jsonl").exists() and not (tmp_path / "other.png").exists()
