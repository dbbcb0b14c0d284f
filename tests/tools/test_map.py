"""The chain from scene to project. The network is replaced: bright pixels are slum."""

import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import geopandas
import numpy as np
import pyogrio
import pytest
from click.testing import CliRunner

from geocity.cli import main
from geocity.core.classes import ClassTable
from geocity.engine.run import WorkOptions
from geocity.errors import InputError, OutputExistsError
from geocity.io.class_raster_sinks import create_class_raster, create_probability_raster
from geocity.io.class_rasters import open_class_raster
from geocity.io.geopackage_styles import read_styles
from geocity.io.model_packages import write_model
from geocity.io.rasters import open_scene
from geocity.tools import map as map_module
from geocity.tools.classify import ClassifyOptions
from geocity.tools.map import MapOptions, map  # noqa: A004
from tests.conftest import make_grid, write_raster
from tests.io.test_model_packages import CONTRACT, WEIGHTS

GRID = make_grid(120, 100)  # cells of 0.64 m²


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_model(tmp_path / "slums.geocity", CONTRACT, WEIGHTS)


@pytest.fixture
def bright_is_slum(monkeypatch: pytest.MonkeyPatch) -> list[ClassifyOptions]:
    """Replace the network; returns the options it was asked to work with."""
    asked: list[ClassifyOptions] = []

    def classify(
        scene: Path, *, out: Path, probability: Path, options: ClassifyOptions, **more: Any
    ) -> Path:
        asked.append(options)
        with open_scene(scene) as source:
            pixels, valid = source.read(source.grid.window)
            values = np.where(valid, pixels[0] > 100, 255).astype("uint8")
            grid, date = source.grid, source.date
        tags = {"ACQUISITION_DATE": date.isoformat()} if date else {}
        classes = ClassTable.named(["background", "slum"])
        with create_class_raster(out, grid, classes, overwrite=more["overwrite"], tags=tags) as k:
            k.write(values, grid.window)
        chance = np.where(valid, values * 0.9, np.nan).astype("float32")
        with create_probability_raster(
            probability, grid, ["slum"], overwrite=more["overwrite"], tags=tags
        ) as k_p:
            k_p.write(chance[None], grid.window)
        return Path(out)

    monkeypatch.setattr(map_module, "classify", classify)
    return asked


def make_scene(path: Path, rows: int = 40, speck: bool = True) -> Path:
    """Write a scene with a slum of `rows` x 50 cells, a hole, and a speck of 4 x 4 cells."""
    pixels = np.full((3, *GRID.shape), 50, dtype="uint8")
    pixels[:, 20 : 20 + rows, 20:70] = 200
    pixels[:, 30:33, 30:33] = 50
    if speck:
        pixels[:, 100:104, 80:84] = 200
    return write_raster(path, pixels, GRID)


def project_of(path: Path) -> ElementTree.Element:
    with zipfile.ZipFile(path) as archive:
        return ElementTree.fromstring(archive.read("map.qgs").decode())


def test_two_dates(tmp_path: Path, model: Path, bright_is_slum: list[ClassifyOptions]) -> None:
    scenes = [
        make_scene(tmp_path / f"scene_{y}-02-14.tif", 40 if y < 2020 else 60) for y in (2015, 2025)
    ]
    out = tmp_path / "map"
    result = map(scenes, model=model, out=out)
    assert result.project == out / "map.qgz"
    assert [s.label for s in result.scenes] == ["2015", "2025"]
    names = {p.name for p in out.iterdir() if p.suffix in (".tif", ".gpkg", ".qgz")}
    kinds = ("classes", "classified", "probability")
    assert names == {"map.qgz", "slums.gpkg"} | {
        f"{k}_{y}.tif" for k in kinds for y in (2015, 2025)
    }
    assert not [p for p in out.iterdir() if p.name.startswith(".")]
    for year, rows in (("2015", 40), ("2025", 60)):
        outlines = geopandas.read_file(out / "slums.gpkg", layer=f"slums_{year}")
        assert len(outlines) == 1  # the speck is gone, the hole filled
        assert outlines.geometry[0].area == pytest.approx(rows * 50 * 0.64, rel=0.01)
        assert not outlines.geometry[0].interiors
    assert set(read_styles(out / "slums.gpkg")) == {"slums_2015", "slums_2025"}
    root = project_of(result.project)
    groups = {
        g.get("name"): [
            (x.get("name"), x.get("checked") == "Qt::Checked")
            for x in g.findall("layer-tree-layer")
        ]
        for g in root.findall("layer-tree-group/layer-tree-group")
    }
    assert groups == {
        "Polygons": [("Outlines 2025", True), ("Outlines 2015", False)],
        "Class maps": [("Classes 2025", False), ("Classes 2015", False)],
        "Probability": [("Probability 2025", False), ("Probability 2015", False)],
        "Imagery": [("scene_2025-02-14", True), ("scene_2015-02-14", False)],
    }
    sources = [e.text for e in root.iter("datasource")]
    assert "../scene_2015-02-14.tif" in sources
    assert "./slums.gpkg|layername=slums_2025" in sources
    assert root.findtext("title") == "Slum map"
    words = [i.get("labelText", "") for i in root.iter("LayoutItem")]
    assert any(w.startswith("14 February 2025: 1 outline, 0.2 ha") for w in words)


def test_one_scene_without_a_date(
    tmp_path: Path, model: Path, bright_is_slum: list[ClassifyOptions]
) -> None:
    how = MapOptions(
        classify=ClassifyOptions(tile_size=256),
        passes=0,
        min_area_m2=0,
        min_hole_m2=4,
        title="Mine",
    )
    result = map(
        make_scene(tmp_path / "Dharavi é.tif"), model=model, out=tmp_path / "m", options=how
    )
    assert bright_is_slum == [how.classify]
    assert result.scenes[0].layer == "slums_Dharavi"
    outlines = geopandas.read_file(result.outlines, layer="slums_Dharavi")
    assert len(outlines) == 2  # the speck is kept
    root = project_of(result.project)
    assert root.findtext("title") == "Mine"
    assert root.find("ProjectTimeSettings/TemporalRange") is None


def test_without_cleaning_the_filter_writes_the_class_map(
    tmp_path: Path, model: Path, bright_is_slum: list[ClassifyOptions]
) -> None:
    how = MapOptions(min_area_m2=0, min_hole_m2=0, passes=2)
    result = map([make_scene(tmp_path / "a.tif")], model=model, out=tmp_path / "m", options=how)
    with open_class_raster(result.scenes[0].classes) as raster:
        assert "majority filter" in raster.tags["GEOCITY_HISTORY"]
        assert "clean" not in raster.tags["GEOCITY_HISTORY"]


def test_a_scene_without_slums_still_gives_a_project(
    tmp_path: Path, model: Path, bright_is_slum: list[ClassifyOptions]
) -> None:
    scene = write_raster(tmp_path / "a.tif", np.full((3, *GRID.shape), 9, dtype="uint8"), GRID)
    result = map(scene, model=model, out=tmp_path / "m")
    assert pyogrio.read_info(result.outlines, layer="slums_a")["features"] == 0
    assert result.project.exists()


def test_other_classes_are_called_polygons(
    tmp_path: Path, bright_is_slum: list[ClassifyOptions]
) -> None:
    table = ClassTable.named(["background", "slum", "forest"])
    model = write_model(tmp_path / "m.geocity", replace(CONTRACT, classes=table), WEIGHTS)
    result = map(make_scene(tmp_path / "a.tif"), model=model, out=tmp_path / "m")
    assert result.outlines.name == "polygons.gpkg"
    assert project_of(result.project).findtext("title") == "Slum and forest map"


def test_nothing_is_replaced_unasked_and_nothing_begun(
    tmp_path: Path, model: Path, bright_is_slum: list[ClassifyOptions]
) -> None:
    scene = make_scene(tmp_path / "a.tif")
    out = tmp_path / "m"
    map(scene, model=model, out=out)
    before = {p: p.stat().st_mtime_ns for p in out.iterdir()}
    (out / "classified_a.tif").unlink()
    with pytest.raises(OutputExistsError, match="probability_a.tif"):
        map(scene, model=model, out=out)
    assert len(bright_is_slum) == 1
    assert not (out / "classified_a.tif").exists()
    map(scene, model=model, out=out, overwrite=True)
    assert set(out.iterdir()) == set(before)


def test_a_map_goes_on_after_a_failing_step(
    tmp_path: Path,
    model: Path,
    bright_is_slum: list[ClassifyOptions],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise InputError("broken")

    scene, out = make_scene(tmp_path / "a.tif"), tmp_path / "m"
    with monkeypatch.context() as patch:
        patch.setattr(map_module, "polygonize", fail)
        with pytest.raises(InputError, match="broken"):
            map(scene, model=model, out=out)
    finished = {"classified_a.tif", "probability_a.tif", "classes_a.tif"}
    assert {p.name for p in out.glob("*.tif")} == finished
    result = map(scene, model=model, out=out)
    assert len(bright_is_slum) == 1  # it was not classified again
    assert result.project.exists()
    assert not [p for p in out.iterdir() if p.name.startswith(".")]
    with pytest.raises(OutputExistsError):
        map(scene, model=model, out=out)


@pytest.mark.parametrize("change", ["options", "scene", "resume"])
def test_another_map_starts_afresh(
    tmp_path: Path,
    model: Path,
    bright_is_slum: list[ClassifyOptions],
    monkeypatch: pytest.MonkeyPatch,
    change: str,
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise InputError("broken")

    scene, out = make_scene(tmp_path / "a.tif"), tmp_path / "m"
    with monkeypatch.context() as patch:
        patch.setattr(map_module, "polygonize", fail)
        with pytest.raises(InputError, match="broken"):
            map(scene, model=model, out=out)
    more: dict[str, Any] = {}
    if change == "options":
        more["options"] = MapOptions(min_area_m2=300)
    elif change == "scene":
        make_scene(scene, rows=30)
    else:
        more["work"] = WorkOptions(resume=False)
    with pytest.raises(OutputExistsError):
        map(scene, model=model, out=out, **more)
    map(scene, model=model, out=out, overwrite=True, **more)
    assert len(bright_is_slum) == 2


def test_nothing_stays_of_a_map_that_never_got_a_step_done(
    tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise InputError("broken")

    monkeypatch.setattr(map_module, "classify", fail)
    with pytest.raises(InputError, match="broken"):
        map(make_scene(tmp_path / "a.tif"), model=model, out=tmp_path / "m")
    assert not list((tmp_path / "m").iterdir())


def test_every_step_is_told_who_works(
    tmp_path: Path,
    model: Path,
    bright_is_slum: list[ClassifyOptions],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told = []
    for name in ("classify", "majority_filter", "clean", "polygonize"):
        step = getattr(map_module, name)

        def noting(*arguments: Any, step: Any = step, **more: Any) -> Any:
            told.append(more["work"])
            return step(*arguments, **more)

        monkeypatch.setattr(map_module, name, noting)
    work = WorkOptions(resume=False)
    map(make_scene(tmp_path / "a.tif"), model=model, out=tmp_path / "m", work=work)
    assert told == [work] * 4
    with pytest.raises(InputError, match="one by one"):
        map("a.tif", model=model, out=tmp_path / "m", work=WorkOptions(part_range=(0, 2)))


def test_what_makes_no_sense_is_refused(tmp_path: Path, model: Path) -> None:
    scene = make_scene(tmp_path / "a.tif")
    with pytest.raises(InputError, match="No scene"):
        map([], model=model, out=tmp_path / "m")
    nothing = MapOptions(passes=0, min_area_m2=0, min_hole_m2=0)
    with pytest.raises(InputError, match="switched off"):
        map(scene, model=model, out=tmp_path / "m", options=nothing)
    with pytest.raises(InputError, match="does not exist"):
        map(tmp_path / "none.tif", model=model, out=tmp_path / "m")
    assert not (tmp_path / "m").exists()


def test_the_command(tmp_path: Path, model: Path, bright_is_slum: list[ClassifyOptions]) -> None:
    scene = make_scene(tmp_path / "a.tif")
    arguments = ["map", scene, "-m", model, "-o", tmp_path / "m", "--passes", "stable"]
    arguments += ["--min-area", 4, "--threshold", 0.4, "--tile-size", 512, "--title", "T"]
    done = CliRunner().invoke(main, [str(a) for a in arguments])
    assert done.exit_code == 0, done.output
    assert str(tmp_path / "m" / "map.qgz") in done.output
    assert bright_is_slum == [ClassifyOptions(threshold=0.4, tile_size=512)]
    again = CliRunner().invoke(main, [str(a) for a in arguments])
    assert again.exit_code == 1
    bad = CliRunner().invoke(main, [*(str(a) for a in arguments[:6]), "--passes", "many"])
    assert bad.exit_code == 2
