import json

import numpy as np
import pytest

from geocity.core.calibration import fit_temperature
from geocity.core.cities.city_calibration import (
    CityCalibration,
    calibrate_level,
    direction_sums,
    fit_city_temperature,
    sureness,
)
from geocity.core.cities.directions import directions
from geocity.core.cities.votes import log_probabilities, patch_units


def overconfident(seed=0, patches=3000, cities=4, factor=3.0):
    """Answers whose honest logits were multiplied by a factor."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(patches, cities)) * 1.5
    chance = np.exp(log_probabilities(logits))
    truth = np.array([rng.choice(cities, p=p) for p in chance])
    return patch_units(logits * factor, truth, np.arange(patches), np.arange(patches) // 100)


def test_the_temperature_undoes_overconfidence():
    level = calibrate_level(overconfident(), coverage=0.9, acceptance=0.95)
    assert level.temperature == pytest.approx(3.0, rel=0.1)
    assert (level.units, level.sites, level.guaranteed) == (3000, 30, True)
    test = overconfident(1)
    before, after = sureness(test, 1.0), sureness(test, level.temperature)
    assert after.curve.ece < 0.03 < before.curve.ece
    assert after.nll < before.nll
    assert after.brier < before.brier


def test_a_few_right_images_do_not_make_it_certain():
    logits = 3.0 * np.eye(4)[[0, 1, 2, 3, 0, 1]]
    units = patch_units(logits, logits.argmax(axis=1), np.arange(6), np.arange(6))
    chance = np.exp(log_probabilities(logits, fit_city_temperature(units)))
    np.testing.assert_allclose(chance.max(axis=1), 7 / 8, rtol=1e-3)


def test_images_are_not_less_sure_than_their_patches():
    wanted = {"coverage": 0.9, "acceptance": 0.95}
    patch = calibrate_level(overconfident(factor=1.0), **wanted)
    right = 6.0 * np.eye(4)[[0, 1, 2, 3, 0, 1]]
    few = patch_units(right, right.argmax(axis=1), np.arange(6), np.arange(6))
    image = calibrate_level(few, **wanted, patch=patch)
    alone = calibrate_level(few, **wanted)
    assert image.temperature == patch.temperature < alone.temperature
    assert image.known_from == patch.known_from < alone.known_from  # six are too few for 95 %
    many = overconfident(5, patches=500, factor=0.5)
    own = calibrate_level(many, **wanted, patch=patch)
    assert own == calibrate_level(many, **wanted)


def test_with_many_units_the_temperature_is_the_plain_one():
    units = overconfident(3, patches=4000)
    plain = fit_temperature(units.logits, units.truth)
    assert fit_city_temperature(units) == pytest.approx(plain, rel=0.01)


def test_sureness_equals_plain_loops():
    units = overconfident(2, patches=50)
    found = sureness(units, 2.0)
    brier = nll = 0.0
    for row in range(50):
        chance = np.exp(units.logits[row] / 2)
        chance /= chance.sum()
        true = units.truth[row]
        brier += sum((chance[c] - (c == true)) ** 2 for c in range(4)) / 50
        nll -= np.log(chance[true]) / 50
    assert found.brier == pytest.approx(brier)
    assert found.nll == pytest.approx(nll)
    assert sum(bar["units"] for bar in found.plain()["bins"]) == 50


def test_a_calibration_comes_back_from_json():
    level = calibrate_level(overconfident(), coverage=0.9, acceptance=0.95)
    whole = CityCalibration(0.9, 0.95, level, level, ((0.6, 0.8), (1.0, 0.0)))
    again = CityCalibration.from_plain(json.loads(json.dumps(whole.plain())))
    assert again == whole
    assert again.for_votes(1) is again.patch
    assert again.for_votes(9) is again.image


@pytest.mark.parametrize(
    "change",
    [
        {"coverage": 2},
        {"patch": {}},
        {"patch": None},
        {"means": [[1, 2], [1]]},
        {"means": 3},
    ],
)
def test_a_damaged_calibration_is_refused(change):
    level = calibrate_level(overconfident(patches=100), coverage=0.9, acceptance=0.95)
    plain = CityCalibration(0.9, 0.95, level, level).plain()
    with pytest.raises(ValueError, match="calibration"):
        CityCalibration.from_plain({**plain, **change})


def test_means_are_directions():
    vectors = np.array([[3.0, 4.0], [0.6, 0.8], [0.0, 2.0]])
    means = directions(direction_sums(vectors, np.array([0, 0, 1]), 3))
    np.testing.assert_allclose(means, [[0.6, 0.8], [0, 1], [0, 0]])
    np.testing.assert_allclose(directions(np.zeros((1, 2))), 0)
