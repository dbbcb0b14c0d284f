"""Model packages that someone has tampered with: refused, unread, unexecuted, in little memory."""

import contextlib
import hashlib
import io
import json
import pickle
import struct
import tracemalloc
import zipfile

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given, settings
from hypothesis import strategies as st

from geocity.core.cities.contract import CityContract
from geocity.errors import GeocityError, InputError, ModelError
from geocity.io.cities.packages import read_city_package, write_city_package
from geocity.io.model_packages import read_model
from geocity.io.package_files import CARD, CONTRACT, WEIGHTS
from geocity.io.weight_files import read_weight_file
from tests.robust.test_raster_corpus import little_memory
from tests.tools.toy_models import write_toy_model

READERS = {"slums": read_model, "city": read_city_package}
MEGABYTE = 1 << 20


def write_city(path):
    contract = CityContract(
        backbone="resnet10t", cities=(("A", "Alpha"), ("B", "Beta")),
        bands=("Red", "Green", "Blue"), dtype="uint8", value_range=(0.0, 255.0), patch_m=16.0,
        cell_size_m=0.5, input_px=32, mean=(0.5, 0.5, 0.5), std=(0.2, 0.2, 0.2),
    )  # fmt: skip
    return write_city_package(path, contract, {"weight": np.zeros(1, np.float32)})


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """A sound package of each kind, as bytes."""
    folder = tmp_path_factory.mktemp("sound")
    slums, city = write_toy_model(folder / "s.geocity"), write_city(folder / "c.geocity")
    return {"slums": slums.read_bytes(), "city": city.read_bytes()}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("hostile") / "model.geocity"


def members(data):
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def pack(path, content, compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in content.items():
            archive.writestr(name, data)
    return path


def refused(path, kind):
    """Read all of a package; return the sentence of the refusal."""
    with pytest.raises(GeocityError) as caught:
        READERS[kind](path).weights()
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 1000
    return str(caught.value)


@pytest.mark.parametrize("kind", READERS)
@pytest.mark.parametrize(
    "name", ["../evil", "/etc/passwd", "..\\evil", "C:\\evil", "x/../../x", "a" * 5000]
)
def test_names_that_lead_elsewhere(place, sound, kind, name):
    pack(place, {**members(sound[kind]), name: b"x"})
    assert "foreign member" in refused(place, kind)
    assert not list(place.parent.rglob("*evil*"))


@pytest.mark.parametrize("kind", READERS)
def test_a_zip_bomb_is_not_unpacked(place, sound, kind):
    content = {**members(sound[kind]), WEIGHTS: bytes(256 * MEGABYTE)}
    pack(place, content, zipfile.ZIP_DEFLATED)
    tracemalloc.start()
    assert "compressed" in refused(place, kind)
    assert tracemalloc.get_traced_memory()[1] < 8 * MEGABYTE
    tracemalloc.stop()


@pytest.mark.parametrize("kind", READERS)
@pytest.mark.parametrize("claim", [1 << 20, 1 << 31, 0xFFFFFFFF])
def test_sizes_that_are_claimed_are_not_believed(place, sound, kind, claim):
    data = bytearray(sound[kind])
    names = [name.encode() for name in (CONTRACT, WEIGHTS, CARD)]
    for name in names:
        at = -1
        while (at := data.find(name, at + 1)) >= 0:
            for signature, offset in ((b"PK\x03\x04", 30), (b"PK\x01\x02", 46)):
                start = at - offset
                if start >= 0 and data[start : start + 4] == signature:
                    field = start + (18 if offset == 30 else 20)
                    data[field : field + 8] = struct.pack("<II", claim, claim)
    place.write_bytes(data)
    with little_memory(300):
        refused(place, kind)


def tensor_file(header):
    text = json.dumps(header).encode() if not isinstance(header, bytes) else header
    return struct.pack("<Q", len(text)) + text + bytes(16)


HEADERS = {
    "terabytes": {"w": {"dtype": "F32", "shape": [1 << 40], "data_offsets": [0, 1 << 42]}},
    "negative": {"w": {"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]}},
    "overflow": {"w": {"dtype": "F32", "shape": [1 << 62, 1 << 62], "data_offsets": [0, 4]}},
    "beyond": {"w": {"dtype": "F32", "shape": [4], "data_offsets": [1000, 1016]}},
    "type": {"w": {"dtype": "PICKLE", "shape": [1], "data_offsets": [0, 4]}},
    "text": b"not json at all",
    "list": [1, 2, 3],
    "deep": b"[" * 100_000,
}


@pytest.mark.parametrize("header", HEADERS)
def test_huge_or_odd_tensor_headers(place, header):
    weights = tensor_file(HEADERS[header])
    place = place.with_suffix(".safetensors")
    place.write_bytes(weights)
    with little_memory(300), pytest.raises(InputError, match="not a safetensors file"):
        read_weight_file(place)
    place.write_bytes(struct.pack("<Q", 1 << 62) + b"{}")
    with little_memory(300), pytest.raises(InputError, match="not a safetensors file"):
        read_weight_file(place)


def resealed(data, weights):
    """Return the members of a package with other weights and the hash that fits them."""
    content = members(data)
    contract = json.loads(content[CONTRACT])
    contract["weights_sha256"] = hashlib.sha256(weights).hexdigest()
    return {**content, CONTRACT: json.dumps(contract), WEIGHTS: weights}


@pytest.mark.parametrize("kind", READERS)
def test_weights_that_are_no_numbers(place, sound, kind):
    for value in (np.nan, np.inf):
        weights = safetensors.numpy.save({"weight": np.array([value], np.float32)})
        pack(place, resealed(sound[kind], weights))
        assert "not finite" in refused(place, kind)


@pytest.mark.parametrize("kind", READERS)
@pytest.mark.parametrize("header", HEADERS)
def test_headers_inside_a_package(place, sound, kind, header):
    pack(place, resealed(sound[kind], tensor_file(HEADERS[header])))
    with little_memory(300):
        assert "not a safetensors file" in refused(place, kind)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=6,
)


@pytest.mark.parametrize("kind", READERS)
@given(data=st.data())
@settings(max_examples=100)
def test_a_contract_with_one_value_of_another_type(place, sound, kind, data):
    content = members(sound[kind])
    contract = json.loads(content[CONTRACT])
    path, inner = contract, data.draw(st.sampled_from(sorted(contract)))
    while isinstance(path[inner], dict) and path[inner] and data.draw(st.booleans()):
        path = path[inner]
        inner = data.draw(st.sampled_from(sorted(path)))
    path[inner] = data.draw(JSON)
    pack(place, {**content, CONTRACT: json.dumps(contract)})
    with contextlib.suppress(ModelError):  # some values are as good as the former ones
        READERS[kind](place).weights()


@pytest.mark.parametrize("kind", READERS)
@given(text=st.binary(max_size=200) | JSON.map(lambda value: json.dumps(value).encode()))
@settings(max_examples=60)
def test_a_contract_of_anything(place, sound, kind, text):
    pack(place, {**members(sound[kind]), CONTRACT: text})
    refused(place, kind)


@pytest.mark.parametrize("kind", READERS)
@given(data=st.data())
@settings(max_examples=100)
def test_flipped_and_cut_bytes(place, sound, kind, data):
    whole = bytearray(sound[kind])
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] ^= data.draw(st.integers(1, 255))
    cut = data.draw(st.none() | st.integers(0, len(whole) - 1))
    place.write_bytes(whole[:cut])
    with contextlib.suppress(ModelError):
        # Where that went unseen, it was a date or a word of the card: the weights are sealed.
        assert (READERS[kind](place).weights()["weight"] == 0).all()


def test_nothing_is_unpickled(place, tmp_path):
    target = tmp_path / "was here"

    class Touch:
        def __reduce__(self):
            return (open, (str(target), "w"))

    place.write_bytes(pickle.dumps({"state_dict": Touch()}))
    with pytest.raises(GeocityError):
        read_model(place)
    with pytest.raises(GeocityError):
        read_city_package(place)
    for suffix in (".pth", ".pt", ".ckpt", ".geocity"):
        path = place.with_suffix(suffix)
        path.write_bytes(pickle.dumps({"state_dict": Touch()}))
        with pytest.raises(InputError, match="without running code|no weights"):
            read_weight_file(path)
    assert not target.exists()
