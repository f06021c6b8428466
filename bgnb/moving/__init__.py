"""Pictures that move: ``move_*(...) -> Moving``. A module of JavaScript draws each from a few numbers, in a notebook or a page.

Python sends the numbers once and does not draw again. Where nothing can move, the still picture of ``bgnb.plots`` is shown.
"""

from bgnb.moving.base import MIME, Moving, source
from bgnb.moving.live import move_live, move_routes
from bgnb.moving.maps import move_cutouts, move_explorer, move_gallery, move_heat, move_map, move_stride
from bgnb.moving.photo import move_photo
from bgnb.moving.pictures import move_frames, move_patches
from bgnb.moving.scores import move_bells, move_histograms, move_strip

__all__ = [
    "MIME", "Moving", "move_bells", "move_cutouts", "move_explorer", "move_frames", "move_gallery", "move_heat",
    "move_histograms", "move_live", "move_map", "move_patches", "move_photo", "move_routes", "move_stride", "move_strip",
    "source",
]  # fmt: skip
