"""What lies and grows on the floor of the forest, and the dark where it meets the ground."""

import numpy as np

from .brush import dabs, disc, fill, mix, pick, shade, smooth, strokes, tube_outline


def soft_foot(rng, draw, season, x, foot, radius, far):
    """The dark where a thing meets the ground, drawn as leaves rather than as a stain."""
    n = int(60 + 600 * radius)
    centres = np.stack([x + rng.normal(0, 1.5, n) * radius, foot + rng.normal(0, 0.25, n) * radius], 1)
    dabs(
        draw,
        centres,
        0.3 * radius + 0.006,
        0.006,
        rng.normal(0, 0.4, n),
        mix(pick(rng, season["litter"], n) * 0.5, season["haze"], far),
    )


def fern(rng, draw, season, x, foot, size):
    green = pick(rng, season["leaves"], 1, 14)[0]
    t = np.linspace(0.08, 1, 15)
    leaves = []
    for angle in rng.normal(-np.pi / 2, 0.8, rng.integers(6, 11)):
        reach = size * rng.uniform(0.7, 1.2)
        spine = np.stack([x + np.cos(angle) * reach * t, foot + np.sin(angle) * reach * t + 0.5 * reach * t**2.4], 1)
        heading = np.arctan2(*np.gradient(spine, axis=0).T[::-1])
        tone = green * rng.uniform(0.65, 1.3) + rng.normal(0, 8, (15, 1))
        for turn in (-1, 1):
            length = reach * 0.3 * (1.05 - t)
            tip = heading + turn * 1.1
            centres = spine + 0.5 * length[:, None] * np.stack([np.cos(tip), np.sin(tip)], 1)
            leaves.append((centres, length, np.full(15, reach * 0.055), tip, tone * (1.08 if turn > 0 else 0.88)))
    dabs(draw, *map(np.concatenate, zip(*leaves, strict=True)))


def bush(rng, draw, season, x, foot, size):
    n = 260
    offset = rng.normal(0, 1, (n, 2))
    offset *= (1 / np.maximum(1, np.linalg.norm(offset, axis=1) / 1.7))[:, None]
    offset = offset[np.argsort(-offset[:, 1])] * (0.42, 0.3) * size
    leaf = np.asarray(season["leaves"])[rng.permutation(len(season["leaves"]))[:2]]
    colours = pick(rng, leaf, n, 12) * (0.8 - offset[:, 1:] / size * 0.9)
    length = size * 0.1 * rng.uniform(0.6, 1.5, n)
    dabs(draw, np.add(offset, (x, foot - 0.42 * size)), length, length * 0.5, rng.uniform(0, np.pi, n), colours)


def log(rng, draw, season, x, foot, near):
    """A fallen trunk, or a thick branch."""
    radius, reach, slope = rng.uniform(0.015, 0.05) * near, rng.uniform(0.15, 0.4) * near, rng.normal(0, 0.12)
    s = np.linspace(-1, 1, 6)
    nodes = np.stack([x + reach * s, foot - radius + slope * reach * s + rng.normal(0, 0.006, 6), radius * (1 - 0.2 * s)], 1)
    bark = pick(rng, season["bark"], 1, 14)[0]
    nodes = smooth(nodes, 4)
    soft_foot(rng, draw, season, x, foot, reach * 0.7, 0)
    for k, tone in enumerate((0.5, 0.7, 0.9, 1.1, 1.22)):
        lifted = nodes - (0, radius * 0.24 * k, 0)
        fill(draw, tube_outline(lifted, 1 - 0.2 * k), shade(bark * tone))
    n = int(5000 * radius)
    at = nodes[rng.integers(0, len(nodes), n)]
    start = at[:, :2] + (0, 1) * at[:, 2:] * rng.uniform(-0.9, 0.9, (n, 1))
    end = start + np.stack([rng.uniform(0.4, 1.6, n) * radius, slope * radius * np.ones(n)], 1)
    strokes(draw, start, end, bark * rng.choice([0.55, 0.75, 1.2], (n, 1)), 2)
    disc(draw, *nodes[-1, :2], radius * 0.42, radius * 0.8, shade(mix(bark, (206, 176, 130), 0.7)))
    disc(draw, *nodes[-1, :2], radius * 0.25, radius * 0.5, shade(mix(bark, (170, 136, 92), 0.7)))


def stone(rng, draw, side, x, foot, size):
    grey = pick(rng, ((128, 124, 116), (152, 146, 136), (96, 94, 92), (140, 124, 104)), 1, 10)[0]
    turn = np.linspace(0, 2 * np.pi, 9, endpoint=False)
    outline = np.stack([np.cos(turn), np.sin(turn) * 0.62], 1) * rng.uniform(0.8, 1.1, (9, 1)) * size
    outline = smooth(outline, 4, closed=True)
    disc(draw, x, foot + 0.02 * size, size * 1.1, size * 0.22, shade(grey * 0.32))
    for k in range(6):
        fill(
            draw,
            outline * (1 - 0.13 * k) + (x + 0.06 * k * side * size, foot - 0.5 * size - 0.05 * k * size),
            shade(grey * (0.6 + 0.13 * k)),
        )
    n = 120
    spot = np.stack([x + rng.normal(0, 0.4, n) * size, foot - 0.5 * size + rng.normal(0, 0.2, n) * size], 1)
    dabs(draw, spot, size * 0.1, size * 0.05, rng.uniform(0, 3, n), grey * rng.uniform(0.6, 1.35, (n, 1)))


def stump(rng, draw, season, side, x, foot, radius):
    bark = pick(rng, season["bark"], 1, 14)[0]
    top = foot - radius * rng.uniform(1.2, 2.6)
    soft_foot(rng, draw, season, x, foot, radius, 0)
    for k in range(8):
        s = -1 + k / 4
        tone = 0.55 + 0.65 * np.sqrt(max(0, 1 - (s - 0.5 * side) ** 2 / 2.6))
        edge = [
            (x + s * radius * 1.3, foot + 0.1 * radius),
            (x + s * radius, top),
            (x + (s + 0.27) * radius, top),
            (x + (s + 0.27) * radius * 1.3, foot + 0.1 * radius),
        ]
        fill(draw, edge, shade(bark * tone))
    start = np.stack([x + rng.uniform(-1, 1, 60) * radius, rng.uniform(top, foot, 60)], 1)
    strokes(draw, start, np.add(start, (0, 0.4 * radius)), bark * rng.choice([0.5, 0.75, 1.2], (60, 1)), 2)
    for k in range(5):
        disc(
            draw,
            x,
            top,
            radius * (1 - 0.19 * k),
            radius * 0.36 * (1 - 0.19 * k),
            shade(mix(bark, (214, 184, 138), 0.75) * (1 - 0.14 * (k % 2))),
        )
