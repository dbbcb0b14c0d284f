"""Says in the log what `geocity check` found. Needs no QGIS."""

from __future__ import annotations

import json
from typing import Any


def say_report(report: dict[str, Any], feedback: Any) -> dict[str, str]:
    """Write findings and costs into the log and return the outputs of the algorithm."""
    say = {"warning": feedback.pushWarning, "error": feedback.reportError}
    for finding in report.get("findings", []):
        say.get(finding["level"], feedback.pushInfo)(_sentence(finding))
    for name, cost in report.get("estimates", {}).items():
        feedback.pushInfo(_cost(name, cost))
    return {"LEVEL": str(report.get("level", "")), "REPORT": json.dumps(report, ensure_ascii=False)}


def _sentence(finding: dict[str, str]) -> str:
    advice = f"; {finding['advice']}" if finding.get("advice") else ""
    return f"{finding['subject']} {finding['found']}{advice}."


def _cost(name: str, cost: dict[str, Any]) -> str:
    seconds = cost.get("seconds")
    time = "time unknown" if seconds is None else f"about {_clock(float(seconds))}"
    return (
        f"Classifying {name}: {cost['tiles']} tiles of {cost['tile']} pixels, {time}, "
        f"{cost['memory_bytes'] / 1e9:.1f} GB of memory, {cost['disk_bytes'] / 1e6:.0f} MB of disk."
    )


def _clock(seconds: float) -> str:
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
