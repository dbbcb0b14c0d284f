"""Cities that a small model tells apart by their stripes, and that model, without training."""

import datetime

import numpy as np
import pandas as pd
import rasterio
import torch

from geocity.core.cities.contract import CityContract
from geocity.data.cities.patches import CityPatchDataset, patch_rows
from geocity.io.cities.manifest import City, CityFolder, read_city_folder, write_city_folder
from geocity.io.cities.packages import write_city_package
from geocity.models.cities.inference import CityModel, predict_patches
from geocity.models.cities.networks import make_city_network
from geocity.models.networks import network_weights

SIDE, PATCH = 96, 32
CITIES = (City("ALA", "Almaty"), City("FRU", "Bishkek"), City("CIT", "Shymkent"))
PARTS = ("train", "train", "val", "test", "test")
"""Of the sites of a city."""


def city_picture(city, rng, side=SIDE, tint=(1.0, 1.0, 1.0)):
    """Stripes along, across, or both, with noise: uint8 (3, side, side)."""
    rows, cols = np.mgrid[:side, :side] + rng.integers(0, 8)
    plan = (rows // 4 % 2, cols // 4 % 2, (rows // 4 + cols // 4) % 2)[city]
    grey = 90 + 70 * plan + rng.normal(0, 75, (side, side))
    return np.clip(grey * np.array(tint)[:, None, None], 0, 255).astype(np.uint8)


def write_png(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    shape = {"count": 3, "height": pixels.shape[1], "width": pixels.shape[2], "dtype": "uint8"}
    with rasterio.open(path, "w", driver="PNG", **shape) as dataset:
        dataset.write(pixels)


def write_toy_cities(root, cities=CITIES, dates=True):
    """Write images and a city folder; return the folder's path."""
    rng = np.random.default_rng(0)
    images, patches = [], []
    for city, about in enumerate(cities):
        for site, part in enumerate(PARTS):
            for number in range(2):
                key = f"{about.code}/{site}/{about.code}_{number}"
                path = root / "raw" / f"{key}.png"
                write_png(path, city_picture(min(city, 2), rng))
                later = datetime.date(2016 + 2 * (site == 4), 6, 1)
                images.append(
                    {
                        "key": key, "city": city, "site": str(site), "path": str(path),
                        "rows": SIDE, "cols": SIDE, "bands": 3, "dtype": "uint8",
                        "cell_size_m": 0.5, "georeferenced": False,
                        "date": later if dates else None, "broken": False, "reason": "",
                        "unit": f"{about.code}/{site}", "placed": "", "crs": "", "west": np.nan,
                        "south": np.nan, "east": np.nan, "north": np.nan,
                    }
                )  # fmt: skip
                patches += [
                    {
                        "image": len(images) - 1, "city": city, "site": str(site), "row": row,
                        "col": col, "side": PATCH, "part": part, "fold": 0, "sampled": True,
                    }
                    for row in range(0, SIDE, PATCH)
                    for col in range(0, SIDE, PATCH)
                ]  # fmt: skip
    tables = (pd.DataFrame(images), pd.DataFrame(patches))
    folder = CityFolder(root, cities, *tables, 16.0, {"how": "sites", "seed": 0})
    return write_city_folder(root / "prepared", folder)


def write_toy_model(path, prepared, cities=CITIES):
    """Write a model whose head was fitted to random features of the training patches."""
    contract = CityContract(
        backbone="resnet10t",
        cities=tuple((city.code, city.name) for city in cities),
        bands=("Red", "Green", "Blue"),
        dtype="uint8",
        value_range=(0.0, 255.0),
        patch_m=16.0,
        cell_size_m=0.5,
        input_px=32,
        mean=(0.5, 0.5, 0.5),
        std=(0.2, 0.2, 0.2),
        metrics={"colour histograms alone, balanced accuracy": {"test": 0.35}},
    )
    torch.manual_seed(0)
    network = make_city_network(contract.backbone, bands=3, cities=len(cities)).eval()
    folder = read_city_folder(prepared)
    model = CityModel(contract, network)
    found = predict_patches(
        model, CityPatchDataset(folder, patch_rows(folder, "train"), side_px=32), batch_size=64
    )
    known = found.labels < len(cities)
    features, labels = found.embeddings[known], found.labels[known]
    centre, spread = features.mean(axis=0), features.std(axis=0) + 1e-6
    scaled = (features - centre) / spread
    wanted = 6.0 * np.eye(len(cities))[labels]
    ridge = scaled.T @ scaled + 5.0 * np.eye(scaled.shape[1])
    weight = np.linalg.solve(ridge, scaled.T @ (wanted - wanted.mean(axis=0))) / spread[:, None]
    with torch.no_grad():
        network.fc.weight.copy_(torch.from_numpy(weight.T))
        network.fc.bias.copy_(torch.from_numpy(wanted.mean(axis=0) - centre @ weight))
    return write_city_package(path, contract, network_weights(network))
