"""What the modules of maps compute equals Python's; what they draw follows the keyboard."""

import zlib

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bgnb import moving
from bgnb.files import InputError
from bgnb.maps import targetness
from bgnb.metrics import mask_ious
from bgnb.moving.base import bits, levels, square
from bgnb.networks import build
from bgnb.patches import sample_patches
from bgnb.plots import draw_methods
from bgnb.windows import score_windows, starts

from .conftest import decoded, drawn, put, state

STEPS = [k / 100 for k in range(1, 101)]


def some_maps(n: int, height: int, width: int, cell: int = 1) -> torch.Tensor:
    """Maps whose values lie on, just below and just above the thresholds, and anywhere."""
    generator = torch.Generator().manual_seed(1)
    small = torch.rand(n, height // cell, width // cell, generator=generator)
    on = torch.tensor(STEPS)[torch.randint(0, 100, small.shape, generator=generator)]
    near = torch.where(torch.rand(small.shape, generator=generator) < 0.5, torch.nextafter(on, torch.zeros(())), on)
    small = torch.where(torch.rand(small.shape, generator=generator) < 0.5, small, near)
    return small.repeat_interleave(cell, 1).repeat_interleave(cell, 2)


@given(st.floats(0, 1, width=32))
@settings(max_examples=300)
def test_a_level_counts_the_thresholds_that_a_value_reaches(value):
    assert levels(torch.tensor([value]))[0] == sum(bool(torch.tensor(value) >= k) for k in STEPS)


def test_a_map_is_sent_in_the_largest_squares_that_lose_nothing():
    maps = some_maps(3, 24, 36, cell=4)
    assert square(levels(maps)) == 4 and square(levels(some_maps(2, 8, 8))) == 1
    assert square(np.zeros((1, 24, 36), np.uint8)) == 12


@pytest.mark.parametrize("cell", [1, 4])
def test_iou_at_every_threshold_is_pythons(functions, photos, cell):
    maps = some_maps(5, 32, 48, cell)
    call = functions("map", "ious")
    coded = levels(maps)[:, ::cell, ::cell]
    expected = mask_ious(maps, photos.masks, [0.0, *STEPS]).numpy()
    for i in range(5):
        packed = [*bits(photos.masks[i : i + 1])]
        found = call("ious", coded[i].ravel().tolist(), cell, 48, 32, packed)
        assert np.abs(np.array(found) - expected[i]).max() < 1e-12


def test_a_map_says_what_python_says_and_follows_the_keys(shown, photos):
    maps = some_maps(5, 32, 48, 4)
    picture = moving.move_map(photos.targets, maps, photos.masks, 0.5, photo=2)
    page = shown(picture)
    for photo, threshold in ((2, 0.5), (4, 0.37), (0, 0.99)):
        put(page, photo=photo, threshold=threshold)
        iou = mask_ious(maps[photo : photo + 1], photos.masks[photo : photo + 1], [threshold]).item()
        share = (maps[photo] >= threshold).float().mean().item()
        said = page.locator(".said").inner_text()
        assert f"IoU with the mask {iou:.2f}" in said and said.startswith(f"{share:.0%}".replace("%", " %"))
        assert ("found (" in said) == (iou >= 0.4)
    before = drawn(page), drawn(page, 1)
    page.get_by_role("slider", name="map threshold").focus()
    page.keyboard.press("ArrowLeft")
    assert state(page)["threshold"] == 0.98 and page.evaluate("model.saved") == 1
    assert (drawn(page), drawn(page, 1)) != before
    outlined = drawn(page)
    page.get_by_role("checkbox", name="outline").uncheck()
    assert drawn(page) != outlined and not state(page)["outline"]


def test_without_masks_there_is_no_iou_and_no_curve(shown, photos):
    page = shown(moving.move_map(photos.targets, some_maps(5, 32, 48)))
    assert "IoU" not in page.locator("body").inner_text() and not page.locator("svg").count()


def test_a_payload_holds_the_levels_and_the_masks(photos):
    maps = some_maps(5, 32, 48, 4)
    payload = moving.move_map(photos.targets, maps, photos.masks).payload()
    assert payload["kind"] == "map" and set(payload["state"]) == {"state", "given", "data"}
    back = decoded(payload, "levels").reshape(5, 8, 12).repeat(4, 1).repeat(4, 2)
    assert (back == levels(maps)).all()
    unpacked = np.unpackbits(decoded(payload, "masks").reshape(5, -1), axis=1)[:, : 32 * 48]
    assert (unpacked.reshape(5, 32, 48) == photos.masks.numpy()).all()


@pytest.mark.parametrize("overlap", ["average", "add"])
def test_the_map_at_every_stride_is_pythons(page, functions, overlap):
    patch, height, width = 12, 32, 48
    scores = torch.rand(height - patch + 1, width - patch + 1, generator=torch.Generator().manual_seed(3))
    mask = torch.zeros(1, height, width, dtype=torch.bool)
    mask[:, 5:20, 9:30] = True
    functions("stride", "targetness", "iouAt", "starts")
    code = """([every, w, h, patch, stride, way, mask, thresholds]) => {
      const m = window.module, map = m.targetness(every, w, h, patch, stride, way);
      return [[...map], thresholds.map((t) => m.iouAt(map, t, mask))];
    }"""
    thresholds = [k / 100 for k in range(1, 100)]
    for stride in range(1, patch + 1):
        rows, columns = (starts(side, patch, stride) for side in (height, width))
        expected = targetness(scores[rows][:, columns][None], patch, stride, (height, width), overlap)
        given = [scores.flatten().tolist(), width, height, patch, stride, overlap, [*bits(mask)], thresholds]
        found, fits = page.evaluate(code, given)
        assert np.abs(np.array(found) - expected.numpy().ravel()).max() < 1e-6
        near = [((expected - t).abs() < 1e-6).any().item() for t in thresholds]  # where rounding decides
        exact = mask_ious(expected, mask, thresholds)[0].numpy()
        assert np.abs(np.array(fits) - exact)[~np.array(near)].max() < 1e-12 and sum(near) < 10


def test_a_classifier_that_knows_nothing_gives_a_flat_map(functions):
    call = functions("stride", "targetness")
    assert set(call("targetness", [0.3] * 21 * 21, 32, 32, 12, 5, "average")) == {0}
    assert max(call("targetness", [0.3] * 21 * 21, 32, 32, 12, 5, "add")) == 1


def test_the_stride_follows_the_keys(shown, photos):
    scores = torch.rand(17, 33, generator=torch.Generator().manual_seed(3))
    page = shown(moving.move_stride(photos.targets[0], scores, 16, photos.masks[0], stride=4, threshold=0.4))
    assert page.locator(".said").inner_text().startswith("5 × 9 = 45 windows of 16 pixels.")
    before = drawn(page, 1)
    page.get_by_role("slider", name="stride").focus()
    page.keyboard.press("ArrowRight")
    assert state(page)["stride"] == 5 and drawn(page, 1) != before
    page.get_by_role("radio", name="average").focus()
    page.keyboard.press("ArrowRight")
    assert state(page)["overlap"] == "add"
    map = targetness(scores[[0, 5, 10, 15, 16]][:, [0, 5, 10, 15, 20, 25, 30, 32]][None], 16, 5, (32, 48), "add")
    assert f"IoU with the mask {mask_ious(map, photos.masks[:1], [0.4]).item():.2f}" in page.locator(".said").inner_text()


def test_scores_of_another_stride_are_refused(photos):
    with pytest.raises(InputError, match="at stride 1"):
        moving.move_stride(photos.targets[0], torch.rand(5, 9), 16)


def test_the_explorers_map_is_pythons_when_all_windows_were_visited(functions):
    call = functions("explorer", "merged")
    scores = torch.rand(1, 6, 10, generator=torch.Generator().manual_seed(5))
    rows, columns = starts(32, 12, 4), starts(48, 12, 4)
    expected = targetness(scores, 12, 4, (32, 48))[0]
    found = call("merged", scores.flatten().tolist(), [1] * 60, rows, columns, 12, 48, 32, True)
    assert np.abs(np.array(found).reshape(32, 48) - expected.numpy()).max() < 1e-6
    one = np.array(call("merged", scores.flatten().tolist(), [0] * 59 + [1], rows, columns, 12, 48, 32, False), float)
    assert np.isnan(one).sum() == 32 * 48 - 144 and np.nanmax(one) == pytest.approx(1 - scores[0, -1, -1].item(), abs=1e-6)


@pytest.fixture
def explorer(photos):
    model = build("tiny", 16).eval()
    background = sample_patches(photos, 16, 4, 1).pixels[-20:]
    scores = score_windows(model, photos.targets, 16, 8)
    return model, background, scores, moving.move_explorer(photos.targets, scores, model, background, 16, 8, near=3)


def test_the_most_similar_patches_are_those_of_a_plain_loop(photos, explorer):
    model, background, _, picture = explorer
    near = np.frombuffer(picture.data["near"], "<i4").reshape(5, 3, 5, 3)
    distances = np.frombuffer(picture.data["distances"], "<f4").reshape(5, 3, 5, 3)
    seen = [vector.flatten().double() for vector in model.features(background).mean((2, 3))]
    for image, row, column in ((0, 0, 0), (4, 2, 4), (2, 1, 3)):
        window = photos.targets[image : image + 1, :, 8 * row : 8 * row + 16, 8 * column : 8 * column + 16]
        mine = model.features(window).mean((2, 3)).flatten().double()
        apart = [1 - float(mine @ other / mine.norm() / other.norm()) for other in seen]
        best = sorted(apart)[:3]
        assert distances[image, row, column] == pytest.approx(best, abs=1e-6)
    assert near.max() == picture.given["patches"]["n"] - 1 and near.min() == 0


def test_the_window_follows_keys_and_pointer_and_the_map_fills_in(shown, explorer):
    *_, scores, picture = explorer
    page = shown(picture)
    assert state(page) == {"photo": 0, "row": 1, "column": 2}
    window, words = page.locator("canvas").first, page.locator(".said")
    assert "1 of 15 windows" in words.inner_text()
    window.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")  # it stays inside
    assert state(page) == {"photo": 0, "row": 0, "column": 3} and "3 of 15" in words.inner_text()
    assert f"Backgroundness {scores[0, 0, 3]:.2f}" in words.inner_text()
    box = window.bounding_box()
    page.mouse.move(box["x"] + 2, box["y"] + box["height"] - 2)
    page.mouse.down()
    assert state(page) == {"photo": 0, "row": 2, "column": 0}
    page.mouse.move(box["x"] + box["width"] - 2, box["y"] + box["height"] - 2, steps=12)
    page.mouse.up()
    assert state(page) == {"photo": 0, "row": 2, "column": 4} and "8 of 15" in words.inner_text()
    page.mouse.move(box["x"] + 5, box["y"] + 5)
    assert state(page)["row"] == 2  # the hand has let go
    before = drawn(page, 1)
    page.get_by_role("button", name="Visit all").press("Enter")
    assert "All windows visited" in words.inner_text() and drawn(page, 1) != before
    put(page, photo=3)
    assert "1 of 15" in words.inner_text()


def test_cells_open_their_maps_by_keyboard(shown, photos):
    rows, columns, values = [16, 24], [1, 2, 4], np.arange(12).reshape(2, 2, 3) / 12
    maps = {(r, c): (some_maps(5, 32, 48, 4) * r / 24 / c).clamp(0, 1) for r in rows for c in columns}
    thresholds = {key: 0.15 + 0.1 * i for i, key in enumerate(maps)}
    picture = moving.move_heat(values, rows, columns, photos.targets, maps, thresholds, photos.masks, chosen=(0, 1))
    page = shown(picture)
    chosen = page.locator("button[aria-pressed=true]")
    chosen.focus()
    for key, cell in (("ArrowDown", (24, 2)), ("ArrowRight", (24, 4)), ("ArrowRight", (24, 4)), ("ArrowUp", (16, 4))):
        page.keyboard.press(key)
        mean = values.mean(0)[rows.index(cell[0]), columns.index(cell[1])]
        assert chosen.get_attribute("aria-label") == f"patch {cell[0]}, ratio {cell[1]}: {mean:.2f}"
        expected = mask_ious(maps[cell], photos.masks, [thresholds[cell]])[:3, 0]
        assert page.locator(".three figcaption").all_inner_texts() == [f"IoU {value:.2f}" for value in expected]
    before = drawn(page)
    page.get_by_role("slider", name="first photo").focus()
    page.keyboard.press("ArrowRight")
    assert drawn(page) != before and state(page)["photo"] == 1


def test_maps_that_take_too_much_leave_the_last_photos_out(photos):
    maps = {(16, r): some_maps(5, 32, 48) for r in (1, 2)}
    cuts = dict.fromkeys(maps, 0.5)
    picture = moving.move_heat(np.eye(2)[:1], [16], [1, 2], photos.targets, maps, cuts, most=2 * 32 * 48 * 3)
    assert picture.given["n"] == 3 and len(picture.data["levels"]) == 2 * 32 * 48 * 3
    gallery = moving.move_gallery(photos.targets, {"CAM": some_maps(5, 32, 48), "HaS": some_maps(5, 32, 48, 4)}, n=2)
    assert gallery.given["n"] == 2 and len(zlib.decompress(gallery.data["levels"])) == 2 * (32 * 48 + 8 * 12)


def test_shares_and_the_histogram_are_counted_over_all_photos_in_their_own_size(shown):
    rng = np.random.default_rng(0)
    sizes = [(40, 60), (200, 320), (50, 30)]
    photos = [rng.integers(0, 255, (*size, 3), dtype=np.uint8) for size in sizes]
    maps = [rng.random(size) ** 2 for size in sizes]
    maps[0][0, 0] = 1.0
    picture = moving.move_cutouts(photos, maps, 0.4, n=2)
    assert picture.given["sizes"] == [[60, 40], [160, 100]]
    counts = np.histogram(np.concatenate([m.ravel() for m in maps]), np.arange(101) / 100)[0]
    assert picture.given["counts"] == counts.tolist()
    page = shown(picture)
    page.get_by_role("slider").focus()
    for threshold in (0.4, 0.41, 0.42):
        assert state(page)["threshold"] == threshold
        shares = [(m >= threshold).mean() for m in maps]
        texts = page.locator(".many figcaption").all_inner_texts()
        assert texts == [f"{i}: {share:.0%}".replace("%", " % cut out") for i, share in enumerate(shares[:2])]
        assert f"{np.mean(shares):.0%} of".replace("%", " %") in page.locator(".said").inner_text()
        page.keyboard.press("ArrowRight")


@pytest.mark.parametrize("with_boxes", [False, True])
def test_the_gallery_says_the_iou_of_each_method(shown, photos, with_boxes):
    maps = {"CAM": some_maps(5, 32, 48), "background x1": some_maps(5, 32, 48, 4), "HaS": torch.zeros(5, 32, 48)}
    page = shown(moving.move_gallery(photos.targets, maps, 0.5, photos.masks))
    if with_boxes:
        page.get_by_role("checkbox", name="boxes").check()
    for photo, threshold in ((0, 0.5), (3, 0.97), (4, 0.06)):
        put(page, photo=photo, threshold=threshold)
        figure = draw_methods(photos.targets, maps, threshold, photos.masks, with_boxes, first=photo, n=1)
        texts = page.locator(".six figcaption").all_inner_texts()
        assert texts == [f"{name}\nIoU {figure.numbers[name][0]:.2f}" for name in maps]
        hits = [name for name in maps if figure.numbers[name][0] >= 0.4]
        assert (", ".join(hits) or "by no method") in page.locator(".said").inner_text()


def test_the_gallery_steps_through_epochs_with_thresholds_of_their_own(shown, photos):
    maps = {epoch: {"CAM": some_maps(5, 32, 48) ** (1 / epoch), "HaS": some_maps(5, 32, 48, 4)} for epoch in (1, 3)}
    own = {1: {"CAM": 0.35, "HaS": 0.55}, 3: {"CAM": 0.75, "HaS": 0.25}}
    page = shown(moving.move_gallery(photos.targets, maps, 0.5, photos.masks, own, step="epochs"))
    page.get_by_role("slider", name="epochs").focus()
    for epoch in (3, 1):
        figure = draw_methods(photos.targets, maps[epoch], own[epoch], photos.masks, n=1)
        texts = page.locator(".six figcaption").all_inner_texts()
        assert texts == [f"{m}\nIoU {figure.numbers[m][0]:.2f}, cut at {own[epoch][m]:.2f}" for m in ("CAM", "HaS")]
        page.keyboard.press("ArrowLeft")
    page.get_by_role("slider", name="map threshold").focus()
    page.keyboard.press("ArrowRight")  # whoever moves the threshold means all maps
    assert not page.get_by_role("checkbox", name="own").is_checked() and state(page)["threshold"] == 0.51
    figure = draw_methods(photos.targets, maps[1], 0.51, photos.masks, n=1)
    assert page.locator(".six figcaption").first.inner_text() == f"CAM\nIoU {figure.numbers['CAM'][0]:.2f}"
