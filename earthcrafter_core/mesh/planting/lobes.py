"""Crowns as overlapping balls of leaves around a middle: how far they reach in each direction, and how much light they get."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import ConvexHull, SphericalVoronoi

DEEPEST = 0.72  # of its radius, about: how far a crown's creases go in
NARROW = 0.22  # of its radius: corners of a crown are further apart
GOLDEN = np.pi * (3 - np.sqrt(5))


@dataclass(frozen=True)
class Lobes:
    """Balls of leaves.

    Attributes:
        directions: float64 [L, 3] unit, where their middles lie. away, ball: [L] how far away, and their radii.
        tone: [L] 0..1 light of each.
    """

    directions: np.ndarray
    away: np.ndarray
    ball: np.ndarray
    tone: np.ndarray

    def shaped(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Directions [N, 3] moved outwards to the balls' surface, with a mean radius of about 1 in plan; their depth, 0 in the
        creases between the balls to 1; and their light 0..1, less in the creases and somewhat different from ball to ball."""
        along = (points @ self.directions.T) * self.away
        inside = self.ball ** 2 - self.away ** 2 + along ** 2
        out = np.where(inside > 0, along + np.sqrt(np.maximum(inside, 0)), 0.0)
        nearest, out = out.argmax(1), np.maximum(out.max(1), DEEPEST)
        rim = out[np.abs(points[:, 2]) < 0.5]
        depth = np.clip((out - DEEPEST) / 0.35, 0, 1)
        return points * (out / rim.mean())[:, None], depth, (0.5 + 0.5 * depth) * self.tone[nearest]


def drawn_lobes(rng: np.random.Generator, count: int, away: float) -> Lobes:
    """Balls, about `away` from the middle, of which one is up, one is down, and the others lie somewhat at random."""
    lobes = fibonacci(count)
    lobes[1:-1] += rng.normal(scale=0.12, size=(count - 2, 3))
    return Lobes(lobes / np.linalg.norm(lobes, axis=1, keepdims=True), rng.uniform(0.93, 1.07, count) * away,
                 rng.uniform(0.92, 1.08, count) * (1.11 - away), rng.uniform(0.85, 1.0, count))


def fibonacci(count: int) -> np.ndarray:
    """Directions [count, 3] evenly around, the first up, the last down."""
    z = 1 - 2 * np.arange(count) / (count - 1)
    r, turn = np.sqrt(np.maximum(1 - z * z, 0)), GOLDEN * np.arange(count)
    return np.stack([r * np.cos(turn), r * np.sin(turn), z], 1)


def lobed_directions(lobes: np.ndarray, most: int) -> np.ndarray:
    """At most `most` directions that bring out lobes [L, 3]: their tops, the creases between them, and rings around the tops;
    the last one is down."""
    cells = SphericalVoronoi(lobes)
    cells.sort_vertices_of_regions()
    corners = cells.vertices
    edges = sorted({tuple(sorted(pair)) for region in cells.regions for pair in zip(region, np.roll(region, -1))})
    middles = np.array([corners[a] + corners[b] for a, b in edges])
    rings = np.array([lobes[k] + corners[corner] for k, region in enumerate(cells.regions) for corner in region])
    points = np.concatenate([lobes[::-1], corners, middles, rings, fibonacci(120)])
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    kept: list[int] = []
    for k, point in enumerate(points):  # those named first are kept where two nearly meet
        if not kept or np.linalg.norm(points[kept] - point, axis=1).min() > NARROW and len(kept) < most:
            kept.append(k)
    return points[[*kept[1:], 0]]


def hull_faces(points: np.ndarray) -> np.ndarray:
    """Faces int32 [F, 3] of a sphere through directions [N, 3], counter-clockwise from outside."""
    faces = ConvexHull(points).simplices
    a, b, c = points[faces].transpose(1, 0, 2)
    inward = (np.cross(b - a, c - a) * a).sum(1) < 0
    faces[inward] = faces[inward][:, ::-1]
    return faces.astype(np.int32)
