"""The slum tracker as a reader meets it."""

import csv
import io
import re
import time

import pandas as pd
import pytest

from geocity.tools.dashboard import DashboardInputs, dashboard
from tests.tracker_inputs import FORMULAS, NAMES, WARDS, write_tracker_files

MINUS, NONE = "\u2212", "\u2013"

STOPS = """
(() => { const e = document.activeElement; if (!e || e === document.body) return '';
  const name = e.getAttribute('aria-label') || (e.labels && e.labels[0] && e.labels[0].textContent)
    || e.textContent || e.title; return `${e.tagName} ${e.id} ${name.trim()}`; })()
"""


def choose_mode(page, mode):
    page.js(f"document.querySelector('input[value={mode}]').click()")
    page.settle()


def test_asks_for_nothing_and_says_nothing(page, tracker):
    page.open(tracker)
    for mode in ("compare", "change", "one"):
        choose_mode(page, mode)
    page.js("document.querySelector('#units tbody button').click()")
    page.settle()
    outside = [url for url in page.requests() if not url.startswith(("file:", "data:", "blob:"))]
    own = [url for url in page.requests() if url.startswith("file:")]
    assert (outside, own) == ([], [tracker.as_uri()])
    assert page.complaints() == []


def test_the_policy_stops_what_is_not_part_of_the_page(page, tracker):
    page.open(tracker)
    page.js(
        "const s = document.createElement('script'); s.textContent = 'window.hacked = 1';"
        "document.body.append(s); const i = new Image(); i.src = 'https://example.org/x.png';"
    )
    page.settle()
    assert page.js("window.hacked") is None
    assert any("Content Security Policy" in said for said in page.complaints())


def test_texts_from_data_stay_texts(page, tracker):
    page.open(tracker)
    rows = page.js("[...document.querySelectorAll('#units tbody th')].map(e => e.textContent)")
    assert sorted(rows) == sorted(WARDS)
    labels = page.js("[...document.querySelectorAll('.unit-label')].map(e => e.textContent)")
    assert sorted(labels) == sorted(WARDS)
    assert page.js("document.querySelector('h1').textContent") == "Slums of <b>Nowhere</b>"
    assert page.js("document.title") == "Slums of <b>Nowhere</b>"
    assert "By <i>hand</i>." in page.js("document.getElementById('method').textContent")
    assert NAMES[0] in page.js("document.getElementById('settlements').textContent")
    # Three scripts and the content; nothing that a name brought along.
    assert page.js("document.querySelectorAll('script').length") == 4
    assert page.js("document.querySelectorAll('b, i').length") == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("mode", ["one", "compare", "change"])
def test_axe_finds_nothing(page, tracker, axe, scheme, mode):
    page.media(scheme=scheme)
    page.open(tracker)
    choose_mode(page, mode)
    page.js("document.querySelector('#settlements tbody button').click()")
    page.settle()
    assert axe_findings(page, axe) == []


def test_axe_finds_nothing_in_a_bare_page_and_on_a_phone(page, bare_tracker, tracker, axe):
    page.open(bare_tracker)
    assert axe_findings(page, axe) == []
    page.resize(390, 844)
    page.open(tracker)
    assert axe_findings(page, axe) == []


def axe_findings(page, axe):
    page.js(f"{axe}; 0")
    found = page.js("axe.run(document).then(r => r.violations)")
    return [(f["id"], [node["html"] for node in f["nodes"]]) for f in found]


def test_follows_the_system_until_the_reader_chooses(page, tracker):
    shade = "getComputedStyle(document.querySelector('{}')).backgroundColor"
    page.media(scheme="dark")
    page.open(tracker)
    dark = page.js(shade.format("body")), page.js(shade.format("#map"))
    page.media(scheme="light")
    page.settle()
    light = page.js(shade.format("body")), page.js(shade.format("#map"))
    assert dark[0] != light[0]
    assert dark[1] != light[1], "the map too"
    page.js(
        "const t = document.getElementById('theme'); t.value = 'dark';"
        "t.dispatchEvent(new Event('change'))"
    )
    assert (page.js(shade.format("body")), page.js(shade.format("#map"))) == dark


def test_everything_is_reached_by_the_tab_key(page, tracker):
    page.open(tracker)
    stops = []
    for _ in range(80):
        page.press("Tab")
        stop = page.js(STOPS)
        if not stop or stop in stops:
            break
        stops.append(stop)
    told = "\n".join(stops)
    order = ["Skip the map", "Colours", "Print", "One date", "Date", "Map of slum", "Whole area"]
    places = [told.index(name) for name in [*order, "Imagery", "Save as CSV", "Slum area (ha)"]]
    assert places == sorted(places), told
    # Polygons are no stops of their own: the lists lead to them.
    assert len(stops) < 60, told


def test_works_by_keyboard_alone(page, tracker):
    page.open(tracker)
    page.js("document.querySelector('input[name=mode]').focus()")
    page.press("ArrowRight")
    page.settle()
    assert page.js("document.querySelector('input[name=mode]:checked').value") == "compare"
    page.js("document.getElementById('swipe').focus()")
    before = page.js("document.getElementById('swipe-line').style.left")
    page.press("ArrowRight")
    assert page.js("document.getElementById('swipe-line').style.left") != before
    page.js("document.querySelector('#units thead button').focus()")
    page.press("Enter")
    sorted_by = "document.querySelector('#units th[aria-sort]').textContent"
    assert page.js(sorted_by).startswith("Ward or unit")
    assert page.js("document.activeElement.textContent").startswith("Ward or unit")
    page.js("document.querySelector('#settlements tbody button').focus()")
    page.press("Enter")
    page.settle()
    assert "Area history of" in page.js("document.getElementById('settlement').textContent")


def place_of(page, x_m, y_m):
    """Return where on the screen a place lies, in metres from the corner of the lattice."""
    left, top, width, height = page.js(
        "(() => { const b = document.querySelector('.leaflet-imagery-right-pane img')"
        ".getBoundingClientRect(); return [b.left, b.top, b.width, b.height]; })()"
    )
    # The scenes reach from 20 m before the corner to 140 m behind it.
    return left + width * (x_m + 20) / 160, top + height * (140 - y_m) / 160


def opacity_at(page, place, pane):
    """Return how opaque the canvas of a pane is at a place on the screen, 0 to 255."""
    x, y = place
    return page.js(
        f"""(() => {{ const canvas = document.querySelector('.leaflet-{pane}-pane canvas');
        const own = canvas.getBoundingClientRect(), scale = canvas.width / own.width;
        return canvas.getContext('2d').getImageData(({x} - own.left) * scale,
          ({y} - own.top) * scale, 1, 1).data[3]; }})()"""
    )


def visible_span(page, side):
    """Return from where to where, across the map, a side of the swipe is seen."""
    return page.js(
        f"""(() => {{ const pane = document.querySelector('.leaflet-imagery-{side}-pane');
        const edges = pane.style.clip.match(/-?[\\d.]+/g).map(Number);
        const map = new DOMMatrix(getComputedStyle(
          document.querySelector('.leaflet-map-pane')).transform).m41;
        return [edges[3] + map, edges[1] + map]; }})()"""
    )


def test_the_swipe_parts_the_map_at_its_line(page, tracker):
    page.open(tracker)
    choose_mode(page, "compare")
    width = page.js("document.getElementById('map').clientWidth")
    assert visible_span(page, "left") == [0, pytest.approx(width / 2, abs=1)]
    assert visible_span(page, "right") == [pytest.approx(width / 2, abs=1), width]
    box = page.js(
        "(() => { const b = document.getElementById('swipe').getBoundingClientRect();"
        "return [b.left, b.top, b.width, b.height]; })()"
    )
    middle = box[1] + box[3] / 2
    page.mouse((box[0] + box[2] / 2, middle), (box[0] + box[2] * 0.75, middle))
    left, right = visible_span(page, "left"), visible_span(page, "right")
    assert left[1] == right[0] == pytest.approx(width * 0.75, abs=12)
    line = page.js("document.getElementById('swipe-line').getBoundingClientRect().left")
    assert line - box[0] == pytest.approx(left[1], abs=3)
    tags = page.js("[...document.querySelectorAll('.tag')].map(e => e.textContent)")
    assert tags == ["14 Feb 2015", "9 Feb 2025"]
    choose_mode(page, "one")
    assert page.js("document.querySelector('.leaflet-imagery-right-pane').style.clip") == ""


def test_the_date_changes_map_figures_and_table(page, tracker):
    page.open(tracker)
    state = (
        "[document.querySelector('.leaflet-imagery-right-pane img').src.length,"
        "document.getElementById('figures-heading').textContent,"
        "document.querySelector('#cards .value').textContent,"
        "document.querySelector('#units tfoot').textContent]"
    )
    new = page.js(state)
    page.js(
        "const s = document.getElementById('date'); s.value = '2015-02-14';"
        "s.dispatchEvent(new Event('change'))"
    )
    page.settle()
    old = page.js(state)
    assert all(a != b for a, b in zip(new, old, strict=True)), (new, old)
    assert (new[1], old[1]) == ("Figures for 9 Feb 2025", "Figures for 14 Feb 2015")


def test_layers_are_switched_in_the_legend(page, tracker):
    page.open(tracker)
    choose_mode(page, "change")
    legend = page.js("document.getElementById('legend').textContent")
    assert re.search(r"Growth, 0.06 ha.*Loss, 0.04 ha.*Persistent, 0.08 ha", legend), legend
    new = place_of(page, 10, 60)
    assert opacity_at(page, new, "change") > 0
    page.js("document.getElementById('show-growth').click()")
    page.settle()
    assert opacity_at(page, new, "change") == 0
    assert page.js("document.activeElement.id") in ("", "show-growth")


def save(page, table, folder):
    """Press the button that saves a table and return the bytes of the file."""
    page.downloads_to(folder)
    page.js(
        f"[...document.querySelectorAll('#{table} button')]"
        ".find(b => b.textContent === 'Save as CSV').click()"
    )
    deadline = time.monotonic() + 20
    while not list(folder.glob("*.csv")):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    (saved,) = folder.glob("*.csv")
    return saved.read_bytes()


def as_shown(cell):
    """Take off what the screen adds for people, and the guard that the file adds for programs."""
    for added in (",", " ▲", " ▼"):
        cell = cell.replace(added, "")
    cell = cell.removeprefix("'").removeprefix("+")
    return {NONE: ""}.get(cell, cell.replace(MINUS, "-"))


@pytest.mark.parametrize("search", ["", "n"])
@pytest.mark.parametrize("table", ["units", "settlements"])
def test_the_saved_table_is_the_table(page, tracker, tmp_path, table, search):
    page.open(tracker)
    page.js(
        f"const s = document.querySelector('#{table} input[type=search]'); s.value = '{search}';"
        "s.dispatchEvent(new Event('input'))"
    )
    page.js(f"document.querySelectorAll('#{table} thead button')[1].click()")
    data = save(page, table, tmp_path)
    assert data.startswith(b"\xef\xbb\xbf")
    rows = list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")))
    cells = (
        f"[...document.querySelectorAll('#{table} tr')].map(r => "
        "[...r.cells].map(c => c.querySelector('time')?.dateTime || c.textContent))"
    )
    shown = page.js(cells)
    assert len(shown) > 2
    assert [list(map(as_shown, row)) for row in rows] == [list(map(as_shown, r)) for r in shown]


def test_the_table_is_searched_and_sorted(page, tracker):
    page.open(tracker)
    names = "[...document.querySelectorAll('#units tbody th')].map(e => e.textContent)"
    largest_first = page.js(names)
    assert largest_first == list(reversed(WARDS))
    page.js("document.querySelectorAll('#units thead button')[1].click()")
    assert page.js(names) == list(WARDS)
    assert page.js("document.querySelector('#units th[aria-sort]').ariaSort") == "ascending"
    page.js(
        "const s = document.querySelector('#units input[type=search]'); s.value = 'ÉTANG';"
        "s.dispatchEvent(new Event('input'))"
    )
    assert page.js(names) == [WARDS[2]]
    assert page.js("document.querySelector('#units [role=status]').textContent") == "1 of 1 rows"


def test_no_spreadsheet_runs_a_name(page, tracker, tmp_path):
    page.open(tracker)
    text = save(page, "units", tmp_path).decode("utf-8-sig")
    names = [row[0] for row in csv.reader(io.StringIO(text, newline=""))]
    for formula in FORMULAS:
        assert f"'{formula}" in names
        assert formula not in names
    assert WARDS[0] in names


def test_a_ward_leads_to_its_place(page, tracker):
    page.open(tracker)
    page.js("[...document.querySelectorAll('#units tbody button')][0].click()")
    page.settle()
    name = page.js("document.querySelector('#units tbody button').textContent")
    assert page.js("document.getElementById('chart-unit').value") == name
    assert name in page.js("document.querySelector('#chart svg').getAttribute('aria-label')")
    scale = "document.querySelector('.leaflet-control-scale-line').textContent"
    near = page.js(scale)
    page.js("document.getElementById('whole-area').click()")
    page.settle()
    assert page.js(scale) != near


def test_a_polygon_tells_what_it_is(page, tracker):
    page.open(tracker)
    page.mouse(place_of(page, 10, 60))
    said = page.js("document.querySelector('.leaflet-popup-content')?.textContent || ''")
    for part in ("S4", "0.04 ha on 9 Feb 2025", "90 %"):
        assert part in said
    page.js("document.querySelector('.leaflet-popup-content button').click()")
    page.settle()
    assert page.js("document.querySelector('#settlement h3').textContent") == "S4"


def test_fits_a_phone(page, tracker):
    page.resize(390, 844)
    page.open(tracker)
    for mode in ("one", "compare", "change"):
        choose_mode(page, mode)
        assert page.js("document.documentElement.scrollWidth") <= 390, mode


def test_prints_in_light_without_controls(page, tracker, tmp_path):
    page.media(scheme="dark")
    page.open(tracker)
    page.media(scheme="dark", kind="print")
    page.settle()
    ground = page.js("getComputedStyle(document.body).backgroundColor")
    ink = page.js("getComputedStyle(document.body).color")
    assert (ground, ink) == ("rgb(255, 255, 255)", "rgb(31, 41, 51)")
    for hidden in ("#theme", "#print", "#controls", ".leaflet-control-zoom"):
        assert page.js(f"document.querySelector('{hidden}').offsetParent") is None
    assert page.pdf(tmp_path / "tracker.pdf").read_bytes().startswith(b"%PDF")


def test_a_bare_page_leaves_out_what_it_does_not_have(page, bare_tracker):
    page.open(bare_tracker)
    hidden = "[...document.querySelectorAll('section')].filter(s => s.hidden).map(s => s.id)"
    assert page.js(hidden) == ["chart-section", "units-section"]
    assert page.js("document.querySelectorAll('input[name=mode]').length") == 0
    assert "Not assessed" in page.js("document.getElementById('method').textContent")
    assert "its error has not been assessed" in page.js("document.body.textContent")
    assert page.complaints() == []


def test_neighbouring_dates_and_the_whole_span_can_be_chosen(page, long_tracker):
    page.open(long_tracker)
    choose_mode(page, "change")
    pairs = page.js("[...document.querySelectorAll('#pair option')].map(o => o.textContent)")
    assert pairs == [
        "14 Feb 2015 to 9 Feb 2025",
        "9 Feb 2025 to 1 Jan 2030",
        "14 Feb 2015 to 1 Jan 2030",
    ]
    legends = []
    for value in page.js("[...document.querySelectorAll('#pair option')].map(o => o.value)"):
        page.js(
            f"document.getElementById('pair').value = '{value}';"
            "document.getElementById('pair').dispatchEvent(new Event('change'))"
        )
        page.settle()
        legends.append(page.js("document.getElementById('legend').textContent"))
    assert [re.search(r"Growth, ([\d.]+) ha", text)[1] for text in legends] == [
        "1.00",
        "2.00",
        "3.00",
    ]
    assert page.js("document.querySelectorAll('#chart circle').length") == 3
    assert page.complaints() == []


def test_says_when_polygons_are_drawn_as_a_picture(page, long_tracker):
    page.open(long_tracker)
    note = "document.getElementById('map-note').textContent"
    assert page.js(note).startswith("3 polygons are too many to draw one by one (the limit is 2)")
    assert page.js("document.querySelectorAll('.leaflet-outlines-right-pane img').length") == 1
    page.js(
        "const s = document.getElementById('date'); s.value = '2015-02-14';"
        "s.dispatchEvent(new Event('change'))"
    )
    page.settle()
    assert page.js(note) == ""


def test_the_map_is_drawn_anew_for_paper_and_comes_back(page, tracker):
    page.open(tracker)
    scale = "document.querySelector('.leaflet-control-scale-line').textContent"
    width = "document.getElementById('map').clientWidth"
    before = page.js(scale), page.js(width)
    page.js(
        "window.print = () => { window.printed = document.getElementById('map').clientWidth; };"
        "document.getElementById('print').click()"
    )
    page.wait("window.printed")
    assert page.js("window.printed") == 690
    page.js("window.dispatchEvent(new Event('afterprint'))")
    page.settle()
    assert (page.js(scale), page.js(width)) == before


def test_shares_of_whole_units_are_told_as_such(page, tmp_path):
    files = write_tracker_files(tmp_path / "inputs")
    for known in (True, False):
        table = pd.read_csv(files.indicators)
        if not known:
            table[["covered_m2", "covered"]] = None
        table.to_csv(tmp_path / "table.csv", index=False)
        inputs = DashboardInputs(indicators=tmp_path / "table.csv")
        page.open(dashboard(files.slums, out=tmp_path / f"{known}.html", inputs=inputs))
        told = page.js("document.getElementById('cards').parentElement.textContent")
        assert ("Share of the mapped ground" in told) == known
        assert ("Share of the whole units" in told) != known
        assert ("as far as imagery covers" in told) == known
