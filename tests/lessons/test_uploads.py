"""Own photos in a notebook: written, cut out, zipped, uploaded."""

import io
import zipfile
from datetime import UTC, datetime

import numpy as np
import pytest
from PIL import Image

from bgnb.files import InputError
from bgnb.lessons import uploads
from bgnb.lessons.controls import ERROR
from bgnb.settings import Run

LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
QUICK = Run(size=48, patch=16, stride=8, epochs=1)


def test_drawn_pictures_become_photos_without_masks(tmp_path):
    with_target, without = uploads.folders("scenes", "cat", "forest", 3, 0, tmp_path)
    assert len(list(with_target.iterdir())) == len(list(without.iterdir())) == 3
    assert uploads.folders("mine", "", "forest", 3, 0, tmp_path)[0].as_posix() == "mine/targets"


def test_the_zip_is_opaque_where_the_mask_is():
    rng = np.random.default_rng(0)
    photos, masks = (
        [rng.integers(0, 256, (5, 7, 3), dtype=np.uint8) for _ in range(2)],
        [rng.random((5, 7)) > 0.5 for _ in range(2)],
    )
    archive = zipfile.ZipFile(io.BytesIO(uploads.zipped(photos, masks)))
    for name, photo, mask in zip(archive.namelist(), photos, masks, strict=True):
        cut = np.asarray(Image.open(archive.open(name)))
        assert (cut[..., :3] == photo).all() and ((cut[..., 3] == 255) == mask).all()


def uploaded(folder):
    """The files of a folder as a FileUpload holds them."""
    return [
        {"name": f.name, "type": "image/png", "size": f.stat().st_size, "content": f.read_bytes(), "last_modified": LONG_AGO}
        for f in sorted(folder.iterdir())
    ]


def test_uploaded_photos_are_cut_out_and_can_be_taken_away(photos):
    widget = uploads.Upload(QUICK)
    widget.targets.set_trait("value", tuple(uploaded(photos / "targets/cat")))
    widget.backgrounds.set_trait("value", tuple(uploaded(photos / "backgrounds/forest")))
    widget.begin.click()
    assert ERROR not in widget.message.value and bytes(widget.picture.value).startswith(b"\x89PNG")
    assert 0 < widget.figure.numbers["share"] < 1
    (link,) = widget.link.children
    assert 'download="cutouts.zip"' in link.value and "base64," in link.value


def test_nothing_chosen_or_no_picture_is_a_sentence(photos):
    widget = uploads.Upload(QUICK)
    widget.begin.click()
    assert ERROR in widget.message.value and "choose some first" in widget.message.value and not widget.begin.disabled
    broken = [{"name": "x.png", "type": "image/png", "size": 3, "content": b"no!", "last_modified": LONG_AGO}]
    widget.targets.set_trait("value", tuple(broken))
    widget.backgrounds.set_trait("value", tuple(uploaded(photos / "backgrounds/forest")))
    widget.begin.click()
    assert ERROR in widget.message.value and "x.png" in widget.message.value and "Traceback" not in widget.message.value


def test_no_files_are_refused(tmp_path):
    with pytest.raises(InputError, match="with the target"):
        uploads.unpack((), tmp_path / "with")
