"""The classification task: TorchGeo's, with networks, measures and schedule of our own."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.optim import AdamW
from torchgeo.trainers import ClassificationTask
from torchmetrics.classification import MulticlassConfusionMatrix

from geocity.models.cities.networks import adopt_backbone, make_city_network
from geocity.models.networks import Weights
from geocity.models.segmentation import by_decay, channels_last, log_per_epoch, one_cycle

SCHEDULES = ("one-cycle", "constant")


@dataclass(frozen=True, slots=True)
class CityTaskOptions:
    """What is trained, and how.

    Attributes:
        backbone: name of the network.
        bands: number of bands.
        cities: number of cities.
        rate: highest learning rate.
        schedule: one of `SCHEDULES`.
        weight_decay: of AdamW, on kernels alone; AdamW without it is Adam.
        seed: chance inside the network (dropout) comes from it and the epoch.
    """

    backbone: str
    bands: int
    cities: int
    rate: float
    schedule: str = "one-cycle"
    weight_decay: float = 0.0
    seed: int = 0


class CityTask(ClassificationTask):
    """Trains a network to name the city of a patch.

    It logs ``train_loss``, ``train_accuracy``, ``val_loss`` and ``val_accuracy``, each once an
    epoch. The validation accuracy is balanced: the mean over cities of the share named rightly.

    Args:
        options: what is trained, and how.
        start: ``imagenet``, arrays to start from, or None for random weights.
        start_name: what to call the arrays in messages.
    """

    ignore: Sequence[str] | str | None = ("weights", "options", "start", "start_name")

    def __init__(
        self,
        options: CityTaskOptions,
        start: Weights | str | None = None,
        start_name: str = "weights",
    ) -> None:
        self.options = options
        self._start, self._start_name = start, start_name
        super().__init__(
            model=options.backbone,
            in_channels=options.bands,
            num_classes=options.cities,
            lr=options.rate,
        )

    def configure_models(self) -> None:
        """Make the network and give its backbone the weights to start from."""
        options = self.options
        self.model = make_city_network(
            options.backbone,
            bands=options.bands,
            cities=options.cities,
            imagenet=self._start == "imagenet",
        )
        if self._start is not None and not isinstance(self._start, str):
            adopt_backbone(self.model, options.cities, self._start, source=self._start_name)
        self._start = None  # they are big, and the network has them now

    def configure_metrics(self) -> None:
        """Make the confusion matrix from which the accuracy comes."""
        self.val_confusion = MulticlassConfusionMatrix(self.options.cities)

    def on_train_epoch_start(self) -> None:
        """Make chance inside the network depend on seed and epoch alone."""
        torch.manual_seed(self.options.seed * 1_000_003 + self.current_epoch)

    def training_step(self, batch: Any, batch_idx: int, dataloader_idx: int = 0) -> Tensor:
        """Return the loss of a batch."""
        logits = self(channels_last(batch["image"]))
        loss: Tensor = self.criterion(logits, batch["label"])
        hits = (logits.argmax(1) == batch["label"]).float().mean()
        log_per_epoch(self, "train_loss", loss, batch)
        log_per_epoch(self, "train_accuracy", hits, batch)
        return loss

    def validation_step(self, batch: Any, batch_idx: int, dataloader_idx: int = 0) -> None:
        """Count a batch in."""
        logits = self(channels_last(batch["image"]))
        self.val_confusion.update(logits.argmax(1), batch["label"])
        log_per_epoch(self, "val_loss", self.criterion(logits, batch["label"]), batch)

    def on_validation_epoch_end(self) -> None:
        """Log the balanced accuracy; the matrix is summed over all ranks first."""
        matrix = self.val_confusion.compute().double()
        self.val_confusion.reset()
        accuracy = (matrix.diagonal() / matrix.sum(1)).nanmean().nan_to_num(0.0)
        self.log("val_accuracy", accuracy.float(), rank_zero_only=False)

    def configure_optimizers(self) -> Any:
        """Return AdamW, with a one-cycle schedule or a rate that stays."""
        options = self.options
        groups = [
            {"params": members, "weight_decay": decay}
            for decay, members in by_decay(list(self.model.parameters()), options.weight_decay)
        ]
        optimizer = AdamW(groups, lr=options.rate)
        if options.schedule == "constant":
            return optimizer
        steps = int(self.trainer.estimated_stepping_batches)
        schedule = one_cycle(optimizer, [options.rate] * len(groups), steps)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def city_epoch_line(row: dict[str, float], epochs: int) -> str:
    """Say in a line what an epoch brought.

    Example:
        >>> city_epoch_line({"epoch": 3, "train_loss": 0.31, "train_accuracy": 0.9,
        ...                  "val_loss": 0.4, "val_accuracy": 0.77}, 25)
        'epoch 3 of 25: loss 0.310, accuracy 0.900; validation loss 0.400, accuracy 0.770'
    """
    return (
        f"epoch {row['epoch']:.0f} of {epochs}: loss {row['train_loss']:.3f}, "
        f"accuracy {row['train_accuracy']:.3f}; validation loss {row['val_loss']:.3f}, "
        f"accuracy {row['val_accuracy']:.3f}"
    )
