"""One command of geocity as an algorithm of Processing."""

from __future__ import annotations

import os
from typing import Any

from processing.core.ProcessingConfig import ProcessingConfig
from qgis.core import (
    QgsProcessingAlgorithm,
    QgsProcessingContext,
    QgsProcessingException,
    QgsProcessingFeedback,
    QgsProcessingOutputFile,
    QgsProcessingOutputString,
    QgsProcessingOutputVectorLayer,
    QgsProcessingParameterBoolean,
)
from qgis.PyQt.QtGui import QIcon

from geocity_qgis import loading, parameters
from geocity_qgis.command import Command
from geocity_qgis.pythons import choose_python
from geocity_qgis.report import say_report
from geocity_qgis.runner import CancelledError, GeocityError, Listener, run
from geocity_qgis.values import Values

ICON = os.path.join(os.path.dirname(__file__), "icon.svg")
PYTHON_SETTING = "GEOCITY_PYTHON"
_LOAD = "LOAD"


class GeocityAlgorithm(QgsProcessingAlgorithm):
    """Runs one command in the Python that the user chose.

    Args:
        command: the row of the table.
    """

    def __init__(self, command: Command) -> None:
        super().__init__()
        self._command = command
        self._values: dict[str, Any] = {}
        self._load = False

    def createInstance(self) -> GeocityAlgorithm:
        """Return a fresh one, as every run wants."""
        return GeocityAlgorithm(self._command)

    def name(self) -> str:
        """Return the name within the provider."""
        return self._command.algorithm

    def displayName(self) -> str:
        """Return the name in the toolbox."""
        return self._command.title

    def group(self) -> str:
        """Return the folder in the toolbox."""
        return self._command.group

    def groupId(self) -> str:
        """Return the folder's name in scripts."""
        return self._command.group.lower()

    def tags(self) -> list[str]:
        """Return the words by which the toolbox finds it."""
        return ["geocity", "slum", "settlement", *self._command.tags.split(",")]

    def icon(self) -> QIcon:
        """Return geocity's icon."""
        return QIcon(ICON)

    def svgIconPath(self) -> str:
        """Return geocity's icon for the model designer."""
        return ICON

    def shortHelpString(self) -> str:
        """Return what the command does, what fields want, and the command's name."""
        fields = [f"• {p.label}. {p.help}" for p in self._command.parameters if p.help]
        paragraphs = [*self._command.help.split("\n\n"), *fields]
        return "\n".join([*paragraphs, f"Runs geocity {self._command.name}."])

    def shortDescription(self) -> str:
        """Return the first sentence of the help."""
        return self._command.help.split(". ")[0].split("\n")[0].rstrip(".") + "."

    def initAlgorithm(self, configuration: dict[str, Any] | None = None) -> None:
        """Make the parameters and outputs."""
        if self._command.loads:
            # Before the result, which comes last.
            *front, back = self._command.parameters
            for parameter in front:
                self.addParameter(parameters.make(parameter))
            self.addParameter(QgsProcessingParameterBoolean(_LOAD, self._command.loads, True))
            self.addParameter(parameters.make(back))
        else:
            for parameter in self._command.parameters:
                self.addParameter(parameters.make(parameter))
        if self._command.name == "check":
            self.addOutput(QgsProcessingOutputString("LEVEL", "Gravest finding"))
            self.addOutput(QgsProcessingOutputString("REPORT", "Report as JSON"))
        if self._command.name == "map":
            self.addOutput(QgsProcessingOutputFile("PROJECT", "QGIS project"))
            self.addOutput(QgsProcessingOutputVectorLayer("OUTLINES", "Outlines"))

    def prepareAlgorithm(
        self, given: dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> bool:
        """Read the parameters where layers may be touched: in the main thread."""
        values = Values(self, given, context, feedback)
        self._values = values.read(self._command)
        self._load = bool(self._command.loads) and values.flag(_LOAD)
        return True

    def processAlgorithm(
        self, given: dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> dict[str, Any]:
        """Run the command and return its results by name."""
        arguments = self._command.arguments(self._values)
        try:
            python = choose_python(ProcessingConfig.getSetting(PYTHON_SETTING) or "", os.environ)
            results = run(
                python, arguments, _Voice(feedback), may_refuse=self._command.name == "check"
            )
        except CancelledError as error:
            feedback.pushInfo(str(error))
            return {}
        except GeocityError as error:
            raise QgsProcessingException(str(error)) from error
        feedback.setProgress(100)
        return self._outputs(results, context, feedback)

    def _outputs(
        self, results: list[Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> dict[str, Any]:
        if self._command.name == "check":
            return say_report(results[-1], feedback)
        outputs = {
            p.key: self._values[p.key]
            for p in self._command.parameters
            if p.kind in parameters.DESTINATIONS and self._values[p.key]
        }
        if self._command.name == "map":
            outlines = loading.newest_outlines(outputs["OUT"])
            outputs.update(PROJECT=str(results[-1]), OUTLINES=outlines)
            if self._load:
                loading.load_map(context, outputs["OUT"], outlines)
        if self._command.name == "change":
            loading.load_layers_of(context, outputs["OUT"], loading.CHANGE_LAYERS)
        if self._command.name == "indicators" and self._load:
            title = os.path.splitext(os.path.basename(outputs["OUT"]))[0]
            loading.load(context, outputs["OUT"], title, "OUT")
        loading.style_results(context)
        return outputs


class _Voice(Listener):
    """Passes on to QGIS what a run says."""

    def __init__(self, feedback: QgsProcessingFeedback) -> None:
        self._feedback = feedback
        self._stage = ""

    def command(self, text: str) -> None:
        """Show the command, to be copied into a terminal."""
        self._feedback.pushInfo("As a command line:")
        self._feedback.pushCommandInfo(text)
        # Libraries as large as PyTorch take a while to load, in silence.
        self._feedback.setProgressText("Starting geocity")

    def progress(self, stage: str, percent: float) -> None:
        """Move the bar."""
        if stage != self._stage:
            self._stage = stage
            self._feedback.setProgressText(stage[:1].upper() + stage[1:])
        self._feedback.setProgress(percent)

    def log(self, text: str) -> None:
        """Write a sentence."""
        self._feedback.pushInfo(text)

    def warning(self, text: str) -> None:
        """Write a warning."""
        self._feedback.pushWarning(text)

    def output(self, text: str) -> None:
        """Write what a library said."""
        self._feedback.pushConsoleInfo(text)

    def cancelled(self) -> bool:
        """Tell whether the user has pressed Cancel."""
        return bool(self._feedback.isCanceled())
