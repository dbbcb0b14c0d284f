"""Only the user sends geocity to another machine: no file, model or folder can."""

import http.server
import json
import subprocess
import sys
import threading

import pytest

from geocity.errors import InputError
from geocity.io.chips import read_chip_folder
from geocity.io.cities.manifest import read_city_folder
from geocity.io.remote import gdal_path, is_remote
from tests.corpus import rasters, vectors
from tests.tools.city.toy_sites import write_toy_sites

WMS = """<GDAL_WMS><Service name="TMS"><ServerUrl>{url}/tms/${{z}}/${{x}}/${{y}}.png</ServerUrl>
</Service><DataWindow><UpperLeftX>0</UpperLeftX><UpperLeftY>0</UpperLeftY><LowerRightX>64
</LowerRightX><LowerRightY>-48</LowerRightY><SizeX>64</SizeX><SizeY>48</SizeY><TileLevel>0
</TileLevel></DataWindow><Projection>EPSG:32643</Projection><BandsCount>1</BandsCount></GDAL_WMS>"""


@pytest.fixture
def server():
    """A server on this machine, and the list of what it was asked for."""
    asked = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def send_head(self):  # of every GET and HEAD
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}", asked
        running.shutdown()


_RUNS = """
import json, sys
from click.testing import CliRunner
from geocity.cli import main
results = [CliRunner().invoke(main, words) for words in json.loads(sys.argv[1])]
print(json.dumps([(r.exit_code, r.stderr) for r in results]))
"""


def geocity(*commands):
    """Run commands in a process of their own: GDAL chooses its drivers when it starts."""
    words = json.dumps([[str(word) for word in command] for command in commands])
    done = subprocess.run(
        [sys.executable, "-c", _RUNS, words],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    return json.loads(done.stdout)


def virtual(folder, name, source):
    path = folder / f"{name}.vrt"
    rasters.virtual(folder, rasters.classes()).rename(path)
    text = path.read_text().replace('relativeToVRT="1"', 'relativeToVRT="0"')
    path.write_text(text.replace("odd_2015-03-17.tif", source))
    return path


def test_no_raster_sends_geocity_anywhere(tmp_path, server):
    url, asked = server
    escaped = WMS.format(url=url).replace("<", "&lt;").replace(">", "&gt;")
    sources = {
        "http": f"{url}/a.tif",
        "vsicurl": f"/vsicurl/{url}/b.tif",
        "zip": f"/vsizip//vsicurl/{url}/c.zip/c.tif",
        "stream": f"/vsicurl_streaming/{url}/d.tif",
        "wms": escaped,
    }
    paths = [virtual(tmp_path, name, source) for name, source in sources.items()]
    (tmp_path / "tiles.xml").write_text(WMS.format(url=url))
    out = tmp_path / "out.tif"
    for code, said in geocity(
        *(["majority-filter", path, "-o", out] for path in (*paths, tmp_path / "tiles.xml"))
    ):
        assert code == 1
        assert "cannot be read" in said or "cannot be opened" in said, said
    assert asked == []


def test_no_layer_sends_geocity_anywhere(tmp_path, server):
    url, asked = server
    path = tmp_path / "layer.vrt"
    path.write_text(
        '<OGRVRTDataSource><OGRVRTLayer name="a"><SrcDataSource>'
        f"{url}/a.geojson</SrcDataSource></OGRVRTLayer></OGRVRTDataSource>"
    )
    slums = vectors.plain(tmp_path, vectors.outlines())
    [(code, _)] = geocity(["indicators", slums, "--units", path, "-o", tmp_path / "out.csv"])
    assert code == 1
    assert asked == []


def test_the_user_may_send_it(tmp_path, server):
    url, asked = server
    paths = (f"{url}/0.tif", f"/vsicurl/{url}/1.tif")
    out = tmp_path / "out.tif"
    for code, said in geocity(*(["majority-filter", path, "-o", out] for path in paths)):
        assert code == 1
        assert "404" in said
    assert {"/0.tif", "/1.tif"} <= set(asked)


def test_folders_point_to_themselves_only(tmp_path):
    for name in ("/vsicurl/http://127.0.0.1:1/a.tif", "http://127.0.0.1:1/a.tif", "../a.tif"):
        entry = {
            "image": name, "label": "b.tif", "split": "train", "window": [0, 0, 1, 1],
            "source": "", "class_pixels": {}, "angle": 0,
        }  # fmt: skip
        about = {"format": "geocity-chips", "version": 1, "chips": [entry]}
        (tmp_path / "chips.json").write_text(json.dumps(about))
        with pytest.raises(InputError):
            read_chip_folder(tmp_path)


def test_tables_of_cities_point_to_this_machine_only(tmp_path):
    folder = write_toy_sites(tmp_path)
    table = folder / "images.csv"
    read_city_folder(folder)
    lines = table.read_text(encoding="utf-8").splitlines()
    lines[1] = lines[1].replace(f",{tmp_path}", ",/vsicurl/http://127.0.0.1:1/", 1)
    assert "vsicurl" in lines[1]
    table.write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(InputError, match="another machine"):
        read_city_folder(folder)


def test_what_leads_to_another_machine():
    for path in ("https://a/b.tif", "https:/a/b.tif", "/vsicurl/x", "/vsizip//vsis3/x", "s3://a/b"):
        assert is_remote(path), path
    for path in ("/tmp/vsicurl.tif", "C:/a.tif", "a:b.tif", "GPKG:a.gpkg:b", "/vsizip/a.zip/b.tif"):
        assert not is_remote(path), path
    assert gdal_path("/vsicurl/https:/a/b") == gdal_path("/vsicurl/https://a/b")
