"""What stands on a playground. Each thing draws itself at ``x`` with its ``foot`` and ``size``, lit from ``side``."""

import itertools

import numpy as np

from .brush import disc, fill, pick, shade, smooth
from .garden import LOUD, cast, fence, heap, hedge, pit, pole, stem, tree


def slide(rng, draw, x, foot, size, side):
    colour, frame = (pick(rng, LOUD, 1, 8)[0] for _ in range(2))
    turn = rng.choice([-1, 1])
    top, reach = foot - size * rng.uniform(0.75, 1.0), size * rng.uniform(0.6, 0.9)
    cast(draw, x, foot, reach * 0.8, size)
    back = x - turn * reach * 0.5
    for dx in (-0.03, 0.05):
        pole(draw, (back + dx * size, foot), (back + dx * size, top - 0.18 * size), 0.012 * size, frame, side)
    for k in range(6):
        rung = foot - (foot - top) * (k + 0.5) / 6
        pole(draw, (back - 0.03 * size, rung), (back + 0.05 * size, rung), 0.008 * size, frame, side)
    chute = smooth(
        [
            (back, top),
            (back + turn * 0.18 * size, top + 0.02 * size),
            (x + turn * reach * 0.25, foot - 0.12 * size),
            (x + turn * reach * 0.55, foot - 0.04 * size),
        ],
        6,
    )
    for lift, tone in ((0.045, 0.6), (0.0, 1.12), (-0.02, 0.85)):
        band = np.concatenate([np.add(chute, (0, lift * size)), np.add(chute[::-1], (0, (lift - 0.06) * size))])
        fill(draw, band, shade(colour, tone))


def swing(rng, draw, x, foot, size, side):
    frame, seat = (pick(rng, LOUD, 1, 8)[0] for _ in range(2))
    top, reach = foot - size * rng.uniform(0.8, 1.05), size * rng.uniform(0.45, 0.7)
    cast(draw, x, foot, reach * 1.05, size)
    for end in (-1, 1):
        for splay in (-0.16, 0.12):
            pole(
                draw,
                (x + end * reach + splay * size, foot - abs(splay) * 0.1),
                (x + end * reach, top),
                0.014 * size,
                frame,
                side,
            )
    pole(draw, (x - reach, top), (x + reach, top), 0.016 * size, frame, side)
    for k in np.linspace(-0.5, 0.5, rng.integers(2, 4)):
        sway, low = rng.normal(0, 0.1) * size, foot - rng.uniform(0.16, 0.24) * size
        for dx in (-0.06, 0.06):
            pole(
                draw,
                (x + k * 2 * reach * 0.7 + dx * size, top),
                (x + k * 2 * reach * 0.7 + dx * size + sway, low),
                0.004 * size,
                (120, 120, 122),
            )
        pole(
            draw,
            (x + k * 2 * reach * 0.7 - 0.08 * size + sway, low),
            (x + k * 2 * reach * 0.7 + 0.08 * size + sway, low),
            0.016 * size,
            seat,
            side,
        )


def bars(rng, draw, x, foot, size, side):
    """A climbing frame."""
    colours = pick(rng, LOUD, 3, 8)
    columns, rows = rng.integers(3, 6), rng.integers(2, 5)
    width, height = size * rng.uniform(0.4, 0.7), size * rng.uniform(0.5, 0.9)
    cast(draw, x, foot, width * 0.6, size)
    skew = rng.uniform(-0.12, 0.12) * size
    for back in (1, 0):
        dx, dy = back * skew, -back * 0.05 * size
        for k in range(columns):
            bx = x - width / 2 + width * k / (columns - 1) + dx
            pole(draw, (bx, foot + dy), (bx, foot - height + dy), 0.01 * size, colours[k % 2], side)
        for k in range(1, rows + 1):
            by = foot - height * k / rows + dy
            pole(draw, (x - width / 2 + dx, by), (x + width / 2 + dx, by), 0.01 * size, colours[2], side)


def dome(rng, draw, x, foot, size, side):
    colours = pick(rng, LOUD, 2, 8)
    radius = size * rng.uniform(0.35, 0.5)
    cast(draw, x, foot, radius, size)
    for k, squeeze in enumerate((-0.95, -0.55, 0, 0.55, 0.95)):
        t = np.linspace(0, np.pi / 2, 7)
        arc = np.stack([x + squeeze * radius * np.cos(t), foot - radius * 0.95 * np.sin(t)], 1)
        for a, b in itertools.pairwise(arc):
            pole(draw, a, b, 0.009 * size, colours[k % 2], side)
    for t in (0.35, 0.8, 1.2):
        pole(
            draw,
            (x - radius * np.cos(t), foot - 0.95 * radius * np.sin(t)),
            (x + radius * np.cos(t), foot - 0.95 * radius * np.sin(t)),
            0.009 * size,
            colours[1],
            side,
        )


def house(rng, draw, x, foot, size, side):
    """A wooden tower with a roof and panels."""
    wood = pick(rng, ((164, 118, 74), (134, 94, 62), (190, 150, 104)), 1, 8)[0]
    colours = pick(rng, LOUD, 3, 8)
    width, height = size * rng.uniform(0.26, 0.4), size * rng.uniform(0.75, 1.0)
    cast(draw, x, foot, width * 0.8, size)
    deck = foot - height * 0.45
    for end in (-0.5, 0.5):
        pole(draw, (x + end * width, foot), (x + end * width, foot - height), 0.02 * size, wood, side)
    pole(draw, (x - 0.5 * width, deck), (x + 0.5 * width, deck), 0.02 * size, wood, side)
    for k in range(6):
        bx = x - width / 2 + width * (k + 0.5) / 6
        pole(
            draw,
            (bx, deck),
            (bx, deck - height * 0.2),
            width * 0.075,
            colours[k % 2] if rng.random() < 0.5 else wood,
            side,
        )
    peak = foot - height * 1.3
    fill(draw, [(x - 0.66 * width, foot - height), (x, peak), (x + 0.66 * width, foot - height)], shade(colours[2]))
    fill(
        draw,
        [(x, peak), (x + side * 0.66 * width, foot - height), (x + side * 0.1 * width, foot - height)],
        shade(colours[2], 1.18),
    )
    net = rng.choice([-1, 1])
    for k in range(5):
        pole(
            draw,
            (x + net * (0.5 + 0.25 * k) * width, foot),
            (x + net * 0.5 * width, deck - 0.02 * k),
            0.005 * size,
            wood * 0.7,
        )


def seesaw(rng, draw, x, foot, size, side):
    plank, seat = (pick(rng, LOUD, 1, 8)[0] for _ in range(2))
    reach, tilt = size * rng.uniform(0.4, 0.6), size * rng.uniform(-0.14, 0.14)
    pivot = foot - 0.18 * size
    cast(draw, x, foot, reach, size)
    fill(draw, [(x - 0.1 * size, foot), (x, pivot), (x + 0.1 * size, foot)], shade(seat, 0.8))
    pole(draw, (x - reach, pivot + tilt), (x + reach, pivot - tilt), 0.022 * size, plank, side)
    for end in (-1, 1):
        bx, by = x + end * reach * 0.85, pivot - end * tilt * 0.85
        pole(draw, (bx, by), (bx, by - 0.14 * size), 0.01 * size, (110, 110, 114), side)
        pole(draw, (bx - 0.05 * size, by - 0.13 * size), (bx + 0.05 * size, by - 0.13 * size), 0.01 * size, seat, side)


def tunnel(rng, draw, x, foot, size, side):
    """A pipe to crawl through."""
    colour = pick(rng, LOUD, 1, 8)[0]
    radius, reach = size * rng.uniform(0.16, 0.24), size * rng.uniform(0.25, 0.5) * rng.choice([-1, 1])
    cast(draw, x + reach / 2, foot, radius + abs(reach) * 0.6, size)
    for k in range(16):
        t = 1 - k / 15
        disc(
            draw,
            x + reach * t,
            foot - radius * (1 + 0.1 * t),
            radius,
            radius,
            shade(colour, (0.6 + 0.5 * (1 - t)) * (1.1 if k % 4 else 0.85)),
        )
    disc(draw, x, foot - radius, radius * 0.78, radius * 0.78, shade(colour, 0.3))
    disc(draw, x + 0.1 * reach, foot - radius * 0.9, radius * 0.55, radius * 0.6, shade(colour, 0.45))


def bench(rng, draw, x, foot, size, side):
    wood = pick(rng, ((150, 106, 68), (122, 92, 70), (176, 140, 100), (84, 92, 84)), 1, 8)[0]
    reach = size * rng.uniform(0.28, 0.4)
    cast(draw, x, foot, reach * 1.05, size)
    for end in (-0.8, 0.8):
        pole(draw, (x + end * reach, foot), (x + end * reach, foot - 0.4 * size), 0.014 * size, (74, 76, 80), side)
    for k, height in enumerate((0.17, 0.2, 0.28, 0.33, 0.38)):
        pole(
            draw,
            (x - reach, foot - height * size),
            (x + reach, foot - height * size),
            0.017 * size,
            wood * (0.9 + 0.05 * k),
            side,
        )


def toys(rng, draw, x, foot, size, side):
    """Balls, buckets and blocks."""
    for colour in pick(rng, LOUD, rng.integers(1, 4), 8):
        bx, by, r = x + rng.normal(0, 0.25) * size, foot + rng.normal(0, 0.03) * size, size * rng.uniform(0.05, 0.13)
        cast(draw, bx, by, r * 1.1, r * 4)
        if rng.random() < 0.5:
            for k in range(6):
                disc(
                    draw,
                    bx + 0.07 * k * side * r,
                    by - r - 0.06 * k * r,
                    r * (1 - 0.15 * k),
                    r * (1 - 0.15 * k),
                    shade(colour, 0.62 + 0.14 * k),
                )
        else:
            fill(
                draw,
                [(bx - 0.7 * r, by), (bx - r, by - 1.7 * r), (bx + r, by - 1.7 * r), (bx + 0.7 * r, by)],
                shade(colour, 0.85),
            )
            fill(
                draw,
                [(bx, by), (bx, by - 1.7 * r), (bx + side * r, by - 1.7 * r), (bx + side * 0.7 * r, by)],
                shade(colour, 1.15),
            )
            disc(draw, bx, by - 1.7 * r, r, 0.25 * r, shade(colour, 0.6))


def wheel(rng, draw, x, foot, size, side):
    """A roundabout."""
    colours = pick(rng, LOUD, 2, 8)
    radius = size * rng.uniform(0.25, 0.38)
    cast(draw, x, foot, radius * 1.05, size * 2)
    disc(draw, x, foot - 0.04 * size, radius, radius * 0.26, shade(colours[0], 0.6))
    disc(draw, x, foot - 0.08 * size, radius, radius * 0.26, shade(colours[0], 1.05))
    for k in range(6):
        turn = k * np.pi / 3 + rng.uniform(0, 0.3)
        rim = (x + 0.9 * radius * np.cos(turn), foot - 0.08 * size + 0.22 * radius * np.sin(turn))
        pole(draw, rim, (rim[0], rim[1] - 0.24 * size), 0.01 * size, colours[1], side)
        pole(draw, (rim[0], rim[1] - 0.24 * size), (x, foot - 0.36 * size), 0.009 * size, colours[1], side)


EQUIPMENT = (slide, swing, bars, dome, house, seesaw, tunnel, bench, toys, wheel, tree, pit, fence, heap, heap, hedge, stem)
