"""What the validation part teaches about a city model's answers, kept in the model file.

Four numbers for patches and four for images: a temperature, the threshold of the sets of cities,
the score below which a city is unknown, and how many sites they rest on. Beside them the mean
embedding of each city, against which the likeness to a city is measured.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geocity.core.calibration import Reliability, best_temperature
from geocity.core.cities.conformal import fit_set_rule
from geocity.core.cities.directions import directions
from geocity.core.cities.unknown import acceptance_threshold, energy
from geocity.core.cities.votes import Units, log_probabilities


@dataclass(frozen=True, slots=True)
class LevelCalibration:
    """What was learned for one level.

    Attributes:
        temperature: logits are divided by it.
        set_threshold: lowest probability of a city in the set.
        guaranteed: whether there were sites enough to promise the coverage of the sets.
        known_from: the energy from which on a city counts as known.
        units: validation units.
        sites: the sites they lie in.
    """

    temperature: float
    set_threshold: float
    guaranteed: bool
    known_from: float
    units: int
    sites: int

    def __post_init__(self) -> None:
        numbers = (self.temperature, self.set_threshold, self.known_from)
        if not all(math.isfinite(n) for n in numbers) or self.temperature <= 0:
            raise ValueError(f"a calibration cannot hold {numbers}")


@dataclass(frozen=True, slots=True)
class CityCalibration:
    """What was learned, and with what in mind.

    Attributes:
        coverage: how often the truth shall be in a set.
        acceptance: share of known units that shall count as known.
        patch: for single patches.
        image: for images, where many patches voted.
        means: mean embedding of each city, of length 1; empty where none was gathered.
    """

    coverage: float
    acceptance: float
    patch: LevelCalibration
    image: LevelCalibration
    means: tuple[tuple[float, ...], ...] = ()

    def for_votes(self, members: int) -> LevelCalibration:
        """Return the calibration for an answer in which so many patches voted."""
        return self.patch if members == 1 else self.image

    def plain(self) -> dict[str, Any]:
        """Return it ready for JSON."""
        return asdict(self)

    @classmethod
    def from_plain(cls, content: Mapping[str, Any]) -> "CityCalibration":
        """Read what `plain` gave.

        Raises:
            ValueError: if something is missing or makes no sense.
        """
        try:
            means = tuple(tuple(float(v) for v in row) for row in content["means"])
            coverage, acceptance = float(content["coverage"]), float(content["acceptance"])
            patch, image = (LevelCalibration(**content[name]) for name in ("patch", "image"))
        except (KeyError, TypeError) as error:
            raise ValueError(f"the calibration of the model is incomplete: {error}") from error
        if not (0 < coverage < 1 and 0 < acceptance <= 1) or len({len(row) for row in means}) > 1:
            raise ValueError("the calibration of the model makes no sense")
        return cls(coverage, acceptance, patch, image, means)


def calibrate_level(
    units: Units, *, coverage: float, acceptance: float, patch: LevelCalibration | None = None
) -> LevelCalibration:
    """Learn temperature and thresholds from validation units of known cities.

    Args:
        units: patches, or images.
        patch: for images, what was learned for patches. A vote of many is not less sure than one
            of them, so their temperature is the highest; and where there are too few images for
            the share asked (19 for 95 %), no image needs to be louder than a patch to be known.
        coverage: how often the truth shall be in a set.
        acceptance: share of known units that shall count as known.

    Raises:
        ValueError: if there is no unit.
    """
    temperature = fit_city_temperature(units)
    known_from = acceptance_threshold(energy(units.logits), acceptance)
    if patch is not None:
        temperature = min(temperature, patch.temperature)
        if acceptance > len(units) / (len(units) + 1):
            known_from = min(known_from, patch.known_from)
    chance = np.exp(log_probabilities(units.logits, temperature))
    rule = fit_set_rule(chance[np.arange(len(units)), units.truth], units.site, coverage)
    return LevelCalibration(
        temperature=temperature,
        set_threshold=rule.threshold,
        guaranteed=rule.guaranteed,
        known_from=known_from,
        units=len(units),
        sites=rule.sites,
    )


def fit_city_temperature(units: Units) -> float:
    """Find the number by which logits are divided so that probabilities mean what they say.

    As `geocity.core.calibration.fit_temperature`, with the targets of Platt (1999): n units that
    are all right do not prove that the model always is, so the truth counts (n + 1) / (n + 2) and
    the rest is shared by the other cities. Without that a few right images would make it say 100 %.

    Args:
        units: of known cities, not trained on.

    Returns:
        The temperature, within 0.05 to 20; above 1 the model was too sure of itself.
    """
    number, cities = units.logits.shape
    rows, sure = np.arange(number), (number + 1) / (number + 2)
    rest = (1 - sure) / (cities - 1)

    def loss(log_temperature: float) -> float:
        logs = log_probabilities(units.logits, float(np.exp(log_temperature)))
        return -float(((sure - rest) * logs[rows, units.truth] + rest * logs.sum(axis=1)).mean())

    return best_temperature(loss)


@dataclass(frozen=True, eq=False)
class Sureness:
    """Whether a model is right as often as it says.

    Attributes:
        curve: probability of the named city against whether it was right.
        brier: mean over units of the squared distance between probabilities and truth, summed over
            cities: 0 is perfect, 2 the worst.
        nll: mean of -ln(probability of the true city).
    """

    curve: Reliability
    brier: float
    nll: float

    def plain(self) -> dict[str, Any]:
        """Return it ready for JSON."""
        bins = [asdict(bar) for bar in self.curve.bins if bar.pixels]
        for bar in bins:
            bar["units"] = bar.pop("pixels")
        return {"ece": self.curve.ece, "brier": self.brier, "nll": self.nll, "bins": bins}


def sureness(units: Units, temperature: float) -> Sureness:
    """Measure probabilities against the truth.

    Args:
        units: of known cities, at least one.
        temperature: logits are divided by it.
    """
    logs = log_probabilities(units.logits, temperature)
    chance, rows = np.exp(logs), np.arange(len(units))
    best = chance.argmax(axis=1)
    curve = Reliability()
    curve.update(chance[rows, best], best == units.truth)
    missing = chance.copy()
    missing[rows, units.truth] -= 1
    return Sureness(
        curve, float(np.square(missing).sum(axis=1).mean()), -float(logs[rows, units.truth].mean())
    )


def direction_sums(
    embeddings: NDArray[np.floating], truth: NDArray[np.integer], cities: int
) -> NDArray[np.float64]:
    """Return the sum of the directions of each city's embeddings, (cities, dimensions).

    Sums add up over parts; `directions` makes mean directions of them.

    Args:
        embeddings: (patches, dimensions).
        truth: (patches,), position of the city.
        cities: how many there are.
    """
    sums = np.zeros((cities, embeddings.shape[1]))
    np.add.at(sums, truth, directions(embeddings))
    return sums
