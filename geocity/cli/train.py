"""`geocity train`: a network from chips."""

from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any, Literal

import click

from geocity.cli.model_options import device_option
from geocity.cli.options import (
    PATH,
    options_of,
    out_option,
    overwrite_option,
    seed_option,
    tool_command,
)
from geocity.tools.train_options import TrainOptions

_option = options_of(TrainOptions())


def _rate(ctx: click.Context, param: click.Parameter, value: str) -> float | Literal["auto"]:
    if value == "auto":
        return "auto"
    try:
        return float(value)
    except ValueError:
        raise click.BadParameter(f"{value!r} is neither a number nor auto") from None


def network_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that `train` and `find-lr` share."""
    for option in reversed(_NETWORK):
        function = option(function)
    return function


def train_options(values: dict[str, Any]) -> TrainOptions:
    """Take the options of `TrainOptions` out of a command's values."""
    names = {f.name for f in fields(TrainOptions)}
    return TrainOptions(**{name: values.pop(name) for name in names & set(values)})


_NETWORK = (
    _option("architecture", "Network: unet or another of segmentation-models-pytorch."),
    _option(
        "encoder",
        "Encoder: compact, resnet34, another of theirs, or tu-NAME for any of timm; auto: what "
        "the weights are for, else compact.",
    ),
    _option(
        "weights", "Where the encoder starts: none, imagenet, a TorchGeo weights name, a file."
    ),
    _option("loss", "ce, focal, dice, lovasz, or a sum such as ce+dice or 0.7*ce+0.3*lovasz."),
    _option("class_weights", "Weigh classes.", type=click.Choice(["none", "balanced"])),
    _option("augment", "How much to vary chips.", type=click.Choice(["strong", "light", "none"])),
    _option(
        "draw",
        "focused: more crops of built-up land and of wanted classes; even: all chips alike.",
        type=click.Choice(["focused", "even"]),
    ),
    _option("batch_size", "Crops in a batch, on each device.", type=int),
    _option("crop_size", "Side of training crops in pixels; 0: about 150 m.", type=int),
    seed_option,
    device_option,
    _option(
        "precision",
        "auto: bfloat16 where the device computes it itself.",
        type=click.Choice(["auto", "32", "bf16", "16"]),
    ),
)


@tool_command("train")
@click.argument("chips", type=PATH)
@out_option("the model file (.geocity)")
@_option("epochs", "Passes over the training chips.", type=int)
@_option(
    "lr",
    "Highest learning rate, or auto: find it by a test first.",
    default=str(TrainOptions().lr),
    callback=_rate,
    metavar="auto|RATE",
)
@network_options
@_option(
    "monitor",
    "Which epoch is kept: last, or the best by miou, loss, or a class's name for its IoU.",
)
@_option("patience", "Stop after so many epochs without improvement; 0: never.", type=int)
@_option(
    "freeze_epochs",
    "Epochs for which the encoder stays as it is.  [default: a fifth with learnt weights, else 0]",
    type=int,
)
@_option("devices", "How many GPUs (or processes on the CPU) work together.", type=int)
@_option("tensorboard", "Folder for a TensorBoard log.", type=PATH)
@click.option("--resume", is_flag=True, help="Go on after the last whole epoch of a stopped run.")
@overwrite_option
def command(
    console: Any, chips: Path, out: Path, resume: bool, overwrite: bool, **values: Any
) -> None:
    """Train a network on chips and write it as one model file.

    The file holds weights, bands, cell size, normalisation, classes and quality, and a card that
    a person can read. Log and curves are kept in a folder beside it.

    \b
    Example:
      geocity train geocity-demo/chips -o slums.geocity --encoder resnet18 --epochs 5
    """  # noqa: D301 - click wants the character
    from geocity.tools.train import train

    console.result(
        train(
            chips,
            out=out,
            options=train_options(values),
            resume=resume,
            overwrite=overwrite,
            progress=console.progress,
        )
    )
