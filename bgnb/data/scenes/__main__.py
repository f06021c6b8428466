"""``python -m bgnb.data.scenes FOLDER`` writes the contact sheet and the picture of the dials (default: ``figures``)."""

import sys
from pathlib import Path

from PIL import Image

from bgnb.data.scenes.sheets import draw_contact_sheet, draw_dials

if __name__ == "__main__":
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "figures")
    folder.mkdir(parents=True, exist_ok=True)
    for name, picture in (("scenes", draw_contact_sheet()), ("scenes_dials", draw_dials())):
        picture.convert("P", palette=Image.Palette.ADAPTIVE, colors=256).save(folder / f"{name}.png", optimize=True)
        print(folder / f"{name}.png")
