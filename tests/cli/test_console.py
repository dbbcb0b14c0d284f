import json
import logging

import click
import pytest
from click.testing import CliRunner

from geocity.cli import COMMANDS, main
from geocity.cli.options import out_option, overwrite_option, tool_command
from geocity.errors import InputError


@tool_command("toy")
@click.argument("what", type=str)
@out_option("a toy")
@overwrite_option
def toy(console, what, out, overwrite):
    """Play."""
    for done in range(4):
        console.progress(done + 1, 4, "Playing")
    logging.getLogger("geocity.toy").info("It goes well.")
    logging.getLogger("geocity.toy").warning("It is old.")
    if what == "broken":
        raise InputError("The toy is broken; mend it first.")
    if what == "stopped":
        raise KeyboardInterrupt
    console.result(out)


def test_results_go_to_stdout_and_all_else_to_stderr():
    result = CliRunner().invoke(toy, ["car", "-o", "x.tif"])
    assert result.exit_code == 0
    assert result.stdout == "x.tif\n"
    assert "Playing" in result.stderr
    assert "Warning: It is old." in result.stderr


def test_a_refusal_is_one_sentence_and_exit_code_1():
    result = CliRunner().invoke(toy, ["broken", "-o", "x.tif", "--progress", "none"])
    assert result.exit_code == 1
    assert result.stdout == ""
    assert "Error: The toy is broken; mend it first." in result.stderr
    assert "Traceback" not in result.stderr


def test_debug_shows_where_it_came_from():
    result = CliRunner().invoke(toy, ["broken", "-o", "x.tif", "--debug"])
    assert isinstance(result.exception, InputError)


def test_an_interrupt_ends_with_130():
    assert CliRunner().invoke(toy, ["stopped", "-o", "x.tif"]).exit_code == 130


def test_wrong_usage_ends_with_2():
    assert CliRunner().invoke(toy, ["car"]).exit_code == 2


def test_json_gives_one_object_a_line():
    result = CliRunner().invoke(toy, ["broken", "-o", "x.tif", "--progress", "json"])
    events = [json.loads(line) for line in result.stdout.splitlines()]
    kinds = [e["event"] for e in events]
    assert kinds[0] == "progress"
    assert kinds[-1] == "error"
    assert "warning" in kinds
    assert events[0] == {"event": "progress", "stage": "Playing", "done": 1, "total": 4}


def every_command():
    """Return the words of every command, those of groups as well."""
    context = click.Context(main)
    words = []
    for name in COMMANDS:
        found = main.get_command(context, name)
        inner = found.list_commands(context) if isinstance(found, click.Group) else [None]
        words += [[name] if one is None else [name, one] for one in inner]
    return words


@pytest.mark.parametrize("words", every_command(), ids=" ".join)
def test_every_command_has_help_with_an_example(words):
    result = CliRunner().invoke(main, [*words, "--help"])
    assert result.exit_code == 0, result.output
    assert "Example" in result.output
    # What `geocity demo` makes of sample_data serves where chips or a model are needed.
    assert "sample_data" in result.output or "geocity-demo" in result.output
    assert "\\b" not in result.output
