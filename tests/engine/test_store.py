"""A part is done when its sidecar says so and its bytes agree."""

import errno
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from geocity.engine import claims
from geocity.engine.job import file_facts, fingerprint, kept, let_go
from geocity.engine.plan import plan_parts
from geocity.engine.store import PartStore, parts_folder
from geocity.errors import OutputError
from tests.conftest import make_grid

PARTS = plan_parts((4, 4), 2)


@pytest.fixture
def store(tmp_path):
    return PartStore(parts_folder(tmp_path / "c.tif"), fingerprint("a run"))


def save(store, part, content=b"content", **facts):
    store.save(part, {"a.bin": lambda p: p.write_bytes(content)}, facts)


def test_a_saved_part_is_done(store):
    assert store.folder.name == "c.tif.parts"
    assert store.missing(PARTS) == list(PARTS)
    save(store, PARTS[0], tiles=3)
    assert store.path(PARTS[0], "a.bin").read_bytes() == b"content"
    assert store.facts(PARTS[0]) == {"tiles": 3}
    assert store.missing(PARTS) == list(PARTS[1:])
    assert store.count() == 1
    assert sorted(p.name for p in store.folder.iterdir()) == [
        "r00000_c00000.a.bin",
        "r00000_c00000.json",
    ]


@pytest.mark.parametrize(
    "harm",
    [
        lambda file, sidecar: file.unlink(),
        lambda file, sidecar: sidecar.unlink(),
        lambda file, sidecar: file.write_bytes(b"conten"),
        lambda file, sidecar: file.write_bytes(b"Content"),
        lambda file, sidecar: file.write_bytes(b""),
        lambda file, sidecar: sidecar.write_bytes(sidecar.read_bytes()[:-9]),
        lambda file, sidecar: sidecar.write_text("[]"),
        lambda file, sidecar: sidecar.write_text('{"files": 3}'),
    ],
)
def test_a_harmed_part_is_not_done(store, harm):
    save(store, PARTS[0])
    save(store, PARTS[1])
    harm(store.path(PARTS[0], "a.bin"), store.sidecar(PARTS[0]))
    assert store.missing(PARTS[:2]) == [PARTS[0]]


def test_parts_of_another_run_do_not_count(store):
    save(store, PARTS[0])
    other = PartStore(store.folder, fingerprint("another"))
    assert other.missing(PARTS[:1]) == [PARTS[0]]
    assert other.of_other_runs(PARTS) == 1
    assert store.of_other_runs(PARTS) == 0


def test_clearing_leaves_the_other_parts_alone(store):
    for part in PARTS[:2]:
        save(store, part)
    (store.folder / f".{PARTS[1].name}.12345678.tmp.a.bin").touch()
    store.clear(PARTS[1:])
    assert sorted({p.name.lstrip(".")[:13] for p in store.folder.iterdir()}) == [PARTS[0].name]
    assert store.done(PARTS[0])


def test_only_one_process_puts_the_parts_together(store):
    assert not store.claim()  # another has made the result, and removed the folder
    save(store, PARTS[0])
    assert store.claim()
    assert not store.claim()
    store.disclaim()
    assert store.claim()
    store.remove()
    assert not store.folder.exists()


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(claims, "_TOUCH_S", 0.05)
    monkeypatch.setattr(claims, "STALE_S", 0.5)


HOLD = """
import sys, time
from pathlib import Path
from geocity.engine import claims
claims._TOUCH_S = 0.05
print(claims.take_claim(Path(sys.argv[1])), flush=True)
time.sleep(60)
"""


def test_a_claim_holds_while_its_process_lives_and_no_longer(store, quick):
    save(store, PARTS[0])
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(store.folder)], stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout.readline() == "True\n"
    time.sleep(1)  # twice what makes a claim stale
    assert not store.claim()
    holder.kill()
    holder.communicate()
    end = time.monotonic() + 10
    while not store.claim():
        assert time.monotonic() < end
        time.sleep(0.1)
    store.disclaim()
    assert [path.name for path in store.folder.iterdir() if "finishing" in path.name] == []


def test_a_folder_that_cannot_be_written_to_is_not_taken_for_anothers(store, monkeypatch):
    save(store, PARTS[0])

    def refuse(*_):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(OutputError, match="cannot be written"):
        store.claim()


@pytest.mark.parametrize(("call", "when"), [("fsync", 1), ("replace", 1), ("replace", 2)])
def test_a_full_disk_leaves_nothing_half_written(store, monkeypatch, call, when):
    """When the file is to be on the disk, when it gets its name, when the sidecar gets its."""
    calls, real = 0, getattr(os, call)

    def full(*given):
        nonlocal calls
        calls += 1
        if calls == when:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(*given)

    monkeypatch.setattr(os, call, full)
    with pytest.raises(OutputError, match="full"):
        save(store, PARTS[0])
    assert not store.done(PARTS[0])
    assert not list(store.folder.glob(".*"))
    save(store, PARTS[0])
    assert store.done(PARTS[0])


def test_fingerprints_tell_things_apart(tmp_path):
    grid, same, other = make_grid(4, 4), make_grid(4, 4), make_grid(4, 5)
    assert fingerprint(grid, {"a": 1}) == fingerprint(same, {"a": 1})
    assert fingerprint(grid) != fingerprint(other)
    assert fingerprint(0.1) != fingerprint(0.1 + 1e-16 * 2)
    assert fingerprint(PARTS[0]) != fingerprint(PARTS[1])
    assert fingerprint(tmp_path) == fingerprint(str(tmp_path))
    with pytest.raises(TypeError, match="object"):
        fingerprint(object())


def test_a_replaced_file_has_other_facts(tmp_path):
    file = tmp_path / "f"
    file.write_bytes(b"1")
    before = file_facts(file)
    os.utime(file, ns=(1, 1))
    assert file_facts(file) != before
    assert file_facts("/vsicurl/x")[1:] == (-1, -1)


def test_costly_things_are_made_once_and_closed():
    class Costly:
        closed = 0

        def close(self):
            self.closed += 1

    first = kept("a", Costly)
    assert kept("a", Costly) is first
    second = kept("b", Costly)
    assert first.closed == 1
    let_go()
    assert (first.closed, second.closed) == (1, 1)
    assert json.dumps(kept("c", dict)) == "{}"
    let_go()
