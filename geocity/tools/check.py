"""Will it work, and what will it cost: the preflight before chips, training or classification."""

import os
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyproj

from geocity.core.estimate import Estimate, estimate
from geocity.core.findings import Finding, Level, worst
from geocity.core.grid import same_crs
from geocity.core.layout import Layout
from geocity.core.scene_fit import scene_fit
from geocity.errors import GeocityError, InputError
from geocity.io.alpha_bands import mistaken_alpha
from geocity.io.gdal_cache import cache_bytes
from geocity.io.label_layers import in_crs, mended, read_layer
from geocity.io.model_packages import ModelPackage, read_model
from geocity.io.rasters import Scene, open_scene
from geocity.io.scene_facts import sample_windows, scene_facts
from geocity.io.staging import PathLike

_ENOUGH_SPARE = 1.5
_FEW_OUTLINES = 10
_SMALL_OUTLINE_PX = 4
_TIMED_TILE = 256


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What was found about inputs, and what classifying the scenes will cost.

    Attributes:
        findings: each with a level and what to do, in the order of the inputs.
        estimates: cost per scene, by the name of its file; empty without a model.
        engine: what would run the model; empty without one.
    """

    findings: tuple[Finding, ...]
    estimates: dict[str, Estimate]
    engine: str

    @property
    def level(self) -> Level:
        """Return the gravest level among the findings."""
        return worst(self.findings)

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "level": self.level,
            "engine": self.engine,
            "findings": [f.to_json() for f in self.findings],
            "estimates": {name: e.to_json() for name, e in self.estimates.items()},
        }


def check(
    scenes: Sequence[PathLike],
    *,
    labels: PathLike | Sequence[PathLike] = (),
    model: PathLike | None = None,
    device: str = "auto",
    engine: str = "auto",
) -> CheckReport:
    """Look at scenes, labels and a model before work starts; reads samples only.

    What is wrong with an input is a finding, never an error.

    Args:
        scenes: imagery.
        labels: outlines to train on; one layer for all scenes, or one for each, in order.
        model: a model to classify the scenes with; it is run on one small tile to time it.
        device: as in `classify`.
        engine: as in `classify`.

    Raises:
        InputError: if no scene is given, or layers and scenes do not pair.
    """
    if not scenes:
        raise InputError("No scene was given; name at least one raster to look at.")
    layers = [labels] if isinstance(labels, str | os.PathLike) else list(labels)
    if len(layers) not in (0, 1, len(scenes)):
        raise InputError(
            f"{len(scenes)} scenes need one label file for all or one for each, not {len(layers)}."
        )
    findings: list[Finding] = []
    package = _model(model, findings) if model is not None else None
    pace, name = _pace(package, device, engine, findings) if package else (None, "")
    estimates: dict[str, Estimate] = {}
    for number, path in enumerate(scenes):
        try:
            with open_scene(path) as scene:
                findings += _scene(scene)
                if layers:
                    findings += _labels(Path(layers[number % len(layers)]), scene)
                if package is not None:
                    fit = scene_fit(scene_facts(scene), package.contract)
                    findings += fit
                    if worst(fit) != "error":
                        cost = _cost(scene, package, pace)
                        estimates[scene.path.name] = cost
                        findings += _room(scene.path, cost)
        except GeocityError as error:
            findings.append(_failed(Path(path).name, "opening", error))
    return CheckReport(tuple(findings), estimates, name)


def _failed(subject: str, topic: str, error: GeocityError) -> Finding:
    return Finding("error", subject, topic, f"cannot be used: {str(error).rstrip('.')}")


def _model(path: PathLike, findings: list[Finding]) -> ModelPackage | None:
    name = Path(path).name
    try:
        package = read_model(path)
    except GeocityError as error:
        findings.append(_failed(name, "model", error))
        return None
    contract = package.contract
    found = (
        f"tells {', '.join(contract.classes.names)} apart, from {', '.join(contract.bands)} at "
        f"{contract.cell_size_m:.3g} m ({contract.architecture}, {contract.encoder})"
    )
    findings.append(Finding("ok", name, "model", found))
    return package


def _pace(
    package: ModelPackage, device: str, engine: str, findings: list[Finding]
) -> tuple[float | None, str]:
    """Time the network: seconds per pixel of a tile."""
    from geocity.models import engines

    side, bands = _TIMED_TILE, len(package.contract.bands)
    try:
        runner = engines.make_engine(package, side, device=device, engine=engine)
    except GeocityError as error:
        findings.append(_failed(package.path.name, "engine", error))
        return None, ""
    tile = np.zeros((1, bands, side, side), np.float32)
    runner.predict(tile)  # the first one also sets things up
    started = time.perf_counter()
    runner.predict(tile)
    seconds = time.perf_counter() - started
    runner.close()
    return seconds / side**2, runner.name


def _scene(scene: Scene) -> list[Finding]:
    name, grid = scene.path.name, scene.grid
    rows, cols = grid.shape
    found = (
        f"is {cols} x {rows} pixels of {grid.cell_size_m:.3g} m, {scene.count} band(s) of "
        f"{scene.dtype.name}, in {grid.crs.name}"
    )
    about = [*_crs(scene), *_blocks(scene), *_alpha(scene), *_data(scene)]
    return [Finding("ok", name, "scene", found), *about]


def _crs(scene: Scene) -> list[Finding]:
    if scene.grid.is_metric:
        return []
    found = "has pixels in degrees, whose size in metres changes with latitude"
    advice = "warp it to the UTM zone of the place for areas and distances you can trust"
    return [Finding("note", scene.path.name, "crs", found, advice)]


def _blocks(scene: Scene) -> list[Finding]:
    rows, cols = scene.grid.shape
    if scene.block_shape[1] < cols or cols < 4096 or rows < 4096:
        return []
    advice = "tile it for speed (gdal_translate -co TILED=YES, or -of COG)"
    return [Finding("warning", scene.path.name, "storage", "is stored in whole rows", advice)]


def _alpha(scene: Scene) -> list[Finding]:
    told = mistaken_alpha(scene.path)
    return [] if told is None else [Finding("warning", scene.path.name, "alpha", *told)]


def _data(scene: Scene) -> list[Finding]:
    """Look at the samples: is there data, does a value look like undeclared nodata."""
    valid = black = total = 0
    for window in sample_windows(scene.grid.shape):
        pixels, known = scene.read(window)
        total += known.size
        valid += int(known.sum())
        black += int((known & (pixels == 0).all(axis=0)).sum())
    name = scene.path.name
    if valid == 0:
        advice = "check its nodata value, alpha band or mask"
        return [Finding("error", name, "data", "shows no valid pixel in a sample", advice)]
    if black > 0.01 * total and scene.nodata is None:
        found = f"has {black / total:.0%} of pixels that are 0 in all bands, and they count as data"
        advice = "if they are a black collar, declare it (gdal_translate -a_nodata 0)"
        return [Finding("warning", name, "nodata", found, advice)]
    return [Finding("ok", name, "data", f"holds data in {valid / total:.0%} of a sample")]


def _labels(path: Path, scene: Scene) -> list[Finding]:
    try:
        frame = read_layer(path)
        crs = pyproj.CRS.from_user_input(frame.crs)
        frame = in_crs(frame, scene.grid.crs, path)
    except GeocityError as error:
        return [_failed(path.name, "labels", error)]
    name, findings = path.name, []
    if not same_crs(crs, scene.grid.crs):
        found = f"is in {crs.name} and the scene in {scene.grid.crs.name}"
        findings.append(Finding("note", name, "crs", found, "outlines are reprojected"))
    areal = frame[frame.geometry.geom_type.isin(["Polygon", "MultiPolygon"])]
    if areal.empty:
        kinds = ", ".join(sorted(set(frame.geometry.geom_type)))
        advice = "draw outlines, or give points and lines a width (--buffer)"
        return [*findings, Finding("error", name, "labels", f"holds {kinds} only", advice)]
    crossing = int((~areal.geometry.is_valid).sum())
    if crossing:
        found = f"has {crossing} polygon(s) with crossing outlines"
        findings.append(Finding("warning", name, "labels", found, "they are mended; check them"))
    try:
        areal = mended(areal)
    except GeocityError as error:
        return [*findings, _failed(name, "labels", error)]
    met = areal[areal.intersects(scene.grid.polygon())]
    if met.empty:
        found = f"does not meet {scene.path.name}"
        return [*findings, Finding("error", name, "overlap", found, "check CRS and coordinates")]
    small = int((met.area < _SMALL_OUTLINE_PX * abs(scene.grid.transform.determinant)).sum())
    if small:
        found = f"has {small} polygon(s) smaller than {_SMALL_OUTLINE_PX} pixels"
        findings.append(Finding("note", name, "labels", found, "they may burn to no pixel at all"))
    level: Level = "warning" if len(met) < _FEW_OUTLINES else "ok"
    advice = "digitise more, a model needs variety" if level == "warning" else ""
    found = f"has {len(met)} polygon(s) on {scene.path.name}"
    return [*findings, Finding(level, name, "overlap", found, advice)]


def _cost(scene: Scene, package: ModelPackage, pace: float | None) -> Estimate:
    from geocity.tools.classify import ClassifyOptions, layout_of

    layout: Layout = layout_of(scene, package.contract, ClassifyOptions())
    tile = layout.plan.tile
    return estimate(
        layout,
        bands=len(package.contract.bands),
        classes=len(package.contract.classes),
        weight_bytes=package.path.stat().st_size,
        cache_bytes=cache_bytes(scene, tile),
        tile_seconds=None if pace is None else pace * tile**2,
    )


def _room(path: Path, cost: Estimate) -> list[Finding]:
    """Compare the cost with what the machine has."""
    findings = []
    free = shutil.disk_usage(Path.cwd()).free
    if free < _ENOUGH_SPARE * cost.disk_bytes:
        found = f"needs about {cost.disk_bytes / 1e9:.1f} GB of disk and {free / 1e9:.1f} are free"
        findings.append(Finding("error", path.name, "disk", found, "free some space"))
    memory = _memory_bytes()
    if memory is not None and memory < cost.memory_bytes:
        found = f"needs about {cost.memory_bytes / 1e9:.1f} GB of memory, more than there is"
        findings.append(Finding("error", path.name, "memory", found, "use smaller tiles"))
    return findings


def _memory_bytes() -> int | None:
    """Return the memory of the machine, where the system tells."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None
