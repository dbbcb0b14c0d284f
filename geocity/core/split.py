"""Train, validation and test parts that lie apart on the ground, so that no part knows another.

A random split of neighbouring chips leaks: the same slum, and with overlapping chips the same
pixels, end up on both sides, and the score tells nothing about new places. Here whole blocks of
chips go to a part, and chips nearer than the gap to another part are dropped.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from geocity.errors import LabelError

PARTS = ("train", "val", "test")
"""Names of the parts; a split gives each chip its position here."""

DROPPED = -1
"""The part of chips that lie too near to another part."""

Fractions = tuple[float, float, float]
"""Share of (train, val, test), each 0 to 1, together 1."""

_TRAIN = 0
# Sides of blocks in chips. Small ones mix the parts finely and drop much, large ones the reverse.
_BLOCK_SIDES = (1, 2, 3, 4, 6, 8, 12)


@dataclass(frozen=True)
class Places:
    """Where chips lie and what they hold.

    Attributes:
        centres: (chips, 2), x and y of the chip centres in map units.
        size: side of a chip in map units; of its upright envelope where chips are turned.
        class_pixels: (chips, classes), number of pixels of each class.
        class_names: one name a class.
        unit: of centres and size, for messages.
    """

    centres: NDArray[np.float64]
    size: float
    class_pixels: NDArray[np.int64]
    class_names: Sequence[str]
    unit: str = "map units"

    def __post_init__(self) -> None:
        if self.centres.shape != (len(self.class_pixels), 2):
            raise ValueError(
                f"{len(self.class_pixels)} chips need centres of shape "
                f"({len(self.class_pixels)}, 2), got {self.centres.shape}"
            )
        if not self.size > 0:
            raise ValueError(f"the size of a chip must be positive, got {self.size}")


@dataclass(frozen=True)
class Split:
    """The part of every chip.

    Attributes:
        parts: (chips,), position in `PARTS`, or `DROPPED`.
        block: side of the blocks in map units.
        gap: least distance between chips of different parts in map units.
    """

    parts: NDArray[np.int8]
    block: float
    gap: float

    @property
    def dropped(self) -> int:
        """Return the number of chips that belong to no part."""
        return int((self.parts == DROPPED).sum())


def check_fractions(fractions: Sequence[float]) -> Fractions:
    """Return the fractions as a tuple.

    Raises:
        ValueError: unless they are three, none negative, train above 0, and add up to 1.
    """
    if (
        len(fractions) != 3
        or min(fractions) < 0
        or fractions[_TRAIN] == 0
        or not math.isclose(sum(fractions), 1.0, abs_tol=1e-6)
    ):
        raise ValueError(
            f"a split needs three shares for train, val and test that add up to 1, "
            f"train above 0, got {tuple(fractions)}"
        )
    return fractions[0], fractions[1], fractions[2]


def spatial_split(
    places: Places, fractions: Sequence[float], *, seed: int, gap: float | None = None
) -> Split:
    """Split chips by place so that different parts are at least a gap apart.

    The ground is cut into square blocks whose side is a multiple of the chip. Many assignments of
    blocks to parts, scattered and compact, with small and large blocks, are drawn from the seed;
    chips within the gap of another part are dropped (from train first); and the assignment is taken
    that best keeps the shares, the mix of classes, and the chips. Chips at the same place on
    different dates always come into the same part.

    Args:
        places: where the chips lie and what they hold.
        fractions: share of train, val and test; a part of share 0 is left empty.
        seed: of the draws; the same seed gives the same split.
        gap: least distance between the edges of chips of different parts, in map units, not less
            than a chip; a chip by default.

    Returns:
        The part of every chip.

    Raises:
        ValueError: if the fractions do not add up to 1, or the gap is smaller than a chip.
        LabelError: if no assignment puts every class that occurs into every part.
    """
    shares = check_fractions(fractions)
    gap = places.size if gap is None else gap
    if gap < places.size * (1 - 1e-9):
        raise ValueError(f"a gap of {gap} is smaller than a chip of {places.size}")
    wanted = [part for part, share in enumerate(shares) if share > 0]
    if len(wanted) == 1:
        return Split(np.zeros(len(places.centres), np.int8), places.size, gap)
    near = _near_pairs(places.centres, places.size + gap)
    best: tuple[float, Split] | None = None
    missing: _Missing | None = None
    for parts, side in _assignments(places, shares, seed, len(near)):
        _drop_near(parts, near)
        lacking = _lacking(parts, places, wanted)
        if lacking:
            missing = min(missing or lacking, lacking)
            continue
        cost = _cost(parts, places, shares, wanted)
        if best is None or cost < best[0]:
            best = cost, Split(parts, side, gap)
    if best is None:
        raise LabelError(_refusal(missing, places, gap))
    return best[1]


def random_split(chips: int, fractions: Sequence[float], *, seed: int) -> Split:
    """Split chips at random, for those that do not say where they lie; neighbours may leak."""
    shares = check_fractions(fractions)
    parts = np.zeros(chips, np.int8)
    order = np.random.default_rng(seed).permutation(chips)
    val, test = round(chips * shares[1]), round(chips * shares[2])
    parts[order[:val]] = 1
    parts[order[val : val + test]] = 2
    return Split(parts, 0.0, 0.0)


def nearer_than(
    centres: NDArray[np.float64], others: NDArray[np.float64], distance: float
) -> NDArray[np.bool_]:
    """Tell which centres lie nearer than a (Chebyshev) distance to any of the others.

    Args:
        centres: (n, 2).
        others: (m, 2).
        distance: in map units; centres at exactly this distance are not near.
    """
    if not len(centres) or not len(others):
        return np.zeros(len(centres), bool)
    apart, _ = cKDTree(others).query(centres, p=np.inf)
    return np.asarray(apart < distance * (1 - 1e-6))


def _near_pairs(centres: NDArray[np.float64], distance: float) -> NDArray[np.intp]:
    tree = cKDTree(centres)
    pairs: NDArray[np.intp] = tree.query_pairs(
        distance * (1 - 1e-6), p=np.inf, output_type="ndarray"
    )
    return pairs


def _assignments(
    places: Places, shares: Fractions, seed: int, pairs: int
) -> Iterator[tuple[NDArray[np.int8], float]]:
    """Yield candidate assignments of all chips, with the side of their blocks."""
    rng = np.random.default_rng(seed)
    # Small sets are worth many draws; large ones are even anyway and each draw costs more.
    draws = int(np.clip(4_000_000 // (len(places.centres) + pairs + 1), 6, 60))
    origin = places.centres.min(axis=0) - places.size / 2
    for side in _BLOCK_SIDES:
        step = side * places.size
        cells = np.floor((places.centres - origin) / step + 1e-9).astype(np.int64)
        blocks, block_of, counts = np.unique(cells, axis=0, return_inverse=True, return_counts=True)
        if len(blocks) < 2:
            return
        for compact in (False, True):
            for _ in range(draws):
                assigned = _assign_blocks(blocks, counts, shares, rng, compact=compact)
                yield assigned[block_of.reshape(-1)], step


def _assign_blocks(
    blocks: NDArray[np.int64],
    counts: NDArray[np.intp],
    shares: Fractions,
    rng: np.random.Generator,
    *,
    compact: bool,
) -> NDArray[np.int8]:
    assigned = np.zeros(len(blocks), np.int8)
    for part in (2, 1):
        free = np.flatnonzero(assigned == _TRAIN)
        order = rng.permutation(free)
        if compact:
            reach = np.abs(blocks[order] - blocks[order[0]]).max(axis=1)
            order = order[np.argsort(reach, kind="stable")]
        filled = np.cumsum(counts[order]) - counts[order] / 2
        assigned[order[filled <= shares[part] * counts.sum()]] = part
    return assigned


def _drop_near(parts: NDArray[np.int8], near: NDArray[np.intp]) -> None:
    """Drop, in place, chips that are near to a chip of another part: train yields first."""
    first, second = near[:, 0], near[:, 1]
    smaller = 1 if (parts == 1).sum() <= (parts == 2).sum() else 2
    for part in (3 - smaller, _TRAIN):
        keeps = (parts == 1) | (parts == 2) if part == _TRAIN else parts == smaller
        for a, b in ((first, second), (second, first)):
            parts[a[(parts[a] == part) & keeps[b]]] = DROPPED


_Missing = tuple[int, int, int]
"""How many (part, class) pairs are empty, and the first of them."""


def _lacking(parts: NDArray[np.int8], places: Places, wanted: Sequence[int]) -> _Missing | None:
    occurs = places.class_pixels.sum(axis=0) > 0
    empty = [
        (part, int(value))
        for part in wanted
        for value in np.flatnonzero(occurs & (places.class_pixels[parts == part].sum(axis=0) == 0))
    ]
    return (len(empty), *max(empty, key=lambda pair: pair[1])) if empty else None


def _cost(
    parts: NDArray[np.int8], places: Places, shares: Fractions, wanted: Sequence[int]
) -> float:
    """Add up what is wrong with a split: shares, mix of classes, chips dropped; each 0 to 1."""
    kept = parts != DROPPED
    mix = places.class_pixels.sum(axis=0) / max(1, places.class_pixels.sum())
    cost = 1.0 - float(kept.mean())
    for part in wanted:
        inside = parts == part
        pixels = places.class_pixels[inside].sum(axis=0)
        cost += abs(float(inside.sum() / kept.sum()) - shares[part])
        cost += float(np.abs(pixels / max(1, pixels.sum()) - mix).sum() / 2)
    return cost


def _refusal(missing: _Missing | None, places: Places, gap: float) -> str:
    remedy = (
        "label more places, take smaller chips (--chip-size), ask for fewer parts "
        "(--split 0.8,0.2,0), or hold out a whole scene (--hold-out)"
    )
    if missing is None:
        return (
            f"{len(places.centres)} chip(s) are too few, or lie too close together, to be split "
            f"into parts that lie {gap:g} {places.unit} apart; {remedy}."
        )
    _, part, value = missing
    holding = int((places.class_pixels[:, value] > 0).sum())
    return (
        f"No split by place puts the class {places.class_names[value]!r} into the {PARTS[part]} "
        f"part as well: {holding} of {len(places.centres)} chips hold it, and parts must lie "
        f"{gap:g} {places.unit} apart so that they do not leak; {remedy}."
    )
