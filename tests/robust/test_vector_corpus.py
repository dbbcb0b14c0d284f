"""Every awkward layer is read right, or refused in one sentence, by each of the readers."""

import re

import numpy as np
import pytest
import shapely

from geocity.errors import GeocityError
from geocity.io.label_layers import in_crs, read_area, read_layer
from geocity.io.vectors import read_polygons, stream_polygons
from tests.conftest import UTM43
from tests.corpus.vectors import VECTORS, outlines

pytestmark = pytest.mark.filterwarnings("ignore")


def by_table(path):
    return list(read_polygons(path, crs=UTM43).geometry)


def by_stream(path):
    return [polygon for polygon, _ in stream_polygons(path, crs=UTM43)]


def by_area(path):
    return [read_area(path, UTM43)]


def as_labels(path):
    return list(in_crs(read_layer(path), UTM43, path).geometry)


READERS = {"table": by_table, "stream": by_stream, "area": by_area, "labels": as_labels}


def outcome(read, path):
    """Return the shapes, and the sentence of a refusal."""
    try:
        return read(path), ""
    except GeocityError as error:
        return [], str(error)


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("name", VECTORS)
def test_a_layer_is_read_right_or_refused(tmp_path, name, reader):
    odd = VECTORS[name]
    path = odd.write(tmp_path, outlines())
    shapes, said = outcome(READERS[reader], path)
    assert "\n" not in said
    if said:
        assert re.search(odd.refusal, said), said
        assert odd.refusal or not odd.same_area, said
        return
    if reader == "labels":  # whatever shapes there are: points and lines may be given a width
        assert shapes
        return
    assert not odd.refusal or (reader == "stream" and not shapes), shapes
    assert all(shape.is_valid and shape.geom_type.endswith("Polygon") for shape in shapes)
    found = shapely.union_all(shapes)
    assert odd.refusal or np.isfinite(found.bounds).all()
    if odd.same_area and not odd.refusal:
        expected = shapely.union_all(outlines().geometry.to_numpy())
        assert found.symmetric_difference(expected).area < 1e-3 * expected.area
