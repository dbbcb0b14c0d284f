"""Polygons of a class raster that arrives strip by strip.

Whatever is complete leaves at once; only borders that cross the seam to the next strip, and the
rings of regions that do, are kept back. The polygons are the same, corner for corner, however the
raster is cut into strips: seams leave no trace. A band of a raster can be traced by itself; what is
unfinished at its upper and its lower end is handed over to `geocity.core.bands`.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from geocity.core.open_borders import MASKED, BandBorders, Chains, Seam, cut_at_markers
from geocity.core.probability_tally import ProbabilityTally
from geocity.core.rings import Rings, offsets_of, ragged_index, untouching
from geocity.core.rings import cycles as walk_cycles
from geocity.core.runs import Runs, find_runs, label_regions
from geocity.core.traced_polygons import TracedPolygons, assemble
from geocity.core.tracing import Ends, Turns, find_turns, link_turns

_NONE = np.empty(0, np.int64)


class PolygonTracer:
    """Turn strips of a class raster, from top to bottom, into polygons.

    Args:
        cols: width of the raster.
        classes: the values that become polygons; 0 to 254.
        with_probability: strips come with probabilities, to be summed up per polygon.
        above: (cols,) the row above the first strip, where that is not the top of the raster;
            regions that reach up to it stay unfinished.
        first_row: number of the first row.

    Raises:
        ValueError: if there is no class, or one out of range.

    Example:
        >>> tracer = PolygonTracer(2, (1,))
        >>> len(tracer.feed(np.array([[1, 0]], np.uint8)))
        0
        >>> len(tracer.feed(np.array([[1, 0]], np.uint8)))
        0
        >>> tracer.finish().outlines().geometries()[0].wkt
        'POLYGON ((0 0, 0 2, 1 2, 1 0, 0 0))'
    """

    def __init__(
        self,
        cols: int,
        classes: tuple[int, ...],
        *,
        with_probability: bool = False,
        above: NDArray[np.uint8] | None = None,
        first_row: int = 0,
    ) -> None:
        if not classes or min(classes) < 0 or max(classes) >= MASKED:
            raise ValueError(f"classes must be values from 0 to 254, got {classes}")
        self._cols = cols
        self._lookup = np.full(256, MASKED, np.uint8)
        self._lookup[list(classes)] = classes
        self._line = first_row
        row = np.full(cols + 2, MASKED, np.uint8)
        if above is not None:
            row[1:-1] = self._lookup[above]
        self._seam, self._entry_values = Seam.below(row)
        self._loops: list[Rings] = []
        self._tally = ProbabilityTally() if with_probability else None

    def feed(
        self, strip: NDArray[np.uint8], probability: NDArray[np.uint8] | None = None
    ) -> TracedPolygons:
        """Take the next rows and return the polygons that are complete.

        Args:
            strip: classes, shape (rows, cols).
            probability: of each pixel's class in steps of 1/254, 255 unknown; same shape.

        Raises:
            ValueError: if the shapes do not fit.
        """
        if strip.ndim != 2 or strip.shape[1] != self._cols:
            raise ValueError(f"a strip must have {self._cols} columns, got {strip.shape}")
        if self._tally and (probability is None or probability.shape != strip.shape):
            raise ValueError("probabilities must have the shape of the strip")
        values = np.full((len(strip) + 1, self._cols + 2), MASKED, np.uint8)
        values[0] = self._seam.row
        values[1:, 1:-1] = np.take(self._lookup, strip)
        return self._trace(values, probability)

    def finish(self) -> TracedPolygons:
        """Return the polygons that touch the lower border of the raster."""
        values = np.full((2, self._cols + 2), MASKED, np.uint8)
        values[0] = self._seam.row
        return self._trace(values, np.full((1, self._cols), MASKED, np.uint8))

    def unfinished(self) -> BandBorders:
        """Return what the strips so far leave open at the lower end and above the first one."""
        seam, count = self._seam, len(self._entry_values)
        chains, ends = cut_at_markers(Rings.none().joined(*self._loops), seam.chains, count)
        values = np.empty(max(seam.regions.max(initial=-1), seam.entries.max(initial=-1)) + 1, "u1")
        values[seam.entries] = self._entry_values
        values[seam.regions] = find_runs(seam.row[np.newaxis], MASKED).values
        return BandBorders(
            seam.entries,
            seam.regions,
            values,
            chains,
            ends,
            seam.rings,
            seam.ring_regions,
            self._tally,
        )

    def _trace(
        self, values: NDArray[np.uint8], probability: NDArray[np.uint8] | None
    ) -> TracedPolygons:
        runs = find_runs(values, MASKED)
        count, regions, entries = label_regions(runs, self._seam.regions, self._seam.entries)
        rings, owners, chains = self._join_borders(values, runs, regions)
        renumbering = self._seam.renumbering(regions, entries)
        rings = rings.joined(self._seam.rings)
        owners = np.concatenate([owners, renumbering[self._seam.ring_regions]])

        last = runs.before_row(len(values) - 1)
        is_open = np.zeros(count, np.bool_)
        is_open[regions[last:]] = True
        is_open[entries] = True
        open_number = np.where(is_open, np.cumsum(is_open) - 1, -1)
        unfinished = is_open[owners]
        values_of = np.empty(count, np.uint8)
        values_of[entries] = self._entry_values
        values_of[regions] = runs.values
        polygons, members = assemble(rings.take(~unfinished), owners[~unfinished], values_of)
        if self._tally and probability is not None:
            pixels = np.repeat(regions, runs.sizes)[runs.sizes[: runs.before_row(1)].sum() :]
            self._tally.renumber(renumbering)
            self._tally.add(pixels, probability[values[1:, 1:-1] != MASKED])
            polygons = replace(polygons, tally=self._tally.restricted(members, count))
            self._tally.renumber(open_number)
        self._seam = Seam(
            row=values[-1].copy(),
            lefts=runs.left_cols[last:],
            rights=runs.right_cols[last:],
            regions=open_number[regions[last:]],
            entries=open_number[entries],
            chains=chains,
            rings=rings.take(unfinished),
            ring_regions=open_number[owners[unfinished]],
        )
        self._line += len(values) - 1
        return polygons

    def _join_borders(
        self, values: NDArray[np.uint8], runs: Runs, regions: NDArray[np.int64]
    ) -> tuple[Rings, NDArray[np.int64], Chains]:
        """Return the rings closed in this strip, the region of each, and the open borders."""
        turns = find_turns(values, self._line, MASKED)
        last = runs.before_row(len(values) - 1)
        walk, starts, nodes = _walk_borders(
            turns, self._seam, runs.left_cols[last:], runs.right_cols[last:]
        )
        pieces = _corners_of(turns, self._seam.chains.corners, walk, starts)
        heads = walk[starts]
        closed = heads < nodes.sources
        tails = walk[np.append(starts[1:], len(walk)) - 1] if len(starts) else _NONE
        chains = Chains(
            pieces.take(~closed),
            heads[~closed] - nodes.sources,
            tails[~closed] - nodes.sinks,
        )
        if len(self._entry_values):
            # What goes on above the band is not closed, although the markers make it seem so.
            marked = np.zeros(len(pieces), np.bool_)
            marked[pieces.holding(np.flatnonzero(pieces.corners < 0))] = True
            self._loops.append(pieces.take(marked & closed))
            closed &= ~marked
        owners = np.full(len(pieces), -1)
        owners[closed] = regions[runs.of_pixels(turns.pixel[heads[closed]])]
        touching = closed & _may_touch(turns, nodes, walk, starts)
        mended, source = untouching(pieces.take(touching))
        clean = closed & ~touching
        rings = pieces.take(clean).joined(mended)
        return rings, np.concatenate([owners[clean], owners[touching][source]]), chains


@dataclass(frozen=True, slots=True)
class _Nodes:
    """How the nodes of a strip are numbered: turns, chains from above, sinks and sources below."""

    chains: int
    sinks: int
    sources: int
    count: int


def _walk_borders(
    turns: Turns, seam: Seam, lefts: NDArray[np.int64], rights: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], _Nodes]:
    """Return all nodes border by border, where each border begins, and the numbering.

    A border that is open below begins at a source, a closed one at its first turn.
    """
    chains = seam.chains
    first_chain = len(turns)
    first_sink = first_chain + len(chains.corners)
    first_source = first_sink + len(lefts)
    nodes = _Nodes(first_chain, first_sink, first_source, first_source + len(lefts))
    tokens = np.arange(first_chain, first_sink)
    sinks, sources = np.arange(first_sink, first_source), np.arange(first_source, nodes.count)
    above = Ends(tokens, seam.lefts[chains.to_left_of], tokens, seam.rights[chains.from_right_of])
    following = link_turns(turns, above, Ends(sinks, lefts, sources, rights), nodes.count)
    following[sinks] = sources  # any: a permutation is easier to walk, and is cut here again
    # Walks begin at the smallest number, which must be a source where there is one.
    shift = len(lefts)
    walk, offsets = walk_cycles((np.roll(following, shift) + shift) % max(nodes.count, 1))
    walk = (walk - shift) % max(nodes.count, 1)
    begins = walk >= first_source
    begins[offsets[:-1]] = True
    return walk, np.flatnonzero(begins), nodes


def _corners_of(
    turns: Turns, chains: Rings, walk: NDArray[np.int64], starts: NDArray[np.int64]
) -> Rings:
    """Return the corners along each border, chains from above spelt out."""
    if not len(starts):
        return Rings.none()
    size = np.zeros(walk.max() + 1, np.int64)
    begin = np.zeros(walk.max() + 1, np.int64)
    turn_count = len(turns)
    size[:turn_count] = 1
    begin[:turn_count] = np.arange(turn_count)
    size[turn_count : turn_count + len(chains)] = chains.sizes
    begin[turn_count : turn_count + len(chains)] = chains.offsets[:-1] + turn_count
    pool = np.concatenate([turns.corners, chains.corners])
    sizes = size[walk]
    corners = pool[ragged_index(begin[walk], sizes)]
    return Rings(corners, offsets_of(np.add.reduceat(sizes, starts)))


def _may_touch(
    turns: Turns, nodes: _Nodes, walk: NDArray[np.int64], starts: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Tell which borders may touch themselves: two passes here, or something unknown from above."""
    sizes = np.diff(np.append(starts, len(walk)))
    border = np.empty(nodes.count, np.int64)
    border[walk] = np.repeat(np.arange(len(starts)), sizes)
    suspects = np.zeros(len(starts), np.bool_)
    suspects[border[nodes.chains : nodes.sinks]] = True
    one, two = border[turns.kissing]
    suspects[one[one == two]] = True
    return suspects
