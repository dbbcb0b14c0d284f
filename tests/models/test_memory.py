"""Where the memory of a card is too small, a sentence says what to reduce."""

import pytest
import torch
from torch import nn

from geocity.errors import InputError
from geocity.models.cities.cams import heat_maps
from geocity.models.cities.inference import CityModel
from geocity.models.devices import within_memory
from tests.core.cities.test_contract import CONTRACT


class Full(nn.Module):
    """A network that does not fit."""

    def __init__(self):
        super().__init__()
        self.layer1 = nn.Conv2d(3, 2, 1)
        self.head = nn.Linear(2, 3)

    def forward(self, _):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")


def test_only_errors_about_memory_become_that_sentence():
    sentence = r"^the memory of the GPU is too small for this; give less$"
    with pytest.raises(InputError, match=sentence), within_memory("give less"):
        raise RuntimeError("CUDA error: out of memory\nSearch for it")
    with pytest.raises(RuntimeError, match="sizes differ"), within_memory("give less"):
        raise RuntimeError("sizes differ")


def test_a_city_network_says_what_to_reduce():
    model = CityModel(CONTRACT, Full())
    prepared = model.prepare(torch.zeros(1, 3, 64, 64))
    for ask in (model.logits, model.embeddings, model.logits_and_embeddings):
        with pytest.raises(InputError, match="give a smaller --batch-size, or --device cpu"):
            ask(prepared)
    with pytest.raises(InputError, match="give a smaller --batch-size"):
        heat_maps(model.network, prepared, ["layer1"], [0])


def test_a_city_network_that_no_card_has_room_for(monkeypatch):
    def full(*_):
        raise RuntimeError("CUDA error: out of memory")

    network = Full()
    monkeypatch.setattr(network, "to", full)
    with pytest.raises(InputError, match="free it of other work, or give --device cpu"):
        CityModel(CONTRACT, network)
