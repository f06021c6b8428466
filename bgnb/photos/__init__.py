"""Your own photos: two folders in, cut-outs out."""

from bgnb.photos.extraction import extract, network
from bgnb.photos.suitability import Suitability, suitability

__all__ = ["Suitability", "extract", "network", "suitability"]
