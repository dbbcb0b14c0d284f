"""What a city model leaves of its training: how good it was, and its contract."""

import logging
from typing import TYPE_CHECKING, Any

import numpy as np

from geocity.core.cities.acquisitions import other_date
from geocity.core.cities.city_split import SAME_DATE
from geocity.core.cities.contract import CityContract
from geocity.core.cities.scores import balanced_accuracy
from geocity.core.progress import Progress
from geocity.io.library_versions import versions_with
from geocity.tools.city.train_options import BANDS, IMAGENET_MEAN, IMAGENET_STD, CityTrainOptions

if TYPE_CHECKING:
    from geocity.data.cities.module import CityDataModule
    from geocity.data.cities.patches import CityPatchDataset
    from geocity.models.training import RunResult

logger = logging.getLogger(__name__)

_PACKAGES = ("torch", "torchgeo", "lightning", "timm")

COLOUR_BASELINE = "colour histograms alone, balanced accuracy"
"""Names what colour alone reaches, among the measures of a model file."""

Measures = dict[str, dict[str, float]]


def split_counts(data: "CityDataModule") -> dict[str, Any]:
    """Return what training and validation held."""
    return {
        "cities": len(data.folder.cities),
        "training patches": len(data.train_patches),
        "validation patches": len(data.val_patches),
        "split": str(data.folder.split.get("how", "")),
    }


def _held_out(data: "CityDataModule") -> dict[str, "CityPatchDataset"]:
    """Return the patches that training never saw: by part, and by whether it saw their date."""
    from geocity.data.cities.patches import CityPatchDataset, patch_rows

    folder, options = data.folder, data.options
    images = folder.patches["image"].to_numpy()
    trained = np.unique(images[data.train_patches.rows])
    parts = {
        "validation": data.val_patches.rows,
        "test": patch_rows(folder, "test", options.fold),
        "test places, training's date": patch_rows(folder, SAME_DATE, options.fold),
    }
    held_out = np.concatenate([np.array(rows, np.int64) for rows in parts.values()])
    other = other_date(folder.images, trained, images[held_out])
    parts["another date"] = held_out[other].tolist()
    return {
        name: CityPatchDataset(
            folder, rows, side_px=options.input_px, cache_bytes=options.cache_bytes
        )
        for name, rows in parts.items()
        if rows
    }


def colour_alone(data: "CityDataModule", options: CityTrainOptions, progress: Progress) -> Measures:
    """Measure how far colour histograms go on the patches that training does not see."""
    from geocity.models.cities.colour_baseline import colour_accuracy

    accuracy = colour_accuracy(
        data.train_patches, _held_out(data), seed=options.seed, progress=progress
    )
    logger.info(
        "Colour histograms alone name %s; chance would name %.3f.",
        ", ".join(f"{value:.3f} of the patches ({part})" for part, value in accuracy.items()),
        1 / len(data.folder.cities),
    )
    return {COLOUR_BASELINE: accuracy}


def city_measures(
    data: "CityDataModule", options: CityTrainOptions, result: "RunResult", progress: Progress
) -> Measures:
    """Measure the best epoch on every group of patches that training never saw."""
    from geocity.models.cities.inference import CityModel, predict_patches
    from geocity.models.cities.networks import build_city_network

    contract = city_contract(data, options, {})
    network = build_city_network(contract)
    network.load_state_dict(result.state)
    model = CityModel(contract, network, device=options.device)
    accuracy = {}
    for name, patches in _held_out(data).items():
        seen = predict_patches(model, patches, batch_size=options.batch_size, progress=progress)
        accuracy[name] = round(balanced_accuracy(seen.labels, seen.logits.argmax(1)), 6)
    validation = {"epoch": int(result.best["epoch"]), "loss": round(result.best["val_loss"], 6)}
    return {"validation": validation, "balanced accuracy": accuracy}


def city_contract(
    data: "CityDataModule", options: CityTrainOptions, metrics: Measures
) -> CityContract:
    """Write down everything that a user of the model has to know."""
    folder = data.folder
    rows = folder.patches["image"].iloc[data.train_patches.rows]
    cells = folder.images["cell_size_m"].iloc[rows.unique()].dropna()
    return CityContract(
        backbone=options.backbone,
        cities=tuple((city.code, city.name) for city in folder.cities),
        bands=BANDS,
        dtype="uint8",
        value_range=(0.0, 255.0),
        patch_m=folder.patch_m,
        cell_size_m=float(cells.median()) if len(cells) else None,
        input_px=options.input_px,
        mean=IMAGENET_MEAN,
        std=IMAGENET_STD,
        per_image=options.normalise == "patch",
        split=split_counts(data),
        metrics=metrics,
        options=options.to_json(),
        seed=options.seed,
        versions=versions_with(*_PACKAGES),
    )
