"""Stand-ins for the programs that open our exports, written from what they are documented to do.

`run_as_deepness` prepares, tiles and joins as the QGIS plugin does; `run_as_arcgis` calls a Python
raster function block by block as ArcGIS's engine does. Neither uses anything of geocity.
"""

import importlib.util
import json
import zipfile

import numpy as np
import onnxruntime


def deepness_metadata_of(path):
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    written = session.get_modelmeta().custom_metadata_map
    return {key: json.loads(value) for key, value in written.items()}


def run_as_deepness(path, pixels):
    """Classify pixels (bands, rows, cols) and return which output channel won, (rows, cols)."""
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    told = deepness_metadata_of(path)
    tile = told["tile_size"]
    overlap = int(tile * told["tiles_overlap"] / 100 * 2) // 2
    stride, half = tile - overlap, overlap // 2
    rows, cols = pixels.shape[1:]
    counts = [1 + max(0, -(-(length - tile) // stride)) for length in (rows, cols)]
    # Beyond the layer there are zeros, below and to the right of it.
    extended = [(count - 1) * stride + tile for count in counts]
    image = np.zeros((*extended, len(pixels)), pixels.dtype)
    image[:rows, :cols] = pixels.transpose(1, 2, 0)
    result = np.zeros(extended, np.uint8)
    for i in range(counts[0]):
        for j in range(counts[1]):
            place = (slice(i * stride, i * stride + tile), slice(j * stride, j * stride + tile))
            part = np.float32(image[place] * 1.0 / 255.0)
            part = (part - told["standardization_mean"]) / told["standardization_std"]
            feed = part.transpose(2, 0, 1)[None].astype(np.float32)
            scores = session.run(None, {session.get_inputs()[0].name: feed})[0]
            scores[scores < told["seg_thresh"]] = 0
            won = scores[0].argmax(axis=0)
            first = [half if k else 0 for k in (i, j)]
            last = [
                tile - (half if k < count - 1 else 0)
                for k, count in zip((i, j), counts, strict=True)
            ]
            inside = (slice(first[0], last[0]), slice(first[1], last[1]))
            kept = tuple(
                slice(p.start + a, p.start + b) for p, a, b in zip(place, first, last, strict=True)
            )
            result[kept] = won[inside]
    return result[:rows, :cols]


def unpack(package, folder):
    """Unpack a deep learning package as ArcGIS does and return its model definition's path."""
    with zipfile.ZipFile(package) as archive:
        archive.extractall(folder)
    (definition,) = folder.glob("*.emd")
    return definition


def raster_function(definition):
    """Load the class that a model definition names, from the file beside it."""
    told = json.loads(definition.read_text(encoding="utf-8"))
    source = definition.parent / told["InferenceFunction"]
    spec = importlib.util.spec_from_file_location(source.stem, source)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return getattr(module, source.stem)()


def run_as_arcgis(definition, pixels, valid, **arguments):
    """Classify pixels (bands, rows, cols) block by block.

    Returns:
        The first band of the result and its mask, and what the function says of the result.
    """
    function = raster_function(definition)
    function.initialize(model=str(definition), device=-1)
    names = [parameter["name"] for parameter in function.getParameterInfo()]
    assert names[:2] == ["raster", "model"]
    asked = function.getConfiguration(**arguments)
    info = function.updateRasterInfo(output_info={}, **arguments)["output_info"]
    margin, rows, cols = asked["padding"], *valid.shape
    bands = list(asked["extractBands"])
    result = np.zeros((rows, cols), info["pixelType"])
    mask = np.zeros((rows, cols), "u1")
    for row in range(0, rows, asked["ty"]):
        for col in range(0, cols, asked["tx"]):
            shape = (asked["ty"], asked["tx"])
            block, block_mask = _block(
                pixels[bands], valid, (row - margin, col - margin), [n + 2 * margin for n in shape]
            )
            blocks = function.updatePixels(
                (col, row),
                shape,
                {"pixelType": info["pixelType"]},
                raster_pixels=block,
                raster_mask=block_mask,
            )
            place = (slice(row, row + shape[0]), slice(col, col + shape[1]))
            room = result[place].shape
            assert blocks["output_pixels"].shape == (1, *shape)
            result[place] = blocks["output_pixels"][0, : room[0], : room[1]]
            mask[place] = blocks["output_mask"][0, : room[0], : room[1]]
    return result, mask, info


def _block(pixels, valid, start, shape):
    """Cut out a block that may reach outside, where there are zeros and the mask is 0."""
    rows, cols = (np.arange(s, s + n) for s, n in zip(start, shape, strict=True))
    inside = ((rows >= 0) & (rows < valid.shape[0]))[:, None] & (
        (cols >= 0) & (cols < valid.shape[1])
    )
    r, c = rows.clip(0, valid.shape[0] - 1)[:, None], cols.clip(0, valid.shape[1] - 1)
    mask = (valid[r, c] & inside).astype("u1")
    block = np.where(mask, pixels[:, r, c], 0).astype(pixels.dtype)
    return block, np.repeat(mask[None], len(pixels), axis=0)
