"""The page as one file."""

import base64
import hashlib
import html.parser
import json
import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geocity.io.dashboard.page import SCRIPTS, json_for_html, render_page

CONTENT = {"title": "A & <b>B</b> {{STYLE}}", "dates": [], "ward": "</script><!--{{LEAFLET}}"}


class Reader(html.parser.HTMLParser):
    """Takes a page apart as a browser does."""

    def __init__(self, page):
        super().__init__()
        self.open, self.policy, self.parts, self.links = [], "", [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if tag in ("script", "style", "title"):
            self.open.append((tag, given, []))
        if given.get("http-equiv") == "Content-Security-Policy":
            self.policy = given["content"]
        self.links += [value for key, value in attrs if key in ("src", "href", "style")]
        assert not [key for key, _ in attrs if key.startswith("on")]

    def handle_data(self, data):
        if self.open:
            self.open[-1][2].append(data)

    def handle_endtag(self, tag):
        if tag in ("script", "style", "title"):
            name, given, texts = self.open.pop()
            self.parts.append((name, given, "".join(texts)))

    def texts(self, name):
        return [text for tag, _, text in self.parts if tag == name]


@pytest.fixture(scope="module")
def read():
    return Reader(render_page(CONTENT))


def hash_of(text):
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def test_the_policy_names_exactly_the_scripts_and_styles_of_the_page(read):
    rules = dict(rule.split(" ", 1) for rule in read.policy.split("; "))
    assert rules["default-src"] == "'none'"
    assert "unsafe" not in read.policy
    assert "http" not in read.policy
    for tag, rule in (("script", "script-src"), ("style", "style-src")):
        run = [t for n, given, t in read.parts if n == tag and given.get("type") is None]
        assert [f"'{hash_of(text)}'" for text in run] == rules[rule].split()


def test_nothing_points_outside(read):
    assert [link for link in read.links if not link.startswith("#")] == []
    assert not any(re.search(r"@import|url\((?!\"data:|images/|#)", t) for t in read.texts("style"))
    assert "sourceMappingURL" not in "".join(read.texts("script"))


def test_texts_of_the_content_come_back_whole(read):
    (content,) = [t for n, given, t in read.parts if given.get("type") == "application/json"]
    assert json.loads(content) == CONTENT
    assert read.texts("title") == [CONTENT["title"]]
    assert len(read.texts("script")) == 4


@given(st.recursive(st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_json_holds_no_markup(value):
    text = json_for_html({"value": value})
    assert not set(text) & set("<>&\u2028\u2029")
    assert json.loads(text) == {"value": value}


def test_json_holds_finite_numbers_only():
    with pytest.raises(ValueError, match="JSON"):
        json_for_html({"area_m2": math.nan})


def test_leaflet_comes_with_its_licence():
    page = render_page(CONTENT)
    assert "BSD 2-Clause License" in page
    assert "Volodymyr Agafonkin" in page


def test_own_scripts_share_one_strict_scope(read):
    own = read.texts("script")[-1]
    assert own.startswith("(function () {\n'use strict';")
    assert len(SCRIPTS) == len(set(SCRIPTS))
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", own)


def test_the_same_content_gives_the_same_bytes():
    assert render_page(CONTENT) == render_page(CONTENT)
