"""What gives a city away: heat maps at every depth, how true they are, and what they lie on."""

import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import geocity
from geocity.core.cities.salience import ClassSalience
from geocity.core.progress import Progress, silent
from geocity.errors import InputError, NoOverlapError
from geocity.io.cities.explanations import told_measures, told_redraw, write_explanation_tables
from geocity.io.cities.gallery import Section, write_gallery
from geocity.io.figures.cities_salience import draw_faithfulness, draw_salience
from geocity.io.staging import PathLike, fresh_output, staged_directory
from geocity.tools.city.explain_images import ImageResult, explain_images
from geocity.tools.city.explain_options import ExplainOptions
from geocity.tools.city.explain_patches import CityResults, explain_city_folder
from geocity.tools.city.explainer import Explainer, make_explainer, title_of

logger = logging.getLogger(__name__)

_TOLD_SENTENCES = 12


@dataclass(frozen=True)
class Explanation:
    """What was found.

    Attributes:
        folder: sheets, tables, rasters and the page ``index.html``.
        report: as in ``explain.json``.
        table: the measures and what is salient, for a terminal.
    """

    folder: Path
    report: dict[str, Any]
    table: str


def explain(
    model: PathLike,
    cities: PathLike | None = None,
    *,
    out: PathLike,
    images: Sequence[PathLike] = (),
    options: ExplainOptions | None = None,
    overwrite: bool = False,
    progress: Progress = silent,
) -> Explanation:
    """Show and measure what gives a city away to a model.

    For a city folder, seeded patches of every city are explained: a sheet of heat maps and masked
    pictures for each city, a contact sheet of all, and a relevance GeoTIFF for every georeferenced
    patch. For images, overlapping patches are stitched into one map, a GeoTIFF where the image is
    georeferenced. How true the maps are is measured, and the redraw check tells whether they
    depend on the city at all. With a classification of the ground, what is salient is told in
    numbers.

    Args:
        model: a city model.
        cities: a city folder that `prepare` wrote.
        out: the folder to write.
        images: or files of any size, georeferenced or not.
        options: how.
        overwrite: replace the folder.
        progress: told how far the work is.

    Returns:
        The folder and the figures.

    Raises:
        InputError: if an input or option does not fit.
        ModelError: if the model file cannot be used, or relevance is not conserved in its
            network: then any picture would be wrong, and none is drawn.
        NoOverlapError: if the classification of the ground misses everything explained.
        MissingDependencyError: if a method needs pytorch-grad-cam and that is not installed.
        OutputExistsError: if the folder is there already.
    """
    if (cities is None) == (not images):
        raise InputError("Give either a city folder or images to explain (--image).")
    fresh_output(out, overwrite=overwrite)
    from geocity.models.cities.inference import load_city_model

    options = options or ExplainOptions()
    explainer = make_explainer(load_city_model(model, device=options.device), options)
    with staged_directory(out, overwrite=overwrite) as stage:
        if cities is not None:
            found = explain_city_folder(explainer, cities, stage, progress)
            shown = _city_sections(explainer, found)
        else:
            found = CityResults()
            pictures = explain_images(explainer, images, stage, progress)
            shown = _image_sections(pictures)
            found.images = [picture.report for picture in pictures]
        salience = _salience(explainer)
        _draw_charts(explainer, found, salience, stage)
        report = write_explanation_tables(
            stage, _report(explainer, model, found), found.rows, found.measures, salience
        )
        _write_page(explainer, stage, found, salience, shown)
    return Explanation(Path(out), report, _told(found, salience))


def _salience(explainer: Explainer) -> list[ClassSalience]:
    if explainer.tally is None:
        return []
    rows = list(explainer.tally.rows())
    if not rows:
        raise NoOverlapError(
            "The classification of the ground covers nothing of what is explained; give one of the "
            "same place (--classes or --polygons)."
        )
    if explainer.tally.left_out:
        logger.warning(
            "%d maps lie where the ground is not known, or speak for the city nowhere; they are "
            "left out of what is salient.",
            explainer.tally.left_out,
        )
    return rows


def _report(explainer: Explainer, model: PathLike, found: CityResults) -> dict[str, Any]:
    options = {k: v for k, v in asdict(explainer.options).items() if v not in (None, ())}
    return {
        "geocity": geocity.__version__,
        "model": {"file": Path(model).name, "id": explainer.contract.model_id},
        "layers": list(explainer.layers),
        "options": options,
        "cities": found.cities,
        "images": found.images,
        "relevance_rasters": found.rasters,
    }


def _draw_charts(
    explainer: Explainer, found: CityResults, salience: Sequence[ClassSalience], stage: Path
) -> None:
    if found.measures:
        draw_faithfulness(found.measures, stage / "faithfulness.png")
    if salience and explainer.cover is not None:
        for layer in explainer.layers:
            rows = [row for row in salience if row.layer == layer]
            if rows:
                path = stage / f"salience_{layer}.png"
                draw_salience(rows, explainer.cover.colors, layer, path)


def _city_sections(explainer: Explainer, found: CityResults) -> list[Section]:
    right = {city["city"]: city for city in found.cities}
    sections = [Section("All cities", [Path("contact_sheet.png")])]
    for city, sheets in found.sheets.items():
        told = f"{right[city]['named_rightly']} of {right[city]['patches']} patches named rightly."
        sections.append(Section(city, sheets, [told]))
    return sections


def _image_sections(pictures: Sequence[ImageResult]) -> list[Section]:
    return [Section(picture.report["image"], [picture.sheet]) for picture in pictures]


def _write_page(
    explainer: Explainer,
    stage: Path,
    found: CityResults,
    salience: Sequence[ClassSalience],
    sections: list[Section],
) -> None:
    page = list(sections)
    if salience:
        charts = sorted(path.relative_to(stage) for path in stage.glob("salience_*.png"))
        page.append(Section("On what ground it lies", charts, _sentences(salience)))
    if found.measures:
        table = [("method", "layer", "average drop", "deletion", "insertion", "redraw check")]
        table += [
            (
                title_of(m.method), m.layer, f"{m.drop.per_image:.1f} %",
                f"{m.deletion_area:.2f}", f"{m.insertion_area:.2f}", told_redraw(m),
            )
            for m in found.measures
        ]  # fmt: skip
        page.append(
            Section("Are the maps true to the network?", [Path("faithfulness.png")], [], table)
        )
    facts = {
        "model": explainer.contract.model_id,
        "method": title_of(explainer.options.method),
        "start": explainer.options.start,
        "seed": str(explainer.options.seed),
    }
    write_gallery(stage, "What gives the cities away", facts, page)


def _sentences(salience: Sequence[ClassSalience]) -> list[str]:
    """Return, city by city at the shallowest layer, what says most beyond its area."""
    best: dict[str, ClassSalience] = {}
    for row in salience:
        if row.layer != salience[0].layer or row.lift is None or row.relevance < 0.05:
            continue
        if row.city not in best or (best[row.city].lift or 0) < row.lift:
            best[row.city] = row
    return [f"{row.sentence}." for row in best.values()]


def _told(found: CityResults, salience: Sequence[ClassSalience]) -> str:
    lines = [f"{c['city']}: {c['named_rightly']} of {c['patches']} patches named rightly"
             for c in found.cities[:_TOLD_SENTENCES]]  # fmt: skip
    for image in found.images:
        top = ", ".join(f"{c['city']} {c['probability']:.0%}" for c in image["cities"][:3])
        lines.append(f"{image['image']}: {top}")
    if found.measures:
        lines.append(told_measures(found.measures))
    lines += _sentences(salience)[:_TOLD_SENTENCES]
    return "\n".join(lines)
