"""Does in QGIS what its windows do; run by the system's Python, not by pytest.

Usage: drive_qgis.py JOBS.json: a list of [job, argument, …]; prints one line "ANSWER […]".
"""
# ruff: noqa: N802, PTH110, PTH118, PTH120, PTH123, PTH208, T201
# QGIS names the methods and takes paths as texts; the answer is printed.

import json
import os
import sys
import time
import traceback

from qgis.core import (
    QgsApplication,
    QgsFeatureRequest,
    QgsLayerTreeModel,
    QgsProcessingContext,
    QgsProcessingFeatureSourceDefinition,
    QgsProcessingFeedback,
    QgsProcessingModelAlgorithm,
    QgsProcessingModelChildAlgorithm,
    QgsProcessingModelChildParameterSource,
    QgsProcessingModelOutput,
    QgsProcessingModelParameter,
    QgsProcessingOutputLayerDefinition,
    QgsProcessingParameterRasterLayer,
    QgsProject,
    QgsVectorLayer,
)


def algorithm(name):
    return QgsApplication.processingRegistry().createAlgorithmById(f"geocity:{name}")


class Notes(QgsProcessingFeedback):
    """Remembers everything, and cancels once it has read a word."""

    def __init__(self, word=None):
        super().__init__(False)
        self.lines, self.percents, self.word = [], [], word
        self.progressChanged.connect(self.percents.append)

    def pushInfo(self, text):
        self.lines.append(text)
        if self.word and self.word in text:
            self.cancel()

    def pushCommandInfo(self, text):
        self.lines.append(text)

    def pushWarning(self, text):
        self.lines.append(text)

    def reportError(self, text, fatal=False):
        self.lines.append(text)


def parameters():
    """Tell what every dialog shows."""
    provider = QgsApplication.processingRegistry().providerById("geocity")
    return {
        made.name(): {
            definition.name(): [definition.type(), definition.description(), definition.help()]
            for definition in made.parameterDefinitions()
        }
        for made in provider.algorithms()
    }


def cancel(scene, python):
    """Stop a run that would take minutes, and take the plugin away."""
    notes = Notes(word="pids")
    started = time.monotonic()
    kept = os.environ["GEOCITY_PYTHON"]
    os.environ["GEOCITY_PYTHON"] = python
    results, _ok = algorithm("check").run({"SCENES": [scene]}, QgsProcessingContext(), notes)
    seconds = time.monotonic() - started
    os.environ["GEOCITY_PYTHON"] = kept
    pids = next(line for line in notes.lines if "pids" in line).split()[1:]
    while any(map(alive, pids)) and time.monotonic() - started < seconds + 5:
        time.sleep(0.05)
    return {
        "results": results,
        "seconds": seconds,
        "lines": notes.lines,
        "alive": [pid for pid in pids if alive(pid)],
        "percents": notes.percents,
    }


def setting(scene, python):
    """Choose a Python in the options, which refuse one that is not there."""
    from processing.core.ProcessingConfig import ProcessingConfig

    refused = ""
    try:
        ProcessingConfig.setSettingValue("GEOCITY_PYTHON", python + " gone")
    except ValueError as error:
        refused = str(error)
    ProcessingConfig.setSettingValue("GEOCITY_PYTHON", python)
    kept = os.environ.pop("GEOCITY_PYTHON")
    notes = Notes()
    results, ok = algorithm("check").run({"SCENES": [scene]}, QgsProcessingContext(), notes)
    ProcessingConfig.setSettingValue("GEOCITY_PYTHON", "")
    os.environ["GEOCITY_PYTHON"] = kept
    return {"ok": ok, "level": results.get("LEVEL"), "lines": notes.lines, "refused": refused}


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def ran(name, parameters, python=None):
    """Run an algorithm; with another Python, if one is named."""
    kept = os.environ["GEOCITY_PYTHON"]
    os.environ["GEOCITY_PYTHON"] = python or kept
    notes = Notes()
    results, ok = algorithm(name).run(parameters, QgsProcessingContext(), notes)
    os.environ["GEOCITY_PYTHON"] = kept
    return {"ok": ok, "results": results, "lines": notes.lines}


def loaded(name, parameters):
    """Run as the dialog does and load what it would load."""
    from processing.gui.Postprocessing import handleAlgorithmResults

    project = QgsProject.instance()
    context = QgsProcessingContext()
    context.setProject(project)
    notes = Notes()
    for key, value in list(parameters.items()):
        if key in ("OUT", "PROBABILITY") and value.endswith((".tif", ".gpkg")):
            parameters[key] = QgsProcessingOutputLayerDefinition(value, project)
    made = algorithm(name)
    results, ok = made.run(parameters, context, notes, {}, False)
    if ok:
        ok = handleAlgorithmResults(made, context, notes, parameters=parameters)
    layers = {layer.name(): {"legend": legend_of(layer)} for layer in project.mapLayers().values()}
    project.clear()
    return {"ok": ok, "results": results, "layers": layers, "lines": notes.lines}


def legend_of(layer):
    tree = QgsLayerTreeModel(QgsProject.instance().layerTreeRoot())
    found = tree.rootGroup().findLayer(layer.id())
    return [node.data(0) for node in tree.layerLegendNodes(found)]


def model(classes, out):
    """Filter, then polygonize, as a model whose middle is temporary."""
    made = QgsProcessingModelAlgorithm("filter and outline", "tests")
    made.addModelParameter(
        QgsProcessingParameterRasterLayer("classes", "Classes"),
        QgsProcessingModelParameter("classes"),
    )
    first = QgsProcessingModelChildAlgorithm("geocity:majorityfilter")
    first.setChildId("filter")
    source = QgsProcessingModelChildParameterSource
    first.addParameterSources("CLASSES", [source.fromModelParameter("classes")])
    first.addParameterSources("PASSES", [source.fromStaticValue("2")])
    made.addChildAlgorithm(first)
    second = QgsProcessingModelChildAlgorithm("geocity:polygonize")
    second.setChildId("outline")
    second.addParameterSources("CLASSES", [source.fromChildOutput("filter", "OUT")])
    output = QgsProcessingModelOutput("outlines", "Outlines")
    output.setChildOutputName("OUT")
    output.setChildId("outline")
    second.setModelOutputs({"outlines": output})
    made.addChildAlgorithm(second)
    made.initAlgorithm()
    context, notes = QgsProcessingContext(), Notes()
    parameters = {"classes": classes, "outline:outlines": out}
    _results, ok = made.run(parameters, context, notes)
    layer = QgsVectorLayer(out, "", "ogr")
    return {"ok": ok, "count": layer.featureCount(), "lines": notes.lines}


def batch(folder):
    """Run the same thing on every class raster of a folder, as the batch dialog does."""
    from processing.gui.AlgorithmExecutor import execute

    made = algorithm("majorityfilter")
    done = []
    for name in sorted(os.listdir(folder)):
        if name.startswith("classes") and name.endswith(".tif"):
            context, notes = QgsProcessingContext(), Notes()
            out = os.path.join(folder, f"filtered {name}")
            ok, results = execute(
                made, {"CLASSES": os.path.join(folder, name), "OUT": out}, context, notes
            )
            done.append([ok, results["OUT"] == out, os.path.exists(out)])
    return done


def layers(path, wards):
    """Give layers that only QGIS has: in memory, filtered, selected."""
    project = QgsProject.instance()
    context = QgsProcessingContext()
    context.setProject(project)
    filtered = QgsVectorLayer(path, "filtered", "ogr")
    filtered.setSubsetString("fid <= 1")
    memory = QgsVectorLayer(path, "", "ogr").materialize(QgsFeatureRequest())
    memory.setName("memory")
    units = QgsVectorLayer(wards, "units", "ogr")
    units.selectByIds([next(units.getFeatures()).id()])
    project.addMapLayers([filtered, memory, units])
    out = os.path.join(os.path.dirname(path), "counted.csv")
    results, ok = algorithm("indicators").run(
        {
            "SLUMS": [memory.id(), filtered.id()],
            "UNITS": QgsProcessingFeatureSourceDefinition(units.id(), True),
            "UNIT_FIELD": "ward",
            "DATE": "2015-02-14,2025-02-09",
            "OUT": out,
        },
        context,
        notes := Notes(),
    )
    return {"ok": ok, "results": results, "lines": notes.lines, "out": out}


def answer(job, *arguments):
    try:
        return globals()[job](*arguments)
    except Exception:
        return {"traceback": traceback.format_exc()}


def main():
    QgsApplication.setPrefixPath("/usr", True)
    application = QgsApplication([], False)
    application.initQgis()
    sys.path.append(os.path.join(QgsApplication.pkgDataPath(), "python", "plugins"))
    from processing.core.Processing import Processing

    Processing.initialize()
    sys.path.insert(0, os.environ["QGIS_PLUGINPATH"])
    import geocity_qgis

    plugin = geocity_qgis.classFactory(None)
    plugin.initProcessing()
    with open(sys.argv[1], encoding="utf-8") as file:
        jobs = json.load(file)
    answers = [answer(*job) for job in jobs]
    plugin.unload()
    answers.append(QgsApplication.processingRegistry().providerById("geocity") is None)
    print("ANSWER " + json.dumps(answers, default=str))
    sys.stdout.flush()
    os._exit(0)  # PyQGIS crashes on its way out


if __name__ == "__main__":
    main()
