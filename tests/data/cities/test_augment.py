import pytest
import torch

from geocity.data.cities.augment import (
    STRENGTHS,
    PatchStrength,
    augment_patches,
    mixed,
    turned,
    zoomed,
)
from geocity.data.cities.normalise import Normalisation, resized, standardised


def chance(seed=0):
    return torch.Generator().manual_seed(seed)


def patches(count=6, side=16):
    return torch.rand(count, 3, side, side, generator=chance(9)) * 255


@pytest.mark.parametrize("name", ["strong", "light", "flips"])
def test_the_same_chance_gives_the_same_batch(name):
    first = augment_patches(patches(), STRENGTHS[name], chance(3))
    assert torch.equal(first, augment_patches(patches(), STRENGTHS[name], chance(3)))
    assert not torch.equal(first, augment_patches(patches(), STRENGTHS[name], chance(4)))
    assert first.shape == (6, 3, 16, 16)
    assert torch.isfinite(first).all()


def test_turns_are_exact_and_all_eight_occur():
    patch = patches(1)
    seen = turned(patch.expand(200, -1, -1, -1), chance(), turns=True)
    assert len({tuple(p.flatten().tolist()) for p in seen}) == 8
    assert torch.equal(seen.flatten(2).sort(2).values[0], patch.flatten(2).sort(2).values[0])


def test_flips_alone_never_turn():
    patch = torch.arange(12.0).view(1, 1, 3, 4)
    seen = turned(patch.expand(100, -1, -1, -1), chance(), turns=False)
    assert seen.shape == (100, 1, 3, 4)
    assert len({tuple(p.flatten().tolist()) for p in seen}) == 4


def test_zoom_by_nothing_changes_nothing():
    assert torch.allclose(zoomed(patches(), 0.0, chance()), patches(), atol=1e-3)
    assert not torch.allclose(zoomed(patches(), 0.2, chance()), patches(), atol=1)


def test_bands_are_mixed_without_moving_anything():
    strength = PatchStrength(turns=True, mix=0.5, mix_share=1.0)
    out = mixed(patches(), strength, chance())
    flat = torch.full((2, 3, 4, 4), 100.0)
    assert torch.allclose(mixed(flat, strength, chance()), flat, atol=1e-3)
    assert not torch.allclose(out, patches())
    grey = mixed(patches(), PatchStrength(turns=True, grey_share=1.0), chance())
    assert torch.allclose(grey, patches().mean(1, keepdim=True).expand(-1, 3, -1, -1), atol=1e-3)
    assert mixed(patches(), PatchStrength(turns=True), chance()).equal(patches())


def test_normalisation_of_a_patch_takes_its_light_away():
    pixels = patches()
    seen = standardised(pixels)
    assert torch.allclose(standardised(pixels * 0.6 + 20), seen, atol=1e-4)
    assert torch.equal(Normalisation(True, (), ())(pixels), seen)
    fixed = Normalisation(False, (0.5, 0.4, 0.3), (0.1, 0.2, 0.3))(pixels)
    assert fixed[1, 2, 3, 4] == pytest.approx(float((pixels[1, 2, 3, 4] / 255 - 0.3) / 0.3), 1e-4)


def test_shrinking_does_not_alias():
    stripes = torch.zeros(1, 3, 64, 64)
    stripes[..., ::2] = 200
    assert (resized(stripes, 8)[..., 1:-1] - 100).abs().max() < 5
    assert resized(stripes, 64) is stripes
