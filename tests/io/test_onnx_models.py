"""ONNX files are judged before anything opens them: shape, metadata, damage, malice."""

import contextlib
import json

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from geocity.core.deepness import OWN_KEY
from geocity.errors import ModelError
from geocity.io.model_packages import OnnxPackage, read_model
from geocity.io.onnx_graphs import read_graph

METADATA = {
    "model_type": "Segmentor",
    "class_names": {"0": "background", "1": "slum"},
    "resolution": 80,
    "tile_size": 64,
    "tiles_overlap": 25,
    "standardization_mean": [0.4, 0.5, 0.6],
    "standardization_std": [0.2, 0.2, 0.2],
    "seg_thresh": 0,
}


def write_onnx(path, *, shape=(1, 3, 64, 64), channels=2, metadata=METADATA, **options):
    """Write a network that tells classes apart by one look at each pixel."""
    kind = options.get("kind", TensorProto.FLOAT)
    weights = np.linspace(-2, 2, channels * 3, dtype=np.float32).reshape(channels, 3, 1, 1)
    activation = "Sigmoid" if channels == 1 else "Softmax"
    last = helper.make_node(activation, ["y"], ["scores"], **({} if channels == 1 else {"axis": 1}))
    nodes = [helper.make_node("Conv", ["image", "w"], ["y"]), last]
    if options.get("bare"):
        nodes = [helper.make_node("Conv", ["image", "w"], ["scores"])]
    answer = options.get("answer", (shape[0], channels, *shape[2:]))
    extra = [helper.make_tensor_value_info(n, kind, shape) for n in options.get("more_inputs", ())]
    graph = helper.make_graph(
        nodes,
        "toy",
        [helper.make_tensor_value_info("image", kind, shape), *extra],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, answer)],
        [numpy_helper.from_array(weights, "w")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    helper.set_model_props(model, {k: json.dumps(v) for k, v in metadata.items()})
    path.write_bytes(model.SerializeToString())
    return path


def without(key):
    return {k: v for k, v in METADATA.items() if k != key}


def test_a_contract_out_of_metadata(tmp_path):
    package = read_model(write_onnx(tmp_path / "m.onnx"))
    assert isinstance(package, OnnxPackage)
    contract = package.contract
    assert contract.classes.names == ("background", "slum")
    assert contract.classes.values == (0, 1)
    assert contract.cell_size_m == pytest.approx(0.8)
    assert (contract.tile_size, contract.padding) == (64, 8)
    assert (contract.scale, contract.mean, contract.std) == (255, (0.4, 0.5, 0.6), (0.2,) * 3)
    assert (contract.temperature, contract.thresholds) == (1, None)
    assert len(contract.bands) == 3
    assert "slum" in package.card()
    with pytest.raises(ModelError, match="not taken apart"):
        package.weights()


def test_the_graph_says_what_onnx_says(tmp_path):
    path = write_onnx(tmp_path / "m.onnx", shape=("N", 3, 64, 64))
    graph, held = read_graph(path), onnx.load(path)
    assert graph.ir_version == held.ir_version
    assert [p.name for p in graph.inputs] == ["image"]
    assert graph.inputs[0].shape == (None, 3, 64, 64)
    assert graph.outputs[0].shape[1] == 2
    assert graph.metadata == {e.key: e.value for e in held.metadata_props}


def test_tiles_of_no_fixed_side_take_the_side_from_the_metadata(tmp_path):
    path = write_onnx(tmp_path / "m.onnx", shape=(1, 3, "H", "W"))
    assert read_model(path).contract.tile_size == 64


def test_sides_that_are_no_multiple_of_32_are_filled_up_later(tmp_path):
    path = write_onnx(tmp_path / "m.onnx", shape=(1, 3, 400, 400))
    assert read_model(path).contract.tile_size == 384


def test_one_score_means_two_classes(tmp_path):
    path = write_onnx(tmp_path / "m.onnx", channels=1, metadata={**METADATA, "seg_thresh": 0.3})
    assert read_model(path).contract.thresholds == (0.0, 0.3)


@pytest.mark.parametrize(("told", "expected"), [(0.4, None), (0.7, (0.7, 0.7))])
def test_a_threshold_counts_where_deepness_lets_it_count(tmp_path, told, expected):
    path = write_onnx(tmp_path / "m.onnx", metadata={**METADATA, "seg_thresh": told})
    assert read_model(path).contract.thresholds == expected


def test_names_in_the_ways_that_people_write_them(tmp_path):
    for names in (["a", "b"], [{"0": "a", "1": "b"}], {"1": "b", "0": "a"}):
        path = write_onnx(tmp_path / "m.onnx", metadata={**METADATA, "class_names": names})
        assert read_model(path).contract.classes.names == ("a", "b")
    held = onnx.load(path)
    helper.set_model_props(held, {"names": "{0: 'x', 1: 'y'}", "resolution": "50"})
    path.write_bytes(held.SerializeToString())
    assert read_model(path).contract.classes.names == ("x", "y")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"metadata": without("resolution")}, "no 'resolution'"),
        ({"metadata": {**METADATA, "resolution": "x"}}, "unusable 'resolution'"),
        ({"metadata": {**METADATA, "resolution": -3}}, "cell size"),
        ({"metadata": {**METADATA, "model_type": "Detector"}}, "model_type is 'Detector'"),
        ({"metadata": {**METADATA, "class_names": {"0": "a", "2": "b"}}}, "without gaps"),
        ({"metadata": {**METADATA, "class_names": {"x": "a"}}}, "unusable 'class_names'"),
        ({"metadata": {**METADATA, "standardization_mean": [1]}}, "3 bands"),
        ({"metadata": {**METADATA, "standardization_std": [0, 0, 0]}}, "above 0"),
        ({"metadata": {**METADATA, "tiles_overlap": 100}}, "overlap by 100"),
        ({"metadata": {**METADATA, "seg_thresh": 7}}, "seg_thresh"),
        ({"metadata": {**METADATA, OWN_KEY: "{}"}}, "geocity"),
        ({"shape": (1, 3, "H", "W"), "metadata": without("tile_size")}, "no 'tile_size'"),
        ({"shape": (8, 3, 64, 64)}, "expected one image"),
        ({"shape": (1, 3, 64)}, "expected one image"),
        ({"shape": (1, 3, 64, 96)}, "side, side"),
        ({"shape": (1, 3, 1 << 20, 1 << 20)}, "8192 pixels"),
        ({"shape": (1, 5000, 64, 64)}, "1024 bands"),
        ({"shape": (1, "C", 64, 64)}, "1024 bands"),
        ({"shape": (1, 3, 16, 16)}, "expected 32 to 8192"),
        ({"answer": (1, 2, 32, 32)}, "as many pixels"),
        ({"answer": (1, 5000, 64, 64)}, "254 classes"),
        ({"kind": TensorProto.FLOAT16}, "of type 10"),
        ({"more_inputs": ("mask",)}, "2 inputs"),
    ],
)
def test_what_is_no_segmentation_model_is_refused(tmp_path, options, words):
    with pytest.raises(ModelError, match=words):
        read_model(write_onnx(tmp_path / "m.onnx", **options))


def test_a_missing_file(tmp_path):
    with pytest.raises(ModelError, match="no such model"):
        read_model(tmp_path / "none.onnx")


@pytest.mark.parametrize("elsewhere", ["../../etc/passwd", "m.onnx.data"])
def test_weights_in_another_file_are_refused(tmp_path, elsewhere):
    path = write_onnx(tmp_path / "m.onnx")
    held = onnx.load(path)
    (tensor,) = held.graph.initializer
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", elsewhere
    path.write_bytes(held.SerializeToString())
    with pytest.raises(ModelError, match="another file"):
        read_model(path)


def test_weights_in_another_file_are_found_however_deep(tmp_path):
    path = write_onnx(tmp_path / "m.onnx")
    held = onnx.load(path)
    hidden = TensorProto(data_location=TensorProto.EXTERNAL)
    inner = helper.make_graph([helper.make_node("Constant", [], ["c"], value=hidden)], "g", [], [])
    held.graph.node.append(
        helper.make_node("If", ["c"], ["d"], then_branch=inner, else_branch=inner)
    )
    path.write_bytes(held.SerializeToString())
    with pytest.raises(ModelError, match="another file"):
        read_model(path)


def test_a_nest_without_end_is_refused(tmp_path):
    def field(number, content):
        length = len(content)
        return bytes([number << 3 | 2, length & 0x7F | 0x80, length >> 7]) + content

    graph = b""
    for _ in range(40):
        graph = field(1, field(5, field(6, graph)))
    (tmp_path / "m.onnx").write_bytes(b"\x08\x08" + field(7, graph))
    with pytest.raises(ModelError, match="too deeply"):
        read_model(tmp_path / "m.onnx")


@pytest.mark.parametrize("content", [b"", b"\x08", b"\x08\x08", b"PK\x03\x04", b"\xff" * 50])
def test_other_content_is_refused(tmp_path, content):
    path = tmp_path / "m.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"not an ONNX file|no ONNX file"):
        read_model(path)


@given(place=st.integers(0, 10_000), byte=st.integers(0, 255), end=st.integers(1, 10_000))
def test_damage_never_ends_but_in_a_sentence(tmp_path_factory, place, byte, end):
    path = write_onnx(tmp_path_factory.getbasetemp() / "damaged.onnx")
    data = bytearray(path.read_bytes())
    data[place % len(data)] = byte
    path.write_bytes(bytes(data[: max(1, len(data) - end % len(data))]))
    # Whatever else it raised would fail the test.
    with contextlib.suppress(ModelError):
        read_model(path)
