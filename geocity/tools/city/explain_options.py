"""What a user may choose about explanations, checked when it is chosen."""

from dataclasses import dataclass

from geocity.errors import InputError
from geocity.io.staging import PathLike
from geocity.tools.option_checks import refuse_below, refuse_unknown

METHODS = ("relevance-cam", "grad-cam", "grad-cam++", "layer-cam", "xgrad-cam", "hires-cam")
STARTS = ("zero-sum", "upstream")
SPLITS = ("test", "val", "train")


@dataclass(frozen=True, slots=True)
class ExplainOptions:
    """How a model is explained.

    Attributes:
        layers: stages of a ResNet by number (1 to 4), or names of a network's modules, in the
            order in which they are run.
        method: one of `METHODS`. All but Relevance-CAM come from pytorch-grad-cam, an extra.
        compare: further methods, drawn and measured beside it.
        start: of the relevance: ``zero-sum`` or, as published, ``upstream``, whose shallow maps
            hardly depend on the city.
        target: the city that is explained: its code or name, or ``predicted``. By default each
            patch's own city, and for images the predicted one.
        split: which patches of the city folder: ``test``, ``val`` or ``train``.
        fold: of the split; by default the one that the model was trained on.
        patches: drawn from each city.
        measured: patches on which the maps are measured; 0 leaves the measures out.
        steps: points of a deletion or insertion curve.
        classes: class rasters of the ground, to say what is salient.
        polygons: or a polygon layer of the ground.
        class_field: of the polygons, holds their kind.
        seed: all chance comes from it.
        batch_size: patches at once.
        device: ``auto``, ``cpu`` or ``cuda``.
    """

    layers: tuple[str, ...] = ("1", "2", "3", "4")
    method: str = "relevance-cam"
    compare: tuple[str, ...] = ()
    start: str = "zero-sum"
    target: str | None = None
    split: str = "test"
    fold: int | None = None
    patches: int = 10
    measured: int = 20
    steps: int = 10
    classes: tuple[PathLike, ...] = ()
    polygons: PathLike | None = None
    class_field: str | None = None
    seed: int = 0
    batch_size: int = 8
    device: str = "auto"

    def __post_init__(self) -> None:
        refuse_unknown(self, method=METHODS, compare=METHODS, start=STARTS, split=SPLITS)
        if not self.layers or len(set(self.layers)) < len(self.layers):
            raise InputError(
                f"The layers {', '.join(self.layers) or '(none)'} were asked for; name one or more "
                "different ones, such as 1,2,3,4."
            )
        refuse_below(self, patches=1, measured=0, steps=2, batch_size=1, seed=0)
        if self.classes and self.polygons is not None:
            raise InputError("Class rasters and polygons were both given; choose one of the two.")
        if self.class_field is not None and self.polygons is None:
            raise InputError(
                "A class field was given without a polygon layer; name the layer (--polygons)."
            )

    @property
    def methods(self) -> tuple[str, ...]:
        """Return the method and those to compare it with, each once."""
        return tuple(dict.fromkeys((self.method, *self.compare)))

    @property
    def signed(self) -> bool:
        """Tell whether the maps have a side that speaks against the city."""
        return self.method == "relevance-cam" and self.start == "zero-sum"
