"""The page in a real Chromium; without one these tests are skipped, and say so."""

import datetime
import os
from pathlib import Path

import pytest

from geocity.tools.dashboard import DashboardInputs, dashboard
from geocity.tools.dashboard_options import DashboardOptions
from tests.browser.chromium import Browser, find_chromium
from tests.tracker_inputs import (
    AFTER,
    BEFORE,
    square,
    write_layer,
    write_slums,
    write_tracker_files,
)


@pytest.fixture(scope="session")
def browser(tmp_path_factory):
    program = find_chromium()
    if program is None:
        pytest.skip("DASHBOARD NOT CHECKED IN A BROWSER: no Chromium here (install chromium)")
    running = Browser(program, tmp_path_factory.mktemp("chromium"))
    yield running
    running.close()


@pytest.fixture(scope="session")
def files(tmp_path_factory):
    return write_tracker_files(tmp_path_factory.mktemp("inputs"))


@pytest.fixture(scope="session")
def tracker(tmp_path_factory, files):
    """A page with everything in it, in a folder with a space and an accent."""
    return dashboard(
        files.slums,
        out=tmp_path_factory.mktemp("a tracker é") / "tracker.html",
        inputs=DashboardInputs(
            scenes=files.scenes,
            change=files.change,
            indicators=files.indicators,
            units=files.wards,
            assessments=[files.assessment],
        ),
        options=DashboardOptions(title="Slums of <b>Nowhere</b>", method_note="By <i>hand</i>."),
    )


@pytest.fixture(scope="session")
def bare_tracker(tmp_path_factory, files):
    """A page of outlines of one date and nothing else."""
    return dashboard(
        f"{files.slums}|layername=slums_2015", out=tmp_path_factory.mktemp("bare") / "bare.html"
    )


@pytest.fixture(scope="session")
def long_tracker(tmp_path_factory):
    """A page of three dates, two changes and the whole span; too many polygons, they say."""
    folder = tmp_path_factory.mktemp("long")
    slums, change = folder / "slums.gpkg", folder / "change.gpkg"
    days = [BEFORE, AFTER, datetime.date(2030, 1, 1)]
    for number, day in enumerate(days):
        write_slums(slums, f"slums_{day.year}", day, [square(i, 0) for i in range(number + 1)])
    pairs = [(days[0], days[1]), (days[1], days[2]), (days[0], days[2])]
    for kind in ("growth", "loss", "persistent"):
        columns = {
            "from_date": [before for before, _ in pairs],
            "to_date": [after for _, after in pairs],
            "area_m2": [10_000.0, 20_000.0, 30_000.0],
        }
        write_layer(change, kind, columns, [square(i, 0) for i in range(3)])
    return dashboard(
        slums,
        out=folder / "long.html",
        inputs=DashboardInputs(change=change),
        options=DashboardOptions(max_vectors=2),
    )


@pytest.fixture
def page(browser):
    fresh = browser.page()
    fresh.media()
    yield fresh
    fresh.close()


@pytest.fixture(scope="session")
def axe():
    """The accessibility checker axe-core, whose licence keeps it out of this project."""
    root = Path(__file__).parents[2]
    named = os.environ.get("AXE_JS")
    places = [Path(named)] if named else []
    places.append(root / "node_modules" / "axe-core" / "axe.min.js")
    for place in places:
        if place.is_file():
            return place.read_text(encoding="utf-8")
    pytest.skip(
        "ACCESSIBILITY NOT CHECKED: no axe-core (npm install --no-save axe-core, or set AXE_JS)"
    )
