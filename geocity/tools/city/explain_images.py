"""Whole images, explained: overlapping patches stitched into one map without seams."""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from geocity.core.blending import Blender
from geocity.core.cities.salience import UNKNOWN
from geocity.core.grid import Window
from geocity.core.progress import Progress
from geocity.core.tiles import Tile
from geocity.errors import InputError
from geocity.io.cities.relevance_rasters import RelevanceSink, create_relevance_raster
from geocity.io.figures.cities_relevance import Explained, draw_image
from geocity.io.staging import PathLike
from geocity.tools.city.explain_patches import file_name, relevance_tags
from geocity.tools.city.explainer import Explainer
from geocity.tools.city.image_layout import ImageLayout, Preview, lay_out_image

if TYPE_CHECKING:
    from torch import Tensor

    from geocity.data.cities.image_windows import ImageWindows

_SHOWN_CITIES = 5
_ENOUGH = 0.5
"""Share of a patch that must hold data before it may vote."""


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
    layout = lay_out_image(explainer.contract, image.path, image.shape, image.grid)
    chances = _vote(explainer, image, layout, progress)
    answer = int(chances.argmax())
    target = answer if explainer.target is None else explainer.target
    names = explainer.contract.names
    where = stage / "images" / f"{name}.tif"
    preview = _map(explainer, image, layout, target, where, progress)
    picture = image.preview(layout.step * preview.step)
    shown = Explained(
        picture=picture,
        maps=preview.maps,
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


def _map(
    explainer: Explainer,
    image: "ImageWindows",
    layout: ImageLayout,
    target: int,
    where: Path,
    progress: Progress,
) -> Preview:
    """Map what speaks for a city; as a raster too, where the image is georeferenced."""
    preview = Preview(explainer.layers, layout.plan.shape)
    with contextlib.ExitStack() as stack:
        sink: RelevanceSink | None = None
        if image.grid is not None:
            city = explainer.contract.names[target]
            tags = relevance_tags(explainer, city, Path(image.path).name)
            grid = image.grid.coarser(layout.step, layout.plan.shape)
            sink = stack.enter_context(
                create_relevance_raster(where, grid, explainer.layers, tags=tags)
            )
        for window, relevance in _stitched(explainer, image, layout, target, progress):
            preview.take(window, relevance)
            if sink is not None:
                sink.write(relevance, window)
    return preview


@dataclass(frozen=True)
class _Batch:
    """Some patches of an image.

    Attributes:
        tiles: where they lie.
        pixels: 0 to 255, tensor (patches, 3, side, side).
        known: share of each patch that holds data.
    """

    tiles: list[Tile]
    pixels: "Tensor"
    known: NDArray[np.float64]


def _batches(explainer: Explainer, image: "ImageWindows", layout: ImageLayout) -> Iterator[_Batch]:
    import torch

    size = explainer.options.batch_size
    for first in range(0, len(layout.plan), size):
        tiles = list(layout.plan[first : first + size])
        read = [image.read(layout.window(tile)) for tile in tiles]
        pixels = np.stack([found for found, _ in read]).astype(np.float32)
        known = np.array([float(valid.mean()) for _, valid in read])
        yield _Batch(tiles, torch.from_numpy(pixels), known)


def _vote(
    explainer: Explainer, image: "ImageWindows", layout: ImageLayout, progress: Progress
) -> NDArray[np.float64]:
    """Return the probability of each city for the whole image: patches vote by log-probability."""
    votes: list[NDArray[np.float64]] = []
    done = 0
    for batch in _batches(explainer, image, layout):
        enough = np.flatnonzero(batch.known >= _ENOUGH)
        if enough.size:
            votes.extend(np.log(explainer.probabilities(batch.pixels[enough]) + 1e-12))
        done += len(batch.tiles)
        progress(done, len(layout.plan), f"asking {Path(image.path).name}")
    if not votes:
        raise InputError(
            f"No patch of {image.path} is covered by data by half or more, so nothing can be said "
            "of it; choose another image, or a part of it."
        )
    chances = np.exp(np.mean(votes, axis=0))
    return np.asarray(chances / chances.sum())


def _stitched(
    explainer: Explainer,
    image: "ImageWindows",
    layout: ImageLayout,
    target: int,
    progress: Progress,
) -> Iterator[tuple[Window, NDArray[np.float32]]]:
    """Yield settled blocks of relevance (layers, rows, cols), NaN where the image has no data."""
    blender = Blender(layout.plan, len(explainer.layers))
    for batch in _batches(explainer, image, layout):
        some = np.flatnonzero(batch.known > 0)  # an empty patch has nothing to explain
        found = dict(
            zip(some.tolist(), _sized(explainer, batch, some, layout, target), strict=True)
        )
        for index, tile in enumerate(batch.tiles):
            place = blender.support(tile).shift(-tile.read.row, -tile.read.col)
            relevance = found.get(index)
            part = None if relevance is None else relevance[(slice(None), *place.slices)].copy()
            settled = blender.add(part)
            if settled is not None:
                window, values = settled
                yield window, _without_gaps(image, layout, window, values)
            progress(blender.fed, len(blender), f"explaining {Path(image.path).name}")


def _sized(
    explainer: Explainer, batch: _Batch, some: NDArray[np.intp], layout: ImageLayout, target: int
) -> NDArray[np.float32]:
    """Return the maps of some patches of a batch, (patches, layers, tile, tile)."""
    import torch
    from torch.nn.functional import interpolate

    side = layout.plan.tile
    if not some.size:
        return np.zeros((0, len(explainer.layers), side, side), np.float32)
    maps = explainer.maps(batch.pixels[some], [target] * len(some))
    stacked = torch.from_numpy(np.stack([maps[name] for name in explainer.layers], 1))
    sized = interpolate(stacked, (side, side), mode="bilinear", align_corners=False)
    return np.asarray(sized.numpy())


def _without_gaps(
    image: "ImageWindows", layout: ImageLayout, window: Window, values: NDArray[np.float32]
) -> NDArray[np.float32]:
    if image.grid is None:
        return values
    step = layout.step
    wide = Window(*(step * v for v in window)).intersect(Window(0, 0, *image.shape))
    if wide is None:
        raise ValueError(f"{window} lies outside the image")
    valid = image.read(wide)[1][::step, ::step]
    return np.where(valid, values, np.float32(np.nan))


def _weigh_ground(
    explainer: Explainer,
    image: "ImageWindows",
    layout: ImageLayout,
    preview: Preview,
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
    grid = image.grid.coarser(layout.step * preview.step, preview.shape)
    ground = explainer.cover.read(grid)
    ground[preview.unknown] = UNKNOWN
    for layer, heat in preview.maps.items():
        explainer.tally.add(shown.explained, image.path, layer, heat, ground)
