"""Every slider of every lesson, moved by keyboard in JupyterLab and in Voila as a class gets it (tests/bench/pages.py: as pages).

    .venv/bin/python tests/bench/sliders.py --into docs/pages.md

The lessons run with ``fast = True``. Each slider must change a number and a picture; one that does not is named, as is a lesson
whose number of sliders differs, and the exit status is 1.
"""

import json
import os
import re
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
import tyro
from playwright.sync_api import Browser, Page, expect, sync_playwright

sys.path.insert(0, str(Path(__file__).parents[2]))
from bgnb.lessons.classroom import environment, voila_command, write_copies
from bgnb.study.tables import put_into
from tests.bench.pages import move
from tests.browser.conftest import CHROMIUM, fast_copies, free_port, serving

SETTINGS = "@jupyterlab/notebook-extension/tracker.jupyterlab-settings"


def in_voila(folder: Path) -> tuple[list[str], dict, str, str]:
    """The command that serves the lessons, its environment, its address, and the path of a lesson; {} stands for its name."""
    port = free_port()
    write_copies(folder, folder / "class", live=True)
    command = voila_command(folder / "class", port, "class", "127.0.0.1", [])
    return command, environment(), f"http://127.0.0.1:{port}", "/voila/render/{}.ipynb?token=class"


def in_lab(folder: Path) -> tuple[list[str], dict, str, str]:
    """The same for JupyterLab, told to keep all cells on the page, not only those near the window."""
    port, settings = free_port(), folder / "settings" / SETTINGS
    settings.parent.mkdir(parents=True)
    settings.write_text(json.dumps({"windowingMode": "none"}))
    options = ["--no-browser", "--allow-root", f"--port={port}", "--IdentityProvider.token=class", f"--notebook-dir={folder}"]
    more = {"JUPYTERLAB_SETTINGS_DIR": str(folder / "settings")}
    path = "/lab/tree/{}.ipynb?token=class&reset"
    return [sys.executable, "-m", "jupyterlab", *options], more, f"http://127.0.0.1:{port}", path


def run_all(page: Page) -> None:
    """Run the notebook that JupyterLab shows, to its end."""
    status = page.locator("#jp-main-statusbar")
    expect(status).to_contain_text("| Idle", timeout=120_000)
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    prompt = page.locator(".jp-CodeCell .jp-InputPrompt").last
    expect(prompt).to_contain_text(re.compile(r"\[\d+\]"), timeout=600_000)  # the status says idle between two cells, too


def moved(browser: Browser, where: str, lessons: list[str]) -> tuple[dict[str, str], list[str]]:
    """How many sliders of each lesson moved as they should, and those that did not."""
    counts, failed = {}, []
    with TemporaryDirectory() as work:
        command, more, address, path = (in_voila if where == "Voila" else in_lab)(fast_copies(Path(work)))
        with serving(command, f"{address}/login", env=os.environ | more):
            for lesson in lessons:
                with browser.new_page(viewport={"width": 1400, "height": 1000}) as page:
                    page.goto(address + path.format(lesson), timeout=600_000)
                    if where != "Voila":
                        run_all(page)
                    page.wait_for_timeout(3000)  # until the photos are unpacked
                    _, still, count = move(page, f"{where}, {lesson}", ".bgnb", keys=2)
                counts[lesson] = f"{count - len(still)} of {count}"
                failed += still
                print(where, lesson, counts[lesson], flush=True)
    return counts, failed


def main(only: tuple[str, ...] = (), into: Path | None = None) -> None:
    """Move all sliders.

    Args:
        only: numbers of lessons, such as 03; nothing: all.
        into: Markdown file to put the counts into, after <!-- sliders -->: docs/pages.md.
    """
    lessons = [path.stem for path in sorted((Path(__file__).parents[2] / "notebooks").glob("[0-9][0-9]_*.ipynb"))]
    lessons = [lesson for lesson in lessons if not only or lesson[:2] in only]
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"])
        counts, failed = zip(*(moved(browser, where, lessons) for where in ("Voila", "JupyterLab")), strict=True)
        browser.close()
    frame = pd.DataFrame(dict(zip(("in Voila", "in JupyterLab"), counts, strict=True))).rename_axis("lesson").reset_index()
    print(text := frame.to_markdown(index=False, disable_numparse=True))
    if into:
        put_into(into, "sliders", text)
    wrong = [*failed[0], *failed[1]]
    wrong += [f"{lesson}: not as many in JupyterLab as in Voila" for lesson in lessons if counts[0][lesson] != counts[1][lesson]]
    print(*wrong, sep="\n")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    tyro.cli(main)
