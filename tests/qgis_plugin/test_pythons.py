"""Which Python runs geocity."""

import sys
from pathlib import Path

import pytest
from geocity_qgis.pythons import choose_python, likely_pythons, python_of
from geocity_qgis.runner import PythonMissingError


@pytest.fixture
def environment(folder):
    """An environment as venv makes it; only its Python is a dummy."""
    python = folder / "env" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text("", encoding="utf-8")
    python.chmod(0o755)
    return python


def test_the_variable_goes_before_the_setting(environment):
    variables = {"GEOCITY_PYTHON": sys.executable}
    assert choose_python(str(environment), variables) == sys.executable
    assert choose_python(str(environment), {}) == str(environment)


def test_a_folder_stands_for_its_python(environment):
    assert choose_python(f'"{environment.parents[1]}"', {}) == str(environment)
    assert python_of(str(environment.parent)) == ""


@pytest.mark.parametrize("by_setting", [True, False])
def test_what_was_chosen_must_be_there(folder, by_setting):
    gone = str(folder / "gone")
    with pytest.raises(PythonMissingError, match=r"gone, where there is no Python(.|\n)*venv"):
        choose_python(gone if by_setting else "", {} if by_setting else {"GEOCITY_PYTHON": gone})


def test_a_likely_python_is_found(environment, monkeypatch):
    script = environment.with_name("geocity")
    script.write_text("", encoding="utf-8")
    script.chmod(0o755)
    assert choose_python("", {"PATH": str(environment.parent)}) == str(environment)


def test_where_pipx_and_uv_put_it_is_looked_at(folder, monkeypatch):
    monkeypatch.setenv("HOME", str(folder))
    homes = ["geocity/.venv", ".local/share/pipx/venvs/geocity", ".local/share/uv/tools/geocity"]
    for home in homes:
        python = folder / home / "bin" / "python"
        python.parent.mkdir(parents=True)
        python.write_text("", encoding="utf-8")
    found = [Path(p) for p in likely_pythons({"PATH": ""})]
    assert found == [folder / home / "bin" / "python" for home in homes]


def test_without_any_python_the_user_learns_how_to_make_one(folder, monkeypatch):
    monkeypatch.setenv("HOME", str(folder))
    with pytest.raises(PythonMissingError, match=r"No Python was chosen(.|\n)*pip install"):
        choose_python("", {"PATH": str(folder)})


def test_on_windows_environments_look_different(folder, monkeypatch):
    python = folder / "env" / "Scripts" / "python.exe"
    python.parent.mkdir(parents=True)
    python.write_text("", encoding="utf-8")
    monkeypatch.setattr("geocity_qgis.pythons.WINDOWS", True)
    assert python_of(str(folder / "env")) == str(python)
