"""Ten generated places of few steps: their meshes by our own checks, the files by trimesh and the Khronos validator."""
from __future__ import annotations

from pathlib import Path

import outside_tools
import pytest

from earthcrafter_core.convert.files import read_surfels, read_voxels
from earthcrafter_core.data.presets import NAMES, make_preset
from earthcrafter_core.mesh.build import build_place
from earthcrafter_core.mesh.checks import Report, report_place
from earthcrafter_core.mesh.options import MeshOptions
from earthcrafter_core.mesh.place import PlaceMesh
from earthcrafter_core.pipeline import Models, Settings, generate

PLACES = [(name, seed) for seed in (1, 2) for name in NAMES][:10]


@pytest.fixture(scope="module")
def models() -> Models:
    return Models("default", None, "cpu")


@pytest.fixture(scope="module", params=PLACES, ids=lambda p: f"{p[0]}-{p[1]}")
def made(request, models, tmp_path_factory) -> tuple[Path, PlaceMesh]:
    """A result's folder, and its meshes built once more."""
    name, seed = request.param
    out = tmp_path_factory.mktemp("places") / f"{name}_{seed}"
    generate(make_preset(name, seed).layout, out, Settings(seed=seed, steps=2, texels=2.0, splat_size=0.5), models=models)
    return out, build_place(read_voxels(out), read_surfels(out), MeshOptions(colours="vertex"))


def test_a_place_without_faults(made):
    reports = report_place(made[1])
    assert {name: r.faults() for name, r in reports.items() if r.faults()} == {}
    total = sum(reports.values(), Report())
    assert total.upright >= 0.999 * total.walls and total.planar >= 0.999 * total.roofs
    assert total.slivers <= 1e-3 * total.triangles


def test_other_tools_agree(made):
    """What is solid is watertight in the file as well, and its faces look outward."""
    trimesh = pytest.importorskip("trimesh")
    folder, place = made
    scene = trimesh.load(folder / "mesh.glb", process=False)
    assert sum(len(g.faces) for g in scene.geometry.values()) == place.triangles()
    for part in place.parts:
        if part.solid:
            mesh = scene.geometry[part.name]
            mesh.merge_vertices(merge_tex=True, merge_norm=True)
            assert mesh.is_watertight and mesh.is_winding_consistent and mesh.volume > 0, part.name
    outside_tools.assert_valid_gltf(folder / "mesh.glb")
