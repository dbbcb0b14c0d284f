"""What a band of a raster leaves unfinished at its ends, in a file."""

from pathlib import Path

import numpy as np

from geocity.core.open_borders import BandBorders
from geocity.core.probability_tally import ProbabilityTally
from geocity.core.rings import Rings


def write_borders(path: Path, borders: BandBorders, by_class: ProbabilityTally) -> None:
    """Write the unfinished borders of a band.

    Args:
        path: the file.
        borders: of the band.
        by_class: probabilities by class of what the band has finished.
    """
    tally = borders.tally or ProbabilityTally()
    keys, counts = tally.entries()
    class_keys, class_counts = by_class.entries()
    with path.open("wb") as file:
        np.savez(
            file,
            above=borders.above,
            below=borders.below,
            values=borders.values,
            chain_corners=borders.chains.corners,
            chain_offsets=borders.chains.offsets,
            ends=borders.ends,
            ring_corners=borders.rings.corners,
            ring_offsets=borders.rings.offsets,
            ring_regions=borders.ring_regions,
            has_tally=np.array(borders.tally is not None),
            keys=keys,
            counts=counts,
            class_keys=class_keys,
            class_counts=class_counts,
        )


def read_borders(path: Path) -> tuple[BandBorders, ProbabilityTally]:
    """Read what `write_borders` has written."""
    with np.load(path) as file:
        told = {name: file[name] for name in file.files}
    tally = ProbabilityTally.of(told["keys"], told["counts"]) if told["has_tally"] else None
    borders = BandBorders(
        above=told["above"],
        below=told["below"],
        values=told["values"],
        chains=Rings(told["chain_corners"], told["chain_offsets"]),
        ends=told["ends"],
        rings=Rings(told["ring_corners"], told["ring_offsets"]),
        ring_regions=told["ring_regions"],
        tally=tally,
    )
    return borders, ProbabilityTally.of(told["class_keys"], told["class_counts"])
