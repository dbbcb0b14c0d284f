"""Two made-up cities told apart by the colour of their squares, and a network that knows it.

Redville has red squares, Greenton green ones, both on grey ground. The network is built by hand,
so what must be explained is known exactly and nothing is trained.
"""

import numpy as np
import pandas as pd
import pyproj
import rasterio
import torch
from affine import Affine
from torch import nn

from geocity.core.cities.contract import CityContract
from geocity.core.classes import ClassTable
from geocity.core.grid import Grid
from geocity.io.cities.manifest import City, CityFolder, write_city_folder
from geocity.io.class_raster_sinks import create_class_raster
from geocity.models.cities.inference import CityModel

SIDE = 32
"""Pixels of a patch, and of what the network sees."""

CHANNELS = 16
IMAGE = 96
ORIGIN = (300_000.0, 4_800_000.0)
UTM = pyproj.CRS("EPSG:32643")
CITIES = (("RED", "Redville"), ("GRN", "Greenton"))
COLORS = ((220, 60, 60), (60, 220, 60))


class Stage(nn.Module):
    """Hands on half of what it gets through a convolution, and the rest beside it."""

    def __init__(self, stride):
        super().__init__()
        self.conv = nn.Conv2d(CHANNELS, CHANNELS, 1, bias=False)
        self.pool = nn.AvgPool2d(stride) if stride > 1 else nn.Identity()
        with torch.no_grad():
            self.conv.weight.copy_(torch.eye(CHANNELS)[:, :, None, None] / 2)

    def forward(self, x):
        return self.pool(torch.relu(self.conv(x)) + x)


class GlyphNetwork(nn.Module):
    """Two cities: red squares make one, green squares the other. Built by hand, exactly known."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, CHANNELS, 1, bias=False)
        self.layer1, self.layer2 = Stage(1), Stage(1)
        self.layer3, self.layer4 = Stage(2), Stage(2)
        self.fc = nn.Linear(CHANNELS, 2)
        # Half of the channels see red that is not green, the others green that is not red.
        side = torch.tensor([1.0, -1.0]).repeat_interleave(CHANNELS // 2)
        with torch.no_grad():
            # A trace of brightness: no patch is without anything that speaks for a city.
            sees = 4 * side[:, None] * torch.tensor([1.0, -1.0, 0.0]) + 0.01
            self.stem.weight.copy_(sees[:, :, None, None])
            self.fc.weight.copy_(torch.stack([side, -side]) * 6 / CHANNELS)
            self.fc.bias.zero_()

    def forward(self, x):
        x = torch.relu(self.stem(x))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(x.mean((2, 3)))


def glyph_model(network=None):
    contract = CityContract(
        backbone="by-hand",
        cities=CITIES,
        bands=("Red", "Green", "Blue"),
        dtype="uint8",
        value_range=(0, 255),
        patch_m=16.0,
        cell_size_m=0.5,
        input_px=SIDE,
        mean=(0.0, 0.0, 0.0),
        std=(1.0, 1.0, 1.0),
        per_image=False,
    )
    return CityModel(contract, network or GlyphNetwork())


def glyphs(red=(2, 2), green=(20, 18), sizes=(8, 6)):
    """Grey ground with a red and a smaller green square: (1, 3, 32, 32), and their masks."""
    image = torch.full((1, 3, SIDE, SIDE), 100.0)
    masks = []
    for (row, col), size, color in (
        (red, sizes[0], (220, 60, 60)),
        (green, sizes[1], (60, 220, 60)),
    ):
        place = (slice(row, row + size), slice(col, col + size))
        image[(0, slice(None), *place)] = torch.tensor(color, dtype=torch.float32)[:, None, None]
        mask = np.zeros((SIDE, SIDE), bool)
        mask[place] = True
        masks.append(mask)
    return image, masks


def square_places(seed):
    """Where the squares of an image lie: (IMAGE, IMAGE) bool, one in each patch."""
    rng = np.random.default_rng(seed)
    mask = np.zeros((IMAGE, IMAGE), bool)
    for top in range(0, IMAGE, SIDE):
        for left in range(0, IMAGE, SIDE):
            row, col = top + rng.integers(4, 16), left + rng.integers(4, 16)
            mask[row : row + 12, col : col + 12] = True
    return mask


def write_image(path, city, seed, *, georeferenced=True, driver="GTiff"):
    """Write an image of a city and return where its squares are."""
    mask = square_places(seed)
    pixels = np.full((3, IMAGE, IMAGE), 100, np.uint8)
    pixels[:, mask] = np.array(COLORS[city], np.uint8)[:, None]
    placed = {"crs": UTM.to_wkt(), "transform": image_grid(seed).transform} if georeferenced else {}
    with rasterio.open(
        path, "w", driver=driver, dtype="uint8", count=3, height=IMAGE, width=IMAGE, **placed
    ) as dataset:
        dataset.write(pixels)
    return mask


def image_grid(seed):
    """Where an image lies; each seed has ground of its own."""
    west = ORIGIN[0] + 1000 * seed
    return Grid(UTM, Affine(0.5, 0, west, 0, -0.5, ORIGIN[1]), (IMAGE, IMAGE))


def write_ground(path, seed):
    """Write the class raster of an image: squares are roofs."""
    grid = image_grid(seed)
    values = square_places(seed).astype(np.uint8)
    with create_class_raster(path, grid, ClassTable.named(["open ground", "roofs"])) as sink:
        sink.write(values, grid.window)
    return path


def write_glyph_folder(root, *, georeferenced=True):
    """Write two images of each city and the city folder of their patches, all for testing."""
    images, patches = [], []
    for seed in range(4):
        city = seed // 2
        path = root / f"{CITIES[city][0]}_{seed}{'.tif' if georeferenced else '.png'}"
        driver = "GTiff" if georeferenced else "PNG"
        write_image(path, city, seed, georeferenced=georeferenced, driver=driver)
        west, south, east, north = image_grid(seed).bounds
        images.append(
            {
                "key": f"{CITIES[city][1]}/site{seed % 2}/{path.stem}",
                "city": city,
                "site": f"site{seed % 2}",
                "path": str(path),
                "rows": IMAGE,
                "cols": IMAGE,
                "bands": 3,
                "dtype": "uint8",
                "cell_size_m": 0.5,
                "georeferenced": georeferenced,
                "date": None,
                "broken": False,
                "reason": "",
                "unit": f"place {seed}",
                "placed": "file" if georeferenced else "",
                "crs": "EPSG:32643" if georeferenced else "",
                "west": west if georeferenced else np.nan,
                "south": south if georeferenced else np.nan,
                "east": east if georeferenced else np.nan,
                "north": north if georeferenced else np.nan,
            }
        )
        patches += [
            {
                "image": seed,
                "city": city,
                "site": f"site{seed % 2}",
                "row": row,
                "col": col,
                "side": SIDE,
                "part": "test",
                "fold": 0,
                "sampled": True,
            }
            for row in range(0, IMAGE, SIDE)
            for col in range(0, IMAGE, SIDE)
        ]
    cities = tuple(City(code, name) for code, name in CITIES)
    tables = pd.DataFrame(images), pd.DataFrame(patches)
    return write_city_folder(root / "cities", CityFolder(root, cities, *tables, 16.0, {"seed": 0}))
