"""Imagery on its way to a web page."""

import base64

import numpy as np
import pyproj
import pytest
import rasterio
from rasterio.enums import ColorInterp

from geocity.errors import InputError, MissingCRSError
from geocity.io.dashboard.imagery import imagery_overlay
from tests.conftest import make_grid, write_raster


def opened(overlay, folder):
    """Return the pixels (4, rows, cols) of an overlay."""
    kind, _, data = overlay["url"].partition(",")
    assert kind == "data:image/webp;base64"
    path = folder / "overlay.webp"
    path.write_bytes(base64.b64decode(data))
    with rasterio.open(path) as dataset:
        return dataset.read()


def quarters(rows, cols, dtype=np.uint8, scale=1):
    """Red, green, blue and grey quarters: north-west, north-east, south-west, south-east."""
    pixels = np.zeros((3, rows, cols), dtype)
    half_r, half_c = rows // 2, cols // 2
    pixels[0, :half_r, :half_c] = 200 * scale
    pixels[1, :half_r, half_c:] = 200 * scale
    pixels[2, half_r:, :half_c] = 200 * scale
    pixels[:, half_r:, half_c:] = 120 * scale
    return pixels


def color_at(picture, row_share, col_share):
    _, rows, cols = picture.shape
    return picture[:, int(rows * row_share), int(cols * col_share)].astype(int)


def test_the_picture_lies_where_the_scene_lies(tmp_path):
    grid = make_grid(300, 300, cell=2.0)
    overlay = imagery_overlay(write_raster(tmp_path / "a.tif", quarters(300, 300), grid))
    turn = pyproj.Transformer.from_crs(grid.crs, 4326, always_xy=True)
    left, bottom, right, top = grid.bounds
    corners = [turn.transform(x, y) for x in (left, right) for y in (bottom, top)]
    west, south, east, north = overlay["bounds"]
    assert west == pytest.approx(min(lon for lon, _ in corners), abs=5e-5)
    assert east == pytest.approx(max(lon for lon, _ in corners), abs=5e-5)
    assert south == pytest.approx(min(lat for _, lat in corners), abs=5e-5)
    assert north == pytest.approx(max(lat for _, lat in corners), abs=5e-5)
    picture = opened(overlay, tmp_path)
    for place, expected in {
        (0.25, 0.25): (200, 0, 0),
        (0.25, 0.75): (0, 200, 0),
        (0.75, 0.25): (0, 0, 200),
        (0.75, 0.75): (120, 120, 120),
    }.items():
        *color, alpha = color_at(picture, *place)
        assert alpha == 255
        assert np.abs(np.array(color) - expected).max() < 12, place


@pytest.mark.parametrize("overviews", [[], [2, 4, 8]])
def test_a_large_scene_becomes_small(tmp_path, overviews):
    path = write_raster(tmp_path / "a.tif", quarters(2000, 1000), make_grid(2000, 1000))
    with rasterio.open(path, "r+") as dataset:
        dataset.build_overviews(overviews, rasterio.enums.Resampling.average)
    picture = opened(imagery_overlay(path, max_side_px=200), tmp_path)
    assert 190 <= max(picture.shape[1:]) <= 200
    assert color_at(picture, 0.25, 0.25)[0] > 180


def test_what_is_not_valid_is_transparent(tmp_path):
    pixels = quarters(200, 200)
    mask = np.full((200, 200), True)
    mask[:100] = False
    masked = write_raster(tmp_path / "mask.tif", pixels, make_grid(200, 200), mask=mask)
    nodata = write_raster(
        tmp_path / "nodata.tif", np.where(mask, pixels + 1, 0), make_grid(200, 200), nodata=0
    )
    alpha = np.concatenate([pixels, np.where(mask, 255, 0)[None]]).astype(np.uint8)
    rgb = (ColorInterp.red, ColorInterp.green, ColorInterp.blue, ColorInterp.alpha)
    with_alpha = write_raster(tmp_path / "alpha.tif", alpha, make_grid(200, 200), colorinterp=rgb)
    for path in (masked, nodata, with_alpha):
        picture = opened(imagery_overlay(path), tmp_path)
        assert color_at(picture, 0.25, 0.5)[3] == 0, path
        assert color_at(picture, 0.75, 0.5)[3] == 255, path


def test_other_types_are_stretched_and_one_band_is_grey(tmp_path):
    deep = write_raster(
        tmp_path / "deep.tif", quarters(200, 200, np.uint16, 40), make_grid(200, 200)
    )
    picture = opened(imagery_overlay(deep), tmp_path)
    assert color_at(picture, 0.25, 0.25)[0] > 240
    grey = write_raster(tmp_path / "grey.tif", quarters(200, 200)[:1], make_grid(200, 200))
    red, green, blue, _ = color_at(opened(imagery_overlay(grey), tmp_path), 0.25, 0.25)
    assert abs(red - green) < 4 > abs(green - blue)
    assert red > 150


def test_bands_are_found_by_what_they_are(tmp_path):
    order = (ColorInterp.blue, ColorInterp.green, ColorInterp.red)
    path = write_raster(
        tmp_path / "bgr.tif", quarters(200, 200)[::-1], make_grid(200, 200), colorinterp=order
    )
    assert color_at(opened(imagery_overlay(path), tmp_path), 0.25, 0.25)[0] > 180


def test_refuses_what_lies_nowhere(tmp_path):
    grid = make_grid(20, 20)
    with pytest.raises(InputError, match="does not exist"):
        imagery_overlay(tmp_path / "missing.tif")
    pixels = quarters(20, 20)
    path = tmp_path / "nowhere.tif"
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        width=20,
        height=20,
        count=3,
        dtype="uint8",
        transform=grid.transform,
    ) as dataset:
        dataset.write(pixels)
    with pytest.raises(MissingCRSError, match="no coordinate reference system"):
        imagery_overlay(path)
