from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import rasterio
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st

from geocity.core.classes import ClassTable, LandClass, default_color
from geocity.io.pam import class_raster_pam, class_table_from_pam, read_category_names

SLUMS = ClassTable.named(["background", "slum"])
AWKWARD = ClassTable(
    (
        LandClass(0, 'sea & "sky" <none>', (1, 2, 3)),
        LandClass(3, "झोपड़ी", (230, 0, 77)),
        LandClass(254, "industrial", (0, 255, 0)),
    )
)


@st.composite
def class_tables(draw: st.DrawFn) -> ClassTable:
    values = draw(st.lists(st.integers(0, 254), min_size=1, max_size=9, unique=True))
    name = st.text(
        st.characters(blacklist_categories=["Cs", "Cc"]), min_size=1, max_size=20
    ).filter(lambda text: text.strip() == text)
    level = st.integers(0, 255)
    return ClassTable.of(
        [LandClass(v, draw(name), draw(st.tuples(level, level, level))) for v in values]
    )


@given(class_tables(), st.booleans())
def test_what_is_written_is_read_back(classes: ClassTable, counted: bool) -> None:
    counts = dict.fromkeys(classes.values, 7) if counted else None
    text = class_raster_pam(classes, counts)
    assert class_table_from_pam(text) == classes
    assert read_category_names(text) == dict(zip(classes.values, classes.names, strict=True))


def test_statistics_leave_nodata_out() -> None:
    pixels = np.repeat([0, 1, 3, 255], [50, 30, 20, 100])
    counts = {int(v): int(n) for v, n in zip(*np.unique(pixels, return_counts=True), strict=True)}
    band = ElementTree.fromstring(class_raster_pam(AWKWARD, counts))[0]
    found = {m.get("key"): float(m.text or "") for m in band.findall("Metadata/MDI")}
    valid = pixels[pixels != 255]
    assert found["STATISTICS_MINIMUM"] == 0
    assert found["STATISTICS_MAXIMUM"] == 3
    assert found["STATISTICS_MEAN"] == pytest.approx(valid.mean())
    assert found["STATISTICS_STDDEV"] == pytest.approx(valid.std())
    assert found["STATISTICS_VALID_PERCENT"] == 50


def test_without_a_count_of_nodata_no_share_of_valid_pixels_is_told() -> None:
    assert "VALID_PERCENT" not in class_raster_pam(SLUMS, {0: 1, 1: 2})


def test_no_statistics_without_a_valid_pixel() -> None:
    assert "STATISTICS" not in class_raster_pam(SLUMS, {255: 4})
    assert "STATISTICS" not in class_raster_pam(SLUMS, None)


def test_counts_beyond_32_bits_are_stored_as_reals() -> None:
    band = ElementTree.fromstring(class_raster_pam(SLUMS, {0: 2**33, 1: 5}))[0]
    count = band.findall("GDALRasterAttributeTable/FieldDefn")[1]
    assert (count.findtext("Name"), count.findtext("Type")) == ("Count", "1")


def test_gdal_reads_the_statistics(tmp_path: Path) -> None:
    path = tmp_path / "classes.tif"
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        width=2,
        height=2,
        count=1,
        dtype="uint8",
        nodata=255,
        transform=Affine(1, 0, 5, 0, -1, 5),
    ) as raster:
        raster.write(np.array([[[0, 1], [1, 255]]], dtype="uint8"))
    sidecar = path.with_name("classes.tif.aux.xml")
    sidecar.write_text(class_raster_pam(SLUMS, {0: 1, 1: 2, 255: 1}), encoding="utf-8")
    with rasterio.open(path) as raster:
        assert raster.tags(1)["STATISTICS_MAXIMUM"] == "1"
        assert float(raster.tags(1)["STATISTICS_MEAN"]) == pytest.approx(2 / 3)


def test_foreign_table_with_other_columns() -> None:
    text = """<PAMDataset><PAMRasterBand band="2"/><PAMRasterBand band="1">
      <GDALRasterAttributeTable>
        <FieldDefn index="0"><Name>OID</Name><Type>0</Type><Usage>0</Usage></FieldDefn>
        <FieldDefn index="1"><Name>VALUE</Name><Type>1</Type><Usage>0</Usage></FieldDefn>
        <FieldDefn index="2"><Name>Class_Name</Name><Type>2</Type><Usage>2</Usage></FieldDefn>
        <FieldDefn index="3"><Name>Red</Name><Type>0</Type><Usage>6</Usage></FieldDefn>
        <FieldDefn index="4"><Name>Green</Name><Type>0</Type><Usage>7</Usage></FieldDefn>
        <FieldDefn index="5"><Name>Blue</Name><Type>0</Type><Usage>8</Usage></FieldDefn>
        <Row index="0"><F>0</F><F>2.0</F><F>Slum</F><F>9</F><F>8</F><F>7</F></Row>
        <Row index="1"><F>1</F><F>4</F><F>Water</F><F>999</F><F>8</F><F>7</F></Row>
        <Row index="2"><F>2</F><F>5</F><F/><F>1</F><F>1</F><F>1</F></Row>
        <Row index="3"><F>3</F><F>255</F><F>Nothing</F><F>1</F><F>1</F><F>1</F></Row>
        <Row index="4"><F>4</F><F>1.5</F><F>Half</F><F>1</F><F>1</F><F>1</F></Row>
        <Row index="5"><F>5</F></Row>
      </GDALRasterAttributeTable></PAMRasterBand></PAMDataset>"""
    assert class_table_from_pam(text) == ClassTable(
        (LandClass(2, "Slum", (9, 8, 7)), LandClass(4, "Water", default_color(4)))
    )


def test_category_names_alone_make_a_table() -> None:
    text = """<PAMDataset><PAMRasterBand band="1"><CategoryNames><Category>Other</Category>
      <Category/><Category>Slum</Category></CategoryNames></PAMRasterBand></PAMDataset>"""
    assert read_category_names(text) == {0: "Other", 2: "Slum"}
    table = class_table_from_pam(text)
    assert table is not None
    assert table.values == (0, 2)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "not xml <",
        "<PAMDataset/>",
        '<PAMDataset><PAMRasterBand band="2"><CategoryNames><Category>x</Category>'
        "</CategoryNames></PAMRasterBand></PAMDataset>",
        '<PAMDataset><PAMRasterBand band="1"><Metadata/></PAMRasterBand></PAMDataset>',
        '<PAMDataset><PAMRasterBand band="1"><GDALRasterAttributeTable/>'
        "</PAMRasterBand></PAMDataset>",
    ],
)
def test_nothing_to_read(text: str) -> None:
    assert class_table_from_pam(text) is None
    assert read_category_names(text) == {}
