"""Versions of what takes part: in a model file all that shaped it, in a bug report everything."""

import importlib.metadata
import platform
import sys

import pyogrio
import rasterio

import geocity

_LIBRARIES = ("rasterio", "fiona", "pyogrio", "shapely", "pyproj", "numpy")
_HEAVY = ("torch", "torchgeo", "openvino", "onnxruntime", "dask")


def versions_with(*packages: str) -> dict[str, str]:
    """Return the versions of geocity and of packages that must be there, by name."""
    found = {name: importlib.metadata.version(name) for name in packages}
    return {"geocity": geocity.__version__, **found}


def versions() -> dict[str, str]:
    """Return the versions of geocity, of the system and of the libraries.

    The heavy ones are named only if the command had loaded them.
    """
    found = {
        "geocity": geocity.__version__,
        "Python": platform.python_version(),
        "system": platform.platform(),
        "GDAL (rasterio)": rasterio.__gdal_version__,
        "GDAL (pyogrio)": pyogrio.__gdal_version_string__,
    }
    loaded = [name for name in _HEAVY if name in sys.modules]
    for name in (*_LIBRARIES, *loaded):
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue  # built by hand, without a name
    return found
