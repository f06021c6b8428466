"""The page's training in front of a reader: controls act while it trains, and what it counts is what Python counts."""

import io
from dataclasses import replace

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from PIL import Image

import bgnb
from bgnb import moving
from bgnb.files import InputError
from bgnb.lessons.live import RUN as LIVE
from bgnb.lessons.live import live_page
from bgnb.moving.photo import flat
from bgnb.study.theory import bayes_backgroundness, shift

from .conftest import put

RUN = replace(LIVE, size=48, images=6, patch=16, epochs=1, batch=16)
# Train some updates by hand, then tell what training.js reports, and the weights that it used.
TRAIN = """async ([payload, wish, updates]) => {
  const revive = (v) => new DataView(Uint8Array.from(atob(v.b64), (c) => c.charCodeAt(0)).buffer);
  const { given, state, data } = payload, m = window.module;
  for (const name in data) data[name] = revive(data[name]);
  const { begin } = await m.prepared(given, data);
  let net, told;
  const learner = async (all) => (net = await m.learner(all));
  const hear = m.training({ learner, targetness: m.targetness, ious: m.ious, tell: (report) => { told = report; } });
  hear({ begin, seed: 1, lr: 0.05, ratio: 1, pace: 1, truth: false, raw: false, photo: 2, running: false, factor: 1 });
  for (let i = 0; i < updates; i++) hear({ step: true });
  hear(wish);
  await new Promise((done) => setTimeout(done, 3000));
  return { ...told, levels: [...told.levels], scores: [...told.scores], mean: [...net.mean], weights: [...net.weights] };
}"""


@pytest.fixture(scope="module")
def photos() -> bgnb.ImageSet:
    return bgnb.load(**RUN.load_arguments(), progress=False)


def seen(picture: moving.Moving) -> torch.Tensor:
    """The photos as the page sees them, targets first: ``(n, 3, size, size)`` uint8."""
    given = picture.given
    whole, size = np.asarray(Image.open(io.BytesIO(picture.data["photos"])).convert("RGB")), given["size"]
    places = [(i // given["across"] * size, i % given["across"] * size) for i in range(given["n"])]
    return torch.from_numpy(np.stack([whole[y : y + size, x : x + size] for y, x in places])).permute(0, 3, 1, 2)


def network(weights: list[float]) -> bgnb.networks.Network:
    """A ``micro`` of the page's weights: ``flat`` turned around by asking where each of its numbers goes."""
    model = bgnb.build("micro", 16).eval()
    order = bgnb.build("micro", 16)
    with torch.no_grad():
        start = 0
        for values in order.parameters():  # number every weight, and see where flat puts the numbers
            values.copy_(torch.arange(start, start + values.numel(), dtype=torch.float32).view_as(values))
            start += values.numel()
        plain = np.empty(start, np.float32)
        plain[flat(order).astype(int)] = weights
        torch.nn.utils.vector_to_parameters(torch.from_numpy(plain), model.parameters())
    return model


@pytest.mark.parametrize("wish", [{}, {"raw": True}, {"factor": 4}])
def test_the_page_counts_scores_and_maps_as_python_does(page, functions, photos, wish):
    picture = moving.move_live(photos, RUN)
    functions("live", "learner", "training", "targetness", "ious", "prepared")
    told = page.evaluate(TRAIN, [picture.payload()["state"], wish, 40])
    assert told["updates"] == 40
    model = network(told["weights"] if wish.get("raw") else told["mean"])
    pixels, run = seen(picture), replace(RUN, overlap="average", stride=2, precision="fp32")
    scores = shift(bgnb.score_windows(model, pixels[:6], 16, 2, precision="fp32"), wish.get("factor", 1))
    maps = bgnb.targetness(scores, 16, 2, run.size)
    found = bgnb.loc_acc(maps, photos.masks)
    assert told["found"] == round(6 * found.value) and told["threshold"] == found.threshold
    levels = moving.base.levels(maps)[2, ::2, ::2].ravel()
    assert np.abs(levels.astype(int) - told["levels"]).max() <= 1 and (levels == told["levels"]).mean() > 0.99
    watched = np.frombuffer(picture.data["watched"], "<i4").reshape(-1, 3)
    crops = torch.stack([pixels[i, :, y : y + 16, x : x + 16] for i, y, x in watched.tolist()])
    with torch.no_grad():
        expected = shift(model(crops).sigmoid(), wish.get("factor", 1)).numpy()
    assert np.abs(expected - told["scores"]).max() < 1e-6
    kinds = bgnb.sample_patches(photos, 16, 8 * 64 // 6 + 1, 1, generator=RUN.seed).known_kind
    assert [picture.given["kinds"].count(k) for k in "PFN"] == [min(64, (kinds == k).sum()) for k in "PFN"]


def said(page) -> str:
    return page.locator(".said").inner_text()


def updates(page) -> int:
    return int(said(page).partition(" updates")[0])


def test_it_trains_pauses_steps_and_begins_again(shown, photos):
    page = shown(moving.move_live(photos, RUN))
    page.get_by_text("Found in").wait_for()
    first = said(page)
    page.get_by_role("button", name="One update").click()
    page.get_by_text("1 updates").wait_for()
    page.get_by_role("button", name="Train").click()
    page.wait_for_function("() => parseInt(document.querySelector('.said').textContent) > 50")
    page.get_by_role("button", name="Pause").click()
    page.get_by_text("Found in").wait_for()
    rest = updates(page)
    page.wait_for_timeout(300)
    assert updates(page) == rest  # a pause is a pause
    page.get_by_role("button", name="Another seed").click()
    page.get_by_text("0 updates", exact=False).wait_for()
    page.wait_for_function("() => document.querySelector('.said').textContent.startsWith('0 updates')")
    assert said(page) != first


def test_the_ratio_moves_the_formula_and_the_patches_while_it_trains(shown, photos):
    picture = moving.move_live(photos, RUN)
    page, pi = shown(picture), picture.given["pi"]
    page.get_by_role("button", name="Train").click()
    for ratio, arrived in ((-3, "< 0.4"), (2, "> 0.6")):
        put(page, ratio=ratio)
        level = f"{bayes_backgroundness(2**ratio, pi):.2f}"
        page.get_by_text(f"The formula says {level}").wait_for()
        page.wait_for_function(f"() => parseFloat(document.querySelector('.said').textContent.split('N ')[1]) {arrived}")
    put(page, truth=True)
    page.get_by_text("The formula says 1.00").wait_for()


@pytest.mark.parametrize("motion", ["reduce", "no-preference"])
def test_whoever_wants_little_motion_sees_two_pictures_a_second(shown, page, photos, motion):
    page.emulate_media(reduced_motion=motion)
    shown(moving.move_live(photos, RUN))
    page.get_by_role("button", name="Train").click()
    page.wait_for_function("() => parseInt(document.querySelector('.said').textContent) > 20")
    page.evaluate("""() => {
      window.changes = 0;
      new MutationObserver(() => changes++).observe(document.querySelector(".said"), { childList: true });
    }""")
    page.wait_for_timeout(2000)
    changes = page.evaluate("changes")
    page.emulate_media(reduced_motion=None)
    assert 1 <= changes <= 5 if motion == "reduce" else changes > 5


def test_without_workers_it_trains_in_slices_on_the_page(shown, photos):
    page = shown(moving.move_bells())
    page.evaluate("() => { window.Worker = undefined; }")
    shown(moving.move_live(photos, RUN))
    page.get_by_role("button", name="Train").click()
    page.wait_for_function("() => parseInt(document.querySelector('.said').textContent) > 20")


def test_without_masks_nobody_knows_p_from_f(shown, photos):
    page = shown(moving.move_live(bgnb.ImageSet(photos.targets, None, photos.backgrounds), RUN))
    page.get_by_role("button", name="One update").click()
    page.get_by_text("1 updates").wait_for()
    assert "formula" not in said(page) and "Found" not in said(page) and page.get_by_text("tell it the truth").count() == 0


def test_three_routes_begin_alike_and_part_when_k_moves(shown, photos):
    page = shown(moving.move_routes(photos, RUN, Figure()))
    page.wait_for_function(
        "() => [...document.querySelectorAll('.note')].filter((one) => /Found in/.test(one.textContent)).length === 3"
    )
    told = lambda: [text for text in page.locator(".note").all_inner_texts() if " updates. " in text]  # noqa: E731
    assert len(set(told())) == 1
    put(page, k=2)
    page.wait_for_timeout(1000)
    one, two, three = told()
    assert one == two != three  # only the logits have moved so far
    page.get_by_role("button", name="Train").click()
    page.wait_for_timeout(3000)
    page.get_by_role("button", name="Pause").click()
    page.wait_for_timeout(1000)
    assert all(int(text.partition(" ")[0]) > 20 for text in told()) and len(set(told())) == 3


@pytest.mark.parametrize(
    ("change", "words"),
    [({"net": "tiny"}, "net tiny: only micro"), ({"net": "micro", "method": "cam"}, "only micro, on patches")],
)
def test_another_network_is_refused(photos, change, words):
    with pytest.raises(InputError, match=words):
        moving.move_live(photos, replace(RUN, **change))


def test_what_a_page_cannot_train_on_is_refused(photos):
    with pytest.raises(InputError, match="48 x 40 pixels"):
        moving.move_live(bgnb.ImageSet(photos.targets[:, :, :40], None, photos.backgrounds[:, :, :40]), RUN)
    with pytest.raises(InputError, match="patch 17: windows 2 pixels apart"):
        moving.move_live(photos, replace(RUN, patch=17))
    with pytest.raises(InputError, match="start 5"):
        moving.move_live(photos, RUN, start=5)


def test_the_page_to_begin_with_is_small_and_may_train_and_nothing_else():
    text = live_page("02.html")
    policy = text.partition('Content-Security-Policy" content="')[2].partition('"')[0]
    assert len(text.encode()) < 500_000
    assert "default-src 'none'" in policy and "worker-src blob:" in policy and "'wasm-unsafe-eval'" in policy
    assert "connect-src" not in policy and 'href="02.html"' in text and "02.html" not in live_page()
