"""A photo in the page: the network there is torch's, on WebAssembly and on plain JavaScript, and so is all around it."""

import base64
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import bgnb
from bgnb import moving
from bgnb.data.images import FAINT, MEAN, SPREAD, standardise
from bgnb.files import InputError
from bgnb.moving.photo import carried, packed, scaled

from .conftest import drawn, put, state

FOLDER = Path(bgnb.__file__).parent / "moving"
(FLAGS,) = (line.split()[2:] for line in (FOLDER.parents[1] / "Makefile").read_text().splitlines() if line.startswith("WASM :="))
NAMES = ("backgroundness", "engine", "enlarged", "halves", "plain", "resized", "sides", "standardised", "targetness")


def network(patch: int = 24) -> bgnb.networks.Network:
    """A ``tiny`` whose batch norms do something, and whose logits over noise have mean 0 and deviation 2."""
    model, photo = bgnb.build("tiny", patch, seed=3), torch.from_numpy(noise(96, 128)).permute(2, 0, 1)
    crops = photo.unfold(1, patch, 8).unfold(2, patch, 8).permute(1, 2, 0, 3, 4).reshape(-1, 3, patch, patch)
    with torch.no_grad():
        model.train()(crops)
        logits = model.eval()(crops)
        model.head.weight *= 2 / logits.std()
        model.head.bias -= model(crops).mean()
    return model


def noise(height: int, width: int, seed: int = 0) -> np.ndarray:
    """A picture with rough and smooth places, ``(H, W, 3)`` uint8."""
    rng = np.random.default_rng(seed)
    small = Image.fromarray(rng.integers(0, 256, (6, 8, 3), dtype=np.uint8)).resize((width, height), Image.Resampling.BICUBIC)
    return np.clip(np.asarray(small) + rng.integers(-40, 40, (height, width, 3)), 0, 255).astype(np.uint8)


def text(content: bytes) -> str:
    return base64.b64encode(content).decode()


SCORE = """async ([network, weights, binary, rgba, width, height, way, patch, step]) => {
  const view = (b64) => new DataView(Uint8Array.from(atob(b64), (c) => c.charCodeAt(0)).buffer), m = window.module;
  const given = { ...network, weights: m.halves(view(weights)) }, pixels = new Uint8Array(view(rgba).buffer);
  const start = (n) => (way === "plain" ? m.plain(n) : m.engine(view(binary), n));
  const found = await m.backgroundness(given, pixels, width, height, start);
  const { map, rows, columns } = m.targetness(found.scores, found.rows, found.columns, patch, step);
  return [found.name, [...found.scores], found.rows, [...map], rows];
}"""


@pytest.mark.parametrize("way", ["WebAssembly", "plain"])
@pytest.mark.parametrize(("patch", "height", "width"), [(24, 96, 128), (24, 24, 28), (16, 40, 72), (30, 98, 130)])
def test_scores_and_map_are_torchs_with_the_same_weights_and_pixels(page, functions, way, patch, height, width):
    lean, photo = carried(network(patch)), noise(height, width)
    pixels = torch.from_numpy(photo).permute(2, 0, 1)[None]
    expected = bgnb.score_windows(lean, pixels, patch, 4)
    run = bgnb.Run(size=min(height, width), patch=patch, stride=4, device="cpu", precision="fp32")
    cell = {24: 4, 16: 4, 30: 2}[patch]
    map = bgnb.localise(lean, pixels, run)[0, ::cell, ::cell]
    functions("photo", *NAMES)
    given, weights = packed(lean)
    given["side"] = {30: 2}.get(patch, 1)
    rgba = np.dstack([photo, np.full((height, width), 255, np.uint8)]).tobytes()
    binary = (FOLDER / "tiny.wasm").read_bytes()
    arguments = [given, text(weights), text(binary), text(rgba), width, height, way, patch // cell, 4 // cell]
    name, scores, rows, found, high = page.evaluate(SCORE, arguments)
    assert way in name and rows == expected.shape[1] and high == map.shape[0]
    assert expected.std() > 0.1 or expected.numel() < 3
    assert np.abs(np.array(scores) - expected.numpy().ravel()).max() < 1e-5
    assert np.abs(np.array(found) - map.numpy().ravel()).max() < 1e-4  # scaled to 0 ... 1, so differences grow


def test_half_precision_and_folding_change_little():
    model, pixels = network(), torch.from_numpy(noise(96, 128)).permute(2, 0, 1)[None]
    both = [bgnb.score_windows(one, pixels, 24, 4) for one in (model, carried(model))]
    assert 0 < (both[0] - both[1]).abs().max() < 0.02
    assert all(torch.equal(w, w.half().float()) for w in carried(model).parameters())


def test_every_16_bit_number_is_read(page, functions):
    codes = np.arange(2**16, dtype=np.uint16)
    values = codes.view(np.float16)
    finite = np.isfinite(values)
    functions("photo", *NAMES)
    code = "(b64) => [...window.module.halves(new DataView(Uint8Array.from(atob(b64), (c) => c.charCodeAt(0)).buffer))]"
    assert page.evaluate(code, text(codes[finite].tobytes())) == values[finite].tolist()


RESIZE = """([rgba, width, height, wide, high]) => {
  const pixels = Uint8Array.from(atob(rgba), (c) => c.charCodeAt(0));
  return [...window.module.resized(pixels, width, height, wide, high)];
}"""


@pytest.mark.parametrize(("height", "width", "high", "wide"), [(300, 411, 96, 132), (50, 40, 120, 96), (96, 96, 96, 96)])
def test_a_photo_is_resized_as_pillow_does(page, functions, height, width, high, wide):
    photo = noise(height, width, 2)
    photo[: height // 2 : 3] = 255  # where LANCZOS overshoots
    functions("photo", *NAMES)
    rgba = np.dstack([photo, np.full((height, width), 255, np.uint8)]).tobytes()
    found = np.array(page.evaluate(RESIZE, [text(rgba), width, height, wide, high])).reshape(high, wide, 4)
    expected = np.asarray(Image.fromarray(photo).resize((wide, high), Image.Resampling.LANCZOS))
    assert (found[:, :, :3] == expected).all() and (found[:, :, 3] == 255).all()


def test_colours_are_standardised_as_python_does(page, functions):
    photo = noise(40, 30, 3)
    photo[:, :, 1] //= 8  # a dark green
    photo[:, :, 2] = 90  # an even blue, which is not stretched
    functions("photo", *NAMES)
    rgba = np.dstack([photo, np.full((40, 30), 255, np.uint8)]).tobytes()
    how = {"mean": MEAN, "spread": SPREAD, "faint": FAINT}
    call = "([rgba, how]) => [...window.module.standardised(Uint8Array.from(atob(rgba), (c) => c.charCodeAt(0)), how)]"
    found = np.array(page.evaluate(call, [text(rgba), how])).reshape(40, 30, 4)
    expected = standardise(torch.from_numpy(photo).permute(2, 0, 1)[None])[0].permute(1, 2, 0).numpy()
    assert np.abs(found[:, :, :3] - expected.astype(int)).max() <= 1 and (found[:, :, 3] == 255).all()
    assert (found[:, :, 2] == MEAN).all() and found[:, :, 1].std() > 4 * photo[:, :, 1].std()


def test_sides_and_enlarged_maps_are_pythons(page, functions):
    call = functions("photo", *NAMES)
    for width, height in ((300, 200), (201, 333), (96, 96), (1000, 125), (7, 9)):
        for size, patch in ((96, 24), (90, 24), (64, 20)):
            expected = scaled(Image.new("RGB", (width, height)), size, patch, 4).shape
            assert call("sides", width, height, size, patch, 4) == [expected[2], expected[1]]
    map = torch.rand(1, 1, 5, 7, generator=torch.Generator().manual_seed(0))
    large = torch.nn.functional.interpolate(map, (36, 43), mode="bilinear", align_corners=False)
    found = page.evaluate("(given) => [...window.module.enlarged(...given)]", [map.ravel().tolist(), 7, 5, 43, 36])
    assert np.abs(np.array(found) - large.numpy().ravel()).max() < 1e-6


@pytest.fixture
def picture():
    return moving.move_photo(network(), noise(240, 320), bgnb.Run(size=48, patch=24, stride=8), "Only noise so far.")


def test_a_photo_to_begin_with_is_mapped_and_follows_the_keys(shown, picture):
    page = shown(picture)
    page.get_by_text("WebAssembly").wait_for()
    words = page.locator(".said").inner_text()
    assert words.startswith("A photo to begin with: ") and "77 windows" in words and "on 64 × 48 pixels" in words
    assert "Only noise so far." in page.locator(".bgnb").inner_text()
    for name, change in (("map threshold", {"threshold": 0.51}), ("map on the photo", {"opacity": 0.55})):
        before = drawn(page), drawn(page, 1)
        page.get_by_role("slider", name=name).focus()
        page.keyboard.press("ArrowRight")
        assert change.items() <= state(page).items() and drawn(page) != before[0]
        assert (drawn(page, 1) != before[1]) == ("threshold" in change)
    outlined = drawn(page)
    page.get_by_role("checkbox", name="outline").uncheck()
    assert drawn(page) != outlined
    put(page, threshold=0.01)
    share = int(page.locator(".said").inner_text().partition(" %")[0].rpartition(" ")[2])
    put(page, threshold=0.99)
    assert share > 50 > int(page.locator(".said").inner_text().partition(" %")[0].rpartition(" ")[2])


def test_without_webassembly_plain_javascript_says_the_same(shown, picture):
    page = shown(picture)
    page.get_by_text("WebAssembly").wait_for()
    words = page.locator(".said").inner_text().partition(" ms ")[0]
    page.evaluate("() => { delete window.WebAssembly; }")
    shown(picture)
    page.get_by_text("plain JavaScript").wait_for()
    assert page.locator(".said").inner_text().partition(". ")[0] == words.partition(". ")[0]


def test_only_plain_chains_without_padding_can_go_along():
    for model in (bgnb.build("tiny", 24, image_level=True), bgnb.build("vgg16", 32)):
        with pytest.raises(InputError, match="only tiny"):
            carried(model)


def test_the_network_takes_280_kilobytes_and_its_layers_a_few(picture):
    assert len(picture.data["weights"]) == 2 * 139_553 and len(picture.data["binary"]) < 4000


def test_a_number_that_half_precision_cannot_hold_is_refused():
    model = network()
    with torch.no_grad():
        model.head.weight[0] = 1e6
    with pytest.raises(InputError, match="half precision"):
        carried(model)


def test_the_binary_is_what_the_committed_source_gives(tmp_path):
    clang = shutil.which("clang")
    found = clang and subprocess.run([clang, "--version"], capture_output=True, text=True).stdout
    if not found or "version 14." not in found:
        pytest.skip("no clang 14, which compiled it: apt-get install clang lld")
    for source in FOLDER.glob("*.c"):
        made = tmp_path / f"{source.stem}.wasm"
        subprocess.run([clang, *FLAGS, "-o", made, source], check=True)
        assert made.read_bytes() == source.with_suffix(".wasm").read_bytes()
