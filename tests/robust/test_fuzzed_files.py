"""Files with flipped, cut and added bytes: read, or refused in one sentence, in little memory."""

import shutil

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geocity.core.grid import blocks
from geocity.errors import GeocityError
from geocity.io.chip_options import ChipOptions
from geocity.io.chips import read_chip, read_chip_folder
from geocity.io.class_rasters import open_class_raster, open_probability_raster
from geocity.io.label_layers import read_area, read_layer
from geocity.io.rasters import open_scene
from geocity.io.vectors import read_polygons, stream_polygons
from geocity.tools.export_chips import export_chips
from tests.conftest import UTM43
from tests.corpus import rasters, vectors
from tests.robust.outcome import run, time_limit
from tests.robust.test_raster_corpus import little_memory

pytestmark = pytest.mark.filterwarnings("ignore")


def damaged(data, draw):
    """Return some bytes, a few of them flipped, cut out or doubled; headers more often."""
    whole = bytearray(data)
    for _ in range(draw(st.integers(1, 6))):
        end = draw(st.sampled_from([min(600, len(whole) - 1), len(whole) - 1]))
        at = draw(st.integers(0, end))
        change = draw(st.sampled_from(["flip", "flip", "flip", "cut", "double", "ones"]))
        if change == "flip":
            whole[at] ^= draw(st.integers(1, 255))
        elif change == "ones":
            whole[at : at + 4] = b"\xff" * len(whole[at : at + 4])
        elif change == "cut":
            del whole[at : at + draw(st.integers(1, 64))]
        else:
            whole[at:at] = whole[at : at + 16]
        if len(whole) < 2:
            return bytes(whole)
    return bytes(whole)


def sentence_or_nothing(read):
    """Read; whatever is refused is refused in one line."""
    with time_limit(), little_memory(1500):
        try:
            read()
        except GeocityError as error:
            told = str(error)
        else:
            return
    assert "\n" not in told


def read_some(source):
    for number, window in enumerate(blocks(source.grid.shape, 256)):
        source.read(window)
        if number > 20:  # a header may claim any size
            break


def scene(path):
    with open_scene(path) as source:
        read_some(source)


def class_raster(path):
    with open_class_raster(path) as source:
        read_some(source)


def probabilities(path):
    with open_probability_raster(path) as source:
        read_some(source)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("fuzzed")


@pytest.mark.parametrize("reader", [scene, class_raster, probabilities])
@pytest.mark.parametrize("kind", ["plain", "tiled", "internal_mask", "virtual", "external_aux"])
@given(data=st.data())
@settings(max_examples=12)
def test_rasters(folder, reader, kind, data):
    place = folder / kind
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    pixels = rasters.imagery() if reader is scene else rasters.classes()
    write = rasters.plain if kind == "plain" else rasters.RASTERS[kind].write
    path = write(place, pixels)
    target = path.with_name(path.name + ".aux.xml") if kind == "external_aux" else path
    target.write_bytes(damaged(target.read_bytes(), data.draw))
    sentence_or_nothing(lambda: reader(path))


LAYERS = {
    "table": lambda path: read_polygons(path, crs=UTM43),
    "stream": lambda path: list(stream_polygons(path, crs=UTM43)),
    "area": lambda path: read_area(path, UTM43),
    "labels": read_layer,
}


@pytest.mark.parametrize("reader", LAYERS)
@pytest.mark.parametrize("kind", ["plain", "shapefile", "geojson", "flatgeobuf", "geoparquet"])
@given(data=st.data())
@settings(max_examples=8)
def test_layers(folder, reader, kind, data):
    place = folder / kind
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    write = vectors.plain if kind == "plain" else vectors.VECTORS[kind].write
    path = write(place, vectors.outlines())
    target = data.draw(st.sampled_from(sorted(place.iterdir())))
    target.write_bytes(damaged(target.read_bytes(), data.draw))
    sentence_or_nothing(lambda: LAYERS[reader](path))


@pytest.fixture(scope="module")
def chips(folder):
    place = folder / "for chips"
    place.mkdir()
    scene = rasters.plain(place, rasters.imagery())
    labels = vectors.plain(place, vectors.outlines())
    options = {"chip_size": 32, "split": (1.0, 0.0, 0.0)}
    return export_chips(scene, labels=labels, out=place / "chips", options=ChipOptions(**options))


@given(data=st.data())
@settings(max_examples=20)
def test_folders_of_chips(folder, chips, data):
    place = folder / "damaged chips"
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(chips, place)
    files = sorted(path for path in place.rglob("*") if path.is_file())
    target = data.draw(st.sampled_from([place / "chips.json", *files]))
    target.write_bytes(damaged(target.read_bytes(), data.draw))

    def read():
        for chip in read_chip_folder(place).chips:
            read_chip(chip)

    sentence_or_nothing(read)


def test_weights_of_other_shapes_are_refused(folders, toy_package):
    """The toy package's weights are those of no network."""
    scene = rasters.plain(folders[0], rasters.imagery())
    outcome = run(
        "classify", scene, "-m", toy_package, "-o", folders[1] / "c.tif", "--engine", "torch",
        inputs=folders[0], outputs=folders[1],
    )  # fmt: skip
    assert outcome.refused
