"""Four animals as tapered tubes along smooth curves, in a pose.

The body could be anything's: fur or feathers along a tube. The face says which animal it is.
Geometry is in units of about the animal's height, x to the right, y **up** from the ground. ``place`` turns that into
coordinates of the canvas. One outline serves the picture, the mask and the shadow.
"""

import numpy as np

from .brush import smooth
from .quadrupeds import cat, dog, horse

POSES = {
    "cat": ("sit", "stand", "walk"),
    "dog": ("sit", "stand", "walk"),
    "owl": ("perch",),
    "horse": ("stand", "walk", "graze"),
}


def animal(kind: str, rng: np.random.Generator):
    """An animal in its own units: a list of parts, painted one over the other, and where its face is.

    A part is ``("tube", nodes (n, 3), tone, lift)`` or ``("flap", outline (n, 2), tone, lift)``. ``tone`` names a colour of
    the coat; ``lift`` says how far the part stands out towards us.
    """
    pose = POSES[kind][rng.integers(len(POSES[kind]))]
    parts, face = {"cat": cat, "dog": dog, "owl": _owl, "horse": horse}[kind](rng, pose)
    stretch, lean, tilt = rng.uniform(0.92, 1.08), rng.normal(0, 0.03), rng.normal(0, 0.05)
    mirror = rng.choice([-1.0, 1.0])
    turn = np.array([[mirror * stretch * np.cos(tilt), mirror * (lean - np.sin(tilt))], [np.sin(tilt), np.cos(tilt)]])
    return parts, face, turn


def _owl(rng, pose):
    wide = rng.uniform(0.9, 1.1)
    turn = rng.uniform(-0.05, 0.05)
    y = 0.80
    parts = [("tube", smooth([(0.0, 0.22, 0.13), (0.02, 0.12, 0.10), (0.03, 0.06, 0.06)]), "mark", -0.06)]
    for side in (-1, 1):
        tuft = [
            (turn + side * 0.06, y + 0.15),
            (turn + side * 0.20, y + 0.30),
            (turn + side * 0.215, y + 0.06),
            (turn + side * 0.1, y),
        ]
        parts.append(("flap", smooth(tuft, 4, True), "mark", 0.0))
    parts.append(
        (
            "tube",
            smooth([(0, 0.22, 0.17 * wide), (0, 0.40, 0.255 * wide), (0, 0.58, 0.25 * wide), (turn / 2, 0.76, 0.20)]),
            "light",
            0.0,
        )
    )
    for side in (-1, 1):
        wing = [
            (side * 0.20 * wide, 0.60, 0.09),
            (side * 0.25 * wide, 0.42, 0.105),
            (side * 0.20 * wide, 0.22, 0.08),
            (side * 0.11 * wide, 0.02, 0.03),
        ]
        parts.append(("tube", smooth(wing), "wing", 0.05))
        for toe in (-0.035, 0.0, 0.035):
            fx = side * 0.08 + toe
            parts.append(("tube", np.array([(fx * 0.95, 0.07, 0.022), (fx, 0.015, 0.02)]), "claw", 0.05))
    parts.append(("tube", np.array([(turn - 0.07, y + 0.01, 0.185), (turn + 0.07, y + 0.01, 0.185)]), "body", 0.06))
    for side in (-1, 1):
        parts.append(
            (
                "tube",
                np.array([(turn + side * 0.092, y - 0.015, 0.108), (turn + side * 0.092, y, 0.108)]),
                "light",
                0.07,
            )
        )
    return parts, (turn, y, 0.105)
