"""What an evaluation of a city model finds, from logits to numbers ready for JSON."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from geocity.core.calibration import Reliability
from geocity.core.cities.city_calibration import (
    CityCalibration,
    LevelCalibration,
    Sureness,
    calibrate_level,
    sureness,
)
from geocity.core.cities.conformal import CAVEAT, SetQuality, city_sets, set_quality, sites_needed
from geocity.core.cities.scores import LevelScores, level_scores
from geocity.core.cities.unknown import LEAVE_OUT_CAVEAT, Rejection, leave_out, never_seen
from geocity.core.cities.votes import Units, gather, log_probabilities
from geocity.core.metrics import mean_of

CALIBRATED = ("patches", "images")
"""Levels with a temperature and thresholds of their own; there are too few sites for theirs."""


def by_level(patches: Units) -> dict[str, Units]:
    """Return patches, and the images and sites that they vote for."""
    return {
        "patches": patches,
        "images": gather(patches, patches.cluster),
        "sites": gather(patches, patches.site),
    }


def calibrate(
    patches: Units,
    *,
    coverage: float,
    acceptance: float,
    means: tuple[tuple[float, ...], ...] = (),
) -> CityCalibration:
    """Learn from the validation part.

    Args:
        patches: of known cities, with the model's logits.
        coverage: how often the truth shall be in a set of cities.
        acceptance: share of known units that shall count as known.
        means: mean embedding of each city, kept along.

    Raises:
        ValueError: if there is no patch.
    """
    levels = by_level(patches)
    patch = calibrate_level(levels["patches"], coverage=coverage, acceptance=acceptance)
    image = calibrate_level(levels["images"], coverage=coverage, acceptance=acceptance, patch=patch)
    return CityCalibration(coverage, acceptance, patch, image, means)


@dataclass(frozen=True, eq=False)
class LevelSureness:
    """How sure the model is at one level, and how that turns out on the test part.

    Attributes:
        learned: from the validation part.
        before: as trained.
        after: calibrated.
        sets: what the sets of cities are worth.
        unknown: each city in turn as an unknown one, then cities that were truly never seen.
    """

    learned: LevelCalibration
    before: Sureness
    after: Sureness
    sets: SetQuality
    unknown: tuple[Rejection, ...]

    @property
    def curves(self) -> tuple[Reliability, Reliability]:
        """Return the curves before and after calibration."""
        return self.before.curve, self.after.curve


@dataclass(frozen=True, eq=False)
class CityFindings:
    """Everything that is read off a model's logits.

    Attributes:
        levels: units of known cities, by level.
        scores: how often they are right, by level.
        calibration: what validation taught; None without a validation part.
        sureness: by calibrated level; empty without a validation part.
    """

    levels: Mapping[str, Units]
    scores: Mapping[str, LevelScores]
    calibration: CityCalibration | None
    sureness: Mapping[str, LevelSureness]

    def temperature(self, level: str) -> float:
        """Return by what the logits of a level are divided; sites are like images."""
        if self.calibration is None:
            return 1.0
        chosen = self.calibration.patch if level == "patches" else self.calibration.image
        return chosen.temperature

    def report(self) -> dict[str, Any]:
        """Return all of it as plain numbers."""
        report: dict[str, Any] = {
            "levels": {name: _score_report(scores) for name, scores in self.scores.items()},
        }
        if self.calibration is None:
            return report
        wanted = self.calibration.coverage
        report["calibration"] = {name: _sureness_report(s) for name, s in self.sureness.items()}
        report["sets"] = {
            "coverage_asked": wanted,
            "sites_needed_for_a_promise": sites_needed(wanted),
            "note": CAVEAT,
            **{
                name: {"guaranteed": s.learned.guaranteed, **asdict(s.sets)}
                for name, s in self.sureness.items()
            },
        }
        report["unknown"] = {
            "acceptance_asked": self.calibration.acceptance,
            "note": LEAVE_OUT_CAVEAT,
            **{name: _unknown_report(s.unknown) for name, s in self.sureness.items()},
        }
        return report


def findings(
    test: Units,
    validation: Units | None,
    calibration: CityCalibration | None,
    *,
    draws: int = 1000,
    seed: int = 0,
) -> CityFindings:
    """Read everything off the logits of patches.

    Args:
        test: patches, those of cities that the model never saw included (truth -1).
        validation: patches of known cities.
        calibration: what they taught, of `calibrate`.
        draws: bootstrap draws.
        seed: makes them repeatable.

    Raises:
        ValueError: if no patch is of a known city.
    """
    known = by_level(test.known)
    scores = {name: level_scores(units, draws=draws, seed=seed) for name, units in known.items()}
    if calibration is None or validation is None:
        return CityFindings(known, scores, None, {})
    trusted = by_level(validation)
    strangers = test.take(test.truth < 0)
    foreign = by_level(strangers) if len(strangers) else {}
    sure = {}
    for name, learned in zip(CALIBRATED, (calibration.patch, calibration.image), strict=True):
        unknown = leave_out(trusted[name], known[name], calibration.acceptance)
        if name in foreign:
            unknown.append(
                never_seen(trusted[name], known[name], foreign[name], calibration.acceptance)
            )
        sure[name] = _level_sureness(known[name], learned, unknown)
    return CityFindings(known, scores, calibration, sure)


def _level_sureness(
    units: Units, learned: LevelCalibration, unknown: list[Rejection]
) -> LevelSureness:
    chance = np.exp(log_probabilities(units.logits, learned.temperature))
    sets = city_sets(chance, learned.set_threshold)
    return LevelSureness(
        learned,
        sureness(units, 1.0),
        sureness(units, learned.temperature),
        set_quality(sets, units.truth, units.site),
        tuple(unknown),
    )


def _score_report(scores: LevelScores) -> dict[str, Any]:
    overall = {name: figure.plain() for name, figure in scores.overall.items()}
    return {"units": scores.units, "independent_sites": scores.sites, **overall}


def _sureness_report(level: LevelSureness) -> dict[str, Any]:
    return {
        "temperature": level.learned.temperature,
        "fitted_on": {"units": level.learned.units, "sites": level.learned.sites},
        "before": level.before.plain(),
        "after": level.after.plain(),
    }


def _unknown_report(rows: tuple[Rejection, ...]) -> dict[str, Any]:
    left_out = [row for row in rows if row.city >= 0]
    foreign = [asdict(row) for row in rows if row.city < 0]
    means = {
        f"mean_{name}": mean_of([getattr(row, name) for row in left_out])
        for name in ("auroc", "taken_for_known", "passed", "known_rejected")
    }
    return {
        **means,
        "left_out": [asdict(row) for row in left_out],
        "never_seen": foreign[0] if foreign else None,
    }
