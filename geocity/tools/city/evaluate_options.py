"""What a user may choose about the evaluation of a city model, checked when it is made."""

from dataclasses import dataclass

from geocity.errors import InputError
from geocity.tools.option_checks import refuse_below, refuse_unknown

SPLITS = ("test", "val", "train")


@dataclass(frozen=True, slots=True)
class CityEvaluateOptions:
    """How a city model is evaluated.

    Attributes:
        split: ``test``, ``val`` or ``train``.
        fold: which fold of the split; the one that the model was trained on by default.
        coverage: how often the truth shall be in a set of cities.
        acceptance: share of validation units that shall count as known cities.
        draws: bootstrap draws of sites and images.
        audit_patches: patches on which the cues are audited; 0 leaves the audit out.
        seed: makes draws repeatable.
        batch_size: patches at a time.
        device: ``auto``, ``cpu`` or ``cuda``.
    """

    split: str = "test"
    fold: int | None = None
    coverage: float = 0.9
    acceptance: float = 0.95
    draws: int = 1000
    audit_patches: int = 1000
    seed: int = 0
    batch_size: int = 32
    device: str = "auto"

    def __post_init__(self) -> None:
        refuse_unknown(self, split=SPLITS)
        for name, value in (("coverage", self.coverage), ("acceptance", self.acceptance)):
            if not 0 < value < 1:
                raise InputError(
                    f"The {name} is {value:g}; give a share between 0 and 1, e.g. 0.9."
                )
        refuse_below(self, draws=1, batch_size=1, audit_patches=0, seed=0)
