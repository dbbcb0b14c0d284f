import pytest

from tests.tools.city.toy_cities import write_toy_cities, write_toy_model


@pytest.fixture(scope="session")
def toy_cities(tmp_path_factory):
    return write_toy_cities(tmp_path_factory.mktemp("toy cities"))


@pytest.fixture(scope="session")
def toy_model(tmp_path_factory, toy_cities):
    return write_toy_model(tmp_path_factory.mktemp("toy model") / "toy.geocity", toy_cities)
