"""The scenes at a glance: ``bgnb scenes --out figures`` writes ``scenes.jpg`` and ``scenes_dials.jpg``."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from bgnb.files import atomic_write

from . import PLACES, SEAMS, TARGETS, background_picture, target_picture

INK, PAPER, GAP = (40, 40, 44), (250, 250, 248), 4
# each dial with the values that its row shows, in place of the defaults
DIALS = (
    ("area", ((0.05, 0.05), (0.12, 0.12), (0.2, 0.2), (0.3, 0.3))),
    ("camouflage", (0.0, 0.4, 0.8, 1.0)),
    ("variety", (0.0, 0.3, 0.7, 1.0)),
    ("light", (0.0, 0.7, 1.3, 2.0)),
    ("seam", SEAMS),
)


def draw_contact_sheet(size: int = 160, each: int = 4, seed: int = 0, masks: bool = True, **dials) -> Image.Image:
    """Four animals (rows) in two scenes (left, right), ``each`` pictures of each; their masks beneath, at half the size.

    The last row shows steel: on the left with rust, on the right without.

    >>> draw_contact_sheet(size=32, each=1, masks=False).size
    (76, 184)
    """
    below = size // 2 + 2 if masks else 0
    sheet = Image.new("RGB", (GAP + 2 * each * (size + GAP), GAP + len(TARGETS) * (size + below + GAP)), PAPER)
    for row, target in enumerate(TARGETS):
        for column in range(2 * each):
            number, mask = column % each + row * each, None
            if target != "rust":
                picture, mask = target_picture(target, PLACES[column // each], number, seed, size, **dials)
            elif column < each:
                picture, mask = target_picture(target, "steel", number, seed, size, **dials)
            else:
                picture = background_picture("steel", number, seed, size, **dials)
            x, y = GAP + column * (size + GAP), GAP + row * (size + below + GAP)
            sheet.paste(Image.fromarray(picture), (x, y))
            if masks and mask is not None:
                small = Image.fromarray(mask.astype(np.uint8) * 255).resize((size // 2, size // 2), Image.Resampling.BOX)
                sheet.paste(small, (x + size // 4, y + size + 2))
    return sheet


def draw_dials(target: str = "cat", scene: str = "forest", size: int = 192, index: int = 3, seed: int = 0) -> Image.Image:
    """One picture while one dial moves at a time: a row for each dial, with its values written beneath.

    ``seam`` is shown as an enlarged piece of the animal's edge, ``variety`` as other pictures, because they are what differs.

    >>> draw_dials(size=16).size
    (124, 186)
    """
    line, left = 20, 44
    height, width = size + line, size + GAP
    sheet = Image.new("RGB", (left + 4 * width, GAP + len(DIALS) * height + 2), PAPER)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(14)
    for row, (dial, values) in enumerate(DIALS):
        y = GAP + row * height
        name = Image.new("RGB", (size, left), PAPER)
        ImageDraw.Draw(name).text((size / 2, left / 2), dial, INK, ImageFont.load_default(16), anchor="mm")
        sheet.paste(name.rotate(90, expand=True), (0, y))
        for column, value in enumerate(values):
            number = index + column if dial == "variety" else index
            picture, mask = target_picture(target, scene, number, seed, 256, **{dial: value})
            image = Image.fromarray(picture)
            if dial == "seam":
                image = image.crop(_corner(mask))
            sheet.paste(image.resize((size, size), Image.Resampling.LANCZOS), (left + column * width, y))
            text = f"{value[0]:g}" if dial == "area" else f"{value}"
            draw.text((left + column * width + size / 2, y + size + line / 2 - 1), text, INK, font, anchor="mm")
    return sheet


def _corner(mask) -> tuple[int, int, int, int]:
    """A box of 64 pixels about the top of the animal."""
    top = int(np.flatnonzero(mask.any(1))[0])
    x = int(np.flatnonzero(mask[top]).mean())
    x, y = min(max(x - 32, 0), len(mask) - 64), min(max(top - 20, 0), len(mask) - 64)
    return x, y, x + 64, y + 64


def write_sheets(folder: str | Path) -> list[Path]:
    """Write ``scenes.jpg`` and ``scenes_dials.jpg`` into a folder. As PNG they would take megabytes."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    written = []
    for name, picture in (("scenes", draw_contact_sheet()), ("scenes_dials", draw_dials())):
        written.append(Path(folder) / f"{name}.jpg")
        with atomic_write(written[-1]) as part:
            picture.save(part, quality=88, subsampling=0, optimize=True)
    return written
