"""Patches show the right pixels, whichever way their image is read."""

import pickle

import numpy as np
import torch

from geocity.data.cities.patches import CityPatchDataset, patch_rows
from geocity.io.cities.site_images import read_rgb
from tests.toy_cities import coded_pixels, toy_folder, write_picture


def test_patches_are_the_pixels_of_their_window(tmp_path):
    folder = toy_folder(tmp_path)
    dataset = CityPatchDataset(folder, [1, 2], side_px=20)
    assert len(dataset) == 2
    placed, plain = dataset[0], dataset[1]
    assert placed["image"].dtype == torch.float32
    assert placed["image"].shape == (3, 20, 20)
    assert placed["image"].numpy().tolist() == coded_pixels(60, 80, 1)[:, 10:30, 30:50].tolist()
    assert plain["image"].numpy().tolist() == coded_pixels(50, 50, 2)[:, 5:25, 7:27].tolist()
    assert [placed["label"], plain["label"]] == [0, 1]
    assert [placed["patch"], plain["patch"]] == [1, 2]
    assert [placed["image_index"], plain["image_index"]] == [0, 1]
    assert dataset.labels.tolist() == [0, 1]
    assert dataset.rows == [1, 2]


def test_patches_are_brought_to_one_size_without_aliasing(tmp_path):
    stripes = np.zeros((3, 50, 50), np.uint8)
    stripes[:, :, ::2] = 200  # finer than the sample can show: must become grey
    folder = toy_folder(tmp_path)
    write_picture(tmp_path / "images/B/NA/b.png", stripes)
    small = CityPatchDataset(folder, [2], side_px=5)[0]["image"]
    assert small.shape == (3, 5, 5)
    assert (small - 100).abs().max() < 12
    large = CityPatchDataset(folder, [2], side_px=40)[0]["image"]
    assert large.shape == (3, 40, 40)


def test_parts_and_folds(tmp_path):
    folder = toy_folder(tmp_path)
    assert patch_rows(folder, "train") == [0, 2]
    assert patch_rows(folder, "val") == [1]
    assert patch_rows(folder, "test") == []
    assert patch_rows(folder, "test", fold=1) == [3]


def test_memory_is_bounded_and_workers_get_no_open_files(tmp_path):
    folder = toy_folder(tmp_path)
    folder.images.loc[0, "placed"] = ""  # both images are decoded whole
    dataset = CityPatchDataset(folder, [0, 2, 0], side_px=20, cache_bytes=15_000)
    first = [sample["image"] for sample in map(dataset.__getitem__, range(3))]
    assert torch.equal(first[0], first[2])
    assert len(dataset._decoded) == 1
    twin = pickle.loads(pickle.dumps(dataset))
    assert not twin._decoded
    assert torch.equal(twin[1]["image"], first[1])


def test_grey_and_further_bands(tmp_path):
    from PIL import Image

    from tests.toy_cities import write_tif

    Image.fromarray(coded_pixels(9, 9)[0]).save(tmp_path / "grey.png")
    assert (read_rgb(str(tmp_path / "grey.png")) == coded_pixels(9, 9)[0]).all()
    four = np.concatenate([coded_pixels(9, 9, 7), np.full((1, 9, 9), 99, np.uint8)])
    write_tif(tmp_path / "four.tif", four)
    assert (read_rgb(str(tmp_path / "four.tif")) == four[:3]).all()
