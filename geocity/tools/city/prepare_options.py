"""What a user may choose about a city folder, checked when it is made."""

import os
from dataclasses import dataclass
from typing import Literal

from geocity.errors import InputError
from geocity.tools.option_checks import refuse_unknown

SPLITS = ("auto", "sites", "dates", "dl-slicer")
CHECKS = ("quick", "full")
LAYOUTS = ("city/site", "city/site/date", "city/date/site", "date/city/site")
CELL_SIZE_M = 200 / 480
"""Of images that do not say: DL-SLICER's, where 480 pixels are 200 m."""


@dataclass(frozen=True)
class PrepareOptions:
    """How patches are cut and split.

    Attributes:
        patch_m: side of a patch on the ground in metres; how many pixels that is follows from each
            image's cell size.
        patch_px: side of a patch in pixels, instead; all images must have one cell size then.
        overlap: share of a patch that the next one repeats, 0 to below 1.
        cell_size_m: metres per pixel of images without georeference.
        layout: what the folders mean from the top, one of `LAYOUTS`; an image in the place of a
            site's folder is a site by itself.
        crs: of world files and of tables that name none, e.g. ``EPSG:32643``.
        bounds: CSV table of where images lie: image, west, south, east, north, crs.
        dates: CSV table of when images were taken: image, date.
        split: "sites" holds places out, "dates" also a date, "dl-slicer" halves each last site;
            "auto" takes dates where every city has two, else sites.
        hold_out_date: the date that is for the test, for "dates": 2018, 2018-05 or 2018-05-21;
            None takes each city's latest.
        folds: how many times to rotate the places through the parts.
        seed: of the split.
        check: "quick" reads the header and end of every image, "full" decodes every pixel.
        write_patches: also write every patch as a file.
    """

    patch_m: float = 200.0
    patch_px: int | None = None
    overlap: float = 0.5
    cell_size_m: float = CELL_SIZE_M
    layout: str = "city/site"
    crs: str | None = None
    bounds: str | os.PathLike[str] | None = None
    dates: str | os.PathLike[str] | None = None
    split: Literal["auto", "sites", "dates", "dl-slicer"] = "auto"
    hold_out_date: str | None = None
    folds: int = 1
    seed: int = 0
    check: Literal["quick", "full"] = "quick"
    write_patches: bool = False

    def __post_init__(self) -> None:
        refuse_unknown(self, split=SPLITS, check=CHECKS, layout=LAYOUTS)
        if not self.patch_m > 0 or not self.cell_size_m > 0:
            raise InputError(
                f"patch_m={self.patch_m} and cell_size_m={self.cell_size_m} were given; both are "
                "metres above 0."
            )
        if self.patch_px is not None and self.patch_px < 8:
            raise InputError(f"patch_px={self.patch_px} was given; give 8 pixels or more.")
        if not 0 <= self.overlap <= 0.95:
            raise InputError(f"overlap={self.overlap} was given; give a share from 0 to 0.95.")
        if self.folds != 1 and self.folds < 3:
            raise InputError(
                f"folds={self.folds} was given; give 1, or 3 and more: one group of places tests, "
                "one validates and the rest train."
            )
        if self.hold_out_date is not None and self.split not in ("auto", "dates"):
            raise InputError(
                f"A date to hold out was given together with split={self.split!r}; only 'dates' "
                "has use for it."
            )
        if self.split == "dl-slicer" and self.folds > 1:
            raise InputError("DL-SLICER's split has one fold; leave folds out or choose 'sites'.")
