"""The training loop. Pictures stay on the device as bytes, patches are cropped there, and nothing waits inside an epoch."""

import json
import math
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from itertools import chain
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits
from torch.optim.lr_scheduler import OneCycleLR
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from bgnb.data import ImageSet
from bgnb.data.images import identity
from bgnb.device import autocast, compute_dtype, graphed, pick_device
from bgnb.files import Busy, InputError, cache_folder, key, load_tensors, only_writer, progress_bar, save_tensors
from bgnb.methods import CLASSES, Method
from bgnb.networks import Network, build
from bgnb.patches import cutter, draw_crops
from bgnb.settings import METHODS, Run, Training, names, values_of

KEPT = 0.8  # share of the running mean of the weights that each epoch keeps
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
    """Train a classifier by ``run.method`` (background learning: paper, Sec. 3, 4.1) with binary cross-entropy and SGD.

    Args:
        imageset: the pictures. Masks are not used, except by ``method=TrueLabels()``.
        run: all parameters, see ``Run``.
        checkpoint: a file that is rewritten every ``every`` epochs. A later call with the same run goes on from it, to the
            same result bit for bit (on the same machine). With a constant rate, a run with more epochs goes on where a
            shorter one ended.
        every: epochs from one checkpoint to the next.
        progress: show a bar with the epoch's loss and the time left.
        on_epoch: called after every epoch with its number (from 1), the network that training would return if it ended
            there, and the mean loss. A training that goes on begins with the last epoch of the checkpoint, because nobody knows
            whether the call after it came to its end.
        method: the method with settings other than its defaults, ``ADL(placement="reference")`` say.

    Returns:
        The network in evaluation mode on ``run.device``. ``.losses`` holds the mean loss of every epoch. With
        ``weight_average``, its weights and batch-norm statistics are a running mean in which each epoch counts 0.8 times as
        much as the next, and ``.last`` is the network after the last update.

    Raises:
        InputError: a patch larger than the pictures, or a checkpoint of another run.
        FloatingPointError: the loss became infinite or NaN.

    >>> from bgnb import load
    >>> pictures = load(size=64, images=4, progress=False)
    >>> model = fit(pictures, Run(size=64, patch=24, epochs=2), progress=False)
    >>> len(model.losses)
    2
    """
    if "\0" in str(checkpoint):
        raise InputError(f"checkpoint {str(checkpoint)!r}: no file can have this name")
    run, device = run.resolved(), pick_device(run.device)
    dtype = compute_dtype(device, run.precision)
    given, method = method, method or CLASSES[run.method]()
    if method.image_level != run.image_level:
        raise InputError(f"method {type(method).__name__}: does not train on {METHODS[run.method].unit}, as {run.method} does")
    model = build(run.net, run.patch, run.weights, run.seed, run.image_network).to(device)
    optimiser = torch.optim.SGD(
        model.parameters(), run.lr, run.momentum, weight_decay=run.weight_decay, fused=device.type in ("cpu", "cuda")
    )
    # Copied before the method adds its hooks to the network: the mean does not need them.
    mean = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(KEPT), use_buffers=True) if run.weight_average else None
    generator = torch.Generator().manual_seed(run.seed)
    cut = cutter(imageset, device, None if run.image_level else run.patch)
    every_image = (image.permute(1, 2, 0).contiguous().to(device) for image in chain(imageset.targets, imageset.backgrounds))
    hooks = method.start(model, every_image, generator)
    pictures = key(identity(imageset.targets), identity(imageset.backgrounds), repr(given)) if checkpoint else ""
    losses = load_checkpoint(checkpoint, run, pictures, model, mean, optimiser, generator) if checkpoint else []
    updates = count_updates(run, len(imageset.targets))
    done = len(losses) * updates // run.epochs_run
    schedule = one_cycle(optimiser, run.lr, updates, done) if run.schedule == "one-cycle" else None
    bar = progress_bar(range(len(losses), run.epochs_run), "training", progress, initial=len(losses), total=run.epochs_run)
    weight = None if run.background_weight == 1 else torch.tensor(float(run.background_weight), device=device)
    scale = (1 + run.ratio) / (1 + run.ratio * run.background_weight)  # keeps the mean weight, and so the step, at 1
    model.train()

    def network() -> Network:
        return averaged(cast(Network, mean.module) if mean else None, model)

    if losses and on_epoch:
        on_epoch(len(losses), network(), losses[-1])

    def update(pixels: Tensor, label: Tensor) -> Tensor:
        with autocast(device, dtype):
            logit = model(pixels)
        loss = binary_cross_entropy_with_logits(logit, label, pos_weight=weight) * scale
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        if schedule:
            schedule.step()
        return loss.detach()

    # On a GPU, a small network spends its time launching kernels one by one. (A hook in the network draws its own random
    # numbers, and a graph would keep the learning rate that it was recorded with.)
    step = graphed(update) if device.type == "cuda" and not hooks and not schedule else update
    for epoch in bar:
        size, per_image = (min(imageset.size), 1) if run.image_level else (run.patch, run.per_image)
        crops = draw_crops(imageset, size, per_image, run.ratio, generator if run.redraw else run.seed)
        crops = crops[torch.randperm(len(crops), generator=generator)].to(device)
        labels = method.training_labels(crops, imageset, run.patch)
        total = torch.zeros((), device=device)
        for part in batches(len(crops), run.batch):
            pixels, label = method.batch(cut(crops[part]), labels[part].float(), generator)
            pixels = augmented(pixels, run.augment, generator) if run.augment else pixels
            total += step(pixels, label) * len(label)
        losses.append(total.item() / len(crops))  # the only time an epoch waits for the device
        bar.set_postfix(loss=f"{losses[-1]:.3f}", refresh=False)
        if not math.isfinite(losses[-1]):
            raise FloatingPointError(f"the loss became {losses[-1]} in epoch {epoch + 1}: try an lr below {run.lr}")
        if mean:
            mean.update_parameters(model)
        if checkpoint and ((epoch + 1) % every == 0 or epoch + 1 == run.epochs_run):
            save_checkpoint(checkpoint, run, pictures, model, mean, optimiser, generator, losses)
        if on_epoch:
            on_epoch(epoch + 1, network(), losses[-1])
    for hook in hooks:
        hook.remove()
    model.eval()
    result = network().eval()
    if not all(weight.isfinite().all() for weight in result.parameters()):  # no loss shows what the last update did
        raise FloatingPointError(f"a weight became infinite or NaN in epoch {run.epochs_run}: try an lr below {run.lr}")
    result.losses = losses
    return result


def augmented(pixels: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """Mirror every patch by chance, and change its contrast and light at random, on both sides alike.

    The contrast around grey is multiplied by 1 - ``share`` ... 1 + ``share``, and each colour moves by up to 85 ``share``.

    Args:
        pixels: ``(n, 3, h, w)`` uint8.
        share: in [0, 1].
        generator: on the CPU.

    >>> patch = torch.arange(12, dtype=torch.uint8).view(1, 3, 1, 4)
    >>> made = [augmented(patch, 0, torch.Generator().manual_seed(seed)) for seed in range(8)]  # mirrored, or as it is
    >>> {tuple(one[0, 0, 0].tolist()) for one in made} == {(0, 1, 2, 3), (3, 2, 1, 0)}
    True
    """
    draw = (2 * torch.rand(len(pixels), 5, 1, 1, generator=generator) - 1).to(pixels.device)
    values = torch.where(draw[:, 4:] < 0, pixels.flip(3), pixels).float()
    values = (values - 128) * (1 + share * draw[:, :1]) + 128 + 85 * share * draw[:, 1:4]
    return values.round_().clamp_(0, 255).to(torch.uint8)


def batches(n: int, batch: int) -> list[slice]:
    """``n`` crops in batches. A last batch of one crop, which batch norm cannot take, joins the batch before it.

    >>> [(part.start, part.stop) for part in batches(9, 4)]
    [(0, 4), (4, 9)]
    """
    starts = [*range(0, n, batch)]
    if n % batch == 1 and n > 1:
        starts.pop()
    return [slice(start, stop) for start, stop in zip(starts, [*starts[1:], n], strict=True)]


def count_updates(run: Run, targets: int) -> int:
    """The updates of a whole training on so many target images.

    >>> count_updates(Run(epochs=2, per_image=8, batch=16), targets=10)  # 80 target and 80 background patches an epoch
    20
    """
    run = run.resolved()
    drawn = targets * (1 if run.image_level else run.per_image)
    return run.epochs_run * len(batches(drawn + max(1, round(run.ratio * drawn)), run.batch))


def averaged(mean: Network | None, last: Network) -> Network:
    """The network of the mean weights, with the last network as its ``.last``; without a mean, the last network itself."""
    if mean is None:
        return last
    mean.__dict__["_last"] = last  # bypasses nn.Module, which would register it as a part of the network
    return mean


def one_cycle(optimiser: torch.optim.Optimizer, highest: float, updates: int, done: int) -> OneCycleLR:
    """Torch's one-cycle learning rate after ``done`` updates: up for 30 % of all updates, then down. Momentum stays."""
    schedule = OneCycleLR(optimiser, highest, total_steps=updates + 1, cycle_momentum=False)
    schedule.last_epoch = done - 1
    with warnings.catch_warnings():  # torch warns that there was no update before; there was, before the checkpoint
        warnings.simplefilter("ignore", UserWarning)
        schedule.step()
    return schedule


def trained(
    imageset: ImageSet,
    run: Run,
    progress: bool = True,
    on_epoch: Callable[[int, Network, float], None] | None = None,
    method: Method | None = None,
) -> Network:
    """``fit``, or the network that an earlier ``fit`` of the same pictures, run and method left in the cache folder.

    A training that was interrupted goes on. ``on_epoch`` is called as in ``fit``, for every epoch once. With it, the networks of
    all epochs are kept, not only the last.

    >>> from bgnb import load
    >>> pictures = load(size=64, images=4, progress=False)
    >>> run, seen = Run(size=64, patch=24, epochs=2), []
    >>> for again in range(2):
    ...     model = trained(pictures, run, progress=False, on_epoch=lambda epoch, model, loss: seen.append((epoch, loss)))
    >>> seen[:2] == seen[2:], len(seen)
    (True, 4)
    """
    name = cache_folder() / "networks" / network_key(imageset, run, method)
    options: dict[str, Any] = dict(progress=progress, method=method)
    if on_epoch:
        return watched(imageset, run, name.with_name(f"{name.name}-epochs"), on_epoch, **options)
    file, checkpoint = (name.with_suffix(suffix) for suffix in (".safetensors", ".part"))
    if not (model := restored(file, run)):
        model = fit_or_go_on(imageset, run, checkpoint, **options)
        with suppress(OSError):  # a full disk costs the next call time, but does not cost this one its result
            keep(file, model, model.losses)
    if file.exists():
        with suppress(OSError):  # a kill between the two writes leaves both
            checkpoint.unlink(missing_ok=True)
    model.last.eval()
    return model.eval()


def watched(imageset: ImageSet, run: Run, folder: Path, on_epoch: Callable, **options) -> Network:
    """``trained`` with ``on_epoch``. Every epoch's network has a file in ``folder``, and ``on_epoch`` sees those first."""
    done, model, checkpoint = 0, None, folder.with_suffix(".part")
    losses: list[float] = []
    while done < run.epochs_run and (kept := restored(folder / f"{done + 1}.safetensors", run)):
        done, model = done + 1, kept
        losses += model.losses
        on_epoch(done, kept, losses[-1])
    if done < run.epochs_run:

        def look(epoch: int, network: Network, loss: float) -> None:
            if epoch > done:
                with suppress(OSError):
                    keep(folder / f"{epoch}.safetensors", network, [loss])
                on_epoch(epoch, network, loss)

        model = fit_or_go_on(imageset, run, checkpoint, done + 1, on_epoch=look, **options)
        losses = model.losses
    with suppress(OSError):
        checkpoint.unlink(missing_ok=True)
    assert model  # a run has at least one epoch
    model.losses = losses
    model.last.eval()
    return model.eval()


def keep(file: Path, network: Network, losses: list[float]) -> None:
    """Write a network, and its ``.last`` if that is another, for ``restored``."""
    tensors = network.state_dict()
    if network.last is not network:
        tensors |= {f"last.{name}": tensor for name, tensor in network.last.state_dict().items()}
    save_tensors(file, tensors, {"losses": json.dumps(losses)})


def restored(file: Path, run: Run) -> Network | None:
    """A network that ``keep`` wrote, in training mode, with ``.losses``; None if the file is missing or damaged."""
    try:
        tensors, metadata = load_tensors(file)
        networks = []
        for part in ("", "last.") if run.resolved().weight_average else ("",):
            network = build(run.net, run.patch, seed=run.seed, image_level=run.image_network)
            network.load_state_dict({name: tensors[part + name] for name in network.state_dict()})
            networks.append(network.to(pick_device(run.device)))
        networks[0].losses = json.loads(metadata["losses"])
    except (InputError, KeyError, ValueError, TypeError, RuntimeError):
        return None
    return averaged(*networks) if len(networks) == 2 else networks[0]


def fit_or_go_on(imageset: ImageSet, run: Run, checkpoint: Path, most: int | None = None, **options) -> Network:
    """``fit`` with a checkpoint in the cache, so that a training that was killed goes on.

    A checkpoint of more than ``most`` epochs is of no use: ``on_epoch`` would miss some. Whoever calls this removes the
    checkpoint once its network is safe.
    """
    try:
        checkpoint.parent.mkdir(parents=True, exist_ok=True)
        with only_writer(checkpoint):
            try:
                epochs: float = len(json.loads(load_tensors(checkpoint)[1]["losses"]))
            except (InputError, KeyError, ValueError):  # none yet, or damaged
                epochs = math.inf
            if epochs > (run.epochs_run if most is None else most):
                checkpoint.unlink(missing_ok=True)
            return fit(imageset, run, checkpoint, every=1, **options)
    except (Busy, OSError):  # another process trains the same, or nothing can be written: this costs only time
        return fit(imageset, run, **options)


def network_key(imageset: ImageSet, run: Run, method: Method | None = None) -> str:
    """A key of everything that decides what ``fit`` returns: pictures, parameters, weights file, device, precision, versions."""
    device = pick_device(run.device)
    settings = values_of(run.resolved(), Training) | {"precision": str(compute_dtype(device, run.precision))}
    whole = {name: int(value) for name, value in settings.items() if isinstance(value, float) and value.is_integer()}
    pictures = identity(imageset.targets), identity(imageset.backgrounds)
    weights = Path(run.weights) if run.weights and Path(run.weights).exists() else None
    return key(settings | whole, repr(method), device.type, torch.__version__, VERSION, weights, *pictures)


def save_checkpoint(path: str | Path, run: Run, pictures: str, model, mean, optimiser, generator, losses: list[float]) -> None:
    """Write everything that training needs to go on, as safetensors. The file is replaced as a whole."""
    tensors = {f"model.{name}": tensor for name, tensor in model.state_dict().items()}
    for number, weight in enumerate(model.parameters()):
        if (buffer := optimiser.state[weight].get("momentum_buffer")) is not None:
            tensors[f"momentum.{number}"] = buffer
    if mean:
        tensors |= {f"mean.{name}": tensor for name, tensor in mean.state_dict().items()}
    tensors["generator"] = generator.get_state()
    save_tensors(path, tensors, {"run": json.dumps(asdict(run)), "pictures": pictures, "losses": json.dumps(losses)})


def load_checkpoint(path: str | Path, run: Run, pictures: str, model, mean, optimiser, generator) -> list[float]:
    """Set everything to where the checkpoint was. Returns the losses so far, none if there is no checkpoint yet."""
    if not Path(path).exists():
        return []
    try:
        tensors, metadata = load_tensors(path)
        losses, other = json.loads(metadata["losses"]), json.loads(metadata["run"])
    except KeyError:
        raise InputError(f"{path}: is not a checkpoint of bgnb") from None
    mine = asdict(run)
    free = ["epochs"] if run.schedule == "constant" else []  # a constant rate does not depend on the number of epochs
    different = [name for name in names(Training) if name not in free and mine[name] != other.get(name)]
    different += ["pictures"] if metadata.get("pictures") != pictures else []
    if different or len(losses) > run.epochs_run:
        what = f"another {', '.join(different)}" if different else f"{len(losses)} epochs already"
        raise InputError(f"checkpoint {path}: is of a run with {what}; remove it or name another")
    for part, network in (("model.", model), ("mean.", mean)):
        if network:
            network.load_state_dict({name.removeprefix(part): t for name, t in tensors.items() if name.startswith(part)})
    for number, weight in enumerate(model.parameters()):
        if f"momentum.{number}" in tensors:
            like = torch.empty_like(weight)  # keeps the memory layout, because rounding depends on it
            optimiser.state[weight]["momentum_buffer"] = like.copy_(tensors[f"momentum.{number}"])
    generator.set_state(tensors["generator"])
    return losses
