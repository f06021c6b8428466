"""Every figure of the lessons and of the command line: plain functions ``draw_*(...) -> Figure``.

A figure is made without pyplot: nothing is shown twice and nothing stays open. Some carry what they show as numbers, in
``figure.numbers``, so that prose and tests need not read them off the picture. Photos are ``(3, H, W)`` uint8 tensors,
maps ``(H, W)`` in [0, 1], masks ``(H, W)`` bool, on any device.
"""

from bgnb.plots.base import BACKGROUNDNESS, KINDS_STYLE, METHODS_STYLE, TARGETNESS, Drawing, panels, png, save, talk
from bgnb.plots.comparison import draw_changes, draw_inside, draw_methods
from bgnb.plots.epochs import draw_every_epoch
from bgnb.plots.induction import draw_routes, draw_two_bells
from bgnb.plots.learning import draw_learning, draw_memory
from bgnb.plots.maps import draw_compare, draw_cover, draw_cut_outs, draw_gallery, draw_map, draw_masked
from bgnb.plots.patches import draw_kind_strip, draw_noise_curve, draw_patches, draw_tiles
from bgnb.plots.pictures import MASK, OUTLINE, array, cut_out, outline, picture, show_image
from bgnb.plots.scores import draw_curve, draw_lines, draw_losses, draw_medians, draw_scores
from bgnb.plots.tables import draw_choice, draw_heat, draw_intervals

__all__ = [
    "BACKGROUNDNESS", "KINDS_STYLE", "MASK", "METHODS_STYLE", "OUTLINE", "TARGETNESS", "Drawing", "array", "cut_out",
    "draw_changes", "draw_choice", "draw_compare", "draw_cover", "draw_curve", "draw_cut_outs", "draw_every_epoch",
    "draw_gallery", "draw_heat", "draw_inside", "draw_intervals", "draw_kind_strip", "draw_learning", "draw_lines",
    "draw_losses", "draw_map", "draw_masked", "draw_medians", "draw_memory", "draw_methods", "draw_noise_curve",
    "draw_patches", "draw_routes", "draw_scores", "draw_tiles", "draw_two_bells", "outline", "panels", "picture", "png", "save",
    "show_image", "talk",
]  # fmt: skip
