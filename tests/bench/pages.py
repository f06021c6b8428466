"""The lessons as pages: their size, the time from a key to the paint, and how a server bears a class of readers.

    .venv/bin/bgnb pages --out out/pages && .venv/bin/python tests/bench/pages.py out/pages

Every slider of every page is moved by keyboard, from disk, in Chromium. It must change a number and a picture; one that does not
is named, and the exit status is 1. A busy machine is slow to paint, so the load stands beside the times.
"""

import os
import statistics
import sys
import tempfile
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd
import psutil
import tyro
from playwright.sync_api import Page, sync_playwright

sys.path.insert(0, str(Path(__file__).parents[2]))
from bgnb.lessons.classroom import environment, voila_command, write_copies, write_pages
from bgnb.study.tables import put_into
from tests.browser.conftest import CHROMIUM, LOOK, free_port, serving

KEYS = 50
# The time between a key's event and the first task after the frame that it caused.
LISTEN = """() => {
  window.laps = [];
  addEventListener("keydown", (event) => requestAnimationFrame(() => {
    const channel = new MessageChannel();
    channel.port1.onmessage = () => laps.push(performance.now() - event.timeStamp);
    channel.port2.postMessage(0);
  }), true);
}"""


def p95(laps: list[float]) -> float:
    return statistics.quantiles(laps, n=20)[-1]


def move(page: Page, name: str, places: str = ".moves", keys: int = KEYS) -> tuple[list[float], list[str], int]:
    """Move all sliders of the page that is open: milliseconds from key to paint, those that change too little, and how many."""
    page.evaluate("document.querySelectorAll('details').forEach((one) => one.open = true)")
    page.evaluate(LISTEN)
    still, count = [], 0
    for place in page.locator(places).all():
        train = place.get_by_role("button", name="Train")
        if train.count():
            train.click()
        for slider in place.locator("input[type=range]").all():
            if not slider.is_visible():
                continue
            before = place.evaluate(LOOK)
            slider.focus()
            key = "ArrowRight" if slider.input_value() != slider.get_attribute("max") else "ArrowLeft"
            for _ in range(25):  # a rule may move a little without effect
                page.keyboard.press(key)
                page.wait_for_timeout(100)
                after = place.evaluate(LOOK)
                if before[0] != after[0] and before[1] != after[1]:
                    break
            if before[0] == after[0] or before[1] == after[1]:
                label = slider.get_attribute("aria-label") or place.get_attribute("data-kind")
                still.append(f"{name}: {label}: no other {'number' if before[0] == after[0] else 'picture'}")
            count += 1
            for i in range(keys):
                page.keyboard.press("ArrowLeft" if i % 10 < 5 else "ArrowRight")
                page.wait_for_timeout(33)  # as fast as a key that is held down
        if train.count():
            place.get_by_role("button", name="Pause").click()
    page.wait_for_timeout(200)
    return page.evaluate("laps"), still, count


def read(address: str) -> float:
    """Seconds to load a page, as a reader does who has nothing cached; for a lesson, until it has run."""
    clock = time.perf_counter()
    with urllib.request.urlopen(address, timeout=1800) as answer:
        answer.read()
    return time.perf_counter() - clock


def class_of(site: Path, number: int, kernels: int) -> pd.DataFrame:
    """A class opens pages at once, while some run lessons; the address, port and server are those of ``make class``."""
    notebooks = Path(__file__).parents[2] / "notebooks"
    with tempfile.TemporaryDirectory() as folder:
        pages = [page.name for page in write_pages(notebooks, site, folder) if page.parent == Path(folder)]
        write_copies(notebooks, folder, live=True)
        port = free_port()
        address = f"http://127.0.0.1:{port}"
        command, crowd = voila_command(folder, port, "class", "127.0.0.1", []), ThreadPoolExecutor(max(1, number + kernels))
        with serving(command, f"{address}/login", env=os.environ | environment()), crowd:
            runs = [f"{address}/voila/render/08_reading_the_paper.ipynb?token=class"] * kernels
            free = psutil.virtual_memory().available
            running = [crowd.submit(read, run) for run in runs]
            time.sleep(5 if kernels else 0)
            laps = [*crowd.map(read, [f"{address}/voila/files/{pages[i % len(pages)]}" for i in range(number)])]
            row = {
                "readers at once": str(number),
                "a page, median": f"{statistics.median(laps):.2f} s",
                "p95": f"{p95(laps):.2f} s",
            }
            if running:
                slowest = max(run.result() for run in running)
                row |= {"lessons started at that moment": str(kernels), "until the last of them is ready": f"{slowest:.0f} s"}
                row["memory for them"] = f"{(free - psutil.virtual_memory().available) / 1e9:.1f} GB"
            return pd.DataFrame([row])


def main(
    site: tyro.conf.Positional[Path] = Path("out/pages"), readers: int = 100, kernels: int = 0, into: Path | None = None
) -> None:
    """Measure a site that bgnb pages wrote.

    Args:
        site: its folder.
        readers: how many readers load a page at once.
        kernels: how many run a lesson at the same time; each needs several hundred MB.
        into: Markdown file to put sizes and times into, between <!-- sizes --> and <!-- end -->, and with ``kernels`` the class,
            after <!-- class -->: docs/pages.md.
    """
    failed, laps, rows = [], [], []
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"])
        for file in sorted(site.glob("[0-9][0-9]_*.html")):
            with browser.new_page(viewport={"width": 1400, "height": 1000}) as page:  # closed again: some go on moving
                page.goto(f"file://{file.resolve()}")
                times, still, _ = move(page, file.name)
            laps, failed = laps + times, failed + still
            speed = f"key to paint p50 {statistics.median(times):.0f} ms, p95 {p95(times):.0f} ms" if times else "nothing moves"
            size = f"{file.stat().st_size / 1e6:.2f} MB"
            print(f"{file.name:40} {size:>8}  {speed}", flush=True)
            rows.append({"page": file.stem, "size": size, "key to paint, p95": f"{p95(times):.0f} ms" if times else ""})
        browser.close()
    total = f"{sum(file.stat().st_size for file in site.rglob('*.html')) / 1e6:.2f} MB"
    slowest = f"{p95(laps):.0f} ms" if laps else ""
    print(f"{total} in all; p95 over all keys {slowest}; {os.getloadavg()[1]:.1f} processes at a time on {os.cpu_count()} cores")
    if into:
        rows.append({"page": "all, the reference too", "size": total, "key to paint, p95": slowest})
        put_into(into, "sizes", pd.DataFrame(rows).to_markdown(index=False, disable_numparse=True))
    if readers:
        print(text := class_of(site, readers, kernels).to_markdown(index=False, disable_numparse=True))
        if into and kernels:
            put_into(into, "class", text)
    print(*failed, sep="\n")
    sys.exit(bool(failed))


if __name__ == "__main__":
    tyro.cli(main)
