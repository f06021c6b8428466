"""The two places: a forest (few kinds of texture, very many of them) and a playground (many different things).

Each paints a picture and says how it is lit, so that an animal that is put there can be lit alike.
"""

import itertools

import numpy as np
from PIL import Image, ImageDraw

from .brush import CANVAS, PIXELS, dabs, disc, fill, mix, noise, pick, shade, smooth, strokes, tube_outline, wide_blur

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
# what playgrounds are painted in
LOUD = (
    (206, 50, 44), (236, 176, 40), (44, 98, 178), (62, 148, 84), (226, 116, 40), (128, 74, 152), (48, 160, 172), (222, 216, 204),
)  # fmt: skip


def forest(rng: np.random.Generator, variety: float = 1.0, light: float = 1.0) -> tuple[np.ndarray, np.ndarray, float]:
    """A wood: the picture (PIXELS, PIXELS, 3) in 0 ... 255, the light on it (PIXELS, PIXELS) about 1, and its side -1 ... 1."""
    first = SEASONS[rng.integers(len(SEASONS))] if rng.random() < variety else SEASONS[0]
    second = SEASONS[rng.integers(len(SEASONS))] if rng.random() < variety else SEASONS[0]
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

    _foliage(rng, draw, season, 420, (0, horizon + 0.03), 0.014, far=0.62)
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
    _litter(rng, draw, season, horizon, 1300)

    depths = np.sort(rng.uniform(0, 1, rng.integers(6, 13)) ** 1.5)  # 0 at the horizon, 1 at our feet
    for depth in depths:
        foot = horizon + (1.02 - horizon) * depth
        near = 0.25 + 0.9 * depth
        thing = rng.choice(6, p=[0.42, 0.2, 0.14, 0.1, 0.08, 0.06])
        if thing == 0:
            _trunk(rng, draw, season, side, foot, rng.uniform(0.03, 0.085) * near, far=0.4 * (1 - depth) ** 1.5)
        elif thing == 1:
            _fern(rng, draw, season, rng.uniform(0, 1), foot, 0.16 * near)
        elif thing == 2:
            _bush(rng, draw, season, rng.uniform(0, 1), foot, 0.2 * near)
        elif thing == 3:
            _log(rng, draw, season, rng.uniform(0, 1), foot, near)
        elif thing == 4:
            _stone(rng, draw, side, rng.uniform(0, 1), foot, rng.uniform(0.05, 0.15) * near)
        else:
            _stump(rng, draw, season, side, rng.uniform(0, 1), foot, rng.uniform(0.05, 0.1) * near)
    if rng.random() < 0.6:
        _foliage(rng, draw, season, 260, (-0.05, rng.uniform(0.1, 0.3)), 0.035, far=0)

    picture = np.asarray(image.reduce(2), np.float32)
    dapple = np.clip(noise(rng, rng.uniform(6, 10), rng.uniform(4, 7), 2) * 1.6, -1, 1.4)
    glow = 1 + light * (0.3 * dapple + 0.12 * noise(rng, 2))
    return picture, np.clip(glow, 0.35, 1.9), side


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
    length = (0.006 + 0.034 * depth) * rng.uniform(0.5, 1.4, n)
    palette = season["litter"][rng.permutation(len(season["litter"]))[: rng.integers(3, 7)]]
    colours = pick(rng, palette, n, 17)
    patch = rng.uniform(0, 1, (5, 2))  # moss or fresh green in places
    distance = np.linalg.norm((centres[:, None] - patch) * (1, 2.5), axis=2).min(1)
    green = (rng.random(n) < 0.75 * np.exp(-((distance / 0.2) ** 2)))[:, None]
    colours = np.where(green, pick(rng, season["leaves"], n, 12), colours)
    colours = mix(season["haze"], colours, (0.45 + depth * 1.2).clip(0, 1)[:, None])
    angle = rng.normal(0, 0.6, n)
    dabs(draw, np.add(centres, (0.002, 0.004)), length * 1.05, length * 0.5, angle, colours * 0.5)
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
    _soft_foot(rng, draw, season, x, foot, radius, far)
    for k in range(7):
        s = -1 + 2 * k / 7
        tone = 0.62 + 0.62 * np.sqrt(max(0, 1 - (s + 1 / 7 - 0.55 * side) ** 2 / 2.6))
        left, right = nodes[:, :2] + nodes[:, 2:] * (s, 0), nodes[:, :2] + nodes[:, 2:] * (s + 0.3, 0)
        fill(draw, np.concatenate([left, right[::-1]]), shade(mix(bark * tone, season["haze"], far)))
    n = int(40 + 3200 * radius)
    t, s = rng.uniform(0, 1, n), rng.uniform(-0.95, 0.95, n)
    at = np.stack([np.interp(t, np.linspace(0, 1, len(nodes)), nodes[:, i]) for i in range(3)], 1)
    start = at[:, :2] + at[:, 2:] * s[:, None] * (1, 0)
    end = start + np.stack([rng.normal(0, 0.1, n) * radius, rng.uniform(0.2, 1.1, n) * radius], 1)
    tone = (0.62 + 0.62 * np.sqrt((1 - (s - 0.55 * side) ** 2 / 2.6).clip(0)))[:, None]
    colours = bark * tone * rng.choice([0.66, 0.8, 1.22], (n, 1))
    strokes(draw, start, end, mix(colours, season["haze"], far), 1 if radius < 0.03 else 2)
    if radius > 0.025 and rng.random() < 0.5:  # moss, or lichen, up from the foot
        n = int(1500 * radius)
        t = rng.uniform(0, 1, n) ** 2 * 0.8
        at = np.stack([np.interp(t, np.linspace(0, 1, len(nodes)), nodes[:, i]) for i in range(3)], 1)
        centres = at[:, :2] + at[:, 2:] * (rng.beta(1.2, 3, (n, 1)) * 1.9 - 0.95) * (-side / abs(side), 0)
        dabs(
            draw,
            centres,
            0.014,
            0.009,
            rng.uniform(0, 3, n),
            mix(pick(rng, season["leaves"], n), season["haze"], far * 0.6),
        )


def _soft_foot(rng, draw, season, x, foot, radius, far):
    """The dark that gathers where a thing meets the ground, in leaves rather than in a stain."""
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


def _fern(rng, draw, season, x, foot, size):
    green = pick(rng, season["leaves"], 1, 14)[0]
    for angle in rng.normal(-np.pi / 2, 0.8, rng.integers(6, 11)):
        reach = size * rng.uniform(0.7, 1.2)
        t = np.linspace(0.08, 1, 15)
        spine = np.stack([x + np.cos(angle) * reach * t, foot + np.sin(angle) * reach * t + 0.5 * reach * t**2.4], 1)
        heading = np.arctan2(*np.gradient(spine, axis=0).T[::-1])
        tone = green * rng.uniform(0.65, 1.3) + rng.normal(0, 8, (15, 1))
        for turn in (-1, 1):
            length = reach * 0.3 * (1.05 - t)
            tip = heading + turn * 1.1
            centres = spine + 0.5 * length[:, None] * np.stack([np.cos(tip), np.sin(tip)], 1)
            dabs(draw, centres, length, reach * 0.055, tip, tone * (1.08 if turn > 0 else 0.88))


def _bush(rng, draw, season, x, foot, size):
    n = 260
    offset = rng.normal(0, 1, (n, 2))
    offset *= (1 / np.maximum(1, np.linalg.norm(offset, axis=1) / 1.7))[:, None]
    offset = offset[np.argsort(-offset[:, 1])] * (0.42, 0.3) * size
    leaf = np.asarray(season["leaves"])[rng.permutation(len(season["leaves"]))[:2]]
    colours = pick(rng, leaf, n, 12) * (0.8 - offset[:, 1:] / size * 0.9)
    length = size * 0.1 * rng.uniform(0.6, 1.5, n)
    dabs(draw, np.add(offset, (x, foot - 0.42 * size)), length, length * 0.5, rng.uniform(0, np.pi, n), colours)


def _log(rng, draw, season, x, foot, near):
    """A fallen trunk, or a thick branch."""
    radius, reach, slope = rng.uniform(0.015, 0.05) * near, rng.uniform(0.15, 0.4) * near, rng.normal(0, 0.12)
    s = np.linspace(-1, 1, 6)
    nodes = np.stack(
        [x + reach * s, foot - radius + slope * reach * s + rng.normal(0, 0.006, 6), radius * (1 - 0.2 * s)], 1
    )
    bark = pick(rng, season["bark"], 1, 14)[0]
    nodes = smooth(nodes, 4)
    _soft_foot(rng, draw, season, x, foot, reach * 0.7, 0)
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


def _stone(rng, draw, side, x, foot, size):
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


def _stump(rng, draw, season, side, x, foot, radius):
    bark = pick(rng, season["bark"], 1, 14)[0]
    top = foot - radius * rng.uniform(1.2, 2.6)
    _soft_foot(rng, draw, season, x, foot, radius, 0)
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


def playground(
    rng: np.random.Generator, variety: float = 1.0, light: float = 1.0
) -> tuple[np.ndarray, np.ndarray, float]:
    """A playground, as ``forest``: picture, light on it, side of the light."""
    side = rng.choice([-1, 1]) * rng.uniform(0.4, 1)
    horizon = rng.uniform(0.42 - 0.12 * variety, 0.42 + 0.1 * variety)
    skies = (((92, 146, 204), (196, 218, 232)), ((150, 166, 182), (214, 218, 216)), ((120, 160, 200), (240, 222, 196)))
    sky = skies[rng.integers(3) if rng.random() < variety else 0]
    grounds = (
        (126, 146, 72),
        (104, 132, 62),
        (190, 160, 118),
        (166, 138, 104),
        (150, 142, 132),
        (148, 96, 76),
        (98, 110, 126),
        (206, 184, 144),
    )
    near, far = (np.array(grounds[rng.integers(len(grounds)) if rng.random() < variety else k]) for k in (2, 0))

    y = np.linspace(0, 1, PIXELS, dtype=np.float32)[:, None]
    cloud = np.clip(noise(rng, 5, 3, 3) * 0.8 + rng.uniform(-0.6, 0.4), 0, 1)[..., None]
    heaven = mix(mix(sky[0], sky[1], np.clip(y / horizon, 0, 1)[..., None]), (244, 243, 238), cloud)
    border = horizon + rng.uniform(0.1, 0.3) + 0.04 * noise(rng, 2, 3)
    earth = np.where((y < border)[..., None], far, near) * (1 + 0.09 * noise(rng, 14, 9, 3)[..., None])
    ground = np.where((y < horizon)[..., None], heaven, earth)
    image = Image.fromarray(np.clip(ground, 0, 255).astype(np.uint8)).resize(
        (CANVAS, CANVAS), Image.Resampling.BILINEAR
    )
    draw = ImageDraw.Draw(image)

    _skyline(rng, draw, horizon)
    _lawn(rng, draw, horizon, np.asarray(image)[:: CANVAS // 64, :: CANVAS // 64].astype(float))
    things = (_slide, _swing, _bars, _dome, _house, _seesaw, _tunnel, _bench, _tree, _pit, _toys, _fence, _wheel)
    allowed = rng.permutation(len(things))[: 3 + round(variety * (len(things) - 3))]
    for depth in np.sort(rng.uniform(0.05, 0.95, rng.integers(5, 9))):
        foot = horizon + (1.0 - horizon) * depth
        things[allowed[rng.integers(len(allowed))]](rng, draw, rng.uniform(0.02, 0.98), foot, 0.22 + 0.5 * depth, side)

    picture = np.asarray(image.reduce(2), np.float32)
    shadow = np.clip(noise(rng, 3, 2, 2) * 1.3 - 0.5, 0, 1) * (y > horizon)
    glow = 1 + light * (0.1 * noise(rng, 2) - 0.35 * wide_blur(shadow.astype(np.float32), 4, 1))
    return picture, np.clip(glow, 0.4, 1.6), side


def _skyline(rng, draw, horizon):
    """Houses and trees where the ground ends."""
    for _ in range(rng.integers(0, 4)):
        x, width, height = rng.uniform(-0.1, 1), rng.uniform(0.1, 0.3), rng.uniform(0.06, 0.2)
        wall = pick(rng, ((186, 170, 150), (162, 116, 94), (204, 198, 186), (146, 140, 136)), 1, 12)[0]
        fill(
            draw,
            [(x, horizon), (x, horizon - height), (x + width, horizon - height), (x + width, horizon)],
            shade(wall),
        )
        roof = [
            (x - 0.01, horizon - height),
            (x + width * 0.2, horizon - height * 1.4),
            (x + width * 0.8, horizon - height * 1.4),
            (x + width + 0.01, horizon - height),
        ]
        fill(draw, roof, shade(pick(rng, ((120, 70, 58), (90, 84, 84), (134, 104, 84)), 1)[0]))
        for wx in np.arange(x + 0.02, x + width - 0.02, 0.035):
            for wy in np.arange(horizon - height + 0.02, horizon - 0.03, 0.045):
                fill(
                    draw,
                    [(wx, wy), (wx + 0.016, wy), (wx + 0.016, wy + 0.024), (wx, wy + 0.024)],
                    shade(wall * 0.45, 1, (10, 16, 28)),
                )
    greens = np.array(((66, 92, 48), (90, 116, 58), (112, 126, 66), (52, 74, 46), (138, 128, 62)))
    for x in rng.uniform(-0.05, 1.05, rng.integers(4, 10)):
        height = rng.uniform(0.06, 0.26)
        _crown(rng, draw, x, horizon - height * 0.55, height * 0.6, greens[rng.permutation(5)[:2]], 130, haze=0.18)


def _crown(rng, draw, x, y, size, palette, n, haze=0.0):
    offset = rng.normal(0, 1, (n, 2))
    offset *= (1 / np.maximum(1, np.linalg.norm(offset, axis=1) / 1.5))[:, None]
    offset = offset[np.argsort(-offset[:, 1])]
    colours = mix(pick(rng, palette, n, 10) * (0.92 - 0.22 * offset[:, 1:]), (200, 212, 216), haze)
    length = size * rng.uniform(0.14, 0.34, n)
    dabs(draw, (x, y) + offset * size * (0.55, 0.55), length, length * 0.6, rng.uniform(0, 3, n), colours)


def _lawn(rng, draw, horizon, coarse):
    """Blades, pebbles and grains in the colour of the ground that they lie on."""
    n = 1500
    depth = np.sort(rng.uniform(0, 1, n) ** 0.8)
    centres = np.stack([rng.uniform(0, 0.999, n), horizon + (0.999 - horizon) * depth], 1)
    under = coarse[(centres[:, 1] * 64).astype(int), (centres[:, 0] * 64).astype(int)]
    colours = under * rng.uniform(0.72, 1.25, (n, 1)) + rng.normal(0, 5, (n, 3))
    green = (under[:, 1] > under[:, 0] + 4)[:, None]
    reach = (0.004 + 0.02 * depth)[:, None] * np.where(
        green, rng.normal(0, 1, (n, 2)) * (0.3, 0) - (0, 0.8), rng.normal(0, 0.5, (n, 2)) * (1, 0.4)
    )
    strokes(draw, centres, centres + reach, colours, 2)


def _pole(draw, a, b, width, colour, side=1.0):
    """A round bar: its dark, its colour and its shine."""
    a, b = np.asarray(a, float), np.asarray(b, float)
    across = np.array([b[1] - a[1], a[0] - b[0]]) / (np.linalg.norm(b - a) + 1e-9) * width
    across = across if across[0] * side + 1e-6 * across[1] >= 0 else -across
    for lo, hi, tone in ((-1, 1, 0.62), (-0.5, 1, 0.92), (0.1, 0.6, 1.25)):
        fill(draw, [a + lo * across, b + lo * across, b + hi * across, a + hi * across], shade(colour, tone))


def _cast(draw, x, foot, reach, size, colour=(70, 66, 58)):
    disc(draw, x, foot, reach, 0.05 * size, colour)


def _slide(rng, draw, x, foot, size, side):
    colour, frame = (pick(rng, LOUD, 1, 8)[0] for _ in range(2))
    turn = rng.choice([-1, 1])
    top, reach = foot - size * rng.uniform(0.75, 1.0), size * rng.uniform(0.6, 0.9)
    _cast(draw, x, foot, reach * 0.8, size)
    back = x - turn * reach * 0.5
    for dx in (-0.03, 0.05):
        _pole(draw, (back + dx * size, foot), (back + dx * size, top - 0.18 * size), 0.012 * size, frame, side)
    for k in range(6):
        rung = foot - (foot - top) * (k + 0.5) / 6
        _pole(draw, (back - 0.03 * size, rung), (back + 0.05 * size, rung), 0.008 * size, frame, side)
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


def _swing(rng, draw, x, foot, size, side):
    frame, seat = (pick(rng, LOUD, 1, 8)[0] for _ in range(2))
    top, reach = foot - size * rng.uniform(0.8, 1.05), size * rng.uniform(0.45, 0.7)
    _cast(draw, x, foot, reach * 1.05, size)
    for end in (-1, 1):
        for splay in (-0.16, 0.12):
            _pole(
                draw,
                (x + end * reach + splay * size, foot - abs(splay) * 0.1),
                (x + end * reach, top),
                0.014 * size,
                frame,
                side,
            )
    _pole(draw, (x - reach, top), (x + reach, top), 0.016 * size, frame, side)
    for k in np.linspace(-0.5, 0.5, rng.integers(2, 4)):
        sway, low = rng.normal(0, 0.1) * size, foot - rng.uniform(0.16, 0.24) * size
        for dx in (-0.06, 0.06):
            _pole(
                draw,
                (x + k * 2 * reach * 0.7 + dx * size, top),
                (x + k * 2 * reach * 0.7 + dx * size + sway, low),
                0.004 * size,
                (120, 120, 122),
            )
        _pole(
            draw,
            (x + k * 2 * reach * 0.7 - 0.08 * size + sway, low),
            (x + k * 2 * reach * 0.7 + 0.08 * size + sway, low),
            0.016 * size,
            seat,
            side,
        )


def _bars(rng, draw, x, foot, size, side):
    """A climbing frame."""
    colours = pick(rng, LOUD, 3, 8)
    columns, rows = rng.integers(3, 6), rng.integers(2, 5)
    width, height = size * rng.uniform(0.4, 0.7), size * rng.uniform(0.5, 0.9)
    _cast(draw, x, foot, width * 0.6, size)
    skew = rng.uniform(-0.12, 0.12) * size
    for back in (1, 0):
        dx, dy = back * skew, -back * 0.05 * size
        for k in range(columns):
            bx = x - width / 2 + width * k / (columns - 1) + dx
            _pole(draw, (bx, foot + dy), (bx, foot - height + dy), 0.01 * size, colours[k % 2], side)
        for k in range(1, rows + 1):
            by = foot - height * k / rows + dy
            _pole(draw, (x - width / 2 + dx, by), (x + width / 2 + dx, by), 0.01 * size, colours[2], side)


def _dome(rng, draw, x, foot, size, side):
    colours = pick(rng, LOUD, 2, 8)
    radius = size * rng.uniform(0.35, 0.5)
    _cast(draw, x, foot, radius, size)
    for k, squeeze in enumerate((-0.95, -0.55, 0, 0.55, 0.95)):
        t = np.linspace(0, np.pi / 2, 7)
        arc = np.stack([x + squeeze * radius * np.cos(t), foot - radius * 0.95 * np.sin(t)], 1)
        for a, b in itertools.pairwise(arc):
            _pole(draw, a, b, 0.009 * size, colours[k % 2], side)
    for t in (0.35, 0.8, 1.2):
        _pole(
            draw,
            (x - radius * np.cos(t), foot - 0.95 * radius * np.sin(t)),
            (x + radius * np.cos(t), foot - 0.95 * radius * np.sin(t)),
            0.009 * size,
            colours[1],
            side,
        )


def _house(rng, draw, x, foot, size, side):
    """A wooden tower with a roof and panels."""
    wood = pick(rng, ((164, 118, 74), (134, 94, 62), (190, 150, 104)), 1, 8)[0]
    colours = pick(rng, LOUD, 3, 8)
    width, height = size * rng.uniform(0.26, 0.4), size * rng.uniform(0.75, 1.0)
    _cast(draw, x, foot, width * 0.8, size)
    deck = foot - height * 0.45
    for end in (-0.5, 0.5):
        _pole(draw, (x + end * width, foot), (x + end * width, foot - height), 0.02 * size, wood, side)
    _pole(draw, (x - 0.5 * width, deck), (x + 0.5 * width, deck), 0.02 * size, wood, side)
    for k in range(6):
        bx = x - width / 2 + width * (k + 0.5) / 6
        _pole(
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
        _pole(
            draw,
            (x + net * (0.5 + 0.25 * k) * width, foot),
            (x + net * 0.5 * width, deck - 0.02 * k),
            0.005 * size,
            wood * 0.7,
        )


def _seesaw(rng, draw, x, foot, size, side):
    plank, seat = (pick(rng, LOUD, 1, 8)[0] for _ in range(2))
    reach, tilt = size * rng.uniform(0.4, 0.6), size * rng.uniform(-0.14, 0.14)
    pivot = foot - 0.18 * size
    _cast(draw, x, foot, reach, size)
    fill(draw, [(x - 0.1 * size, foot), (x, pivot), (x + 0.1 * size, foot)], shade(seat, 0.8))
    _pole(draw, (x - reach, pivot + tilt), (x + reach, pivot - tilt), 0.022 * size, plank, side)
    for end in (-1, 1):
        bx, by = x + end * reach * 0.85, pivot - end * tilt * 0.85
        _pole(draw, (bx, by), (bx, by - 0.14 * size), 0.01 * size, (110, 110, 114), side)
        _pole(draw, (bx - 0.05 * size, by - 0.13 * size), (bx + 0.05 * size, by - 0.13 * size), 0.01 * size, seat, side)


def _tunnel(rng, draw, x, foot, size, side):
    """A pipe to crawl through."""
    colour = pick(rng, LOUD, 1, 8)[0]
    radius, reach = size * rng.uniform(0.16, 0.24), size * rng.uniform(0.25, 0.5) * rng.choice([-1, 1])
    _cast(draw, x + reach / 2, foot, radius + abs(reach) * 0.6, size)
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


def _bench(rng, draw, x, foot, size, side):
    wood = pick(rng, ((150, 106, 68), (122, 92, 70), (176, 140, 100), (84, 92, 84)), 1, 8)[0]
    reach = size * rng.uniform(0.28, 0.4)
    _cast(draw, x, foot, reach * 1.05, size)
    for end in (-0.8, 0.8):
        _pole(draw, (x + end * reach, foot), (x + end * reach, foot - 0.4 * size), 0.014 * size, (74, 76, 80), side)
    for k, height in enumerate((0.17, 0.2, 0.28, 0.33, 0.38)):
        _pole(
            draw,
            (x - reach, foot - height * size),
            (x + reach, foot - height * size),
            0.017 * size,
            wood * (0.9 + 0.05 * k),
            side,
        )


def _tree(rng, draw, x, foot, size, side):
    bark = pick(rng, ((98, 76, 58), (122, 102, 84), (76, 62, 54)), 1, 10)[0]
    greens = pick(rng, ((74, 104, 48), (100, 128, 60), (150, 130, 56), (56, 82, 50)), 2, 10)
    top = foot - size * rng.uniform(0.8, 1.2)
    _cast(draw, x, foot, 0.25 * size, size)
    _pole(draw, (x, foot), (x + rng.normal(0, 0.04) * size, top), size * rng.uniform(0.04, 0.07), bark, side)
    n = int(160 * size)
    start = np.stack([x + rng.uniform(-0.04, 0.04, n) * size, rng.uniform(top, foot, n)], 1)
    strokes(draw, start, np.add(start, (0, 0.05 * size)), bark * rng.choice([0.6, 0.8, 1.2], (n, 1)), 2)
    _crown(rng, draw, x, top, size * rng.uniform(0.5, 0.7), greens, 420)


def _pit(rng, draw, x, foot, size, side):
    """Sand in a wooden frame."""
    wood = pick(rng, ((150, 108, 70), (186, 60, 48), (60, 104, 160), (132, 112, 92)), 1, 8)[0]
    reach, deep = size * rng.uniform(0.4, 0.6), size * rng.uniform(0.1, 0.18)
    corner = np.array(
        [(x - reach, foot), (x - reach * 0.8, foot - deep), (x + reach * 0.8, foot - deep), (x + reach, foot)]
    )
    fill(draw, corner, (214, 190, 146))
    n = 260
    t, s = rng.random(n), rng.uniform(-0.8, 0.8, n)
    spot = np.stack([x + reach * s * (1 - 0.2 * t), foot - deep * t], 1)
    dabs(draw, spot, 0.02, 0.008, rng.normal(0, 0.3, n), np.array([206, 180, 136]) * rng.uniform(0.78, 1.14, (n, 1)))
    for a, b in ((1, 2), (0, 1), (2, 3), (0, 3)):
        _pole(draw, corner[a], corner[b], 0.02 * size, wood, side)


def _toys(rng, draw, x, foot, size, side):
    """Balls, buckets and blocks."""
    for colour in pick(rng, LOUD, rng.integers(1, 4), 8):
        bx, by, r = x + rng.normal(0, 0.25) * size, foot + rng.normal(0, 0.03) * size, size * rng.uniform(0.05, 0.13)
        _cast(draw, bx, by, r * 1.1, r * 4)
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


def _fence(rng, draw, x, foot, size, side):
    colour = pick(rng, ((196, 186, 168), (146, 112, 80), (110, 114, 112), *LOUD[:4]), 1, 8)[0]
    height, reach = size * rng.uniform(0.25, 0.4), size * rng.uniform(0.5, 0.9)
    for height_of_rail in (0.3, 0.75):
        _pole(
            draw,
            (x - reach, foot - height_of_rail * height),
            (x + reach, foot - height_of_rail * height),
            0.012 * size,
            colour * 0.85,
            side,
        )
    for bx in np.arange(x - reach, x + reach, 0.07 * size):
        _pole(draw, (bx, foot), (bx, foot - height), 0.018 * size, colour, side)


def _wheel(rng, draw, x, foot, size, side):
    """A roundabout."""
    colours = pick(rng, LOUD, 2, 8)
    radius = size * rng.uniform(0.25, 0.38)
    _cast(draw, x, foot, radius * 1.05, size * 2)
    disc(draw, x, foot - 0.04 * size, radius, radius * 0.26, shade(colours[0], 0.6))
    disc(draw, x, foot - 0.08 * size, radius, radius * 0.26, shade(colours[0], 1.05))
    for k in range(6):
        turn = k * np.pi / 3 + rng.uniform(0, 0.3)
        rim = (x + 0.9 * radius * np.cos(turn), foot - 0.08 * size + 0.22 * radius * np.sin(turn))
        _pole(draw, rim, (rim[0], rim[1] - 0.24 * size), 0.01 * size, colours[1], side)
        _pole(draw, (rim[0], rim[1] - 0.24 * size), (x, foot - 0.36 * size), 0.009 * size, colours[1], side)
