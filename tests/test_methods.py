"""What CAM, ADL, HaS and CutMix change in training: against hand-worked cases and naive loops; the loop is fit's own."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.functional import binary_cross_entropy_with_logits

from bgnb import InputError, Run, build, fit, kinds, localise
from bgnb.methods import ADL, CAM, CutMix, HaS, Method, TrueLabels, adl_places, mix_box
from bgnb.patches import draw_crops, pool
from bgnb.settings import METHODS

SMALL = dict(size=32, patch=16, epochs=2, batch=4, device="cpu", precision="fp32")
WHOLE = ("cam", "adl", "has", "cutmix", "cam_unpadded")


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def pixels(n, height, width, seed=0):
    return torch.randint(1, 256, (n, 3, height, width), dtype=torch.uint8, generator=generator(seed))


def test_batches_of_whole_images_make_as_many_updates_as_patches():
    assert [METHODS[m].batch for m in METHODS] == [512, 64, 64, 64, 64, 64]
    assert (
        480 / METHODS["cam"].batch == 480 * Run().per_image / METHODS["background"].batch == 7.5
    )  # the paper's updates an epoch
    assert Run(method="cam", batch=5).resolved().batch == 5


@pytest.mark.parametrize("method", ["cam", "cam_unpadded"])
def test_cam_trains_on_whole_images_that_are_not_square(random_set, method):
    """Against a plain loop: the same pictures in the same order give the same weights."""
    pictures, run = random_set(targets=4, backgrounds=3, height=24, width=40), Run(method=method, **SMALL).resolved()
    model = build("tiny", 16, seed=0, image_level=method == "cam")
    optimiser = torch.optim.SGD(model.parameters(), run.lr, run.momentum, weight_decay=run.weight_decay)
    order, losses = generator(0), []
    for _ in range(run.epochs):
        crops, total = draw_crops(pictures, 24, 1, 1, order), 0.0
        crops = crops[torch.randperm(len(crops), generator=order)]
        assert crops.label.tolist().count(0) == crops.label.tolist().count(1) == 4  # every target image once
        for start in range(0, 8, 4):
            chosen = [
                (pictures.backgrounds if crops.label[i] else pictures.targets)[crops.image[i]] for i in range(start, start + 4)
            ]
            loss = binary_cross_entropy_with_logits(model(torch.stack(chosen)), crops.label[start : start + 4].float())
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            total += loss.item() * 4
        losses.append(total / 8)
    assert fit(pictures, run, progress=False).losses == pytest.approx(losses, abs=1e-4)


@pytest.mark.parametrize("method", WHOLE)
def test_every_method_learns_red_from_green_and_goes_on_bit_for_bit(easy_set, tmp_path, method):
    pictures, run = easy_set(), Run(method=method, **(SMALL | dict(epochs=6, lr=0.03)))
    model = fit(pictures, run, progress=False)
    with torch.no_grad():
        assert (model(pictures.targets) < 0).all() and (model(pictures.backgrounds) > 0).all()
    checkpoint = tmp_path / "check.safetensors"
    fit(pictures, Run(method=method, **(SMALL | dict(epochs=3, lr=0.03))), checkpoint, progress=False)
    again = fit(pictures, run, checkpoint, progress=False)
    assert again.losses == model.losses
    assert all(torch.equal(a, b) for a, b in zip(model.state_dict().values(), again.state_dict().values(), strict=True))


def test_a_method_with_other_settings_has_checkpoints_of_its_own(easy_set, tmp_path):
    run, checkpoint = Run(method="adl", **SMALL), tmp_path / "check.safetensors"
    fit(easy_set(), run, checkpoint, progress=False, method=ADL(drop=0.1))
    fit(easy_set(), run, checkpoint, progress=False, method=ADL(drop=0.1))
    with pytest.raises(InputError, match="check"):
        fit(easy_set(), run, checkpoint, progress=False, method=ADL(drop=0.2))


def test_true_labels_are_what_the_masks_say(random_set):
    pictures = random_set(height=40, width=44)
    crops = draw_crops(pictures, 7, 20, 2, 0)
    told = TrueLabels().training_labels(crops, pictures, 7)
    for i in range(len(crops)):
        top, left = int(crops.top[i]), int(crops.left[i])
        inside = crops.label[i] == 0 and pictures.masks[crops.image[i], top : top + 7, left : left + 7].float().mean() >= 0.1
        assert told[i] == (0 if inside else 1)
    share = torch.tensor([0.0] * len(crops))
    assert (Method().training_labels(crops, pictures, 7) == crops.label).all() and (kinds(crops.label, share) != "P").all()
    without = type(pictures)(pictures.targets, None, pictures.backgrounds)
    with pytest.raises(InputError, match="masks"):
        fit(without, Run(**SMALL), progress=False, method=TrueLabels())


def test_only_tiny_and_micro_have_no_padding():
    with pytest.raises(InputError, match=r"net vgg16: .*cam_unpadded"):
        Run(method="cam_unpadded", net="vgg16")
    assert Run(method="cam_unpadded", net="micro").net == "micro"


@pytest.mark.parametrize("method", ["background", "cam", "has", "cutmix", "cam_unpadded"])
def test_micro_is_the_same_network_for_whole_images(easy_set, method):
    pictures, run = easy_set(), Run(method=method, net="micro", **(SMALL | dict(epochs=12, lr=0.03)))
    model = fit(pictures, run, progress=False)
    assert model.state_dict().keys() == build("micro", 16).state_dict().keys()
    maps = localise(model, pictures.targets, run)
    assert maps.shape == (6, 32, 32) and 0 <= maps.min() <= maps.max() <= 1
    with torch.no_grad():
        assert (model(pictures.targets) < 0).all() and (model(pictures.backgrounds) > 0).all()


def test_adl_needs_two_poolings():
    with pytest.raises(InputError, match=r"net micro: .*adl"):
        Run(method="adl", net="micro")


# ADL


@pytest.mark.parametrize(
    ("net", "paper", "reference"),
    [("vgg16", (16, 23, 29), (16, 22, 29)), ("vgg16_bn", (23, 33, 42), (23, 32, 42))],
)
def test_adl_sits_where_the_papers_and_the_references_code_put_it(net, paper, reference):
    """VGG's numbers are torchvision's: pool3, pool4 or the ReLU of conv4_3, the ReLU of conv5_3."""
    trunk = build(net, 32, image_level=True).trunk
    for placement, wanted in (("paper", paper), ("reference", reference)):
        assert [list(trunk).index(place) for place in adl_places(trunk, placement)] == list(wanted)
    with pytest.raises(InputError, match="placement"):
        adl_places(trunk, "middle")


def test_adl_in_resnet_and_tiny():
    resnet = build("resnet50", 32, image_level=True).trunk
    names = {module: name for name, module in resnet.named_modules()}
    assert [names[m] for m in adl_places(resnet, "paper")] == ["6.0", "7.0", "7.2"]  # layer3, layer4 are children 6 and 7
    tiny = build("tiny", 24, image_level=True).trunk
    two = [[list(tiny).index(m) for m in adl_places(tiny, p)] for p in ("paper", "reference")]
    assert isinstance(tiny[two[0][0]], torch.nn.MaxPool2d) and isinstance(tiny[two[1][1]], torch.nn.ReLU)
    assert two[0][0] == two[1][0] and two[0][1] == two[1][1] + 1 and two[0][2] == two[1][2] == len(tiny) - 1


def test_adl_hides_the_most_telling_places_or_stresses_them():
    layer = torch.nn.Identity()
    features = torch.tensor([[1.0, 2.0], [9.0, 10.0]]).repeat(1, 3, 1, 1)  # attention = the same
    hidden = ADL(drop=1.0, gamma=0.9, generator=generator()).hook(layer, (), features)
    assert hidden[0, 0].tolist() == [[1.0, 2.0], [0.0, 0.0]]  # 9 and 10 reach 0.9 * 10
    stressed = ADL(drop=0.0, generator=generator()).hook(layer, (), features)
    torch.testing.assert_close(stressed, features * torch.sigmoid(features))
    assert ADL().hook(layer.eval(), (), features) is None  # evaluation


def test_adl_tosses_a_coin_for_each_picture():
    features = torch.rand(400, 2, 3, 3) + 0.1
    out = ADL(drop=0.75, generator=generator(1)).hook(torch.nn.Identity(), (), features)
    hidden = (out == 0).flatten(1).any(1)
    assert 0.68 < hidden.float().mean() < 0.82
    again = ADL(drop=0.75, generator=generator(1)).hook(torch.nn.Identity(), (), features)
    assert torch.equal(out, again)


def test_adl_leaves_nothing_in_the_trained_network(easy_set):
    model = fit(easy_set(), Run(method="adl", **SMALL), progress=False)
    assert not any(module._forward_hooks for module in model.modules())
    assert model.state_dict().keys() == build("tiny", 16, image_level=True).state_dict().keys()


# HaS


@given(st.integers(20, 90), st.integers(20, 90), st.integers(0, 1000))
def test_has_hides_whole_cells(height, width, seed):
    method = HaS(cells=(0, 56, 112))
    mask = method.mask(6, height, width, generator(seed))
    assert mask.shape == (6, height, width)
    sides = [round(c * min(height, width) / 224) for c in method.cells[1:]]
    for one in mask:
        fits = []
        for side in sides:  # constant on the cells of at least one of the sides
            blocks = [one[y : y + side, x : x + side] for y in range(0, height, side) for x in range(0, width, side)]
            fits.append(all(b.all() or not b.any() for b in blocks))
        assert any(fits)


def test_has_hides_half_and_fills_with_the_mean_colour_of_the_data():
    images, method = pixels(8, 48, 80), HaS()
    method.start(None, images.permute(0, 2, 3, 1), generator())
    mean = images.double().mean((0, 2, 3)).round().to(torch.uint8)
    batch, label = method.batch(images.repeat(20, 1, 1, 1), torch.ones(160), generator(3))
    before, hidden = images.repeat(20, 1, 1, 1), (batch == mean.view(1, 3, 1, 1)).all(1)
    assert torch.equal(batch[~hidden[:, None].expand_as(batch)], before[~hidden[:, None].expand_as(before)])
    untouched = (batch == before).flatten(1).all(1).float().mean()
    assert 0.1 < untouched < 0.3  # one of five cell sizes hides nothing
    share = hidden.float().mean((1, 2))[(batch != before).flatten(1).any(1)]
    assert 0.45 < share.mean() < 0.55 and (label == 1).all()
    assert len({tuple(h.flatten().tolist()) for h in hidden[:40]}) > 20  # each picture has its own


# CutMix


@given(st.integers(8, 70), st.integers(8, 70), st.floats(0, 1), st.integers(0, 1000))
def test_the_box_of_cutmix_lies_inside_and_is_no_larger_than_drawn(height, width, keep, seed):
    top, bottom, left, right = mix_box(height, width, keep, np.random.default_rng(seed))
    assert 0 <= top <= bottom <= height and 0 <= left <= right <= width
    assert (bottom - top) * (right - left) <= (1 - keep) * height * width + 1e-6


def test_cutmix_mixes_labels_by_the_share_that_was_pasted():
    n, height, width = 6, 30, 50
    flat = torch.arange(1, n + 1, dtype=torch.uint8).view(n, 1, 1, 1).expand(n, 3, height, width).contiguous()
    label = torch.tensor([0.0, 1.0, 0.0, 1.0, 1.0, 0.0])
    mixed_any = False
    for seed in range(10):
        mixed, soft = CutMix().batch(flat, label, generator(seed))
        for i in range(n):
            values, counts = mixed[i, 0].unique(return_counts=True)
            expected = sum(label[v - 1] * c for v, c in zip(values.tolist(), counts.tolist(), strict=True)) / (height * width)
            assert soft[i].item() == pytest.approx(expected.item(), abs=1e-6)
            mixed_any |= len(values) == 2
    assert mixed_any and torch.equal(flat[0], torch.ones_like(flat[0]))  # what came in is as it was


def test_cutmix_is_left_out_at_probability_zero():
    images, label = pixels(4, 20, 30), torch.rand(4)
    same, told = CutMix(probability=0.0).batch(images, label, generator())
    assert same is images and told is label


def test_networks_for_whole_images_have_a_map_of_step_8_or_16():
    for net, step in (("tiny", 8), ("vgg16", 16), ("resnet50", 16)):
        model = build(net, 24, image_level=True).eval()
        with torch.no_grad():
            assert model.logit_map(pixels(1, 64, 96)).shape == (1, 64 // step, 96 // step) and model.step == step


def test_start_is_given_all_pictures(easy_set, monkeypatch):
    seen = []
    monkeypatch.setattr(CAM, "start", lambda self, model, images, generator: seen.append(torch.stack([*images])) or [])
    pictures = easy_set()
    fit(pictures, Run(method="cam", **(SMALL | dict(epochs=1))), progress=False)
    assert torch.equal(seen[0], pool(pictures))
