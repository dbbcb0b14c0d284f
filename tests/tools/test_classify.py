"""Classification with engines whose answers are known: nothing shifts, nothing is lost."""

import hashlib
import json
import logging
import threading
import time
from functools import partial

import geopandas
import numpy as np
import pytest
import shapely
from click.testing import CliRunner
from rasterio.enums import ColorInterp

from geocity.cli.classify import command
from geocity.core.classes import ClassTable
from geocity.core.grid import Window
from geocity.core.padding import pad_reflect
from geocity.core.tiles import plan_tiles
from geocity.errors import (
    BandMismatchError,
    ClassTableError,
    InputError,
    ModelError,
    NoOverlapError,
    OutputExistsError,
)
from geocity.io.class_rasters import open_class_raster, open_probability_raster
from geocity.tools.classify import ClassifyOptions, classify
from tests.conftest import make_grid, write_raster
from tests.tools.toy_models import by_first_band, constant, put_toy_engine, write_toy_model

SIX = ClassTable.named(["background", "slum", "water", "trees", "road", "roof"])
RGB = [ColorInterp.red, ColorInterp.green, ColorInterp.blue]


@pytest.fixture
def use(monkeypatch):
    return partial(put_toy_engine, monkeypatch)


def scene_of(path, pixels, grid=None, **options):
    grid = grid or make_grid(*pixels.shape[1:])
    options.setdefault("colorinterp", RGB)
    return write_raster(path, pixels, grid, **options)


def random_scene(path, rows=150, cols=131, classes=6, seed=0, **options):
    """A scene whose first band holds class values; no two neighbourhoods are alike."""
    pixels = np.random.default_rng(seed).integers(0, classes, (3, rows, cols)).astype(np.uint8)
    return scene_of(path, pixels, **options), pixels


def whole(path):
    with open_class_raster(path) as raster:
        return raster.read(raster.grid.window)


@pytest.fixture
def six(tmp_path):
    return write_toy_model(tmp_path / "six.geocity", classes=SIX)


@pytest.fixture
def two(tmp_path):
    return write_toy_model(tmp_path / "two.geocity")


@pytest.mark.parametrize("blend", [True, False])
@pytest.mark.parametrize("shape", [(150, 131), (64, 48), (7, 300), (1, 1), (2, 9)])
def test_the_scene_comes_back_bit_for_bit(tmp_path, six, use, blend, shape):
    scene, pixels = random_scene(tmp_path / "s.tif", *shape)
    use(by_first_band(SIX.values))
    out = classify(scene, model=six, out=tmp_path / "c.tif", options=ClassifyOptions(blend=blend))
    np.testing.assert_array_equal(whole(out), pixels[0])
    with open_class_raster(out) as raster:
        assert raster.grid == make_grid(*shape)
        assert raster.classes == SIX


def test_a_constant_model_gives_a_constant_to_the_last_border_pixel(tmp_path, two, use):
    scene, _ = random_scene(tmp_path / "s.tif")
    use(constant(0.7))
    chances = tmp_path / "p.tif"
    out = classify(scene, model=two, out=tmp_path / "c.tif", probability=chances)
    assert (whole(out) == 1).all()
    with open_probability_raster(chances) as raster:
        assert raster.class_names == ("slum",)
        values = raster.read(raster.grid.window)
    np.testing.assert_allclose(values, 0.7, atol=0.5 / 254)
    assert len(np.unique(values)) == 1


def by_place(batch):
    """Logits that depend on where in its tile a pixel lies, and on the pixels around."""
    rows, cols = batch.shape[2:]
    ramp = np.sin(np.arange(rows)[:, None] * 0.7) + np.cos(np.arange(cols) * 0.9)
    second = ramp + batch[:, 0] / 5 - 0.5
    return np.stack([np.zeros_like(second), second], axis=1)


def test_without_blending_it_is_the_centre_crop_of_arcgis(tmp_path, two, use):
    """Section 3.3 of the tool's description: windows every t - 2p, centres pasted."""
    scene, pixels = random_scene(tmp_path / "s.tif", 150, 131, classes=9)
    use(by_place)
    options = ClassifyOptions(blend=False, tile_size=64, padding=16)
    out = classify(scene, model=two, out=tmp_path / "c.tif", options=options)
    expected = np.zeros(pixels.shape[1:], np.uint8)
    everything = Window(0, 0, 150, 131)
    for top in range(0, 150, 32):
        for left in range(0, 131, 32):
            read = Window(top - 16, left - 16, 64, 64)
            inside = read.intersect(everything)
            seen = pad_reflect(pixels[(slice(None), *inside.slices)], inside, read)
            logits = by_place(seen[None].astype(np.float32))[0]
            centre = (logits[1] > logits[0])[16:48, 16:48]
            place = expected[top : top + 32, left : left + 32]
            place[:] = centre[: place.shape[0], : place.shape[1]]
    np.testing.assert_array_equal(whole(out), expected)


def test_batches_change_nothing(tmp_path, two, use):
    scene, _ = random_scene(tmp_path / "s.tif", classes=9)
    results = []
    for batch in (1, 3, 100):
        engine = use(by_place)
        out, chances = tmp_path / f"c{batch}.tif", tmp_path / f"p{batch}.tif"
        options = ClassifyOptions(batch_size=batch)
        classify(scene, model=two, out=out, probability=chances, options=options)
        with open_probability_raster(chances) as raster:
            results.append((whole(out), raster.read(raster.grid.window)))
        assert max(engine.batches) == min(batch, len(plan_tiles((150, 131), 64, 8)))
        assert engine.closed
    for result in results[1:]:
        np.testing.assert_array_equal(result[0], results[0][0])
        np.testing.assert_array_equal(result[1], results[0][1])


@pytest.mark.parametrize("way", ["nodata", "mask", "alpha"])
def test_pixels_without_data_stay_without(tmp_path, six, use, way):
    rng = np.random.default_rng(3)
    pixels = rng.integers(1, 6, (3, 200, 180)).astype(np.uint8)
    hole = np.zeros((200, 180), bool)
    hole[20:60, 30:90] = True
    hole[110:, 100:] = True
    path = tmp_path / "s.tif"
    if way == "nodata":
        pixels[:, hole] = 0
        scene_of(path, pixels, nodata=0)
    elif way == "mask":
        scene_of(path, pixels, mask=~hole)
    else:
        alpha = np.where(hole, 0, 255).astype(np.uint8)[None]
        four = np.concatenate([pixels, alpha])
        scene_of(path, four, colorinterp=[*RGB, ColorInterp.alpha])
    engine = use(by_first_band(SIX.values))
    out = classify(path, model=six, out=tmp_path / "c.tif")
    np.testing.assert_array_equal(whole(out), np.where(hole, 255, pixels[0]))
    # A tile counts 8 pixels beyond its centre of 48: those wholly in a hole are not run.
    supports = [
        (slice(max(0, t - 8), t + 56), slice(max(0, c - 8), c + 56))
        for t in range(0, 200, 48)
        for c in range(0, 180, 48)
    ]
    assert engine.tiles == sum(not hole[s].all() for s in supports) < len(supports)


def test_nothing_but_nodata_runs_nothing(tmp_path, two, use, caplog):
    scene = scene_of(tmp_path / "s.tif", np.zeros((3, 70, 70), np.uint8), nodata=0)
    engine = use(constant(0.9))
    with caplog.at_level(logging.WARNING, "geocity"):
        out = classify(scene, model=two, out=tmp_path / "c.tif")
    assert engine.tiles == 0
    assert (whole(out) == 255).all()
    assert "the result is empty" in caplog.text


def test_a_box_is_a_cut_of_the_whole(tmp_path, two, use):
    scene, _ = random_scene(tmp_path / "s.tif", 230, 210, classes=9)
    use(by_place)
    everything = whole(classify(scene, model=two, out=tmp_path / "c.tif"))
    engine = use(by_place)
    grid = make_grid(230, 210)
    window = Window(61, 33, 50, 100)
    options = ClassifyOptions(bbox=grid[window].bounds)
    part = classify(scene, model=two, out=tmp_path / "part.tif", options=options)
    np.testing.assert_array_equal(whole(part), everything[window.slices])
    with open_class_raster(part) as raster:
        assert raster.grid.same_as(grid[window])
    assert engine.tiles < 12


def test_an_area_masks_cuts_and_spares_work(tmp_path, two, use, caplog):
    scene, _ = random_scene(tmp_path / "s.tif", 230, 210, classes=9)
    grid = make_grid(230, 210)
    use(by_place)
    everything = whole(classify(scene, model=two, out=tmp_path / "c.tif"))
    left, _, _, top = grid.bounds
    triangle = shapely.Polygon([(left + 8, top - 8), (left + 150, top - 8), (left + 8, top - 160)])
    frame = geopandas.GeoDataFrame(geometry=[triangle], crs=grid.crs).to_crs(4326)
    frame.to_file(tmp_path / "aoi.gpkg")
    engine = use(by_place)
    options = ClassifyOptions(aoi=tmp_path / "aoi.gpkg")
    with caplog.at_level(logging.INFO, "geocity"):
        out = classify(scene, model=two, out=tmp_path / "part.tif", options=options)
    assert "reprojected" in caplog.text
    with open_class_raster(out) as raster:
        part, placed = raster.read(raster.grid.window), raster.grid
    window = grid.window_of_bounds(placed.bounds)
    inside = part != 255
    np.testing.assert_array_equal(part[inside], everything[window.slices][inside])
    assert abs(inside.sum() * grid.cell_area_m2 / triangle.area - 1) < 0.02
    assert engine.tiles < len(plan_tiles((230, 210), 64, 8)) - 4


def test_areas_that_miss_the_scene_are_refused(tmp_path, two, use):
    scene, _ = random_scene(tmp_path / "s.tif")
    use(constant(0.9))
    for options, words in (
        (ClassifyOptions(bbox=(0, 0, 1, 1)), "box does not meet"),
        (ClassifyOptions(bbox=(5, 0, 1, 1)), "is empty"),
    ):
        with pytest.raises(InputError, match=words):
            classify(scene, model=two, out=tmp_path / "c.tif", options=options)
    frame = geopandas.GeoDataFrame(geometry=[shapely.box(0, 0, 1, 1)], crs=4326)
    frame.to_file(tmp_path / "far.gpkg")
    with pytest.raises(NoOverlapError, match="area of interest does not meet"):
        options = ClassifyOptions(aoi=tmp_path / "far.gpkg")
        classify(scene, model=two, out=tmp_path / "c.tif", options=options)
    assert not (tmp_path / "c.tif").exists()


@pytest.mark.parametrize("model_cell", [0.5, 1.6, 1.1])
def test_another_cell_size_is_worked_at_and_put_back(tmp_path, use, model_cell):
    grid = make_grid(200, 170)
    pixels = np.zeros((3, 200, 170), np.uint8)
    pixels[0, 60:140, 40:120] = 1  # a large square survives resampling but for its rim
    mask = np.ones((200, 170), bool)
    mask[:13, :17] = False
    scene = scene_of(tmp_path / "s.tif", pixels, grid, mask=mask)
    model = write_toy_model(tmp_path / "m.geocity", cell_size_m=model_cell)

    def logits(batch):
        return np.stack([np.zeros_like(batch[:, 0]), (batch[:, 0] - 0.5) * 40], axis=1)

    engine = use(logits)
    out = classify(scene, model=model, out=tmp_path / "c.tif")
    with open_class_raster(out) as raster:
        assert raster.grid == grid
    found = whole(out)
    np.testing.assert_array_equal(found == 255, ~mask)
    expected = np.where(mask, pixels[0], 255)
    wrong = found != expected
    assert wrong.sum() < 2 * 4 * 80 * 0.35 * max(1, model_cell / 0.8)
    assert not wrong[64:136, 44:116].any()
    assert not wrong[:56].any()
    side = round(200 * 0.8 / model_cell)
    assert engine.tiles == len(plan_tiles((side, round(170 * 0.8 / model_cell)), 64, 8))


def test_a_cell_size_that_is_asked_for_is_written(tmp_path, two, use):
    scene, _ = random_scene(tmp_path / "s.tif", 200, 160)
    use(constant(0.9))
    options = ClassifyOptions(cell_size_m=1.6)
    out = classify(scene, model=two, out=tmp_path / "c.tif", options=options)
    with open_class_raster(out) as raster:
        assert raster.grid.cell_size == pytest.approx((1.6, 1.6))
        assert raster.grid.shape == (100, 80)
        assert (raster.read(raster.grid.window) == 1).all()


def test_tta_of_a_model_that_turns_along_changes_nothing(tmp_path, six, use):
    scene, pixels = random_scene(tmp_path / "s.tif")
    engine = use(by_first_band(SIX.values))
    out = classify(scene, model=six, out=tmp_path / "c.tif", options=ClassifyOptions(tta=True))
    np.testing.assert_array_equal(whole(out), pixels[0])
    assert engine.tiles == 8 * len(plan_tiles((150, 131), 64, 8))


def test_tta_averages_over_all_eight_views(tmp_path, two, use):
    scene, _ = random_scene(tmp_path / "s.tif", 48, 48)

    def upper_left_only(batch):
        second = np.zeros_like(batch[:, 0])
        rows, cols = second.shape[1:]
        rising = np.arange(rows)[:, None] * 2 + np.arange(cols)  # no symmetry of its own
        second[:] = rising - rising.mean()
        return np.stack([np.zeros_like(second), second], axis=1)

    use(upper_left_only)
    chances = tmp_path / "p.tif"
    options = ClassifyOptions(tta=True)
    classify(scene, model=two, out=tmp_path / "c.tif", probability=chances, options=options)
    with open_probability_raster(chances) as raster:
        # Every slope meets its mirror image: only the middle value is left.
        np.testing.assert_allclose(raster.read(raster.grid.window), 0.5, atol=1 / 254)


def test_thresholds(tmp_path, use):
    scene, _ = random_scene(tmp_path / "s.tif")
    plain = write_toy_model(tmp_path / "plain.geocity")
    strict = write_toy_model(tmp_path / "strict.geocity", thresholds=(0.0, 0.8))
    use(constant(0.7))
    for model, threshold, expected in (
        (plain, None, 1),
        (plain, 0.75, 0),
        (plain, 0.3, 1),
        (strict, None, 0),
        (strict, 0.5, 1),
    ):
        options = ClassifyOptions(threshold=threshold)
        out = classify(scene, model=model, out=tmp_path / "c.tif", options=options, overwrite=True)
        assert (whole(out) == expected).all()
    use(constant(0.3))
    out = classify(
        scene,
        model=plain,
        out=tmp_path / "c.tif",
        options=ClassifyOptions(threshold=0.25),
        overwrite=True,
    )
    assert (whole(out) == 1).all()


def test_probabilities_of_chosen_classes(tmp_path, six, use):
    scene, pixels = random_scene(tmp_path / "s.tif", nodata=None)
    use(by_first_band(SIX.values))
    chances = tmp_path / "p.tif"
    classify(
        scene,
        model=six,
        out=tmp_path / "c.tif",
        probability=chances,
        probability_classes=["Water", "background"],
    )
    with open_probability_raster(chances) as raster:
        assert raster.class_names == ("water", "background")
        for band, value in enumerate((2, 0)):
            values = raster.read(raster.grid.window, band)
            np.testing.assert_array_equal(values, pixels[0] == value)
    with pytest.raises(ClassTableError, match="no class 'lake'"):
        classify(
            scene,
            model=six,
            out=tmp_path / "d.tif",
            probability=tmp_path / "q.tif",
            probability_classes=["lake"],
        )


def test_the_two_classes_of_a_probability_raster_sum_to_one(tmp_path, two, use):
    scene, _ = random_scene(tmp_path / "s.tif")
    use(constant(0.7))
    chances = tmp_path / "p.tif"
    names = ["background", "slum"]
    classify(
        scene, model=two, out=tmp_path / "c.tif", probability=chances, probability_classes=names
    )
    with open_probability_raster(chances) as raster:
        total = raster.read(raster.grid.window, 0) + raster.read(raster.grid.window, 1)
    np.testing.assert_allclose(total, 1, atol=1 / 254)


def test_what_does_not_fit_is_refused_in_one_sentence(tmp_path, use):
    scene, pixels = random_scene(tmp_path / "s.tif", 70, 70)
    use(constant(0.9))
    grey = scene_of(tmp_path / "grey.tif", pixels[:1], colorinterp=[ColorInterp.gray])
    wide = scene_of(tmp_path / "wide.tif", pixels.astype(np.uint16))
    floats = scene_of(tmp_path / "floats.tif", pixels.astype(np.float32) / 255)
    coarse = scene_of(tmp_path / "coarse.tif", pixels, make_grid(70, 70, cell=10))
    model = write_toy_model(tmp_path / "m.geocity")
    of_floats = write_toy_model(tmp_path / "f.geocity", dtype="float32", value_range=(0, 4000))
    for path, used, kind, words in (
        (grey, model, BandMismatchError, "has 1 band.*takes 3"),
        (wide, model, InputError, "uint16 and the model was trained on uint8"),
        (floats, of_floats, InputError, "trained on 0 to 4000"),
        (coarse, model, InputError, "pixels of 10 m and the model was trained on 0.8 m"),
        (scene, tmp_path / "none.geocity", ModelError, "no such model"),
        (tmp_path / "none.tif", model, InputError, "does not exist"),
    ):
        with pytest.raises(kind, match=words) as refused:
            classify(path, model=used, out=tmp_path / "c.tif")
        assert str(refused.value).count(". ") == 0
    assert not list(tmp_path.glob("*c.tif*"))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"tile_size": 63}, "even"),
        ({"tile_size": 64, "padding": 32}, "leaves nothing"),
        ({"padding": -1}, "leaves nothing"),
        ({"threshold": 1.5}, "within 0 and 1"),
        ({"batch_size": 0}, "1 or more"),
        ({"cell_size_m": 0.0}, "above 0"),
    ],
)
def test_impossible_options_are_refused(tmp_path, two, use, options, words):
    scene, _ = random_scene(tmp_path / "s.tif", 40, 40)
    use(constant(0.9))
    with pytest.raises(InputError, match=words):
        classify(scene, model=two, out=tmp_path / "c.tif", options=ClassifyOptions(**options))


def test_bands_are_found_by_name(tmp_path, six, use, caplog):
    pixels = random_scene(tmp_path / "s.tif")[1]
    infrared = np.full((1, *pixels.shape[1:]), 9, np.uint8)
    order = [infrared[0], pixels[2], pixels[1], pixels[0]]
    meanings = [ColorInterp.undefined, ColorInterp.blue, ColorInterp.green, ColorInterp.red]
    scene = scene_of(tmp_path / "mixed.tif", np.stack(order), colorinterp=meanings)
    use(by_first_band(SIX.values))
    with caplog.at_level(logging.INFO, "geocity"):
        out = classify(scene, model=six, out=tmp_path / "c.tif")
    np.testing.assert_array_equal(whole(out), pixels[0])
    assert "bands 4, 3, 2 are taken, by name" in caplog.text


def test_results_are_not_replaced_unasked(tmp_path, two, use):
    scene, _ = random_scene(tmp_path / "s.tif", 40, 40)
    engine = use(constant(0.9))
    (tmp_path / "p.tif").write_text("precious")
    with pytest.raises(OutputExistsError):
        classify(scene, model=two, out=tmp_path / "c.tif", probability=tmp_path / "p.tif")
    assert engine.tiles == 0
    assert (tmp_path / "p.tif").read_text() == "precious"


def test_it_says_how_it_was_made(tmp_path, two, use):
    grid = make_grid(40, 40)
    pixels = random_scene(tmp_path / "x.tif", 40, 40)[1]
    scene = scene_of(tmp_path / "scene.tif", pixels, grid, tags={"ACQUISITION_DATE": "2017-03-15"})
    use(constant(0.9))
    out = classify(scene, model=two, out=tmp_path / "c.tif", options=ClassifyOptions(tta=True))
    with open_class_raster(out) as raster:
        tags = raster.tags
    assert tags["GEOCITY_SOURCE"] == "scene.tif"
    assert tags["GEOCITY_MODEL"] == "two.geocity"
    assert len(tags["GEOCITY_MODEL_SHA256"]) == 64
    assert tags["GEOCITY_SOURCE_SHA256"] == hashlib.sha256(scene.read_bytes()).hexdigest()
    assert tags["ACQUISITION_DATE"] == "2017-03-15"
    assert json.loads(tags["GEOCITY_OPTIONS"])["tta"] is True
    assert tags["GEOCITY_ENGINE"] == "toy f32, 1"
    assert tags["GEOCITY_COMMAND"].startswith("geocity classify ")
    assert tags["GEOCITY_COMMAND"].endswith("c.tif --tta")
    assert "classify: scene.tif with two.geocity" in tags["GEOCITY_HISTORY"]


def test_twice_the_same_bytes(tmp_path, two, use):
    scene, _ = random_scene(tmp_path / "s.tif", classes=9)
    results = []
    for _ in range(2):
        use(by_place)
        out = classify(scene, model=two, out=tmp_path / "c.tif", overwrite=True)
        results.append(out.read_bytes())
    assert results[0] == results[1]


@pytest.mark.parametrize(
    ("where", "kind"),
    [
        ("engine", RuntimeError),  # runs in a thread, which Ctrl-C does not reach
        ("progress", RuntimeError),
        ("progress", KeyboardInterrupt),
        ("reader", RuntimeError),
        ("reader", KeyboardInterrupt),
    ],
)
def test_an_end_halfway_leaves_nothing(tmp_path, two, use, where, kind, monkeypatch):
    scene, _ = random_scene(tmp_path / "s.tif", 300, 300)
    calls = 0

    def fail(*_):
        nonlocal calls
        calls += 1
        if calls == 5:
            raise kind("halfway")

    def logits(batch):
        if where == "engine":
            fail()
        return constant(0.9)(batch)

    engine = use(logits)
    if where == "reader":
        from geocity.io import scene_tiles

        original = scene_tiles.SceneTiles.read

        def read(self, window):
            fail()
            return original(self, window)

        monkeypatch.setattr(scene_tiles.SceneTiles, "read", read)
    before = sorted(p.name for p in tmp_path.iterdir())
    started = time.monotonic()
    threads = threading.active_count()
    with pytest.raises(kind, match="halfway"):
        classify(
            scene,
            model=two,
            out=tmp_path / "c.tif",
            probability=tmp_path / "p.tif",
            progress=fail if where == "progress" else None,
        )
    assert time.monotonic() - started < 2
    assert threading.active_count() == threads
    assert sorted(p.name for p in tmp_path.iterdir()) == before
    assert engine.closed


def test_progress_counts_every_tile(tmp_path, two, use):
    scene, _ = random_scene(tmp_path / "s.tif")
    use(constant(0.9))
    heard = []
    classify(scene, model=two, out=tmp_path / "c.tif", progress=lambda *a: heard.append(a))
    tiles = len(plan_tiles((150, 131), 64, 8))
    assert heard == [(i + 1, tiles, "Classifying") for i in range(tiles)]


def test_the_command(tmp_path, six, use):
    scene, pixels = random_scene(tmp_path / "s.tif")
    use(by_first_band(SIX.values))
    grid = make_grid(150, 131)
    window = Window(10, 20, 60, 70)
    box = ",".join(str(v) for v in grid[window].bounds)
    arguments = [str(scene), "-m", str(six), "-o", str(tmp_path / "c.tif"), "--bbox", box]
    more = ["--no-blend", "--tile-size", "64", "--padding", "16", "--batch-size", "2"]
    chances = ["--probability", str(tmp_path / "p.tif"), "--probability-classes", "slum, water"]
    done = CliRunner().invoke(command, [*arguments, *more, *chances])
    assert done.exit_code == 0, done.output
    assert done.stdout.strip() == str(tmp_path / "c.tif")
    np.testing.assert_array_equal(whole(tmp_path / "c.tif"), pixels[0][window.slices])
    again = CliRunner().invoke(command, arguments)
    assert again.exit_code == 1
    assert "already there" in again.stderr


def test_the_command_refuses_what_it_cannot_read(tmp_path, six):
    arguments = ["s.tif", "-m", str(six), "-o", "c.tif"]
    for more in (["--bbox", "1,2,3"], ["--probability-classes", "slum"], ["--device", "tpu"]):
        assert CliRunner().invoke(command, [*arguments, *more]).exit_code == 2
