"""Which city is this, what gives it away, which cities resemble each other.

Every command of ``geocity city`` is a function of the same name here: files in, files out
(``import`` is `import_checkpoint`, for Python keeps that word to itself). Functions are imported
when first used, so that ``import geocity.city`` is quick and loads no torch.
"""

import importlib
from typing import Any

__all__: list[str] = [  # noqa: F822 - found when first used
    "compare",
    "evaluate",
    "explain",
    "identify",
    "import_checkpoint",
    "prepare",
    "train",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'geocity.city' has no attribute {name!r}")
    from geocity.io.remote import behind_the_door

    tool = getattr(importlib.import_module(f"geocity.tools.city.{name}"), name)
    function = globals()[name] = behind_the_door(tool, __name__)
    return function


def __dir__() -> list[str]:
    return sorted(__all__)
