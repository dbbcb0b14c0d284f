from dataclasses import replace

import numpy as np
import pytest
import torch

from geocity.data.cities.module import (
    BalancedSampler,
    CityDataModule,
    PatchBatchOptions,
    decoded_bytes,
)
from geocity.data.cities.normalise import Normalisation
from geocity.errors import InputError
from geocity.io.cities.manifest import read_city_folder
from tests.tools.city.toy_sites import write_toy_sites

LABELS = np.array([0] * 90 + [1] * 9 + [2])
IMAGES = np.arange(100) // 5


def sampler(**changes):
    given = {"draws": 300, "seed": 1, "block_bytes": 10_000} | changes
    sizes = given.pop("sizes", np.full(100, 100))
    return BalancedSampler(LABELS, IMAGES, sizes, **given)


def test_every_city_is_drawn_equally_often():
    drawn = LABELS[[patch for patch, _ in sampler()]]
    assert np.bincount(drawn).tolist() == [100, 100, 100]


def test_draws_within_a_city_are_even():
    counts = np.bincount([patch for patch, _ in sampler()], minlength=100)
    assert set(counts[:90]) == {1, 2}
    assert set(counts[90:99]) == {11, 12}


def test_an_epoch_has_its_own_order_and_a_seed_repeats_it():
    first, second = sampler(), sampler()
    assert list(first) == list(second)
    second.set_epoch(1)
    assert list(first) != list(second)
    assert list(first) != list(sampler(seed=2))


@pytest.mark.parametrize("ranks", [2, 3, 7])
def test_ranks_share_an_epoch(ranks):
    whole = list(sampler())
    parts = [list(sampler(rank=rank, ranks=ranks)) for rank in range(ranks)]
    assert len({len(part) for part in parts}) == 1
    assert [draw for part in parts for draw in part] == whole[: ranks * len(parts[0])]


def test_images_come_in_blocks_that_fit_into_memory():
    blocked = sampler(block_bytes=500)
    images = IMAGES[[patch for patch, _ in blocked]]
    places = {image: np.flatnonzero(images == image) for image in set(images)}
    # Image by image: where each begins and ends. At no place are more than five open.
    open_at = np.zeros(len(images), int)
    for place in places.values():
        open_at[place[0] : place[-1] + 1] += 1
    assert open_at.max() <= 5
    assert len(set(images[:40])) > 1
    free = IMAGES[[patch for patch, _ in sampler(sizes=np.zeros(100, int))]]
    assert np.ptp(np.flatnonzero(free == free[0])) > 50


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return read_city_folder(write_toy_sites(tmp_path_factory.mktemp("toy")))


def module(folder, **changes):
    options = {"batch_size": 4, "input_px": 32, "augment": "light"} | changes
    return CityDataModule(folder, PatchBatchOptions(**options), Normalisation(True, (), ()))


def test_batches(folder):
    data = module(folder)
    assert data.draws == 64
    batch = data.prepared(next(iter(data.train_dataloader())), training=True)
    assert batch["image"].shape == (4, 3, 32, 32)
    assert torch.allclose(batch["image"].mean((2, 3)), torch.zeros(4, 3), atol=1e-4)
    seen = [int(patch) for b in data.val_dataloader() for patch in b["patch"]]
    assert seen == data.val_patches.rows
    again = data.prepared(next(iter(data.train_dataloader())), training=True)
    assert torch.equal(batch["image"], again["image"])


def test_training_and_validation_share_the_memory(folder):
    data = module(folder, cache_bytes=40_000)
    assert data.train_patches._cache_bytes == data.val_patches._cache_bytes == 20_000
    assert data.train_dataloader().sampler._block_bytes == 20_000


def test_one_process_reads_ahead_where_images_are_decoded_whole(folder, monkeypatch):
    asked = []

    def told(trainer, batch_bytes, **most):
        asked.append((batch_bytes, most))
        return {}

    monkeypatch.setattr("geocity.data.cities.module.feeding", told)
    data = module(folder)
    batch = next(iter(data.train_dataloader()))
    placed = replace(folder, images=folder.images.assign(placed="file"))
    module(placed).val_dataloader()
    assert asked == [(batch["image"].nbytes, {"most": 1}), (batch["image"].nbytes, {})]


def test_only_images_that_are_decoded_whole_take_memory(folder):
    assert set(decoded_bytes(folder)) == {64 * 64 * 3}


def test_unknown_augmentation_missing_folds_and_idle_devices(folder):
    with pytest.raises(InputError, match="unknown augmentation 'wild'"):
        module(folder, augment="wild")
    with pytest.raises(InputError, match="no training patches in fold 3"):
        module(folder, fold=3)
    patches = len(module(folder, devices=2).val_patches)
    with pytest.raises(InputError, match=f"{patches} validation patches for 99 devices"):
        module(folder, devices=99)
