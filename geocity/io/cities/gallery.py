"""The gallery of an explanation: one page that opens offline, its sheets loaded as they are met."""

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

GALLERY_HTML = "index.html"

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #1f2933; margin: 2rem auto; max-width: 1240px;
       padding: 0 1rem; }
h1 { margin-bottom: 0; }
h2 { margin-top: 2.5rem; border-top: 1px solid #d8dde3; padding-top: 1rem; }
.quiet { color: #6b7785; } img { max-width: 100%; height: auto; display: block; margin: 1rem 0; }
nav a { margin-right: 1rem; } table { border-collapse: collapse; font-size: 14px; }
th, td { padding: .25rem .8rem .25rem 0; text-align: left; border-bottom: 1px solid #d8dde3; }
.good { color: #2f855a; } .bad { color: #e6004d; }
"""


@dataclass(frozen=True)
class Section:
    """A part of the page.

    Attributes:
        title: its heading.
        sheets: pictures, as paths from the page.
        sentences: said above them.
        table: rows of texts, the first one the head.
    """

    title: str
    sheets: Sequence[Path] = ()
    sentences: Sequence[str] = ()
    table: Sequence[Sequence[str]] = field(default_factory=list)


def write_gallery(
    stage: Path, title: str, facts: Mapping[str, str], sections: Sequence[Section]
) -> None:
    """Write the page.

    Args:
        stage: the folder of the explanation.
        title: of the page.
        facts: shown below the title, name and value.
        sections: from the top.
    """
    told = " · ".join(f"{_text(name)}: {_text(value)}" for name, value in facts.items())
    links = "".join(
        f'<a href="#part{number}">{_text(section.title)}</a>'
        for number, section in enumerate(sections)
    )
    parts = "".join(_section(number, section) for number, section in enumerate(sections))
    page = (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{_text(title)}</title><style>{_STYLE}</style></head><body>"
        f'<h1>{_text(title)}</h1><p class="quiet">{told}</p><nav>{links}</nav>{parts}'
        "</body></html>\n"
    )
    (stage / GALLERY_HTML).write_text(page, encoding="utf-8")


def _section(number: int, section: Section) -> str:
    sentences = "".join(f"<p>{_text(sentence)}</p>" for sentence in section.sentences)
    sheets = "".join(
        f'<a href="{html.escape(sheet.as_posix())}"><img loading="lazy" '
        f'src="{html.escape(sheet.as_posix())}" alt="{_text(section.title)}"></a>'
        for sheet in section.sheets
    )
    head = f'<h2 id="part{number}">{_text(section.title)}</h2>'
    return f"<section>{head}{sentences}{_table(section.table)}{sheets}</section>"


def _table(rows: Sequence[Sequence[str]]) -> str:
    if not rows:
        return ""
    head = "".join(f"<th>{_text(cell)}</th>" for cell in rows[0])
    body = "".join(
        "<tr>" + "".join(f"<td{_mark(cell)}>{_text(cell)}</td>" for cell in row) + "</tr>"
        for row in rows[1:]
    )
    return f"<table><tr>{head}</tr>{body}</table>"


def _mark(cell: str) -> str:
    if cell.startswith("passed"):
        return ' class="good"'
    return ' class="bad"' if cell.startswith("FAILED") else ""


def _text(value: str) -> str:
    return html.escape(value)
