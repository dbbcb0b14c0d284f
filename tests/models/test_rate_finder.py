"""The learning rate test makes the steps of training, and leaves nothing behind."""

import weakref
from dataclasses import replace

import pytest
import torch
from torch.optim.optimizer import register_optimizer_step_post_hook

from geocity.core.progress import silent
from geocity.io.chips import read_chip_folder
from geocity.models import rate_finder
from geocity.tools.find_lr import find_lr
from geocity.tools.train import TrainOptions, find_rate, make_task, settle, train
from tests.toy_chips import write_toy_chips

# Focused draws shift the logits, and the first epoch freezes the encoder.
OPTIONS = TrainOptions(
    epochs=2, encoder="compact", batch_size=2, device="cpu", freeze_epochs=1, precision="32"
)


@pytest.fixture(scope="module")
def chips(tmp_path_factory):
    return write_toy_chips(tmp_path_factory.mktemp("toy") / "chips")


class Enough(BaseException):
    """The first step was seen."""


def first_gradients(work):
    """Return the gradients of all weights after the first step, None where frozen."""
    seen = []

    def look(optimizer, *_):
        for group in optimizer.param_groups:
            seen.extend(None if w.grad is None else w.grad.clone() for w in group["params"])
        raise Enough

    hook = register_optimizer_step_post_hook(look)
    try:
        with pytest.raises(Enough):
            work()
    finally:
        hook.remove()
    return seen


@pytest.mark.parametrize("precision", ["32", "bf16"])
def test_its_steps_are_those_of_training(chips, tmp_path, monkeypatch, precision):
    # So short a norm that every gradient is shortened.
    monkeypatch.setattr("geocity.models.training.GRADIENT_NORM", 1e-3)
    monkeypatch.setattr(rate_finder, "GRADIENT_NORM", 1e-3)
    options = replace(OPTIONS, precision=precision)
    trained = first_gradients(lambda: train(chips, out=tmp_path / "m.geocity", options=options))
    tested = first_gradients(lambda: find_lr(chips, out=tmp_path / "r.png", options=options))
    assert [g is None for g in tested] == [g is None for g in trained]
    assert any(g is None for g in trained)
    for ours, theirs in zip(tested, trained, strict=True):
        if theirs is not None:
            torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-9)


def test_small_gradients_survive_float16(chips, monkeypatch):
    loss_of = rate_finder.SegmentationTask.loss_of
    monkeypatch.setattr(
        rate_finder.SegmentationTask, "loss_of", lambda *batch: loss_of(*batch) * 1e-7
    )
    data, options = settle(read_chip_folder(chips), replace(OPTIONS, freeze_epochs=0))
    options = replace(options, precision="16")
    found = first_gradients(lambda: find_rate(data, options, progress=silent))
    assert all((gradient != 0).any() for gradient in found)


@pytest.mark.parametrize("fails", [False, True])
def test_the_card_is_free_afterwards(chips, monkeypatch, fails):
    data, options = settle(read_chip_folder(chips), OPTIONS)
    task = make_task(data, options)
    before = {name: tensor.clone() for name, tensor in task.state_dict().items()}
    optimizers, freed = [], []
    make_optimizer = rate_finder.make_optimizer

    def watched(*arguments):
        optimizer = make_optimizer(*arguments)
        optimizers.append(weakref.ref(optimizer))
        return optimizer

    def empty_cache():
        gradients = [w for w in task.parameters() if w.grad is not None]
        freed.append((optimizers[0](), gradients))

    def stop(step, *_):
        if fails and step == 2:
            raise Enough

    monkeypatch.setattr(rate_finder, "make_optimizer", watched)
    monkeypatch.setattr(torch.cuda, "empty_cache", empty_cache)
    arguments = {"device": "cpu", "prepare": data.augmented, "steps": 12, "progress": stop}
    if fails:
        with pytest.raises(Enough):
            rate_finder.range_test(task, data.endless(), **arguments)
        assert not freed[0][1]
    else:
        rate_finder.range_test(task, data.endless(), **arguments)
        assert freed == [(None, [])]
    assert {w.device.type for w in task.parameters()} == {"cpu"}
    for name, tensor in task.state_dict().items():
        assert torch.equal(tensor, before[name])
