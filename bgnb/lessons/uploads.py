"""Your own photos in a notebook: a folder or an upload goes in, cut-outs come out as one ZIP."""

import base64
import html
import io
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory

import ipywidgets
import numpy as np
from PIL import Image

from bgnb.data import load
from bgnb.data.images import photo_files, read_photo
from bgnb.files import InputError
from bgnb.lessons.controls import ERROR, sentence
from bgnb.photos.extraction import extract, output_names
from bgnb.plots import draw_cut_outs, png
from bgnb.settings import Run


def folders(source: str, target: str, scene: str, images: int, seed: int, into: str | Path) -> tuple[Path, Path]:
    """The folder of photos with the target, and the one without.

    Args:
        source: a folder that holds ``targets`` and ``backgrounds``; or "scenes": drawn pictures are written to ``into`` as
            if they were photos, without masks.
        target: a folder in ``targets``; "" = all.
        scene: a folder in ``backgrounds``; "" = all.
        images: number of drawn pictures of each sort.
        seed: decides the drawn pictures.
        into: folder for the drawn pictures.
    """
    if source != "scenes":
        return Path(source) / "targets" / target, Path(source) / "backgrounds" / scene
    drawn = load(source, target or "cat", scene or "forest", 160, images, seed, progress=False)
    for name, pictures in (("targets", drawn.targets), ("backgrounds", drawn.backgrounds)):
        (Path(into) / name).mkdir(parents=True, exist_ok=True)
        for i, picture in enumerate(pictures):
            Image.fromarray(picture.permute(1, 2, 0).numpy()).save(Path(into) / name / f"{i:03d}.png")
    return Path(into) / "targets", Path(into) / "backgrounds"


def results(targets: str | Path, out: str | Path) -> tuple[list[np.ndarray], list[np.ndarray], list[np.ndarray]]:
    """What ``extract`` read and wrote: photos ``(h, w, 3)`` uint8, maps ``(h, w)`` in [0, 1], and masks ``(h, w)`` bool."""
    files = photo_files(Path(targets), recursive=True)
    photos = [np.asarray(read_photo(file)) for file in files]
    maps, masks = (
        [np.asarray(Image.open(Path(out) / f"{name}_{kind}.png")) / 255 for name in output_names(files, Path(targets))]
        for kind in ("map", "mask")
    )
    return photos, maps, [mask > 0.5 for mask in masks]


def zipped(photos: list[np.ndarray], masks: list[np.ndarray]) -> bytes:
    """A ZIP with a cut-out of every photo as a PNG, transparent where its mask is False.

    >>> inside = zipfile.ZipFile(io.BytesIO(zipped([np.zeros((4, 4, 3), np.uint8)], [np.eye(4, dtype=bool)])))
    >>> inside.namelist()
    ['cutout_000.png']
    """
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for i, (photo, mask) in enumerate(zip(photos, masks, strict=True)):
            alpha = np.where(mask, 255, 0).astype(np.uint8)
            picture = io.BytesIO()
            Image.fromarray(np.dstack([photo, alpha])).save(picture, "png")
            archive.writestr(f"cutout_{i:03d}.png", picture.getvalue())
    return file.getvalue()


def download(content: bytes, name: str = "cutouts.zip") -> ipywidgets.HTML:
    """A link that saves ``content``. The data are in the page itself, so the link works in JupyterLab and in Voila."""
    data = base64.b64encode(content).decode()
    words = f"Download {name} ({len(content) / 1e6:.1f} MB)"
    return ipywidgets.HTML(f'<a download="{name}" href="data:application/zip;base64,{data}"><b>{words}</b></a>')


class Upload(ipywidgets.VBox):
    """Two buttons to choose photos and one to begin; then cut-outs and a link to save them.

    Attributes:
        targets: ipywidgets.FileUpload for the photos with the target.
        backgrounds: ipywidgets.FileUpload for the photos without it.
        begin: the button.
        message: what is going on, or what went wrong.
        picture: the cut-outs.
        link: a box for the download.
        figure: the last Figure.
    """

    def __init__(self, run: Run):
        wide = dict(layout=ipywidgets.Layout(width="32em"))
        self.targets = ipywidgets.FileUpload(description="Photos with what you look for", accept="image/*", multiple=True, **wide)
        self.backgrounds = ipywidgets.FileUpload(
            description="Photos of the same place without it", accept="image/*", multiple=True, **wide
        )
        self.begin = ipywidgets.Button(description="Cut out", button_style="primary")
        self.message, self.link = ipywidgets.HTML(), ipywidgets.VBox()
        self.picture = ipywidgets.Image(format="png", layout=ipywidgets.Layout(max_width="100%", display="none"))
        self.run, self.figure = run, None
        self.begin.on_click(self.work)
        super().__init__([self.targets, self.backgrounds, self.begin, self.message, self.picture, self.link])

    def work(self, button=None) -> None:
        """Train on the uploaded photos and show the cut-outs. Any error becomes one sentence."""
        self.begin.disabled = True
        self.message.value = "Working: half a minute or more ..."
        try:
            with TemporaryDirectory() as folder:
                sides = [
                    unpack(self.targets.value, Path(folder) / "with"),
                    unpack(self.backgrounds.value, Path(folder) / "without"),
                ]
                report = extract(*sides, Path(folder) / "out", self.run, progress=False)
                photos, maps, masks = results(sides[0], Path(folder) / "out")
            self.figure = draw_cut_outs(photos, maps, report["threshold"], masks=masks)
            self.picture.value, self.picture.layout.display = png(self.figure), ""
            self.link.children = [download(zipped(photos, masks))]
            said = [report["suitability"]["advice"]] if report["suitability"] else []
            self.message.value = html.escape(" ".join([*said, report.get("warning", "")]).strip())
        except Exception as error:
            self.message.value = f'<b class="{ERROR}" style="color:#B00020">{html.escape(sentence(error))}</b>'
        finally:
            self.begin.disabled = False


def unpack(uploaded, folder: Path) -> Path:
    """Write the files of a FileUpload to a folder. InputError if there are none."""
    if not uploaded:
        raise InputError(f"photos {folder.name} the target: choose some first")
    folder.mkdir()
    for i, file in enumerate(uploaded):
        (folder / f"{i:03d}_{Path(file['name']).name}").write_bytes(bytes(file["content"]))
    return folder
