"""Files that are whole or absent, and one key for what decides them."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from bgnb import InputError
from bgnb.files import atomic_write, key, load_tensors, save_tensors

PARTS = st.lists(st.text(max_size=3) | st.integers(0, 3) | st.dictionaries(st.text(max_size=2), st.integers(0, 2), max_size=2))


@given(PARTS, PARTS)
def test_keys_are_equal_for_equal_parts_only(one, other):
    assert (key(*one) == key(*other)) == ([*map(repr, map(ordered, one))] == [*map(repr, map(ordered, other))])


def ordered(part):
    return dict(sorted(part.items())) if isinstance(part, dict) else part


def test_a_key_sees_the_content_of_files_and_the_shape_of_tensors(tmp_path):
    file = tmp_path / "a.txt"
    file.write_text("one")
    before = key(file)
    assert before == key(file)
    file.write_text("two")
    assert key(file) != before
    with pytest.raises(InputError, match=r"absent\.txt"):
        key(tmp_path / "absent.txt")
    pixels = torch.arange(12, dtype=torch.uint8)
    assert key(pixels.view(3, 4)) != key(pixels.view(4, 3)) and key(pixels) == key(pixels.clone())


def test_tensors_come_back_as_they_were(tmp_path):
    tensors = {"a": torch.rand(2, 3).to(torch.bfloat16), "b": torch.arange(4).view(2, 2).T}
    save_tensors(tmp_path / "t.safetensors", tensors, {"note": "x"})
    found, metadata = load_tensors(tmp_path / "t.safetensors")
    assert metadata == {"note": "x"} and all(torch.equal(found[name], tensor) for name, tensor in tensors.items())


@pytest.mark.parametrize("content", [None, b"", b"no tensors", b"\x10\0\0\0\0\0\0\0{"])
def test_a_file_without_tensors_is_named_in_one_line(tmp_path, content):
    file = tmp_path / "t.safetensors"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(InputError, match=r"t\.safetensors: cannot be read") as caught:
        load_tensors(file)
    assert "\n" not in str(caught.value)


def test_what_fails_halfway_leaves_the_old_file_and_nothing_else(tmp_path):
    file = tmp_path / "a.txt"
    file.write_text("old")
    with pytest.raises(OSError, match=r"a\.txt"), atomic_write(file) as part:
        part.write_text("ne")
        raise OSError(28, "No space left on device")
    assert file.read_text() == "old" and [p.name for p in tmp_path.iterdir()] == ["a.txt"]
