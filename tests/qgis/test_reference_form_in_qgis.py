"""What QGIS makes of a reference sample: the form is there, and what is typed comes back."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from affine import Affine
from pyproj import CRS

from geocity.core.classes import ClassTable
from geocity.core.grid import Grid
from geocity.io.class_raster_sinks import create_class_raster
from geocity.tools.assess_estimate import assess_estimate
from geocity.tools.assess_sample import SampleOptions, assess_sample
from tests.answers import answer_key

NAMES = ("background", 'slum <&" é')


def test_an_interpreter_answers_in_qgis(
    tmp_path: Path, in_qgis: Callable[..., Any], validate_gpkg: Callable[[Path], None]
) -> None:
    grid = Grid(CRS.from_epsg(32643), Affine(1, 0, 270_000, 0, -1, 2_110_000), (100, 120))
    values = np.zeros(grid.shape, np.uint8)
    values[20:60, 30:90] = 1
    with create_class_raster(tmp_path / "classes.tif", grid, ClassTable.named(NAMES)) as sink:
        sink.write(values, grid.window)
    options = SampleOptions(points=60)
    sample = assess_sample(tmp_path / "classes.tif", out=tmp_path / "sample.gpkg", options=options)
    validate_gpkg(sample)
    key = answer_key(sample)
    wrong = {3, 10, 21}
    answers = [NAMES[1 - v if p in wrong else v] for p, v in sorted(key.items())]
    seen = in_qgis("form", f"{sample}|layername=points", *answers)
    assert seen["style"]
    assert seen["saved"]
    widgets = seen["widgets"]
    choices = [next(iter(choice)) for choice in widgets["reference"][1]["map"]]
    assert widgets["reference"][0] == "ValueMap"
    assert choices == [*NAMES, "cannot tell"]
    assert widgets["confidence"][0] == "ValueMap"
    assert (widgets["checked"][0], widgets["note"][0]) == ("CheckBox", "TextEdit")
    assert widgets["fid"][0] == "Hidden"
    assert seen["aliases"]["reference"] == "What is it?"
    assert seen["read_only"] == ["point"]
    assert seen["legend"] == [*NAMES, "cannot tell", "to do"]
    assert not {"mapped", "class"} & set(widgets)
    folder = assess_estimate(sample, out=tmp_path / "assessment")
    found = json.loads((folder / "assessment.json").read_text(encoding="utf-8"))
    matrix = np.array(found["matrix_counts"])
    assert matrix.sum() == 60
    assert matrix.sum() - np.trace(matrix) == len(wrong)
