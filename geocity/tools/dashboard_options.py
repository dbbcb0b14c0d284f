"""What may be said about a slum tracker; light enough for the command line to import."""

import datetime
from dataclasses import dataclass

from geocity.io.staging import PathLike

MAX_VECTORS = 10_000
"""A browser draws so many outlines at ease; more become a picture."""


@dataclass(frozen=True, slots=True)
class DashboardOptions:
    """What the page says and shows beside its inputs.

    Attributes:
        title: the heading.
        dates: one a layer of outlines, in their order; none: those that the layers hold.
        scene_dates: one a scene, in their order; none: those that the scenes hold.
        unit_field: field with the names of the units; None: the one that is called so.
        slum_class: name or value of the class that means slum, where there are several.
        method_note: a text for the method note, or a text file that holds it.
        credit: whose imagery it is.
        project: a QGIS project of the same files to write beside the page, `.qgz`.
        max_vectors: layers with more polygons are drawn as a picture.
    """

    title: str = "Slum tracker"
    dates: tuple[datetime.date, ...] = ()
    scene_dates: tuple[datetime.date, ...] = ()
    unit_field: str | None = None
    slum_class: str | None = None
    method_note: str = ""
    credit: str = ""
    project: PathLike | None = None
    max_vectors: int = MAX_VECTORS
