"""Networks that learn in the page: the reader moves the ratio while they train."""

import math
import zlib

import numpy as np
import torch
from matplotlib.figure import Figure

from bgnb.data import ImageSet
from bgnb.files import InputError
from bgnb.metrics import THRESHOLDS
from bgnb.moving.base import FOLDER, FOUND, Moving, bits, integers, named, sheet
from bgnb.networks import build
from bgnb.patches import Patches, sample_patches
from bgnb.plots import KINDS_STYLE, draw_kind_strip
from bgnb.settings import Run
from bgnb.study.runs import share_of_p
from bgnb.training import trained
from bgnb.windows import score_windows

QUALITY = 80  # of the photos: the page stays small, and the network sees what the reader sees
RATIOS = (1 / 8, 4.0)  # of the slider
RATES = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1)  # learning rates, also of a slider


def move_live(photos: ImageSet, run: Run, start: float = 1 / 8, n: int = 64, tiles: int = 12) -> Moving:
    """``micro``, trained by background learning in the page: watch patches slide while you move the ratio.

    Patches of each kind lie in a lane and move to their backgroundness, after every few updates. The page draws its own
    random weights and patches, so two trainings with one seed agree there, but not with one of Python.

    Args:
        photos: square pictures, the same number of pixels each. Without masks, F cannot be told from P.
        run: ``net="micro"``; its patch, batch, rate (the nearest on the slider), momentum, weight decay and seed. Its ratio and
            epochs are those of the still picture.
        start: background patches for each target patch to begin with, 1/8 ... 4.
        n: how many patches of each kind are watched.
        tiles: how many of them are shown.

    Returns:
        Moving; its still picture is ``draw_kind_strip``'s after a training by ``trained``.

    Raises:
        InputError: another network, or pictures that are not square.

    >>> from bgnb import load
    >>> pictures = load(size=64, images=3, progress=False)
    >>> move_live(pictures, Run(net="micro", size=64, patch=20, images=3, epochs=1, lr=0.02))
    Moving(live: ratio -3.0, lr 4, pace 3, photo 0, truth False, raw False)
    """
    if not RATIOS[0] <= start <= RATIOS[1]:
        raise InputError(f"start {start}: must lie in [{RATIOS[0]}, {RATIOS[1]}]")
    given, data, found = prepared(photos, run, n)
    run = run.resolved()
    kinds = given["kinds"]
    given["shown"] = {name: [i for i, kind in enumerate(kinds) if kind == name][:tiles] for name in given["names"]}
    given |= {"rates": RATES, "width": run.patch, "height": run.patch}
    scores = score_windows(trained(photos, run, progress=False), found.pixels, run.patch, 1).flatten()
    still = draw_kind_strip(found, scores=scores, title=f"backgroundness after {run.epochs} epochs at ratio {run.ratio:g}")
    rate = int(np.abs(np.log(np.array(RATES) / run.lr)).argmin())
    state = {"ratio": math.log2(start), "lr": rate, "pace": 3, "photo": 0, "truth": False, "raw": False}
    return Moving("live", still, state, given, data)


def move_routes(photos: ImageSet, run: Run, still: Figure, n: int = 64) -> Moving:
    """Three routes to a ratio of k, side by side: more crops, loss weight, log k afterwards. Three ``micro`` learn in the page.

    They begin with the same weights. Until k is moved, they see the same patches and stay equal.

    Args:
        photos: as in ``move_live``.
        run: as in ``move_live``.
        still: the still picture, ``draw_routes``'s say.
        n: how many patches of each kind are watched.

    Raises:
        InputError: another network, or pictures that are not square.

    >>> from bgnb import load
    >>> pictures = load(size=64, images=3, progress=False)
    >>> move_routes(pictures, Run(net="micro", size=64, patch=20, images=3, lr=0.02), Figure())
    Moving(routes: k 0.0)
    """
    given, data, _ = prepared(photos, run, n)
    return Moving("routes", still, {"k": 0.0}, given | {"lr": run.resolved().lr}, data)


def prepared(photos: ImageSet, run: Run, n: int) -> tuple[dict, dict, Patches]:
    """What a page needs to train ``micro``: numbers, bytes, and the patches of which it watches up to ``n`` of each kind."""
    height, width = photos.size
    if run.net != "micro" or run.image_level:
        raise InputError(f"net {run.net}: only micro, on patches, learns in a page")
    if height != width:
        raise InputError(f"photos: {width} x {height} pixels; a page needs square ones")
    run, net = run.resolved(), build("micro", run.patch)
    if (width - run.patch) % net.step:
        raise InputError(f"patch {run.patch}: windows {net.step} pixels apart do not end at the border of {width} pixels")
    found = sample_patches(photos, run.patch, math.ceil(8 * n / len(photos.targets)), 1, generator=run.seed)
    few = np.concatenate([np.flatnonzero(found.known_kind == name)[:n] for name in KINDS_STYLE])
    kinds = found.known_kind[few]
    image = found.image + found.label * len(photos.targets)  # background images follow the target images
    pixels, given = sheet(torch.cat([photos.targets, photos.backgrounds]), QUALITY)
    given |= {"size": width, "targets": len(photos.targets), "backgrounds": len(photos.backgrounds), "seed": run.seed}
    given |= {"patch": run.patch, "step": net.step, "cell": math.gcd(run.patch, net.step), "batch": run.batch}
    given |= {"iou": FOUND, "cuts": [round(100 * threshold) for threshold in THRESHOLDS]}
    given |= {"scale": named((1 / net.std).tolist()), "shift": named((-net.mean / net.std).tolist())}
    given |= {"momentum": run.momentum, "decay": run.weight_decay}
    given |= {"kinds": "".join(kinds), "names": [name for name in KINDS_STYLE if name in kinds]}
    given["pi"] = None if photos.masks is None else share_of_p(photos.masks, run.patch)
    data = {"photos": pixels, "watched": integers(torch.stack([image, found.top, found.left], 1)[few])}
    data["masks"] = zlib.compress(b"" if photos.masks is None else bits(photos.masks), 9)
    data["binary"] = (FOLDER / "micro.wasm").read_bytes()
    return given, data, found
