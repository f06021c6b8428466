"""A page from disk in a browser: a slider moves by keyboard, nothing is asked for, a picture stays without JavaScript."""

import base64
import io
import os

import pytest
import torch
from PIL import Image

from bgnb import moving
from bgnb.lessons import pages
from bgnb.moving import MIME
from bgnb.photos.gallery import Found, gallery

MODULE = """
function render({ model, el }) {
  if (model.get("broken")) throw Error("broken");
  el.innerHTML = '<label>row <input type="range" min="0" max="8"></label> <output></output>'
    + '<canvas width="9" height="9"></canvas>';
  const show = () => {
    const row = model.get("row"), pen = el.querySelector("canvas").getContext("2d");
    el.querySelector("output").textContent = `row ${row}: ${model.get("grey").getUint8(row)}`;
    pen.clearRect(0, 0, 9, 9);
    pen.fillRect(0, row, 9, 1);
  };
  el.querySelector("input").value = model.get("row");
  el.querySelector("input").addEventListener("input", (event) => model.set("row", +event.target.value));
  model.on("change:row", show);
  show();
}
export default { render };
"""


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A folder with one page: text, a formula, a wide table, two places that move and one that fails to."""
    monkeypatch.setattr(moving, "source", lambda kind: MODULE, raising=False)
    file = io.BytesIO()
    Image.new("RGB", (960, 400), "#0072B2").save(file, "png")
    still = base64.b64encode(file.getvalue()).decode()

    def output(**state):
        state = {"row": 3, "grey": {"b64": base64.b64encode(bytes(range(10, 19))).decode()}, **state}
        return {"output_type": "display_data", "data": {"image/png": still, MIME: {"kind": "fake", "state": state}}}

    text = "# 01 Fake\n**Does it move?**\n\n$$" + " + ".join(f"x_{{{i}}}" for i in range(40)) + "$$\n\n"
    text += (
        "|"
        + " a long word |" * 12
        + "\n|"
        + "---|" * 12
        + "\n\n## Part\n<details><summary>Answers</summary>\n\nforty\n</details>"
    )
    cells = [
        {"cell_type": "markdown", "metadata": {}, "source": text},
        {"cell_type": "code", "metadata": {}, "source": "x = 1  # " + "long " * 40, "outputs": [output(), output(row=5)]},
        {"cell_type": "code", "metadata": {"tags": ["solution"]}, "source": "2", "outputs": [output(broken=True)]},
    ]
    (tmp_path / "01_fake.html").write_text(pages.lesson_page({"cells": cells, "metadata": {}}, "01_fake.ipynb"))
    return tmp_path


def test_a_slider_moves_by_keyboard_from_disk(site, page):
    errors = []
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(f"file://{site}/01_fake.html")
    first, second, broken = page.locator("figure:has(> .moves)").all()
    picture = "canvas => canvas.toDataURL()"
    before, other = first.locator("canvas").evaluate(picture), second.locator("canvas").evaluate(picture)
    assert first.locator("output").inner_text() == "row 3: 13" and not first.locator(".still").is_visible()
    for _ in range(40):  # from the top of the page, as a reader without a mouse
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.type === 'range'"):
            break
    page.keyboard.press("ArrowRight")
    assert first.locator("output").inner_text() == "row 4: 14" and second.locator("output").inner_text() == "row 5: 15"
    assert first.locator("canvas").evaluate(picture) != before and second.locator("canvas").evaluate(picture) == other
    assert [error for error in errors if "broken" not in error] == [] and page.asked == []
    page.get_by_text("Solution 1").click()
    assert broken.locator(".still img").is_visible() and not broken.locator("canvas").count()
    page.emulate_media(media="print")
    assert first.locator(".still img").is_visible() and not first.locator("canvas").is_visible()


def test_the_page_of_your_own_photos_moves_from_disk(tmp_path, page):
    for name in ("a", "b c"):
        Image.effect_noise((60, 40), 80).convert("RGB").save(tmp_path / f"{name}.png")
    run = torch.linspace(0, 1, 48).reshape(6, 8).repeat_interleave(4, 0).repeat_interleave(4, 1)
    report = {"threshold": 0.5, "threshold_from": "given", "photos": {"a": 0.5, "b c": 0.25}, "whole": {"a": 1, "b c": 1}}
    files = [tmp_path / "a.png", tmp_path / "b c.png"]
    (tmp_path / "index.html").write_text(
        gallery(files, ["a", "b c"], [Found(maps, maps >= 0.5) for maps in (run, run**2)], report)
    )
    page.goto(f"file://{tmp_path}/index.html")
    first, second = page.locator("figure:has(> .moves)").all()
    for figure, maps in ((first, run), (second, run**2)):
        share = f"{(maps >= 0.5).float().mean():.0%}".replace("%", " %")
        assert share in figure.inner_text().replace("\u00a0", " ")
    picture = "figure => [...figure.querySelectorAll('canvas')].map((one) => one.toDataURL()).join()"
    before, other = first.evaluate(picture), second.evaluate(picture)
    first.locator("input[type=range]").first.focus()
    for _ in range(20):
        page.keyboard.press("ArrowRight")
    page.wait_for_timeout(300)
    share = f"{(run >= 0.7).float().mean():.0%}".replace("%", " %")
    assert share in first.inner_text().replace("\u00a0", " ")
    assert first.evaluate(picture) != before and second.evaluate(picture) == other
    assert page.get_by_role("link", name="cut-out").nth(1).get_attribute("href") == "b%20c_cutout.png" and page.asked == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_the_page_without_scrolling_it_sideways(site, page, scheme):
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": 390, "height": 800})
    page.goto(f"file://{site}/01_fake.html")
    page.get_by_text("Code").first.click()
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    assert page.locator(".formula").evaluate("box => box.scrollWidth > box.clientWidth")
    table = page.locator(".scrolls:has(table)")
    table.focus()
    page.keyboard.press("ArrowRight")  # no mouse and no finger: the box takes the keys
    page.wait_for_timeout(300)
    assert table.evaluate("box => document.activeElement === box && box.scrollLeft > 0")
    assert page.locator("h1").bounding_box()["width"] > 300
    paper, ink = (page.evaluate(f"getComputedStyle(document.body).{name}") for name in ("backgroundColor", "color"))
    light = [sum(int(part) for part in colour[4:-1].split(",")) for colour in (paper, ink)]
    assert abs(light[0] - light[1]) > 500 and (light[0] > light[1]) == (scheme == "light")
    if folder := os.environ.get("BGNB_SCREENSHOTS"):
        page.screenshot(path=f"{folder}/page_{scheme}.png", full_page=True)


def test_without_javascript_the_still_picture_stays(site, page):
    quiet = page.context.browser.new_context(java_script_enabled=False).new_page()
    quiet.goto(f"file://{site}/01_fake.html")
    assert quiet.locator(".still img").first.is_visible()


def test_the_policy_stops_what_the_page_does_not_hold(site, page):
    """A script and a picture from elsewhere, smuggled into a page, do nothing."""
    content = (site / "01_fake.html").read_text()
    evil = '<script>document.title = "evil"</script><script type="module">document.title = "evil"</script>'
    evil += '<img src="http://192.0.2.1/x.png"><p onclick="document.title = \'evil\'">here</p>'
    (site / "02_evil.html").write_text(content.replace("</h1>", f"</h1>{evil}"))
    page.goto(f"file://{site}/02_evil.html")
    page.get_by_text("here", exact=True).click()
    assert page.title() == "Fake: background learning"
    assert page.locator("output").first.inner_text() == "row 3: 13"  # ours still runs
