"""A small place as clean meshes: textured ground with a road, water, two textured houses, and trees with vertex colours."""
from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from earthcrafter_core.export.gltf import GlbOptions, glb_bytes
from earthcrafter_core.mesh.place import BUILDING, CROWN, TERRAIN, WATER, Hull, Instances, Part, PlaceMesh, Texture
from earthcrafter_core.scene.classes import BROADLEAF, HOUSE, LAWN, ROAD, WATER as WATER_CLASS

SIZE = 32.0
HOUSES = ((4.0, 4.0), (18.0, 20.0))
"""South-west corners of the houses, metres; each is 8 x 6 x 5 m and stands on the ground at 1 m."""


def place_mesh() -> PlaceMesh:
    """Its parts, with the textures "terrain" and "buildings"."""
    parts = [_ground(), _flat_part("water_001", WATER, WATER_CLASS, (24, 2, 30, 8), 0.5, "terrain")]
    parts += [_house(k, *corner) for k, corner in enumerate(HOUSES, 1)]
    parts.append(_crowns())
    ramp = np.linspace(0, 255, 64).astype(np.uint8)
    color = np.stack(np.broadcast_arrays(ramp[None, :], ramp[:, None], np.uint8(90)), 2)
    textures = {"terrain": Texture(color, np.full((64, 64), 230, np.uint8)),
                "buildings": Texture(color[::-1].copy(), np.full((64, 64), 128, np.uint8))}
    none = np.zeros(0, np.float32)
    return PlaceMesh(parts, textures, Instances(np.zeros((0, 3)), none, none, none, none.astype(np.uint8),
                                                np.zeros((0, 3), np.uint8)))


def write(path: Path, levels: str = "msft", collision_names: str = "unreal") -> None:
    """Its mesh.glb, with a coarser level and a hull, which an import has to leave out."""
    place = place_mesh()
    coarse = PlaceMesh([p for p in place.parts if p.kind == BUILDING], {}, place.instances)
    house = place.parts[2]
    hull = Hull(house.name, 0, house.vertices, house.faces)
    path.write_bytes(glb_bytes(place, GlbOptions(levels, collision_names), [coarse], [hull]))


def _ground() -> Part:
    """4 x 4 m squares, a road along the middle; uv from above."""
    n = int(SIZE / 4)
    x, y = (a.ravel() * 4.0 for a in np.mgrid[:n + 1, :n + 1])
    vertices = np.stack([x, y, 1 + 0.01 * x], 1)
    i, j = (a.ravel() for a in np.mgrid[:n, :n])
    a, b, c, d = i * (n + 1) + j, (i + 1) * (n + 1) + j, (i + 1) * (n + 1) + j + 1, i * (n + 1) + j + 1
    faces = np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)]).astype(np.int32)
    face_class = np.tile(np.where(j == n // 2, ROAD, LAWN), 2).astype(np.uint8)
    normal = np.broadcast_to(np.array([-0.01, 0, 1]) / np.hypot(0.01, 1), (len(faces), 3, 3)).astype(np.float32)
    return Part("terrain", TERRAIN, 0, vertices, faces, face_class, normal, np.full((len(faces), 3, 3), 120, np.uint8),
                (vertices[faces][:, :, :2] / SIZE).astype(np.float32), "terrain")


def _flat_part(name: str, kind: str, class_id: int, box: tuple[float, float, float, float], z: float, texture: str) -> Part:
    x0, y0, x1, y1 = box
    vertices = np.array([[x0, y0, z], [x1, y0, z], [x1, y1, z], [x0, y1, z]], float)
    faces = np.array([[0, 1, 2], [0, 2, 3]], np.int32)
    return Part(name, kind, class_id, vertices, faces, np.full(2, class_id, np.uint8),
                np.broadcast_to(np.float32([0, 0, 1]), (2, 3, 3)).copy(), np.full((2, 3, 3), 120, np.uint8),
                (vertices[faces][:, :, :2] / SIZE).astype(np.float32), texture)


def _box(low: np.ndarray, size: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Vertices, triangles and flat corner normals of a box."""
    vertices = low + np.array([[k & 1, k >> 1 & 1, k >> 2] for k in range(8)]) * size
    quads = [(0, 2, 3, 1), (4, 5, 7, 6), (0, 1, 5, 4), (2, 6, 7, 3), (0, 4, 6, 2), (1, 3, 7, 5)]
    faces = np.array([t for q in quads for t in ((q[0], q[1], q[2]), (q[0], q[2], q[3]))], np.int32)
    corners = vertices[faces]
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    return vertices, faces, np.repeat(normal[:, None], 3, 1).astype(np.float32)


def _house(number: int, x: float, y: float) -> Part:
    vertices, faces, normal = _box(np.array([x, y, 1.0]), np.array([8.0, 6.0, 5.0]))
    uv = ((vertices[faces] - vertices.min(0)) / 10)[:, :, [0, 2]].astype(np.float32)
    return Part(f"house_{number:03d}", BUILDING, HOUSE, vertices, faces, np.full(len(faces), HOUSE, np.uint8), normal,
                np.full((len(faces), 3, 3), 180, np.uint8), uv, "buildings", solid=True,
                attributes={"height": 5.0, "area": 48.0, "base": 1.0, "x": x + 4, "y": y + 3, "storeys": 2.0, "roof": 2.0})


def _crowns() -> Part:
    """Three boxes with smooth normals and vertex colours, as one part."""
    vertices, faces, _ = _box(np.array([12.0, 10.0, 1.0]), np.array([3.0, 3.0, 6.0]))
    away = vertices - vertices.mean(0)
    away /= np.linalg.norm(away, axis=1, keepdims=True)
    shift = np.array([[0, 0, 0], [5, 0, 0], [10, 4, 0]], float)
    count = len(vertices)
    all_faces = np.concatenate([faces + k * count for k in range(3)]).astype(np.int32)
    normal = np.tile(away, (3, 1))[all_faces].astype(np.float32)
    color = np.full((len(all_faces), 3, 3), (60, 110, 40), np.uint8)
    return Part("broadleaf", CROWN, BROADLEAF, np.concatenate([vertices + s for s in shift]), all_faces,
                np.full(len(all_faces), BROADLEAF, np.uint8), normal, color, solid=True)
