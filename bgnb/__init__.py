"""Find an animal in photos with nothing but image-level labels: background learning, to teach and to explore.

Every name is loaded when it is first used, so that ``import bgnb`` and drawing scenes need no torch.
"""

from importlib import import_module

_HOMES = {
    "bgnb.files": "InputError",
    "bgnb.settings": "Run",
    "bgnb.data": "ImageSet load",
    "bgnb.networks": "build",
    "bgnb.patches": "Patches kinds sample_patches",
    "bgnb.training": "fit",
    "bgnb.windows": "localise score_windows spread starts targetness",
    "bgnb.metrics": "LocAcc interval loc_acc pxap",
    "bgnb.study.theory": "bayes_backgroundness",
    "bgnb.study.references": "centred_gaussian colour_distance untrained whole_image",
    "bgnb.study.runs": "Result kind_scores measure trained",
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names.split()} | {"keep_memory": "bgnb.files"}
__all__ = sorted(_HOME_OF)


def __getattr__(name: str):
    if name not in _HOME_OF:
        raise AttributeError(f"module 'bgnb' has no attribute {name!r}")
    globals()[name] = value = getattr(import_module(_HOME_OF[name]), name)
    return value


def __dir__() -> list[str]:
    return [*globals(), *__all__]
