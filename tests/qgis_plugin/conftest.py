"""The plugin's modules without QGIS, a Python that only plays geocity, and the real QGIS."""

import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

PLUGINS = Path(__file__).parents[2] / "qgis_plugin"
FAKE = Path(__file__).with_name("fake_geocity.py")
SYSTEM_PYTHON = "/usr/bin/python3"

if str(PLUGINS) not in sys.path:
    sys.path.insert(0, str(PLUGINS))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder whose name a shell, a C locale and a careless program stumble over."""
    made = tmp_path / "São Paulo's été & co"
    made.mkdir()
    return made


@pytest.fixture
def fake_python(folder: Path) -> str:
    """A program that is started like a Python and plays geocity."""
    return str(make_fake_python(folder))


def make_fake_python(folder: Path) -> Path:
    """Write a program that plays geocity; see `fake_geocity.py`."""
    program = folder / "fake python"
    program.write_text(f"#!{sys.executable}\n{FAKE.read_text(encoding='utf-8')}", encoding="utf-8")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return program


@dataclass(frozen=True)
class Qgis:
    """The QGIS of this machine with the plugin in a profile of its own."""

    program: str
    environment: dict[str, str]

    def __call__(
        self, *arguments: object, cwd: Path | None = None, **environment: str
    ) -> "subprocess.CompletedProcess[str]":
        """Run `qgis_process` with arguments."""
        return self._run([self.program, *(str(a) for a in arguments)], environment, cwd)

    def script(self, path: Path, *arguments: object) -> "subprocess.CompletedProcess[str]":
        """Run a script in QGIS's own Python."""
        return self._run([SYSTEM_PYTHON, str(path), *(str(a) for a in arguments)], {}, None)

    def _run(
        self, command: Sequence[str], environment: dict[str, str], cwd: Path | None
    ) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            command,
            env={**self.environment, **environment},
            cwd=cwd,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=280,
        )


def _find_qgis() -> str | None:
    # Debian's wrapper without the suffix is broken.
    for name in ("qgis_process.bin", "qgis_process"):
        program = shutil.which(name)
        if program:
            return program
    return None


@pytest.fixture(scope="session")
def qgis(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., object]:
    """The plugin, unpacked from its zip and enabled in the real QGIS."""
    program = _find_qgis()
    if program is None:
        pytest.skip("PLUGIN NOT CHECKED IN QGIS: no qgis_process here (install qgis python3-qgis)")
    home = tmp_path_factory.mktemp("qgis_home")
    home.chmod(0o700)
    plugins = home / "plugins é"
    archive = home / "geocity_qgis.zip"
    subprocess.run([sys.executable, str(PLUGINS / "build.py"), "--out", str(archive)], check=True)
    shutil.unpack_archive(archive, plugins)
    foreign = ("PYTHON", "GDAL_", "PROJ_", "LD_LIBRARY_PATH", "VIRTUAL_ENV", "QT_", "XDG_", "COV")
    running = Qgis(
        program,
        {
            **{k: v for k, v in os.environ.items() if not k.startswith(foreign)},
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "QT_QPA_PLATFORM": "offscreen",
            "HOME": str(home),
            "XDG_RUNTIME_DIR": str(home),
            "LC_ALL": "C.UTF-8",
            "OMP_NUM_THREADS": "1",
            "QGIS_PLUGINPATH": str(plugins),
            "GEOCITY_PYTHON": sys.executable,
        },
    )
    enabled = running("plugins", "enable", "geocity_qgis")
    assert enabled.returncode == 0, enabled.stdout + enabled.stderr
    return running
