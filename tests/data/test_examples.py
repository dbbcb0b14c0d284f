"""The examples in the documentation of `geocity.data` run, on the sample data."""

import doctest
import importlib
import pkgutil
from pathlib import Path

import pytest

from geocity import data

ROOT = Path(__file__).parents[2]
FOUND = [
    example
    for module in pkgutil.walk_packages(data.__path__, "geocity.data.")
    for example in doctest.DocTestFinder().find(importlib.import_module(module.name))
    if example.examples
]


def test_there_are_examples():
    assert len(FOUND) >= 4


@pytest.mark.parametrize("example", FOUND, ids=lambda example: example.name)
def test_an_example(example, monkeypatch):
    monkeypatch.chdir(ROOT)
    options = {flag for line in example.examples for flag in line.options}
    assert doctest.SKIP not in options
    told = []
    doctest.DocTestRunner(optionflags=doctest.REPORT_NDIFF).run(example, out=told.append)
    assert not told, "".join(told)
