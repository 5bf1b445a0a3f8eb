"""Forms of plants as closed low-poly surfaces: lobed crowns on a trunk, conifers in tiers, shrubs. Made by rule, not by hand.

A form is in units of its plant: a crown of radius 1 and height 1, a trunk of radius 1. All are one closed surface each: the
trunk grows out of the crown, so that nothing floats and nothing intersects.

Every form lies on sheets of leaves and bark (unfold.py), the same for all its levels of detail.
"""
from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from ...scene import classes as sem
from . import unfold
from .lobes import Lobes, drawn_lobes, fibonacci, hull_faces, lobed_directions

VARIANTS = 6  # forms of each class and level
LEVELS = 4
_CROWNS, _ORCHARD_CROWNS, _SHRUBS = (104, 34, 16, 8), (64, 22, 12, 7), (34, 14, 9, 6)
"""Corners of a crown by level of detail; the finest have tufts besides."""
_LOBES = {sem.BROADLEAF: (12, 0.645, 0.2, 0.28), sem.ORCHARD: (9, 0.62, 0.14, 0.2), sem.SHRUB: (9, 0.5, 0.0, 0.0)}
"""How many balls of leaves a crown has, how far they lie from its middle, and least and greatest height below them."""
SIZES = {sem.BROADLEAF: (3.5, 3.5, 8.0), sem.CONIFER: (3.5, 3.5, 14.0),
         sem.ORCHARD: (2.2, 2.2, 2.4), sem.SHRUB: (1.1, 1.1, 0.8)}
"""Common radii and heights, metres."""
_TIERS = ((5, 7), (3, 6), (2, 4), (1, 4))  # tiers of a conifer and boughs of each
SUNK = -0.15  # of its radius: where a shrub's ball is cut by the ground
BULGE = 0.65  # less than 1: shrubs have shoulders
TUFT, ASIDE = 0.05, 0.04  # of its radius: how far corners of the finest crowns lie out or in, and aside
CONE_REPEATS = 5  # times that a conifer's sheet comes again around its lowest tier


@dataclass(frozen=True)
class Form:
    """A plant's surface.

    Attributes:
        vertices: float64 [V, 3]; x and y in radii of the crown (of the trunk where `wood`), z in heights of the plant.
        still: float64 [V, 3] the same without tufts: how it is shaded.
        faces: int32 [F, 3] counter-clockwise from outside. group: int64 [F] faces of one group are shaded smoothly.
        wood: bool [V] corners of the trunk. root: bool [V] corners that lie on the ground.
        light: float64 [V] 0..1 how much of the sky a corner sees: less below and in the creases.
        sheet: int64 [F] the sheet (of unfold) that a face lies on. uv: float64 [F, 3, 2] 0..1 where on it.
    """

    vertices: np.ndarray
    still: np.ndarray
    faces: np.ndarray
    group: np.ndarray
    wood: np.ndarray
    root: np.ndarray
    light: np.ndarray
    sheet: np.ndarray
    uv: np.ndarray


@lru_cache
def form(class_id: int, variant: int, level: int = 0) -> Form:
    """A form of a class of plants; variant 0..VARIANTS - 1, level of detail 0 (finest) to LEVELS - 1."""
    rng = np.random.default_rng([class_id, variant, level])
    if class_id == sem.CONIFER:
        return _conifer(np.random.default_rng([class_id, variant]), *_TIERS[level], level == 0)
    lobes, base = lobes_of(class_id, variant)
    if class_id == sem.SHRUB:
        return _shrub(rng, lobes, _SHRUBS[level], level == 0)
    return _tree(rng, lobes, base, (_CROWNS if class_id == sem.BROADLEAF else _ORCHARD_CROWNS)[level], level == 0)


@lru_cache
def lobes_of(class_id: int, variant: int) -> tuple[Lobes, float]:
    """The balls of leaves of a lobed crown, the same for all levels, and the share of its height below them."""
    rng = np.random.default_rng([class_id, variant])
    count, away, low, high = _LOBES[class_id]
    return drawn_lobes(rng, count, away), rng.uniform(low, high)


def sheet_light(class_id: int, sheet: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean light 0..1 of the finest forms of a class on a sheet (of unfold): places 0..1 up a strip, or away from the middle of
    a flat one, and light there; both [K]."""
    flat = class_id != sem.CONIFER and sheet != unfold.SIDE
    at, light, area = [], [], []
    for variant in range(VARIANTS):
        model = form(class_id, variant)
        faces, uv = model.faces[model.sheet == sheet], model.uv[model.sheet == sheet]
        a, b, c = (model.vertices * SIZES[class_id])[faces].transpose(1, 0, 2)
        at.append(np.linalg.norm(2 * uv.mean(1) - 1, axis=1) if flat else uv[..., 1].mean(1))
        light.append(model.light[faces].mean(1))
        area.append(np.linalg.norm(np.cross(b - a, c - a), axis=1))
    places, weight = np.concatenate(at), np.concatenate(area)
    cell = np.minimum((places * 16).astype(int), 15)
    total, found = np.bincount(cell, weight, 16), np.unique(cell)
    means = [np.bincount(cell, weight * v, 16)[found] / total[found] for v in (places, np.concatenate(light))]
    return means[0], means[1]


def _lit(share: np.ndarray) -> np.ndarray:
    """Share of its light that a corner gets at a share of the crown's height."""
    return 0.45 + 0.55 * share


def rim_light(share: float) -> float:
    """Light 0..1 at the outer ends of a conifer's boughs, by their tier's share of its height."""
    return 0.72 + 0.22 * share


def inner_light(share: float) -> float:
    """Light 0..1 between a conifer's boughs."""
    return 0.55 + 0.25 * share


def _tree_share(crown: np.ndarray) -> np.ndarray:
    """How high in the crown its corners [N, 3] lie, 0..1."""
    low, high = crown[:, 2].min(), crown[:, 2].max()
    return (crown[:, 2] - low) / (high - low)


def _shrub_share(crown: np.ndarray) -> np.ndarray:
    return np.clip((crown[:, 2] - SUNK) / (crown[:, 2].max() - SUNK), 0, 1)


def _tufted(rng: np.random.Generator, still: np.ndarray) -> np.ndarray:
    """A crown's corners [N, 3] moved somewhat at random: its outline shows tufts of leaves."""
    return still * (1 + rng.uniform(-TUFT, TUFT, (len(still), 1))) + rng.uniform(-ASIDE, ASIDE, still.shape)


def _tree(rng: np.random.Generator, lobes: Lobes, base: float, count: int, fine: bool) -> Form:
    """A lobed crown of some corners, which reaches from `base` to 1, on a trunk; `fine`: with tufts."""
    points = lobed_directions(lobes.directions, count) if fine else fibonacci(count)
    faces = hull_faces(points)
    bottom = len(points) - 1
    fan, faces = faces[(faces == bottom).any(1)], faces[~(faces == bottom).any(1)]
    ring, points = _loop(fan, bottom), points[:bottom]
    still, depth, light = lobes.shaped(points)
    light = light * _lit(_tree_share(still))
    crown = _tufted(rng, still) if fine else still.copy()
    for place in (crown, still):
        place[:, 2] = base + (1 - base) * _tree_share(place)
    trunk, closing = _trunk(crown, ring, len(crown), base + 0.1, len(ring))
    every = np.concatenate([faces, *closing]).astype(np.int32)
    bark = np.arange(len(every)) >= len(faces) + len(closing[0])
    vertices = np.concatenate([crown, trunk])
    below = np.tile([0, 0, -1.0], (len(trunk), 1)) + 0.1 * trunk * [1, 1, 0]
    sheet, uv = unfold.lobed(np.concatenate([points, below]), every, np.append(depth, np.zeros(len(trunk))))
    uv[bark] = unfold.around(vertices, every[bark], vertices[:, 2] / (base + 0.1))
    wood, root = (np.arange(len(vertices)) >= k for k in (len(crown), len(crown) + len(ring)))
    return Form(vertices, np.concatenate([still, trunk]), every, bark.astype(np.int64), wood, root,
                np.append(light, np.where(root[wood], 0.8, 0.55)), np.where(bark, unfold.BARK, sheet), uv)


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


def _trunk(crown: np.ndarray, ring: np.ndarray, first: int, top: float, sides: int) -> tuple[np.ndarray, list[np.ndarray]]:
    """What closes a crown that is open within a ring of its corners (as `_loop` orders them): a trunk from `top` down to 0.

    Returns:
        Its vertices, numbered from `first` on; faces: a band from the crown, and the trunk.
    """
    turn = np.unwrap(np.arctan2(crown[ring, 1], crown[ring, 0]))
    turn = turn[0] + np.sign(turn[-1] - turn[0]) * 2 * np.pi * np.arange(sides) / sides
    circle = np.stack([np.cos(turn), np.sin(turn)], 1)
    upper = np.column_stack([0.8 * circle, np.full(sides, top)])
    lower = np.column_stack([1.15 * circle, np.zeros(sides)])
    a, b = first + np.arange(sides), first + sides + np.arange(sides)
    cap = np.stack([np.full(sides - 2, b[0]), b[1:-1], b[2:]], 1)
    return np.concatenate([upper, lower]), [_band(a, ring), np.concatenate([_band(b, a), cap])]


def _band(inner: np.ndarray, outer: np.ndarray) -> np.ndarray:
    """Faces between two rings; they take the place of a fan (hub, outer[i], outer[i + 1]). One ring may have twice as many
    corners as the other."""
    after = np.roll(inner, -1), np.roll(outer, -1)
    if len(inner) == len(outer):
        faces = [(inner, outer, after[1]), (inner, after[1], after[0])]
    elif len(outer) == 2 * len(inner):
        even, odd, following = outer[::2], outer[1::2], after[1][1::2]
        faces = [(inner, even, odd), (inner, odd, after[0]), (after[0], odd, following)]
    else:
        even, odd, following = inner[::2], inner[1::2], after[0][1::2]
        faces = [(even, outer, odd), (odd, outer, after[1]), (odd, after[1], following)]
    return np.concatenate([np.stack(f, 1) for f in faces])


def _conifer(rng: np.random.Generator, tiers: int, boughs: int, fine: bool) -> Form:
    """Tiers of drooping boughs on a trunk; `fine`: a tier's rim has gaps between them."""
    low = rng.uniform(0.1, 0.16)
    corners = 2 * boughs if fine else boughs
    spin, inside = 2 * np.pi * np.arange(corners) / corners, 2 * np.pi * np.arange(boughs) / boughs
    rings, light = [], []
    step = (1 - low) / (tiers + 0.35)
    for tier in range(tiers):
        share = tier / tiers
        radius = (1 - share) ** 0.85 * rng.uniform(0.94, 1.06)
        shift = np.pi * (tier % 2) / boughs + rng.uniform(-0.1, 0.1)
        turn = spin + shift + rng.uniform(-0.3, 0.3, corners) / corners
        long = np.where(np.arange(corners) % 2, 1.16, 0.78) if fine else np.ones(corners)
        ragged = long * rng.uniform(0.88, 1.1, corners)
        z = low + tier * step - 0.16 * step * (ragged - 1) / 0.12 * (1 - 0.5 * share)
        rings.append(np.stack([radius * ragged * np.cos(turn), radius * ragged * np.sin(turn), z], 1))
        light.append(np.full(corners, rim_light(share)))
        if tier < tiers - 1:
            inner = 0.56 * (1 - (tier + 1) / tiers) ** 0.85
            up = np.full(boughs, low + (tier + 1.22) * step)
            rings.append(np.stack([inner * np.cos(inside + shift), inner * np.sin(inside + shift), up], 1))
            light.append(np.full(boughs, inner_light(share)))
    crown = np.concatenate([*rings, [[0, 0, 1.0]]])
    first = np.cumsum([0, *(len(ring) for ring in rings)])
    number = [np.arange(a, b) for a, b in zip(first[:-1], first[1:])]
    faces = [_band(number[i + 1], number[i]) for i in range(len(rings) - 1)]
    faces.append(np.stack([np.full(corners, len(crown) - 1), number[-1], np.roll(number[-1], -1)], 1))
    trunk, closing = _trunk(crown, number[0][::-1], len(crown), low + 0.08, boughs)
    faces += closing
    vertices = np.concatenate([crown, trunk])
    sheet, uv = zip(*(_tier_uv(vertices, f, i, len(faces), number) for i, f in enumerate(faces)))
    sizes = [len(f) for f in faces]
    root, wood = (np.arange(len(vertices)) >= k for k in (len(vertices) - boughs, len(crown)))
    return Form(vertices, vertices, np.concatenate(faces).astype(np.int32), np.repeat(np.arange(len(sizes)), sizes), wood, root,
                np.concatenate([*light, [1.0], np.where(root[wood], 0.8, 0.5)]), np.repeat(sheet, sizes), np.concatenate(uv))


def _tier_uv(vertices: np.ndarray, faces: np.ndarray, band: int, bands: int, rings: list[np.ndarray]
             ) -> tuple[int, np.ndarray]:
    """The sheet of a band of a conifer's faces and their places on it; bands alternate between upper and lower sides of tiers,
    then come the lowest lower side and the trunk."""
    z = vertices[:, 2]
    if band == bands - 1:
        return unfold.BARK, unfold.around(vertices, faces, z / z[faces].max())
    lowest = band == bands - 2
    outer = 0 if lowest else (band + 1) // 2 * 2
    share = 0.0 if lowest else band / (bands - 2)
    sheet = unfold.LOW if share < 0.34 else unfold.MIDDLE if share < 0.67 else unfold.HIGH
    rim = np.zeros(len(vertices), bool)
    rim[rings[outer]] = True
    upper = band % 2 == 0 and not lowest
    v = np.where(rim, unfold.UPPER, 1.0 if upper else 0.0)
    repeats = round(CONE_REPEATS * float(np.hypot(*vertices[rings[outer], :2].T).mean()))
    return sheet, unfold.around(vertices, faces, v, max(repeats, 1), unfold.CONE_OVER)


def _shrub(rng: np.random.Generator, lobes: Lobes, count: int, fine: bool) -> Form:
    """A lobed mound that sits on the ground; `fine`: with tufts."""
    points = lobed_directions(lobes.directions, count) if fine else fibonacci(count)
    faces = hull_faces(points)
    if fine:
        points, faces = _cut_flat(points, faces)
    still, depth, light = lobes.shaped(points)
    root, light = points[:, 2] < SUNK, light * _lit(_shrub_share(still))
    crown = _tufted(rng, still) if fine else still.copy()
    for place in (crown, still):
        place[:, 2] = np.where(root, 0.0, _shrub_share(place) ** BULGE)
    return Form(crown, still, faces, np.zeros(len(faces), np.int64), np.zeros(len(points), bool), root, light,
                *unfold.lobed(points, faces, depth))


def _cut_flat(points: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A shrub's directions and faces with a plain fan in place of the faces that lie on the ground."""
    flat = (points[:, 2] < SUNK)[faces].all(1)
    edges = {(int(f[k]), int(f[k - 2])) for f in faces[flat] for k in range(3)}
    rim = np.array(sorted(edge for edge in edges if edge[::-1] not in edges))
    kept, index = np.unique(faces[~flat], return_inverse=True)
    fan = np.column_stack([np.full(len(rim), len(kept)), np.searchsorted(kept, rim)])
    return np.concatenate([points[kept], [[0.0, 0.0, -1.0]]]), np.concatenate([index.reshape(-1, 3), fan]).astype(np.int32)
