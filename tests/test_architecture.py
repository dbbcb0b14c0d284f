"""The floors of the house: rooms import only downwards, and never in a circle."""

import ast
import functools
import graphlib
from pathlib import Path

import pytest

import geocity

ROOT = Path(geocity.__file__).parent
FLOORS = ("errors", "core", "io", "data", "models", "engine", "tools", "cli")
HEAVY = {"torch", "torchgeo", "lightning", "kornia", "segmentation_models_pytorch", "timm"}
CLUSTER = {"dask", "distributed", "dask_jobqueue"}
TORCHGEO_ROOMS = {"data", "models"}
FORBIDDEN = {
    "core": HEAVY | {"click", "fiona", "pyogrio", "matplotlib", "pathlib", "openvino"},
    "io": HEAVY | {"click", "openvino"},
    "data": {"click", "openvino"},
    "models": {"click", "openvino"},
    # Its import alone would report to its makers; one module sees to it that it does not.
    "models.openvino_runtime": {"click"},
    "engine": {"click", "openvino", "geopandas"},
    "tools": {"click", "openvino"},
    # Reading foreign weights is the one thing that io needs torch for (inside its functions).
    "io.weight_files": {"click", "openvino"},
    "cli": HEAVY | {"rasterio", "numpy", "geopandas", "shapely", "scipy", "pyproj"},
}

MODULES = {
    ".".join(("geocity", *path.relative_to(ROOT).with_suffix("").parts)).removesuffix(
        ".__init__"
    ): path
    for path in sorted(ROOT.rglob("*.py"))
    if "sample_data" not in path.parts
}


@functools.cache
def imports_of(path, top_level_only=False):
    """Return the dotted names that a module imports; under TYPE_CHECKING they do not count."""
    return tuple(_imports_of(ast.parse(path.read_text(encoding="utf-8")), top_level_only))


def _imports_of(tree, top_level_only):
    skipped = set()
    for node in ast.walk(tree):
        guarded = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        lazy = top_level_only and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        if guarded or lazy:
            skipped.update(id(inner) for inner in ast.walk(node))
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield inner if inner in MODULES else node.module


def room(module):
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else ""


@pytest.mark.parametrize("module", MODULES)
def test_imports_only_downwards(module):
    mine = room(module)
    if mine not in FLOORS:
        return  # the front door and __main__ stand above all floors
    for name in imports_of(MODULES[module]):
        theirs = room(name) if name.split(".")[0] == "geocity" else None
        if theirs in FLOORS:
            assert FLOORS.index(theirs) <= FLOORS.index(mine), f"{module} looks up at {name}"


@pytest.mark.parametrize("module", MODULES)
def test_foreign_imports_stay_in_their_rooms(module):
    mine = room(module)
    forbidden = FORBIDDEN.get(module.removeprefix("geocity."), FORBIDDEN.get(mine, set()))
    for name in imports_of(MODULES[module]):
        package = name.split(".")[0]
        assert package not in forbidden, f"{module} imports {name}"
        if package == "torchgeo":
            assert mine in TORCHGEO_ROOMS, f"{module} imports {name}"
        if package in CLUSTER:
            assert module == "geocity.engine.dask_cluster", f"{module} imports {name}"
    if mine == "engine":
        rooms = {room(n) for n in imports_of(MODULES[module]) if n.split(".")[0] == "geocity"}
        assert rooms <= {"", "errors", "core", "io", "engine"}, f"{module} looks into {rooms}"
    if mine == "core":
        opened = [n for n in imports_of(MODULES[module]) if n.split(".")[0] == "rasterio"]
        assert all(n.startswith("rasterio.features") for n in opened), f"{module}: {opened}"


@pytest.mark.parametrize(
    "module", [m for m in MODULES if room(m) in ("io", "engine", "tools", "cli")]
)
def test_nothing_heavy_is_imported_before_it_is_needed(module):
    for name in imports_of(MODULES[module], top_level_only=True):
        late = HEAVY | CLUSTER
        assert name.split(".")[0] not in late, f"{module} imports {name} at the top"
        if room(module) in ("engine", "tools"):
            assert room(name) not in TORCHGEO_ROOMS, f"{module} imports {name} at the top"
        if room(module) == "cli":
            # A command's defaults come from its tool's options, which import nothing heavy.
            light = name.endswith("_options")
            assert room(name) != "tools" or light, f"{module} imports {name} at the top"


def test_no_module_imports_itself_in_a_circle():
    graph = {
        module: {n for n in imports_of(path, top_level_only=True) if n in MODULES and n != module}
        for module, path in MODULES.items()
    }
    # A package's __init__ is imported with its modules; only what it imports itself counts.
    list(graphlib.TopologicalSorter(graph).static_order())


def test_there_is_no_lumber_room():
    names = {part for module in MODULES for part in module.split(".")}
    assert not names & {"utils", "util", "helpers", "common", "base", "misc"}
