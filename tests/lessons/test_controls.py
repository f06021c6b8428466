"""Sliders driven by setting their values; what they show is read off the figure's numbers and the picture's pixels."""

import io

import numpy as np
import torch
from PIL import Image

import bgnb
from bgnb import plots
from bgnb.files import InputError
from bgnb.lessons.controls import ERROR, sliders


def pixels(widget) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(widget.picture.value)).convert("RGB"), int)


def test_a_higher_threshold_outlines_fewer_pixels():
    photo, ramp = torch.full((3, 32, 32), 90, dtype=torch.uint8), torch.linspace(0, 1, 32 * 32).view(32, 32)
    widget = sliders(lambda threshold: plots.draw_map(photo, ramp, threshold), threshold=(0.05, 0.95, 0.05, 0.25))
    before, low = widget.figure.numbers["outlined"], pixels(widget)
    widget.controls["threshold"].value = 0.75
    assert (before, widget.figure.numbers["outlined"]) == (int((ramp >= 0.25).sum()), int((ramp >= 0.75).sum()))
    assert (low != pixels(widget)).any()


def test_the_min_fraction_moves_patches_from_p_to_f():
    photos = bgnb.load(size=64, images=4, progress=False)

    def draw(min_fraction):
        return plots.draw_patches(photos, bgnb.sample_patches(photos, 24, 8, min_fraction=min_fraction))

    widget = sliders(draw, min_fraction=(0.0, 1.0, 0.05, 0.1))
    counts = []
    for fraction in (0.0, 0.3, 1.0):
        widget.controls["min_fraction"].value = fraction
        counts.append(widget.figure.numbers.get("F", 0))
    assert counts[0] == 0 and counts == sorted(counts) and counts[-1] > counts[0]


def test_a_wrong_value_is_a_sentence_and_goes_away():
    def draw(patch):
        if patch > 5:
            raise InputError(f"patch {patch}: larger than <the image>")
        return plots.draw_losses([1.0, 0.5])

    widget = sliders(draw, patch=(1, 9, 1, 2))
    good = widget.picture.value
    widget.controls["patch"].value = 7
    assert ERROR in widget.message.value and "patch 7: larger than &lt;the image&gt;" in widget.message.value
    assert "Traceback" not in widget.message.value and widget.picture.value == good
    widget.controls["patch"].value = 3
    assert widget.message.value == ""


def test_every_control_is_labelled_and_a_static_picture_stands_beside_the_widget():
    widget = sliders(lambda overlap, redraw: plots.draw_losses([1.0, 0.5]), overlap=["average", "add"], redraw=True)
    assert all(control.description for control in widget.controls.values())
    bundle = widget._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in bundle and bundle["image/png"]
