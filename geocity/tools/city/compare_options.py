"""What a user may choose about a comparison of cities, checked when it is made."""

from dataclasses import dataclass

from geocity.tools.option_checks import refuse_below, refuse_unknown

MEASURE_NAMES = ("energy", "cosine")
LINKAGE_NAMES = ("average", "ward")
SPLITS = ("test", "val", "train", "all")


@dataclass(frozen=True, slots=True)
class CompareOptions:
    """How cities are compared.

    Attributes:
        split: which part of the city folder: ``test``, the held-out one; ``val``, ``train`` or
            ``all``. A model has learned to tell the cities of its training patches apart.
        fold: of the split; by default the one that the model was trained on.
        measure: what the tree and the lists of nearest cities go by: ``energy``, the energy
            distance, or ``cosine``, one minus the cosine between mean embeddings.
        linkage: how the tree grows: ``average`` or ``ward``.
        draws: how often sites are drawn anew for the intervals.
        patches: patches of each city, drawn evenly over its sites.
        nearest: how many cities, or districts, are listed.
        near_m: patches nearer than this do not count as found, where places are known.
        seed: all chance comes from it.
        batch_size: patches at once.
        device: ``auto``, ``cpu`` or ``cuda``.
    """

    split: str = "test"
    fold: int | None = None
    measure: str = "energy"
    linkage: str = "average"
    draws: int = 1000
    patches: int = 500
    nearest: int = 5
    near_m: float = 1000.0
    seed: int = 0
    batch_size: int = 32
    device: str = "auto"

    def __post_init__(self) -> None:
        refuse_unknown(self, split=SPLITS, measure=MEASURE_NAMES, linkage=LINKAGE_NAMES)
        refuse_below(self, draws=100, patches=1, nearest=1, near_m=0, seed=0, batch_size=1)
