"""The plain surface around the voxels (`convert.mesh`) as a part of a place, the mesh style "surface"."""
from __future__ import annotations

import numpy as np

from ..convert.mesh import Mesh
from .place import TERRAIN, Instances, Part, PlaceMesh


def surface_part(mesh: Mesh) -> Part:
    """The surface as one part named "surface" with a class for each face and vertex colours."""
    return Part("surface", TERRAIN, 0, mesh.vertices.astype(np.float64), mesh.faces, mesh.face_class, mesh.corner_normal,
                mesh.corner_color)


def surface_place(mesh: Mesh) -> PlaceMesh:
    """A place of this one part."""
    none = np.zeros(0, np.float32)
    return PlaceMesh([surface_part(mesh)], {}, Instances(np.zeros((0, 3)), none, none, none, np.zeros(0, np.uint8),
                                                         np.zeros((0, 3), np.uint8)))
