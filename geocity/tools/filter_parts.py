"""A filter over a class raster in parts: what one task does, and sweep after sweep until it rests.

Every sweep is a round of work over all parts, each with a halo of the raster that the sweep before
left. Its parts are kept until the next one is complete, so a run that was ended goes on from there.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from geocity.core.grid import Grid, Window
from geocity.core.majority import ClassArray
from geocity.core.passes import Change, Changes, ClassFilter, Settling, parts_at_rest, sweep
from geocity.core.progress import Progress
from geocity.engine.finish import counted, pieces_of
from geocity.engine.plan import Part, span_window
from geocity.engine.run import Executor, WorkOptions, run_parts
from geocity.engine.store import PartStore, Write
from geocity.io.class_rasters import open_class_raster
from geocity.io.gdal_cache import class_cache_bytes, limited_cache
from geocity.io.part_rasters import write_class_part, write_part_raster, write_vrt
from geocity.tools.results_in_parts import ResultInParts

CLASSES = "classes.tif"
"""What a part's pixels are called in its store."""

_CHANGES = "changes"


@dataclass(frozen=True, slots=True)
class FilterJob:
    """What is needed to filter any part.

    Attributes:
        source: the class raster to filter.
        grid: of the raster.
        one_pass: the filter.
        passes: how many times to apply it.
        former: what the sweep before left; None before there was any.
        stage: what the work is called.
        last: whether the parts will be those of the result.
    """

    source: Path
    grid: Grid
    one_pass: ClassFilter
    passes: int
    former: PartStore | None
    stage: str
    last: bool

    def run(self, span: Sequence[Part], store: PartStore, hear: Progress) -> Iterator[Part]:
        """Filter parts and save each."""
        shape = self.grid.shape
        width = span_window(span).cols
        with (
            open_class_raster(self.source) as source,
            limited_cache(class_cache_bytes(width, source.block_shape[1])),
        ):
            for done, part in enumerate(span):
                hear(done, len(span), self.stage)
                window = part.window
                values = np.empty(window.shape, np.uint8)

                def keep(
                    piece: ClassArray,
                    place: Window,
                    whole: ClassArray = values,
                    origin: Window = window,
                ) -> None:
                    whole[place.shift(-origin.row, -origin.col).slices] = piece

                changes = sweep(
                    source.read,
                    keep,
                    window,
                    shape,
                    self.one_pass,
                    self.passes,
                    self._at_rest(part),
                )
                store.save(
                    part,
                    {CLASSES: self._writer(values, window)},
                    {**counted(values), _CHANGES: _packed(changes)},
                )
                yield part

    def _writer(self, values: ClassArray, window: Window) -> Write:
        if self.last:
            return partial(write_class_part, values=values)
        return partial(write_part_raster, values=values, grid=self.grid[window])

    def _at_rest(self, part: Part) -> Changes:
        """Return what need not be filtered again in a part."""
        if self.former is None:
            return {}
        changes: Changes = {}
        for row in (part.row - 1, part.row, part.row + 1):
            for col in (part.col - 1, part.col, part.col + 1):
                # A part that is not there has no changes.
                changes |= _unpacked(self.former.facts(Part(0, row, col, part.window)))
        return parts_at_rest(changes)


@dataclass(frozen=True, slots=True)
class Sweeps:
    """Sweeps over a raster, one after the other.

    Attributes:
        source: the class raster.
        grid: of the raster.
        one_pass: the filter.
        parts: all parts of the raster.
        result: where the parts of each sweep are kept.
    """

    source: Path
    grid: Grid
    one_pass: ClassFilter
    parts: tuple[Part, ...]
    result: ResultInParts

    def settle(
        self, most: int, executor: Executor, work: WorkOptions, progress: Progress
    ) -> tuple[PartStore, Settling]:
        """Filter in whole sweeps until the raster rests, comes back, or the sweeps are used up.

        Args:
            most: at most so many sweeps, at least one.
            executor: who does the work.
            work: whether to go on from what a former run has left.
            progress: told how far each sweep is.

        Returns:
            The parts of the last sweep, and how the raster came to rest.
        """
        passes = self.one_pass.sweep_passes
        for number in range(self._first(most) if work.resume else 0, most):
            former = self.store(number - 1) if number else None
            job = FilterJob(
                self.source if former is None else self.raster(former),
                self.grid,
                self.one_pass,
                passes,
                former,
                f"passes {number * passes + 1} to {(number + 1) * passes}",
                last=False,
            )
            store = self.store(number)
            run_parts(job, self.parts, store, work=work, progress=progress, executor=executor)
            if former is not None:
                former.remove()
            changes: Changes = {}
            for part in self.parts:
                changes |= _unpacked(store.facts(part))
            settling = Settling.after(number + 1, changes)
            if settling.is_over:
                break
        return store, settling

    def _first(self, most: int) -> int:
        """Return the last sweep that a former run has completed, or the very first."""
        complete = (n for n in reversed(range(most)) if self.store(n).folder.is_dir())
        return next((n for n in complete if not self.store(n).missing(self.parts)), 0)

    def store(self, number: int) -> PartStore:
        """Return where the parts of a sweep are kept, counted from 0."""
        return self.result.store(f"sweep_{number + 1:03d}")

    def raster(self, store: PartStore) -> Path:
        """Show the parts of a sweep as one raster; return its path."""
        path = store.folder / "whole.vrt"
        write_vrt(path, pieces_of(store, self.parts, CLASSES), self.grid, 1, lambda _: None)
        return path


def _packed(changes: Changes) -> list[list[Any]]:
    return [[list(window), c.cells, c.flips, c.nothing] for window, c in changes.items()]


def _unpacked(facts: Mapping[str, Any]) -> Changes:
    return {
        Window(*window): Change(tuple(cells), flips, nothing)
        for window, cells, flips, nothing in facts.get(_CHANGES, [])
    }
