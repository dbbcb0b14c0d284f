"""Opens files in QGIS and says what it sees. Run by the system's Python, not by pytest.

Reads questions, one a line: ["raster", path] or vector, project, render, layout, form and their
arguments; answers each with one line "ANSWER {json}", or "FAILED {json}" with the traceback.
"""

import json
import os
import sys
import traceback

from qgis.core import (
    QgsApplication,
    QgsCoordinateReferenceSystem,
    QgsExpression,
    QgsExpressionContext,
    QgsExpressionContextUtils,
    QgsLayoutExporter,
    QgsLayoutItemLabel,
    QgsLayoutItemLegend,
    QgsLayoutItemScaleBar,
    QgsMapRendererParallelJob,
    QgsMapSettings,
    QgsProject,
    QgsRasterLayer,
    QgsUnitTypes,
    QgsVectorLayer,
)
from qgis.PyQt.QtCore import QSize


def raster(path):
    layer = QgsRasterLayer(path, "layer")
    layer.loadDefaultStyle()
    return describe(layer)


def vector(path):
    layer = QgsVectorLayer(path, "layer", "ogr")
    layer.loadDefaultStyle()
    return describe(layer)


def describe(layer):
    temporal = layer.temporalProperties()
    about = {
        "valid": layer.isValid(),
        "name": layer.name(),
        "source": layer.source(),
        "crs": layer.crs().authid(),
        "renderer": layer.renderer().type() if layer.renderer() else None,
        "temporal": temporal.isActive(),
        "title": layer.metadata().title(),
        "abstract": layer.metadata().abstract(),
        "history": list(layer.metadata().history()),
    }
    if isinstance(layer, QgsRasterLayer):
        items = layer.renderer().legendSymbologyItems()
        about["legend"] = [[label, color.name(), color.alpha()] for label, color in items]
        span = temporal.fixedTemporalRange()
    else:
        about["legend"] = [[i.label(), *colors(i.symbol())] for i in legend_items(layer)]
        about["aliases"] = {f.name(): f.alias() for f in layer.fields() if f.alias()}
        about["count"] = layer.featureCount()
        about["start_field"] = temporal.startField()
        about["labels"] = layer.labelsEnabled() and layer.labeling().settings().fieldName
        about["tips"] = tips(layer)
        span = temporal.fixedTemporalRange()
    about["period"] = [span.begin().toString("yyyy-MM-dd"), span.end().toString("yyyy-MM-dd")]
    return about


def legend_items(layer):
    return layer.renderer().legendSymbolItems() if layer.renderer() else []


def colors(symbol):
    fill = symbol.symbolLayer(0)
    return [fill.fillColor().name(), fill.fillColor().alpha(), fill.strokeColor().name()]


def tips(layer):
    found = []
    for feature in layer.getFeatures():
        context = QgsExpressionContext(QgsExpressionContextUtils.globalProjectLayerScopes(layer))
        context.setFeature(feature)
        found.append(QgsExpression.replaceExpressionText(layer.mapTipTemplate(), context))
        if len(found) == 3:
            break
    return found


def open_project(path):
    project = QgsProject.instance()
    return project, project.read(path)


def project(path):
    read, ok = open_project(path)
    span = read.timeSettings().temporalRange()
    view = read.viewSettings().defaultViewExtent()
    return {
        "read": ok,
        "title": read.title(),
        "crs": read.crs().authid(),
        "wkt": read.crs().toWkt(QgsCoordinateReferenceSystem.WKT2_2018),
        "tree": tree(read.layerTreeRoot()),
        "layers": [describe(layer) for layer in read.layerTreeRoot().layerOrder()],
        "view": [view.xMinimum(), view.yMinimum(), view.xMaximum(), view.yMaximum()],
        "view_crs": view.crs().authid(),
        "period": [span.begin().toString("yyyy-MM-dd"), span.end().toString("yyyy-MM-dd")],
        "layouts": [layout.name() for layout in read.layoutManager().layouts()],
        "absolute_paths": read.readNumEntry("Paths", "Absolute", 1)[0],
    }


def tree(group):
    result = []
    for child in group.children():
        name = child.name()
        shown = child.itemVisibilityChecked()
        if hasattr(child, "layerId"):
            result.append([name, shown])
        else:
            result.append([name, shown, tree(child)])
    return result


def render(path, out, width=900, height=900):
    read, _ = open_project(path)
    layers = [node.layer() for node in read.layerTreeRoot().findLayers() if node.isVisible()]
    chosen = QgsMapSettings()
    chosen.setLayers(layers)
    chosen.setOutputSize(QSize(int(width), int(height)))
    chosen.setDestinationCrs(read.crs())
    chosen.setExtent(read.viewSettings().defaultViewExtent())
    job = QgsMapRendererParallelJob(chosen)
    job.start()
    job.waitForFinished()
    image = job.renderedImage()
    image.save(out)
    return {
        "layers": [layer.name() for layer in layers],
        "errors": [e.message for e in job.errors()],
    }


def layout(path, out, dpi=100):
    read, _ = open_project(path)
    chosen = read.layoutManager().layouts()[0]
    settings = QgsLayoutExporter.ImageExportSettings()
    settings.dpi = float(dpi)
    result = QgsLayoutExporter(chosen).exportToImage(out, settings)
    items = sorted({type(i).__name__ for i in chosen.items() if hasattr(i, "displayName")})
    labels = [i for i in chosen.items() if isinstance(i, QgsLayoutItemLabel)]
    legend = next(i for i in chosen.items() if isinstance(i, QgsLayoutItemLegend))
    bar = next(i for i in chosen.items() if isinstance(i, QgsLayoutItemScaleBar))
    return {
        "result": int(result),
        "items": items,
        "texts": [label.currentText() for label in sorted(labels, key=lambda i: i.zValue())],
        "legend": [layer.name() for layer in legend.model().rootGroup().findLayers()],
        "scale_bar": [QgsUnitTypes.toString(bar.units()), bar.sizeWithUnits().width()],
    }


def form(path, *answers):
    """Describe the form of a layer, and answer its first points in it as a person would."""
    layer = QgsVectorLayer(path, "layer", "ogr")
    _, loaded = layer.loadDefaultStyle()
    fields = layer.fields()
    places = {field.name(): index for index, field in enumerate(fields)}
    features = sorted(layer.getFeatures(), key=lambda feature: feature["point"])
    edited = layer.startEditing()
    for feature, answer in zip(features, answers, strict=False):
        layer.changeAttributeValue(feature.id(), places["reference"], answer)
    return {
        "style": loaded,
        "widgets": {
            name: [layer.editorWidgetSetup(i).type(), layer.editorWidgetSetup(i).config()]
            for name, i in places.items()
        },
        "aliases": {name: layer.attributeAlias(i) for name, i in places.items()},
        "read_only": [name for name, i in places.items() if layer.editFormConfig().readOnly(i)],
        "legend": [item.label() for item in legend_items(layer)],
        "saved": edited and layer.commitChanges(),
    }


COMMANDS = {
    "form": form,
    "raster": raster,
    "vector": vector,
    "project": project,
    "render": render,
    "layout": layout,
}


def answer(question):
    command, *arguments = json.loads(question)
    try:
        told = f"ANSWER {json.dumps(COMMANDS[command](*arguments))}"
    except Exception:
        told = f"FAILED {json.dumps(traceback.format_exc())}"
    # The next question finds nothing open, and files are closed before anyone looks at them.
    QgsProject.instance().clear()
    return told


if __name__ == "__main__":
    application = QgsApplication([], False)
    application.initQgis()
    for line in sys.stdin:
        sys.stdout.write(f"{answer(line)}\n")
        sys.stdout.flush()
    # PyQGIS crashes while the interpreter winds down.
    os._exit(0)
