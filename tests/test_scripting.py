"""The numbered examples of docs/scripting.md, run as they stand, with the real engine."""
from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

import addon  # before bpy

bpy = pytest.importorskip("bpy")
addon.enable()
service, preferences, result_import, layout_mesh, class_visibility, exports = (
    addon.part(n) for n in ("engine_service", "preferences", "result_import", "layout_mesh", "class_visibility", "exports"))
PAGE = (addon.ROOT / "docs" / "scripting.md").read_text(encoding="utf-8")
EXAMPLES = {int(number): code for number, code in re.findall(r"^## (\d)\. .*?```python\n(.*?)```", PAGE, re.M | re.S)}


@pytest.fixture(autouse=True)
def file(tmp_path):
    bpy.ops.wm.read_homefile(use_empty=True)
    preferences.preferences().engine_python = str(addon.ENGINE_PYTHON)
    preferences.preferences().results_folder = str(tmp_path / "results")
    yield
    service.close_file()


@pytest.fixture(scope="module", autouse=True)
def engine():
    yield
    service.session.shutdown(wait=True)


def run(number):
    exec(compile(EXAMPLES[number], f"docs/scripting.md, example {number}", "exec"), {"__name__": "__main__"})


def test_there_are_six_examples():
    assert sorted(EXAMPLES) == [1, 2, 3, 4, 5, 6]


def test_1_paint_and_generate():
    run(1)
    place = result_import.places(bpy.context.scene)[0]
    ids = [class_visibility.classes_of(obj) for obj in result_import.parts(place, "mesh")]
    assert {1, 7, 12, 15} <= set().union(*ids)
    assert (Path(place["earthcrafter_folder"]) / "thumbnail.png").is_file()


def test_2_arrays():
    run(2)
    layout = bpy.data.objects["Canal"]
    assert (layout_mesh.read_classes(layout) == 12).sum() > 4000
    assert layout_mesh.read_layout(layout).height_hint[10, 12] == 15


def test_3_a_map():
    run(3)
    ids = layout_mesh.read_classes(bpy.context.object)
    assert ids.shape == (64, 64) and {1, 7, 22} <= set(ids.ravel())
    assert bpy.context.object.data["earthcrafter_crs"] == "EPSG:32633"


def test_4_variations():
    run(4)
    places = result_import.places(bpy.context.scene)
    assert len(places) == 2 and bpy.context.scene.earthcrafter.seed == 20
    assert [p.hide_viewport for p in places] == [False, True]


def test_5_the_queue_and_an_area():
    run(5)
    places = result_import.places(bpy.context.scene)
    assert len(places) == 3
    before, after = (np.load(Path(p["earthcrafter_folder"]) / "voxels.npz") for p in places[1:])

    def outside(voxels):
        x, y = voxels["coords"][:, 0], voxels["coords"][:, 1]
        far = (x < 0) | (x >= 32) | (y < 0) | (y >= 32)
        return np.column_stack([voxels["coords"], voxels["class_id"], voxels["rgb"]])[far]

    assert np.array_equal(outside(before), outside(after)) and len(outside(before)) > 1000
    assert (after["class_id"] == 22).sum() >= 256 > (before["class_id"] == 22).sum()


def test_6_classes_buildings_and_exports():
    run(6)
    assert exports.last.errors == []
    assert {path.suffix for path in exports.last.files} >= {".glb", ".spz", ".laz", ".obj", ".mtl"}
    place = result_import.places(bpy.context.scene)[-1]
    assert class_visibility.hidden(place) == {15, 16}
    objects = [line.split()[1] for line in exports.last.formats[0][0].read_text().splitlines() if line.startswith("o ")]
    assert any(name.startswith("house") for name in objects) and not any(name.startswith("broadleaf") for name in objects)
