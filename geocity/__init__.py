"""Maps and figures about cities from satellite and aerial imagery.

Every command of ``geocity`` is a function of the same name here (``geocity assess sample`` is
`assess_sample`): files in, files out.
`geocity.city` holds those of ``geocity city``. `geocity.core` is the second door, for those who
bring arrays. Functions are imported when first used, so that ``import geocity`` is quick and loads
no torch. They ask no other machine for anything unless they are given its address.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from geocity.tools.assess_estimate import assess_estimate
    from geocity.tools.assess_sample import assess_sample
    from geocity.tools.change import change
    from geocity.tools.check import check
    from geocity.tools.classify import classify
    from geocity.tools.clean import clean
    from geocity.tools.dashboard import dashboard
    from geocity.tools.demo import demo
    from geocity.tools.evaluate import evaluate
    from geocity.tools.export_chips import export_chips
    from geocity.tools.export_model import export_model
    from geocity.tools.find_lr import find_lr
    from geocity.tools.import_model import import_model
    from geocity.tools.indicators import indicators
    from geocity.tools.majority_filter import majority_filter
    from geocity.tools.map import map  # noqa: A004 - the command's name
    from geocity.tools.polygonize import polygonize
    from geocity.tools.rerun import rerun
    from geocity.tools.show_chips import show_chips
    from geocity.tools.train import train

__version__ = "0.1.0"

__all__ = [
    "assess_estimate",
    "assess_sample",
    "change",
    "check",
    "classify",
    "clean",
    "dashboard",
    "demo",
    "evaluate",
    "export_chips",
    "export_model",
    "find_lr",
    "import_model",
    "indicators",
    "majority_filter",
    "map",
    "polygonize",
    "rerun",
    "show_chips",
    "train",
]


def __getattr__(name: str) -> Any:
    if name == "city":
        return importlib.import_module("geocity.city")
    if name not in __all__:
        raise AttributeError(f"module 'geocity' has no attribute {name!r}")
    from geocity.io.remote import behind_the_door

    tool = getattr(importlib.import_module(f"geocity.tools.{name}"), name)
    function = globals()[name] = behind_the_door(tool, __name__)
    return function


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
