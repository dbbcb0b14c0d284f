"""The provider: geocity in the Processing toolbox, with one setting."""

from __future__ import annotations

import os
from typing import Any

from processing.core.ProcessingConfig import ProcessingConfig, Setting
from qgis.core import QgsProcessingProvider
from qgis.PyQt.QtGui import QIcon

from geocity_qgis.algorithm import ICON, PYTHON_SETTING, GeocityAlgorithm
from geocity_qgis.commands import COMMANDS
from geocity_qgis.pythons import python_of


class GeocityProvider(QgsProcessingProvider):
    """Offers the commands of geocity."""

    def id(self) -> str:
        """Return the name in scripts."""
        return "geocity"

    def name(self) -> str:
        """Return the name in the toolbox."""
        return "geocity"

    def longName(self) -> str:
        """Return the name with a word of explanation."""
        return "geocity: slums and cities from imagery"

    def icon(self) -> QIcon:
        """Return geocity's icon."""
        return QIcon(ICON)

    def svgIconPath(self) -> str:
        """Return geocity's icon for the model designer."""
        return ICON

    def load(self) -> bool:
        """Add the setting and the algorithms."""
        ProcessingConfig.settingIcons[self.name()] = self.icon()
        ProcessingConfig.addSetting(
            Setting(
                self.name(),
                PYTHON_SETTING,
                "Python that has geocity (empty: a likely one)",
                "",
                valuetype=Setting.FILE,
                validator=_check_python,
            )
        )
        ProcessingConfig.readSettings()
        self.refreshAlgorithms()
        return True

    def unload(self) -> None:
        """Take the setting away."""
        ProcessingConfig.removeSetting(PYTHON_SETTING)

    def loadAlgorithms(self) -> None:
        """Make an algorithm of every command."""
        for command in COMMANDS:
            self.addAlgorithm(GeocityAlgorithm(command))

    def defaultVectorFileExtension(self, hasGeometry: bool = True) -> str:
        """Return what temporary results are written as."""
        return "gpkg"

    def supportedOutputVectorLayerExtensions(self) -> list[str]:
        """Return the formats that geocity writes."""
        return ["gpkg", "shp", "geojson", "fgb"]

    def supportedOutputRasterLayerExtensions(self) -> list[str]:
        """Return the format that geocity writes."""
        return ["tif"]

    def supportsNonFileBasedOutput(self) -> bool:
        """Return False: another process writes the results."""
        return False


def _check_python(value: Any) -> None:
    if value and not python_of(os.path.expanduser(str(value))):
        raise ValueError(f"There is no Python at {value}.")
