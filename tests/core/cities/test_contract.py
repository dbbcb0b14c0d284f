import json
from dataclasses import replace

import pytest

from geocity.core.cities.contract import CityContract

CONTRACT = CityContract(
    backbone="resnet18",
    cities=(("ALA", "Almaty"), ("FRU", "Bishkek"), ("Astana", "Astana")),
    bands=("red", "green", "blue"),
    dtype="uint8",
    value_range=(0.0, 255.0),
    patch_m=200.0,
    cell_size_m=None,
    input_px=64,
    mean=(0.4, 0.41, 0.42),
    std=(0.1, 0.11, 0.12),
    metrics={"validation": {"accuracy": 0.7}},
    options={"epochs": 3},
    versions={"torch": "2.15"},
)


def changed(**changes):
    return json.dumps({**json.loads(CONTRACT.to_json()), **changes})


def test_what_is_written_is_read_back():
    assert CityContract.from_json(CONTRACT.to_json()) == CONTRACT
    assert CONTRACT.codes == ("ALA", "FRU", "Astana")
    assert CONTRACT.names == ("Almaty", "Bishkek", "Astana")
    assert json.loads(CONTRACT.to_json())["kind"] == "city"


def test_it_says_how_pixels_are_normalised():
    assert "of the patch's band" in CONTRACT.normalisation
    assert "mean[band]" in replace(CONTRACT, per_image=False).normalisation


@pytest.mark.parametrize(
    "changes",
    [
        {"backbone": ""},
        {"backbone": 3},
        {"cities": []},
        {"cities": [{"code": "ALA", "name": "Almaty"}]},
        {"cities": [{"code": "A", "name": "a"}, {"code": "A", "name": "b"}]},
        {"cities": [{"code": "A"}, {"code": "B"}]},
        {"cities": ["ALA", "FRU"]},
        {"bands": []},
        {"dtype": "object"},
        {"value_range": [3, 1]},
        {"value_range": [1]},
        {"patch_m": 0},
        {"patch_m": "200"},
        {"cell_size_m": -1},
        {"input_px": 8},
        {"input_px": 64.5},
        {"input_px": 10**6},
        {"mean": [0.1]},
        {"std": [0, 1, 1]},
        {"temperature": 0},
        {"per_image": 1},
        {"split": []},
        {"versions": {"torch": 2}},
        {"format_version": 2},
    ],
)
def test_contracts_that_cannot_be(changes):
    with pytest.raises(ValueError, match=r"\w"):
        CityContract.from_json(changed(**changes))


def test_a_missing_field():
    document = json.loads(CONTRACT.to_json())
    del document["input_px"]
    with pytest.raises(ValueError, match="'input_px'"):
        CityContract.from_json(json.dumps(document))
