"""geocity in QGIS: a provider of Processing that runs the `geocity` of a Python of your choice."""

from __future__ import annotations

from typing import Any


def classFactory(iface: Any) -> Any:
    """Return the plugin; QGIS calls it, with no `iface` in `qgis_process`."""
    from geocity_qgis.plugin import GeocityPlugin

    return GeocityPlugin()
