import json
from dataclasses import replace

import numpy as np
import pytest

from geocity.core.cities.city_calibration import CityCalibration, LevelCalibration
from geocity.core.cities.city_classes import MOST_CITIES, city_classes
from geocity.core.cities.identification import Likeness, answer_of, entropy_share
from tests.core.cities.test_contract import CONTRACT

LEVEL = LevelCalibration(2.0, 0.2, True, 3.0, 100, 20)
CALIBRATION = CityCalibration(0.9, 0.95, replace(LEVEL, temperature=1.0), LEVEL)


def test_an_answer_names_cities_by_falling_probability():
    answer = answer_of("a.jpg", np.array([2.0, 4.0, 3.0]), 9, CONTRACT, CALIBRATION)
    assert [g.code for g in answer.guesses] == ["FRU", "Astana", "ALA"]
    expected = np.exp([2.0, 1.5, 1.0]) / np.exp([2.0, 1.5, 1.0]).sum()  # divided by 2
    np.testing.assert_allclose([g.probability for g in answer.guesses], expected)
    assert answer.choice == ("FRU", "Astana")  # ALA has 0.19
    assert answer.unknown is False
    assert answer.sentence == (
        "a.jpg: Bishkek 51%; Astana 31%, Almaty 19%; 90%: Bishkek or Astana (9 patches)"
    )
    assert json.loads(json.dumps(answer.plain()))["set"] == ["FRU", "Astana"]


def test_one_patch_is_judged_as_a_patch():
    answer = answer_of("a", np.array([2.0, 4.0, 3.0]), 1, CONTRACT, CALIBRATION)
    assert answer.guesses[0].probability == pytest.approx(np.exp(4) / np.exp([2, 3, 4]).sum())
    assert answer.sentence.endswith("(1 patch)")


def test_a_quiet_answer_is_an_unknown_city():
    answer = answer_of("a", np.array([0.1, 0.3, 0.2]), 9, CONTRACT, CALIBRATION)
    assert answer.unknown is True
    assert "unlike what the model knows, so another city or another date" in answer.sentence


def test_without_calibration_the_answer_says_so():
    answer = answer_of("a", np.array([0.1, 0.3, 0.2]), 9, CONTRACT, None)
    assert (answer.unknown, answer.choice, answer.coverage) == (None, (), None)
    assert "uncalibrated" in answer.sentence


def test_entropy_goes_from_sure_to_undecided():
    shares = entropy_share(np.array([[1.0, 0, 0, 0], [0.25] * 4, [0.5, 0.5, 0, 0]]))
    np.testing.assert_allclose(shares, [0, 1, 0.5])


def test_likeness_takes_off_what_all_cities_share():
    means = ((1.0, 0.1, 0.0), (1.0, 0.0, 0.1), (1.0, -0.1, -0.1))
    likeness = Likeness(replace(CALIBRATION, means=means), 0)
    values = likeness(np.array([[1.0, 0.1, 0.0], [1.0, 0.0, 0.1], [10.0, 1.0, 0.0]]))
    assert values[0] == pytest.approx(1, abs=0.01)
    assert values[1] < 0.3
    assert values[2] == pytest.approx(values[0])


def test_colours_differ():
    table = city_classes([f"city {n}" for n in range(45)], with_unknown=True)
    assert len({c.color for c in table}) == 46
    assert table.by_value(45).name == "unknown city"
    with pytest.raises(ValueError, match="room for 254"):
        city_classes([str(n) for n in range(MOST_CITIES + 1)], with_unknown=True)
