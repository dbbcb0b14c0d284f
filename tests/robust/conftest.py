"""Engines and models whose answers are known, so that no test here waits for a network."""

import numpy as np
import pytest

from geocity.models import engines
from tests.tools.toy_models import ToyEngine, by_first_band, write_toy_model


@pytest.fixture
def toy_engine(monkeypatch):
    """Put an engine in place that names the class that the first band holds."""
    monkeypatch.setattr(engines, "make_engine", lambda *_, **__: ToyEngine(by_first_band((0, 1))))


@pytest.fixture(scope="session")
def toy_package(tmp_path_factory):
    """A model file for scenes of one metre."""
    path = tmp_path_factory.mktemp("model") / "toy.geocity"
    return write_toy_model(path, cell_size_m=1.0, tile_size=512, padding=0)


@pytest.fixture
def folders(tmp_path):
    """Folders for inputs and outputs."""
    inputs, outputs = tmp_path / "in", tmp_path / "out"
    inputs.mkdir()
    outputs.mkdir()
    return inputs, outputs


@pytest.fixture(scope="session")
def read_classes():
    """Return a function that reads a class raster whole."""
    from geocity.io.class_rasters import open_class_raster

    def read(path):
        with open_class_raster(path) as raster:
            return np.asarray(raster.read(raster.grid.window)), raster.grid

    return read
