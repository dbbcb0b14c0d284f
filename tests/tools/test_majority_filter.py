"""The majority filter from file to file, and its command."""

import json
import logging

import numpy as np
import pytest
from click.testing import CliRunner

from geocity.cli import main
from geocity.core import majority, modal
from geocity.errors import InputError, OutputExistsError
from geocity.io.class_rasters import open_class_raster
from geocity.io.history import history
from geocity.tools.majority_filter import majority_filter
from tests.class_maps import TABLE, read_classes, write_classes
from tests.conftest import make_grid, write_raster

N = 255


def noise(shape, seed=0):
    rng = np.random.default_rng(seed)
    return rng.choice(np.array([0, 1, 2, N], np.uint8), shape, p=[0.5, 0.35, 0.1, 0.05])


def repeated(values, count, step=majority.majority_filter, **options):
    for _ in range(count):
        values = step(values, **options)
    return values


@pytest.fixture
def noisy(tmp_path):
    """A class raster of several parts, with its values."""
    values = noise((600, 1100))
    return write_classes(tmp_path / "classes.tif", values, tags={"GEOCITY_MODEL": "m1"}), values


@pytest.mark.parametrize("neighbors", ["four", "eight"])
@pytest.mark.parametrize("threshold", ["majority", "half"])
def test_equals_the_filter_of_the_whole_array(noisy, tmp_path, neighbors, threshold):
    path, values = noisy
    mode = {"neighbors": neighbors, "threshold": threshold}
    out = majority_filter(path, out=tmp_path / "out.tif", **mode)
    np.testing.assert_array_equal(read_classes(out), majority.majority_filter(values, **mode))


@pytest.mark.parametrize("passes", [2, 12, 13, 25])
def test_any_number_of_passes(noisy, tmp_path, passes):
    path, values = noisy
    out = majority_filter(path, out=tmp_path / "out.tif", passes=passes)
    np.testing.assert_array_equal(read_classes(out), repeated(values, passes))


@pytest.mark.parametrize(("size", "passes"), [(3, 1), (11, 3)])
def test_a_window_takes_the_most_frequent_class(noisy, tmp_path, size, passes):
    path, values = noisy
    out = majority_filter(path, out=tmp_path / "out.tif", size=size, passes=passes)
    expected = repeated(values, passes, modal.modal_filter, size=size)
    np.testing.assert_array_equal(read_classes(out), expected)


def test_grid_classes_and_history_are_kept(noisy, tmp_path):
    path, _ = noisy
    once = majority_filter(path, out=tmp_path / "once.tif")
    twice = majority_filter(once, out=tmp_path / "twice.tif", size=5, passes=2)
    with open_class_raster(path) as before, open_class_raster(twice) as after:
        assert after.grid == before.grid
        assert after.classes == TABLE
        assert after.tags["GEOCITY_MODEL"] == "m1"
        assert history(after.tags) == [
            "majority filter: four neighbours, majority, 1 pass",
            "majority filter: window of 5, 2 passes",
        ]


def test_until_stable(tmp_path, caplog):
    values = np.zeros((40, 50), np.uint8)
    values[7, 5:42] = 1
    path = write_classes(tmp_path / "classes.tif", values)
    with caplog.at_level(logging.INFO, "geocity"):
        out = majority_filter(path, out=tmp_path / "out.tif", passes="stable")
    assert not read_classes(out).any()
    assert "stable after 19 passes" in caplog.text
    with open_class_raster(out) as raster:
        assert history(raster.tags)[-1].endswith("stable after 19 passes")


def test_a_checkerboard_never_rests_and_that_is_said(tmp_path, caplog):
    board = np.indices((30, 30)).sum(axis=0).astype(np.uint8) % 2
    path = write_classes(tmp_path / "classes.tif", board)
    out = majority_filter(path, out=tmp_path / "out.tif", passes="stable")
    np.testing.assert_array_equal(read_classes(out), repeated(board, 12))
    assert [r.levelname for r in caplog.records] == ["WARNING"]
    assert "flip back and forth" in caplog.text
    assert list(tmp_path.glob(".*")) == []


def test_giving_up_is_said(tmp_path, caplog, monkeypatch):
    monkeypatch.setattr("geocity.tools.majority_filter.MAX_PASSES", 12)
    values = np.zeros((5, 200), np.uint8)
    values[2, 2:190] = 1
    path = write_classes(tmp_path / "classes.tif", values)
    out = majority_filter(path, out=tmp_path / "out.tif", passes="stable")
    np.testing.assert_array_equal(read_classes(out), repeated(values, 12))
    assert "2 cells are still changing after 12 passes" in caplog.text


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (2, 2)])
@pytest.mark.parametrize("options", [{}, {"neighbors": "eight"}, {"size": 3}, {"passes": "stable"}])
def test_tiny_rasters(tmp_path, shape, options):
    values = np.resize(np.array([1, 0, 0, 2, N], np.uint8), shape)
    path = write_classes(tmp_path / "classes.tif", values)
    after = read_classes(majority_filter(path, out=tmp_path / "out.tif", **options))
    assert after.shape == shape
    np.testing.assert_array_equal(after == N, values == N)
    if 1 in shape and "size" not in options:
        np.testing.assert_array_equal(after, values)


@pytest.mark.parametrize("options", [{}, {"size": 5}, {"passes": "stable"}])
def test_nothing_but_nodata(tmp_path, options):
    path = write_classes(tmp_path / "classes.tif", np.full((20, 30), N, np.uint8))
    assert (read_classes(majority_filter(path, out=tmp_path / "out.tif", **options)) == N).all()


def test_another_ones_raster_with_another_nodata(tmp_path):
    values = np.array([[1, 1, 1], [1, 9, 1], [1, 7, 1]], np.int16)
    path = write_raster(
        tmp_path / "classes.tif", values[None], make_grid(3, 3), nodata=7, dtype="int16"
    )
    after = read_classes(majority_filter(path, out=tmp_path / "out.tif"))
    assert after.tolist() == [[1, 1, 1], [1, 1, 1], [1, N, 1]]


def test_may_replace_its_own_input(noisy):
    path, values = noisy
    majority_filter(path, out=path, overwrite=True)
    np.testing.assert_array_equal(read_classes(path), majority.majority_filter(values))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"passes": 0}, "passes=0 was given; give a whole number"),
        ({"passes": "often"}, "passes='often' was given"),
        ({"size": 4}, "size=4 was given; give an odd number"),
        ({"size": 1}, "size=1 was given"),
        ({"size": 5, "neighbors": "four"}, "either the one or the other"),
        ({"neighbors": "six"}, "neighbors='six' was given; give 'four' or 'eight'"),
        ({"threshold": "all"}, "threshold='all' was given; give 'majority' or 'half'"),
    ],
)
def test_refuses_options_that_make_no_sense(noisy, tmp_path, options, message):
    with pytest.raises(InputError, match=message):
        majority_filter(noisy[0], out=tmp_path / "out.tif", **options)
    assert not (tmp_path / "out.tif").exists()


def test_refuses_to_replace_a_result_unasked(noisy, tmp_path):
    (tmp_path / "out.tif").write_text("mine")
    with pytest.raises(OutputExistsError, match="already there"):
        majority_filter(noisy[0], out=tmp_path / "out.tif")
    assert (tmp_path / "out.tif").read_text() == "mine"


def test_the_command(noisy, tmp_path):
    path, values = noisy
    out = tmp_path / "out.tif"
    arguments = ["--neighbors", "eight", "--threshold", "half", "--passes", "2"]
    result = CliRunner().invoke(main, ["majority-filter", str(path), "-o", str(out), *arguments])
    assert result.exit_code == 0, result.output
    assert result.stdout.strip() == str(out)
    expected = repeated(values, 2, neighbors="eight", threshold="half")
    np.testing.assert_array_equal(read_classes(out), expected)


def test_the_command_tells_machines_of_its_warning(tmp_path):
    board = np.indices((30, 30)).sum(axis=0).astype(np.uint8) % 2
    path = write_classes(tmp_path / "classes.tif", board)
    arguments = ["-o", str(tmp_path / "out.tif"), "--passes", "stable", "--progress", "json"]
    result = CliRunner().invoke(main, ["majority-filter", str(path), *arguments])
    events = [json.loads(line) for line in result.stdout.splitlines()]
    assert {"progress", "warning", "result"} <= {event["event"] for event in events}


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--passes", "0"], 2, "neither a whole number"),
        (["--passes", "soon"], 2, "neither a whole number"),
        (["--neighbors", "six"], 2, "six"),
        (["--size", "4"], 1, "give an odd number"),
        (["--size", "5", "--threshold", "half"], 1, "either the one or the other"),
    ],
)
def test_the_command_refuses(noisy, tmp_path, arguments, code, message):
    out = ["-o", str(tmp_path / "out.tif")]
    result = CliRunner().invoke(main, ["majority-filter", str(noisy[0]), *out, *arguments])
    assert result.exit_code == code
    assert message in result.stderr
