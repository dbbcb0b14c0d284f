"""Where the patches of a city folder lie on Earth, many at a time."""

import numpy as np
import pyproj
from numpy.typing import NDArray

from geocity.core.cities.similarity import on_the_globe
from geocity.io.cities.manifest import CityFolder


def patch_places(folder: CityFolder, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the middles of patches in metres from the centre of the Earth.

    Args:
        folder: the city folder.
        rows: of its patches.

    Returns:
        float64 (n, 3); NaN for patches of images without georeference.
    """
    patches = folder.patches.iloc[rows]
    images = folder.images.iloc[patches["image"]]
    half = patches["side"].to_numpy() / 2
    width = ((images["east"] - images["west"]) / images["cols"]).to_numpy()
    height = ((images["north"] - images["south"]) / images["rows"]).to_numpy()
    x = images["west"].to_numpy() + (patches["col"].to_numpy() + half) * width
    y = images["north"].to_numpy() - (patches["row"].to_numpy() + half) * height
    crs = images["crs"].to_numpy()
    placed = images["georeferenced"].to_numpy(bool)
    result = np.full((len(rows), 3), np.nan)
    for name in sorted(set(crs[placed].tolist())):
        here = placed & (crs == name)
        turn = pyproj.Transformer.from_crs(name, "EPSG:4326", always_xy=True)
        result[here] = on_the_globe(*(np.asarray(v) for v in turn.transform(x[here], y[here])))
    return result
