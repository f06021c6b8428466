"""Your own photos: two folders in, cut-outs out."""

from bgnb.photos.backgrounds import Suitability, suitability
from bgnb.photos.extraction import extract, network

__all__ = ["Suitability", "extract", "network", "suitability"]
