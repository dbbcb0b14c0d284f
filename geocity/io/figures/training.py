"""Figures of a training run: the curves, and the learning rate test."""

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from geocity.core.learning_rate import Suggestion
from geocity.io.staging import PathLike, staged

_DPI = 120
_IOU = "val_iou/"
_TRAINING, _VALIDATION, _DOT = "#4477aa", "#ee6677", "#d92c2c"


def draw_curves(
    rows: Sequence[Mapping[str, float]], out: PathLike, *, overwrite: bool = False
) -> None:
    """Draw losses and IoU per class over the epochs.

    Args:
        rows: per epoch: ``epoch``, ``train_loss``, ``val_loss``, ``val_miou``, ``val_iou/NAME``.
        out: the PNG file to write.
        overwrite: replace a file that is there.
    """
    figure = Figure(figsize=(10, 4), dpi=_DPI, layout="constrained")
    losses, scores = figure.subplots(1, 2)
    epochs = [row["epoch"] for row in rows]
    _line(losses, epochs, rows, "train_loss", "training", color=_TRAINING)
    _line(losses, epochs, rows, "val_loss", "validation", color=_VALIDATION)
    losses.set(title="Loss", xlabel="epoch")
    for name in (name for name in rows[0] if name.startswith(_IOU)):
        _line(scores, epochs, rows, name, name.removeprefix(_IOU))
    _line(scores, epochs, rows, "val_miou", "mean", color="black", linestyle="--")
    scores.set(title="IoU on the validation chips", xlabel="epoch", ylim=(0, 1))
    for axes in (losses, scores):
        axes.legend(frameon=False)
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    with staged(out, overwrite=overwrite) as stage:
        figure.savefig(stage.path, format="png")


def draw_rate_test(
    rates: Sequence[float],
    losses: Sequence[float],
    suggestion: Suggestion,
    out: PathLike,
    *,
    skip: int = 5,
    overwrite: bool = False,
) -> None:
    """Draw the smoothed loss over the learning rate, with a dot at the suggestion.

    Args:
        rates: learning rate of each step.
        losses: smoothed loss of each step.
        suggestion: what the test suggests.
        out: the PNG file to write.
        skip: points left out at either end.
        overwrite: replace a file that is there.
    """
    figure = Figure(figsize=(6.5, 4), dpi=_DPI, layout="constrained")
    axes = figure.subplots()
    kept = slice(skip, len(rates) - skip)
    axes.plot(rates[kept], losses[kept], color=_TRAINING)
    axes.plot([suggestion.rate], [losses[suggestion.index]], "o", color=_DOT, markersize=8)
    axes.annotate(
        f"{suggestion.rate:.1e}",
        (suggestion.rate, losses[suggestion.index]),
        xytext=(8, 8),
        textcoords="offset points",
        color=_DOT,
    )
    axes.set(xscale="log", xlabel="learning rate", ylabel="loss, smoothed")
    axes.set_title("Learning rate test")
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    with staged(out, overwrite=overwrite) as stage:
        figure.savefig(stage.path, format="png")


def _line(
    axes: Axes,
    epochs: Sequence[float],
    rows: Sequence[Mapping[str, float]],
    name: str,
    label: str,
    **style: str,
) -> None:
    axes.plot(epochs, [row[name] for row in rows], label=label, marker=".", **style)  # type: ignore[arg-type]  # style is text alone
