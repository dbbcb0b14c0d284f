"""Downloads are read whatever their root is, and no two images share a key."""

import pytest

from geocity.errors import InputError
from geocity.io.cities.manifest import City
from geocity.io.cities.raw_folder import (
    RawImage,
    city_of,
    find_images,
    natural_key,
    unique_keys,
)


def touch(root, *names):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    return root


@pytest.mark.parametrize(
    ("folder", "city"),
    [
        ("San Francisco(SFO)", City("SFO", "San Francisco")),
        ("San Francisco (SFO)", City("SFO", "San Francisco")),
        ("Sao_Paulo_(GRU)", City("GRU", "Sao_Paulo")),
        ("long_beach", City("long_beach", "long_beach")),
        ("Paris(Paris)", City("Paris(Paris)", "Paris(Paris)")),
    ],
)
def test_names_of_cities(folder, city):
    assert city_of(folder) == city


def test_what_is_taken_and_what_is_passed_over(tmp_path):
    touch(
        tmp_path, "raw/A(AAA)/10/x.jpg", "raw/A(AAA)/2/deep/er/x.JPG", "raw/A(AAA)/2/notes.txt",
        "raw/A(AAA)/.ipynb_checkpoints/x.jpg", "raw/__MACOSX/A(AAA)/2/x.jpg", "raw/B(BBB)/one.tif",
        "patches/train/A(AAA)/x_1.jpg", "raw/A(AAA)/2/.x.jpg",
    )  # fmt: skip
    found = find_images(tmp_path)
    assert [(i.folder, i.site, i.name) for i in found] == [
        ("A(AAA)", "2", "x.JPG"),
        ("A(AAA)", "10", "x.jpg"),
        ("B(BBB)", "one", "one.tif"),
    ]


@pytest.mark.parametrize(
    ("layout", "name"),
    [
        ("city/site/date", "A(AAA)/s/2018/x.jpg"),
        ("city/date/site", "A(AAA)/2018/s/x.jpg"),
        ("date/city/site", "2018/A(AAA)/s/x.jpg"),
        ("date/city/site", "2018/A(AAA)/s.jpg"),
    ],
)
def test_layouts_with_dates(tmp_path, layout, name):
    (found,) = find_images(touch(tmp_path, name), layout)
    assert (found.folder, found.site, found.date) == ("A(AAA)", "s", "2018")


def test_refusals(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        find_images(tmp_path / "nowhere")
    with pytest.raises(InputError, match="holds no images"):
        find_images(tmp_path)
    with pytest.raises(InputError, match="folder of one city"):
        find_images(touch(tmp_path / "A(AAA)", "1/x.jpg"))
    (tmp_path / "bad.zip").write_bytes(b"PK nothing")
    with pytest.raises(InputError, match="cannot be read as a zip"):
        find_images(tmp_path / "bad.zip")


def test_natural_order():
    assert sorted(["10", "9", "a10", "a2", "2"], key=natural_key) == ["2", "9", "10", "a2", "a10"]


def test_keys_never_collide():
    images = [
        RawImage("c", "s", "2016", "/a/x.jpg"),
        RawImage("c", "s", "2018", "/b/x.jpg"),
        RawImage("c", "s", "2018", "/b/x.png"),
        RawImage("c", "s", "2018", "/b/deeper/x.png"),
        RawImage("c", "t", "2018", "/b/43.25.76.9.jpg"),
    ]
    assert unique_keys(images) == [
        "c/s/x_2016", "c/s/x_2018_jpg", "c/s/x_2018_png", "c/s/x_2018_png_2", "c/t/43.25.76.9",
    ]  # fmt: skip
