"""The figures of an assessment as plain values: estimates with confidence intervals."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geocity.core.area_estimation import Estimate, StratifiedSample

Interval = dict[str, float | None]


def assessment_figures(
    sample: StratifiedSample, names: Sequence[str], confidence: float
) -> dict[str, Any]:
    """Return error matrix, accuracies and areas.

    Intervals are normal ones, estimate ± z · standard error, cut where a share or an area cannot
    be; None stands for what the sample cannot say.

    Args:
        sample: the answers.
        names: of the classes.
        confidence: of the intervals, such as 0.95.
    """
    return {
        "matrix_counts": sample.counts.tolist(),
        "matrix_proportions": sample.proportions.tolist(),
        "overall": _intervals(sample.overall_accuracy(), confidence)[0],
        "users": _by_name(sample.users_accuracy(), names, confidence),
        "producers": _by_name(sample.producers_accuracy(), names, confidence),
        "area_m2": area_figures(sample, names, confidence),
    }


def area_figures(
    sample: StratifiedSample, names: Sequence[str], confidence: float
) -> dict[str, Interval]:
    """Return mapped and error-adjusted areas by class, m²."""
    areas = sample.areas()
    margins = areas.margin(confidence)
    return {
        name: {
            "mapped": float(sample.mapped_area[i]),
            "estimate": float(areas.value[i]),
            "standard_error": float(areas.standard_error[i]),
            "low": max(0.0, float(areas.value[i] - margins[i])),
            "high": float(min(sample.mapped_area.sum(), areas.value[i] + margins[i])),
        }
        for i, name in enumerate(names)
    }


def overall_figures(sample: StratifiedSample, confidence: float) -> Interval:
    """Return the overall accuracy."""
    return _intervals(sample.overall_accuracy(), confidence)[0]


def _by_name(estimate: Estimate, names: Sequence[str], confidence: float) -> dict[str, Interval]:
    return dict(zip(names, _intervals(estimate, confidence), strict=True))


def _intervals(estimate: Estimate, confidence: float) -> list[Interval]:
    values = np.atleast_1d(estimate.value)
    margins = np.atleast_1d(estimate.margin(confidence))
    return [
        {
            "value": _known(value),
            "low": _known(np.clip(value - margin, 0, 1)),
            "high": _known(np.clip(value + margin, 0, 1)),
        }
        for value, margin in zip(values, margins, strict=True)
    ]


def _known(value: NDArray[np.float64] | np.float64) -> float | None:
    return None if np.isnan(value) else float(value)
