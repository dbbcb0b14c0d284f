"""Asking a city model about patches with one cue taken away."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from geocity.core.cities.city_split import SAME_DATE
from geocity.core.cities.cue_audit import (
    CUES,
    CueAudit,
    CueResult,
    DateResult,
    kept_share,
    seen_dates,
    verdict,
)
from geocity.core.cities.scores import Figure, level_scores
from geocity.core.cities.votes import Units
from geocity.core.progress import Progress
from geocity.tools.city.city_parts import CityPart, ask, read_part
from geocity.tools.city.evaluate_options import CityEvaluateOptions

if TYPE_CHECKING:
    from geocity.models.cities.inference import CityModel


def audit_cues(
    model: "CityModel",
    part: CityPart,
    answered: Units,
    fold: int,
    options: CityEvaluateOptions,
    progress: Progress,
) -> CueAudit | None:
    """Find out what a model lives off.

    Args:
        model: the model.
        part: the patches.
        answered: the same patches with the model's answers.
        fold: whose training dates count as known.
        options: how many patches, seed and draws.
        progress: told how far the work is.

    Returns:
        The audit; None where fewer than two cities are there, for colours are borrowed from others.
    """
    from geocity.data.cities.cued_patches import CuedPatches, colour_donors
    from geocity.data.cities.patches import CityPatchDataset
    from geocity.models.cities.answers import patch_logits

    chosen = spread_choice(part.truth, options.audit_patches, options.seed)
    sample = part.take(chosen)
    if len(np.unique(sample.truth)) < 2:
        return None
    patches = CityPatchDataset(sample.folder, sample.rows, side_px=model.contract.input_px)
    donors = colour_donors(patches, options.seed)
    plain = _balanced(answered.take(chosen), options)
    results = []
    for cue in CUES:
        changed = CuedPatches(patches, cue, donors=donors, seed=options.seed)
        logits = patch_logits(
            model,
            changed,
            batch_size=options.batch_size,
            progress=progress,
            stage=f"patches {CUES[cue]}",
        )
        figure = _balanced(sample.units(logits), options)
        kept = None
        if figure.value is not None and plain.value is not None:
            kept = kept_share(figure.value, plain.value, len(model.contract.cities))
        results.append(CueResult(cue, figure, kept))
    dates = _by_date(
        *_with_same_date(model, part, answered, fold, options, progress), fold, options
    )
    contract = model.contract
    told = verdict(
        plain, results, dates, cities=len(contract.cities), standardised=contract.per_image
    )
    return CueAudit(len(chosen), plain, tuple(results), dates, told)


def spread_choice(truth: NDArray[np.integer], most: int, seed: int) -> NDArray[np.int64]:
    """Choose patches of known cities, as many of each as there are and as the whole allows.

    Args:
        truth: (patches,), position of the city, -1 for one that the model does not know.
        most: how many in all.
        seed: makes the choice repeatable.

    Returns:
        Their positions, rising, so that patches of an image stay together.
    """
    rng = np.random.default_rng(seed)
    cities = [np.flatnonzero(truth == city) for city in np.unique(truth[truth >= 0])]
    chosen: list[NDArray[np.intp]] = []
    left = most
    # Cities with few patches first: what they cannot give is left to the others.
    for number, mine in enumerate(sorted(cities, key=len)):
        share = min(len(mine), left // (len(cities) - number))
        chosen.append(rng.choice(mine, size=share, replace=False))
        left -= share
    if not chosen:
        return np.zeros(0, np.int64)
    return np.sort(np.concatenate(chosen)).astype(np.int64)


def _with_same_date(
    model: "CityModel",
    part: CityPart,
    answered: Units,
    fold: int,
    options: CityEvaluateOptions,
    progress: Progress,
) -> tuple[CityPart, Units]:
    """Add the test places on a date of training, which `prepare` keeps for this comparison."""
    if options.split != "test":
        return part, answered
    same = read_part(part.folder, model.contract, SAME_DATE, fold)
    if not same.rows:
        return part, answered
    asked = ask(
        model, same, batch_size=options.batch_size, progress=progress, stage="on a known date"
    )
    both = part + same
    return both, both.units(np.concatenate([answered.logits, asked.logits]))


def _by_date(
    part: CityPart, answered: Units, fold: int, options: CityEvaluateOptions
) -> DateResult | None:
    images, patches = part.folder.images, part.folder.patches
    trained = patches["image"][(patches["part"] == "train") & (patches["fold"] == fold)]
    seen = seen_dates(
        part.image, images["city"].tolist(), images["date"].tolist(), trained.unique()
    )
    seen[part.truth < 0] = -1
    if (seen < 0).all():
        return None
    same, other = (answered.take(seen == wanted) for wanted in (1, 0))
    return DateResult(
        same=_balanced(same, options) if len(same) else None,
        other=_balanced(other, options) if len(other) else None,
        same_patches=len(same),
        other_patches=len(other),
    )


def _balanced(units: Units, options: CityEvaluateOptions) -> Figure:
    scores = level_scores(units, draws=options.draws, seed=options.seed)
    return scores.overall["balanced_accuracy"]
