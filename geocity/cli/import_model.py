"""``geocity import-model``."""

import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from geocity.cli.console import Console
from geocity.cli.options import PATH, names_by_comma, out_option, overwrite_option, tool_command

if TYPE_CHECKING:
    from geocity.core.classes import ClassTable

_CLASS = re.compile(r"(?:(?P<value>\d+):)?(?P<name>[^:#]+?)(?::#(?P<color>[0-9a-fA-F]{6}))?$")


def _numbers(
    _context: click.Context, _option: click.Parameter, value: str | None
) -> tuple[float, ...] | None:
    if value is None:
        return None
    try:
        return tuple(float(part) for part in value.split(","))
    except ValueError as error:
        raise click.BadParameter(f"{value!r} are not numbers separated by commas.") from error


def _range(
    context: click.Context, option: click.Parameter, value: str | None
) -> tuple[float, ...] | None:
    numbers = _numbers(context, option, value)
    if numbers is not None and len(numbers) != 2:
        raise click.BadParameter(f"{value!r} are not two numbers LOW,HIGH.")
    return numbers


def _classes(_context: click.Context, _option: click.Parameter, value: str) -> "ClassTable":
    """Read ``VALUE:NAME:#RRGGBB`` by comma; value and colour may be left out."""
    from geocity.core.classes import ClassTable, LandClass, default_color

    classes = []
    for number, part in enumerate(value.split(",")):
        found = _CLASS.match(part.strip())
        if found is None:
            raise click.BadParameter(f"{part!r} is no class such as slum or 1:slum:#e6004d.")
        position = number if found["value"] is None else int(found["value"])
        color = bytes.fromhex(found["color"]) if found["color"] else default_color(position)
        try:
            classes.append(LandClass(position, found["name"], (color[0], color[1], color[2])))
        except ValueError as error:
            raise click.BadParameter(f"{part!r}: {error}.") from error
    try:
        return ClassTable(tuple(classes))
    except ValueError as error:
        raise click.BadParameter(f"{value!r}: {error}.") from error


@tool_command("import-model")
@click.argument("weights", type=PATH)
@out_option("the model file (.geocity)")
@click.option(
    "--architecture",
    default="unet",
    metavar="NAME",
    show_default=True,
    help="As segmentation-models-pytorch names it.",
)
@click.option("--encoder", required=True, metavar="NAME", help="Such as resnet34 or tu-NAME.")
@click.option(
    "--classes",
    required=True,
    callback=_classes,
    metavar="NAMES",
    help="In the order of its outputs, by comma: background,slum or 0:background,1:slum:#e6004d.",
)
@click.option(
    "--bands",
    required=True,
    callback=names_by_comma,
    metavar="NAMES",
    help="In its order, by comma.",
)
@click.option(
    "--cell-size", "cell_size_m", required=True, type=float, metavar="METRES", help="Of a pixel."
)
@click.option(
    "--mean", required=True, callback=_numbers, metavar="NUMBERS", help="Per band, after --scale."
)
@click.option(
    "--std", required=True, callback=_numbers, metavar="NUMBERS", help="Per band, after --scale."
)
@click.option(
    "--dtype", default="uint8", metavar="TYPE", show_default=True, help="Number type of pixels."
)
@click.option(
    "--value-range",
    callback=_range,
    metavar="LOW,HIGH",
    help="Of the pixels.  [default: of the number type; 0 to 1 for floats]",
)
@click.option(
    "--scale",
    type=float,
    metavar="NUMBER",
    help="Pixels were divided by it first.  [default: 255 for uint8, 65535 for uint16]",
)
@click.option("--tile-size", type=int, default=512, metavar="PIXELS", show_default=True)
@click.option("--padding", type=int, default=64, metavar="PIXELS", show_default=True)
@overwrite_option
def command(console: Console, weights: Path, out: Path, overwrite: bool, **options: object) -> None:
    """Turn weights of a segmentation-models-pytorch network into a model file.

    Takes a state_dict of torch or geoai, a checkpoint of TorchGeo, or safetensors, and runs no
    code from it. What no weights file says, the options say. An ONNX file needs no import.

    \b
    Example:
      geocity import-model unet.pth -o geocity-demo/imported.geocity --encoder resnet34 \\
        --classes background,slum --bands Red,Green,Blue --cell-size 0.8 \\
        --mean 0.485,0.456,0.406 --std 0.229,0.224,0.225
    """  # noqa: D301 - click wants the character
    from geocity.tools.import_model import import_model
    from geocity.tools.import_model_options import ImportOptions

    chosen = ImportOptions(**options)  # type: ignore[arg-type]  # click has typed them
    console.result(import_model(weights, out=out, options=chosen, overwrite=overwrite))
