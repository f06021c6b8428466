"""Weakly supervised localisation from whole images: CAM, and what changes its training or its map.

``methods`` changes the training, ``cam`` makes the maps, ``addons`` changes the maps, ``ceilings`` says what is possible,
``compare`` sets everything side by side, ``plots`` draws it.
"""
