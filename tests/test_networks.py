"""Networks: their shapes, their normalisation by torchvision's formula, their weights in and out of files."""

import copy
import functools

import pytest
import torch
import torchvision
from safetensors.torch import save_file
from torchvision.transforms import v2

from bgnb import InputError, build
from bgnb.files import save_tensors
from bgnb.networks import MEAN, STD
from bgnb.settings import NETWORKS

PATCHES = (16, 17, 24, 25, 48)


@functools.cache
def built(net, patch):
    return build(net, patch, seed=1).eval()


def network(net, patch=24):
    """A network that tests must not change; the large ones do not depend on the patch, so that one is enough."""
    return built(net, patch if net == "tiny" else 24)


def pixels(n, side, seed=0):
    return torch.randint(0, 256, (n, 3, side, side), dtype=torch.uint8, generator=torch.Generator().manual_seed(seed))


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("net", NETWORKS)
@pytest.mark.parametrize("patch", PATCHES)
def test_one_logit_for_each_patch_is_the_mean_of_the_map(net, patch):
    model, given = network(net, patch), pixels(3, patch)
    with torch.no_grad():
        logits, places = model(given), model.logit_map(given)
    assert logits.shape == (3,) and logits.dtype == torch.float32 and logits.isfinite().all()
    assert logits.unique().numel() == 3  # it looks at the pixels
    for logit, place in zip(logits.tolist(), places.tolist(), strict=True):
        values = [value for row in place for value in row]
        assert logit == pytest.approx(sum(values) / len(values), abs=1e-5)


@pytest.mark.parametrize("net", NETWORKS)
def test_bytes_and_normalised_pixels_give_the_same(net):
    model, given = network(net), pixels(3, 24)
    normalised = v2.functional.normalize(v2.functional.to_dtype(given, torch.float32, scale=True), MEAN, STD)
    by_hand = (given.double() / 255 - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(STD).view(3, 1, 1)
    torch.testing.assert_close(model.normalise(given), normalised, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(model.normalise(given).double(), by_hand, atol=1e-5, rtol=1e-5)
    with torch.no_grad():
        torch.testing.assert_close(model(given), model(normalised), atol=1e-4, rtol=1e-4)


def test_the_statistics_are_those_of_torchvision():
    transform = torchvision.models.ResNet50_Weights.IMAGENET1K_V1.transforms()
    assert (tuple(transform.mean), tuple(transform.std)) == (MEAN, STD)


@pytest.mark.parametrize("net", ["tiny", "resnet50"])
def test_the_seed_decides_the_weights_and_the_global_state_stays(net):
    one, before = network(net).state_dict(), torch.get_rng_state()
    equal = build(net, 24, seed=1).state_dict()
    assert torch.equal(torch.get_rng_state(), before)
    assert same(one, equal)


def test_another_seed_gives_other_weights():
    one, other = (build("tiny", 24, seed=seed).state_dict() for seed in (3, 4))
    weights = [name for name in one if one[name].ndim == 4]
    assert len(weights) == 6 and not any(torch.equal(one[name], other[name]) for name in weights)


@pytest.mark.parametrize("patch", PATCHES)
def test_tiny_sees_no_more_than_its_patch(patch):
    # The gradient of the logit reaches a patch's border only where the network really looks there.
    model = network("tiny", patch)
    given = model.normalise(pixels(1, patch)).requires_grad_()
    model(given).sum().backward()
    seen = given.grad[0].abs().sum(0)
    used = patch - (patch - 4) % 4 if patch >= 24 else patch  # the poolings drop what is left of their steps
    assert seen[0].sum() > 0 and seen[:, 0].sum() > 0
    assert seen[used - 4 : used].sum() > 0


@pytest.mark.parametrize("net", ["micro", "tiny", "resnet50"])
def test_weights_survive_a_file(net, tmp_path):
    model = copy.deepcopy(network(net)).train()
    with torch.no_grad():
        model(pixels(4, 24))  # batch norm's running statistics are weights too
    save_tensors(tmp_path / "net.safetensors", model.state_dict())
    again = build(net, 24, weights=str(tmp_path / "net.safetensors"), seed=9)
    assert same(model.state_dict(), again.state_dict())
    assert [p.name for p in tmp_path.iterdir()] == ["net.safetensors"]


@pytest.mark.parametrize("net", ["resnet50", "vgg16", "vgg16_bn"])
def test_torchvisions_names_fill_the_trunk(net, tmp_path):
    original = getattr(torchvision.models, net)(weights=None).eval()
    # VGG's classifier would be a file of half a gigabyte; its names are what matters, for they must be passed over.
    weights = {k: v[:1].clone() if k.startswith("classifier") else v for k, v in original.state_dict().items()}
    save_file(weights, tmp_path / "torchvision.safetensors")
    model = build(net, 24, weights=str(tmp_path / "torchvision.safetensors"), seed=1).eval()
    given = pixels(2, 32)
    with torch.no_grad():
        x = model.normalise(given)
        if net == "resnet50":
            x = original.maxpool(original.relu(original.bn1(original.conv1(x))))
            expected = original.layer4(original.layer3(original.layer2(original.layer1(x))))
        else:
            expected = original.features[:-1](x)
        torch.testing.assert_close(model.trunk(model.normalise(given)), expected, atol=1e-4, rtol=1e-4)
    # the head is not in the file: it is the seed's
    assert torch.equal(model.head.weight, network(net).head.weight)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (dict(net="alexnet"), "alexnet"),
        (dict(net="tiny", patch=15), "patch 15"),
        (dict(net="resnet50", weights="IMAGENET_V9"), "IMAGENET_V9"),
        (dict(net="vgg16", weights="no"), "no"),
        (dict(net="tiny", weights="IMAGENET1K_V1"), "IMAGENET1K_V1"),
        (dict(net="micro", weights="IMAGENET1K_V1"), "micro has no"),
        (dict(net="tiny", weights="missing.safetensors"), "missing.safetensors"),
    ],
)
def test_bad_input_is_named(options, named):
    with pytest.raises(InputError, match=named) as caught:
        build(**(dict(patch=24) | options))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"not safetensors", b"\x00" * 64])
def test_a_broken_file_is_named(tmp_path, content):
    file = tmp_path / "broken.safetensors"
    file.write_bytes(content)
    with pytest.raises(InputError, match=r"broken\.safetensors") as caught:
        build("tiny", 24, weights=str(file))
    assert "\n" not in str(caught.value)


def test_weights_of_another_network_are_refused(tmp_path):
    save_tensors(tmp_path / "tiny.safetensors", network("tiny", 16).state_dict())
    for net, patch in (("resnet50", 24), ("tiny", 24), ("micro", 16)):  # for a patch of 16, tiny's last kernel is smaller
        with pytest.raises(InputError, match=r"tiny\.safetensors.*another network"):
            build(net, patch, weights=str(tmp_path / "tiny.safetensors"))


def test_micro_is_the_chain_of_layers_that_its_page_computes():
    """By hand, from its eight tensors: 6,065 weights, no padding, the mean of 5 x 5 places on a patch of 20 pixels."""
    model, given = network("micro"), pixels(3, 20)
    weights = [*model.parameters()]
    assert sum(w.numel() for w in weights) == 6065 and [tuple(w.shape) for w in weights[::2]] == [
        (8, 3, 3, 3), (16, 8, 3, 3), (32, 16, 3, 3), (1, 32, 1, 1)
    ]  # fmt: skip
    functional = torch.nn.functional
    seen = functional.conv2d(model.normalise(given), *weights[:2]).relu().unfold(2, 2, 2).unfold(3, 2, 2).amax((4, 5))
    for weight, bias in (weights[2:4], weights[4:6]):
        seen = functional.conv2d(seen, weight, bias).relu()
    assert seen.shape == (3, 32, 5, 5) and (model.field, model.step, model.padding) == (12, 2, False)
    with torch.no_grad():
        logits = seen.mean((2, 3)) @ weights[6].flatten() + weights[7]
        torch.testing.assert_close(model(given), logits, atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(model.folded()(given), logits, atol=1e-5, rtol=1e-5)
    assert same(model.state_dict(), build("micro", 48, seed=1, image_level=True).state_dict())


def test_micro_begins_as_he_et_al_propose():
    drawn = [[*build("micro", 20, seed=seed).parameters()] for seed in range(20)]
    for number in range(0, 8, 2):
        weights, biases = (torch.stack([each[i] for each in drawn]) for i in (number, number + 1))
        assert weights.std().item() == pytest.approx((2 / weights[0, 0].numel()) ** 0.5, rel=0.1) and not biases.any()
        assert weights.mean().abs() < 0.1 * weights.std()


@pytest.mark.parametrize("net", ["tiny", "vgg16_bn", "resnet50"])
def test_folded_batch_norms_change_nothing_but_the_work(net):
    model = build(net, 32, seed=3)
    pixels = torch.randint(0, 256, (4, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        model(pixels)  # moves the running statistics
        model.eval()
        lean = model.folded()
        assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in lean.modules())
        assert torch.allclose(lean(pixels), model(pixels), atol=1e-4, rtol=1e-4)
    assert any(isinstance(module, torch.nn.BatchNorm2d) for module in model.modules())


def test_folding_notices_what_a_fused_optimiser_changes():
    """It changes weights without a trace in torch's own count of changes."""
    net = build("micro", 20).eval()
    pixels = torch.randint(0, 256, (4, 3, 20, 20), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    optimiser = torch.optim.SGD(net.parameters(), 0.1, fused=True)
    for _ in range(2):
        assert torch.allclose(net.folded()(pixels), net(pixels), atol=1e-5)
        net(pixels).sum().backward()
        optimiser.step()
    assert torch.allclose(net.folded()(pixels), net(pixels), atol=1e-5)
    assert net.folded() is net.folded()
