"""Show a sample of training chips with their labels over them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geocity.core.progress import Progress, silent
from geocity.errors import InputError
from geocity.io.chips import Chip, ChipFolder, read_chip, read_chip_folder
from geocity.io.staging import PathLike, staged

_MOST = 12


def show_chips(
    chips: PathLike,
    *,
    out: PathLike,
    rows: int = 4,
    opacity: float = 0.5,
    split: str | None = None,
    seed: int = 0,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Path:
    """Draw rows x rows chips, chosen by a seed, as a picture.

    Args:
        chips: a folder of chips, from geocity or from ArcGIS Pro.
        out: the picture; ``.png``, ``.pdf`` or ``.svg``.
        rows: chips in a row and in a column.
        opacity: of the labels, 0 to 1.
        split: show chips of this part only: train, val or test.
        seed: another seed shows other chips.
        overwrite: replace the picture if it is there.
        progress: told how far the work is.

    Returns:
        The picture's path.

    Raises:
        InputError: if the folder has no such chips, or an option makes no sense.
    """
    from geocity.io.figures.chips import ChipPicture, chips_figure
    from geocity.io.figures.style import save_figure

    if not 1 <= rows <= _MOST or not 0 <= opacity <= 1:
        raise InputError(
            f"A figure takes 1 to {_MOST} rows and an opacity of 0 to 1, not {rows} and {opacity}."
        )
    if Path(out).suffix.lower() not in (".png", ".pdf", ".svg"):
        raise InputError(f"{out} is no picture; end its name with .png, .pdf or .svg.")
    progress = progress or silent
    with staged(out, overwrite=overwrite) as stage:
        folder = read_chip_folder(chips)
        chosen = _choose(folder, rows * rows, split, seed)
        pictures = []
        for done, chip in enumerate(chosen, start=1):
            pictures.append(ChipPicture(*_read(chip), title=f"{chip.image.stem}  {chip.split}"))
            progress(done, len(chosen), "reading chips")
        figure = chips_figure(
            pictures,
            folder.classes,
            columns=min(rows, len(pictures)),
            opacity=opacity,
            title=_title(folder, len(chosen), split),
        )
        save_figure(figure, stage.path)
    return Path(out)


def _choose(folder: ChipFolder, count: int, split: str | None, seed: int) -> Sequence[Chip]:
    chips = folder.split(split)
    if not chips:
        raise InputError(f"{folder.path} has no chips in the {split} part.")
    order = np.random.default_rng(seed).permutation(len(chips))[:count]
    return [chips[i] for i in sorted(order)]


def _read(chip: Chip) -> tuple[NDArray[Any], NDArray[np.bool_], NDArray[np.uint8]]:
    pixels, label, valid = read_chip(chip)
    return pixels, valid, label


def _title(folder: ChipFolder, shown: int, split: str | None) -> str:
    part = f" of the {split} part" if split else ""
    cell = f", {folder.cell_size_m:.2g} m" if folder.cell_size_m else ""
    return (
        f"{shown} of {len(folder.split(split))} chips{part} "
        f"({folder.chip_size} x {folder.chip_size} pixels{cell})"
    )
