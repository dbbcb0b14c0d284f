import pickle

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from geocity.core.normalise import normalise
from geocity.data.chip_dataset import ChipDataset, Draw, chip_normalisation
from geocity.data.module import BatchOptions, ChipDataModule
from geocity.data.training_sampler import TrainingSampler
from geocity.errors import InputError, LabelError
from geocity.io.chips import read_chip, read_chip_folder
from tests.toy_chips import SIZE, write_toy_chips


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return read_chip_folder(write_toy_chips(tmp_path_factory.mktemp("toy") / "chips", bands=4))


def dataset(folder, **options):
    return ChipDataset(
        folder.split("train"),
        chip_normalisation(folder),
        folder.classes,
        **{"crop_size": 32, **options},
    )


def test_a_whole_chip_is_the_normalised_chip(folder):
    sample = dataset(folder)[0]
    pixels, label, valid = read_chip(folder.split("train")[0])
    assert np.array_equal(
        sample["image"].numpy(), normalise(pixels, chip_normalisation(folder), valid)
    )
    assert np.array_equal(sample["mask"].numpy(), np.where(valid, label, 255))
    assert (sample["image"][:, ~torch.from_numpy(valid)] == 0).all()
    assert sample["image"].dtype == torch.float32
    assert sample["mask"].dtype == torch.int64


def test_a_crop_is_a_piece_of_its_chip_decided_by_its_key(folder):
    chips = dataset(folder)
    whole = chips[3]["image"]
    crop, again, other = (chips[Draw(3, key)]["image"] for key in (7, 7, 8))
    assert crop.shape == (4, 32, 32)
    assert torch.equal(crop, again)
    assert not torch.equal(crop, other)
    windows = whole.unfold(1, 32, 1).unfold(2, 32, 1)
    assert (windows == crop[:, None, None]).all(-1).all(-1).all(0).any()


def test_chips_smaller_than_a_crop_are_mirrored_and_unknown(folder):
    sample = dataset(folder, crop_size=96)[Draw(1, 0)]
    assert sample["image"].shape == (4, 96, 96)
    assert (sample["mask"][SIZE:] == 255).all()
    assert (sample["mask"][:, SIZE:] == 255).all()
    assert torch.equal(sample["image"][:, SIZE], sample["image"][:, SIZE - 1])


def test_the_cache_changes_nothing(folder):
    cached, plain = dataset(folder), dataset(folder, cache_bytes=0)
    for index in (0, 5, 0):
        assert torch.equal(cached[index]["image"], plain[index]["image"])


def test_chips_travel_without_their_pixels(folder):
    chips = dataset(folder, cache_bytes=40_000)
    first = [chips[index]["image"] for index in range(2)]
    twin = pickle.loads(pickle.dumps(chips))
    assert len(pickle.dumps(chips)) == len(pickle.dumps(twin)) < 16_000
    assert all(torch.equal(twin[index]["image"], first[index]) for index in range(2))
    assert list(twin._cache) == list(chips._cache) == [0]  # 24 kB each, and the same room again


def test_a_label_without_a_class(folder, monkeypatch):
    from geocity.core.classes import ClassTable

    chips = ChipDataset(
        folder.split("train"),
        chip_normalisation(folder),
        ClassTable.named(["background"]),
        crop_size=32,
    )
    with pytest.raises(LabelError, match="no class"):
        chips[0]


@given(
    chips=st.integers(1, 30),
    ranks=st.integers(1, 4),
    passes=st.integers(1, 3),
    epoch=st.integers(0, 5),
)
def test_ranks_share_the_draws_and_no_chip_comes_twice_in_a_pass(chips, ranks, passes, epoch):
    taken = []
    for rank in range(ranks):
        sampler = TrainingSampler(
            {"anything": np.ones(chips)}, draws=chips * passes, seed=3, rank=rank, ranks=ranks
        )
        sampler.set_epoch(epoch)
        mine = list(sampler)
        assert len(mine) == len(sampler) == chips * passes // ranks
        taken += mine
    assert len({draw.key for draw in taken}) == len(taken)
    counts = np.bincount([draw.chip for draw in taken], minlength=chips)
    assert counts.max(initial=0) <= passes
    assert chips * passes - counts.sum() < ranks


@given(st.lists(st.floats(0.01, 10), min_size=1, max_size=12), st.integers(1, 60))
def test_draws_follow_the_weights(weights, draws):
    weights = np.array(weights)
    sampler = TrainingSampler({"anything": weights}, draws=draws, seed=1)
    counts = np.bincount([draw.chip for draw in sampler], minlength=len(weights))
    due = draws * weights / weights.sum()
    assert (np.abs(counts - due) < 1 + 1e-6).all()


def test_order_comes_from_seed_and_epoch():
    def order(seed, epoch):
        sampler = TrainingSampler({"anything": np.ones(20)}, draws=20, seed=seed)
        sampler.set_epoch(epoch)
        return list(sampler)

    assert order(1, 2) == order(1, 2)
    assert order(1, 2) != order(1, 3)
    assert order(1, 2) != order(2, 2)


def test_focus_prefers_rough_chips(tmp_path):
    folder = read_chip_folder(write_toy_chips(tmp_path / "chips"))
    data = ChipDataModule(folder, BatchOptions())
    weights = data._chip_weights()
    rough = [data.train_chips.roughness(i).sum() for i in range(len(data.train_chips))]
    held = [chip.class_pixels.get(1, 0) for chip in folder.split("train")]
    np.testing.assert_allclose(weights["rough"], np.array(rough) / sum(rough))
    np.testing.assert_allclose(weights["foreground"], np.array(held) / sum(held) / 3)
    even = ChipDataModule(folder, BatchOptions(draw="even"))._chip_weights()
    assert list(even) == ["anything"]
    assert np.ptp(even["anything"]) == 0


def test_a_crop_of_the_foreground_holds_some_anywhere_in_it(folder):
    chips = dataset(folder)
    chip = next(i for i, c in enumerate(chips.chips) if c.class_pixels.get(1, 0))
    masks = torch.stack([chips[Draw(chip, key, "foreground")]["mask"] for key in range(40)])
    assert (masks == 1).any(-1).any(-1).all()
    nearest = torch.nonzero(masks == 1)[:, 1:]
    assert nearest.min() < 8
    assert nearest.max() > 24


def test_a_chip_whose_foreground_is_gone_still_gives_a_crop(folder):
    chips = dataset(folder)
    label = np.zeros((SIZE, SIZE), np.uint8)
    assert chips._place(Draw(0, 1, "foreground"), label, np.random.default_rng(1)) is None


def test_rough_crops_are_placed_in_proportion_to_roughness(folder):
    chips = dataset(folder)
    cells = chips.roughness(3)
    label = torch.zeros(SIZE, SIZE).numpy()
    found = np.zeros(cells.shape)
    for key in range(2000):
        row, col = chips._place(Draw(3, key, "rough"), label, np.random.default_rng(key))
        found[row // 32, col // 32] += 1
    np.testing.assert_allclose(found / 2000, cells / cells.sum(), atol=0.04)
    assert cells.max() > 1.2 * cells.min()


def test_a_quarter_of_the_draws_can_be_around_the_foreground():
    weights = {"rough": np.full(4, 0.75 / 4), "foreground": np.array([0, 0.25, 0, 0])}
    draws = list(TrainingSampler(weights, draws=40, seed=0))
    assert sum(d.around == "foreground" for d in draws) == 10
    assert {d.chip for d in draws if d.around == "foreground"} == {1}
    assert {d.chip for d in draws if d.around == "rough"} == {0, 1, 2, 3}


def test_an_epoch_is_long_enough_and_crops_cover_the_ground(folder, tmp_path):
    options = BatchOptions(batch_size=4, crop_size=32)
    # Twelve chips of four crops each would be too short an epoch.
    assert ChipDataModule(folder, options).draws == 16 * 4
    chips = read_chip_folder(write_toy_chips(tmp_path / "chips", train=20, val=1))
    assert ChipDataModule(chips, options).draws == 20 * 4
    assert ChipDataModule(folder, BatchOptions()).crop_size == 64  # 150 m would be 192 pixels


def test_validation_sees_every_chip_once_and_unchanged(folder):
    data = ChipDataModule(folder, BatchOptions(batch_size=3))
    images = torch.cat([batch["image"] for batch in data.val_dataloader()])
    assert len(images) == 4
    assert torch.equal(images[2], data.val_chips[2]["image"])


def test_processes_that_read_ahead_give_the_same_batches(folder, monkeypatch):
    options = BatchOptions(batch_size=4, crop_size=32, cache_bytes=4 * 24_000)
    here = ChipDataModule(folder, options)
    expected = [list(here.train_dataloader()), list(here.val_dataloader())]
    asked = []

    def two(trainer, batch_bytes):
        asked.append(batch_bytes)
        return {"num_workers": 2, "persistent_workers": True}

    monkeypatch.setattr("geocity.data.module.feeding", two)
    data = ChipDataModule(folder, options)
    for loader, batches in zip(
        (data.train_dataloader(), data.val_dataloader()), expected, strict=True
    ):
        for found, batch in zip(loader, batches, strict=True):
            assert all(torch.equal(found[name], batch[name]) for name in batch)
    real = sum(expected[0][0][name].nbytes for name in ("image", "mask"))
    assert asked == [real, real]


def test_readers_share_the_room_for_decoded_chips(folder, monkeypatch):
    alone, beside = (dataset(folder, cache_bytes=4 * 24_600) for _ in range(2))
    monkeypatch.setattr("geocity.data.chip_dataset._readers", lambda: 2)
    for index in range(12):
        beside[index]
    monkeypatch.setattr("geocity.data.chip_dataset._readers", lambda: 1)
    for index in range(12):
        alone[index]
    assert (len(alone._cache), len(beside._cache)) == (4, 2)


def test_a_batch_is_augmented_by_its_own_key(folder):
    data = ChipDataModule(folder, BatchOptions(augment="strong"))
    batch = next(iter(data.train_dataloader()))
    first, second = data.augmented(batch), data.augmented(batch)
    assert torch.equal(first["image"], second["image"])
    assert not torch.equal(first["image"], batch["image"])
    plain = ChipDataModule(folder, BatchOptions(augment="none"))
    assert torch.equal(plain.augmented(batch)["image"], batch["image"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"augment": "wild"}, "augmentation"),
        ({"draw": "odd"}, "draw"),
        ({"crop_size": 128}, "crop size"),
        ({"crop_size": 33}, "crop size"),
        ({"devices": 5}, "4 validation chips for 5 devices.*--devices 4"),
    ],
)
def test_options_that_cannot_be(folder, options, message):
    with pytest.raises(InputError, match=message):
        ChipDataModule(folder, BatchOptions(**options))


def test_the_shift_says_how_much_more_often_the_crops_show_a_class(folder):
    module = ChipDataModule(folder, BatchOptions(batch_size=16, crop_size=32))
    shift = np.array(module.logit_shift())
    pixels = np.array([folder.class_pixels("train")[value] for value in folder.classes.values])
    drawn = np.zeros(2)
    for batch in module.train_dataloader():
        mask = batch["mask"].numpy()
        drawn += np.bincount(mask[mask != 255], minlength=2)
    # Slums cover a quarter of the toy and more of the crops that are drawn around them.
    assert shift[1] > 0 > shift[0]
    expected = np.log(drawn / drawn.sum() / (pixels / pixels.sum()))
    assert shift == pytest.approx(expected, abs=0.05)


def test_there_is_no_shift_where_chips_are_drawn_evenly(folder):
    module = ChipDataModule(folder, BatchOptions(batch_size=4, crop_size=32, draw="even"))
    assert module.logit_shift() is None
