"""Damaged and odd pictures: each is read right, compared with Pillow and arithmetic by hand, or refused by name."""

import io
import os
import random
import struct
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
from PIL import Image

from bgnb.data.images import LONGEST, MOST_PIXELS, read_mask, read_photo, squares
from bgnb.files import InputError
from bgnb.scenes import target_picture

MEMORY = 2e9  # bytes that reading a picture may take at most
ORIENTATIONS = {  # EXIF -> what turns the stored array upright
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: a.swapaxes(0, 1)[:, ::-1],
    7: lambda a: a.swapaxes(0, 1)[::-1, ::-1],
    8: lambda a: a.swapaxes(0, 1)[::-1],
}
REFUSED = "refused"  # instead of pixels: the picture must be refused, whatever Pillow makes of it
SCENES = []


def scene(rng: random.Random) -> Image.Image:
    """A piece of a drawn scene."""
    if not SCENES:
        SCENES.extend(target_picture("cat", "forest", index, size=96)[0] for index in range(3))
    top, left = rng.randrange(40), rng.randrange(40)
    return Image.fromarray(rng.choice(SCENES)[top : top + rng.randint(16, 56), left : left + rng.randint(16, 56)].copy())


# ---- each returns the pixels that are right, REFUSED, or None: ask Pillow ----


def encode(rng: random.Random, picture: Image.Image, **options) -> tuple[bytes, str]:
    kind = rng.choice(("JPEG", "PNG", "WEBP"))
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue(), {"JPEG": ".jpg", "PNG": ".png", "WEBP": ".webp"}[kind]


def truncated(rng, stem):
    content, suffix = encode(rng, scene(rng))
    return write(stem, suffix, content[: rng.randrange(len(content))]), None


def flipped(rng, stem):
    content, suffix = encode(rng, scene(rng))
    content = bytearray(content)
    first = rng.choice((64, len(content)))  # of two, one is flipped in its header
    for _ in range(rng.choice((1, 1, 2, 5, 20))):
        content[rng.randrange(min(first, len(content)))] ^= 1 << rng.randrange(8)
    return write(stem, suffix, bytes(content)), None


def garbage(rng, stem):
    head = rng.choice(
        (b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF\0\0\0\0WEBPVP8 ", b"GIF89a", b"%!PS-Adobe-3.0 EPSF-3.0\n", b"II*\0")
    )
    return write(stem, rng.choice((".jpg", ".png", ".webp")), head + rng.randbytes(rng.choice((0, 1, 40, 4000)))), None


def wrong_suffix(rng, stem):
    picture, buffer = scene(rng), io.BytesIO()
    kind = rng.choice(("PNG", "BMP", "TIFF", "PPM", "TGA", "ICO", "PCX", "GIF", "EPS", "PDF", "SGI", "DDS"))
    picture.save(buffer, kind)
    right = np.asarray(picture) if kind in ("PNG", "BMP", "TIFF", "PPM", "TGA", "PCX", "SGI") else None
    return write(stem, rng.choice((".jpg", ".jpeg", ".webp")), buffer.getvalue()), right


def no_picture(rng, stem):
    words = rng.choice(
        (
            b"hello\n",
            b"<svg xmlns='http://www.w3.org/2000/svg'/>",
            b"PK\3\4zip",
            b"\0" * 999,
            b"%PDF-1.7\n",
            b"import os\n",
            b"",
        )
    )
    return write(stem, rng.choice((".jpg", ".png", ".webp")), words), REFUSED


def four_colours(rng, stem):
    picture = scene(rng)
    kind, mode = rng.choice((("JPEG", "CMYK"), ("TIFF", "CMYK"), ("TIFF", "LAB"), ("JPEG", "YCbCr"), ("TIFF", "YCbCr")))
    if mode == "LAB":
        picture = Image.frombytes("LAB", picture.size, picture.tobytes())
    elif mode == "CMYK":
        picture = picture.convert("CMYK")
    buffer = io.BytesIO()
    picture.save(buffer, kind)
    return write(stem, ".jpg" if kind == "JPEG" else ".png", buffer.getvalue()), None


def deep(rng, stem):
    """More than 8 bits for each colour."""
    grey = np.asarray(scene(rng).convert("L")).astype(np.uint16) * 257 + rng.randrange(256)
    kind = rng.choice(("grey", "grey", "grey TIFF", "integers", "reals", "colours"))
    if kind == "colours":
        rows = np.random.default_rng(rng.randrange(2**32)).integers(0, 2**16, (20, 24, 3)).astype(">u2")
        return png(stem.with_suffix(".png"), 24, 20, 2, 16, [row.tobytes() for row in rows]), (rows >> 8).astype(np.uint8)
    if kind in ("integers", "reals"):
        Image.fromarray(grey.astype(np.int32 if kind == "integers" else np.float32)).save(stem.with_suffix(".tif"))
        return stem.with_suffix(".tif").rename(stem.with_suffix(".png")), REFUSED  # nobody knows what is white
    Image.fromarray(np.minimum(grey, 65535)).save(stem.with_suffix(".png" if kind == "grey" else ".tif"))
    if kind == "grey TIFF":
        stem.with_suffix(".tif").rename(stem.with_suffix(".png"))
    right = np.minimum(grey, 65535) / 257
    return stem.with_suffix(".png"), np.stack([right] * 3, -1)


def palette(rng, stem):
    picture = scene(rng).quantize(rng.choice((2, 4, 16, 256)))
    colours = np.array(picture.getpalette(), np.uint8).reshape(-1, 3)
    right, options = colours[np.asarray(picture)], {}
    if rng.random() < 0.5:
        alpha = [rng.randrange(256) for _ in colours]
        options["transparency"] = bytes(alpha)
        right = on_white(right, np.array(alpha)[np.asarray(picture)])
    picture.save(stem.with_suffix(".png"), **options)
    return stem.with_suffix(".png"), right


def grey(rng, stem):
    picture = scene(rng).convert(rng.choice(("1", "L")))
    picture.save(stem.with_suffix(".png"))
    values = np.asarray(picture).astype(np.uint8) * (255 if picture.mode == "1" else 1)
    return stem.with_suffix(".png"), np.stack([values] * 3, -1)


def transparent(rng, stem):
    picture = scene(rng)
    alpha = np.random.default_rng(rng.randrange(2**32)).integers(0, 256, picture.size[::-1], dtype=np.uint8)
    if rng.random() < 0.3:  # one colour is transparent, without an alpha channel
        picture.save(stem.with_suffix(".png"), transparency=picture.getpixel((0, 0)))
        pixels = np.asarray(picture)
        return stem.with_suffix(".png"), on_white(pixels, np.where((pixels == pixels[0, 0]).all(-1), 0, 255))
    picture = picture.convert(rng.choice(("RGB", "L")))
    pixels = np.asarray(picture.convert("RGB"))
    picture.putalpha(Image.fromarray(alpha))
    suffix = rng.choice((".png", ".webp"))
    picture.save(stem.with_suffix(suffix), lossless=True, exact=True)
    return stem.with_suffix(suffix), on_white(pixels, alpha)


def on_white(pixels, alpha):
    share = np.asarray(alpha)[..., None] / 255
    return pixels * share + 255 * (1 - share)


def animated(rng, stem):
    picture = scene(rng)
    frames = [Image.new("RGB", picture.size, (i, 0, 255 - i)) for i in range(rng.randint(1, 4))]
    suffix, options = rng.choice(((".png", {}), (".webp", {"lossless": True}), (".gif", {})))
    picture.save(stem.with_suffix(suffix), save_all=True, append_images=frames, duration=40, **options)
    if suffix == ".gif":  # 256 colours: its first frame is compared with what Pillow alone reads
        return stem.with_suffix(".gif").rename(stem.with_suffix(".png")), None
    return stem.with_suffix(suffix), np.asarray(picture)


def turned(rng, stem):
    """EXIF orientation, valid, unknown or damaged."""
    picture, exif = scene(rng), Image.Exif()
    orientation = rng.choice((1, 2, 3, 4, 5, 6, 7, 8, 0, 9, 65535))
    exif[0x0112] = orientation
    content = exif.tobytes()
    if rng.random() < 0.2:
        content = b"Exif\0\0" + rng.randbytes(30)
        orientation = None
    suffix = rng.choice((".png", ".webp", ".jpg"))
    picture.save(stem.with_suffix(suffix), exif=content, **({"quality": 95} if suffix == ".jpg" else {"lossless": True}))
    if orientation is None:
        return stem.with_suffix(suffix), None
    with Image.open(stem.with_suffix(suffix)) as stored:
        return stem.with_suffix(suffix), ORIENTATIONS.get(orientation, lambda a: a)(np.asarray(stored.convert("RGB")))


def bomb(rng, stem):
    """A few bytes that claim to be huge, in the header or behind it."""
    side = rng.choice((20_000, 50_000, 2**16 - 1))
    kind = rng.choice(("png", "png", "gif", "bmp", "jpg", "text", "profile", "inside the limit"))
    if kind == "gif":
        return write(
            stem,
            ".png",
            b"GIF89a"
            + struct.pack("<HHBBB", side, side, 0, 0, 0)
            + b","
            + struct.pack("<HHHHB", 0, 0, side, side, 0)
            + b"\2\1\0;",
        ), REFUSED
    if kind == "bmp":
        return write(
            stem,
            ".png",
            b"BM" + struct.pack("<IHHI", 99, 0, 0, 54) + struct.pack("<IiiHHIIiiII", 40, side, side, 1, 24, 0, 0, 0, 0, 0, 0),
        ), REFUSED
    if kind == "jpg":
        content = bytearray(encode_as(scene(rng), "JPEG"))
        at = content.index(b"\xff\xc0") + 5
        content[at : at + 4] = struct.pack(">HH", side, side)
        return write(stem, ".jpg", bytes(content)), REFUSED
    if kind in ("text", "profile"):  # 100 MB of zeros behind the header
        packed = zlib.compress(b"\0" * 10**8, 9)
        chunk = (b"zTXt", b"a\0\0" + packed) if kind == "text" else (b"iCCP", b"a\0\0" + packed)
        return png(stem.with_suffix(".png"), 20, 20, 2, 8, [bytes(60)] * 20, [chunk]), None
    if kind == "inside the limit":
        return png(stem.with_suffix(".png"), 9_999, 9_999, rng.choice((0, 2, 6)), 8, []), REFUSED
    return png(stem.with_suffix(".png"), side, side, rng.choice((0, 2, 6)), rng.choice((8, 16)), [bytes(9)]), REFUSED


def stretched(rng, stem):
    """Extreme shapes, on either side of the limit."""
    long, short = rng.choice(((1, 1), (50, 1), (51, 1), (2, 1), (5000, 1), (5000, 100), (5050, 101), (5052, 101), (300, 7)))
    width, height = (long, short) if rng.random() < 0.5 else (short, long)
    colour = tuple(rng.randrange(256) for _ in range(3))
    Image.new("RGB", (width, height), colour).save(stem.with_suffix(".png"))
    return stem.with_suffix(".png"), REFUSED if long > LONGEST * short else np.full((height, width, 3), colour)


def linked(rng, stem):
    """Links: to a picture, to nothing, to themselves, in a circle, to a folder; and a pipe."""
    file, kind = stem.with_suffix(".png"), rng.choice(("picture", "nothing", "itself", "circle", "folder", "pipe"))
    other = stem.with_name(f"{stem.name}-other")
    if kind == "picture":
        picture = scene(rng)
        picture.save(other, "PNG")
        file.symlink_to(other)
        return file, np.asarray(picture)
    if kind == "pipe":
        os.mkfifo(file)
        return file, REFUSED
    file.symlink_to({"nothing": other, "itself": file, "circle": other, "folder": stem.parent}[kind])
    if kind == "circle":
        other.symlink_to(file)
    return file, REFUSED


def odd_name(rng, stem):
    names = (
        b"\xff",
        b"a\nb",
        b"n" * 200,
        b"-rf",
        b" ",
        b"a'b\"c",
        "ü\u202e猫\U0001f431".encode(),
        b"*?[a]",
        b"a.jpg.png",
        b"%s{0}$HOME",
        b"\t\r",
    )
    name = os.fsdecode(rng.choice(names) + str(rng.randrange(10**9)).encode() + b".png")
    picture = scene(rng)
    with open(os.fsencode(stem.parent / name), "wb") as file:
        file.write(encode_as(picture, "PNG"))
    valid = not any("\ud800" <= letter <= "\udfff" for letter in name)
    if valid and rng.random() < 0.3:
        (stem.parent / name).write_bytes(b"damaged")
        return stem.parent / name, REFUSED
    return stem.parent / name, np.asarray(picture) if valid else REFUSED


def mask(rng, stem):
    """A mask in any mode: what is above half is target."""
    values = np.random.default_rng(rng.randrange(2**32)).integers(0, 256, (20, 24), dtype=np.uint8)
    kind = rng.choice(("grey", "black and white", "16 bits", "0 and 1", "another size", "empty", "colours"))
    made = {
        "grey": lambda: Image.fromarray(values),
        "colours": lambda: Image.fromarray(np.stack([values] * 3, -1)),
        "black and white": lambda: Image.fromarray(values > 127),
        "16 bits": lambda: Image.fromarray(values.astype(np.uint16) * 257),
        "0 and 1": lambda: Image.fromarray(values // 128),
        "another size": lambda: Image.fromarray(values[:-1]),
        "empty": lambda: Image.fromarray(values // 2),
    }[kind]()
    made.save(stem.with_suffix(".png"))
    return stem.with_suffix(".png"), REFUSED if kind in ("0 and 1", "another size", "empty") else 255 * (values > 127)


KINDS: dict[str, tuple[int, Callable]] = {  # what tables call it -> its share, and what makes it
    "truncated": (4, truncated),
    "bits flipped": (5, flipped),
    "bytes at random": (2, garbage),
    "no picture": (1, no_picture),
    "wrong suffix": (2, wrong_suffix),
    "CMYK, LAB, YCbCr": (1, four_colours),
    "16 bits and more": (2, deep),
    "palette": (2, palette),
    "grey, black and white": (1, grey),
    "transparent": (2, transparent),
    "animated": (1, animated),
    "EXIF orientation": (2, turned),
    "masks": (1, mask),
    "bombs": (2, bomb),
    "extreme shapes": (1, stretched),
    "links and pipes": (1, linked),
    "odd names": (1, odd_name),
}
TURN = [kind for kind, (share, _) in KINDS.items() for _ in range(share)]


def encode_as(picture: Image.Image, kind: str) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind)
    return buffer.getvalue()


def write(stem: Path, suffix: str, content: bytes) -> Path:
    file = stem.with_suffix(suffix)
    file.write_bytes(content)
    return file


def png(file: Path, width: int, height: int, colour: int, bits: int, rows: Iterable[bytes], chunks=()) -> Path:
    """A PNG by hand, so that its header may lie: ``colour`` is 0 (grey), 2 (RGB) or 6 (RGBA)."""
    packer, packed = zlib.compressobj(1), bytearray()
    for row in rows:
        packed += packer.compress(b"\0" + row)
    packed += packer.flush()
    head = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    with file.open("wb") as out:
        out.write(b"\x89PNG\r\n\x1a\n")
        for name, content in [(b"IHDR", head), *chunks, (b"IDAT", bytes(packed)), (b"IEND", b"")]:
            out.write(struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content)))
    return file


def by_pillow(file: Path) -> np.ndarray | str:
    """What Pillow alone makes of a picture: its pixels, upright and on white; REFUSED if it raises anything."""
    try:
        with Image.open(file) as picture:
            if picture.width * picture.height > MOST_PIXELS or max(picture.size) > LONGEST * min(picture.size):
                return REFUSED
            picture.load()
            try:
                orientation = picture.getexif().get(0x0112, 1)
            except Exception:  # a damaged header; the pixels are whole
                return REFUSED
            if picture.mode in ("I", "F"):
                return REFUSED
            if picture.mode.startswith("I;16"):
                pixels = np.stack([np.asarray(picture) / 257] * 3, -1)
            elif picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
                coloured = np.asarray(picture.convert("RGBA"))
                pixels = on_white(coloured[..., :3], coloured[..., 3])
            else:
                pixels = np.asarray(picture.convert("RGB"))
            return ORIENTATIONS.get(orientation, lambda a: a)(pixels)
    except Exception:  # whatever its decoders raise
        return REFUSED


def check(number: int, seed: int, folder: Path) -> tuple[str, str]:
    """Make one picture and read it: its kind, and "read", "refused" or what went wrong."""
    rng = random.Random(f"pictures {seed} {number}")
    kind = TURN[number % len(TURN)]
    file, right = KINDS[kind][1](rng, folder / f"{number:04d}")
    if right is None:
        right = by_pillow(file)
    try:
        found = np.asarray(read_mask(file, Image.new("RGB", (24, 20))) if kind == "masks" else read_photo(file))
    except InputError as error:
        words = str(error)
        if str(file).replace("\n", "\\n") not in words and ascii(str(file)) not in words:
            return kind, f"{file.name!a}: the message does not name the file: {words}"
        if "\n" in words:
            return kind, f"{file.name!a}: the message has more than one line"
        return kind, "refused" if isinstance(right, str) else f"{file.name!a}: refused, but nothing is wrong with it: {words}"
    except Exception as error:  # this is what must not happen
        return kind, f"{file.name!a}: {type(error).__name__}: {error}"
    if isinstance(right, str):
        return kind, f"{file.name!a}: read, but should be refused"
    if found.shape != right.shape or np.abs(found - right.astype(float)).max() > 1.01:  # rounding
        return kind, f"{file.name!a}: read wrongly"
    return kind, "read"


def block(first: int, last: int, seed: int, folder: str) -> tuple[list[tuple[str, str]], float]:
    """Some pictures, and the most anonymous memory that this process has ever taken, in bytes."""
    place = Path(folder) / str(first)
    place.mkdir(parents=True)
    code = memory("RssFile")
    return [check(number, seed, place) for number in range(first, last)], memory("VmHWM") - code


def largest(folder: str, together: bool) -> tuple[list[str], float]:
    """The largest pictures that are read, one by one or all at once: faults, and the most anonymous memory in bytes."""
    side, faults, files, place = int(MOST_PIXELS**0.5), [], [], Path(folder) / f"largest-{together}"
    place.mkdir(parents=True)
    for name, colour, bits, pixel in (
        ("grey", 0, 8, b"\7"),
        ("deep", 0, 16, b"\7\7"),
        ("RGB", 2, 8, b"\7" * 3),
        ("alpha", 6, 8, b"\7\7\7\xff"),
    ):
        files.append(png(place / f"{name}.png", side, side, colour, bits, (pixel * side for _ in range(side))))
    code = memory("RssFile")
    if together:
        found = squares(files, 64, "the largest", progress=False)
        faults += [file.name for file, pixels in zip(files, found, strict=True) if not (pixels == 7).all()]
    else:
        for file in files:
            picture = read_photo(file)
            corners = {picture.getpixel((x, y)) for x in (0, side - 1) for y in (0, side - 1)}
            faults += [file.name] if picture.size != (side, side) or corners != {(7, 7, 7)} else []
            del picture
    return faults, memory("VmHWM") - code


def memory(what: str) -> float:
    """A line of /proc/self/status in bytes: VmHWM is the most resident memory so far, RssFile the part of it that holds code."""
    words = Path("/proc/self/status").read_text().split()
    return 1024 * int(words[words.index(f"{what}:") + 1])
