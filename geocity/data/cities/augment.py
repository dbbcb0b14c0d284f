"""Augmentation of patches: geometry, then what another date, light or camera does to colours.

Everything works on pixels of 0 to 255 before they are normalised, on whole batches, on whatever
device they are. All chance comes from one generator of the CPU.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import affine_grid, avg_pool2d, grid_sample, pad

_TOP = 255.0
# The power of 0 has no slope; below a quarter of a grey level there is nothing to see.
_LEAST_LIGHT = 0.25


@dataclass(frozen=True, slots=True)
class PatchStrength:
    """How far augmentation goes. Numbers are half-widths of even distributions; shares are chances.

    Attributes:
        turns: all eight flips and quarter turns; else only the two flips.
        zoom: patches are scaled by ``1 - zoom`` to ``1 + zoom``.
        gamma: natural logarithm of the exponent that bends each band's tone curve.
        contrast: natural logarithm of the stretch around each band's mean.
        balance: natural logarithm of each band's own gain.
        mix: how far bands are mixed with one another, 0 to 1; 1 leaves nothing of their order.
        mix_share: share of patches whose bands are mixed.
        grey_share: share of patches that lose their colour.
        blur: highest share of a 3 x 3 mean that is mixed in, or taken away to sharpen.
        noise: highest standard deviation of noise, as a share of each band's own.
    """

    turns: bool
    zoom: float = 0.0
    gamma: float = 0.0
    contrast: float = 0.0
    balance: float = 0.0
    mix: float = 0.0
    mix_share: float = 0.0
    grey_share: float = 0.0
    blur: float = 0.0
    noise: float = 0.0


STRENGTHS: dict[str, PatchStrength | None] = {
    "strong": PatchStrength(
        turns=True,
        zoom=0.2,
        gamma=0.25,
        contrast=0.2,
        balance=0.1,
        mix=0.5,
        mix_share=0.7,
        blur=0.5,
        noise=0.1,
    ),
    "light": PatchStrength(turns=True, zoom=0.2),
    "flips": PatchStrength(turns=False),
    "none": None,
}


def augment_patches(pixels: Tensor, strength: PatchStrength, generator: torch.Generator) -> Tensor:
    """Change a batch as another place, date or camera might.

    Args:
        pixels: float patches (batch, bands, rows, cols), rows equal to cols, 0 to 255.
        strength: how far to go.
        generator: a CPU generator; the same one gives the same batch on every device.

    Returns:
        New patches of the same shape.
    """
    pixels = turned(pixels, generator, turns=strength.turns)
    if strength.zoom:
        pixels = zoomed(pixels, strength.zoom, generator)
    pixels = _other_light(pixels, strength, generator)
    pixels = mixed(pixels, strength, generator)
    return _other_sharpness(pixels, strength, generator)


def turned(pixels: Tensor, generator: torch.Generator, *, turns: bool) -> Tensor:
    """Flip patches, and turn them by right angles, exactly."""
    choices = torch.randint(0, 8, (len(pixels),), generator=generator).tolist()
    return torch.stack([_turn(p, choice, turns) for p, choice in zip(pixels, choices, strict=True)])


def _turn(patch: Tensor, choice: int, turns: bool) -> Tensor:
    patch = torch.rot90(patch, choice % 4, (-2, -1)) if turns else patch
    if not turns and choice & 1:
        patch = patch.flip(-2)
    return patch.flip(-1) if choice >= 4 else patch


def zoomed(pixels: Tensor, zoom: float, generator: torch.Generator) -> Tensor:
    """Scale every patch about a point near its centre; what lies outside is its mirror image."""
    count = len(pixels)
    scale = 1 + _even(count, zoom, generator).view(-1)
    room = (1 - scale).clamp_min(0)
    theta = torch.zeros(count, 2, 3)
    theta[:, 0, 0] = theta[:, 1, 1] = scale
    theta[:, :, 2] = (torch.rand(count, 2, generator=generator) * 2 - 1) * room[:, None]
    grid = affine_grid(theta.to(pixels), list(pixels.shape), align_corners=False)
    return grid_sample(pixels, grid, padding_mode="reflection", align_corners=False)


def _other_light(pixels: Tensor, strength: PatchStrength, generator: torch.Generator) -> Tensor:
    """Give every patch another tone curve, contrast and colour balance."""
    batch, bands = pixels.shape[:2]
    if strength.gamma:
        exponent = torch.exp(_even(batch, strength.gamma, generator, bands)).to(pixels)
        pixels = _TOP * (pixels.clamp_min(_LEAST_LIGHT) / _TOP).pow(exponent)
    if strength.contrast:
        mean = pixels.mean((2, 3), keepdim=True)
        stretch = torch.exp(_even(batch, strength.contrast, generator)).to(pixels)
        pixels = mean + (pixels - mean) * stretch
    if strength.balance:
        pixels = pixels * torch.exp(_even(batch, strength.balance, generator, bands)).to(pixels)
    return pixels


def mixed(pixels: Tensor, strength: PatchStrength, generator: torch.Generator) -> Tensor:
    """Mix the bands of some patches with one another, and take the colour from others.

    Which surfaces differ stays visible; in which band they do does not, for that changes with the
    season and the sensor.
    """
    batch, bands = pixels.shape[:2]
    if not strength.mix_share and not strength.grey_share:
        return pixels
    same = torch.eye(bands).expand(batch, bands, bands)
    matrix = same * (1 - strength.mix)
    matrix = matrix + strength.mix * torch.rand(batch, bands, bands, generator=generator)
    chosen = torch.rand(batch, 1, 1, generator=generator) < strength.mix_share
    matrix = torch.where(chosen, matrix / matrix.sum(2, keepdim=True), same)
    grey = torch.rand(batch, 1, 1, generator=generator) < strength.grey_share
    matrix = torch.where(grey, torch.full_like(matrix, 1 / bands), matrix)
    return torch.einsum("nij,njhw->nihw", matrix.to(pixels), pixels)


def _other_sharpness(pixels: Tensor, strength: PatchStrength, generator: torch.Generator) -> Tensor:
    """Blur or sharpen, and add the noise of a sensor."""
    if strength.blur:
        smooth = avg_pool2d(pad(pixels, (1, 1, 1, 1), mode="reflect"), 3, 1)
        pixels = pixels + (smooth - pixels) * _even(len(pixels), strength.blur, generator).to(
            pixels
        )
    if strength.noise:
        highest = torch.rand(len(pixels), 1, 1, 1, generator=generator) * strength.noise
        spread = pixels.std((2, 3), keepdim=True) * highest.to(pixels)
        pixels = pixels + torch.randn(pixels.shape, generator=generator).to(pixels) * spread
    return pixels


def _even(count: int, width: float, generator: torch.Generator, bands: int = 1) -> Tensor:
    return (torch.rand(count, bands, 1, 1, generator=generator) * 2 - 1) * width
