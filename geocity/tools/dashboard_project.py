"""The QGIS project that goes with a slum tracker's page."""

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import geocity
from geocity.errors import InputError
from geocity.io.dashboard.outlines import DatedOutlines, LayerName
from geocity.io.named_units import NamedUnits, split_layer
from geocity.io.print_layouts import LayoutText
from geocity.io.staging import PathLike, fresh_output
from geocity.io.tracker_projects import Outlines, TrackerFiles, write_tracker_project
from geocity.tools.dashboard_options import DashboardOptions

_MOST_NAMES = 4
_CAUTION = (
    "Naming a place a slum affects the people who live there. Check these areas on the ground, "
    "with the people concerned, before they serve a decision about them."
)
_PARQUET = (".parquet", ".geoparquet")


@dataclass(frozen=True, eq=False, slots=True)
class ProjectFiles:
    """What a page was made of, for a project of the same.

    Attributes:
        outlines: one entry a date, the oldest first.
        scenes: imagery by date.
        change: what `change` wrote.
        units: where the units lie, as they were named.
        named: the units as they were read.
    """

    outlines: Sequence[DatedOutlines]
    scenes: Mapping[datetime.date, Sequence[Path]]
    change: PathLike | None = None
    units: PathLike | None = None
    named: NamedUnits | None = None


def check_project(
    out: PathLike, layers: Sequence[LayerName], units: PathLike | None, *, overwrite: bool
) -> None:
    """Say before any work whether a project can be written.

    Raises:
        InputError: if its name or one of its files does not suit QGIS.
        OutputExistsError: if it is there already.
    """
    if Path(out).suffix.lower() != ".qgz":
        raise InputError(f"{out} does not end in .qgz; name the QGIS project so.")
    paths = [layer.path for layer in layers]
    paths += [] if units is None else [split_layer(units)[0]]
    for path in paths:
        if path.suffix.lower() in _PARQUET:
            raise InputError(
                f"{path} is GeoParquet, which not every QGIS opens; give a GeoPackage, or leave "
                "the project out."
            )
    fresh_output(out, overwrite=overwrite)


def write_dashboard_project(
    out: PathLike, files: ProjectFiles, options: DashboardOptions, *, overwrite: bool
) -> Path:
    """Write the project of what a page shows.

    Args:
        out: the `.qgz`.
        files: what the page was made of.
        options: what the page says; title and credit stand on the print page too.
        overwrite: replace what is there.

    Returns:
        The path of the project.

    Raises:
        InputError: if a file cannot be shown in QGIS.
    """
    tracker = TrackerFiles(
        outlines=_layers(files.outlines),
        scenes=[(path, date) for date, paths in sorted(files.scenes.items()) for path in paths],
        change=None if files.change is None else Path(files.change),
        units=_unit_layer(files),
    )
    return write_tracker_project(out, tracker, _words(files, options), overwrite=overwrite)


def _layers(outlines: Sequence[DatedOutlines]) -> list[Outlines]:
    """Return each layer once, with its date if it holds only one."""
    dates: dict[LayerName, list[datetime.date]] = {}
    for dated in outlines:
        for layer in dated.layers:
            dates.setdefault(layer, []).append(dated.date)
    return [
        Outlines(layer.path, layer.layer, days[0] if len(days) == 1 else None)
        for layer, days in dates.items()
    ]


def _unit_layer(files: ProjectFiles) -> tuple[Path, str | None, str] | None:
    if files.units is None or files.named is None:
        return None
    return (*split_layer(files.units), files.named.field)


def _words(files: ProjectFiles, options: DashboardOptions) -> LayoutText:
    days = list(
        dict.fromkeys(
            f"{o.date.day} {o.date:%B %Y}" for o in (files.outlines[0], files.outlines[-1])
        )
    )
    scenes = [path.name for _, paths in sorted(files.scenes.items()) for path in paths]
    sources = dict.fromkeys(layer.path.name for o in files.outlines for layer in o.layers)
    lines = [
        f"Imagery: {_listed(scenes)}" if scenes else "",
        options.credit,
        f"Outlines: {_listed(list(sources))}",
        f"Change: {Path(files.change).name}" if files.change is not None else "",
        f"Units: {split_layer(files.units)[0].name}" if files.units is not None else "",
        f"Made with geocity {geocity.__version__}",
        _CAUTION,
    ]
    return LayoutText(options.title, " to ".join(days), "\n".join(line for line in lines if line))


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_MOST_NAMES])
    return shown if len(names) <= _MOST_NAMES else f"{shown} and {len(names) - _MOST_NAMES} more"
