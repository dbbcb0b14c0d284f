"""XML elements from users' data: escaped by the XML writer, and by nothing else."""

import re
from collections.abc import Mapping
from xml.etree.ElementTree import Element

_UNPRINTABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 cannot hold in any spelling."""


def printable(text: str) -> str:
    """Return the text with every character that XML cannot hold replaced by U+FFFD."""
    return _UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", text)


def node(
    tag: str, attributes: Mapping[str, object] | None = None, *children: Element, text: str = ""
) -> Element:
    """Return an element with its attributes as text, its children and its text."""
    element = Element(tag, {k: printable(str(v)) for k, v in (attributes or {}).items()})
    element.text = printable(text) or None
    element.extend(children)
    return element
