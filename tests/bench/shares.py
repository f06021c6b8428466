"""Where an update of ``tiny`` goes: each step's share of the time, and the rate of each convolution beside the matrix product.

``python tests/bench/shares.py --into docs/speed.md``. One thread; seconds of the processor, so that other jobs disturb little.
"""

import argparse
import shutil
import time
from collections.abc import Callable
from statistics import median

import pandas as pd
import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits

import bgnb
from bgnb.device import autocast, compute_dtype, keep_memory, processor
from bgnb.study.tables import markdown, put_into

CPU = torch.device("cpu")
PATCH, BATCH, SIDE = 24, 512, 1024  # pixels, patches, rows of the matrix product
STEPS = {  # operator of torch -> what it does
    "aten::convolution_backward": "convolutions, gradients",
    "aten::mkldnn_convolution": "convolutions",
    "aten::native_batch_norm": "batch norm",
    "aten::native_batch_norm_backward": "batch norm, gradients",
    "aten::clamp_min_": "ReLU",
    "aten::threshold_backward": "ReLU, gradients",
    "aten::max_pool2d_with_indices": "pooling",
    "aten::max_pool2d_with_indices_backward": "pooling, gradients",
}


def seconds(function: Callable, rounds: int = 11) -> float:
    """Median processor seconds; the first round only warms up."""
    taken = []
    for _ in range(rounds + 1):
        begin = time.process_time()
        function()
        taken.append(time.process_time() - begin)
    return median(taken[1:])


def word(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def matrix_rate(dtype: torch.dtype) -> float:
    """GFLOP/s of a matrix product."""
    a = torch.randn(SIDE, SIDE, dtype=dtype)
    return 2 * SIDE**3 / seconds(lambda: a @ a) / 1e9


def an_update(model: nn.Module, pixels: torch.Tensor, dtype: torch.dtype) -> Callable:
    """One update, as in ``bgnb.fit``."""
    optimiser = torch.optim.SGD(model.parameters(), 0.01, 0.9, weight_decay=1e-4, fused=True)
    label = (torch.arange(len(pixels)) % 2).float()

    def update() -> None:
        with autocast(pixels.device, dtype):
            logit = model(pixels)
        loss = binary_cross_entropy_with_logits(logit, label)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()

    return update


def layers(model: nn.Module, dtype: torch.dtype, rate: float) -> list[dict]:
    """Each convolution alone: its GFLOP, its seconds and its share of the matrix rate, forwards and backwards."""
    rows, side = [], PATCH
    for layer in model.trunk:
        if isinstance(layer, nn.MaxPool2d):
            side //= 2
        if not isinstance(layer, nn.Conv2d):
            continue
        x = torch.randn(BATCH, layer.in_channels, side, side, dtype=dtype).to(memory_format=torch.channels_last)
        kernel = layer.weight.detach().to(dtype)
        slope = torch.randn_like(torch.conv2d(x, kernel))
        side = slope.shape[-1]
        work = 2 * slope.numel() * kernel[0].numel() / 1e9

        def backward(x=x, kernel=kernel, slope=slope, wanted=(False, True, False)):
            torch.ops.aten.convolution_backward(slope, x, kernel, None, [1, 1], [0, 0], [1, 1], False, [0, 0], 1, wanted)

        ways = {
            "forwards": lambda x=x, kernel=kernel: torch.conv2d(x, kernel),
            "gradient of weights": backward,
            "gradient of pixels": lambda backward=backward: backward(wanted=(True, False, False)),
        }
        row = {f"convolution, {word(dtype)}": f"{layer.in_channels} to {layer.out_channels}, {side} x {side}"}
        row["GFLOP"] = f"{work:.2f}"
        for way, function in ways.items():
            if way == "gradient of pixels" and layer.in_channels == 3:
                row[way] = "not needed"
                continue
            taken = seconds(function)
            row[way] = f"{1e3 * taken:.1f} ms, {work / taken / rate:.0%}"
        rows.append(row)
    return rows


def tables(dtype: torch.dtype) -> list[str]:
    """The share of each step, and the convolutions one by one."""
    from torch.profiler import ProfilerActivity, profile

    model, rate = bgnb.build("tiny", PATCH).train(), matrix_rate(dtype)
    convolutions = layers(model, dtype, rate)
    pixels = torch.randint(0, 256, (BATCH, 3, PATCH, PATCH), dtype=torch.uint8).to(memory_format=torch.channels_last)
    taken = seconds(update := an_update(model, pixels, dtype))
    with profile(activities=[ProfilerActivity.CPU]) as seen:
        for _ in range(10):
            update()
    spent = pd.Series(dtype=float)
    for event in seen.key_averages():
        step = STEPS.get(event.key, "all else")
        spent[step] = spent.get(step, 0) + event.self_cpu_time_total
    shares = (spent / spent.sum()).sort_values(ascending=False)
    rows = [{f"step, {word(dtype)}": step, "share of an update": f"{part:.0%}"} for step, part in shares.items()]
    work = 3 * sum(float(row["GFLOP"]) for row in convolutions)  # about: the gradient of the first pixels is not needed
    head = f"An update of {BATCH} patches in {word(dtype)}: {1e3 * taken:.0f} ms. Its convolutions need {work:.1f} GFLOP, so it "
    head += f"runs at {work / taken:.0f} GFLOP/s, {work / taken / rate:.0%} of the {rate:.0f} of a matrix product."
    if shutil.which("g++"):
        compiled = seconds(an_update(torch.compile(bgnb.build("tiny", PATCH).train()), pixels, dtype))
        head += f" Compiled by inductor, it takes {compiled / taken:.2f} times as long."
    return [head, markdown(pd.DataFrame(rows)), markdown(pd.DataFrame(convolutions))]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--into", help="Markdown file to put the tables into, between <!-- shares --> and <!-- end -->")
    into = options.parse_args().into
    keep_memory()
    torch.set_num_threads(1)
    dtypes = {compute_dtype(CPU), torch.float32}  # bfloat16 only where the processor gains from it
    parts = [text for dtype in sorted(dtypes, key=str) for text in tables(dtype)]
    parts.append(
        f"The percentages of the convolutions are shares of the matrix product's rate. Measured on one thread of {processor()}."
    )
    text = "\n\n".join(parts)
    if into:
        put_into(into, "shares", text)
    print(text)


if __name__ == "__main__":
    main()
