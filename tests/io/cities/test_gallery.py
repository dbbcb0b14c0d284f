"""The gallery page: offline, lazy, and safe whatever a city is called."""

from html.parser import HTMLParser
from pathlib import Path

from geocity.io.cities.gallery import Section, write_gallery


class Page(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags, self.words = [], ""
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, data):
        self.words += data


def test_the_page_holds_what_it_is_given(tmp_path):
    sections = [
        Section("Almaty <script>", [Path("cities/01 A.png")], ["9 of 10 & more."]),
        Section("Measures", [], [], [("layer", "redraw check"), ("layer1", "FAILED (+0.90)")]),
    ]
    write_gallery(tmp_path, "What gives the cities away", {"seed": "0"}, sections)
    page = Page((tmp_path / "index.html").read_text(encoding="utf-8"))
    tags = [tag for tag, _ in page.tags]
    assert "script" not in tags
    pictures = [attributes for tag, attributes in page.tags if tag == "img"]
    assert pictures == [{"loading": "lazy", "src": "cities/01 A.png", "alt": "Almaty <script>"}]
    assert {"class": "bad"} in [attributes for tag, attributes in page.tags if tag == "td"]
    anchors = {a["href"] for tag, a in page.tags if tag == "a" and a["href"].startswith("#")}
    assert anchors == {f"#{a['id']}" for tag, a in page.tags if tag == "h2"}
    for words in ("9 of 10 & more.", "seed: 0", "FAILED (+0.90)"):
        assert words in page.words
    assert not [a for _, a in page.tags if any("//" in (v or "") for v in a.values())]
