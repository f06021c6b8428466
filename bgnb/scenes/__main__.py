"""``python -m bgnb.scenes FOLDER`` writes the contact sheet and the picture of the dials (default: ``figures``)."""

import sys
from pathlib import Path

from bgnb.scenes.sheets import draw_contact_sheet, draw_dials

if __name__ == "__main__":
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "figures")
    folder.mkdir(parents=True, exist_ok=True)
    for name, picture in (("scenes", draw_contact_sheet()), ("scenes_dials", draw_dials())):
        picture.save(folder / f"{name}.jpg", quality=88, subsampling=0, optimize=True)  # as PNG they would have megabytes
        print(folder / f"{name}.jpg")
