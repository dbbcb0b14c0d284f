"""OpenVINO without its telemetry.

``import openvino`` alone reports to its makers over the network. Where their reporting package
cannot be imported it falls back on a stub that does nothing; so geocity makes it unimportable
before OpenVINO is first imported, here and in the process that converts models. Nothing else in
geocity imports OpenVINO.
"""

import importlib
import sys
from types import ModuleType
from typing import cast

from geocity.errors import MissingDependencyError


def openvino() -> ModuleType:
    """Import OpenVINO, silenced.

    Raises:
        MissingDependencyError: if it is not installed.
    """
    if "openvino" not in sys.modules:
        # None makes Python raise ImportError; the entries of a real import would be modules.
        sys.modules.setdefault("openvino_telemetry", cast(ModuleType, None))
    try:
        return importlib.import_module("openvino")
    except ImportError as error:
        raise MissingDependencyError(
            "OpenVINO is not installed; install it (pip install openvino) or use --engine torch."
        ) from error
