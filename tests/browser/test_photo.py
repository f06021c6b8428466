"""A page that maps your own photo, from disk: chosen or dropped, mapped as Python maps it, saved; nothing is asked for."""

import base64
import os

import numpy as np
import pytest
import torch
from PIL import Image

import bgnb
from bgnb import moving
from bgnb.lessons import pages
from bgnb.moving.photo import carried, scaled
from tests.moving.test_photo import network, noise

RUN = bgnb.Run(size=48, patch=24, stride=4, device="cpu", precision="fp32")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A page with a network, a photo with EXIF that turns it, one with transparent places, and a file that is no photo."""
    place = tmp_path_factory.mktemp("photo")
    os.environ["BGNB_PAGES"] = "1"
    try:
        bundle, _ = moving.move_photo(network(), noise(120, 160, 5), RUN, "It has only seen noise.")._repr_mimebundle_()
    finally:
        del os.environ["BGNB_PAGES"]
    cells = [
        {"cell_type": "markdown", "metadata": {}, "source": "# 07 Photo\n**Where?**"},
        {
            "cell_type": "code",
            "metadata": {},
            "source": "picture",
            "outputs": [{"output_type": "display_data", "metadata": {}, "data": bundle}],
        },
    ]
    (place / "07_photo.html").write_text(pages.lesson_page({"cells": cells, "metadata": {}}, "07_photo.ipynb"))
    photo = Image.fromarray(noise(200, 320, 6))
    photo.save(place / "photo.png")
    turned = photo.getexif()
    turned[0x0112] = 6
    photo.save(place / "turned.jpg", exif=turned)
    photo.putalpha(Image.fromarray(np.tile(np.repeat([0, 255], 160).astype(np.uint8), (200, 1))))
    photo.save(place / "clear.png")
    Image.new("RGB", (900, 60)).save(place / "strip.png")
    (place / "words.png").write_text("not a picture")
    return place


@pytest.fixture
def opened(folder, page):
    """The page, open; it has asked for nothing and complained of nothing when the test ends."""
    errors = []
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(f"file://{folder}/07_photo.html")
    page.get_by_text("A photo to begin with").wait_for()
    yield page
    assert errors == [] and page.asked == []


def choose(page, file) -> str:
    """Choose a photo; what is said of it."""
    page.get_by_label("Choose a photo").set_input_files(file)
    page.get_by_text("Your photo").wait_for()
    return page.locator(".said").inner_text()


def saved(page) -> np.ndarray:
    """The cut-out that the page saves, ``(H, W, 4)``."""
    with page.expect_download() as download:
        page.get_by_role("button", name="Save the cut-out").click()
    assert download.value.suggested_filename == "cutout.png"
    return np.asarray(Image.open(download.value.path()))


def expected(photo: Image.Image) -> torch.Tensor:
    """Python's targetness of every pixel of a photo: from the middle of a window's step to the next, it goes straight."""
    map = bgnb.localise(carried(network()), scaled(photo, 48, 24, 4)[None], RUN)[:, None, ::4, ::4]
    return torch.nn.functional.interpolate(map, photo.size[::-1], mode="bilinear", align_corners=False)[0, 0]


def test_a_chosen_photo_is_mapped_and_cut_out_as_python_does(opened, folder):
    words = choose(opened, folder / "photo.png")
    assert "WebAssembly" in words and "on 76 × 48 pixels" in words  # the policy lets it run
    slider = opened.get_by_role("slider", name="map threshold")
    for key, threshold in (("Shift", 0.5), ("ArrowRight", 0.51)):
        slider.focus()
        opened.keyboard.press(key)
        pixels, map = saved(opened), expected(Image.open(folder / "photo.png"))
        kept = pixels[..., 3] == 255
        assert pixels.shape == (200, 320, 4) and (pixels[kept, :3] == noise(200, 320, 6)[kept]).all()
        clear = (map - threshold).abs().numpy() > 1e-4  # where rounding does not decide
        wrong = kept != (map >= threshold).numpy()
        assert not wrong[clear].any() and clear.mean() > 0.99, (threshold, wrong.sum(), (map - threshold)[wrong])
        share = int(opened.locator(".said").inner_text().partition(" %")[0].rpartition(" ")[2])
        assert abs(share - 100 * (map >= threshold).float().mean()) < 2


def test_a_photo_can_be_dropped_and_lies_the_right_way_up(opened, folder):
    content = base64.b64encode((folder / "turned.jpg").read_bytes()).decode()
    code = """(b64) => {
      const given = new DataTransfer(), bytes = Uint8Array.from(atob(b64), (c) => c.charCodeAt(0));
      given.items.add(new File([bytes], "turned.jpg", { type: "image/jpeg" }));
      return given;
    }"""
    given = opened.evaluate_handle(code, content)
    opened.locator(".drop").dispatch_event("dragover", {"dataTransfer": given})
    opened.locator(".drop").dispatch_event("drop", {"dataTransfer": given})
    opened.get_by_text("Your photo").wait_for()
    assert "on 48 × 76 pixels" in opened.locator(".said").inner_text() and saved(opened).shape == (320, 200, 4)
    box = opened.locator("canvas").first.bounding_box()
    assert box["height"] > 1.4 * box["width"]


def test_transparent_places_are_white_and_what_is_no_photo_is_named(opened, folder):
    choose(opened, folder / "clear.png")
    pixels = saved(opened)
    assert (pixels[:, :160][pixels[:, :160, 3] == 255][:, :3] == 255).all()
    for name, words in (("words.png", "words.png: not a picture"), ("strip.png", "too long a strip")):
        opened.get_by_label("Choose a photo").set_input_files(folder / name)
        opened.get_by_text(words).wait_for()
    choose(opened, folder / "photo.png")  # and goes on


def test_a_page_without_webassembly_maps_the_same(opened, folder):
    fast = choose(opened, folder / "photo.png")
    opened.add_init_script("delete window.WebAssembly")
    opened.reload()
    opened.get_by_text("A photo to begin with").wait_for()
    slow = choose(opened, folder / "photo.png")
    assert "plain JavaScript" in slow and slow.partition(". ")[0] == fast.partition(". ")[0]


def test_the_keyboard_reaches_the_photo_and_a_phone_shows_all(opened, folder):
    opened.set_viewport_size({"width": 390, "height": 800})
    reached = []
    for _ in range(40):
        opened.keyboard.press("Tab")
        reached.append(opened.evaluate("document.activeElement.type ?? ''"))
    assert [kind for kind in reached if kind in ("file", "range", "checkbox")][:4] == ["file", "range", "range", "checkbox"]
    choosers = []
    opened.on("filechooser", lambda chooser: choosers.append(chooser))
    for _ in range(20):  # a busy Chromium forgets the key before it opens the dialog
        opened.get_by_label("Choose a photo").focus()
        opened.keyboard.press("Enter")
        opened.wait_for_timeout(1000)
        if choosers:
            break
    choosers[0].set_files(folder / "photo.png")
    opened.get_by_text("Your photo").wait_for()
    assert opened.evaluate("document.documentElement.scrollWidth") == 390
    assert (
        opened.get_by_text("It has only seen noise.").is_visible() and opened.get_by_text("It stays on this machine").is_visible()
    )
    if place := os.environ.get("BGNB_SCREENSHOTS"):
        opened.screenshot(path=f"{place}/photo_390.png", full_page=True)
