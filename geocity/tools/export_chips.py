"""Cut scenes and their labels into chips for training, as ArcGIS's Export Training Data does."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from geocity.core.classes import ClassTable
from geocity.core.progress import Progress, silent
from geocity.core.split import DROPPED, PARTS
from geocity.errors import ClassTableError, InputError
from geocity.io.alpha_bands import warn_of_mistaken_alpha
from geocity.io.chip_options import ChipOptions
from geocity.io.chip_writer import ChipFolderPlan, ChipFolderWriter
from geocity.io.rasters import open_scene
from geocity.io.staging import PathLike, fresh_output, staged_directory

if TYPE_CHECKING:
    from geocity.data.chip_sources import ChipSource

logger = logging.getLogger(__name__)


def export_chips(
    scenes: PathLike | Sequence[PathLike],
    *,
    labels: PathLike | Sequence[PathLike],
    out: PathLike,
    options: ChipOptions | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Path:
    """Cut scenes and labels into a folder of chips that `train`, and ArcGIS, can read.

    Every chip without a pixel of imagery is skipped, and where a chip has none its label is 255.
    Chips are split by place so that different parts lie at least a chip apart; those between are
    left out and counted. See `ChipOptions` for all choices.

    Args:
        scenes: one or more rasters of the same bands.
        labels: outlines, or classified rasters; one for all scenes, or one for each, in order.
        out: the folder to make.
        options: how to cut, choose, label and split.
        overwrite: replace the folder if it is there.
        progress: told how far the work is.

    Returns:
        The folder.

    Raises:
        InputError: if scenes, labels and options do not fit together.
        LabelError: if a class cannot be brought into every part.
        NoOverlapError: if no chip holds a feature.
    """
    from geocity.data.chip_parts import split_chips
    from geocity.data.chip_survey import choose, survey

    options = options or ChipOptions()
    progress = progress or silent
    final = fresh_output(out, overwrite=overwrite)
    sources = _open_sources(_listed(scenes), _listed(labels), options)
    classes = sources[0].labels.classes
    first = sources[0].scenes
    plan = ChipFolderPlan(
        classes,
        first.band_names,
        first.pixel_dtype,
        options.chip_size,
        options.image_format,
        options.start_index,
        _about(sources, _listed(labels), options),
    )
    candidates = choose(survey(sources, options, progress), options)
    split = split_chips(candidates, classes, options)
    dropped = [candidate.place() for candidate in candidates if candidate.part == DROPPED]
    kept = [candidate for candidate in candidates if candidate.part != DROPPED]
    with staged_directory(out, overwrite=overwrite) as folder:
        writer = ChipFolderWriter(folder, plan)
        for done, candidate in enumerate(kept, start=1):
            chip = candidate.source.chip(candidate.window, candidate.angle)
            writer.add(chip.pixels, chip.valid, chip.label, candidate.place())
            progress(done, len(kept), "writing chips")
        writer.finish(split, dropped)
    counts = ", ".join(f"{sum(c.part == i for c in kept)} {name}" for i, name in enumerate(PARTS))
    logger.info(
        "%d chips of %d pixels: %s; %d between the parts were left out.",
        len(kept), options.chip_size, counts, len(dropped),
    )  # fmt: skip
    return final


def _listed(paths: PathLike | Sequence[PathLike]) -> list[Path]:
    if isinstance(paths, Sequence) and not isinstance(paths, str):
        return [Path(path) for path in paths]
    return [Path(paths)]


def _open_sources(
    scenes: Sequence[Path], labels: Sequence[Path], options: ChipOptions
) -> "list[ChipSource]":
    """Open every image with its labels; scenes that may not be read as one stay apart."""
    from geocity.data.chip_sources import ChipSource, open_labels
    from geocity.data.labels import LabelRules
    from geocity.data.scenes import SceneDataset

    if not scenes or len(labels) not in (1, len(scenes)):
        raise InputError(
            f"{len(scenes)} scenes need one label file for all or one for each, not {len(labels)}."
        )
    everything = SceneDataset(scenes, cell_size_m=options.cell_size_m)  # refuses what does not fit
    for scene in scenes:
        warn_of_mistaken_alpha(scene)
    rules = LabelRules(
        options.class_field,
        options.class_values,
        options.buffer_m,
        options.all_touched,
        options.min_overlap,
        None if options.labelled_area is None else Path(options.labelled_area),
    )
    opened = {path: open_labels(path, rules, everything.crs) for path in dict.fromkeys(labels)}
    _same_classes({path: source.classes for path, source in opened.items()})
    held = _held_out(scenes, options)
    groups: dict[Any, list[Path]] = {}
    for number, scene in enumerate(scenes):
        label = labels[number if len(labels) > 1 else 0]
        alone = scene if options.scenes == "separate" or scene in held else None
        groups.setdefault((label, alone), []).append(scene)
    sources = []
    for (label, _), members in groups.items():
        # In one order of bands, whoever is read apart.
        dataset = SceneDataset(
            members, cell_size_m=options.cell_size_m, bands=everything.band_names
        )
        for position, image in enumerate(dataset.images):
            files = [Path(dataset.index.filepath.iloc[m]) for m, _ in image.mosaic.members]
            name = "+".join(file.stem for file in files)
            sources.append(ChipSource(dataset, position, opened[label], name, files[0] in held))
    _same_cells(sources)
    return sources


def _same_classes(tables: Mapping[Path, ClassTable]) -> None:
    (first, table), *others = tables.items()
    for path, other in others:
        if other != table:
            raise ClassTableError(
                f"{path} has the classes {', '.join(other.names)}, but {first} has "
                f"{', '.join(table.names)}; name the classes of both (--class-values)."
            )


def _same_cells(sources: "Sequence[ChipSource]") -> None:
    sizes = {source.name: source.grid.cell_size_m for source in sources}
    if max(sizes.values()) > 1.05 * min(sizes.values()):
        told = ", ".join(f"{name} {size:.3g} m" for name, size in sizes.items())
        raise InputError(
            f"The scenes have pixels of different size ({told}); choose one for all (--cell-size)."
        )


def _held_out(scenes: Sequence[Path], options: ChipOptions) -> set[Path]:
    """Return the scenes that are meant by names, paths or dates."""
    held: set[Path] = set()
    for asked in options.hold_out:
        found = {s for s in scenes if asked in (str(s), s.name, s.stem) or Path(asked) == s}
        for scene in scenes:
            with open_scene(scene) as opened:
                date = opened.date
            if date and date.isoformat().startswith(asked) and asked[:4].isdecimal():
                found.add(scene)
        if not found:
            names = ", ".join(scene.name for scene in scenes)
            raise InputError(
                f"No scene is called {asked!r} or was taken then; the scenes are {names}."
            )
        held |= found
    if held == set(scenes):
        raise InputError("Every scene is held out, so none is left to train on.")
    return held


def _about(
    sources: "Sequence[ChipSource]", labels: Sequence[Path], options: ChipOptions
) -> dict[str, Any]:
    kept = asdict(options)
    for name in ("mask", "labelled_area"):
        kept[name] = None if kept[name] is None else Path(kept[name]).name
    return {
        "stride": options.stride or options.chip_size,
        "labels": [path.name for path in labels],
        "seed": options.seed,
        "options": kept,
        "sources": [
            {
                "name": source.name,
                "crs": source.grid.crs.to_wkt(),
                "transform": list(source.grid.transform)[:6],
                "shape": list(source.grid.shape),
                "held_out": source.held_out,
            }
            for source in sources
        ],
    }
