import pytest
import torch

from geocity.data.augment import (
    STRENGTHS,
    Strength,
    _noisy,
    augment,
    change_radiometry,
    turn,
    warp,
)

STRONG = STRENGTHS["strong"]
LIGHT = STRENGTHS["light"]


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def coded(batch=8, bands=3, size=32):
    """Labels in 4-pixel squares of classes 0..6, and images that show their label in every band."""
    labels = torch.randint(0, 7, (batch, size // 4, size // 4), generator=generator(9))
    labels = labels.repeat_interleave(4, 1).repeat_interleave(4, 2)
    images = (labels + 1.0).unsqueeze(1).repeat(1, bands, 1, 1)
    return images, labels


def run(images, labels, strength=STRONG, seed=0):
    bands = images.shape[1]
    return augment(
        images, labels, strength, mean=[0.4] * bands, std=[0.1] * bands, generator=generator(seed)
    )


@pytest.mark.parametrize("bands", [1, 3, 4, 9])
@pytest.mark.parametrize("strength", [STRONG, LIGHT])
def test_shapes_types_and_labels(bands, strength):
    images, labels = coded(bands=bands)
    kept = images.clone(), labels.clone()
    out, moved = run(images, labels, strength)
    assert out.shape == images.shape
    assert out.dtype == images.dtype
    assert moved.dtype == labels.dtype
    assert set(moved.unique().tolist()) <= {*range(7), 255}
    assert torch.isfinite(out).all()
    assert torch.equal(images, kept[0])
    assert torch.equal(labels, kept[1])


def test_image_and_label_move_together():
    images, labels = coded(batch=32)
    out, moved, inside = warp(*turn(images, labels, generator(1)), STRONG, generator(2))
    assert (moved != labels).any()
    # Away from the seams between squares, where bilinear mixes, the image still shows its label.
    known = moved != 255
    agree = (out[:, 0] - (moved + 1.0)).abs() < 0.01
    assert agree[known].float().mean() > 0.6
    centre = torch.nn.functional.max_pool2d(
        moved.float(), 3, 1, 1
    ) == -torch.nn.functional.max_pool2d(-moved.float(), 3, 1, 1)
    assert agree[known & centre].float().mean() > 0.99
    assert (inside[:, 0][known] == 1).all()


def test_what_comes_from_outside_is_unknown_and_average():
    images, labels = coded(batch=64)
    shrink = Strength(1.0, 45.0, 1.0, *([0.2] * 4), 0.3, 0.5, 0.2, 1.0, 0.5, 1.0)
    out, moved = run(images, labels, shrink)
    outside = moved == 255
    assert outside.any()
    assert (labels != 255).all()
    assert (out.permute(0, 2, 3, 1)[outside] == 0).float().mean() > 0.95


def test_invalid_pixels_stay_zero():
    images, labels = coded()
    images[:, :, :16] = 0
    labels[:, :16] = 255
    out, moved = run(images, labels)
    assert (out.permute(0, 2, 3, 1)[(out == 0).all(1)] == 0).all()
    assert ((out == 0).all(1).float().mean((1, 2)) > 0.3).all()
    assert (moved == 255).float().mean() > 0.4


def test_the_eight_turns_are_exact_and_all_occur():
    image = torch.arange(16.0).view(1, 1, 4, 4).repeat(400, 1, 1, 1)
    turned, moved = turn(image, image[:, 0].long(), generator())
    assert torch.equal(turned[:, 0].long(), moved)
    assert len({tuple(t.flatten().tolist()) for t in turned}) == 8
    assert (turned.flatten(1).sort(1).values == torch.arange(16.0)).all()


def test_the_same_generator_gives_the_same_batch():
    images, labels = coded()
    first, second, third = run(images, labels), run(images, labels), run(images, labels, seed=1)
    assert torch.equal(first[0], second[0])
    assert torch.equal(first[1], second[1])
    assert not torch.equal(first[0], third[0])


def test_radiometry_is_wide_enough_for_another_date():
    """Two dates may differ by 20 % in gain and half a standard deviation in offset per band."""
    images = torch.randn(400, 3, 16, 16, generator=generator(3))
    out = change_radiometry(images, STRONG, mean=[0.4] * 3, std=[0.1] * 3, generator=generator(4))
    level = out.mean((2, 3))
    assert level.std(0).min() > 0.5  # brightness
    assert (level[:, 0] - level[:, 2]).std() > 0.3  # colour balance
    contrast = out.std((1, 2, 3))
    assert contrast.min() < 0.8 < 1.3 < contrast.max()
    assert out.abs().max() < 30


def test_noise_is_drawn_for_those_that_get_some(monkeypatch):
    drawn = []

    def randn(shape, **options):
        drawn.append(tuple(shape))
        return torch.ones(shape)

    monkeypatch.setattr("geocity.data.augment.torch.randn", randn)
    images = torch.zeros(5, 3, 8, 8)
    spread = torch.tensor([0.0, 0.5, 0.0, 2.0, 0.0]).view(5, 1, 1, 1)
    assert torch.equal(_noisy(images, spread, generator()), spread.expand(5, 3, 8, 8))
    assert torch.equal(_noisy(images, 0 * spread, generator()), images)
    assert drawn == [(2, 3, 8, 8)]


def test_no_strength_changes_nothing_but_the_turn():
    images, labels = coded()
    still = Strength(0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0)
    out, moved = run(images, labels, still)
    expected = turn(images, labels, generator(0))
    torch.testing.assert_close(out, expected[0], atol=1e-4, rtol=1e-4)
    assert torch.equal(moved, expected[1])
