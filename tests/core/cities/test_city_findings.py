import json

import numpy as np
import pytest

from geocity.core.cities.city_findings import by_level, calibrate, findings
from geocity.core.cities.votes import patch_units
from tests.core.cities.made_up_answers import made_up_answers


def made_up(seed, stranger=False):
    logits, truth, image, site = made_up_answers(seed, sites=4, patches=6, skill=3)
    if stranger:
        logits[truth == 0] = np.random.default_rng(99).normal(size=((truth == 0).sum(), 4))
        truth = truth - 1
        logits = logits[:, [1, 2, 3, 0]]
    return patch_units(logits, truth, image, site)


def test_everything_fits_into_json():
    validation, test = made_up(0), made_up(1)
    learned = calibrate(validation, coverage=0.9, acceptance=0.95)
    found = findings(test, validation, learned, draws=20)
    report = json.loads(json.dumps(found.report(), allow_nan=False))
    assert report["levels"]["sites"]["units"] == 16
    assert report["sets"]["patches"]["guaranteed"] is True  # 16 sites, 9 are needed
    assert report["sets"]["patches"]["coverage_by_site"] > 0.8
    assert report["unknown"]["patches"]["mean_auroc"] > 0.8
    assert report["calibration"]["images"]["fitted_on"] == {"units": 32, "sites": 16}
    assert found.temperature("patches") == learned.patch.temperature
    assert found.temperature("sites") == found.temperature("images") == learned.image.temperature


def test_strangers_count_as_unknown_and_nowhere_else():
    validation, test = made_up(0), made_up(1, stranger=True)
    assert (test.truth < 0).sum() == 48
    learned = calibrate(validation, coverage=0.9, acceptance=0.95)
    found = findings(test, validation, learned, draws=20)
    assert len(found.levels["patches"]) == 144
    seen = found.report()["unknown"]["images"]["never_seen"]
    assert seen["units"] == 8
    assert seen["auroc"] == pytest.approx(1, abs=0.1)


def test_without_validation_there_is_no_calibration():
    found = findings(made_up(1), None, None, draws=20)
    assert set(found.report()) == {"levels"}
    assert found.temperature("images") == 1.0


def test_levels_hold_the_same_patches():
    levels = by_level(made_up(2))
    assert [len(levels[name]) for name in ("patches", "images", "sites")] == [192, 32, 16]
    assert all(levels[name].members.sum() == 192 for name in levels)
