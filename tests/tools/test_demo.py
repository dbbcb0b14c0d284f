"""The demo's own parts; the whole of it runs in .ci/run, where its result is held to its word."""

import pytest

import geocity
from geocity.errors import InputError, OutputExistsError
from geocity.tools import demo


def test_the_sample_data_is_found_in_a_checkout():
    folder = demo.sample_data()
    for year in demo.YEARS:
        assert (folder / f"scene_{year}.tif").exists()
        assert (folder / f"slums_{year}.gpkg").exists()


def test_missing_sample_data_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(geocity, "__file__", str(tmp_path / "geocity" / "__init__.py"))
    with pytest.raises(InputError, match="sample data"):
        demo.sample_data()


def test_a_former_demo_is_not_replaced_by_accident(tmp_path):
    with pytest.raises(OutputExistsError):
        demo.demo(tmp_path)
