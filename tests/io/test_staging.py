import errno
import os
from pathlib import Path

import pytest

from geocity.errors import OutputError, OutputExistsError
from geocity.io.staging import staged, staged_directory


def test_output_and_sidecars_appear_together(tmp_path):
    out = tmp_path / "année [1]" / "a map.tif"
    with staged(out) as stage:
        stage.path.write_text("main")
        stage.sidecar(".qml").write_text("style")
        stage.sidecar_full(".aux.xml").write_text("pam")
        stage.scratch(".tif").write_text("scratch")
        assert not out.exists()
    names = sorted(p.name for p in out.parent.iterdir())
    assert names == ["a map.qml", "a map.tif", "a map.tif.aux.xml"]


def test_a_failure_leaves_the_former_result_and_nothing_else(tmp_path):
    out = tmp_path / "map.tif"
    out.write_text("former")
    with pytest.raises(RuntimeError), staged(out, overwrite=True) as stage:
        stage.path.write_text("half")
        stage.scratch(".tif").write_text("half")
        raise RuntimeError
    assert [p.name for p in tmp_path.iterdir()] == ["map.tif"]
    assert out.read_text() == "former"


def test_an_existing_output_is_refused_before_any_work(tmp_path):
    out = tmp_path / "map.tif"
    out.write_text("former")
    with pytest.raises(OutputExistsError, match="--overwrite"), staged(out):
        pytest.fail("work began")


def test_a_full_disk_is_told_in_a_sentence(tmp_path):
    with pytest.raises(OutputError, match="full"), staged(tmp_path / "map.tif"):
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_directory_replaces_the_former_one_whole(tmp_path):
    out = tmp_path / "chips"
    with staged_directory(out) as folder:
        (folder / "old").write_text("")
    with staged_directory(out, overwrite=True) as folder:
        (folder / "new").write_text("")
        assert (out / "old").exists()
    assert [p.name for p in out.iterdir()] == ["new"]
    assert [p.name for p in tmp_path.iterdir()] == ["chips"]


def test_a_directory_that_fails_leaves_nothing(tmp_path):
    with pytest.raises(KeyboardInterrupt), staged_directory(tmp_path / "chips") as folder:
        (folder / "x").write_text("")
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_a_result_held_by_another_program_stays_with_its_sidecars(tmp_path, monkeypatch):
    """Windows lets nobody replace a file that is open."""
    out = tmp_path / "map.tif"
    out.write_text("former")
    out.with_suffix(".qml").write_text("former style")
    replace = os.replace

    def locked(source, target):
        if Path(target) == out:
            raise PermissionError(errno.EACCES, "Permission denied")
        replace(source, target)

    monkeypatch.setattr(os, "replace", locked)
    with (
        pytest.raises(OutputError, match="open in another program"),
        staged(out, overwrite=True) as stage,
    ):
        stage.path.write_text("new")
        stage.sidecar(".qml").write_text("new style")
        stage.sidecar_full(".aux.xml").write_text("new pam")
    assert {p.name: p.read_text() for p in tmp_path.iterdir()} == {
        "map.tif": "former",
        "map.qml": "former style",
    }


@pytest.mark.parametrize("error", [PermissionError(errno.EACCES, "in use"), KeyboardInterrupt()])
@pytest.mark.parametrize("at", [1, 2])
def test_a_folder_held_by_another_program_stays(tmp_path, monkeypatch, error, at):
    out = tmp_path / "map"
    out.mkdir()
    (out / "former").touch()
    rename, calls = Path.rename, []

    def locked(source, target):
        calls.append(target)
        if len(calls) == at:
            raise error
        return rename(source, target)

    monkeypatch.setattr(Path, "rename", locked)
    with (
        pytest.raises((OutputError, KeyboardInterrupt)),
        staged_directory(out, overwrite=True) as folder,
    ):
        (folder / "new").touch()
    assert [p.name for p in tmp_path.iterdir()] == ["map"]
    assert [p.name for p in out.iterdir()] == ["former"]
