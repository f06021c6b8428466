"""A slider in a real JupyterLab and in a real Voila, moved by keyboard in a real browser: the picture and its number change."""

import os
import sys

import pytest

from bgnb.lessons.classroom import environment, voila_command, write_copies

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
    """Voila, as a class gets it, on fast student copies."""
    (tmp_path / "lessons").mkdir()
    write_copies(fast_copies(tmp_path), tmp_path / "lessons")
    port = free_port()
    command = voila_command(tmp_path / "lessons", port, "class", "127.0.0.1", [])
    address = f"http://127.0.0.1:{port}"
    with serving(command, f"{address}/login", cwd=tmp_path, env=os.environ | environment()):
        yield address


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
    assert "/login" in page.url and not page.locator(".noUi-handle").count()
    page.goto(f"{voila}/?token=class")
    assert page.get_by_role("link", name="01_patch_taxonomy.ipynb").is_visible()
    page.goto(f"{voila}/voila/render/01_patch_taxonomy.ipynb?token=class")
    move_by_keyboard(page, "01_voila")
    shown = page.locator("body").inner_text()
    assert "Guess first" in shown and "Your turn" in shown
    assert "import torch" not in shown and "Solution" not in shown  # neither code nor answers
    assert page.asked == []
