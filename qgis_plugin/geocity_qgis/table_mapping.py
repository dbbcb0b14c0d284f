"""Commands that make a map: classify, map, majority-filter, polygonize."""

from __future__ import annotations

from geocity_qgis.command import Command, Parameter
from geocity_qgis.fields import (
    MAPPING,
    ONE_PROCESS,
    PART_OPTIONS,
    REPLACED,
    aoi,
    batch_size,
    choice,
    device,
    engine,
    integer,
    model,
    number,
    passes,
    scenes,
    switch,
    text,
    threshold,
    tile_size,
    workers,
)

CLASSIFY = Command(
    "classify",
    "Classify a scene",
    MAPPING,
    "Gives every pixel of a scene a class with a model.\n\nTiles are blended into one map without "
    "seams, in little memory however large the scene. Pixels without data stay without. The result "
    "comes with colours and class names.",
    (
        Parameter("", "raster", "Scene", name="SCENE", required=True),
        model(),
        threshold(),
        aoi(),
        Parameter("--bbox", "extent", "Extent to cut to", parent="SCENE"),
        number(
            "--cell-size",
            "Cell size in metres",
            low=0,
            advanced=True,
            help="Empty: work at the model's, write at the scene's.",
        ),
        tile_size(),
        integer(
            "--padding",
            "Context around a tile's centre in pixels",
            low=0,
            advanced=True,
            help="Empty: 64.",
        ),
        batch_size(),
        switch(
            "--blend",
            "Fade tiles into each other",
            default=True,
            off="--no-blend",
            advanced=True,
            help="Off: keep the centres of tiles only, as ArcGIS does.",
        ),
        switch(
            "--tta", "Average eight turns and flips", advanced=True, help="Eight times the work."
        ),
        text(
            "--probability-classes",
            "Classes of the probability raster",
            advanced=True,
            help="Names, parted by commas. Empty: all but background.",
        ),
        device(),
        engine(),
        workers(),
        Parameter("--probability", "raster out", "Probabilities"),
        Parameter("--out", "raster out", "Classes", required=True),
    ),
    left_out={"--overwrite": REPLACED, **PART_OPTIONS},
    tags="deep learning,segmentation,inference,predict,pixels",
)

MAP = Command(
    "map",
    "Map scenes",
    MAPPING,
    "Maps scenes in one go: classifies, filters, cleans, outlines, and writes a QGIS "
    "project.\n\nSeveral scenes may be several dates or several places; each gets its rasters and "
    "its layer of outlines. A model drew these outlines: check them on the ground before they "
    "serve a decision about people.",
    (
        scenes(),
        model(),
        number("--min-area", "Smallest patch to keep in m²", default=200.0, low=0),
        number("--min-hole", "Smallest hole to keep in m²", default=100.0, low=0),
        passes(can_be_none=True),
        threshold(),
        aoi(),
        text("--title", "Title of the project", default=""),
        tile_size(),
        batch_size(),
        device(),
        switch("--overwrite", "Replace results in the folder"),
        Parameter("--out", "folder out", "Folder of results", required=True),
    ),
    left_out={**ONE_PROCESS},
    always=(),
    tags="slums,deep learning,segmentation,outlines",
    loads="Add the outlines and classes to the project",
)

MAJORITY_FILTER = Command(
    "majority-filter",
    "Majority filter",
    MAPPING,
    "Replaces cells by the class that most of their neighbours have.\n\nOne pass of four "
    "neighbours clears specks of one or two cells; a window clears larger ones. Nodata stays as it "
    "is.",
    (
        Parameter("", "raster", "Class raster", name="CLASSES", required=True),
        choice("--neighbors", "Which cells count", ("four", "eight"), help="Empty: four."),
        choice(
            "--threshold",
            "How many must agree",
            ("majority", "half"),
            help="3 of 4 or 5 of 8, or half of them. Empty: majority.",
        ),
        passes(can_be_none=False),
        integer(
            "--size",
            "Side of a window in pixels",
            low=3,
            advanced=True,
            help="Odd. Takes the most frequent class of a square window instead; leave neighbours "
            "and agreement empty then.",
        ),
        workers(),
        Parameter("--out", "raster out", "Filtered", required=True),
    ),
    left_out={"--overwrite": REPLACED, **PART_OPTIONS},
    tags="smooth,clean,generalise,modal",
)

POLYGONIZE = Command(
    "polygonize",
    "Polygonize classes",
    MAPPING,
    "Turns a class raster into polygons.\n\nThey follow the pixel edges exactly unless smoothed. "
    "Areas and perimeters are true ones, on the ellipsoid, whatever the coordinate system. A "
    "GeoPackage carries its style.",
    (
        Parameter("", "raster", "Class raster", name="CLASSES", required=True),
        text(
            "--classes",
            "Class values to keep",
            name="CLASS_VALUES",
            help="For example 1,2. Empty: all but background 0.",
        ),
        number(
            "--simplify",
            "Smooth the pixel steps by metres",
            default=0.0,
            low=0,
            help="Shared borders stay shared. 0: exact pixel edges.",
        ),
        number("--min-area", "Leave out what is smaller, in m²", default=0.0, low=0),
        choice(
            "--parts",
            "One feature a polygon, or one a class",
            ("single", "multi"),
            default="single",
        ),
        Parameter(
            "--probability",
            "raster",
            "Probability raster",
            help="Of the same classification; adds prob_mean and prob_p10.",
        ),
        Parameter("--date", "date", "Day of the image", help="Empty: what the raster says."),
        integer("--max-vertices", "Cut polygons with more vertices", low=4, advanced=True),
        text("--layer", "Name of the layer", advanced=True, help="Empty: the name of the file."),
        workers(),
        Parameter("--out", "vector out", "Polygons", required=True),
    ),
    left_out={"--overwrite": REPLACED, **PART_OPTIONS},
    tags="vectorise,raster to polygon,outlines",
)
