"""One image before a city model: the answer, and the map of a georeferenced one."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely
from numpy.typing import NDArray

from geocity.core.cities.city_calibration import CityCalibration
from geocity.core.cities.identification import Answer, Likeness, answer_of, entropy_share
from geocity.core.cities.patch_cover import CellVotes, covering_origins
from geocity.core.cities.unknown import energy
from geocity.core.cities.votes import log_probabilities, ranking
from geocity.core.classes import NODATA
from geocity.core.grid import Grid
from geocity.core.progress import Progress
from geocity.errors import InputError
from geocity.io.cities.city_maps import (
    PATCHES_GPKG,
    MapPlan,
    MapSinks,
    create_city_map,
    dress_patches,
    patch_layer,
)
from geocity.io.cities.pictures import Picture
from geocity.io.vector_layers import Batch, write_batches

if TYPE_CHECKING:
    from geocity.models.cities.image_answers import RowAnswers
    from geocity.models.cities.inference import CityModel


@dataclass(frozen=True, slots=True)
class Cut:
    """How patches are cut from an image.

    Attributes:
        side: of a patch, in pixels of the image.
        stride: from one patch to the next.
        rows: upper pixel rows of the patches.
        cols: left pixel columns.
    """

    side: int
    stride: int
    rows: tuple[int, ...]
    cols: tuple[int, ...]

    @classmethod
    def of(cls, shape: tuple[int, int], side: int, stride: int) -> "Cut":
        """Cover an image of (rows, cols)."""
        axes = (tuple(covering_origins(length, side, stride).tolist()) for length in shape)
        return cls(side, stride, *axes)


class ImageRun:
    """Asks a model about an image, once.

    Args:
        model: the model.
        picture: the open image.
        name: what it is called.
        cut: how patches are cut.
        calibration: what the model's validation part taught, or None.
    """

    def __init__(
        self,
        model: "CityModel",
        picture: Picture,
        name: str,
        cut: Cut,
        calibration: CityCalibration | None,
    ) -> None:
        self._model, self._picture, self._name = model, picture, name
        self._cut, self._calibration = cut, calibration
        self._sum = np.zeros(len(model.contract.cities))
        self._patches = 0

    def answer(self, *, batch_size: int, progress: Progress) -> Answer:
        """Return the answer without a map."""
        for _ in self._rows(batch_size, progress):
            pass
        return self._answer()

    def answer_with_map(self, plan: MapPlan, *, batch_size: int, progress: Progress) -> Answer:
        """Return the answer, and write rasters and patches as rows of patches come in."""
        like = None
        if plan.like is not None and self._calibration is not None:
            like = Likeness(self._calibration, self._model.contract.codes.index(plan.like))
        with create_city_map(plan) as sinks:
            cells = _Cells(self, sinks, like)

            def batches() -> Iterator[Batch]:
                for row in self._rows(batch_size, progress):
                    likeness = None if like is None else like(row.embeddings)
                    cells.add(row, likeness)
                    yield self._polygons(row, likeness)
                cells.finish()

            write_batches(
                plan.folder / PATCHES_GPKG,
                patch_layer(plan),
                batches(),
                dress=lambda stage: dress_patches(stage, plan),
            )
        return replace(self._answer(), folder=plan.folder.name)

    @property
    def cut(self) -> Cut:
        """Return how patches are cut."""
        return self._cut

    @property
    def shape(self) -> tuple[int, int]:
        """Return (rows, cols) of the image."""
        return self._picture.shape

    def _rows(self, batch_size: int, progress: Progress) -> Iterator["RowAnswers"]:
        from geocity.models.cities.image_answers import answers_by_row

        cut = self._cut
        progress(0, len(cut.rows), self._name)
        origins = (cut.rows, cut.cols)
        for row in answers_by_row(
            self._model, self._picture.read_patch, origins, cut.side, batch_size=batch_size
        ):
            self._sum += row.logits.sum(axis=0, dtype=np.float64)
            self._patches += len(row.cols)
            yield row
            progress(cut.rows.index(row.row) + 1, len(cut.rows), self._name)

    def _answer(self) -> Answer:
        if not self._patches:
            raise InputError(
                f"{self._name} holds no patch with data in half of its pixels: nothing can be "
                "said about it; give an image with fewer gaps."
            )
        mean = self._sum / self._patches
        contract = self._model.contract
        return answer_of(self._name, mean, self._patches, contract, self._calibration)

    def judge(self, logits: NDArray[np.floating]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Return probabilities (n, cities) of patches, and which are of an unknown city."""
        level = None if self._calibration is None else self._calibration.patch
        temperature = self._model.contract.temperature if level is None else level.temperature
        chance = np.exp(log_probabilities(logits, temperature))
        if level is None:
            return chance, np.zeros(len(logits), bool)
        return chance, energy(logits) < level.known_from

    def _polygons(self, row: "RowAnswers", likeness: NDArray[np.floating] | None) -> Batch:
        grid = self._picture.grid
        if grid is None:
            raise ValueError("an image without a place has no polygons")
        contract = self._model.contract
        chance, unknown = self.judge(row.logits)
        order = ranking(row.logits, 2)
        first, second = (chance[np.arange(len(chance)), order[:, n]] for n in (0, 1))
        names = [
            "unknown city" if strange else contract.names[city]
            for city, strange in zip(order[:, 0].tolist(), unknown.tolist(), strict=True)
        ]
        columns: dict[str, Any] = {
            "city": [contract.codes[city] for city in order[:, 0].tolist()],
            "name": names,
            "prob": first,
            "second": [contract.codes[city] for city in order[:, 1].tolist()],
            "prob_2": second,
            "entropy": entropy_share(chance),
            "energy": energy(row.logits),
            "unknown": unknown.astype(np.int32),
        }
        if likeness is not None:
            columns["like"] = likeness
        return _squares(grid, row.row, row.cols, self._cut.side, self._picture.shape), columns


class _Cells:
    """Turns what patches say into rows of map cells."""

    def __init__(self, run: ImageRun, sinks: MapSinks, like: Likeness | None) -> None:
        self._run, self._sinks, self._like = run, sinks, like
        self._votes: CellVotes | None = None

    def add(self, row: "RowAnswers", likeness: NDArray[np.floating] | None) -> None:
        """Take a row of patches."""
        votes = self._started(row.logits.shape[1])
        self._write(votes, row.row)
        said = row.logits
        if likeness is not None:
            said = np.column_stack([said, likeness])
        for col, one in zip(row.cols.tolist(), said, strict=True):
            votes.add(row.row, col, one)

    def finish(self) -> None:
        """Give out the last rows."""
        if self._votes is not None:
            self._write(self._votes, None)

    def _started(self, cities: int) -> CellVotes:
        if self._votes is None:
            cut = self._run.cut
            layers = cities + (self._like is not None)
            self._votes = CellVotes(self._run.shape, cut.side, cut.stride, layers)
        return self._votes

    def _write(self, votes: CellVotes, next_row: int | None) -> None:
        for row, means in votes.settled(next_row):
            known = np.isfinite(means[0])
            city = np.full(len(known), NODATA, np.uint8)
            probability, entropy = np.full((2, len(known)), np.nan)
            like = None
            if self._like is not None:
                like, means = means[-1], means[:-1]
            if known.any():
                logits = means[:, known].T
                chance, unknown = self._run.judge(logits)
                city[known] = np.where(unknown, len(means), logits.argmax(axis=1))
                probability[known], entropy[known] = chance.max(axis=1), entropy_share(chance)
            self._sinks.write_row(row, city, probability, entropy, like)


def _squares(
    grid: Grid, row: int, cols: NDArray[np.int64], side: int, shape: tuple[int, int]
) -> NDArray[np.object_]:
    """Return the outlines of patches on the map, cut at the image's edge."""
    t = grid.transform
    bottom, right = min(row + side, shape[0]), np.minimum(cols + side, shape[1])
    xs = (t.a * cols + t.c, t.a * right + t.c)
    ys = [np.full(len(cols), t.e * edge + t.f) for edge in (bottom, row)]
    result: NDArray[np.object_] = shapely.box(xs[0], ys[0], xs[1], ys[1])
    return result
