"""Chip folders: written, read back, by geocity, by GDAL, and as ArcGIS reads them."""

import json
import logging

import geopandas
import numpy as np
import pytest
import rasterio
from rasterio.enums import ColorInterp

from geocity.core.band_statistics import BandAccumulator, BandStatistics
from geocity.core.classes import ClassTable
from geocity.core.grid import Window
from geocity.errors import InputError, LabelError
from geocity.io.chip_writer import ChipFolderPlan, ChipFolderWriter, ChipPlace
from geocity.io.chips import read_chip, read_chip_folder
from geocity.io.geopackage_styles import read_styles
from tests.conftest import make_grid, write_raster

GRID = make_grid(640, 640)
SLUM = ClassTable.named(["background", "slum"])
RNG = np.random.default_rng(7)


def sample(index, size=64):
    """Return a chip in which a corner holds no data and a stripe is slum."""
    pixels = np.random.default_rng(index).integers(1, 250, (3, size, size)).astype(np.uint8)
    valid = np.ones((size, size), bool)
    label = np.zeros((size, size), np.uint8)
    label[:, : 4 + index] = 1
    if index % 2:
        valid[:8, :8] = False
        label[:8, :8] = 255
    return pixels, valid, label


def write_folder(folder, count=6, **options):
    folder.mkdir()
    plan = ChipFolderPlan(SLUM, ("Red", "Green", "Blue"), np.dtype("uint8"), 64, **options)
    writer = ChipFolderWriter(folder, plan)
    for index in range(count):
        window = Window(64 * (index // 3), 64 * (index % 3), 64, 64)
        part = ("train", "train", "train", "train", "val", "test")[index % 6]
        writer.add(*sample(index), ChipPlace(GRID[window], part, "scene", window))
    gap = Window(256, 256, 64, 64)
    writer.finish({"method": "by place"}, [ChipPlace(GRID[gap], "dropped", "scene", gap)])
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_folder(tmp_path_factory.mktemp("w") / "chips")


def test_what_was_written_is_read_back(folder):
    chips = read_chip_folder(folder)
    assert chips.classes == SLUM
    assert (chips.band_names, chips.dtype, chips.chip_size) == (
        ("Red", "Green", "Blue"),
        np.uint8,
        64,
    )
    assert chips.cell_size_m == pytest.approx(0.8)
    assert [chip.split for chip in chips.chips] == ["train"] * 4 + ["val", "test"]
    assert chips.dropped == 1
    for index, chip in enumerate(chips.chips):
        pixels, valid, label = sample(index)
        image, found, known = read_chip(chip)
        assert (image[:, valid] == pixels[:, valid]).all()
        assert (image[:, ~valid] == 0).all()
        assert (found == label).all()
        assert (known == valid).all()
        assert chip.window == Window(64 * (index // 3), 64 * (index % 3), 64, 64)
        assert chip.source == "scene"


def test_statistics_are_those_of_the_part(folder):
    chips = read_chip_folder(folder)
    for part, indexes in ((None, range(6)), ("train", range(4)), ("test", [5])):
        values = np.concatenate([sample(i)[0][:, sample(i)[1]] for i in indexes], axis=1)
        found = chips.band_statistics(part)
        assert np.allclose(found.mean, values.mean(axis=1))
        assert np.allclose(found.std, values.std(axis=1))
        assert (found.min == values.min(axis=1)).all()
        assert (found.max == values.max(axis=1)).all()
        labels = np.concatenate([sample(i)[2].reshape(-1) for i in indexes])
        assert chips.class_pixels(part) == {v: int((labels == v).sum()) for v in (0, 1)}
    with pytest.raises(InputError, match="no part 'tset'"):
        chips.split("tset")


def test_files_are_as_arcgis_writes_and_reads_them(folder):
    lines = (folder / "map.txt").read_text().splitlines()
    assert lines[0] == "images\\000000000.tif  labels\\000000000.tif "
    assert len(lines) == 6
    stats = json.loads((folder / "esri_accumulated_stats.json").read_text())
    assert stats["MetaDataMode"] == "Classified_Tiles"
    assert (stats["NumTiles"], stats["NumBands"], stats["TileSizeX"]) == (6, 3, 64)
    # Unknown pixels need a class of their own there: arcgis.learn refuses values without one.
    assert stats["Classes"] == [
        {"ClassValue": 1, "ClassName": "slum"},
        {"ClassValue": 255, "ClassName": "ignore"},
    ]
    labels = np.stack([sample(i)[2] for i in range(6)]).reshape(6, -1)
    per_chip = (labels == 1).sum(axis=1)
    pixels = stats["ClassPixelStats"]
    assert pixels["NumPixelsPerClass"] == [int(per_chip.sum()), int((labels == 255).sum())]
    assert pixels["NumImagesPerClass"] == [6, 3]
    assert pixels["PixelsPerClass"][0] == {
        "Min": int(per_chip.min()),
        "Max": int(per_chip.max()),
        "Mean": float(per_chip.mean()),
        "Sum": int(per_chip.sum()),
        "Count": 6,
    }
    assert pixels["NumClassesPerImage"] == {"Min": 1, "Max": 2, "Mean": 1.5, "Sum": 9, "Count": 6}
    band = stats["BandStatsState"][0]
    values = np.concatenate([sample(i)[0][0][sample(i)[1]] for i in range(6)]).astype(float)
    assert band["Num"] == values.size
    assert band["M1"] == pytest.approx(values.mean())
    assert band["M2"] == pytest.approx(((values - values.mean()) ** 2).sum())
    emd = json.loads((folder / "esri_model_definition.emd").read_text())
    assert emd["Classes"][0] == {"Value": 1, "Name": "slum", "Color": [230, 0, 77]}
    assert emd["AllTilesStats"][0]["StdDev"] == pytest.approx(values.std())
    assert emd["MinCellSize"] == {
        "x": pytest.approx(0.8),
        "y": pytest.approx(0.8),
        "spatialReference": {"wkid": 32643, "latestWkid": 32643},
    }
    text = (folder / "stats.txt").read_text().splitlines()
    assert text[0] == "images = 6 *3*64*64"
    assert text[2] == "classes per image = [min = 1, mean = 1.50, max = 2]"
    assert text[4] == (
        f"slum                          1          6{per_chip.sum():>11}"
        f"{per_chip.min():>12.2f}{per_chip.mean():>12.2f}{per_chip.max():>12.2f}"
    )


def test_chips_lie_where_they_were_cut(folder):
    with rasterio.open(folder / "images" / "000000004.tif") as image:
        assert image.transform.almost_equals(GRID[Window(64, 64, 64, 64)].transform)
        assert image.crs.to_epsg() == 32643
        assert image.descriptions == ("Red", "Green", "Blue")
    with rasterio.open(folder / "labels" / "000000004.tif") as label:
        assert label.nodata == 255
        assert label.colormap(1)[1] == (230, 0, 77, 255)
    layer = geopandas.read_file(folder / "split.gpkg", layer="split")
    assert layer["split"].tolist() == ["train"] * 4 + ["val", "test", "dropped"]
    assert layer.geometry[5].bounds == pytest.approx(GRID[Window(64, 128, 64, 64)].bounds)
    assert "split" in read_styles(folder / "split.gpkg")
    assert not list(folder.rglob("*.aux.xml"))


@pytest.mark.parametrize("image_format", ["png", "jpg"])
def test_other_formats_keep_what_they_can(tmp_path, image_format):
    written = write_folder(tmp_path / "c", image_format=image_format, start_index=100)
    assert not list(written.rglob("*.aux.xml"))
    chips = read_chip_folder(written).chips
    assert chips[0].image.name == f"000000100.{image_format}"
    for index, chip in enumerate(chips):
        pixels, valid, label = sample(index)
        image, found, known = read_chip(chip)
        assert (found == label).all()
        if image_format == "png":
            assert (known == valid).all()
            assert (image[:, valid] == pixels[:, valid]).all()


@pytest.mark.parametrize(
    ("options", "bands", "dtype"),
    [("png", 4, "uint8"), ("jpg", 3, "uint16"), ("png", 3, "float32"), ("bmp", 3, "uint8")],
)
def test_formats_that_cannot_hold_the_scene_are_refused(options, bands, dtype):
    with pytest.raises(InputError, match="tif"):
        ChipFolderPlan(SLUM, tuple("ABCD")[:bands], np.dtype(dtype), 64, options)


def test_a_folder_without_chips_is_not_written(tmp_path):
    plan = ChipFolderPlan(SLUM, ("A",), np.dtype("uint8"), 64)
    with pytest.raises(InputError, match="no chip"):
        ChipFolderWriter(tmp_path, plan).finish({})


def test_damaged_folders_are_refused_with_a_sentence(tmp_path, folder):
    with pytest.raises(InputError, match="not a folder"):
        read_chip_folder(tmp_path / "nothing")
    with pytest.raises(InputError, match="no folder of chips"):
        read_chip_folder(tmp_path)
    written = write_folder(tmp_path / "c")
    content = (written / "chips.json").read_text()
    for broken in (content[:500], content.replace('"version": 1', '"version": 9'), "{}", "[]"):
        (written / "chips.json").write_text(broken)
        with pytest.raises(InputError, match="export the chips again"):
            read_chip_folder(written)
    (written / "chips.json").write_text(content.replace("images/000000000.tif", "../secret.tif"))
    with pytest.raises(InputError, match="outside its folder"):
        read_chip_folder(written)
    (written / "chips.json").write_text(content)
    chips = read_chip_folder(written).chips
    chips[0].image.unlink()
    with pytest.raises(InputError, match="missing"):
        read_chip(chips[0])
    chips[1].label.write_bytes(b"II*\0 nonsense")
    with pytest.raises(InputError, match="cannot be read"):
        read_chip(chips[1])


def arcgis_folder(folder, *, placed=True, classes=((1, "Slum"),), emd=None, count=100):
    """Write what ArcGIS Pro writes: no chips.json, colours unknown, backslashes."""
    (folder / "images").mkdir(parents=True)
    (folder / "labels").mkdir()
    lines = []
    for index in range(count):
        row, col = divmod(index, 10)
        grid = GRID[Window(row * 32, col * 32, 32, 32)]
        pixels = np.random.default_rng(index).integers(0, 255, (3, 32, 32)).astype(np.uint8)
        label = np.zeros((1, 32, 32), np.uint8)
        label[0, :, : 5 * (1 + index % 3)] = classes[index % len(classes)][0]
        for name, array in (("images", pixels), ("labels", label)):
            path = folder / name / f"{index:09d}.tif"
            if placed:
                write_raster(path, array, grid)
            else:
                rasterio.open(
                    path, "w", driver="GTiff", count=len(array), height=32, width=32, dtype="uint8"
                ).write(array)
        lines.append(f"images\\{index:09d}.tif  labels\\{index:09d}.tif ")
    (folder / "map.txt").write_text("\r\n".join(lines) + "\r\n")
    definition = emd or {
        "Framework": "e.g. CNTK",
        "Classes": [{"Value": v, "Name": n, "Color": [-1, -1, -1]} for v, n in classes],
    }
    (folder / "esri_model_definition.emd").write_text(json.dumps(definition))
    stats = {"MetaDataMode": "Classified_Tiles", "NumTiles": count}
    (folder / "esri_accumulated_stats.json").write_text(json.dumps(stats))
    return folder


def test_a_folder_from_arcgis_is_split_by_place(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    chips = read_chip_folder(arcgis_folder(tmp_path / "a"))
    assert chips.classes.names == ("background", "Slum")
    assert chips.classes.by_value(1).color == (230, 0, 77)
    assert chips.band_names == ("Red", "Green", "Blue")
    assert (chips.chip_size, chips.dtype) == (32, np.uint8)
    assert chips.cell_size_m == pytest.approx(0.8)
    assert {chip.split for chip in chips.chips} == {"train", "val", "test"}
    assert chips.dropped + len(chips.chips) == 100
    assert "split by place" in caplog.text
    places = {
        part: [divmod(int(chip.image.stem), 10) for chip in chips.split(part)]
        for part in ("train", "val", "test")
    }
    for first, second in (("train", "val"), ("train", "test"), ("val", "test")):
        apart = min(
            max(abs(a[0] - b[0]), abs(a[1] - b[1])) for a in places[first] for b in places[second]
        )
        assert apart >= 2  # a whole chip lies between
    statistics = chips.band_statistics("val")
    values = np.concatenate([read_chip(c)[0].reshape(3, -1) for c in chips.split("val")], axis=1)
    assert np.allclose(statistics.mean, values.mean(axis=1))
    assert [c.split for c in read_chip_folder(tmp_path / "a").chips] == [
        c.split for c in chips.chips
    ]


def test_chips_that_do_not_say_where_they_lie_are_split_at_random_with_a_warning(tmp_path, caplog):
    chips = read_chip_folder(arcgis_folder(tmp_path / "a", placed=False))
    assert "neighbours may leak" in caplog.text
    assert [len(chips.split(part)) for part in ("train", "val", "test")] == [70, 15, 15]
    assert chips.cell_size_m == 0


def test_too_few_placed_chips_still_train_with_a_warning(tmp_path, caplog):
    chips = read_chip_folder(arcgis_folder(tmp_path / "a", count=3))
    assert "neighbours may leak" in caplog.text
    assert len(chips.chips) == 3


def test_class_values_with_gaps_are_numbered_on(tmp_path):
    chips = read_chip_folder(arcgis_folder(tmp_path / "a", classes=((3, "old town"), (7, "slum"))))
    assert chips.classes.values == (0, 1, 2)
    _, label, _ = read_chip(next(c for c in chips.chips if int(c.image.stem) % 2))
    assert set(np.unique(label)) == {0, 2}
    assert sum(chips.class_pixels(None).values()) == len(chips.chips) * 32 * 32


@pytest.mark.parametrize(("name", "told"), [("nodata", 0), ("mask", None), ("alpha", None)])
def test_labels_without_an_image_are_counted_as_unknown(tmp_path, name, told):
    folder = arcgis_folder(tmp_path / "a", count=20)
    collar = np.zeros((32, 32), bool)
    collar[:, :8] = True  # the outlines of every third chip lie in it, and nowhere else
    for path in (folder / "images").iterdir():
        with rasterio.open(path) as source:
            pixels, grid = np.maximum(source.read(), 1), make_grid(32, 32)
        pixels[:, collar] = 0
        options = {"nodata": told} if name == "nodata" else {}
        if name == "mask":
            options["mask"] = ~collar
        if name == "alpha":
            pixels = np.concatenate([pixels, [np.where(collar, 0, 255).astype(np.uint8)]])
            kinds = ("red", "green", "blue", "alpha")
            options["colorinterp"] = [ColorInterp[kind] for kind in kinds]
        path.unlink()
        write_raster(path, pixels, grid, **options)
    chips = read_chip_folder(folder).chips
    for chip in chips:
        _, label, valid = read_chip(chip)
        assert (valid == ~collar).all()
        values, counts = np.unique(np.where(valid, label, 255), return_counts=True)
        assert chip.class_pixels == dict(zip(values.tolist(), counts.tolist(), strict=True))
    assert any(set(chip.class_pixels) == {0, 255} for chip in chips)


def test_a_folder_that_geocity_wrote_reads_the_same_without_its_own_description(tmp_path):
    written = write_folder(tmp_path / "c")
    own = read_chip_folder(written)
    (written / "chips.json").unlink()
    foreign = read_chip_folder(written)
    assert foreign.classes == own.classes
    for mine, theirs in zip(own.chips, foreign.chips, strict=True):
        for a, b in zip(read_chip(mine), read_chip(theirs), strict=True):
            assert (a == b).all()


def test_arcgis_folders_that_do_not_fit_are_refused(tmp_path, caplog):
    with pytest.raises(LabelError, match="lists no class"):
        read_chip_folder(arcgis_folder(tmp_path / "a", emd={"Classes": []}, count=2))
    other = arcgis_folder(tmp_path / "b", count=2)
    (other / "esri_accumulated_stats.json").write_text('{"MetaDataMode": "PASCAL_VOC_rectangles"}')
    with pytest.raises(InputError, match="PASCAL_VOC_rectangles"):
        read_chip_folder(other)
    empty = arcgis_folder(tmp_path / "c", count=2)
    (empty / "map.txt").write_text("")
    with pytest.raises(InputError, match="names no chip"):
        read_chip_folder(empty)
    short = arcgis_folder(tmp_path / "d", count=40)
    (short / "labels" / "000000003.tif").unlink()
    read_chip_folder(short)
    assert "1 of the 40 chips" in caplog.text


def test_statistics_in_pieces_equal_those_of_the_whole():
    pixels = (1e6 + RNG.normal(0, 1, (2, 90, 40))).astype(np.float64)
    valid = RNG.random((90, 40)) > 0.2
    pieces = BandAccumulator(2)
    for row in range(0, 90, 7):
        pieces.add(pixels[:, row : row + 7], valid[row : row + 7])
    found = pieces.result()
    assert np.allclose(found.mean, pixels[:, valid].mean(axis=1), rtol=1e-12)
    assert np.allclose(found.std, pixels[:, valid].std(axis=1), rtol=1e-8)
    assert found.pixels == valid.sum()
    again = BandStatistics.from_json(json.loads(json.dumps(found.to_json())))
    assert (again.std == found.std).all()
    empty = BandAccumulator(2)
    empty.add(pixels, np.zeros((90, 40), bool))
    assert empty.result().pixels == 0
