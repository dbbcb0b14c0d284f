"""Work on a Dask cluster of real processes: what happens when one of them dies."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

import geocity
from geocity.engine import dask_cluster
from geocity.engine.executors import WorkOptions
from geocity.engine.job import fingerprint
from geocity.engine.run import run_parts
from geocity.engine.store import PartStore
from geocity.errors import InputError, WorkError
from geocity.tools.classify import classify
from tests.engine import toy_classification
from tests.engine.toy_jobs import NAMES, PARTS, ToyJob, computed, models, right
from tests.tools.test_classify import random_scene
from tests.tools.toy_models import write_toy_model

pytest.importorskip("distributed")
from distributed.versions import get_versions

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {
    **os.environ,
    "PYTHONPATH": str(ROOT),
    "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "1",
}


class Cluster:
    """A scheduler and two workers under nannies, as `dask scheduler` and `dask worker` start."""

    def __init__(self, folder):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.address = f"tcp://127.0.0.1:{port}"
        self._folder, self._processes = folder, []
        host = ["--host", "127.0.0.1", "--port", str(port), "--no-dashboard"]
        self.scheduler = self._start("scheduler", *host, "--no-show")
        self._start(
            *("worker", self.address, "--nworkers", "2", "--nthreads", "1", "--no-dashboard"),
            *("--host", "127.0.0.1", "--resources", "GPU=1", "--memory-limit", "0"),
            *("--local-directory", str(folder / "dask")),
        )

    def _start(self, *arguments):
        log = (self._folder / f"{arguments[0]}.log").open("w")
        process = subprocess.Popen(
            [sys.executable, "-m", "dask", *arguments],
            env=ENVIRONMENT,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        self._processes.append(process)
        return process

    def stop(self):
        for process in reversed(self._processes):
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
            process.wait()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    made = Cluster(tmp_path_factory.mktemp("cluster"))
    yield made
    made.stop()


@pytest.fixture
def notes(tmp_path):
    folder = tmp_path / "notes"
    folder.mkdir()
    return folder


@pytest.fixture
def store(tmp_path):
    return PartStore(tmp_path / "out.parts", fingerprint("toy"))


def on(cluster):
    return WorkOptions(scheduler=cluster.address)


def test_a_cluster_does_the_parts(cluster, store, notes):
    heard = []
    job = ToyJob(notes, 0.1)
    run_parts(job, PARTS, store, work=on(cluster), progress=lambda *a: heard.append(a))
    assert computed(notes) == NAMES
    assert right(store)
    assert models(notes) == 2  # one process per card, one model per process
    assert heard[-1][1:] == (25, "toying")
    run_parts(job, PARTS, store, work=on(cluster))
    assert computed(notes) == NAMES


def test_a_killed_worker_costs_its_part_only(cluster, store, notes):
    job = ToyJob(notes, dies_at=(NAMES[11],))
    run_parts(job, PARTS, store, work=on(cluster))
    assert computed(notes) == sorted([*NAMES, NAMES[11]])
    assert right(store)


def test_neighbours_of_a_deadly_part_are_innocent(cluster, store, notes):
    job = ToyJob(notes, dies_at=(NAMES[11],), deaths=99)
    with pytest.raises(WorkError, match=f"1 of the parts.*{NAMES[11]}"):
        run_parts(job, PARTS, store, work=on(cluster))
    assert store.missing(PARTS) == [PARTS[11]]


def test_a_lost_answer_is_asked_for_again(cluster, store, notes, monkeypatch):
    settle, lost = dask_cluster._Round._settle, []

    def lose_the_first(self, future):
        if not lost:
            lost.append(self._flying[future])
            future = type("Lost", (), {"status": "lost", "was": future})()
            self._flying[future] = self._flying.pop(future.was)
        settle(self, future)

    monkeypatch.setattr(dask_cluster._Round, "_settle", lose_the_first)
    run_parts(ToyJob(notes), PARTS, store, work=on(cluster))
    assert right(store)
    assert computed(notes) == NAMES  # it was saved, so it is not computed again
    monkeypatch.setattr(dask_cluster, "_MOST_LOST", 0)
    lost.clear()
    with pytest.raises(WorkError, match="drops its work"):
        run_parts(
            ToyJob(notes), PARTS, store, work=WorkOptions(scheduler=cluster.address, resume=False)
        )


def test_a_scene_classified_by_a_cluster_has_the_same_bytes(cluster, tmp_path, monkeypatch):
    toy_classification.install(monkeypatch.setattr)
    scene, _ = random_scene(tmp_path / "s.tif", 230, 300, classes=9)
    model = write_toy_model(tmp_path / "m.geocity")
    results = []
    for work in (WorkOptions(), on(cluster)):
        out, chances = tmp_path / "c.tif", tmp_path / "p.tif"
        more = {"out": out, "probability": chances, "overwrite": True, "work": work}
        classify(scene, model=model, **more)
        results.append((out.read_bytes(), chances.read_bytes()))
    assert results[0] == results[1]


def test_an_error_on_the_cluster_is_the_error_of_the_run(cluster, store, notes):
    with pytest.raises(InputError, match="rotten"):
        run_parts(ToyJob(notes, fails_at=NAMES[12]), PARTS, store, work=on(cluster))


def test_what_nobody_waits_for_ends_with_its_part(cluster, store, notes, monkeypatch):
    monkeypatch.setattr(dask_cluster, "_SPANS_PER_WORKER", 1)

    def interrupt(done, total, stage):
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_parts(ToyJob(notes, 0.4), PARTS, store, work=on(cluster), progress=interrupt)
    time.sleep(1.5)
    begun = computed(notes)
    assert 1 <= len(begun) < len(PARTS) / 2
    time.sleep(1)
    assert computed(notes) == begun
    assert {part.name for part in PARTS} - {p.name for p in store.missing(PARTS)} == set(begun)


def test_another_version_is_refused_at_the_start(cluster, store, notes, monkeypatch):
    job = ToyJob(notes)
    monkeypatch.setattr(geocity, "__version__", "9.9")
    with pytest.raises(WorkError, match=r"A worker on .* runs geocity .*, not 9\.9"):
        run_parts(job, PARTS, store, work=on(cluster))
    assert not computed(notes)


def test_other_software_is_refused_at_the_start():
    same = get_versions(packages=["geocity"])
    dask_cluster._refuse_other_versions(same, "a worker")
    other = {"packages": {**same["packages"], "dask": "2019.1"}}
    with pytest.raises(WorkError, match=r"Here is dask .*, but a worker has 2019\.1"):
        dask_cluster._refuse_other_versions(other, "a worker")
    other = {"packages": {"python": same["packages"]["python"]}}
    with pytest.raises(WorkError, match="but a worker has none"):
        dask_cluster._refuse_other_versions(other, "a worker")


def test_files_that_do_not_appear_are_asked_for_early(cluster, store, notes, monkeypatch):
    monkeypatch.setattr(dask_cluster, "_VISIBLE_S", 0.5)
    monkeypatch.setattr(PartStore, "sidecar", lambda self, part: Path("/nowhere"))
    with pytest.raises(WorkError, match="all machines must share this folder"):
        run_parts(ToyJob(notes, 0.1), PARTS, store, work=on(cluster))


def test_no_scheduler_is_one_sentence(store, notes, monkeypatch):
    monkeypatch.setattr(dask_cluster, "_CONNECT_S", 1)
    for address in ("tcp://127.0.0.1:9", "nonsense"):
        with pytest.raises(WorkError, match="No Dask scheduler answers at"):
            run_parts(ToyJob(notes), PARTS, store, work=WorkOptions(scheduler=address))


def test_a_dead_scheduler_is_noticed_and_the_next_run_goes_on(cluster, store, notes):
    """Last: it takes the cluster with it."""
    killed = []

    def kill(done, total, stage):
        if done >= 3 and not killed:
            killed.append(time.monotonic())
            cluster.scheduler.kill()

    with pytest.raises(WorkError, match="The Dask scheduler at .* is gone"):
        run_parts(ToyJob(notes, 0.3), PARTS, store, work=on(cluster), progress=kill)
    assert time.monotonic() - killed[0] < 10
    cluster.stop()
    done = set(PARTS) - set(store.missing(PARTS))
    assert 3 <= len(done) < 25
    for note in notes.iterdir():
        note.unlink()
    run_parts(ToyJob(notes), PARTS, store)
    assert computed(notes) == sorted(part.name for part in set(PARTS) - done)
    assert right(store)
