"""Two processes on the CPU train together: no draw is made twice, no validation chip is looked at
twice, and they end with one network.
"""

import hashlib
import json
from pathlib import Path

from geocity.data.module import ChipDataModule
from geocity.io.model_packages import read_model
from geocity.tools import train as tool
from geocity.tools.train import TrainOptions, train
from tests.toy_chips import write_toy_chips


def digest(*tensors):
    found = hashlib.sha256()
    for tensor in tensors:
        found.update(tensor.detach().numpy().tobytes())
    return found.hexdigest()


class Recording(ChipDataModule):
    """Writes down which draws and chips its rank was given, and with which weights it ended."""

    notes: Path

    def on_after_batch_transfer(self, batch, dataloader_idx):
        if self.trainer.training:
            with (self.notes / f"{self.trainer.global_rank}.txt").open("a") as file:
                file.writelines(f"{key}\n" for key in batch["key"].tolist())
        elif self.trainer.validating:
            with (self.notes / f"{self.trainer.global_rank}.val").open("a") as file:
                file.writelines(f"{digest(image)}\n" for image in batch["image"])
        return super().on_after_batch_transfer(batch, dataloader_idx)

    def teardown(self, stage):
        if stage == "fit":
            ended = digest(*self.trainer.lightning_module.parameters())
            (self.notes / f"{self.trainer.global_rank}.sha").write_text(ended)
        super().teardown(stage)


def test_two_ranks_share_the_draws(tmp_path, monkeypatch):
    chips = write_toy_chips(tmp_path / "chips")
    settle = tool.settle

    def recorded(folder, options):
        data, settled = settle(folder, options)
        data.__class__ = Recording
        data.notes = tmp_path
        return data, settled

    monkeypatch.setattr(tool, "settle", recorded)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    steps = []
    options = TrainOptions(
        epochs=1,
        encoder="tu-mobilenetv3_small_050",
        batch_size=2,
        device="cpu",
        devices=2,
        draw="even",
    )
    out = train(
        chips, out=tmp_path / "m.geocity", options=options, progress=lambda *s: steps.append(s)
    )
    ranks = [(tmp_path / f"{rank}.txt").read_text().split() for rank in range(2)]
    assert len(ranks[0]) == len(ranks[1]) == 16
    assert len({*ranks[0], *ranks[1]}) == 32
    checked = [(tmp_path / f"{rank}.val").read_text().split() for rank in range(2)]
    assert len(checked[0]) == len(checked[1]) == 2
    assert len({*checked[0], *checked[1]}) == 4
    weights = [(tmp_path / f"{rank}.sha").read_text() for rank in range(2)]
    assert weights[0] == weights[1]
    measures = read_model(out).contract.metrics["validation"]
    assert 0 <= measures["mean IoU"] <= 1
    assert steps[-1] == (1, 1, "training")
    assert (
        json.loads((tmp_path / "m.training" / "options.json").read_text())["options"]["devices"]
        == 2
    )
