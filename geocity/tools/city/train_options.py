"""What a user may choose about training a city model, checked when it is made."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from geocity.errors import InputError
from geocity.tools.option_checks import refuse_below, refuse_unknown
from geocity.tools.train_options import portable_values

BANDS = ("red", "green", "blue")
# Of pixels divided by 255, as torchvision and timm give them.
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

AUGMENTS = ("strong", "light", "flips", "none")
NORMALISATIONS = ("patch", "imagenet")
SCHEDULES = ("one-cycle", "constant")
MONITORS = ("accuracy", "loss")


@dataclass(frozen=True, slots=True)
class CityTrainOptions:
    """Every choice about a training run, with the default and its reason.

    Attributes:
        epochs: passes over the training patches.
        lr: highest learning rate.
        backbone: ``resnet50`` as in DL-SLICER, or any other of timm or TorchGeo.
        weights: where the backbone starts: ``none``, ``imagenet``, a TorchGeo weights name, or a
            file (safetensors, a torch state_dict, a geocity model).
        batch_size: patches in a batch, on each device.
        input_px: side of what the network sees; patches are resized to it.
        normalise: ``patch`` standardises each patch by itself, band by band, so that the light
            of a date says nothing; ``imagenet`` takes the fixed numbers of pretrained networks.
        augment: ``light`` flips, turns and zooms; ``strong`` also changes tone, colour and
            sharpness as another date or camera would, and wants many more epochs; ``flips`` is
            DL-SLICER's; ``none``.
        schedule: ``one-cycle`` ends at a rate of almost nothing; ``constant`` as in DL-SLICER.
        weight_decay: of AdamW, on kernels alone; without it AdamW is Adam.
        fold: which fold of the folder's split to train on.
        leave_out: codes or names of cities that the model must never see: `geocity.city.evaluate`
            on the same folder then measures how well truly unknown cities are noticed.
        monitor: what chooses the best epoch: ``accuracy`` (balanced) or ``loss``.
        patience: epochs without improvement after which training stops; 0 goes to the end.
        seed: all chance comes from it.
        device: ``auto``, ``cpu`` or ``cuda``.
        devices: how many of them work together.
        precision: ``auto`` takes bfloat16 where the device computes it itself; ``32``, ``bf16``,
            ``16``.
        tensorboard: folder for a TensorBoard log.
    """

    epochs: int = 30
    lr: float = 2e-3
    backbone: str = "resnet50"
    weights: str = "none"
    batch_size: int = 32
    input_px: int = 224
    normalise: str = "patch"
    augment: str = "light"
    schedule: str = "one-cycle"
    weight_decay: float = 5e-2
    fold: int = 0
    leave_out: tuple[str, ...] = ()
    monitor: str = "accuracy"
    patience: int = 0
    seed: int = 0
    device: str = "auto"
    devices: int = 1
    precision: str = "auto"
    tensorboard: Path | None = None

    def __post_init__(self) -> None:
        refuse_below(self, epochs=1, batch_size=2, devices=1, patience=0, fold=0, seed=0)
        if not 32 <= self.input_px <= 4096:
            raise InputError(f"input_px is {self.input_px}; give 32 to 4096 pixels")
        if not 0 < self.lr <= 10:
            raise InputError(f"the learning rate {self.lr} must lie above 0 and up to 10")
        if not 0 <= self.weight_decay <= 10:
            raise InputError(f"the weight decay {self.weight_decay} must lie between 0 and 10")
        refuse_unknown(
            self, normalise=NORMALISATIONS, augment=AUGMENTS, schedule=SCHEDULES, monitor=MONITORS
        )

    def to_json(self) -> dict[str, Any]:
        """Return what shapes the result, without what belongs to one computer."""
        return portable_values({**asdict(self), "leave_out": list(self.leave_out)})


PRESETS: Mapping[str, CityTrainOptions] = MappingProxyType(
    {
        "geocity": CityTrainOptions(),
        # Bissarinova et al. 2024, as coded: Adam 1e-3 without decay or schedule, 100 epochs of
        # batches of 128, patches of 224 with flips, ImageNet's weights and normalisation.
        "dl-slicer": CityTrainOptions(
            epochs=100,
            lr=1e-3,
            weights="imagenet",
            batch_size=128,
            normalise="imagenet",
            augment="flips",
            schedule="constant",
            weight_decay=0.0,
        ),
    }
)
"""Whole sets of options by name; both draw every city equally often."""
