import json
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner

from geocity.cli.city import command as city
from geocity.errors import InputError
from geocity.tools.city import evaluate as tool
from geocity.tools.city.evaluate_options import CityEvaluateOptions


@dataclass
class Result:
    folder: Path
    calibrated: Path | None
    report: dict
    table: str = "the table"


@pytest.fixture
def calls(monkeypatch):
    made = []

    def fake(model, cities, **named):
        made.append((model, cities, named))
        return Result(named["out"], named["write_calibrated"], {"levels": {}})

    monkeypatch.setattr(tool, "evaluate", fake)
    return made


def run(*arguments):
    return CliRunner().invoke(city, ["evaluate", *arguments])


def test_the_table_and_the_paths_are_printed(calls):
    result = run("m.geocity", "prepared", "-o", "out", "--write-calibrated", "c.geocity")
    assert result.exit_code == 0, result.output
    assert result.stdout.split("\n")[:3] == ["the table", "out", "c.geocity"]
    model, cities, named = calls[0]
    assert (model, cities) == (Path("m.geocity"), Path("prepared"))
    assert named["options"] == CityEvaluateOptions()
    assert named["overwrite"] is False


def test_options_reach_the_tool(calls):
    told = "--split val --fold 2 --coverage 0.8 --acceptance 0.9 --audit-patches 0 --draws 7"
    result = run("m", "c", "-o", "o", *told.split(), "--seed", "3", "--overwrite")
    assert result.exit_code == 0, result.output
    options = calls[0][2]["options"]
    assert (options.split, options.fold, options.coverage) == ("val", 2, 0.8)
    assert (options.acceptance, options.audit_patches, options.draws) == (0.9, 0, 7)
    assert (options.seed, calls[0][2]["overwrite"]) == (3, True)


def test_json_prints_the_report(calls):
    result = run("m", "c", "-o", "o", "--progress", "json")
    assert json.loads(result.stdout.splitlines()[-1])["result"] == {"levels": {}}


def test_a_refusal_is_one_sentence(monkeypatch):
    def refuse(*_arguments, **_named):
        raise InputError("No city is in both.")

    monkeypatch.setattr(tool, "evaluate", refuse)
    result = run("m", "c", "-o", "o")
    assert result.exit_code == 1
    assert result.stderr == "Error: No city is in both.\n"
