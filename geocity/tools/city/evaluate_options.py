"""How a city model is evaluated."""

from dataclasses import dataclass


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
