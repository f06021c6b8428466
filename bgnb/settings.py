"""One ``Run`` holds every parameter of a measurement. Its defaults are the paper's protocol, with the tiny network."""

from dataclasses import asdict, dataclass, fields

from bgnb.networks import check_network
from bgnb.tools import InputError
from bgnb.wsol.methods import METHODS

OVERLAPS = ("average", "add")

# What the paper leaves open (FACTS rows 2, 6, 7): our reading, and the paper's letter.
PRESETS = {
    "recommended": dict(overlap="average", redraw=True, momentum=0.9, weight_decay=1e-4),
    "literal": dict(overlap="add", redraw=False, momentum=0.0, weight_decay=0.0),
}


@dataclass(frozen=True)
class Run:
    """All parameters of one training and its evaluation. What is None is filled in by the preset.

    Raises InputError, naming the parameter, for a value that cannot be.

    >>> Run(ratio=2).overlap, Run(preset="literal").overlap, Run(preset="literal", overlap="average").overlap
    ('average', 'add', 'average')
    """

    source: str = "scenes"
    """"scenes" (drawn by code) or a folder with targets/<class>, backgrounds/<scene> and perhaps masks/<class>"""
    target: str = "cat"
    """class of animal, a folder in targets/"""
    scene: str = "forest"
    """kind of background, a folder in backgrounds/"""
    compose: bool = False
    """paste masked cut-outs of the target on half of the scene's photos, as the paper did"""
    size: int = 256
    """side of the pictures in pixels"""
    images: int | None = None
    """target images, and background images; None: all there are"""
    camouflage: float = 0
    """drawn scenes only: how far the coat moves to the scene, 0 ... 1"""
    seam_control: bool = False
    """drawn scenes only: paste animal-shaped pieces of background into the background pictures, too"""
    patch: int = 48
    """side of a patch and of a window in pixels"""
    stride: int = 8
    """pixels from one window to the next"""
    ratio: float = 1
    """background patches for each target patch: the paper's BGx1, x2, x4"""
    background_weight: float = 1
    """weight of a background patch in the loss, on top of the ratio"""
    per_image: int = 8
    """patches cut from every target image in an epoch"""
    net: str = "tiny"
    """tiny, vgg16, vgg16_bn or resnet50"""
    weights: str | None = None
    """None: from scratch; a torchvision name; or a .safetensors file"""
    method: str = "background"
    """background: background learning, on patches; cam, adl, has, cutmix: on whole images, see bgnb.wsol"""
    epochs: int = 150
    """passes over the images"""
    equal_updates: bool = False
    """train BGxk only as long as BGx1: fewer epochs, as many updates (to the nearest epoch)"""
    batch: int | None = None
    """patches or whole images in an update; None: 512 patches or 64 images, equally many updates an epoch"""
    lr: float = 0.01
    """learning rate, constant"""
    seed: int = 0
    """decides everything random: pictures, weights, patches, order"""
    preset: str = "recommended"
    """reading of what the paper leaves open: recommended or literal; it fills in the four below"""
    overlap: str | None = None
    """windows over a pixel: average or add"""
    redraw: bool | None = None
    """draw patches anew in every epoch, or once"""
    momentum: float | None = None
    """momentum of SGD"""
    weight_decay: float | None = None
    """weight decay of SGD"""
    device: str = "auto"
    """auto, cpu, cuda, cuda:1, mps"""
    precision: str = "auto"
    """auto: bf16 where the device gains from it; fp32; bf16"""

    def __post_init__(self):
        choose("preset", self.preset, PRESETS)
        choose("method", self.method, METHODS)
        if self.batch is None:
            object.__setattr__(self, "batch", METHODS[self.method].batch_size)
        for name, value in PRESETS[self.preset].items():
            if getattr(self, name) is None:
                object.__setattr__(self, name, value)
        choose("overlap", self.overlap, OVERLAPS)
        choose("precision", self.precision, ("auto", "fp32", "bf16"))
        check_network(self.net, self.patch)
        if self.patch > self.size:
            raise InputError(f"patch {self.patch}: larger than the images of {self.size} pixels")
        if not 1 <= self.stride <= self.patch:
            raise InputError(f"stride {self.stride}: must lie in 1 ... {self.patch} (the patch), else windows leave gaps")
        for name in ("ratio", "background_weight", "per_image", "epochs", "batch", "lr"):
            if not getattr(self, name) > 0:
                raise InputError(f"{name} {getattr(self, name)}: must be above 0")
        for name in ("momentum", "weight_decay", "seed"):
            if not getattr(self, name) >= 0:
                raise InputError(f"{name} {getattr(self, name)}: must not be negative")

    @property
    def epochs_run(self) -> int:
        """Epochs that are really trained: fewer than ``epochs`` for BGxk at equal updates (FACTS row 9)."""
        return max(1, round(self.epochs * 2 / (1 + self.ratio))) if self.equal_updates else self.epochs

    @property
    def whole(self) -> bool:
        """Whether the method trains on whole images; the patch then plays no part."""
        return METHODS[self.method].whole

    def load_arguments(self) -> dict:
        """The part of the parameters that ``load`` takes."""
        names = ["source", "target", "scene", "compose", "size", "images", "seed"]
        dials = [name for name in ("camouflage", "seam_control") if getattr(self, name)]
        return {name: getattr(self, name) for name in names + dials}

    def differences(self, other: dict) -> list[str]:
        """Names of the parameters in which a run written down as a dictionary differs."""
        mine = asdict(self)
        return [f.name for f in fields(self) if mine[f.name] != other.get(f.name)]


def choose(name: str, value: str, choices) -> None:
    """InputError where ``value`` is not among ``choices``."""
    if value not in choices:
        raise InputError(f"{name} {value!r}: choose {' or '.join(choices)}")
