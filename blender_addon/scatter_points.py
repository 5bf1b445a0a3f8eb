"""Where the things of a class stand in a place, and how large each is: plants, buildings, or spots spread over ground."""
from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass
from math import atan2
from pathlib import Path

import bpy
import numpy as np
from mathutils import Matrix, Vector
from mathutils.bvhtree import BVHTree

from . import result_import
from .earthcrafter_core.errors import BadInput
from .earthcrafter_core.scene import classes as sem
from .earthcrafter_core.scene.colour import srgb_to_linear
from .earthcrafter_core.scene.instances import PLANTS, read_plants
from .glb_file import read_place
from .layout_mesh import CLASS_ATTRIBUTE
from .placement import world
from .result_objects import CLASS, PART

PLANT_IDS = frozenset({sem.BROADLEAF, sem.CONIFER, sem.ORCHARD, sem.SHRUB})
BUILDING_IDS = frozenset(int(c) for c in sem.BUILDING_IDS)
TRIES = 4  # spots that are tried for each square of the spacing; about one of them is kept
GROWTH = (0.8, 1.25)  # smallest and largest factor on what is spread over ground
MOST = 100_000  # squares of the spacing on the ground of a class
_BUILDING, _SIZES = "building", ("length", "width", "height")


@dataclass
class Things:
    """Things of one class in the place's own axes.

    Attributes:
        position: float64 [N, 3] metres: the middle of the foot. turn: float64 [N] radians about z.
        size: float64 [N, 3] metres: length, along the direction `turn`, width and height; on ground, where things have no size
            of their own, a factor near 1. color: float32 [N, 4] linear RGBA.
    """

    position: np.ndarray
    turn: np.ndarray
    size: np.ndarray
    color: np.ndarray

    def __len__(self) -> int:
        return len(self.position)


def is_ground(class_id: int) -> bool:
    """Whether a class is ground, on which things are spread, not a kind of things that are replaced."""
    return class_id not in PLANT_IDS | BUILDING_IDS


def things_of(place: bpy.types.Collection, class_id: int, spacing: float, seed: int) -> Things:
    """The things of a class in a place that was brought in.

    Args:
        place: its collection. class_id: 1..25.
        spacing: metres between neighbours on ground. seed: of the chance on ground.

    Raises:
        BadInput: there are none; or the place was made before plants and buildings were told apart.
    """
    if class_id in PLANT_IDS:
        found = _plants(place, class_id)
    elif class_id in BUILDING_IDS:
        found = _buildings(place, class_id)
    else:
        found = _spots(place, class_id, spacing, seed)
    if not len(found):
        raise BadInput(f"There is nothing of the class {sem.CLASSES[class_id].label} in {place.name}.", "Choose another class.")
    return found


def _plants(place: bpy.types.Collection, class_id: int) -> Things:
    """Plants by the result's file; their length is their width."""
    path = _folder(place) / PLANTS
    if path.parent.is_dir() and not path.exists():
        raise BadInput(f"{place.name} was generated before plants were told apart.", "Generate it again.")
    plants = read_plants(path)
    rows = np.flatnonzero(plants.class_id == class_id)
    size = np.stack([plants.width[rows], plants.width[rows], plants.height[rows]], 1).astype(float)
    return Things(plants.position[rows], plants.turn[rows].astype(float), size, _rgba(plants.rgb[rows]))


def _folder(place: bpy.types.Collection) -> Path:
    return Path(bpy.path.abspath(place[result_import.FOLDER]))


def _buildings(place: bpy.types.Collection, class_id: int) -> Things:
    """Buildings by their objects, as these stand now; where the mesh came in by class or as one, by the result's file."""
    into = place_matrix(place).inverted_safe()
    rows = [_building(into @ world(obj), [float(obj.get(name, 0)) for name in ("angle", *_SIZES)], obj)
            for obj in result_import.parts(place, result_import.MESH)
            if obj.get(PART) == _BUILDING and obj.get(CLASS) == class_id]
    if not rows and not any(obj.get(PART) == _BUILDING for obj in result_import.parts(place, result_import.MESH)):
        known = [part for part in read_place(_folder(place) / "mesh.glb").parts if part.kind == _BUILDING]
        if not known and class_id in result_import.classes(place):
            raise BadInput(f"{place.name} is one plain surface: no building stands for itself.",
                           "Generate it again, with Mesh: Clean in the panel Quality.")
        rows = [_building(Matrix.Translation([part.attributes.get(n, 0.0) for n in ("x", "y", "base")]),
                          [part.attributes.get(name, 0.0) for name in ("angle", *_SIZES)], None)
                for part in known if part.class_id == class_id]
    table = np.array(rows, float).reshape(len(rows), 7)
    return Things(table[:, :3], table[:, 3], table[:, 4:],
                  np.tile(_rgba(np.array([[150, 150, 150]], np.uint8)), (len(rows), 1)))


def _building(matrix: Matrix, known: list[float], obj: bpy.types.Object | None) -> list[float]:
    """x, y, z, turn, length, width, height of a building with this matrix in the place; its object's box tells what of its
    angle, length, width and height is not known."""
    angle, *size = known
    if min(size) <= 0 and obj is not None:
        angle, size = 0.0, [float(v) for v in np.ptp(np.array(obj.bound_box), axis=0)]
    turned = matrix.to_3x3() @ Matrix.Rotation(angle, 3, "Z")
    along, *_ = axes = [turned.col[k] for k in range(3)]
    scale = [axis.length for axis in axes]
    return [*matrix.translation, atan2(along.y, along.x), *(s * k for s, k in zip(size, scale, strict=True))]


def place_matrix(place: bpy.types.Collection) -> Matrix:
    """Where the place stands: by its points, which have no origin of their own, else by what there is."""
    obj = result_import.part(place, result_import.POINTS)
    if obj is not None:
        return world(obj)
    rest = result_import.part(place, result_import.MESH)
    return Matrix() if rest is None else result_import.matrix_of(rest)


def _spots(place: bpy.types.Collection, class_id: int, spacing: float, seed: int) -> Things:
    """Spots on the faces of a class that look up, about `spacing` metres from one another, none under a building: the ground
    goes on there."""
    into = np.array(place_matrix(place).inverted_safe())
    meshes = result_import.parts(place, result_import.MESH)
    corners = [_triangles(obj, into, {class_id}) for obj in meshes]
    faces = np.concatenate([np.zeros((0, 3, 3)), *corners])
    cross = np.cross(faces[:, 1] - faces[:, 0], faces[:, 2] - faces[:, 0])
    area = 0.5 * cross[:, 2]  # in plan; 0 and less where a face does not look up
    faces, area = faces[area > 1e-4], area[area > 1e-4]
    rng = np.random.default_rng([seed, class_id])
    if not len(area):
        return Things(np.zeros((0, 3)), np.zeros(0), np.zeros((0, 3)), np.zeros((0, 4), np.float32))
    tries = int(TRIES * area.sum() / spacing ** 2) + TRIES
    if tries > MOST * TRIES:
        raise BadInput(f"So near to one another, some {tries // TRIES:,} things would stand there.",
                       f"Give a spacing of at least {np.sqrt(area.sum() / MOST):.1f} m.")
    face = faces[rng.choice(len(area), tries, p=area / area.sum())]
    a, b = np.sqrt(rng.random(tries)), rng.random(tries)
    at = np.einsum("nc,ncd->nd", np.stack([1 - a, a * (1 - b), a * b], 1), face)
    at = at[_in_the_open(at, np.concatenate([_triangles(obj, into, BUILDING_IDS) for obj in meshes]))]
    at = at[_apart(at[:, :2], spacing)]
    return Things(at, rng.uniform(0, 2 * np.pi, len(at)), np.repeat(rng.uniform(*GROWTH, (len(at), 1)), 3, 1),
                  np.tile(_rgba(sem.PALETTE[class_id][None]), (len(at), 1)))


def _in_the_open(at: np.ndarray, buildings: np.ndarray) -> np.ndarray:
    """Which of the spots [N, 3] have none of the triangles [T, 3, 3] above them, bool [N]."""
    tree = BVHTree.FromPolygons(buildings.reshape(-1, 3).tolist(), np.arange(3 * len(buildings)).reshape(-1, 3).tolist(),
                                all_triangles=True)
    up = Vector((0, 0, 1))
    return np.array([tree.ray_cast(Vector(spot), up)[0] is None for spot in at.tolist()], bool)


def _triangles(obj: bpy.types.Object, into: np.ndarray, class_ids: Set[int]) -> np.ndarray:
    """Corners [T, 3, 3] in the place's axes of an object's triangles of some classes."""
    mesh = obj.data
    attribute = mesh.attributes.get(CLASS_ATTRIBUTE)
    if attribute is None or attribute.domain != "FACE":
        return np.zeros((0, 3, 3))
    mesh.calc_loop_triangles()
    ids, face = np.empty(len(mesh.polygons), np.int32), np.empty(len(mesh.loop_triangles), np.int32)
    corner, position = np.empty(3 * len(face), np.int32), np.empty(3 * len(mesh.vertices), np.float32)
    attribute.data.foreach_get("value", ids)
    mesh.loop_triangles.foreach_get("polygon_index", face)
    mesh.loop_triangles.foreach_get("vertices", corner)
    mesh.vertices.foreach_get("co", position)
    matrix = into @ np.array(world(obj))
    chosen = np.isin(ids, list(class_ids))[face]
    return (position.reshape(-1, 3) @ matrix[:3, :3].T + matrix[:3, 3])[corner.reshape(-1, 3)[chosen]]


def _apart(at: np.ndarray, spacing: float) -> np.ndarray:
    """Rows of the places [N, 2], in their order, that are at least `spacing` from all that were kept before them."""
    cell = np.floor(at / spacing).astype(np.int64)
    kept: dict[tuple[int, int], list[int]] = {}
    rows = []
    for row, (x, y) in enumerate(cell.tolist()):
        near = [k for dx in (-1, 0, 1) for dy in (-1, 0, 1) for k in kept.get((x + dx, y + dy), ())]
        if not near or np.square(at[near] - at[row]).sum(1).min() >= spacing ** 2:
            kept.setdefault((x, y), []).append(row)
            rows.append(row)
    return np.array(rows, np.int64)


def _rgba(rgb: np.ndarray) -> np.ndarray:
    """uint8 sRGB [N, 3] as linear float32 [N, 4]."""
    return np.column_stack([srgb_to_linear(rgb), np.ones(len(rgb))]).astype(np.float32)
