import json
import zipfile
from dataclasses import replace

import numpy as np
import pytest

from geocity.errors import ModelError
from geocity.io.cities.packages import read_city_package, write_city_package
from geocity.io.model_packages import read_model, write_model
from geocity.io.weight_files import read_weight_file
from tests.core.cities.test_contract import CONTRACT
from tests.io.test_model_packages import CONTRACT as SLUM_CONTRACT
from tests.io.test_model_packages import WEIGHTS


@pytest.fixture
def model(tmp_path):
    return write_city_package(tmp_path / "cities.geocity", CONTRACT, WEIGHTS)


@pytest.fixture
def slum_model(tmp_path):
    return write_model(tmp_path / "slums.geocity", SLUM_CONTRACT, WEIGHTS)


def test_what_is_written_is_read_back(model):
    package = read_city_package(model)
    assert replace(package.contract, weights_sha256="") == CONTRACT
    weights = package.weights()
    assert all(np.array_equal(weights[k], WEIGHTS[k]) for k in WEIGHTS)


def test_the_card_says_what_a_person_needs(model):
    card = read_city_package(model).card()
    for word in ("Almaty", "FRU", "200 m", "64 x 64", "0.7", "epochs", "another date"):
        assert word in card
    fixed = replace(CONTRACT, per_image=False)
    path = write_city_package(model, fixed, WEIGHTS, overwrite=True)
    assert "0.4100" in read_city_package(path).card()


def test_a_city_model_is_no_slum_model(model):
    with pytest.raises(ModelError, match=r"is a city model.*expected a slum model.*geocity train"):
        read_model(model)


def test_a_slum_model_is_no_city_model(slum_model):
    with pytest.raises(ModelError, match=r"is a slum model.*expected a city.*geocity city train"):
        read_city_package(slum_model)


def test_a_slum_model_of_before_there_were_kinds(slum_model):
    with zipfile.ZipFile(slum_model) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    document = json.loads(content["model.json"])
    assert document.pop("kind") == "slums"
    content["model.json"] = json.dumps(document).encode()
    with zipfile.ZipFile(slum_model, "w") as archive:
        for name, data in content.items():
            archive.writestr(name, data)
    assert read_model(slum_model).contract.encoder == SLUM_CONTRACT.encoder


def test_an_unknown_kind(model):
    with zipfile.ZipFile(model) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    content["model.json"] = content["model.json"].replace(b'"kind": "city"', b'"kind": "roads"')
    with zipfile.ZipFile(model, "w") as archive:
        for name, data in content.items():
            archive.writestr(name, data)
    with pytest.raises(ModelError, match="unknown kind 'roads'"):
        read_city_package(model)


def test_missing_file(tmp_path):
    with pytest.raises(ModelError, match="geocity city train"):
        read_city_package(tmp_path / "none")


def test_a_city_model_serves_as_a_weight_file(model):
    assert read_weight_file(model).keys() == WEIGHTS.keys()
