"""Forms of plants as closed low-poly surfaces: lobed crowns on a trunk, conifers in tiers, shrubs. Made by rule, not by hand.

A form is in units of its plant: a crown of radius 1 and height 1, a trunk of radius 1. All are one closed surface each: the
trunk grows out of the crown, so that nothing floats and nothing intersects.
"""
from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.spatial import ConvexHull, SphericalVoronoi

from ..scene import classes as sem

VARIANTS = 6  # forms of each class and level
LEVELS = 4
_CROWNS, _ORCHARD_CROWNS = (None, 34, 16, 8), (None, 22, 12, 7)
"""Corners of a crown by level of detail; None: as many as its lobes need."""
_SHRUBS = (24, 14, 9, 6)
_TIERS = ((4, 8), (3, 6), (2, 4), (1, 4))  # tiers of a conifer and corners of each
SUNK = -0.15  # of its radius: where a shrub's ball is cut by the ground
DEEPEST = 0.72  # of its radius, about: how far a crown's creases go in
NARROW = 0.25  # of its radius: corners of a crown are further apart
GOLDEN = np.pi * (3 - np.sqrt(5))


@dataclass(frozen=True)
class Form:
    """A plant's surface.

    Attributes:
        vertices: float64 [V, 3]; x and y in radii of the crown (of the trunk where `wood`), z in heights of the plant.
        faces: int32 [F, 3] counter-clockwise from outside. group: int64 [F] faces of one group are shaded smoothly.
        wood: bool [V] corners of the trunk. root: bool [V] corners that lie on the ground.
        light: float64 [V] 0..1 how much of the sky a corner sees: less below and in the creases.
    """

    vertices: np.ndarray
    faces: np.ndarray
    group: np.ndarray
    wood: np.ndarray
    root: np.ndarray
    light: np.ndarray


@lru_cache
def form(class_id: int, variant: int, level: int = 0) -> Form:
    """A form of a class of plants; variant 0..VARIANTS - 1, level of detail 0 (finest) to LEVELS - 1."""
    rng = np.random.default_rng([class_id, variant])  # the levels of a variant have the same lobes
    if class_id == sem.CONIFER:
        return _conifer(rng, *_TIERS[level])
    if class_id == sem.SHRUB:
        return _shrub(rng, _SHRUBS[level])
    base = rng.uniform(0.2, 0.28) if class_id == sem.BROADLEAF else rng.uniform(0.26, 0.32)
    if class_id == sem.BROADLEAF:
        return _broadleaf(rng, _CROWNS[level], 9, base)
    return _broadleaf(rng, _ORCHARD_CROWNS[level], 6, base)


def _fibonacci(count: int) -> np.ndarray:
    """Directions [count, 3] evenly around, the first up, the last down."""
    z = 1 - 2 * np.arange(count) / (count - 1)
    r, turn = np.sqrt(np.maximum(1 - z * z, 0)), GOLDEN * np.arange(count)
    return np.stack([r * np.cos(turn), r * np.sin(turn), z], 1)


def _lobe_directions(rng: np.random.Generator, count: int) -> np.ndarray:
    """Where the lobes of a crown lie around its middle: one up, one down, the others somewhat at random; [count, 3] unit."""
    lobes = _fibonacci(count)
    lobes[1:-1] += rng.normal(scale=0.12, size=(count - 2, 3))
    return lobes / np.linalg.norm(lobes, axis=1, keepdims=True)


def _lobed_sphere(lobes: np.ndarray) -> np.ndarray:
    """Directions that bring out lobes: their tops, a ring around each top, and the creases between them; the last one down."""
    cells = SphericalVoronoi(lobes)
    cells.sort_vertices_of_regions()
    corners = cells.vertices
    edges = sorted({tuple(sorted(pair)) for region in cells.regions for pair in zip(region, np.roll(region, -1))})
    middles = np.array([corners[a] + corners[b] for a, b in edges])
    rings = np.array([lobes[k] + corners[corner] for k, region in enumerate(cells.regions) for corner in region])
    points = np.concatenate([lobes[::-1], corners, rings, middles])
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    kept: list[int] = []
    for k, point in enumerate(points):  # those named first are kept where two nearly meet
        if not kept or np.linalg.norm(points[kept] - point, axis=1).min() > NARROW:
            kept.append(k)
    return points[[*kept[1:], 0]]


def _hull(points: np.ndarray) -> np.ndarray:
    """Faces [F, 3] of a sphere through directions [N, 3], counter-clockwise from outside."""
    faces = ConvexHull(points).simplices
    a, b, c = points[faces].transpose(1, 0, 2)
    inward = (np.cross(b - a, c - a) * a).sum(1) < 0
    faces[inward] = faces[inward][:, ::-1]
    return faces.astype(np.int32)


def _lobed(rng: np.random.Generator, points: np.ndarray, lobes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A blob of overlapping balls seen from its middle: the directions [N, 3] moved outwards, with a mean radius of about 1 in
    plan, and their light of 0..1: less in the creases between the balls, and somewhat different from ball to ball."""
    away, ball = rng.uniform(0.53, 0.61, len(lobes)), rng.uniform(0.5, 0.6, len(lobes))
    along = (points @ lobes.T) * away
    inside = ball ** 2 - away ** 2 + along ** 2
    out = np.where(inside > 0, along + np.sqrt(np.maximum(inside, 0)), 0.0)
    nearest, out = out.argmax(1), np.maximum(out.max(1), DEEPEST)
    rim = out[np.abs(points[:, 2]) < 0.5]
    moved = points * (out / rim.mean())[:, None]
    depth = np.clip((out - DEEPEST) / 0.35, 0, 1)
    light = (0.5 + 0.5 * depth) * rng.uniform(0.85, 1.0, len(lobes))[nearest]
    return moved, light * rng.uniform(0.92, 1.0, len(points))


def _broadleaf(rng: np.random.Generator, count: int | None, lobe_count: int, base: float) -> Form:
    """A lobed crown from `base` to 1 on a trunk."""
    lobes = _lobe_directions(rng, lobe_count)
    points = _lobed_sphere(lobes) if count is None else _fibonacci(count)
    faces = _hull(points)
    crown, light = _lobed(rng, points, lobes)
    low, high = crown[:, 2].min(), crown[:, 2].max()
    share = (crown[:, 2] - low) / (high - low)
    crown[:, 2] = base + (1 - base) * share
    light = light * (0.5 + 0.5 * share)
    bottom = len(points) - 1
    fan = faces[(faces == bottom).any(1)]
    rest = faces[~(faces == bottom).any(1)]
    ring = _loop(fan, bottom)
    vertices, faces, wood = _on_trunk(np.delete(crown, bottom, 0), rest, ring, base + 0.1)
    group = np.zeros(len(faces), np.int64)
    group[len(rest) + 2 * len(ring):] = 1
    root = np.zeros(len(vertices), bool)
    root[-len(ring):] = True
    return Form(vertices, faces, group, wood, root, np.append(np.delete(light, bottom), np.where(root[wood], 0.8, 0.55)))


def _loop(fan: np.ndarray, hub: int) -> np.ndarray:
    """The corners around the hub of a fan of faces, in the order in which the faces name them."""
    following = {}
    for face in fan.tolist():
        k = face.index(hub)
        following[face[(k + 1) % 3]] = face[(k + 2) % 3]
    ring = [min(following)]
    while following[ring[-1]] != ring[0]:
        ring.append(following[ring[-1]])
    return np.array(ring, np.int32)


def _on_trunk(crown: np.ndarray, faces: np.ndarray, ring: np.ndarray, top: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A crown that is open within a ring of its corners (as `_loop` orders them) closed by a trunk that reaches up to `top` and
    down to 0: vertices, faces, which vertices are the trunk's."""
    k = len(ring)
    turn = np.unwrap(np.arctan2(crown[ring, 1], crown[ring, 0]))
    turn = turn[0] + np.sign(turn[-1] - turn[0]) * 2 * np.pi * np.arange(k) / k
    circle = np.stack([np.cos(turn), np.sin(turn)], 1)
    upper = np.column_stack([0.8 * circle, np.full(k, top)])
    lower = np.column_stack([1.15 * circle, np.zeros(k)])
    first = len(crown)
    rings = np.stack([ring, first + np.arange(k), first + k + np.arange(k)])
    bands = np.concatenate([_band(rings[i + 1], rings[i]) for i in range(2)])
    cap = np.stack([np.full(k - 2, rings[2, 0]), rings[2, 1:-1], rings[2, 2:]], 1)
    wood = np.arange(first + 2 * k) >= first
    return np.concatenate([crown, upper, lower]), np.concatenate([faces, bands, cap]).astype(np.int32), wood


def _band(inner: np.ndarray, outer: np.ndarray) -> np.ndarray:
    """Faces between two rings of as many corners; they take the place of a fan (hub, outer[i], outer[i + 1])."""
    a, b = np.roll(outer, -1), np.roll(inner, -1)
    return np.concatenate([np.stack([inner, outer, a], 1), np.stack([inner, a, b], 1)])


def _conifer(rng: np.random.Generator, tiers: int, corners: int) -> Form:
    """Tiers of drooping branches on a trunk."""
    low = rng.uniform(0.1, 0.16)
    spin = 2 * np.pi * np.arange(corners) / corners
    rings, light = [], []
    step = (1 - low) / (tiers + 0.35)
    for tier in range(tiers):
        share = tier / tiers
        radius = (1 - share) ** 0.85 * rng.uniform(0.94, 1.06)
        turn = spin + np.pi * (tier % 2) / corners + rng.uniform(-0.1, 0.1)
        long = np.where(np.arange(corners) % 2, 0.88, 1.12) if corners > 4 else np.ones(corners)  # boughs and gaps in turn
        ragged = long * rng.uniform(0.93, 1.07, corners)
        z = low + tier * step - 0.2 * step * (ragged - 1) / 0.12 * (1 - 0.5 * share)
        rings.append(np.stack([radius * ragged * np.cos(turn), radius * ragged * np.sin(turn), z], 1))
        light.append(np.full(corners, 0.72 + 0.22 * share))
        if tier < tiers - 1:
            inner = 0.56 * (1 - (tier + 1) / tiers) ** 0.85
            up = np.full(corners, low + (tier + 1.22) * step)
            rings.append(np.stack([inner * np.cos(turn), inner * np.sin(turn), up], 1))
            light.append(np.full(corners, 0.55 + 0.25 * share))
    crown = np.concatenate([*rings, [[0, 0, 1.0]]])
    number = np.arange(len(rings) * corners).reshape(-1, corners)
    faces = [_band(number[i + 1], number[i]) for i in range(len(rings) - 1)]
    apex = np.full(corners, len(crown) - 1)
    faces.append(np.stack([apex, number[-1], np.roll(number[-1], -1)], 1))
    outer = np.concatenate(faces)
    ring = number[0][::-1]
    vertices, all_faces, wood = _on_trunk(crown, outer, ring, low + 0.08)
    group = np.repeat(np.arange(len(faces)), [len(f) for f in faces])
    group = np.concatenate([group, np.full(2 * corners, len(faces)), np.full(len(all_faces) - len(outer) - 2 * corners,
                                                                             len(faces) + 1)])
    root = np.arange(len(vertices)) >= len(vertices) - corners
    return Form(vertices, all_faces, group, wood, root,
                np.concatenate([*light, [1.0], np.where(root[wood], 0.8, 0.5)]))


def _shrub(rng: np.random.Generator, count: int) -> Form:
    """A lobed mound that sits on the ground."""
    points = _fibonacci(count)
    faces = _hull(points)
    moved, light = _lobed(rng, points, _lobe_directions(rng, 6))
    root = points[:, 2] < SUNK
    share = np.clip((moved[:, 2] - SUNK) / (moved[:, 2].max() - SUNK), 0, 1)
    moved[:, 2] = np.where(root, 0.0, share)
    return Form(moved, faces, np.zeros(len(faces), np.int64), np.zeros(count, bool), root, light * (0.5 + 0.5 * share))
