"""A playground: many different things in loud colours. What stands on it is in `equipment`."""

import numpy as np
from PIL import Image, ImageDraw

from .brush import CANVAS, PIXELS, fill, mix, noise, pick, shade, strokes, wide_blur
from .equipment import EQUIPMENT
from .garden import crown


def playground(rng: np.random.Generator, variety: float = 1.0, light: float = 1.0) -> tuple[np.ndarray, np.ndarray, float, float]:
    """A playground, in the form of ``forest``: picture, light on it, side of the light, horizon."""
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
        (112, 84, 60),
        (86, 78, 70),
    )
    near, far = (np.array(grounds[rng.integers(len(grounds)) if rng.random() < variety else k]) for k in (2, 0))

    y = np.linspace(0, 1, PIXELS, dtype=np.float32)[:, None]
    up = int((y < horizon).sum())  # rows of sky
    cloud = np.clip(noise(rng, 5, 3, 3)[:up] * 0.8 + rng.uniform(-0.6, 0.4), 0, 1)[..., None]
    heaven = mix(mix(sky[0], sky[1], np.clip(y[:up] / horizon, 0, 1)[..., None]), (244, 243, 238), cloud)
    border = horizon + rng.uniform(0.1, 0.3) + 0.04 * noise(rng, 2, 3)[up:]
    earth = np.where((y[up:] < border)[..., None], far, near) * (1 + 0.09 * noise(rng, 14, 9, 3)[up:, :, None])
    ground = np.concatenate([heaven, earth])
    image = Image.fromarray(np.clip(ground, 0, 255).astype(np.uint8)).resize((CANVAS, CANVAS), Image.Resampling.BILINEAR)
    draw = ImageDraw.Draw(image)

    _skyline(rng, draw, horizon)
    _lawn(rng, draw, horizon, np.asarray(image)[:: CANVAS // 64, :: CANVAS // 64].astype(float))
    allowed = rng.permutation(len(EQUIPMENT))[: 3 + round(variety * (len(EQUIPMENT) - 3))]
    for depth in np.sort(rng.uniform(0.05, 0.95, rng.integers(6, 11))):
        foot = horizon + (1.0 - horizon) * depth
        EQUIPMENT[allowed[rng.integers(len(allowed))]](rng, draw, rng.uniform(0.02, 0.98), foot, 0.22 + 0.5 * depth, side)

    picture = np.asarray(image.reduce(2), np.float32)
    shadow = np.clip(noise(rng, 3, 2, 2) * 1.3 - 0.5, 0, 1) * (y > horizon)
    glow = 1 + light * (0.1 * noise(rng, 2) - 0.35 * wide_blur(shadow.astype(np.float32), 4, 1))
    return picture, np.clip(glow, 0.4, 1.6), side, horizon


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
        crown(rng, draw, x, horizon - height * 0.55, height * 0.6, greens[rng.permutation(5)[:2]], 130, haze=0.18)


def _lawn(rng, draw, horizon, coarse):
    """Blades, pebbles and grains in the colour of the ground that they lie on."""
    n = 1500
    depth = np.sort(rng.uniform(0, 1, n) ** 0.8)
    centres = np.stack([rng.uniform(0, 0.999, n), horizon + (0.999 - horizon) * depth], 1)
    under = coarse[(centres[:, 1] * 64).astype(int), (centres[:, 0] * 64).astype(int)]
    rough = rng.uniform(0.15, 0.55)  # rubber, sand, lawn, bark chips
    colours = (
        under * rng.uniform(1 - rough, 1 + 0.7 * rough, (n, 1)) + rng.normal(0, 5 + 20 * rough, (n, 1)) + rng.normal(0, 4, (n, 3))
    )
    green = (under[:, 1] > under[:, 0] + 4)[:, None]
    reach = (
        rng.uniform(0.7, 2.0)
        * (0.004 + 0.02 * depth)[:, None]
        * np.where(green, rng.normal(0, 1, (n, 2)) * (0.3, 0) - (0, 0.8), rng.normal(0, 0.5, (n, 2)) * (1, 0.4))
    )
    strokes(draw, centres, centres + reach, colours, 2 + round(2 * rough))
