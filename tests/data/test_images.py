"""Photos on disk: read as they are meant, cached by their content, and refused by name."""

import itertools
import os
import time

import numpy as np
import pytest
import torch
from PIL import Image

from bgnb import InputError, Run, fit, load
from bgnb.data import images
from bgnb.data.images import FAINT, MEAN, SPREAD, in_threads, piece, pieces, read_mask, read_photo, square, standardise


def get(folder, **options):
    return load(folder, **(dict(size=32, progress=False) | options))


def flat(colour, size=(40, 30), mode="RGB"):
    return Image.new(mode, size, colour)


def test_pictures_masks_and_names(photos):
    result = get(photos)
    assert result.targets.shape == (4, 3, 32, 32) and result.targets.dtype == torch.uint8
    assert result.masks.shape == (4, 32, 32) and result.masks.dtype == torch.bool
    assert result.backgrounds.shape == (5, 3, 32, 32)
    assert result.names == ("cat_0", "cat_1", "cat_2", "cat_3")
    # the red block is where the mask is
    red = (result.targets[:, 0].int() - result.targets[:, 1].int()) > 60
    assert (red == result.masks).double().mean() > 0.95


def test_the_central_square_is_used(photos):
    colours = np.zeros((20, 60, 3), np.uint8)
    colours[:, 20:40] = (10, 200, 90)
    Image.fromarray(colours).save(photos / "backgrounds/forest/place_0.png")
    seen = get(photos, size=20).backgrounds[0]
    assert (seen == torch.tensor([10, 200, 90], dtype=torch.uint8).view(3, 1, 1)).all()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_photos_stand_upright(tmp_path, orientation):
    upright = np.arange(6 * 4 * 3, dtype=np.uint8).reshape(6, 4, 3) * 3
    stored = {
        1: upright, 2: upright[:, ::-1], 3: upright[::-1, ::-1], 4: upright[::-1], 5: upright.transpose(1, 0, 2),
        6: np.rot90(upright), 7: upright[::-1, ::-1].transpose(1, 0, 2), 8: np.rot90(upright, -1),
    }[orientation]  # fmt: skip
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(np.ascontiguousarray(stored)).save(tmp_path / "photo.png", exif=exif)
    assert np.array_equal(np.asarray(read_photo(tmp_path / "photo.png")), upright)


def test_every_kind_of_picture_becomes_rgb(photos):
    folder = photos / "backgrounds/forest"
    for file in folder.iterdir():
        file.unlink()
    half = Image.new("RGBA", (40, 40), (200, 0, 0, 255))
    half.paste((0, 0, 0, 0), (0, 0, 20, 40))
    half.save(folder / "a.PNG")  # transparent becomes white; an upper-case ending counts
    flat(77, mode="L").save(folder / "b.png")
    flat((10, 20, 30)).quantize(4).save(folder / "c.png")
    flat((90, 90, 90)).save(folder / "d.JPEG")
    flat((1, 2, 3)).save(folder / "e.webp", lossless=True)
    (folder / "notes.txt").write_text("no photo")
    (folder / ".hidden.png").write_bytes(b"no photo")
    seen = get(photos).backgrounds
    assert len(seen) == 5
    assert seen[0, :, 16, 2].tolist() == [255, 255, 255] and seen[0, :, 16, 29].tolist() == [200, 0, 0]
    for picture, colour in zip(seen[1:], [[77] * 3, [10, 20, 30], [90] * 3, [1, 2, 3]], strict=True):
        assert picture[:, 16, 16].tolist() == pytest.approx(colour, abs=1)


def test_sixteen_bits_of_grey_are_scaled_not_clipped(photos):
    ramp = np.linspace(0, 65535, 48 * 60).reshape(48, 60).astype(np.uint16)
    picture = Image.fromarray(ramp)
    for folder in ("targets", "masks"):
        picture.save(photos / folder / "cat/cat_0.png")
    grey = np.asarray(read_photo(photos / "targets/cat/cat_0.png"))
    assert np.abs(grey[..., 0].astype(int) - ramp / 257).max() <= 1 and (grey[..., 0] == grey[..., 2]).all()
    mask = np.asarray(read_mask(photos / "masks/cat/cat_0.png", picture))
    assert (mask > 0).mean() == pytest.approx(0.5, abs=0.01)


def test_big_pictures_are_read_one_at_a_time(tmp_path, monkeypatch):
    """However many threads there are: each picture takes a gigabyte."""
    for i in range(6):
        Image.new("RGB", (32, 32), (i, i, i)).save(tmp_path / f"{i}.png")
    inside, most = [], []

    def look(photo):
        inside.append(photo)
        time.sleep(0.05)
        most.append(len(inside))
        inside.pop()
        return photo.getpixel((0, 0))[0]

    def read(i):
        return read_photo(tmp_path / f"{i}.png", then=look)

    monkeypatch.setattr(os, "cpu_count", lambda: 3)
    assert list(in_threads(read, range(6), "", False)) == [*range(6)] and max(most) > 1
    most.clear()
    monkeypatch.setattr("bgnb.data.images.BIG", 1000)
    assert list(in_threads(read, range(6), "", False)) == [*range(6)] and max(most) == 1


def test_a_name_that_is_no_text_is_refused(photos):
    name = os.fsencode(photos / "targets/cat/cat_") + b"\xff.png"
    with open(name, "wb") as file:
        file.write((photos / "targets/cat/cat_0.png").read_bytes())
    with pytest.raises(InputError, match="rename it") as caught:
        get(photos)
    str(caught.value).encode()  # the message itself can be printed


def test_masks_begin_above_127(photos):
    grey = np.full((48, 60), 127, np.uint8)
    grey[10:40, 20:40] = 128
    Image.fromarray(grey).save(photos / "masks/cat/cat_0.png")
    mask = get(photos, size=48).masks[0]
    expected = torch.zeros(48, 48, dtype=torch.bool)
    expected[10:40, 14:34] = True  # 60 x 48 loses 6 columns on either side
    assert torch.equal(mask, expected)


def test_no_masks_at_all_are_no_masks(make_photos):
    assert get(make_photos(masks=False)).masks is None


def test_images_are_drawn_by_the_seed(photos):
    one, same, other = (get(photos, images=2, seed=seed) for seed in (0, 0, 1))
    everything = get(photos)
    assert one.names == same.names and torch.equal(one.backgrounds, same.backgrounds)
    assert {get(photos, images=2, seed=seed).names for seed in range(6)} != {other.names}
    for part in (one, other):
        assert len(part.targets) == len(part.backgrounds) == 2
        for name, picture in zip(part.names, part.targets, strict=True):
            assert torch.equal(picture, everything.targets[everything.names.index(name)])


def test_every_third_photo_by_name_is_for_development(make_photos):
    photos = make_photos("many", targets=8, backgrounds=9)
    parts = {part: get(photos, part=part) for part in ("all", "reporting", "development")}
    assert parts["development"].names == ("cat_2", "cat_5")
    assert sorted(parts["development"].names + parts["reporting"].names) == sorted(parts["all"].names)
    for part, chosen in (("development", [2, 5, 8]), ("reporting", [0, 1, 3, 4, 6, 7])):
        assert torch.equal(parts[part].backgrounds, parts["all"].backgrounds[chosen])
    for part, seed in itertools.product(("reporting", "development"), (0, 1)):  # composites hold photos of one part only
        names = get(photos, part=part, compose=True, seed=seed).names
        numbers = {int(half.rpartition("_")[2]) % 3 == 2 for name in names for half in name.split("_on_")}
        assert numbers == {part == "development"}
    with pytest.raises(InputError, match="part 'half'"):
        get(photos, part="half")
    with pytest.raises(InputError, match="part reporting"):
        load("scenes", part="reporting", size=32, images=2)


def test_the_second_call_reads_the_cache_unless_a_file_changed(photos, monkeypatch):
    import bgnb.data.images as folders

    first = get(photos)
    with monkeypatch.context() as patch:
        patch.setattr(folders, "image_set", None)  # would fail if it were called
        again = get(photos)
    for name in ("targets", "masks", "backgrounds"):
        assert torch.equal(getattr(first, name), getattr(again, name))
    assert first.names == again.names
    flat((9, 9, 9)).save(photos / "backgrounds/forest/place_1.png")
    changed = get(photos)
    assert (changed.backgrounds[1] == 9).all() and torch.equal(changed.backgrounds[0], first.backgrounds[0])


@pytest.mark.parametrize("content", [b"", b"broken", None])
def test_a_broken_cache_is_made_again(photos, tmp_path, monkeypatch, content):
    monkeypatch.setenv("BGNB_CACHE", str(tmp_path / "own"))
    first = get(photos)
    [file] = [p for p in (tmp_path / "own").rglob("*") if p.is_file()]
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2] if content is None else content)
    assert torch.equal(get(photos).targets, first.targets)
    assert file.read_bytes() == whole


def test_a_cache_that_cannot_be_written_costs_nothing(photos, tmp_path, monkeypatch):
    expected = get(photos)
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("BGNB_CACHE", str(tmp_path / "file"))
    assert torch.equal(get(photos).targets, expected.targets)


def empty(folder):
    for file in folder.iterdir():
        file.unlink()


def truncate(file):
    Image.effect_noise((200, 200), 80).convert("RGB").save(file.with_suffix(".jpg"))
    file.unlink()
    file.with_suffix(".jpg").write_bytes(file.with_suffix(".jpg").read_bytes()[:2000])


def only_one(folder):
    for file in sorted(folder.iterdir())[1:]:
        file.unlink()


SPOILT = {
    "missing class": (lambda f: None, dict(target="dog"), "targets/dog"),
    "missing scene": (lambda f: None, dict(scene="sea"), "backgrounds/sea"),
    "empty folder": (lambda f: empty(f / "targets/cat"), {}, "targets/cat"),
    "truncated": (lambda f: truncate(f / "backgrounds/forest/place_2.png"), {}, "place_2.jpg"),
    "no bytes": (lambda f: (f / "targets/cat/cat_1.png").write_bytes(b""), {}, "targets/cat/cat_1.png"),
    "text": (lambda f: (f / "backgrounds/forest/a.jpg").write_text("hello\nthere"), {}, "forest/a.jpg"),
    "mask of another size": (lambda f: flat(255, mode="L").save(f / "masks/cat/cat_2.png"), {}, "masks/cat/cat_2.png"),
    "empty mask": (lambda f: flat(127, (60, 48), "L").save(f / "masks/cat/cat_3.png"), {}, "masks/cat/cat_3.png"),
    "missing mask": (lambda f: (f / "masks/cat/cat_0.png").unlink(), {}, "masks/cat/cat_0.png"),
    "one background": (lambda f: only_one(f / "backgrounds/forest"), {}, "backgrounds/forest"),
    "more images than there are": (lambda f: None, dict(images=5), "images 5"),
    "one image": (lambda f: None, dict(images=1), "images 1"),
    "too small": (lambda f: None, dict(size=15), "size 15"),
    "a dial of the scenes": (lambda f: None, dict(camouflage=0.5), "camouflage"),
}


@pytest.mark.parametrize("case", SPOILT)
def test_bad_input_is_named_in_one_line(photos, case):
    spoil, options, named = SPOILT[case]
    spoil(photos)
    with pytest.raises(InputError) as caught:
        get(photos, **options)
    assert named in str(caught.value) and "\n" not in str(caught.value)


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(InputError, match="nowhere"):
        get(tmp_path / "nowhere")


def test_a_target_outside_the_square_is_named(photos):
    mask = np.zeros((48, 60), np.uint8)
    mask[:, :5] = 255  # the first 6 columns are cut off
    Image.fromarray(mask).save(photos / "masks/cat/cat_0.png")
    with pytest.raises(InputError, match=r"cat_0\.png"):
        get(photos)


def test_square_neither_stretches_nor_moves():
    wide = np.random.default_rng(0).integers(0, 256, (16, 30, 3), dtype=np.uint8)
    assert np.array_equal(np.asarray(square(Image.fromarray(wide), 16)), wide[:, 7:23])


BAD = {
    "truncated": (lambda f: truncate(f / "targets/cat/cat_1.png"), "targets/cat/cat_1"),
    "no bytes": (lambda f: (f / "targets/cat/cat_1.png").write_bytes(b""), "targets/cat/cat_1.png"),
    "mask of another size": (lambda f: flat(255, mode="L").save(f / "masks/cat/cat_1.png"), "masks/cat/cat_1.png"),
    "empty mask": (lambda f: flat(0, (60, 48), "L").save(f / "masks/cat/cat_1.png"), "masks/cat/cat_1.png"),
    "missing mask": (lambda f: (f / "masks/cat/cat_1.png").unlink(), "masks/cat/cat_1.png"),
    "a name that is no text": (
        lambda f: os.rename(f / "targets/cat/cat_1.png", bytes(f / "targets/cat") + b"/\xff.png"),
        "udcff",
    ),
    "background": (lambda f: (f / "backgrounds/forest/place_1.png").write_text("hello"), "backgrounds/forest/place_1.png"),
}


@pytest.mark.parametrize("compose", [False, True])
@pytest.mark.parametrize("case", BAD)
def test_a_bad_picture_is_left_out_as_if_it_were_not_there_and_listed(make_photos, case, compose):
    spoil, named = BAD[case]
    with_bad, without = make_photos("with"), make_photos("without")
    spoil(with_bad)
    for file in ["backgrounds/forest/place_1.png"] if case == "background" else ["targets/cat/cat_1.png", "masks/cat/cat_1.png"]:
        (without / file).unlink()
    expected = get(without, compose=compose)
    for _ in range(2):  # the second time from the cache
        with pytest.warns(UserWarning, match="left out:") as caught:
            seen = get(with_bad, compose=compose, skip_bad=True)
        [line] = seen.skipped
        assert named in line and line in str(caught[0].message)
        assert seen.names == expected.names and torch.equal(seen.masks, expected.masks)
        assert torch.equal(seen.targets, expected.targets) and torch.equal(seen.backgrounds, expected.backgrounds)


def test_a_target_outside_the_square_is_left_out_unless_it_is_cut_out(photos):
    mask = np.zeros((48, 60), np.uint8)
    mask[:, :5] = 255
    Image.fromarray(mask).save(photos / "masks/cat/cat_0.png")
    with pytest.warns(UserWarning, match="outside the central square"):
        assert get(photos, skip_bad=True).names == ("cat_1", "cat_2", "cat_3")
    assert get(photos, compose=True, skip_bad=True).skipped == ()


def test_without_bad_pictures_nothing_changes(photos, recwarn):
    plain, careful = get(photos), get(photos, skip_bad=True)
    assert careful.skipped == () and not recwarn.list
    assert torch.equal(plain.targets, careful.targets) and torch.equal(plain.backgrounds, careful.backgrounds)


@pytest.mark.parametrize(("folder", "named"), [("targets/cat", "targets: 0 of 4"), ("backgrounds/forest", "backgrounds: 1 of 5")])
def test_too_few_that_are_left_are_refused_with_the_first_complaint(photos, folder, named):
    for file in sorted((photos / folder).iterdir())[folder.startswith("backgrounds") :]:
        file.write_text("no picture")
    with pytest.raises(InputError, match=rf"{named} can be used; at least \d are needed \(.*png: not a picture\)"):
        get(photos, skip_bad=True)


@pytest.fixture
def on_disk(tmp_path, monkeypatch):
    """Photos of more than 10,000 bytes are kept on disk: five of 32 pixels, but not three. The folder with their files."""
    monkeypatch.setenv("BGNB_CACHE", str(tmp_path / "own"))
    monkeypatch.setattr(images, "LARGE", 10_000)
    return tmp_path / "own" / "pictures"


@pytest.mark.parametrize("compose", [False, True])
def test_photos_on_disk_are_those_in_memory_and_train_to_the_same_bits(make_photos, on_disk, monkeypatch, compose):
    photos = make_photos(backgrounds=12)
    run = Run(source=str(photos), size=32, patch=16, per_image=2, batch=8, epochs=2, compose=compose, device="cpu")
    seen = [load(**run.load_arguments(), progress=False) for _ in range(2)]  # the second from the cache
    with monkeypatch.context() as patch:
        patch.setattr(images, "LARGE", 10**9)
        expected = load(**run.load_arguments(), progress=False)
    for each in seen:
        assert images.file_of(each.backgrounds).parent == on_disk and images.file_of(each.targets) is None
        for name in ("targets", "masks", "backgrounds"):
            assert torch.equal(getattr(each, name), getattr(expected, name))
    assert each.names == expected.names and images.file_of(expected.backgrounds) is None
    one, two = (fit(pictures, run, progress=False) for pictures in (each, expected))
    assert one.losses == two.losses
    assert all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), two.state_dict().values(), strict=True))


def test_the_cache_holds_photos_on_disk_once(make_photos, on_disk):
    result = get(make_photos(backgrounds=60))
    sizes = {file.suffix: file.stat().st_size for file in on_disk.iterdir()}
    assert sizes.keys() == {".pixels", ".safetensors"}
    assert sizes[".pixels"] == result.backgrounds.numel() > 2 * sizes[".safetensors"]


def test_a_preparation_that_was_cut_off_goes_on(make_photos, on_disk, monkeypatch):
    photos, read = make_photos(backgrounds=20), []
    whole = get(photos).backgrounds.clone()
    for file in on_disk.iterdir():
        file.unlink()
    real = images.read_photo

    def cut_off(path, *mode, **options):
        read.append(path)
        if path.name == "place_19.png" and "goes on" not in read:
            raise KeyboardInterrupt
        return real(path, *mode, **options)

    monkeypatch.setattr(images, "read_photo", cut_off)
    with pytest.raises(KeyboardInterrupt):
        get(photos)
    [part] = on_disk.glob("*.part")
    done = part.stat().st_size // (3 * 32 * 32)
    with part.open("ab") as file:
        file.write(b"half a picture")
    read[:] = ["goes on"]
    assert torch.equal(get(photos).backgrounds, whole)
    again = [path for path in read[1:] if path.parent.name == "forest"]
    assert 0 < done < 20 and len(again) == 20 - done
    assert not [*on_disk.glob("*.part")]


def test_another_time_or_size_of_a_photo_on_disk_is_another_photo(make_photos, on_disk):
    photos = make_photos(backgrounds=12)
    before = get(photos).backgrounds
    flat((9, 9, 9)).save(photos / "backgrounds/forest/place_1.png")
    changed = get(photos).backgrounds
    assert (changed[1] == 9).all() and torch.equal(changed[0], before[0])
    os.utime(photos / "backgrounds/forest/place_1.png", ns=(1, 1))
    assert images.file_of(get(photos).backgrounds) != images.file_of(changed)


def test_photos_on_disk_that_were_changed_in_memory_are_not_taken_for_the_file(make_photos, on_disk):
    photos = make_photos(backgrounds=12)
    backgrounds = get(photos).backgrounds
    assert images.identity(backgrounds) == images.file_of(backgrounds).name
    assert torch.equal(images.identity(backgrounds[:5]), backgrounds[:5])
    backgrounds[0] = 0
    assert torch.equal(images.identity(backgrounds), backgrounds)
    assert get(photos).backgrounds[0].any()  # the file is as it was


def test_where_nothing_can_be_written_they_stay_in_memory(make_photos, tmp_path, monkeypatch):
    photos = make_photos(backgrounds=12)
    expected = get(photos).backgrounds
    monkeypatch.setattr(images, "LARGE", 10_000)
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("BGNB_CACHE", str(tmp_path / "file"))
    with pytest.warns(UserWarning, match="the backgrounds stay in memory"):
        seen = get(photos).backgrounds
    assert torch.equal(seen, expected) and images.file_of(seen) is None


@pytest.mark.parametrize("spoil", [lambda file: file.unlink(), lambda file: file.write_bytes(b"12345")])
def test_a_file_of_photos_that_is_gone_or_damaged_is_made_again(make_photos, on_disk, spoil):
    photos = make_photos(backgrounds=12)
    expected = get(photos).backgrounds.clone()
    [file] = on_disk.glob("*.pixels")
    spoil(file)
    assert torch.equal(get(photos).backgrounds, expected)


def test_a_bad_photo_is_named_on_the_way_to_the_disk_too(make_photos, on_disk):
    photos = make_photos(backgrounds=12)
    truncate(photos / "backgrounds/forest/place_2.png")
    with pytest.raises(InputError, match=r"place_2\.jpg"):
        get(photos)


def test_standardised_colours_have_one_mean_and_one_spread():
    rng = np.random.default_rng(0)
    photos = rng.integers(60, 90, (3, 3, 20, 30)).astype(np.uint8)
    photos[1] //= 3
    photos[2, 1] = 77  # an even colour
    found = standardise(torch.from_numpy(photos)).numpy()
    for photo, made in zip(photos.astype(float), found, strict=True):
        for before, after in zip(photo, made, strict=True):
            expected = (before - before.mean()) / max(FAINT, before.std()) * SPREAD + MEAN
            assert np.abs(after - expected.clip(0, 255)).max() <= 0.51
    assert (found[2, 1] == MEAN).all() and abs(found[1].mean() - MEAN) < 1


def test_load_standardises_every_photo_and_keeps_masks(photos):
    kept, even = (load(photos, size=32, colours=colours, progress=False) for colours in ("kept", "standardised"))
    assert torch.equal(even.targets, standardise(kept.targets)) and torch.equal(even.backgrounds, standardise(kept.backgrounds))
    assert torch.equal(even.masks, kept.masks) and even.names == kept.names
    with pytest.raises(InputError, match="colours 'grey'"):
        load(photos, colours="grey")


@pytest.mark.parametrize("size", [(40, 40), (42, 40), (60, 40), (40, 100), (800, 40)])
def test_squares_cover_the_whole_photo(tmp_path, size):
    width, height = size
    across = np.broadcast_to(np.linspace(0, 255, width), (height, width))
    down = np.broadcast_to(np.linspace(0, 255, height)[:, None], (height, width))
    photo = Image.fromarray(np.dstack([across, down, 0 * down]).astype(np.uint8))
    photo.save(tmp_path / "photo.png")
    count = pieces(tmp_path / "photo.png")
    assert count == max(1, -(-(max(size) - 2) // min(size)))
    made = np.stack([np.asarray(piece(photo, 40, i, count)) for i in range(count)]).astype(int)
    assert made.shape == (count, 40, 40, 3) and made[..., 0].min() <= 8 and made[..., 0].max() >= 247
    assert made[..., 1].min() <= 8 and made[..., 1].max() >= 247
    long = 0 if width >= height else 1
    starts, ends = made[..., long].min((1, 2)), made[..., long].max((1, 2))
    assert (starts[1:] <= ends[:-1] + 8).all()  # no gap between neighbours
