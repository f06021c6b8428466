"""The base of pictures that move: one file without imports, a widget with a still picture, and rules for every kind."""

import base64
import io
import json

import numpy as np
import pytest
from PIL import Image

from bgnb import moving, plots
from bgnb.files import InputError
from bgnb.moving.base import FOLDER, MIME, NO_KINDS, sheet

MODULES = {file.name[:-3]: file.read_text() for file in FOLDER.iterdir() if file.name.endswith(".js")}
KINDS = sorted(set(MODULES) - NO_KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_a_module_stands_alone(kind):
    text = moving.source(kind)
    assert text.rstrip().endswith("export default { render };") and "</script" not in text.lower()
    words = text.replace("http://www.w3.org/2000/svg", "")  # the name of a language, not an address that is asked
    assert not any(word in words for word in ("import ", "import(", "require(", "fetch(", "http://", "https://", "eval("))


@pytest.mark.parametrize("name", sorted(set(MODULES) - {"common"}))
def test_a_module_is_short(name):
    own, shared = (MODULES[one].splitlines() for one in (name, "common"))
    assert len(own) <= 160 and max(map(len, own + shared)) <= 128


def test_there_is_one_function_for_each_kind():
    faces = {name.removeprefix("move_") for name in moving.__all__ if name.startswith("move_")}
    assert faces == set(KINDS)


def test_an_unknown_kind_is_named():
    with pytest.raises(InputError, match="nothing"):
        moving.source("nothing")
    for name in NO_KINDS:
        with pytest.raises(InputError, match=name):
            moving.source(name)


def test_a_front_end_gets_the_widget_a_still_picture_and_for_pages_the_numbers(photos, monkeypatch):
    maps = photos.masks.float()
    picture = moving.move_map(photos.targets, maps, photos.masks)
    monkeypatch.delenv("BGNB_PAGES", raising=False)
    bundle, _ = picture._repr_mimebundle_()
    assert bundle["application/vnd.jupyter.widget-view+json"]["model_id"] == picture.model_id and MIME not in bundle
    assert Image.open(io.BytesIO(base64.b64decode(bundle["image/png"]))).width > 500
    assert bundle["text/plain"] == "Moving(map: photo 0, threshold 0.5, opacity 0.5, outline True)"
    monkeypatch.setenv("BGNB_PAGES", "1")
    assert json.loads(json.dumps(picture._repr_mimebundle_()[0][MIME])) == picture.payload()


def test_a_sheet_gives_every_photo_back(photos):
    content, about = sheet(photos.targets, None)
    whole = np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))
    for i, pixels in enumerate(photos.targets.permute(0, 2, 3, 1).numpy()):
        top, left = i // about["across"] * about["height"], i % about["across"] * about["width"]
        assert (whole[top : top + about["height"], left : left + about["width"]] == pixels).all()


def test_numbers_are_written_as_python_writes_them(page, functions):
    functions("map", "fixed", "percent")
    values = [i / 1000 for i in range(-3000, 3001)] + [i / 16 for i in range(64)]
    code = "(values) => values.map((value) => [window.module.fixed(value), window.module.percent(Math.abs(value))])"
    for value, (two, share) in zip(values, page.evaluate(code, values), strict=True):
        assert two.replace("−", "-") == f"{value:.2f}".replace("-0.00", two.replace("−", "-"))
        assert share == f"{abs(value):.0%}".replace("%", " %")


def test_letters_are_larger_in_a_talk(shown):
    sizes = {}
    for on in (False, True):
        plots.talk(on)
        try:
            page = shown(moving.move_bells())
        finally:
            plots.talk(False)
        sizes[on] = page.locator(".bgnb span").first.evaluate("e => parseFloat(getComputedStyle(e).fontSize)")
    assert sizes[True] > 1.25 * sizes[False]
