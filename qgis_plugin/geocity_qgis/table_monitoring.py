"""Commands that follow change: change, indicators, dashboard."""

from __future__ import annotations

from geocity_qgis.command import Command, Parameter
from geocity_qgis.fields import (
    MONITORING,
    ONE_PROCESS,
    REPLACED,
    assessments,
    dates,
    integer,
    model,
    number,
    slum_class,
    switch,
    text,
    unit_field,
)

CHANGE = Command(
    "change",
    "Change between dates",
    MONITORING,
    "Compares maps of two or more dates: growth, loss, and the history of each settlement.\n\nThe "
    "maps are class rasters, polygon layers or, with a model, scenes; put them in order from the "
    "oldest to the newest. Grids and coordinate systems may differ. Only ground that all dates "
    "show counts. Figures and change rasters go beside the result.",
    (
        Parameter(
            "",
            "maps",
            "Maps, the oldest first",
            name="MAPS",
            required=True,
            help="Drag them into order.",
        ),
        dates("Dates of the images"),
        number(
            "--tolerance",
            "Tolerance in metres",
            default=0.0,
            low=0,
            help="Edges that moved by no more than this are no change.",
        ),
        number("--min-area", "Smallest patch of growth or loss in m²", default=0.0, low=0),
        Parameter("--area", "polygons", "Imaged area"),
        slum_class(),
        model(required=False, label="Model, if the maps are scenes", advanced=True),
        number(
            "--grown-share",
            "Share of area by which a settlement has grown",
            default=0.05,
            low=0,
            advanced=True,
        ),
        number(
            "--grown-area",
            "Area in m² by which a settlement has grown",
            default=100.0,
            low=0,
            advanced=True,
            help="Grown means by more than both; shrunk likewise.",
        ),
        switch("--estimate-shift", "Measure how far the images lie apart", advanced=True),
        Parameter(
            "--imagery",
            "rasters",
            "Scenes to measure the shift on",
            advanced=True,
            help="One a date, in order.",
        ),
        Parameter(
            "--out",
            "vector out",
            "Change",
            required=True,
            help="A GeoPackage with growth, loss, persistent ground and settlements.",
        ),
    ),
    left_out={"--overwrite": REPLACED, "--layer": "A layer of QGIS knows its name.", **ONE_PROCESS},
    tags="growth,loss,monitoring,settlements,difference",
)

INDICATORS = Command(
    "indicators",
    "Indicators by ward",
    MONITORING,
    "Gives slum area, settlements, growth and people, by ward and date.\n\nA note beside the table "
    "tells what each column means, and what an area seen from above can say of UN SDG indicator "
    "11.1.1 and what it cannot.",
    (
        Parameter(
            "",
            "maps",
            "Slums",
            name="SLUMS",
            required=True,
            help="Polygon layers or class rasters, one a date.",
        ),
        Parameter("--units", "polygons", "Wards or other units", required=True),
        unit_field(),
        dates("Dates of the images"),
        Parameter(
            "--population",
            "rasters",
            "Rasters of people per cell",
            help="Counts, not people per km²: one for all dates, or more; a year in the name puts "
            "it to the nearest date.",
        ),
        Parameter(
            "--covered",
            "maps",
            "What the imagery shows",
            help="Polygons, or the scenes themselves; one for all dates, or one each, oldest "
            "first. Class rasters say it themselves.",
        ),
        slum_class(),
        assessments(),
        Parameter(
            "--out",
            "file out",
            "Table",
            required=True,
            files="CSV (*.csv);;GeoPackage with the shapes of the wards (*.gpkg)",
        ),
    ),
    left_out={"--overwrite": REPLACED, **ONE_PROCESS},
    tags="statistics,wards,SDG 11.1.1,population,zonal",
    loads="Add the table to the project",
)

DASHBOARD = Command(
    "dashboard",
    "Slum tracker page",
    MONITORING,
    "Makes the slum tracker: one web page that opens from disk and needs no network."
    "\n\nWhatever is given is shown: outlines of each date, imagery to swipe between, growth and "
    "loss, figures by ward, and how far to trust them. The page can be mailed as it is.",
    (
        Parameter(
            "",
            "layers",
            "Outlines of slums",
            name="SLUMS",
            required=True,
            help="One layer a date, or with a field date.",
        ),
        dates("Dates of the outlines"),
        Parameter("--scene", "rasters", "Scenes"),
        dates("Dates of the scenes", "--scene-date"),
        Parameter(
            "--change",
            "file",
            "Change",
            files="GeoPackage (*.gpkg)",
            help="What Change between dates wrote.",
        ),
        Parameter(
            "--indicators",
            "file",
            "Indicators",
            files="Tables (*.csv *.gpkg)",
            help="What Indicators by ward wrote.",
        ),
        Parameter("--units", "polygons", "Wards or other units"),
        unit_field(),
        text("--title", "Title", default="Slum tracker"),
        text("--credit", "Whose imagery it is", default=""),
        text(
            "--method-note",
            "How the map was made",
            default="",
            help="What readers should know: a text, or a file that holds it.",
        ),
        slum_class(),
        assessments(),
        integer(
            "--max-vectors",
            "Most polygons to draw as outlines",
            default=10000,
            low=0,
            advanced=True,
            help="Layers with more are drawn as a picture.",
        ),
        Parameter("--project", "file out", "QGIS project", files="QGIS projects (*.qgz)"),
        Parameter("--out", "file out", "Page", required=True, files="Web pages (*.html)"),
    ),
    left_out={"--overwrite": REPLACED},
    tags="web,HTML,report,monitoring,map",
)
