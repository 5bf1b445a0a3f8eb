"""The painting operators, what a layout carries besides its classes, and objects as layout: in headless Blender."""
from __future__ import annotations

import numpy as np
import pytest

import addon  # before bpy

bpy = pytest.importorskip("bpy")

addon.enable()
layout_mesh, tool_settings, ui_tools, terrain = (addon.part(n) for n in ("layout_mesh", "tool_settings", "ui.tools", "terrain"))
NAMES = addon.part("earthcrafter_core.scene.classes").NAMES
BadInput = addon.part("earthcrafter_core.errors").BadInput
Paint = addon.part("earthcrafter_core.scene.stroke").Paint
shapes = addon.part("earthcrafter_core.scene.shapes")
ops = bpy.ops.earthcrafter
LAWN, HOUSE, WATER, ROAD = (NAMES.index(n) for n in ("lawn", "house", "water", "road"))


@pytest.fixture(autouse=True)
def settings():
    """An empty file, and the tools as they are at first."""
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=False)
    chosen = tool_settings.tool_settings()
    for name in chosen.bl_rna.properties.keys():
        if name not in ("rna_type", "name"):
            chosen.property_unset(name)
    return chosen


def make(width=40, height=30, cell_size=1.0):
    assert ops.new_layout(width=width, height=height, cell_size=cell_size, fill="lawn") == {"FINISHED"}
    return bpy.context.object


def points(*places):
    return [{"name": "", "location": p} for p in places]


def test_polygons_and_the_mask_of_the_operators():
    obj = make()
    ops.paint_rectangle(paint_class="water", corner=(0, 0), opposite=(10, 30))
    ops.paint_polygon(paint_class="house", points=points((5, 5), (25, 5), (25, 15), (5, 15)), only_over="lawn")
    ids = layout_mesh.read_classes(obj)
    assert (ids == HOUSE).sum() == 15 * 10 and (ids[:, :10] == WATER).all()
    ops.paint_polygon(paint_class="rock", points=points((5, 5), (25, 5)))
    assert np.array_equal(ids, layout_mesh.read_classes(obj))


def test_every_operator_obeys_the_tools_mask_unless_told_otherwise(settings):
    obj = make()
    ops.paint_rectangle(paint_class="water", corner=(0, 0), opposite=(20, 30))
    settings.use_mask, settings.mask_class = True, "water"
    ops.paint_disc(paint_class="sand", centre=(20, 15), radius=6)
    ops.paint_line(paint_class="road", points=points((0, 25), (40, 25)), width=2)
    ops.fill(paint_class="rock", everywhere=True)
    ids = layout_mesh.read_classes(obj)
    assert (ids[:, 20:] == LAWN).all() and not (ids[:, :20] == WATER).any() and (ids == ROAD).any()
    ops.fill(paint_class="rock", only_over="anything")
    assert len(np.unique(layout_mesh.read_classes(obj))) == 1


def test_heights_are_painted_cleared_by_painting_and_passed_on(settings):
    obj = make()
    assert layout_mesh.read_layout(obj).height_hint is None
    settings.use_height, settings.paint_height = True, 9.0
    ops.paint_rectangle(paint_class="house", corner=(0, 0), opposite=(10, 10))
    ops.paint_rectangle(paint_class="tower", corner=(20, 0), opposite=(24, 4), height=60.0)
    hints = layout_mesh.read_layout(obj).height_hint
    assert (hints[20:, :10] == 9).all() and (hints[26:, 20:24] == 60).all() and np.isfinite(hints).sum() == 116
    settings.use_height = False
    ops.paint_rectangle(paint_class="road", corner=(0, 0), opposite=(10, 5))
    ops.paint_rectangle(paint_class="house", corner=(0, 5), opposite=(10, 10))  # is house already: nothing changes
    hints = layout_mesh.read_heights(obj)
    assert np.isnan(hints[25:, :10]).all() and (hints[20:25, :10] == 9).all()
    settings.use_height = True
    ops.paint_rectangle(paint_class="unpainted", corner=(0, 0), opposite=(40, 30))
    assert layout_mesh.read_heights(obj) is None
    layout_mesh.write_heights(obj, np.ones((30, 40)))
    ops.clear_heights()
    assert layout_mesh.read_heights(obj) is None and layout_mesh.HEIGHT_ATTRIBUTE not in obj.data.attributes


def test_new_layouts_keep_hints_elevation_and_place():
    rng = np.random.default_rng(0)
    hints, elevation = rng.random((5, 7), np.float32), rng.random((5, 7), np.float32)
    obj = layout_mesh.new_layout("L", np.zeros((5, 7), np.uint8), 2.0, hints, elevation)
    layout = layout_mesh.read_layout(obj)
    assert np.array_equal(layout.height_hint, hints) and np.array_equal(layout.elevation, elevation)
    assert layout_mesh.read_layout(obj, elevation=False).elevation is None
    assert layout_mesh.georeference(obj) is None
    layout_mesh.set_georeference(obj, "EPSG:32633", (385000.5, 5934000.0))
    assert layout_mesh.georeference(obj) == ("EPSG:32633", (385000.5, 5934000.0))
    layout_mesh.set_georeference(obj, None, None)
    assert layout_mesh.georeference(obj) is None


def test_copies_are_layouts_of_their_own_and_files_keep_everything(tmp_path, settings):
    obj = make()
    settings.use_height = True
    ops.paint_disc(paint_class="house", centre=(10, 10), radius=5)
    bpy.ops.object.duplicate()
    copy = bpy.context.object
    assert copy is not obj and layout_mesh.active_layout(bpy.context) is copy
    ops.fill(paint_class="snow")
    assert (layout_mesh.read_classes(obj) == HOUSE).any() and not (layout_mesh.read_classes(copy) == HOUSE).any()
    before, hints, name = layout_mesh.read_classes(obj), layout_mesh.read_heights(obj), obj.name
    path = str(tmp_path / "Stadt plän.blend")
    bpy.ops.wm.save_as_mainfile(filepath=path)
    bpy.ops.wm.read_homefile(use_empty=True)
    bpy.ops.wm.open_mainfile(filepath=path)
    again = bpy.data.objects[name]
    assert np.array_equal(layout_mesh.read_classes(again), before)
    assert np.array_equal(layout_mesh.read_heights(again), hints, equal_nan=True)
    assert [p.material_index for p in again.data.polygons[:5]] == list(before.ravel()[:5])


def test_one_operator_is_one_step_of_undo():
    obj = make()
    bpy.ops.ed.undo_push(message="made")
    name = obj.name
    for place in ((5, 5), (25, 20)):
        ops.paint_disc("EXEC_DEFAULT", True, paint_class="house", centre=place, radius=3)
    both = (layout_mesh.read_classes(bpy.data.objects[name]) == HOUSE).sum()
    bpy.ops.ed.undo()
    assert 0 < (layout_mesh.read_classes(bpy.data.objects[name]) == HOUSE).sum() == both / 2
    bpy.ops.ed.undo()
    assert not (layout_mesh.read_classes(bpy.data.objects[name]) == HOUSE).any()
    bpy.ops.ed.redo()
    bpy.ops.ed.redo()
    assert (layout_mesh.read_classes(bpy.data.objects[name]) == HOUSE).sum() == both


def test_choosing_a_class_is_not_undone(settings):
    make()
    bpy.ops.ed.undo_push(message="made")
    ops.paint_disc("EXEC_DEFAULT", True, paint_class="house", centre=(5, 5), radius=3)
    ops.choose_class(paint_class="water")
    ops.change_size(setting="brush_radius", factor=2.0)
    bpy.ops.ed.undo()
    assert tool_settings.tool_settings().paint_class == "water" and tool_settings.tool_settings().brush_radius == 8.0


def test_linked_and_edited_layouts_are_left_alone(tmp_path):
    obj = make()
    name = obj.name
    bpy.ops.object.mode_set(mode="EDIT")
    assert not ops.fill.poll() and not ops.stroke.poll()
    bpy.ops.object.mode_set(mode="OBJECT")
    path = str(tmp_path / "library.blend")
    bpy.ops.wm.save_as_mainfile(filepath=path)
    bpy.ops.wm.read_homefile(use_empty=True)
    with bpy.data.libraries.load(path, link=True) as (_there, here):
        here.objects = [name]
    linked = here.objects[0]
    bpy.context.collection.objects.link(linked)
    bpy.context.view_layer.objects.active = linked
    before = layout_mesh.read_classes(linked)
    with pytest.raises(RuntimeError, match="Make it local"):
        ops.fill(paint_class="rock")
    assert np.array_equal(layout_mesh.read_classes(linked), before)


def test_a_stroke_writes_only_its_own_cells():
    obj = make()
    stroke_module = addon.part("earthcrafter_core.scene.stroke")
    stroke = stroke_module.Stroke(layout_mesh.read_classes(obj), None, Paint(ROAD))
    stroke.add(shapes.line((30, 40), 1.0, [(0, 5), (40, 5)], 2.0))
    ops.paint_rectangle(paint_class="water", corner=(0, 20), opposite=(40, 30))  # a script paints meanwhile
    assert layout_mesh.apply(obj, stroke) == 80
    ids = layout_mesh.read_classes(obj)
    assert (ids == ROAD).sum() == 80 and (ids == WATER).sum() == 400


def test_meshes_and_curves_become_a_layout():
    make()
    layout = bpy.context.object
    layout.location = (100, 50, 0)
    bpy.ops.mesh.primitive_cube_add(size=1, location=(110, 60, 4))
    house = bpy.context.object
    house.scale = (8, 6, 8)
    bpy.ops.mesh.primitive_cube_add(size=4, location=(900, 0, 0))
    far = bpy.context.object
    road = curve("road", [(100, 75, 0), (140, 75, 0)])
    lake = curve("lake", [(125, 55, 0), (135, 55, 0), (135, 65, 0), (125, 65, 0)], cyclic=True)
    empty = bpy.data.objects.new("nothing", None)
    bpy.context.collection.objects.link(empty)
    for obj in (house, far, road, lake, empty):
        obj.select_set(True)
    bpy.context.view_layer.objects.active = layout
    bpy.context.view_layer.update()
    assert ops.layout_from_objects(line_width=4.0, use_heights=True) == {"FINISHED"}
    ids, hints = layout_mesh.read_classes(layout), layout_mesh.read_heights(layout)
    assert (ids[3:7] == ROAD).all()  # y 23 to 27 of 30
    assert (ids == HOUSE).sum() == 48 and (hints[ids == HOUSE] == 8).all() and np.isfinite(hints).sum() == 48
    assert (ids == WATER).sum() == 100 and (ids[15:25, 25:35] == WATER).all()
    assert len(bpy.data.curves) == 2  # nothing of ours is left behind
    for obj in (house, road, lake):
        obj.select_set(False)
    with pytest.raises(RuntimeError) as said:
        ops.layout_from_objects()
        raise RuntimeError("nothing was said")
    assert "nothing was said" in str(said.value)


def curve(name, places, cyclic=False):
    data = bpy.data.curves.new(name, "CURVE")
    data.dimensions = "2D" if cyclic else "3D"
    spline = data.splines.new("POLY")
    spline.points.add(len(places) - 1)
    for point, place in zip(spline.points, places, strict=True):
        point.co = (*place, 1)
    spline.use_cyclic_u = cyclic
    if cyclic:
        data.fill_mode = "BOTH"
    obj = bpy.data.objects.new(name, data)
    bpy.context.collection.objects.link(obj)
    return obj


def test_an_objects_own_class_wins():
    make()
    layout = bpy.context.object
    bpy.ops.mesh.primitive_plane_add(size=10, location=(10, 10, 0))
    plane = bpy.context.object
    plane["earthcrafter_class"] = "pool"
    bpy.context.view_layer.objects.active = layout
    ops.layout_from_objects(mesh_class="tower")
    assert (layout_mesh.read_classes(layout) == NAMES.index("pool")).sum() == 100


def test_terrain_of_a_mesh_is_in_metres_of_the_layout():
    layout = make()
    layout.location = (100, 50, 2)
    scene = bpy.context.scene.earthcrafter
    assert layout_mesh.terrain_of(layout) is None
    scene.relief = "object"
    with pytest.raises(BadInput, match="No object is chosen"):
        layout_mesh.terrain_of(layout)
    bpy.ops.mesh.primitive_grid_add(x_subdivisions=4, y_subdivisions=4, size=60, location=(120, 65, 12))
    ground = bpy.context.object
    ground.modifiers.new("more", "SUBSURF").subdivision_type = "SIMPLE"
    scene.terrain_object = ground
    bpy.context.view_layer.update()
    found = layout_mesh.terrain_of(layout)
    assert found.kind == "mesh" and len(found.vertices) == 9 * 9 and len(found.triangles) == 2 * 8 * 8
    assert np.allclose(found.vertices.min(0), (-10, -15, 10)) and np.allclose(found.vertices.max(0), (50, 45, 10))
    scene.relief = "file"
    with pytest.raises(BadInput, match="No file is chosen"):
        layout_mesh.terrain_of(layout)
    scene.terrain_file = "//nowhere.tif"
    with pytest.raises(BadInput, match="no terrain file"):
        layout_mesh.terrain_of(layout)


def test_the_tools_are_registered_with_their_keys():
    from bl_ui.space_toolsystem_common import ToolSelectPanelHelper
    tools = ToolSelectPanelHelper._tool_class_from_space_type("VIEW_3D")._tools["OBJECT"]
    group = next(item for item in tools if isinstance(item, tuple)
                 and getattr(item[0], "idname", "") == "earthcrafter.brush")
    assert [t.idname.split(".")[1] for t in group] == ["brush", "line", "rectangle", "polygon", "flood", "eyedropper"]
    assert len(tool_settings.QUICK_CLASSES) == 10 and set(tool_settings.QUICK_CLASSES) <= set(NAMES)
    for tool in ui_tools._TOOLS:
        for operator, key, properties in tool.bl_keymap:
            group, name = operator.split(".")
            rna = getattr(getattr(bpy.ops, group), name).get_rna_type()
            for prop, _value in (properties or {}).get("properties", []):
                assert prop in rna.properties, (operator, key, prop)


def test_painting_with_the_mouse_needs_a_view():
    make()
    assert not ops.start_painting.poll()


def test_the_icons_of_tools_and_panels_exist():
    import re
    from pathlib import Path
    icons = set(bpy.types.UILayout.bl_rna.functions["prop"].parameters["icon"].enum_items.keys())
    root = Path(layout_mesh.__file__).parent
    used = {icon for name in ("layout_panel.py", "tools.py") for icon in re.findall(
        r'icon="([A-Z0-9_]+)"', (root / "ui" / name).read_text(encoding="utf-8"))}
    panel = addon.part("ui.layout_panel")
    used |= set(panel._TOOL_ICONS.values()) | {icon for _name, _text, icon in panel._SOURCES}
    assert used and used <= icons
    folder = Path(bpy.utils.system_resource("DATAFILES", path="icons"))
    for tool in ui_tools._TOOLS:
        assert (folder / f"{tool.blender_icon}.dat").is_file()
        own = Path(f"{tool.bl_icon}.dat").read_bytes()
        assert own[:4] == b"VCO\0" and len(own) > 8 and (len(own) - 8) % 18 == 0
        assert bpy.app.icons.new_triangles_from_file(f"{tool.bl_icon}.dat")


def test_tools_keep_blenders_pictures_where_theirs_cannot_be_written(monkeypatch, tmp_path):
    icons = addon.part("tool_icons")
    (tmp_path / "icons").write_text("a file where the folder should be")
    monkeypatch.setattr(icons, "user_folder", lambda name: tmp_path / name)
    assert icons.icon("brush", "brush.generic") == "brush.generic"


def test_a_flat_relief_leaves_the_layouts_elevation_behind():
    jobs, scene = addon.part("jobs"), bpy.context.scene.earthcrafter
    obj = layout_mesh.new_layout("survey", np.full((8, 8), LAWN, np.uint8), 1.0, elevation=np.ones((8, 8), np.float32))
    bpy.context.collection.objects.link(obj)
    assert jobs.generate_entry(bpy.context, obj, 1).job.layout.elevation is not None
    scene.relief = "flat"
    assert jobs.generate_entry(bpy.context, obj, 1).job.layout.elevation is None


def test_large_layouts_settle_before_anything_else_changes():
    settling = addon.part("settling")

    class Shown:
        ended = False

        def end(self):
            self.ended = True

    obj = make()
    bpy.ops.ed.undo_push(message="made")
    ops.paint_disc("EXEC_DEFAULT", True, paint_class="house", centre=(5, 5), radius=3)
    undone, painted_over, rested = Shown(), Shown(), Shown()
    settling.keep(obj.name, undone)
    bpy.ops.ed.undo()
    assert undone.ended
    settling.keep("Layout", painted_over)
    ops.fill(paint_class="rock")
    assert painted_over.ended
    settling.keep("a layout that was deleted", rested)
    assert settling._rested() is None and rested.ended and not settling._kept
