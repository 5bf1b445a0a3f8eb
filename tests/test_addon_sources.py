"""Layouts from elsewhere in Blender: presets, maps and surveys through the engine, pictures with tables and sidecars."""
from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import addon  # before bpy
from small_map import EPSG, lonlat, small_town

bpy = pytest.importorskip("bpy")
addon.enable()
service, preferences, layout_mesh, adoption = (
    addon.part(n) for n in ("engine_service", "preferences", "layout_mesh", "adoption"))
protocol, c = addon.part("earthcrafter_core.engine.protocol"), addon.part("earthcrafter_core.scene.classes")
Layout = addon.part("earthcrafter_core.scene.layout").Layout
MadeLayout = addon.part("earthcrafter_core.scene.made_layout").MadeLayout
ops = bpy.ops.earthcrafter
TESTS = Path(__file__).parent
ENGINE = f"""
import sys
sys.path[:0] = [{str(TESTS)!r}, {str(TESTS.parent)!r}]
import fake_engine
from earthcrafter_core.data.layout_sources import make_layout
from earthcrafter_core.engine import server
def load(*args, **options):
    backend = fake_engine.load(*args, **options)
    backend.make_layout = make_layout
    return backend
server.main(load)
"""


@pytest.fixture(scope="module", autouse=True)
def engine(tmp_path_factory):
    """An engine that makes layouts in earnest, without networks."""
    folder = tmp_path_factory.mktemp("engine")
    (folder / "engine.py").write_text(ENGINE, encoding="utf-8")
    with addon.fake_engine(folder, folder / "engine.py"):
        yield


@pytest.fixture(autouse=True)
def empty_file():
    bpy.ops.wm.read_homefile(use_empty=True)


def layouts():
    return [obj for obj in bpy.data.objects if layout_mesh.is_layout(obj)]


def report_text():
    text = bpy.data.texts.get(adoption.REPORT)
    return text.as_string() if text else ""


def test_a_preset_becomes_a_layout():
    assert ops.new_preset(preset="coast", seed=3, width=96, height=64, cell_size=2.0, wait=True) == {"FINISHED"}
    obj, = layouts()
    layout = layout_mesh.read_layout(obj)
    assert layout.shape == (64, 96) and layout.cell_size == 2.0 and (layout.class_id == c.WATER).mean() > 0.1
    assert layout.height_hint is not None and layout_mesh.active_layout(bpy.context) == obj
    assert obj.data[adoption.SOURCE] == "preset coast 3" and not report_text()


def test_every_preset_of_the_menu_is_made():
    presets = addon.part("earthcrafter_core.scene.sources").PRESETS
    for preset in presets:
        ops.new_preset(preset=preset.name, seed=1, width=32, height=32, wait=True)
    assert len(layouts()) == len(presets) == 7


def test_a_map_becomes_a_layout_with_its_place_and_report(tmp_path):
    path = small_town().write(tmp_path / "städt chen.osm.pbf")
    lon, lat = lonlat(100, 100)
    bpy.context.scene.cursor.location = (5, 6, 7)
    assert ops.import_osm(filepath=str(path), center=f"{lat:.6f}, {lon:.6f}", size=200, wait=True) == {"FINISHED"}
    obj, = layouts()
    ids = layout_mesh.read_classes(obj)
    assert ids.shape == (200, 200) and c.NAMES[ids[99, 30]] == "road" and tuple(obj.location) == (5, 6, 7)
    crs, origin = layout_mesh.georeference(obj)
    assert crs == f"EPSG:{EPSG}" and len(origin) == 2
    assert "aerialway=chair_lift (1)" in report_text() and report_text().startswith("osm städt chen.osm.pbf")


@pytest.mark.parametrize("options,says", [
    ({"center": "there"}, "such as 53.557, 13.261"), ({"center": "13.261, 153.557, 2"}, "such as"),
    ({"center": "48.1, 11.5"}, "It covers latitude"), ({"size": 9000.0}, "at most 4096 m"),
    ({"filepath": "none.osm"}, "no file")])
def test_maps_that_cannot_be_drawn(tmp_path, options, says):
    path = small_town().write(tmp_path / "t.osm")
    with pytest.raises(RuntimeError, match=says):
        ops.import_osm(**{"filepath": str(path), "size": 200.0, "wait": True, **options})
    assert not layouts()


def test_surveys_that_are_none(tmp_path):
    (tmp_path / "f.laz").write_bytes(b"LASF" + b"\0" * 200)
    with pytest.raises(RuntimeError, match="no LAS or LAZ file"):
        ops.import_lidar(filepath=str(tmp_path / "f.laz"), wait=True)


def made(report=()):
    rng = np.random.default_rng(1)
    ids = rng.integers(0, 26, (6, 9)).astype(np.uint8)
    hint = np.where(ids < 7, 5.0, np.nan).astype(np.float32)
    layout = Layout(ids, 0.5, hint, rng.random((6, 9)).astype(np.float32), "EPSG:25833", (389000.25, 5934000.5))
    return MadeLayout(layout, "Ort", list(report), "lidar f.laz")


def test_adopting_keeps_planes_and_place(tmp_path):
    first = made(["1 cell has no returns.", "x" * 300])
    protocol.write_made_layout(tmp_path / "job", first)
    assert ops.adopt_layout(directory=str(tmp_path / "job")) == {"FINISHED"}
    obj, = layouts()
    layout = layout_mesh.read_layout(obj)
    assert layout.hash() == first.layout.hash() and layout_mesh.georeference(obj) == (first.layout.crs, first.layout.origin)
    assert "x" * 300 in report_text() and obj.name == "Ort"
    with pytest.raises(RuntimeError, match="cannot be read"):
        ops.adopt_layout(directory=str(tmp_path / "none"))


def test_export_and_import_keep_cells_planes_and_place(tmp_path):
    protocol.write_made_layout(tmp_path / "job", made())
    ops.adopt_layout(directory=str(tmp_path / "job"))
    before = layout_mesh.read_layout(bpy.context.object)
    ops.export_layout(filepath=str(tmp_path / "ört.png"))
    about = json.loads((tmp_path / "ört.json").read_text(encoding="utf-8"))
    assert about["cells"] == [6, 9] and about["source"] == "lidar f.laz" and about["elevation"] == "ört.elevation.npy"
    assert sorted(p.suffix for p in tmp_path.glob("ört*")) == [".json", ".npy", ".npy", ".png"]
    from earthcrafter_core.convert.layout_io import layout_from_image  # the core reads what Blender wrote
    from_core = layout_from_image(tmp_path / "ört.png")
    assert from_core.layout.hash() == before.hash() and from_core.layout.origin == (389000.25, 5934000.5)
    ops.import_layout(filepath=str(tmp_path / "ört.png"))
    assert layout_mesh.read_layout(bpy.context.object).hash() == before.hash()
    assert layout_mesh.georeference(bpy.context.object) == ("EPSG:25833", (389000.25, 5934000.5))
    ops.import_layout(filepath=str(tmp_path / "ört.png"), cell_size=3.0)
    assert layout_mesh.cell_size(bpy.context.object) == 3.0


def picture(path, colours):
    from PIL import Image
    Image.fromarray(np.array(colours, np.uint8)).save(path)
    return str(path)


def test_pictures_by_a_mapping_table(tmp_path):
    path = picture(tmp_path / "p.png", [[(255, 0, 0), (0, 0, 254)], [(0, 250, 0), (9, 9, 9)]])
    (tmp_path / "m.json").write_text('{"#ff0000": "house", "#0000ff": "water", "#00ff00": "Lawn"}')
    ops.import_layout(filepath=path, mapping=str(tmp_path / "m.json"))
    assert layout_mesh.read_classes(bpy.context.object).tolist() == [[c.HOUSE, 0], [0, 0]]
    assert "3 pixels (75.0 %)" in report_text() and "#0000fe (1)" in report_text()
    ops.import_layout(filepath=path, mapping=str(tmp_path / "m.json"), tolerance=10)
    assert layout_mesh.read_classes(bpy.context.object).tolist() == [[c.HOUSE, c.WATER], [c.LAWN, 0]]
    assert "1 pixels (25.0 %)" in report_text()
    with pytest.raises(RuntimeError, match="no mapping table"):
        ops.import_layout(filepath=path, mapping=str(tmp_path / "none.json"))


def test_transparent_pixels_are_unpainted_and_colours_are_not_darkened(tmp_path):
    house = (*c.PALETTE[c.HOUSE].tolist(), 255)
    path = picture(tmp_path / "p.png", [[house, (*house[:3], 0)], [(*house[:3], 128), house]])
    ops.import_layout(filepath=path)
    assert layout_mesh.read_classes(bpy.context.object).tolist() == [[c.HOUSE, 0], [c.HOUSE, c.HOUSE]]


def test_the_import_menu_has_them():
    drawn = [f.__module__ for f in bpy.types.TOPBAR_MT_file_import.draw._draw_funcs]
    assert any(name.endswith("operators.layout_sources") for name in drawn)
