"""The choices of export-chips, checked when they are made."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from geocity.core.chip_plan import EdgeRule
from geocity.core.split import check_fractions
from geocity.errors import InputError
from geocity.io.chip_writer import ImageFormat
from geocity.io.staging import PathLike


@dataclass(frozen=True)
class ChipOptions:
    """How chips are cut, chosen, labelled and split; names as in ArcGIS where it has them.

    Attributes:
        chip_size: side of a chip in pixels.
        stride: pixels from one chip to the next; 0 means the chip size, so that none overlap.
        edge: what becomes of chips that do not fit at the right and lower edge: shift, drop or pad.
        cell_size_m: resample scenes to pixels of this size (averaged when at least 1.5 times
            coarser, bilinear otherwise); their own by default.
        class_field: holds the class of an outline; see `geocity.data.labels.LabelRules`.
        class_values: {field or pixel value: class name}; other values are background, and the name
            ``ignore`` makes a value unknown (255).
        buffer_m: widen outlines by this many metres first.
        all_touched: label every pixel that an outline touches, not only those with their centre in.
        min_overlap: an outline of which a smaller share lies in a chip is unknown there.
        labelled_area: polygons outside of which the class is unknown.
        mask: polygons; only chips wholly inside are made.
        chips: ``with-features``, or ``all``.
        negatives: share of chips without a feature among all, besides those with features.
        rotation_deg: make every chip a second time, turned anticlockwise by this angle.
        image_format: tif, png or jpg.
        scenes: ``mosaic`` reads scenes that touch on one pixel lattice as one; or ``separate``.
        hold_out: scenes (file, name) or dates whose chips are the test part.
        split: share of train, val and test.
        start_index: number in the first file name.
        seed: of the choice of negatives and of the split.
    """

    chip_size: int = 400
    stride: int = 0
    edge: EdgeRule = "shift"
    cell_size_m: float | None = None
    class_field: str | None = None
    class_values: Mapping[str, str] | None = None
    buffer_m: float = 0.0
    all_touched: bool = False
    min_overlap: float = 0.0
    labelled_area: PathLike | None = None
    mask: PathLike | None = None
    chips: Literal["with-features", "all"] = "with-features"
    negatives: float = 0.0
    rotation_deg: float = 0.0
    image_format: ImageFormat = "tif"
    scenes: Literal["mosaic", "separate"] = "mosaic"
    hold_out: tuple[str, ...] = ()
    split: tuple[float, float, float] = (0.7, 0.15, 0.15)
    start_index: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        for fine, message in (
            (self.chip_size >= 32, f"A chip needs 32 pixels a side or more, not {self.chip_size}."),
            (self.stride >= 0, f"The stride cannot be negative ({self.stride})."),
            (
                self.cell_size_m is None or self.cell_size_m > 0,
                f"The cell size must be above 0 metres, not {self.cell_size_m}.",
            ),
            (
                0 <= self.negatives < 1,
                f"The share of negatives must be 0 to 1, not {self.negatives}.",
            ),
            (0 <= self.min_overlap <= 1, f"The overlap must be 0 to 1, not {self.min_overlap}."),
            (self.buffer_m >= 0, f"The buffer cannot be negative ({self.buffer_m} m)."),
            (self.start_index >= 0, f"The start index cannot be negative ({self.start_index})."),
        ):
            if not fine:
                raise InputError(message)
        try:
            check_fractions(self.split)
        except ValueError as error:
            raise InputError(f"{error}; write --split 0.7,0.15,0.15.") from error
