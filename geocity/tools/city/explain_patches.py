"""The patches of a city folder, explained city by city."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from affine import Affine
from numpy.typing import NDArray

from geocity.core.cities.faithfulness import Faithfulness
from geocity.core.cities.heat import salient
from geocity.core.grid import Grid
from geocity.core.progress import Progress
from geocity.errors import InputError
from geocity.io.cities.manifest import CityFolder, read_city_folder
from geocity.io.cities.relevance_rasters import create_relevance_raster
from geocity.io.figures.cities_relevance import (
    Explained,
    draw_city,
    draw_comparison,
    draw_contact_sheet,
)
from geocity.io.staging import PathLike
from geocity.tools.city.city_parts import CityPart, chosen_fold, read_part, refuse_empty
from geocity.tools.city.explainer import PREDICTED, Explainer, picture_of, title_of
from geocity.tools.city.measured_patches import ExplainedPatch, MeasuredPatches

if TYPE_CHECKING:
    from geocity.data.cities.patches import CityPatchDataset

logger = logging.getLogger(__name__)

_COMPARED = 3
"""Patches of a city that are drawn by every method."""


@dataclass
class CityResults:
    """What was found in a city folder.

    Attributes:
        rows: one a patch and layer, for the table.
        cities: one a city, for the report.
        images: one a whole image, for the report.
        sheets: by the city's name, the sheet and, where methods are compared, a second one.
        rasters: number of relevance rasters.
        measures: how true the maps are.
    """

    rows: list[dict[str, Any]] = field(default_factory=list)
    cities: list[dict[str, Any]] = field(default_factory=list)
    images: list[dict[str, Any]] = field(default_factory=list)
    sheets: dict[str, list[Path]] = field(default_factory=dict)
    rasters: int = 0
    measures: list[Faithfulness] = field(default_factory=list)


def explain_city_folder(
    explainer: Explainer, cities: PathLike, stage: Path, progress: Progress
) -> CityResults:
    """Explain seeded patches of every city and write sheets and rasters.

    Args:
        explainer: the model.
        cities: the city folder.
        stage: the folder to fill.
        progress: told of every patch.

    Raises:
        InputError: if the folder does not fit the model.
    """
    folder = read_city_folder(cities)
    options, contract = explainer.options, explainer.contract
    fold = chosen_fold(contract, folder, options.fold)
    part = read_part(folder, contract, options.split, fold)
    refuse_empty(part, options.split, fold)
    _refuse_unplaced(explainer, folder)
    chosen = draw_patches(part, options.patches, options.seed)
    total = sum(len(places) for places in chosen.values())
    done, results, contact = 0, CityResults(), []
    measured = MeasuredPatches(explainer, len(chosen))
    for position, places in chosen.items():
        city = contract.names[position]
        explained = []
        for patch in _explained(explainer, part.take(places)):
            explained.append(patch)
            done += 1
            progress(done, total, "explaining patches")
        _write_city(explainer, part.folder, position, explained, stage, results)
        _note(explainer, part, explained, results)
        measured.offer(explained)
        contact.append((city, _surest(explained)))
    draw_contact_sheet(contact, explainer.look, stage / "contact_sheet.png")
    results.measures = measured.run(progress)
    return results


def draw_patches(part: CityPart, count: int, seed: int) -> dict[int, NDArray[np.int64]]:
    """Draw patches of every city of the model, each city by its own chance.

    Args:
        part: of a city folder.
        count: patches a city; all where there are fewer.
        seed: of the draw.

    Returns:
        By the city's position in the model, places in the part, image by image.
    """
    drawn = {}
    for position in sorted(set(part.truth[part.truth >= 0].tolist())):
        places = np.flatnonzero(part.truth == position)
        generator = np.random.default_rng([seed, position])
        some = generator.permutation(places)[:count]
        drawn[int(position)] = np.sort(some)
    return drawn


def _explained(explainer: Explainer, part: CityPart) -> Iterator[ExplainedPatch]:
    from geocity.data.cities.patches import CityPatchDataset

    dataset = CityPatchDataset(part.folder, part.rows, side_px=explainer.contract.input_px)
    for first in range(0, len(dataset), explainer.options.batch_size):
        count = min(explainer.options.batch_size, len(dataset) - first)
        yield from _batch(explainer, part, dataset, range(first, first + count))


def _batch(
    explainer: Explainer, part: CityPart, dataset: "CityPatchDataset", places: range
) -> Iterator[ExplainedPatch]:
    import torch

    names = explainer.contract.names
    pixels = torch.stack([dataset[i]["image"] for i in places])
    chances = explainer.probabilities(pixels)
    answers, truth = chances.argmax(1), part.truth[places.start : places.stop]
    targets = truth
    if explainer.options.target == PREDICTED:
        targets = answers
    elif explainer.target is not None:
        targets = np.full(len(places), explainer.target)
    maps = explainer.maps(pixels, targets.tolist())
    for i, place in enumerate(places):
        shown = Explained(
            picture=picture_of(pixels[i]),
            maps={name: found[i] for name, found in maps.items()},
            place=_place(part.folder, part.rows[place]),
            answer=names[answers[i]],
            probability=float(chances[i, answers[i]]),
            right=bool(answers[i] == truth[i]),
            explained=names[targets[i]],
            explained_probability=float(chances[i, targets[i]]),
        )
        yield ExplainedPatch(part.rows[place], pixels[i], shown, int(targets[i]))


def _place(folder: CityFolder, row: int) -> tuple[str, ...]:
    patch = folder.patches.iloc[row]
    image = folder.images.iloc[int(patch["image"])]
    stem = str(image["key"]).rsplit("/", 1)[-1]
    date = "" if image["date"] is None else f" · {image['date']}"
    return f"site {image['site']}{date}", stem, f"row {patch['row']}, col {patch['col']}"


def _write_city(
    explainer: Explainer,
    folder: CityFolder,
    position: int,
    patches: Sequence[ExplainedPatch],
    stage: Path,
    results: CityResults,
) -> None:
    """Draw a city's sheets, write the rasters of its patches, and gather what is salient."""
    code, city = explainer.contract.cities[position]
    name = f"{position + 1:02d}_{file_name(code)}"
    (stage / "cities").mkdir(exist_ok=True)
    sheet = stage / "cities" / f"{name}.png"
    draw_city(city, [patch.shown for patch in patches], explainer.look, sheet)
    results.sheets[city] = [sheet.relative_to(stage)]
    if len(explainer.options.methods) > 1:
        path = stage / "cities" / f"{name}_methods.png"
        several = [_by_method(explainer, patch) for patch in patches[:_COMPARED]]
        draw_comparison(city, several, explainer.look, path)
        results.sheets[city].append(path.relative_to(stage))
    for patch in patches:
        grid = patch_grid(folder, patch.row, explainer.contract.input_px)
        if grid is not None:
            _write_raster(explainer, folder, patch, grid, stage / "rasters" / name)
            results.rasters += 1


def _by_method(explainer: Explainer, patch: ExplainedPatch) -> dict[str, Explained]:
    found = {title_of(explainer.options.method): patch.shown}
    for method in explainer.options.methods[1:]:
        maps = explainer.maps(patch.pixels[None], [patch.target], method)
        one = {name: value[0] for name, value in maps.items()}
        found[title_of(method)] = replace(patch.shown, maps=one)
    return found


def patch_grid(folder: CityFolder, row: int, side_px: int) -> Grid | None:
    """Return where the pixels of a patch lie once it is resized; None without georeference."""
    grid = folder.patch_grid(row)
    if grid is None:
        return None
    rows, cols = grid.shape
    scale = Affine.scale(cols / side_px, rows / side_px)
    return Grid(grid.crs, grid.transform @ scale, (side_px, side_px))


def _write_raster(
    explainer: Explainer, folder: CityFolder, patch: ExplainedPatch, grid: Grid, where: Path
) -> None:
    window = folder.patch_window(patch.row)
    key = str(folder.images["key"].iloc[int(folder.patches["image"].iloc[patch.row])])
    where.mkdir(parents=True, exist_ok=True)
    name = f"{file_name('_'.join(key.split('/')[1:]))}_r{window.row}_c{window.col}.tif"
    tags = relevance_tags(explainer, patch.shown.explained, key)
    with create_relevance_raster(where / name, grid, explainer.layers, tags=tags) as sink:
        sink.write(np.stack([patch.shown.maps[n] for n in explainer.layers]), grid.window)


def relevance_tags(explainer: Explainer, city: str, source: str) -> dict[str, str]:
    """Return what a relevance raster says of itself."""
    return {
        "GEOCITY_CITY": city,
        "GEOCITY_SOURCE": source,
        "GEOCITY_METHOD": explainer.options.method,
        "GEOCITY_START": explainer.options.start,
        "GEOCITY_MODEL_ID": explainer.contract.model_id,
    }


def file_name(text: str) -> str:
    """Return a text with what file systems dislike replaced."""
    return "".join(c if c.isalnum() or c in "-_." else "_" for c in text)


def _note(
    explainer: Explainer, part: CityPart, patches: Sequence[ExplainedPatch], results: CityResults
) -> None:
    """Add patches to the tables, and to what is salient."""
    place_of = dict(zip(part.rows, part.place.tolist(), strict=True))
    for patch in patches:
        shown, row = patch.shown, part.folder.patches.iloc[patch.row]
        about = {
            "image": part.folder.images["key"].iloc[int(row["image"])],
            "row": int(row["row"]),
            "col": int(row["col"]),
            "side": int(row["side"]),
            "answer": shown.answer,
            "probability": shown.probability,
            "right": shown.right,
            "explained": shown.explained,
            "explained_probability": shown.explained_probability,
        }
        grid = patch_grid(part.folder, patch.row, explainer.contract.input_px)
        ground = None
        if explainer.cover is not None and grid is not None:
            ground = explainer.cover.read(grid)
        for layer, heat in shown.maps.items():
            share = float(salient(heat[None]).mean())
            results.rows.append({**about, "layer": layer, "salient_share": share})
            if explainer.tally is not None and ground is not None:
                unit = str(place_of[patch.row])
                explainer.tally.add(shown.explained, unit, layer, heat, ground)
    right = sum(1 for patch in patches if patch.shown.right)
    city = explainer.contract.names[int(part.truth[part.rows.index(patches[0].row)])]
    results.cities.append({"city": city, "patches": len(patches), "named_rightly": right})


def _surest(patches: Sequence[ExplainedPatch]) -> Explained:
    """Return the surest right patch; where none is right, the surest one."""
    best = max(patches, key=lambda p: (bool(p.shown.right), p.shown.probability))
    return best.shown


def _refuse_unplaced(explainer: Explainer, folder: CityFolder) -> None:
    if explainer.cover is not None and not folder.images["georeferenced"].any():
        raise InputError(
            f"No image of {folder.path} is georeferenced, so nobody knows what ground its patches "
            "show; leave --classes and --polygons out, or give georeferenced images."
        )
