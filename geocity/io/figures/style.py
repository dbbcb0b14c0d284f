"""The look of every figure: quiet, legible, and the same everywhere."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from cycler import cycler
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

INK = "#1f2933"
QUIET = "#6b7785"
RULE = "#d8dde3"
ACCENT = "#e6004d"
PALETTE = ("#2b6cb0", "#e6004d", "#d69e2e", "#2f855a", "#805ad5", "#718096")
DPI = 150

STYLE: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "text.color": INK,
    "axes.edgecolor": RULE,
    "axes.labelcolor": QUIET,
    "axes.titlecolor": INK,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.prop_cycle": cycler(color=PALETTE),
    "grid.color": RULE,
    "grid.linewidth": 0.6,
    "xtick.color": QUIET,
    "ytick.color": QUIET,
    "lines.linewidth": 1.8,
    "legend.frameon": False,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
}


@contextmanager
def house_style() -> Iterator[None]:
    """Draw in the house style, and leave matplotlib as it was."""
    with matplotlib.rc_context(STYLE):
        yield


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure of a size in inches, drawn without any display."""
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def save_figure(figure: Figure, path: Path) -> None:
    """Write a figure; the format is that of the suffix. Two runs give the same bytes."""
    metadata = {"Software": None} if path.suffix.lower() == ".png" else None
    figure.savefig(path, dpi=DPI, metadata=metadata)


def stretch(
    pixels: NDArray[Any],
    valid: NDArray[np.bool_] | None = None,
    *,
    low: Sequence[float] | None = None,
    high: Sequence[float] | None = None,
) -> NDArray[np.uint8]:
    """Bring one to many bands to a picture that can be looked at.

    8-bit imagery is shown as it is. Other number types are stretched per band between the 2nd and
    98th percentile, or between given limits, so that several pictures can share one stretch.

    Args:
        pixels: shape (bands, rows, cols); the first three bands are red, green and blue, one or two
            bands give grey.
        valid: shape (rows, cols); other pixels become pale grey.
        low: black, per shown band.
        high: white, per shown band.

    Returns:
        uint8 (rows, cols, 3).
    """
    shown = pixels[:3] if len(pixels) >= 3 else pixels[:1]
    mask = np.ones(pixels.shape[1:], bool) if valid is None else valid
    if pixels.dtype == np.uint8 and low is None:
        picture = shown.astype(np.uint8)
    else:
        ends = limits(shown, mask) if low is None or high is None else (low, high)
        picture = np.stack([_between(band, *end) for band, *end in zip(shown, *ends, strict=False)])
    picture = np.where(mask, picture, np.uint8(236))
    return np.ascontiguousarray(np.moveaxis(np.broadcast_to(picture, (3, *mask.shape)), 0, -1))


def limits(
    pixels: NDArray[Any], valid: NDArray[np.bool_]
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return the 2nd and the 98th percentile of the valid pixels, per band."""
    if not valid.any():
        return (0.0,) * len(pixels), (1.0,) * len(pixels)
    ends = np.percentile(pixels[:, valid].astype(np.float64), (2, 98), axis=1)
    return tuple(ends[0].tolist()), tuple(ends[1].tolist())


def _between(band: NDArray[Any], low: float, high: float) -> NDArray[np.uint8]:
    scaled = (band.astype(np.float64) - low) / max(high - low, 1e-12)
    return (np.nan_to_num(np.clip(scaled, 0, 1)) * 255).round().astype(np.uint8)
