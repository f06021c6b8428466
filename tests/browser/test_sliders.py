"""A slider in a real JupyterLab, moved by keyboard in a real browser: the picture and its number change."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
NOTEBOOKS = Path(__file__).parents[2] / "notebooks"

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine: apt-get install chromium"),
]


@pytest.fixture
def lab(tmp_path):
    """JupyterLab on a copy of the lessons with ``fast = True``: its address."""
    for path in NOTEBOOKS.glob("*.ipynb"):
        book = json.loads(path.read_text())
        for cell in book["cells"]:
            if "parameters" in cell["metadata"].get("tags", []):
                cell["source"] = "".join(cell["source"]).replace("fast = False", "fast = True")
        (tmp_path / path.name).write_text(json.dumps(book))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [
        sys.executable,
        "-m",
        "jupyterlab",
        "--no-browser",
        "--allow-root",
        f"--port={port}",
        "--IdentityProvider.token=class",
    ]
    server = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=os.environ)
    try:
        address = f"http://127.0.0.1:{port}"
        for _ in range(120):
            try:
                urllib.request.urlopen(f"{address}/api/status?token=class", timeout=2)
                break
            except OSError:
                time.sleep(0.5)
        yield address
    finally:
        server.terminate()
        server.wait(20)


def test_a_slider_moves_by_keyboard_in_jupyterlab(lab):
    from playwright.sync_api import expect, sync_playwright

    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"])
        page = browser.new_page(viewport={"width": 1400, "height": 1000})
        page.goto(f"{lab}/lab/tree/01_patch_taxonomy.ipynb?token=class")
        expect(page.locator("#jp-main-statusbar")).to_contain_text("| Idle", timeout=90_000)
        page.get_by_role("menuitem", name="Run", exact=True).click()
        page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
        page.wait_for_timeout(1000)
        expect(page.locator("#jp-main-statusbar")).to_contain_text("| Idle", timeout=180_000)
        handle = page.locator(".noUi-handle").first
        handle.scroll_into_view_if_needed(timeout=60_000)
        readout, image = page.locator(".widget-readout").first, page.locator(".widget-image").first
        number, source = readout.inner_text(), image.get_attribute("src")
        handle.focus()
        page.keyboard.press("ArrowRight")
        expect(readout).not_to_have_text(number, timeout=20_000)
        expect(image).not_to_have_attribute("src", source, timeout=60_000)
        assert float(readout.inner_text()) > float(number)
        if folder := os.environ.get("BGNB_SCREENSHOTS"):
            page.screenshot(path=f"{folder}/01_lab.png")
        browser.close()
