import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from geocity.errors import InputError
from geocity.models.losses import LOSSES, make_loss


def probabilities(logits):
    e = [math.exp(v - max(logits)) for v in logits]
    return [v / sum(e) for v in e]


def pixels(logits, target):
    """Known pixels as (probabilities, class), one by one."""
    out = []
    for b in range(target.shape[0]):
        for r in range(target.shape[1]):
            for c in range(target.shape[2]):
                if target[b, r, c] != 255:
                    p = probabilities([float(v) for v in logits[b, :, r, c]])
                    out.append((p, int(target[b, r, c])))
    return out


def slow_ce(samples, weights):
    return sum(-weights[y] * math.log(p[y]) for p, y in samples) / sum(
        weights[y] for _, y in samples
    )


def slow_focal(samples, weights):
    total = sum(-weights[y] * (1 - p[y]) ** 2 * math.log(p[y]) for p, y in samples)
    return total / sum(weights[y] for _, y in samples)


def present(samples, weights):
    return {y: weights[y] for _, y in samples}


def slow_dice(samples, weights):
    total = 0.0
    for k, w in present(samples, weights).items():
        overlap = sum(p[k] for p, y in samples if y == k)
        size = sum(p[k] for p, _ in samples) + sum(1 for _, y in samples if y == k)
        total += w * (1 - 2 * overlap / size)
    return total / sum(present(samples, weights).values())


def jaccard(wrong, truth):
    """1 - IoU when exactly the pixels of ``wrong`` are wrong."""
    inside = {i for i, t in enumerate(truth) if t}
    return 1 - len(inside - wrong) / len(inside | wrong)


def slow_lovasz(samples, weights):
    total = 0.0
    for k, w in present(samples, weights).items():
        truth = [y == k for _, y in samples]
        errors = [abs((y == k) - p[k]) for p, y in samples]
        order = sorted(range(len(errors)), key=lambda i: -errors[i])
        before, wrong = 0.0, set()
        for i in order:
            wrong.add(i)
            after = jaccard(wrong, truth)
            total += w * errors[i] * (after - before)
            before = after
    return total / sum(present(samples, weights).values())


TWINS = {"ce": slow_ce, "focal": slow_focal, "dice": slow_dice, "lovasz": slow_lovasz}


def case(seed, classes=3):
    g = torch.Generator().manual_seed(seed)
    logits = torch.randn(2, classes, 3, 4, generator=g) * 2
    target = torch.randint(0, classes, (2, 3, 4), generator=g)
    target[torch.rand(2, 3, 4, generator=g) < 0.3] = 255
    return logits, target


@pytest.mark.parametrize("name", LOSSES)
@given(seed=st.integers(0, 10**6), weighted=st.booleans())
@settings(max_examples=25, deadline=None)
def test_equals_its_slow_twin(name, seed, weighted):
    logits, target = case(seed)
    weights = [0.5, 1.0, 3.0] if weighted else None
    expected = TWINS[name](pixels(logits, target), weights or [1.0] * 3)
    assert float(make_loss(name, weights)(logits, target)) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("name", [*LOSSES, "ce+dice", "0.7*ce + 0.3*lovasz"])
def test_unknown_pixels_count_for_nothing(name):
    logits, target = case(3)
    loss = make_loss(name)
    other = logits.clone()
    other.permute(0, 2, 3, 1)[target == 255] = 50.0
    assert torch.equal(loss(logits, target), loss(other, target))
    logits.requires_grad_()
    loss(logits, target).backward()
    assert (logits.grad.permute(0, 2, 3, 1)[target == 255] == 0).all()
    assert logits.grad.abs().sum() > 0


@pytest.mark.parametrize("name", LOSSES)
def test_a_batch_of_unknown_pixels_moves_nothing(name):
    logits = torch.randn(1, 2, 4, 4, requires_grad=True)
    loss = make_loss(name)(logits, torch.full((1, 4, 4), 255))
    loss.backward()
    assert loss.item() == 0
    assert (logits.grad == 0).all()


@pytest.mark.parametrize("name", LOSSES)
def test_a_perfect_answer_costs_nothing_and_a_wrong_one_much(name):
    target = torch.randint(0, 2, (1, 8, 8), generator=torch.Generator().manual_seed(0))
    perfect = torch.nn.functional.one_hot(target, 2).permute(0, 3, 1, 2) * 40.0
    loss = make_loss(name)
    assert float(loss(perfect, target)) == pytest.approx(0, abs=1e-5)
    assert float(loss(-perfect, target)) > 0.9


def test_sums_are_sums():
    logits, target = case(5)
    parts = {name: float(make_loss(name)(logits, target)) for name in LOSSES}
    total = float(make_loss("0.25*ce+lovasz+.5*dice")(logits, target))
    assert total == pytest.approx(0.25 * parts["ce"] + parts["lovasz"] + 0.5 * parts["dice"])


def test_half_precision_stays_finite():
    logits = torch.randn(1, 2, 512, 512).bfloat16() * 20
    target = torch.zeros(1, 512, 512, dtype=torch.long)
    for name in LOSSES:
        assert torch.isfinite(make_loss(name)(logits, target))


@pytest.mark.parametrize("formula", ["", "bce", "ce+", "ce*2", "-1*ce", "2ce", "0*ce", "ce-dice"])
def test_formulas_that_cannot_be_read(formula):
    with pytest.raises(InputError, match="loss"):
        make_loss(formula)
