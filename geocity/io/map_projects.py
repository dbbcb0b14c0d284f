"""The QGIS project of a finished map: which layers, under what names, for which time."""

import datetime
import itertools
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from geocity.io.print_layouts import LayoutText
from geocity.io.project_layers import (
    class_raster_layer,
    imagery_layer,
    polygon_layer,
    probability_layer,
)
from geocity.io.projects import ProjectLayer, write_project
from geocity.io.qml import Period
from geocity.io.staging import PathLike

_YEAR = datetime.timedelta(days=364)
_DAY = datetime.timedelta(days=1)


@dataclass(frozen=True, slots=True)
class MappedScene:
    """One scene and what was made of it.

    Attributes:
        label: what tells it from the other scenes, for people: a year, a date or a name.
        date: when it was taken, if known.
        scene: the imagery.
        classes: its class raster.
        probability: its probability raster.
        layer: its layer in the GeoPackage.
    """

    label: str
    date: datetime.date | None
    scene: Path
    classes: Path
    probability: Path
    layer: str


def labels(scenes: Sequence[tuple[Path, datetime.date | None]]) -> list[str]:
    """Return a short name for each scene: its year, else its date, else its file name.

    All names are of one kind, the shortest that tells the scenes apart.

    Example:
        >>> from datetime import date
        >>> labels([(Path("a.tif"), date(2015, 2, 1)), (Path("b.tif"), date(2025, 2, 1))])
        ['2015', '2025']
    """
    dates = [date for _, date in scenes if date is not None]
    if len(dates) == len(scenes):
        years, days = [str(d.year) for d in dates], [d.isoformat() for d in dates]
        for kind in (years, days):
            if len(set(kind)) == len(kind):
                return kind
    stems = [path.stem for path, _ in scenes]
    repeated = Counter(stems)
    return [s if repeated[s] == 1 else f"{s} ({i})" for i, s in enumerate(stems, start=1)]


def file_label(label: str) -> str:
    """Return a label as a part of names of files and layers: ASCII letters, digits, underscores."""
    return re.sub(r"\W+", "_", label, flags=re.ASCII).strip("_") or "scene"


def periods(dates: Sequence[datetime.date | None]) -> list[Period | None]:
    """Return for each date how long it is the newest: to the day before the next, else a year."""
    known = sorted({date for date in dates if date is not None})
    ends = {first: following - _DAY for first, following in itertools.pairwise(known)}
    return [None if d is None else (d, ends.get(d, d + _YEAR)) for d in dates]


def write_map_project(
    out: PathLike,
    geopackage: PathLike,
    scenes: Sequence[MappedScene],
    text: LayoutText,
    *,
    overwrite: bool = False,
) -> Path:
    """Write the project of a map: outlines, class maps, probabilities and imagery.

    Outlines and imagery of the newest date are switched on; everything carries its time.

    Args:
        out: the `.qgz` to make.
        geopackage: the outlines of all scenes.
        scenes: the scenes and what was made of them.
        text: title and words of the print page.
        overwrite: replace what is there.

    Returns:
        The path of the project.
    """
    dates = [scene.date for scene in scenes]
    newest = max((d for d in dates if d is not None), default=None)
    spans = dict(zip((s.label for s in scenes), periods(dates), strict=True))
    # The newest first, as the eye expects them; scenes without a date keep their order.
    ordered = sorted(scenes, key=lambda s: s.date or datetime.date.min, reverse=True)
    outlines: list[ProjectLayer] = []
    class_maps: list[ProjectLayer] = []
    probabilities: list[ProjectLayer] = []
    imagery: list[ProjectLayer] = []
    for s in ordered:
        shown, period = s.date == newest, spans[s.label]
        name = f"Outlines {s.label}"
        outlines.append(polygon_layer(geopackage, s.layer, name, period=period, visible=shown))
        name = f"Classes {s.label}"
        class_maps.append(class_raster_layer(s.classes, name, period=period, visible=False))
        name = f"Probability {s.label}"
        probabilities.append(probability_layer(s.probability, name, period=period, visible=False))
        imagery.append(imagery_layer(s.scene, s.scene.stem, period=period, visible=shown))
    layers = [*outlines, *class_maps, *probabilities, *imagery]
    return write_project(out, layers, text, abstract=text.note, overwrite=overwrite)
