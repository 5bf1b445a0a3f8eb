"""Parts of a place for tests of meshes: boxes, houses, a hill with a road, crowns; and a whole place of them."""
from __future__ import annotations

import numpy as np

from earthcrafter_core.mesh.place import BUILDING, CROWN, DECK, TERRAIN, WATER, Instances, Part, PlaceMesh, Texture
from earthcrafter_core.scene import classes as sem

SIZE = 32  # metres

BOX_FACES = np.array([[0, 2, 1], [0, 3, 2], [4, 5, 6], [4, 6, 7], [0, 1, 5], [0, 5, 4], [1, 2, 6], [1, 6, 5], [2, 3, 7],
                      [2, 7, 6], [3, 0, 4], [3, 4, 7]], np.int32)


def box_corners(low: tuple[float, ...], high: tuple[float, ...]) -> np.ndarray:
    """Eight corners, float64 [8, 3]: around the bottom, then around the top."""
    (x, y, z), (u, v, w) = low, high
    return np.array([[x, y, z], [u, y, z], [u, v, z], [x, v, z], [x, y, w], [u, y, w], [u, v, w], [x, v, w]], np.float64)


def flat_normals(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Each face's own normal at its corners, float32 [F, 3, 3]."""
    p = vertices[faces]
    n = np.cross(p[:, 1] - p[:, 0], p[:, 2] - p[:, 0])
    n /= np.linalg.norm(n, axis=1, keepdims=True)
    return np.repeat(n[:, None], 3, 1).astype(np.float32)


def part(name: str, kind: str, class_id: int, vertices: np.ndarray, faces: np.ndarray, **more) -> Part:
    """A part of one class with flat normals and the class's colour."""
    vertices, faces = np.asarray(vertices, np.float64), np.asarray(faces, np.int32)
    ids = np.full(len(faces), class_id, np.uint8)
    return Part(name, kind, class_id, vertices, faces, ids, flat_normals(vertices, faces),
                np.broadcast_to(sem.PALETTE[ids][:, None], (len(faces), 3, 3)).copy(), **more)


def house(number: int, low: tuple[float, ...], high: tuple[float, ...], ridge: float = 0.0) -> Part:
    """A box, with a gable roof where `ridge` metres are given."""
    v, f = box_corners(low, high), BOX_FACES
    if ridge:
        middle = (low[1] + high[1]) / 2
        v = np.concatenate([v, [[low[0], middle, high[2] + ridge], [high[0], middle, high[2] + ridge]]])
        f = np.concatenate([np.delete(f, (2, 3), 0), [[4, 5, 9], [4, 9, 8], [6, 7, 8], [6, 8, 9], [5, 6, 9], [7, 4, 8]]])
    attributes = {"height": high[2] + ridge - low[2], "base": low[2], "area": (high[0] - low[0]) * (high[1] - low[1])}
    return part(f"house_{number:03d}", BUILDING, sem.HOUSE, v, f, solid=True, attributes=attributes, convex=[v])


def terrain(cells: int = SIZE) -> Part:
    """A hill over the whole place; a road runs across."""
    i, j = np.meshgrid(np.arange(cells + 1), np.arange(cells + 1), indexing="ij")
    xy = np.stack([i, j], -1).reshape(-1, 2) * (SIZE / cells)
    z = 2 * np.exp(-((xy - SIZE / 2) ** 2).sum(1) / 100)
    corner = (i[:-1, :-1] * (cells + 1) + j[:-1, :-1]).ravel()
    quads = np.stack([corner, corner + cells + 1, corner + cells + 2, corner + 1], 1)
    out = part("terrain", TERRAIN, 0, np.column_stack([xy, z]), np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]]))
    middle = out.vertices[out.faces].mean(1)
    out.face_class = np.where(np.abs(middle[:, 1] - SIZE / 2) < 4, sem.ROAD, sem.LAWN).astype(np.uint8)
    out.uv, out.texture = (out.vertices[out.faces][..., :2] / SIZE).astype(np.float32), "terrain"
    return out


def ball(centre: tuple[float, ...], radius: float, rings: int = 6, around: int = 10) -> tuple[np.ndarray, np.ndarray]:
    """Vertices and faces of a crown."""
    turn = 2 * np.pi * np.arange(around) / around
    rows = [np.column_stack([np.sin(a) * np.cos(turn), np.sin(a) * np.sin(turn), np.full(around, np.cos(a))])
            for a in np.pi * np.arange(1, rings) / rings]
    v = np.concatenate([[[0, 0, 1]], *rows, [[0, 0, -1]]]) * radius + centre
    f, last = [], len(v) - 1
    for k in range(around):
        n = (k + 1) % around
        f.append([0, 1 + k, 1 + n])
        for r in range(rings - 2):
            a, b = 1 + r * around, 1 + (r + 1) * around
            f += [[a + k, b + k, b + n], [a + k, b + n, a + n]]
        f.append([last, last - around + n, last - around + k])
    return v, np.array(f)


def crowns(*balls: tuple[np.ndarray, np.ndarray]) -> Part:
    """Several crowns as one part."""
    start = np.cumsum([0] + [len(v) for v, _ in balls])
    faces = np.concatenate([f + s for (_, f), s in zip(balls, start)])
    return part("broadleaf", CROWN, sem.BROADLEAF, np.concatenate([v for v, _ in balls]), faces, solid=True)


def place() -> PlaceMesh:
    """The whole place, made anew: terrain, pond, bridge, two houses, crowns; two textures."""
    houses = [house(1, (4, 4, -0.4), (12, 10, 4), ridge=2), house(2, (20, 22, -0.4), (28, 28, 6))]
    for h in houses:
        h.uv, h.texture = np.tile(np.array([[0, 0], [1, 0], [1, 1]], np.float32) * 0.9, (len(h.faces), 1, 1)), "buildings"
    pond = part("water_001", WATER, sem.WATER, [[2, 22, 0], [8, 22, 0], [8, 28, 0], [2, 28, 0]], [[0, 1, 2], [0, 2, 3]])
    bridge = part("bridge_001", DECK, sem.BRIDGE, box_corners((14, 2, 1.6), (18, 14, 2.4)), BOX_FACES, solid=True)
    trees = crowns(ball((25, 6, 2.3), 2.5), ball((28, 12, 3), 3))
    rng = np.random.default_rng(0)
    textures = {"terrain": Texture(rng.integers(60, 90, (64, 64, 3), np.uint8)),
                "buildings": Texture(rng.integers(0, 255, (40, 48, 3), np.uint8), rng.integers(0, 255, (40, 48), np.uint8))}
    none = np.zeros(0, np.float32)
    return PlaceMesh([terrain(), pond, bridge, *houses, trees], textures,
                     Instances(np.zeros((0, 3)), none, none, none, np.zeros(0, np.uint8), np.zeros((0, 3), np.uint8)))
