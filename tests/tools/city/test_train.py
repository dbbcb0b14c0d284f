import logging
from dataclasses import replace

import pandas as pd
import pytest
import torch
from click.testing import CliRunner

from geocity.cli.city.train import command
from geocity.errors import InputError, OutputExistsError
from geocity.io.cities.packages import read_city_package
from geocity.models import callbacks
from geocity.models.cities.inference import load_city_model
from geocity.tools.city.evaluate import evaluate
from geocity.tools.city.evaluate_options import CityEvaluateOptions
from geocity.tools.city.train import PRESETS, CityTrainOptions, train
from tests.tools.city.toy_cities import CITIES, write_toy_cities
from tests.tools.city.toy_sites import DATES, write_toy_sites

TOY = CityTrainOptions(
    epochs=3,
    backbone="test_resnet",
    batch_size=8,
    input_px=32,
    lr=4e-3,
    augment="light",
    device="cpu",
    precision="32",
)
# For runs that need not learn anything.
SHORT = replace(TOY, epochs=2, batch_size=4, augment="strong")


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def cities(tmp_path_factory):
    return write_toy_sites(tmp_path_factory.mktemp("toy"))


@pytest.fixture(scope="module")
def steps():
    return []


@pytest.fixture(scope="module")
def model(cities, tmp_path_factory, steps):
    out = tmp_path_factory.mktemp("model") / "toy.geocity"
    return train(
        cities,
        out=out,
        options=TOY,
        baseline=True,
        progress=lambda *step: steps.append(step),
    )


def test_it_learns_form_where_colour_misleads(model, steps):
    metrics = read_city_package(model).contract.metrics
    accuracy = metrics["balanced accuracy"]
    assert accuracy["test"] > 0.9
    assert accuracy["another date"] == accuracy["test"]
    colour = metrics["colour histograms alone, balanced accuracy"]
    assert colour["validation"] > 0.9
    assert colour["another date"] < 0.1
    training = [step for step in steps if step[2] == "training"]
    assert training[-1][0] == training[-1][1]
    assert {step[2] for step in steps} == {"training", "patches", "colour alone"}


def test_the_contract_says_all_that_inference_needs(model, cities):
    contract = read_city_package(model).contract
    assert contract.cities == (("AAA", "Alpha"), ("BBB", "Beta"))
    assert contract.bands == ("red", "green", "blue")
    assert contract.input_px == 32
    assert contract.patch_m == 32
    assert contract.cell_size_m == 1
    assert contract.per_image
    assert contract.options["lr"] == 4e-3
    assert contract.split["training patches"] == 2 * 3 * 9
    assert str(cities.parent) not in contract.to_json()
    assert load_city_model(model, device="cpu").stages[-1] == "layer4"


def test_the_run_leaves_log_and_curves_and_no_checkpoint(model):
    run = model.with_name("toy.training")
    assert sorted(p.name for p in run.iterdir()) == ["curves.png", "log.csv", "options.json"]
    log = pd.read_csv(run / "log.csv")
    assert log["epoch"].tolist() == [1, 2, 3]
    assert {"train_loss", "train_accuracy", "val_loss", "val_accuracy"} <= set(log)


@pytest.fixture(scope="module")
def whole(cities, tmp_path_factory):
    """A run that nothing disturbed."""
    return train(cities, out=tmp_path_factory.mktemp("whole") / "m.geocity", options=SHORT)


def test_the_same_seed_gives_the_same_model(whole, cities, tmp_path):
    again = train(cities, out=tmp_path / "a.geocity", options=SHORT)
    other = train(cities, out=tmp_path / "b.geocity", options=replace(SHORT, seed=1))
    assert again.read_bytes() == whole.read_bytes()
    assert other.read_bytes() != whole.read_bytes()


def killed(monkeypatch, after):
    """Make training stop as if killed, once an epoch is over and its checkpoint is written."""
    real = callbacks.History.on_train_epoch_start

    def start(self, trainer, module):
        if len(self.rows) == after:
            raise KeyboardInterrupt
        real(self, trainer, module)

    monkeypatch.setattr(callbacks.History, "on_train_epoch_start", start)


def test_patches_replaced_meanwhile_are_noticed(tmp_path):
    folder = write_toy_sites(tmp_path, sites=3)

    def replace_tables(done, total, stage):
        table = next(folder.glob("patches.*"))
        table.write_bytes(table.read_bytes() + b" ")

    options = replace(SHORT, epochs=1)
    with pytest.raises(InputError, match="was replaced while a network was trained on it"):
        train(folder, out=tmp_path / "m.geocity", options=options, progress=replace_tables)
    assert not (tmp_path / "m.geocity").exists()


def test_a_killed_run_goes_on_as_if_nothing_had_happened(
    whole, cities, tmp_path, monkeypatch, caplog
):
    out = tmp_path / "cut.geocity"
    with monkeypatch.context() as patch:
        killed(patch, 1)
        with pytest.raises(KeyboardInterrupt):
            train(cities, out=out, options=SHORT)
    assert "--resume" in caplog.text
    assert not out.exists()
    with pytest.raises(OutputExistsError, match="--resume"):
        train(cities, out=out, options=SHORT)
    with pytest.raises(InputError, match=r"began with lr.*--overwrite"):
        train(cities, out=out, options=replace(SHORT, lr=1e-4), resume=True)
    resumed = train(cities, out=out, options=SHORT, resume=True)
    assert resumed.read_bytes() == whole.read_bytes()


def test_a_city_of_one_acquisition_is_named(tmp_path, caplog):
    folder = write_toy_sites(tmp_path)
    table = pd.read_csv(folder / "images.csv", keep_default_na=False)
    table.loc[table["city"] == 0, "date"] = DATES[0].isoformat()
    table.to_csv(folder / "images.csv", index=False)
    with caplog.at_level(logging.WARNING):
        train(folder, out=tmp_path / "m.geocity", options=replace(SHORT, epochs=1))
    assert "Alpha: all images are of one date" in caplog.text
    assert "Beta" not in caplog.text


def test_weights_from_a_file(model, cities, tmp_path, caplog):
    options = replace(TOY, epochs=1, weights=str(model))
    with caplog.at_level(logging.INFO):
        train(cities, out=tmp_path / "m.geocity", options=options)
    assert "The backbone starts from toy.geocity" in caplog.text


def test_a_folder_without_validation_is_refused(tmp_path):
    folder = write_toy_sites(tmp_path)
    table = pd.read_csv(folder / "patches.csv")
    table[table["part"] != "val"].to_csv(folder / "patches.csv", index=False)
    with pytest.raises(InputError, match=r"no validation patches.*city prepare"):
        train(folder, out=tmp_path / "m.geocity", options=SHORT)
    table[(table["part"] != "train") | (table["city"] == 0)].to_csv(
        folder / "patches.csv", index=False
    )
    with pytest.raises(InputError, match="Beta has no training patches"):
        train(folder, out=tmp_path / "m.geocity", options=SHORT)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"epochs": 0}, "epochs is 0"),
        ({"batch_size": 1}, "at least 2"),
        ({"input_px": 16}, "32 to 4096"),
        ({"lr": 0}, "learning rate"),
        ({"weight_decay": -1}, "weight decay"),
        ({"augment": "wild"}, "augment is 'wild'; choose one of strong"),
        ({"normalise": "no"}, "normalise is 'no'"),
        ({"schedule": "steps"}, "schedule is 'steps'"),
        ({"monitor": "luck"}, "monitor is 'luck'"),
    ],
)
def test_options_that_cannot_be(changes, message):
    with pytest.raises(InputError, match=message):
        CityTrainOptions(**changes)


def test_the_command_lets_what_is_typed_stand_over_the_preset(cities, tmp_path):
    out = tmp_path / "m.geocity"
    typed = ["--epochs", "1", "--backbone", "mobilenetv3_small_050", "--weights", "none"]
    small = ["--input-px", "32", "--device", "cpu", "--batch-size", "4"]
    arguments = [str(cities), "-o", str(out), "--preset", "dl-slicer", *typed, *small]
    outcome = CliRunner().invoke(command, arguments)
    assert outcome.exit_code == 0, outcome.output
    assert str(out) in outcome.output
    contract = read_city_package(out).contract
    assert contract.options["augment"] == "flips"
    assert contract.options["lr"] == 1e-3
    assert contract.options["epochs"] == 1
    assert not contract.per_image
    assert PRESETS["dl-slicer"].batch_size == 128


def test_a_city_left_out_is_truly_unknown(tmp_path):
    prepared = write_toy_cities(tmp_path, CITIES)
    left = CITIES[1]
    model = train(
        prepared, out=tmp_path / "m.geocity", options=replace(SHORT, leave_out=(left.name.lower(),))
    )
    contract = read_city_package(model).contract
    assert left.code not in contract.codes
    assert len(contract.codes) == len(CITIES) - 1
    report = evaluate(
        model,
        prepared,
        out=tmp_path / "evaluation",
        options=CityEvaluateOptions(draws=20, audit_patches=0, device="cpu"),
    ).report
    parts = pd.read_csv(prepared / "patches.csv")
    strangers = parts[(parts["part"] == "test") & (parts["city"] == 1)]
    assert report["unknown"]["patches"]["never_seen"]["units"] == len(strangers) > 0
