"""Class activation maps against torchcam, Grad-CAM and the logit; what is added to them against cases worked by hand."""

import pytest
import torch

from bgnb import Run, build, localise
from bgnb.maps import class_map, upsample


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
