"""A run from photos on disk to its JSON."""

import json
from dataclasses import replace

import pytest
import torch

import bgnb.boxes
import bgnb.study.references
import bgnb.study.runs
import bgnb.training
from bgnb import InputError, Run, build, kind_scores, load, loc_acc, measure, pxap, sample_patches, score_windows, trained
from bgnb.files import save_tensors
from bgnb.methods import ADL
from bgnb.study.runs import share_of_p

SMALL = dict(size=40, patch=16, stride=8, epochs=2, per_image=2, device="cpu", precision="fp32")


def test_measure_gives_the_contracts_numbers_and_the_second_time_the_same(photos, monkeypatch):
    run = Run(source=str(photos), **SMALL)
    first = measure(run, baselines=True, progress=False)
    numbers = json.loads(json.dumps(first.numbers))
    assert {"run", "loc_acc", "threshold", "pxap", "seconds", "device", "processor", "precision", "versions"} <= numbers.keys()
    assert Run(**numbers["run"]) == run.resolved()
    assert numbers["images"] == {"targets": 4, "backgrounds": 5}
    assert {"python", "torch", "bgnb"} <= numbers["versions"].keys() and numbers["device"].startswith("cpu")
    # the numbers are those of the maps
    accuracy = loc_acc(first.maps, first.imageset.masks)
    assert (numbers["loc_acc"], numbers["threshold"]) == (accuracy.value, accuracy.threshold)
    assert numbers["pxap"] == pxap(first.maps, first.imageset.masks)
    assert numbers["hits"].count("1") == round(4 * accuracy.value)
    assert numbers["interval"][0] <= numbers["loc_acc"] <= numbers["interval"][1]
    assert numbers["baselines"]["constant map"]["loc_acc"] == loc_acc(torch.ones(4, 40, 40), first.imageset.masks).value

    def fail(*_, **__):
        raise AssertionError("trained again although the network is in the cache")

    monkeypatch.setattr(bgnb.training, "fit", fail)
    second = json.loads(json.dumps(measure(run, baselines=True, progress=False).numbers))
    assert second | {"seconds": 0} == numbers | {"seconds": 0}


def test_only_what_was_asked_for_is_measured(photos, monkeypatch):
    run = Run(source=str(photos), **SMALL)
    plain = measure(run, progress=False).numbers
    assert not {"baselines", "ceilings", "metrics"} & plain.keys()
    monkeypatch.setattr(bgnb.study.references, "fit", None)  # would fail if it were called: baselines are trained by nobody
    assert measure(run, baselines=True, progress=False).numbers.keys() - plain.keys() == {"baselines"}
    monkeypatch.undo()
    numbers = measure(run, baselines=True, ceilings=True, metrics=True, progress=False).numbers
    assert numbers.keys() - plain.keys() == {"baselines", "ceilings", "metrics"}
    assert set(numbers["ceilings"]) == {"true labels", "mask blurred by the window"}
    for one in ([numbers], numbers["baselines"].values(), numbers["ceilings"].values()):
        assert all(n["metrics"]["loc_acc"]["0.4"] == n["loc_acc"] for n in one)
    assert {name: value for name, value in numbers.items() if name in plain} | {"seconds": 0} == plain | {"seconds": 0}


def test_few_shots_and_held_out_photos_stand_beside_the_run(make_photos):
    """Their numbers against a plain count: found with the threshold that is best on the other photos, odd or even ones."""
    run = Run(source=str(make_photos(targets=11, width=48, height=44)), **SMALL)
    numbers = json.loads(json.dumps(measure(run, few_shot=True, held_out_photos=True, progress=False).numbers))
    pictures = load(**run.load_arguments(), progress=False)
    maps = bgnb.study.references.held_out_photos(pictures, run)
    hit = torch.zeros(10, 11)
    for k in range(10):
        for i in range(11):
            inside = maps[i] >= torch.tensor(0.05 + 0.1 * k, dtype=maps.dtype)
            both, either = (inside & pictures.masks[i]).sum(), (inside | pictures.masks[i]).sum()
            hit[k, i] = both / either >= 0.4
    expected = "".join(str(int(hit[hit[:, 1 - i % 2 :: 2].sum(1).argmax(), i])) for i in range(11))
    found = numbers["held_out_photos"]
    assert found["held_out_hits"] == expected and found["held_out"] == pytest.approx(expected.count("1") / 11)
    assert found["loc_acc"] == pytest.approx(hit.mean(1).max().item())
    assert set(numbers["few_shot"]) == {"5", "10"}
    for photos, found in numbers["few_shot"].items():
        assert len(set(found["photos"])) == int(photos) and len(found["hits"]) == 11 and found["held_out_hits"].count("1") <= 11
        assert found["loc_acc"] == loc_acc(bgnb.study.references.few_shot(pictures, run, int(photos)), pictures.masks).value


@pytest.mark.parametrize(("change", "named"), [(dict(method="cam"), "method cam"), (dict(), "10 target images; there are 4")])
def test_few_shots_that_cannot_be_are_refused_before_training(photos, monkeypatch, change, named):
    monkeypatch.setattr(bgnb.study.runs, "trained", None)  # would fail if it were called
    with pytest.raises(InputError, match=f"few_shot: .*{named}"):
        measure(Run(source=str(photos), **SMALL, **change), few_shot=True, progress=False)


def test_no_metric_is_computed_twice(photos, monkeypatch):
    counted = []
    for name in ("pixel_counts", "box_ious"):
        function = getattr(bgnb.boxes, name)
        monkeypatch.setattr(bgnb.boxes, name, lambda *a, f=function, n=name: counted.append(n) or f(*a))
    measure(Run(source=str(photos), **SMALL), metrics=True, progress=False)
    assert sorted(counted) == ["box_ious", "pixel_counts"]


def test_snapshots_on_the_way_are_what_a_shorter_training_ends_with(photos, monkeypatch):
    monkeypatch.setattr(bgnb.study.runs, "WATCHED", (2,))
    run = Run(source=str(photos), **(SMALL | dict(epochs=13, weight_average=True)))
    numbers = measure(run, epochs=True, progress=False).numbers
    assert [(s["epoch"], s["weights"]) for s in numbers["epochs"]] == [
        (epoch, weights) for epoch in (2, *range(4, 14)) for weights in ("last", "mean")
    ]
    json.dumps(numbers)
    last, mean = numbers["epochs"][-2:]
    assert (mean["loc_acc"], mean["threshold"], mean["hits"]) == (numbers["loc_acc"], numbers["threshold"], numbers["hits"])
    for weight_average, snap in ((False, numbers["epochs"][0]), (True, numbers["epochs"][1])):
        short = measure(replace(run, epochs=2, weight_average=weight_average), progress=False).numbers
        assert (snap["loc_acc"], snap["hits"]) == (short["loc_acc"], short["hits"])
        assert snap["pxap"] == pytest.approx(short["pxap"], abs=1e-4)
    assert {"P", "F", "N"} >= set(last["target"]) and all(0 <= share <= 1 for share in last["target"].values())
    assert last["held_out_hits"].count("1") == round(4 * last["held_out"])


@pytest.mark.parametrize("call", [1, 2, 6, 11])  # each of the epochs 2, 4, 5 ... 13 is measured with both weights
def test_snapshots_of_an_interrupted_training_are_the_same(photos, tmp_path, monkeypatch, call):
    monkeypatch.setattr(bgnb.study.runs, "WATCHED", (2,))
    run, calls, trained_epochs = Run(source=str(photos), **(SMALL | dict(epochs=13, weight_average=True))), [], []
    whole = measure(run, epochs=True, progress=False)
    monkeypatch.setenv("BGNB_CACHE", str(tmp_path / "cache"))
    snapshot, draw = bgnb.study.runs.snapshot, bgnb.training.draw_crops

    def interrupted(*arguments):
        calls.append(1)
        if len(calls) == call:
            raise KeyboardInterrupt
        return snapshot(*arguments)

    monkeypatch.setattr(bgnb.study.runs, "snapshot", interrupted)
    monkeypatch.setattr(bgnb.training, "draw_crops", lambda *a: trained_epochs.append(1) or draw(*a))
    with pytest.raises(KeyboardInterrupt):
        measure(run, epochs=True, progress=False)
    again = measure(run, epochs=True, progress=False)
    assert len(trained_epochs) == 13  # none twice
    assert len(calls) == 22 + 1 + (call % 2 == 0)  # an epoch is measured again if its second measurement was cut off
    assert without(again.numbers) == without(whole.numbers) and torch.equal(again.maps, whole.maps)
    cpu = [snap["cpu"] for snap in again.numbers["epochs"]]
    assert cpu == sorted(cpu) and cpu[0] > 0
    assert not [file for file in (tmp_path / "cache" / "networks").iterdir()]


def without(numbers):
    """The numbers that do not depend on the clock."""
    epochs = [{name: value for name, value in snap.items() if name != "cpu"} for snap in numbers["epochs"]]
    return json.loads(json.dumps(numbers)) | {"seconds": 0, "epochs": epochs}


def test_the_share_of_p_is_that_of_many_patches(easy_set):
    pictures = easy_set(size=40)
    patches = sample_patches(pictures, 16, per_image=2000)
    assert share_of_p(pictures.masks, 16) == pytest.approx((patches.kind[: 6 * 2000] == "P").mean(), abs=0.02)


def test_without_masks_there_is_no_accuracy(make_photos):
    result = measure(Run(source=str(make_photos(masks=False)), **SMALL), progress=False)
    numbers = json.loads(json.dumps(result.numbers))
    assert numbers["loc_acc"] is None and numbers["threshold"] is None and numbers["pxap"] is None
    assert result.accuracy is None and result.maps.shape == (4, 40, 40)


def test_without_masks_asking_for_more_does_no_harm(make_photos):
    run = Run(source=str(make_photos(masks=False)), **SMALL)
    result = measure(run, baselines=True, ceilings=True, metrics=True, progress=False)
    assert result.numbers["loc_acc"] is None


@pytest.mark.parametrize("other", [dict(seed=1), dict(lr=0.02), dict(epochs=3)])
def test_another_run_is_another_network(easy_set, other):
    one = trained(easy_set(size=40), Run(**SMALL), progress=False)
    two = trained(easy_set(size=40), Run(**(SMALL | other)), progress=False)
    assert one.losses != two.losses and not torch.equal(one.head.weight, two.head.weight)


def test_other_pictures_are_another_network_and_another_stride_is_not(easy_set, monkeypatch):
    one = trained(easy_set(size=40, seed=7), Run(**SMALL), progress=False)
    assert trained(easy_set(size=40, seed=8), Run(**SMALL), progress=False).losses != one.losses
    monkeypatch.setattr(bgnb.training, "fit", None)  # would fail if it were called
    again = trained(easy_set(size=40, seed=7), Run(**(SMALL | dict(stride=4, overlap="add"))), progress=False)
    assert again.losses == one.losses and torch.equal(again.head.weight, one.head.weight)


def test_another_content_of_the_weights_file_is_another_network(easy_set, tmp_path):
    file, networks = tmp_path / "start.safetensors", []
    for seed in (1, 2):
        save_tensors(file, build("tiny", 16, seed=seed).state_dict())
        networks.append(trained(easy_set(size=40), Run(**SMALL, weights=str(file)), progress=False))
    assert not torch.equal(networks[0].head.weight, networks[1].head.weight)


def test_another_version_of_the_training_is_another_network(easy_set, monkeypatch):
    pictures, run = easy_set(size=40), Run(**SMALL)
    before = bgnb.training.network_key(pictures, run)
    assert bgnb.training.network_key(pictures, replace(run, stride=4, overlap="add")) == before
    assert bgnb.training.network_key(pictures, replace(run, ratio=float(run.ratio))) == before  # 2 is 2.0
    monkeypatch.setattr(bgnb.training, "VERSION", -1)
    assert bgnb.training.network_key(pictures, run) != before


def test_who_watches_the_epochs_sees_the_same_networks_from_the_cache(easy_set, monkeypatch):
    pictures, run = easy_set(size=40), Run(**(SMALL | dict(epochs=3)))
    seen = []

    def look(epoch, model, loss):
        seen.append((epoch, loss, score_windows(model, pictures.targets, run.patch, 8)))

    first = trained(pictures, run, progress=False, on_epoch=look)
    monkeypatch.setattr(bgnb.training, "fit", None)  # would fail if it were called
    again = trained(pictures, run, progress=False, on_epoch=look)
    for (epoch, loss, scores), (same_epoch, same_loss, same_scores) in zip(seen[:3], seen[3:], strict=True):
        assert (epoch, loss) == (same_epoch, same_loss) and torch.equal(scores, same_scores)
    assert not torch.equal(seen[0][2], seen[2][2]) and torch.equal(first.head.weight, again.head.weight)


def test_a_method_with_other_settings_is_another_network(easy_set):
    run = Run(**(SMALL | dict(method="adl", ratio=1)))
    one, two = (trained(easy_set(size=40), run, progress=False, method=method) for method in (None, ADL(drop=0.0)))
    assert not torch.equal(one.head.weight, two.head.weight)


def test_kind_scores_are_of_their_kind(easy_set):
    pictures, run = easy_set(size=40), Run(**(SMALL | dict(epochs=6, per_image=4, batch=16)))
    model = trained(pictures, run, progress=False)
    scores = kind_scores(model, pictures, run, count=20)
    assert {kind: len(values) for kind, values in scores.items()}["N"] == 20
    # the whole of a target picture is red here, so that P cannot look like background
    assert all(values.min() >= 0 and values.max() <= 1 for values in scores.values() if len(values))
    assert scores["P"].mean() < 0.5 < scores["N"].mean()


@pytest.mark.photos
def test_real_photographs(real_photos):
    target, scene = (sorted(p.name for p in (real_photos / part).iterdir())[0] for part in ("targets", "backgrounds"))
    run = Run(source=str(real_photos), target=target, scene=scene, images=4, **(SMALL | dict(size=64)))
    result = measure(run, progress=False)
    assert result.maps.shape == (4, 64, 64)
    assert torch.equal(result.imageset.targets, load(**run.load_arguments(), progress=False).targets)
