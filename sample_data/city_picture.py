"""From a site to its picture on a date: sun, shadow, season, haze and sensor."""

from dataclasses import dataclass

import numpy as np
from city_parts import Site
from city_streets import EXTENT_M
from rasterio import features
from rasterio.transform import from_origin
from scipy import ndimage
from shapely import Point

CELL_M = 0.8
SIDE = int(EXTENT_M / CELL_M)
FINE_M = CELL_M / 2
FINE = 2 * SIDE
TRANSFORM = from_origin(0, EXTENT_M, FINE_M, FINE_M)

GROUND = ("yard", "lawn", "drive", "street", "quay", "water", "pool", "car")
COLORS = {
    "yard": (164, 150, 128), "lawn": (106, 122, 82), "drive": (150, 146, 140),
    "street": (118, 118, 120), "quay": (152, 146, 138), "water": (66, 86, 84),
    "pool": (96, 168, 186), "car": (190, 190, 195), "tree": (62, 90, 50),
}  # fmt: skip
TREE_HEIGHT_M = 7.0


@dataclass(frozen=True)
class Look:
    """How an acquisition was taken. The same for all cities, but for small swings of each site.

    Attributes:
        date: of acquisition.
        sun_azimuth_deg, sun_elevation_deg: where the sun stood (azimuth clockwise from north).
        dryness: 0 = lush green, 1 = dry.
        gamma, gain, haze, haze_color: radiometry, in this order.
        blur: standard deviation of the blur, in cells.
        noise: standard deviation of the sensor noise, in grey values.
        swing: how far gain, gamma and haze wander from site to site.
    """

    date: str
    sun_azimuth_deg: float
    sun_elevation_deg: float
    dryness: float
    gamma: float
    gain: tuple[float, float, float]
    haze: float
    haze_color: tuple[float, float, float]
    blur: float
    noise: float
    swing: float


LOOKS = (
    Look(
        date="2018-05-21", sun_azimuth_deg=140, sun_elevation_deg=56, dryness=0.1, gamma=1.0,
        gain=(0.98, 1.0, 1.0), haze=0.06, haze_color=(185, 198, 215), blur=0.35, noise=1.0,
        swing=0.1,
    ),
    Look(
        date="2022-09-14", sun_azimuth_deg=215, sun_elevation_deg=42, dryness=0.85, gamma=0.86,
        gain=(1.1, 0.97, 0.82), haze=0.2, haze_color=(205, 196, 180), blur=0.5, noise=1.4,
        swing=0.1,
    ),
)  # fmt: skip


@dataclass(frozen=True)
class Canvas:
    """A site burned on the fine grid, before any light falls on it."""

    ground: np.ndarray  # index of GROUND
    face: np.ndarray  # number of the roof face, 0 where there is none
    tree: np.ndarray  # crown height as a share, 0 where there is none
    height: np.ndarray  # metres
    grain: np.ndarray  # fractal noise of unit variance
    fine_grain: np.ndarray


def _burn(shapes: list, dtype: str = "int32") -> np.ndarray:
    shapes = [(shape, value) for shape, value in shapes if not shape.is_empty]
    if not shapes:
        return np.zeros((FINE, FINE), dtype)
    return features.rasterize(shapes, (FINE, FINE), transform=TRANSFORM, dtype=dtype)


def _fractal(rng: np.random.Generator, slope: float) -> np.ndarray:
    frequency = np.hypot(np.fft.fftfreq(FINE)[:, None], np.fft.rfftfreq(FINE)[None, :])
    frequency[0, 0] = np.inf
    spectrum = np.fft.rfft2(rng.standard_normal((FINE, FINE), dtype=np.float32))
    field = np.fft.irfft2(spectrum / frequency**slope, s=(FINE, FINE)).astype(np.float32)
    return field / field.std()


def burn_site(site: Site, seed: list[int]) -> Canvas:
    """Put a site on the fine grid."""
    rng, plan = np.random.default_rng(seed), site.plan
    layers = (
        ("lawn", site.lawns), ("yard", site.yards), ("drive", site.drives), ("quay", plan.quays),
        ("water", plan.water), ("street", plan.streets), ("lawn", site.medians),
        ("pool", site.pools), ("car", site.cars),
    )  # fmt: skip
    shapes = [(s, GROUND.index(name)) for name, group in layers for s in group]
    ground = _burn(shapes, "uint8")
    order = sorted(range(len(site.faces)), key=lambda i: site.faces[i].height_m)
    face = _burn([(site.faces[i].shape, i + 1) for i in order])
    heights = np.array([0.0, *(f.height_m for f in site.faces)], np.float32)
    tree = np.zeros((FINE, FINE), np.float32)
    for share, least in ((0.55, 1.0), (0.8, 0.72), (1.0, 0.4)):
        crowns = [(Point(x, y).buffer(r * least), 1) for x, y, r in site.trees]
        tree[_burn(crowns, "uint8") == 1] = share
    tree[(face > 0) & (heights[face] > TREE_HEIGHT_M)] = 0
    height = np.maximum(heights[face], TREE_HEIGHT_M * tree)
    return Canvas(ground, face, tree, height, _fractal(rng, 1.1), _fractal(rng, 0.35))


def _shadow(height: np.ndarray, look: Look) -> np.ndarray:
    azimuth, slope = np.radians(look.sun_azimuth_deg), np.tan(np.radians(look.sun_elevation_deg))
    dark = np.zeros(height.shape, bool)
    reach = int(height.max() / slope / FINE_M) + 2
    around = np.pad(height, reach)
    for step in range(1, reach):
        # Look towards the sun: is something there that stands in its way?
        row = reach + round(-np.cos(azimuth) * step)
        col = reach + round(np.sin(azimuth) * step)
        towards = around[row : row + FINE, col : col + FINE]
        dark |= towards > height + step * FINE_M * slope
    return ndimage.gaussian_filter(dark.astype(np.float32), 0.7)


def _reflectance(site: Site, canvas: Canvas, look: Look, rng: np.random.Generator) -> np.ndarray:
    dry = np.array((1.42, 1.12, 1.15))
    palette = {name: np.array(color, np.float32) for name, color in COLORS.items()}
    for name, share in (("lawn", 0.85), ("tree", 0.4)):
        palette[name] = palette[name] * (1 + (dry - 1) * look.dryness * share)
    tints = {name: rng.normal(1, 0.08) * rng.normal(1, 0.03, 3) for name in palette}
    table = np.array([palette[name] * tints[name] for name in GROUND], np.float32)
    color = table[canvas.ground]
    rough = np.where(canvas.ground == GROUND.index("street"), 0.025, 0.06)
    rough = np.where(canvas.ground == GROUND.index("water"), 0.012, rough).astype(np.float32)
    color = color * (1 + rough * (canvas.grain + 0.5 * canvas.fine_grain))[..., None]
    cars = canvas.ground == GROUND.index("car")
    blotch = np.where(canvas.grain > 0.3, 1.15, np.where(canvas.grain < -0.5, 0.45, 0.85))
    color[cars] *= blotch[cars][:, None]
    roof = canvas.face > 0
    color[roof] = _roofs(site, look, rng)[canvas.face[roof]]
    color[roof] *= (1 + 0.03 * canvas.fine_grain[roof])[:, None]
    tree = canvas.tree > 0
    crowns = palette["tree"] * tints["tree"] * (0.62 + 0.55 * canvas.tree[tree])[:, None]
    color[tree] = crowns * (1 + 0.09 * canvas.fine_grain[tree])[:, None]
    return color


def _roofs(site: Site, look: Look, rng: np.random.Generator) -> np.ndarray:
    """Colour of every face in the light; number 0 is no face."""
    wash = rng.normal(1, 0.07) * rng.normal(1, 0.04, 3)
    table = np.zeros((len(site.faces) + 1, 3), np.float32)
    for number, face in enumerate(site.faces, start=1):
        lit = 1.0
        if face.azimuth_deg is not None:
            turned = np.radians(face.azimuth_deg - look.sun_azimuth_deg)
            lit = 0.92 + 0.34 * np.cos(turned)
        table[number] = np.array(face.color) * lit * wash
    return table


def take_picture(site: Site, canvas: Canvas, look: Look, seed: list[int]) -> np.ndarray:
    """Return red, green, blue, uint8 (3, rows, cols), as the sensor sees the site."""
    rng = np.random.default_rng(seed)
    color = _reflectance(site, canvas, look, rng)
    color *= (1 - 0.52 * _shadow(canvas.height, look))[..., None]
    seen = color.reshape(SIDE, 2, SIDE, 2, 3).mean(axis=(1, 3))
    seen = ndimage.gaussian_filter(seen, (look.blur, look.blur, 0))
    haze = look.haze + rng.uniform(0, 2 * look.swing)
    gamma = look.gamma * np.exp(rng.normal(0, 1.6 * look.swing))
    gain = np.array(look.gain) * rng.normal(1, look.swing) * rng.normal(1, look.swing / 3, 3)
    seen = 255 * np.clip(seen / 255, 0, 1) ** gamma * gain
    seen = seen * (1 - haze) + np.array(look.haze_color) * haze
    seen += rng.normal(0, look.noise, seen.shape)
    return np.moveaxis(np.clip(np.round(seen), 0, 255).astype(np.uint8), -1, 0)
