"""Several processes: the same parts, whoever dies."""

import logging
import os
import signal
import subprocess
import sys
import textwrap
import time
from functools import partial
from pathlib import Path

import pytest

from geocity.engine.executors import WorkOptions
from geocity.engine.job import fingerprint
from geocity.engine.processes import Processes
from geocity.engine.run import run_parts
from geocity.engine.store import PartStore
from geocity.engine.worker_process import _choose_card
from geocity.errors import InputError, WorkError
from tests.engine.toy_jobs import NAMES, PARTS, ToyJob, computed, models, right

TWO = WorkOptions(workers=2)
ROOT = Path(__file__).parents[2]


@pytest.fixture
def notes(tmp_path):
    folder = tmp_path / "notes"
    folder.mkdir()
    return folder


@pytest.fixture
def store(tmp_path):
    return PartStore(tmp_path / "out.parts", fingerprint("toy"))


def test_two_workers_share_the_parts(store, notes):
    heard = []
    run_parts(ToyJob(notes, 0.01), PARTS, store, work=TWO, progress=lambda *a: heard.append(a))
    assert computed(notes) == NAMES
    assert right(store)
    assert models(notes) == 2
    assert len({p.name.split(".")[1] for p in notes.iterdir()}) == 2
    assert [done for done, *_ in heard] == list(range(1, 26))


def test_a_killed_worker_s_span_is_finished_by_another(store, notes):
    """Kill -9 from inside, in the middle of a span: what it had saved stays."""
    job = ToyJob(notes, dies_at=(NAMES[2], NAMES[20]))
    run_parts(job, PARTS, store, work=TWO)
    assert computed(notes) == sorted([*NAMES, NAMES[2], NAMES[20]])
    assert right(store)


def test_a_worker_killed_from_outside_is_noticed(store, notes):
    def kill_one(done, total, stage):
        if done == 5:
            pids = {int(p.name.split(".")[1]) for p in notes.iterdir()}
            os.kill(min(pids), signal.SIGKILL)

    run_parts(ToyJob(notes, 0.02), PARTS, store, work=TWO, progress=kill_one)
    assert right(store)
    assert len(computed(notes)) <= len(PARTS) + 1


def test_a_part_that_kills_whoever_tries_is_named_and_all_others_are_done(store, notes, caplog):
    job = ToyJob(notes, dies_at=(NAMES[7],), deaths=99)
    with pytest.raises(WorkError, match=f"1 of the parts.*{NAMES[7]}"):
        run_parts(job, PARTS, store, work=TWO)
    assert "24 of 25 parts are done" in caplog.text
    assert store.missing(PARTS) == [PARTS[7]]
    assert computed(notes).count(NAMES[7]) == 4
    run_parts(ToyJob(notes), PARTS, store)
    assert right(store)


def test_an_error_in_a_worker_is_the_error_of_the_run(store, notes):
    with pytest.raises(InputError, match="rotten"):
        run_parts(ToyJob(notes, fails_at=NAMES[12]), PARTS, store, work=TWO)
    assert 0 < store.count() < 25


def shout(word):
    logging.getLogger("geocity.somewhere").warning("%s from a worker", word)
    return os.getpid()


def test_questions_are_answered_where_the_work_is_done(store, notes, caplog):
    with Processes(2) as crew:
        pid = crew.ask(partial(shout, "hello"))
        assert pid != os.getpid()
        assert "hello from a worker" in caplog.text
        run_parts(ToyJob(notes), PARTS, store, executor=crew)
        assert pid in {int(p.name.split(".")[1]) for p in notes.iterdir()}
        with pytest.raises(TypeError):
            crew.ask(partial(shout, "a", "b"))
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_each_worker_takes_its_own_card(monkeypatch):
    seen = []
    for slot in range(3):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,7")
        _choose_card(slot)
        seen.append(os.environ["CUDA_VISIBLE_DEVICES"])
    assert seen == ["4", "7", "4"]


SCRIPT = """
    import sys
    from pathlib import Path
    from geocity.engine.executors import WorkOptions
    from geocity.engine.run import run_parts
    from tests.engine.test_processes import PARTS, PartStore, ToyJob, fingerprint

    if __name__ == "__main__":
        folder, workers = Path(sys.argv[1]), int(sys.argv[2])
        store = PartStore(folder / "out.parts", fingerprint("toy"))
        job = ToyJob(folder / "notes", 0.1)
        run_parts(job, PARTS, store, work=WorkOptions(workers=workers))
"""


def start_driver(tmp_path, workers):
    script = tmp_path / "drive.py"
    script.write_text(textwrap.dedent(SCRIPT))
    return subprocess.Popen(
        [sys.executable, str(script), str(tmp_path), str(workers)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for(condition, seconds=30):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"


@pytest.mark.parametrize("workers", [1, 2])
def test_after_a_killed_driver_the_next_run_does_what_is_missing(tmp_path, store, notes, workers):
    driver = start_driver(tmp_path, workers)
    wait_for(lambda: store.count() >= 5)
    driver.kill()
    driver.wait()
    pids = {int(p.name.split(".")[1]) for p in notes.iterdir()}
    wait_for(lambda: not any(map(alive, pids)), seconds=3)
    kept = set(PARTS) - set(store.missing(PARTS))
    assert 5 <= len(kept) < 25
    for note in notes.iterdir():
        note.unlink()
    run_parts(ToyJob(notes), PARTS, store)
    assert computed(notes) == sorted(part.name for part in set(PARTS) - kept)
    assert right(store)
    assert not list(store.folder.glob(".*"))


@pytest.mark.parametrize("workers", [1, 2])
def test_an_interrupt_ends_all_at_once_and_keeps_what_is_done(tmp_path, store, notes, workers):
    driver = start_driver(tmp_path, workers)
    wait_for(lambda: store.count() >= 3)
    started = time.monotonic()
    driver.send_signal(signal.SIGINT)
    _, said = driver.communicate()
    assert time.monotonic() - started < 2
    assert "KeyboardInterrupt" in said
    assert "the same command goes on from there" in said
    pids = {int(p.name.split(".")[1]) for p in notes.iterdir()}
    assert not any(map(alive, pids))
    assert not list(store.folder.glob(".*"))
    assert store.count() == 25 - len(store.missing(PARTS)) >= 3


def test_a_script_without_a_guard_is_told_so(tmp_path):
    script = tmp_path / "bare.py"
    script.write_text(
        "from geocity.engine.processes import Processes\n"
        "with Processes(2) as crew:\n    crew.ask(int)\n"
    )
    done = subprocess.run(
        [sys.executable, str(script)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "WorkError: A worker process ended as soon as it was started" in done.stderr


def test_a_crew_that_is_lent_leaves_nothing_half_written(store, notes):
    with Processes(2) as crew:
        crew.start(2)
        with pytest.raises(InputError, match="rotten"):
            run_parts(ToyJob(notes, fails_at=NAMES[3]), PARTS, store, executor=crew)
        assert not crew.workers
        assert not list(store.folder.glob(".*"))
        run_parts(ToyJob(notes), PARTS, store, executor=crew)
    assert right(store)
