"""Scenes of several dates classified by one model, so that their maps can be compared."""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

import geocity
from geocity.core.progress import Progress
from geocity.engine.job import fingerprint
from geocity.engine.run import WorkOptions
from geocity.io.change_inputs import DatedMap
from geocity.io.model_packages import read_model
from geocity.io.source_files import raster_facts
from geocity.io.staging import PathLike, fresh_output
from geocity.tools.classify import classify
from geocity.tools.clean import clean
from geocity.tools.majority_filter import majority_filter
from geocity.tools.map import MapOptions
from geocity.tools.step_journal import Journal


@dataclass(frozen=True, slots=True)
class ScenesToCompare:
    """Scenes that a model classifies, all alike; filtered and cleaned as `map` does.

    A run that was stopped goes on where it was: what is done with each scene is noted in a hidden
    folder beside the change, which goes when the change is whole.

    Attributes:
        scenes: with their dates.
        model: a model file that `train` wrote.
        target: the GeoPackage of the change; the class raster of each date goes beside it.
        journal: which steps are done.
    """

    scenes: tuple[DatedMap, ...]
    model: PathLike
    target: Path
    journal: Journal

    @classmethod
    def of(
        cls, scenes: Sequence[DatedMap], model: PathLike, target: Path, work: WorkOptions
    ) -> "ScenesToCompare":
        """Look for what a former run has left.

        Raises:
            ModelError: if the model cannot be used.
        """
        facts = [raster_facts(each.path) for each in scenes]
        contract = read_model(model).contract.to_json()
        told = fingerprint("change", geocity.__version__, facts, contract, MapOptions())
        folder = target.with_name(f".{target.stem}_work")
        journal = Journal(folder, told, resume=work.resume, title="change")
        return cls(tuple(scenes), model, target, journal)

    @property
    def outs(self) -> list[Path]:
        """Return where the class raster of each date goes."""
        return [
            self.target.with_name(f"{self.target.stem}_classes_{each.date}.tif")
            for each in self.scenes
        ]

    @contextlib.contextmanager
    def classified(
        self, work: WorkOptions, progress: Progress, *, overwrite: bool
    ) -> Iterator[list[Path]]:
        """Give the class rasters, by date, to a ``with`` block that compares them.

        Args:
            work: by whom.
            progress: told how far each step is.
            overwrite: replace class rasters that are there.
        """
        for path in self.outs:
            fresh_output(path, overwrite=overwrite)
        self.journal.begin()
        try:
            for each, path in zip(self.scenes, self.outs, strict=True):
                self._map(each, path, {"overwrite": True, "work": work, "progress": progress})
            yield self.outs
        except BaseException:
            self.journal.pause()
            raise
        self.journal.end()

    def _map(self, each: DatedMap, out: Path, more: "_More") -> None:
        """Classify, filter and clean a scene; what lies between lies in the journal's folder."""
        folder, usual, step = self.journal.work, MapOptions(), self.journal.step
        raw, filtered = folder / f"raw_{each.date}.tif", folder / f"filtered_{each.date}.tif"
        passes = usual.passes
        areas = {"min_area_m2": usual.min_area_m2, "min_hole_m2": usual.min_hole_m2}

        def make() -> None:
            step(raw, lambda: classify(each.path, model=self.model, out=raw, **more))
            step(filtered, lambda: majority_filter(raw, out=filtered, passes=passes, **more))
            clean(filtered, out=out, **areas, **more)

        step(out, make)
        for leftover in folder.glob(f"*_{each.date}.*"):
            leftover.unlink()


class _More(TypedDict):
    overwrite: bool
    work: WorkOptions
    progress: Progress
