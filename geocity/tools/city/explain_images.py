"""Whole images, explained: overlapping patches stitched into one map without seams."""

import contextlib
import logging
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from affine import Affine
from numpy.typing import NDArray

from geocity.core.blending import Blender
from geocity.core.grid import Grid, Window
from geocity.core.progress import Progress
from geocity.core.tiles import Tile, TilePlan, plan_tiles
from geocity.errors import InputError
from geocity.io.cities.relevance_rasters import RelevanceSink, create_relevance_raster
from geocity.io.figures.cities_relevance import Explained, draw_image
from geocity.io.staging import PathLike
from geocity.tools.city.explain_patches import file_name, relevance_tags
from geocity.tools.city.explainer import Explainer

if TYPE_CHECKING:
    from geocity.data.cities.image_windows import ImageWindows

logger = logging.getLogger(__name__)

_PREVIEW_PX = 1000
_SHOWN_CITIES = 5


@dataclass(frozen=True)
class _Layout:
    """How an image is cut into patches, and on which pixels their maps are stitched.

    Attributes:
        side: of a patch, in pixels of the image.
        step: pixels of the image for one pixel of the map.
        plan: the patches, in pixels of the map.
    """

    side: int
    step: int
    plan: TilePlan

    def window(self, tile: Tile) -> Window:
        """Return the pixels of the image that a patch reads."""
        row, col, rows, cols = (self.step * value for value in tile.read)
        return Window(row, col, rows, cols)


@dataclass(frozen=True)
class ImageResult:
    """What was found in an image.

    Attributes:
        report: for the report: file, the most probable cities, what was explained.
        sheet: the figure.
    """

    report: dict[str, Any]
    sheet: Path


def explain_images(
    explainer: Explainer, images: Sequence[PathLike], stage: Path, progress: Progress
) -> list[ImageResult]:
    """Explain whole images; georeferenced ones also give a relevance raster.

    Args:
        explainer: the model.
        images: files of any size.
        stage: the folder to fill.
        progress: told of every patch.

    Raises:
        InputError: if an image cannot serve.
    """
    from geocity.data.cities.image_windows import ImageWindows

    (stage / "images").mkdir()
    results = []
    for number, path in enumerate(images, start=1):
        name = f"{number:02d}_{file_name(Path(path).stem)}"
        with contextlib.closing(ImageWindows(path)) as image:
            results.append(_explain_image(explainer, image, stage, name, progress))
    return results


def _explain_image(
    explainer: Explainer, image: "ImageWindows", stage: Path, name: str, progress: Progress
) -> ImageResult:
    layout = lay_out_image(explainer, image)
    chances = _vote(explainer, image, layout, progress)
    answer = int(chances.argmax())
    target = answer if explainer.target is None else explainer.target
    names = explainer.contract.names
    where = stage / "images" / f"{name}.tif"
    preview = _Preview(explainer.layers, layout.plan.shape)
    with contextlib.ExitStack() as stack:
        sink: RelevanceSink | None = None
        if image.grid is not None:
            tags = relevance_tags(explainer, names[target], Path(image.path).name)
            grid = _coarser(image.grid, layout.step, layout.plan.shape)
            sink = stack.enter_context(
                create_relevance_raster(where, grid, explainer.layers, tags=tags)
            )
        for window, relevance in _stitched(explainer, image, layout, target, progress):
            preview.take(window, relevance)
            if sink is not None:
                sink.write(relevance, window)
    picture = image.preview(layout.step * preview.step)
    shown = Explained(
        picture=picture,
        maps=preview.maps(picture.shape[:2]),
        place=(Path(image.path).name, f"{len(layout.plan)} patches"),
        answer=names[answer],
        probability=float(chances[answer]),
        right=None,
        explained=names[target],
        explained_probability=float(chances[target]),
    )
    order = np.argsort(-chances, kind="stable")[:_SHOWN_CITIES]
    top = [(names[i], float(chances[i])) for i in order]
    draw_image(shown, explainer.look, top, where.with_suffix(".png"))
    _weigh_ground(explainer, image, layout, preview, shown)
    return ImageResult(
        report={
            "image": Path(image.path).name,
            "patches": len(layout.plan),
            "patch_px": layout.side,
            "explained": names[target],
            "cities": [{"city": city, "probability": chance} for city, chance in top],
            "raster": f"images/{name}.tif" if image.grid is not None else None,
        },
        sheet=Path("images") / f"{name}.png",
    )


def lay_out_image(explainer: Explainer, image: "ImageWindows") -> _Layout:
    """Cut an image into patches as large on the ground as those of the training."""
    contract = explainer.contract
    side = min(image.shape)
    cell_m = contract.cell_size_m if image.grid is None else image.grid.cell_size_m
    if contract.patch_m is not None and cell_m is not None:
        wanted = max(1, round(contract.patch_m / cell_m))
        if wanted > side:
            logger.warning(
                "%s is %d pixels wide and the model's patches are %d: one smaller patch is "
                "looked at, and the answer is worth less.",
                image.path, side, wanted,
            )  # fmt: skip
        side = min(side, wanted)
    # The map needs no more pixels than the network sees.
    most = max(1, side // contract.input_px)
    step = max(s for s in range(1, most + 1) if side % s == 0)
    rows, cols = (math.ceil(length / step) for length in image.shape)
    tile = side // step
    return _Layout(side, step, plan_tiles((rows, cols), tile, tile // 4))


def _vote(
    explainer: Explainer, image: "ImageWindows", layout: _Layout, progress: Progress
) -> NDArray[np.float64]:
    """Return the probability of each city for the whole image: patches vote by log-probability."""
    votes: list[NDArray[np.float64]] = []
    for tiles, pixels in _batches(explainer, image, layout):
        votes.extend(np.log(explainer.probabilities(pixels) + 1e-12))
        del tiles
        progress(len(votes), len(layout.plan), f"asking {Path(image.path).name}")
    chances = np.exp(np.mean(votes, axis=0))
    return np.asarray(chances / chances.sum())


def _batches(
    explainer: Explainer, image: "ImageWindows", layout: _Layout
) -> Iterator[tuple[list[Tile], Any]]:
    import torch

    size = explainer.options.batch_size
    for first in range(0, len(layout.plan), size):
        tiles = list(layout.plan[first : first + size])
        read = [image.read(layout.window(tile))[0] for tile in tiles]
        yield tiles, torch.from_numpy(np.stack(read).astype(np.float32))


def _stitched(
    explainer: Explainer,
    image: "ImageWindows",
    layout: _Layout,
    target: int,
    progress: Progress,
) -> Iterator[tuple[Window, NDArray[np.float32]]]:
    """Yield settled blocks of relevance (layers, rows, cols), NaN where the image has no data."""
    import torch
    from torch.nn.functional import interpolate

    blender = Blender(layout.plan, len(explainer.layers))
    tile_px = layout.plan.tile
    for tiles, pixels in _batches(explainer, image, layout):
        maps = explainer.maps(pixels, [target] * len(tiles))
        stacked = torch.from_numpy(np.stack([maps[n] for n in explainer.layers], 1))
        sized = interpolate(stacked, (tile_px, tile_px), mode="bilinear", align_corners=False)
        for tile, relevance in zip(tiles, sized.numpy(), strict=True):
            place = blender.support(tile).shift(-tile.read.row, -tile.read.col)
            settled = blender.add(relevance[(slice(None), *place.slices)].copy())
            if settled is not None:
                window, values = settled
                yield window, _without_gaps(image, layout, window, values)
            progress(blender.fed, len(blender), f"explaining {Path(image.path).name}")


def _without_gaps(
    image: "ImageWindows", layout: _Layout, window: Window, values: NDArray[np.float32]
) -> NDArray[np.float32]:
    if image.grid is None:
        return values
    step = layout.step
    wide = Window(*(step * v for v in window)).intersect(Window(0, 0, *image.shape))
    if wide is None:
        raise ValueError(f"{window} lies outside the image")
    valid = image.read(wide)[1][::step, ::step]
    return np.where(valid, values, np.float32(np.nan))


def _coarser(grid: Grid, step: int, shape: tuple[int, int]) -> Grid:
    """Return a grid of pixels `step` times as wide, from the same corner."""
    return Grid(grid.crs, grid.transform @ Affine.scale(step), shape)


class _Preview:
    """A small copy of the map: every n-th pixel."""

    def __init__(self, layers: Sequence[str], shape: tuple[int, int]) -> None:
        self.step = max(1, math.ceil(max(shape) / _PREVIEW_PX))
        self._layers = tuple(layers)
        self.shape = (math.ceil(shape[0] / self.step), math.ceil(shape[1] / self.step))
        self._values = np.full((len(layers), *self.shape), np.nan, np.float32)

    def take(self, window: Window, values: NDArray[np.float32]) -> None:
        """Take a settled block."""
        rows = slice(-window.row % self.step, None, self.step)
        cols = slice(-window.col % self.step, None, self.step)
        part = values[:, rows, cols]
        top, left = -(-window.row // self.step), -(-window.col // self.step)
        self._values[:, top : top + part.shape[1], left : left + part.shape[2]] = part

    def maps(self, shape: tuple[int, ...]) -> dict[str, NDArray[np.float32]]:
        """Return the maps by layer, 0 where there is no data, cut to a picture's shape."""
        rows, cols = shape
        known = np.nan_to_num(self._values[:, :rows, :cols])
        return dict(zip(self._layers, known, strict=True))

    @property
    def unknown(self) -> NDArray[np.bool_]:
        """Return where the image has no data."""
        return np.isnan(self._values).any(0)


def _weigh_ground(
    explainer: Explainer,
    image: "ImageWindows",
    layout: _Layout,
    preview: _Preview,
    shown: Explained,
) -> None:
    """Add a whole image to what is salient."""
    if explainer.cover is None or explainer.tally is None:
        return
    if image.grid is None:
        raise InputError(
            f"{image.path} is not georeferenced, so nobody knows what ground it shows; leave "
            "--classes and --polygons out, or give a georeferenced image."
        )
    grid = _coarser(image.grid, layout.step * preview.step, preview.shape)
    ground = explainer.cover.read(grid)
    ground[preview.unknown] = 255
    for layer, heat in preview.maps(preview.shape).items():
        explainer.tally.add(shown.explained, image.path, layer, heat, ground)
