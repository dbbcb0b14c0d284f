"""The documentation site: complete, and asking no other server for anything.

Building it is `mkdocs build --strict` in CI; what is built is searched here where it is there
(`site/`), and built where MkDocs is installed.
"""

import importlib.util
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import click
import pytest
import yaml

import geocity
import geocity.city
from geocity.cli import main

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
# What a browser fetches by itself. Links in <a> wait for a click.
FETCHED = {
    "script": "src", "img": "src", "iframe": "src", "source": "src", "link": "href",
    "video": "src", "audio": "src", "embed": "src", "object": "data",
}  # fmt: skip
FETCHED_LINKS = {"stylesheet", "preload", "icon", "preconnect", "dns-prefetch", "modulepreload"}
STYLE_ADDRESS = re.compile(r"url\(['\"]?([^'\")]+)|@import\s+['\"]([^'\"]+)")
ELSEWHERE = re.compile(r"^\s*(https?:)?//", re.I)


class _Config(yaml.SafeLoader):
    """Reads mkdocs.yml, whose !!python names only MkDocs needs."""


_Config.add_multi_constructor("tag:yaml.org,2002:python/", lambda *_: None)


def _pages(nav):
    for entry in nav:
        target = next(iter(entry.values())) if isinstance(entry, dict) else entry
        yield from _pages(target) if isinstance(target, list) else [target]


def _commands(command, words):
    if not isinstance(command, click.Group):
        yield words
        return
    context = click.Context(command)
    for name in command.list_commands(context):
        yield from _commands(command.get_command(context, name), f"{words} {name}")


@pytest.fixture(scope="module")
def pages():
    return list(_pages(yaml.load((ROOT / "mkdocs.yml").read_text("utf-8"), Loader=_Config)["nav"]))


@pytest.fixture(scope="module")
def reference():
    return "\n".join(p.read_text("utf-8") for p in sorted((DOCS / "reference").glob("*.md")))


def test_navigation_and_pages_are_the_same(pages):
    assert len(pages) == len(set(pages))
    assert set(pages) == {p.relative_to(DOCS).as_posix() for p in DOCS.rglob("*.md")}


def test_every_command_is_in_the_reference(reference):
    described = re.findall(r":prog_name: (.+)", reference)
    assert sorted(described) == sorted(_commands(main, "geocity"))


def test_every_public_function_is_in_the_reference(reference):
    described = re.findall(r"^      heading: (\S+)$", reference, re.M)
    for name in geocity.__all__:
        assert f"geocity.{name}" in described
    for name in geocity.city.__all__:
        assert f"geocity.city.{name}" in described


def test_links_and_pictures_stay_inside_docs():
    for page in DOCS.rglob("*.md"):
        text = re.sub(r"^ *```.*?^ *```", "", page.read_text("utf-8"), flags=re.S | re.M)
        for target in re.findall(r"\]\(([^)\s]+)\)", text):
            if re.match(r"[a-z]+:", target) or target.startswith("#"):
                continue
            found = (page.parent / target.partition("#")[0]).resolve()
            assert found.exists(), (page.name, target)
            assert found.is_relative_to(DOCS), (page.name, target)


def test_pictures_are_few_and_all_shown(pages):
    shown = "\n".join((DOCS / page).read_text("utf-8") for page in pages)
    shown += (ROOT / "README.md").read_text("utf-8")
    pictures = list((DOCS / "images").iterdir())
    assert [p.name for p in pictures if p.name not in shown] == []
    assert sum(p.stat().st_size for p in pictures) < 3_000_000


class _Fetches(HTMLParser):
    def __init__(self):
        super().__init__()
        self.elsewhere = []

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        address = given.get(FETCHED.get(tag, ""), "") or ""
        waits = tag == "link" and not FETCHED_LINKS & set((given.get("rel") or "").split())
        if ELSEWHERE.match(address) and not waits:
            self.elsewhere.append(address)


def fetched_elsewhere(site):
    """Return what the pages and style sheets of a built site fetch from other servers."""
    found = []
    for page in sorted(site.rglob("*.html")):
        parser = _Fetches()
        parser.feed(page.read_text("utf-8"))
        found += [(page.name, address) for address in parser.elsewhere]
    for sheet in sorted(site.rglob("*.css")):
        addresses = re.findall(
            r"url\(['\"]?([^'\")]+)|@import\s+['\"]([^'\"]+)", sheet.read_text("utf-8")
        )
        found += [(sheet.name, a) for pair in addresses for a in pair if ELSEWHERE.match(a)]
    return found


def test_what_is_fetched_elsewhere_is_found(tmp_path):
    (tmp_path / "a.html").write_text(
        '<a href="https://fine.example"></a><link rel="canonical" href="https://fine.example">'
        '<script src="https://cdn.example/x.js"></script><img src="pictures/a.png">'
        '<link rel="stylesheet" href="//fonts.example/css">',
        "utf-8",
    )
    (tmp_path / "a.css").write_text("@import 'http://x.example/y.css'; a{background:url(b.png)}")
    assert fetched_elsewhere(tmp_path) == [
        ("a.html", "https://cdn.example/x.js"),
        ("a.html", "//fonts.example/css"),
        ("a.css", "http://x.example/y.css"),
    ]


@pytest.mark.skipif(
    importlib.util.find_spec("mkdocs") is None or importlib.util.find_spec("material") is None,
    reason="MkDocs is not installed: pip install -e '.[docs]'",
)
def test_the_site_builds_without_a_warning_and_asks_no_other_server(tmp_path):
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path / "site")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
    )
    assert built.returncode == 0, built.stderr
    site = tmp_path / "site"
    assert (site / "index.html").exists()
    assert fetched_elsewhere(site) == []
    # Mermaid and other scripts are fetched by the theme's own script where a page asks for them.
    for page in site.rglob("*.html"):
        assert 'class="mermaid"' not in page.read_text("utf-8"), page.name
    assert (site / "assets" / "iframe-worker.js").exists()
    assert "geocity majority-filter" in (site / "reference" / "maps.html").read_text("utf-8")
