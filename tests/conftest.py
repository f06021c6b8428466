"""What several tests share: a cache of their own, random pictures, and a small folder of photos made on the fly."""

import os
import shutil
import signal
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from bgnb import ImageSet


def pytest_collection_modifyitems(items):
    """The longest tests come first. At the end, one process would work on them while the others wait."""
    items.sort(key=lambda item: item.path.stem not in ("test_torture", "test_notebooks"))


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory):
    """Tests never see what the user's cache holds, and leave nothing in it. All of pytest's workers share one."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "cache"
    folder.mkdir(exist_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BGNB_CACHE", str(folder))
        yield folder


@pytest.fixture(scope="session", autouse=True)
def ctrl_c_is_heard():
    """A shell lets what it runs in the background ignore Ctrl-C, and every process that the tests start would ignore it, too."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    """The pictures here are so small that several threads would only wait for each other."""
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def chromium():
    """The system's Chromium, one for all tests of a file. It ends with it: Playwright's event loop would disturb other tests."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("no chromium on this machine: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-dev-shm-usage"])
        yield browser
        browser.close()


def noise(*shape, seed=0):
    """Random bytes."""
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(seed))


def make_random_set(targets=4, backgrounds=3, height=40, width=44, masks=True, seed=0):
    """Noise with random masks: every pixel differs, so that no test passes by looking at the wrong place."""
    inside = noise(targets, height, width, seed=seed + 1) < 80 if masks else None
    return ImageSet(noise(targets, 3, height, width, seed=seed + 2), inside, noise(backgrounds, 3, height, width, seed=seed + 3))


def make_easy_set(images=6, size=32, seed=0):
    """Red targets and green backgrounds under noise: what any classifier must learn."""
    pictures = noise(2 * images, 3, size, size, seed=seed) // 4
    pictures[:images, 0] += 180
    pictures[images:, 1] += 180
    masks = torch.zeros(images, size, size, dtype=torch.bool)
    masks[:, size // 4 : -size // 4, size // 4 : -size // 4] = True
    return ImageSet(pictures[:images], masks, pictures[images:])


@pytest.fixture(scope="session")
def bench():
    """A module of tests/bench, by name."""

    def module(name: str):
        spec = spec_from_file_location(name, Path(__file__).parent / "bench" / f"{name}.py")
        loaded = module_from_spec(spec)
        spec.loader.exec_module(loaded)
        return loaded

    return module


@pytest.fixture(scope="session")
def random_set():
    return make_random_set


@pytest.fixture(scope="session")
def easy_set():
    return make_easy_set


def write_photos(folder, targets=4, backgrounds=5, masks=True, width=60, height=48, seed=0):
    """``targets/cat``, ``masks/cat``, ``backgrounds/forest``: a red block somewhere near the middle, on green noise."""
    rng = np.random.default_rng(seed)
    for part in ("targets/cat", "masks/cat", "backgrounds/forest"):
        (folder / part).mkdir(parents=True)
    for i in range(targets):
        picture = rng.integers(0, 90, (height, width, 3), dtype=np.uint8) + np.array([0, 90, 0], np.uint8)
        mask = np.zeros((height, width), np.uint8)
        top, left = rng.integers(6, height - 26), rng.integers(10, width - 30)
        mask[top : top + 20, left : left + 20] = 255
        picture[mask > 0] = (220, 30, 30)
        Image.fromarray(picture).save(folder / f"targets/cat/cat_{i}.png")
        Image.fromarray(mask).save(folder / f"masks/cat/cat_{i}.png")
    for i in range(backgrounds):
        picture = rng.integers(0, 90, (height, width, 3), dtype=np.uint8) + np.array([0, 90, 0], np.uint8)
        Image.fromarray(picture).save(folder / f"backgrounds/forest/place_{i}.png")
    if not masks:
        for file in (folder / "masks/cat").iterdir():
            file.unlink()
    return folder


@pytest.fixture
def photos(tmp_path):
    """A folder of 4 target photos with masks and 5 backgrounds, to spoil at will."""
    return write_photos(tmp_path / "photos")


@pytest.fixture
def make_photos(tmp_path):
    """The same with other counts and sizes: ``make_photos("name", targets=2)``."""
    return lambda name="made", **options: write_photos(tmp_path / name, **options)


@pytest.fixture(scope="session")
def real_photos():
    """The folder of real photographs that BGNB_PHOTOS names; without it the test is skipped."""
    folder = os.environ.get("BGNB_PHOTOS")
    if not folder:
        pytest.skip("BGNB_PHOTOS names no folder of real photographs")
    return Path(folder)
