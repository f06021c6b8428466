"""One ``Run`` holds every parameter of a measurement. Its defaults are the paper's protocol, with the tiny network.

Its parameters come in four groups: ``Pictures``, ``Training``, ``Maps`` and ``Machine``. No list of them is written down a
second time: ``names(Training)`` gives it.
"""

from dataclasses import asdict, dataclass, fields, replace
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from bgnb.files import InputError, choose, within

NETWORKS = ("micro", "tiny", "vgg16", "vgg16_bn", "resnet50")
SMALLEST_PATCH = 16  # pixels; the networks need at least this many
OVERLAPS = ("average", "add")
REFINEMENTS = ("grabcut", "walker")
SCHEDULES = ("constant", "one-cycle")
PARTS = ("all", "reporting", "development")  # of every folder of photographs
COLOURS = ("kept", "standardised")


class Unit(NamedTuple):
    """What a method trains on, how much of it goes into an update (paper, Sec. 4.1), and what quick sets for it."""

    unit: str  # "patches" or "images"
    batch: int
    quick: dict[str, Any]


IMAGES = Unit("images", 64, dict(batch=8, lr=0.003, augment=0))
METHODS = {
    "background": Unit("patches", 512, dict(batch=128, lr=0.03, augment=0.3)),
    "cam": IMAGES,
    "adl": IMAGES,
    "has": IMAGES,
    "cutmix": IMAGES,
    "cam_unpadded": IMAGES,
}

LIMITS = {  # parameter -> lowest and highest value; anything outside is a slip that would fail later, and less clearly
    "size": (16, 4096), "images": (2, 10**6), "camouflage": (0, 1), "patch": (SMALLEST_PATCH, 4096), "ratio": (1e-3, 1e3),
    "background_weight": (1e-6, 1e6), "per_image": (1, 10**5), "epochs": (1, 10**6), "batch": (2, 10**6), "lr": (1e-9, 1e9),
    "seed": (0, 2**62), "augment": (0, 1), "stride": (1, 4096), "momentum": (0, 1), "weight_decay": (0, 1),
}  # fmt: skip

# What the paper leaves open (docs/protocol.md, rows 2, 6 and 7): our reading, and the letter of the text. ``quick`` departs
# from the paper's training on purpose: docs/results/quick.md shows what that costs and what it saves.
PAPER = dict(epochs=150, lr=0.01, schedule="constant", weight_average=False, augment=0)
OURS = dict(overlap="average", redraw=True, momentum=0.9, weight_decay=1e-4)
PRESETS: dict[str, dict[str, Any]] = {
    "recommended": PAPER | OURS,
    "literal": PAPER | dict(overlap="add", redraw=False, momentum=0.0, weight_decay=0.0),
    "quick": OURS | dict(epochs=28, schedule="one-cycle", weight_average=True),  # the rest depends on the method
}


@dataclass(frozen=True)
class Pictures:
    """What decides the pictures, together with the seed."""

    source: str = "scenes"
    """"scenes" (drawn by code) or a folder with targets/<class>, backgrounds/<scene> and, optionally, masks/<class>"""
    target: str = "cat"
    """class of animal: a folder in targets/"""
    scene: str = "forest"
    """kind of background: a folder in backgrounds/"""
    compose: bool = False
    """paste cut-outs of the target onto half of the scene's photos, as the paper did; needs masks"""
    size: int = 256
    """side of the pictures in pixels"""
    images: int | None = None
    """number of target images and of background images; None: all there are"""
    part: str = "all"
    """photographs only: all; reporting (two thirds of every folder); development (the other third)"""
    colours: str = "kept"
    """kept; standardised: the colours of every photo are brought to one mean and one contrast"""
    camouflage: float = 0
    """drawn scenes only: how far the coat blends into the scene, 0 ... 1"""
    seam_control: bool = False
    """drawn scenes only: also paste animal-shaped pieces of background into the background pictures"""


@dataclass(frozen=True)
class Training:
    """What decides the trained network, given the pictures."""

    patch: int = 48
    """side of a patch and of a window, in pixels"""
    ratio: float = 1
    """background patches for each target patch: the paper's BGx1, BGx2, BGx4"""
    background_weight: float = 1
    """weight of a background patch in the loss, on top of the ratio"""
    per_image: int = 8
    """patches cropped from every target image in an epoch"""
    augment: float | None = None
    """mirror every patch (or whole image) by chance in training, and change its contrast and light by up to this share; None: as
    the preset says"""
    net: str = "tiny"
    """micro, tiny, vgg16, vgg16_bn or resnet50"""
    weights: str | None = None
    """None: train from scratch; otherwise a torchvision name or a .safetensors file"""
    method: str = "background"
    """background: background learning, on patches; cam, adl, has, cutmix: on whole images; cam_unpadded: CAM, but on the
    network of the patches"""
    epochs: int | None = None
    """passes over the images; None: as the preset says"""
    equal_updates: bool = False
    """give BGxk only as many updates as BGx1: fewer epochs (to the nearest epoch)"""
    batch: int | None = None
    """patches or whole images in an update; None: 512 patches or 64 images, as many updates an epoch; with quick 128 or 8"""
    lr: float | None = None
    """learning rate; with a one-cycle schedule, its highest; None: as the preset says"""
    schedule: str | None = None
    """learning rate over the updates: constant; one-cycle (up and down once); None: as the preset says"""
    weight_average: bool | None = None
    """use the running mean of the weights over the epochs, not the weights after the last update; None: as the preset says"""
    seed: int = 0
    """decides everything random: pictures, weights, patches, order"""
    preset: str = "recommended"
    """recommended: the paper, with our reading of its gaps; literal: the letter of its text; quick: in a fifth of the time"""
    redraw: bool | None = None
    """draw new patches in every epoch, or only once; None: as the preset says"""
    momentum: float | None = None
    """momentum of SGD; None: as the preset says"""
    weight_decay: float | None = None
    """weight decay of SGD; None: as the preset says"""
    precision: str = "auto"
    """auto (bf16 if the device is faster with it); fp32; bf16"""


@dataclass(frozen=True)
class Maps:
    """What decides the maps, given the network."""

    stride: int = 8
    """pixels from one window to the next"""
    overlap: str | None = None
    """what to do with windows that overlap: average or add; None: as the preset says"""
    refine: str | None = None
    """also find the target's own edges in the photo, see ``bgnb.refine``: grabcut or walker; None: only the map"""


@dataclass(frozen=True)
class Machine:
    """Where the run computes. No number should depend on it beyond rounding."""

    device: str = "auto"
    """auto, cpu, cuda, cuda:1, mps"""


@dataclass(frozen=True)
class Run(Machine, Maps, Training, Pictures):
    """All parameters of one training and its evaluation. What the preset or the method decides stays None until ``resolved``.

    Raises InputError, naming the parameter, for an impossible value.

    >>> Run(preset="literal").overlap, Run(preset="literal").resolved().overlap
    (None, 'add')
    >>> replace(Run(), method="cam").resolved().batch
    64
    """

    def __post_init__(self):
        for field in fields(self):
            value = getattr(self, field.name)
            if value is None and field.default is None:
                continue
            if field.name in LIMITS:
                if field.type in (int, int | None) and not isinstance(value, int):
                    raise InputError(f"{field.name} {value!r}: must be a whole number")
                within(field.name, value, *LIMITS[field.name])
            elif field.type in (str, str | None) and not isinstance(value, str):
                raise InputError(f"{field.name} {value!r}: must be text")
            elif field.type in (bool, bool | None) and not isinstance(value, bool):
                raise InputError(f"{field.name} {value!r}: must be True or False")
        choose("preset", self.preset, PRESETS)
        choose("method", self.method, METHODS)
        choose("overlap", self.overlap or OVERLAPS[0], OVERLAPS)
        choose("precision", self.precision, ("auto", "fp32", "bf16"))
        choose("schedule", self.schedule or SCHEDULES[0], SCHEDULES)
        choose("part", self.part, PARTS)
        choose("colours", self.colours, COLOURS)
        choose("refine", self.refine or REFINEMENTS[0], REFINEMENTS)
        if self.weights == "":
            raise InputError("weights '': name a file, or leave it out")
        check_network(self.net, self.patch)
        if self.method == "cam_unpadded" and self.net not in ("micro", "tiny"):
            raise InputError(f"net {self.net}: always pads; method cam_unpadded needs tiny or micro")
        if self.method == "adl" and self.net == "micro":
            raise InputError("net micro: pools only once; method adl needs a network that pools twice")
        if self.patch > self.size:
            raise InputError(f"patch {self.patch}: larger than the images of {self.size} pixels")
        if not 1 <= self.stride <= self.patch:
            raise InputError(f"stride {self.stride}: must lie in 1 ... {self.patch} (the patch), else windows leave gaps")

    def resolved(self) -> "Resolved":
        """The same run, with everything filled in that the preset and the method decide.

        >>> run = Run(momentum=0.5).resolved()
        >>> run.momentum, run.weight_decay, run.batch, run == run.resolved()
        (0.5, 0.0001, 512, True)
        """
        method = METHODS[self.method]
        decided = PRESETS[self.preset] | (method.quick if self.preset == "quick" else {"batch": method.batch})
        run = replace(self, **{name: value for name, value in decided.items() if getattr(self, name) is None})
        return cast("Resolved", run)

    @property
    def epochs_run(self) -> int:
        """Epochs that are really trained: fewer than ``epochs`` for BGxk with equal updates (docs/protocol.md, row 9)."""
        epochs = self.resolved().epochs
        return max(1, round(epochs * 2 / (1 + self.ratio))) if self.equal_updates else epochs

    @property
    def image_level(self) -> bool:
        """Whether the method trains on whole images. The patch then decides nothing but the network of ``cam_unpadded``."""
        return METHODS[self.method].unit == "images"

    @property
    def image_network(self) -> bool:
        """Whether the network is the one for whole images. ``cam_unpadded`` takes the one for patches."""
        return self.image_level and self.method != "cam_unpadded"

    def load_arguments(self) -> dict:
        """What ``bgnb.load`` takes: ``Pictures`` and the seed. Dials of the drawn scenes are left out if nobody turned them."""
        values = values_of(self, Pictures)
        dials = {name: values.pop(name) for name in ("camouflage", "seam_control")}
        return values | {"seed": self.seed} | {name: value for name, value in dials.items() if value}


if TYPE_CHECKING:

    class Resolved(Run):
        """For type checkers only: a ``Run`` in which the preset and the method have left nothing None."""

        epochs: int
        batch: int
        lr: float
        schedule: str
        weight_average: bool
        augment: float
        redraw: bool
        momentum: float
        weight_decay: float
        overlap: str


def names(group: type) -> list[str]:
    """The names of a group's parameters.

    >>> names(Maps)
    ['stride', 'overlap', 'refine']
    """
    return [field.name for field in fields(group)]


def values_of(run: Run, group: type) -> dict:
    """The parameters of one group as a dictionary.

    >>> values_of(Run(), Machine)
    {'device': 'auto'}
    """
    return {name: value for name, value in asdict(run).items() if name in names(group)}


def check_network(net: str, patch: int) -> None:
    """InputError for an unknown network or for a patch that is too small."""
    choose("net", net, NETWORKS)
    if patch < SMALLEST_PATCH:
        raise InputError(f"patch {patch}: the networks need at least {SMALLEST_PATCH} pixels")
