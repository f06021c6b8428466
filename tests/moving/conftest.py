"""Modules of ``bgnb.moving`` in a headless browser: their functions called by name, and whole pictures moved."""

import base64
import json

import numpy as np
import pytest
import torch

from bgnb import moving
from bgnb.data import ImageSet

STAND_IN = """
({ kind, state }) => {
  const revive = (_, v) => typeof v?.b64 === "string"
    ? new DataView(Uint8Array.from(atob(v.b64), (c) => c.charCodeAt(0)).buffer) : v;
  state = JSON.parse(state, revive);
  const told = {};
  const model = window.model = {
    saved: 0,
    get: (name) => state[name],
    set(name, value) { state[name] = value; for (const hear of told[`change:${name}`] ?? []) hear(); },
    save_changes() { this.saved++; },
    on: (event, hear) => (told[event] ??= new Set()).add(hear),
    off: (event, hear) => told[event]?.delete(hear),
  };
  const el = document.createElement("div");
  el.className = "moves";
  document.body.replaceChildren(el);
  window.module.render({ model, el });
}
"""


@pytest.fixture(scope="module")
def browser(chromium):
    """A page of Chromium, one for all tests of a file."""
    page = chromium.new_page(viewport={"width": 1000, "height": 900})
    page.set_default_timeout(15_000)
    yield page
    page.close()


@pytest.fixture
def page(browser):
    """The page, empty; a test fails if a module throws anything."""
    errors = []
    browser.goto("about:blank")
    browser.set_viewport_size({"width": 1000, "height": 900})
    hear = lambda error: errors.append(str(error))  # noqa: E731
    browser.on("pageerror", hear)
    yield browser
    browser.remove_listener("pageerror", hear)
    assert errors == []


@pytest.fixture
def functions(page):
    """``functions(kind, names)``: from now on ``call(name, arguments)`` in the page calls a function of that module."""

    def load(kind: str, *names: str):
        text = moving.source(kind).replace("export default { render };", f"export {{ {', '.join(('render', *names))} }};")
        code = """async (text) => {
          const address = URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
          window.module = await import(address);
        }"""
        page.evaluate(code, text)
        return lambda name, *given: page.evaluate("([name, given]) => window.module[name](...given)", [name, [*given]])

    return load


@pytest.fixture
def shown(page, functions):
    """``shown(picture)``: draw a Moving in the page, from its payload alone."""

    def draw(picture: moving.Moving):
        functions(picture.kind)
        payload = picture.payload()
        page.evaluate(STAND_IN, {"kind": payload["kind"], "state": json.dumps(payload["state"])})
        page.wait_for_timeout(150)  # until its photos are unpacked
        return page

    return draw


@pytest.fixture(scope="session")
def photos() -> ImageSet:
    """Five noisy pictures of 32 x 48 pixels, with a bright box as target, and its mask."""
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 200, (10, 3, 32, 48), generator=generator, dtype=torch.uint8)
    masks = torch.zeros(5, 32, 48, dtype=torch.bool)
    for i in range(5):
        masks[i, 4 + i : 20 + i, 8 : 24 + 3 * i] = True
    pixels[:5].masked_fill_(masks[:, None], 230)
    return ImageSet(pixels[:5], masks, pixels[5:])


def put(page, **change) -> None:
    """Change the state, as a slider does."""
    page.evaluate("(change) => model.set('state', { ...model.get('state'), ...change })", change)


def state(page) -> dict:
    return page.evaluate("() => model.get('state')")


def drawn(page, number: int = 0) -> str:
    """A canvas as text, to see whether it changed."""
    return page.locator("canvas").nth(number).evaluate("canvas => canvas.toDataURL()")


def decoded(payload: dict, name: str, dtype: str = "u1") -> np.ndarray:
    """The bytes of a payload as an array."""
    return np.frombuffer(base64.b64decode(payload["state"]["data"][name]["b64"]), dtype)
