"""Your own photos: two folders in, cut-outs out."""

from bgnb.photos.extraction import extract, network

__all__ = ["extract", "network"]
