"""The front door: names, laziness, documentation."""

import resource
import subprocess
import sys

import pytest

import geocity
import geocity.city
from geocity import cli
from geocity.cli import assess as assess_commands
from geocity.cli import city as city_commands


@pytest.mark.parametrize("door", [geocity, geocity.city])
def test_every_public_name_is_a_documented_function(door):
    assert sorted(door.__all__) == door.__all__
    for name in door.__all__:
        function = getattr(door, name)
        assert callable(function), name
        assert (function.__doc__ or "").strip(), name


def test_every_command_has_a_function_of_its_name():
    commands = {c.replace("-", "_") for c in cli.COMMANDS} - {"city", "assess"}
    commands |= {f"assess_{c}" for c in assess_commands.COMMANDS}
    assert commands == set(geocity.__all__)
    # Python keeps the word import to itself.
    commands = {"import_checkpoint" if c == "import" else c for c in city_commands.COMMANDS}
    assert commands == set(geocity.city.__all__)


def test_help_answers_at_once_and_loads_nothing_heavy():
    code = (
        "import sys; before = set(sys.modules); from geocity.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "new = set(sys.modules) - before\n"
        "foreign = {m.partition('.')[0] for m in new} - sys.stdlib_module_names - {'geocity'}\n"
        # What takes long is what is loaded; that does not depend on how busy the machine is.
        "assert foreign <= {'click', 'colorama'}, foreign\n"
        "assert len(new) < 200, sorted(new)\n"
    )
    # A tenth of a second, in truth; the rest is for a machine that has others to serve.
    assert min(_seconds(code) for _ in range(3)) < 1


def test_importing_geocity_loads_no_torch():
    subprocess.run(
        [sys.executable, "-c", "import geocity, sys; assert 'torch' not in sys.modules"], check=True
    )


def _seconds(code):
    """Return what a process computes; how long it waits for others is not its fault."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
