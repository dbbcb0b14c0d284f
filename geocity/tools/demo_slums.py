"""The slum half of the demo: from outlines to a model, maps of two dates, and a tracker."""

import logging
from collections.abc import Mapping
from typing import Any

from geocity.io.chip_options import ChipOptions
from geocity.tools.change import change
from geocity.tools.change_options import ChangeOptions
from geocity.tools.dashboard import DashboardInputs, dashboard
from geocity.tools.dashboard_options import DashboardOptions
from geocity.tools.demo_steps import DemoRun
from geocity.tools.evaluate import evaluate
from geocity.tools.export_chips import export_chips
from geocity.tools.indicators import IndicatorOptions, indicators
from geocity.tools.map import map  # noqa: A004 - the command's name
from geocity.tools.show_chips import show_chips
from geocity.tools.train import train
from geocity.tools.train_options import TrainOptions

logger = logging.getLogger(__name__)

YEARS = (2015, 2025)
STEPS = 7

# Chosen by runs on two cores: the smallest network and the coarsest pixels that still tell the
# settlements from markets and workshops with the same colours, within the time people wait.
CHIPS = ChipOptions(
    chip_size=128, stride=64, cell_size_m=1.6, chips="all", class_field="code", seed=0
)
TRAINING = TrainOptions(encoder="resnet18", epochs=5, crop_size=128, batch_size=8, lr=3e-3)

# A little more than one cell of the network, at which two maps of one settlement may differ; and
# the smallest patch that `map` keeps.
TOLERANCE_M = 2.0
MIN_AREA_M2 = 200.0

CONTENTS: Mapping[str, str] = {
    "slum_tracker.html": "the slum tracker: open it in any browser, it needs no network",
    "slum_tracker.qgz": "the same in QGIS (3.22 or later), with a time slider and a print page",
    "indicators.csv": "slum area, growth and people by ward and date; indicators.md explains it",
    "change.gpkg": "growth, loss and the history of each settlement, for QGIS and ArcGIS",
    "map/map.qgz": "the map of both dates: open it in QGIS",
    "map/slums.gpkg": "slum outlines of both dates, styled, for QGIS and ArcGIS",
    "map": "also the class and probability rasters (cloud-optimised GeoTIFF)",
    "evaluation": "how good the model is on places it never saw: tables and figures",
    "slums.geocity": "the model: one file, with everything a scene must fulfil",
    "slums.training/curves.png": "how the training went",
    "chips": "the training samples; split.gpkg shows which place served what",
    "chips.png": "a few of them, with their labels",
}
"""What the half makes, relative to the folder of the demo, and how to open it."""

_NOTE = (
    "The city is made up. A U-Net trained from scratch for a few minutes drew the outlines; on "
    "blocks held out of its training it reached an intersection over union of {iou:.2f}."
)


def run_slums(run: DemoRun) -> float:
    """Cut chips, train, evaluate, map both dates, and track the change.

    Returns:
        Intersection over union of slum on blocks held out of training.
    """
    report = _learn(run)
    iou = next(c["iou"] for c in report["classes"] if c["class"] == "slum")
    _map(run)
    _compare(run)
    _publish(run, float(iou or 0.0))
    return float(iou or 0.0)


def _learn(run: DemoRun) -> Mapping[str, Any]:
    run.steps.tell(
        "Chips: cutting both dates and their outlines into training samples. Training, "
        "validation and test lie blocks apart, so that the test is about places never seen."
    )
    chips = export_chips(
        [run.data / f"scene_{year}.tif" for year in YEARS],
        labels=[run.data / f"slums_{year}.gpkg" for year in YEARS],
        out=run.folder / "chips",
        options=CHIPS,
        overwrite=run.overwrite,
        progress=run.progress,
    )
    show_chips(chips, out=run.folder / "chips.png", overwrite=run.overwrite)
    run.steps.tell(
        "Training: a U-Net from scratch. Colour alone cannot do it here: slum roofs share "
        "their colours with houses and workshops, so the network has to learn the texture."
    )
    model = train(
        chips,
        out=run.folder / "slums.geocity",
        options=TRAINING,
        overwrite=run.overwrite,
        progress=run.progress,
    )
    run.steps.tell("Evaluation: on the test blocks, which the network has never seen.")
    found = evaluate(
        model,
        chips,
        out=run.folder / "evaluation",
        overwrite=run.overwrite,
        progress=run.progress,
    )
    logger.info("%s", found.table)
    return found.report


def _map(run: DemoRun) -> None:
    run.steps.tell(
        "Maps: both dates, classified in overlapping tiles that fade into each other, "
        "filtered, cleaned of specks, outlined, and put into a QGIS project."
    )
    map(
        [run.data / f"scene_{year}.tif" for year in YEARS],
        model=run.folder / "slums.geocity",
        out=run.folder / "map",
        overwrite=run.overwrite,
        progress=run.progress,
    )


def _compare(run: DemoRun) -> None:
    run.steps.tell(
        "Change: growth and loss between the dates, and what became of each settlement. Edges "
        f"that moved by up to {TOLERANCE_M:g} m are no change: no two maps agree to the "
        "metre."
    )
    classes = [run.folder / "map" / f"classes_{year}.tif" for year in YEARS]
    change(
        classes,
        out=run.folder / "change.gpkg",
        options=ChangeOptions(
            tolerance_m=TOLERANCE_M,
            min_area_m2=MIN_AREA_M2,
            estimate_shift=True,
            imagery=tuple(run.data / f"scene_{year}.tif" for year in YEARS),
        ),
        overwrite=run.overwrite,
        progress=run.progress,
    )
    run.steps.tell(
        "Indicators: slum area, share, settlements, growth and people for each ward and date; a "
        "ward that the imagery shows only in part says so."
    )
    indicators(
        classes,
        units=run.data / "wards.gpkg",
        out=run.folder / "indicators.csv",
        options=IndicatorOptions(
            population=tuple(run.data / f"population_{year}.tif" for year in YEARS)
        ),
        overwrite=run.overwrite,
        progress=run.progress,
    )


def _publish(run: DemoRun, iou: float) -> None:
    run.steps.tell("Slum tracker: all of it on one page that opens offline, and in a QGIS project.")
    dashboard(
        run.folder / "map" / "slums.gpkg",
        out=run.folder / "slum_tracker.html",
        inputs=DashboardInputs(
            scenes=[run.data / f"scene_{year}.tif" for year in YEARS],
            change=run.folder / "change.gpkg",
            indicators=run.folder / "indicators.csv",
            units=run.data / "wards.gpkg",
        ),
        options=DashboardOptions(
            title="Slum tracker of a made-up city",
            method_note=_NOTE.format(iou=iou),
            project=run.folder / "slum_tracker.qgz",
        ),
        overwrite=run.overwrite,
        progress=run.progress,
    )
