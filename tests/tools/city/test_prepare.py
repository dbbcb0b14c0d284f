"""City folders made of downloads as they come: counts, splits that do not leak, refusals."""

import datetime
import json
import logging
import zipfile

import numpy as np
import pandas as pd
import pyogrio
import pytest
import shapely
from click.testing import CliRunner
from PIL import Image

from geocity.cli import main
from geocity.errors import InputError, OutputExistsError
from geocity.io.cities import image_scan
from geocity.io.cities.footprints import image_footprints
from geocity.io.cities.manifest import City, read_city_folder
from geocity.tools.city.prepare import prepare
from geocity.tools.city.prepare_options import PrepareOptions
from tests.toy_cities import ORIGIN, coded_pixels, write_picture, write_tif

SMALL = PrepareOptions(patch_px=20, cell_size_m=1.0)
YEARS = ("2018-05-21", "2022-09-14")


def make(raw, out, **options):
    chosen = {"patch_px": 20, "cell_size_m": 1.0} | options
    if "patch_m" in options:
        chosen["patch_px"] = None
    return read_city_folder(prepare(raw, out=out, options=PrepareOptions(**chosen), overwrite=True))


def plain_tree(root, cities=("Alma(ALA)", "Bish(FRU)"), sites=4, side=60):
    """Folders of PNGs that carry no date and no place."""
    for c, city in enumerate(cities):
        for site in range(1, sites + 1):
            write_picture(root / city / str(site) / "a.png", coded_pixels(side, side, c))
    return root


def placed_tree(root, *, sites=5, dates=YEARS, cell_m=1.0, side=60):
    """Folders of GeoTIFFs, every site on every date, 1000 m apart."""
    for c, city in enumerate(("Alma(ALA)", "Bish(FRU)")):
        for site in range(1, sites + 1):
            for date in dates:
                write_tif(
                    root / city / str(site) / f"{city[-4:-1]}_{date.replace('-', '')}.tif",
                    coded_pixels(side, side, c), cell_m=cell_m,
                    left=ORIGIN[0] + 1000 * site, top=ORIGIN[1] + 50_000 * c,
                )  # fmt: skip
    return root


def parts_by_unit(folder):
    """Return (fold, unit) -> parts."""
    units = folder.images["unit"].to_numpy()[folder.patches["image"]]
    table = folder.patches.assign(unit=units)
    return {key: set(rows["part"]) for key, rows in table.groupby(["fold", "unit"])}


@pytest.fixture(scope="module")
def dl_slicer_tree(tmp_path_factory):
    """2 + 2 + 3 images of 4800 px, and file names that repeat between the sites."""
    root = tmp_path_factory.mktemp("download")
    whole = root / "black.jpg"
    Image.new("RGB", (4800, 4800)).save(whole, quality=5)
    for city in ("Almaty(ALA)", "Bishkek(FRU)"):
        for site, images in (("2", 2), ("9", 3), ("10", 2)):
            for k in range(images):
                target = root / "preprocessed" / "raw" / city / site / f"{city[-4:-1]}_{k}.jpg"
                target.parent.mkdir(parents=True, exist_ok=True)
                target.hardlink_to(whole)
    (root / "preprocessed/raw/.ipynb_checkpoints").mkdir()
    write_picture(root / "preprocessed/raw/.ipynb_checkpoints/x.jpg", coded_pixels(9, 9))
    write_picture(root / "preprocessed/patches/train/Almaty(ALA)/p_1.jpg", coded_pixels(9, 9))
    whole.unlink()
    return root


def test_the_numbers_of_dl_slicer(dl_slicer_tree, tmp_path):
    options = PrepareOptions(split="dl-slicer", seed=5)
    folder = read_city_folder(prepare(dl_slicer_tree, out=tmp_path / "out", options=options))
    assert folder.cities == (City("ALA", "Almaty"), City("FRU", "Bishkek"))
    assert len(folder.images) == folder.images["key"].nunique() == 14
    assert folder.patch_m == 200.0
    for city in ("ALA", "FRU"):
        assert folder.split["counts"]["0"][city] == {"train": 1444, "val": 513, "test": 513}
    patches = folder.patches
    assert set(patches["side"]) == {480}
    # Sorted as texts the last site is 9; test is its left half, val its right.
    held = patches[patches["part"] != "train"]
    assert set(held["site"]) == {"9"}
    test, val = held[held["part"] == "test"], held[held["part"] == "val"]
    assert test["col"].max() + 480 <= 2400 <= val["col"].min()
    assert set(test.groupby("image").size()) == set(val.groupby("image").size()) == {171}
    assert set(patches[patches["part"] == "train"].groupby("image").size()) == {361}
    sampled = test[test["sampled"]]
    assert sampled.groupby("city").size().tolist() == [500, 500]
    again = prepare(dl_slicer_tree, out=tmp_path / "again", options=options)
    assert (again / "patches.csv").read_bytes() == (tmp_path / "out/patches.csv").read_bytes()


@pytest.mark.parametrize("root", ["", "preprocessed", "preprocessed/raw"])
def test_every_root_is_understood(dl_slicer_tree, tmp_path, root):
    folder = make(dl_slicer_tree / root, tmp_path / "out", split="dl-slicer", patch_px=480)
    assert folder.split["counts"]["0"]["ALA"]["train"] == 1444


@pytest.mark.parametrize("inside", ["raw", "", "one a city"])
def test_zips_are_read_as_they_come(tmp_path, inside):
    raw = plain_tree(tmp_path / "raw")
    folder = tmp_path / "zips"
    folder.mkdir()
    for city in raw.iterdir():
        name = f"{city.name}.zip" if inside == "one a city" else "download.zip"
        with zipfile.ZipFile(folder / name, "a") as archive:
            for file in sorted(city.rglob("*.png")):
                archive.write(file, file.relative_to(tmp_path if inside == "raw" else raw))
    given = folder if inside == "one a city" else folder / "download.zip"
    zipped, plain = make(given, tmp_path / "a"), make(raw, tmp_path / "b")
    assert zipped.cities == plain.cities
    assert zipped.images["key"].tolist() == plain.images["key"].tolist()
    pd.testing.assert_frame_equal(zipped.patches, plain.patches)
    from geocity.data.cities.patches import CityPatchDataset

    for i in (0, 30):
        one, other = (CityPatchDataset(f, [i], side_px=20)[0]["image"] for f in (zipped, plain))
        assert (one == other).all()


def test_whole_places_are_held_out_and_rotate(tmp_path):
    raw = placed_tree(tmp_path / "raw", sites=6)
    folder = make(raw, tmp_path / "out", split="sites", folds=3)
    parts = parts_by_unit(folder)
    assert all(len(found) == 1 for found in parts.values())
    for unit in set(folder.images["unit"]):
        assert sorted(p for fold in range(3) for p in parts[fold, unit]) == ["test", "train", "val"]
    assert folder.split["units"]["0"]["ALA"] == {"train": 2, "val": 2, "test": 2}
    other = make(raw, tmp_path / "other", split="sites", folds=3, seed=1)
    assert parts_by_unit(other) != parts


def test_sites_that_share_ground_are_one_place(tmp_path):
    raw = placed_tree(tmp_path / "raw", sites=4, dates=YEARS[:1])
    write_tif(raw / "Alma(ALA)/7/x.tif", coded_pixels(60, 60), left=ORIGIN[0] + 1040, top=ORIGIN[1])
    write_tif(raw / "Alma(ALA)/8/x.tif", coded_pixels(60, 60), left=ORIGIN[0] + 1100, top=ORIGIN[1])
    folder = make(raw, tmp_path / "out", folds=3)
    units = dict(zip(folder.images["site"], folder.images["unit"], strict=False))
    assert units["7"] == "Alma(ALA)/1"
    assert units["8"] == "Alma(ALA)/8"  # its edge touches site 7: no pixel is shared
    boxes = image_footprints(folder.images)
    for _, rows in folder.patches.groupby("fold"):
        held = rows.drop_duplicates("image").set_index("image")["part"]
        for i in held.index:
            for j in held.index:
                shared = boxes[i].intersection(boxes[j]).area / boxes[i].area
                assert shared < 1e-4 or held[i] == held[j]


def test_a_place_belongs_to_one_city(tmp_path):
    raw = placed_tree(tmp_path / "raw", sites=3, dates=YEARS[:1])
    write_tif(raw / "Bish(FRU)/9/x.tif", coded_pixels(60, 60), left=ORIGIN[0] + 1000, top=ORIGIN[1])
    with pytest.raises(InputError, match="two cities"):
        make(raw, tmp_path / "out")


@pytest.mark.parametrize("wanted", [None, "2022", "2018-05-21"])
def test_a_held_out_date_shares_no_place_with_training(tmp_path, wanted):
    folder = make(placed_tree(tmp_path / "raw"), tmp_path / "out", hold_out_date=wanted)
    assert folder.split["how"] == "dates"
    day = datetime.date.fromisoformat(YEARS[0] if wanted == "2018-05-21" else YEARS[1])
    images = folder.images.loc[folder.patches["image"]].reset_index(drop=True)
    for part, rows in images.groupby(folder.patches["part"]):
        assert (set(rows["date"]) == {day}) == (part == "test")
        assert (day in set(rows["date"])) == (part == "test")
    for found in parts_by_unit(folder).values():
        assert found in ({"train"}, {"val"}, {"test", "test_same_date"})
    assert folder.split["units"]["0"]["FRU"]["test"] == 1


def test_dates_at_different_places(tmp_path):
    raw = placed_tree(tmp_path / "raw", sites=2, dates=YEARS[:1])
    for c, city in enumerate(("Alma(ALA)", "Bish(FRU)")):
        write_tif(
            raw / city / "9" / "x_20220914.tif", coded_pixels(60, 60),
            left=ORIGIN[0] + 9000, top=ORIGIN[1] + 50_000 * c,
        )  # fmt: skip
    folder = make(raw, tmp_path / "out", split="dates")
    assert parts_by_unit(folder)[0, "Alma(ALA)/9"] == {"test"}
    with pytest.raises(InputError, match="0 places with images of the held-out date"):
        make(raw, tmp_path / "out", split="dates", folds=3)


def test_years_above_cities(tmp_path):
    """The layout of the NAIP tiles: <year>/<city>/<tile>.tif."""
    for year in (2016, 2018):
        for c, city in enumerate(("claremont", "riverside")):
            for tile in range(5):
                write_tif(
                    tmp_path / f"raw/{year}/{city}/{city}_{tile:03}.tif",
                    np.concatenate([coded_pixels(40, 40), coded_pixels(40, 40)[:1]]),
                    cell_m=0.6, left=ORIGIN[0] + 500 * tile, top=ORIGIN[1] + 9000 * c,
                )  # fmt: skip
    folder = make(
        tmp_path / "raw", tmp_path / "out", layout="date/city/site", hold_out_date="2018",
        patch_m=12.0,
    )  # fmt: skip
    assert [city.code for city in folder.cities] == ["claremont", "riverside"]
    assert folder.images["key"].is_unique
    assert folder.images["key"].iloc[0] == "claremont/claremont_000/claremont_000_2016"
    assert set(folder.patches["side"]) == {20}
    back = make(
        tmp_path / "raw", tmp_path / "back", layout="date/city/site", hold_out_date="2016",
        patch_m=12.0,
    )  # fmt: skip
    for made, year in ((folder, 2018), (back, 2016)):
        test = made.patches["image"][made.patches["part"] == "test"]
        assert set(made.images["date"][test]) == {datetime.date(year, 1, 1)}


def test_cells_of_different_size_give_patches_of_one_ground_size(tmp_path):
    raw = placed_tree(tmp_path / "raw", sites=3, dates=YEARS[:1], side=60)
    write_tif(
        raw / "Alma(ALA)/9/x.tif", coded_pixels(120, 120), cell_m=0.5,
        left=ORIGIN[0] + 9000, top=ORIGIN[1],
    )  # fmt: skip
    folder = make(raw, tmp_path / "out", patch_m=20.0)
    sides = dict(zip(folder.patches["site"], folder.patches["side"], strict=False))
    assert sides["1"] == 20
    assert sides["9"] == 40
    for patch in range(0, len(folder.patches), 9):
        assert folder.patch_grid(patch).polygon().area == pytest.approx(400)
    with pytest.raises(InputError, match="--patch-m"):
        make(raw, tmp_path / "out", patch_px=20)


def test_world_files_and_tables_place_images(tmp_path):
    raw = plain_tree(tmp_path / "raw", sites=3)
    (raw / "Alma(ALA)/1/a.pgw").write_text("0.5\n0\n0\n-0.5\n500000.25\n4199999.75\n")
    table = tmp_path / "bounds.csv"
    table.write_text(
        "image,west,south,east,north,crs\nAlma(ALA)/2/a,71,42.0,71.001,42.001,EPSG:4326\n"
    )
    days = tmp_path / "dates.csv"
    days.write_text("image,date\nAlma(ALA),2018\nAlma(ALA)/3,2019-07\nBish(FRU),2020-01-02\n")
    folder = make(
        raw, tmp_path / "out", bounds=table, dates=days, crs="EPSG:32643", patch_m=10.0,
    )  # fmt: skip
    images = folder.images.set_index("key")
    assert images["placed"].tolist() == ["world file", "table", "", "", "", ""]
    assert images.loc["Alma(ALA)/1/a", "cell_size_m"] == 0.5
    assert images.loc["Alma(ALA)/1/a", ["west", "north"]].tolist() == [500000, 4200000]
    assert images["date"].tolist()[:4] == [
        datetime.date(2018, 1, 1), datetime.date(2018, 1, 1), datetime.date(2019, 7, 1),
        datetime.date(2020, 1, 2),
    ]  # fmt: skip
    outlines = pyogrio.read_dataframe(tmp_path / "out/footprints.gpkg", layer="images")
    assert len(outlines) == 2
    assert outlines.geometry.iloc[1].bounds == pytest.approx((71, 42, 71.001, 42.001))


def test_footprints_lie_where_patches_are(tmp_path):
    folder = make(placed_tree(tmp_path / "raw", sites=3), tmp_path / "out")
    layer = pyogrio.read_dataframe(tmp_path / "out/footprints.gpkg", layer="patches")
    assert len(layer) == len(folder.patches)
    assert layer.crs.to_epsg() == 4326
    row = layer.iloc[37]
    grid = folder.patch_grid(int(row["patch"]))
    back = shapely.box(*layer.to_crs(grid.crs).geometry.iloc[37].bounds)
    assert back.symmetric_difference(grid.polygon()).area < 0.5
    assert row["part"] == folder.patches["part"].iloc[int(row["patch"])]
    styles = pyogrio.read_dataframe(tmp_path / "out/footprints.gpkg", layer="layer_styles")
    assert styles["f_table_name"].tolist() == ["patches"]


def test_broken_and_odd_images_are_named_and_left_out(tmp_path, caplog):
    raw = plain_tree(tmp_path / "raw", sites=3)
    whole = write_picture(tmp_path / "whole.jpg", coded_pixels(200, 200))
    site = raw / "Alma(ALA)/1"
    (site / "cut.jpg").write_bytes(whole.read_bytes()[:-2000])
    (site / "empty.jpg").write_bytes(b"")
    cut = write_tif(site / "cut.tif", coded_pixels(300, 300))
    cut.write_bytes(cut.read_bytes()[:-50_000])
    write_tif(site / "deep.tif", coded_pixels(60, 60).astype(np.uint16), epsg=None)
    Image.new("CMYK", (60, 60)).save(site / "print.jpg")
    Image.new("P", (60, 60)).save(site / "palette.png")
    Image.new("RGBA", (60, 60)).save(site / "alpha.png")
    Image.new("L", (60, 60)).save(site / "grey.png")
    write_picture(site / "small.png", coded_pixels(10, 90))
    with caplog.at_level(logging.INFO, "geocity"):
        folder = make(raw, tmp_path / "out")
    images = folder.images.set_index("key")
    broken = images[images["broken"]]
    reasons = {key.split("/")[-1]: reason for key, reason in broken["reason"].items()}
    assert set(reasons) == {"cut_jpg", "cut_tif", "empty", "deep", "print", "palette"}
    assert "cut short" in reasons["cut_jpg"]
    assert "cannot be opened" in reasons["cut_tif"]  # its directory lay at the end
    assert "uint16" in reasons["deep"]
    assert "CMYK" in reasons["print"]
    assert "palette" in reasons["palette"]
    used = set(folder.images["key"].iloc[folder.patches["image"].unique()])
    assert {"Alma(ALA)/1/alpha", "Alma(ALA)/1/grey"} <= used
    assert not used & set(broken.index)
    for words in ("alpha band", "are grey", "6 images in all", "smaller than a patch"):
        assert words in caplog.text


def test_damage_in_the_middle_takes_the_full_look(tmp_path):
    raw = plain_tree(tmp_path / "raw", sites=3)
    noise = np.random.default_rng(0).integers(0, 255, (3, 300, 300)).astype(np.uint8)
    path = write_picture(raw / "Alma(ALA)/1/noise.jpg", noise)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 4] + data[len(data) // 2 :])
    assert not make(raw, tmp_path / "out").images["broken"].any()
    full = make(raw, tmp_path / "out", check="full").images
    assert full["key"][full["broken"]].tolist() == ["Alma(ALA)/1/noise"]


def test_a_stopped_run_goes_on(tmp_path, monkeypatch):
    raw = plain_tree(tmp_path / "raw")
    look, looked = image_scan._look, []

    def look_at_five(path, full):
        if len(looked) == 5:
            raise KeyboardInterrupt
        looked.append(path)
        return look(path, full)

    monkeypatch.setattr(image_scan, "_look", look_at_five)
    with pytest.raises(KeyboardInterrupt):
        make(raw, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    (tmp_path / ".out.scan.jsonl").open("a").write('[["half a li')
    looked.clear()
    stopped = make(raw, tmp_path / "out")
    assert len(looked) == 3  # of eight
    assert not (tmp_path / ".out.scan.jsonl").exists()
    monkeypatch.undo()
    pd.testing.assert_frame_equal(stopped.images, make(raw, tmp_path / "whole").images)


def test_patches_as_files(tmp_path):
    raw = placed_tree(tmp_path / "raw", sites=3, dates=YEARS[:1])
    write_picture(raw / "Alma(ALA)/1/loose.png", coded_pixels(30, 30, 9))
    folder = make(raw, tmp_path / "out", write_patches=True)
    files = sorted((tmp_path / "out/patches").rglob("*.*"))
    assert len(files) == len(folder.patches)
    part = folder.patches["part"][folder.patches["site"] == "2"].iloc[0]
    from geocity.io.rasters import open_scene

    name = tmp_path / "out/patches" / part / "Alma(ALA)/2_ALA_20180521_r10_c20.tif"
    with open_scene(name) as scene:
        assert scene.grid.bounds[0] == ORIGIN[0] + 2000 + 20
        pixels, _ = scene.read(scene.grid.window)
    assert (pixels == coded_pixels(60, 60, 0)[:, 10:30, 20:40]).all()
    (loose,) = (tmp_path / "out/patches").rglob("1_loose_r10_c10.png")
    shown = np.moveaxis(np.asarray(Image.open(loose)), -1, 0)
    assert (shown == coded_pixels(30, 30, 9)[:, 10:, 10:]).all()
    with pytest.raises(InputError, match="one part only"):
        make(raw, tmp_path / "out", write_patches=True, folds=3)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"split": "sites", "folds": 5}, "has 4 places"),
        ({"split": "dates"}, "have no date"),
        ({"hold_out_date": "2018", "split": "sites"}, "only 'dates'"),
        ({"folds": 2}, "3 and more"),
        ({"split": "dl-slicer", "folds": 3}, "one fold"),
        ({"overlap": 1.0}, "0 to 0.95"),
        ({"patch_px": 4}, "8 pixels"),
        ({"cell_size_m": 0.0}, "above 0"),
        ({"layout": "city"}, "choose one of"),
        ({"patch_px": 61}, "no patch at all"),
        ({"bounds": "nowhere.csv"}, "does not exist"),
    ],
)
def test_refusals_say_what_is_missing(tmp_path, options, words):
    raw = plain_tree(tmp_path / "raw")
    with pytest.raises(InputError, match=words):
        make(raw, tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


def test_a_city_with_one_site(tmp_path):
    raw = plain_tree(tmp_path / "raw", sites=1)
    with pytest.raises(InputError, match="Alma has 1 place .*takes 3"):
        make(raw, tmp_path / "out")
    with pytest.raises(InputError, match="one site"):
        make(raw, tmp_path / "out", split="dl-slicer")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("image,west\na,1\n", "missing is south"),
        ("image,west,south,east,north,crs\nzzz,1,1,2,2,EPSG:4326\n", "no image, site or city"),
        ("image,west,south,east,north\na,1,1,2,2\n", "which CRS"),
        ("image,west,south,east,north,crs\na,3,1,2,2,EPSG:4326\n", "hold nothing"),
        ("image,west,south,east,north,crs\na,x,1,2,2,EPSG:4326\n", "no number"),
        ("image,west,south,east,north,crs\na,1,1,2,2,nonsense\n", "coordinate reference system"),
    ],
)
def test_tables_that_do_not_fit(tmp_path, text, words):
    raw = plain_tree(tmp_path / "raw")
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(InputError, match=words):
        make(raw, tmp_path / "out", bounds=tmp_path / "t.csv")


def test_the_command(tmp_path):
    raw = plain_tree(tmp_path / "raw")
    line = ["city", "prepare", str(raw), "-o", str(tmp_path / "out"), "--patch-px", "20"]
    run = CliRunner().invoke(main, [*line, "--progress", "none"])
    assert run.exit_code == 0, run.output
    assert run.stdout.strip().endswith(str(tmp_path / "out"))
    about = json.loads((tmp_path / "out/cities.json").read_text())
    assert about["split"]["options"]["patch_px"] == 20
    assert about["split"]["counts"]["0"]["ALA"]["train"] == 50
    again = CliRunner().invoke(main, line)
    assert again.exit_code == 1
    assert "already there" in again.output
    with pytest.raises(OutputExistsError):
        prepare(raw, out=tmp_path / "out", options=SMALL)
