"""What a training run leaves in its model file: the contract, made of chips, options and result."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from geocity.core.model_contract import ModelContract
from geocity.io.chip_footprint import chip_footprint
from geocity.io.chips import ChipFolder
from geocity.io.library_versions import versions_with
from geocity.tools.train_options import TrainOptions

if TYPE_CHECKING:
    from geocity.data.module import ChipDataModule
    from geocity.models.training import RunResult

_PACKAGES = ("torch", "torchgeo", "lightning", "segmentation-models-pytorch", "kornia")


def training_contract(
    data: "ChipDataModule", options: TrainOptions, result: "RunResult"
) -> ModelContract:
    """Write down everything that a user of the model has to know.

    Args:
        data: what it was trained on.
        options: how, with everything settled.
        result: what came out.
    """
    folder, normalisation = data.folder, data.normalisation
    contract = ModelContract(
        architecture=options.architecture,
        encoder=options.encoder,
        bands=folder.band_names,
        dtype=folder.dtype.name,
        value_range=normalisation.value_range,
        cell_size_m=folder.cell_size_m,
        classes=folder.classes,
        scale=normalisation.scale,
        mean=normalisation.mean,
        std=normalisation.std,
        split=_split(folder),
        metrics={"validation": _measures(result)},
        footprint=chip_footprint(folder.split("train")),
        options=options.to_json(),
        seed=options.seed,
        versions=versions_with(*_PACKAGES),
    )
    return replace(contract, temperature=_temperature(data, contract, result, options.device))


def _temperature(
    data: "ChipDataModule", contract: ModelContract, result: "RunResult", device: str
) -> float:
    """Return what makes the model's probabilities honest on the validation part."""
    from geocity.core.calibration import fit_temperature
    from geocity.models.networks import build_network
    from geocity.models.training import validation_logits

    network = build_network(contract)
    network.load_state_dict(result.state)
    logits, truth = validation_logits(network, data, device)
    return round(fit_temperature(logits, truth), 4)


def _split(folder: ChipFolder) -> dict[str, Any]:
    parts = {"train": "training chips", "val": "validation chips", "test": "test chips"}
    names = {c.value: c.name for c in folder.classes}
    pixels = {names[value]: count for value, count in folder.class_pixels("train").items()}
    counts: dict[str, Any] = {text: len(folder.split(part)) for part, text in parts.items()}
    return {**counts, "training pixels": pixels}


def _measures(result: "RunResult") -> dict[str, float]:
    names = {"val_miou": "mean IoU", "val_loss": "loss"}
    measures: dict[str, float] = {"epoch": int(result.best["epoch"])}
    for name, value in result.best.items():
        if name.startswith("val_"):
            text = names.get(name, name.replace("val_iou/", "IoU of "))
            measures[text] = round(value, 6)
    return measures
