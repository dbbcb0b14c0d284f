"""`geocity city train`: a network that names cities."""

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from geocity.cli.model_options import device_option
from geocity.cli.options import (
    PATH,
    options_of,
    out_option,
    overwrite_option,
    seed_option,
    tool_command,
)
from geocity.tools.city.train_options import (
    AUGMENTS,
    MONITORS,
    NORMALISATIONS,
    PRESETS,
    SCHEDULES,
    CityTrainOptions,
)

_option = options_of(CityTrainOptions())


def _chosen(preset: str, values: dict[str, Any]) -> CityTrainOptions:
    """Take the preset, and over it what was typed."""
    context = click.get_current_context()
    typed = {
        field.name: values[field.name]
        for field in fields(CityTrainOptions)
        if context.get_parameter_source(field.name) is ParameterSource.COMMANDLINE
    }
    return replace(PRESETS[preset], **typed)


@tool_command("train")
@click.argument("cities", type=PATH)
@out_option("the model file (.geocity)")
@click.option(
    "--preset",
    type=click.Choice(list(PRESETS)),
    default="geocity",
    show_default=True,
    help="dl-slicer: its settings instead of these defaults; what you type still counts.",
)
@_option("epochs", "Passes over the training patches.", type=int)
@_option("lr", "Highest learning rate.", type=float)
@_option("backbone", "Network: resnet50, or any other of timm or TorchGeo.")
@_option("weights", "Where it starts: none, imagenet, a TorchGeo weights name, a file.")
@_option("batch_size", "Patches in a batch, on each device.", type=int)
@_option("input_px", "Side of what the network sees; patches are resized to it.", type=int)
@_option(
    "normalise",
    "patch: each patch by itself, so that the light of a date says nothing; or fixed numbers.",
    type=click.Choice(NORMALISATIONS),
)
@_option("augment", "How much to vary patches.", type=click.Choice(AUGMENTS))
@_option("schedule", "How the learning rate goes.", type=click.Choice(SCHEDULES))
@_option("weight_decay", "Weight decay, on kernels alone.", type=float)
@_option("fold", "Which fold of the split to train on.", type=int)
@_option(
    "leave_out",
    "A city (code or name) that the model must never see; may be repeated. geocity city evaluate "
    "then measures how well truly unknown cities are noticed.",
    multiple=True,
)
@_option("monitor", "What chooses the best epoch.", type=click.Choice(MONITORS))
@_option("patience", "Stop after so many epochs without improvement; 0: never.", type=int)
@seed_option
@device_option
@_option("devices", "How many GPUs (or processes on the CPU) work together.", type=int)
@_option(
    "precision",
    "auto: bfloat16 where the device computes it itself.",
    type=click.Choice(["auto", "32", "bf16", "16"]),
)
@_option("tensorboard", "Folder for a TensorBoard log.", type=PATH)
@click.option(
    "--baseline",
    is_flag=True,
    help="Also say how far colour histograms alone go on the same patches, and on other dates.",
)
@click.option("--resume", is_flag=True, help="Go on after the last whole epoch of a stopped run.")
@overwrite_option
def command(
    console: Any,
    cities: Path,
    out: Path,
    preset: str,
    baseline: bool,
    resume: bool,
    overwrite: bool,
    **values: Any,
) -> None:
    """Train a network to name the city of a patch, and write it as one model file.

    Sites or dates that the folder's split holds out tell how good it is. Log and curves are kept
    in a folder beside the model.

    \b
    Example:
      geocity city train geocity-demo/cities/prepared -o cities.geocity \\
        --backbone resnet18 --input-px 64 --epochs 10
    """  # noqa: D301 - click wants the character
    from geocity.tools.city.train import train

    console.result(
        train(
            cities,
            out=out,
            options=_chosen(preset, values),
            baseline=baseline,
            resume=resume,
            overwrite=overwrite,
            progress=console.progress,
        )
    )
