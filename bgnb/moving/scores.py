"""Scores that move: patches over epochs, histograms by kind, the two bells."""

from collections.abc import Mapping, Sequence

import numpy as np

from bgnb.files import InputError
from bgnb.moving.base import Moving, floats, named, sheet
from bgnb.patches import Patches
from bgnb.plots import KINDS_STYLE, array, draw_kind_strip, draw_scores, draw_two_bells, picture
from bgnb.study.theory import bayes_backgroundness, shift


def move_strip(patches: Patches, history: np.ndarray, n: int = 12) -> Moving:
    """Patches in a lane for each kind: after every epoch each moves to its backgroundness. A button plays all epochs.

    Args:
        patches: those that were watched.
        history: ``(epochs, len(patches))`` their backgroundness after every epoch.
        n: how many of each kind are shown; medians and shares are of all.

    Returns:
        Moving; its still picture is ``draw_kind_strip``'s, after the last epoch.
    """
    kind, epochs = patches.known_kind, len(history)
    still = draw_kind_strip(patches, scores=history[-1], title=f"backgroundness after {epochs} epochs")
    shown = {name: np.flatnonzero(kind == name)[:n].tolist() for name in KINDS_STYLE if (kind == name).any()}
    numbers = [number for one in shown.values() for number in one]
    pixels, about = sheet([picture(patches.pixels[i]) for i in numbers], None)
    given = about | {"epochs": epochs, "kinds": "".join(kind), "shown": shown, "names": list(shown)}
    given["sheet"] = {str(number): place for place, number in enumerate(numbers)}
    return Moving("strip", still, {"epoch": epochs}, given, {"pixels": pixels, "scores": floats(history)})


def move_bells(ratio: float = 2.0, pi: float = 0.3, distance: float = 3.0) -> Moving:
    """Two bells on a line, drawn from their formulas: move the ratio, the share of P and the distance.

    Args:
        ratio: background patches for each target patch, to begin with.
        pi: share of P among the patches of target images.
        distance: from the background's middle to the target's.

    Returns:
        Moving; its still picture is ``draw_two_bells``'s.

    >>> move_bells().state
    {'ratio': 2.0, 'pi': 0.3, 'distance': 3.0}
    """
    sliders = {
        "ratio": ["ratio r", 0.25, 8, 0.25],
        "pi": ["share of P, π", 0.05, 0.95, 0.05],
        "distance": ["distance", 0.5, 5, 0.1],
    }
    state = {"ratio": ratio, "pi": pi, "distance": distance}
    return Moving("bells", draw_two_bells(ratio, pi, distance), state, {"sliders": sliders})


def move_histograms(
    scores: Mapping[tuple[int, float], Mapping[str, np.ndarray]],
    pis: Mapping[int, float],
    ratio: float | None = None,
    patch: int | None = None,
    title: str = "",
) -> Moving:
    """Histograms of backgroundness by kind; the outline is the network of the lowest ratio, moved to any other.

    Args:
        scores: (patch, ratio) -> kind -> ``(n,)`` backgroundness. Every patch size needs every ratio.
        pis: patch -> share of P among the patches of target images.
        ratio: of the network to begin with; None: the highest.
        patch: of the network to begin with; None: the first.
        title: of the still picture.

    Returns:
        Moving; its still picture is ``draw_scores``'s.

    Raises:
        InputError: a network is missing.
    """
    patches, ratios = (list(dict.fromkeys(key[i] for key in scores)) for i in (0, 1))
    ratios.sort()
    patch, ratio = patches[0] if patch is None else patch, ratios[-1] if ratio is None else ratio
    if missing := [(p, r) for p in patches for r in ratios if (p, r) not in scores]:
        raise InputError(f"scores: there is no network of patch and ratio {missing[0]}")
    first = {kind: shift(values, ratio / ratios[0]) for kind, values in scores[patch, ratios[0]].items()}
    words = f"ratio {ratios[0]:g}, moved by log {ratio / ratios[0]:g}"
    title = title or f"ratio {ratio:g}, patch {patch}"
    still = draw_scores(scores[patch, ratio], bayes_backgroundness(ratio, pis[patch]), title, predicted=first, words=words)
    parts, pieces, end = [], [], 0
    for p in patches:
        for r in ratios:
            for kind in "PFN":
                values = array(scores[p, r].get(kind, ()))
                parts.append([p, r, kind, end, end + len(values)])
                pieces.append(values)
                end += len(values)
    given = {"patches": patches, "ratios": ratios, "pis": named(pis[p] for p in patches), "parts": parts}
    given["range"] = reach(ratios)
    state = {"ratio": ratio, "patch": patch, "moved": ratio}
    return Moving("histograms", still, state, given, {"scores": floats(np.concatenate(pieces))})


def reach(ratios: Sequence[float]) -> list[float]:
    """Lowest, highest and step of a slider that reaches twice the highest ratio and stops at each of them.

    >>> reach([1, 2, 4]), reach([0.5, 3])
    ([1, 8, 0.25], [0.5, 6, 0.25])
    """
    step = 0.25 if all(ratio % 0.25 == 0 for ratio in ratios) else 0.01
    return [ratios[0], 2 * ratios[-1], step]
