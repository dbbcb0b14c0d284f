"""Polygons of a class raster whose bands were traced one by one, in any order, anywhere.

A band is some rows of a raster in its full width. `BandJoiner` takes what bands leave unfinished,
from top to bottom, and completes what crosses from one to the next. Together with what the bands
completed themselves the polygons are the same, corner for corner, as those of the whole raster.
"""

from collections.abc import Iterator

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from geocity.core.grid import Window
from geocity.core.open_borders import BandBorders, Numbers
from geocity.core.probability_tally import ProbabilityTally
from geocity.core.rings import Rings, cycles, offsets_of, ragged_index, untouching
from geocity.core.traced_polygons import TracedPolygons, assemble

_BLOCK = 512


def bands(shape: tuple[int, int], pixels: int) -> Iterator[Window]:
    """Yield bands of a raster, whole rows of blocks with about as many pixels as asked for.

    Args:
        shape: (rows, cols) of the raster.
        pixels: wished for in a band; a row of blocks is the least.
    """
    rows, cols = shape
    height = max(1, round(pixels / (cols * _BLOCK))) * _BLOCK
    for row in range(0, rows, height):
        yield Window(row, 0, min(height, rows - row), cols)


class BandJoiner:
    """Completes the regions that cross from band to band.

    Args:
        with_probability: the bands come with probabilities.
    """

    def __init__(self, *, with_probability: bool = False) -> None:
        self._held = BandBorders.none(with_probability=with_probability)

    def add(self, band: BandBorders) -> TracedPolygons:
        """Take the next band to the south; return the polygons that are complete with it.

        Raises:
            ValueError: if the band was not traced below the one before.
        """
        held = self._held
        if len(band.above) != len(held.below):
            raise ValueError(
                f"a band with {len(band.above)} runs above it follows one with {len(held.below)}"
            )
        count, old, new = _joined_regions(held, band)
        values = np.empty(count, np.uint8)
        values[old], values[new] = held.values, band.values
        closed, owners, chains, ends = _joined_chains(held, band, new)
        rings = closed.joined(held.rings, band.rings)
        owners = np.concatenate([owners, old[held.ring_regions], new[band.ring_regions]])
        is_open = np.zeros(count, np.bool_)
        is_open[new[band.below]] = True
        numbers = np.where(is_open, np.cumsum(is_open) - 1, -1)
        unfinished = is_open[owners]
        polygons, members = assemble(rings.take(~unfinished), owners[~unfinished], values)
        tally = _joined_tally(held, band, old, new)
        if tally is not None:
            polygons = polygons.with_tally(tally.restricted(members, count))
            tally.renumber(numbers)
        self._held = BandBorders(
            above=np.empty(0, np.int64),
            below=numbers[new[band.below]],
            values=values[is_open],
            chains=chains,
            ends=ends,
            rings=rings.take(unfinished),
            ring_regions=numbers[owners[unfinished]],
            tally=tally,
        )
        return polygons


def _joined_regions(held: BandBorders, band: BandBorders) -> tuple[int, Numbers, Numbers]:
    """Return how many regions there are, and the number of each that is held and of the band."""
    first = len(held.values)
    count = first + len(band.values)
    places = (held.below, first + band.above)
    graph = coo_array((np.ones(len(held.below)), places), shape=(count, count))
    groups, labels = connected_components(graph.tocsr(), directed=False)
    return int(groups), labels[:first].astype(np.int64), labels[first:].astype(np.int64)


def _joined_tally(
    held: BandBorders, band: BandBorders, old: Numbers, new: Numbers
) -> ProbabilityTally | None:
    if held.tally is None or band.tally is None:
        return None
    return ProbabilityTally().merged(held.tally, old).merged(band.tally, new)


def _joined_chains(
    held: BandBorders, band: BandBorders, new: Numbers
) -> tuple[Rings, Numbers, Rings, Numbers]:
    """Link the borders that meet at the seam.

    Returns:
        The rings that are closed by it, the region of each; and the borders that are open at the
        lower end of the band: the corners of each, and where it ends.
    """
    below, above = len(band.below), len(band.above)
    # Walks begin at the smallest number, which must be a border that enters from below.
    enters_below, is_held, enters_above = 0, below, below + above
    leaves = np.where(band.ends < above, is_held + band.ends, enters_below + band.ends - above)
    following = np.concatenate([leaves[above:], enters_above + held.ends, leaves[:above]])
    walk, offsets = cycles(following)
    begins = walk < is_held
    begins[offsets[:-1]] = True
    starts = np.flatnonzero(begins)
    pieces = _corners(walk, starts, held.chains, band)
    heads = walk[starts]
    closed = heads >= is_held
    # A border from below ends where one of the band's leaves it downwards.
    tails = walk[np.append(starts[1:], len(walk)) - 1][~closed] if len(starts) else heads
    exits = np.concatenate([band.ends[above:], np.full(above, -1), band.ends[:above]])
    regions = np.concatenate([band.below, band.above, band.above])
    rings, source = untouching(pieces.take(closed))
    by_entry = np.argsort(heads[~closed])
    chains = pieces.take(np.flatnonzero(~closed)[by_entry])
    ends = (exits[tails] - above)[by_entry]
    return rings, new[regions[heads[closed]]][source], chains, ends


def _corners(walk: Numbers, starts: Numbers, held: Rings, band: BandBorders) -> Rings:
    """Return the corners along each border, given as a walk along chains."""
    if not len(starts):
        return Rings.none()
    below = len(band.below)
    chains = band.chains
    first_below = len(band.above)
    order = np.concatenate([np.arange(first_below, first_below + below), np.arange(first_below)])
    band_sizes, band_begins = chains.sizes[order], chains.offsets[:-1][order]
    sizes = np.concatenate([band_sizes[:below], held.sizes, band_sizes[below:]])
    begins = np.concatenate(
        [band_begins[:below], held.offsets[:-1] + len(chains.corners), band_begins[below:]]
    )
    pool = np.concatenate([chains.corners, held.corners])
    along = sizes[walk]
    corners = pool[ragged_index(begins[walk], along)]
    return Rings(corners, offsets_of(np.add.reduceat(along, starts)))
