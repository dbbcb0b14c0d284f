"""A U-Net for few outlines: it sees no farther than a training crop and has little to memorise.

With random weights and few outlines the deep encoders of the field learn the few places they are
shown: their view is wider than a training crop, and most of their millions of weights sit in the
layers with that view. This one, after Ronneberger, Fischer, Brox: *U-Net: Convolutional Networks
for Biomedical Image Segmentation*, MICCAI 2015, has half a million weights, a view of some
hundred pixels, and works at half the resolution, which costs a sixth of the time of a
U-Net with ResNet34 on a CPU.
"""

from typing import Self

import torch
from torch import Tensor, nn
from torch.nn import functional

WIDTHS = (24, 32, 64, 128)
"""Channels at a half, a quarter, an eighth and a sixteenth of the resolution."""


class CompactUNet(nn.Module):
    """Maps (batch, bands, rows, cols) to logits (batch, classes, rows, cols).

    Rows and cols must be multiples of 16.

    Args:
        bands: number of input channels.
        classes: number of output channels.
    """

    def __init__(self, *, bands: int, classes: int) -> None:
        super().__init__()
        incoming = (bands, *WIDTHS[:-1])
        self.encoder = nn.ModuleList(
            _double(i, o, stride=2) for i, o in zip(incoming, WIDTHS, strict=True)
        )
        below, beside = WIDTHS[:0:-1], WIDTHS[-2::-1]
        self.decoder = nn.ModuleList(
            _double(b + s, s, stride=1) for b, s in zip(below, beside, strict=True)
        )
        self.segmentation_head = nn.Conv2d(WIDTHS[0], classes, 1)
        self._frozen = False

    def forward(self, images: Tensor) -> Tensor:
        """Return logits for a batch of normalised images."""
        features = []
        for stage in self.encoder:
            images = stage(images)
            features.append(images)
        found = features.pop()
        for stage in self.decoder:
            found = functional.interpolate(found, scale_factor=2.0, mode="nearest")
            found = stage(torch.cat([found, features.pop()], 1))
        logits = self.segmentation_head(found)
        return functional.interpolate(logits, scale_factor=2.0, mode="bilinear")

    def freeze_encoder(self) -> None:
        """Keep the encoder as it is, the statistics of its norms included."""
        self._set_frozen(True)

    def unfreeze_encoder(self) -> None:
        """Let the encoder learn again."""
        self._set_frozen(False)

    def train(self, mode: bool = True) -> Self:
        """Switch between training and use; norms of a frozen encoder keep what they know."""
        super().train(mode)
        if self._frozen:
            self.encoder.eval()
        return self

    def _set_frozen(self, frozen: bool) -> None:
        self._frozen = frozen
        self.encoder.requires_grad_(not frozen)
        self.train(self.training)


def _double(incoming: int, outgoing: int, *, stride: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(incoming, outgoing, 3, stride, 1, bias=False),
        nn.BatchNorm2d(outgoing),
        nn.ReLU(inplace=True),
        nn.Conv2d(outgoing, outgoing, 3, 1, 1, bias=False),
        nn.BatchNorm2d(outgoing),
        nn.ReLU(inplace=True),
    )
