"""What probability theory says before any training."""


def bayes_backgroundness(ratio: float, pi: float) -> float:
    """Backgroundness of an F or N patch under the best possible classifier: r / (r + 1 - pi).

    Of 1 + r patches, one comes from a target image and r from background images. A share ``pi`` of the target images'
    patches shows the target (P); the rest, 1 - pi, is F, which looks like N. Among the patches that look like background
    there are r labelled background for 1 - pi labelled target. (Ours, not the paper's: FACTS, "Closed form".)

    Args:
        ratio: background patches for each target patch, > 0. pi: share of P among target-image patches, 0 ... 1.

    >>> [round(bayes_backgroundness(ratio, 0.3), 2) for ratio in (1, 2, 4)]
    [0.59, 0.74, 0.85]
    """
    return ratio / (ratio + 1 - pi)
