"""The QGIS project of the slum tracker: change, outlines, wards and imagery on their dates."""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from geocity.core.classes import default_color
from geocity.io import styles
from geocity.io.geopackage_styles import read_styles
from geocity.io.map_projects import labels, periods
from geocity.io.print_layouts import LayoutText
from geocity.io.project_layers import imagery_layer, polygon_layer
from geocity.io.projects import ProjectLayer, write_project
from geocity.io.qml import Period
from geocity.io.staging import PathLike

CHANGE, WARDS = "Change", "Wards"
"""Groups beside those of a map."""

_SETTLEMENTS = "settlements"
_CHANGES = {
    "growth": "Growth",
    "loss": "Loss",
    "persistent": "Persistent",
    _SETTLEMENTS: "Settlements",
}
_SLUM = 1


@dataclass(frozen=True, slots=True)
class Outlines:
    """A layer of slum outlines.

    Attributes:
        path: the file.
        layer: which layer of it; None for the only one.
        date: when its image was taken; None if its features have dates of their own, in the field
            `date`.
    """

    path: Path
    layer: str | None
    date: datetime.date | None


@dataclass(frozen=True, slots=True)
class TrackerFiles:
    """What a tracker shows.

    Attributes:
        outlines: the layers, one a date or with several.
        scenes: imagery with its date, if known.
        change: what `change` wrote.
        units: polygons of wards, the layer, and the field with their names.
    """

    outlines: Sequence[Outlines]
    scenes: Sequence[tuple[Path, datetime.date | None]] = ()
    change: Path | None = None
    units: tuple[Path, str | None, str] | None = None


def write_tracker_project(
    out: PathLike, files: TrackerFiles, text: LayoutText, *, overwrite: bool = False
) -> Path:
    """Write the project of a tracker; its layers follow QGIS's temporal controller.

    Growth, loss and what stayed are switched on, over the newest imagery; outlines of each date
    and settlements are there to be switched on. Outlines of several dates in one layer are one
    layer here too, and the temporal controller tells them apart.

    Args:
        out: the `.qgz` to make; paths are stored relative to its folder.
        files: what there is.
        text: title and words of the print page.
        overwrite: replace what is there.

    Returns:
        The path of the project.

    Raises:
        InputError: if a file cannot be read or nothing is in it.
    """
    layers = [
        *_change_layers(files.change),
        *_outline_layers(files.outlines, shown=files.change is None),
        *_ward_layers(files.units),
        *_imagery_layers(files.scenes),
    ]
    return write_project(out, layers, text, abstract=text.note, overwrite=overwrite)


def _change_layers(change: Path | None) -> list[ProjectLayer]:
    if change is None:
        return []
    there = read_styles(change)
    return [
        polygon_layer(change, layer, name, group=CHANGE, visible=layer != _SETTLEMENTS)
        for layer, name in _CHANGES.items()
        if layer in there
    ]


def _outline_layers(outlines: Sequence[Outlines], *, shown: bool) -> list[ProjectLayer]:
    dated = [(o, o.date) for o in outlines if o.date is not None]
    newest = max((date for _, date in dated), default=None)
    names = labels([(source.path, date) for source, date in dated])
    spans = periods([date for _, date in dated])
    found = [
        _outline_layer(source, name, period, visible=shown and source.date == newest)
        for (source, _), name, period in zip(dated, names, spans, strict=True)
    ]
    mixed = [source for source in outlines if source.date is None]
    names = labels([(source.path, None) for source in mixed])
    found += [
        replace(_outline_layer(source, name, None, visible=shown), date_field="date")
        for source, name in zip(mixed, names, strict=True)
    ]
    return found[::-1]


def _outline_layer(
    source: Outlines, name: str, period: Period | None, *, visible: bool
) -> ProjectLayer:
    qml = _own_style(source) or styles.outlines_qml(default_color(_SLUM))
    return polygon_layer(
        source.path, source.layer, f"Outlines {name}", qml=qml, period=period, visible=visible
    )


def _own_style(source: Outlines) -> str | None:
    """Return the style that a layer of a GeoPackage carries; outlines from elsewhere have none."""
    if source.path.suffix.lower() != ".gpkg":
        return None
    found = read_styles(source.path)
    if source.layer is None:
        return next(iter(found.values()), None) if len(found) == 1 else None
    return found.get(source.layer)


def _ward_layers(units: tuple[Path, str | None, str] | None) -> list[ProjectLayer]:
    if units is None:
        return []
    path, layer, field = units
    return [polygon_layer(path, layer, "Wards", group=WARDS, qml=styles.wards_qml(field))]


def _imagery_layers(
    scenes: Sequence[tuple[Path, datetime.date | None]],
) -> list[ProjectLayer]:
    dates = [date for _, date in scenes]
    newest = max((d for d in dates if d is not None), default=None)
    found = [
        imagery_layer(path, f"Imagery {label}", period=period, visible=date == newest)
        for (path, date), label, period in zip(scenes, labels(scenes), periods(dates), strict=True)
    ]
    return found[::-1]
