"""Find an animal in photos with nothing but image-level labels: background learning, to teach and to explore.

Every name is loaded when it is first used, so ``import bgnb`` and drawing scenes need no torch.
"""

from importlib import import_module

_NAMES = {
    "bgnb.files": "InputError progress_bar",
    "bgnb.settings": "Run",
    "bgnb.device": "keep_memory pick_device",
    "bgnb.data": "ImageSet load",
    "bgnb.networks": "build",
    "bgnb.patches": "Patches kinds noise_rate sample_patches",
    "bgnb.training": "fit trained",
    "bgnb.windows": "score_windows starts",
    "bgnb.maps": "class_map localise merge_windows targetness",
    "bgnb.metrics": "LocAcc loc_acc pxap threshold_without_masks",
    "bgnb.boxes": "all_metrics",
    "bgnb.refinement": "refine",
    "bgnb.photos.backgrounds": "Suitability suitability",
    "bgnb.study.theory": "bayes_backgroundness",
    "bgnb.study.intervals": "bootstrap_interval bootstrap_over_seeds",
    "bgnb.study.references": "centred_gaussian colour_distance constant_map untrained",
    "bgnb.study.runs": "Result kind_scores measure",
}
_HOME = {name: module for module, names in _NAMES.items() for name in names.split()}
__all__ = sorted(_HOME)


def __getattr__(name: str):
    if name not in _HOME:
        raise AttributeError(f"module 'bgnb' has no attribute {name!r}")
    globals()[name] = value = getattr(import_module(_HOME[name]), name)
    return value


def __dir__() -> list[str]:
    return [*globals(), *__all__]
