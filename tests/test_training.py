"""Training against a plain PyTorch loop, and against itself where it was interrupted."""

import copy
from dataclasses import replace

import pytest
import torch
from safetensors.torch import save_file
from torch.nn.functional import binary_cross_entropy_with_logits

import bgnb.training
from bgnb import InputError, Run, build, fit, load, trained
from bgnb.patches import draw_crops
from bgnb.training import augmented, network_key

PRESETS = ("recommended", "literal")
SMALL = dict(size=32, patch=16, epochs=4, per_image=4, ratio=2, batch=16, device="cpu", precision="fp32")


def train(imageset, checkpoint=None, every=1, on_epoch=None, **options):
    return fit(imageset, Run(**(SMALL | options)), checkpoint, every, progress=False, on_epoch=on_epoch)


def equal(one, other):
    return all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), other.state_dict().values(), strict=True))


def same(one, other):
    return one.losses == other.losses and equal(one, other)


def test_the_loss_falls_and_red_is_told_from_green(easy_set):
    pictures = easy_set()
    model = train(pictures, epochs=8)
    assert len(model.losses) == 8 and model.losses[-1] < 0.2 * model.losses[0] < 0.2
    assert not model.training
    with torch.no_grad():
        assert (model(pictures.targets) < 0).all()  # 0 = target
        assert (model(pictures.backgrounds) > 0).all()  # 1 = background


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_the_seed_decides_everything(easy_set, precision):
    before = torch.get_rng_state()
    one, equal, other = (train(easy_set(), epochs=2, seed=seed, precision=precision) for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), before)
    assert same(one, equal) and one.losses != other.losses


@pytest.mark.parametrize("preset", PRESETS)
def test_a_plain_loop_gives_the_same_weights(random_set, preset):
    pictures, run = random_set(height=32, width=32), Run(preset=preset, **(SMALL | dict(epochs=2))).resolved()
    model = build(run.net, run.patch, seed=run.seed).to(memory_format=torch.contiguous_format)
    optimiser = torch.optim.SGD(model.parameters(), run.lr, run.momentum, weight_decay=run.weight_decay, fused=False)
    generator, losses = torch.Generator().manual_seed(run.seed), []
    for _ in range(run.epochs):
        crops = draw_crops(pictures, run.patch, run.per_image, run.ratio, run.seed if preset == "literal" else generator)
        order, total = torch.randperm(len(crops), generator=generator).tolist(), 0.0
        for part in (order[at : at + run.batch] for at in range(0, len(order), run.batch)):
            batch = []
            for i in part:
                source = pictures.backgrounds if crops.label[i] == 1 else pictures.targets
                top, left = crops.top[i], crops.left[i]
                batch.append(source[crops.image[i], :, top : top + run.patch, left : left + run.patch])
            loss = binary_cross_entropy_with_logits(model(torch.stack(batch)), crops.label[part].float())
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            total += loss.item() * len(part)
        losses.append(total / len(order))
    ours = fit(pictures, run, progress=False)
    assert ours.losses == pytest.approx(losses, abs=1e-4)
    for name, weight in model.state_dict().items():
        torch.testing.assert_close(ours.state_dict()[name], weight, atol=1e-4, rtol=0, msg=lambda m, n=name: f"{n}: {m}")


class Interrupted(Exception):
    pass


WAYS = [dict(preset=preset) for preset in PRESETS] + [dict(schedule="one-cycle"), dict(weight_average=True)]
WAYS += [dict(schedule="one-cycle", weight_average=True, momentum=0.0, augment=0.3)]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: " ".join(map(str, way.values())))
@pytest.mark.parametrize(("stop", "every"), [(1, 1), (3, 2)])
def test_what_was_interrupted_goes_on_bit_for_bit(easy_set, tmp_path, way, stop, every):
    def interrupt(epoch, model, loss):
        if epoch == stop:
            raise Interrupted

    checkpoint = tmp_path / "check.safetensors"
    uninterrupted = train(easy_set(), **way)
    with pytest.raises(Interrupted):
        train(easy_set(), checkpoint, every, interrupt, **way)
    epochs = []
    again = train(easy_set(), checkpoint, every, lambda epoch, *_: epochs.append(epoch), **way)
    assert epochs == list(range(stop // every * every, 5))  # it did go on, from the last epoch of the checkpoint
    assert same(again, uninterrupted) and equal(again.last, uninterrupted.last)


def test_the_average_is_the_running_mean_of_every_epochs_weights(easy_set):
    by_hand = {}

    def add(epoch, model, loss):
        for name, tensor in model.last.state_dict().items():
            if tensor.is_floating_point():
                by_hand[name] = tensor.clone() if epoch == 1 else 0.8 * by_hand[name] + 0.2 * tensor

    model = train(easy_set(), on_epoch=add, weight_average=True)
    assert len(by_hand) > 20
    for name, tensor in by_hand.items():
        torch.testing.assert_close(model.state_dict()[name], tensor, atol=1e-6, rtol=1e-5)
    assert not model.training and not model.last.training and model.last is not model


def test_averaging_does_not_touch_the_training(easy_set):
    plain, mean = train(easy_set()), train(easy_set(), weight_average=True)
    assert plain.losses == mean.losses and plain.last is plain
    assert equal(plain, mean.last)


def test_one_cycle_is_torchs_schedule_over_all_updates(easy_set, monkeypatch):
    rates, step = [], torch.optim.SGD.step
    monkeypatch.setattr(torch.optim.SGD, "step", lambda self, *a: rates.append(self.param_groups[0]["lr"]) or step(self, *a))
    train(easy_set(), schedule="one-cycle", lr=0.03, epochs=5)
    monkeypatch.undo()
    optimiser = torch.optim.SGD([torch.zeros(1)], 0.03)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 0.03, total_steps=len(rates) + 1, cycle_momentum=False)
    expected = []
    for _ in rates:
        expected.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        schedule.step()
    assert len(rates) == 5 * 5 and rates == pytest.approx(expected)  # 6 targets, 4 patches each, ratio 2, 16 in a batch
    assert max(rates) == pytest.approx(0.03, rel=0.01) and rates[-1] < rates[0] < 0.002


def test_a_cycle_of_another_length_is_refused(easy_set, tmp_path):
    train(easy_set(), tmp_path / "check.safetensors", epochs=2, schedule="one-cycle")
    with pytest.raises(InputError, match="another epochs"):
        train(easy_set(), tmp_path / "check.safetensors", epochs=3, schedule="one-cycle")


@pytest.mark.parametrize("preset", PRESETS)
def test_more_epochs_go_on_where_fewer_ended(easy_set, tmp_path, preset):
    checkpoint = tmp_path / "check.safetensors"
    short = train(easy_set(), checkpoint, 10, epochs=2, preset=preset)
    assert same(short, train(easy_set(), checkpoint, 10, epochs=2, preset=preset))  # nothing is left to do
    assert same(train(easy_set(), checkpoint, 10, preset=preset), train(easy_set(), preset=preset))
    with pytest.raises(InputError, match="4 epochs already"):
        train(easy_set(), checkpoint, 10, epochs=2, preset=preset)


def test_keeping_a_checkpoint_changes_nothing(easy_set, tmp_path):
    assert same(train(easy_set(), tmp_path / "check.safetensors"), train(easy_set()))
    assert [file.name for file in tmp_path.iterdir()] == ["check.safetensors"]


@pytest.mark.parametrize("other", [dict(lr=0.02), dict(seed=1), dict(preset="literal"), dict(ratio=1), dict(weight_decay=0.0)])
def test_a_checkpoint_of_another_run_is_refused(easy_set, tmp_path, other):
    checkpoint = tmp_path / "check.safetensors"
    train(easy_set(), checkpoint, epochs=1)
    before = checkpoint.read_bytes()
    with pytest.raises(InputError, match=rf"check\.safetensors.*{next(iter(other))}"):
        train(easy_set(), checkpoint, epochs=1, **other)
    assert checkpoint.read_bytes() == before


def test_a_name_that_no_file_can_have_is_refused(easy_set):
    with pytest.raises(InputError, match="checkpoint"):
        fit(easy_set(), Run(**SMALL), checkpoint="a\0b", progress=False)


@pytest.mark.parametrize("content", [b"", b"no checkpoint", None])
def test_a_broken_checkpoint_is_named(easy_set, tmp_path, content):
    checkpoint = tmp_path / "check.safetensors"
    if content is None:
        save_file({"model.head.weight": torch.zeros(1)}, checkpoint)  # safetensors, but no checkpoint
    else:
        checkpoint.write_bytes(content)
    with pytest.raises(InputError, match=r"check\.safetensors") as caught:
        train(easy_set(), checkpoint)
    assert "\n" not in str(caught.value)


def test_a_rate_that_explodes_stops(easy_set):
    with pytest.raises(FloatingPointError, match="lr"):
        train(easy_set(), lr=1e9, epochs=30)


def test_a_loss_that_is_no_number_leaves_the_checkpoint_usable(easy_set, tmp_path):
    def poison(epoch, model, loss):
        if epoch == 2:
            with torch.no_grad():
                model.head.weight.fill_(float("nan"))

    checkpoint = tmp_path / "check.safetensors"
    with pytest.raises(FloatingPointError, match="epoch 3"):
        train(easy_set(), checkpoint, 1, poison)
    assert same(train(easy_set(), checkpoint, 1), train(easy_set()))


def drawn(monkeypatch, imageset, **options):
    """The crops of every epoch, as sorted tuples."""
    epochs = []

    def spy(*arguments, **named):
        crops = draw_crops(*arguments, **named)
        parts = (crops.label, crops.image, crops.top, crops.left)
        epochs.append(sorted(zip(*(part.tolist() for part in parts), strict=True)))
        return crops

    monkeypatch.setattr(bgnb.training, "draw_crops", spy)
    train(imageset, **options)
    return epochs


def test_the_letter_draws_patches_once_and_we_anew(monkeypatch, easy_set):
    once = drawn(monkeypatch, easy_set(), preset="literal", epochs=3)
    anew = drawn(monkeypatch, easy_set(), epochs=3)
    assert once[0] == once[1] == once[2]
    assert anew[0] != anew[1] != anew[2] != anew[0]
    assert len(once[0]) == len(anew[0]) == 6 * 4 * (1 + 2)


@pytest.mark.parametrize(("ratio", "epochs"), [(1, 6), (2, 4), (4, 2), (1.5, 5), (99, 1)])
def test_equal_updates_trains_as_long_as_at_ratio_one(easy_set, ratio, epochs):
    # 6 epochs of 1 + 1 patches are epochs * (1 + ratio) patches
    model = train(easy_set(images=2), epochs=6, ratio=ratio, equal_updates=True, per_image=2, batch=512)
    assert len(model.losses) == epochs


def test_on_epoch_sees_the_network_in_training_mode(easy_set):
    seen = []
    model = train(easy_set(), epochs=3, on_epoch=lambda *a: seen.append((a[0], a[1].training, a[2], copy.copy(a[1].head.bias))))
    assert [epoch for epoch, *_ in seen] == [1, 2, 3] and all(training for _, training, *_ in seen)
    assert [loss for *_, loss, _ in seen] == model.losses


def test_masks_are_never_looked_at(easy_set):
    pictures = easy_set()
    without = type(pictures)(pictures.targets, None, pictures.backgrounds)
    assert same(train(pictures, epochs=1), train(without, epochs=1))


def updates(wrap):
    """The weights and losses after some updates of two shapes of batch, as an epoch's end has them."""
    weight, losses = torch.tensor([1.0, -2.0]), []

    def update(pixels, label):
        loss = ((pixels @ weight - label) ** 2).mean()
        weight.sub_(0.01 * pixels.mean(0) * loss)
        return loss

    step, generator = wrap(update), torch.Generator().manual_seed(0)
    for number in range(20):
        n = 3 if number % 5 == 4 else 8
        losses.append(step(torch.rand(n, 2, generator=generator), torch.rand(n, generator=generator)).item())
    return weight, losses


def test_graphs_are_made_once_for_each_shape_and_do_the_same_updates():
    captured = []

    def capture(function):
        captured.append(function)
        return function

    plain, graphed = updates(lambda update: update), updates(lambda update: bgnb.training.graphed(update, capture))
    assert torch.equal(plain[0], graphed[0]) and plain[1] == graphed[1]
    assert len(captured) == 2


def test_without_a_graph_training_goes_on_and_says_so():
    def capture(function):
        raise RuntimeError("operation not permitted when stream is capturing\nmore")

    plain = updates(lambda update: update)
    with pytest.warns(UserWarning, match="no CUDA graph.*not permitted"):
        graphed = updates(lambda update: bgnb.training.graphed(update, capture))
    assert torch.equal(plain[0], graphed[0]) and plain[1] == graphed[1]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
def test_on_a_gpu_the_graph_gives_the_losses_of_the_plain_loop(easy_set, monkeypatch, recwarn):
    options = dict(device="cuda", epochs=6, batch=32)
    graphed = train(easy_set(), **options)
    assert not [w for w in recwarn if "CUDA graph" in str(w.message)]
    monkeypatch.setattr(bgnb.training, "graphed", lambda update: update)
    plain = train(easy_set(), **options)
    assert graphed.losses == pytest.approx(plain.losses, rel=1e-3)


@pytest.mark.parametrize("ratio", [1, 2])
def test_a_last_batch_of_a_single_patch_joins_the_one_before(easy_set, ratio):
    """12 or 18 patches in batches of 11 or 17: batch norm cannot take the last one by itself."""
    run = Run(**(SMALL | dict(per_image=1, ratio=ratio, batch=6 * (1 + ratio) - 1, epochs=2, net="tiny", patch=24)))
    assert len(fit(easy_set(), run, progress=False).losses) == 2


@pytest.mark.parametrize(("n", "batch"), [(1, 5), (5, 5), (6, 5), (7, 5), (11, 5), (12, 2), (13, 2)])
def test_batches_hold_every_patch_once_and_none_alone(n, batch):
    parts = bgnb.training.batches(n, batch)
    assert [i for part in parts for i in range(n)[part]] == list(range(n))
    assert n == 1 or min(part.stop - part.start for part in parts) > 1
    if n % batch != 1:  # as ever
        assert [part.start for part in parts] == list(range(0, n, batch))


def test_a_killed_training_goes_on_by_itself_to_the_same_bits(easy_set, monkeypatch, empty_cache):
    pictures, run = easy_set(seed=11), Run(**(SMALL | dict(weight_average=True, schedule="one-cycle")))
    whole, save, saved = fit(pictures, run, progress=False), bgnb.training.save_checkpoint, []

    def killed(path, run, pictures, model, mean, optimiser, generator, losses):
        save(path, run, pictures, model, mean, optimiser, generator, losses)
        saved.append(path)
        if len(losses) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(bgnb.training, "save_checkpoint", killed)
    with pytest.raises(KeyboardInterrupt):
        trained(pictures, run, progress=False)
    assert saved[-1].exists()
    draw_crops, epochs = bgnb.training.draw_crops, []
    monkeypatch.setattr(bgnb.training, "save_checkpoint", save)
    monkeypatch.setattr(bgnb.training, "draw_crops", lambda *a: epochs.append(1) or draw_crops(*a))
    again = trained(pictures, run, progress=False)
    assert same(again, whole) and len(epochs) == 2  # of four
    assert not saved[-1].exists()


@pytest.mark.parametrize("watch", [None, lambda epoch, model, loss: None])
def test_a_checkpoint_beside_a_finished_network_is_removed(easy_set, empty_cache, watch):
    """A kill between the last two writes leaves both."""
    pictures, run = easy_set(seed=13), Run(**(SMALL | dict(epochs=1)))
    trained(pictures, run, progress=False, on_epoch=watch)
    name = bgnb.training.network_key(pictures, run) + ("-epochs.part" if watch else ".part")
    left = bgnb.training.cache_folder() / "networks" / name
    left.write_bytes(b"")
    trained(pictures, run, progress=False, on_epoch=watch)
    assert not left.exists()


@pytest.mark.parametrize("content", [b"", b"damaged", None])
def test_a_network_in_the_cache_that_does_not_fit_is_trained_again(easy_set, empty_cache, content):
    pictures, run = easy_set(seed=12), Run(**(SMALL | dict(epochs=1)))
    first = trained(pictures, run, progress=False)
    path = bgnb.training.cache_folder() / "networks" / f"{bgnb.training.network_key(pictures, run)}.safetensors"
    if content is None:  # of another shape, and without the losses
        save_file({f"1.{name}": torch.zeros(3) for name in first.state_dict()}, path)
    else:
        path.write_bytes(content)
    assert same(trained(pictures, run, progress=False), first)
    assert same(trained(pictures, run, progress=False), first)  # from the cache, which is mended


def weights(network, loss):
    """Everything that ``on_epoch`` can see, copied."""
    last = {f"last.{name}": tensor for name, tensor in network.last.state_dict().items()}
    return copy.deepcopy(network.state_dict() | last | {"loss": torch.tensor(loss, dtype=torch.double)})


def watch(pictures, run, stop=None, early=False):
    """The network of ``trained`` and what ``on_epoch`` saw. In epoch ``stop`` that fails, at its beginning or at its end."""
    seen = []

    def look(epoch, network, loss):
        assert epoch == len(seen) + 1
        if epoch == stop and early:
            raise Interrupted
        seen.append(weights(network, loss))
        if epoch == stop:
            raise Interrupted

    return trained(pictures, run, progress=False, on_epoch=look), seen


def all_equal(one, other):
    return [a.keys() for a in one] == [b.keys() for b in other] and all(
        torch.equal(a[name], b[name]) for a, b in zip(one, other, strict=True) for name in a
    )


def crop_counter(monkeypatch):
    """A list that grows with every epoch that is trained."""
    trained_epochs, draw = [], draw_crops
    monkeypatch.setattr(bgnb.training, "draw_crops", lambda *a: trained_epochs.append(1) or draw(*a))
    return trained_epochs


@pytest.fixture
def empty_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("BGNB_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "networks"


@pytest.mark.parametrize("early", [True, False])
@pytest.mark.parametrize("way", [{}, dict(weight_average=True, schedule="one-cycle")], ids=["plain", "mean"])
def test_who_watches_a_training_sees_every_epoch_once_interrupted_or_not(easy_set, empty_cache, monkeypatch, way, early):
    pictures, run, seen = easy_set(), Run(**(SMALL | way)), []
    whole = fit(pictures, run, progress=False, on_epoch=lambda epoch, network, loss: seen.append(weights(network, loss)))
    for stop in (1, 3):
        with pytest.raises(Interrupted):
            watch(pictures, run, stop, early)
    epochs = crop_counter(monkeypatch)
    model, again = watch(pictures, run)
    assert len(epochs) == 1  # the last of four
    assert all_equal(again, seen) and same(model, whole) and equal(model.last, whole.last)
    assert not list(empty_cache.glob("*.part"))
    model, again = watch(pictures, run)
    assert len(epochs) == 1 and all_equal(again, seen) and same(model, whole) and equal(model.last, whole.last)
    assert not model.training and not model.last.training


@pytest.mark.parametrize("missing", ["1", "3"])
def test_an_epoch_that_is_missing_in_the_cache_is_trained_again(easy_set, empty_cache, missing):
    pictures, run = easy_set(), Run(**SMALL)
    model, seen = watch(pictures, run)
    [file] = empty_cache.glob(f"*-epochs/{missing}.safetensors")
    file.write_bytes(file.read_bytes()[:100])
    again, repeated = watch(pictures, run)
    assert all_equal(repeated, seen) and same(again, model)
    assert all_equal(watch(pictures, run)[1], seen)


def test_a_checkpoint_whose_epochs_are_not_all_kept_is_of_no_use(easy_set, empty_cache, monkeypatch):
    pictures, run = easy_set(), Run(**SMALL)
    with pytest.raises(Interrupted):
        watch(pictures, run, stop=3)
    [file] = empty_cache.glob("*-epochs/1.safetensors")
    file.unlink()
    epochs = crop_counter(monkeypatch)
    model, seen = watch(pictures, run)
    assert len(epochs) == len(seen) == 4 and same(model, fit(pictures, run, progress=False))


def test_a_kept_network_still_has_its_last(easy_set, empty_cache, monkeypatch):
    pictures, run = easy_set(), Run(**SMALL, weight_average=True)
    first = trained(pictures, run, progress=False)
    monkeypatch.setattr(bgnb.training, "fit", None)  # would fail if it were called
    again = trained(pictures, run, progress=False)
    assert same(first, again) and equal(first.last, again.last) and not equal(again, again.last)


def test_augmented_patches_are_mirrored_and_relit_within_their_bounds():
    pixels = torch.randint(60, 200, (400, 3, 4, 6), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    made = augmented(pixels, 0.2, torch.Generator().manual_seed(2))
    assert torch.equal(made, augmented(pixels, 0.2, torch.Generator().manual_seed(2))) and made.dtype == torch.uint8
    mirrored = 0
    for before, after in zip(pixels.double(), made.double(), strict=True):
        fits = []
        for flipped in (before, before.flip(2)):  # after = gain * before + one shift for each colour
            x, y = flipped.flatten(1), after.flatten(1)
            x, y = x - x.mean(1, keepdim=True), y - y.mean(1, keepdim=True)
            gain = ((x * y).sum() / (x * x).sum()).item()
            fits.append(((y - gain * x).abs().max().item(), gain))
        error, gain = min(fits)
        mirrored += fits[1] < fits[0]
        assert error < 1.1 and 0.79 < gain < 1.21
    assert 150 < mirrored < 250
    shift = (made.float().mean((2, 3)) - pixels.float().mean((2, 3))).abs()
    assert 10 < shift.max() < 85 * 0.2 + 0.2 * 70


def test_augmenting_is_a_part_of_the_training_and_of_its_key():
    pictures = load(size=64, images=4, progress=False)
    run = Run(size=64, patch=24, epochs=2, device="cpu", precision="fp32")
    plain, once, again = (fit(pictures, replace(run, augment=share), progress=False) for share in (0, 0.3, 0.3))
    assert once.losses == again.losses != plain.losses
    assert network_key(pictures, run) != network_key(pictures, replace(run, augment=0.3))
    fit(pictures, replace(run, method="cam", augment=0.3), progress=False)
