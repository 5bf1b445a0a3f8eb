"""What a modeller would complain of: holes, edges of three faces, faces inside out, slivers, what floats, walls that lean.

Corners that lie at one place are one, as for a program that welds what it reads: solids that touch along an edge are no solid.
"""
from __future__ import annotations

from dataclasses import astuple, dataclass, fields, replace

import numpy as np
from scipy.spatial import cKDTree

from .land.sheet_height import SheetHeight
from .place import BUILDING, CROWN, DECK, TERRAIN, WATER, Part, PlaceMesh
from .topology import Edges, edges_of, face_normals, joined, pieces, pinches, volumes, welded

ON_BORDER = 1e-3  # metres: edges so near the outer border of the terrain are its border
DEGENERATE_AREA, DEGENERATE_HEIGHT = 1e-6, 1e-3  # square metres, metres
SLIVER_HEIGHT = 0.01  # metres
STANDS = 0.25  # metres: what comes so near the ground stands on it
BACK = -0.5  # a corner's normal that is 120 degrees from its face's shades it from behind
ASIDE = 2e-3  # metres beside the edge of water at which the ground is looked for
SHORE = 0.05  # metres: the edge of water may lie so much above the ground
WALL = 0.5  # faces steeper than 60 degrees are walls; those that look up and are less steep are roofs
UPRIGHT = np.sin(np.radians(2))
SAME_PLANE = np.cos(np.radians(3))  # neighbouring roof faces that differ less are of one plane
LEAST_PLANE = 0.1  # square metres: smaller planes are none
FLAT = 0.05  # metres: how far a roof's corners may lie from its plane


@dataclass(frozen=True)
class Report:
    """Counts of one part, or of several together.

    Attributes:
        triangles, pieces: faces; bodies that hang together.
        holes: open edges of what must be closed (solid parts, the terrain within its outer border); of water, edges that
            hang above the ground, but for those at the place's border.
        non_manifold: edges of more than two faces, and vertices at which two surfaces touch.
        flipped: edges that both faces run through the same way, closed bodies that look inward, sheets that look down.
        against: corners whose normal lies 120 degrees or more from that of their face.
        degenerate: faces of less than 1 square millimetre or 1 mm height. slivers: of less than 1 cm height, these included.
        floating: bodies of buildings, decks and crowns that neither stand on the ground nor touch one that does.
        walls, upright: square metres of faces of buildings steeper than 60 degrees; of those within 2 degrees of vertical.
        roofs, planar: square metres of faces of buildings that look up; of those whose corners are within 5 cm of the roof
            plane they belong to: neighbours that turn by less than 3 degrees from one to the next, 0.1 square metres or more.
    """

    triangles: int = 0
    pieces: int = 0
    holes: int = 0
    non_manifold: int = 0
    flipped: int = 0
    against: int = 0
    degenerate: int = 0
    slivers: int = 0
    floating: int = 0
    walls: float = 0.0
    upright: float = 0.0
    roofs: float = 0.0
    planar: float = 0.0

    def __add__(self, other: Report) -> Report:
        return Report(*(a + b for a, b in zip(astuple(self), astuple(other))))

    def faults(self) -> dict[str, int]:
        """The counts that must be 0 and are not."""
        names = ("holes", "non_manifold", "flipped", "against", "degenerate", "floating")
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name in names and getattr(self, f.name)}


def report_place(place: PlaceMesh) -> dict[str, Report]:
    """A report of each part by its name."""
    terrain = [part for part in place.parts if part.kind == TERRAIN]
    ground = None
    if terrain:
        start = np.cumsum([0] + [len(part.vertices) for part in terrain])
        ground = SheetHeight(np.concatenate([part.vertices for part in terrain]),
                         np.concatenate([part.faces + s for part, s in zip(terrain, start)]))
    return {part.name: report(part, ground) for part in place.parts}


def report(part: Part, ground: SheetHeight | None = None) -> Report:
    """Check one part; without the ground, neither floating bodies nor the shores of water are looked for."""
    if not len(part.faces):
        return Report()
    vertices, faces = welded(part.vertices, part.faces)
    part = replace(part, vertices=vertices, faces=faces)
    edges = edges_of(faces)
    normal, area = face_normals(part.vertices, part.faces)
    count, piece = pieces(part.faces)
    height = _heights(part, area)
    walls, upright, roofs, planar = _form(part, edges, normal, area) if part.kind == BUILDING else (0.0,) * 4
    return Report(
        triangles=len(part.faces), pieces=count, holes=_holes(part, edges, ground),
        non_manifold=int((edges.count > 2).sum()) + pinches(part.faces, edges),
        flipped=_flipped(part, edges, normal, piece, count),
        against=int(((part.corner_normal * normal[:, None]).sum(2)[area > DEGENERATE_AREA] < BACK).sum()),
        degenerate=int(((area < DEGENERATE_AREA) | (height < DEGENERATE_HEIGHT)).sum()),
        slivers=int((height < SLIVER_HEIGHT).sum()),
        floating=_floating(part, ground, piece, count) if ground and part.kind in (BUILDING, DECK, CROWN) else 0,
        walls=walls, upright=upright, roofs=roofs, planar=planar)


def in_side(ends: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Which edges, ends float [E, 2, 2 or 3], lie in a side of the upright box from low [2] to high [2]; bool [E]."""
    at = ends[..., :2]
    return ((np.abs(at - low) < ON_BORDER).all(1) | (np.abs(at - high) < ON_BORDER).all(1)).any(1)


def _holes(part: Part, edges: Edges, ground: SheetHeight | None) -> int:
    ends = part.vertices[edges.ends[edges.count == 1]]
    if part.solid:
        return len(ends)
    if part.kind == TERRAIN:
        low, high = part.vertices[:, :2].min(0), part.vertices[:, :2].max(0)
        return int((~in_side(ends, low, high)).sum())
    if part.kind == WATER and ground is not None:
        middle = ends.mean(1)
        around = middle[:, None, :2] + ASIDE * np.array([[0, 0], [1, 0], [-1, 0], [0, 1], [0, -1]])  # it may lie in a wall
        land = np.nan_to_num(ground.at(around.reshape(-1, 2)), nan=-np.inf).reshape(-1, 5).max(1)
        hangs = middle[:, 2] - land > SHORE
        return int((hangs & ~in_side(ends, *ground.box)).sum())
    return 0


def _flipped(part: Part, edges: Edges, normal: np.ndarray, piece: np.ndarray, count: int) -> int:
    ways = np.bincount(edges.of_face.ravel(), edges.forward.ravel(), len(edges.ends))
    same_way = int(((edges.count == 2) & (ways != 1)).sum())
    if part.solid:
        return same_way + int((volumes(part.vertices, part.faces, piece, count) < 0).sum())
    return same_way + int((normal[:, 2] < -0.01).sum()) * (part.kind in (TERRAIN, WATER))


def _heights(part: Part, area: np.ndarray) -> np.ndarray:
    """The least height of each face, metres [F]."""
    p = part.vertices[part.faces]
    longest = np.linalg.norm(p - np.roll(p, -1, 1), axis=2).max(1)
    return 2 * area / np.maximum(longest, 1e-300)


def _floating(part: Part, ground: SheetHeight, piece: np.ndarray, count: int) -> int:
    """Bodies that do not come near the ground, nor into the box around one that (by way of others) does."""
    corner = part.vertices[part.faces].reshape(-1, 3)
    low, high = np.full((count, 3), np.inf), np.full((count, 3), -np.inf)
    np.minimum.at(low, np.repeat(piece, 3), corner)
    np.maximum.at(high, np.repeat(piece, 3), corner)
    used, first = np.unique(part.faces, return_index=True)
    near = part.vertices[used, 2] - ground.at(part.vertices[used, :2]) < STANDS
    stands = np.zeros(count, bool)
    stands[np.repeat(piece, 3)[first[near]]] = True
    if stands.all():
        return 0
    middle, reach = (low[:, :2] + high[:, :2]) / 2, np.linalg.norm(high[:, :2] - low[:, :2], axis=1).max()
    pairs = cKDTree(middle).query_pairs(reach + STANDS, output_type="ndarray")
    a, b = pairs.T
    touch = ((low[a] <= high[b] + ON_BORDER) & (low[b] <= high[a] + ON_BORDER)).all(1)
    groups, group = joined(pairs[touch], count)
    grounded = np.zeros(groups, bool)
    grounded[group[stands]] = True
    return int((~grounded[group]).sum())


def _form(part: Part, edges: Edges, normal: np.ndarray, area: np.ndarray) -> tuple[float, float, float, float]:
    """Areas of walls, upright ones, roofs, planar ones."""
    real = area > DEGENERATE_AREA
    wall = real & (np.abs(normal[:, 2]) < WALL)
    roof = real & (normal[:, 2] >= WALL)
    face = edges.sharing() // 3
    same = roof[face].all(1) & ((normal[face[:, 0]] * normal[face[:, 1]]).sum(1) > SAME_PLANE)
    _, group = joined(face[same], len(part.faces))
    _, group = np.unique(group[roof], return_inverse=True)
    off = _off_plane(part.vertices[part.faces[roof]], area[roof], group)
    planar = (off < FLAT) & (np.bincount(group, area[roof])[group] >= LEAST_PLANE)
    upright = wall & (np.abs(normal[:, 2]) < UPRIGHT)
    return float(area[wall].sum()), float(area[upright].sum()), float(area[roof].sum()), float(area[roof][planar].sum())


def _off_plane(p: np.ndarray, area: np.ndarray, group: np.ndarray) -> np.ndarray:
    """How far the corners of faces [F, 3, 3] lie at most from the plane z = ax + by + c that fits their group best, [F]."""
    count = int(group.max(initial=-1)) + 1
    weight = np.repeat(area, 3)
    corner, of = p.reshape(-1, 3), np.repeat(group, 3)

    def summed(values: np.ndarray) -> np.ndarray:
        return np.stack([np.bincount(of, v * weight, count) for v in values.T], 1)

    middle = summed(corner) / np.maximum(np.bincount(of, weight, count), 1e-300)[:, None]
    d = corner - middle[of]
    xx, xy, yy, xz, yz = summed(np.stack([d[:, 0] ** 2, d[:, 0] * d[:, 1], d[:, 1] ** 2, d[:, 0] * d[:, 2],
                                          d[:, 1] * d[:, 2]], 1)).T
    determinant = np.maximum(xx * yy - xy ** 2, 1e-12)
    a, b = (yy * xz - xy * yz) / determinant, (xx * yz - xy * xz) / determinant
    slope = np.sqrt(1 + a ** 2 + b ** 2)
    return (np.abs(d[:, 2] - a[of] * d[:, 0] - b[of] * d[:, 1]) / slope[of]).reshape(-1, 3).max(1)
