"""Three routes to a ratio: the loss weight against a loss written out, the order against scikit-learn, the plan by hand."""

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from bgnb.files import InputError
from bgnb.networks import build
from bgnb.patches import crop, draw_crops, pool, pool_index
from bgnb.settings import Run
from bgnb.study.routes import judge, look, ranking, route, routes
from bgnb.training import fit

SMALL = Run(size=64, patch=16, stride=8, epochs=4, batch=16, device="cpu", precision="fp32")


@pytest.mark.parametrize("weight", [0.5, 4])
@pytest.mark.parametrize("ratio", [1, 2])
def test_a_loss_weight_counts_each_background_patch_so_often_and_the_mean_weight_is_one(easy_set, weight, ratio):
    pictures = easy_set()
    run = Run(size=32, patch=16, epochs=1, batch=10_000, ratio=ratio, background_weight=weight, device="cpu", precision="fp32")
    crops = draw_crops(pictures, 16, run.per_image, ratio, torch.Generator().manual_seed(0))
    pixels = crop(pool(pictures), pool_index(crops, len(pictures.targets)), crops.top, crops.left, 16)
    backgroundness = build("tiny", 16, seed=0).train()(pixels).flatten().sigmoid().double()
    each = -torch.where(crops.label == 1, weight * backgroundness.log(), (1 - backgroundness).log())
    mean_weight = torch.where(crops.label == 1, weight, 1.0).mean()
    assert fit(pictures, run, progress=False).losses[0] == pytest.approx((each.mean() / mean_weight).item(), rel=1e-4)


def test_a_weight_of_one_changes_no_bit(easy_set):
    plain, one = (
        fit(easy_set(size=64), run, progress=False) for run in (SMALL, Run(**{**vars(SMALL), "background_weight": 1.0}))
    )
    assert plain.losses == one.losses
    with pytest.raises(InputError, match="background_weight 0"):
        Run(background_weight=0)


def test_ranking_is_the_area_under_the_roc_curve():
    rng = np.random.default_rng(0)
    scores = {"P": rng.random(40).round(1), "F": rng.random(30).round(1) * 1.2}
    labels = np.repeat([0, 1], [40, 30])
    assert ranking(scores) == pytest.approx(roc_auc_score(labels, np.concatenate([scores["P"], scores["F"]])))


def test_all_routes_get_as_many_updates():
    for k in (1, 2, 4):
        runs = {name: route(SMALL, name, k) for name in ("more crops", "loss weight", "log k afterwards")}
        patches = {name: (1 + run.ratio) * run.epochs_run for name, run in runs.items()}
        assert max(patches.values()) - min(patches.values()) <= 1 + k  # to the nearest epoch
    assert runs["more crops"].ratio == 4 and runs["loss weight"].background_weight == 4 and runs["log k afterwards"].ratio == 1


def test_adding_log_k_moves_all_medians_and_no_ranking(easy_set):
    pictures = easy_set(images=8, size=64)
    kinds, windows = look(fit(pictures, SMALL, progress=False), pictures, SMALL)
    plain, moved = judge(kinds, windows, pictures, SMALL), judge(kinds, windows, pictures, SMALL, 3)
    assert moved["ranking"] == pytest.approx(plain["ranking"])
    logit = np.log(plain["N"] / (1 - plain["N"]))
    assert moved["N"] == pytest.approx(1 / (1 + np.exp(-logit - np.log(3))), abs=1e-3)  # a median of two


def test_routes_agree_at_one_and_are_told_apart_above(easy_set):
    rows = routes(easy_set(images=8, size=64), SMALL, (1, 4), seeds=2, progress=False)
    assert len(rows) == 3 * 2 * 2 and {row["seed"] for row in rows} == {0, 1}
    for seed in (0, 1):
        at_one = [{**row, "route": ""} for row in rows if row["k"] == 1 and row["seed"] == seed]
        assert at_one[0] == at_one[1] == at_one[2]
        assert len({row["F"] for row in rows if row["k"] == 4 and row["seed"] == seed}) == 3
