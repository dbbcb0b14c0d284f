"""Newcomers that are known cities by another name show whether likeness is found."""

import csv
import json
import logging
from html.parser import HTMLParser

import numpy as np
import pytest
from click.testing import CliRunner

from geocity.cli.city.compare import command
from geocity.errors import GridMismatchError, InputError, OutputExistsError
from geocity.io.cities.manifest import City, CityFolder, read_city_folder, write_city_folder
from geocity.tools.city.compare import compare
from geocity.tools.city.compare_options import CompareOptions
from geocity.tools.city.compared_patches import choose_patches
from geocity.tools.city.district_query import find_district
from tests.tools.city.toy_cities import write_toy_cities

QUICK = CompareOptions(draws=100)


@pytest.fixture(scope="module")
def strangers(tmp_path_factory):
    """Zürich is striped as Almaty is, and Genève as Bishkek."""
    cities = (City("ZRH", "Zürich"), City("GVA", 'Genève <b>&"$x$'))
    return write_toy_cities(tmp_path_factory.mktemp("strangers"), cities=cities)


@pytest.fixture(scope="module")
def result(tmp_path_factory, toy_model, toy_cities, strangers):
    out = tmp_path_factory.mktemp("compare") / "comparison"
    return compare(toy_model, toy_cities, out=out, place=strangers, query="ALA/3", options=QUICK)


def rows(path):
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def test_all_files_are_there_and_say_the_same(result):
    names = {path.name for path in result.folder.iterdir()}
    assert names == {
        "comparison.html", "comparison.json", "distances_energy.csv", "distances_cosine.csv",
        "confusion.csv", "pairs.csv", "nearest_cities.csv", "cities.csv", "patches.csv",
        "similar_districts.csv", "placed_cities.csv", "distances.png", "tree.png", "patch_map.png",
    }  # fmt: skip
    report = json.loads((result.folder / "comparison.json").read_text(encoding="utf-8"))
    assert report == result.report
    matrix = rows(result.folder / "distances_energy.csv")
    by_name = {row["city"]: row for row in matrix}
    for pair in report["pairs"]:
        a, b = pair["city_a"], pair["city_b"]
        assert float(by_name[a][b]) == pytest.approx(pair["energy_distance"])
        assert by_name[a][b] == by_name[b][a]
    assert len(rows(result.folder / "patches.csv")) == 3 * 2 * 2 * 9  # cities, sites, images


def test_held_out_patches_are_compared_by_default(result):
    report = result.report
    assert report["about"]["split"] == "test"
    assert [city["sites"] for city in report["cities"]] == [2, 2, 2]
    assert report["retrieval"]["by_site"]["map"] > report["retrieval"]["by_site"]["chance"]
    assert report["confusion"]["patch_accuracy"] > 0.7
    assert "exact" in report["method"]["energy_pairs"]


def test_a_newcomer_is_placed_beside_the_city_it_resembles(result):
    first = {row["city"]: row for row in result.report["placed"] if row["rank"] == 1}
    assert first["Zürich"]["nearest"] == "Almaty"
    assert [row["nearest"] for name, row in first.items() if name != "Zürich"] == ["Bishkek"]
    assert first["Zürich"]["share_of_draws_nearest"] > 0.9
    assert first["Zürich"]["low"] == 0


def test_districts_are_found_in_other_cities_only(result):
    query = result.report["query"]
    assert query["asked"] == "ALA/3"
    assert not query["trained_on"]
    assert len(query["districts"]) == QUICK.nearest
    assert not any(found["district"].startswith("ALA/") for found in query["districts"])
    likeness = [found["similarity"] for found in query["districts"]]
    assert likeness == sorted(likeness, reverse=True)


class _Page(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags, self.links, self.words = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.links += [v for k, v in attrs if k in ("src", "href")]

    def handle_data(self, data):
        self.words.append(data)


def test_the_page_needs_nothing_else_and_escapes_what_it_is_told(result):
    text = result.page.read_text(encoding="utf-8")
    page = _Page(text)
    assert all(link.startswith(("data:image/webp;base64,", "#")) for link in page.links)
    assert ("b", {}) not in page.tags
    assert any('Genève <b>&"$x$' in words for words in page.words)
    policy = next(a["content"] for t, a in page.tags if t == "meta" and "http-equiv" in a)
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert not any("style" in attrs or "onclick" in attrs for _, attrs in page.tags)
    assert not [t for t, attrs in page.tags if t == "img" and not attrs.get("alt")]
    heads = {a["href"] for t, a in page.tags if t == "a"}
    assert heads == {
        "#matrix", "#tree", "#nearest", "#map", "#alike", "#placed", "#districts", "#retrieval",
        "#method",
    }  # fmt: skip


def test_the_same_seed_gives_the_same_files(tmp_path, result, toy_model, toy_cities, strangers):
    again = compare(
        toy_model, toy_cities, out=tmp_path / "a", place=strangers, query="ALA/3", options=QUICK
    )
    for path in result.folder.iterdir():
        assert (again.folder / path.name).read_bytes() == path.read_bytes(), path.name


def changed(folder, out, **changes):
    values = {name: getattr(folder, name) for name in CityFolder.__dataclass_fields__}
    return write_city_folder(out, CityFolder(**{**values, **changes}))


def test_one_site_a_city_means_no_interval(tmp_path, toy_model, toy_cities, caplog):
    folder = read_city_folder(toy_cities)
    patches = folder.patches[folder.patches["site"] != "4"].reset_index(drop=True)
    images = folder.images.assign(path=[folder.image_path(i) for i in range(len(folder.images))])
    single = changed(folder, tmp_path / "single", patches=patches, images=images)
    with caplog.at_level(logging.WARNING):
        found = compare(toy_model, single, out=tmp_path / "out", options=QUICK)
    assert "no interval for Almaty, Bishkek, Shymkent" in caplog.text
    assert {pair["energy_low"] for pair in found.report["pairs"]} == {None}
    assert {branch["support"] for branch in found.report["tree"]} == {None}
    assert "no interval" in found.page.read_text(encoding="utf-8")


def test_patches_are_drawn_evenly_over_sites(toy_cities):
    folder = read_city_folder(toy_cities)
    compared = choose_patches(folder, CompareOptions(patches=10), 0)
    assert np.bincount(compared.site).tolist() == [5] * 6
    assert compared.city_of_site.tolist() == [0, 0, 1, 1, 2, 2]
    rows_of = folder.patches.iloc[compared.rows]
    assert (rows_of["part"] == "test").all()
    assert (rows_of["city"].to_numpy() == compared.city_of_site[compared.site]).all()


def test_two_cities_of_one_name_keep_apart(tmp_path, toy_cities):
    folder = read_city_folder(toy_cities)
    cities = (City("TRI", "Tripoli"), City("KYE", "Tripoli"), folder.cities[2])
    same = CityFolder(
        folder.path, cities, folder.images, folder.patches, folder.patch_m, folder.split
    )
    names = choose_patches(same, QUICK, 0).names
    assert names == ("Tripoli (TRI)", "Tripoli (KYE)", "Shymkent")


@pytest.mark.parametrize("wanted", ["ALA/3", "ALA/3/ALA_1"])
def test_a_district_is_a_site_or_an_image(toy_cities, wanted):
    found = find_district(read_city_folder(toy_cities), wanted, 0, 0)
    assert len(found.rows) == (18 if wanted == "ALA/3" else 9)
    assert found.city == 0


@pytest.mark.parametrize(
    ("wanted", "message"),
    [("Atlantis", "no patches of Atlantis"), ("ALA_1", "5 images .* are called ALA_1")],
)
def test_a_district_must_be_one_thing(toy_cities, wanted, message):
    with pytest.raises(InputError, match=message):
        find_district(read_city_folder(toy_cities), wanted, 0, 0)


def test_training_patches_are_named_as_such(toy_cities):
    assert find_district(read_city_folder(toy_cities), "ALA/0", 0, 0).trained_on


def test_what_cannot_be_compared_is_refused(tmp_path, toy_model, toy_cities):
    folder = read_city_folder(toy_cities)
    out = tmp_path / "out"
    with pytest.raises(InputError, match="no test patches in fold 3"):
        compare(toy_model, toy_cities, out=out, options=CompareOptions(fold=3))
    one = folder.patches[folder.patches["city"] == 0].reset_index(drop=True)
    with pytest.raises(InputError, match="one city only"):
        compare(toy_model, changed(folder, tmp_path / "one", patches=one), out=out)
    with pytest.raises(GridMismatchError, match="200 m wide and the model was trained on 16 m"):
        compare(toy_model, changed(folder, tmp_path / "wide", patch_m=200.0), out=out)
    out.mkdir()
    with pytest.raises(OutputExistsError):
        compare(toy_model, toy_cities, out=out, options=QUICK)


@pytest.mark.parametrize(
    "wrong", [{"draws": 5}, {"measure": "mean"}, {"near_m": float("nan")}, {"split": "rest"}]
)
def test_options_are_checked(wrong):
    with pytest.raises(InputError, match=f"{next(iter(wrong))} is"):
        CompareOptions(**wrong)


def test_the_command(tmp_path, toy_model, toy_cities):
    arguments = [str(toy_model), str(toy_cities), "-o", str(tmp_path / "out"), "--draws", "100"]
    told = CliRunner().invoke(command, [*arguments, "--measure", "cosine", "--linkage", "ward"])
    assert told.exit_code == 0, told.output
    assert told.stdout.strip() == str(tmp_path / "out" / "comparison.html")
    report = json.loads((tmp_path / "out" / "comparison.json").read_text(encoding="utf-8"))
    assert (report["about"]["measure"], report["about"]["linkage"]) == ("cosine", "ward")
    told = CliRunner().invoke(command, arguments)
    assert told.exit_code == 1
    assert "already there" in told.stderr
