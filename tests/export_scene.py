"""A small result's folder for the tests of exports: the scene of small_scene, with a layout that lies in UTM."""
from __future__ import annotations

from pathlib import Path

import mesh_shapes
import small_scene

from earthcrafter_core.convert.files import MESH, write_generation
from earthcrafter_core.export.gltf import write_glb
from earthcrafter_core.scene.layout import Layout
from earthcrafter_core.scene.splats import Splats

CRS, ORIGIN = "EPSG:32633", (388000.0, 5935000.0)
SETTINGS = {"mesh": "clean", "colours": "texture", "texels": 8.0}


def splats() -> Splats:
    """The small scene's splats."""
    return small_scene.scene()[1]


def write(folder: Path, crs: str | None = CRS) -> Path:
    """Write the result; its mesh.glb holds the place of mesh_shapes."""
    voxels, surfels, ids = small_scene.scene()
    layout = Layout(ids, 1.0, crs=crs, origin=None if crs is None else ORIGIN)
    where = {} if crs is None else {"crs": crs, "origin": list(ORIGIN)}
    write_generation(folder, lambda: {"settings": SETTINGS, **where}, voxels, surfels,
                     lambda out: write_glb(out / MESH, mesh_shapes.place()), {}, layout=layout)
    return folder
