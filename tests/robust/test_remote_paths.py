"""Only the user sends geocity to another machine: no file, model or folder can."""

import contextlib
import functools
import http.server
import json
import os
import pickle
import threading
import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner

import geocity
import geocity.city
from geocity.cli import main
from geocity.engine.processes import Processes
from geocity.errors import GeocityError, InputError
from geocity.io.chips import read_chip_folder
from geocity.io.cities.manifest import read_city_folder
from geocity.io.rasters import open_scene
from geocity.io.remote import gdal_path, is_remote, offline_unless
from geocity.tools.classify_options import ClassifyOptions
from geocity.tools.dashboard_options import DashboardOptions
from tests.corpus import rasters, vectors
from tests.tools.city.toy_sites import write_toy_sites

WMS = """<GDAL_WMS><Service name="TMS"><ServerUrl>{url}/tms/${{z}}/${{x}}/${{y}}.png</ServerUrl>
</Service><DataWindow><UpperLeftX>0</UpperLeftX><UpperLeftY>0</UpperLeftY><LowerRightX>64
</LowerRightX><LowerRightY>-48</LowerRightY><SizeX>64</SizeX><SizeY>48</SizeY><TileLevel>0
</TileLevel></DataWindow><Projection>EPSG:32643</Projection><BandsCount>1</BandsCount></GDAL_WMS>"""


@pytest.fixture
def server(monkeypatch):
    """A server on this machine, and the list of what it was asked for."""
    asked = []
    for name in ("no_proxy", "NO_PROXY"):  # as in offices: nothing here goes by a proxy
        monkeypatch.setenv(name, "127.0.0.1")

    class Handler(http.server.SimpleHTTPRequestHandler):
        def send_head(self):  # of every GET and HEAD
            asked.append(self.path)
            self.send_error(404)

        do_POST = send_head  # noqa: N815 - the library's name

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}", asked
        running.shutdown()


def by_command(*words):
    """Run a command that is refused; return what it says."""
    result = CliRunner().invoke(main, [str(word) for word in words])
    assert result.exit_code == 1, result.output
    return result.output


def virtual(folder, name, source):
    path = folder / f"{name}.vrt"
    rasters.virtual(folder, rasters.classes()).rename(path)
    text = path.read_text().replace('relativeToVRT="1"', 'relativeToVRT="0"')
    path.write_text(text.replace("odd_2015-03-17.tif", source))
    return path


def pointing_rasters(folder, url):
    """Write rasters that name addresses, in all the ways that GDAL knows of."""
    escaped = WMS.format(url=url).replace("<", "&lt;").replace(">", "&gt;")
    sources = {
        "http": f"{url}/a.tif", "vsicurl": f"/vsicurl/{url}/b.tif", "wms": escaped,
        "zip": f"/vsizip//vsicurl/{url}/c.zip/c.tif", "query": f"/vsicurl?url={url}/d.tif",
        "stream": f"/vsicurl_streaming/{url}/e.tif", "wcs": f"WCS:{url}/wcs?coverage=x",
        "wmts": f"WMTS:{url}/w.xml,layer=x", "stacit": f'STACIT:"{url}/x.json"',
        "zarr": f'ZARR:"/vsicurl/{url}/x.zarr"', "daas": f"DAAS:{url}/x",
        "index": f"GTI:/vsicurl/{url}/x.gpkg",
    }  # fmt: skip
    paths = [virtual(folder, name, source) for name, source in sources.items()]
    texts = {
        "tiles.xml": WMS.format(url=url),
        "index.gti": f"<GDALTileIndexDataset><IndexDataset>{url}/i.gpkg</IndexDataset>"
        "</GDALTileIndexDataset>",
        "coverage.wcs": f"<WCS_GDAL><ServiceURL>{url}/wcs?</ServiceURL><CoverageName>x"
        "</CoverageName></WCS_GDAL>",
        "tiles.wmts": f"<GDAL_WMTS><GetCapabilitiesUrl>{url}/wmts</GetCapabilitiesUrl></GDAL_WMTS>",
        "cache.mrf": f"<MRF_META><CachedSource><Source>{url}/x.mrf</Source></CachedSource><Raster>"
        "<Size x='64' y='48' c='1'/><PageSize x='64' y='48' c='1'/></Raster>"
        "<GeoTags><BoundingBox minx='0' miny='0' maxx='64' maxy='48'/><Projection>EPSG:32643"
        "</Projection></GeoTags></MRF_META>",
    }
    for name, text in texts.items():
        (folder / name).write_text(text)
    with zipfile.ZipFile(folder / "archive.zip", "w") as archive:
        archive.write(paths[0], "in.vrt")
    return [*paths, *(folder / name for name in texts), f"/vsizip/{folder}/archive.zip/in.vrt"]


def pointing_companions(folder, url):
    """Write rasters that are sound, beside files that name addresses."""
    with_masks, with_statistics = folder / "masks", folder / "statistics"
    for place in (with_masks, with_statistics):
        place.mkdir(parents=True)
    masked = rasters.plain(with_masks, rasters.classes())
    for suffix in (".ovr", ".msk"):
        away = virtual(folder, "away", f"{url}/m.tif").read_bytes()
        masked.with_name(masked.name + suffix).write_bytes(away)
    described = rasters.plain(with_statistics, rasters.classes())
    described.with_name(described.name + ".aux.xml").write_text(
        f'<PAMDataset><SRS>{url}/a.prj</SRS><Metadata domain="OVERVIEWS"><MDI key="OVERVIEW_FILE">'
        f"{url}/o.ovr</MDI></Metadata></PAMDataset>"
    )
    return [masked, described]


def pointing_layers(folder, url):
    """Write layers that name addresses."""
    sources = [f"{url}/a.geojson", f"/vsicurl/{url}/b.gpkg"]
    sources += [f"{kind}:{url}/c" for kind in ("WFS", "OAPIF", "ES", "CSW", "NGW")]
    texts = {
        f"layer{number}.vrt": '<OGRVRTDataSource><OGRVRTLayer name="a"><SrcDataSource>'
        f"{source}</SrcDataSource></OGRVRTLayer></OGRVRTDataSource>"
        for number, source in enumerate(sources)
    }
    texts["features.xml"] = f"<OGRWFSDataSource><URL>{url}/wfs?</URL></OGRWFSDataSource>"
    texts["link.geojson"] = (
        '{"type": "FeatureCollection", "crs": {"type": "link", "properties": {"href": '
        f'"{url}/crs.wkt", "type": "ogcwkt"}}}}, "features": []}}'
    )
    for name, text in texts.items():
        (folder / name).write_text(text)
    return [folder / name for name in texts]


def test_no_raster_sends_geocity_anywhere(tmp_path, server):
    url, asked = server
    out = tmp_path / "out.tif"
    for path in pointing_rasters(tmp_path, url):
        said = by_command("majority-filter", path, "-o", out)
        assert "cannot be read" in said or "cannot be opened" in said, said
        with pytest.raises(InputError, match="cannot be"):
            geocity.majority_filter(path, out=out)
        assert asked == [], path
    assert "only if you name the address yourself" in by_command("check", tmp_path / "vsicurl.vrt")


def test_no_file_beside_a_raster_sends_geocity_anywhere(tmp_path, server):
    url, asked = server
    for number, path in enumerate(pointing_companions(tmp_path, url)):
        with contextlib.suppress(InputError):
            geocity.polygonize(path, out=tmp_path / f"out{number}.gpkg")
        assert asked == [], path


def test_no_scene_sends_geocity_anywhere(tmp_path, server, toy_package, toy_engine):
    url, asked = server
    path = virtual(tmp_path, "away", f"/vsicurl/{url}/b.tif")
    labels = vectors.plain(tmp_path, vectors.outlines())
    with pytest.raises(InputError):
        geocity.classify(path, model=toy_package, out=tmp_path / "classes.tif")
    with pytest.raises(InputError):
        geocity.export_chips(path, labels=labels, out=tmp_path / "chips")
    assert geocity.check([path], labels=labels).level == "error"
    assert asked == []


def test_no_layer_sends_geocity_anywhere(tmp_path, server):
    url, asked = server
    slums = vectors.plain(tmp_path, vectors.outlines())
    for path in pointing_layers(tmp_path, url):
        by_command("indicators", slums, "--units", path, "-o", tmp_path / "out.csv")
        with pytest.raises(GeocityError):
            geocity.indicators([slums], units=path, out=tmp_path / "out.csv")
        with pytest.raises(GeocityError):
            geocity.change([path, slums], out=tmp_path / "out.gpkg")
        assert asked == [], path


def look(path):
    """Read a raster; a task for a worker."""
    try:
        with open_scene(path) as scene:
            scene.read(scene.grid.window)
    except InputError as error:
        return str(error)


def test_no_worker_goes_anywhere(tmp_path, server):
    url, asked = server
    path = virtual(tmp_path, "away", f"{url}/a.tif")
    question = functools.partial(look, path)
    with offline_unless([path]), Processes(1) as crew:
        assert "only if you name the address yourself" in crew.ask(question)
    assert asked == []


def test_the_user_may_send_it(tmp_path, server):
    url, asked = server
    out = tmp_path / "out.tif"
    for path in (f"{url}/0.tif", f"/vsicurl/{url}/1.tif"):
        assert "404" in by_command("majority-filter", path, "-o", out)
    for path in (f"{url}/2.tif", f"/vsicurl/{url}/3.tif"):
        with pytest.raises(InputError, match="404"):
            geocity.majority_filter(path, out=out)
    assert {f"/{number}.tif" for number in range(4)} <= set(asked)


def test_only_paths_lead_to_another_machine(monkeypatch):
    monkeypatch.delenv("GDAL_HTTP_PROXY", raising=False)

    def shut(*given):
        with offline_unless(given):
            return "GDAL_HTTP_PROXY" in os.environ

    remote = "https://example.org/wards.gpkg"
    assert shut("a.tif", 3, None, [Path("b.tif")], {"credit": remote})
    assert shut(DashboardOptions(credit=remote))
    assert not shut("a.tif", [Path(remote)])
    assert not shut(ClassifyOptions(aoi=remote))
    assert not shut({"units": remote})
    assert "GDAL_HTTP_PROXY" not in os.environ


def test_calls_that_want_it_the_other_way_wait(monkeypatch):
    monkeypatch.delenv("GDAL_HTTP_PROXY", raising=False)
    seen = []

    def go_online():
        with offline_unless(["https://example.org/a.tif"]):
            seen.append("GDAL_HTTP_PROXY" in os.environ)

    thread = threading.Thread(target=go_online)
    with offline_unless(["a.tif"]):
        thread.start()
        with offline_unless(["https://example.org/a.tif"]):  # the outermost call decides
            thread.join(0.05)
            assert "GDAL_HTTP_PROXY" in os.environ
        assert seen == []
    thread.join()
    assert seen == [False]


def test_functions_can_be_sent_to_other_processes():
    for function in (geocity.classify, geocity.city.identify):
        assert pickle.loads(pickle.dumps(function)) is function


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
