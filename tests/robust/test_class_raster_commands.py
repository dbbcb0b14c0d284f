"""Every awkward class raster goes to every command that takes one."""

import numpy as np
import pyogrio
import pytest

from tests.corpus import rasters, vectors
from tests.corpus.rasters import HOLE, KINDS, RASTERS, classes
from tests.robust.outcome import run

pytestmark = pytest.mark.filterwarnings("ignore")

SLOW = {"one_long_row", "one_long_column"}


def expected_classes(odd, shape):
    values = classes(shape)[0]
    if odd.hole:
        values[:HOLE] = 255
    if odd.name == "all_nodata":
        values[:] = 255
    return values


def refuse(odd, outcome):
    """Check a refusal; tell whether it was one."""
    if odd.refusal:
        assert outcome.refused
        assert any(part in outcome.said for part in odd.refusal.split("|")), outcome.said
    return outcome.refused


def check_same(odd, outcome, out, read_classes):
    if refuse(odd, outcome):
        return
    values, _ = read_classes(out)
    if odd.exact or odd.name == "all_nodata":
        assert (values == expected_classes(odd, values.shape)).all()


@pytest.mark.parametrize("name", RASTERS)
def test_majority_filter(folders, read_classes, name):
    source, out = folders[0], folders[1] / "filtered.tif"
    path = RASTERS[name].write(source, classes())
    outcome = run("majority-filter", path, "-o", out, inputs=source, outputs=folders[1])
    check_same(RASTERS[name], outcome, out, read_classes)


@pytest.mark.parametrize("name", KINDS)
def test_clean(folders, read_classes, name):
    source, out = folders[0], folders[1] / "cleaned.tif"
    path = RASTERS[name].write(source, classes())
    area = 1e-9
    outcome = run(
        "clean", path, "-o", out, "--min-area", area, "--min-hole", area,
        inputs=source, outputs=folders[1],
    )  # fmt: skip
    check_same(RASTERS[name], outcome, out, read_classes)


@pytest.mark.parametrize("name", KINDS)
def test_polygonize(folders, name):
    odd, source, out = RASTERS[name], folders[0], folders[1] / "slums.gpkg"
    path = odd.write(source, classes())
    outcome = run("polygonize", path, "-o", out, inputs=source, outputs=folders[1])
    if refuse(odd, outcome) or not odd.exact:
        return
    frame = pyogrio.read_dataframe(out)
    shape = (1, 1) if name == "one_pixel" else rasters.SHAPE
    if name not in SLOW:
        assert frame["n_px"].sum() == (expected_classes(odd, shape) == 1).sum()
        assert frame.geometry.is_valid.all()
        assert np.isfinite(frame["area_m2"]).all()
        assert (frame["area_m2"] > 0).all()


@pytest.mark.parametrize("name", KINDS)
def test_assess_sample(folders, name):
    odd, source, out = RASTERS[name], folders[0], folders[1] / "sample.gpkg"
    path = odd.write(source, classes())
    outcome = run(
        "assess", "sample", path, "-o", out, "--points", 20, "--allocation", "equal",
        inputs=source, outputs=folders[1],
    )  # fmt: skip
    if not refuse(odd, outcome):
        assert len(pyogrio.read_dataframe(out, layer="points")) == 20


@pytest.mark.parametrize(
    ("name", "place"), [*((name, "before") for name in KINDS), ("engineering_crs", "after")]
)
def test_change(folders, name, place):
    odd, source, out = RASTERS[name], folders[0], folders[1] / "change.gpkg"
    path = odd.write(source, classes())
    other = rasters.plain(make(source / "other"), classes())
    pair = (path, other) if place == "before" else (other, path)
    dates = ("--date", "2015-01-01", "--date", "2025-01-01")
    outcome = run("change", *pair, *dates, "-o", out, inputs=source, outputs=folders[1])
    refuse(odd, outcome)


@pytest.mark.parametrize("name", KINDS)
def test_indicators(folders, name):
    odd, source, out = RASTERS[name], folders[0], folders[1] / "table.csv"
    path = odd.write(source, classes())
    wards = vectors.plain(make(source / "wards"), vectors.outlines(ward=["A", "B"]))
    outcome = run(
        "indicators", path, "--units", wards, "--date", "2015-03-17", "-o", out,
        inputs=source, outputs=folders[1],
    )  # fmt: skip
    refuse(odd, outcome)


@pytest.mark.parametrize("name", KINDS)
def test_labels_of_export_chips(folders, name):
    odd, source = RASTERS[name], folders[0]
    path = odd.write(source, classes())
    scene = rasters.plain(make(source / "scene"), rasters.imagery())
    outcome = run(
        "export-chips", scene, "--labels", path, "-o", folders[1] / "chips", "--chip-size", 32,
        "--split", "1,0,0", inputs=source, outputs=folders[1],
    )  # fmt: skip
    refuse(odd, outcome)


@pytest.mark.parametrize("name", KINDS)
def test_probability_of_polygonize(folders, name):
    odd, source, out = RASTERS[name], folders[0], folders[1] / "slums.gpkg"
    path = odd.write(source, classes())
    plain = rasters.plain(make(source / "classes"), classes())
    outcome = run(
        "polygonize", plain, "--probability", path, "-o", out, inputs=source, outputs=folders[1]
    )
    assert outcome.refused or not odd.refusal


def make(folder):
    folder.mkdir()
    return folder
