"""Patches measured part by part, against scipy on the whole."""

import numpy as np
import pyproj
import pytest
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from geocity.core.areas import GroundMeasure
from geocity.core.block_patches import BlockPatches
from geocity.core.grid import Grid, Window, blocks
from geocity.core.patch_tables import PatchTableBuilder, PieceTables, first_cells
from geocity.core.seams import PolygonTracer
from tests.conftest import make_grid

N = 255


@given(st.integers(0, 10_000), st.sampled_from([(3, 4), (5, 20), (64, 64)]))
def test_equals_labelling_the_whole(seed, part):
    values = np.random.default_rng(seed).choice(np.array([1, 2, N], np.uint8), (11, 13))
    ground = GroundMeasure(make_grid(11, 13))
    builder, numbered = PatchTableBuilder(values.shape), {}
    for window in blocks(values.shape, part):
        block = BlockPatches(values[window.slices])
        numbered[window] = len(block.classes) - 1, block.numbered()
        cell_m2 = ground.cell_areas(window)
        builder.add(PieceTables.of(block, numbered[window][1], window, cell_m2, 13), window)
    table = builder.finish()
    expected = []
    for value in (1, 2):
        labels, count = ndimage.label(values == value)
        flat = labels.ravel()
        expected += [
            (int(np.flatnonzero(flat == k)[0]), value, int((flat == k).sum()))
            for k in range(1, count + 1)
        ]
    got = list(zip(table.first.tolist(), table.classes.tolist(), table.cells.tolist(), strict=True))
    assert got == [(-1, N, 0), *sorted(expected)]
    assert table.area_m2 == pytest.approx(table.cells * 0.64, rel=2e-3)
    cell_m2 = ground.cell_areas(Window(0, 0, 11, 13))
    assert table.area_m2.sum() == pytest.approx(cell_m2[values != N].sum())
    # Every cell is told its patch, and every polygon too.
    numbers = np.zeros(values.shape, np.int64)
    for window, (count, pieces) in numbered.items():
        numbers[window.slices] = table.patchwork.of_block(window, count)[pieces]
    assert np.array_equal(np.bincount(numbers.ravel(), minlength=len(table))[1:], table.cells[1:])
    for value in (1, 2):
        tracer = PolygonTracer(13, (value,))
        for polygons in (tracer.feed(values), tracer.finish()):
            patches = table.at(first_cells(polygons, 13))
            assert table.cells[patches].tolist() == polygons.n_px.tolist()
            assert set(table.classes[patches]) <= {value}


def test_areas_of_cells_are_those_of_polygons_of_one_cell():
    geographic = Grid(pyproj.CRS.from_epsg(4326), Affine(0.01, 0, 10, 0, -0.01, 60), (200, 100))
    ground = GroundMeasure(geographic)
    areas = ground.cell_areas(Window(150, 20, 3, 2))
    geod = pyproj.Geod(ellps="WGS84")
    for r in range(3):
        for c in range(2):
            west, north = geographic.transform @ (20 + c, 150 + r)
            ring = [(west, north), (west + 0.01, north)]
            ring += [(west + 0.01, north - 0.01), (west, north - 0.01)]
            true = abs(geod.polygon_area_perimeter(*zip(*ring, strict=True))[0])
            assert areas[r, c] == pytest.approx(true, rel=1e-4)


def test_an_empty_raster_has_no_patch():
    window, ground = Window(0, 0, 4, 5), GroundMeasure(make_grid(4, 5))
    block, builder = BlockPatches(np.full((4, 5), N, np.uint8)), PatchTableBuilder((4, 5))
    pieces = PieceTables.of(block, block.numbered(), window, ground.cell_areas(window), 5)
    builder.add(pieces, window)
    assert len(builder.finish()) == 1
