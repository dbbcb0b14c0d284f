"""Augmentation on whole batches, on whatever device they are: geometry, then radiometry.

Both work on normalised images (`geocity.core.normalise`) of any number of bands. Geometry moves
images and labels together; what it brings in from outside is 0 in the image, as invalid pixels
are, and 255 in the label: unknown, never background. Radiometry imitates another date, sun,
haze or sensor, and leaves labels alone. All chance comes from one generator.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from kornia.filters import gaussian_blur2d
from kornia.geometry.transform import warp_affine
from torch import Tensor

from geocity.core.classes import NODATA


@dataclass(frozen=True, slots=True)
class Strength:
    """How far augmentation goes. Numbers are half-widths of even distributions; shares are chances.

    Attributes:
        zoom: images are scaled by ``1 / (1 + zoom)`` to ``1 + zoom``.
        turn_deg: small rotation on top of quarter turns, in degrees.
        warp_share: share of images that are scaled and rotated.
        exposure: natural logarithm of the gain common to all bands.
        balance: natural logarithm of each band's own gain.
        offset: offset of each band, in standard deviations.
        gamma: natural logarithm of the exponent that bends the tone curve around the mean.
        contrast: natural logarithm of the stretch around the image's mean.
        saturation: lowest share of a band's own signal that is kept against the grey mean.
        haze: highest share of light from the haze instead of from the ground.
        blur_px: highest standard deviation of a Gaussian blur, in pixels.
        noise: highest standard deviation of noise, in standard deviations of the band.
        share: share of images for each of saturation, haze, blur and noise.
    """

    zoom: float
    turn_deg: float
    warp_share: float
    exposure: float
    balance: float
    offset: float
    gamma: float
    contrast: float
    saturation: float
    haze: float
    blur_px: float
    noise: float
    share: float


STRENGTHS: dict[str, Strength | None] = {
    # Wide enough that two dates or sensors of one city fall within each other's spread.
    "strong": Strength(
        zoom=0.25,
        turn_deg=10.0,
        warp_share=0.5,
        exposure=0.25,
        balance=0.12,
        offset=0.35,
        gamma=0.35,
        contrast=0.35,
        saturation=0.0,
        haze=0.35,
        blur_px=1.2,
        noise=0.25,
        share=0.3,
    ),
    "light": Strength(
        zoom=0.1,
        turn_deg=0.0,
        warp_share=0.3,
        exposure=0.1,
        balance=0.03,
        offset=0.1,
        gamma=0.1,
        contrast=0.1,
        saturation=0.7,
        haze=0.1,
        blur_px=0.6,
        noise=0.05,
        share=0.1,
    ),
    "none": None,
}


def augment(
    images: Tensor,
    labels: Tensor,
    strength: Strength,
    *,
    mean: Sequence[float],
    std: Sequence[float],
    generator: torch.Generator,
) -> tuple[Tensor, Tensor]:
    """Change a batch as another place, date or sensor might.

    Args:
        images: normalised float images (batch, bands, rows, cols), rows equal to cols.
        labels: class indexes (batch, rows, cols), 255 where unknown.
        strength: how far to go.
        mean: mean of the scaled pixels per band, by which the images were normalised.
        std: their standard deviation.
        generator: a CPU generator; the same one gives the same batch on every device.

    Returns:
        New images and labels of the same shapes and types.
    """
    images, labels = turn(images, labels, generator)
    images, labels, inside = warp(images, labels, strength, generator)
    images = change_radiometry(images, strength, mean=mean, std=std, generator=generator)
    return images * inside, labels


def turn(images: Tensor, labels: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Give every image of a batch one of the eight flips and turns, exactly, without resampling."""
    choices = torch.randint(0, 8, (len(images),), generator=generator).tolist()
    turned = [_dihedral(image, choice) for image, choice in zip(images, choices, strict=True)]
    moved = [_dihedral(label, choice) for label, choice in zip(labels, choices, strict=True)]
    return torch.stack(turned), torch.stack(moved)


def _dihedral(image: Tensor, choice: int) -> Tensor:
    image = torch.rot90(image, choice % 4, (-2, -1))
    return image.flip(-1) if choice >= 4 else image


def warp(
    images: Tensor, labels: Tensor, strength: Strength, generator: torch.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """Scale and slightly rotate a share of the images about their centres.

    Returns:
        Images, labels, and a mask (batch, 1, rows, cols) that is 0 where an image has no data.
    """
    known_image = (images != 0).any(1, keepdim=True).to(images.dtype)
    batch, size = len(images), (images.shape[-2], images.shape[-1])
    chosen = _chance(batch, strength.warp_share, generator)
    scale = torch.exp(_even(batch, generator) * torch.log1p(torch.tensor(strength.zoom)))
    angle = torch.deg2rad(_even(batch, generator) * strength.turn_deg)
    if not bool(chosen.any()):
        return images, labels, known_image
    matrix = _about_centre(scale[chosen], angle[chosen], size).to(images.device, images.dtype)
    where = chosen.to(images.device)
    images, labels, inside = images.clone(), labels.clone(), known_image.clone()
    inside[where] = warp_affine(known_image[where], matrix, size, mode="nearest")
    # Zero beyond the edge is what invalid pixels are; the mean, so that nothing stands out.
    images[where] = warp_affine(images[where], matrix, size, mode="bilinear")
    # 255 minus the class: beyond the edge comes 0, which is 255, unknown.
    upside_down = (NODATA - labels[where]).unsqueeze(1).to(images.dtype)
    upside_down = warp_affine(upside_down, matrix, size, mode="nearest").squeeze(1)
    labels[where] = (NODATA - upside_down.round()).to(labels.dtype)
    return images, labels, inside


def _about_centre(scale: Tensor, angle: Tensor, size: Sequence[int]) -> Tensor:
    """Return 2x3 matrices that scale and rotate pixel coordinates (x, y) about the centre."""
    x, y = (size[1] - 1) / 2, (size[0] - 1) / 2
    a, b = scale * torch.cos(angle), scale * torch.sin(angle)
    first = torch.stack([a, b, x - a * x - b * y], 1)
    second = torch.stack([-b, a, y + b * x - a * y], 1)
    return torch.stack([first, second], 1)


def change_radiometry(
    images: Tensor,
    strength: Strength,
    *,
    mean: Sequence[float],
    std: Sequence[float],
    generator: torch.Generator,
) -> Tensor:
    """Give every image another exposure, balance, tone, saturation, haze, sharpness and noise."""
    batch, bands = images.shape[:2]
    centre = torch.tensor(mean, dtype=images.dtype, device=images.device).view(1, -1, 1, 1)
    spread = torch.tensor(std, dtype=images.dtype, device=images.device).view(1, -1, 1, 1)

    def draw(width: float, channels: int = 1) -> Tensor:
        values = _even(batch * channels, generator) * width
        return values.view(batch, channels, 1, 1).to(images.device, images.dtype)

    def some(highest: float) -> Tensor:
        values = torch.rand(batch, generator=generator) * highest
        values = values * _chance(batch, strength.share, generator)
        return values.view(batch, 1, 1, 1).to(images.device, images.dtype)

    # Light is never negative; gamma and gains act on light, not on normalised numbers.
    light = (images * spread + centre).clamp_min(0)
    pivot = centre.abs().clamp_min(1e-6)
    light = pivot * (light / pivot).pow(torch.exp(draw(strength.gamma)))
    average = light.mean((2, 3), keepdim=True)
    light = average + (light - average) * torch.exp(draw(strength.contrast))
    gain = torch.exp(draw(strength.exposure) + draw(strength.balance, bands))
    light = light * gain + draw(strength.offset, bands) * spread
    changed = (light - centre) / spread
    grey = changed.mean(1, keepdim=True)
    changed = changed + (grey - changed) * some(1 - strength.saturation)
    # Haze is bright: its light lies two standard deviations above the mean.
    changed = changed + (2.0 - changed) * some(strength.haze)
    changed = _blur(changed, some(strength.blur_px))
    return _noisy(changed, some(strength.noise), generator)


def _blur(images: Tensor, sigma: Tensor) -> Tensor:
    widths = sigma.flatten()
    chosen = widths > 0.3  # below it the kernel is a point
    if not bool(chosen.any()):
        return images
    images = images.clone()
    pairs = widths[chosen].unsqueeze(1).expand(-1, 2)
    images[chosen] = gaussian_blur2d(images[chosen], (7, 7), pairs, border_type="reflect")
    return images


def _noisy(images: Tensor, spread: Tensor, generator: torch.Generator) -> Tensor:
    # Drawn on the CPU, which is slow: only for the images that get some.
    chosen = spread.flatten() > 0
    if not bool(chosen.any()):
        return images
    images = images.clone()
    some = images[chosen]
    noise = torch.randn(some.shape, generator=generator).to(images.device, images.dtype)
    images[chosen] = some + noise * spread[chosen]
    return images


def _even(count: int, generator: torch.Generator) -> Tensor:
    return torch.rand(count, generator=generator) * 2 - 1


def _chance(count: int, share: float, generator: torch.Generator) -> Tensor:
    return torch.rand(count, generator=generator) < share
