"""A chip folder that a small network learns in seconds: bright rough squares on smooth ground."""

from pathlib import Path

import numpy as np
import pyproj
from affine import Affine

from geocity.core.classes import ClassTable
from geocity.core.grid import Grid, Window
from geocity.io.chip_writer import ChipFolderPlan, ChipFolderWriter, ChipPlace

SIZE = 64


def write_toy_chips(folder: Path, *, train: int = 12, val: int = 4, bands: int = 3) -> Path:
    """Write a folder of toy chips; slums are rough, and as bright as the rest on average."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    scene = Grid(pyproj.CRS(32643), Affine(0.8, 0, 270000, 0, -0.8, 2100000), (SIZE, SIZE * 99))
    names = ("red", "green", "blue", "nir", "swir")[:bands]
    plan = ChipFolderPlan(ClassTable.named(["background", "slum"]), names, np.dtype("uint8"), SIZE)
    writer = ChipFolderWriter(folder, plan)
    for index in range(train + val):
        window = Window(0, index * SIZE, SIZE, SIZE)
        label = np.zeros((SIZE, SIZE), np.uint8)
        row, col = rng.integers(0, SIZE // 2, 2)
        label[row : row + SIZE // 2, col : col + SIZE // 2] = 1
        rough = rng.normal(0, 45, (SIZE, SIZE)) * (label == 1)
        ground = 110 + rng.normal(0, 4, (bands, SIZE, SIZE))
        pixels = np.clip(ground + rough, 0, 255).astype(np.uint8)
        valid = np.ones((SIZE, SIZE), bool)
        valid[:3] = index % 3 > 0
        label[~valid] = 255
        split = "train" if index < train else "val"
        writer.add(pixels, valid, label, ChipPlace(scene[window], split, "toy", window))
    writer.finish({"method": "by hand"})
    return folder
