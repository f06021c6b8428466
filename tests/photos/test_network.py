"""The network behind the cut-outs of your photos can be had again: it is not trained a second time."""

import numpy as np
import torch
from PIL import Image

import bgnb
from bgnb.photos import extract, extraction, network


def test_it_is_the_one_that_extract_trained(tmp_path, monkeypatch):
    for folder, light in (("with", 200), ("without", 40)):
        (tmp_path / folder).mkdir()
        for i in range(3):
            pixels = np.random.default_rng(i).integers(light - 40, light + 40, (40, 48, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / folder / f"{i}.png")
    piles, run = (tmp_path / "with", tmp_path / "without"), bgnb.Run(size=32, patch=16, stride=8, epochs=1, device="cpu")
    asked, trained = [], extraction.trained
    monkeypatch.setattr(extraction, "trained", lambda *given, **more: asked.append(trained(*given, **more)) or asked[-1])
    extract(*piles, tmp_path / "out", run, progress=False)
    monkeypatch.setattr(bgnb.training, "fit_or_go_on", None)  # so that no training can begin
    again = network(*piles, run).state_dict()
    assert all(torch.equal(again[name], weights) for name, weights in asked[0].state_dict().items())
