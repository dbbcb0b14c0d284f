"""``geocity evaluate``."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from geocity.cli.console import Console
from geocity.cli.label_options import class_field_option, class_values_option
from geocity.cli.model_options import device_option
from geocity.cli.options import PATH, out_option, overwrite_option, tool_command

if TYPE_CHECKING:
    from geocity.tools.evaluate import Evaluation


@tool_command("evaluate")
@click.argument("model", required=False, type=PATH)
@click.argument("chips", required=False, type=PATH)
@out_option("the folder of tables and figures")
@click.option(
    "--split",
    type=click.Choice(["test", "val", "train"]),
    default="test",
    show_default=True,
    help="Which part of the chips.",
)
@click.option("--scene", type=PATH, help="Classify this scene and compare it with --labels.")
@click.option("--classes", type=PATH, help="Compare this class raster with --labels.")
@click.option("--labels", type=PATH, help="Outlines or a classified raster: the truth.")
@class_field_option
@class_values_option
@click.option("--labelled-area", type=PATH, help="Polygons; outside, nothing is counted.")
@click.option(
    "--tolerance",
    "tolerance_m",
    type=float,
    default=5.0,
    show_default=True,
    metavar="METRES",
    help="How far a border may lie from the true one.",
)
@device_option
@overwrite_option
def command(
    console: Console,
    model: Path | None,
    chips: Path | None,
    scene: Path | None,
    classes: Path | None,
    labels: Path | None,
    **options: object,
) -> None:
    """Say how good a model or a map is, class by class.

    MODEL and CHIPS compare a model with chips it was not trained on; MODEL, --scene and --labels
    with a whole scene; --classes and --labels compare a map that is there already (add --scene
    for pictures of it).

    Precision, recall, F1, IoU, area and borders are given for each class. What Esri's sample
    called accuracy was the recall of labelled pixels alone: painting everything slum scores 1.0
    on it, so it is not given.

    \b
    Example:
      geocity evaluate geocity-demo/slums.geocity geocity-demo/chips -o evaluation
      geocity evaluate geocity-demo/slums.geocity --scene sample_data/scene_2025.tif \\
        --labels sample_data/slums_2025.gpkg -o evaluation_2025
    """  # noqa: D301 - click wants the character
    result = _evaluate(console, model, chips, scene, classes, labels, options)
    if console.as_json:
        console.result(dict(result.report))
    else:
        console.result(result.table)
        console.result(result.folder)


def _evaluate(
    console: Console,
    model: Path | None,
    chips: Path | None,
    scene: Path | None,
    classes: Path | None,
    labels: Path | None,
    options: Mapping[str, object],
) -> "Evaluation":
    from geocity.tools.classify import ClassifyOptions
    from geocity.tools.evaluate import evaluate
    from geocity.tools.evaluate_map import TruthOptions, evaluate_map, evaluate_scene

    wanted = {"out": options["out"], "overwrite": options["overwrite"]}
    wanted["progress"] = console.progress
    names = ("class_field", "class_values", "labelled_area", "tolerance_m")
    truth = TruthOptions(**{name: options[name] for name in names})  # type: ignore[arg-type]
    device = str(options["device"])
    if chips is not None:
        if model is None or scene or classes or labels:
            raise click.UsageError("CHIPS go with MODEL alone, without --scene and --labels.")
        chosen = {"split": options["split"], "tolerance_m": options["tolerance_m"]}
        return evaluate(model, chips, device=device, **chosen, **wanted)  # type: ignore[arg-type]
    if labels is None:
        raise click.UsageError("Name MODEL and CHIPS, or --labels with --scene or --classes.")
    if classes is not None:
        if model is not None:
            raise click.UsageError("--classes is a map that is made: leave MODEL out.")
        return evaluate_map(classes, labels, scene=scene, truth=truth, **wanted)  # type: ignore[arg-type]
    if model is None or scene is None:
        raise click.UsageError("--labels need MODEL with --scene, or --classes.")
    how = ClassifyOptions(device=device)
    return evaluate_scene(model, scene, labels, truth=truth, options=how, **wanted)  # type: ignore[arg-type]
