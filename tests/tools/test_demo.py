"""The demo's own parts; the whole of it runs in .ci/run, where its result is held to its word."""

import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

import geocity
from geocity import cli
from geocity.errors import InputError, OutputExistsError
from geocity.tools import demo, demo_cities, demo_slums
from geocity.tools.demo_steps import DemoRun, Steps

TOOLS = {
    demo_slums: (
        "export_chips",
        "show_chips",
        "train",
        "evaluate",
        "map",
        "change",
        "indicators",
        "dashboard",
    ),
    demo_cities: ("prepare", "train", "evaluate", "identify", "explain", "compare"),
}


class Found:
    """What an evaluation, an identification and an explanation answer."""

    report = {  # noqa: RUF012 - never changed
        "classes": [{"class": "slum", "iou": 0.8125}],
        "levels": {"patches": {"accuracy": {"value": 0.9375}}},
    }
    table = "figures"
    answers = ()


@pytest.fixture
def called(monkeypatch):
    """Put a note in the place of every tool."""
    calls = []

    def noting(half, name):
        def tool(*inputs, out, **choices):
            calls.append((half, name, inputs, Path(out), choices))
            return Found() if name in ("evaluate", "identify", "explain") else Path(out)

        return tool

    for half, names in TOOLS.items():
        for name in names:
            monkeypatch.setattr(half, name, noting(half, name))
    monkeypatch.setattr(demo_cities, "read_city_folder", lambda path: path)
    monkeypatch.setattr(demo_cities, "_held_out_image", lambda cities: cities / "image.tif")
    return calls


def test_the_sample_data_is_found_in_a_checkout():
    folder = demo.sample_data()
    for year in demo_slums.YEARS:
        assert (folder / f"scene_{year}.tif").exists()
        assert (folder / f"slums_{year}.gpkg").exists()


def test_missing_sample_data_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(geocity, "__file__", str(tmp_path / "geocity" / "__init__.py"))
    with pytest.raises(InputError, match="sample data"):
        demo.sample_data()


def test_a_former_demo_is_not_replaced_by_accident(tmp_path):
    with pytest.raises(OutputExistsError):
        demo.demo(tmp_path)


def test_there_are_two_halves(tmp_path):
    with pytest.raises(InputError, match="no half 'rivers'; choose slums or cities"):
        demo.demo(tmp_path / "demo", only="rivers")


def test_each_half_runs_its_tools_in_order_and_counts_its_steps(tmp_path, called, caplog):
    caplog.set_level("INFO")
    made = demo.demo(tmp_path / "demo")
    assert [(half, name) for half, name, *_ in called] == [
        (half, name) for half, names in TOOLS.items() for name in names
    ]
    total = demo_slums.STEPS + demo_cities.STEPS
    numbers = [int(n) for n in re.findall(rf"\b(\d+)/{total}  \S", caplog.text)]
    assert numbers == list(range(1, total + 1))
    assert (made.slum_iou, made.city_accuracy) == (0.8125, 0.9375)
    results = {str(out.relative_to(made.folder)) for _, _, _, out, _ in called}
    told = {Path(name) for name in made.contents}
    for result in results:
        assert any(t == Path(result) or Path(result) in t.parents for t in told), result


@pytest.mark.parametrize(("half", "there"), [("slums", False), ("cities", True)])
def test_a_half_alone(tmp_path, called, half, there):
    out = tmp_path / "demo"
    result = CliRunner().invoke(cli.main, ["demo", str(out), "--only", half])
    assert result.exit_code == 0, result.output
    assert {each.__name__.rsplit("_", 1)[1] for each, *_ in called} == {half}
    assert (out / "data" / "cities" / "scenes").exists() == there
    assert not list(out.rglob("raw"))
    last = result.stdout.splitlines()[-1]
    assert (
        last
        == {
            "slums": "Slums on held-out blocks: IoU 0.81.",
            "cities": "Cities on a date never seen: accuracy 0.938.",
        }[half]
    )


def test_the_pictures_that_are_named_are_held_out(tmp_path):
    from geocity.tools.city.prepare import prepare

    cities = demo.sample_data() / "cities" / "scenes"
    folder = demo_cities.read_city_folder(
        prepare(cities, out=tmp_path / "prepared", options=demo_cities.PATCHES)
    )
    image = demo_cities._held_out_image(folder)
    assert image.exists()
    assert "2022" in image.name


def test_every_example_finds_what_the_demo_makes():
    """Examples of the help start from files of the demo; each must be one that it makes."""
    made = {Path("geocity-demo") / name for name in demo.contents_of()}
    made |= {
        Path("geocity-demo") / "map" / f"{kind}_{year}.tif"
        for kind in ("classes", "classified", "probability")
        for year in demo_slums.YEARS
    }
    for source in sorted((Path(cli.__file__).parent).rglob("*.py")):
        example = source.read_text(encoding="utf-8").rpartition("Example:\n")[2].partition('"""')[0]
        for line in example.replace("\\\\\n", " ").splitlines():
            words = shlex.split(line)
            used = [
                w
                for before, w in zip(["", *words], words, strict=False)
                if w.startswith("geocity-demo") and before not in ("-o", "--out")
            ]
            for word in used:
                assert Path(word) in made, f"{source.name}: {word}"


def test_a_step_is_told_with_its_number(caplog):
    caplog.set_level("INFO")
    run = DemoRun(Path(), Path(), Steps(2))
    run.steps.tell("First, because.")
    run.steps.tell("Then.")
    assert [r.getMessage() for r in caplog.records] == ["1/2  First, because.", "2/2  Then."]
