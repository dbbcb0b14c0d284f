"""Borders of regions that are open where a raster is cut between two rows.

Down the left edge of every run of the row above a cut a border leaves, up its right edge one comes
back. What lies between two crossings is a *chain*: the corners that the border turns at on its way.
Straight borders cross a cut without a corner, so a cut leaves no trace.

A band that begins in the middle of a raster does not know how the borders go on above it. Each run
above it stands for that: a marker, a negative number among the corners. Where the band is done its
rings and chains are cut at the markers.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geocity.core.probability_tally import ProbabilityTally
from geocity.core.rings import Rings, offsets_of
from geocity.core.runs import find_runs

MASKED = 255
"""The value of pixels that become no polygon."""

Numbers = NDArray[np.int64]

_NONE = np.empty(0, np.int64)


@dataclass(frozen=True, slots=True)
class Chains:
    """What lies beyond a cut, above it: from the right edge of a run to the left edge of one."""

    corners: Rings
    from_right_of: Numbers
    to_left_of: Numbers


@dataclass(frozen=True, slots=True)
class Seam:
    """What is unfinished at the line below a strip; runs are those of its last row.

    Attributes:
        row: classes of the last row, with a masked pixel on either side.
        lefts: corner column of each run's left edge.
        rights: of its right edge.
        regions: region of each run.
        entries: region of each run above the band; none where the band is the top of the raster.
        chains: borders that are open here.
        rings: complete rings of regions that are not.
        ring_regions: region of each ring.
    """

    row: NDArray[np.uint8]
    lefts: Numbers
    rights: Numbers
    regions: Numbers
    entries: Numbers
    chains: Chains
    rings: Rings
    ring_regions: Numbers

    @classmethod
    def below(cls, row: NDArray[np.uint8]) -> tuple["Seam", NDArray[np.uint8]]:
        """Return the seam above a band, and the class of each run above it.

        Args:
            row: classes of the row above, with a masked pixel on either side.
        """
        runs = find_runs(row[np.newaxis], MASKED)
        each = np.arange(len(runs))
        markers = Rings(marker(each), np.arange(len(runs) + 1))
        seam = cls(
            row,
            runs.left_cols,
            runs.right_cols,
            each,
            each,
            Chains(markers, each, each),
            Rings.none(),
            _NONE,
        )
        return seam, runs.values

    def renumbering(self, regions: Numbers, entries: Numbers) -> Numbers:
        """Return the number that each open region has in the next strip.

        Args:
            regions: region of each run of the next strip, the runs of the seam first.
            entries: region of each run above the band.
        """
        count = max(self.regions.max(initial=-1), self.entries.max(initial=-1)) + 1
        numbers = np.empty(count, np.int64)
        numbers[self.regions] = regions[: len(self.regions)]
        numbers[self.entries] = entries
        return numbers


@dataclass(frozen=True, slots=True)
class BandBorders:
    """What a band of a raster leaves unfinished at its upper and its lower end.

    Chains begin where a border enters the band: chain i at the left edge of run i above the band,
    and, behind those, at the right edge of each run of its last row. They end where one leaves:
    number i is the right edge of run i above the band, and, behind those, the left edge of each run
    of the last row.

    Attributes:
        above: region of each run of the row above the band.
        below: region of each run of its last row.
        values: class of each region.
        chains: corners of each chain.
        ends: where each chain ends.
        rings: complete rings of these regions.
        ring_regions: region of each ring.
        tally: probabilities of their pixels, by region; None if nobody asked.
    """

    above: Numbers
    below: Numbers
    values: NDArray[np.uint8]
    chains: Rings
    ends: Numbers
    rings: Rings
    ring_regions: Numbers
    tally: ProbabilityTally | None = None

    @classmethod
    def none(cls, *, with_probability: bool = False) -> "BandBorders":
        """Return what is unfinished above the first row of a raster: nothing."""
        tally = ProbabilityTally() if with_probability else None
        values = np.empty(0, np.uint8)
        return cls(_NONE, _NONE, values, Rings.none(), _NONE, Rings.none(), _NONE, tally)


def marker(entries: Numbers) -> Numbers:
    """Return what stands for a run above the band among the corners."""
    return -1 - entries


def cut_at_markers(loops: Rings, chains: Chains, entries: int) -> tuple[Rings, Numbers]:
    """Cut the borders of a band where they leave it upwards.

    Args:
        loops: rings with markers in them.
        chains: borders that are open below, with markers or without.
        entries: how many runs lie above the band.

    Returns:
        The corners of every chain and where it ends, as in `BandBorders`.
    """
    loops = loops.starting_first()  # the smallest corner is a marker
    # An open border is told apart from what runs above the band by its number.
    starts = marker(entries + chains.from_right_of)
    corners = np.insert(chains.corners.corners, chains.corners.offsets[:-1], starts)
    pieces = loops.joined(Rings(corners, offsets_of(chains.corners.sizes + 1)))
    last = np.concatenate([marker(loops.corners[loops.offsets[:-1]]), entries + chains.to_left_of])
    is_cut = pieces.corners < 0
    cuts = np.flatnonzero(is_cut)
    begins = marker(pieces.corners[cuts])
    ends = np.append(begins[1:], 0)
    owner = pieces.owner()[cuts]
    final = np.append(owner[1:] != owner[:-1], True) if len(cuts) else np.empty(0, np.bool_)
    ends[final] = last
    sizes = np.diff(np.append(cuts, len(pieces.corners))) - 1
    found = Rings(pieces.corners[~is_cut], offsets_of(sizes))
    order = np.argsort(begins)
    return found.take(order), ends[order]
