"""The formulas, histograms and medians of the modules equal Python's at every value that a slider can take."""

from itertools import product

import numpy as np
import pytest

from bgnb import moving
from bgnb.files import InputError
from bgnb.patches import sample_patches
from bgnb.study.theory import bayes_backgroundness, normal_backgroundness, normal_boundary, share_below, shift

from .conftest import drawn, put, state


def every(lowest: float, highest: float, step: float) -> list[float]:
    """All values of a slider, as a browser reads them: decimal numbers."""
    return [round(lowest + step * i, 10) for i in range(round((highest - lowest) / step) + 1)]


def test_the_bells_equal_the_theory_at_every_value(page, functions):
    sliders = moving.move_bells().given["sliders"]
    ratios, pis, distances = (every(*sliders[name][1:]) for name in ("ratio", "pi", "distance"))
    functions("bells", "boundaryOf", "backgroundness", "bayes", "shareBelow")
    x = [-3.0, 0.0, 1.5, 4.0]
    code = """([cases, x]) => cases.map(([ratio, pi, distance]) => {
      const m = window.module, boundary = m.boundaryOf(ratio, pi, distance);
      const level = x.map((value) => m.backgroundness(value, ratio, pi, distance));
      const shares = [m.shareBelow(boundary, distance), m.shareBelow(boundary, 0)];
      return [Number.isFinite(boundary) ? boundary : null, m.bayes(ratio, pi), ...shares, ...level];
    })"""
    cases = list(product(ratios, pis, distances[::3]))
    found = page.evaluate(code, [cases, x])
    for (ratio, pi, distance), (boundary, level, p, f, *_) in zip(cases, found, strict=True):
        expected = normal_boundary(ratio, pi, distance)
        assert boundary is None if np.isinf(expected) else boundary == pytest.approx(expected, abs=1e-9)
        assert level == pytest.approx(bayes_backgroundness(ratio, pi), abs=1e-12)
        assert (p, f) == pytest.approx((share_below(expected, distance), share_below(expected, 0)), abs=1e-12)
    some = range(0, len(cases), 97)
    for i in some:
        assert found[i][4:] == pytest.approx(normal_backgroundness(x, *cases[i]).tolist(), abs=1e-12)


def test_the_bells_say_what_python_says_and_follow_the_keys(shown):
    page = shown(moving.move_bells(2, 0.3, 3))
    assert f"lies at {normal_boundary(2, 0.3, 3):.2f}" in page.locator(".said").inner_text()
    before = page.locator("svg").first.inner_html()
    page.get_by_role("slider", name="ratio").focus()
    page.keyboard.press("ArrowRight")
    assert state(page)["ratio"] == 2.25 and page.locator("svg").first.inner_html() != before
    put(page, ratio=0.25)
    assert "no boundary" in page.locator(".said").inner_text()


def test_histograms_and_the_shift_equal_numpys(page, functions):
    rng = np.random.default_rng(0)
    values = np.concatenate([rng.random(500), np.linspace(0, 1, 21), [0.15, 0.3, 0.35, 0.6, 0.7]]).astype("f4").astype(float)
    functions("histograms", "histogram", "shift", "median", "bayes")
    code = """([values, factors]) => factors.map((factor) => {
      const m = window.module, moved = values.map((value) => m.shift(value, factor));
      return [moved, m.histogram(moved), m.median(moved)];
    })"""
    factors = every(1, 8, 0.25)
    for factor, (moved, shares, middle) in zip(factors, page.evaluate(code, [values.tolist(), factors]), strict=True):
        expected = shift(values, factor)
        assert np.abs(np.array(moved) - expected).max() < 1e-12
        assert middle == pytest.approx(np.median(expected), abs=1e-12)
        assert shares == (np.histogram(moved, 20, (0, 1))[0] / len(values)).tolist()


@pytest.fixture
def networks():
    """Scores of four networks: patch 16 and 24, ratio 1 and 4."""
    rng = np.random.default_rng(1)
    return {(p, r): {k: rng.beta(2, 3, 40 + p).astype("f4") for k in "PFN"} for p in (16, 24) for r in (1, 4)}


def test_histograms_follow_the_keys(shown, networks):
    page = shown(moving.move_histograms(networks, {16: 0.3, 24: 0.5}, patch=24))
    words = page.locator(".said").inner_text()
    for kind in "PFN":
        predicted = np.median(shift(networks[24, 1][kind].astype(float), 4))
        assert f"{kind} {np.median(networks[24, 4][kind]):.2f} (outline {predicted:.2f})" in words
    assert f"{bayes_backgroundness(4, 0.5):.2f} at ratio 4" in words
    page.get_by_role("slider").focus()
    page.keyboard.press("ArrowRight")
    assert state(page) == {"ratio": 4, "patch": 24, "moved": 4.25}
    page.get_by_role("radio", name="4", exact=True).focus()
    page.keyboard.press("ArrowLeft")  # another network: the outline goes to its ratio
    assert state(page) == {"ratio": 1, "patch": 24, "moved": 1}
    words = page.locator(".said").inner_text()
    assert f"P {np.median(networks[24, 1]['P']):.2f} (outline {np.median(networks[24, 1]['P']):.2f})" in words


def test_a_network_that_is_missing_is_named(networks):
    del networks[16, 4]
    with pytest.raises(InputError, match=r"\(16, 4\)"):
        moving.move_histograms(networks, {16: 0.3, 24: 0.5})


def test_the_strip_puts_every_patch_at_its_score(shown, page, photos):
    page.emulate_media(reduced_motion="reduce")  # so that a tile is where it goes to at once
    patches = sample_patches(photos, 16, per_image=8, ratio=1, generator=0)
    history = np.random.default_rng(0).random((3, len(patches))).astype("f4")
    shown(moving.move_strip(patches, history, n=5))
    assert state(page)["epoch"] == 3
    page.get_by_role("slider").focus()
    for epoch in (3, 2, 1):
        assert page.get_by_role("slider").input_value() == str(epoch)
        texts = page.locator("figcaption").all_inner_texts()
        places = page.evaluate("""() => [...document.querySelectorAll(".lane")].map((lane) => {
          const box = lane.getBoundingClientRect(), tiles = [...lane.querySelectorAll(".tile")];
          return tiles.map((t) => { const b = t.getBoundingClientRect(); return (b.x + b.width / 2 - box.x) / box.width; });
        })""")
        width = page.locator(".lane").first.evaluate("lane => lane.clientWidth")
        side = page.locator(".tile").first.evaluate("tile => tile.offsetWidth")
        for name, words, lane in zip("PFN", texts, places, strict=True):
            scores = history[epoch - 1, patches.kind == name]
            assert f"Of all {len(scores)}: median {np.median(scores):.2f}, " in words
            assert f"{round(100 * (scores > 0.5).mean())} % called" in words
            expected = (side / 2 + 2 + scores[:5] * (width - side - 4)) / width
            assert np.abs(np.array(lane) - expected).max() * width < 1
        page.keyboard.press("ArrowLeft")


def test_the_strip_plays_from_the_start_and_stops_at_the_end(shown, photos):
    patches = sample_patches(photos, 16, per_image=4, ratio=1, generator=0)
    page = shown(moving.move_strip(patches, np.random.default_rng(0).random((3, len(patches))), n=4))
    page.evaluate("window.seen = []; model.on('change:state', () => window.seen.push(model.get('state').epoch))")
    page.get_by_role("button", name="Play").press("Enter")
    page.get_by_role("button", name="Stop").wait_for()
    page.get_by_role("button", name="Play").wait_for(timeout=10_000)
    assert page.evaluate("window.seen") == [1, 2, 3]
    assert drawn(page) != drawn(page, 1)  # the tiles show different patches
