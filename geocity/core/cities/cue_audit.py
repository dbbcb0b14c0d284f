"""Was it urban form or the weather? What is left of the accuracy when a cue is taken away."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geocity.core.cities.scores import Figure

CUES: Mapping[str, str] = {
    "grey": "without colour",
    "colours": "with the colours of another city",
    "blur": "blurred",
    "shuffle": "with its parts shuffled",
}
"""What is done to a patch, and how people say it."""

_STANDARDISED = (
    "That is by construction: it takes brightness and contrast off every band of every patch."
)

_MOSTLY = 0.5
_HARDLY = 0.8


@dataclass(frozen=True, slots=True)
class CueResult:
    """What is left of the accuracy.

    Attributes:
        cue: of `CUES`.
        accuracy: of patches, each city counting the same.
        kept: share of what the model is better than chance that is kept; None where it never was
            better.
    """

    cue: str
    accuracy: Figure
    kept: float | None


@dataclass(frozen=True, slots=True)
class DateResult:
    """How the model does on pictures of a date it was trained on, and on others.

    Attributes:
        same: patches whose city was trained on at this very date; None without any.
        other: patches of another date; None without any.
        same_patches: how many.
        other_patches: how many.
    """

    same: Figure | None
    other: Figure | None
    same_patches: int
    other_patches: int

    def report(self) -> dict[str, Any]:
        """Return it ready for JSON."""
        sides = {
            "a_date_of_training": (self.same, self.same_patches),
            "another_date": (self.other, self.other_patches),
        }
        return {
            name: None if figure is None else {**figure.plain(), "patches": patches}
            for name, (figure, patches) in sides.items()
        }


@dataclass(frozen=True, slots=True)
class CueAudit:
    """What a model lives off.

    Attributes:
        patches: how many were changed.
        plain: accuracy of the same patches untouched, each city counting the same.
        cues: what is left of it.
        dates: by date; None where no date is known.
        verdict: in plain words.
    """

    patches: int
    plain: Figure
    cues: tuple[CueResult, ...]
    dates: DateResult | None
    verdict: str

    def report(self) -> dict[str, Any]:
        """Return it ready for JSON."""
        return {
            "patches": self.patches,
            "as_it_is": self.plain.plain(),
            "cues": {
                result.cue: {**result.accuracy.plain(), "skill_kept": result.kept}
                for result in self.cues
            },
            "dates": None if self.dates is None else self.dates.report(),
            "verdict": self.verdict,
        }


def kept_share(accuracy: float, plain: float, cities: int) -> float | None:
    """Return the share of the skill above chance that is kept.

    Args:
        accuracy: with the cue taken away.
        plain: of the untouched patches.
        cities: chance is one in so many.

    Example:
        >>> kept_share(0.5, 0.75, 4)
        0.5
    """
    chance = 1 / cities
    if plain <= chance:
        return None
    return (accuracy - chance) / (plain - chance)


def seen_dates(
    image: NDArray[np.integer],
    cities: Sequence[Any],
    dates: Sequence[Any],
    trained: NDArray[np.integer],
) -> NDArray[np.int8]:
    """Tell whether a patch shows a date that its city was trained on.

    Args:
        image: (patches,), rows of the list of images.
        cities: city of each image.
        dates: date of each image, or None.
        trained: rows of the images that the model was trained on.

    Returns:
        (patches,): 1 for a date of training, 0 for another, -1 where nobody knows.
    """
    known = {(cities[i], dates[i]) for i in trained.tolist() if dates[i] is not None}
    dated = {city for city, _ in known}

    def tell(row: int) -> int:
        if dates[row] is None or cities[row] not in dated:
            return -1
        return int((cities[row], dates[row]) in known)

    return np.array([tell(row) for row in image.tolist()], np.int8)


def verdict(
    plain: Figure,
    results: Sequence[CueResult],
    dates: DateResult | None,
    *,
    cities: int,
    standardised: bool = False,
) -> str:
    """Say in plain words what the model lives off.

    Args:
        plain: accuracy of the untouched patches.
        results: of the cues.
        dates: by date, where dates are known.
        cities: chance is one in so many.
        standardised: the model takes mean and spread off every patch before it looks.
    """
    sentences = []
    lowest = plain.value if plain.interval is None else plain.interval[0]
    if plain.value is None or lowest is None or lowest <= 1 / cities:
        told = "-" if plain.value is None else f"{plain.value:.0%}"
        sentences.append(
            f"The model is right for {told} of patches, which cannot be told from chance "
            f"({1 / cities:.0%}): there is no skill whose source could be named."
        )
    else:
        kept = {result.cue: result.kept for result in results}
        sentences.append(_colour_sentence(kept, results))
        if standardised:
            sentences.append(_STANDARDISED)
        sentences += [_grey_sentence(kept, results), _form_sentence(kept, results)]
    if dates is not None:
        sentences.append(_date_sentence(dates))
    return " ".join(sentence for sentence in sentences if sentence)


def _colour_sentence(kept: Mapping[str, float | None], results: Sequence[CueResult]) -> str:
    share = kept.get("colours")
    if share is None:
        return ""
    told = f"({_share_of(results, 'colours')} right)"
    if share < _MOSTLY:
        return (
            f"Mostly the weather: with the colours of another city most of its skill is gone {told}"
            ", so it knows acquisitions more than cities."
        )
    if share < _HARDLY:
        return (
            f"Partly colour: with the colours of another city a part of its skill is gone {told}."
        )
    return f"Not the weather: with the colours of another city its skill hardly changes {told}."


def _grey_sentence(kept: Mapping[str, float | None], results: Sequence[CueResult]) -> str:
    share = kept.get("grey")
    if share is None or share >= _HARDLY:
        return ""
    return f"It looks at colour: without any {_share_of(results, 'grey')} are right."


def _form_sentence(kept: Mapping[str, float | None], results: Sequence[CueResult]) -> str:
    plan, detail = kept.get("shuffle"), kept.get("blur")
    if plan is None or detail is None:
        return ""
    if plan < _HARDLY:
        both = "both the plan and fine detail matter"
        told = both if detail < _HARDLY else "the plan matters more than fine detail"
    elif detail < _HARDLY:
        told = "fine detail such as roofs and trees matters more than the plan"
    else:
        told = "neither the plan nor fine detail alone makes the difference"
    return (
        f"With its parts shuffled {_share_of(results, 'shuffle')} of patches are named right, "
        f"blurred {_share_of(results, 'blur')}: {told}."
    )


def _date_sentence(dates: DateResult) -> str:
    if dates.other is None or dates.other.value is None:
        return "Every picture was taken on a date of training: another date was not tested."
    if dates.same is None or dates.same.value is None:
        return f"On another date {dates.other.value:.0%} are right; none of a date of training."
    return (
        f"On another date {dates.other.value:.0%} are right, on a known one {dates.same.value:.0%}."
    )


def _share_of(results: Sequence[CueResult], cue: str) -> str:
    value = next(result.accuracy.value for result in results if result.cue == cue)
    return "-" if value is None else f"{value:.0%}"
