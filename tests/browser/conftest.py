"""A browser, and servers of their own for the lessons: JupyterLab and Voila."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import nbformat
import pytest

from bgnb.lessons.pages import lesson_page

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FIREFOX = shutil.which("firefox-esr") or shutil.which("firefox")
NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
# The text of a place, and all that it draws.
LOOK = """(place) => [place.innerText, [...place.querySelectorAll("canvas")].map((one) => one.toDataURL()).join()
  + [...place.querySelectorAll("svg, img")].map((one) => one.outerHTML).join()
  + [...place.querySelectorAll(".tile")].map((one) => one.style.transform).join()]"""


def pytest_collection_modifyitems(items):
    for item in items:
        if Path(__file__).parent in item.path.parents:
            name, found = ("firefox-esr", FIREFOX) if item.path.stem == "test_firefox" else ("chromium", CHROMIUM)
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.skipif(found is None, reason=f"no {name} on this machine: apt-get install {name}"))


@pytest.fixture(scope="session")
def kinds(tmp_path_factory) -> Path:
    """A folder with a notebook that shows every kind of picture."""
    from .test_moving import PICTURES, START

    cells = [nbformat.v4.new_code_cell(source) for source in (START, *PICTURES.values())]
    cells[0]["metadata"]["tags"] = ["parameters"]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    folder = tmp_path_factory.mktemp("kinds")
    nbformat.write(nbformat.v4.new_notebook(metadata={"kernelspec": kernel}, cells=cells), folder / "kinds.ipynb")
    return folder


@pytest.fixture(scope="session")
def kinds_page(kinds) -> Path:
    """The same notebook as a page."""
    command = [sys.executable, "-m", "nbconvert", "--to", "notebook", "--execute", "kinds.ipynb", "--output", "ran.ipynb"]
    subprocess.run(command, cwd=kinds, check=True, capture_output=True, env=os.environ | {"BGNB_PAGES": "1"})
    page = kinds / "kinds.html"
    page.write_text(lesson_page(json.loads((kinds / "ran.ipynb").read_text()), "kinds.ipynb"))
    return page


def fast_copies(folder: Path) -> Path:
    """The lessons with ``fast = True``."""
    for path in NOTEBOOKS.glob("*.ipynb"):
        book = json.loads(path.read_text())
        for cell in book["cells"]:
            if "parameters" in cell["metadata"].get("tags", []):
                cell["source"] = "".join(cell["source"]).replace("fast = False", "fast = True")
        (folder / path.name).write_text(json.dumps(book))
    return folder


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def serving(command: list[str], address: str, **options):
    """A server while it is needed, from when it answers."""
    log = subprocess.DEVNULL
    server = subprocess.Popen(command, stdout=log, stderr=log, **options)
    try:
        for _ in range(120):
            try:
                urllib.request.urlopen(address, timeout=2)
                break
            except OSError:
                time.sleep(0.5)
        yield
    finally:
        server.terminate()
        server.wait(20)


@pytest.fixture
def page(chromium):
    """A page of Chromium; ``page.asked`` lists the addresses of other machines that it asked for."""
    page = chromium.new_page(viewport={"width": 1400, "height": 1000})
    page.asked = []
    page.on("request", lambda r: page.asked.append(r.url) if r.url.startswith("http") and "//127.0.0.1" not in r.url else None)
    yield page
    page.close()


def move_by_keyboard(page, name: str) -> None:
    """Push the page's first slider one step to the right: its number and its picture change, and no other control does."""
    from playwright.sync_api import expect

    picture = page.locator(".bgnb").first
    handle = picture.get_by_role("slider").first
    handle.scroll_into_view_if_needed(timeout=90_000)
    readout, canvas = picture.locator("output").first, picture.locator("canvas").first
    page.wait_for_timeout(500)  # until the photos are unpacked
    number, drawn = readout.inner_text(), canvas.evaluate("canvas => canvas.toDataURL()")
    handle.focus()
    page.keyboard.press("ArrowRight")
    expect(readout).not_to_have_text(number, timeout=20_000)
    page.wait_for_function("([canvas, old]) => canvas.toDataURL() !== old", arg=[canvas.element_handle(), drawn])
    assert float(readout.inner_text().split()[0]) > float(number.split()[0])
    assert handle.get_attribute("aria-label") and handle.evaluate("handle => document.activeElement === handle")
    if folder := os.environ.get("BGNB_SCREENSHOTS"):
        page.screenshot(path=f"{folder}/{name}.png")
