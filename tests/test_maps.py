"""Class activation maps against torchcam, Grad-CAM and the logit; what is added to them against cases worked by hand."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from bgnb import Run, build, localise, score_windows
from bgnb.maps import class_map, merge_windows, upsample, upsample_unpadded


def pixels(n=2, height=48, width=80, seed=0):
    return torch.randint(0, 256, (n, 3, height, width), dtype=torch.uint8, generator=torch.Generator().manual_seed(seed))


def network(net="tiny"):
    model = build(net, 24, seed=3, image_level=True).eval()
    with torch.no_grad():
        model.head.bias.fill_(0.37)
    return model


@pytest.mark.parametrize("net", ["tiny", "vgg16", "resnet50"])
def test_the_mean_of_the_map_is_minus_the_logit(net):
    model, images = network(net), pixels()
    with torch.no_grad():
        logit = model(images)
    maps = class_map(model, images)
    torch.testing.assert_close(maps.mean((1, 2)), -logit, atol=1e-5, rtol=1e-5)
    assert (maps.amin() < 0) or (maps.amax() > 0)


def test_the_map_is_torchcams():
    """torchcam knows fully connected heads only: the same weights, as a linear layer behind the mean."""
    from torchcam.methods import CAM

    model, images = network(), pixels(3)
    flat = torch.nn.Sequential(model.trunk, torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(128, 1)).eval()
    with torch.no_grad():
        flat[3].weight.copy_(-model.head.weight.flatten(1))
    with CAM(flat, "0", "3") as extractor, torch.no_grad():
        logit = flat(model.normalise(images))
        (theirs,) = extractor(0, logit, normalized=False)
    ours = class_map(model, images) + model.head.bias.item()  # torchcam leaves the bias out
    torch.testing.assert_close(theirs, ours, atol=1e-5, rtol=1e-4)


def test_grad_cam_is_cam_up_to_a_factor():
    """Behind a mean the gradient of the score by a feature is its weight / (h w), at every place alike."""
    model, images = network(), pixels(1)
    seen = model.trunk(model.normalise(images)).detach().requires_grad_()
    (-model.head(seen)[:, 0].mean((1, 2))).sum().backward()
    weights = seen.grad.mean((2, 3))  # Grad-CAM's
    grad_cam = torch.einsum("nchw,nc->nhw", seen.detach(), weights).relu()
    cam = (class_map(model, images) + model.head.bias.item()).relu()
    torch.testing.assert_close(grad_cam * seen.shape[2] * seen.shape[3], cam, atol=1e-5, rtol=1e-4)


def test_localise_upsamples_and_normalises_the_map():
    model, images = network(), pixels(2, 48, 80)
    maps = localise(model, images, Run(size=48, patch=24, method="cam", precision="fp32"))
    assert maps.shape == (2, 48, 80) and maps.amin((1, 2)).tolist() == [0, 0] and maps.amax((1, 2)).tolist() == [1, 1]
    large = upsample(class_map(model, images), (48, 80))
    for one, seen in zip(maps, large, strict=True):
        torch.testing.assert_close(one, (seen - seen.min()) / (seen.max() - seen.min()))


def test_upsampling_keeps_a_slope_where_it_is():
    slope = torch.arange(8.0)[None, None].expand(1, 6, 8)
    large = upsample(slope, (48, 64), "bilinear")
    centre = (torch.arange(64) + 0.5) / 8 - 0.5  # of each pixel, in places of the map
    torch.testing.assert_close(large[0, 20, 4:60], centre[4:60])


# CAM on the network of the patches, which does not pad: its map is smaller than the photo


def keys(distance):
    """The weight of a neighbour in bicubic interpolation (Keys, 1981, with a = -.75)."""
    d, a = abs(distance), -0.75
    if d <= 1:
        return (a + 2) * d**3 - (a + 3) * d**2 + 1
    return a * d**3 - 5 * a * d**2 + 8 * a * d - 4 * a if d < 2 else 0.0


@given(st.sampled_from([(4, 24), (4, 16), (4, 20), (8, 40), (2, 12)]), st.integers(1, 4), st.integers(0, 3), st.integers(0, 100))
def test_a_map_without_padding_lies_where_its_windows_do(about, count, left, seed):
    (step, field), rows, columns = about, count, count + 1
    small = torch.rand(1, rows, columns, generator=torch.Generator().manual_seed(seed))
    height, width = ((n - 1) * step + field + left for n in (rows, columns))
    large = upsample_unpadded(small, (height, width), step, field)
    assert large.shape == (1, height, width)

    def weights(length, n):
        """How much each of n places counts for each pixel: place i has seen the pixels i step ... i step + field - 1."""
        found = torch.zeros(length, n)
        for pixel in range(length):
            place = (pixel - (field - 1) / 2) / step
            for neighbour in range(int(place // 1) - 1, int(place // 1) + 3):
                found[pixel, min(max(neighbour, 0), n - 1)] += keys(place - neighbour)
        return found

    torch.testing.assert_close(large[0], weights(height, rows) @ small[0] @ weights(width, columns).T, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(("net", "patch"), [("tiny", 16), ("tiny", 20), ("tiny", 24), ("tiny", 48), ("micro", 20)])
def test_the_field_is_what_a_place_of_the_map_really_sees(net, patch):
    model = build(net, patch, seed=3).eval()
    photo = model.normalise(pixels(1, 60, 60)).requires_grad_()
    places = model.logit_map(photo)
    places[0, 2, 3].backward()
    seen = photo.grad[0].abs().sum(0) > 0
    rows, columns = seen.any(1).nonzero().flatten(), seen.any(0).nonzero().flatten()
    assert (rows[0], rows[-1]) == (2 * model.step, 2 * model.step + model.field - 1)
    assert (columns[0], columns[-1]) == (3 * model.step, 3 * model.step + model.field - 1)


def test_cam_on_the_network_of_the_patches_sees_what_its_windows_see():
    """The map's places are windows, so it peaks where targetness of the same network does, up to the sigmoid."""
    model, images = build("tiny", 24, seed=3).eval(), pixels(2, 64, 48)
    images[:, :, :40] //= 4  # something to see
    run = Run(size=48, patch=24, stride=4, method="cam_unpadded", precision="fp32", device="cpu")
    maps = localise(model, images, run)
    assert maps.shape == (2, 64, 48) and maps.amin((1, 2)).tolist() == [0, 0] and maps.amax((1, 2)).tolist() == [1, 1]
    small = class_map(model, images)
    torch.testing.assert_close(torch.sigmoid(-small), score_windows(model, images, 24, 4), atol=1e-5, rtol=1e-5)
    merged = merge_windows(small, 24, 4, (64, 48))
    for one, other in zip(maps, merged, strict=True):
        assert torch.corrcoef(torch.stack([one.flatten(), other.flatten()]))[0, 1] > 0.8
        moved = torch.stack([one[:-12].flatten(), other[12:].flatten()])
        assert torch.corrcoef(moved)[0, 1] < torch.corrcoef(torch.stack([one.flatten(), other.flatten()]))[0, 1]
