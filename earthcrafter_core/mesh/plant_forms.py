"""Forms of plants as closed low-poly surfaces: lobed crowns on a trunk, conifers in tiers, shrubs. Made by rule, not by hand.

A form is in units of its plant: a crown of radius 1 and height 1, a trunk of radius 1. All are one closed surface each: the
trunk grows out of the crown, so that nothing floats and nothing intersects.

Every form is unfolded onto a tile of the texture of leaves, the same for all its levels of detail: lobed crowns as a disc
around their top, conifers as a strip around their axis; trunks onto a strip of bark.
"""
from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from ..scene import classes as sem
from .lobes import Lobes, drawn_lobes, fibonacci, hull_faces, lobed_directions, unfolded

VARIANTS = 6  # forms of each class and level
LEVELS = 4
_CROWNS, _ORCHARD_CROWNS = (None, 34, 16, 8), (None, 22, 12, 7)
"""Corners of a crown by level of detail; None: as many as its lobes and tufts need."""
_SHRUBS = (34, 14, 9, 6)
_TIERS = ((5, 8), (3, 6), (2, 4), (1, 4))  # tiers of a conifer and corners of each
FINE_TIERS = _TIERS[0][0]
SUNK = -0.15  # of its radius: where a shrub's ball is cut by the ground
TUFT = (-0.07, 0.1)  # of its radius: how far corners of the finest crowns lie within and without the balls of leaves
SIDE = 0.07  # of its radius: how far they lie aside
UNDER = 0.8  # share of a conifer's tier at which its upper side ends at the trunk and the next tier's lower side begins
LOWEST = 0.08  # share of a conifer's strip of leaves below its lowest boughs
OVER = 1.25  # turns that strips go around: faces that cross their seam go on


@dataclass(frozen=True)
class Form:
    """A plant's surface.

    Attributes:
        vertices: float64 [V, 3]; x and y in radii of the crown (of the trunk where `wood`), z in heights of the plant.
        still: float64 [V, 3] the same without tufts: how it is shaded.
        faces: int32 [F, 3] counter-clockwise from outside. group: int64 [F] faces of one group are shaded smoothly.
        wood: bool [V] corners of the trunk. root: bool [V] corners that lie on the ground.
        light: float64 [V] 0..1 how much of the sky a corner sees: less below and in the creases.
        bark: bool [F] faces of the trunk. uv: float64 [F, 3, 2] 0..1 in the tile of the form's leaves, or of bark.
    """

    vertices: np.ndarray
    still: np.ndarray
    faces: np.ndarray
    group: np.ndarray
    wood: np.ndarray
    root: np.ndarray
    light: np.ndarray
    bark: np.ndarray
    uv: np.ndarray


@lru_cache
def form(class_id: int, variant: int, level: int = 0) -> Form:
    """A form of a class of plants; variant 0..VARIANTS - 1, level of detail 0 (finest) to LEVELS - 1."""
    rng = np.random.default_rng([class_id, variant, level])
    if class_id == sem.CONIFER:
        return _conifer(np.random.default_rng([class_id, variant]), *_TIERS[level])
    lobes, base = lobes_of(class_id, variant)
    if class_id == sem.SHRUB:
        return _shrub(rng, lobes, _SHRUBS[level], level == 0)
    return _tree(rng, lobes, base, (_CROWNS if class_id == sem.BROADLEAF else _ORCHARD_CROWNS)[level])


@lru_cache
def lobes_of(class_id: int, variant: int) -> tuple[Lobes, float]:
    """The balls of leaves of a lobed crown, the same for all levels, and the share of its height below them."""
    rng = np.random.default_rng([class_id, variant])
    count, low, high = {sem.BROADLEAF: (9, 0.2, 0.28), sem.ORCHARD: (6, 0.26, 0.32), sem.SHRUB: (6, 0.0, 0.0)}[class_id]
    return drawn_lobes(rng, count), rng.uniform(low, high)


def crown_light(class_id: int, variant: int, directions: np.ndarray) -> np.ndarray:
    """Light 0..1 of a lobed crown in directions [N, 3] that go all around."""
    crown, light = lobes_of(class_id, variant)[0].shaped(directions)
    return light * (0.45 + 0.55 * _shrub_share(crown) if class_id == sem.SHRUB else 0.45 + 0.55 * _tree_share(crown))


def conifer_light(share: np.ndarray) -> np.ndarray:
    """Light 0..1 at shares of a conifer's surface from its lowest boughs (0) to its top (1); between the tiers it is less."""
    tier = np.clip(share, 0, 1) * FINE_TIERS
    whole = np.minimum(np.floor(tier), FINE_TIERS - 1)
    rim, inner = _rim_light(whole / FINE_TIERS), _inner_light(whole / FINE_TIERS)
    following = np.where(whole == FINE_TIERS - 1, 1.0, _rim_light((whole + 1) / FINE_TIERS))
    part = tier - whole
    up = rim + (inner - rim) * part / UNDER
    down = inner + (following - inner) * (part - UNDER) / (1 - UNDER)
    last = rim + (following - rim) * part
    return np.where(whole == FINE_TIERS - 1, last, np.where(part < UNDER, up, down))


def _rim_light(share: Any) -> Any:
    return 0.72 + 0.22 * share


def _inner_light(share: Any) -> Any:
    return 0.55 + 0.25 * share


def _tree_share(crown: np.ndarray) -> np.ndarray:
    """How high in the crown its corners [N, 3] lie, 0..1."""
    low, high = crown[:, 2].min(), crown[:, 2].max()
    return (crown[:, 2] - low) / (high - low)


def _shrub_share(crown: np.ndarray) -> np.ndarray:
    return np.clip((crown[:, 2] - SUNK) / (crown[:, 2].max() - SUNK), 0, 1)


def _tufted(rng: np.random.Generator, crown: np.ndarray) -> np.ndarray:
    """A crown's corners [N, 3] moved at random: its outline shows tufts of leaves. The highest stays."""
    out = crown * (1 + rng.uniform(*TUFT, (len(crown), 1))) + rng.uniform(-SIDE, SIDE, crown.shape)
    top = int(crown[:, 2].argmax())
    out[:, 2] = np.clip(out[:, 2], crown[:, 2].min(), crown[top, 2] - 0.02)
    out[top] = crown[top]
    return out


def _tree(rng: np.random.Generator, lobes: Lobes, base: float, count: int | None) -> Form:
    """A lobed crown from `base` to 1 on a trunk; `count` corners, None: the finest."""
    points = lobed_directions(lobes.directions) if count is None else fibonacci(count)
    faces = hull_faces(points)
    still, light = lobes.shaped(points)
    light = light * (0.45 + 0.55 * _tree_share(still))
    crown = still if count is not None else _tufted(rng, still)
    for place in (crown, still) if crown is not still else (crown,):
        place[:, 2] = base + (1 - base) * _tree_share(place)
    bottom = len(points) - 1
    fan, rest = faces[(faces == bottom).any(1)], faces[~(faces == bottom).any(1)]
    ring = _loop(fan, bottom)
    trunk, closing, wood = _trunk(crown, ring, bottom, base + 0.1)
    every = np.concatenate([rest, closing]).astype(np.int32)
    bark = np.arange(len(every)) >= len(rest) + 2 * len(ring)
    directions = np.concatenate([points[:bottom], trunk * [1, 1, 0] / np.linalg.norm(trunk[:, :2], axis=1)[:, None]])
    disc = unfolded(directions)
    disc[bottom:] = 0.985 * directions[bottom:, :2]
    root = np.arange(bottom + len(trunk)) >= bottom + len(ring)
    vertices = np.concatenate([crown[:bottom], trunk])
    uv = np.where(bark[:, None, None], _around(vertices, every, vertices[:, 2] / (base + 0.1)), 0.5 + 0.5 * disc[every])
    return Form(vertices, np.concatenate([still[:bottom], trunk]), every, bark.astype(np.int64), wood, root,
                np.append(light[:bottom], np.where(root[bottom:], 0.8, 0.55)), bark, uv)


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


def _trunk(crown: np.ndarray, ring: np.ndarray, first: int, top: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What closes a crown that is open within a ring of its corners (as `_loop` orders them): a trunk from `top` down to 0.

    Returns:
        Its vertices, numbered from `first` on; faces: a band from the crown, one of the trunk, its end; and which of the
        vertices with those before are the trunk's.
    """
    k = len(ring)
    turn = np.unwrap(np.arctan2(crown[ring, 1], crown[ring, 0]))
    turn = turn[0] + np.sign(turn[-1] - turn[0]) * 2 * np.pi * np.arange(k) / k
    circle = np.stack([np.cos(turn), np.sin(turn)], 1)
    upper = np.column_stack([0.8 * circle, np.full(k, top)])
    lower = np.column_stack([1.15 * circle, np.zeros(k)])
    rings = np.stack([ring, first + np.arange(k), first + k + np.arange(k)])
    bands = np.concatenate([_band(rings[i + 1], rings[i]) for i in range(2)])
    cap = np.stack([np.full(k - 2, rings[2, 0]), rings[2, 1:-1], rings[2, 2:]], 1)
    return np.concatenate([upper, lower]), np.concatenate([bands, cap]), np.arange(first + 2 * k) >= first


def _band(inner: np.ndarray, outer: np.ndarray) -> np.ndarray:
    """Faces between two rings of as many corners; they take the place of a fan (hub, outer[i], outer[i + 1])."""
    a, b = np.roll(outer, -1), np.roll(inner, -1)
    return np.concatenate([np.stack([inner, outer, a], 1), np.stack([inner, a, b], 1)])


def _around(vertices: np.ndarray, faces: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Places [F, 3, 2] of faces on a strip around the axis: the turn, and a height v [V] of 0..1 as given.

    Corners on the axis have the turn of the others' middle.
    """
    place = vertices[faces]
    axis = np.hypot(place[..., 0], place[..., 1]) < 1e-9
    turn = np.arctan2(place[..., 1], place[..., 0]) / (2 * np.pi)
    first = np.take_along_axis(turn, axis.argmin(1)[:, None], 1)
    turn = first + (turn - first + 0.5) % 1 - 0.5
    middle = np.where(axis, 0, turn).sum(1, keepdims=True) / np.maximum((~axis).sum(1, keepdims=True), 1)
    turn = np.where(axis, middle, turn)
    turn -= np.floor(turn.min(1, keepdims=True))
    return np.stack([turn / OVER, v[faces]], -1)


def _conifer(rng: np.random.Generator, tiers: int, corners: int) -> Form:
    """Tiers of drooping branches on a trunk."""
    low = rng.uniform(0.1, 0.16)
    spin = 2 * np.pi * np.arange(corners) / corners
    rings, light, height = [], [], []
    step = (1 - low) / (tiers + 0.35)
    for tier in range(tiers):
        share = tier / tiers
        radius = (1 - share) ** 0.85 * rng.uniform(0.94, 1.06)
        turn = spin + np.pi * (tier % 2) / corners + rng.uniform(-0.1, 0.1)
        long = np.where(np.arange(corners) % 2, 0.88, 1.12) if corners > 4 else np.ones(corners)  # boughs and gaps in turn
        ragged = long * rng.uniform(0.93, 1.07, corners)
        z = low + tier * step - 0.2 * step * (ragged - 1) / 0.12 * (1 - 0.5 * share)
        rings.append(np.stack([radius * ragged * np.cos(turn), radius * ragged * np.sin(turn), z], 1))
        light.append(np.full(corners, _rim_light(share)))
        height.append(np.full(corners, share))
        if tier < tiers - 1:
            inner = 0.56 * (1 - (tier + 1) / tiers) ** 0.85
            up = np.full(corners, low + (tier + 1.22) * step)
            rings.append(np.stack([inner * np.cos(turn), inner * np.sin(turn), up], 1))
            light.append(np.full(corners, _inner_light(share)))
            height.append(np.full(corners, (tier + UNDER) / tiers))
    crown = np.concatenate([*rings, [[0, 0, 1.0]]])
    number = np.arange(len(rings) * corners).reshape(-1, corners)
    faces = [_band(number[i + 1], number[i]) for i in range(len(rings) - 1)]
    apex = np.full(corners, len(crown) - 1)
    faces.append(np.stack([apex, number[-1], np.roll(number[-1], -1)], 1))
    trunk, closing, wood = _trunk(crown, number[0][::-1], len(crown), low + 0.08)
    every = np.concatenate([*faces, closing]).astype(np.int32)
    sizes = [*(len(f) for f in faces), 2 * corners, len(closing) - 2 * corners]
    group = np.repeat(np.arange(len(sizes)), sizes)
    bark = group == len(sizes) - 1
    vertices = np.concatenate([crown, trunk])
    root = np.arange(len(vertices)) >= len(vertices) - corners
    leaves = np.concatenate([*height, [1.0], np.full(2 * corners, -LOWEST)])
    uv = np.where(bark[:, None, None], _around(vertices, every, vertices[:, 2] / (low + 0.08)),
                  _around(vertices, every, (leaves + LOWEST) / (1 + LOWEST)))
    return Form(vertices, vertices, every, group, wood, root, np.concatenate([*light, [1.0], np.where(root[wood], 0.8, 0.5)]),
                bark, uv)


def _shrub(rng: np.random.Generator, lobes: Lobes, count: int, tufted: bool) -> Form:
    """A lobed mound that sits on the ground."""
    points = fibonacci(count)
    faces = hull_faces(points)
    still, light = lobes.shaped(points)
    root, light = points[:, 2] < SUNK, light * (0.45 + 0.55 * _shrub_share(still))
    crown = _tufted(rng, still) if tufted else still.copy()
    for place in (crown, still):
        place[:, 2] = np.where(root, 0.0, _shrub_share(place))
    return Form(crown, still, faces, np.zeros(len(faces), np.int64), np.zeros(count, bool), root, light,
                np.zeros(len(faces), bool), 0.5 + 0.5 * unfolded(points)[faces])
