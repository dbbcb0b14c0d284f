"""The shift between two images of one place, to a fraction of a pixel, by phase correlation.

A shift turns the phase of every frequency by an amount that grows with the frequency, whatever the
picture shows (Kuglin and Hines 1975). The phases of many windows are averaged, so that what changed
in some does not matter, and the peak of their correlation is looked for on a fine lattice around
the highest pixel (a Fourier sum at the few places wanted: Guizar-Sicairos, Thurman and Fienup
2008). The finest frequencies count least: aliasing and the stairs of class maps are there. Coarse
ones alone would not do: they follow the shadows, which lie elsewhere at another hour.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geocity.core.grid import Window

Floats = NDArray[np.float64]
_Complex = NDArray[np.complex128]

_SOFTEST = 0.3
"""Cycles a pixel at which a frequency's weight has fallen to 1/e."""
_FINE_STEPS = 50
_WINDOW = 256
_MOST_WINDOWS = 8
_LEAST_SIDE = 8
_LEAST_SPREAD = 1e-9


@dataclass(frozen=True, slots=True)
class PixelShift:
    """How far the second image lies from the first.

    Attributes:
        rows: what is at a row in the first image is so many pixels further down in the second.
        cols: the same to the right.
        score: height of the peak, 1 for an image and its own shifted self, near 0 for images that
            have nothing in common.
        windows: how many windows were used.
    """

    rows: float
    cols: float
    score: float
    windows: int


class ShiftEstimator:
    """Averages the phases of windows of two images.

    Args:
        side: side of the square windows, in pixels; shifts up to a quarter of it are found.
    """

    def __init__(self, side: int) -> None:
        if side < _LEAST_SIDE:
            raise ValueError(f"a window needs 8 pixels a side or more, got {side}")
        self._side = side
        taper = np.hanning(side + 2)[1:-1]
        self._taper = np.outer(taper, taper)
        frequency = np.fft.fftfreq(side)
        radius = np.hypot(frequency[:, None], frequency[None, :])
        self._weight = np.exp(-((radius / _SOFTEST) ** 2))
        self._weight[0, 0] = 0.0  # brightness says nothing about place
        self._phases: _Complex = np.zeros((side, side), np.complex128)
        self._count = 0

    def add(self, first: Floats, second: Floats) -> bool:
        """Take a window of both images, (side, side); tell whether it could be used.

        A window where either image is flat holds no phase and is passed over; so is one with
        unknown pixels (NaN), whose edge would look like something that never moves.
        """
        if not (np.isfinite(first).all() and np.isfinite(second).all()):
            return False
        tapered = [self._tapered(image) for image in (first, second)]
        if min(float(np.abs(image).max()) for image in tapered) <= _LEAST_SPREAD:
            return False
        one, two = (np.fft.fft2(image) for image in tapered)
        cross = two * np.conj(one)
        size = np.abs(cross)
        self._phases += np.where(size > size.max() * 1e-12, cross / np.maximum(size, 1e-300), 0)
        self._count += 1
        return True

    def _tapered(self, image: Floats) -> Floats:
        if image.shape != (self._side, self._side):
            raise ValueError(f"expected a window of {self._side} pixels, got {image.shape}")
        mean = float((image * self._taper).sum() / self._taper.sum())
        return np.asarray((image - mean) * self._taper)

    def estimate(self) -> PixelShift | None:
        """Return the shift, or None where no window could be used."""
        if not self._count:
            return None
        spectrum = self._phases / self._count * self._weight
        surface = np.fft.ifft2(spectrum).real
        reach = self._side // 4
        places = np.arange(-reach, reach + 1)
        near = surface[np.ix_(places, places)]
        row, col = np.unravel_index(int(np.argmax(near)), near.shape)
        down, right = float(places[row]), float(places[col])
        fine = np.arange(-_FINE_STEPS, _FINE_STEPS + 1) / _FINE_STEPS
        around = self._surface_at(spectrum, down + fine, right + fine)
        best = np.unravel_index(int(np.argmax(around)), around.shape)
        return PixelShift(
            down + float(fine[best[0]]),
            right + float(fine[best[1]]),
            max(0.0, float(around[best] / self._weight.sum())),
            self._count,
        )

    def _surface_at(self, spectrum: _Complex, rows: Floats, cols: Floats) -> Floats:
        """Sum the frequencies at places between the pixels."""
        frequency = np.fft.fftfreq(self._side)
        down = np.exp(2j * np.pi * np.outer(rows, frequency))
        right = np.exp(2j * np.pi * np.outer(frequency, cols))
        return np.asarray((down @ spectrum @ right).real)


ReadGrey = Callable[[Window], Floats]


def shift_between(first: ReadGrey, second: ReadGrey, shape: tuple[int, int]) -> PixelShift | None:
    """Estimate the shift between two images from windows spread over them.

    Memory holds one window of each. Up to 64 windows of 256 pixels are used, so the estimate is one
    shift for the whole; a shift that differs from place to place is averaged. Where no window is
    wholly known, smaller ones are tried, down to 64 pixels.

    Args:
        first: gives a window of the first image, (rows, cols).
        second: the same of the second image, on the same grid.
        shape: (rows, cols) of the grid.

    Returns:
        The shift, or None where the images are flat or smaller than 8 pixels.
    """
    for wanted in (_WINDOW, _WINDOW // 2, _WINDOW // 4):
        side = min(wanted, *shape)
        if side < _LEAST_SIDE:
            break
        estimator = ShiftEstimator(side)
        for row in _places(shape[0], side):
            for col in _places(shape[1], side):
                window = Window(row, col, side, side)
                estimator.add(first(window), second(window))
        found = estimator.estimate()
        if found is not None:
            return found
    return None


def _places(length: int, side: int) -> list[int]:
    count = max(1, min(_MOST_WINDOWS, length // side))
    return [round(place) for place in np.linspace(0, length - side, count).tolist()]
