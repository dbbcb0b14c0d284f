import json
import logging
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from geocity.cli import main
from geocity.errors import InputError, OutputExistsError
from geocity.io.chips import read_chip_folder
from geocity.io.model_packages import read_model
from geocity.models.losses import CrossEntropy
from geocity.models.networks import load_network
from geocity.tools.find_lr import find_lr
from geocity.tools.train import TrainOptions, settle, train
from tests.toy_chips import write_toy_chips

TOY = TrainOptions(epochs=3, encoder="compact", batch_size=4, lr=4e-3, device="cpu", draw="even")
# For runs that need not learn anything.
SHORT = replace(TOY, epochs=2, batch_size=2)
# The networks of a library go the same way; one run shows it.
LIBRARY = replace(SHORT, encoder="tu-mobilenetv3_small_050", freeze_epochs=1)


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def chips(tmp_path_factory):
    return write_toy_chips(tmp_path_factory.mktemp("toy") / "chips")


@pytest.fixture(scope="module")
def steps():
    return []


@pytest.fixture(scope="module")
def model(chips, tmp_path_factory, steps):
    out = tmp_path_factory.mktemp("model") / "toy.geocity"
    return train(chips, out=out, options=TOY, progress=lambda *step: steps.append(step))


def test_it_learns_what_colour_alone_does_not_tell(model, steps):
    contract = read_model(model).contract
    measures = contract.metrics["validation"]
    assert measures["IoU of slum"] > 0.7
    assert measures["mean IoU"] > 0.7
    assert steps[-1][0] == steps[-1][1]
    assert [s[0] for s in steps] == list(range(1, len(steps) + 1))


def test_the_contract_says_all_that_inference_needs(model, chips):
    contract = read_model(model).contract
    folder = read_chip_folder(chips)
    statistics = folder.band_statistics("train")
    assert contract.bands == ("red", "green", "blue")
    assert contract.dtype == "uint8"
    assert contract.cell_size_m == pytest.approx(0.8)
    assert contract.classes == folder.classes
    assert contract.scale == 255
    assert np.allclose(contract.mean, statistics.mean / 255)
    assert np.allclose(contract.std, statistics.std / 255)
    assert contract.split["training chips"] == 12
    assert contract.split["validation chips"] == 4
    assert contract.footprint["type"] in ("Polygon", "MultiPolygon")
    longitude, latitude = np.array(contract.footprint["coordinates"][0]).reshape(-1, 2)[0]
    assert (72 < longitude < 74, 18 < latitude < 20) == (True, True)
    assert contract.options["lr"] == 4e-3
    assert str(chips.parent) not in contract.to_json()


def test_training_and_inference_normalise_alike(model, chips):
    """A chip through the data module equals the same pixels through the contract."""
    from geocity.core.normalise import normalise
    from geocity.data.module import BatchOptions, ChipDataModule
    from geocity.io.chips import read_chip

    folder = read_chip_folder(chips)
    data = ChipDataModule(folder, BatchOptions())
    pixels, _, valid = read_chip(folder.split("val")[0])
    served = normalise(pixels, read_model(model).contract, valid)
    assert np.array_equal(data.val_chips[0]["image"].numpy(), served)


def test_the_model_scores_what_its_card_says(model, chips):
    package = read_model(model)
    network = load_network(package)
    from geocity.data.module import BatchOptions, ChipDataModule

    data = ChipDataModule(read_chip_folder(chips), BatchOptions())
    hits = union = 0
    with torch.inference_mode():
        for batch in data.val_dataloader():
            found = network(batch["image"]).argmax(1) == 1
            known, truth = batch["mask"] != 255, batch["mask"] == 1
            hits += int((found & truth & known).sum())
            union += int(((found | truth) & known).sum())
    assert hits / union == pytest.approx(
        package.contract.metrics["validation"]["IoU of slum"], abs=1e-3
    )


def test_log_and_curves_are_kept_and_checkpoints_are_not(model):
    run = model.with_name("toy.training")
    assert sorted(p.name for p in run.iterdir()) == ["curves.png", "log.csv", "options.json"]
    lines = (run / "log.csv").read_text().splitlines()
    assert len(lines) == 1 + TOY.epochs
    assert lines[0].startswith("epoch,train_loss,val_iou/background,val_iou/slum,val_loss")


class Killed(BaseException):
    """The power fails."""


def full(*_):
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")


def test_a_killed_run_resumes_to_the_same_bytes(chips, tmp_path, monkeypatch):
    """The power fails in training; then the card is full when the probabilities are calibrated."""
    whole = train(chips, out=tmp_path / "whole.geocity", options=SHORT)
    out = tmp_path / "cut.geocity"

    def kill(done, total, stage):
        if done > 0.8 * total:
            raise Killed

    with pytest.raises(Killed):
        train(chips, out=out, options=SHORT, progress=kill)
    assert not out.exists()
    with pytest.raises(OutputExistsError, match="--resume"):
        train(chips, out=out, options=SHORT)
    with pytest.raises(InputError, match="began with loss"):
        train(chips, out=out, options=replace(SHORT, loss="dice"), resume=True)
    with monkeypatch.context() as patch:
        patch.setattr("geocity.models.training.channels_last", full)
        with pytest.raises(InputError, match=r"go on with --resume"):
            train(chips, out=out, options=SHORT, resume=True)
    train(chips, out=out, options=SHORT, resume=True)
    assert out.read_bytes() == whole.read_bytes()


def test_an_interrupt_says_how_to_go_on(chips, tmp_path, caplog):
    def interrupt(done, total, stage):
        if done > 0.6 * total:
            raise KeyboardInterrupt

    with caplog.at_level(logging.INFO, "geocity"), pytest.raises(KeyboardInterrupt):
        train(chips, out=tmp_path / "m.geocity", options=LIBRARY, progress=interrupt)
    assert "--resume" in caplog.text
    assert "epoch 1 of 2" in caplog.text


def test_chips_replaced_meanwhile_are_noticed(chips, tmp_path):
    own = shutil.copytree(chips, tmp_path / "chips")

    def replace_chips(done, total, stage):
        table = json.loads((own / "chips.json").read_text())
        (own / "chips.json").write_text(json.dumps(table | {"about": done}))

    options = replace(TOY, epochs=1)
    with pytest.raises(InputError, match="was replaced while a network was trained on it"):
        train(own, out=tmp_path / "m.geocity", options=options, progress=replace_chips)
    assert not (tmp_path / "m.geocity").exists()


def test_focus_pretrained_freezing_and_patience(chips, model, tmp_path):
    """The other ways through, in one run: fine-tuning the toy with all that goes with it."""
    options = replace(
        TOY,
        weights=str(model),
        freeze_epochs=1,
        patience=1,
        monitor="slum",
        draw="focused",
        augment="strong",
        loss="ce+0.5*lovasz",
        class_weights="balanced",
        epochs=3,
        tensorboard=tmp_path / "board",
    )
    tuned = train(chips, out=tmp_path / "tuned.geocity", options=options)
    contract = read_model(tuned).contract
    assert contract.options["weights"] == "toy.geocity"
    assert contract.metrics["validation"]["IoU of slum"] > 0.5
    assert any((tmp_path / "board").iterdir())


def test_refusals(chips, tmp_path):
    out = tmp_path / "m"
    with pytest.raises(InputError, match="cannot monitor 'water'"):
        train(chips, out=out, options=replace(TOY, monitor="water"))
    with pytest.raises(InputError, match="multiple of 32"):
        train(chips, out=out, options=replace(TOY, crop_size=100))
    with pytest.raises(InputError, match="no such weight file"):
        train(chips, out=out, options=replace(TOY, weights="nothing.pth"))
    with pytest.raises(InputError, match="cannot read the loss"):
        train(chips, out=out, options=replace(TOY, loss="magic"))
    with pytest.raises(InputError, match="not a folder"):
        train(tmp_path / "none", out=out)
    if not torch.cuda.is_available():
        with pytest.raises(InputError, match="no CUDA device"):
            train(chips, out=out, options=replace(TOY, device="cuda"))
    assert not out.exists()


@pytest.mark.parametrize(
    "bad", [{"epochs": 0}, {"lr": 0.0}, {"batch_size": 0}, {"class_weights": "x"}, {"seed": -1}]
)
def test_options_that_cannot_be(bad):
    with pytest.raises(InputError):
        TrainOptions(**bad)


def test_no_validation_chips(chips, tmp_path):
    folder = tmp_path / "chips"
    shutil.copytree(chips, folder)
    about = json.loads((folder / "chips.json").read_text())
    about["chips"] = [c for c in about["chips"] if c["split"] == "train"]
    (folder / "chips.json").write_text(json.dumps(about))
    with pytest.raises(InputError, match="no validation chips"):
        train(folder, out=tmp_path / "m")


def test_divergence_is_one_sentence(chips, tmp_path, monkeypatch):
    monkeypatch.setattr(CrossEntropy, "forward", lambda _, logits, target: logits.sum() * np.nan)
    with pytest.raises(InputError, match="diverged in epoch 1"):
        train(chips, out=tmp_path / "m", options=replace(SHORT, epochs=1))
    with pytest.raises(InputError, match="diverged after 0 steps"):
        find_lr(chips, out=tmp_path / "rate.png", options=SHORT)


def test_too_small_a_card_is_one_sentence(chips, tmp_path, monkeypatch):
    monkeypatch.setattr(CrossEntropy, "forward", full)
    with pytest.raises(InputError, match=r"GPU is too small .*smaller --batch-size"):
        train(chips, out=tmp_path / "m", options=SHORT)
    with pytest.raises(InputError, match=r"GPU is too small .*smaller --batch-size"):
        find_lr(chips, out=tmp_path / "rate.png", options=SHORT)


def test_find_lr(chips, tmp_path):
    found = find_lr(chips, out=tmp_path / "rate.png", options=TOY, steps=30)
    assert found.path.read_bytes().startswith(b"\x89PNG")
    assert found.rate in found.rates
    assert 1e-6 < found.rate < 1
    assert len(found.losses) == len(found.rates) <= 30
    with pytest.raises(InputError, match="end in .png"):
        find_lr(chips, out=tmp_path / "rate.txt", options=TOY)
    with pytest.raises(InputError, match="too few"):
        find_lr(chips, out=tmp_path / "r.png", options=TOY, steps=5)


def test_commands(chips, tmp_path, monkeypatch):
    run = CliRunner()
    for name in ("train", "find-lr"):
        assert run.invoke(main, [name, "--help"]).exit_code == 0
    refused = run.invoke(main, ["train", str(chips), "-o", str(tmp_path / "m"), "--loss", "magic"])
    assert refused.exit_code == 1
    assert "cannot read the loss" in refused.output
    usage = run.invoke(main, ["train", str(chips), "-o", str(tmp_path / "m"), "--lr", "fast"])
    assert usage.exit_code == 2
    seen = {}

    def fake(chips, *, out, options, **_):
        seen.update(chips=chips, out=out, options=options)
        return out

    monkeypatch.setattr("geocity.tools.train.train", fake)
    done = run.invoke(
        main, ["train", str(chips), "-o", "m.geocity", "--lr", "auto", "--freeze-epochs", "2"]
    )
    assert done.exit_code == 0
    assert done.output.strip().endswith("m.geocity")
    assert seen["options"] == replace(TrainOptions(), lr="auto", freeze_epochs=2)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, "compact"),
        ({"architecture": "fpn"}, "resnet34"),
        ({"weights": "imagenet"}, "resnet34"),
        ({"weights": "ResNet18_Weights.SENTINEL2_RGB_MOCO"}, "resnet18"),
        ({"encoder": "tu-resnet10t"}, "tu-resnet10t"),
    ],
)
def test_the_encoder_is_what_the_weights_are_for(chips, options, expected):
    _, settled = settle(read_chip_folder(chips), TrainOptions(**options))
    assert settled.encoder == expected


def test_the_encoder_of_a_model_that_training_starts_from(chips, model):
    _, settled = settle(read_chip_folder(chips), TrainOptions(weights=str(model)))
    assert settled.encoder == read_model(model).contract.encoder
