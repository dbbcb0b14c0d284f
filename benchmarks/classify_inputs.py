"""Scenes and models for the classification benchmarks, generated; no file is shipped."""

from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from rasterio.windows import Window

from geocity.core.classes import ClassTable
from geocity.core.model_contract import ModelContract
from geocity.io.model_packages import write_model

_STRIP = 512


def write_scene(path: Path, rows: int, cols: int) -> Path:
    """Write a textured RGB scene, tiled and deflated, strip by strip."""
    rng = np.random.default_rng(0)
    patch = rng.integers(0, 256, (3, 64, 64)).astype(np.uint8)
    coarse = patch.repeat(8, axis=1).repeat(8, axis=2)  # (3, 512, 512)
    wide = np.tile(coarse, (1, 1, -(-cols // 512)))[:, :, :cols]
    profile = {
        "driver": "GTiff",
        "width": cols,
        "height": rows,
        "count": 3,
        "dtype": "uint8",
        "crs": "EPSG:32643",
        "transform": Affine(0.565, 0, 275744, 0, -0.565, 2116329),
        "tiled": True,
        "blockxsize": 512,
        "blockysize": 512,
        "compress": "deflate",
        "photometric": "RGB",
    }
    with rasterio.open(path, "w", **profile) as target:
        for top in range(0, rows, _STRIP):
            height = min(_STRIP, rows - top)
            grain = rng.integers(0, 8, (3, height, cols)).astype(np.uint8)
            pixels = wide[:, :height] // 2 + grain
            target.write(pixels, window=Window(0, top, cols, height))
    return path


def contract(encoder: str) -> ModelContract:
    """Return the contract of a network for such a scene."""
    return ModelContract(
        architecture="unet",
        encoder=encoder,
        bands=("Red", "Green", "Blue"),
        dtype="uint8",
        value_range=(0.0, 255.0),
        cell_size_m=0.565,
        classes=ClassTable.named(["background", "slum"]),
        scale=255.0,
        mean=(0.26, 0.26, 0.26),
        std=(0.15, 0.15, 0.15),
    )


def write_network(path: Path, encoder: str) -> Path:
    """Write a U-Net with random weights."""
    import torch

    from geocity.models.networks import build_network, network_weights

    torch.manual_seed(0)
    agreed = contract(encoder)
    return write_model(path, agreed, network_weights(build_network(agreed)))
