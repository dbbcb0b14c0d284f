"""The plugin: it adds the provider, in the desktop and in `qgis_process`."""

from __future__ import annotations

from typing import Any

from qgis.core import QgsApplication

from geocity_qgis.provider import GeocityProvider


class GeocityPlugin:
    """Adds geocity to the Processing toolbox; needs no window."""

    def __init__(self) -> None:
        self._provider: Any | None = None

    def initProcessing(self) -> None:
        """Add the provider; `qgis_process` calls nothing else."""
        self._provider = GeocityProvider()
        QgsApplication.processingRegistry().addProvider(self._provider)

    def initGui(self) -> None:
        """Add the provider in the desktop."""
        self.initProcessing()

    def unload(self) -> None:
        """Take the provider away."""
        if self._provider is not None:
            QgsApplication.processingRegistry().removeProvider(self._provider)
            self._provider = None
