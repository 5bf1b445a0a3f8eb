"""Layouts from OpenStreetMap: every format, sizes and kinds by tags, order of drawing, broken and wrong input."""
from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from earthcrafter_core import cli
from earthcrafter_core.data import osm_sizes as sizes
from earthcrafter_core.data.osm import layout_from_osm
from earthcrafter_core.data.osm_rings import close_rings
from earthcrafter_core.data.utm import from_utm, to_utm, zone_of
from earthcrafter_core.errors import BadInput, Cancelled
from earthcrafter_core.scene import classes as c
from earthcrafter_core.scene.osm_tags import from_osm_tags
from small_map import EPSG, Map, SOUTH, WEST, lonlat, small_town

ROOT = Path(__file__).resolve().parent.parent
TOWN = ROOT.parent / "shared" / "data" / "osm" / "neubrandenburg.osm.bz2"
CENTRE = lonlat(100, 100)[::-1]


def draw(path, **options):
    return layout_from_osm(path, CENTRE, options.pop("size", 200), options.pop("cell_size", 1.0), **options)


def at(made, x, y):
    """Name of the class at a place in metres from the square's corner, which lies on (0, 0) of the map."""
    size = made.layout.cell_size
    return c.NAMES[made.layout.class_id[made.layout.shape[0] - 1 - int(y / size), int(x / size)]]


@pytest.fixture(params=[".osm", ".osm.bz2", ".osm.pbf", ".geojson"])
def town(request, tmp_path):
    return draw(small_town().write(tmp_path / f"städtchen{request.param}"))


def test_every_format_gives_the_same_town(town):
    expected = {(30, 100): "road", (30, 103.5): "road", (30, 105.5): "lawn", (70, 100): "bridge", (70, 50): "water",
                (66, 50): "water", (63, 50): "lawn", (25, 125): "house", (120, 125): "apartments", (165, 125): "house",
                (168, 150): "tower", (102, 142): "structure", (110, 50): "water", (130, 50): "lawn", (25, 25): "conifer",
                (180, 180): "broadleaf", (183, 180): "broadleaf", (185.5, 180): "lawn", (30, 60): "shrub",
                (100, 190): "railway", (10, 150): "lawn", (130, 180): "lawn", (10, 180): "lawn"}
    assert {place: at(town, *place) for place in expected} == expected
    assert (town.layout.crs, town.layout.origin) == (f"EPSG:{EPSG}", pytest.approx((WEST, SOUTH), abs=1))
    hint = town.layout.height_hint
    assert hint[200 - 151, 168] == 45 and hint[200 - 126, 165] == pytest.approx(2 * 2.9 + 0.5) and np.isnan(hint[200 - 126, 25])


def test_the_report_counts_what_was_not_mapped(tmp_path):
    report = "\n".join(draw(small_town().write(tmp_path / "t.osm")).report)
    assert "1 lines and areas have tags that stand for no class: aerialway=chair_lift (1)." in report
    assert "1 left out, points without an extent: amenity=bench (1)." in report
    assert "1 left out, not built, or no longer there: highway=proposed (1)." in report
    assert "1 tagged objects of the extract lie outside of the square." in report


def test_roads_have_real_widths():
    def width(**tags):
        return sizes.way_width(tags)
    assert width(highway="residential", width="5,5 m") == 5.5
    assert width(highway="primary", lanes="4") == pytest.approx(4 * 3.4 + 0.5)
    assert width(highway="motorway", lanes="2") == pytest.approx(2 * 3.75 + 1.5)
    assert width(highway="primary") > width(highway="primary", oneway="yes") > width(highway="service") > width(highway="path")
    assert width(highway="service", service="driveway") == 3 and width(waterway="ditch") < width(waterway="river")
    assert width(highway="residential", width="wide") == width(highway="residential", width="9999") == 6
    assert sizes.metres("10 ft") == pytest.approx(3.048) and sizes.metres("about") is None and sizes.metres(None) is None


def test_pavements_and_cycle_tracks():
    assert sizes.side_paths({"highway": "residential"}, True) == (2, 2)
    assert sizes.side_paths({"highway": "residential"}, False) == sizes.side_paths({"highway": "service"}, True) == (0, 0)
    assert sizes.side_paths({"highway": "residential", "sidewalk": "left", "cycleway:right": "track"}, True) == (2, 2)
    assert sizes.side_paths({"highway": "primary", "sidewalk": "no", "cycleway": "track"}, True) == (2, 2)


def square(side, depth=None):
    depth = depth or side
    return [np.array([(0.0, 0), (side, 0), (side, depth), (0, depth)])]


@pytest.mark.parametrize("tags,outline,zone,expected", [
    ({"building": "yes"}, square(10), "residential", c.HOUSE), ({"building": "yes"}, square(5), "residential", c.STRUCTURE),
    ({"building": "yes"}, square(60, 12), "residential", c.APARTMENTS),
    ({"building": "yes"}, square(60, 40), "residential", c.COMMERCIAL),
    ({"building": "yes"}, square(40, 5.5), "residential", c.STRUCTURE),
    ({"building": "yes"}, square(30), "industrial", c.INDUSTRIAL),
    ({"building": "yes"}, square(20), "retail", c.COMMERCIAL), ({"building": "yes"}, square(40, 15), "", c.INDUSTRIAL),
    ({"building": "yes"}, square(20, 14), "farmyard", c.INDUSTRIAL),
    ({"building": "yes"}, square(9), "allotments", c.STRUCTURE),
    ({"building": "yes", "amenity": "school"}, square(20), "", c.COMMERCIAL),
    ({"building": "yes", "shop": "tyres"}, square(20), "", c.INDUSTRIAL),
    ({"building": "yes", "tourism": "hotel"}, square(20), "", c.APARTMENTS),
    ({"building": "house", "building:levels": "5"}, square(12), "", c.APARTMENTS),
    ({"building": "apartments", "building:levels": "12"}, square(20), "", c.TOWER),
    ({"building": "church", "height": "50"}, square(20), "", c.COMMERCIAL),
    ({"building": "residential"}, square(40, 12), "", c.APARTMENTS), ({"building": "garage"}, square(20), "", c.STRUCTURE)])
def test_kinds_of_buildings(tags, outline, zone, expected):
    assert c.NAMES[sizes.building_class(tags, outline, zone)] == c.NAMES[expected]


def test_a_court_makes_a_block_slender():
    ring, court = square(60)[0], square(60)[0] * 0.6 + 12
    assert sizes.building_class({"building": "yes"}, [ring], "residential") == c.COMMERCIAL
    assert sizes.building_class({"building": "yes"}, [ring, court], "residential") == c.APARTMENTS


@pytest.mark.parametrize("tags,name", [
    ({"highway": "footway", "bridge": "viaduct"}, "bridge"), ({"natural": "wood", "leaf_type": "needleleaved"}, "conifer"),
    ({"natural": "wetland", "wetland": "reedbed"}, "shrub"), ({"amenity": "school"}, "lawn"), ({"building": "no"}, "unpainted"),
    ({"amenity": "school", "building": "yes"}, "commercial"), ({"water": "oxbow"}, "water"), ({"name": "x"}, "unpainted")])
def test_tags(tags, name):
    assert c.NAMES[from_osm_tags(tags)] == name


def test_small_areas_lie_on_large_ones_whatever_their_order(tmp_path):
    for order in (0, 1):
        town = Map()
        for k in (order, 1 - order):
            town.area(*((50, 50, 80, 80) if k else (0, 0, 200, 200)), landuse="meadow" if k else "farmland")
        assert at(draw(town.write(tmp_path / "t.osm")), 60, 60) == "meadow"


def test_old_multipolygons_have_their_tags_on_the_outline(tmp_path):
    town = Map()
    outer, inner = town.area(20, 20, 180, 180, natural="water"), town.area(80, 80, 120, 120)
    town.multipolygon([(outer, "outer"), (inner, "inner")])
    made = draw(town.write(tmp_path / "t.osm"))
    assert (at(made, 50, 50), at(made, 100, 100)) == ("water", "meadow")


def test_outlines_in_pieces_and_with_a_piece_missing(tmp_path):
    town = Map()
    corners = [town.node(*p) for p in ((20, 20), (180, 20), (180, 180), (20, 180))]
    parts = [town._way([corners[k], corners[(k + 1) % 4]], {}) for k in (0, 2, 1)]  # the west side is missing
    town.multipolygon([*((p, "outer") for p in parts), (999, "outer")], natural="water")
    made = draw(town.write(tmp_path / "t.osm"))
    assert (at(made, 100, 100), at(made, 10, 100)) == ("water", "meadow")
    report = "\n".join(made.report)
    assert "1 gaps in the outlines of multipolygons" in report
    assert "1 outlines of multipolygons that the extract does not" in report


def test_rings_join_backwards_and_two_at_once():
    a = [np.array([(0.0, 0), (1, 0)]), np.array([(1.0, 1), (1, 0)]), np.array([(1.0, 1), (0, 0)])]
    b = [line + 5 for line in a]
    rings, mended = close_rings([a[0], b[1], a[2], b[0], b[2], a[1]])
    assert sorted(len(ring) for ring in rings) == [3, 3] and mended == 0
    assert close_rings([]) == ([], 0)


def test_ways_with_missing_nodes_are_drawn_in_pieces(tmp_path):
    town = Map()
    town.line([(-50, 100), (50, 100), (100, 100), (150, 100), (250, 100)], highway="residential")
    (tmp_path / "t.osm").write_bytes(town.xml().replace(b'<nd ref="5"/>', b'<nd ref="4711"/>'))
    made = draw(tmp_path / "t.osm")
    assert "1 ways with nodes that the extract does not hold." in made.report
    assert [at(made, x, 100) for x in (30, 100, 180)] == ["road", "meadow", "road"]


def test_the_sea_is_right_of_the_coastline(tmp_path):
    town = Map()
    town.line([(-50, 60), (100, 80), (250, 60)], natural="coastline")  # going east: water to the south
    town.area(90, 30, 110, 50, natural="sand")
    made = draw(town.write(tmp_path / "t.osm"))
    assert [at(made, *p) for p in ((50, 20), (150, 40), (100, 40), (100, 120))] == ["water", "water", "sand", "meadow"]


def test_untagged_ground_can_stay_open(tmp_path):
    town = Map()
    town.area(90, 90, 100, 100, building="house")
    path = town.write(tmp_path / "t.osm")
    filled, open_ = draw(path), draw(path, fill=False)
    assert [at(filled, *p) for p in ((85, 95), (10, 10))] == ["lawn", "meadow"] and at(open_, 85, 95) == "unpainted"
    assert "left unpainted" in open_.report[-1] and "lawn near buildings" in filled.report[-1]


def test_other_cells_keep_place_and_size(tmp_path):
    path = small_town().write(tmp_path / "t.osm")
    made = draw(path, size=100, cell_size=0.5)
    assert made.layout.shape == (200, 200) and at(made, 50, 50) == "road"
    assert made.layout.origin == pytest.approx((WEST + 50, SOUTH + 50))
    assert draw(path, cell_size=4.0).layout.shape == (50, 50)


def test_geojson_of_other_programs(tmp_path):
    ring = [lonlat(x, y) for x, y in ((20, 20), (180, 20), (180, 180), (20, 180), (20, 20))]
    features = [{"type": "Feature", "properties": {"tags": {"natural": "water"}},
                 "geometry": {"type": "Polygon", "coordinates": [ring]}},
                {"type": "Feature", "properties": {"other_tags": '"highway"=>"primary","width"=>"12"', "osm_id": "7"},
                 "geometry": {"type": "LineString", "coordinates": [[*lonlat(0, 100), 3.0], [*lonlat(200, 100), 3.0]]}},
                {"type": "Feature", "properties": None, "geometry": None}]
    (tmp_path / "t.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    made = draw(tmp_path / "t.geojson")
    assert [at(made, *p) for p in ((50, 50), (100, 105), (100, 108))] == ["water", "road", "water"]


@pytest.mark.parametrize("name,content,says", [
    ("a.osm", None, "There is no file"), ("a.txt", b"x", "no map extract by its name"),
    ("a.osm", b"<html></html>", "no OpenStreetMap file"), ("a.osm", b"", "no OpenStreetMap file"),
    ("a.osm.pbf", b"\0\0\0\x0dnothing at all", "no OpenStreetMap file"),
    ("a.osm.bz2", b"BZh91AY&SY", "no OpenStreetMap file"), ("a.osm", b"<osm version='0.6'></osm>", "is empty"),
    ("a.geojson", b'{"type": "FeatureCollection", "features": []}', "is empty"),
    ("a.geojson", b"[1", "no GeoJSON"), ("a.geojson", b'{"type": "Topology"}', "no GeoJSON")])
def test_files_that_are_no_map(tmp_path, name, content, says):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(BadInput, match=says) as e:
        layout_from_osm(tmp_path / name)
    assert e.value.remedy


def test_projected_geojson_is_refused(tmp_path):
    feature = {"type": "Feature", "properties": {"natural": "water"},
               "geometry": {"type": "Point", "coordinates": [384308.0, 5935142.0]}}
    (tmp_path / "a.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}))
    with pytest.raises(BadInput, match="no longitudes and latitudes"):
        layout_from_osm(tmp_path / "a.geojson")


def test_squares_that_cannot_be(tmp_path):
    path = small_town().write(tmp_path / "t.osm")
    with pytest.raises(BadInput, match=r"outside of t.osm. It covers latitude 53.4"):
        layout_from_osm(path, (48.1, 11.5))
    with pytest.raises(BadInput, match="at most 4096 m"):
        layout_from_osm(path, CENTRE, 5000, 1.0)
    with pytest.raises(BadInput, match="too few cells"):
        layout_from_osm(path, CENTRE, 3, 1.0)
    with pytest.raises(BadInput, match="cell size"):
        layout_from_osm(path, CENTRE, 100, 0.0)


def test_cancel_and_progress(tmp_path):
    path = small_town().write(tmp_path / "t.osm")
    told = []
    layout_from_osm(path, CENTRE, 200, progress=told.append)
    assert told == sorted(told) and told[-1] <= 1 and len(told) > 10
    with pytest.raises(Cancelled):
        layout_from_osm(path, CENTRE, 200, cancel=lambda: True)


@pytest.mark.parametrize("lat,lon,epsg,east,north", [  # from PROJ 9.6
    (53.557, 13.261, 32633, 384807.730891, 5935641.553298), (-33.86, 151.2, 32756, 333491.229927, 6251909.206047),
    (0.5, -78.4, 32617, 789403.957126, 55322.368766), (69.6, 18.9, 32634, 418319.852774, 7722670.373659)])
def test_utm(lat, lon, epsg, east, north):
    assert zone_of(lat, lon) == epsg
    x, y = to_utm(np.array(lat), np.array(lon), epsg)
    assert (float(x), float(y)) == pytest.approx((east, north), abs=1e-3)
    assert tuple(float(v) for v in from_utm(x, y, epsg)) == pytest.approx((lat, lon), abs=1e-10)


def test_command_line(tmp_path, capsys):
    path = small_town().write(tmp_path / "t.osm")
    out = str(tmp_path / "l.png")
    words = ["layout", "from-osm", str(path), "--center", f"{CENTRE[0]},{CENTRE[1]}", "--size", "200", "-o", out]
    assert cli.main([*words, "--planes"]) == 0
    said = capsys.readouterr()
    assert "aerialway=chair_lift" in said.err and len(said.out.split()) == 3
    about = json.loads((tmp_path / "l.json").read_text())
    assert about["crs"] == f"EPSG:{EPSG}" and about["cells"] == [200, 200] and about["height_hint"] == "l.height.npy"
    assert cli.main(["layout", "from-osm", str(path), "--center", "-33.9,151.2", "-o", out]) == 2
    assert "The centre -33.90000, 151.20000 lies outside" in capsys.readouterr().err
    assert cli.main(["layout", "from-osm", str(path), "--center", "here", "-o", str(tmp_path / "l.png")]) == 2
    assert "such as 53.557, 13.261" in capsys.readouterr().err


def test_no_torch_on_the_way():
    code = "import sys, earthcrafter_core.cli, earthcrafter_core.data.osm, earthcrafter_core.data.layout_sources; " \
           "sys.exit('torch' in sys.modules or 'numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


@pytest.mark.skipif(not TOWN.exists(), reason="needs shared/data/osm/neubrandenburg.osm.bz2")
@pytest.mark.parametrize("centre", [(53.557, 13.261), (53.5555, 13.295), (53.541, 13.2535), None])
def test_a_square_kilometre_of_a_real_town_in_five_seconds(tmp_path, centre):
    out = tmp_path / "l.png"
    words = [sys.executable, "-m", "earthcrafter_core", "layout", "from-osm", str(TOWN), "--size", "1000", "-o", str(out)]
    words += ["--center", f"{centre[0]},{centre[1]}"] if centre else []
    subprocess.run(words, cwd=ROOT, check=True, capture_output=True)  # compiles what is new
    begin = os.times()
    subprocess.run(words, cwd=ROOT, check=True, capture_output=True)
    end = os.times()  # time on the processor: others may be using the machine
    assert end.children_user + end.children_system - begin.children_user - begin.children_system < 5
    assert json.loads(out.with_suffix(".json").read_text())["cells"] == [1000, 1000]


@pytest.mark.skipif(not TOWN.exists(), reason="needs shared/data/osm/neubrandenburg.osm.bz2")
def test_the_old_town_is_what_maps_show():
    made = layout_from_osm(TOWN, (53.557, 13.261), 1000)
    share = np.bincount(made.layout.class_id.ravel(), minlength=c.NUM_CLASSES) / made.layout.class_id.size
    assert not share[c.UNPAINTED] and share[c.BROADLEAF] > 0.1  # the ring of trees along the wall
    assert share[c.APARTMENTS] > 0.06 and share[c.ROAD] > 0.08 and share[c.WATER] < 0.01
    assert at(made, 80, 1000 - 400) == "broadleaf" and at(made, 450, 1000 - 440) == "path"  # wall, market square
    lake = layout_from_osm(TOWN, (53.541, 13.2535), 1000)
    assert at(lake, 200, 500) == "water" and at(lake, 900, 900) == "meadow"
