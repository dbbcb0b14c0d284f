"""From the city to an image: height, sun and shadow, colour, and what the sensor makes of it.

Everything is drawn at half the cell size and averaged at the end, so that edges are soft.
"""

from dataclasses import dataclass

import numpy as np
import shapely
from city import GROUND, KINDS, City, Trees, ground_shapes
from layout import EXTENT_M
from rasterio import features
from rasterio.transform import from_origin
from roofs import FLAT, GABLE, PANELS, SHED, Roofs, cars, stack
from scipy import ndimage

CELL_M = 0.8
FINE_M = CELL_M / 2
FINE = int(EXTENT_M / FINE_M)
TRANSFORM = from_origin(0, EXTENT_M, FINE_M, FINE_M)


@dataclass(frozen=True)
class Look:
    """How a date was taken.

    Attributes:
        year: which city to draw.
        sun_azimuth_deg, sun_elevation_deg: where the sun stood (azimuth clockwise from north).
        gamma, gain, haze, haze_color: radiometry, in this order, per band where three are given.
        green: how lush the vegetation is, 1 = as in the palette.
        blur: standard deviation of the extra blur, in cells.
        noise: standard deviation of the sensor noise, in grey values.
        shift: (down, right) displacement of the whole picture against the true grid, in cells.
    """

    year: int
    sun_azimuth_deg: float
    sun_elevation_deg: float
    gamma: float
    gain: tuple[float, float, float]
    haze: float
    haze_color: tuple[float, float, float]
    green: float
    blur: float
    noise: float
    shift: tuple[float, float]


LOOKS = {
    2015: Look(
        year=2015, sun_azimuth_deg=138, sun_elevation_deg=52, gamma=1.0, gain=(1.0, 1.0, 1.0),
        haze=0.05, haze_color=(190, 198, 210), green=1.0, blur=0.0, noise=1.4, shift=(0.0, 0.0),
    ),
    2025: Look(
        year=2025, sun_azimuth_deg=222, sun_elevation_deg=44, gamma=0.86, gain=(1.05, 0.98, 0.90),
        haze=0.13, haze_color=(196, 200, 206), green=0.86, blur=0.38, noise=2.1,
        shift=(0.32, -0.24),
    ),
}  # fmt: skip
# How strongly fine noise marks a kind of ground; 0.045 where nothing is said.
ROUGHNESS = {
    "river": 0.012, "lake": 0.01, "road": 0.02, "alley": 0.10, "rubble": 0.16, "bare": 0.06,
}  # fmt: skip


def fractal(rng: np.random.Generator, slope: float) -> np.ndarray:
    """Noise of unit variance whose amplitude falls with frequency to the power `slope`."""
    frequency = np.hypot(np.fft.fftfreq(FINE)[:, None], np.fft.rfftfreq(FINE)[None, :])
    frequency[0, 0] = np.inf
    spectrum = np.fft.rfft2(rng.standard_normal((FINE, FINE), dtype=np.float32))
    field = np.fft.irfft2(spectrum / frequency**slope, s=(FINE, FINE)).astype(np.float32)
    return field / field.std()


def burn(shapes: object, dtype: str = "int32") -> np.ndarray:
    """Burn shapes with their values on the fine grid, later ones over earlier ones."""
    return features.rasterize(shapes, (FINE, FINE), transform=TRANSFORM, dtype=dtype)


def cell_centres() -> tuple[np.ndarray, np.ndarray]:
    """The x of every column and the y of every row of the fine grid, in metres."""
    ticks = (np.arange(FINE, dtype=np.float32) + 0.5) * FINE_M
    return ticks, np.float32(EXTENT_M) - ticks


def draw_ground(city: City, look: Look, coarse: np.ndarray, fine: np.ndarray) -> np.ndarray:
    """The colour of the ground, (3, rows, cols)."""
    kinds = burn(ground_shapes(city, look.year, np.random.default_rng(5)), "uint8")
    mix = 1 / (1 + np.exp(-(2.0 * coarse + 0.7 * fine)))
    table = np.array(list(GROUND.values()), dtype=np.float32)
    for kind in ("lawn", "park", "crop", "pitch", "bank", "yard"):
        table[KINDS[kind]] = dry(table[KINDS[kind]], look.green)
    strong = np.full(len(GROUND), 0.045, np.float32)
    for kind, value in ROUGHNESS.items():
        strong[KINDS[kind]] = value
    shade = 1 + strong[kinds] * fine
    x, y = cell_centres()
    rows = np.sin(2 * np.pi * (x[None, :] * 0.23 + y[:, None] * 0.97) / 3.1)
    farm = (kinds == KINDS["wheat"]) | (kinds == KINDS["crop"]) | (kinds == KINDS["fallow"])
    shade += np.where(farm, 0.06 * rows, 0).astype(np.float32)
    bands = [(table[kinds, 0, b] * mix + table[kinds, 1, b] * (1 - mix)) * shade for b in range(3)]
    return np.stack(bands)


def dry(color: np.ndarray, green: float) -> np.ndarray:
    """Vegetation colours moved towards straw as `green` falls below 1."""
    straw = np.array([150, 134, 96], np.float32)
    return color * green + straw * (1 - green)


def draw_roofs(
    roofs: Roofs, bands: np.ndarray, height: np.ndarray, fine: np.ndarray, sun: np.ndarray
) -> None:
    """Draw the roofs into the colour bands and the height map, in place."""
    ids = burn(zip(roofs.polygons(), range(1, len(roofs) + 1), strict=True))
    at = np.nonzero(ids)
    owner = ids[at] - 1
    x, y = cell_centres()
    dx = x[at[1]] - roofs.centre[owner, 0].astype(np.float32)
    dy = y[at[0]] - roofs.centre[owner, 1].astype(np.float32)
    cos, sin = np.cos(roofs.angle).astype(np.float32), np.sin(roofs.angle).astype(np.float32)
    u = dx * cos[owner] + dy * sin[owner]
    v = dy * cos[owner] - dx * sin[owner]
    half = (roofs.size / 2).astype(np.float32)
    style = roofs.style[owner]
    facing = (-sin * sun[0] + cos * sun[1]).astype(np.float32)[owner]  # of the side with v > 0
    shade = 1 + 0.05 * fine[at]
    gable = (style == GABLE) | (style == SHED)
    steep = np.where(style == SHED, 0.10, 0.20).astype(np.float32)
    shade += np.where(gable, steep * facing * np.sign(v), 0)
    edge = np.minimum(half[owner, 0] - np.abs(u), half[owner, 1] - np.abs(v))
    flat = style == FLAT
    shade += np.where(flat & (edge < 0.5), 0.10, 0)
    shade -= np.where(flat & (edge >= 0.5) & (edge < 0.9), 0.10, 0)
    sheet = np.floor(u / np.where(style == SHED, 5.0, 1.3)).astype(np.int64)
    worn = ((sheet * 7919 + owner * 104729) % 997) / 997 - 0.5
    uneven = np.where(style == SHED, 0.09, 0.20)
    shade += np.where((style == PANELS) | (style == SHED), uneven * worn, 0)
    shade += np.where(style == SHED, 0.05 * np.sin(2 * np.pi * u / 2.5), 0)
    for b in range(3):
        bands[b][at] = roofs.color[owner, b] * shade
    ridge = np.minimum(half[owner, 1] * 0.35, 2.5)
    rise = np.where(gable, (1 - np.abs(v) / half[owner, 1]) * ridge, 0)
    height[at] = roofs.height[owner] + rise


def draw_trees(
    trees: Trees,
    look: Look,
    bands: np.ndarray,
    height: np.ndarray,
    fine: np.ndarray,
    sun: np.ndarray,
) -> None:
    """Draw the crowns over everything, in place."""
    crowns = shapely.buffer(shapely.points(trees.centre), trees.radius, quad_segs=4)
    ids = burn(zip(crowns, range(1, len(crowns) + 1), strict=True))
    at = np.nonzero(ids)
    owner = ids[at] - 1
    x, y = cell_centres()
    dx = x[at[1]] - trees.centre[owner, 0].astype(np.float32)
    dy = y[at[0]] - trees.centre[owner, 1].astype(np.float32)
    radius = trees.radius[owner].astype(np.float32)
    dome = np.sqrt(np.clip(1 - (dx**2 + dy**2) / radius**2, 0.02, 1))
    keep = dome + 0.13 * fine[at] > 0.30  # ragged edges
    at = (at[0][keep], at[1][keep])
    owner, dx, dy, radius, dome = (a[keep] for a in (owner, dx, dy, radius, dome))
    shade = 0.80 + 0.38 * (dx * sun[0] + dy * sun[1]) / radius + 0.13 * fine[at]
    tone = trees.tone[owner].astype(np.float32)
    base = dry(np.array([[70, 86, 48]], np.float32), look.green)[0]
    for b, sway in enumerate((9.0, 8.0, 5.0)):
        bands[b][at] = np.clip((base[b] + sway * tone) * shade, 12, 255)
    height[at] = np.maximum(height[at], trees.height[owner] * (0.4 + 0.6 * dome))


def cast_shadows(height: np.ndarray, look: Look) -> np.ndarray:
    """How much of each cell lies in shadow, 0 to 1, by walking towards the sun."""
    azimuth, slope = np.radians(look.sun_azimuth_deg), np.tan(np.radians(look.sun_elevation_deg))
    step = np.array([-np.cos(azimuth), np.sin(azimuth)])  # rows, cols
    over = np.zeros_like(height)
    tallest = float(height.max())
    for k in range(1, int(tallest / slope / FINE_M) + 2):
        down, right = np.rint(step * k).astype(int)
        to = tuple(slice(max(0, -d), FINE - max(0, d)) for d in (down, right))
        come = tuple(slice(max(0, d), FINE + min(0, d)) for d in (down, right))
        np.maximum(over[to], height[come] - np.float32(k * FINE_M * slope), out=over[to])
    return np.clip((over - height) / 0.5, 0, 1)


def take_picture(city: City, look: Look, seed: int) -> np.ndarray:
    """The image of a date, (3, rows, cols) uint8, without its collar."""
    ground_rng = np.random.default_rng([seed, 1])  # the same ground on both dates
    sensor_rng = np.random.default_rng([seed, look.year])
    coarse, fine = fractal(ground_rng, 1.6), fractal(ground_rng, 0.55)
    azimuth = np.radians(look.sun_azimuth_deg)
    sun = np.array([np.sin(azimuth), np.cos(azimuth)])
    bands = draw_ground(city, look, coarse, fine)
    height = np.zeros((FINE, FINE), np.float32)
    traffic = cars(city.plan, 21.0, sensor_rng)
    standing = stack([traffic, city.roofs.on_date(look.year)])
    if look.year == 2025:
        standing = repaint(standing, sensor_rng)
    draw_roofs(standing, bands, height, fine, sun)
    draw_trees(trees_on(city.trees, look.year), look, bands, height, fine, sun)
    lit = 1 - ndimage.gaussian_filter(cast_shadows(height, look), 0.6)
    for b, (sky, direct) in enumerate(((0.36, 0.72), (0.39, 0.70), (0.44, 0.64))):
        bands[b] *= sky + direct * lit
    return expose(bands, look, sensor_rng)


def repaint(roofs: Roofs, rng: np.random.Generator) -> Roofs:
    """Ten years of weather: some roofs renewed in another roof's colour, all a little changed."""
    n = len(roofs)
    renewed = np.flatnonzero(rng.uniform(size=n) < 0.12)
    color = roofs.color + rng.normal(0, 6, (n, 1))
    color[renewed] = roofs.color[rng.permutation(renewed)]
    return Roofs(**{**vars(roofs), "color": color})


def trees_on(trees: Trees, year: int) -> Trees:
    """The trees of a date: by 2025 some are felled and the others have grown."""
    if year == 2015:
        return trees
    keep = np.random.default_rng(year).uniform(size=len(trees.radius)) > 0.1
    radius, height = trees.radius[keep] * 1.07, trees.height[keep] * 1.1
    return Trees(trees.centre[keep], radius, height, trees.tone[keep])


def expose(bands: np.ndarray, look: Look, rng: np.random.Generator) -> np.ndarray:
    """Optics, displacement, averaging to the cell size, radiometry, noise."""
    sigma = np.hypot(0.75, look.blur * 2)
    picture = []
    for b in range(3):
        band = ndimage.gaussian_filter(bands[b], sigma)
        if any(look.shift):
            band = ndimage.shift(band, np.array(look.shift) * 2, order=3, mode="nearest")
        band = band.reshape(FINE // 2, 2, FINE // 2, 2).mean(axis=(1, 3))
        band = 255 * np.clip(band * look.gain[b] / 255, 0, 1) ** look.gamma
        band = band * (1 - look.haze) + look.haze_color[b] * look.haze
        picture.append(band + rng.normal(0, look.noise, band.shape))
    return np.clip(np.rint(np.stack(picture)), 1, 255).astype(np.uint8)
