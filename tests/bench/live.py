"""The page in which a network learns: how fast it is, how smooth, and how the kinds cross when the ratio moves.

    .venv/bin/bgnb pages --only live && .venv/bin/python tests/bench/live.py out/pages/live.html --into docs/pages.md
    .venv/bin/python tests/bench/live.py --cross    # docs/results/crossing.csv and figures/crossing.png

Frames and keys are timed while the network trains as fast as it can. A busy machine is slow to paint, so the load stands beside.
"""

import os
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd
import seaborn as sns
import tyro
from playwright.sync_api import Page, sync_playwright

sys.path.insert(0, str(Path(__file__).parents[2]))
from bgnb import load
from bgnb.device import processor
from bgnb.files import atomic_write
from bgnb.lessons.live import RUN
from bgnb.moving import move_live, source
from bgnb.plots import panels
from bgnb.plots.base import KINDS_STYLE, legend_above
from bgnb.study.tables import put_into
from bgnb.study.theory import bayes_backgroundness
from tests.bench.pages import LISTEN, p95
from tests.browser.conftest import CHROMIUM, FIREFOX
from tests.browser.test_firefox import LEFT, RIGHT, Firefox

ROOT = Path(__file__).parents[2]
STORED, FIGURE = ROOT / "docs/results/crossing.csv", ROOT / "figures/crossing.png"
SEEDS, BEFORE, AFTER, EVERY = 5, 400, 400, 10  # updates at 1 : 8, then at 1 : 1; medians after every tenth
SECONDS = 10  # of training that are timed
FRAMES = """() => {
  window.frames_ = [];
  let last = 0;
  const frame = (now) => { if (last) frames_.push(now - last); last = now; requestAnimationFrame(frame); };
  requestAnimationFrame(frame);
}"""


def updates(page: Page) -> int:
    return int(page.locator(".said").inner_text().partition(" updates")[0])


def timed(page: Page, place: Path) -> dict:
    """What a reader gets who presses Train and then holds a key on the ratio's slider."""
    page.goto(f"file://{place.resolve()}")
    page.get_by_text("0 updates").wait_for()
    page.get_by_role("button", name="Train").click()
    page.wait_for_timeout(1000)
    page.evaluate(LISTEN)
    page.evaluate(FRAMES)
    first, clock = updates(page), time.perf_counter()
    page.wait_for_timeout(1000 * SECONDS)
    rate = (updates(page) - first) / (time.perf_counter() - clock)
    frames = page.evaluate("frames_")
    page.locator("input[type=range]").first.focus()
    for i in range(60):
        page.keyboard.press("ArrowRight" if i % 20 < 10 else "ArrowLeft")
        page.wait_for_timeout(33)  # as fast as a key that is held down
    page.wait_for_timeout(200)
    return {"updates a second": rate, "frame": p95(frames), "key to paint": p95(page.evaluate("laps"))}


IMPORT = """async (text) => {
  window.module = await import(URL.createObjectURL(new Blob([text], { type: "text/javascript" })));
}"""
CROSS = """async ({ payload, seed, stops, every, lr }) => {
  const bytes = (b64) => Uint8Array.from(atob(b64), (c) => c.charCodeAt(0));
  const { given, data } = payload, m = window.module;
  const image = await createImageBitmap(new Blob([bytes(data.photos.b64)], { type: "image/webp" }));
  const watched = new Int32Array(bytes(data.watched.b64).buffer);
  const pixels = m.pixelsOf(image, given), masks = new Uint8Array();
  const net = await m.learner({ ...given, binary: bytes(data.binary.b64), pixels, masks, watched });
  net.start(seed);
  const found = [];
  let updates = 0;
  for (const [ratio, until] of stops) {
    while (updates < until) {
      net.update({ ratio, lr });
      if (++updates % every) continue;
      const scores = net.scores(watched, true), kinds = [...given.kinds];
      const medians = Object.fromEntries(given.names.map((name) =>
        [name, +m.summary(scores.filter((_, i) => kinds[i] === name)).median.toFixed(4)]));
      found.push({ seed, updates, ratio, ...medians });
    }
  }
  return found;
}"""


def in_firefox(place: Path) -> dict:
    """The same in Debian's Firefox, with keys as fast as it takes them."""
    if FIREFOX is None:
        return {}
    with tempfile.TemporaryDirectory() as profile:
        firefox = Firefox(Path(profile))
        try:
            firefox.tell("browsingContext.navigate", context=firefox.tab, url=f"file://{place.resolve()}", wait="complete")
            count = "+document.querySelector('.said').textContent.split(' ')[0]"
            time.sleep(3)
            firefox.ask("[...document.querySelectorAll('button')].find((one) => one.textContent === 'Train').click()")
            time.sleep(1)
            firefox.ask(f"({LISTEN})()")
            firefox.ask(f"({FRAMES})()")
            first, clock = firefox.ask(count), time.perf_counter()
            time.sleep(SECONDS)
            rate, frames = (firefox.ask(count) - first) / (time.perf_counter() - clock), firefox.ask("frames_")
            firefox.ask("document.querySelector('.moves input[type=range]').focus()")
            for i in range(60):
                firefox.press(RIGHT if i % 20 < 10 else LEFT)
            time.sleep(1)
            laps, version = firefox.ask("laps"), firefox.ask("navigator.userAgent").partition("Firefox/")[2]
        finally:
            firefox.close()
    return {f"Firefox {version}": {"updates a second": rate, "frame": p95(frames), "key to paint": p95(laps)}}


def crossing(page: Page) -> None:
    """Train in the page at 1 : 8 and then at 1 : 1, and store the medians of P, F and N on the way. Then draw them."""
    payload = move_live(load(**RUN.load_arguments(), progress=False), RUN).payload()["state"]
    names = "learner, pixelsOf, summary"
    text = source("live").replace("export default { render };", f"export {{ {names} }};")
    page.goto("about:blank")
    page.evaluate(IMPORT, text)
    stops = [[1 / 8, BEFORE], [1, BEFORE + AFTER]]
    about = {"processor": processor(), "browser": f"Chromium {page.context.browser.version}"}
    rows = []
    for seed in range(SEEDS):
        given = {"payload": payload, "seed": seed, "stops": stops, "every": EVERY, "lr": RUN.lr}
        rows += [row | about for row in page.evaluate(CROSS, given)]
    with atomic_write(STORED) as part:
        pd.DataFrame(rows).to_csv(part, index=False)
    draw(payload["given"]["pi"])


def draw(pi: float) -> None:
    """Medians against updates: the mean over seeds, and a band from the lowest to the highest seed."""
    rows = pd.read_csv(STORED)
    figure, axes = panels(height=4)
    ax = axes[0, 0]
    for name in "PFN":
        colour, _, words = KINDS_STYLE[name]
        sns.lineplot(rows, x="updates", y=name, color=colour, label=words, lw=2.5, errorbar=("pi", 100), ax=ax, legend=False)
    for start, end, ratio in ((0, BEFORE, 1 / 8), (BEFORE, BEFORE + AFTER, 1)):
        level = bayes_backgroundness(ratio, pi)
        ax.hlines(level, start, end, color="0.2", ls="--", lw=2, label="r / (r + 1 − π)" if start else None)
    ax.axvline(BEFORE, color="0.35", lw=1.5)
    ax.annotate("the slider moves from 1 : 8 to 1 : 1", (BEFORE, 0.97), (-6, 0), textcoords="offset points", ha="right", va="top")
    ax.set(xlabel="updates", ylabel="median backgroundness", ylim=(0, 1), xlim=(0, BEFORE + AFTER))
    legend_above(figure)
    figure.savefig(FIGURE)


def main(page: tyro.conf.Positional[Path] = Path("out/pages/live.html"), cross: bool = False, into: Path | None = None) -> None:
    """Measure live.html.

    Args:
        page: the page.
        cross: train in the page over five seeds, and draw how the kinds cross; no other measurement.
        into: Markdown file to put the times into, between <!-- live --> and <!-- end -->: docs/pages.md.
    """
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"])
        tab = browser.new_page(viewport={"width": 1400, "height": 1000})
        if cross:
            crossing(tab)
            return
        found = {f"Chromium {browser.version}": timed(tab, page)}
        browser.close()
    found |= in_firefox(page)
    rows = [
        {"browser": name, "updates a second": f"{one['updates a second']:.0f}", "frame, p95": f"{one['frame']:.0f} ms",
         "key to paint, p95": f"{one['key to paint']:.0f} ms"} for name, one in found.items()
    ]  # fmt: skip
    table = pd.DataFrame(rows).to_markdown(index=False, disable_numparse=True)
    where = f"{processor()}, {os.cpu_count()} cores; {os.getloadavg()[0]:.1f} processes at a time"
    about = f"The page has {page.stat().st_size / 1e3:.0f} kB. Measured on {where}."
    print(table, about, sep="\n\n")
    if into:
        put_into(into, "live", f"{table}\n\n{about}")


if __name__ == "__main__":
    tyro.cli(main)
