"""Rasters as analysts have them: each function writes the pixels it is given in an awkward way.

The pixels are those of a scene, a class raster or people per cell; what is odd is the file.
"""

import os
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyproj
import rasterio
from affine import Affine
from rasterio.control import GroundControlPoint
from rasterio.enums import ColorInterp, Resampling
from rasterio.rpc import RPC

from tests.conftest import UTM43, make_grid, write_raster

SHAPE = (48, 64)
GRID = make_grid(*SHAPE, cell=1.0)
HOLE = 16
"""Rows at the top that hold nothing, in the rasters with a hole."""

Writer = Callable[[Path, np.ndarray], Path]


@dataclass(frozen=True)
class Odd:
    """One awkward raster.

    Attributes:
        name: of its function.
        what: what is odd about it.
        write: writes pixels (bands, rows, cols) into a folder.
        refusal: a pattern of the sentence that refuses it everywhere; empty if it can be used.
        exact: whether it holds the very pixels it was given, away from the hole.
        hole: whether the first `HOLE` rows (at most all) hold nothing.
    """

    name: str
    what: str
    write: Writer
    refusal: str = ""
    exact: bool = True
    hole: bool = False


RASTERS: dict[str, Odd] = {}


def odd(refusal: str = "", *, exact: bool = True, hole: bool = False) -> Callable[[Writer], Writer]:
    """Put a writer into the corpus; its docstring says what it is."""

    def register(write: Writer) -> Writer:
        name = write.__name__
        RASTERS[name] = Odd(name, (write.__doc__ or "").strip(), write, refusal, exact, hole)
        return write

    return register


def imagery(shape: tuple[int, int] = SHAPE) -> np.ndarray:
    """Return a scene (3, rows, cols) whose first band is 1 where there is slum, else 0."""
    rows, cols = np.indices(shape)
    return np.stack([classes(shape)[0], rows % 7, cols % 5]).astype(np.uint8)


def classes(shape: tuple[int, int] = SHAPE) -> np.ndarray:
    """Return a class raster (1, rows, cols): squares that no majority filter changes."""
    rows, cols = np.indices(shape)
    return ((rows // 16 + cols // 16) % 2)[None].astype(np.uint8)


def people(shape: tuple[int, int] = SHAPE) -> np.ndarray:
    """Return people per cell (1, rows, cols)."""
    return np.full((1, *shape), 2, np.uint8)


def plain(folder: Path, pixels: np.ndarray) -> Path:
    """Write an ordinary GeoTIFF."""
    return _write(folder, pixels)


def _write(folder, pixels, *, name="odd_2015-03-17.tif", grid=GRID, **options):
    shape = pixels.shape[1:]
    placed = type(grid)(grid.crs, grid.transform, shape) if grid.shape != shape else grid
    if pixels.shape[0] == 3:
        options.setdefault("photometric", "RGB")
    return write_raster(folder / name, pixels, placed, **options)


def _like(pixels: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Return the same kind of pixels in another shape."""
    if pixels.shape[0] == 3:
        return imagery(shape)
    return people(shape) if (pixels == 2).all() else classes(shape)


def _bare(folder, pixels, **placing):
    """Write without a map grid."""
    path = folder / "odd_2015-03-17.tif"
    count, height, width = pixels.shape
    shape = {"count": count, "height": height, "width": width, "dtype": pixels.dtype}
    with rasterio.open(path, "w", driver="GTiff", **shape, **placing) as dataset:
        dataset.write(pixels)
    return path


# Where it lies.


@odd("no coordinate reference system")
def no_crs(folder, pixels):
    """A transform and no CRS."""
    return _bare(folder, pixels, transform=GRID.transform)


@odd("no coordinate reference system")
def neither_crs_nor_transform(folder, pixels):
    """Pixels and nothing else, as a photograph."""
    return _bare(folder, pixels)


@odd("rotated")
def rotated(folder, pixels):
    """Turned by ten degrees against its map grid."""
    turned = GRID.transform @ Affine.rotation(10)
    return _bare(folder, pixels, crs=UTM43.to_wkt(), transform=turned)


@odd("upside down or mirrored")
def south_up(folder, pixels):
    """The first row is the southernmost."""
    flipped = Affine(1, 0, GRID.transform.c, 0, 1, GRID.transform.f)
    return _bare(folder, pixels, crs=UTM43.to_wkt(), transform=flipped)


@odd("upside down or mirrored")
def mirrored(folder, pixels):
    """The first column is the easternmost."""
    flipped = Affine(-1, 0, GRID.transform.c, 0, -1, GRID.transform.f)
    return _bare(folder, pixels, crs=UTM43.to_wkt(), transform=flipped)


@odd("control points")
def gcps_only(folder, pixels):
    """Placed by four control points."""
    points = [
        GroundControlPoint(r, c, 72 + c / 1e4, 19 - r / 1e4) for r in (0, 40) for c in (0, 40)
    ]
    return _bare(folder, pixels, gcps=points, crs="EPSG:4326")


@odd("control points")
def rpcs_only(folder, pixels):
    """Placed by the rational polynomials of a satellite."""
    line = [0.0, 0.0, -1.0] + [0.0] * 17
    sample = [0.0, 1.0] + [0.0] * 18
    one = [1.0] + [0.0] * 19
    rpcs = RPC(
        height_off=10.0, height_scale=500.0, lat_off=19.1, lat_scale=0.1, line_den_coeff=one,
        line_num_coeff=line, line_off=24.0, line_scale=24.0, long_off=72.8, long_scale=0.1,
        samp_den_coeff=one, samp_num_coeff=sample, samp_off=32.0, samp_scale=32.0,
        err_bias=None, err_rand=None,
    )  # fmt: skip
    return _bare(folder, pixels, rpcs=rpcs)


@odd()
def non_square_pixels(folder, pixels):
    """Pixels twice as high as wide."""
    t = GRID.transform
    return _write(folder, pixels, grid=type(GRID)(UTM43, Affine(1, 0, t.c, 0, -2, t.f), SHAPE))


@odd()
def sub_millimetre_pixels(folder, pixels):
    """Pixels of half a millimetre."""
    return _write(folder, pixels, grid=make_grid(*SHAPE, cell=0.0005))


@odd()
def kilometre_pixels(folder, pixels):
    """Pixels of ten kilometres, over half a continent."""
    return _write(folder, pixels, grid=make_grid(*SHAPE, cell=10_000.0))


@odd()
def over_the_antimeridian(folder, pixels):
    """In degrees, from 179.9997 to beyond 180."""
    return _write(folder, pixels, grid=_degrees(179.9997, -16.5))


@odd()
def at_the_pole(folder, pixels):
    """In degrees, up to the north pole itself."""
    return _write(folder, pixels, grid=_degrees(10.0, 90.0))


@odd("no degrees on Earth")
def beyond_the_pole(folder, pixels):
    """In degrees, half of it north of the pole: a wrong transform that looks right."""
    return _write(folder, pixels, grid=_degrees(10.0, 90.00024))


@odd("no degrees on Earth")
def coordinates_off_earth(folder, pixels):
    """Said to be in degrees, with coordinates in metres."""
    grid = type(GRID)(pyproj.CRS.from_epsg(4326), GRID.transform, SHAPE)
    return _write(folder, pixels, grid=grid)


def _degrees(left: float, top: float):
    return type(GRID)(pyproj.CRS.from_epsg(4326), Affine(1e-5, 0, left, 0, -1e-5, top), SHAPE)


@odd()
def compound_crs(folder, pixels):
    """UTM with heights above the geoid."""
    return _write(
        folder, pixels, grid=make_grid(*SHAPE, cell=1.0, crs=pyproj.CRS("EPSG:32643+5773"))
    )


@odd()
def feet(folder, pixels):
    """A state plane in US survey feet."""
    crs = pyproj.CRS.from_epsg(2263)
    return _write(
        folder, pixels, grid=make_grid(*SHAPE, cell=3.0, left=980_000, top=195_000, crs=crs)
    )


@odd()
def web_mercator(folder, pixels):
    """What tiles of web maps are in."""
    crs = pyproj.CRS.from_epsg(3857)
    return _write(folder, pixels, grid=make_grid(*SHAPE, cell=1.0, left=8.1e6, top=2.15e6, crs=crs))


@odd()
def engineering_crs(folder, pixels):
    """A site's own coordinates, which lie nowhere on Earth."""
    local = pyproj.CRS('LOCAL_CS["site",UNIT["metre",1]]')
    return _write(folder, pixels, grid=make_grid(*SHAPE, cell=1.0, crs=local))


# What the pixels are.


@odd()
def palette(folder, pixels):
    """A colour table on one band."""
    path = _write(folder, pixels[:1])
    with rasterio.open(path, "r+") as dataset:
        dataset.write_colormap(1, {0: (0, 0, 0, 255), 1: (200, 30, 30, 255), 2: (0, 99, 0, 255)})
    return path


def _bands(count):
    def write(folder, pixels):
        more = np.resize(pixels, (count, *pixels.shape[1:]))
        return _write(folder, more, photometric="MINISBLACK", alpha="NO")

    write.__name__ = f"bands_{count}"
    write.__doc__ = f"{count} bands."
    return write


for _count in (1, 2, 4, 8):
    odd()(_bands(_count))


def _typed(dtype):
    def write(folder, pixels):
        return _write(folder, pixels.astype(dtype))

    write.__name__ = f"type_{dtype}"
    write.__doc__ = f"Pixels of {dtype}."
    return write


for _dtype in ("uint16", "int16", "uint32", "int32", "float64"):
    odd()(_typed(_dtype))


@odd(hole=True)
def int16_minus_9999(folder, pixels):
    """The nodata value of many a product."""
    holed = pixels.astype(np.int16)
    holed[:, :HOLE] = -9999
    return _write(folder, holed, nodata=-9999)


@odd(hole=True)
def float_nan(folder, pixels):
    """NaN where there is nothing, and nothing declared."""
    holed = pixels.astype(np.float32)
    holed[:, :HOLE] = np.nan
    return _write(folder, holed)


@odd(hole=True)
def float_nan_declared(folder, pixels):
    """NaN as the nodata value."""
    holed = pixels.astype(np.float32)
    holed[:, :HOLE] = np.nan
    return _write(folder, holed, nodata=np.nan)


@odd("complex")
def complex_numbers(folder, pixels):
    """Radar before detection."""
    return _write(folder, pixels.astype(np.complex64), photometric="MINISBLACK")


@odd(hole=True)
def nodata(folder, pixels):
    """An ordinary nodata value."""
    holed = pixels.copy()
    holed[:, :HOLE] = 200
    return _write(folder, holed, nodata=200)


@odd(hole=True)
def internal_mask(folder, pixels):
    """A mask inside the file."""
    return _write(folder, pixels, mask=_mask(pixels))


@odd(hole=True)
def external_mask(folder, pixels):
    """A mask in a file .msk beside it."""
    path = _write(folder, pixels)
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=False), rasterio.open(path, "r+") as dataset:
        dataset.write_mask(_mask(pixels))
    return path


@odd(hole=True)
def alpha(folder, pixels):
    """An alpha band at the end."""
    return _with_alpha(folder, pixels)


@odd(hole=True)
def alpha_int16(folder, pixels):
    """An alpha band of a type that GDAL takes for no mask."""
    return _with_alpha(folder, pixels.astype(np.int16))


@odd(hole=True)
def alpha_and_nodata(folder, pixels):
    """An alpha band and a nodata value."""
    return _with_alpha(folder, pixels, nodata=200)


@odd(hole=True)
def soft_alpha(folder, pixels):
    """An alpha band that fades out along the edge of what is there."""
    mask = _mask(pixels).astype(np.uint8)
    mask[HOLE : HOLE + 5] = np.arange(1, 6)[:, None] * 40
    return _with_alpha(folder, pixels, mask)


@odd()
def infrared_called_alpha(folder, pixels):
    """Near infrared in a last band that is tagged as alpha."""
    rows, cols = np.indices(pixels.shape[1:])
    return _with_alpha(folder, pixels, 40 + (rows * 3 + cols * 5) % 180)


def _with_alpha(folder, pixels, opacity=None, **options):
    opacity = _mask(pixels) if opacity is None else opacity
    kinds = [ColorInterp.red, ColorInterp.green, ColorInterp.blue]
    kinds = [*(kinds if len(pixels) == 3 else [ColorInterp.gray] * len(pixels)), ColorInterp.alpha]
    both = np.concatenate([pixels, opacity[None].astype(pixels.dtype)])
    return _write(folder, both, colorinterp=kinds, **options)


def _mask(pixels):
    mask = np.full(pixels.shape[1:], 255, np.uint8)
    mask[:HOLE] = 0
    return mask


@odd(exact=False)
def all_nodata(folder, pixels):
    """Nothing anywhere."""
    return _write(folder, np.full_like(pixels, 255), nodata=255)


# How it is stored.


@odd()
def one_pixel(folder, pixels):
    """One by one."""
    return _write(folder, _like(pixels, (1, 1)))


@odd()
def one_long_row(folder, pixels):
    """One by 100,000."""
    return _write(folder, _like(pixels, (1, 100_000)))


@odd()
def one_long_column(folder, pixels):
    """100,000 by one."""
    return _write(folder, _like(pixels, (100_000, 1)))


@odd()
def one_strip(folder, pixels):
    """The whole raster in one compressed strip."""
    return _write(folder, pixels, blockysize=SHAPE[0], compress="deflate")


@odd()
def tiled(folder, pixels):
    """Tiles that reach beyond the edge."""
    return _write(folder, pixels, tiled=True, blockxsize=32, blockysize=32, compress="lzw")


@odd(exact=False)
def jpeg(folder, pixels):
    """JPEG inside TIFF: every value is a little off."""
    if pixels.shape[0] == 3:
        return _write(folder, pixels, compress="jpeg", photometric="YCBCR")
    return _write(folder, pixels, compress="jpeg")


@odd()
def external_overviews(folder, pixels):
    """Overviews in a file .ovr beside it, which lie."""
    path = _write(folder, pixels)
    with rasterio.Env(TIFF_USE_OVR=True), rasterio.open(path, "r+") as dataset:
        dataset.build_overviews([2, 4], Resampling.nearest)
    return path


@odd()
def external_aux(folder, pixels):
    """Statistics and a band name in a file .aux.xml beside it."""
    path = _write(folder, pixels)
    path.with_name(path.name + ".aux.xml").write_text(
        '<PAMDataset><PAMRasterBand band="1"><Description>klass</Description><Metadata>'
        '<MDI key="STATISTICS_MAXIMUM">1</MDI></Metadata></PAMRasterBand></PAMDataset>'
    )
    return path


@odd()
def broken_aux(folder, pixels):
    """A file .aux.xml that is no XML."""
    path = _write(folder, pixels)
    path.with_name(path.name + ".aux.xml").write_bytes(b"<PAMDataset><PAMRaster\xff\x00 band=")
    return path


@odd()
def foreign_class_table(folder, pixels):
    """A tag of geocity's own that holds JSON of the wrong type."""
    return _write(folder, pixels, tags={"GEOCITY_CLASSES": '[{"value": "x"}, 3]'})


@odd()
def bigtiff(folder, pixels):
    """Eight-byte offsets."""
    return _write(folder, pixels, bigtiff="YES")


@odd()
def bits_1(folder, pixels):
    """One bit a pixel."""
    return _write(folder, pixels, nbits=1) if pixels.max() < 2 else _write(folder, pixels)


@odd()
def accents_in_the_name(folder, pixels):
    """A name with spaces, accents and brackets."""
    return _write(folder, pixels, name="Île [nord] 100% 2015-03-17 — копия.tif")


@odd()
def virtual(folder, pixels):
    """A VRT over a file beside it."""
    path = _write(folder, pixels)
    return _vrt(folder / "odd_2015-03-17.vrt", path.name, pixels)


@odd("cannot be read|cannot be opened|damaged")
def virtual_without_source(folder, pixels):
    """A VRT whose source is gone."""
    return _vrt(folder / "odd_2015-03-17.vrt", "gone.tif", pixels)


def _vrt(path, source, pixels):
    bands, rows, cols = pixels.shape
    t = GRID.transform
    colors = ("Red", "Green", "Blue") if bands == 3 else ("Gray",) * bands
    about = "".join(
        f'<VRTRasterBand dataType="Byte" band="{b}"><ColorInterp>{colors[b - 1]}</ColorInterp>'
        f'<SimpleSource><SourceFilename relativeToVRT="1">{source}</SourceFilename>'
        f"<SourceBand>{b}</SourceBand></SimpleSource></VRTRasterBand>"
        for b in range(1, bands + 1)
    )
    path.write_text(
        f'<VRTDataset rasterXSize="{cols}" rasterYSize="{rows}"><SRS>EPSG:32643</SRS>'
        f"<GeoTransform>{t.c}, {t.a}, 0, {t.f}, 0, {t.e}</GeoTransform>{about}</VRTDataset>"
    )
    return path


# What is broken.


@odd("cannot be|damaged")
def truncated(folder, pixels):
    """Half of the file."""
    path = _write(folder, pixels, compress="deflate")
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    return path


@odd("cannot be|damaged")
def truncated_pixels(folder, pixels):
    """A sound header over the first tenth of the pixels."""
    big = _like(pixels, (480, 640))
    path = _write(folder, big)
    path.write_bytes(path.read_bytes()[: big.nbytes // 10])
    return path


@odd("cannot be|damaged")
def flipped_bytes(folder, pixels):
    """Compressed pixels with a scratch across them."""
    path = _write(folder, _like(pixels, (480, 640)), compress="deflate")
    with rasterio.open(path) as dataset:
        offset = int(dataset.tags(1, ns="TIFF").get("BLOCK_OFFSET_0_0", 0)) or 2000
    whole = bytearray(path.read_bytes())
    whole[offset : offset + 40] = b"\xff" * 40
    path.write_bytes(whole)
    return path


@odd("cannot be opened")
def zero_bytes(folder, pixels):
    """An empty file."""
    path = folder / "odd_2015-03-17.tif"
    path.write_bytes(b"")
    return path


@odd("cannot be opened")
def text_called_tif(folder, pixels):
    """A web page that says "not found", saved as an image."""
    path = folder / "odd_2015-03-17.tif"
    path.write_text("<html><body>404 not found</body></html>")
    return path


@odd("cannot be opened|No raster was found")
def folder_called_tif(folder, pixels):
    """A folder."""
    path = folder / "odd_2015-03-17.tif"
    path.mkdir()
    return path


@odd("cannot be|damaged")
def huge_claim(folder, pixels):
    """A header that claims 66,000 by 66,000 pixels in one compressed strip, over 200 bytes."""
    return _claim(folder / "odd_2015-03-17.tif", len(pixels), 66_000, tiled=False)


@odd("blocks of 40000 x 40000")
def huge_tile_claim(folder, pixels):
    """A header that claims a compressed tile of 40,000 by 40,000 pixels, over 200 bytes."""
    return _claim(folder / "odd_2015-03-17.tif", len(pixels), 40_000, tiled=True)


def _claim(path: Path, bands: int, side: int, *, tiled: bool) -> Path:
    """Write a TIFF of one block by hand: tags, placing, and hardly any pixels."""
    t = GRID.transform
    count = 13 + tiled
    extra = 8 + 2 + 12 * count + 4
    doubles = struct.pack("<3d", 1.0, 1.0, 0.0) + struct.pack("<6d", 0, 0, 0, t.c, t.f, 0)
    keys = struct.pack("<16H", 1, 1, 0, 3, 1024, 0, 1, 1, 1025, 0, 1, 1, 3072, 0, 1, 32643)
    bits = struct.pack("<4H", 8, 8, 8, 8)
    block = extra + len(doubles) + len(keys) + len(bits)
    strip = [(273, 4, 1, block), (278, 4, 1, side), (279, 4, 1, 200)]
    tile = [(322, 4, 1, side), (323, 4, 1, side), (324, 4, 1, block), (325, 4, 1, 200)]
    tags = [
        (256, 4, 1, side), (257, 4, 1, side),
        (258, 3, bands, 8 if bands == 1 else extra + len(doubles) + len(keys)),
        (259, 3, 1, 8),  # deflate
        (262, 3, 1, 2 if bands == 3 else 1), (277, 3, 1, bands), (284, 3, 1, 1),
        (33550, 12, 3, extra), (33922, 12, 6, extra + 24), (34735, 3, 16, extra + len(doubles)),
        *(tile if tiled else strip),
    ]  # fmt: skip
    entries = b"".join(
        struct.pack("<HHI", tag, kind, number)
        + (struct.pack("<HH", value, 0) if kind == 3 and number == 1 else struct.pack("<I", value))
        for tag, kind, number, value in sorted(tags)
    )
    header = struct.pack("<2sHI", b"II", 42, 8) + struct.pack("<H", count) + entries + bytes(4)
    path.write_bytes(header + doubles + keys + bits + b"\x78\x9c" + bytes(198))
    return path


KINDS: tuple[str, ...] = (
    "no_crs", "gcps_only", "over_the_antimeridian", "engineering_crs", "coordinates_off_earth",
    "int16_minus_9999", "float_nan", "alpha_and_nodata", "all_nodata", "one_pixel",
    "truncated_pixels", "huge_tile_claim", "virtual_without_source",
)  # fmt: skip
"""Rasters that differ in kind, for every command; all of them, where there is time for it."""
if os.environ.get("GEOCITY_WHOLE_CORPUS"):
    KINDS = tuple(RASTERS)


def sparse_giant(folder: Path) -> Path:
    """Write a sound raster of 66,000 by 66,000 pixels that takes a megabyte: all of it is empty."""
    path = folder / "giant_2015-03-17.tif"
    profile = {"driver": "GTiff", "count": 3, "height": 66_000, "width": 66_000, "dtype": "uint8"}
    stored = {"tiled": True, "blockxsize": 4096, "blockysize": 4096, "sparse_ok": True}
    placed = {"crs": UTM43.to_wkt(), "transform": GRID.transform, "photometric": "RGB"}
    with rasterio.open(path, "w", **profile, **stored, **placed):
        return path
