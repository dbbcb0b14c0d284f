"""The whole of geocity on the sample data, start to end, with the reasons said aloud."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import geocity
from geocity.core.progress import Progress, silent
from geocity.errors import InputError
from geocity.io.staging import PathLike, fresh_output
from geocity.tools import demo_cities, demo_slums
from geocity.tools.demo_options import HALVES
from geocity.tools.demo_steps import DemoRun, Steps

_DATA = {"data": "the sample data all this was made from"}
# The programs that drew the data, and pictures of the cities in the folders of a download, which
# the demo has no use for.
_LEFT_OUT = ("*.py", "__pycache__", "raw")


@dataclass(frozen=True, slots=True)
class Demonstration:
    """What the demo made.

    Attributes:
        folder: all of it.
        contents: what lies in the folder and how to open it, by path relative to the folder.
        slum_iou: intersection over union of slum on blocks held out of training; None if that half
            was left out.
        city_accuracy: share of patches whose city is named rightly, at places and on a date held
            out of training; None if that half was left out.
    """

    folder: Path
    contents: Mapping[str, str]
    slum_iou: float | None
    city_accuracy: float | None


def demo(
    out: PathLike = "geocity-demo",
    *,
    only: str | None = None,
    overwrite: bool = False,
    progress: Progress = silent,
) -> Demonstration:
    """Map and track the slums of a made-up city, and tell six made-up cities apart, offline.

    Args:
        out: the folder to make.
        only: ``slums`` or ``cities`` runs that half alone.
        overwrite: replace the folder's contents if it is there.
        progress: told how far each step is.

    Returns:
        The folder, its contents, and how well slums and cities are found.

    Raises:
        InputError: if the sample data cannot be found, or there is no such half.
        OutputExistsError: if the folder is there already.
    """
    if only is not None and only not in HALVES:
        raise InputError(f"The demo has no half {only!r}; choose {' or '.join(HALVES)}.")
    slums, cities = only != "cities", only != "slums"
    sample = sample_data()
    folder = fresh_output(out, overwrite=overwrite)
    # No temporary name for the whole: results name the files they were made of, which must last.
    folder.mkdir(exist_ok=True)
    data = folder / "data"
    left_out = shutil.ignore_patterns(*_LEFT_OUT, *(() if cities else ("cities",)))
    shutil.copytree(sample, data, ignore=left_out, dirs_exist_ok=overwrite)
    steps = Steps(slums * demo_slums.STEPS + cities * demo_cities.STEPS)
    run = DemoRun(folder, data, steps, overwrite, progress)
    return Demonstration(
        folder,
        contents_of(only),
        demo_slums.run_slums(run) if slums else None,
        demo_cities.run_cities(run) if cities else None,
    )


def contents_of(only: str | None = None) -> dict[str, str]:
    """Return what the demo, or one half of it, makes, and how to open it."""
    slums = {} if only == "cities" else demo_slums.CONTENTS
    cities = {} if only == "slums" else demo_cities.CONTENTS
    return {**slums, **cities, **_DATA}


def sample_data() -> Path:
    """Return the folder of the sample data: beside the package in a checkout, else inside it.

    Raises:
        InputError: if it is in neither place.
    """
    package = Path(geocity.__file__).parent
    for folder in (package.parent / "sample_data", package / "sample_data"):
        if (folder / "scene_2025.tif").exists():
            return folder
    raise InputError(
        f"The sample data is neither beside nor inside {package}; install geocity again, or run "
        "the demo from a checkout."
    )
