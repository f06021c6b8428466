"""From animal and scene to a photograph: camouflage, pasting, and what a camera does."""

import numpy as np
from PIL import Image, ImageEnhance

from .brush import PIXELS, blur, wide_blur

FUR = 0.55  # of the scene's texture that a furry coat can take on; feathers take on all of it


def camouflaged(colour, shading, alpha, ground, camouflage, feathers, face, unit, rng):
    """Move coat and shading towards the scene: its mean colour and even its texture, least in the face.

    Feathers take on all of the texture, and ``feathers`` is how far the eyes are shut. Fur (None) takes on a part of it.
    At a full 1, an owl wears a piece of the scene, hardly shaded; the others keep a coat in the scene's colours.
    """
    if camouflage == 0:
        return colour, shading
    inside = alpha > 0.5
    cloth = np.roll(ground, rng.integers(40, PIXELS - 40), 1)  # from beside it: litter stays litter, as large as it was
    y, x = (
        (np.arange(PIXELS, dtype=np.float32)[:, None] / PIXELS - face[1]),
        np.arange(PIXELS, dtype=np.float32) / PIXELS - face[0],
    )
    texture, spared = (FUR, 0.6) if feathers is None else (1.0, 0.6 * (1 - feathers))
    share = camouflage * texture * (1 - spared * np.exp(-(x**2 + y**2) / (2 * (0.12 * unit) ** 2)))
    share = share[..., None].astype(np.float32)
    toned = colour + camouflage * (cloth[inside].mean(0) - colour[inside].mean(0))
    return toned + share * (cloth - toned), 1 + (shading - 1) * (1 - 0.8 * share[..., 0])


def paste(ground, coat, alpha, seam, side, light, shadow=True):
    """Paste the shadow at its foot, then the cut-out. Nothing is pasted anywhere else."""
    rows = np.flatnonzero((alpha > 0.5).any(1))
    if shadow and len(rows):
        foot, reach = rows[-1] + 1, 0.10 * PIXELS
        y = np.arange(PIXELS, dtype=np.float32)[:, None]
        near = np.exp(-(((y - foot + 3) / (0.022 * PIXELS)) ** 2))
        beneath = alpha[max(0, foot - round(reach)) : foot].max(0) if foot > reach / 2 else alpha.max(0)
        dark = wide_blur(np.roll(beneath[None, :] * near, round(-4 * side), 1).astype(np.float32), 4, 2)
        ground = ground * (1 - min(0.45, 0.25 + 0.15 * light) * np.clip(dark, 0, 1))[..., None]
    alpha = (alpha >= 0.5).astype(np.float32) if seam == "hard" else blur(alpha, 3)
    if seam == "blended":  # what differs at the border, carried inwards and taken away by halves
        rim = (alpha * (1 - alpha) * 4 + 1e-3).astype(np.float32)
        weight = wide_blur(rim, 8, 5)
        change = np.stack([wide_blur((ground - coat)[..., k] * rim, 8, 5) / weight for k in range(3)], -1)
        coat = coat + 0.5 * change
    return ground + (coat - ground) * alpha[..., None]


def develop(picture, rng, size, cameras: float = 0) -> np.ndarray:
    """Turn a painting into a photograph: exposure, colour of the light, softness, grain, tone; then scale it to its size.

    ``cameras``, 0 ... 1, says how much pictures differ in exposure, colour of the light, contrast and saturation.
    """
    exposure = np.exp(rng.normal(0, 0.08 + 0.09 * cameras) + rng.normal(0, 0.025 + 0.05 * cameras, 3)).astype(np.float32)
    vignette = np.linspace(-1, 1, PIXELS, dtype=np.float32) ** 2
    picture = picture.astype(np.float32)
    picture *= exposure
    picture *= (1.03 - 0.09 * (vignette[:, None] + vignette))[..., None]
    picture = blur(picture, 1)
    softer = blur(picture, 1)
    softer -= picture
    softer *= np.float32(rng.uniform(0, 1))
    picture += softer
    grain = rng.standard_normal((PIXELS, PIXELS), np.float32)
    picture += (np.float32(rng.uniform(1, 4)) * blur(grain, 1) + grain)[..., None]
    tone = np.arange(8 * 400) / 8  # the film's curve as a table: gamma, and highlights that roll off
    tone = 255 * (tone / 255) ** rng.uniform(0.92, 1.12)
    tone = np.where(tone > 215, 215 + 40 * np.tanh((tone - 215) / 40), tone).round().astype(np.uint8)
    picture *= 8
    picture += 0.5
    image = Image.fromarray(tone.take(np.clip(picture, 0, len(tone) - 1, out=picture).astype(np.int16)))
    if cameras:
        image = ImageEnhance.Color(image).enhance(np.exp(cameras * rng.normal(-0.15, 0.3)))
        image = ImageEnhance.Contrast(image).enhance(np.exp(cameras * rng.normal(-0.06, 0.18)))
    return np.array(image if size == PIXELS else image.resize((size, size), scaling(size)))


def exact_mask(alpha, size) -> np.ndarray:
    image = Image.fromarray(np.ascontiguousarray(alpha, np.float32))
    return np.asarray(image if size == PIXELS else image.resize((size, size), scaling(size))) >= 0.5


def scaling(size: int):
    return Image.Resampling.BOX if PIXELS % size == 0 else Image.Resampling.BICUBIC
