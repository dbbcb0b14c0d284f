"""Say how good a model is, on chips that it was not trained on."""

import contextlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from geocity.core.agreement import Agreement, Ground
from geocity.core.classes import NODATA, ClassTable
from geocity.core.model_contract import ModelContract
from geocity.core.progress import Progress, silent
from geocity.core.scene_fit import bands_to_read, needs_resampling
from geocity.errors import BandMismatchError, ClassTableError, GridMismatchError, InputError
from geocity.io.chips import Chip, ChipFolder, read_chip, read_chip_folder
from geocity.io.evaluations import WorstPieces, evaluation_table, piece_row, write_evaluation
from geocity.io.figures.accuracy import Comparison
from geocity.io.figures.style import stretch
from geocity.io.model_packages import read_model
from geocity.io.staging import PathLike, staged_directory

logger = logging.getLogger(__name__)

TOLERANCE_M = 5.0
"""How far apart two borders may lie and still agree: outlines drawn by hand are no finer."""

_MOST_TOLERANCE_PX = 256
# The part that is on none of the training side comes first in the list of what there is.
_PARTS = ("test", "val", "train")


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What an evaluation found.

    Attributes:
        folder: the files it wrote.
        report: the content of ``metrics.json``.
    """

    folder: Path
    report: Mapping[str, Any]

    @property
    def table(self) -> str:
        """Return the figures as a table for people."""
        return evaluation_table(self.report)


def evaluate(
    model: PathLike,
    chips: PathLike,
    *,
    out: PathLike,
    split: str = "test",
    tolerance_m: float = TOLERANCE_M,
    device: str = "auto",
    overwrite: bool = False,
    progress: Progress = silent,
) -> Evaluation:
    """Compare a model's answers with the labels of chips.

    Every chip is predicted whole, normalised as in training. Writes ``metrics.json``,
    ``per_class.csv``, ``per_chip.csv``, ``confusion_matrix.png``, ``reliability.png`` and
    ``worst_chips.png``. To compare maps, see `evaluate_scene` and `evaluate_map`.

    The "accuracy" of Esri's sample notebook is not among the figures: it was the recall of labelled
    pixels alone, and a map that paints everything slum scores 1.0 on it.

    Args:
        model: the model file that `train` wrote.
        chips: a chip folder of `export-chips` or of ArcGIS Pro.
        out: the folder to write.
        split: ``test``, ``val`` or ``train``; figures of ``train`` flatter, and a warning says so.
        tolerance_m: how far a border may lie from the true one and still count as found.
        device: ``auto``, ``cpu`` or ``cuda``.
        overwrite: replace the folder.
        progress: told how far the work is.

    Returns:
        The folder and the figures.

    Raises:
        InputError: if the chips do not fit the model, or the part is empty.
        ModelError: if the model file cannot be used.
        OutputExistsError: if the folder is there already.
    """
    package, folder = read_model(model), read_chip_folder(chips)
    contract = package.contract
    bands = _fitting_bands(contract, folder)
    part = _chips_of(folder, split)
    cell_m = folder.cell_size_m or contract.cell_size_m
    agreement = Agreement(
        contract.classes, Ground(cell_m**2, tolerance_in_pixels(tolerance_m, cell_m))
    )
    about = {
        "model": {"file": package.path.name, "id": contract.model_id},
        "data": {"chips": folder.path.resolve().name, "part": split, "number": len(part)},
    }
    rows, worst = [], WorstPieces()
    with staged_directory(out, overwrite=overwrite) as stage, contextlib.ExitStack() as stack:
        from geocity.models.chip_prediction import ChipPredictor

        predictor = stack.enter_context(contextlib.closing(ChipPredictor(package, device)))
        for number, chip in enumerate(part):
            progress(number, len(part), "evaluate")
            pixels, truth, valid = read_chip(chip)
            truth = np.where(valid, truth, np.uint8(NODATA))
            predicted, layers = predictor.predict(pixels[bands], valid)
            row = piece_row(
                chip.image.name,
                split,
                agreement.update(truth, predicted, layers),
                agreement.classes,
            )
            rows.append(row)
            if worst.wants(row["wrong_px"]):
                picture = stretch(pixels, valid)
                worst.add(row["wrong_px"], Comparison(title_of(row), picture, truth, predicted))
        report = write_evaluation(stage, about, agreement, rows, worst)
        progress(len(part), len(part), "evaluate")
    return Evaluation(Path(out), report)


def tolerance_in_pixels(tolerance_m: float, cell_m: float) -> float:
    """Return a tolerance in pixels.

    Raises:
        InputError: if it is below 0, or so large that every border would agree with every other.
    """
    if not 0 <= tolerance_m <= _MOST_TOLERANCE_PX * cell_m:
        raise InputError(
            f"The tolerance is {tolerance_m:g} m; give 0 to {_MOST_TOLERANCE_PX * cell_m:g} m for "
            f"pixels of {cell_m:g} m."
        )
    return tolerance_m / cell_m


def title_of(row: Mapping[str, Any]) -> str:
    """Return the title of a piece in a figure."""
    return f"{row['chip']}\n{row['wrong_share'] or 0:.0%} wrong"


def check_classes(found: ClassTable, wanted: ClassTable, where: str) -> None:
    """Refuse labels with classes that a model or map does not have.

    Args:
        found: the classes of the labels.
        wanted: the classes of the model or map.
        where: what the labels are, for the message.
    """
    if not set(found.values) <= set(wanted.values):
        raise ClassTableError(
            f"{where} has the classes {_told(found)}, and they are compared with {_told(wanted)}; "
            "label with the same classes (--class-field and --class-values choose them)."
        )
    names = {c.name.casefold() for c in found if wanted.by_value(c.value).name != c.name}
    if names:
        logger.warning(
            "%s calls its classes %s; they are compared by number with %s.",
            where,
            _told(found),
            _told(wanted),
        )


def _told(classes: ClassTable) -> str:
    return ", ".join(f"{c.value} {c.name}" for c in classes)


def _chips_of(folder: ChipFolder, split: str) -> tuple[Chip, ...]:
    part = folder.split(split)
    if not part:
        held = ", ".join(f"{name} {len(folder.split(name))}" for name in _PARTS)
        raise InputError(
            f"{folder.path} has no {split} chips ({held}); choose another part with --split, "
            "or export the chips again with a part held out."
        )
    if split == "train":
        logger.warning(
            "These are the chips that models are trained on: the figures say how well one "
            "remembers, not how well it maps."
        )
    return part


def _fitting_bands(contract: ModelContract, folder: ChipFolder) -> list[int]:
    """Check that chips are what a model takes, and return which of their bands it takes."""
    check_classes(folder.classes, contract.classes, str(folder.path))
    if folder.dtype != np.dtype(contract.dtype):
        raise BandMismatchError(
            f"{folder.path} holds {folder.dtype} pixels and the model was trained on "
            f"{contract.dtype}; export the chips from imagery of the model's kind."
        )
    cell_m = folder.cell_size_m
    if cell_m and needs_resampling(cell_m, contract.cell_size_m):
        raise GridMismatchError(
            f"{folder.path} has pixels of {cell_m:g} m and the model was trained on "
            f"{contract.cell_size_m:g} m; export the chips again with "
            f"--cell-size {contract.cell_size_m:g}."
        )
    bands = bands_to_read(folder.band_names, contract.bands)
    if bands is None:
        raise BandMismatchError(
            f"{folder.path} has the bands {', '.join(folder.band_names)} and the model takes "
            f"{', '.join(contract.bands)}; export the chips from imagery with these bands."
        )
    return list(bands)
