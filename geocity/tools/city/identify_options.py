"""What a user may choose about the identification of images, checked when it is made."""

from dataclasses import dataclass

from geocity.errors import InputError
from geocity.tools.option_checks import refuse_below


@dataclass(frozen=True, slots=True)
class IdentifyOptions:
    """How images are identified.

    Attributes:
        cell_size_m: side of a pixel of images without georeference; that of the model's training
            images by default.
        overlap: share of its side by which a patch overlaps the next; sets the step of the map.
        like: code of a city; the map then also shows what looks like it.
        batch_size: patches at a time.
        device: ``auto``, ``cpu`` or ``cuda``.
    """

    cell_size_m: float | None = None
    overlap: float = 0.5
    like: str | None = None
    batch_size: int = 32
    device: str = "auto"

    def __post_init__(self) -> None:
        if not 0 <= self.overlap < 1:
            raise InputError(
                f"An overlap of {self.overlap:g} was given; it lies from 0 to below 1."
            )
        refuse_below(self, batch_size=1)
        if self.cell_size_m is not None and not self.cell_size_m > 0:
            raise InputError(f"A cell size of {self.cell_size_m:g} m was given; it is above 0.")
