"""Painting an animal: its coat part by part, hair or feathers, its face, the light on it, and its exact outline."""

import numpy as np
from PIL import Image, ImageDraw

from .brush import CANVAS, PIXELS, along, blur, dabs, fill, mix, noise, pick, shade, smooth, strokes, tube_outline
from .faces import draw_face

LEVELS = np.array([1.0, 0.96, 0.88, 0.77, 0.62, 0.43, 0.2])  # how far a part is thinned, level by level of its relief

# ground colour, markings, light parts: (of the back, of the pattern, of chest and muzzle)
COATS = {
    "cat": (
        ((150, 118, 84), (70, 52, 40), (214, 190, 158)),
        ((148, 150, 156), (72, 74, 80), (212, 214, 216)),
        ((200, 128, 66), (146, 80, 36), (234, 200, 154)),
        ((54, 50, 54), (34, 32, 36), (78, 72, 74)),
        ((136, 92, 60), (82, 52, 36), (220, 204, 182)),
        ((212, 182, 142), (124, 84, 62), (228, 208, 180)),
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


def hulls(parts) -> list[np.ndarray]:
    """The outline (m, 2) of every part, in the animal's units."""
    return [tube_outline(points) if shape == "tube" else points for shape, points, *_ in parts]


def outline(shapes, place, canvas: int = CANVAS) -> Image.Image:
    """The animal as one grey picture, 255 inside; ``place`` maps its units (n, 2) to 0 ... 1."""
    image = Image.new("L", (canvas, canvas))
    draw = ImageDraw.Draw(image)
    for shape in shapes:
        draw.polygon((place(shape) * canvas).ravel().tolist(), fill=255)
    return image


def silhouette(shapes, place, rng) -> np.ndarray:
    """Alpha (PIXELS, PIXELS) of 0 ... 1: the outline, with round corners and a slightly furry edge."""
    alpha = blur(np.asarray(outline(shapes, place).reduce(2), np.float32) / 255, 2)
    return np.clip((alpha - 0.5 + 0.05 * noise(rng, 60)) * 2.6 + 0.5, 0, 1)


def render(kind: str, parts, shapes, face, place, unit: float, side: float, rng: np.random.Generator):
    """The animal painted: colour (PIXELS, PIXELS, 3) in 0 ... 255, and (PIXELS, PIXELS) its shading and its alpha."""
    coats = COATS[kind]
    base, mark, pale = (
        np.asarray(c, float) * rng.uniform(0.85, 1.12) + rng.normal(0, 5, 3) for c in coats[rng.integers(len(coats))]
    )
    pattern = rng.choice(
        {"cat": ["tabby", "tabby", "plain", "patched"], "dog": ["plain", "patched", "saddle"]}.get(kind, ["plain", "patched"])
    )
    if kind == "horse" and rng.random() < 0.6:
        pattern = "plain"
    tones = dict(
        body=base,
        tail=base,
        leg=base,
        sock=base,
        wing=mix(base, mark, 0.3),
        light=mix(base, pale, 0.75),
        mark=mark,
        shadow=base * 0.68,
    )
    tones |= dict(pink=mix(base, (196, 140, 130), 0.6), muzzle=mix(base, mark, 0.55), claw=(150, 130, 96))
    if pattern == "saddle" or (kind == "horse" and pattern == "plain"):
        tones |= dict(tail=mark, sock=mix(base, mark, 0.5))
    elif pattern == "patched" and rng.random() < 0.6:
        tones |= dict(sock=pale)
    paper = Image.new("RGB", (CANVAS, CANVAS), shade(base))
    draw = ImageDraw.Draw(paper)
    height = np.full((PIXELS, PIXELS), -40, np.float32)
    for (shape, points, tone, lift), hull in zip(parts, shapes, strict=True):
        fill(draw, place(hull), shade(tones[tone]))
        round_ = points[:, 2].max() if shape == "tube" else 0.03
        relief = Image.new("F", (PIXELS, PIXELS), -40)
        high = ImageDraw.Draw(relief)
        thinned = tube_outline(points, LEVELS) if shape == "tube" else mix(points.mean(0), points, LEVELS[:, None, None])
        rises = PIXELS * unit * (lift - 0.09 * (tone == "shadow") + round_ * np.sqrt(1.04 - LEVELS**2))
        for edge, rise in zip((place(thinned) * PIXELS).reshape(len(LEVELS), -1).tolist(), rises.tolist(), strict=True):
            high.polygon(edge, fill=rise)
        # what stands out farther is in front: limbs grow out of the body
        height = np.maximum(height, np.asarray(relief))
        if shape == "tube" and tone not in ("claw", "pink"):
            _coat(rng, paper, kind, points, tone, tones, pattern, place, unit)
    draw_face(rng, draw, kind, face, place, unit, tones)

    alpha = silhouette(shapes, place, rng)
    height = blur(np.maximum(height, height[height > -40].min(initial=0) - 2), 9)
    dy, dx = np.gradient(height)
    lit = (0.75 * -dx * side + 0.62 * dy + 0.62) / np.sqrt(1 + dx**2 + dy**2)
    shading = blur(np.clip(0.50 + 0.72 * lit, 0.38, 1.5), 1)
    return np.asarray(paper.reduce(2), np.float32), shading, alpha


def _coat(rng, paper, kind, nodes, tone, tones, pattern, place, unit):
    """What lies on a tube: patches or stripes, then hair or feathers along it; all in the tube's own coordinates."""
    draw = ImageDraw.Draw(paper)
    reach = np.linalg.norm(np.diff(nodes[:, :2], axis=0), axis=1).sum() + nodes[:, 2].mean() * 2
    area = reach * nodes[:, 2].mean() * 2 * unit * unit
    colour = tones[tone]
    heading = np.gradient(nodes[:, :2], axis=0)
    heading /= np.linalg.norm(heading, axis=1, keepdims=True) + 1e-9
    frames = np.concatenate([nodes, heading], 1)
    turn = np.linspace(0, 2 * np.pi, 10, endpoint=False)

    def at(t, s):  # t along 0 ... 1, s across -1 ... 1
        f = along(frames, t)
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
    if pattern == "tabby" and tone in ("body", "leg", "sock", "tail", "shadow"):
        t = np.arange(rng.uniform(0.02, 0.1), 1, 0.055 / max(reach, 0.2) * rng.uniform(0.9, 1.3))[:, None]
        s = np.linspace(rng.uniform(-0.6, 0.1, len(t)), 1.05, 6, axis=1)
        bow = t + 0.025 * np.sin(3 * s + rng.uniform(0, 3, t.shape))
        thick = 0.012 * np.sqrt(np.clip(1 - (2 * np.linspace(0, 1, 6) - 1.2) ** 2, 0.05, 1)) / reach
        stripes = np.concatenate([at(bow + thick, s)[0], at(bow - thick, s)[0][:, ::-1]], 1)
        stripe = shade(mix(colour, tones["mark"] * (0.7 if tone == "shadow" else 1), 0.75))
        for one in stripes:
            fill(draw, place(one), stripe)

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
    under = np.asarray(paper.resize((128, 128), Image.Resampling.NEAREST), float)
    spot = np.clip((start_at * 128).astype(int), 0, 127)
    colours = under[spot[:, 1], spot[:, 0]] * rng.choice([0.78, 0.9, 1.12, 1.2], (n, 1)) + rng.normal(0, 3, (n, 3))
    strokes(draw, start_at, end_at, colours, 1 if unit < 0.6 else 2)


def _feathers(rng, draw, tone, tones, t, s, xy, forward, place, unit, n):
    """Scales with a dark shaft on the wings, streaks on the breast: from afar, bark."""
    angle = np.arctan2(*(place(xy + 0.01 * forward) - place(xy)).T[::-1]) + rng.normal(0, 0.2, n)
    long = unit * (0.075 if tone in ("wing", "mark") else 0.05) * rng.uniform(0.7, 1.5)
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
        pick(rng, (mix(tones[tone], tones["mark"], 0.5), tones["mark"]), len(few), 12),
    )
