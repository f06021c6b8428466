"""A network that learns in the page: it becomes the one of ``bgnb.fit``, sees what it sees, and draws patches as it does."""

import base64
from dataclasses import replace

import numpy as np
import pytest
import torch

import bgnb
from bgnb.methods import TrueLabels
from bgnb.moving.base import FOLDER
from bgnb.moving.photo import flat
from bgnb.networks import Network
from bgnb.patches import Crops, box_share, crop, draw_crops, pool, pool_index
from bgnb.training import batches

RUN = bgnb.Run(
    net="micro", size=64, images=8, patch=20, stride=2, epochs=15, batch=64, lr=0.02, seed=3, device="cpu", precision="fp32"
)

START = """async (given) => {
  for (const name of ["binary", "pixels", "masks"]) {
    given[name] = Uint8Array.from(atob(given[name]), (c) => c.charCodeAt(0));
  }
  window.given = given;
  window.net = await window.module.learner(given);
}"""
STEPS = """([all, lr, whole, weight, ratio]) => all.map(([crops, labels]) => {
  const loss = net.step(Int32Array.from(crops), Float32Array.from(labels), lr, weight ?? 1, ratio ?? 1);
  return whole ? { loss, weights: [...net.weights], mean: [...net.mean] } : loss;
})"""
SEEN = """([crops, smooth]) => [...net.scores(Int32Array.from(crops), smooth)]"""
MAP = """([photo, smooth, patch, stride]) => {
  const { scores, rows, columns } = net.map(photo, smooth);
  return [rows, columns, [...scores], [...window.module.targetness(scores, rows, columns, patch, stride).map]];
}"""
DRAW = """([ratio, truth]) => {
  const { crops, labels, kinds } = net.draw(ratio, truth);
  return [[...crops], [...labels], kinds];
}"""


@pytest.fixture(scope="module")
def pictures() -> bgnb.ImageSet:
    return bgnb.load(**RUN.load_arguments(), progress=False)


@pytest.fixture(scope="module")
def trained(pictures) -> Network:
    return bgnb.fit(pictures, RUN, progress=False)


@pytest.fixture
def begin(page, functions):
    """``begin(pictures, ...)``: from now on, ``window.net`` of the page is a learner. Returns the page."""

    def start(pictures: bgnb.ImageSet, patch: int = 20, batch: int = 64, **more):
        net = bgnb.build("micro", patch)
        given = {"size": pictures.size[0], "targets": len(pictures.targets), "backgrounds": len(pictures.backgrounds)}
        given |= {"scale": (1 / net.std).tolist(), "shift": (-net.mean / net.std).tolist(), "patch": patch, "batch": batch}
        masks = b"" if pictures.masks is None else pictures.masks.byte().numpy().tobytes()
        raw = {"binary": (FOLDER / "micro.wasm").read_bytes(), "pixels": pool(pictures).numpy().tobytes(), "masks": masks}
        coded = {name: base64.b64encode(content).decode() for name, content in raw.items()}
        functions("live", "learner", "targetness")
        page.evaluate(START, given | coded | {"momentum": 0.9, "decay": 1e-4} | more)
        return page

    return start


def triples(crops: Crops, targets: int) -> list[int]:
    return torch.stack([pool_index(crops, targets), crops.top, crops.left], 1).flatten().tolist()


def drawn_by_fit(pictures, run) -> list:
    """The crops and labels of every update of ``bgnb.fit``, in its order."""
    generator, found = torch.Generator().manual_seed(run.seed), []
    for _ in range(run.epochs):
        crops = draw_crops(pictures, run.patch, run.per_image, run.ratio, generator)
        crops = crops[torch.randperm(len(crops), generator=generator)]
        parts = [crops[part] for part in batches(len(crops), run.batch)]
        found += [[triples(part, len(pictures.targets)), part.label.tolist()] for part in parts]
    return found


@pytest.mark.parametrize(("patch", "more"), [(16, {}), (20, {}), (21, {}), (20, dict(ratio=2, background_weight=3))])
def test_the_same_crops_make_the_same_network(begin, random_set, patch, more):
    """Rarely, two roundings choose another pixel of a pooling or another side of a ReLU, and from then on weights differ by
    1e-5 to 1e-4. PyTorch's own float32 and float64 do that, too. So it is the best of three seeds that must agree to 1e-6."""
    differences = []
    for seed in range(3):
        pictures, run = random_set(8, 8, 64, 64, seed=10 * seed), replace(RUN, patch=patch, seed=seed, **more)
        first, model = flat(bgnb.build("micro", patch, seed=seed)), bgnb.fit(pictures, run, progress=False)
        page = begin(pictures, patch)
        page.evaluate("(weights) => net.load(weights)", first.tolist())
        given = [drawn_by_fit(pictures, run), run.lr, False, run.background_weight, run.ratio]
        losses = np.array(page.evaluate(STEPS, given)).reshape(run.epochs, 2 if run.ratio == 1 else 3).mean(1)
        weights = np.array(page.evaluate("() => [...net.weights]"))
        assert np.abs(losses - model.losses).max() < 1e-4 and np.abs(weights - first).max() > 0.01
        differences.append(np.abs(weights - flat(model)).max())
    assert min(differences) < 1e-6 and max(differences) < 1e-3


@pytest.mark.parametrize("keep", [0.97, 0.9])
def test_the_running_mean_is_the_one_of_a_plain_loop(begin, pictures, keep):
    page = begin(pictures, **({} if keep == 0.97 else {"keep": keep}))
    page.evaluate("() => net.start(1)")
    mean, now = (np.array(page.evaluate(f"() => [...net.{name}]")) for name in ("mean", "weights"))
    assert (mean == now).all()
    for step in page.evaluate(STEPS, [drawn_by_fit(pictures, RUN)[:8], 0.05, True]):
        now = np.array(step["weights"])
        mean = keep * mean + (1 - keep) * now
        assert np.abs(mean - np.array(step["mean"])).max() < 1e-6
    assert np.abs(mean - now).max() > 1e-3


@pytest.mark.parametrize(("patch", "side"), [(20, 64), (16, 64), (21, 63)])
def test_the_same_weights_see_the_same(begin, pictures, trained, patch, side):
    """With the weights now, and with their running mean, which is another network here."""
    photos = bgnb.ImageSet(pictures.targets[:, :, :side, :side], None, pictures.backgrounds[:, :, :side, :side])
    other, run = bgnb.build("micro", patch, seed=8), replace(RUN, size=side, patch=patch, overlap="average")
    crops = draw_crops(photos, patch, 4, 1, 5)
    pixels = crop(pool(photos), pool_index(crops, len(photos.targets)), crops.top, crops.left, patch)
    page = begin(photos, patch)
    page.evaluate("([now, mean]) => { net.load(now); net.mean.set(mean); }", [flat(trained).tolist(), flat(other).tolist()])
    for model, smooth in ((trained, False), (other.eval(), True)):
        with torch.no_grad():
            expected = model(pixels).sigmoid().numpy()
        found = page.evaluate(SEEN, [triples(crops, len(photos.targets)), smooth])
        assert expected.std() > 0.01 and np.abs(np.array(found) - expected).max() < 1e-6
        both = torch.cat([photos.targets, photos.backgrounds])
        windows = bgnb.score_windows(model, both, patch, 2)
        for photo in (0, 11):
            cell = 2 if patch % 2 == 0 else 1
            rows, columns, scores, map = page.evaluate(MAP, [photo, smooth, patch // cell, 2 // cell])
            assert (rows, columns) == windows.shape[1:]
            assert np.abs(np.array(scores) - windows[photo].flatten().numpy()).max() < 1e-6
            whole = bgnb.localise(model, both[photo : photo + 1], run)[0, ::cell, ::cell].flatten()
            # Scaled to 0 ... 1, so that differences grow.
            assert np.abs(np.array(map) - whole.numpy()).max() < 1e-6 / (windows[photo].max() - windows[photo].min())


def test_patches_are_drawn_by_the_ratio_everywhere_and_of_the_kinds_of_python(begin, pictures):
    page, seen, corners = begin(pictures, batch=24), [], set()
    for ratio, others in ((1 / 8, 3), (1, 12), (2, 16), (4, 19), (1e-3, 1), (1e3, 23)):
        for truth in (False, True):
            crops, labels, kinds = page.evaluate(DRAW, [ratio, truth])
            photo, top, left = torch.tensor(crops).view(-1, 3).T
            label = (photo >= 8).long()
            assert label.tolist() == [0] * (24 - others) + [1] * others
            assert photo.max() < 16 and min(crops) >= 0 and max(top.max(), left.max()) <= 44
            mine = Crops(photo - 8 * label, top, left, label)
            share = box_share(pictures.masks, photo.where(label == 0, 0), top, left, 20).where(label == 0, 0)
            assert list(kinds) == bgnb.kinds(label, share).tolist()
            assert labels == (TrueLabels().training_labels(mine, pictures, 20) if truth else label).tolist()
            seen += kinds
            corners |= {*top.tolist(), *left.tolist()}
    assert set(seen) == {"P", "F", "N"} and {0, 44} < corners
    asked = [[photo, y, x] for photo in (0, 5) for y in range(0, 45, 2) for x in range(45)]
    photo, top, left = torch.tensor(asked).T
    found = page.evaluate("(crops) => net.kinds(Int32Array.from(crops))", np.ravel(asked).tolist())
    share = box_share(pictures.masks, photo, top, left, 20)
    assert list(found) == bgnb.kinds(torch.zeros_like(photo), share).tolist()


def test_a_share_of_exactly_a_tenth_is_p_and_without_masks_nobody_knows(begin):
    pixels, masks = torch.zeros(2, 3, 24, 24, dtype=torch.uint8), torch.zeros(2, 24, 24, dtype=torch.bool)
    masks[0, :2, :20], masks[1, :2, 1:20] = True, True  # 40 and 38 of the 400 pixels of the first patch
    page = begin(bgnb.ImageSet(pixels, masks, pixels))
    ask = "() => net.kinds(new Int32Array([0, 0, 0, 1, 0, 0, 2, 0, 0]))"
    assert page.evaluate(ask) == "PFN"
    page = begin(bgnb.ImageSet(pixels, None, pixels))
    assert page.evaluate(ask) == "TTN" and page.evaluate(DRAW, [1, True])[1] == [0] * 32 + [1] * 32


def test_a_start_is_he_s_and_its_seed_decides_all_that_follows(begin, pictures):
    page = begin(pictures)
    sizes = [(216, 27), (8, 0), (1152, 72), (16, 0), (4608, 144), (32, 0), (32, 32), (1, 0)]
    all = np.array(page.evaluate("() => Array.from({ length: 40 }, (_, seed) => { net.start(seed); return [...net.weights]; })"))
    for part, (_, inputs) in zip(np.split(all, np.cumsum([n for n, _ in sizes])[:-1], 1), sizes, strict=True):
        wanted = np.sqrt(2 / inputs) if inputs else 0
        assert abs(part.std() - wanted) <= 0.05 * wanted and abs(part.mean()) <= 0.1 * wanted
    assert len(np.unique(all[:, 0])) == 40
    code = """() => {
      net.start(7);
      const loss = [1, 2, 3].map(() => net.update({ ratio: 2, lr: 0.02 }).loss);
      return [loss, [...net.weights], [...net.mean]];
    }"""
    one, other = page.evaluate(code), page.evaluate(code)
    assert one == other and one[0][0] != one[0][1]


@pytest.mark.parametrize("truth", [False, True])
def test_an_update_is_a_draw_and_a_step(begin, pictures, truth):
    page = begin(pictures)
    code = """(truth) => {
      net.start(4);
      const { loss } = net.update({ ratio: 2, lr: 0.02, truth }), after = [...net.weights];
      net.start(4);
      const { crops, labels } = net.draw(2, truth), same = net.step(crops, labels, 0.02) === loss;
      return [same && after.every((weight, i) => weight === net.weights[i]), labels.reduce((sum, label) => sum + label, 0)];
    }"""
    same, ones = page.evaluate(code, truth)
    assert same and (ones > 43 if truth else ones == 43)


def test_it_learns_red_from_green(begin, easy_set):
    page = begin(easy_set(images=6, size=32), 16, 16)
    losses = page.evaluate("() => Array.from({ length: 60 }, () => net.update({ ratio: 1, lr: 0.02 }).loss)")
    assert losses[-1] < 0.05 < 0.2 < losses[0]


WORKER = """async () => {
  const text = `const learner = ${window.module.learner};
    onmessage = async ({ data }) => {
      const net = await learner(data);
      net.start(5);
      const losses = [1, 2, 3].map(() => net.update({ ratio: 1, lr: 0.02 }).loss);
      postMessage([losses, [...net.map(3, true).scores]]);
    };`;
  const worker = new Worker(URL.createObjectURL(new Blob([text], { type: "text/javascript" })));
  const told = await new Promise((hear, fail) => {
    worker.onmessage = ({ data }) => hear(data);
    worker.onerror = ({ message }) => fail(Error(message));
    worker.postMessage(given);
  });
  worker.terminate();
  net.start(5);
  return [told, [[1, 2, 3].map(() => net.update({ ratio: 1, lr: 0.02 }).loss), [...net.map(3, true).scores]]];
}"""


def test_a_worker_made_of_its_text_learns_the_same(begin, pictures):
    there, here = begin(pictures).evaluate(WORKER)
    assert there == here and len(there[1]) == 23 * 23


def test_without_webassembly_it_says_so(begin, pictures):
    page = begin(pictures)
    page.evaluate("() => { delete window.WebAssembly; }")
    assert "no WebAssembly" in page.evaluate("() => window.module.learner(given).catch((error) => error.message)")
