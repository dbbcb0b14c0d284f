"""Every command leaves a record, and a record can be repeated."""

import json
import shutil

import numpy as np
import pytest
from click.testing import CliRunner

from geocity.cli import main
from geocity.core.classes import ClassTable
from geocity.errors import InputError, OutputExistsError, WorkError
from geocity.io.class_raster_sinks import create_class_raster
from geocity.io.run_records import describe, read_run_record
from geocity.tools.rerun import rerun, with_out
from tests.conftest import make_grid

TABLE = ClassTable.named(["background", "slum"])


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with a class raster, in which commands are typed."""
    folder = tmp_path / "à la main"
    folder.mkdir()
    values = (np.random.default_rng(0).random((64, 48)) < 0.4).astype(np.uint8)
    grid = make_grid()
    with create_class_raster(folder / "classes.tif", grid, TABLE) as sink:
        sink.write(values, grid.window)
    monkeypatch.chdir(folder)
    return folder


def run(*words):
    return CliRunner().invoke(main, list(words))


@pytest.fixture
def record(place):
    """A raster was cleaned, and left a record."""
    ended = run("clean", "classes.tif", "--min-area", "3", "-o", "out/clean.tif")
    assert ended.exit_code == 0, ended.output
    return place / "out/clean.tif.run.json"


def test_a_record_tells_what_was_typed_read_and_written(place, record):
    told = read_run_record(record)
    assert told.arguments == ("clean", "classes.tif", "--min-area", "3", "-o", "out/clean.tif")
    assert told.options["min_area"] == 3
    assert told.options["workers"] == 1  # defaults too
    assert told.folder == ".."
    assert [item.path for item in told.inputs] == ["classes.tif"]
    assert told.outputs[0] == describe("out/clean.tif", place)
    assert {"geocity", "Python", "rasterio"} <= told.versions.keys()


def test_a_repeated_run_gives_the_same_bytes(place, record):
    again = rerun(record, out=place / "again" / "clean.tif")
    assert again.same
    assert (place / "again/clean.tif").read_bytes() == (place / "out/clean.tif").read_bytes()
    with pytest.raises(OutputExistsError):
        rerun(record)
    assert rerun(record, overwrite=True).same


def test_a_project_moves_as_a_whole(place, record, tmp_path, monkeypatch):
    moved = tmp_path / "moved"
    monkeypatch.chdir(tmp_path)
    shutil.move(place, moved)
    (moved / "out/clean.tif").unlink()
    again = rerun(moved / "out/clean.tif.run.json")
    assert again.same
    assert again.path == moved / "out/clean.tif"


def test_changed_inputs_are_refused_unless_allowed(place, record):
    shutil.copy(place / "out/clean.tif", place / "classes.tif")
    with pytest.raises(InputError, match="has changed since the run"):
        rerun(record, overwrite=True)
    assert rerun(record, overwrite=True, changed_inputs=True).path == place / "out/clean.tif"
    (place / "classes.tif").unlink()
    with pytest.raises(InputError, match="is not there; put it back"):
        rerun(record, overwrite=True)
    with pytest.raises(WorkError, match="classes.tif"):
        rerun(record, overwrite=True, changed_inputs=True)


def test_the_command_repeats_and_compares(place, record):
    ended = run("rerun", str(record), "-o", "twice.tif", "--same")
    assert ended.exit_code == 0, ended.output
    assert ended.stdout.strip() == str(place / "twice.tif")
    content = json.loads(record.read_text())
    content["outputs"][0]["sha256"] = "0" * 64
    record.write_text(json.dumps(content))
    ended = run("rerun", str(record), "-o", "thrice.tif", "--same")
    assert ended.exit_code == 1
    assert "differs from the recorded one" in ended.stderr


def test_what_makes_nothing_or_stops_leaves_no_record(place):
    assert run("clean", "nothing.tif", "--min-area", "3", "-o", "x.tif").exit_code == 1
    assert run("clean", "--help").exit_code == 0
    assert not list(place.rglob("*run.json"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "cannot be read as the record"),
        ("[]", "cannot be read as the record"),
        ('{"kind": "geocity run", "version": 9}', "of version 9"),
        ('{"kind": "geocity run", "version": 1, "arguments": "rm"}', "not a list of texts"),
    ],
)
def test_what_is_no_record_is_refused(tmp_path, content, message):
    path = tmp_path / "a.run.json"
    path.write_text(content)
    with pytest.raises(InputError, match=message):
        rerun(path)


def test_a_missing_record_says_where_records_lie(tmp_path):
    with pytest.raises(InputError, match="lies beside its result"):
        rerun(tmp_path / "nothing.json")


@pytest.mark.parametrize(
    "typed", [("-o", "a b"), ("-oa",), ("--out", "a"), ("--out=a",)], ids=lambda words: words[0]
)
def test_the_result_is_replaced_however_it_was_typed(typed):
    assert with_out(("clean", *typed, "x.tif"), "new") == ("clean", "-o", "new", "x.tif")


def test_a_result_without_a_name_stays_where_it_was():
    with pytest.raises(InputError, match="without -o"):
        with_out(("demo", "folder"), "new")


def test_a_folder_is_known_by_names_and_contents(tmp_path):
    folder = tmp_path / "f"
    (folder / "sub").mkdir(parents=True)
    (folder / "sub/a").write_bytes(b"12")
    (folder / "b").write_bytes(b"3")
    first = describe("f", tmp_path)
    assert (first.files, first.bytes) == (2, 3)
    (folder / "run.json").write_text("{}")
    assert describe("f", tmp_path) == first
    (folder / "b").rename(folder / "c")
    assert describe("f", tmp_path).sha256 != first.sha256
    assert describe("/vsicurl/x", tmp_path).sha256 is None
