"""The cache makes things once, notices damage, and never leaves half an entry."""

import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

import geocity
from geocity.io.user_cache import cache_folder, cached_folder


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def maker(content="hello"):
    made = []

    def make(folder):
        made.append(folder)
        (folder / "data.bin").write_text(content)

    return make, made


def test_made_once_and_kept():
    make, made = maker()
    first = cached_folder("kind", "key", make)
    assert cached_folder("kind", "key", make) == first == cache_folder() / "kind" / "key"
    assert (first / "data.bin").read_text() == "hello"
    assert len(made) == 1
    cached_folder("kind", "other", make)
    assert len(made) == 2


@pytest.mark.parametrize("harm", ["flip", "truncate", "delete", "manifest"])
def test_damage_is_noticed(harm, caplog):
    make, made = maker()
    entry = cached_folder("kind", "key", make)
    if harm == "flip":
        (entry / "data.bin").write_text("jello")
    elif harm == "truncate":
        (entry / "data.bin").write_text("")
    elif harm == "delete":
        (entry / "data.bin").unlink()
    else:
        (entry / "manifest.json").write_text("[")
    with caplog.at_level(logging.WARNING, "geocity"):
        again = cached_folder("kind", "key", make)
    assert (again / "data.bin").read_text() == "hello"
    assert len(made) == 2
    assert "damaged" in caplog.text


def test_a_failure_leaves_nothing():
    def make(folder):
        (folder / "half").write_text("…")
        raise RuntimeError("no more")

    with pytest.raises(RuntimeError):
        cached_folder("kind", "key", make)
    assert list((cache_folder() / "kind").iterdir()) == []


def test_only_the_latest_entries_are_kept():
    make, _ = maker()
    for number in range(12):
        entry = cached_folder("kind", f"key{number}", make)
        os.utime(entry, (number, number))
    cached_folder("kind", "one more", make)
    assert len(list((cache_folder() / "kind").iterdir())) == 8
    assert not (cache_folder() / "kind" / "key0").exists()


def test_without_a_place_to_write_it_works_all_the_same(tmp_path, caplog):
    (tmp_path / "cache").write_text("a file where the folder should be")
    make, made = maker()
    with caplog.at_level(logging.WARNING, "geocity"):
        entry = cached_folder("kind", "key", make)
        assert cached_folder("kind", "key", make) == entry
        cached_folder("other", "key", make)
    assert (entry / "data.bin").read_text() == "hello"
    assert caplog.text.count("cannot be written") == 1
    assert len(made) == 2


USES_IT = """
import os, sys
from geocity.io.user_cache import cached_folder
entry = cached_folder("kind", "key", lambda folder: (folder / "data.bin").write_text("hello"))
if os.fork() == 0:
    sys.exit()  # a child that ends first
os.wait()
print(entry, (entry / "data.bin").read_text())
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_what_stands_in_for_the_cache_goes_with_the_process(tmp_path):
    (tmp_path / "cache").write_text("a file where the folder should be")
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    environment = {**os.environ, "TMPDIR": str(temporary)}
    environment["PYTHONPATH"] = str(Path(geocity.__file__).parents[1])
    command = [sys.executable, "-c", USES_IT]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
    entry, content = done.stdout.split()
    assert Path(entry).is_relative_to(temporary)
    assert content == "hello"
    assert list(temporary.iterdir()) == []
