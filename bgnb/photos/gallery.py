"""``index.html`` of ``bgnb extract``: every photo with its map and cut-out, and a threshold to move."""

import base64
import io
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from bgnb.data.images import read_photo
from bgnb.moving.base import FOUND, levels, sheet, square
from bgnb.moving.page import document, moves, picture
from bgnb.photos.reasons import Reason

PIXELS = 12_000_000  # of all photos in the page together, about; beyond, they are shown smaller, but never below their maps
LARGER = 3  # times as large as they are, patches are shown
FIRST = 5  # photos in most pieces are named at the top, if there are twice as many


@dataclass(frozen=True)
class Found:
    """What was found in a photo.

    Attributes:
        targetness: ``(h, w)``.
        region: ``(h', w')`` bool.
        note: "", "nothing" or "everything".
        reasons: for its largest regions.
    """

    targetness: Tensor
    region: Tensor
    note: str = ""
    reasons: list[Reason] = field(default_factory=list)


def gallery(files: Iterable[Path], names: Iterable[str], found: list[Found], report: dict) -> str:
    """The page of all photos. It holds all that it shows, and asks no server for anything.

    Args:
        files: the photos.
        names: of their results: ``NAME_map.png`` and ``NAME_cutout.png`` lie beside the page.
        found: what was found in each: ``.targetness`` ``(h, w)`` in [0, 1], ``.region`` bool, ``.note``.
        report: what ``extract.json`` holds.
    """
    scale = max(1, min(3, int((PIXELS / sum(one.targetness.numel() for one in found)) ** 0.5)))
    photos = [
        entry(file, name, one, report, scale) | {"id": f"photo{number}"}
        for number, (file, name, one) in enumerate(zip(files, names, found, strict=True), 1)
    ]
    first = sorted(photos, key=lambda photo: report["whole"][photo["name"]])[: FIRST if len(photos) >= 2 * FIRST else 0]
    return document("gallery.html.j2", title="Cut-outs", photos=photos, report=report, first=first)


def entry(file: Path, name: str, found: Found, report: dict, scale: int) -> dict:
    """One photo: its name, its files, and the figure that moves; ``scale``: pixels of the shown photo for one of its map."""
    values = found.targetness.numpy()
    height, width = (scale * length for length in values.shape)
    photo = read_photo(file).resize((width, height), Image.Resampling.LANCZOS)
    pixels, about = sheet([np.asarray(photo)])
    coded = levels(values)[None]
    cell = square(coded)
    state = {
        "state": {"photo": 0, "threshold": report["threshold"], "opacity": 0.5, "outline": True},
        "given": about | {"cell": cell * scale, "found": FOUND},
        "data": {"photos": as_text(pixels), "levels": as_text(coded[:, ::cell, ::cell].tobytes())},
    }
    inside = np.asarray(Image.fromarray(found.region.float().numpy()).resize((width, height), Image.Resampling.BILINEAR))
    photo.putalpha(Image.fromarray(np.where(inside >= 0.5, 255, 0).astype(np.uint8)))
    still = io.BytesIO()
    photo.save(still, "png")
    return {
        "name": name,
        "share": f"{report['photos'][name]:.0%}",
        "files": [
            (quote(f"{name}_{what}.png"), words) for what, words in (("cutout", "cut-out"), ("mask", "mask"), ("map", "map"))
        ],
        "note": found.note,
        "reasons": [because(reason) for reason in found.reasons],
        "cut_out": picture(still.getvalue(), f"Cut-out of {name}"),
        "figure": moves("map", state, picture(still.getvalue(), f"Cut-out of {name}")),
    }


def because(reason: Reason) -> dict:
    """A region's window and the background patches nearest to it in one picture, and how alike they are."""
    tiles = torch.cat([reason.window[None], reason.near]).permute(0, 2, 3, 1).numpy()
    tiles = tiles.repeat(LARGER, 1).repeat(LARGER, 2)
    gap = np.full((tiles.shape[1], LARGER, 3), 255, np.uint8)
    row = np.concatenate([part for tile in tiles for part in (tile, gap)][:-1], 1)
    still = io.BytesIO()
    Image.fromarray(row).save(still, "png")
    return {
        "picture": picture(still.getvalue(), "A window of the region, and the background patches most like it"),
        "likeness": ", ".join(f"{value:.2f}" for value in reason.likeness.tolist()),
    }


def as_text(content: bytes) -> dict[str, str]:
    """Bytes as a page holds them."""
    return {"b64": base64.b64encode(content).decode()}
