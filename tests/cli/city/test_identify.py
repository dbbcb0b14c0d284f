import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from geocity.cli.city import command as city
from geocity.core.cities.identification import answer_of
from geocity.tools.city import identify as tool
from geocity.tools.city.identify_options import IdentifyOptions
from tests.core.cities.test_contract import CONTRACT


@pytest.fixture
def calls(monkeypatch):
    made = []

    def fake(images, **named):
        made.append((images, named))
        logits = np.array([1.0, 2.0, 3.0])
        answers = tuple(answer_of(path.name, logits, 4, CONTRACT, None) for path in images)
        return tool.Identification(answers, named["out"])

    monkeypatch.setattr(tool, "identify", fake)
    return made


def run(*arguments):
    return CliRunner().invoke(city, ["identify", *arguments])


def test_each_image_gets_a_sentence(calls):
    result = run("a.jpg", "b.jpg", "-m", "m.geocity", "-o", "out", "--like", "ALA")
    assert result.exit_code == 0, result.output
    first, second, out = result.stdout.splitlines()
    assert first.startswith("a.jpg: Astana 67%; Bishkek 24%, Almaty 9% (uncalibrated")
    assert second.startswith("b.jpg: ")
    assert out == "out"
    images, named = calls[0]
    assert images == (Path("a.jpg"), Path("b.jpg"))
    assert named["options"] == IdentifyOptions(like="ALA")


def test_json_is_one_object(calls):
    result = run("a.jpg", "-m", "m", "--json", "--cell-size", "0.3", "--overlap", "0")
    told = json.loads(result.stdout)
    assert told["answers"][0]["city"] == "Astana"
    assert told["answers"][0]["calibrated"] is False
    options = calls[0][1]["options"]
    assert (options.cell_size_m, options.overlap) == (0.3, 0.0)


def test_an_image_must_be_named():
    assert run("-m", "m").exit_code == 2
