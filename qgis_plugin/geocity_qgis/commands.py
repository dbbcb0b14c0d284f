"""The commands of geocity that QGIS offers, as a table.

Flags, defaults and choices are those of the command line; a test compares them one by one.
"""

from __future__ import annotations

from geocity_qgis.fields import IN_TERMINAL
from geocity_qgis.table_learning import CHECK, EXPORT_CHIPS, TRAIN
from geocity_qgis.table_mapping import CLASSIFY, MAJORITY_FILTER, MAP, POLYGONIZE
from geocity_qgis.table_monitoring import CHANGE, DASHBOARD, INDICATORS

COMMANDS = (
    CHECK,
    EXPORT_CHIPS,
    TRAIN,
    CLASSIFY,
    MAP,
    MAJORITY_FILTER,
    POLYGONIZE,
    CHANGE,
    INDICATORS,
    DASHBOARD,
)
"""In the order of the work."""

NOT_IN_QGIS = {
    "--progress": "QGIS always asks for JSON.",
    "--debug": IN_TERMINAL,
    "--help": "QGIS has its own.",
}
"""Options of every command that QGIS does not offer, each with the reason."""
