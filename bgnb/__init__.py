"""Find an animal in photos with nothing but image-level labels: background learning, to teach and to explore.

Read the files in the order in which the data flows: ``data/``, ``patches``, ``networks``, ``settings``, ``training``,
``windows``, ``baselines``, ``metrics``, ``theory``, ``runs``, then what draws: ``plots``, ``widgets``, and ``cli``.
"""

from bgnb.baselines import centred_gaussian, colour_distance, untrained, whole_image
from bgnb.data import ImageSet, load
from bgnb.metrics import LocAcc, interval, loc_acc, pxap
from bgnb.networks import build
from bgnb.patches import Patches, kinds, sample_patches
from bgnb.runs import Result, kind_scores, measure, trained
from bgnb.settings import Run
from bgnb.theory import bayes_backgroundness
from bgnb.tools import InputError, keep_memory
from bgnb.training import fit
from bgnb.windows import localise, score_windows, spread, starts, targetness

__all__ = [
    "ImageSet", "InputError", "LocAcc", "Patches", "Result", "Run", "bayes_backgroundness", "build", "centred_gaussian",
    "colour_distance", "fit", "interval", "keep_memory", "kind_scores", "kinds", "load", "loc_acc", "localise", "measure", "pxap",
    "sample_patches", "score_windows", "spread", "starts", "targetness", "trained", "untrained", "whole_image",
]  # fmt: skip
