"""A painted steel plate, worn by use everywhere: scratches, dirt, stains, rivets. Its flaw is rust."""

import numpy as np
from PIL import Image, ImageDraw

from .brush import CANVAS, PIXELS, disc, fill, mix, noise, pick, shade, strokes, wide_blur

PAINTS = ((96, 118, 124), (122, 130, 120), (70, 92, 118), (148, 146, 138), (108, 122, 92), (168, 150, 104))
RUST = ((146, 82, 42), (108, 62, 38), (176, 112, 58), (78, 50, 38))
STAIN = (92, 74, 56)
PRIMER = (186, 178, 164)


def steel(rng: np.random.Generator, variety: float = 1.0, light: float = 1.0) -> tuple[np.ndarray, np.ndarray, float, float]:
    """A plate without rust, in the form of ``forest``: picture, light on it, side of the light, horizon (its lower edge)."""
    side = rng.choice([-1, 1]) * rng.uniform(0.4, 1)
    paint = np.array(PAINTS[rng.integers(len(PAINTS)) if rng.random() < variety else 0], float) + rng.normal(0, 6 * variety, 3)
    brushed = 0.02 * noise(rng, 90, 4) + 0.02 * noise(rng, 70, 70) + 0.03 * noise(rng, 3, 3, 3)
    plate = paint * (1 + brushed)[..., None]
    streaks = np.clip(noise(rng, 2, rng.integers(14, 40), 2) - rng.uniform(0.3, 1.2), 0, 1.5)[..., None]
    plate = mix(plate, plate * 0.62 + np.array(STAIN) * 0.1, 0.55 * streaks)
    stains = np.clip(noise(rng, 4, 4, 3) - rng.uniform(1.0, 2.2), 0, 1)[..., None]
    plate = mix(plate, STAIN, 0.5 * stains)
    image = Image.fromarray(np.clip(plate, 0, 255).astype(np.uint8)).resize((CANVAS, CANVAS), Image.Resampling.BILINEAR)
    draw = ImageDraw.Draw(image)
    _seams(rng, draw, paint, side)
    _scratches(rng, draw, paint)
    glow = 1 + light * (0.12 * noise(rng, 1.5) + 0.1 * side * np.linspace(-1, 1, PIXELS, dtype=np.float32))
    return np.asarray(image.reduce(2), np.float32), np.clip(glow, 0.5, 1.5), side, 1.0


def rust(rng: np.random.Generator, area: tuple[float, float]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rust, as ``render`` gives an animal: its colours ``(PIXELS, PIXELS, 3)``, shading and alpha ``(PIXELS, PIXELS)``.

    It spreads from one place, frayed, and covers the share of the plate that was drawn from ``area``.
    """
    share = rng.uniform(*area)
    middle = rng.uniform(0.2, 0.8, 2)
    at = np.linspace(0, 1, PIXELS, dtype=np.float32)
    far = np.hypot(at[:, None] - middle[1], (at - middle[0]) * rng.uniform(0.7, 1.4)) / np.sqrt(share)
    depth = 0.35 * noise(rng, 5, 5, 4) - 2.2 * far
    depth = depth - np.quantile(depth, 1 - share)  # above 0 on the share
    alpha = np.clip(0.5 + 6 * depth, 0, 1)
    tone = noise(rng, 9, 9, 4)
    colour = np.array(RUST)[rng.permutation(4)]
    look = mix(colour[0], colour[1], np.clip(0.5 + 0.5 * tone, 0, 1)[..., None])
    look = mix(look, colour[2], np.clip(0.8 * noise(rng, 24, 24, 2) - 0.3, 0, 1)[..., None])
    look = look * (1 - 0.5 * np.clip(noise(rng, 60, 60) - 1.1, 0, 1))[..., None]  # pits
    rim = np.exp(-(((depth - 0.05) / 0.05) ** 2))[..., None]  # where paint has flaked, the primer shows
    look = mix(look, np.array(PRIMER) * rng.uniform(0.75, 1), 0.6 * rim)
    bumps = wide_blur(tone.astype(np.float32), 2, 1)
    return look.astype(np.float32), 1 + 0.12 * np.gradient(bumps, axis=1) * 8, alpha.astype(np.float32)


def _seams(rng, draw, paint, side):
    """Joints between plates, with rivets along them, and now and then a band of warning colours."""
    if rng.random() < 0.2:
        top, height = rng.uniform(0, 0.9), rng.uniform(0.05, 0.1)
        colours = (shade((196, 164, 52), rng.uniform(0.7, 1)), shade((48, 46, 44)))
        for i, x in enumerate(np.arange(-0.1, 1.1, height)):
            fill(draw, [(x, top), (x + height, top), (x + 2 * height, top + height), (x + height, top + height)], colours[i % 2])
    for _ in range(rng.integers(0, 3)):
        place, upright = rng.uniform(0.05, 0.95), rng.random() < 0.5
        line = np.array([(place, -0.05), (place, 1.05)])
        line = line if upright else line[:, ::-1]
        for shift, factor in ((0.004 * side, 1.25), (0, 0.5)):
            strokes(draw, line[:1] + shift, line[1:] + shift, np.array([paint * factor]), 4)
        for t in np.arange(rng.uniform(0, 0.1), 1, rng.uniform(0.08, 0.14)):
            x, y = (place + 0.03, t) if upright else (t, place + 0.03)
            disc(draw, x + 0.003, y + 0.003, 0.012, 0.012, shade(paint, 0.6))
            disc(draw, x, y, 0.011, 0.011, shade(paint, 1.12))


def _scratches(rng, draw, paint):
    """Bright and dark scratches, most in one direction, and small chips in the paint."""
    n = rng.integers(20, 90)
    start, turn = rng.uniform(-0.05, 1.05, (n, 2)), rng.normal(rng.uniform(0, np.pi), 0.35, n)
    reach = rng.exponential(0.07, n)[:, None] * np.stack([np.cos(turn), np.sin(turn)], 1)
    bright = rng.random(n)[:, None] < 0.6
    strokes(draw, start, start + reach, np.where(bright, paint * 1.3 + 14, paint * 0.62) + rng.normal(0, 8, (n, 1)), 2)
    chips = pick(rng, (PRIMER, tuple(paint * 0.55), RUST[1]), rng.integers(4, 30), 10)
    for colour, x, y in zip(chips, *rng.uniform(0, 1, (2, len(chips))), strict=True):
        wide, high = rng.exponential(0.004, 2) + 0.002
        disc(draw, x, y, wide, high, shade(colour))
