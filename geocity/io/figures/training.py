"""Figures of a training run: the curves, and the learning rate test."""

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes

from geocity.core.learning_rate import Suggestion
from geocity.io.figures.style import ACCENT, INK, PALETTE, house_style, new_figure, save_figure
from geocity.io.staging import PathLike, staged

_IOU = "val_iou/"
_TRAINING, _VALIDATION = PALETTE[0], PALETTE[2]


def draw_curves(
    rows: Sequence[Mapping[str, float]], out: PathLike, *, overwrite: bool = False
) -> None:
    """Draw losses and IoU per class over the epochs.

    Args:
        rows: per epoch: ``epoch``, ``train_loss``, ``val_loss``, ``val_miou``, ``val_iou/NAME``.
        out: the PNG file to write.
        overwrite: replace a file that is there.
    """
    with house_style(), staged(out, overwrite=overwrite) as stage:
        figure = new_figure(9, 3.6)
        losses, scores = figure.subplots(1, 2)
        epochs = [row["epoch"] for row in rows]
        _line(losses, epochs, rows, "train_loss", "training", color=_TRAINING)
        _line(losses, epochs, rows, "val_loss", "validation", color=_VALIDATION)
        losses.set(title="Loss", xlabel="epoch")
        for name in (name for name in rows[0] if name.startswith(_IOU)):
            _line(scores, epochs, rows, name, name.removeprefix(_IOU))
        _line(scores, epochs, rows, "val_miou", "mean", color=INK, linestyle="--")
        scores.set(title="IoU on the validation chips", xlabel="epoch", ylim=(0, 1))
        for axes in (losses, scores):
            axes.legend()
        save_figure(figure, stage.path)


def draw_city_curves(
    rows: Sequence[Mapping[str, float]], out: PathLike, *, overwrite: bool = False
) -> None:
    """Draw loss and accuracy over the epochs of a city model.

    Args:
        rows: per epoch: ``epoch``, and ``loss`` and ``accuracy`` after ``train_`` and ``val_``.
        out: the PNG file to write.
        overwrite: replace a file that is there.
    """
    with house_style(), staged(out, overwrite=overwrite) as stage:
        figure = new_figure(9, 3.6)
        losses, scores = figure.subplots(1, 2)
        epochs = [row["epoch"] for row in rows]
        for axes, measure in ((losses, "loss"), (scores, "accuracy")):
            _line(axes, epochs, rows, f"train_{measure}", "training", color=_TRAINING)
            _line(axes, epochs, rows, f"val_{measure}", "validation", color=_VALIDATION)
            axes.set(title=measure.capitalize(), xlabel="epoch")
            axes.legend()
        scores.set_ylim(0, 1)
        save_figure(figure, stage.path)


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
    with house_style(), staged(out, overwrite=overwrite) as stage:
        figure = new_figure(6, 3.6)
        axes = figure.subplots()
        kept = slice(skip, len(rates) - skip)
        axes.plot(rates[kept], losses[kept], color=_TRAINING)
        axes.plot([suggestion.rate], [losses[suggestion.index]], "o", color=ACCENT, markersize=8)
        axes.annotate(
            f"{suggestion.rate:.1e}",
            (suggestion.rate, losses[suggestion.index]),
            xytext=(8, 8),
            textcoords="offset points",
            color=ACCENT,
        )
        axes.set(xscale="log", xlabel="learning rate", ylabel="loss, smoothed")
        axes.set_title("Learning rate test")
        save_figure(figure, stage.path)


def _line(
    axes: Axes,
    epochs: Sequence[float],
    rows: Sequence[Mapping[str, float]],
    name: str,
    label: str,
    **style: str,
) -> None:
    axes.plot(epochs, [row[name] for row in rows], label=label, marker=".", **style)  # type: ignore[arg-type]  # style is text alone
