"""Us against what a user would write or install, and against the floor: one table, medians of interleaved runs.

``make bench`` prints it; with ``--into docs/speed.md`` it replaces the one there. Opponents compute the same numbers; where
it can, that is asserted before it is timed. Ratios are of one process on an otherwise idle machine.
"""

import argparse
import functools
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from itertools import product
from pathlib import Path
from statistics import median

import peers
import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

import bgnb
from bgnb.device import autocast, compute_dtype, keep_memory, processor
from bgnb.metrics import THRESHOLDS, mask_ious
from bgnb.networks import Network
from bgnb.patches import crop, draw_crops, pool, pool_index
from bgnb.study.tables import put_into

CPU = torch.device("cpu")
BF16 = compute_dtype(CPU)  # bfloat16 where the processor gains from it
TABLE = "bench_bf16" if torch.bfloat16 == BF16 else "bench_fp32"  # where the table stands in the page
PATCH, STRIDE, SIZE = 48, 8, 256  # the paper's


def pictures(n: int, size: int = SIZE) -> bgnb.ImageSet:
    """Noise in the data set's shape: time does not depend on what a picture shows."""
    generator = torch.Generator().manual_seed(0)
    shots = torch.randint(0, 256, (2 * n, 3, size, size), dtype=torch.uint8, generator=generator)
    return bgnb.ImageSet(shots[:n], torch.rand(n, size, size, generator=generator) < 0.2, shots[n:])


def times(*functions: Callable, rounds: int = 5) -> list[float]:
    """Median seconds of each, run in turn so that a noisy neighbour disturbs all alike; the first round only warms up."""
    seconds = [[] for _ in functions]
    for number in range(rounds + 1):
        for function, taken in zip(functions, seconds, strict=True):
            begin = time.perf_counter()
            function()
            if number:
                taken.append(time.perf_counter() - begin)
    return [median(taken) for taken in seconds]


def against(what: str, opponent: str, least: float | None, ours: float, theirs: float) -> list[str]:
    """A row of the table."""
    wanted = "" if least is None else f"{least:g}x" if theirs >= least * ours else f"{least:g}x **missed**"
    return [what, opponent, f"{1e3 * ours:.4g} ms", f"{1e3 * theirs:.4g} ms", f"{theirs / ours:.3g}x", wanted]


def share(what: str, of: str, most: float, part: float, whole: float) -> list[str]:
    """A row for what should be small."""
    wanted = f"<= {most:.0%}" + ("" if part <= most * whole else " **missed**")
    return [what, of, f"{1e3 * part:.4g} ms", f"{1e3 * whole:.4g} ms", f"{part / whole:.1%}", wanted]


def sampled(imageset: bgnb.ImageSet) -> Callable:
    """An epoch of 8 patches from every picture, normalised and ready for the network."""
    images, generator, model = pool(imageset), torch.Generator(), bgnb.build("tiny", PATCH)

    def ours():
        crops = draw_crops(imageset, PATCH, 8, 1, generator)
        image = pool_index(crops, len(imageset.targets))
        for start in range(0, len(crops), 512):
            part = slice(start, start + 512)
            with autocast(CPU, BF16):
                model.normalise(crop(images, image[part], crops.top[part], crops.left[part], PATCH))

    return ours


def sampling() -> list[list[str]]:
    """3,840 patches from 480 pictures."""
    import kornia

    imageset = pictures(240)
    batches = peers.loader(imageset, PATCH, 8)
    crop = kornia.augmentation.RandomCrop((PATCH, PATCH), cropping_mode="slice")
    floats = torch.cat([imageset.targets, imageset.backgrounds]).float() / 255
    mine, loader, korn = times(sampled(imageset), lambda: list(batches), lambda: [crop(floats) for _ in range(8)], rounds=3)
    return [
        against("sampling, 3,840 patches", "DataLoader(0) + v2.RandomCrop", 20, mine, loader),
        against("", "kornia RandomCrop, not normalised", None, mine, korn),
    ]


def plain(net: str, patch: int) -> Network:
    """The same network as a user has it: fp32, NCHW."""
    return bgnb.build(net, patch).to(memory_format=torch.contiguous_format)


def epoch() -> list[list[str]]:
    """One epoch of ``tiny`` on 480 pictures, from bytes to weights."""
    imageset, run = pictures(240), bgnb.Run(epochs=1, device="cpu")
    works = lambda: bgnb.fit(imageset, run, progress=False), users_epoch(), sampled(imageset)
    mine, theirs, drawing = times(*works, rounds=3)
    as_it_stands = elsewhere("(taken,) = compare.times(compare.users_epoch(), rounds=3)")
    return [
        against("`tiny` epoch, end to end", "DataLoader(0) + fp32 loop", 4, mine, as_it_stands),
        against("", "the same with our allocator setting", None, mine, theirs),
        share("sampling", "`tiny` epoch", 0.05, drawing, mine),
    ]


def users_epoch() -> Callable:
    """An epoch as a user would write it."""
    model, batches = plain("tiny", PATCH).train(), peers.loader(pictures(240), PATCH, 8)
    optimiser = torch.optim.SGD(model.parameters(), 0.01, 0.9, weight_decay=1e-4)
    return lambda: peers.train_epoch(model, batches, optimiser)


def elsewhere(code: str, **environment: str) -> float | list[float]:
    """What ``taken`` is after ``code`` in a process of its own, whose allocator is as it was found."""
    whole = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); import bgnb, compare\n{code}; print(taken)"
    settings = os.environ | environment
    done = subprocess.run([sys.executable, "-c", whole], capture_output=True, text=True, check=True, env=settings)
    return json.loads(done.stdout)


def training() -> list[list[str]]:
    """One update, bf16 and channels last with fused SGD, against fp32 NCHW with the same allocator."""
    rows = []
    for net, batch, least in (("tiny", 512, 2.5), ("resnet50", 128, 1.9), ("vgg16", 64, 1.9)):
        works = an_update(net, batch, ours=True), an_update(net, batch, ours=False)
        both = times(*works, rounds=3)
        rows.append(against(f"update of {net}, {batch} patches", "fp32 NCHW", least, *both))
        if both[1] < least * both[0]:  # why
            rows.append(against("of which gradients of convolutions", "fp32 NCHW", None, *map(convolution_backward, works)))
        if net == "vgg16":
            rows.append(matrix_rate(both[0], batch))
    return rows


def an_update(net: str, batch: int, ours: bool) -> Callable:
    """A function that trains ``net`` on one batch, as ``fit`` does it or in fp32 and NCHW."""
    pixels = torch.randint(0, 256, (batch, 3, PATCH, PATCH), dtype=torch.uint8)
    given, label = pixels if ours else peers.NORMALISE(pixels.float() / 255), torch.arange(batch) % 2.0
    model = (bgnb.build if ours else plain)(net, PATCH).train()
    options = dict(fused=True) if ours else dict(foreach=False)
    optimiser = torch.optim.SGD(model.parameters(), 0.001, 0.9, weight_decay=1e-4, **options)

    def update() -> None:
        with autocast(CPU, BF16 if ours else torch.float32):
            logit = model(given)
        optimiser.zero_grad()
        binary_cross_entropy_with_logits(logit, label).backward()
        optimiser.step()

    return update


def convolution_backward(function: Callable) -> float:
    """Seconds that ``function`` spends in oneDNN's gradients of convolutions."""
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as found:
        function()
    return sum(row.cpu_time_total for row in found.key_averages() if row.key == "aten::convolution_backward") / 1e6


def matrix_rate(seconds: float, batch: int) -> list[str]:
    """VGG16's arithmetic (4.22 GFLOP a patch and update, counted from its layers) against a matrix product's rate."""
    side = 2048
    one, other = (torch.randn(side, side).to(BF16) for _ in range(2))
    (taken,) = times(lambda: one @ other)
    rate, floor = 4.22 * batch / seconds, 2e-9 * side**3 / taken
    words = f"{rate:.0f} of {floor:.0f} GFLOP/s"
    return ["update of vgg16", f"a {side} x {side} matrix product", words, "", f"{rate / floor:.0%}", ""]


class Nothing(Network):
    """A network that costs nothing: what is left is the sliding itself."""

    def forward(self, pixels: Tensor) -> Tensor:
        return torch.zeros(len(pixels))

    def folded(self) -> Network:
        return self


def windows() -> list[list[str]]:
    """What sliding costs beside the network."""
    rows = []
    for net, n, most in (("tiny", 4, 0.05), ("resnet50", 1, 0.01)):
        model, nothing, images = bgnb.build(net, PATCH).eval(), Nothing(torch.nn.Identity(), 3, 4, True), pictures(n).targets

        def slide(with_model: Network, images: Tensor = images) -> Tensor:
            return bgnb.score_windows(with_model, images, PATCH, STRIDE, "windows", "auto")

        outside, whole = times(functools.partial(slide, nothing), functools.partial(slide, model), rounds=7)
        rows.append(share(f"{net} windows: outside the network", "the whole pass", most, outside, whole))
    return rows


def maps() -> list[list[str]]:
    """Maps of ``tiny`` by windows and dense, a picture, against MONAI at its best batch and a NumPy script."""
    n, model, images = 2, bgnb.build("tiny", PATCH).eval(), pictures(16).targets
    user = plain("tiny", PATCH).eval()
    floats, photos = peers.NORMALISE(images[:n].float() / 255), images[:n].permute(0, 2, 3, 1).numpy()
    overlap = 0.8333  # 40/48 is rounded to a stride of 7

    def ours(mode: str, precision: str, count: int) -> Tensor:
        scores = bgnb.score_windows(model, images[:count], PATCH, STRIDE, mode, precision)
        return bgnb.merge_windows(scores, PATCH, STRIDE, SIZE)

    batches = (27, 81, 243, 729)
    exact = ours("dense", "fp32", n)
    for theirs in (
        peers.monai_maps(user, floats, PATCH, overlap, 81),
        torch.from_numpy(peers.numpy_maps(user, photos, PATCH, STRIDE)),
    ):
        assert torch.allclose(exact, theirs, atol=1e-4)
    single, dense, dense_fp32, script, *monai = times(
        lambda: ours("windows", "auto", n),
        lambda: ours("dense", "auto", 16),
        lambda: ours("dense", "fp32", 16),
        lambda: peers.numpy_maps(user, photos, PATCH, STRIDE),
        *(lambda b=b: peers.monai_maps(user, floats, PATCH, overlap, b) for b in batches),
        rounds=3,
    )
    best = min(monai) / n
    name = f"MONAI, sw_batch_size {batches[monai.index(min(monai))]}"
    return [
        against("`tiny` map, windows, a picture", name, 3, single / n, best),
        against("`tiny` map, dense, a picture", name, 80, dense / 16, best),
        against("", "NumPy script", 80, dense / 16, script / n),
        against("the same in fp32", name, None, dense_fp32 / 16, best),
    ]


def averaging() -> list[list[str]]:
    """From 27 x 27 scores to maps, 24 pictures; IoU of 240 maps at 10 thresholds."""
    scores = torch.rand(24, 27, 27)
    assert torch.allclose(
        bgnb.merge_windows(scores, PATCH, STRIDE, SIZE), peers.fold_average(scores, PATCH, STRIDE, SIZE), atol=1e-5
    )
    cells, full, fold = times(
        lambda: bgnb.merge_windows(scores, PATCH, STRIDE, SIZE, cell=STRIDE),
        lambda: bgnb.merge_windows(scores, PATCH, STRIDE, SIZE),
        lambda: peers.fold_average(scores, PATCH, STRIDE, SIZE),
    )
    seen, masks = torch.rand(240, 27, 27), pictures(240).masks
    maps = bgnb.targetness(seen, PATCH, STRIDE, SIZE)
    theirs = peers.torchmetrics_ious(maps[:4], masks[:4], THRESHOLDS)
    assert torch.allclose(mask_ious(maps, masks)[:4].float(), theirs, atol=1e-5)
    ours, metrics = times(lambda: mask_ious(maps, masks), lambda: peers.torchmetrics_ious(maps, masks, THRESHOLDS), rounds=3)
    return [
        against("averaging, stride grid", "F.fold", 100, cells, fold),
        against("averaging, every pixel", "F.fold", None, full, fold),
        against("IoU, 10 thresholds", "torchmetrics", None, ours, metrics),
    ]


def whole() -> list[list[str]]:
    """240 pictures: maps and Loc. Acc., in seconds; and the memory that they need beyond one chunk and the result."""
    imageset, model = pictures(240), bgnb.build("tiny", PATCH).eval()
    run = bgnb.Run(device="cpu")
    (taken,) = times(lambda: bgnb.loc_acc(bgnb.localise(model, imageset.targets, run), imageset.masks), rounds=3)
    rows = [within("240 pictures: maps and Loc. Acc.", taken, 5)]
    for mode in ("dense", "windows"):
        command = [sys.executable, __file__, "--memory", mode]
        beyond = float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
        wanted = "" if mode == "windows" else "<= 2 MB" + (" **missed**" if beyond > 2 else "")
        rows.append(
            [f"memory of 240 maps beyond a chunk and the result, {mode}", "", f"{max(0.0, beyond):.1f} MB", "", "", wanted]
        )
    return rows


def memory(mode: str) -> float:
    """MB that the peak lies above what one chunk and the result need (Linux)."""
    n = 240 if mode == "dense" else 24  # by windows it takes ten times as long; the peak is that of the first photos
    imageset, model = pictures(n), bgnb.build("tiny", PATCH).eval()

    def peak(count: int) -> float:
        Path("/proc/self/clear_refs").write_text("5")  # forget the peak until now
        scores = bgnb.score_windows(model, imageset.targets[:count], PATCH, STRIDE, mode, "auto")
        bgnb.targetness(scores, PATCH, STRIDE, SIZE)
        (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024

    result = 4e-6 * SIZE**2 / 1.048576  # MB a map
    for _ in range(3):
        peak(4)
    few = peak(4) - 4 * result
    return peak(n) - n * result - few


def drawing() -> list[list[str]]:
    """240 target pictures, their masks and 240 backgrounds at 256 pixels, drawn; and again, from the cache of a new process."""
    code = "import time; from bgnb.data import load; clock = time.time(); "
    code += "load('scenes', scene={!r}, size=256, images=240, progress=False); print(time.time() - clock)"
    scenes, taken = ("forest", "playground"), {}
    for _, scene in product(range(3), scenes):
        with tempfile.TemporaryDirectory() as cache:
            command = [sys.executable, "-c", code.format(scene)]
            for again in (False, True):
                done = subprocess.run(command, capture_output=True, check=True, env=os.environ | {"BGNB_CACHE": cache})
                taken.setdefault((scene, again), []).append(float(done.stdout))
    rows = []
    for scene in scenes:
        rows.append(within(f"240 + 240 pictures of the {scene}", median(taken[scene, False]), 15))
        rows.append(within(f"the {scene} from the cache", median(taken[scene, True]), 1))
    return rows


def within(what: str, seconds: float, most: float) -> list[str]:
    """A row for seconds and their limit."""
    return [what, "", f"{seconds:.2f} s", "", "", f"< {most} s" + (" **missed**" if seconds >= most else "")]


def allocator() -> list[list[str]]:
    """An epoch of ``tiny`` with and without ``keep_memory``, each in a process of its own."""
    code = "run = bgnb.Run(epochs=1, device='cpu'); "
    code += "(taken,) = compare.times(lambda: bgnb.fit(compare.pictures(60), run, progress=False), rounds=3)"
    seconds = [elsewhere(first + code) for first in ("bgnb.keep_memory(); ", "")]
    return [against("`tiny` epoch with `keep_memory()`", "without", None, *seconds)]


def precision() -> list[list[str]]:
    """The precision that ``auto`` takes against the faster one, here and without bfloat16 instructions, if there are any."""
    rows, places = [], {"this processor": {}}
    if torch.bfloat16 == BF16:
        places["without bf16 instructions"] = {"ONEDNN_MAX_CPU_ISA": "AVX512_CORE"}
    train = "bgnb.fit(compare.pictures(20), bgnb.Run(epochs=1, device='cpu', precision=p), progress=False)"
    slide = "bgnb.score_windows(bgnb.build('tiny', 48).eval(), compare.pictures(20).targets, 48, 8, precision=p)"
    for here, limit in places.items():
        for what, work in (("an epoch of `tiny`", train), ("its maps", slide)):
            works = f"*(lambda p=p: {work} for p in ('auto', 'fp32', 'bf16'))"
            auto, *both = elsewhere(f"bgnb.keep_memory(); taken = compare.times({works}, rounds=3)", **limit)
            faster = "fp32" if both[0] <= both[1] else "bf16"
            rows.append(against(f"{what}, auto, {here}", f"{faster}, the faster of both", 0.95, auto, min(both)))
    return rows


PARTS = (precision, sampling, epoch, training, windows, maps, averaging, whole, drawing, allocator)


def table(rows: list[list[str]]) -> str:
    """Markdown, with what it was measured on."""
    versions = ", ".join(f"{name} {version(name)}" for name in ("torch", "monai", "kornia", "torchmetrics", "numpy"))
    head = ["what", "against", "ours", "theirs", "ratio", "at least"]
    lines = [f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows)]
    where = f"{torch.get_num_threads()} of {os.cpu_count()} cores, {str(BF16).removeprefix('torch.')}, {processor()}"
    return "\n".join([*lines, "", f"Measured on {where}; {versions}."])


def kept(page: str, text: str) -> str:
    """The table with what ``page`` holds of rows that were not measured this time."""
    old = page.partition(f"<!-- {TABLE} -->\n")[2].partition("\n<!-- end -->")[0].splitlines()
    new = {tuple(line.split(" | ")[:2]): line for line in text.splitlines() if line.startswith("| ")}
    if not any(tuple(line.split(" | ")[:2]) not in new for line in old if line.startswith("| ")):
        return text
    lines = [new.pop(tuple(line.split(" | ")[:2]), line) for line in old]
    last = max(number for number, line in enumerate(lines) if line.startswith("| "))
    return "\n".join([*lines[: last + 1], *new.values(), *lines[last + 1 :]])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--into", help="Markdown file whose table it replaces")
    parser.add_argument("--only", nargs="*", default=[part.__name__ for part in PARTS], help="parts to measure")
    parser.add_argument("--memory", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.memory:
        print(memory(arguments.memory))
        return
    keep_memory()
    rows = []
    for part in PARTS:
        if part.__name__ in arguments.only:
            print(f"measuring: {part.__doc__.splitlines()[0]}", file=sys.stderr)
            rows += part()
            print(*rows[-4:], sep="\n", file=sys.stderr)
    text = table(rows)
    print(text)
    if arguments.into:
        put_into(arguments.into, TABLE, kept(Path(arguments.into).read_text(), text))


if __name__ == "__main__":
    main()
