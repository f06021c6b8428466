"""Every kind of picture in one notebook, in a real JupyterLab, a real Voila and a page from disk: each control by keyboard."""

import os
import sys
import time

from bgnb.lessons.classroom import environment, voila_command

from .conftest import free_port, serving

START = """import numpy as np, torch, bgnb
from bgnb import moving
g = torch.Generator().manual_seed(0)
pixels = torch.randint(0, 255, (12, 3, 32, 48), generator=g, dtype=torch.uint8)
masks = torch.zeros(6, 32, 48, dtype=torch.bool)
masks[:, 8:24, 12:36] = True
maps = torch.rand(6, 8, 12, generator=g).repeat_interleave(4, 1).repeat_interleave(4, 2)
photos = bgnb.ImageSet(pixels[:6], masks, pixels[6:])
patches = bgnb.sample_patches(photos, 16, 4, 1)
rng, model = np.random.default_rng(0), bgnb.build("tiny", 16).eval()
scores = {(p, r): {k: rng.random(30) for k in "PFN"} for p in (16, 24) for r in (1, 4)}
seen = bgnb.score_windows(model, photos.targets, 16, 8)
cells = {(p, r): maps for p in (16, 24) for r in (1, 2)}
cuts = dict.fromkeys(cells, 0.5)
small = bgnb.load(size=48, images=4, progress=False)
micro = bgnb.Run(net="micro", size=48, images=4, patch=16, epochs=1, batch=16, lr=0.02)
drawn = lambda light, place: (np.full((16, 16, 3), 40 * light + 90 * place, np.uint8), np.eye(16) > 0)"""
PICTURES = {
    "map": "moving.move_map(photos.targets, maps, masks)",
    "strip": "moving.move_strip(patches, rng.random((5, len(patches))))",
    "bells": "moving.move_bells()",
    "histograms": "moving.move_histograms(scores, {16: 0.3, 24: 0.4})",
    "stride": "moving.move_stride(pixels[0], torch.rand(17, 33, generator=g), 16, masks[0])",
    "patches": "moving.move_patches(photos, 20)",
    "frames": "moving.move_frames(drawn, {'light': [0, 1, 2], 'place': [0, 1]}, {'light': 1})",
    "heat": "moving.move_heat(rng.random((2, 2, 2)), [16, 24], [1, 2], photos.targets, cells, cuts, masks)",
    "cutouts": "moving.move_cutouts([p.permute(1, 2, 0).numpy() for p in pixels[:6]], [m.numpy() for m in maps], 0.5)",
    "gallery": "moving.move_gallery(photos.targets, {'CAM': maps, 'HaS': maps ** 2}, 0.5, masks)",
    "explorer": "moving.move_explorer(photos.targets, seen, model, patches.pixels, 16, 8)",
    "live": "moving.move_live(small, micro)",
    "routes": "import matplotlib.figure; moving.move_routes(small, micro, matplotlib.figure.Figure())",
    "photo": "moving.move_photo(model, photos.targets[0], bgnb.Run(size=32, patch=16, stride=8), 'It has only seen noise.')",
}


LOOK = """picture => [...picture.querySelectorAll("canvas")].map((c) => c.toDataURL()).join()
  + [...picture.querySelectorAll("svg")].map((s) => s.innerHTML).join() + picture.querySelector(".said")?.textContent
  + [...picture.querySelectorAll(".tile")].map((t) => t.style.transform).join()"""


def changes(page, picture, key: str) -> bool:
    """Whether a key, pressed up to 25 times, changes what a picture shows: a rule may move a little without effect."""
    before = picture.evaluate(LOOK)
    for _ in range(25):
        page.keyboard.press(key)
        page.wait_for_timeout(50)
        if picture.evaluate(LOOK) != before:
            return True
    return False


def move_all(page) -> None:
    """Move each slider, choice, tick box, cell and window of all pictures by keyboard; all must change what is seen."""
    page.locator(".bgnb").nth(len(PICTURES) - 1).wait_for(state="attached", timeout=120_000)
    page.wait_for_timeout(1000)  # until the photos are unpacked
    for number, kind in enumerate(PICTURES):
        picture = page.locator(".bgnb").nth(number)
        picture.scroll_into_view_if_needed()
        if kind in ("live", "routes"):
            picture.get_by_role("button", name="Train").click()
        for handle in picture.locator("input[type=range]").all():
            handle.focus()
            end = handle.evaluate("e => +e.value === +e.max")
            assert changes(page, picture, "ArrowLeft" if end else "ArrowRight"), (kind, handle.get_attribute("aria-label"))
            assert handle.evaluate("e => e.getAttribute('aria-label') && e === document.activeElement")
        for group in picture.locator("fieldset").all():
            group.locator("input:checked").focus()
            assert changes(page, picture, "ArrowRight"), (kind, group.inner_text())
        for box in picture.locator("input[type=checkbox]").all():
            box.focus()
            assert changes(page, picture, "Space"), kind
        if kind == "heat":
            picture.locator("[aria-pressed=true]").focus()
            assert changes(page, picture, "ArrowDown") and changes(page, picture, "ArrowRight")
        if kind == "explorer":
            picture.locator("canvas.drag").focus()
            assert changes(page, picture, "ArrowRight") and changes(page, picture, "ArrowDown")
        assert len(picture.locator("input, button, canvas").all()) > (1 if kind == "bells" else 2)
    assert page.locator(".bgnb").count() == len(PICTURES)  # no key did anything else, such as moving to another cell
    if folder := os.environ.get("BGNB_SCREENSHOTS"):
        page.screenshot(path=f"{folder}/kinds_{time.time():.0f}.png")


def test_in_jupyterlab(kinds, page):
    from playwright.sync_api import expect

    port = free_port()
    options = ["--no-browser", "--allow-root", f"--port={port}", "--IdentityProvider.token=class"]
    address = f"http://127.0.0.1:{port}"
    with serving([sys.executable, "-m", "jupyterlab", *options], f"{address}/api/status?token=class", cwd=kinds):
        page.set_viewport_size({"width": 1400, "height": 3000})  # Lab keeps only the cells near the window
        page.goto(f"{address}/lab/tree/kinds.ipynb?token=class")
        expect(page.locator("#jp-main-statusbar")).to_contain_text("| Idle", timeout=90_000)
        page.get_by_role("menuitem", name="Run", exact=True).click()
        page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
        page.wait_for_timeout(1000)
        expect(page.locator("#jp-main-statusbar")).to_contain_text("| Idle", timeout=180_000)
        move_all(page)
        assert page.asked == []


def test_in_voila(kinds, page):
    port = free_port()
    command = voila_command(kinds, port, "class", "127.0.0.1", [])
    with serving(command, f"http://127.0.0.1:{port}/login", cwd=kinds, env=os.environ | environment()):
        page.goto(f"http://127.0.0.1:{port}/voila/render/kinds.ipynb?token=class", timeout=120_000)
        move_all(page)
        assert page.asked == []


def test_on_a_page_from_disk_at_three_widths_without_scrolling_sideways(kinds_page, page):
    errors = []
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    for width in (390, 820, 1400):
        page.set_viewport_size({"width": width, "height": 900})
        page.goto(f"file://{kinds_page}")
        page.wait_for_timeout(500)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        small = """() => [...document.querySelectorAll(".bgnb svg text, .bgnb span, .bgnb output, .bgnb p, .bgnb figcaption")]
          .filter((e) => parseFloat(getComputedStyle(e).fontSize) < 12).length"""
        assert page.evaluate(small) == 0
        cut = """() => [...document.querySelectorAll(".bgnb output, .bgnb .slide span")]
          .filter((e) => e.scrollWidth > e.clientWidth + 1 && getComputedStyle(e).display !== "inline").length"""
        assert page.evaluate(cut) == 0
    move_all(page)
    assert errors == [] and page.asked == []
