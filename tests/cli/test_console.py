import json
import logging
import os
import signal
import sys
import time
import warnings

import click
import pytest
from click.testing import CliRunner

import geocity
from geocity.cli import COMMANDS, main
from geocity.cli.options import out_option, overwrite_option, tool_command
from geocity.errors import InputError
from geocity.io.library_versions import versions


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
    if what == "odd":
        raise KeyError("odd")
    if what == "full":
        raise MemoryError
    if what == "talk":
        warnings.warn("for programmers", UserWarning, stacklevel=1)
        logging.getLogger("fiona.ogrext").error("for programmers")
    if what == "stopped":
        raise KeyboardInterrupt
    if what == "lost":  # as a library of C, or what is tidied up half-way, may lose it
        try:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(5)
        except KeyboardInterrupt:
            raise RuntimeError("Error while accessing batch from stream.") from None
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


def test_debug_gives_what_a_bug_report_needs():
    result = CliRunner().invoke(toy, ["broken", "-o", "x.tif", "--debug"])
    assert result.exit_code == 1
    assert result.stdout == ""
    assert 'raise InputError("The toy is broken' in result.stderr
    assert f"geocity: {geocity.__version__}" in result.stderr
    for name in ("Python: 3", "GDAL (rasterio): ", "rasterio: ", "command: "):
        assert name in result.stderr
    assert result.stderr.splitlines()[-1] == "Error: The toy is broken; mend it first."


def test_debug_names_heavy_libraries_only_if_they_took_part(monkeypatch):
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    assert "torch" not in versions()
    monkeypatch.setitem(sys.modules, "torch", None)
    assert "torch" in versions()


@pytest.mark.parametrize("what", ["odd", "full"])
def test_an_error_that_nobody_foresaw_is_one_sentence_too(what):
    result = CliRunner().invoke(toy, [what, "-o", "x.tif", "--progress", "none"])
    assert result.exit_code == 1
    assert result.stderr.count("\n") == 2
    assert "Traceback" not in result.stderr
    assert ("did not foresee (KeyError: 'odd')" in result.stderr) == (what == "odd")
    assert ("--debug" in result.stderr) == (what == "odd")
    debug = CliRunner().invoke(toy, [what, "-o", "x.tif", "--debug"])
    assert "Traceback" in debug.stderr


def test_an_error_is_an_event_of_json_with_all_that_was_asked_for():
    arguments = ["odd", "-o", "x.tif", "--progress", "json"]
    for more, told in (((), {"event", "message"}), (("--debug",), {"traceback", "versions"})):
        result = CliRunner().invoke(toy, [*arguments, *more])
        last = json.loads(result.stdout.splitlines()[-1])
        assert last["event"] == "error"
        assert told <= set(last)
    assert last["versions"]["geocity"] == geocity.__version__


def test_libraries_do_not_talk_to_users(capfd):
    result = CliRunner().invoke(toy, ["talk", "-o", "x.tif", "--progress", "none"])
    assert "for programmers" not in result.output + capfd.readouterr().err


def test_an_interrupt_ends_with_130():
    assert CliRunner().invoke(toy, ["stopped", "-o", "x.tif"]).exit_code == 130


def test_an_interrupt_that_a_library_reports_as_its_own_error_ends_with_130():
    former = signal.signal(signal.SIGINT, signal.default_int_handler)  # whatever ran before
    try:
        result = CliRunner().invoke(toy, ["lost", "-o", "x.tif"])
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, former)
    assert result.exit_code == 130
    assert "Interrupted; nothing half-written was left" in result.stderr


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
