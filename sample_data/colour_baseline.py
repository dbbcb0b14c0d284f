"""How far colour alone gets on the sample data: a per-pixel classifier, with no look at neighbours.

Run `python sample_data/colour_baseline.py`; it needs scikit-learn, which nothing else here does.
Trains on the west half of a date, tests on the east half, and prints precision, recall, F1 and IoU
of the slum class at the usual threshold and at the one that suits the test half best (an upper
bound).
"""

from pathlib import Path

import geopandas as gpd
import numpy as np
import rasterio
from rasterio.features import rasterize
from sklearn.ensemble import HistGradientBoostingClassifier

FOLDER = Path(__file__).parent


def pixels(year: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Colours (rows, cols, 3), slum or not (rows, cols), valid or not (rows, cols)."""
    with rasterio.open(FOLDER / f"scene_{year}.tif") as scene:
        colors, valid = scene.read().transpose(1, 2, 0), scene.dataset_mask() > 0
        outlines = gpd.read_file(FOLDER / f"slums_{year}.gpkg").geometry
        slum = rasterize(outlines, scene.shape, transform=scene.transform) == 1
    return colors, slum, valid


def score(truth: np.ndarray, guess: np.ndarray) -> str:
    """Precision, recall, F1 and IoU in one line."""
    hit, false, missed = (truth & guess).sum(), (~truth & guess).sum(), (truth & ~guess).sum()
    precision, recall = hit / max(hit + false, 1), hit / (hit + missed)
    f1, iou = 2 * hit / (2 * hit + false + missed), hit / (hit + false + missed)
    return f"precision {precision:.2f}  recall {recall:.2f}  F1 {f1:.2f}  IoU {iou:.2f}"


def main() -> None:
    """Print the scores of both dates."""
    for year in (2015, 2025):
        colors, slum, valid = pixels(year)
        half = colors.shape[1] // 2
        west = np.zeros_like(valid)
        west[:, :half] = True
        train = np.random.default_rng(0).permutation(np.flatnonzero(valid & west))[:300_000]
        model = HistGradientBoostingClassifier(class_weight="balanced", random_state=0)
        model.fit(colors.reshape(-1, 3)[train], slum.ravel()[train])
        chance = model.predict_proba(colors[valid & ~west])[:, 1]
        truth = slum[valid & ~west]
        steps = np.linspace(0.3, 0.9, 25)
        best = max(steps, key=lambda t: (truth & (chance > t)).sum() / (truth | (chance > t)).sum())
        print(f"{year}  balanced classes, threshold 0.50: {score(truth, chance > 0.5)}")
        print(f"{year}  best threshold on the test half:  {score(truth, chance > best)}")


if __name__ == "__main__":
    main()
