"""Training: one loop. The pictures stay on the device as bytes, patches are cut there, and nothing waits inside an epoch."""

import json
import math
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from bgnb.data import ImageSet
from bgnb.device import autocast, compute_dtype, graphed, pick_device
from bgnb.files import InputError, cache_folder, key, load_tensors, progress_bar, save_tensors
from bgnb.methods import CLASSES, Method
from bgnb.networks import Network, build
from bgnb.patches import crop, draw_crops, pool, pool_index
from bgnb.settings import METHODS, Run, Training, names, values_of

VERSION = 1  # raise it when the same run should give another network


def fit(
    imageset: ImageSet,
    run: Run,
    checkpoint: str | Path | None = None,
    every: int = 10,
    progress: bool = True,
    on_epoch: Callable[[int, Network, float], None] | None = None,
    method: Method | None = None,
) -> Network:
    """Train a classifier by ``run.method`` (background learning: paper, Sec. 3, 4.1): binary cross-entropy, SGD, constant rate.

    Args:
        imageset: the pictures; masks are not looked at.
        run: every parameter, see ``Run``.
        checkpoint: a file that is renewed every ``every`` epochs, and from which a later call with the same run goes on,
            to the same result bit for bit (on the same machine). A run with more epochs goes on where a shorter one ended.
        progress: a bar with the epoch's loss and the time left.
        on_epoch: called after every epoch with its number (from 1), the network (in training mode) and the mean loss.
        method: the method with other settings than its own defaults, ``ADL(placement="reference")`` say.

    Returns:
        The network in evaluation mode on ``run.device``; ``.losses`` holds the mean loss of every epoch.

    Raises:
        InputError: a patch larger than the pictures, or a checkpoint of another run.
        FloatingPointError: the loss became infinite or no number.

    >>> from bgnb import load
    >>> pictures = load(size=64, images=4, progress=False)
    >>> model = fit(pictures, Run(size=64, patch=24, epochs=2), progress=False)
    >>> len(model.losses)
    2
    """
    run, device = run.resolved(), pick_device(run.device)
    dtype = compute_dtype(device, run.precision)
    given, method = method, method or CLASSES[run.method]()
    if method.image_level != run.image_level:
        raise InputError(f"method {type(method).__name__}: does not train on {METHODS[run.method].unit}, as {run.method} does")
    model = build(run.net, run.patch, run.weights, run.seed, run.image_level).to(device)
    optimiser = torch.optim.SGD(
        model.parameters(), run.lr, run.momentum, weight_decay=run.weight_decay, fused=device.type in ("cpu", "cuda")
    )
    generator = torch.Generator().manual_seed(run.seed)
    images = pool(imageset.to(device))
    hooks = method.start(model, images, generator)
    pictures = key(imageset.targets, imageset.backgrounds, repr(given)) if checkpoint else ""
    losses = load_checkpoint(checkpoint, run, pictures, model, optimiser, generator) if checkpoint else []
    bar = progress_bar(range(len(losses), run.epochs_run), "training", progress, initial=len(losses), total=run.epochs_run)
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
        labels = method.training_labels(crops, imageset, run.patch)
        total = torch.zeros((), device=device)
        for start in range(0, len(crops), run.batch):
            part = slice(start, start + run.batch)
            if run.image_level:
                pixels = images[image[part]].permute(0, 3, 1, 2)
            else:
                pixels = crop(images, image[part], crops.top[part], crops.left[part], run.patch)
            pixels, label = method.batch(pixels, labels[part].float(), generator)
            total += step(pixels, label) * len(label)
        losses.append(total.item() / len(crops))  # the only time an epoch waits for the device
        bar.set_postfix(loss=f"{losses[-1]:.3f}", refresh=False)
        if not math.isfinite(losses[-1]):
            raise FloatingPointError(f"the loss became {losses[-1]} in epoch {epoch + 1}: try an lr below {run.lr}")
        if checkpoint and ((epoch + 1) % every == 0 or epoch + 1 == run.epochs_run):
            save_checkpoint(checkpoint, run, pictures, model, optimiser, generator, losses)
        if on_epoch:
            on_epoch(epoch + 1, model, losses[-1])
    for hook in hooks:
        hook.remove()
    model.losses = losses
    return model.eval()


def trained(
    imageset: ImageSet,
    run: Run,
    progress: bool = True,
    on_epoch: Callable[[int, Network, float], None] | None = None,
    method: Method | None = None,
) -> Network:
    """``fit``, or the network that an earlier ``fit`` of the same pictures, run and method left in the cache folder.

    ``on_epoch`` sees what it would see in ``fit``: with it, the networks of all epochs are kept, not only the last.

    >>> from bgnb import load
    >>> pictures = load(size=64, images=4, progress=False)
    >>> run, seen = Run(size=64, patch=24, epochs=2), []
    >>> for again in range(2):
    ...     model = trained(pictures, run, progress=False, on_epoch=lambda epoch, model, loss: seen.append((epoch, loss)))
    >>> seen[:2] == seen[2:], len(seen)
    (True, 4)
    """
    name = network_key(imageset, run, method) + ("-epochs" if on_epoch else "")
    path = cache_folder() / "networks" / f"{name}.safetensors"
    model = build(run.net, run.patch, seed=run.seed, image_level=run.image_level).to(pick_device(run.device))
    epochs = range(1 if on_epoch else run.epochs_run, run.epochs_run + 1)
    try:
        tensors, metadata = load_tensors(path)
        losses = json.loads(metadata["losses"])
        weights = [{n: tensors[f"{epoch}.{n}"] for n in model.state_dict()} for epoch in epochs]
    except (InputError, KeyError):
        kept = {}

        def look(epoch: int, model: Network, loss: float) -> None:
            if epoch in epochs:
                kept.update({f"{epoch}.{n}": tensor.clone() for n, tensor in model.state_dict().items()})
            if on_epoch:
                on_epoch(epoch, model, loss)

        model = fit(imageset, run, progress=progress, on_epoch=look, method=method)
        with suppress(OSError):  # a full disk costs the next call its time, not this one its result
            save_tensors(path, kept, {"losses": json.dumps(model.losses)})
        return model
    for epoch, state in zip(epochs, weights, strict=True):
        model.load_state_dict(state)
        if on_epoch:
            on_epoch(epoch, model, losses[epoch - 1])
    model.losses = losses
    return model.eval()


def network_key(imageset: ImageSet, run: Run, method: Method | None = None) -> str:
    """A key of all that decides what ``fit`` returns: pictures, parameters, weights file, device, precision, versions."""
    device = pick_device(run.device)
    settings = values_of(run.resolved(), Training) | {"precision": str(compute_dtype(device, run.precision))}
    weights = Path(run.weights) if run.weights and Path(run.weights).exists() else None
    return key(settings, repr(method), device.type, torch.__version__, VERSION, weights, imageset.targets, imageset.backgrounds)


def save_checkpoint(
    path: str | Path, run: Run, pictures: str, model: Network, optimiser, generator: torch.Generator, losses: list[float]
) -> None:
    """Write all that training needs to go on, as safetensors; the file is replaced as a whole."""
    tensors = {f"model.{name}": tensor for name, tensor in model.state_dict().items()}
    for number, weight in enumerate(model.parameters()):
        if (buffer := optimiser.state[weight].get("momentum_buffer")) is not None:
            tensors[f"momentum.{number}"] = buffer
    tensors["generator"] = generator.get_state()
    save_tensors(path, tensors, {"run": json.dumps(asdict(run)), "pictures": pictures, "losses": json.dumps(losses)})


def load_checkpoint(
    path: str | Path, run: Run, pictures: str, model: Network, optimiser, generator: torch.Generator
) -> list[float]:
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
