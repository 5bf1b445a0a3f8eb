"""Meshes as Blender's own importers see them: size, axes, names, materials, textures, what is known of a building."""
from __future__ import annotations

import json
import subprocess
import sys

import mesh_shapes
import numpy as np
import pytest

from earthcrafter_core.export.gltf import write_glb
from earthcrafter_core.export.usd import write_usd
from earthcrafter_core.mesh.place import PlaceMesh

pytest.importorskip("bpy")

LOOK = """
import json, sys, bpy
told = {}
for path in sys.argv[1:]:
    bpy.ops.wm.read_factory_settings(use_empty=True)
    if path.endswith(".glb"):
        bpy.ops.import_scene.gltf(filepath=path)
    else:
        bpy.ops.wm.usd_import(filepath=path)
    parts = {}
    for o in bpy.data.objects:
        if o.type == "MESH":
            places = [o.matrix_world @ v.co for v in o.data.vertices]
            said = {k: v for k, v in [*o.items(), *o.data.items()] if isinstance(v, (int, float, str))}
            parts[o.name] = {"low": [min(p[k] for p in places) for k in range(3)],
                             "high": [max(p[k] for p in places) for k in range(3)], "faces": len(o.data.polygons),
                             "materials": sorted(m.name for m in o.data.materials), "said": said,
                             "uv": bool(o.data.uv_layers), "up": sum(p.normal.z for p in o.data.polygons)}
    told[path.rpartition(".")[2]] = {"parts": parts, "images": sorted(list(i.size) for i in bpy.data.images)}
print("TOLD" + json.dumps(told))
"""


@pytest.fixture(scope="module")
def place() -> PlaceMesh:
    return mesh_shapes.place()


@pytest.fixture(scope="module")
def seen(place, tmp_path_factory) -> dict:
    """By a process of its own: Blender's USD and usd-core are two libraries of one name."""
    folder = tmp_path_factory.mktemp("blender")
    write_glb(folder / "town.glb", place)
    write_usd(folder / "town.usdc", place)
    done = subprocess.run([sys.executable, "-c", LOOK, str(folder / "town.glb"), str(folder / "town.usdc")],
                          capture_output=True, text=True, timeout=120)
    lines = [line for line in done.stdout.splitlines() if line.startswith("TOLD")]
    assert lines, done.stdout + done.stderr
    return json.loads(lines[-1].removeprefix("TOLD"))


@pytest.mark.parametrize("kind", ["glb", "usdc"])
def test_blender_sees_the_same_place(seen, place, kind):
    parts = seen[kind]["parts"]
    assert set(parts) == {part.name for part in place.parts}
    for part in place.parts:
        found = parts[part.name]
        assert np.allclose([found["low"], found["high"]], [part.vertices.min(0), part.vertices.max(0)], atol=1e-4), part.name
        assert found["faces"] == len(part.faces) and found["uv"] == bool(part.texture)
        for name, value in part.attributes.items():
            assert found["said"][name] == pytest.approx(value, abs=1e-3)
        assert found["said"]["kind"] == part.kind
    assert parts["terrain"]["materials"] == ["lawn", "road"] and parts["house_001"]["materials"] == ["house"]
    assert parts["terrain"]["up"] > 0.9 * parts["terrain"]["faces"], "the ground faces up"
    assert seen[kind]["images"] == sorted([[64, 64], [48, 40], [48, 40]])
