"""Options of the commands that read outlines or label rasters: which class a value means."""

import click

from geocity.cli.options import Decorator


def _named_values(
    _context: click.Context, _option: click.Parameter, texts: tuple[str, ...]
) -> dict[str, str] | None:
    """Read ``VALUE:NAME`` pairs."""
    from geocity.core.label_classes import parse_class_values

    try:
        return parse_class_values(",".join(texts)) or None
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


class_field_option: Decorator = click.option(
    "--class-field", help="Field of the outlines that holds the class."
)

class_values_option: Decorator = click.option(
    "--class-values",
    multiple=True,
    callback=_named_values,
    help="Value and class name, e.g. 6:slum,0:ignore; other values are background.",
)
