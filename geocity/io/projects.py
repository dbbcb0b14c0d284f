"""QGIS projects, made without QGIS: layers in groups, styled, with a view, a time and a print page.

A `.qgz` is a zip with one XML document. Paths are relative, so that the folder can be moved, sent
and opened anywhere.
"""

import os
import re
import uuid
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from pyproj import CRS, Geod, Transformer

from geocity.core.grid import Bounds, same_crs
from geocity.errors import InputError
from geocity.io.markup import node
from geocity.io.print_layouts import LayoutText, print_layout
from geocity.io.qgis_places import corners, crs_element, extent_element
from geocity.io.qml import QGIS_VERSION, Period, options, temporal_field, temporal_range, to_text
from geocity.io.staging import PathLike, staged

_LONG_AGO = (1980, 1, 1, 0, 0, 0)
"""The time in the zip: the same input gives the same bytes."""


@dataclass(frozen=True, slots=True)
class ProjectLayer:
    """One layer of a project.

    Attributes:
        path: the file.
        name: what people read in the legend.
        group: the group it stands in.
        kind: raster or vector.
        crs: its coordinate system.
        bounds: (left, bottom, right, top) in that; None if it holds nothing.
        qml: its style.
        layer: which layer of the file, for a GeoPackage.
        period: the time it holds for; None keeps what the style says.
        date_field: the field with the time of each feature; None keeps what the style says.
        visible: switched on when the project opens.
        in_legend: explained on the print page, if it is visible.
    """

    path: Path
    name: str
    group: str
    kind: Literal["raster", "vector"]
    crs: CRS
    bounds: Bounds | None
    qml: str
    layer: str | None = None
    period: Period | None = None
    date_field: str | None = None
    visible: bool = True
    in_legend: bool = True


def write_project(
    out: PathLike,
    layers: Sequence[ProjectLayer],
    text: LayoutText,
    *,
    abstract: str = "",
    overwrite: bool = False,
) -> Path:
    """Write a QGIS project.

    Args:
        out: the `.qgz` to make; paths of layers are stored relative to its folder.
        layers: from top to bottom; the first raster's CRS is the project's, groups come in the
            order of their first layer.
        text: title of the project and the words of its print page.
        abstract: what the project says about itself.
        overwrite: replace what is there.

    Returns:
        The path of the project.

    Raises:
        InputError: if no layer shows anything.
        OutputExistsError: if the output is there and may not be replaced.
    """
    path = Path(out)
    document = project_document(layers, text, folder=path.parent, abstract=abstract)
    with staged(path, overwrite=overwrite) as stage:
        member = zipfile.ZipInfo(f"{path.stem}.qgs", date_time=_LONG_AGO)
        member.compress_type = zipfile.ZIP_DEFLATED
        with zipfile.ZipFile(stage.path, "w") as archive:
            archive.writestr(member, document.encode("utf-8"))
    return path


def project_document(
    layers: Sequence[ProjectLayer], text: LayoutText, *, folder: Path, abstract: str = ""
) -> str:
    """Return the `.qgs` text of a project that lies in a folder. See `write_project`."""
    if all(layer.bounds is None for layer in layers):
        raise InputError("A QGIS project needs at least one layer that shows something; name one.")
    crs = next((layer.crs for layer in layers if layer.kind == "raster"), layers[0].crs)
    view = _union([_projected(b, layer.crs, crs) for layer in layers if (b := layer.bounds)])
    placed = [(_layer_id(layer), _source(layer, folder), layer) for layer in layers]
    legend = [_legend_layer(*p) for p in placed if p[2].visible and p[2].in_legend]
    root = node(
        "qgis",
        {"version": QGIS_VERSION, "projectname": text.title},
        node("homePath", {"path": ""}),
        node("title", text=text.title),
        node("projectCrs", None, crs_element(crs)),
        _layer_tree(placed),
        _canvas(view, crs),
        node("projectlayers", None, *(_map_layer(*p) for p in placed)),
        node("layerorder", None, *(node("layer", {"id": identity}) for identity, *_ in placed)),
        _properties(),
        _metadata(text.title, abstract),
        node("Layouts", None, print_layout(text, view, _width_m(view, crs), legend)),
        node(
            "ProjectViewSettings",
            {"UseProjectScales": 0},
            node("Scales"),
            node("DefaultViewExtent", corners(view), crs_element(crs)),
        ),
        _time_settings([layer.period for layer in layers if layer.period is not None]),
    )
    return to_text(root)


def _layer_id(layer: ProjectLayer) -> str:
    """Return an id that is the same for the same layer of the same file name."""
    label = re.sub(r"\W", "_", layer.name, flags=re.ASCII)
    told = f"{layer.path.name}|{layer.layer}|{layer.name}|{layer.group}"
    return f"{label}_{uuid.uuid5(uuid.NAMESPACE_URL, told)}".replace("-", "_")


def _source(layer: ProjectLayer, folder: Path) -> str:
    target = layer.path.resolve()
    try:
        relative = Path(os.path.relpath(target, folder.resolve())).as_posix()
    except ValueError:
        # Another drive on Windows: there is no way from here to there.
        relative = target.as_posix()
    else:
        relative = relative if relative.startswith("../") else f"./{relative}"
    return relative if layer.layer is None else f"{relative}|layername={layer.layer}"


def _projected(bounds: Bounds, source: CRS, target: CRS) -> Bounds:
    if same_crs(source, target):
        return bounds
    transformer = Transformer.from_crs(source, target, always_xy=True)
    left, bottom, right, top = transformer.transform_bounds(*bounds)
    return left, bottom, right, top


def _union(bounds: Sequence[Bounds]) -> Bounds:
    lefts, bottoms, rights, tops = zip(*bounds, strict=True)
    return min(lefts), min(bottoms), max(rights), max(tops)


def _width_m(view: Bounds, crs: CRS) -> float:
    """Return the width of the view along its middle, in metres on the ellipsoid."""
    middle = (view[1] + view[3]) / 2
    transformer = Transformer.from_crs(crs, "EPSG:4326", always_xy=True)
    longitudes, latitudes = transformer.transform([view[0], view[2]], [middle, middle])
    return float(Geod(ellps="WGS84").line_length(longitudes, latitudes))


def _no_properties() -> Element:
    return node("customproperties", None, node("Option"))


def _tree_layer(identity: str, source: str, layer: ProjectLayer) -> Element:
    attributes = {
        "id": identity,
        "name": layer.name,
        "source": source,
        "providerKey": _provider(layer),
        "checked": "Qt::Checked" if layer.visible else "Qt::Unchecked",
        "expanded": int(layer.visible),
    }
    return node("layer-tree-layer", attributes, _no_properties())


def _legend_layer(identity: str, source: str, layer: ProjectLayer) -> Element:
    """Return a layer for the legend; one row that only repeats its name takes its place."""
    element = _tree_layer(identity, source, layer)
    rows = [row.get("label", "") for row in ElementTree.fromstring(layer.qml).iter("category")]
    if [row.casefold() for row in rows] == [layer.name.casefold()]:
        settings = options({"legend/title-style": "hidden", "legend/label-0": layer.name})
        element[:] = [node("customproperties", None, settings)]
    return element


def _layer_tree(placed: Sequence[tuple[str, str, ProjectLayer]]) -> Element:
    root = node("layer-tree-group", None, _no_properties())
    for group in dict.fromkeys(layer.group for _, _, layer in placed):
        members = [p for p in placed if p[2].group == group]
        shown = any(layer.visible for _, _, layer in members)
        attributes = {"name": group, "checked": "Qt::Checked", "expanded": int(shown)}
        leaves = [_tree_layer(*p) for p in members]
        root.append(node("layer-tree-group", attributes, _no_properties(), *leaves))
    return root


def _provider(layer: ProjectLayer) -> str:
    return "gdal" if layer.kind == "raster" else "ogr"


def _map_layer(identity: str, source: str, layer: ProjectLayer) -> Element:
    style = ElementTree.fromstring(layer.qml)
    # The labelsEnabled and other switches of a style are attributes of its root.
    switches = {k: v for k, v in style.attrib.items() if k != "version"}
    attributes = {**switches, "type": layer.kind}
    if layer.kind == "vector":
        attributes["geometry"] = "Polygon"
    element = node(
        "maplayer",
        attributes,
        *([] if layer.bounds is None else [extent_element(layer.bounds)]),
        node("id", text=identity),
        node("datasource", text=source),
        node("layername", text=layer.name),
        node("srs", None, crs_element(layer.crs)),
        node("provider", {"encoding": "UTF-8"}, text=_provider(layer)),
    )
    if layer.kind == "raster":
        bands = range(1, _bands_of(style) + 1)
        seen = (node("noDataList", {"bandNo": band, "useSrcNoData": 1}) for band in bands)
        element.append(node("noData", None, *seen))
    element.extend(_style_children(style, _time_of(layer)))
    return element


def _bands_of(style: Element) -> int:
    """Return the highest band that a raster style draws."""
    renderer = style.find("pipe/rasterrenderer")
    if renderer is None:
        return 1
    numbers = [renderer.get(key, "") for key in ("band", "redBand", "greenBand", "blueBand")]
    return max([1, *(int(number) for number in numbers if number.isdigit())])


def _time_of(layer: ProjectLayer) -> Element | None:
    if layer.period is not None:
        return temporal_range(layer.period)
    return None if layer.date_field is None else temporal_field(layer.date_field)


def _style_children(style: Element, time: Element | None) -> Iterator[Element]:
    for child in style:
        if child.tag != "temporal" or time is None:
            yield child
    if time is not None:
        yield time


def _canvas(view: Bounds, crs: CRS) -> Element:
    return node(
        "mapcanvas",
        {"name": "theMapCanvas", "annotationsVisible": 1},
        node("units", text="degrees" if crs.is_geographic else "meters"),
        extent_element(view),
        node("rotation", text="0"),
        node("destinationsrs", None, crs_element(crs)),
    )


def _properties() -> Element:
    def number(name: str, value: str) -> Element:
        return node(name, {"type": "int"}, text=value)

    return node(
        "properties",
        None,
        node("Paths", None, node("Absolute", {"type": "bool"}, text="false")),
        # Without this switch QGIS reads no CRS for the project.
        node("SpatialRefSys", None, number("ProjectionsEnabled", "1")),
    )


def _metadata(title: str, abstract: str) -> Element:
    parts = {"type": "project", "title": title, "abstract": abstract}
    return node("projectMetadata", None, *(node(k, text=v) for k, v in parts.items()))


def _time_settings(periods: Sequence[Period]) -> Element:
    element = node("ProjectTimeSettings", {"frameRate": 1, "timeStep": 1, "timeStepUnit": "y"})
    if periods:
        start = node("start", text=f"{min(first for first, _ in periods)}T00:00:00Z")
        end = node("end", text=f"{max(last for _, last in periods)}T23:59:59Z")
        element.append(node("TemporalRange", None, start, end))
    return element
