"""A part of a city folder before a model: which patches, of which city, in which place."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from geocity.core.cities.city_calibration import direction_sums
from geocity.core.cities.contract import CityContract
from geocity.core.cities.directions import directions
from geocity.core.cities.ground_units import place_numbers
from geocity.core.cities.votes import Units, patch_units
from geocity.core.progress import Progress
from geocity.errors import InputError
from geocity.io.cities.manifest import CityFolder

if TYPE_CHECKING:
    from geocity.models.cities.inference import CityModel, Predictions

_PARTS = ("test", "val", "train")


@dataclass(frozen=True, eq=False)
class CityPart:
    """Patches of a part, and what is known of them.

    Attributes:
        folder: where they come from.
        rows: of `folder.patches`.
        truth: int64 (patches,), position of the city in the model, -1 where it has none.
        image: int64 (patches,), row of `folder.images`.
        place: int64 (patches,), number of the place: images of one place share it.
    """

    folder: CityFolder
    rows: list[int]
    truth: NDArray[np.int64]
    image: NDArray[np.int64]
    place: NDArray[np.int64]

    def units(self, logits: NDArray[np.float32]) -> Units:
        """Return the patches with the logits that a model gave them."""
        return patch_units(logits, self.truth, self.image, self.place)

    def __add__(self, other: "CityPart") -> "CityPart":
        """Return the patches of both."""
        columns = ("truth", "image", "place")
        joined = (np.concatenate([getattr(self, c), getattr(other, c)]) for c in columns)
        return CityPart(self.folder, self.rows + other.rows, *joined)

    def take(self, chosen: NDArray[np.integer]) -> "CityPart":
        """Return some of the patches."""
        rows = [self.rows[i] for i in chosen]
        return CityPart(
            self.folder, rows, self.truth[chosen], self.image[chosen], self.place[chosen]
        )


def read_part(folder: CityFolder, contract: CityContract, split: str, fold: int) -> CityPart:
    """Return a part of a city folder as a model sees it; it may be empty.

    Of the patches that a split draws (DL-SLICER's 500 a city), the drawn ones alone are taken.

    Raises:
        InputError: if the folder has no such fold, or shares no city with the model.
    """
    patches = folder.patches
    folds = sorted(set(patches["fold"].tolist()))
    if fold not in folds:
        raise InputError(
            f"{folder.path} has no fold {fold}; it has {', '.join(map(str, folds)) or 'none'}."
        )
    chosen = (patches["part"] == split) & (patches["fold"] == fold)
    if split == "test":
        chosen &= patches["sampled"]
    rows = np.flatnonzero(chosen.to_numpy())
    position = _positions(folder, contract)
    image = patches["image"].to_numpy(np.int64)[rows]
    return CityPart(
        folder,
        rows.tolist(),
        position[patches["city"].to_numpy(np.int64)[rows]],
        image,
        place_numbers(folder.images)[image],
    )


def _positions(folder: CityFolder, contract: CityContract) -> NDArray[np.int64]:
    codes = {code: position for position, code in enumerate(contract.codes)}
    position = np.array([codes.get(city.code, -1) for city in folder.cities], np.int64)
    if (position < 0).all():
        raise InputError(
            f"{folder.path} holds {', '.join(c.code for c in folder.cities[:5])} and the model "
            f"knows {', '.join(contract.codes[:5])}: no city is in both; evaluate with the "
            "cities that the model was trained on."
        )
    return position


def chosen_fold(contract: CityContract, folder: CityFolder, fold: int | None) -> int:
    """Return the fold asked for, or the one that the model was trained on."""
    if fold is not None:
        return fold
    told = contract.options.get("fold", 0)
    return told if isinstance(told, int) else 0


def refuse_empty(part: CityPart, split: str, fold: int) -> None:
    """Refuse a part without a patch of a city that the model knows.

    Raises:
        InputError: saying what there is.
    """
    if (part.truth >= 0).any():
        return
    raise InputError(
        f"{part.folder.path} has no {split} patches of the model's cities in fold {fold} "
        f"({told_parts(part.folder, fold)}); choose another part with --split or another --fold."
    )


def told_parts(folder: CityFolder, fold: int) -> str:
    """Say how many patches the parts of a fold hold, for example ``test 0, val 54, train 108``."""
    parts = folder.patches["part"][folder.patches["fold"] == fold]
    return ", ".join(f"{name} {int((parts == name).sum())}" for name in _PARTS)


def ask(
    model: "CityModel",
    part: CityPart,
    *,
    batch_size: int,
    progress: Progress,
    stage: str,
    means: "CityMeans | None" = None,
) -> Units:
    """Ask a model about every patch of a part."""
    from geocity.data.cities.patches import CityPatchDataset
    from geocity.models.cities.answers import patch_logits

    dataset = CityPatchDataset(part.folder, part.rows, side_px=model.contract.input_px)
    logits = patch_logits(
        model,
        dataset,
        batch_size=batch_size,
        take=None if means is None else means.take,
        progress=progress,
        stage=stage,
    )
    return part.units(logits)


class CityMeans:
    """Gathers the mean embedding of each city while patches pass by."""

    def __init__(self, part: CityPart, cities: int) -> None:
        self._truth = dict(zip(part.rows, part.truth.tolist(), strict=True))
        self._cities = cities
        self._sums: NDArray[np.float64] | None = None

    def take(self, predictions: "Predictions") -> None:
        """Take a part of the predictions."""
        truth = np.array([self._truth[int(row)] for row in predictions.patches], np.int64)
        known = truth >= 0
        sums = direction_sums(predictions.embeddings[known], truth[known], self._cities)
        self._sums = sums if self._sums is None else self._sums + sums

    @property
    def means(self) -> tuple[tuple[float, ...], ...]:
        """Return the mean direction of each city, rounded to what float32 tells."""
        if self._sums is None:
            return ()
        return tuple(tuple(float(f"{v:.6g}") for v in row) for row in directions(self._sums))
