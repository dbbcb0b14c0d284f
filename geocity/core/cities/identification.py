"""The answer for an image: which city, how sure, which others it may be, or none that is known."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geocity.core.cities.city_calibration import CityCalibration
from geocity.core.cities.conformal import city_sets
from geocity.core.cities.contract import CityContract
from geocity.core.cities.directions import directions
from geocity.core.cities.unknown import energy
from geocity.core.cities.votes import log_probabilities, ranking

_TOLD = 5


@dataclass(frozen=True, slots=True)
class Guess:
    """A city and how probable it is."""

    code: str
    name: str
    probability: float


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model says of an image.

    Attributes:
        image: what it is called.
        patches: how many patches voted.
        guesses: the five most probable cities, the first one first.
        calibrated: whether the probabilities mean what they say.
        choice: codes of the set of cities that holds the truth as often as `coverage` says; empty
            for a model that is not calibrated.
        coverage: of the set; None for a model that is not calibrated.
        energy: how loudly any city is spoken for.
        unknown: whether it is unlike what the model knows: a city that it never saw, or, where
            the model does not hold up well across dates and cameras, one of those; None for a
            model that is not calibrated.
        folder: where its map lies; None where none was made.
    """

    image: str
    patches: int
    guesses: tuple[Guess, ...]
    calibrated: bool
    choice: tuple[str, ...]
    coverage: float | None
    energy: float
    unknown: bool | None
    folder: str | None = None

    def plain(self) -> dict[str, Any]:
        """Return it ready for JSON."""
        return {
            "image": self.image,
            "city": self.guesses[0].code,
            "name": self.guesses[0].name,
            "unknown": self.unknown,
            "guesses": [
                {"code": g.code, "name": g.name, "probability": round(g.probability, 6)}
                for g in self.guesses
            ],
            "set": list(self.choice),
            "coverage": self.coverage,
            "calibrated": self.calibrated,
            "energy": round(self.energy, 6),
            "patches": self.patches,
            "map": self.folder,
        }

    @property
    def sentence(self) -> str:
        """Return it as people read it."""
        first = f"{self.guesses[0].name} {self.guesses[0].probability:.0%}"
        others = ", ".join(f"{g.name} {g.probability:.0%}" for g in self.guesses[1:])
        text = f"{first}; {others}" if others else first
        if not self.calibrated:
            return f"{self.image}: {text} (uncalibrated, {_patches(self.patches)})"
        names = {g.code: g.name for g in self.guesses}
        told = [names.get(code, code) for code in self.choice]
        choice = f"{self.coverage:.0%}: {_either(told)}"
        if self.unknown:
            text = (
                "unlike what the model knows, so another city or another date or camera; the "
                f"likest are {text}"
            )
        return f"{self.image}: {text}; {choice} ({_patches(self.patches)})"


def _patches(number: int) -> str:
    return "1 patch" if number == 1 else f"{number:,} patches"


def _either(names: Sequence[str]) -> str:
    if len(names) > _TOLD:
        return f"{', '.join(names[:_TOLD])} or {len(names) - _TOLD} others"
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"


def answer_of(
    image: str,
    logits: NDArray[np.floating],
    patches: int,
    contract: CityContract,
    calibration: CityCalibration | None,
) -> Answer:
    """Return the answer for an image.

    Args:
        image: what it is called.
        logits: (cities,), the mean of its patches' logits.
        patches: how many there were.
        contract: of the model.
        calibration: what the validation part taught; None where the model carries none.
    """
    row = np.asarray(logits, np.float64)[None]
    level = None if calibration is None else calibration.for_votes(patches)
    temperature = contract.temperature if level is None else level.temperature
    chance = np.exp(log_probabilities(row, temperature))
    order = ranking(row)[0]
    guesses = tuple(
        Guess(code, name, float(chance[0, city]))
        for city in order[:_TOLD].tolist()
        for code, name in [contract.cities[city]]
    )
    loud = float(energy(row)[0])
    if calibration is None or level is None:
        return Answer(image, patches, guesses, False, (), None, loud, None)
    held = city_sets(chance, level.set_threshold)[0]
    choice = tuple(contract.codes[city] for city in order.tolist() if held[city])
    unknown = loud < level.known_from
    return Answer(image, patches, guesses, True, choice, calibration.coverage, loud, unknown)


def entropy_share(probability: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return how undecided each row is: 0 for one city alone, 1 for all alike.

    Args:
        probability: (n, cities).
    """
    p = np.asarray(probability, np.float64)
    # A probability of zero adds nothing: the limit of p ln p.
    information = -np.where(p > 0, p * np.log(np.where(p > 0, p, 1)), 0).sum(axis=1)
    result: NDArray[np.float64] = information / np.log(p.shape[1])
    return result


class Likeness:
    """How much a patch looks like a chosen city, from embeddings.

    The mean direction of all cities is taken off first: what every city shares says nothing. What
    is left is compared by its angle: 1 is the direction of the city's mean, 0 says nothing, -1 is
    its opposite.

    Args:
        calibration: holds the mean embedding of each city.
        city: position of the chosen one.
    """

    def __init__(self, calibration: CityCalibration, city: int) -> None:
        means = np.array(calibration.means, np.float64)
        self._centre = means.mean(axis=0)
        self._wanted = directions((means[city] - self._centre)[None])[0]

    def __call__(self, embeddings: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return the likeness of embeddings (n, dimensions), (n,)."""
        result: NDArray[np.float64] = (
            directions(directions(embeddings) - self._centre) @ self._wanted
        )
        return result
