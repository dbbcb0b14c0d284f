"""Class rasters written and read whole, for the tests of what works on them."""

from geocity.core.classes import ClassTable
from geocity.io.class_raster_sinks import create_class_raster
from geocity.io.class_rasters import open_class_raster
from tests.conftest import make_grid

TABLE = ClassTable.named(["background", "slum", "forest"])


def write_classes(path, values, grid=None, *, table=TABLE, tags=None):
    """Write class values (rows, cols), on cells of 0.8 m unless a grid is given."""
    grid = grid or make_grid(*values.shape)
    with create_class_raster(path, grid, table, tags=tags) as sink:
        sink.write(values, grid.window)
    return path


def read_classes(path):
    """Read the values of a whole class raster, (rows, cols)."""
    with open_class_raster(path) as raster:
        return raster.read(raster.grid.window)
