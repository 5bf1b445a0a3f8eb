"""Where new layouts go, which one is worked on, what the palette and the key M show: in headless Blender."""
from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest

import addon  # before bpy

bpy = pytest.importorskip("bpy")
from mathutils import Euler, Matrix  # noqa: E402

addon.enable()
layout_mesh, placement, result_import, tool_settings, class_materials, panel, palette = (addon.part(n) for n in (
    "layout_mesh", "placement", "result_import", "tool_settings", "class_materials", "ui.layout_panel", "ui.palette"))
classes = addon.part("earthcrafter_core.scene.classes")
ops = bpy.ops.earthcrafter


@pytest.fixture(autouse=True)
def settings():
    """An empty file, and no mask."""
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=False)
    chosen = tool_settings.tool_settings()
    chosen.property_unset("use_mask")
    chosen.property_unset("mask_class")
    return chosen


def make(width=40, height=20, cursor=(0.0, 0.0, 0.0)):
    bpy.context.scene.cursor.location = cursor
    assert ops.new_layout(width=width, height=height, cell_size=1.0, fill="lawn") == {"FINISHED"}
    return bpy.context.object


def west(obj):
    return round(obj.location.x, 3)


def test_new_layouts_lie_beside_those_that_are_there(capfd):
    first, second, third = make(), make(20), make()
    assert [west(o) for o in (first, second, third)] == [0, 41.6, 64.8]  # gaps of 8 % of 20 and of 40
    assert {(o.location.y, o.location.z) for o in (first, second, third)} == {(0, 0)}
    said = capfd.readouterr().out
    assert "Layout.001: 20 x 20 cells, beside Layout." in said and "beside Layout.001." in said
    assert "Layout: " not in said  # the first one lies where it was asked for


def test_a_free_place_at_the_cursor_is_taken():
    make()
    assert west(make(cursor=(40, 0, 0))) == 40, "sides that meet do not overlap"
    north = make(cursor=(-5, 20, 3))
    assert tuple(north.location) == (-5, 20, 3)
    assert west(make(10, cursor=(36, 5, 0))) == 80.8, "40 to 80 is taken too"


def test_turned_and_hidden_layouts_count_and_so_do_places_beside():
    turned = make()
    turned.rotation_euler.z = math.radians(-90)  # now 20 m wide and 40 m to the south
    assert west(make(10, 10, (15, -30, 0))) == 20.8
    bpy.data.objects.remove(bpy.context.object)
    turned.hide_set(True)
    assert west(make(10, 10, (15, -30, 0))) == 20.8
    bpy.data.objects.remove(bpy.context.object)
    place = bpy.data.collections.new("Place")
    place[result_import.FOLDER], place[result_import.LAYOUT] = "/none", turned.name
    bpy.context.scene.collection.children.link(place)
    made = bpy.data.objects.new("mesh", None)
    place.objects.link(made)
    made.matrix_basis = Matrix.Translation((100, 0, 0))  # as it stands: 40 m to the east, 20 m to the north
    assert west(make(10, 10, (110, 10, 0))) == 140.8


def test_layouts_of_other_scenes_do_not_count():
    make()
    scene = bpy.data.scenes.new("other")
    obj = layout_mesh.new_layout("L", np.zeros((8, 8), np.uint8), 1.0)
    assert placement.put(scene, obj) == "" and west(obj) == 0


@pytest.mark.parametrize("orthographic", [False, True])
@pytest.mark.parametrize("angles", [(0, 0, 0), (1.1, 0, 0.7), (1.4, 0, -2.0)])
@pytest.mark.parametrize("size,free", [((1000, 800), (0.05, 0, 0.78, 0.93)), ((500, 900), (0, 0.1, 0.6, 1))])
def test_a_framed_layout_lies_in_the_free_part_of_the_view(orthographic, angles, size, free):
    """Projected as Blender's 3D view does: half of a longer side of 72 mm over the lens."""
    lens, rotation = 50.0, np.array(Euler(angles).to_matrix())
    corners = np.array([(100, 50, 3), (300, 50, 3), (300, 150, 3), (100, 150, 3)], float)
    location, distance = placement.framed(rotation, orthographic, lens, size, free, corners)
    seen = (corners - location) @ rotation
    depth = distance if orthographic else distance - seen[:, 2]
    pixels = np.array(size) / 2 + seen[:, :2] * (lens / 36 * max(size) / 2) / np.reshape(depth, (-1, 1))
    share = pixels / size
    assert np.all(depth > 0) and np.all(share > free[:2]) and np.all(share < free[2:])
    assert np.max(np.ptp(share, 0) / np.subtract(free[2:], free[:2])) > 0.4


def region(kind, x, y, width, height):
    return SimpleNamespace(type=kind, x=x, y=y, width=width, height=height)


def test_panels_and_headers_over_a_view_are_no_free_part_of_it():
    view = region("WINDOW", 100, 50, 1000, 800)
    over = [region("HEADER", 100, 824, 1000, 26), region("TOOL_HEADER", 100, 798, 1000, 26), region("TOOLS", 100, 50, 60, 748),
            region("UI", 900, 50, 200, 748), region("ASSET_SHELF", 100, 50, 1, 1), view]
    assert placement._free(SimpleNamespace(regions=over), view) == (0.06, 0, 0.8, 0.935)
    beside = [region("HEADER", 100, 850, 1000, 26), region("UI", 1100, 50, 200, 800), region("TOOLS", 40, 50, 60, 800), view]
    assert placement._free(SimpleNamespace(regions=beside), view) == (0, 0, 1, 1)
    narrow = [region("UI", 120, 50, 980, 800), region("HEADER", 100, 50, 1000, 40), view]
    assert placement._free(SimpleNamespace(regions=narrow), view) == (0, 0.05, 1, 1)


def test_choosing_a_layout_shows_and_selects_it_alone():
    first, second = make(), make()
    first.hide_set(True)
    assert ops.choose_layout(layout_name=first.name) == {"FINISHED"}
    assert bpy.context.selected_objects == [first] and first.visible_get() and bpy.context.object == first
    assert bpy.context.scene.earthcrafter.layout_object == first and second.visible_get()
    with pytest.raises(RuntimeError, match="no layout 'none'"):
        ops.choose_layout(layout_name="none")
    away = bpy.data.collections.new("away")
    bpy.context.scene.collection.children.link(away)
    away.objects.link(second)
    bpy.context.collection.objects.unlink(second)
    bpy.context.view_layer.layer_collection.children["away"].exclude = True
    with pytest.raises(RuntimeError, match="leaves out"):
        ops.choose_layout(layout_name=second.name)
    assert bpy.context.object == first
    bpy.ops.object.mode_set(mode="EDIT")
    assert not ops.choose_layout.poll()


def test_the_key_of_the_mask_switches_it_and_says_so(settings, capfd):
    settings.mask_class = "water"
    assert ops.toggle_mask() == {"FINISHED"} and settings.use_mask
    assert ops.toggle_mask() == {"FINISHED"} and not settings.use_mask
    said = capfd.readouterr().out
    assert "Painting only over Water" in said and "Painting over everything" in said
    tools = addon.part("ui.tools")._TOOLS
    assert all(("earthcrafter.toggle_mask", {"type": "M", "value": "PRESS"}, None) in tool.bl_keymap for tool in tools)


def test_every_class_is_in_the_palette_once_and_its_tooltip_names_it():
    shown = [*tool_settings.QUICK_CLASSES, *palette.other_classes()]
    assert sorted(shown) == sorted(classes.NAMES) and len(palette.other_classes()) == 16
    assert set(palette.SHORT_LABELS) <= set(tool_settings.QUICK_CLASSES)
    tips = {name: tip for name, _label, tip, _icon, _id in addon.part("properties").class_items(None, None)}
    assert all(tips[c.name].startswith(c.label) for c in classes.CLASSES)


def test_unpainted_is_told_from_road_and_from_the_background():
    colours = {c.name: np.array(class_materials.display_color(c), int) for c in classes.CLASSES}
    background = np.array([61, 61, 61])  # of Blender's dark theme
    apart = [np.abs(colours["unpainted"] - other).max() for other in (colours["road"], background)]
    assert min(apart) > 30 and not classes.PALETTE[0].any()
    material = make().data.materials[0]
    red, green, blue, _alpha = material.diffuse_color
    assert blue > 2 * red and blue > 2 * green


def test_the_heights_panel_counts_the_cells():
    obj = make()
    assert panel._heights_text(layout_mesh.height_range(obj)) == "No cell has a height"
    ops.paint_rectangle(paint_class="house", corner=(0, 0), opposite=(1, 1), height=7.5)
    assert panel._heights_text(layout_mesh.height_range(obj)) == "1 cell has a height, 7.5 m"
    ops.paint_rectangle(paint_class="tower", corner=(10, 0), opposite=(20, 10), height=60.0)
    assert layout_mesh.height_range(obj) == (101, 7.5, 60.0)
    assert panel._heights_text(layout_mesh.height_range(obj)) == "101 cells have a height, 7.5 to 60 m"
