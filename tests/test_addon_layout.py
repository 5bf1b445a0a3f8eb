"""The painted grid in Blender: arrays <-> datablocks, painting operators, image files."""
from __future__ import annotations

import numpy as np
import pytest

import addon  # before bpy

bpy = pytest.importorskip("bpy")

addon.enable()
layout_mesh, layout_image = (addon.part(n) for n in ("layout_mesh", "layout_image"))
BadInput = addon.part("earthcrafter_core.errors").BadInput
ops = bpy.ops.earthcrafter


@pytest.fixture(autouse=True)
def empty_file():
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=False)


def make(width=20, height=12, cell_size=2.0, fill="lawn"):
    assert ops.new_layout(width=width, height=height, cell_size=cell_size, fill=fill) == {"FINISHED"}
    return bpy.context.object


def test_classes_round_trip_and_faces_lie_where_the_cells_are():
    ids = np.random.default_rng(0).integers(0, 26, (7, 9)).astype(np.uint8)
    obj = layout_mesh.new_layout("L", ids, 3.0)
    assert np.array_equal(layout_mesh.read_classes(obj), ids)
    face = obj.data.polygons[2 * 9 + 4]  # row 2 from the north, column 4
    assert tuple(face.center[:2]) == pytest.approx(((4 + 0.5) * 3, (7 - 2 - 0.5) * 3))
    assert not obj.data.validate() and len(obj.data.edges) == 8 * 9 + 7 * 10  # nothing had to be mended
    assert face.normal.z > 0.99 and face.material_index == ids[2, 4]
    assert obj.data.materials[ids[2, 4]].name.startswith("Layout ")


def test_new_layout_and_paint_operators():
    obj = make()
    ops.paint_rectangle(paint_class="house", corner=(0, 0), opposite=(4, 2))
    ops.paint_disc(paint_class="water", centre=(30, 12), radius=4)
    ops.paint_line(paint_class="road", width=2, points=[{"name": "", "location": p} for p in ((0, 23), (39, 23))])
    ids = layout_mesh.read_classes(obj)
    assert (ids[11, :2] == 1).all() and ids[10, 0] == 12  # south-west corner, row 0 is north
    assert ids[6, 15] == 22 and 9 <= (ids == 22).sum() <= 16
    assert (ids[0] == 7).all() and (ids[1] == 12).all()
    ops.fill(paint_class="sand", everywhere=False, place=(30, 12))
    ids = layout_mesh.read_classes(obj)
    assert not (ids == 22).any() and ids[6, 15] == 19
    ops.fill(paint_class="meadow")
    assert (layout_mesh.read_classes(obj) == 13).all()


def test_the_panels_class_is_painted_where_none_is_given():
    obj = make()
    bpy.context.window_manager.earthcrafter.paint_class = "rock"
    ops.fill()
    assert (layout_mesh.read_classes(obj) == 20).all()


def test_painting_needs_a_layout():
    assert not ops.paint_disc.poll() and not ops.generate.poll()


def test_an_edited_mesh_is_told_from_a_grid():
    obj = make()
    obj.data.clear_geometry()
    with pytest.raises(BadInput, match="no whole grid"):
        layout_mesh.read_classes(obj)
    with pytest.raises(RuntimeError, match="Undo the edit"):
        ops.fill(paint_class="rock")


def test_layout_images_round_trip_in_colours_and_ids(tmp_path):
    obj = make(26, 9)
    layout_mesh.write_classes(obj, np.tile(np.arange(26, dtype=np.uint8), (9, 1)))
    path = tmp_path / "stadt plän.png"
    ops.export_layout(filepath=str(path))
    from PIL import Image
    with Image.open(path) as image:  # an outside reader: indices are ids, colours the palette's
        assert image.mode == "P" and np.array_equal(np.array(image)[0], np.arange(26))
    ops.import_layout(filepath=str(path), cell_size=2.0)
    assert np.array_equal(layout_mesh.read_classes(bpy.context.object), layout_mesh.read_classes(obj))
    Image.fromarray(layout_mesh.read_classes(obj)).save(tmp_path / "ids.png")
    ops.import_layout(filepath=str(tmp_path / "ids.png"))
    assert np.array_equal(layout_mesh.read_classes(bpy.context.object), layout_mesh.read_classes(obj))


@pytest.mark.parametrize("kind", ["missing", "damaged", "colours"])
def test_images_that_are_no_layout(tmp_path, kind):
    from PIL import Image
    path = tmp_path / "x.png"
    if kind == "damaged":
        path.write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    elif kind == "colours":
        Image.new("RGB", (8, 8), (1, 2, 200)).save(path)
    before = len(bpy.data.objects), len(bpy.data.images)
    with pytest.raises(RuntimeError, match="Choose a PNG|palette's colours"):
        ops.import_layout(filepath=str(path))
    assert (len(bpy.data.objects), len(bpy.data.images)) == before


def test_a_folder_that_cannot_be_written(tmp_path):
    make()
    with pytest.raises(RuntimeError, match="Choose another folder"):
        ops.export_layout(filepath=str(tmp_path / "none" / "x.png"))
