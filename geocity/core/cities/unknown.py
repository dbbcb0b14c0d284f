"""A city that the model never saw: how it is noticed, and how well that works.

The score is the free energy of Liu et al. (2020, "Energy-based out-of-distribution detection",
NeurIPS): log Σ exp(logit), high where some city is spoken for loudly. A unit whose score falls
below a threshold is of an unknown city. The threshold is the score that a stated share of the
validation units reaches, for example 95 %.

How well it works is measured by leaving cities out: each city in turn loses its logit, so that the
model cannot name it, and its units must be told from those of all the others. The network has
still seen the city in training; for one that it never saw, the figures may be worse. The honest
and dear measurement is a model trained without the city (``geocity city train --leave-out``).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats

from geocity.core.cities.votes import Logits, Units

LEAVE_OUT_CAVEAT = (
    "Measured by taking away each city's logit in turn; the network has seen the city in training, "
    "so for a city that it never saw the figures may be worse (to measure that, train with "
    "--leave-out and evaluate on the same folder)."
)


def energy(logits: Logits) -> NDArray[np.float64]:
    """Return how loudly any city is spoken for, (units,); high for known cities."""
    result: NDArray[np.float64] = special.logsumexp(np.asarray(logits, np.float64), axis=1)
    return result


def acceptance_threshold(scores: NDArray[np.floating], acceptance: float) -> float:
    """Return the highest score that at least a share of all scores reaches.

    Args:
        scores: of known units.
        acceptance: the share, between 0 and 1.

    Raises:
        ValueError: if there is no score, or the share is not between 0 and 1.
    """
    if not len(scores) or not 0 < acceptance <= 1:
        raise ValueError(f"got {len(scores)} scores and an acceptance of {acceptance}")
    falling = np.sort(np.asarray(scores, np.float64))[::-1]
    return float(falling[int(np.ceil(acceptance * len(falling) - 1e-9)) - 1])


def auroc(known: NDArray[np.floating], unknown: NDArray[np.floating]) -> float | None:
    """Return how often a known unit scores above an unknown one; a tie counts half.

    None where one side is empty.
    """
    if not len(known) or not len(unknown):
        return None
    ranks = stats.rankdata(np.concatenate([known, unknown]))[: len(known)]
    wins = ranks.sum() - len(known) * (len(known) + 1) / 2
    return float(wins / (len(known) * len(unknown)))


@dataclass(frozen=True, slots=True)
class Rejection:
    """How well one city is noticed to be unknown.

    Attributes:
        city: its position, or -1 for cities that the model truly never saw.
        units: units of it.
        auroc: 0.5 is chance, 1 is perfect.
        taken_for_known: share of its units that pass where the stated share of the known units of
            the test part passes (at an acceptance of 95 % this is the FPR95 of the literature).
        passed: share of its units that pass the threshold of the validation part.
        known_rejected: share of the known units that do not pass it.
    """

    city: int
    units: int
    auroc: float | None
    taken_for_known: float | None
    passed: float | None
    known_rejected: float | None


def leave_out(validation: Units, test: Units, acceptance: float) -> list[Rejection]:
    """Treat each city in turn as unknown by taking its logit away.

    Args:
        validation: units of known cities; the threshold comes from them.
        test: units of known cities.
        acceptance: share of the known units that the threshold lets pass.

    Returns:
        One row for each city that the test part holds; none where the model has two cities or
        fewer, for then one name is left and nothing to choose.
    """
    cities = test.logits.shape[1]
    if cities < 3:
        return []
    rows = []
    for city in np.unique(test.truth).tolist():
        others = [c for c in range(cities) if c != city]
        scores, seen = energy(test.logits[:, others]), test.truth != city
        trusted = energy(validation.logits[:, others])[validation.truth != city]
        rows.append(_rejection(city, scores[seen], scores[~seen], trusted, acceptance))
    return rows


def never_seen(validation: Units, test: Units, strangers: Units, acceptance: float) -> Rejection:
    """Measure against units of cities that the model truly never saw.

    Args:
        validation: units of known cities.
        test: units of known cities.
        strangers: units of others.
        acceptance: share of the known units that the threshold lets pass.
    """
    known, unknown, trusted = (energy(units.logits) for units in (test, strangers, validation))
    return _rejection(-1, known, unknown, trusted, acceptance)


def _rejection(
    city: int,
    known: NDArray[np.float64],
    unknown: NDArray[np.float64],
    trusted: NDArray[np.float64],
    acceptance: float,
) -> Rejection:
    passed = rejected = None
    if len(trusted):
        threshold = acceptance_threshold(trusted, acceptance)
        passed = float((unknown >= threshold).mean())
        rejected = float((known < threshold).mean()) if len(known) else None
    taken = None
    if len(known):
        taken = float((unknown >= acceptance_threshold(known, acceptance)).mean())
    return Rejection(city, len(unknown), auroc(known, unknown), taken, passed, rejected)
