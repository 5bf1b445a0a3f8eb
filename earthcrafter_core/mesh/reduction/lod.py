"""Levels of detail and triangle budgets of a place: first what stands far from the eye loses detail, by what it is.

Crowns become their coarser forms; buildings stay planar and upright, lose small pieces and become boxes; terrain, water and
decks are simplified with the borders of classes, kerbs and outlines kept as lines.
"""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy.spatial import cKDTree

from ...errors import BadInput
from ...scene.instances import Instances
from ..place import BUILDING, CROWN, DECK, TERRAIN, WATER, Part, PlaceMesh
from ..planting.crowns import crown_parts
from ..planting.plant_forms import LEVELS as CROWN_LEVELS
from ..topology import edges_of
from .collapse import CREASE, collapsed
from .look import charts, with_faces
from .simple_buildings import simpler

RATIO = 4  # triangles of a level to those of the next
SAME_PLACE = 1e-6  # metres: corners of ground and water that are nearer are one
_Check = Callable[[], None]


@dataclass(frozen=True)
class Detail:
    """How coarse things are.

    Attributes:
        crowns: level of plant_forms. buildings: step of simple_buildings.
        far: whether the ground may give up kerbs and, where a texture tells the classes, their borders.
        error: metres by which the surfaces of slabs may move. narrowest: metres; narrower plants are left out.
    """

    crowns: int
    buildings: int
    far: bool
    error: float
    narrowest: float = 0.0


FULL = Detail(0, 0, False, 0.03)
LEVELS = (FULL, Detail(2, 1, False, 0.06), Detail(3, 2, True, 0.25, 0.7), Detail(3, 2, True, 1.0, 2.5))
"""At the third a metre is about two pixels wide, at the fourth one (screen coverage of a 128 m tile, 1080 lines)."""
BUDGETS = (FULL, Detail(1, 0, False, 0.06), Detail(2, 1, False, 0.12), Detail(3, 2, True, 0.5))
FAIR = 0.4  # of its share in all triangles is what the ground gets at least, else other things become coarser first


def levels(place: PlaceMesh, count: int, check: _Check = lambda: None) -> list[PlaceMesh]:
    """`count` levels of detail, the place itself first, each of about a quarter of the triangles of the one before; more where
    crowns, boxes and straight borders leave no more to take away.

    Parts keep their names. A part that has no simpler form is the same object in the next level. `check` may raise.
    """
    out = [place]
    ground = sum(len(part.faces) for part in _sheets_of(place))
    for k in range(1, count):
        out.append(_reduced(place, out[-1], place.triangles() // RATIO ** k, ground // RATIO ** k, LEVELS[k], check))
    return out


def fit_budget(place: PlaceMesh, triangles: int, check: _Check = lambda: None) -> PlaceMesh:
    """The place with at most `triangles` triangles, with as much detail as they allow.

    Raises:
        BadInput: fewer than it takes to show all buildings as boxes and the ground at its coarsest.
    """
    if place.triangles() <= triangles:
        return place
    found = place
    fair = FAIR * sum(len(part.faces) for part in _sheets_of(place)) / place.triangles()
    for detail in BUDGETS:
        found = _reduced(place, place, triangles, 2, detail, check)
        enough = sum(len(part.faces) for part in _sheets_of(found)) >= fair * triangles or detail is BUDGETS[-1]
        if enough and found.triangles() <= triangles:
            return found
    thinned = _thinned(found, triangles, check)
    if thinned.triangles() > triangles:
        raise BadInput(f"{triangles} triangles are too few for this place.", f"Give at least {thinned.triangles()}.")
    return thinned


def _sheets_of(place: PlaceMesh) -> list[Part]:
    return [part for part in place.parts if part.kind in (TERRAIN, WATER)]


def _reduced(place: PlaceMesh, finer: PlaceMesh, target: int, least: int, detail: Detail, check: _Check) -> PlaceMesh:
    """The place at some detail; its ground, made from that of a finer level, with what the target leaves, at least `least`."""
    done = _crowns(place, detail, check)
    for part in place.parts:
        check()
        if part.kind == BUILDING:
            done[part.name] = simpler(part, detail.buildings)
        elif part.kind in (DECK, CROWN) and part.name not in done:
            done[part.name] = _slab(part, detail, check)
    left = target - sum(len(part.faces) for part in done.values())
    sheets = _sheets(_sheets_of(finer), max(left, least), detail.far, check)
    done |= {part.name: part for part in sheets}
    return replace(place, parts=[done[part.name] for part in place.parts if part.name in done])


def _crowns(place: PlaceMesh, detail: Detail, check: _Check) -> dict[str, Part]:
    """The crowns of some detail by name, of those whose plants are known; the finest as they are."""
    have = {part.name: part for part in place.parts if part.kind == CROWN}
    if detail.crowns == 0 or not have:
        return have
    plants = _chosen(place.instances, place.instances.width >= detail.narrowest)
    made = crown_parts(plants, None, None, check, min(detail.crowns, CROWN_LEVELS - 1), place.leaves)
    return {part.name: part for part in made if part.name in have and len(part.faces) < len(have[part.name].faces)}


def _slab(part: Part, detail: Detail, check: _Check) -> Part:
    """A closed part with as few triangles as its error allows."""
    group = charts(part) * 256 + part.face_class
    faces, kept = collapsed(part.vertices, part.faces, group, 4, detail.error, check=check)
    return part if len(faces) == len(part.faces) else with_faces(part, faces, kept, group)


def _sheets(parts: list[Part], target: int, far: bool, check: _Check) -> list[Part]:
    """Ground and water with about `target` triangles together; as one mesh, so that shores are the same for both.

    far: textures alone tell the classes, and kerbs need not stay.
    """
    kept_parts = [part for part in parts if part.kind == WATER and not _meets(part, parts)]
    parts = [part for part in parts if not any(part is other for other in kept_parts)]
    target -= sum(len(part.faces) for part in kept_parts)
    if sum(len(part.faces) for part in parts) <= target:
        return [*parts, *kept_parts]
    start = np.cumsum([0] + [len(part.vertices) for part in parts])
    spot, weld = np.unique(np.rint(np.concatenate([part.vertices for part in parts]) / SAME_PLACE), axis=0, return_inverse=True)
    weld = weld.ravel()
    group = [np.zeros(len(p.faces), np.int64) if far and p.texture else charts(p) * 256 + p.face_class for p in parts]
    owner = np.repeat(np.arange(len(parts)), [len(part.faces) for part in parts])
    _, joint = np.unique(np.column_stack([owner, np.concatenate(group)]), axis=0, return_inverse=True)
    check()
    all_faces = weld[np.concatenate([part.faces + s for part, s in zip(parts, start)])]
    faces, kept = collapsed(spot * SAME_PLACE, all_faces, joint.ravel(), target, crease=-1.0 if far else CREASE, check=check)
    first = np.searchsorted(owner, np.arange(len(parts)))
    out = kept_parts
    for k, part in enumerate(parts):
        mine = owner[kept] == k
        own = np.full(len(spot), -1, np.int64)
        own[weld[start[k]:start[k + 1]]] = np.arange(len(part.vertices))
        out.append(part if mine.sum() == len(part.faces) else
                   with_faces(part, own[faces[mine]], kept[mine] - first[k], group[k]))
    return out


def _meets(water: Part, parts: list[Part]) -> bool:
    """Whether most of the outline of water lies on corners of the ground; that of pools lies lower than their rims."""
    ground = [part.vertices for part in parts if part.kind == TERRAIN]
    edges = edges_of(water.faces)
    outline = water.vertices[np.unique(edges.ends[edges.count == 1])]
    return bool(ground) and bool((cKDTree(np.concatenate(ground)).query(outline)[0] < SAME_PLACE).mean() > 0.5)


def _chosen(plants: Instances, rows: np.ndarray) -> Instances:
    return Instances(plants.position[rows], plants.height[rows], plants.width[rows], plants.turn[rows], plants.class_id[rows],
                     plants.rgb[rows])


def _thinned(place: PlaceMesh, triangles: int, check: _Check) -> PlaceMesh:
    """The place without its smallest plants, as many as the budget asks."""
    spare = place.triangles() - triangles
    crowns = [part for part in place.parts if part.kind == CROWN]
    plants = place.instances
    if not crowns or not len(plants):
        return place
    each = {part.class_id: len(part.faces) / max(int((plants.class_id == part.class_id).sum()), 1) for part in crowns}
    order = np.argsort(plants.height * plants.width ** 2, kind="stable")
    cost = np.array([each.get(int(k), 0.0) for k in plants.class_id[order]])
    gone = order[:int(np.searchsorted(np.cumsum(cost), spare)) + 1]
    keep = np.setdiff1d(np.arange(len(plants)), gone)
    left = _chosen(plants, keep)
    made = {part.name: part for part in crown_parts(left, None, None, check, CROWN_LEVELS - 1, place.leaves)}
    parts = [made.get(part.name, part) for part in place.parts if part.kind != CROWN or part.name in made]
    return replace(place, parts=parts, instances=left)
