"""Loc. Acc. at every epoch: how far it swings, and whether any signal says without masks when to stop.

A network that memorises wrong labels might betray itself in three ways. Its loss falls below that of the best honest
classifier. It tells the background images of its training from new ones. Two networks, which err in different places, agree
less. Each signal has a rule that was written down before its picks were looked at (``RULES``).

Only a rule that needs no masks and gains on the best fixed length, both with averaged weights, deserves to become a setting: its
interval must lie above 0 with the map threshold that needs no masks, and it must lose nothing with the other one.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np
import pandas as pd
import torch
from scipy.special import entr
from torch import Tensor

from bgnb.boxes import held_out
from bgnb.data import ImageSet
from bgnb.maps import localise
from bgnb.metrics import best_accuracy, mask_ious, pxap, threshold_without_masks
from bgnb.networks import Network
from bgnb.patches import sample_patches
from bgnb.settings import Run
from bgnb.study.intervals import bootstrap_interval, share_above
from bgnb.study.tables import markdown, tidy
from bgnb.study.theory import bayes_backgroundness
from bgnb.training import fit
from bgnb.windows import score_windows

EVERY = 2  # epochs from one look at the signals to the next
WINDOW = 3  # looks whose mean a rule reads, the newest last: a rule cannot know what comes later
HELD_OUT = 5  # every fifth background image is not trained on
FIXED = (20, 50, 100)  # lengths that need no signal
CHOOSE_ON = ("cat, forest", "dog, playground")  # limits are chosen on these pairs, and the results are those of the others
RIVAL = "always the best length of the first pairs"
# A curve's column -> how its map threshold was chosen. The first is what somebody without masks can have.
READINGS = {"without_masks": "threshold without masks", "held_out": "held-out threshold"}
LIMITS = np.arange(0.5, 1, 0.01)  # that the two rules with a limit may have: shares of pairs of patches


def honest_loss(ratio: float, pi: float) -> float:
    """Mean loss of the best possible classifier, in nats: the entropy of a patch's label, given whether it shows the target.

    P is labelled target without exception, so it costs nothing. F and N cannot be told apart. Their share of all patches is
    (r + 1 - pi) / (r + 1), and each costs the entropy of ``bayes_backgroundness``. A smaller
    loss means memorised labels. Ours, not the paper's.

    Args:
        ratio: background patches for each target patch, > 0.
        pi: share of P among target-image patches, 0 ... 1.

    >>> round(honest_loss(1, 0), 3), honest_loss(1, 1)  # ln 2 if nothing shows the target, 0 if everything does
    (0.693, 0.0)
    """
    background = bayes_backgroundness(ratio, pi)
    return float((ratio + 1 - pi) / (ratio + 1) * (entr(background) + entr(1 - background)))


def pi_from_scores(target: np.ndarray, background: np.ndarray) -> float:
    """pi without masks: what is missing of the target images' patches where half of the new background lies.

    If every P is below the median of N, and F is spread as N is, then a share of (1 - pi) / 2 is above it.

    Args:
        target: ``(n,)`` backgroundness of patches of target images.
        background: ``(n,)`` of patches of background images that were not trained on.

    >>> pi_from_scores(np.array([0.1, 0.1, 0.8, 0.9]), np.array([0.7, 0.8, 0.9]))
    0.5
    """
    return float(np.clip(1 - 2 * (target > np.median(background)).mean(), 0, 1))


def agreement(one: Tensor, other: Tensor) -> float:
    """Correlation of two networks' maps ``(n, H, W)`` of a photo, mean over the photos; a constant map counts as 0.

    >>> maps = torch.rand(2, 8, 8)
    >>> round(agreement(maps, maps), 3), round(agreement(maps, 1 - maps), 3), agreement(maps, 0 * maps)
    (1.0, -1.0, 0.0)
    """
    one, other = (maps.flatten(1).double() - maps.flatten(1).double().mean(1, keepdim=True) for maps in (one, other))
    lengths = one.norm(dim=1) * other.norm(dim=1)
    return ((one * other).sum(1) / lengths.clamp(min=1e-12)).mean().item()


def with_signals(imageset: ImageSet, run: Run, progress: bool = True) -> tuple[Network, list[dict]]:
    """Train two networks that differ in their seed, on four fifths of the background images; look every second epoch.

    Returns:
        The first network, and its entries. Results: "held_out" (Loc. Acc. with the map threshold chosen on the other half of
        the photos), "loc_acc" (at the best of ten), "without_masks" (at Otsu's) and "pxap". Signals: "loss" (mean training loss
        since the last look), "pi" (see ``pi_from_scores``), "agreement" of the two networks, "memory" (how often a trained N
        is above a new N), and "drift", which needs masks (how often a new N is above F; None if there is no F).
    """
    new = torch.arange(len(imageset.backgrounds)) % HELD_OUT == 0
    part, rest = (replace(imageset, backgrounds=imageset.backgrounds[chosen]) for chosen in (~new, new))
    patches = [sample_patches(pictures, run.patch, generator=run.seed + 1000) for pictures in (part, rest)]
    others, losses, taken = {}, [], []

    def note(epoch: int, model: Network, loss: float) -> None:
        if epoch % EVERY == 0:
            others[epoch] = coarse(localise(model, imageset.targets, run), run.stride)

    def look(epoch: int, model: Network, loss: float) -> None:
        losses.append(loss)
        if epoch % EVERY:
            return
        maps = localise(model, imageset.targets, run).cpu()
        ious = mask_ious(maps, imageset.masks)
        otsu = mask_ious(maps, imageset.masks, [threshold_without_masks(maps)])
        device = next(model.parameters()).device
        scores = [score_windows(model, p.pixels.to(device), run.patch, 1).flatten().cpu().numpy() for p in patches]
        kind, fresh = patches[0].kind, scores[1][patches[1].kind == "N"]
        f = scores[0][kind == "F"]
        numbers = {
            "held_out": held_out(ious, 0.4).double().mean().item(),
            "loc_acc": best_accuracy(ious).value,
            "without_masks": (otsu >= 0.4).double().mean().item(),
            "pxap": pxap(maps, imageset.masks),
            "loss": float(np.mean(losses[-EVERY:])),
            "pi": pi_from_scores(scores[0][kind != "N"], fresh),
            "agreement": agreement(coarse(maps, run.stride), others[epoch]),
            "memory": share_above(scores[0][kind == "N"], fresh),
            "drift": share_above(fresh, f) if len(f) else None,
        }
        taken.append({"epoch": epoch} | {name: value if value is None else round(value, 4) for name, value in numbers.items()})

    fit(part, replace(run, seed=run.seed + 1000), progress=progress, on_epoch=note)
    return fit(part, run, progress=progress, on_epoch=look), taken


def coarse(maps: Tensor, stride: int) -> Tensor:
    """One pixel of each ``stride`` by ``stride``: maps of windows hold no more than that."""
    return maps[:, ::stride, ::stride].cpu()


# ---- rules: from a curve to the look at which it would have stopped ----


def smooth(values: Iterable[float]) -> np.ndarray:
    """The mean of the last ``WINDOW`` looks at every look.

    >>> smooth([0, 3, 6, 9]).tolist()
    [0.0, 1.5, 3.0, 6.0]
    """
    return pd.Series(list(values), dtype=float).rolling(WINDOW, min_periods=1).mean().to_numpy()


def before(crossed: np.ndarray) -> int:
    """The last look before something first happens; the very last if it never does.

    >>> before(np.array([False, False, True, False])), before(np.array([False, False]))
    (1, 1)
    """
    return max(0, int(crossed.argmax()) - 1) if crossed.any() else len(crossed) - 1


def loss_with_masks(curve: pd.DataFrame, limit: float) -> int:
    """Stop before the training loss falls below that of the best honest classifier, whose pi the masks give."""
    return before(smooth(curve["loss"]) < honest_loss(curve.attrs["ratio"], curve.attrs["pi"]))


def loss_without_masks(curve: pd.DataFrame, limit: float) -> int:
    """The same, with pi from the scores of the same epoch."""
    floor = [honest_loss(curve.attrs["ratio"], pi) for pi in smooth(curve["pi"])]
    return before(smooth(curve["loss"]) < np.array(floor))


def drift_with_masks(curve: pd.DataFrame, limit: float) -> int:
    """Stop before new N is above F more often than the limit: F has been learnt as target. The masks say what F is."""
    return before(smooth(curve["drift"]) > limit)


def drift_without_masks(curve: pd.DataFrame, limit: float) -> int:
    """Stop before N that was trained on is above new N more often than the limit."""
    return before(smooth(curve["memory"]) > limit)


def most_agreement(curve: pd.DataFrame, limit: float) -> int:
    """Train to the end, then go back to where the two networks agreed most."""
    return int(smooth(curve["agreement"]).argmax())


RULES: dict[str, tuple[Callable[[pd.DataFrame, float], int], bool]] = {  # the rule, and whether it has a limit to choose
    "loss below the honest one, pi by masks": (loss_with_masks, False),
    "loss below the honest one, pi from scores": (loss_without_masks, False),
    "new N above F, by masks": (drift_with_masks, True),
    "trained N above new N": (drift_without_masks, True),
    "most agreement of two networks": (most_agreement, False),
}


def curves(results: Iterable[dict]) -> list[pd.DataFrame]:
    """A frame for each training, a row for each look (see ``with_signals``); ``.attrs``: "name", "pictures", "ratio", "pi"."""
    found = []
    for _, row in tidy(results).iterrows():
        curve = pd.DataFrame(row["result"]["signals"])
        place = "drawn" if row["source"] == "scenes" else "photos"
        about = {"name": f"{place}: {row['pictures']}, x{row['ratio']:g}", "pictures": row["pictures"]}
        curve.attrs = about | {"ratio": row["ratio"], "pi": row["result"]["pi"]}
        found.append(curve)
    return found


def at_epoch(curve: pd.DataFrame, epoch: int) -> int:
    """The look at an epoch, or the last one before it."""
    return int((curve["epoch"] <= epoch).sum()) - 1


def lost(curve: pd.DataFrame, look: int, reading: str) -> float:
    """What the network of a look lacks of the best network of the training: 0 or more. ``reading`` is a column of the curve."""
    return float(curve[reading].max() - curve[reading][look])


def chosen_limit(rule: Callable, training: list[pd.DataFrame], reading: str) -> float:
    """The limit with which a rule loses least on some curves; of several, the lowest."""
    return float(min(LIMITS, key=lambda limit: np.mean([lost(curve, rule(curve, limit), reading) for curve in training])))


def chosen_length(training: list[pd.DataFrame], reading: str) -> int:
    """The number of epochs that loses least on some curves; of several, the fewest."""
    looks = training[0]["epoch"]
    return int(min(looks, key=lambda epoch: np.mean([lost(curve, at_epoch(curve, epoch), reading) for curve in training])))


def picks(found: list[pd.DataFrame], reading: str) -> dict[str, list[int]]:
    """Rule -> the look that it picks on every curve. Limits, and one fixed length, are chosen on the pairs of ``CHOOSE_ON``."""
    training = [curve for curve in found if curve.attrs["pictures"] in CHOOSE_ON]
    table = {f"always {epochs} epochs": [at_epoch(curve, epochs) for curve in found] for epochs in FIXED}
    length = chosen_length(training, reading)
    table[f"{RIVAL}: {length}"] = [at_epoch(curve, length) for curve in found]
    for name, (rule, has_limit) in RULES.items():
        limit = chosen_limit(rule, training, reading) if has_limit else 0.0
        table[f"{name} (limit {limit:.2f})" if has_limit else name] = [rule(curve, limit) for curve in found]
    return table


# ---- tables ----


def rules_table(results: list[dict], reading: str) -> pd.DataFrame:
    """What every rule picks and loses on the pairs that nothing was chosen on, and what it gains on the best fixed length."""
    found = curves(results)
    table = picks(found, reading)
    tested = [i for i, curve in enumerate(found) if curve.attrs["pictures"] not in CHOOSE_ON]
    losses = {name: np.array([lost(found[i], looks[i], reading) for i in tested]) for name, looks in table.items()}
    (rival,) = [values for name, values in losses.items() if name.startswith(RIVAL)]
    best = np.array([found[i]["epoch"][found[i][reading].argmax()] for i in tested])
    rows = []
    for name, looks in table.items():
        epochs = np.array([found[i]["epoch"][looks[i]] for i in tested])
        gain = rival - losses[name]
        low, high = bootstrap_interval(gain)
        rows.append({
            f"Loc. Acc., {READINGS[reading]}": name,
            "epochs, median (range)": f"{np.median(epochs):.0f} ({epochs.min()}-{epochs.max()})",
            "epochs from the best": f"{np.abs(epochs - best).mean():.0f}",
            "lost": f"**{losses[name].mean():.3f}**",
            "most lost": f"{losses[name].max():.2f}",
            "gain on the best length [95 %]": "" if name.startswith(RIVAL) else f"{gain.mean():+.3f} [{low:+.3f}, {high:+.3f}]",
        })  # fmt: skip
    return pd.DataFrame(rows)


def curves_table(results: list[dict], reading: str) -> pd.DataFrame:
    """Every curve: its best epoch with its Loc. Acc., that of the last epoch, and the epoch that each signal picks."""
    found = curves(results)
    table = picks(found, reading)
    rows = []
    for i, curve in enumerate(found):
        best = int(curve[reading].argmax())
        row = {f"epochs, {READINGS[reading]}": curve.attrs["name"], "best": str(curve["epoch"][best])}
        row |= {"Loc. Acc. there": f"{curve[reading][best]:.2f}", "at the end": f"{curve[reading].iloc[-1]:.2f}"}
        row |= {name: str(curve["epoch"][looks[i]]) for name, looks in table.items() if not name.startswith("always")}
        rows.append(row)
    return pd.DataFrame(rows)


def deserving(results: list[dict]) -> list[str]:
    """The rules that deserve to become a setting, see the top of this file; the best first."""
    found, gains = curves(results), {}
    tested = [i for i, curve in enumerate(found) if curve.attrs["pictures"] not in CHOOSE_ON]
    for reading in READINGS:
        table = picks(found, reading)
        (rival,) = [looks for name, looks in table.items() if name.startswith(RIVAL)]
        for name, looks in table.items():
            rule = name.partition(" (limit")[0]
            gains[rule, reading] = [found[i][reading][looks[i]] - found[i][reading][rival[i]] for i in tested]
    first, second = READINGS
    good = [
        rule
        for rule in RULES
        if not rule.endswith("by masks") and bootstrap_interval(gains[rule, first])[0] > 0 and np.mean(gains[rule, second]) >= 0
    ]
    return sorted(good, key=lambda rule: -np.mean(gains[rule, first]))


def render_signals(results: list[dict]) -> str:
    """For both readings, what every rule loses and what it picks, as tables in Markdown; then the rules that are worth it."""
    tables = [markdown(table(results, reading)) for reading in READINGS for table in (rules_table, curves_table)]
    good = deserving(results)
    said = f"Worth a setting: {', then '.join(good)}." if good else "No rule that needs no masks is worth a setting."
    return "\n\n".join([*tables, said])


def every_epoch(results: Iterable[dict]) -> dict[str, dict[str, np.ndarray]]:
    """Pictures and method -> "last" and "mean" -> ``(seeds, epochs)`` Loc. Acc. at the best of ten map thresholds.

    Takes results of a sweep that ``measure: every`` asked for; "last": weights of the last update, "mean": averaged weights.
    """
    table = {}
    for (place, pictures, name), group in tidy(results).groupby(["source", "pictures", "name"], sort=False):
        lines = {"last": [], "mean": []}
        for result in group.sort_values("seed")["result"]:
            for weights, several in lines.items():
                several.append([taken["loc_acc"] for taken in result["every"] if taken["weights"] == weights])
        title = f"{'drawn' if place == 'scenes' else 'photos'}: {pictures}; {name}"
        table[title] = {weights: np.array(several) for weights, several in lines.items()}
    return table


def render_every(results: list[dict], last: int = 10) -> str:
    """How far Loc. Acc. moves within the last ten epochs, with and without averaged weights, as a table in Markdown."""
    rows = []
    for title, lines in every_epoch(results).items():
        single, mean = (lines[weights][:, -last:] for weights in ("last", "mean"))
        gains = mean.mean(1) - single.mean(1)
        rows.append({
            "Loc. Acc. in the last ten epochs": title,
            "highest minus lowest, last update": f"{np.ptp(single, 1).mean():.2f}",
            "highest minus lowest, averaged": f"{np.ptp(mean, 1).mean():.2f}",
            "mean, last update": f"{single.mean():.2f}",
            "mean, averaged": f"{mean.mean():.2f}",
            "gain (each seed)": f"**{gains.mean():+.2f}** ({', '.join(f'{gain:+.2f}' for gain in gains)})",
        })  # fmt: skip
    return markdown(pd.DataFrame(rows))
