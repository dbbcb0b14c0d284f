"""Packs the QGIS plugin: ``python qgis_plugin/build.py`` writes dist/geocity_qgis.zip.

The same sources give the same bytes, whenever they are packed (by the same zlib).
"""

import argparse
import zipfile
from pathlib import Path

PLUGIN = Path(__file__).resolve().parent / "geocity_qgis"
LICENSE = PLUGIN.parent.parent / "LICENSE"
DEFAULT_OUT = PLUGIN.parent.parent / "dist" / "geocity_qgis.zip"

_SUFFIXES = {".py", ".txt", ".svg"}
_LONG_AGO = (1980, 1, 1, 0, 0, 0)  # the first day that a zip can name


def build(out: Path) -> Path:
    """Write the zip that QGIS installs, with the licence in it."""
    members = {
        f"{PLUGIN.name}/{path.relative_to(PLUGIN).as_posix()}": path
        for path in PLUGIN.rglob("*")
        if path.suffix in _SUFFIXES
    }
    members[f"{PLUGIN.name}/LICENSE"] = LICENSE
    out.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(out, "w") as archive:
        for name in sorted(members):
            entry = zipfile.ZipInfo(name, _LONG_AGO)
            entry.create_system = 3
            entry.external_attr = 0o644 << 16
            # A checkout on Windows has other line ends.
            text = members[name].read_bytes().replace(b"\r\n", b"\n")
            archive.writestr(entry, text, zipfile.ZIP_DEFLATED, 9)
    return out


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Packs the QGIS plugin.")
    parser.add_argument("--out", type=Path, default=DEFAULT_OUT, help="the zip to write")
    print(build(parser.parse_args().out))


if __name__ == "__main__":
    main()
