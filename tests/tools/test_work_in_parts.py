"""Filtering, cleaning and polygons in parts: the same bytes whole, cut, shared, killed, resumed."""

import functools
import logging
import multiprocessing
import os
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import pytest
import rasterio
from click.testing import CliRunner
from scipy.ndimage import gaussian_filter

from geocity.cli import main
from geocity.core.classes import ClassTable
from geocity.engine.plan import plan_parts
from geocity.engine.run import WorkOptions
from geocity.errors import InputError
from geocity.io.class_raster_sinks import create_class_raster, create_probability_raster
from geocity.tools.change import change
from geocity.tools.change_options import ChangeOptions
from geocity.tools.clean import clean
from geocity.tools.majority_filter import majority_filter
from geocity.tools.polygonize import PolygonOptions, polygonize
from tests.conftest import make_grid

TABLE = ClassTable.named(["background", "slum", "forest"])
SHAPE = (230, 150)
SIDE = 64


def blobs(seed=0):
    """Patches of all sizes, some of them across many parts, and some ground without data."""
    rng = np.random.default_rng(seed)
    fine = gaussian_filter(rng.standard_normal(SHAPE), 1.5)
    coarse = gaussian_filter(rng.standard_normal(SHAPE), 12)
    values = (fine > 0.3 * fine.std()).astype(np.uint8)
    values[coarse > coarse.std()] = 2
    values[rng.random(SHAPE) < 0.01] = 255
    return values


def compare(classes, *, out, **more):
    """Compare the raster with the one of another date beside it."""
    options = ChangeOptions(tolerance_m=1.0, min_area_m2=4.0, slum_class="slum")
    return change([classes, classes.with_name("later.tif")], out=out, options=options, **more)


@dataclass(frozen=True)
class Case:
    """A tool, how it is called, and how many parts its last round has."""

    tool: Any
    suffix: str
    options: dict[str, Any]
    parts: int = 12

    def __call__(self, classes, out, **more):
        options = dict(self.options)
        if options.pop("probability", False):
            options["probability"] = classes.with_name("probability.tif")
        return self.tool(classes, out=out, **options, **more)


CASES = {
    "one pass": Case(majority_filter, ".tif", {"neighbors": "eight"}),
    "many passes": Case(majority_filter, ".tif", {"passes": 15}),
    "stable": Case(majority_filter, ".tif", {"passes": "stable"}),
    "window": Case(majority_filter, ".tif", {"size": 5, "passes": 2}),
    "clean": Case(clean, ".tif", {"min_area_m2": 12.0, "min_hole_m2": 5.0}),
    "polygons": Case(polygonize, ".gpkg", {"probability": True}, 15),
    "simple": Case(polygonize, ".gpkg", {"options": PolygonOptions(simplify_m=1.0)}, 15),
    "change": Case(compare, ".gpkg", {}, 15),
    "multi": Case(
        polygonize, ".gpkg", {"options": PolygonOptions(parts="multi"), "probability": True}, 15
    ),
}
SOME = [CASES["one pass"], CASES["clean"], CASES["polygons"]]


@pytest.fixture(scope="module")
def classes(tmp_path_factory):
    grid, folder = make_grid(*SHAPE), tmp_path_factory.mktemp("classes")
    path = folder / "classes.tif"
    for name, seed, year in (("classes.tif", 0, 2015), ("later.tif", 1, 2025)):
        tags = {"ACQUISITION_DATE": f"{year}-01-01"}
        with create_class_raster(folder / name, grid, TABLE, tags=tags) as sink:
            sink.write(blobs(seed), grid.window)
    likely = np.random.default_rng(1).random((2, *SHAPE)).astype(np.float32)
    names = ["slum", "forest"]
    with create_probability_raster(folder / "probability.tif", grid, names) as sink:
        sink.write(likely, grid.window)
    return path


@pytest.fixture
def small_parts(monkeypatch):
    """Parts of 64 pixels, bands of 16 rows; only the process that plans needs to know."""
    planned = functools.partial(plan_parts, side=SIDE)
    monkeypatch.setattr("geocity.tools.majority_filter.plan_parts", planned)
    monkeypatch.setattr("geocity.tools.clean.plan_parts", planned)
    monkeypatch.setattr("geocity.tools.change_rasters.plan_parts", planned)
    monkeypatch.setattr("geocity.core.bands._BLOCK", 16)
    monkeypatch.setattr("geocity.tools.polygon_bands.band_parts.__defaults__", (16 * 150,))


def bytes_of(path: Path) -> dict[str, bytes]:
    """Return the result and its sidecars."""
    return {p.name: p.read_bytes() for p in path.parent.iterdir() if p.is_file()}


def contents_of(path: Path) -> tuple[Any, Any]:
    """Return what a result says, where its bytes may tell how many parts it was copied from."""
    if path.suffix == ".gpkg":
        layers = [name for name, kind in pyogrio.list_layers(path) if kind is not None]
        frames = [pyogrio.read_dataframe(path, layer=layer) for layer in layers]
        told = [frame.drop(columns="geometry").to_csv(float_format="%.6f") for frame in frames]
        return told, [frame.geometry.to_wkb().tolist() for frame in frames]
    others = {name: read for name, read in bytes_of(path).items() if name != path.name}
    with rasterio.open(path) as raster:
        return raster.read().tobytes(), (others, raster.tags(), raster.profile)


@pytest.fixture(scope="module")
def made():
    """Results that were made in one go, in small parts, by their case."""
    return {}


@pytest.fixture
def whole(classes, tmp_path, small_parts, made):
    """Make a result in one go, in small parts."""

    def make(case):
        if id(case) not in made:
            out = tmp_path / "whole" / f"out{case.suffix}"
            case(classes, out)
            made[id(case)] = bytes_of(out)
        return made[id(case)]

    return make


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_small_parts_leave_no_trace(case, classes, tmp_path, request):
    one = tmp_path / "whole" / f"out{case.suffix}"
    case(classes, one)
    assert not one.with_name(one.name + ".parts").exists()
    request.getfixturevalue("small_parts")
    out = tmp_path / "parts" / f"out{case.suffix}"
    heard = []
    case(classes, out, progress=lambda *told: heard.append(told))
    assert contents_of(out) == contents_of(one)
    assert [p.name for p in out.parent.iterdir() if p.is_dir()] == []
    assert max(total for _, total, _ in heard) == case.parts


@pytest.mark.parametrize("name", ["stable", "clean", "polygons", "change"])
def test_two_workers_make_the_same(name, classes, tmp_path, whole):
    case = CASES[name]
    expected = whole(case)
    out = tmp_path / "two" / f"out{case.suffix}"
    case(classes, out, work=WorkOptions(workers=2))
    assert bytes_of(out) == expected


def test_a_killed_worker_costs_nothing_but_time(classes, tmp_path, whole):
    case = CASES["polygons"]
    expected = whole(case)
    killed = []

    def kill_one(done, total, stage):
        if not killed and done < total:
            killed.append(min(child.pid for child in multiprocessing.active_children()))
            os.kill(killed[0], signal.SIGKILL)

    out = tmp_path / "two" / f"out{case.suffix}"
    case(classes, out, work=WorkOptions(workers=2), progress=kill_one)
    assert killed
    assert bytes_of(out) == expected


class StoppedError(Exception):
    """Ends a run in the middle."""


def stop_after(count):
    heard = []

    def progress(done, total, stage):
        heard.append(done)
        if len(heard) > count:
            raise StoppedError

    return progress


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("many passes", 20),
        ("stable", 33),
        ("clean", 19),
        ("polygons", 6),
        ("simple", 19),
        ("change", 9),
        ("change", 40),
    ],
)
def test_a_stopped_run_goes_on(name, count, classes, tmp_path, whole, caplog):
    case = CASES[name]
    expected = whole(case)
    out = tmp_path / "resumed" / f"out{case.suffix}"
    try:
        case(classes, out, progress=stop_after(count))
    except StoppedError:
        assert "the same command goes on from there" in caplog.text
        caplog.set_level(logging.INFO)
        caplog.clear()
        case(classes, out)
        assert "were done by a former run" in caplog.text
    assert bytes_of(out) == expected


@pytest.mark.parametrize("case", SOME)
def test_damaged_and_missing_parts_are_made_again(case, classes, tmp_path, whole, caplog):
    expected = whole(case)
    out = tmp_path / "resumed" / f"out{case.suffix}"
    with pytest.raises(StoppedError):
        case(classes, out, progress=stop_after(10))
    folder = out.with_name(out.name + ".parts")
    files = sorted(p for p in folder.rglob("*") if p.is_file() and p.suffix != ".json")
    flipped = bytearray(files[0].read_bytes())
    flipped[len(flipped) // 2] ^= 1
    files[0].write_bytes(flipped)
    os.truncate(files[2], 10)
    files[4].unlink()
    caplog.set_level(logging.INFO)
    case(classes, out)
    assert "parts were done by a former run" in caplog.text
    assert bytes_of(out) == expected


def test_parts_of_other_input_or_options_do_not_count(classes, tmp_path, whole, caplog):
    out = tmp_path / "resumed" / "out.tif"
    with pytest.raises(StoppedError):
        clean(classes, out=out, min_area_m2=5.0, progress=stop_after(10))
    clean(classes, out=out, min_area_m2=12.0, min_hole_m2=5.0)
    assert "they are computed anew" in caplog.text
    assert bytes_of(out) == whole(CASES["clean"])


def test_without_resume_everything_is_made_again(classes, tmp_path, small_parts, caplog):
    caplog.set_level(logging.INFO)
    for number, case in enumerate((CASES["stable"], *SOME)):
        out = tmp_path / f"again_{number}" / f"out{case.suffix}"
        with pytest.raises(StoppedError):
            case(classes, out, progress=stop_after(10))
        caplog.clear()
        case(classes, out, work=WorkOptions(resume=False))
        assert "former run" not in caplog.text


@pytest.mark.parametrize("case", SOME)
def test_slices_by_anyone_make_one_result(case, classes, tmp_path, whole):
    expected = whole(case)
    out = tmp_path / "slices" / f"out{case.suffix}"
    for slice_of_parts in ((8, 12), (0, 4), (5, 8)):
        result = case(classes, out, work=WorkOptions(part_range=slice_of_parts))
        assert result == out.with_name(out.name + ".parts")
    assert not out.exists()
    case(classes, out, work=WorkOptions(part_range=(4, 99)))
    assert bytes_of(out) == expected


def test_slices_of_many_passes_are_refused(classes, tmp_path):
    work = WorkOptions(part_range=(0, 2))
    with pytest.raises(InputError, match=r"\(stable\) take several rounds.*at most 12 passes"):
        majority_filter(classes, out=tmp_path / "out.tif", passes="stable", work=work)


def test_slices_of_a_comparison_are_refused(classes, tmp_path):
    with pytest.raises(InputError, match="several rounds.*leave out --part-range"):
        compare(classes, out=tmp_path / "out.gpkg", work=WorkOptions(part_range=(0, 2)))


def test_a_source_that_changes_meanwhile_is_noticed(classes, tmp_path, small_parts):
    for number, case in enumerate(SOME):

        def touch(done, total, stage, when=number):
            os.utime(classes, ns=(when, when))

        out = tmp_path / f"changed_{number}" / f"out{case.suffix}"
        with pytest.raises(InputError, match="was changed while it was being worked on"):
            case(classes, out, progress=touch)
        assert not out.exists()


@pytest.mark.parametrize(
    "arguments",
    [["majority-filter"], ["clean", "--min-area", "12"], ["polygonize", "--classes", "1"]],
)
def test_the_commands_take_slices(arguments, classes, tmp_path, small_parts):
    command, *options = arguments
    out = tmp_path / ("out.gpkg" if command == "polygonize" else "out.tif")
    given = [command, str(classes), "-o", str(out), *options, "--part-range"]
    first = CliRunner().invoke(main, [*given, "0:3"])
    assert first.exit_code == 0, first.output
    assert out.with_name(out.name + ".parts").is_dir()
    assert not out.exists()
    rest = CliRunner().invoke(main, [*given, "3:99"])
    assert rest.exit_code == 0, rest.output
    assert out.exists()
