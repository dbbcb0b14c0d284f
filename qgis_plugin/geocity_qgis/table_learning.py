"""Commands that make a model: check, export-chips, train."""

from __future__ import annotations

from geocity_qgis.command import Command, Parameter
from geocity_qgis.fields import (
    IN_TERMINAL,
    MAPPING,
    ONE_PROCESS,
    REPLACED,
    choice,
    device,
    engine,
    integer,
    model,
    number,
    scenes,
    switch,
    text,
)

CHECK = Command(
    "check",
    "Check inputs",
    MAPPING,
    "Tells whether scenes, labels and a model will work, and what it will cost: tiles, time, "
    "memory and disk.\n\nOnly samples are read, and the model is timed on one small tile. What was "
    "found stands in the log; LEVEL says how grave the gravest finding is (ok, note, warning or "
    "error).",
    (
        scenes(),
        Parameter(
            "--labels",
            "layers",
            "Outlines to train on",
            help="One layer for all scenes, or one a scene in their order.",
        ),
        model(required=False, label="Model to classify with"),
        device(),
        engine(),
    ),
    left_out={"--json": "QGIS always gets JSON."},
    always=(),
    tags="validate,inspect,cost,memory",
)

EXPORT_CHIPS = Command(
    "export-chips",
    "Export training chips",
    MAPPING,
    "Cuts scenes and their labels into chips for training.\n\nChips for training, validation and "
    "testing lie apart on the ground; split.gpkg in the folder shows them. At about a metre a "
    "pixel slums keep their texture and training is cheap. Keep chips of everything (all), so "
    "that the model learns what is no slum. ArcGIS reads the folder too.",
    (
        scenes(),
        Parameter(
            "--labels",
            "maps",
            "Labels",
            required=True,
            help="Outlines or a classified raster; one for all scenes, or one a scene in their "
            "order.",
        ),
        Parameter(
            "--class-field",
            "field",
            "Field that holds the class",
            parent="LABELS",
            help="Empty: every outline is a slum.",
        ),
        text(
            "--class-values",
            "Values and class names",
            help="For example 6:slum,0:ignore; other values are background.",
        ),
        integer("--chip-size", "Side of a chip in pixels", default=400, low=1),
        number(
            "--cell-size",
            "Cell size in metres",
            low=0,
            help="Scenes are resampled to it. Empty: as they are.",
        ),
        choice(
            "--chips", "Which chips to write", ("with-features", "all"), default="with-features"
        ),
        number("--negatives", "Share of chips without a feature", default=0.0, low=0, high=1),
        Parameter(
            "--labelled-area",
            "polygons",
            "Labelled area",
            help="Outside these polygons the class is unknown.",
        ),
        Parameter(
            "--mask",
            "polygons",
            "Mask",
            advanced=True,
            help="Only chips wholly inside these polygons are made.",
        ),
        Parameter(
            "--hold-out",
            "texts",
            "Scenes or dates to test on",
            advanced=True,
            help="Names of scenes or dates, parted by commas, all of whose chips are the test.",
        ),
        text(
            "--split",
            "Shares of training, validation and test",
            default="0.7,0.15,0.15",
            advanced=True,
        ),
        integer(
            "--stride", "Step in pixels", default=0, low=0, advanced=True, help="0: the chip size."
        ),
        choice(
            "--edge",
            "Chips that do not fit at the edge",
            ("shift", "drop", "pad"),
            default="shift",
            advanced=True,
        ),
        number("--buffer", "Widen outlines by so many metres", default=0.0, advanced=True),
        switch("--all-touched", "Label every pixel that an outline touches", advanced=True),
        number(
            "--min-overlap",
            "Smallest share of an outline inside a chip",
            default=0.0,
            low=0,
            high=1,
            advanced=True,
            help="An outline with less of it inside is unknown there.",
        ),
        number("--rotation", "Every chip again, turned by degrees", default=0.0, advanced=True),
        choice(
            "--format",
            "Format of the image chips",
            ("tif", "png", "jpg"),
            default="tif",
            advanced=True,
        ),
        choice(
            "--scenes",
            "Scenes that touch",
            name="ARRANGEMENT",
            default="mosaic",
            choices=("mosaic", "separate"),
            advanced=True,
            help="Read as one image if they share a pixel lattice, or each by itself.",
        ),
        integer("--start-index", "Number in the first file name", default=0, low=0, advanced=True),
        integer("--seed", "Seed", default=0, advanced=True, help="Makes chance repeatable."),
        switch("--overwrite", "Replace what is in the folder"),
        Parameter("--out", "folder out", "Folder of chips", required=True),
    ),
    left_out={**ONE_PROCESS},
    always=(),
    tags="training data,deep learning,samples,tiles",
)

TRAIN = Command(
    "train",
    "Train a model",
    MAPPING,
    "Trains a network on chips and writes it as one model file.\n\nThe file holds weights, bands, "
    "cell size, normalisation, classes and quality, and a card that a person can read; log and "
    "curves lie in a folder beside it. On a processor this takes hours; a stopped run goes on with "
    "Resume.",
    (
        Parameter("", "folder", "Folder of chips", name="CHIPS", required=True),
        integer("--epochs", "Epochs: passes over the training chips", default=25, low=1),
        text(
            "--encoder",
            "Encoder",
            default="auto",
            help="compact, resnet34, another of segmentation-models-pytorch, or tu-NAME for any "
            "of timm; auto: what the weights are for, else compact.",
        ),
        text(
            "--weights",
            "Where the encoder starts",
            default="none",
            help="none, imagenet, a TorchGeo weights name, or a file.",
        ),
        choice("--augment", "How much to vary chips", ("strong", "light", "none"), default="light"),
        switch("--resume", "Resume: go on after the last whole epoch of a stopped run"),
        text(
            "--lr",
            "Highest learning rate",
            default="0.002",
            advanced=True,
            help="A number, or auto: find it by a test first.",
        ),
        text("--architecture", "Network", default="unet", advanced=True),
        text(
            "--loss",
            "Loss",
            default="ce",
            advanced=True,
            help="ce, focal, dice, lovasz, or a sum such as ce+dice or 0.7*ce+0.3*lovasz.",
        ),
        choice(
            "--class-weights", "Weigh classes", ("none", "balanced"), default="none", advanced=True
        ),
        choice(
            "--draw",
            "Which crops to draw",
            ("focused", "even"),
            default="focused",
            advanced=True,
            help="focused: more of built-up land and of wanted classes; even: all chips alike.",
        ),
        integer("--batch-size", "Crops in a batch", default=16, low=1, advanced=True),
        integer(
            "--crop-size",
            "Side of training crops in pixels",
            default=0,
            low=0,
            advanced=True,
            help="0: about 150 m.",
        ),
        text(
            "--monitor",
            "Which epoch is kept",
            default="last",
            advanced=True,
            help="last, or the best by miou, loss, or a class's name for its IoU.",
        ),
        integer(
            "--patience",
            "Stop after so many epochs without improvement",
            default=0,
            low=0,
            advanced=True,
            help="0: never.",
        ),
        integer(
            "--freeze-epochs",
            "Epochs for which the encoder stays as it is",
            low=0,
            advanced=True,
            help="Empty: a fifth with learnt weights, else 0.",
        ),
        choice(
            "--precision", "Precision", ("auto", "32", "bf16", "16"), default="auto", advanced=True
        ),
        device(),
        integer("--devices", "How many devices work together", default=1, low=1, advanced=True),
        integer("--seed", "Seed", default=0, advanced=True),
        Parameter(
            "--out",
            "file out",
            "Model",
            required=True,
            files="geocity models (*.geocity)",
            help="Name a file: a temporary one goes when QGIS is closed.",
        ),
    ),
    left_out={"--overwrite": REPLACED, "--tensorboard": IN_TERMINAL},
    tags="deep learning,U-Net,segmentation,neural network",
)
