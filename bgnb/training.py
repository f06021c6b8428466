"""Training: one loop. The pictures stay on the device as bytes, patches are cut there, and nothing waits inside an epoch."""

import json
import math
import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from bgnb.data import ImageSet
from bgnb.files import InputError, autocast, compute_dtype, key, load_tensors, pick_device, progress, save_tensors
from bgnb.methods import METHODS, Method
from bgnb.networks import Network, build
from bgnb.patches import cut, draw_crops, pool, pool_index
from bgnb.settings import METHODS as UNITS
from bgnb.settings import Run, Training, names

VERSION = 1  # raise it when the same run should give another network


def fit(
    imageset: ImageSet,
    run: Run,
    checkpoint: str | Path | None = None,
    every: int = 10,
    show: bool = True,
    on_epoch: Callable[[int, Network, float], None] | None = None,
    method: Method | None = None,
) -> Network:
    """Train a classifier by ``run.method`` (background learning: paper, Sec. 3, 4.1): binary cross-entropy, SGD, constant rate.

    Args:
        imageset: the pictures; masks are not looked at.
        run: every parameter, see ``Run``.
        checkpoint: a file that is renewed every ``every`` epochs, and from which a later call with the same run goes on,
            to the same result bit for bit (on the same machine). A run with more epochs goes on where a shorter one ended.
        show: a bar with the epoch's loss and the time left.
        on_epoch: called after every epoch with its number (from 1), the network (in training mode) and the mean loss.
        method: the method with other settings than its own defaults, ``ADL(placement="reference")`` say.

    Returns:
        The network in evaluation mode on ``run.device``; ``.losses`` holds the mean loss of every epoch.

    Raises:
        InputError: a patch larger than the pictures, or a checkpoint of another run.
        FloatingPointError: the loss became infinite or no number.

    >>> from bgnb import load
    >>> pictures = load(size=64, images=4, progress=False)
    >>> model = fit(pictures, Run(size=64, patch=24, epochs=2), show=False)
    >>> len(model.losses)
    2
    """
    run, device = run.resolved(), pick_device(run.device)
    dtype = compute_dtype(device, run.precision)
    given, method = method, method or METHODS[run.method]()
    if method.whole != run.image_level:
        raise InputError(f"method {type(method).__name__}: does not train on {UNITS[run.method].unit}, as {run.method} does")
    model = build(run.net, run.patch, run.weights, run.seed, run.image_level).to(device)
    optimiser = torch.optim.SGD(
        model.parameters(), run.lr, run.momentum, weight_decay=run.weight_decay, fused=device.type in ("cpu", "cuda")
    )
    generator = torch.Generator().manual_seed(run.seed)
    images = pool(imageset.to(device))
    hooks = method.start(model, images, generator)
    pictures = key(imageset.targets, imageset.backgrounds, repr(given)) if checkpoint else ""
    losses = resume(checkpoint, run, pictures, model, optimiser, generator) if checkpoint else []
    bar = progress(range(len(losses), run.epochs_run), "training", show, initial=len(losses), total=run.epochs_run)
    weight = None if run.background_weight == 1 else torch.tensor(float(run.background_weight), device=device)
    scale = (1 + run.ratio) / (1 + run.ratio * run.background_weight)  # keeps the mean weight, and so the step, at 1
    model.train()

    def update(pixels: Tensor, label: Tensor) -> Tensor:
        with autocast(device, dtype):
            logit = model(pixels)
        loss = binary_cross_entropy_with_logits(logit, label, pos_weight=weight) * scale
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        return loss.detach()

    # On a GPU a small network's time goes into launching its kernels one by one. (A hook in the network draws its own numbers.)
    step = graphed(update) if device.type == "cuda" and not hooks else update
    for epoch in bar:
        size, per_image = (min(imageset.size), 1) if run.image_level else (run.patch, run.per_image)
        crops = draw_crops(imageset, size, per_image, run.ratio, generator if run.redraw else run.seed)
        crops = crops[torch.randperm(len(crops), generator=generator)].to(device)
        image = pool_index(crops, len(imageset.targets))
        told = method.told(crops, imageset, run.patch)
        total = torch.zeros((), device=device)
        for start in range(0, len(crops), run.batch):
            part = slice(start, start + run.batch)
            if run.image_level:
                pixels = images[image[part]].permute(0, 3, 1, 2)
            else:
                pixels = cut(images, image[part], crops.top[part], crops.left[part], run.patch)
            pixels, label = method.batch(pixels, told[part].float(), generator)
            total += step(pixels, label) * len(label)
        losses.append(total.item() / len(crops))  # the only time an epoch waits for the device
        bar.set_postfix(loss=f"{losses[-1]:.3f}", refresh=False)
        if not math.isfinite(losses[-1]):
            raise FloatingPointError(f"the loss became {losses[-1]} in epoch {epoch + 1}: try an lr below {run.lr}")
        if checkpoint and ((epoch + 1) % every == 0 or epoch + 1 == run.epochs_run):
            keep(checkpoint, run, pictures, model, optimiser, generator, losses)
        if on_epoch:
            on_epoch(epoch + 1, model, losses[-1])
    for hook in hooks:
        hook.remove()
    model.losses = losses
    return model.eval()


def graphed(update: Callable[[Tensor, Tensor], Tensor], capture: Callable | None = None, first: int = 3) -> Callable:
    """``update`` of tensors, replayed as one CUDA graph for each shape of batch: one launch instead of some hundred.

    The first updates of a shape run as they are, because they make what a graph must find: momentum, and cuDNN's choices.
    They are real updates, so nothing need be put back. Where the capture fails, training goes on without it and warns.

    >>> twice = graphed(lambda pixels, label: pixels.sum() + label.sum(), capture=lambda function: function)
    >>> [twice(torch.tensor([1.0]), torch.tensor([n])).item() for n in range(5)]
    [1.0, 2.0, 3.0, 4.0, 5.0]
    """
    capture = capture or capture_on_gpu
    seen, graphs = Counter(), {}

    def step(pixels: Tensor, label: Tensor) -> Tensor:
        shape = pixels.shape
        seen[shape] += 1
        if seen[shape] == first + 1:
            held = pixels.clone(), label.clone()  # a graph reads its input from the same place every time
            try:
                graphs[shape] = held, capture(lambda: update(*held))
            except RuntimeError as error:
                warnings.warn(f"no CUDA graph, training is slower: {str(error).splitlines()[0]}", stacklevel=2)
        if shape not in graphs:
            return update(pixels, label)
        held, replay = graphs[shape]
        for place, given in zip(held, (pixels, label), strict=True):
            place.copy_(given)
        return replay()

    return step


def capture_on_gpu(function: Callable[[], Tensor]) -> Callable[[], Tensor]:
    """Record what ``function`` asks of the GPU, without doing it; what is returned does it, and gives the function's result."""
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        result = function()

    def replay() -> Tensor:
        graph.replay()
        return result

    return replay


def keep(
    path: str | Path, run: Run, pictures: str, model: Network, optimiser, generator: torch.Generator, losses: list[float]
) -> None:
    """Write all that training needs to go on, as safetensors; the file is replaced as a whole."""
    tensors = {f"model.{name}": tensor for name, tensor in model.state_dict().items()}
    for number, weight in enumerate(model.parameters()):
        if (buffer := optimiser.state[weight].get("momentum_buffer")) is not None:
            tensors[f"momentum.{number}"] = buffer
    tensors["generator"] = generator.get_state()
    save_tensors(path, tensors, {"run": json.dumps(asdict(run)), "pictures": pictures, "losses": json.dumps(losses)})


def resume(path: str | Path, run: Run, pictures: str, model: Network, optimiser, generator: torch.Generator) -> list[float]:
    """Set everything to where the checkpoint was; the losses so far, none if there is no checkpoint yet."""
    if not Path(path).exists():
        return []
    try:
        tensors, metadata = load_tensors(path)
        losses, other = json.loads(metadata["losses"]), json.loads(metadata["run"])
    except KeyError:
        raise InputError(f"{path}: is no checkpoint of bgnb") from None
    mine = asdict(run)
    different = [name for name in names(Training) if name != "epochs" and mine[name] != other.get(name)]
    different += ["pictures"] if metadata.get("pictures") != pictures else []
    if different or len(losses) > run.epochs_run:
        what = f"another {', '.join(different)}" if different else f"{len(losses)} epochs already"
        raise InputError(f"checkpoint {path}: is of a run with {what}; remove it or name another")
    model.load_state_dict({name.removeprefix("model."): t for name, t in tensors.items() if name.startswith("model.")})
    for number, weight in enumerate(model.parameters()):
        if f"momentum.{number}" in tensors:
            like = torch.empty_like(weight)  # keeps the memory layout, on which rounding depends
            optimiser.state[weight]["momentum_buffer"] = like.copy_(tensors[f"momentum.{number}"])
    generator.set_state(tensors["generator"])
    return losses
