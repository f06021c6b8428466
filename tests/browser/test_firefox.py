"""Pages from disk in Debian's Firefox: every slider moves by keyboard, and changes a picture and what is written beside it.

Playwright does not drive this Firefox, Debian has no geckodriver for Selenium, and Mozilla's marionette-driver needs telnetlib,
which Python 3.13 no longer has. So Firefox is told what to do in WebDriver BiDi, the W3C's protocol, which it speaks by itself.
To move the sliders of the real lessons, build them and name their folder: BGNB_SITE=out/pages pytest -k firefox.
"""

import json
import os
import subprocess
import time
from pathlib import Path

import pytest

from .conftest import FIREFOX, LOOK, free_port

LESSONS = sorted(Path(os.environ["BGNB_SITE"]).resolve().glob("[0-9][0-9]_*.html")) if "BGNB_SITE" in os.environ else []
LEFT, RIGHT = "\ue012", "\ue014"  # the arrow keys, as WebDriver names them
SLIDERS = "[...document.querySelectorAll('.moves input[type=range]')].filter((one) => one.checkVisibility())"


class Firefox:
    """A headless Firefox with one tab."""

    def __init__(self, profile: Path):
        from websocket import create_connection

        port = free_port()
        command = [FIREFOX, "--headless", "--no-remote", "--profile", str(profile), "--remote-debugging-port", str(port)]
        self.process, self.sent = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL), 0
        for _ in range(240):  # until it listens
            try:
                self.socket = create_connection(f"ws://127.0.0.1:{port}/session", timeout=60, suppress_origin=True)
                break
            except OSError:
                time.sleep(0.5)
        self.tell("session.new", capabilities={})
        self.tab = self.tell("browsingContext.getTree")["contexts"][0]["context"]
        self.tell("browsingContext.setViewport", context=self.tab, viewport={"width": 1400, "height": 1000})

    def tell(self, method: str, **parameters) -> dict:
        """Give a command, and wait for its result."""
        self.sent += 1
        self.socket.send(json.dumps({"id": self.sent, "method": method, "params": parameters}))
        while (answer := json.loads(self.socket.recv())).get("id") != self.sent:
            pass  # an event
        assert answer["type"] == "success", answer
        return answer["result"]

    def ask(self, expression: str):
        """The value of an expression of JavaScript in the page."""
        wrapped = f"JSON.stringify({expression})"
        result = self.tell("script.evaluate", expression=wrapped, target={"context": self.tab}, awaitPromise=False)
        assert result["type"] == "success", result
        return json.loads(result["result"].get("value", "null"))

    def press(self, key: str) -> None:
        strokes = [{"type": "keyDown", "value": key}, {"type": "keyUp", "value": key}]
        self.tell("input.performActions", context=self.tab, actions=[{"type": "key", "id": "keys", "actions": strokes}])

    def close(self) -> None:
        self.socket.close()
        self.process.terminate()
        self.process.wait(20)


@pytest.fixture(scope="module")
def firefox(tmp_path_factory):
    browser = Firefox(tmp_path_factory.mktemp("profile"))
    yield browser
    browser.close()


def moves(firefox: Firefox, number: int) -> bool:
    """Whether a slider, moved by up to 25 keys, changes both words and picture: a rule may move a little without effect."""
    slider = f"{SLIDERS}[{number}]"
    look = f"({LOOK})({slider}.closest('.moves'))"
    end = firefox.ask(f"({slider}.focus(), window.before = {look}, +{slider}.value === +{slider}.max)")
    for _ in range(25):
        firefox.press(LEFT if end else RIGHT)
        time.sleep(0.05)
        if firefox.ask(f"{look}.every((one, i) => one !== before[i])"):
            return True
    return False


def move_all(firefox: Firefox, page: Path) -> int:
    """Move every slider of a page, and count them."""
    firefox.tell("browsingContext.navigate", context=firefox.tab, url=page.as_uri(), wait="complete")
    firefox.ask("document.querySelectorAll('details').forEach((one) => one.open = true)")
    time.sleep(1)  # until the photos are unpacked
    assert firefox.ask("document.querySelectorAll('figure:has(> .moves):not(.alive)').length") == 0
    firefox.ask("[...document.querySelectorAll('button')].filter((one) => one.textContent === 'Train').map((one) => one.click())")
    labels = firefox.ask(f"{SLIDERS}.map((one) => one.getAttribute('aria-label'))")
    for number, label in enumerate(labels):
        assert moves(firefox, number), (page.name, label)
    return len(labels)


def test_every_kind_of_picture_moves(firefox, kinds_page):
    assert move_all(firefox, kinds_page) > 10


@pytest.mark.parametrize("page", LESSONS, ids=lambda page: page.stem)
def test_every_slider_of_a_lesson_moves(firefox, page):
    move_all(firefox, page)
