"""A forest: few kinds of texture, very many of them."""

import numpy as np
from PIL import Image, ImageDraw

from .brush import CANVAS, PIXELS, STRIPS, along, dabs, fill, mix, noise, pick, shade, smooth, strips, strokes
from .undergrowth import bush, fern, log, soft_foot, stone, stump

# haze at the far end, leaves, bark, litter: a season each
SEASONS = (
    dict(
        haze=(186, 203, 158),
        leaves=((58, 92, 34), (84, 120, 44), (112, 142, 58), (40, 66, 30), (138, 160, 78)),
        bark=((84, 68, 54), (104, 90, 74), (62, 50, 42)),
        litter=((112, 84, 54), (140, 108, 70), (86, 64, 44), (164, 134, 92), (74, 78, 40), (60, 46, 34)),
    ),
    dict(
        haze=(226, 204, 158),
        leaves=((176, 112, 34), (200, 146, 48), (150, 78, 30), (116, 108, 42), (214, 172, 82)),
        bark=((78, 64, 56), (112, 98, 86), (54, 44, 40)),
        litter=((168, 104, 44), (190, 132, 62), (126, 76, 40), (206, 160, 92), (92, 62, 42), (140, 112, 84)),
    ),
    dict(
        haze=(178, 192, 190),
        leaves=((44, 66, 50), (62, 86, 62), (30, 48, 40), (84, 104, 78), (104, 118, 92)),
        bark=((92, 78, 68), (116, 104, 96), (58, 50, 46)),
        litter=((98, 82, 66), (124, 108, 88), (72, 62, 52), (80, 92, 56), (146, 130, 108), (54, 50, 46)),
    ),
    dict(
        haze=(208, 204, 194),
        leaves=((126, 114, 76), (150, 136, 96), (98, 92, 58), (84, 78, 62), (170, 156, 122)),
        bark=((128, 118, 108), (164, 156, 146), (88, 80, 74)),
        litter=((150, 128, 102), (176, 156, 128), (118, 98, 78), (196, 180, 156), (92, 78, 64), (132, 116, 104)),
    ),
)


def forest(rng: np.random.Generator, variety: float = 1.0, light: float = 1.0) -> tuple[np.ndarray, np.ndarray, float, float]:
    """A wood: the picture (PIXELS, PIXELS, 3) in 0 ... 255, the light on it (PIXELS, PIXELS), its side -1 ... 1, the horizon.

    The light is a factor of about 1. It also lights an animal that is put there.
    """
    first = SEASONS[rng.integers(len(SEASONS))] if rng.random() < 0.6 * variety else SEASONS[0]
    second = SEASONS[rng.integers(len(SEASONS))] if rng.random() < 0.6 * variety else SEASONS[0]
    between = rng.random() * 0.6
    season = {key: mix(first[key], second[key], between) for key in ("haze", "bark")}
    season |= {key: np.array([*first[key], *second[key][: round(3 * between)]]) for key in ("leaves", "litter")}
    season["haze"] = season["haze"] * rng.uniform(1 - 0.35 * variety, 1.05)
    side = rng.choice([-1, 1]) * rng.uniform(0.4, 1)
    horizon = rng.uniform(0.5 - 0.15 * variety, 0.5 + 0.12 * variety)

    # air: dark above, haze where the wood ends, then soil
    y = np.linspace(0, 1, PIXELS, dtype=np.float32)[:, None, None]
    above = mix(season["leaves"].mean(0) * 0.55, season["haze"], np.clip(y / horizon, 0, 1) ** 1.6)
    below = mix(season["litter"].mean(0), season["litter"].mean(0) * 0.62, np.clip((y - horizon) / (1 - horizon), 0, 1))
    air = np.where(y < horizon, above, below) * (1 + 0.13 * noise(rng, 6, 6, 3)[..., None])
    image = Image.fromarray(np.clip(air, 0, 255).astype(np.uint8)).resize((CANVAS, CANVAS), Image.Resampling.BILINEAR)
    draw = ImageDraw.Draw(image)

    _foliage(rng, draw, season, 340, (0, horizon + 0.03), 0.014, far=0.62)
    for _ in range(rng.integers(7, 15)):
        _trunk(
            rng,
            draw,
            season,
            side,
            horizon + rng.uniform(0, 0.02),
            rng.uniform(0.008, 0.02),
            far=rng.uniform(0.45, 0.7),
        )
    _foliage(rng, draw, season, 420, (0, horizon + 0.02), 0.02, far=0.38)
    _litter(rng, draw, season, horizon, 1500)

    depths = np.sort(rng.uniform(0, 1, rng.integers(6, 13)) ** 1.5)  # 0 at the horizon, 1 at our feet
    for depth in depths:
        foot = horizon + (1.02 - horizon) * depth
        near = 0.25 + 0.9 * depth
        thing = rng.choice(6, p=[0.42, 0.2, 0.14, 0.1, 0.08, 0.06])
        if thing == 0:
            _trunk(rng, draw, season, side, foot, rng.uniform(0.03, 0.085) * near, far=0.4 * (1 - depth) ** 1.5)
        elif thing == 1:
            fern(rng, draw, season, rng.uniform(0, 1), foot, 0.16 * near)
        elif thing == 2:
            bush(rng, draw, season, rng.uniform(0, 1), foot, 0.2 * near)
        elif thing == 3:
            log(rng, draw, season, rng.uniform(0, 1), foot, near)
        elif thing == 4:
            stone(rng, draw, side, rng.uniform(0, 1), foot, rng.uniform(0.05, 0.15) * near)
        else:
            stump(rng, draw, season, side, rng.uniform(0, 1), foot, rng.uniform(0.05, 0.1) * near)
    if rng.random() < 0.6:
        _foliage(rng, draw, season, 260, (-0.05, rng.uniform(0.1, 0.3)), 0.035, far=0)

    picture = np.asarray(image.reduce(2), np.float32)
    dapple = np.clip(noise(rng, rng.uniform(6, 10), rng.uniform(4, 7), 2) * 1.6, -1, 1.4)
    glow = 1 + light * (0.2 * dapple + 0.1 * noise(rng, 2))
    return picture, np.clip(glow, 0.35, 1.9), side, horizon


def _foliage(rng, draw, season, n, rows, size, far):
    """Leaves in clumps: the upper ones of a clump catch the light."""
    clumps = np.stack([rng.uniform(-0.05, 1.05, 14), rng.uniform(*rows, 14)], 1)
    which = rng.integers(0, 14, n)
    offset = rng.normal(0, 1, (n, 2)) * (0.1, 0.06)
    colours = pick(rng, season["leaves"], n, 12) * (1 - 4.5 * offset[:, 1:]).clip(0.5, 1.5)
    colours = mix(colours, season["haze"], far)
    length = size * rng.uniform(0.6, 1.6, n)
    dabs(draw, clumps[which] + offset, length, length * 0.5, rng.uniform(0, np.pi, n), colours)


def _litter(rng, draw, season, horizon, n):
    """Leaves, twigs and earth, smaller towards the horizon."""
    depth = np.sort(rng.uniform(0, 1, n) ** 0.75)
    centres = np.stack([rng.uniform(-0.02, 1.02, n), horizon + (1.02 - horizon) * depth], 1)
    length = (0.011 + 0.034 * depth) * rng.uniform(0.5, 1.4, n)
    palette = season["litter"][rng.permutation(len(season["litter"]))[: rng.integers(3, 7)]]
    colours = pick(rng, palette, n, 17)
    patch = rng.uniform(0, 1, (5, 2))  # moss or fresh green in places
    distance = np.linalg.norm((centres[:, None] - patch) * (1, 2.5), axis=2).min(1)
    green = (rng.random(n) < 0.75 * np.exp(-((distance / 0.2) ** 2)))[:, None]
    colours = np.where(green, pick(rng, season["leaves"], n, 12), colours)
    colours = mix(season["haze"], colours, (0.45 + depth * 1.2).clip(0, 1)[:, None])
    angle = rng.normal(0, 0.6, n)
    under = slice(n // 3, None)  # what is far is too small for a shadow
    dabs(
        draw,
        np.add(centres, (0.002, 0.004))[under],
        length[under] * 1.05,
        length[under] * 0.5,
        angle[under],
        colours[under] * 0.5,
    )
    dabs(draw, centres, length, length * rng.uniform(0.25, 0.6, n), angle, colours, bend=0.1)
    twigs = rng.integers(0, n, 40)
    reach = np.stack([length[twigs] * rng.uniform(-2, 2, 40), length[twigs] * rng.normal(0, 0.4, 40)], 1)
    strokes(draw, centres[twigs], centres[twigs] + reach, pick(rng, season["bark"], 40, 16), 2)


def _trunk(rng, draw, season, side, foot, radius, far):
    """A tree from its foot up and out of the picture: strips from the dark to the lit side, then bark."""
    x, lean = rng.uniform(-0.03, 1.03), rng.normal(0, 0.05)
    nodes = [
        (x, foot, radius * 1.5),
        (x + lean * 0.1, foot - 0.07, radius * 1.08),
        (x + lean * 0.5, foot / 2, radius * 0.95),
    ]
    nodes = smooth([*nodes, (x + lean + rng.normal(0, 0.02), -0.06, radius * 0.8)], 5)
    bark = pick(rng, season["bark"], 1, 12)[0]
    soft_foot(rng, draw, season, x, foot, radius, far)
    tones = 0.62 + 0.62 * np.sqrt((1 - (STRIPS + 1 / 7 - 0.55 * side) ** 2 / 2.6).clip(0))
    for strip, colour in zip(strips(nodes), mix(bark * tones[:, None], season["haze"], far), strict=True):
        fill(draw, strip, shade(colour))
    n = int(40 + 3200 * radius)
    t, s = rng.uniform(0, 1, n), rng.uniform(-0.95, 0.95, n)
    at = along(nodes, t)
    start = at[:, :2] + at[:, 2:] * s[:, None] * (1, 0)
    end = start + np.stack([rng.normal(0, 0.1, n) * radius, rng.uniform(0.2, 1.1, n) * radius], 1)
    tone = (0.62 + 0.62 * np.sqrt((1 - (s - 0.55 * side) ** 2 / 2.6).clip(0)))[:, None]
    colours = bark * tone * rng.choice([0.66, 0.8, 1.22], (n, 1))
    strokes(draw, start, end, mix(colours, season["haze"], far), 1 if radius < 0.03 else 2)
    if radius > 0.025 and rng.random() < 0.5:  # moss, or lichen, up from the foot
        n = int(1500 * radius)
        t = rng.uniform(0, 1, n) ** 2 * 0.8
        at = along(nodes, t)
        centres = at[:, :2] + at[:, 2:] * (rng.beta(1.2, 3, (n, 1)) * 1.9 - 0.95) * (-side / abs(side), 0)
        dabs(
            draw,
            centres,
            0.014,
            0.009,
            rng.uniform(0, 3, n),
            mix(pick(rng, season["leaves"], n), season["haze"], far * 0.6),
        )
