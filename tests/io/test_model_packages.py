import json
import struct
import zipfile
from dataclasses import replace

import numpy as np
import pytest

from geocity.core.classes import ClassTable
from geocity.core.model_contract import ModelContract
from geocity.errors import ModelError, OutputExistsError
from geocity.io.model_packages import read_model, write_model

CONTRACT = ModelContract(
    architecture="unet",
    encoder="resnet18",
    bands=("red", "green", "blue"),
    dtype="uint8",
    value_range=(0.0, 255.0),
    cell_size_m=0.8,
    classes=ClassTable.named(["background", "slum"]),
    scale=255.0,
    mean=(0.4, 0.41, 0.42),
    std=(0.1, 0.11, 0.12),
    metrics={"validation": {"iou slum": 0.7123}},
    footprint={"type": "Point", "coordinates": [72.8, 19.0]},
    options={"epochs": 25, "loss": "ce+dice"},
    versions={"torch": "2.15"},
)
WEIGHTS = {"a": np.arange(6, dtype=np.float32).reshape(2, 3), "n": np.array(7, np.int64)}


@pytest.fixture
def model(tmp_path):
    return write_model(tmp_path / "slum.geocity", CONTRACT, WEIGHTS)


def members(path):
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def pack(path, content, compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in content.items():
            archive.writestr(name, data)
    return path


def change_json(path, **changes):
    content = members(path)
    document = json.loads(content["model.json"])
    document.update(changes)
    return pack(path, {**content, "model.json": json.dumps(document)})


def test_what_is_written_is_read_back(model):
    package = read_model(model)
    assert replace(package.contract, weights_sha256="") == CONTRACT
    assert len(package.contract.model_id) == 12
    weights = package.weights()
    assert weights.keys() == WEIGHTS.keys()
    assert all(np.array_equal(weights[k], WEIGHTS[k]) for k in WEIGHTS)
    assert weights["n"].shape == ()


def test_equal_models_have_equal_bytes(model, tmp_path):
    again = write_model(tmp_path / "again.geocity", CONTRACT, dict(reversed(WEIGHTS.items())))
    assert model.read_bytes() == again.read_bytes()


def test_the_card_says_what_a_person_needs(model):
    card = read_model(model).card()
    for word in ("red, green, blue", "0.8 m", "slum", "0.7123", "ce+dice", "#e6004d", "nodata"):
        assert word in card


def test_an_existing_file_is_kept(model):
    with pytest.raises(OutputExistsError):
        write_model(model, CONTRACT, WEIGHTS)
    assert write_model(model, CONTRACT, WEIGHTS, overwrite=True) == model


def test_weights_that_are_not_finite_are_not_written(tmp_path):
    with pytest.raises(ModelError, match="diverged"):
        write_model(tmp_path / "m", CONTRACT, {"a": np.array([1, np.nan], np.float32)})
    assert list(tmp_path.iterdir()) == []


def test_missing_file(tmp_path):
    with pytest.raises(ModelError, match="no such model"):
        read_model(tmp_path / "none")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 not really", b"\x80\x04K\x01."])
def test_not_a_zip(tmp_path, content):
    path = tmp_path / "m"
    path.write_bytes(content)
    with pytest.raises(ModelError, match="not a model file"):
        read_model(path)


@pytest.mark.parametrize("name", ["model.json", "weights.safetensors", "model_card.md"])
def test_missing_member(model, name):
    content = members(model)
    del content[name]
    with pytest.raises(ModelError, match=r"without model.json|expected exactly"):
        read_model(pack(model, content))


@pytest.mark.parametrize("name", ["../evil", "/etc/passwd", "a/b", "run.py", "..\\x"])
def test_foreign_members(model, name):
    with pytest.raises(ModelError, match="foreign member"):
        read_model(pack(model, {**members(model), name: b"x"}))


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_member_given_twice(model):
    with zipfile.ZipFile(model, "a") as archive:
        archive.writestr("model_card.md", "again")
    with pytest.raises(ModelError, match="expected exactly"):
        read_model(model)


def test_a_bomb_is_not_unpacked(model):
    content = {**members(model), "model.json": b" " * (100 << 20)}
    with pytest.raises(ModelError, match="compressed or encrypted"):
        read_model(pack(model, content, zipfile.ZIP_DEFLATED))


def test_a_claimed_size_beyond_the_file_is_refused(model):
    data = bytearray(model.read_bytes())
    entry = data.index(b"PK\x01\x02")
    struct.pack_into("<II", data, entry + 20, 1 << 30, 1 << 30)
    model.write_bytes(bytes(data))
    with pytest.raises(ModelError, match="claims"):
        read_model(model)


def test_a_flipped_byte_is_found(model):
    data = bytearray(model.read_bytes())
    place = data.index(b"ce+dice")
    data[place] ^= 1
    model.write_bytes(bytes(data))
    with pytest.raises(ModelError, match="damaged"):
        read_model(model)


def test_other_weights_are_found(model):
    content = members(model)
    data = bytearray(content["weights.safetensors"])
    data[-1] ^= 1
    pack(model, {**content, "weights.safetensors": bytes(data)})
    with pytest.raises(ModelError, match="not those that the contract"):
        read_model(model).weights()


def tampered(model, data):
    """Put weights in whose hash fits."""
    import hashlib

    content = members(model)
    pack(model, {**content, "weights.safetensors": data})
    return change_json(model, weights_sha256=hashlib.sha256(data).hexdigest())


def test_weights_that_are_a_pickle(model):
    with pytest.raises(ModelError, match="not a safetensors"):
        read_model(tampered(model, b"\x80\x04cos\nsystem\n(S'echo'\ntR.")).weights()


def test_weights_that_are_nan(model):
    import safetensors.numpy

    data = safetensors.numpy.save({"a": np.array([np.inf], np.float32)})
    with pytest.raises(ModelError, match="not finite"):
        read_model(tampered(model, data)).weights()


def test_a_newer_version(model):
    with pytest.raises(ModelError, match="update geocity"):
        read_model(change_json(model, format_version=2, something="new"))


@pytest.mark.parametrize(
    "changes",
    [
        {"format": "other"},
        {"format_version": "1"},
        {"format_version": True},
        {"format_version": 0},
        {"bands": "red"},
        {"bands": []},
        {"bands": [1, 2, 3]},
        {"mean": [0.1]},
        {"std": [0, 1, 1]},
        {"std": ["1", 1, 1]},
        {"scale": -1},
        {"scale": True},
        {"cell_size_m": 0},
        {"cell_size_m": None},
        {"tile_size": 0},
        {"tile_size": 1e9},
        {"tile_size": 10**9},
        {"padding": 512},
        {"padding": -1},
        {"value_range": [3]},
        {"value_range": [3, 1]},
        {"classes": []},
        {"classes": [{"value": 300, "name": "a", "color": [0, 0, 0]}]},
        {"classes": [{"value": 0, "name": "a", "color": "red"}]},
        {"classes": [{"value": 0.5, "name": "a", "color": [0, 0, 0]}]},
        {"classes": {"value": 0}},
        {"thresholds": [0.5]},
        {"thresholds": [0.5, 7]},
        {"temperature": 0},
        {"nodata": 0},
        {"dtype": "object"},
        {"architecture": 3},
        {"architecture": ""},
        {"versions": {"torch": 2}},
        {"footprint": []},
        {"weights_sha256": 1},
    ],
)
def test_contracts_that_cannot_be(model, changes):
    with pytest.raises(ModelError):
        read_model(change_json(model, **changes))


@pytest.mark.parametrize(
    "text", ["", "[]", "{", "null", "[" * 100000, '{"a": NaN}', b"\xff\xfe\x00"]
)
def test_contracts_that_are_no_json(model, text):
    with pytest.raises(ModelError):
        read_model(pack(model, {**members(model), "model.json": text}))


def test_a_missing_field(model):
    content = members(model)
    document = json.loads(content["model.json"])
    del document["scale"]
    with pytest.raises(ModelError, match="'scale'"):
        read_model(pack(model, {**content, "model.json": json.dumps(document)}))


def test_reading_needs_no_torch():
    import subprocess
    import sys

    code = "import geocity.io.model_packages, sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
