from types import SimpleNamespace

import pytest
import torch

from geocity.data import feeding as room
from geocity.data.feeding import feeding


def trainer(device="cuda", devices=1):
    strategy = SimpleNamespace(root_device=torch.device(device))
    return SimpleNamespace(strategy=strategy, num_devices=devices)


@pytest.mark.parametrize("who", [None, trainer("cpu")])
def test_a_cpu_reads_for_itself(who):
    assert feeding(who, 1000) == {}


@pytest.mark.parametrize(
    ("cores", "devices", "most", "workers"),
    [(16, 1, 4, 4), (16, 1, 1, 1), (3, 1, 4, 2), (16, 4, 4, 3), (1, 1, 4, 0), (2, 4, 4, 0)],
)
def test_a_gpu_is_fed_by_the_cores_there_are(monkeypatch, cores, devices, most, workers):
    monkeypatch.setattr(room, "_cores", lambda: cores)
    monkeypatch.setattr(room, "_room", lambda batch_bytes: 99)
    found = feeding(trainer(devices=devices), 1000, most=most)
    assert found == {
        "num_workers": workers,
        "persistent_workers": workers > 0,
        "pin_memory": True,
    }


def test_shared_memory_sets_a_limit(monkeypatch, tmp_path):
    monkeypatch.setattr(room, "_cores", lambda: 64)
    monkeypatch.setattr(room, "_SHARED_MEMORY", tmp_path)
    usage = SimpleNamespace(free=64 << 20)  # what a container has unless it is told otherwise
    monkeypatch.setattr(room.shutil, "disk_usage", lambda path: usage)
    assert feeding(trainer(), 16 * 5 * 256 * 256 * 4)["num_workers"] == 0
    assert feeding(trainer(), 4 << 20)["num_workers"] == 2
    monkeypatch.setattr(room, "_SHARED_MEMORY", tmp_path / "none")
    assert feeding(trainer(), 1 << 40)["num_workers"] == 4
