"""The table of commands against the command line: nothing may drift."""

import re

import click
import pytest
from geocity_qgis.command import LIST_KINDS, OUTPUT_KINDS
from geocity_qgis.commands import COMMANDS, NOT_IN_QGIS

from geocity.cli import main

BY_NAME = {command.name: command for command in COMMANDS}
COMING = {"--workers", "--scheduler", "--resume", "--part-range"}
"""The table may know these before every command has them."""


def cli_parameters(name):
    """Return the parameters of a command by their flag; that of the inputs is empty."""
    command = main.get_command(click.Context(main), name)
    flags = {}
    for parameter in command.params:
        argument = isinstance(parameter, click.Argument)
        flags["" if argument else max(parameter.opts, key=len)] = parameter
    return flags


def default_of(parameter):
    plain = parameter.default
    return plain if isinstance(plain, (str, int, float)) else None


pairs = pytest.mark.parametrize(
    ("command", "parameter"),
    [
        pytest.param(command, parameter, id=f"{command.name} {parameter.key}")
        for command in COMMANDS
        for parameter in command.parameters
    ],
)


@pytest.mark.parametrize("name", BY_NAME)
def test_every_option_is_offered_or_left_out_for_a_reason(name):
    command, there = BY_NAME[name], cli_parameters(name)
    offered = {p.flag for p in command.parameters}
    left_out = set(command.left_out) | set(NOT_IN_QGIS)
    assert set(there) - offered - left_out == set(), "new options: offer them or say why not"
    assert offered - set(there) == set(), "options that are gone"
    assert offered & left_out == set()
    assert set(command.left_out) - set(there) <= COMING, "left-out options that are gone"
    assert set(command.always) <= set(there)
    assert all(command.left_out.values())


@pairs
def test_names_are_those_of_the_flags(command, parameter):
    option = cli_parameters(command.name)[parameter.flag]
    same = parameter.flag[2:].replace("-", "_").upper()
    if parameter.flag and same not in {p.name for p in command.parameters if not p.flag}:
        assert parameter.key == same
    else:
        # The inputs have no flag, and an option may be called as they are.
        assert parameter.key == option.name.upper()
    keys = [p.key for p in command.parameters]
    assert len(set(keys)) == len(keys)


@pairs
def test_defaults_and_demands_are_those_of_the_command_line(command, parameter):
    option = cli_parameters(command.name)[parameter.flag]
    if parameter.kind == "switch":
        assert parameter.default is bool(option.default is True)
        assert option.is_flag
        assert parameter.off == (option.secondary_opts[0] if option.secondary_opts else "")
        return
    default = default_of(option)
    assert (parameter.default or None) == (default or None) or parameter.default == default
    assert type(parameter.default or None) is type(default or None)
    assert parameter.required == option.required


@pairs
def test_kinds_are_those_of_the_command_line(command, parameter):
    option = cli_parameters(command.name)[parameter.flag]
    if isinstance(option.type, click.Choice):
        assert parameter.choices == tuple(option.type.choices)
        assert parameter.kind == "choice"
    elif isinstance(option.type, click.types.BoolParamType):
        assert parameter.kind == "switch"
    elif isinstance(option.type, (click.types.IntParamType, click.IntRange)):
        assert parameter.kind == "integer"
    elif isinstance(option.type, (click.types.FloatParamType, click.FloatRange)):
        assert parameter.kind == "number"
    elif isinstance(option.type, click.Path):
        assert parameter.kind not in {"integer", "number", "switch", "choice", "text"}
    several = getattr(option, "multiple", False) or option.nargs == -1
    # Values and names are parted by commas within one.
    assert (parameter.kind in LIST_KINDS) == (several and parameter.flag != "--class-values")


@pytest.mark.parametrize("command", COMMANDS, ids=lambda c: c.name)
def test_names_and_help_are_fit_to_be_read(command):
    assert re.fullmatch("[a-z]+", command.algorithm)
    for text in [command.help, *(p.help for p in command.parameters if p.help)]:
        assert text.endswith("."), text
        assert "  " not in text, text
    assert len(command.help.split("\n\n")) == 2
    for parameter in command.parameters:
        assert re.fullmatch(r"[A-Z].*[^.]", parameter.label)
        assert len(parameter.label) < 60
        assert not (parameter.advanced and parameter.required)
    assert (command.parameters[-1].kind in OUTPUT_KINDS) == (command.name != "check")
    assert all(
        parameter.parent in {p.key for p in command.parameters}
        for parameter in command.parameters
        if parameter.parent
    )


def test_only_what_was_chosen_is_typed():
    assert BY_NAME["classify"].arguments(
        {
            "SCENE": "/a b/é.tif",
            "MODEL": "m.geocity",
            "BLEND": False,
            "TTA": False,
            "THRESHOLD": 0.5,
            "CELL_SIZE": 2.0,
            "TILE_SIZE": None,
            "DEVICE": "auto",
            "PROBABILITY_CLASSES": "",
            "OUT": "o.tif",
        }
    ) == [
        *("classify", "/a b/é.tif", "--model", "m.geocity", "--threshold", "0.5"),
        *("--cell-size", "2", "--no-blend", "--out", "o.tif", "--overwrite"),
    ]


def test_what_is_given_several_times_is_typed_several_times():
    typed = BY_NAME["change"].arguments(
        {"MAPS": ["a.tif", "b.tif"], "DATE": ["2015-02-14", "2025-02-09"], "OUT": "o.gpkg"}
    )
    assert typed == [
        *("change", "a.tif", "b.tif", "--date", "2015-02-14", "--date", "2025-02-09"),
        *("--out", "o.gpkg", "--overwrite"),
    ]


def test_a_folder_is_replaced_only_if_that_is_wanted():
    values = {"SCENES": ["a.tif"], "MODEL": "m", "OUT": "o"}
    assert "--overwrite" not in BY_NAME["map"].arguments(values)
    assert "--overwrite" in BY_NAME["map"].arguments({**values, "OVERWRITE": True})


@pytest.mark.parametrize("command", COMMANDS, ids=lambda c: c.name)
def test_the_command_line_takes_what_is_typed(command):
    """Give every parameter a value and let click parse the words, without running anything."""
    values = {p.key: _something(p) for p in command.parameters}
    typed = command.arguments(values)
    program = main.get_command(click.Context(main), command.name)
    context = program.make_context(command.name, [*typed[1:], "--progress", "json"])
    assert context.params["progress"] == "json"
    for parameter in command.parameters:
        name = cli_parameters(command.name)[parameter.flag].name
        assert context.params[name] not in (None, ()), parameter.key


def _something(parameter):
    if parameter.kind == "choice":
        return parameter.choices[-1]
    if parameter.kind in ("integer", "number"):
        return 1
    special = {"--passes": "stable", "--lr": "auto", "--split": "0.6,0.2,0.2", "--classes": "1,2"}
    plain = {"dates": ["2025-02-09"], "date": "2025-02-09", "switch": not parameter.default}
    if parameter.flag == "--class-values":
        return "6:slum,0:ignore"
    if parameter.kind == "extent":
        return "1.0,2.0,3.0,4.0"
    if parameter.kind in LIST_KINDS and parameter.kind not in plain:
        return ["a.tif", "b.tif"]
    return plain.get(parameter.kind, special.get(parameter.flag, "some é.tif"))
