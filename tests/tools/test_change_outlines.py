"""Outlines compared in parts: what whole layers give, whoever does it and however often stopped."""

import datetime
import functools
import itertools
import json
import logging
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import geopandas
import numpy as np
import pyogrio
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from geocity.core.outline_change import (
    areal,
    by_class,
    compare_outlines,
    overlaps_of,
    overlay_matrix,
    owners,
    parts_of,
)
from geocity.core.outline_plane import true_areas, working_plane
from geocity.core.settlement_history import identities_of, settlement_history
from geocity.engine.run import WorkOptions
from geocity.errors import ClassTableError, InputError, NoOverlapError
from geocity.io.label_layers import read_area
from geocity.io.vectors import read_polygons
from geocity.tools.change import change
from geocity.tools.change_options import ChangeOptions
from geocity.tools.change_outline_reading import plan_slices
from tests.conftest import UTM43

ROOT = Path(__file__).parents[2]
DATES = tuple(datetime.date(year, 2, 3) for year in (2005, 2015, 2025))
KINDS = ("growth", "loss", "persistent")
CLASSES = ("background", "park", "slum", "water")


def blobs(seed, count, classes=("slum",), spread=150.0):
    """Outlines that overlap, touch and lie apart; some with a hole."""
    rng = np.random.default_rng(seed)
    corners, sizes = rng.uniform(0, spread, (count, 2)), rng.uniform(2, 30, (count, 2))
    shapes = []
    for (x, y), (w, h), turn in zip(corners, sizes, rng.uniform(0, 90, count), strict=True):
        box = shapely.box(x, y, x + w, y + h)
        hole = shapely.box(x + 0.3 * w, y + 0.3 * h, x + 0.6 * w, y + 0.6 * h)
        box = shapely.affinity.rotate(box.difference(hole) if turn < 30 else box, turn)
        shapes.append(shapely.affinity.translate(box, 300_000, 2_100_000))
    names = rng.choice(np.array(classes, dtype=object), count)
    return geopandas.GeoDataFrame({"class": names}, geometry=shapes, crs=UTM43)


def write_layers(folder, frames):
    paths = []
    for frame, date in zip(frames, DATES, strict=False):
        paths.append(folder / f"map_{date}.gpkg")
        pyogrio.write_dataframe(frame, paths[-1], layer="outlines")
    return paths


class WholeLayers:
    """The slow twin: every layer held whole, one overlay of everything."""

    def __init__(self, paths, options):
        frames = [read_polygons(path) for path in paths]
        self.crs = frames[0].crs
        plane = working_plane(frames[0])
        self.measure = true_areas(plane)
        frames = [frame.to_crs(plane) if frame.crs != plane else frame for frame in frames]
        shapes = [np.asarray(frame.geometry.array, dtype=object) for frame in frames]
        boxes = np.array([shapely.total_bounds(found) for found in shapes])
        area = shapely.box(*boxes[:, :2].min(axis=0), *boxes[:, 2:].max(axis=0))
        if options.area is not None:
            (area,) = areal(np.array([read_area(options.area, plane)], dtype=object))
        classes = [
            by_class(list(frame["class"]), found, area)
            for frame, found in zip(frames, shapes, strict=True)
        ]
        nothing = np.array([shapely.Polygon()], dtype=object)
        slums = [found.get("slum", nothing) for found in classes]
        self.settlements = [parts_of(slum) for slum in slums]
        how = {"tolerance_m": options.tolerance_m, "min_area_m2": options.min_area_m2}
        self.changes = [
            compare_outlines(*pair, **how, measure=self.measure)
            for pair in itertools.pairwise(slums)
        ]
        names = sorted({name for frame in frames for name in frame["class"]} - {"background"})
        self.matrices = [
            overlay_matrix(*pair, area, names, "background", self.measure)
            for pair in itertools.pairwise(classes)
        ]
        self.history = settlement_history(
            [self.measure(parts) for parts in self.settlements],
            [overlaps_of(*pair, self.measure) for pair in itertools.pairwise(self.settlements)],
            options.history,
        )

    def pieces(self, kind):
        """Yield outline, area and the settlements before and after of every piece."""
        states = list(zip(self.settlements, self.history, strict=True))
        for found, (former, latter) in zip(self.changes, itertools.pairwise(states), strict=True):
            pieces = getattr(found, kind)
            before, after = owners(pieces, former[0]), owners(pieces, latter[0])
            before = np.full(len(pieces), -1) if kind == "growth" else before
            after = np.full(len(pieces), -1) if kind == "loss" else after
            ids = identities_of(before, after, former[1], latter[1])
            yield from zip(pieces, self.measure(pieces), *ids, strict=True)

    def states(self):
        """Yield outline, identity, status and area of every settlement."""
        for index, found in enumerate(self.history):
            parts = self.settlements[index]
            yield from zip(parts, found.numbers, found.status, found.area_m2, strict=True)
            if index:
                former = self.history[index - 1]
                for gone in found.gone:
                    yield self.settlements[index - 1][gone], former.numbers[gone], "gone", 0.0


def number(text):
    return int(text[1:]) if isinstance(text, str) else 0


def check_against_twin(result, twin):
    report = json.loads(result.report.read_text())
    for pair, matrix, found in zip(report["pairs"], twin.matrices, twin.changes, strict=True):
        for told, row in zip(pair["matrix"], matrix.rows(), strict=True):
            assert (told["from_class"], told["to_class"]) == row[:2]
            assert told["area_m2"] == pytest.approx(row[2], rel=1e-6, abs=1e-3)
        absorbed = pair["absorbed_growth_m2"], pair["absorbed_loss_m2"]
        expected = found.absorbed_growth_m2, found.absorbed_loss_m2
        assert absorbed == pytest.approx(expected, rel=1e-6, abs=0.01)
    for kind in KINDS:
        layer, pieces = geopandas.read_file(result.out, layer=kind), list(twin.pieces(kind))
        assert len(layer) == len(pieces)
        for row, (polygon, area_m2, before, after) in zip(layer.itertuples(), pieces, strict=True):
            assert (number(row.id_before), number(row.id_after)) == (before, after)
            assert row.area_m2 == pytest.approx(area_m2, rel=1e-9, abs=1e-4)
            check_same(row.geometry, polygon)
    layer, states = geopandas.read_file(result.out, layer="settlements"), list(twin.states())
    assert len(layer) == len(states)
    for row, (polygon, who, status, area_m2) in zip(layer.itertuples(), states, strict=True):
        assert (number(row.settle_id), row.status) == (who, status)
        assert row.area_m2 == pytest.approx(area_m2, rel=1e-9, abs=1e-4)
        check_same(row.geometry, polygon)


def check_same(one, other):
    """The same ground: in which order unions are made moves a corner by a hair."""
    assert one.symmetric_difference(other).area < 1e-4
    assert len(one.interiors) == len(other.interiors)


@pytest.fixture(scope="module")
def small():
    """Slices of 5 features and cells of 2; only the process that plans needs to know."""
    cut = functools.partial(plan_slices, side=5)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("geocity.tools.change_outlines.plan_slices", cut)
        patch.setattr("geocity.tools.change_outline_plan.CELL_FEATURES", 2)
        yield


@given(
    seed=st.integers(0, 10_000),
    counts=st.lists(st.integers(1, 14), min_size=2, max_size=3),
    tolerance=st.sampled_from([0.0, 1.0, 4.0]),
    least=st.sampled_from([0.0, 40.0]),
    several=st.booleans(),
    spread=st.sampled_from([120.0, 400.0]),
)
@settings(max_examples=8, deadline=None)
def test_parts_give_what_whole_layers_give(
    tmp_path_factory, small, seed, counts, tolerance, least, several, spread
):
    folder = tmp_path_factory.mktemp("twin")
    classes = CLASSES if several else ("slum",)
    frames = [blobs(seed + i, count, classes, spread) for i, count in enumerate(counts)]
    frames[0].loc[0, "class"] = "slum"  # else there may be none at all
    for frame in frames:  # each reaches into the others
        frame.loc[0, "geometry"] = shapely.box(300_010, 2_100_010, 300_140, 2_100_020)
    paths = write_layers(folder, frames)
    options = ChangeOptions(tolerance_m=tolerance, min_area_m2=least)
    result = change(paths, out=folder / "change.gpkg", options=options)
    check_against_twin(result, WholeLayers(paths, options))


def test_how_it_is_cut_leaves_no_trace(tmp_path, small, monkeypatch):
    """Outlines are the same to the last bit; sums of areas are those of floats."""
    paths = write_layers(tmp_path, [blobs(n, 40, spread=400.0) for n in range(3)])
    options = ChangeOptions(tolerance_m=1.0)
    parts = change(paths, out=tmp_path / "parts.gpkg", options=options)
    monkeypatch.setattr("geocity.tools.change_outline_plan.CELL_FEATURES", 1000)
    monkeypatch.setattr("geocity.tools.change_outlines.plan_slices", plan_slices)
    whole = change(paths, out=tmp_path / "whole.gpkg", options=options)
    for layer in (*KINDS, "settlements"):
        one, other = (geopandas.read_file(found.out, layer=layer) for found in (parts, whole))
        assert len(one) > 20
        assert one.geometry.to_wkb().tolist() == other.geometry.to_wkb().tolist()
        assert one.drop(columns="geometry").equals(other.drop(columns="geometry"))
    one, other = (json.loads(found.report.read_text())["pairs"] for found in (parts, whole))
    for pair, told in zip(one, other, strict=True):
        for key in ("growth_m2", "loss_m2", "persistent_m2", "absorbed_m2", "common_area_m2"):
            assert pair[key] == pytest.approx(told[key], rel=1e-12, abs=1e-6)


def test_parts_within_an_area_that_cuts_outlines(tmp_path, small):
    paths = write_layers(tmp_path, [blobs(n, 40) for n in range(3)])
    frame = blobs(9, 6, spread=80.0)
    pyogrio.write_dataframe(frame, tmp_path / "area.gpkg")
    options = ChangeOptions(area=tmp_path / "area.gpkg", tolerance_m=1.5)
    result = change(paths, out=tmp_path / "change.gpkg", options=options)
    check_against_twin(result, WholeLayers(paths, options))


def test_a_map_of_all_land_is_one_group_and_still_adds_up(tmp_path, small):
    """Every outline touches its neighbours; the first settlement reaches from end to end."""
    frames = []
    for seed in range(2):
        rng = np.random.default_rng(seed)
        boxes = [
            shapely.box(300_000 + x, 2_100_000 + y, 300_010 + x, 2_100_010 + y)
            for x in range(0, 60, 10)
            for y in range(0, 60, 10)
        ]
        names = rng.choice(np.array(["forest", "slum", "water"], dtype=object), len(boxes))
        names[::6] = "slum"
        frames.append(geopandas.GeoDataFrame({"class": names}, geometry=boxes, crs=UTM43))
    paths = write_layers(tmp_path, frames)
    result = change(paths, out=tmp_path / "change.gpkg")
    check_against_twin(result, WholeLayers(paths, ChangeOptions()))


def test_another_crs_and_the_shift_between_maps(tmp_path, small):
    first = blobs(1, 30)
    second = first.set_geometry(first.translate(2.0, -1.0))
    paths = write_layers(tmp_path, [first, second])
    here = change(paths, out=tmp_path / "a.gpkg", options=ChangeOptions(estimate_shift=True))
    turned = tmp_path / "degrees"
    turned.mkdir()
    paths = write_layers(turned, [first.to_crs(4326), second])
    there = change(paths, out=tmp_path / "b.gpkg", options=ChangeOptions(estimate_shift=True))
    (one,), (other,) = (json.loads(r.report.read_text())["pairs"] for r in (here, there))
    assert one["shift_m"] == pytest.approx([2.0, -1.0], abs=0.3)
    assert other["shift_m"] == pytest.approx(one["shift_m"], abs=0.1)
    assert other["growth_m2"] == pytest.approx(one["growth_m2"], rel=1e-4)
    for layer in (*KINDS, "settlements"):
        found = geopandas.read_file(there.out, layer=layer)
        assert found.crs == "EPSG:4326"
        assert found.geometry.is_valid.all()
        expected = geopandas.read_file(here.out, layer=layer)
        assert len(found.drop_duplicates("area_m2")) == len(expected.drop_duplicates("area_m2"))


class StoppedError(Exception):
    """Ends a run in the middle."""


def stop_after(count):
    heard = []

    def progress(done, total, stage):
        heard.append(done)
        if len(heard) > count:
            raise StoppedError

    return progress


OPTIONS = ChangeOptions(tolerance_m=1.0, min_area_m2=5.0)


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    folder = tmp_path_factory.mktemp("layers")
    return write_layers(folder, [blobs(n, 20, ("slum", "slum", "park")) for n in range(2)])


@pytest.fixture(scope="module")
def expected(paths, small, tmp_path_factory):
    """The files of a run that nothing disturbed."""
    return run(paths, tmp_path_factory.mktemp("undisturbed"))


def run(paths, folder, **more):
    folder.mkdir(exist_ok=True)
    change(paths, out=folder / "change.gpkg", options=OPTIONS, **more)
    return {p.name: p.read_bytes() for p in sorted(folder.iterdir())}


@pytest.mark.parametrize("count", [3, 13, 25])
def test_a_stopped_run_goes_on(paths, tmp_path, small, expected, caplog, count):
    with pytest.raises(StoppedError):
        run(paths, tmp_path / "two", progress=stop_after(count))
    assert not (tmp_path / "two" / "change.gpkg").exists()
    caplog.set_level(logging.INFO)
    caplog.clear()
    assert run(paths, tmp_path / "two") == expected
    assert "were done by a former run" in caplog.text


def test_damaged_parts_are_made_again(paths, tmp_path, small, expected):
    with pytest.raises(StoppedError):
        run(paths, tmp_path / "two", progress=stop_after(25))
    folder = tmp_path / "two" / "change.gpkg.parts"
    files = sorted(folder.rglob("*.arrow"))
    os.truncate(files[0], 100)
    files[5].unlink()
    flipped = bytearray(files[-1].read_bytes())
    flipped[len(flipped) // 2] ^= 1
    files[-1].write_bytes(flipped)
    assert run(paths, tmp_path / "two") == expected


def test_two_workers_make_the_same(paths, tmp_path, small, expected):
    assert run(paths, tmp_path / "two", work=WorkOptions(workers=2)) == expected


def test_slices_are_refused_and_changed_layers_noticed(paths, tmp_path, small):
    with pytest.raises(InputError, match="several rounds.*leave out --part-range"):
        run(paths, tmp_path / "a", work=WorkOptions(part_range=(0, 2)))

    def touch(done, total, stage):
        os.utime(paths[0], ns=(done, done))

    with pytest.raises(InputError, match="was changed while it was being worked on"):
        run(paths, tmp_path / "b", progress=touch)
    assert not (tmp_path / "b" / "change.gpkg").exists()


SCRIPT = """
    import functools, sys, time
    from geocity.cli.change import command
    from geocity.tools import change_outline_overlay, change_outline_plan, change_outlines

    change_outlines.plan_slices = functools.partial(change_outlines.plan_slices, side=5)
    change_outline_plan.CELL_FEATURES = 2
    compare = change_outline_overlay.compare_outlines

    def slowly(*args, **more):
        time.sleep(0.05)
        return compare(*args, **more)

    change_outline_overlay.compare_outlines = slowly
    if __name__ == "__main__":
        command(sys.argv[1:])
"""


def start(tmp_path, arguments):
    script = tmp_path / "drive.py"
    script.write_text(textwrap.dedent(SCRIPT))
    return subprocess.Popen(
        [sys.executable, str(script), *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_command_killed_and_run_again(paths, tmp_path, small, expected):
    folder = tmp_path / "two"
    arguments = [*paths, "-o", folder / "change.gpkg", "--tolerance", 1, "--min-area", 5]
    driver = start(tmp_path, arguments)
    end = time.monotonic() + 60
    while len(list((folder / "change.gpkg.parts" / "overlay").glob("[!.]*.json"))) < 3:
        assert driver.poll() is None, driver.communicate()
        assert time.monotonic() < end
        time.sleep(0.01)
    driver.send_signal(signal.SIGKILL)
    driver.communicate()
    assert not (folder / "change.gpkg").exists()
    again = start(tmp_path, arguments)
    printed, said = again.communicate()
    assert again.returncode == 0, said
    assert printed.strip() == str(folder / "change.gpkg")
    assert "parts were done by a former run" in said
    assert {p.name: p.read_bytes() for p in sorted(folder.iterdir())} == expected


def test_nothing_stays_of_a_refusal(tmp_path, small):
    apart = blobs(2, 3)
    apart = apart.set_geometry(apart.translate(5000.0, 0.0))
    paths = write_layers(tmp_path, [blobs(1, 3), apart])
    with pytest.raises(NoOverlapError, match="lie apart"):
        change(paths, out=tmp_path / "out" / "change.gpkg")
    roads = write_layers(tmp_path, [blobs(n, 3, ("road", "roof")) for n in range(2)])
    with pytest.raises(ClassTableError, match="--slum-class"):
        change(roads, out=tmp_path / "out" / "change.gpkg")
    assert not list((tmp_path / "out").iterdir())
