"""A slider in a real JupyterLab and in a real Voila, moved by keyboard in a real browser: the picture and its number change."""

import json
import os
import sys
import urllib.error
import urllib.request

import psutil
import pytest

from bgnb.lessons.classroom import environment, voila_command, write_copies, write_pages
from bgnb.lessons.pages import lesson_page

from .conftest import fast_copies, free_port, move_by_keyboard, serving


@pytest.fixture
def lab(tmp_path):
    """JupyterLab on fast copies of the lessons: its address."""
    folder, port = fast_copies(tmp_path), free_port()
    options = ["--no-browser", "--allow-root", f"--port={port}", "--IdentityProvider.token=class"]
    address = f"http://127.0.0.1:{port}"
    with serving([sys.executable, "-m", "jupyterlab", *options], f"{address}/api/status?token=class", cwd=folder):
        yield address


@pytest.fixture
def voila(tmp_path):
    """Voila, as a class gets it, on fast student copies and one page (of a lesson that was not run)."""
    for folder in ("fast", "pages", "lessons"):
        (tmp_path / folder).mkdir()
    first = fast_copies(tmp_path / "fast") / "01_patch_taxonomy.ipynb"
    (tmp_path / "pages" / "01_patch_taxonomy.html").write_text(lesson_page(json.loads(first.read_text()), first.name))
    write_pages(tmp_path / "fast", tmp_path / "pages", tmp_path / "lessons")
    write_copies(tmp_path / "fast", tmp_path / "lessons", live=True)
    port = free_port()
    command = voila_command(tmp_path / "lessons", port, "class", "127.0.0.1", [])
    address = f"http://127.0.0.1:{port}"
    with serving(command, f"{address}/login", cwd=tmp_path, env=os.environ | environment()):
        yield address


def kernels() -> int:
    """How many kernels the servers of this test run."""
    ours = psutil.Process().children(recursive=True)
    everybody = psutil.process_iter(["cmdline"])  # leaves out who ends meanwhile
    return sum("ipykernel_launcher" in (one.info["cmdline"] or []) for one in everybody if one in ours)


def test_a_slider_moves_by_keyboard_in_jupyterlab(lab, page):
    from playwright.sync_api import expect

    page.goto(f"{lab}/lab/tree/01_patch_taxonomy.ipynb?token=class")
    expect(page.locator("#jp-main-statusbar")).to_contain_text("| Idle", timeout=90_000)
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    page.wait_for_timeout(1000)
    expect(page.locator("#jp-main-statusbar")).to_contain_text("| Idle", timeout=180_000)
    move_by_keyboard(page, "01_lab")


def test_a_slider_moves_by_keyboard_in_voila_which_asks_for_a_token_and_nobody_else(voila, page):
    page.goto(f"{voila}/voila/render/01_patch_taxonomy.ipynb")
    assert "/login" in page.url and not page.locator(".bgnb").count()
    page.goto(f"{voila}/?token=class")
    page.wait_for_url("**/voila/files/index.html")
    lessons = page.get_by_role("link", name="Lesson 0")
    assert lessons.count() == 9 and "01_patch_taxonomy.html" in lessons.nth(1).get_attribute("href")
    assert lessons.nth(2).get_attribute("href") == "../render/02_background_learning.ipynb"  # it has no page
    lessons.nth(1).click()
    page.get_by_role("heading", name="Patch taxonomy").wait_for()
    assert "Solution" not in page.content() and "Guess first" in page.content()
    assert kernels() == 0
    page.get_by_role("link", name="Run it with other values").click()
    move_by_keyboard(page, "01_voila")
    shown = page.locator("body").inner_text()
    assert "Guess first" in shown and "Your turn" not in shown  # nothing can be written here
    assert "import torch" not in shown and "Solution" not in shown  # neither code nor answers
    assert kernels() == 1 and page.asked == []
    page.get_by_role("link", name="Contents").click()
    page.get_by_role("heading", name="Background learning", level=1).wait_for()


def test_voila_serves_the_pages_and_no_other_file(voila):
    for name, there in (("index.html", True), ("01_patch_taxonomy.html", True), ("01_patch_taxonomy.ipynb", False)):
        try:
            assert urllib.request.urlopen(f"{voila}/voila/files/{name}").status == 200 and there
        except urllib.error.HTTPError as error:
            assert error.code == 403 and not there
