"""Four animals as tapered tubes along smooth curves, in a pose, in a coat, lit from one side.

The body is what anything might be: fur or feathers along a tube. What names an animal is its face.
Geometry is in units of about the animal's height, x to the right, y **up** from the ground; ``Body.place`` turns that into
coordinates of the canvas. One outline serves the picture, the mask and the shadow.
"""

import numpy as np
from PIL import Image, ImageDraw

from .brush import CANVAS, PIXELS, blur, dabs, disc, fill, mix, noise, pick, shade, smooth, strokes, tube_outline

# ground colour, markings, light parts: (of the back, of the pattern, of chest and muzzle)
COATS = {
    "cat": (
        ((136, 118, 96), (64, 52, 44), (196, 180, 158)),
        ((128, 124, 118), (62, 60, 60), (192, 188, 180)),
        ((176, 122, 70), (128, 78, 42), (220, 190, 150)),
        ((62, 56, 54), (40, 36, 36), (84, 76, 72)),
        ((120, 90, 64), (74, 52, 38), (206, 194, 178)),
        ((176, 154, 126), (98, 74, 58), (206, 190, 166)),
    ),
    "dog": (
        ((164, 122, 76), (110, 78, 50), (208, 180, 140)),
        ((108, 76, 52), (64, 46, 36), (168, 136, 100)),
        ((66, 58, 54), (150, 104, 62), (150, 110, 72)),
        ((182, 164, 136), (122, 88, 58), (212, 202, 184)),
        ((126, 118, 108), (68, 62, 58), (196, 188, 176)),
    ),
    "owl": (
        ((120, 100, 78), (66, 54, 44), (186, 168, 138)),
        ((134, 124, 110), (76, 70, 64), (196, 188, 172)),
        ((148, 110, 70), (84, 58, 38), (202, 170, 126)),
        ((98, 84, 70), (54, 44, 38), (160, 142, 118)),
    ),
    "horse": (
        ((124, 76, 48), (40, 32, 30), (138, 88, 58)),
        ((78, 58, 48), (44, 36, 34), (92, 70, 58)),
        ((142, 132, 120), (84, 78, 74), (164, 154, 142)),
        ((166, 116, 70), (204, 174, 126), (178, 130, 84)),
        ((138, 96, 66), (62, 48, 42), (200, 190, 176)),
    ),
}
POSES = {
    "cat": ("sit", "stand", "walk"),
    "dog": ("sit", "stand", "walk"),
    "owl": ("perch",),
    "horse": ("stand", "walk", "graze"),
}


def animal(kind: str, rng: np.random.Generator):
    """An animal in its own units: a list of parts, painted one over the other, and where its face is.

    A part is ``("tube", nodes (n, 3), tone, lift)`` or ``("flap", outline (n, 2), tone, lift)``; tone names a colour of the coat.
    """
    pose = POSES[kind][rng.integers(len(POSES[kind]))]
    parts, face = {"cat": _cat, "dog": _dog, "owl": _owl, "horse": _horse}[kind](rng, pose)
    stretch, lean, tilt = rng.uniform(0.92, 1.08), rng.normal(0, 0.03), rng.normal(0, 0.05)
    mirror = rng.choice([-1.0, 1.0])
    turn = np.array([[mirror * stretch * np.cos(tilt), mirror * (lean - np.sin(tilt))], [np.sin(tilt), np.cos(tilt)]])
    return parts, face, turn


def _legs(rng, hip, foot_x, thick, walk, paw=0.05, y0=0.0, tone="leg", bend=0.0):
    """One leg from ``hip`` (x, y, radius) to the ground; ``bend`` puts the hock behind, ``walk`` swings the foot."""
    x, y, r = hip
    fx = foot_x + walk
    knee = (mix(x, fx, 0.45) + bend * 0.5, mix(y, y0, 0.42), thick * 1.35)
    hock = (mix(x, fx, 0.8) - bend, mix(y, y0, 0.72), thick)
    nodes = [(x, y, r), knee, hock, (fx, y0 + paw * 0.8, thick * 0.92)]
    return [
        ("tube", smooth(nodes, 5), tone, 0.0),
        (
            "tube",
            np.array([(fx - paw * 0.2, y0 + paw * 0.7, paw * 0.7), (fx + paw * 0.75, y0 + paw * 0.6, paw * 0.6)]),
            tone,
            0.01,
        ),
    ]


def _cat(rng, pose):
    if pose == "sit":
        head = (0.10 + rng.normal(0, 0.02), 0.80)
        tail = [
            (-0.22, 0.09, 0.05),
            (-0.40, 0.05, 0.045),
            (-0.56, 0.10, 0.042),
            (-0.60, 0.26, 0.038),
            (-0.52 + rng.normal(0, 0.04), 0.38, 0.03),
        ]
        parts = [
            ("tube", smooth(tail), "tail", -0.04),
            *_legs(rng, (0.06, 0.42, 0.08), 0.03, 0.05, 0, tone="shadow"),
            (
                "tube",
                smooth([(-0.17, 0.17, 0.17), (-0.10, 0.38, 0.165), (0.02, 0.55, 0.135), (0.09, 0.70, 0.10)]),
                "body",
                0.0,
            ),
            ("tube", smooth([(-0.13, 0.20, 0.17), (-0.03, 0.13, 0.12), (0.02, 0.06, 0.06)]), "body", 0.03),
            ("tube", np.array([(-0.02, 0.045, 0.045), (0.08, 0.04, 0.04)]), "leg", 0.04),
            ("tube", smooth([(0.10, 0.60, 0.09), (0.12, 0.45, 0.085)]), "light", 0.03),
            *_legs(rng, (0.13, 0.45, 0.08), 0.15, 0.05, 0),
        ]
    else:
        step = rng.uniform(0.06, 0.13) if pose == "walk" else rng.normal(0, 0.015)
        head = (0.50 + rng.normal(0, 0.02), 0.72 + rng.uniform(-0.06, 0.08))
        up = rng.uniform(-0.1, 0.35)
        tail = [
            (-0.45, 0.56, 0.06),
            (-0.64, 0.60, 0.046),
            (-0.78, 0.66 + up, 0.042),
            (-0.80, 0.82 + up, 0.038),
            (-0.72, 0.93 + up, 0.028),
        ]
        parts = [
            *_legs(rng, (-0.36, 0.44, 0.11), -0.36, 0.045, step, tone="shadow", bend=0.045),
            *_legs(rng, (0.24, 0.44, 0.09), 0.25, 0.043, -step, tone="shadow"),
            ("tube", smooth(tail), "tail", -0.04),
            (
                "tube",
                smooth([(-0.40, 0.51, 0.145), (-0.15, 0.50, 0.145), (0.10, 0.51, 0.14), (0.28, 0.54, 0.14)]),
                "body",
                0.0,
            ),
            ("tube", smooth([(0.24, 0.56, 0.125), (0.36, 0.62, 0.11), (*head, 0.1)]), "body", 0.0),
            *_legs(rng, (-0.40, 0.45, 0.135), -0.44, 0.05, -step, bend=0.05),
            *_legs(rng, (0.29, 0.47, 0.10), 0.31, 0.047, step),
        ]
    x, y = head
    turn = rng.normal(0, 0.02)
    for side in (-1, 1):
        ear = smooth(
            [
                (x + side * 0.025, y + 0.10),
                (x + side * 0.125 + turn, y + 0.26),
                (x + side * 0.165, y + 0.04),
                (x + side * 0.08, y + 0.02),
            ],
            3,
            True,
        )
        inner = ear * 0.55 + 0.45 * np.array([x + side * 0.105, y + 0.12])
        parts += [("flap", ear, "body", 0.02), ("flap", inner, "pink", 0.02)]
    parts += [
        ("tube", np.array([(x - 0.045, y, 0.135), (x, y + 0.005, 0.145), (x + 0.045, y, 0.135)]), "body", 0.08),
        ("tube", np.array([(x - 0.045 + turn, y - 0.065, 0.052), (x + 0.045 + turn, y - 0.065, 0.052)]), "light", 0.10),
    ]
    return parts, (x + turn, y, 0.145)


def _dog(rng, pose):
    floppy = rng.random() < 0.65
    if pose == "sit":
        head = np.array([0.17 + rng.normal(0, 0.02), 0.86])
        parts = [
            (
                "tube",
                smooth([(-0.28, 0.10, 0.055), (-0.42, 0.10, 0.05), (-0.54, 0.20, 0.042), (-0.58, 0.34, 0.03)]),
                "tail",
                -0.04,
            ),
            *_legs(rng, (0.08, 0.46, 0.09), 0.08, 0.055, 0, 0.06, tone="shadow"),
            (
                "tube",
                smooth(
                    [
                        (-0.20, 0.18, 0.18),
                        (-0.10, 0.40, 0.18),
                        (0.03, 0.57, 0.165),
                        (0.10, 0.72, 0.125),
                        (head[0] - 0.03, head[1] - 0.02, 0.11),
                    ]
                ),
                "body",
                0.0,
            ),
            ("tube", smooth([(-0.15, 0.22, 0.18), (-0.02, 0.16, 0.12), (0.03, 0.07, 0.065)]), "body", 0.03),
            ("tube", np.array([(0.00, 0.05, 0.05), (0.12, 0.045, 0.045)]), "leg", 0.04),
            ("tube", smooth([(0.13, 0.64, 0.09), (0.15, 0.48, 0.09)]), "light", 0.03),
            *_legs(rng, (0.15, 0.48, 0.09), 0.19, 0.056, 0, 0.06),
        ]
    else:
        step = rng.uniform(0.07, 0.15) if pose == "walk" else rng.normal(0, 0.015)
        head = np.array([0.55 + rng.normal(0, 0.02), 0.90 + rng.uniform(-0.10, 0.06)])
        up = rng.uniform(0.0, 0.3)
        parts = [
            *_legs(rng, (-0.34, 0.50, 0.12), -0.36, 0.05, step, 0.058, tone="shadow", bend=0.06),
            *_legs(rng, (0.25, 0.50, 0.10), 0.25, 0.05, -step, 0.058, tone="shadow"),
            (
                "tube",
                smooth(
                    [
                        (-0.46, 0.66, 0.06),
                        (-0.60, 0.70 + up * 0.4, 0.05),
                        (-0.70, 0.74 + up, 0.04),
                        (-0.70, 0.86 + up, 0.026),
                    ]
                ),
                "tail",
                -0.04,
            ),
            (
                "tube",
                smooth([(-0.38, 0.58, 0.15), (-0.16, 0.58, 0.14), (0.06, 0.565, 0.17), (0.26, 0.58, 0.18)]),
                "body",
                0.0,
            ),
            (
                "tube",
                smooth([(0.26, 0.62, 0.165), (0.40, 0.74, 0.125), (head[0] - 0.03, head[1] - 0.01, 0.105)]),
                "body",
                0.0,
            ),
            *_legs(rng, (-0.38, 0.52, 0.14), -0.42, 0.056, -step, 0.06, bend=0.06),
            *_legs(rng, (0.28, 0.52, 0.11), 0.30, 0.054, step, 0.06),
        ]
    x, y = head
    drop = rng.uniform(-0.06, 0.02)
    parts.append(
        (
            "tube",
            smooth([(x - 0.02, y, 0.125), (x + 0.05, y + 0.005, 0.115), (x + 0.10, y - 0.025, 0.09)]),
            "body",
            0.06,
        )
    )
    parts.append(
        (
            "tube",
            smooth(
                [(x + 0.08, y - 0.045, 0.075), (x + 0.18, y - 0.055 + drop, 0.060), (x + 0.27, y - 0.06 + drop, 0.050)]
            ),
            "light",
            0.08,
        )
    )
    if floppy:
        parts.append(
            (
                "tube",
                smooth([(x - 0.06, y + 0.075, 0.045), (x - 0.10, y - 0.03, 0.065), (x - 0.085, y - 0.15, 0.045)]),
                "mark",
                0.12,
            )
        )
    else:
        ear = [(x - 0.11, y + 0.05), (x - 0.09, y + 0.25), (x + 0.00, y + 0.11), (x - 0.04, y + 0.03)]
        parts.append(("flap", smooth(ear, 3, True), "mark", 0.10))
    return parts, (x, y, drop)


def _horse(rng, pose):
    step = rng.uniform(0.08, 0.18) if pose == "walk" else rng.normal(0, 0.02)
    if pose == "graze":
        poll = np.array([0.80, 0.42 + rng.uniform(-0.04, 0.1)])
        nose = np.add(poll, (0.10, -0.30))
        neck = [(0.30, 0.66, 0.18), (0.48, 0.62, 0.13), (0.66, 0.52, 0.095), (*poll, 0.08)]
    else:
        poll = np.array([0.60 + rng.normal(0, 0.03), 1.12 + rng.uniform(-0.1, 0.04)])
        nose = np.add(poll, (0.25, -0.24 + rng.uniform(-0.04, 0.06)))
        neck = [(0.28, 0.70, 0.18), (0.40, 0.86, 0.135), (0.50, 1.00, 0.10), (*poll, 0.078)]
    hoof = 0.045
    parts = [
        *_legs(rng, (-0.34, 0.58, 0.11), -0.36, 0.036, step, hoof, tone="shadow", bend=0.05),
        *_legs(rng, (0.26, 0.56, 0.09), 0.28, 0.034, -step, hoof, tone="shadow"),
        (
            "tube",
            smooth([(-0.48, 0.80, 0.04), (-0.58, 0.72, 0.05), (-0.62, 0.50, 0.06), (-0.60, 0.26, 0.035)]),
            "mark",
            -0.04,
        ),
        (
            "tube",
            smooth([(-0.34, 0.69, 0.17), (-0.14, 0.66, 0.165), (0.08, 0.65, 0.175), (0.27, 0.67, 0.175)]),
            "body",
            0.0,
        ),
        ("tube", smooth(neck), "body", 0.0),
        *_legs(rng, (-0.37, 0.62, 0.145), -0.41, 0.04, -step, hoof, bend=0.055),
        *_legs(rng, (0.28, 0.60, 0.11), 0.30, 0.038, step, hoof),
    ]
    neck = smooth(neck)
    along = np.gradient(neck[:, :2], axis=0)
    crest = neck[:, :2] + neck[:, 2:] * 0.85 * (along[:, ::-1] * (-1, 1)) / np.linalg.norm(along, axis=1, keepdims=True)
    mane = np.concatenate([crest[5:], np.linspace(0.05, 0.03, len(crest) - 5)[:, None]], 1)
    parts.append(("tube", mane, "mark", 0.04))
    head = smooth(
        [
            (*poll, 0.085),
            (*(poll + (nose - poll) * 0.35), 0.088),
            (*mix(poll, nose, 0.75), 0.058),
            (*nose, 0.055),
        ]
    )
    up = np.array([-(nose - poll)[1], (nose - poll)[0]]) / np.linalg.norm(nose - poll)
    back = (poll - nose) / np.linalg.norm(nose - poll)
    for shift, tone in ((0.05, "shadow"), (0.0, "body")):
        base = poll + up * (0.05 + shift * 0.3) + back * 0.01
        ear = [base - back * 0.045, base + up * 0.06 + back * 0.13, base + back * 0.07 - up * 0.03]
        parts.append(("flap", smooth(np.add(ear, (shift, 0)), 4, True), tone, 0.03))
    parts.append(("tube", head, "body", 0.06))
    parts.append(("tube", head[-5:], "muzzle", 0.07))
    if pose != "graze":
        lock = poll + up * 0.06
        parts.append(("tube", np.array([(*lock, 0.03), (*(lock - back * 0.10), 0.018)]), "mark", 0.09))
    return parts, (*mix(poll, nose, 0.30) + up * 0.025, *nose, *up)


def _owl(rng, pose):
    wide = rng.uniform(0.9, 1.1)
    turn = rng.uniform(-0.05, 0.05)
    y = 0.80
    parts = [("tube", smooth([(0.0, 0.22, 0.12), (0.02, 0.05, 0.09), (0.03, -0.06, 0.06)]), "mark", -0.06)]
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


def outline(parts, place, canvas: int = CANVAS) -> Image.Image:
    """The animal as one grey picture, 255 inside; ``place`` maps its units (n, 2) to 0 ... 1 and its lengths to those."""
    image = Image.new("L", (canvas, canvas))
    draw = ImageDraw.Draw(image)
    for shape, points, *_ in parts:
        draw.polygon((_shape(shape, points, place) * canvas).ravel().tolist(), fill=255)
    return image


def _shape(shape, points, place, width=1.0):
    """A part's outline (m, 2) on the canvas, thinned to ``width`` about its middle."""
    if shape == "tube":
        return place(tube_outline(points, width))
    middle = points.mean(0)
    return place(middle + (points - middle) * width)


def render(kind: str, parts, face, place, unit: float, side: float, rng: np.random.Generator):
    """The animal painted: colour (PIXELS, PIXELS, 3) in 0 ... 255 with its shading apart, (PIXELS, PIXELS), and alpha 0 ... 1."""
    coats = COATS[kind]
    base, mark, pale = (
        np.asarray(c, float) * rng.uniform(0.85, 1.12) + rng.normal(0, 5, 3) for c in coats[rng.integers(len(coats))]
    )
    pattern = rng.choice(
        {"cat": ["tabby", "tabby", "plain", "patched"], "dog": ["plain", "patched", "saddle"]}.get(
            kind, ["plain", "patched"]
        )
    )
    if kind == "horse" and rng.random() < 0.6:
        pattern = "plain"
    tones = dict(
        body=base,
        tail=base,
        leg=base,
        wing=mix(base, mark, 0.3),
        light=mix(base, pale, 0.75),
        mark=mark,
        shadow=base * 0.68,
    )
    tones |= dict(pink=mix(base, (196, 140, 130), 0.6), muzzle=mix(base, mark, 0.55), claw=(150, 130, 96))
    if pattern == "saddle" or (kind == "horse" and pattern == "plain"):
        tones |= dict(tail=mark, leg=mix(base, mark, 0.35))
    paper = Image.new("RGB", (CANVAS, CANVAS), shade(base))
    draw = ImageDraw.Draw(paper)
    height = np.full((PIXELS, PIXELS), -40, np.float32)
    for shape, points, tone, lift in parts:
        fill(draw, _shape(shape, points, place), shade(tones[tone]))
        round_ = points[:, 2].max() if shape == "tube" else 0.03
        relief = Image.new("F", (PIXELS, PIXELS), -40)
        high = ImageDraw.Draw(relief)
        for level in (1.0, 0.86, 0.7, 0.52, 0.32, 0.14):
            rise = float(PIXELS * unit * (lift - 0.09 * (tone == "shadow") + round_ * np.sqrt(1.04 - level**2)))
            high.polygon((_shape(shape, points, place, level) * PIXELS).ravel().tolist(), fill=rise)
        height = np.maximum(
            height, np.asarray(relief)
        )  # what stands out farther is in front: limbs grow out of the body
        if shape == "tube" and tone not in ("claw", "pink"):
            _coat(rng, draw, kind, points, tone, tones, pattern, place, unit)
    _face(rng, draw, kind, face, place, unit, tones)

    alpha = blur(np.asarray(outline(parts, place).reduce(2), np.float32) / 255, 2)
    alpha = np.clip(
        (alpha - 0.5 + 0.05 * noise(rng, 60)) * 2.6 + 0.5, 0, 1
    )  # the corners round, the edge a little furry
    height = blur(np.maximum(height, height[height > -40].min(initial=0) - 2), 4)
    dy, dx = np.gradient(height)
    lit = (0.75 * -dx * side + 0.62 * dy + 0.62) / np.sqrt(1 + dx**2 + dy**2)
    shading = blur(np.clip(0.50 + 0.72 * lit, 0.38, 1.5), 1)
    return np.asarray(paper.reduce(2), np.float32), shading, alpha


def _coat(rng, draw, kind, nodes, tone, tones, pattern, place, unit):
    """What lies on a tube: patches or stripes, then hair or feathers along it; all in the tube's own coordinates."""
    reach = np.linalg.norm(np.diff(nodes[:, :2], axis=0), axis=1).sum() + nodes[:, 2].mean() * 2
    area = reach * nodes[:, 2].mean() * 2 * unit * unit
    colour = tones[tone]
    along = np.gradient(nodes[:, :2], axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True) + 1e-9
    frames = np.concatenate([nodes, along], 1)
    turn = np.linspace(0, 2 * np.pi, 10, endpoint=False)

    def at(t, s):  # t along 0 ... 1, s across -1 ... 1
        f = np.stack([np.interp(t, np.linspace(0, 1, len(frames)), frames[:, k]) for k in range(5)], -1)
        across = f[..., :1:-1][..., :2] * (-1, 1)
        return f[..., :2] + f[..., 2:3] * s[..., None] * across, f[..., 3:5], across, f[..., 2:3]

    if pattern == "patched" and kind != "owl" and tone in ("body", "leg", "tail") and rng.random() < 0.85:
        for _ in range(rng.integers(1, 3)):
            t, s, size = rng.uniform(0, 1), rng.uniform(-0.8, 0.8), rng.uniform(0.4, 0.9) * nodes[:, 2].max()
            middle = at(np.array(t), np.array(s))[0]
            blob = middle + size * np.stack([np.cos(turn), np.sin(turn)], 1) * rng.uniform(0.7, 1.2, (10, 1))
            fill(draw, place(smooth(blob, 3, True)), shade(tones["light"] if rng.random() < 0.5 else tones["mark"]))
    if pattern == "saddle" and tone == "body":
        t = np.linspace(0, 1, 12)
        fill(
            draw,
            place(np.concatenate([at(t, np.full(12, 1.1))[0], at(t, 0.2 + 0.1 * np.sin(9 * t))[0][::-1]])),
            shade(tones["mark"]),
        )
    if pattern == "tabby" and tone in ("body", "leg", "tail", "shadow"):
        for t in np.arange(rng.uniform(0.02, 0.1), 1, 0.055 / max(reach, 0.2) * rng.uniform(0.9, 1.3)):
            s = np.linspace(rng.uniform(-0.6, 0.1), 1.05, 6)
            bow = t + 0.025 * np.sin(3 * s + rng.uniform(0, 3))
            thick = 0.012 * np.sqrt(np.clip(1 - (2 * np.linspace(0, 1, 6) - 1.2) ** 2, 0.05, 1))
            one, two = at(bow + thick / reach, s)[0], at(bow - thick / reach, s)[0]
            fill(
                draw,
                place(np.concatenate([one, two[::-1]])),
                shade(mix(colour, tones["mark"] * (0.7 if tone == "shadow" else 1), 0.75)),
            )

    n = int(np.clip(area * 9000, 12, 1500))
    t, s = rng.uniform(0, 1, n), rng.uniform(-0.98, 0.98, n)
    xy, forward, across, _radius = at(t, s)
    if kind == "owl" and tone != "claw":
        _feathers(rng, draw, tone, tones, t, s, xy, forward, place, unit, n)
        return
    length = 0.045 * rng.uniform(0.5, 1.2, (n, 1)) * {"dog": 1.1, "horse": 0.6}.get(kind, 0.9)
    sense = -1 if tone in ("light",) else 1
    end = xy - sense * length * (forward + across * (0.4 * s[:, None] + rng.normal(0, 0.35, (n, 1))))
    start_at, end_at = place(xy), place(end)
    under = np.asarray(draw._image.resize((128, 128), Image.Resampling.NEAREST), float)
    spot = np.clip((start_at * 128).astype(int), 0, 127)
    colours = under[spot[:, 1], spot[:, 0]] * rng.choice([0.78, 0.9, 1.12, 1.2], (n, 1)) + rng.normal(0, 3, (n, 3))
    strokes(draw, start_at, end_at, colours, 1 if unit < 0.6 else 2)


def _feathers(rng, draw, tone, tones, t, s, xy, forward, place, unit, n):
    """Scales with a dark shaft on the wings, streaks on the breast: from afar, bark."""
    angle = np.arctan2(*(place(xy + 0.01 * forward) - place(xy)).T[::-1]) + rng.normal(0, 0.2, n)
    long = unit * (0.075 if tone in ("wing", "mark") else 0.05)
    order = np.argsort(-t) if tone in ("wing", "mark") else np.argsort(t)
    colours = pick(
        rng,
        (tones[tone], tones["body"], mix(tones[tone], tones["mark"], 0.6), mix(tones[tone], tones["light"], 0.5)),
        n,
        9,
    )
    dabs(draw, place(xy[order]), long * rng.uniform(0.7, 1.2, n), long * 0.5, angle[order], colours[order])
    few = order[:: 2 if tone in ("wing", "mark") else 3]
    dabs(
        draw,
        place(xy[few]),
        long * 0.75,
        long * 0.16,
        angle[few],
        pick(rng, (tones["mark"], tones["mark"] * 0.8), len(few), 8),
    )


def _face(rng, draw, kind, face, place, unit, tones):
    """Eyes, nose and mouth."""

    def spot(x, y, rx, ry, colour):
        px, py = place(np.array([[x, y]]))[0]
        disc(draw, px, py, rx * unit, ry * unit, shade(colour))

    def line(points, colour, width=0.008):
        draw.line(
            (place(np.array(points)) * CANVAS).ravel().tolist(),
            fill=shade(colour),
            width=max(1, round(width * unit * CANVAS)),
        )

    iris = np.asarray(((186, 184, 80), (214, 160, 52), (132, 170, 96), (226, 178, 40))[rng.integers(4)])
    if kind == "cat":
        x, y, r = face
        for side in (-1, 1):
            spot(x + side * 0.058, y + 0.012, 0.039, 0.035, (30, 24, 22))
            spot(x + side * 0.058, y + 0.012, 0.033, 0.029, iris)
            spot(x + side * 0.056, y + 0.012, 0.012, 0.028, (16, 14, 14))
            spot(x + side * 0.048, y + 0.024, 0.006, 0.006, (250, 250, 245))
            line([(x, y - 0.062), (x + side * 0.012, y - 0.084), (x + side * 0.038, y - 0.088)], (44, 34, 32), 0.01)
            for lift in (-0.02, 0.0, 0.02):
                line(
                    [(x + side * 0.045, y - 0.065 + lift * 0.4), (x + side * 0.15, y - 0.055 + lift * 1.6)],
                    mix(tones["light"], (245, 242, 236), 0.6),
                    0.004,
                )
            for k in (0, 1):
                line(
                    [(x + side * (0.02 + 0.03 * k), y + 0.075), (x + side * (0.025 + 0.045 * k), y + 0.125)],
                    tones["mark"],
                    0.012,
                )
        fill(draw, place(np.array([(x - 0.02, y - 0.036), (x + 0.02, y - 0.036), (x, y - 0.062)])), (168, 104, 98))
    elif kind == "dog":
        x, y, drop = face
        spot(x + 0.065, y + 0.035, 0.024, 0.023, (24, 18, 16))
        spot(x + 0.067, y + 0.035, 0.017, 0.017, (96, 62, 34))
        spot(x + 0.068, y + 0.035, 0.010, 0.010, (12, 10, 10))
        spot(x + 0.073, y + 0.043, 0.005, 0.005, (250, 250, 245))
        spot(x + 0.298, y - 0.035 + drop, 0.034, 0.029, (26, 22, 22))
        spot(x + 0.302, y - 0.024 + drop, 0.010, 0.006, (120, 116, 116))
        line([(x + 0.30, y - 0.078 + drop), (x + 0.20, y - 0.092 + drop), (x + 0.11, y - 0.088)], (40, 30, 28), 0.012)
    elif kind == "owl":
        x, y, _r = face
        for side in (-1, 1):
            ex = x + side * 0.088
            for k in range(22):
                angle = 2 * np.pi * k / 22
                ray = np.array([np.cos(angle), np.sin(angle)])
                line(
                    [(ex + 0.055 * ray[0], y + 0.055 * ray[1]), (ex + 0.098 * ray[0], y - 0.005 + 0.098 * ray[1])],
                    mix(tones["light"], tones["mark"], 0.55),
                    0.006,
                )
            spot(ex, y, 0.064, 0.064, (34, 28, 24))
            spot(ex, y, 0.056, 0.056, mix(iris, (230, 160, 30), 0.5))
            spot(ex, y, 0.032, 0.032, (14, 12, 12))
            spot(ex - 0.016, y + 0.018, 0.010, 0.010, (252, 250, 244))
            line(
                [(x + side * 0.02, y + 0.05), (x + side * 0.10, y + 0.095), (x + side * 0.17, y + 0.13)],
                tones["mark"] * 0.7,
                0.022,
            )
        fill(draw, place(np.array([(x - 0.026, y - 0.02), (x + 0.026, y - 0.02), (x, y - 0.10)])), (52, 46, 42))
    else:
        ex, ey, nx, ny, ux, uy = face
        spot(ex, ey, 0.022, 0.020, (18, 14, 12))
        spot(ex + 0.005, ey + 0.007, 0.006, 0.006, (230, 230, 226))
        spot(nx + 0.012 + 0.018 * ux, ny + 0.018 * uy, 0.013, 0.011, (22, 18, 18))
        line(
            [(nx + 0.03 - 0.03 * ux, ny - 0.03 * uy - 0.01), (nx - 0.05 - 0.03 * ux, ny + 0.02 - 0.035 * uy)],
            (30, 24, 22),
            0.009,
        )
