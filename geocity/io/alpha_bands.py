"""Alpha bands that are none: near infrared as the fourth band, tagged as alpha by some program."""

import logging

import numpy as np

from geocity.io.datasets import open_dataset, refused_if_damaged
from geocity.io.scene_facts import sample_windows
from geocity.io.staging import PathLike
from geocity.io.valid_pixels import alpha_band

logger = logging.getLogger(__name__)

# Of the pixels that are not wholly transparent, most have one value in a real alpha band: opaque.
_OPAQUE_SHARE = 0.5


def mistaken_alpha(path: PathLike) -> tuple[str, str] | None:
    """Tell whether the alpha band of a raster holds imagery; reads 64 small windows.

    A real alpha band is 0 where there is nothing and one value, mostly the highest of its type,
    where there is something; along soft edges there are values between. Imagery has many values.

    Returns:
        What was found and what to do about it; None for a real alpha band, or none at all.

    Raises:
        InputError: if the raster cannot be read.
    """
    with open_dataset(str(path)) as dataset, refused_if_damaged(path):
        band = alpha_band(dataset)
        if not band:
            return None
        windows = sample_windows((dataset.height, dataset.width))
        sampled = np.concatenate(
            [dataset.read(band, window=(w.slices[0], w.slices[1])).ravel() for w in windows]
        )
    values, counts = np.unique(sampled[sampled > 0], return_counts=True)
    if len(values) == 0 or counts.max() >= _OPAQUE_SHARE * counts.sum():
        return None
    found = (
        f"has a band {band} that is tagged as alpha, but its values ({values[0]:g} to "
        f"{values[-1]:g}) look like imagery, such as near infrared; it is taken for transparency "
        "and lost as a band"
    )
    return found, f"if it is imagery, remove the tag (gdal_edit.py -colorinterp_{band} undefined)"


def warn_of_mistaken_alpha(path: PathLike) -> None:
    """Warn of an alpha band that holds imagery.

    Raises:
        InputError: if the raster cannot be read.
    """
    told = mistaken_alpha(path)
    if told is not None:
        logger.warning("%s %s; %s.", path, *told)
