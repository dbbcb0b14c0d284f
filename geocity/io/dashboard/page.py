"""The page as one file: template, style, scripts and content, under a strict security policy.

The policy lets nothing in from outside and runs only the scripts and styles whose SHA-256 it names,
so that a text from the data can neither run nor load anything, however it is written.
"""

import base64
import functools
import hashlib
import html
import json
import re
from collections.abc import Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

SCRIPTS = (
    "elements.js",
    "numbers.js",
    "outlines.js",
    "patterns.js",
    "map.js",
    "legend.js",
    "chart.js",
    "table.js",
    "figures.js",
    "settlements.js",
    "method.js",
    "main.js",
)
"""In the order in which they are joined; together they are one function of its own scope."""

LEAFLET = "vendor/leaflet-1.9.4"


def render_page(content: Mapping[str, Any]) -> str:
    """Return the page of the slum tracker.

    Args:
        content: what `tracker_content` returns.
    """
    theme = _script(_text("static/theme.js"))
    leaflet = _script(_without_source_map(_text(f"{LEAFLET}/leaflet.js")))
    parts = "\n".join(_text(f"static/{name}") for name in SCRIPTS)
    own = _script(f"(function () {{\n'use strict';\n{parts}\n}}());")
    style = _text(f"{LEAFLET}/leaflet.css") + "\n" + _text("static/tracker.css")
    policy = "; ".join(
        (
            "default-src 'none'",
            f"script-src {_hash(theme)} {_hash(leaflet)} {_hash(own)}",
            f"style-src {_hash(style)}",
            "img-src data: blob:",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )
    filled = {
        "POLICY": policy,
        "TITLE": html.escape(str(content["title"])),
        "STYLE": style,
        "THEME": theme,
        "LICENSE": _text(f"{LEAFLET}/LICENSE").replace("--", "- -"),
        "LEAFLET": leaflet,
        "CONTENT": json_for_html(content),
        "SCRIPT": own,
    }
    # One pass: a part that happens to hold the name of another is not filled in again.
    return re.sub(r"\{\{([A-Z]+)\}\}", lambda found: filled[found[1]], _text("static/page.html"))


def json_for_html(content: Mapping[str, Any]) -> str:
    r"""Return JSON that no HTML parser takes for markup, whatever its texts say.

    Example:
        >>> json_for_html({"ward": "</script>"})
        '{"ward":"\\u003c/script\\u003e"}'
    """
    text = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _script(code: str) -> str:
    if "</script" in code.lower() or "<!--" in code:
        raise ValueError("a script of the page would end its own element")
    return code


def _hash(code: str) -> str:
    digest = base64.b64encode(hashlib.sha256(code.encode("utf-8")).digest()).decode("ascii")
    return f"'sha256-{digest}'"


def _without_source_map(code: str) -> str:
    """Drop the pointer to a file that developer tools would look for beside the page."""
    return re.sub(r"^//# sourceMappingURL=.*$", "", code, flags=re.MULTILINE)


@functools.cache
def _text(name: str) -> str:
    place: Traversable = files("geocity.io.dashboard")
    for part in name.split("/"):
        place = place.joinpath(part)
    return place.read_text(encoding="utf-8")
