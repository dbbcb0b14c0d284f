"""What a user may choose about training, checked when it is made."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from geocity.core.classes import ClassTable
from geocity.errors import InputError
from geocity.tools.option_checks import refuse_below


@dataclass(frozen=True, slots=True)
class TrainOptions:
    """Every choice about a training run, with the default and its reason.

    Attributes:
        epochs: passes over the training chips; 25 as in Esri's slum sample.
        lr: highest learning rate, or ``auto`` for the range test of `find_lr`.
        architecture: ``unet`` or another of segmentation-models-pytorch.
        encoder: ``compact``, ``resnet34``, another encoder of theirs, or ``tu-NAME`` for any of
            timm; ``auto`` takes what the weights are for, and from random weights `compact`, which
            few outlines can teach and which is six times as fast as ``resnet34``.
        weights: where the encoder starts: ``none``, ``imagenet``, a TorchGeo weights name, or a
            file (safetensors, a torch state_dict, a geocity model).
        loss: ``ce``, ``focal``, ``dice``, ``lovasz`` or a weighted sum such as ``ce+dice``.
        batch_size: crops in a batch, on each device.
        crop_size: side of the training crops in pixels; 0 takes about 150 m on the ground, for
            encoders that see farther than `compact` 300 m, and 96 to 256 pixels.
        draw: ``focused`` draws a quarter of the crops from chips with a class other than the
            background, the rest the more often the rougher a chip looks, for false alarms
            come from built-up land that is rare among water and runways; ``even`` draws all
            chips alike.
        seed: all chance comes from it.
        device: ``auto``, ``cpu`` or ``cuda``.
        devices: how many of them work together.
        monitor: which epoch is kept: ``last``, as a one-cycle schedule is at its best at its end
            and few validation chips choose by luck; or the best one by ``miou``, ``loss``, or a
            class's name for its IoU.
        patience: epochs without improvement after which training stops; 0 goes to the end, which
            suits a one-cycle schedule, as it is at its best there.
        precision: ``auto`` takes bfloat16 where the device computes it itself; ``32``, ``bf16``,
            ``16``.
        freeze_epochs: epochs for which the encoder stays as it is; None means a fifth of the
            epochs for learnt weights and none for random ones.
        class_weights: ``balanced`` weighs classes by their rarity in the training chips.
        augment: ``light`` learns quickly; ``strong`` carries over to other dates and sensors and
            wants more epochs; ``none``.
        tensorboard: folder for a TensorBoard log.
    """

    epochs: int = 25
    lr: float | Literal["auto"] = 2e-3
    architecture: str = "unet"
    encoder: str = "auto"
    weights: str = "none"
    loss: str = "ce"
    batch_size: int = 16
    crop_size: int = 0
    seed: int = 0
    device: str = "auto"
    devices: int = 1
    monitor: str = "last"
    patience: int = 0
    precision: str = "auto"
    freeze_epochs: int | None = None
    class_weights: str = "none"
    augment: str = "light"
    draw: str = "focused"
    tensorboard: Path | None = None

    def __post_init__(self) -> None:
        refuse_below(self, epochs=1, batch_size=1, devices=1, patience=0, crop_size=0, seed=0)
        if self.lr != "auto" and not 0 < self.lr <= 10:
            raise InputError(
                f"the learning rate {self.lr} must lie above 0 and up to 10, or be auto"
            )
        if self.patience and self.monitor == "last":
            raise InputError(
                f"patience {self.patience} needs a measure that may improve; monitor miou, loss or "
                "a class"
            )
        if self.class_weights not in ("none", "balanced"):
            raise InputError(f"class weights are none or balanced, not {self.class_weights!r}")
        if self.freeze_epochs is not None and not 0 <= self.freeze_epochs <= self.epochs:
            raise InputError(f"freeze_epochs must lie between 0 and {self.epochs} epochs")

    def to_json(self) -> dict[str, Any]:
        """Return what shapes the result, without what belongs to one computer."""
        return portable_values(asdict(self))

    def frozen_epochs(self) -> int:
        """Return for how many epochs the encoder stays as it is."""
        if self.freeze_epochs is not None:
            return self.freeze_epochs
        return 0 if self.weights == "none" else max(1, self.epochs // 5)

    def monitored(self, classes: ClassTable) -> tuple[str, bool]:
        """Return the name of the monitored measure and whether its highest value is best.

        Raises:
            InputError: if it is neither ``last``, ``miou`` nor ``loss`` nor the name of a class.
        """
        if self.monitor == "last":
            return "epoch", True
        if self.monitor == "miou":
            return "val_miou", True
        if self.monitor == "loss":
            return "val_loss", False
        try:
            name = classes.by_name(self.monitor.removesuffix(" iou")).name
        except KeyError as error:
            raise InputError(
                f"cannot monitor {self.monitor!r}; expected last, miou, loss, or a class: "
                f"{', '.join(classes.names)}"
            ) from error
        return f"val_iou/{name}", True


def is_weight_file(weights: str) -> bool:
    """Tell whether weights are named by a file rather than by a word."""
    return weights not in ("none", "imagenet") and "_Weights." not in weights


def portable_values(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of a training run's options without what belongs to one computer."""
    kept = {name: value for name, value in values.items() if name != "tensorboard"}
    if is_weight_file(kept["weights"]):
        kept["weights"] = Path(kept["weights"]).name
    return kept
