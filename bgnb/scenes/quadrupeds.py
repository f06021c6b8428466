"""Cat, dog and horse: parts in units of about the animal's height, as ``animals`` describes them."""

import numpy as np

from .brush import mix, smooth


def _legs(rng, hip, foot_x, thick, walk, paw=0.05, y0=0.0, tone="leg", bend=0.0):
    """One leg from ``hip`` (x, y, radius) to the ground; ``bend`` puts the hock behind, ``walk`` swings the foot."""
    x, y, r = hip
    fx = foot_x + walk
    knee = (mix(x, fx, 0.45) + bend * 0.5, mix(y, y0, 0.42), thick * 1.35)
    hock = (mix(x, fx, 0.8) - bend, mix(y, y0, 0.72), thick)
    nodes = [(x, y, r), knee, hock, (fx, y0 + paw * 0.8, thick * 0.92)]
    nodes = smooth(nodes, 5)
    foot = np.array([(fx - paw * 0.2, y0 + paw * 0.7, paw * 0.7), (fx + paw * 0.75, y0 + paw * 0.6, paw * 0.6)])
    sock = "sock" if tone == "leg" else tone
    return [("tube", nodes, tone, 0.0), ("tube", nodes[7:], sock, 0.0), ("tube", foot, sock, 0.01)]


def cat(rng, pose):
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


def dog(rng, pose):
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
            smooth([(x + 0.08, y - 0.045, 0.075), (x + 0.18, y - 0.055 + drop, 0.060), (x + 0.27, y - 0.06 + drop, 0.050)]),
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


def horse(rng, pose):
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
