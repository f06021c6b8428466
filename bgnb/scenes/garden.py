"""What grows or lies on a playground, and the poles and shadows that all things there are made of."""

import math

import numpy as np

from .brush import STRIPS, along, dabs, disc, fill, mix, pick, shade, smooth, strips, strokes

# what playgrounds are painted in
LOUD = ((206, 50, 44), (236, 176, 40), (44, 98, 178), (62, 148, 84))
LOUD += ((226, 116, 40), (128, 74, 152), (48, 160, 172), (222, 216, 204))
EARTHY = ((124, 100, 70), (92, 72, 54), (168, 138, 98), (72, 66, 62), (196, 166, 122), (126, 124, 118), (172, 110, 60))
BARKS = ((98, 76, 58), (122, 102, 84), (76, 62, 54), (134, 124, 112))


def crown(rng, draw, x, y, size, palette, n, haze=0.0):
    offset = rng.normal(0, 1, (n, 2))
    offset *= (1 / np.maximum(1, np.linalg.norm(offset, axis=1) / 1.5))[:, None]
    offset = offset[np.argsort(-offset[:, 1])]
    colours = mix(pick(rng, palette, n, 10) * (0.92 - 0.22 * offset[:, 1:]), (200, 212, 216), haze)
    length = size * rng.uniform(0.14, 0.34, n)
    dabs(draw, (x, y) + offset * size * (0.55, 0.55), length, length * 0.6, rng.uniform(0, 3, n), colours)


def pole(draw, a, b, width, colour, side=1.0):
    """A round bar: its dark, its colour and its shine."""
    (ax, ay), (bx, by) = a, b
    thick = width / (math.hypot(bx - ax, by - ay) + 1e-9)
    x, y = (by - ay) * thick, (ax - bx) * thick
    if x * side + 1e-6 * y < 0:
        x, y = -x, -y
    for lo, hi, tone in ((-1, 1, 0.62), (-0.5, 1, 0.92), (0.1, 0.6, 1.25)):
        edge = [(ax + lo * x, ay + lo * y), (bx + lo * x, by + lo * y), (bx + hi * x, by + hi * y), (ax + hi * x, ay + hi * y)]
        fill(draw, edge, shade(colour, tone))


def cast(draw, x, foot, reach, size, colour=(100, 94, 82)):
    disc(draw, x, foot, reach, 0.05 * size, colour)


def tree(rng, draw, x, foot, size, side):
    bark = pick(rng, ((98, 76, 58), (122, 102, 84), (76, 62, 54)), 1, 10)[0]
    greens = pick(rng, ((74, 104, 48), (100, 128, 60), (150, 130, 56), (56, 82, 50)), 2, 10)
    top = foot - size * rng.uniform(0.8, 1.2)
    cast(draw, x, foot, 0.25 * size, size)
    pole(draw, (x, foot), (x + rng.normal(0, 0.04) * size, top), size * rng.uniform(0.04, 0.07), bark, side)
    n = int(160 * size)
    start = np.stack([x + rng.uniform(-0.04, 0.04, n) * size, rng.uniform(top, foot, n)], 1)
    strokes(draw, start, np.add(start, (0, 0.05 * size)), bark * rng.choice([0.6, 0.8, 1.2], (n, 1)), 2)
    crown(rng, draw, x, top, size * rng.uniform(0.5, 0.7), greens, 420)


def pit(rng, draw, x, foot, size, side):
    """Sand in a wooden frame."""
    wood = pick(rng, ((150, 108, 70), (186, 60, 48), (60, 104, 160), (132, 112, 92)), 1, 8)[0]
    reach, deep = size * rng.uniform(0.4, 0.6), size * rng.uniform(0.1, 0.18)
    corner = np.array([(x - reach, foot), (x - reach * 0.8, foot - deep), (x + reach * 0.8, foot - deep), (x + reach, foot)])
    fill(draw, corner, (214, 190, 146))
    n = 260
    t, s = rng.random(n), rng.uniform(-0.8, 0.8, n)
    spot = np.stack([x + reach * s * (1 - 0.2 * t), foot - deep * t], 1)
    dabs(draw, spot, 0.02, 0.008, rng.normal(0, 0.3, n), np.array([206, 180, 136]) * rng.uniform(0.78, 1.14, (n, 1)))
    for a, b in ((1, 2), (0, 1), (2, 3), (0, 3)):
        pole(draw, corner[a], corner[b], 0.02 * size, wood, side)


def fence(rng, draw, x, foot, size, side):
    colour = pick(rng, ((196, 186, 168), (146, 112, 80), (110, 114, 112), *LOUD[:4]), 1, 8)[0]
    height, reach = size * rng.uniform(0.25, 0.4), size * rng.uniform(0.5, 0.9)
    for height_of_rail in (0.3, 0.75):
        pole(
            draw,
            (x - reach, foot - height_of_rail * height),
            (x + reach, foot - height_of_rail * height),
            0.012 * size,
            colour * 0.85,
            side,
        )
    for bx in np.arange(x - reach, x + reach, 0.07 * size):
        pole(draw, (bx, foot), (bx, foot - height), 0.018 * size, colour, side)


def heap(rng, draw, x, foot, size, side):
    """Mulch, hay, gravel or a rock to climb on: as rough as fur, and in its colours."""
    colour = pick(rng, EARTHY, 1, 12)[0]
    turn = np.linspace(0, np.pi, 9)
    reach, tall = size * rng.uniform(0.3, 0.6), size * rng.uniform(0.2, 0.6)
    edge = np.stack([np.cos(turn) * reach, np.sin(turn) ** rng.uniform(0.6, 1.2) * tall], 1) * rng.uniform(0.85, 1.1, (9, 1))
    edge = smooth(edge, 4)
    cast(draw, x, foot, reach * 1.1, size)
    for k in range(7):
        inner = edge * (1 - 0.13 * k) + (0.08 * k * side * reach, 0.05 * k * tall)
        fill(draw, (x, foot) + inner * (1, -1), shade(colour * (0.62 + 0.1 * k)))
    n = int(1100 * size)
    angle, out = rng.uniform(0.05, np.pi - 0.05, n), np.sqrt(rng.random(n)) * 0.97
    spot = along(edge, angle / np.pi) * out[:, None]
    tone = 0.85 + 0.3 * side * spot[:, :1] / reach
    colours = colour * tone * rng.choice([0.66, 0.85, 1.1, 1.25], (n, 1)) + rng.normal(0, 5, (n, 3))
    heading = rng.uniform(-0.3, np.pi / 2) + rng.normal(0, rng.uniform(0.3, 1.2), n)
    hair = np.stack([np.cos(heading), np.sin(heading)], 1) * size * rng.uniform(0.02, 0.06)
    start = (x, foot) + spot * (1, -1)
    strokes(draw, start, start + hair, colours, 2)


def hedge(rng, draw, x, foot, size, side):
    """A row of bushes, green or brown."""
    leaves = pick(rng, ((74, 104, 48), (100, 128, 60), (150, 130, 56), (56, 82, 50), (130, 92, 60)), 2, 10)
    reach, tall, n = size * rng.uniform(0.4, 0.9), size * rng.uniform(0.2, 0.4), int(700 * size)
    cast(draw, x, foot, reach, size)
    spot = np.stack([rng.uniform(-1, 1, n) * reach, np.sort(rng.random(n))[::-1] * tall], 1)
    colours = pick(rng, leaves, n, 12) * (0.65 + 0.5 * spot[:, 1:] / tall)
    length = size * rng.uniform(0.04, 0.09, n)
    dabs(draw, (x, foot) + spot * (1, -1), length, length * 0.5, rng.uniform(0, 3, n), colours)


def stem(rng, draw, x, foot, size, side):
    """The trunk of a tree whose crown is above the picture."""
    bark, radius, lean = pick(rng, BARKS, 1, 10)[0], size * rng.uniform(0.06, 0.16), rng.normal(0, 0.05)
    nodes = smooth([(x, foot, radius * 1.3), (x + 0.3 * lean, foot - 0.15, radius), (x + lean, -0.05, radius * 0.9)], 5)
    cast(draw, x, foot, 2 * radius, size)
    tones = 0.62 + 0.6 * np.sqrt((1 - (STRIPS + 1 / 7 - 0.55 * side) ** 2 / 2.6).clip(0))
    for strip, tone in zip(strips(nodes), tones, strict=True):
        fill(draw, strip, shade(bark, tone))
    n = int(4500 * radius)
    at = along(nodes, rng.uniform(0, 1, n))
    start = at[:, :2] + at[:, 2:] * rng.uniform(-0.95, 0.95, (n, 1)) * (1, 0)
    end = start + np.stack([rng.normal(0, 0.1, n) * radius, rng.uniform(0.15, 0.7, n) * radius], 1)
    strokes(draw, start, end, bark * rng.choice([0.6, 0.8, 1.2], (n, 1)), 2)
