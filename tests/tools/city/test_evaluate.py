import csv
import json
from dataclasses import replace

import numpy as np
import pytest

from geocity.core.cities.city_calibration import CityCalibration
from geocity.errors import InputError, OutputExistsError
from geocity.io.cities.manifest import City
from geocity.io.cities.packages import read_city_package
from geocity.tools.city.audit_cues import spread_choice
from geocity.tools.city.evaluate import evaluate
from geocity.tools.city.evaluate_options import CityEvaluateOptions
from tests.tools.city.toy_cities import CITIES, write_toy_cities

QUICK = CityEvaluateOptions(draws=50, audit_patches=30, device="cpu")


@pytest.fixture(scope="module")
def done(tmp_path_factory, toy_model, toy_cities):
    folder = tmp_path_factory.mktemp("evaluated")
    return evaluate(
        toy_model,
        toy_cities,
        out=folder / "evaluation",
        write_calibrated=folder / "calibrated.geocity",
        options=QUICK,
    )


def read_csv(path):
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def test_three_levels_are_counted(done):
    levels = done.report["levels"]
    assert [levels[n]["units"] for n in ("patches", "images", "sites")] == [108, 12, 6]
    assert {levels[n]["independent_sites"] for n in levels} == {6}
    assert levels["patches"]["accuracy"]["value"] > 0.8
    assert levels["sites"]["accuracy"]["value"] >= levels["patches"]["accuracy"]["value"]
    assert levels["patches"]["top_3"]["value"] == 1


def test_files_hold_what_the_report_says(done):
    written = json.loads((done.folder / "metrics.json").read_text(encoding="utf-8"))
    assert written == json.loads(json.dumps(done.report))
    for name, units in (("patches", 108), ("images", 12), ("sites", 6)):
        rows = read_csv(done.folder / f"{name}.csv")
        assert len(rows) == units
        right = np.mean([int(row["right"]) for row in rows])
        assert right == pytest.approx(done.report["levels"][name]["accuracy"]["value"])
        for row in rows:
            assert row["right"] == str(int(row["truth"] == row["named"]))
            assert sum(float(row[f"p_{n}"]) for n in (1, 2, 3)) == pytest.approx(1, abs=1e-5)
            assert row["city_1"] == row["named"]
    assert {row["site"] for row in read_csv(done.folder / "sites.csv")} >= {"ALA/ALA/3"}
    patch = read_csv(done.folder / "patches.csv")[5]
    assert (patch["image"], patch["row"], patch["col"]) == ("ALA/3/ALA_0", "32", "64")
    for name in ("confusion_matrix", "per_city", "reliability", "cue_audit"):
        assert (done.folder / f"{name}.png").stat().st_size > 5000


def test_the_matrix_and_the_pairs_agree(done):
    rows = read_csv(done.folder / "confusion_matrix.csv")
    wrong = {
        (row["true"], code): int(row[code])
        for row in rows
        for code in ("ALA", "FRU", "CIT")
        if code != row["true"] and int(row[code])
    }
    pairs = read_csv(done.folder / "confused_pairs.csv")
    assert {(p["truth"], p["taken_for"]): int(p["patches"]) for p in pairs} == wrong
    shares = [float(p["share"]) for p in pairs]
    assert shares == sorted(shares, reverse=True)


def test_the_calibrated_copy_carries_what_was_learned(done, toy_model):
    before, after = read_city_package(toy_model), read_city_package(done.calibrated)
    told = CityCalibration.from_plain(after.contract.calibration)
    assert after.contract.temperature == told.patch.temperature
    assert after.contract.temperature == done.report["calibration"]["patches"]["temperature"]
    assert len(told.means) == 3
    np.testing.assert_allclose(np.linalg.norm(told.means, axis=1), 1, atol=1e-4)
    unchanged = replace(after.contract, temperature=1.0, calibration={})
    assert unchanged == before.contract
    copied = after.weights()
    for name, array in before.weights().items():
        np.testing.assert_array_equal(array, copied[name])


def test_sets_and_unknown_cities_are_measured(done):
    sets, unknown = done.report["sets"], done.report["unknown"]
    assert sets["patches"]["guaranteed"] is False  # three validation sites, nine are needed
    assert sets["sites_needed_for_a_promise"] == 9
    assert 0 <= sets["patches"]["coverage_by_site"] <= 1
    assert [row["city"] for row in unknown["patches"]["left_out"]] == [0, 1, 2]
    assert unknown["patches"]["never_seen"] is None


def test_the_audit_knows_that_colour_says_nothing_here(done):
    audit = done.report["cue_audit"]
    assert audit["patches"] == 30
    assert set(audit["cues"]) == {"grey", "colours", "blur", "shuffle"}
    assert audit["cues"]["grey"]["skill_kept"] == pytest.approx(1, abs=0.05)
    assert audit["dates"]["a_date_of_training"]["patches"] == 54
    assert audit["dates"]["another_date"]["patches"] == 54
    assert "On another date" in audit["verdict"]


def test_the_table_speaks_of_independent_sites(done):
    assert "6 independent sites in this part" in done.table
    assert "What it lives off (30 patches)" in done.table
    assert "too few sites to promise it" in done.table
    assert "Colour histograms alone, in training: balanced 0.350 (test)." in done.table
    assert "an unknown city is noticed" in done.table.lower()


def test_the_same_twice(done, toy_model, toy_cities, tmp_path):
    again = evaluate(toy_model, toy_cities, out=tmp_path / "again", options=QUICK)
    for path in sorted(done.folder.iterdir()):
        assert (again.folder / path.name).read_bytes() == path.read_bytes(), path.name
    assert again.calibrated is None


def test_a_city_that_the_model_lacks_is_an_unknown_city(toy_model, tmp_path):
    cities = (*CITIES[:2], City("XXX", "Elsewhere"))
    prepared = write_toy_cities(tmp_path, cities)
    report = evaluate(
        toy_model, prepared, out=tmp_path / "out", options=replace(QUICK, audit_patches=0)
    ).report
    assert report["data"]["patches_of_unknown_cities"] == 36
    assert report["levels"]["patches"]["units"] == 72
    assert report["unknown"]["images"]["never_seen"]["units"] == 4
    assert report["cue_audit"] is None


def test_without_validation_nothing_is_calibrated(toy_model, toy_cities, tmp_path, caplog):
    prepared = copy_with_parts(toy_cities, tmp_path, {"val": ""})
    done = evaluate(toy_model, prepared, out=tmp_path / "out", options=QUICK)
    assert "calibration" not in done.report
    assert "not calibrated" in done.table
    assert not (done.folder / "reliability.png").exists()
    assert "no validation patches" in caplog.text
    with pytest.raises(InputError, match="no validation patches to calibrate"):
        evaluate(
            toy_model, prepared, out=tmp_path / "b", write_calibrated=tmp_path / "m", options=QUICK
        )


def test_the_model_itself_is_never_overwritten(toy_model, toy_cities, tmp_path):
    with pytest.raises(InputError, match="is the model itself"):
        evaluate(
            toy_model, toy_cities, out=tmp_path / "o", write_calibrated=toy_model, overwrite=True
        )


def test_sites_shared_with_validation_are_spoken_of(toy_model, toy_cities, tmp_path, caplog):
    from geocity.io.cities.manifest import read_city_folder, write_city_folder

    folder = read_city_folder(toy_cities)
    patches = folder.patches.copy()
    right = (patches["part"] == "test") & (patches["col"] > 40)
    patches.loc[right, "part"] = "val"
    prepared = write_city_folder(tmp_path / "halves", replace(folder, patches=patches))
    evaluate(toy_model, prepared, out=tmp_path / "o", options=replace(QUICK, audit_patches=0))
    assert "Test and validation share 6 of their sites" in caplog.text


def test_places_kept_for_the_known_date_are_compared(toy_model, toy_cities, tmp_path):
    from geocity.io.cities.manifest import read_city_folder, write_city_folder

    folder = read_city_folder(toy_cities)
    patches = folder.patches.copy()
    known = (patches["part"] == "test") & (patches["site"].astype(str) == "3")
    patches.loc[known, "part"] = "test_same_date"
    prepared = write_city_folder(tmp_path / "dates", replace(folder, patches=patches))
    report = evaluate(toy_model, prepared, out=tmp_path / "o", options=QUICK).report
    assert report["levels"]["patches"]["units"] == 54
    dates = report["cue_audit"]["dates"]
    assert (dates["a_date_of_training"]["patches"], dates["another_date"]["patches"]) == (54, 54)


def test_one_site_gives_no_intervals(toy_model, toy_cities, tmp_path):
    prepared = copy_with_parts(toy_cities, tmp_path, {"test": ""}, keep_first=True)
    done = evaluate(
        toy_model, prepared, out=tmp_path / "out", options=replace(QUICK, audit_patches=9)
    )
    assert done.report["levels"]["patches"]["accuracy"]["low"] is None
    assert "One independent site in this part: too few to say" in done.table
    assert done.report["cue_audit"] is None  # colours are borrowed from other cities


def copy_with_parts(prepared, root, change, keep_first=False):
    """Return a copy of a city folder whose patches have other parts."""
    from geocity.io.cities.manifest import read_city_folder, write_city_folder

    folder = read_city_folder(prepared)
    patches = folder.patches.copy()
    first = (patches["city"] == 0) & (patches["site"].astype(str) == "3")
    for old, new in change.items():
        changed = (patches["part"] == old) & ~(first if keep_first else False)
        patches.loc[changed, "part"] = new
    return write_city_folder(root / "changed", replace(folder, patches=patches))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"split": "rest"}, "split is 'rest'; choose one of test"),
        ({"coverage": 1.0}, "The coverage is 1; give a share"),
        ({"acceptance": -1.0}, "The acceptance is -1"),
        ({"draws": 0}, "draws is 0; give at least 1"),
        ({"fold": 3}, "has no fold 3; it has 0"),
    ],
)
def test_impossible_options_are_refused(options, message, toy_model, toy_cities, tmp_path):
    with pytest.raises(InputError, match=message):
        evaluate(toy_model, toy_cities, out=tmp_path / "out", options=replace(QUICK, **options))
    assert not (tmp_path / "out").exists()


def test_other_cities_altogether_are_refused(toy_model, tmp_path):
    prepared = write_toy_cities(tmp_path, (City("XXX", "X"), City("YYY", "Y")))
    with pytest.raises(InputError, match=r"holds XXX, YYY and the model knows ALA, FRU, CIT"):
        evaluate(toy_model, prepared, out=tmp_path / "out")


def test_an_empty_part_says_what_there_is(toy_model, toy_cities, tmp_path):
    prepared = copy_with_parts(toy_cities, tmp_path, {"test": ""})
    with pytest.raises(InputError, match=r"no test patches .* \(test 0, val 54, train 108\)"):
        evaluate(toy_model, prepared, out=tmp_path / "out")


def test_results_are_not_replaced_unasked(done, toy_model, toy_cities, tmp_path):
    with pytest.raises(OutputExistsError):
        evaluate(toy_model, toy_cities, out=done.folder, options=QUICK)
    with pytest.raises(OutputExistsError):
        evaluate(
            toy_model,
            toy_cities,
            out=tmp_path / "out",
            write_calibrated=done.calibrated,
            options=QUICK,
        )


def test_a_sample_is_spread_over_cities():
    truth = np.array([0] * 50 + [1] * 3 + [2] * 50 + [-1] * 50)
    chosen = spread_choice(truth, 31, seed=0)
    assert np.bincount(truth[chosen]).tolist() == [14, 3, 14]
    assert (np.diff(chosen) > 0).all()
    assert spread_choice(truth, 1000, seed=0).tolist() == list(range(103))
    assert not len(spread_choice(np.array([-1, -1]), 10, seed=0))
