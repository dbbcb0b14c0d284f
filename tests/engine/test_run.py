"""Serial runs compute what is missing, and nothing twice."""

import dataclasses
import logging

import pytest

from geocity.engine.executors import WorkOptions
from geocity.engine.job import fingerprint
from geocity.engine.run import run_parts
from geocity.engine.store import PartStore
from geocity.errors import InputError
from tests.engine.toy_jobs import PARTS, ToyJob, computed, models, right


@pytest.fixture
def notes(tmp_path):
    folder = tmp_path / "notes"
    folder.mkdir()
    return folder


@pytest.fixture
def store(tmp_path):
    return PartStore(tmp_path / "out.parts", fingerprint("toy"))


def test_all_parts_get_done_once(store, notes):
    heard = []
    assert run_parts(ToyJob(notes), PARTS, store, progress=lambda *a: heard.append(a))
    assert computed(notes) == [part.name for part in PARTS]
    assert right(store)
    assert heard == [(i + 1, 25, "toying") for i in range(25)]


class SecretiveJob(ToyJob):
    """Tells where each part begins, and never that all is done."""

    def run(self, span, store, hear):
        yield from super().run(span, store, lambda done, of, stage: hear(done - 1, of, stage))


def test_the_end_is_told_of_a_job_that_does_not_tell_it(store, notes):
    heard = []
    run_parts(SecretiveJob(notes), PARTS, store, progress=lambda *a: heard.append(a))
    assert heard[-2:] == [(24, 25, "toying"), (25, 25, "toying")]


def test_an_error_keeps_what_was_done_and_the_next_run_does_the_rest(store, notes, caplog):
    caplog.set_level(logging.INFO)
    rotten = ToyJob(notes, fails_at=PARTS[7].name)
    with pytest.raises(InputError, match="r00001_c00002 is rotten"):
        run_parts(rotten, PARTS, store)
    assert "7 of 25 parts are done and kept in" in caplog.text
    heard = []
    run_parts(ToyJob(notes), PARTS, store, progress=lambda *a: heard.append(a))
    assert "7 of 25 parts were done by a former run; 18 are left." in caplog.text
    assert sorted(computed(notes)) == sorted([p.name for p in PARTS] + [PARTS[7].name])
    assert right(store)
    assert heard[-1] == (18_000, 18_000, "toying")
    assert [done for done, *_ in heard] == sorted(done for done, *_ in heard)


def test_nothing_is_left_of_work_that_never_got_a_part_done(store, notes):
    with pytest.raises(InputError):
        run_parts(ToyJob(notes, fails_at=PARTS[0].name), PARTS, store)
    assert not store.folder.exists()


def test_harmed_parts_alone_are_done_again(store, notes):
    run_parts(ToyJob(notes), PARTS, store)
    for file in notes.iterdir():
        file.unlink()
    data = store.path(PARTS[3], "toy.bin")
    data.write_bytes(data.read_bytes()[:-1])  # truncated
    data = store.path(PARTS[8], "toy.bin")
    data.write_bytes(b"\xff" + data.read_bytes()[1:])  # flipped
    store.path(PARTS[11], "toy.bin").unlink()
    store.sidecar(PARTS[24]).unlink()
    run_parts(ToyJob(notes), PARTS, store)
    assert computed(notes) == [PARTS[i].name for i in (3, 8, 11, 24)]
    assert right(store)
    for file in notes.iterdir():
        file.unlink()
    run_parts(ToyJob(notes), PARTS, store)
    assert computed(notes) == []
    assert models(notes) == 0


def test_another_run_s_parts_are_done_again_and_it_says_so(store, notes, caplog):
    run_parts(ToyJob(notes), PARTS, store)
    other = dataclasses.replace(store, fingerprint=fingerprint("another model"))
    run_parts(ToyJob(notes), PARTS, other)
    assert "25 parts in" in caplog.text
    assert len(computed(notes)) == 50
    run_parts(ToyJob(notes), PARTS, other, work=WorkOptions(resume=False))
    assert len(computed(notes)) == 75


def test_ranges_of_parts_are_done_apart(store, notes, caplog):
    caplog.set_level(logging.INFO)
    assert not run_parts(ToyJob(notes), PARTS, store, work=WorkOptions(part_range=(0, 10)))
    assert computed(notes) == [part.name for part in PARTS[:10]]
    assert "10 of 25 parts are done." in caplog.text
    assert run_parts(ToyJob(notes), PARTS, store, work=WorkOptions(part_range=(10, 99)))
    assert computed(notes) == [part.name for part in PARTS]
    with pytest.raises(InputError, match="there are 25"):
        run_parts(ToyJob(notes), PARTS, store, work=WorkOptions(part_range=(25, 26)))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"workers": 0}, "0 workers"),
        ({"workers": 2, "scheduler": "tcp://x:1"}, "choose one"),
        ({"part_range": (4, 4)}, "4:4"),
        ({"part_range": (-1, 4)}, "-1:4"),
    ],
)
def test_senseless_options_are_refused(options, words):
    with pytest.raises(InputError, match=words):
        WorkOptions(**options)
