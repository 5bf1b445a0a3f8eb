"""A result folder as arrays in the form that Blender's attributes take: no bpy, so that a thread can make them.

Each array goes into an attribute by one copy of memory; what Blender would have to work out (edges, linear colours) is
worked out here.
"""
from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .earthcrafter_core.errors import BadInput
from .earthcrafter_core.scene.colour import srgb_to_linear
from .earthcrafter_core.scene.merging import merged
from .glb_file import PartMaterial, Picture, read_place
from .mesh_arrays import PARTS, MeshArrays, arranged, mesh_arrays
from .result_files import Points, read_points, read_scene, read_splats
from .splat_arrays import CloudArrays, rgba, splat_arrays


@dataclass
class ResultArrays:
    """A whole result: its folder, scene.json, mesh objects with the materials and pictures that they use, points, the splats
    that are shown, how many there are in all, and the ids of the classes that occur."""

    folder: Path
    scene: dict[str, Any]
    meshes: list[MeshArrays]
    materials: list[PartMaterial]
    pictures: list[Picture]
    points: CloudArrays
    splats: CloudArrays
    splats_total: int
    classes: list[int]

    @property
    def voxel_size(self) -> float:
        """Metres."""
        return float(self.scene.get("settings", {}).get("voxel_size", 1.0))


def read_result(folder: Path, splat_cap: int, mesh_objects: str = PARTS) -> ResultArrays:
    """Read a result with at most `splat_cap` splats; where there are more, neighbours that are alike become one.

    Args:
        folder: that of scene.json.
        splat_cap: see above.
        mesh_objects: how the mesh is divided into objects, see `mesh_arrays.arranged`.

    Raises:
        BadInput: the folder holds no result, or a file of it is missing or damaged.
    """
    scene = read_scene(folder)
    place, points, splats = (read_place(folder / "mesh.glb"), read_points(folder / "points.ply"),
                             read_splats(folder / "splats.ply"))
    try:
        classes = np.unique(np.concatenate([points.class_id, *(part.surface.class_id for part in place.parts)]))
        return ResultArrays(folder, scene, [mesh_arrays(part) for part in arranged(place.parts, mesh_objects)],
                            place.materials, place.pictures, point_arrays(points),
                            splat_arrays(merged(splats, splat_cap)), len(splats), classes.tolist())
    except (ValueError, IndexError, MemoryError) as e:
        raise BadInput(f"The result in {folder} cannot be used ({e}).", "Generate the place again.") from e


def point_arrays(points: Points) -> CloudArrays:
    """The arrays of a point cloud."""
    return CloudArrays(np.ascontiguousarray(points.position, np.float32), points.class_id.astype(np.int32),
                       rgba(srgb_to_linear(points.rgb)), {"normal": np.ascontiguousarray(points.normal, np.float32)})
