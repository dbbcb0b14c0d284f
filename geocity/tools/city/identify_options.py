"""How images are identified."""

from dataclasses import dataclass


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
