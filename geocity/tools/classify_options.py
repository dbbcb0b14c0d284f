"""How a scene is classified: what may be chosen, checked and written down."""

from dataclasses import dataclass, fields

from geocity.core.grid import Bounds
from geocity.errors import InputError
from geocity.io.staging import PathLike


@dataclass(frozen=True, slots=True)
class ClassifyOptions:
    """How a scene is classified.

    Attributes:
        tile_size: side of a tile in pixels; the model's own by default.
        padding: pixels of context around a tile's kept centre; the model's own by default.
        batch_size: tiles at a time; by default what suits the engine.
        blend: fade neighbouring tiles into each other. Without it each pixel comes from the tile
            whose centre it lies in, as in ArcGIS.
        cell_size_m: work and write at this cell size, instead of working at the model's and
            writing on the scene's grid.
        aoi: polygons; outside of them the result is nodata, and work is spared.
        bbox: (west, south, east, north) in the scene's CRS; the result is cut to it.
        tta: average the answers to the eight turns and flips of each tile; eight times the work.
        threshold: lowest probability at which a class other than background is given, instead
            of the model's own rule.
        device: ``auto``, ``cpu`` or ``cuda``.
        engine: ``auto``, ``openvino`` or ``torch``.
    """

    tile_size: int | None = None
    padding: int | None = None
    batch_size: int | None = None
    blend: bool = True
    cell_size_m: float | None = None
    aoi: PathLike | None = None
    bbox: Bounds | None = None
    tta: bool = False
    threshold: float | None = None
    device: str = "auto"
    engine: str = "auto"


def check_options(options: ClassifyOptions) -> None:
    """Refuse numbers that make no sense.

    Raises:
        InputError: saying which.
    """
    if options.threshold is not None and not 0 <= options.threshold <= 1:
        raise InputError(f"A threshold of {options.threshold} was given; it lies within 0 and 1.")
    if options.batch_size is not None and options.batch_size < 1:
        raise InputError(f"A batch of {options.batch_size} tiles was given; give 1 or more.")


def options_as_typed(options: ClassifyOptions) -> list[str]:
    """Return the options that are not the usual ones as the command line takes them."""
    typed = []
    for option in fields(options):
        value = getattr(options, option.name)
        if value == option.default:
            continue
        name = option.name.removesuffix("_m").replace("_", "-")
        if isinstance(value, bool):
            typed.append(f"--{name}" if value else f"--no-{name}")
        else:
            text = ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
            typed += [f"--{name}", text]
    return typed
