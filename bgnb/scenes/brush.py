"""What both the places and the animals are painted with: smooth curves, tapered tubes, dabs and soft noise.

A picture is painted on a canvas of ``CANVAS`` pixels a side, with coordinates from 0 to 1, and halved to ``PIXELS``:
that is the anti-aliasing. All other sizes are this one picture scaled, so that a scene looks the same at every size.
"""

import numpy as np
from PIL import Image, ImageDraw

PIXELS = 256
CANVAS = 2 * PIXELS
TURN = np.linspace(0, np.pi, 8)[1:-1, None]
ROUND = np.cos(TURN), np.sin(TURN)  # the round ends of a tube
LEAF = np.array([[-0.5, -0.2, 0.2, 0.5, 0.2, -0.2], [0, -0.45, -0.4, 0, 0.4, 0.45]])  # a dab, along and across
TIPS = np.array([1, 0, 0, 1, 0, 0])
STRIPS = -1 + 2 * np.arange(7) / 7  # the dark edge of each strip of a trunk, in radii from its middle


def noise(rng: np.random.Generator, rows: float, columns: float | None = None, octaves: int = 1) -> np.ndarray:
    """Smooth noise (PIXELS, PIXELS), about standard normal: so many bumps down and across, then twice as many."""
    columns = rows if columns is None else columns
    total = np.zeros((PIXELS, PIXELS), np.float32)
    for octave in range(octaves):
        grid = rng.standard_normal((round(rows) * 2**octave + 3, round(columns) * 2**octave + 3)).astype(np.float32)
        total += enlarge(grid) * (1.5 * 0.55**octave)
    return total


def enlarge(grid: np.ndarray) -> np.ndarray:
    """A small float grid as a smooth (PIXELS, PIXELS) one, without its outermost cells, which lack neighbours."""
    height, width = grid.shape
    image = Image.fromarray(np.ascontiguousarray(grid, dtype=np.float32))
    return np.asarray(image.resize((PIXELS, PIXELS), Image.Resampling.BICUBIC, box=(1, 1, width - 1, height - 1)))


def blur(field: np.ndarray, passes: int = 1) -> np.ndarray:
    """(H, W) or (H, W, 3) smoothed by 1 2 1 down and across, ``passes`` times: a Gaussian of variance passes / 2."""
    field = field.copy()
    quarter = np.empty_like(field)
    for _ in range(passes):
        for whole, part in ((field, quarter), (field.swapaxes(0, 1), quarter.swapaxes(0, 1))):
            np.multiply(field, np.float32(0.5), out=field)
            np.multiply(field, np.float32(0.5), out=quarter)
            whole[1:] += part[:-1]
            whole[:-1] += part[1:]
            whole[0] += part[0]
            whole[-1] += part[-1]
    return field


def wide_blur(field: np.ndarray, factor: int = 8, passes: int = 3) -> np.ndarray:
    """Like ``blur``, but over about ``factor`` pixels: reduce, smooth, enlarge again; (PIXELS, PIXELS) only."""
    small = field.reshape(PIXELS // factor, factor, PIXELS // factor, factor).mean((1, 3))
    return enlarge(np.pad(blur(small, passes), 1, mode="edge"))


def smooth(points, steps: int = 6, closed: bool = False) -> np.ndarray:
    """A Catmull-Rom curve (m, d) through ``points`` (n, d), ``steps`` samples from each to the next."""
    p = np.asarray(points, np.float64)
    p = np.concatenate([p[-1:], p, p[:2]]) if closed else np.concatenate([2 * p[:1] - p[1:2], p, 2 * p[-1:] - p[-2:-1]])
    t = (np.arange(steps) / steps)[:, None]
    a, b, c, d = p[:-3, None], p[1:-2, None], p[2:-1, None], p[3:, None]
    curve = b + 0.5 * t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)))
    curve = curve.reshape(-1, p.shape[1])
    return curve if closed else np.concatenate([curve, p[-2:-1]])


def along(nodes: np.ndarray, t: np.ndarray) -> np.ndarray:
    """The ``nodes`` (n, d) of a curve at ``t`` (...) of 0 ... 1 along it: (..., d)."""
    t = np.clip(t, 0, 1) * (len(nodes) - 1)
    i = np.minimum(t.astype(int), len(nodes) - 2)
    return nodes[i] + (t - i)[..., None] * (nodes[i + 1] - nodes[i])


def tube_outline(nodes: np.ndarray, width=1.0) -> np.ndarray:
    """The closed outline (m, 2) of a tube along ``nodes`` (n, 3) of x, y, radius, ends round; ``width`` thins it.

    Several widths (w,) give as many outlines (w, m, 2).
    """
    along = np.gradient(nodes[:, :2], axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True) + 1e-9
    across = along[:, ::-1] * (-1, 1)
    cos, sin = ROUND
    tail, head = cos * across[-1] + sin * along[-1], -cos * across[0] - sin * along[0]
    outwards = np.concatenate([across, tail, -across[::-1], head])
    spine = np.concatenate([nodes, np.repeat(nodes[-1:], len(cos), 0), nodes[::-1], np.repeat(nodes[:1], len(cos), 0)])
    return spine[:, :2] + spine[:, 2:] * np.asarray(width)[..., None, None] * outwards


def strips(nodes: np.ndarray) -> np.ndarray:
    """A trunk along ``nodes`` (n, 3) of x, y, radius, split lengthwise into strips that overlap: (7, 2n, 2), at ``STRIPS``."""
    edges = STRIPS[:, None, None] + (0, 0.3)
    x = (nodes[:, :1] + nodes[:, 2:] * edges).transpose(0, 2, 1)
    x[:, 1] = x[:, 1, ::-1]
    y = np.broadcast_to(np.concatenate([nodes[:, 1], nodes[::-1, 1]]), (len(STRIPS), 2 * len(nodes)))
    return np.stack([x.reshape(len(STRIPS), -1), y], -1)


def fill(draw: ImageDraw.ImageDraw, outline: np.ndarray, colour) -> None:
    """A filled polygon, its ``outline`` (n, 2) in 0 ... 1."""
    draw.polygon((np.asarray(outline) * CANVAS).ravel().tolist(), fill=colour)


def disc(draw: ImageDraw.ImageDraw, x: float, y: float, rx: float, ry: float, colour) -> None:
    """A filled ellipse about (x, y) in 0 ... 1."""
    draw.ellipse([(x - rx) * CANVAS, (y - ry) * CANVAS, (x + rx) * CANVAS, (y + ry) * CANVAS], fill=colour)


def dabs(draw, centres, length, width, angle, colours, bend: float = 0.0) -> None:
    """Many leaf-shaped dabs: ``centres`` (n, 2), ``colours`` (n, 3), the others (n,) or one number."""
    length, width, angle = (np.asarray(v, float).reshape(-1, 1) for v in (length, width, angle))
    u, v = LEAF[0] * length, LEAF[1] * width
    if bend:
        v = v + bend * length * TIPS
    cos, sin = np.cos(angle), np.sin(angle)
    xy = np.empty((len(centres), len(TIPS), 2))
    xy[..., 0] = centres[:, :1] + u * cos - v * sin
    xy[..., 1] = centres[:, 1:] + u * sin + v * cos
    xy *= CANVAS
    core = draw.draw  # what draw.polygon ends in: some thousand dabs a picture need not be checked one by one
    for points, ink in zip(xy.reshape(len(xy), -1).tolist(), inks(colours), strict=True):
        core.draw_polygon(points, ink, 1)


def strokes(draw, start, end, colours, width: float = 1) -> None:
    """Many straight strokes from ``start`` (n, 2) to ``end`` (n, 2), ``width`` in pixels of the canvas."""
    ends = np.concatenate([start, end], 1) * CANVAS
    core = draw.draw
    for points, ink in zip(ends.tolist(), inks(colours), strict=True):
        core.draw_lines(points, ink, width)


def inks(colours: np.ndarray) -> list[int]:
    """Colours (n, 3), of 0 ... 255, as ``draw_ink`` would give them: the four bytes of a pixel in one number."""
    pixels = np.full((len(colours), 4), 255, np.uint8)
    pixels[:, :3] = np.clip(np.rint(colours), 0, 255)
    return pixels.view(np.int32)[:, 0].tolist()


def shade(colour, factor: float = 1.0, shift=(0, 0, 0)) -> tuple[int, int, int]:
    """One colour, brighter or darker, as Pillow wants it."""
    channels = np.asarray(colour).tolist()  # Python counts faster than NumPy where there are three numbers
    return tuple(min(255, max(0, round(c * factor + s))) for c, s in zip(channels, shift, strict=True))


def pick(rng: np.random.Generator, palette, n: int, spread: float = 14.0) -> np.ndarray:
    """``n`` colours (n, 3) drawn from ``palette``, each a little lighter or darker and a little off in hue."""
    colours = np.asarray(palette, float)[rng.integers(0, len(palette), n)]
    return colours + rng.normal(0, spread, (n, 1)) + rng.normal(0, spread / 3, (n, 3))


def mix(a, b, t) -> np.ndarray:
    """From ``a`` (t = 0) to ``b`` (t = 1)."""
    return np.asarray(a, float) * (1 - t) + np.asarray(b, float) * t
