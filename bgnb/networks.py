"""Networks with one logit, whose sigmoid is P(background): ``micro``, ``tiny``, ``vgg16``, ``vgg16_bn``, ``resnet50``.

Trunk and head are separate. The trunk gives a feature map, the head is a 1x1 convolution, and the logit is the head's mean
over that map. So the map before the mean is the class activation map.
"""

from pathlib import Path

import torch
from torch import Tensor, nn

from bgnb.files import InputError, load_tensors, whole
from bgnb.settings import LIMITS, check_network

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet, as torchvision's weights expect


class Network(nn.Module):
    """Pixels -> normalise -> trunk -> head -> mean: one logit for each picture.

    ``padding`` says whether the trunk pads its input: only without padding can it slide over a photo exactly
    (see ``bgnb.windows``). ``step`` is the distance, in pixels of the photo, between neighbours in its feature map.
    """

    mean: Tensor
    std: Tensor
    losses: list[float]  # ``bgnb.training.fit`` adds them

    def __init__(self, trunk: nn.Module, features: int, step: int, padding: bool):
        super().__init__()
        self.trunk, self.head = trunk, nn.Conv2d(features, 1, 1)
        self.step, self.padding = step, padding
        self.register_buffer("mean", 255 * torch.tensor(MEAN), persistent=False)
        self.register_buffer("std", 255 * torch.tensor(STD), persistent=False)

    def forward(self, pixels: Tensor) -> Tensor:
        """``(n, 3, H, W)``, uint8 or already normalised, -> ``(n,)`` float32 logits of P(background)."""
        return self.logit_map(pixels).mean((1, 2))

    def logit_map(self, pixels: Tensor) -> Tensor:
        """``(n, 3, H, W)`` -> ``(n, h, w)`` float32: what each place of the feature map adds to the logit, times h w."""
        return self.head(self.trunk(self.normalise(pixels)))[:, 0].float()

    @property
    def field(self) -> int:
        """Side of the square of pixels that a place of the feature map sees, for a plain chain of layers such as ``tiny``."""
        side = 1
        for layer in reversed([*self.trunk.children()]):
            if isinstance(layer, nn.Conv2d):
                side += layer.kernel_size[0] - 1
            elif isinstance(layer, nn.MaxPool2d):
                side *= layer.stride if isinstance(layer.stride, int) else layer.stride[0]
        return side

    @property
    def last(self) -> "Network":
        """The network after the last update, if this one's weights are a running mean; otherwise this one."""
        return self.__dict__.get("_last", self)

    def features(self, pixels: Tensor) -> Tensor:
        """``(n, 3, H, W)`` -> ``(n, C, h, w)`` float32, without gradients: what the head sees."""
        with torch.no_grad():
            return self.trunk(self.normalise(pixels)).float()

    def folded(self) -> "Network":
        """The same function for inference, in evaluation mode: batch norms are folded into the convolutions before them.

        Made only once for the same weights. Only a comparison can tell: torch's count of changes misses those of a fused
        optimiser and of a CUDA graph.
        """
        from torch.fx.experimental.optimization import fuse

        now, then = self.state_dict(), self.__dict__.get("_folded_from", {})
        if not then or any(one.device != then[name].device or not torch.equal(one, then[name]) for name, one in now.items()):
            lean = Network(fuse(self.trunk), self.head.in_channels, self.step, self.padding)
            lean.head = self.head
            lean = lean.to(self.mean.device).to(memory_format=torch.channels_last).eval()
            copies = {name: tensor.clone() for name, tensor in now.items()}
            self.__dict__.update(_folded_from=copies, _folded=lean)  # bypasses nn.Module, which would register it as a part
        return self.__dict__["_folded"]

    def normalise(self, pixels: Tensor) -> Tensor:
        """uint8 ``(n, 3, H, W)`` -> mean 0, deviation 1 over ImageNet, channels last; other dtypes pass unchanged."""
        if pixels.dtype != torch.uint8:
            return pixels
        kind, (height, width) = pixels.device.type, pixels.shape[2:]
        dtype = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else torch.float32
        # Each picture as one long row of R G B R G B ...: broadcasting over 3 colours would take many times as long.
        rows = pixels.permute(0, 2, 3, 1).flatten(1).to(dtype)
        scale, shift = (t.to(dtype).repeat(height * width) for t in (1 / self.std, -self.mean / self.std))
        return torch.addcmul(shift, rows, scale).unflatten(1, (height, width, 3)).permute(0, 3, 1, 2)


def micro() -> Network:
    """Three 3x3 convolutions with biases, no padding, no batch norm, 6,065 weights: a web page trains it in seconds.

    Its receptive field is 12 pixels and its step is 2, so on a patch of 20 pixels it averages over 5 x 5 places. It is the same
    for patches and whole images. Every convolution, the head too, begins as He et al. (ICCV 2015) propose: normal weights of
    variance 2 / inputs, biases of 0.
    """
    layers = [nn.Conv2d(3, 8, 3), nn.ReLU(inplace=True), nn.MaxPool2d(2)]
    layers += [nn.Conv2d(8, 16, 3), nn.ReLU(inplace=True), nn.Conv2d(16, 32, 3), nn.ReLU(inplace=True)]
    network = Network(nn.Sequential(*layers), 32, step=2, padding=False)
    for weights in network.parameters():
        if weights.ndim == 4:
            nn.init.kaiming_normal_(weights, nonlinearity="relu")
        else:
            nn.init.zeros_(weights)
    return network


def tiny_for_images() -> Network:
    """``tiny`` for whole images: seven 3x3 convolutions with padding, 290,000 weights.

    Its step is 8 and its receptive field 66 pixels, so a place of its map sees more than a patch. It pools early, because a
    batch of whole images holds three times as many pixels as a batch of patches.
    """
    trunk, before = [], 3
    for width, pooled in ((16, True), (32, False), (32, True), (64, False), (64, True), (128, False), (128, False)):
        trunk += [nn.Conv2d(before, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU(inplace=True)]
        trunk += [nn.MaxPool2d(2)] if pooled else []
        before = width
    return Network(nn.Sequential(*trunk), before, step=8, padding=True)


def tiny(patch: int) -> Network:
    """Five 3x3 convolutions without padding, 140,000 weights: trains in a minute on two cores.

    Its receptive field is a patch of 24 pixels and its step is 4, so applying it to a photo slides a window over the photo.
    On a larger patch it averages over what is left. For a smaller patch, its last kernel shrinks to what is left.
    """
    left = ((patch - 4) // 2 - 4) // 2
    trunk, before = [], 3
    for width, kernel, pooled in ((32, 3, False), (32, 3, True), (64, 3, False), (64, 3, True), (128, min(3, left), False)):
        trunk += [nn.Conv2d(before, width, kernel, bias=False), nn.BatchNorm2d(width), nn.ReLU(inplace=True)]
        trunk += [nn.MaxPool2d(2)] if pooled else []
        before = width
    return Network(nn.Sequential(*trunk), before, step=4, padding=False)


def vgg16(patch: int, weights: str | None = None, batch_norm: bool = False) -> Network:
    """torchvision's VGG16 up to its last convolution, without the last pooling, so that 16 pixels are enough."""
    from torchvision import models

    make = models.vgg16_bn if batch_norm else models.vgg16
    return Network(make(weights=weights).features[:-1], 512, step=16, padding=True)


def resnet50(patch: int, weights: str | None = None, image_level: bool = False) -> Network:
    """torchvision's ResNet50 without its classifier. For whole images, its last group does not halve the map (step 16)."""
    from torchvision import models

    layers = list(models.resnet50(weights=weights).children())[:-2]
    if image_level:
        layers[-1][0].conv2.stride = layers[-1][0].downsample[0].stride = (1, 1)
    return Network(nn.Sequential(*layers), 2048, step=16 if image_level else 32, padding=True)


def build(net: str, patch: int, weights: str | None = None, seed: int = 0, image_level: bool = False) -> Network:
    """A new network.

    Args:
        net: "micro", "tiny", "vgg16", "vgg16_bn" (with batch norm) or "resnet50".
        patch: side of its patches, >= 16 pixels.
        weights: None (from scratch); a torchvision name such as "IMAGENET1K_V1", which torchvision downloads; or a
            ``.safetensors`` file, of a whole Network or with torchvision's own names.
        seed: decides the random weights. The global random state is left as it was.
        image_level: for whole images, not patches: a map of step 2 (micro), 8 (tiny) or 16. ``patch`` then has no effect.

    Raises:
        InputError: unknown network, patch too small, weights that do not fit.

    >>> net = build("tiny", patch=24)
    >>> net(torch.zeros(5, 3, 24, 24, dtype=torch.uint8)).shape
    torch.Size([5])
    """
    check_network(net, patch)
    whole("seed", seed, *LIMITS["seed"])
    file = weights if weights is not None and (weights.endswith(".safetensors") or Path(weights).exists()) else None
    named = weights if file is None else None
    if named and net in ("micro", "tiny"):
        raise InputError(f"weights {weights!r}: {net} has no torchvision weights; None or a .safetensors file")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        try:
            if net == "micro":
                network = micro()
            elif net == "tiny":
                network = tiny_for_images() if image_level else tiny(patch)
            elif net == "resnet50":
                network = resnet50(patch, named, image_level)
            else:
                network = vgg16(patch, named, batch_norm=net == "vgg16_bn")
        except (KeyError, ValueError):
            raise InputError(f"weights {weights!r}: torchvision has none of this name for {net}, and it is not a file") from None
        except OSError as error:
            raise InputError(f"weights {weights!r}: torchvision could not fetch them ({error})") from None
    if file is not None:
        load_weights(network, file)
    return network.to(memory_format=torch.channels_last)


def load_weights(network: Network, path: str | Path) -> None:
    """Fill a network from a safetensors file: its own ``state_dict``, or one with torchvision's names for the trunk."""
    given, _ = load_tensors(path)
    wanted = network.state_dict()
    if "head.weight" not in given:  # torchvision: VGG's "features.0.weight", ResNet's "conv1.weight"
        order = {
            name: str(i) for i, name in enumerate(("conv1", "bn1", "relu", "maxpool", "layer1", "layer2", "layer3", "layer4"))
        }
        parts = {name: name.partition(".") for name in given}
        named = {
            name: rest if first == "features" else f"{order.get(first, first)}.{rest}" for name, (first, _, rest) in parts.items()
        }
        given = {f"trunk.{named[name]}": tensor for name, tensor in given.items() if f"trunk.{named[name]}" in wanted}
        given |= {name: tensor for name, tensor in wanted.items() if name.startswith("head.")}
    wrong = sorted(wanted.keys() ^ given.keys()) or [n for n in wanted if wanted[n].shape != given[n].shape]
    if wrong:
        raise InputError(f"weights {path}: they are of another network ({wrong[0]} does not fit)")
    network.load_state_dict(given)
