"""The page of a person's photos cuts the pixels that Python cuts, shows the very photos, and needs nothing from outside."""

import base64
import io
import json
import re

import numpy as np
import pytest
import torch
from PIL import Image

from bgnb.moving.page import MARK
from bgnb.photos.gallery import FIRST, Found, gallery
from bgnb.photos.reasons import Reason


@pytest.fixture
def page(tmp_path):
    """The page of two photos of different shapes, and their maps: one in squares of 4 pixels, one without any."""
    generator = torch.Generator().manual_seed(0)
    maps = [
        torch.rand(6, 8, generator=generator).repeat_interleave(4, 0).repeat_interleave(4, 1),
        torch.rand(20, 31, generator=generator),
    ]
    files = [tmp_path / "a.png", tmp_path / "sub & b.jpg"]
    for file, colour in zip(files, ((200, 30, 30), (30, 30, 200)), strict=True):
        Image.new("RGB", (120, 90), colour).save(file)
    report = {
        "threshold": 0.37,
        "threshold_from": "given",
        "photos": {"a": 0.4, "sub & b": 0.9},
        "whole": {"a": 0.25, "sub & b": 0.5},
        "warning": "nothing <but> words",
    }
    return gallery(files, ["a", "sub & b"], [Found(m, m >= 0.37) for m in maps], report), maps


def states(page: str) -> list[dict]:
    return [json.loads(found) for found in re.findall(r'<script type="application/json">(.*?)</script>', page)]


def test_the_page_cuts_the_pixels_that_python_cuts(page):
    for state, values in zip(states(page[0]), page[1], strict=True):
        about, (height, width) = state["given"], values.shape
        scale = about["width"] // width
        assert (about["height"], about["width"], about["n"]) == (height * scale, width * scale, 1)
        assert about["cell"] % scale == 0
        cell = about["cell"] // scale
        coded = np.frombuffer(base64.b64decode(state["data"]["levels"]["b64"]), np.uint8).reshape(height // cell, width // cell)
        coded = coded.repeat(cell, 0).repeat(cell, 1)
        for k in range(101):
            assert ((coded >= k) == (values >= k / 100).numpy()).all()
        assert state["state"]["threshold"] == 0.37
    assert len(states(page[0])[0]["data"]["levels"]["b64"]) < 100  # one byte for a square


def test_the_page_holds_the_photos_their_names_and_links_to_the_files(page):
    for state, colour in zip(states(page[0]), ((200, 30, 30), (30, 30, 200)), strict=True):
        shown = Image.open(io.BytesIO(base64.b64decode(state["data"]["photos"]["b64"]))).convert("RGB")
        assert shown.size == (state["given"]["width"], state["given"]["height"])
        assert np.abs(np.asarray(shown).reshape(-1, 3).mean(0) - colour).max() < 6
    assert (
        '<h2 id="photo2">sub &amp; b</h2>' in page[0]
        and 'href="sub%20%26%20b_cutout.png"' in page[0]
        and "nothing &lt;but&gt; words" in page[0]
    )
    assert MARK in page[0] and "default-src 'none'" in page[0] and not re.search(r'(src|href)="https?:', page[0])


def test_the_page_shows_what_a_region_was_compared_with_and_names_the_most_scattered_first(tmp_path):
    names = [f"{i:02d}" for i in range(2 * FIRST)]
    Image.new("RGB", (20, 20)).save(tmp_path / "x.png")
    grey = torch.full((3, 8, 8), 120, dtype=torch.uint8)
    reason = Reason(grey, grey.repeat(2, 1, 1, 1), torch.tensor([0.914, 0.5]))
    found = [Found(torch.rand(8, 8), torch.ones(8, 8) > 0, reasons=[reason] * (name == "03")) for name in names]
    report = {"threshold": 0.5, "threshold_from": "given", "photos": dict.fromkeys(names, 1.0)}
    report["whole"] = {name: (int(name) * 7 % 10) / 10 for name in names}
    page = gallery([tmp_path / "x.png"] * len(names), names, found, report)
    least = sorted(names, key=lambda name: report["whole"][name])[:FIRST]
    assert re.findall(r'<a href="#photo(\d+)">(\d\d)</a>', page) == [(str(int(name) + 1), name) for name in least]
    (shown,) = re.findall(r"<summary>Why.*?</details>", page, re.S)
    assert "Likeness 0.91, 0.50" in shown and 'width="78" height="24"' in shown  # three patches of 8 pixels, three times as large


def test_many_photos_are_shown_smaller(page, monkeypatch):
    import bgnb.photos.gallery as module

    assert states(page[0])[0]["given"]["width"] == 3 * 32
    monkeypatch.setattr(module, "PIXELS", 10)
    maps = [torch.rand(8, 8)]
    file = io.BytesIO()
    Image.new("RGB", (9, 9)).save(file, "png")
    monkeypatch.setattr(module, "read_photo", lambda path: Image.open(file).convert("RGB"))
    report = {"threshold": 0.5, "threshold_from": "given", "photos": {"x": 1.0}, "whole": {"x": 0.5}}
    (state,) = states(gallery(["x"], ["x"], [Found(m, m >= 0.5) for m in maps], report))
    assert state["given"]["width"] == 8
