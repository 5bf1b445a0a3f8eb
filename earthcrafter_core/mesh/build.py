"""A place's meshes from its voxels and surfels: each kind of thing by its own module, then textures, then the budget."""
from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from ..convert.mesh import build_mesh
from ..scene import classes as sem
from ..scene.splats import Splats
from ..scene.voxels import VoxelScene
from .building.buildings import building_parts
from .columns import WATER_IDS, Columns, columns_of
from .land.decks import deck_parts
from .land.sheet_height import SheetHeight
from .land.terrain import terrain_parts
from .options import MeshOptions
from .place import Part, PlaceMesh
from .planting.crowns import crown_parts
from .planting.foliage import NAME, plant_texture
from .planting.plants import find_plants
from .surface import surface_part
from .texturing.texture import texture_place

Told = Callable[[str, float, int, int], None]
"""step, seconds, triangles before and after it"""

PLACES = 20_000  # whose height is looked up at a time


def build_place(voxels: VoxelScene, splats: Splats, options: MeshOptions | None = None,
                check: Callable[[], None] = lambda: None, told: Told | None = None) -> PlaceMesh:
    """The meshes of a draped place; the same for the same input.

    Args:
        voxels: a gap-free shell, at least one voxel in every column. splats: surfels near its surface.
        options: how; the default ones where None.
        check: called often, between steps; may raise to end the work.
        told: hears of every step.
    """
    options = options or MeshOptions()
    clock = _Clock(told, check)
    columns = columns_of(voxels, splats)
    if options.style == "surface":
        plants = find_plants(columns, splats, check)
        clock.done("plants", 0, 0)
        surface = surface_part(build_mesh(voxels, splats, check))
        clock.done("surface", 0, len(surface.faces))
        place = PlaceMesh([surface], {}, plants)
    else:
        parts = terrain_parts(columns, splats, check)
        clock.done("terrain", 0, _triangles(parts))
        parts += (decks := deck_parts(columns, splats, check))
        clock.done("decks", 0, _triangles(decks))
        columns = _on_terrain(columns, parts[0], check)
        parts += (buildings := building_parts(columns, splats, check))
        clock.done("buildings", 0, _triangles(buildings))
        plants = find_plants(columns, splats, check)
        leaves = plant_texture(plants, options.texels) if options.colours == "texture" and len(plants) else None
        parts += (crowns := crown_parts(plants, columns, splats, check, texture=leaves))
        clock.done("plants", 0, _triangles(crowns))
        before = _triangles(parts)
        parts, textures = texture_place(parts, splats, columns, options, check)
        if leaves is not None:
            textures[NAME] = leaves.paint(check)
        place = PlaceMesh(parts, textures, plants, leaves=leaves)
        clock.done("textures", before, place.triangles())
    if options.triangles is not None and place.triangles() > options.triangles:
        before = place.triangles()
        from .reduction.lod import fit_budget  # pulls in the simplifier, which few need
        place = fit_budget(place, options.triangles, check)
        clock.done("budget", before, place.triangles())
    return place


def _on_terrain(columns: Columns, terrain: Part, check: Callable[[], None]) -> Columns:
    """The columns with the ground of the terrain's sheet: smooth, with its shores, and what stands on it begins there."""
    middle = columns.origin + (np.argwhere(np.ones(columns.shape, bool)) + 0.5) * columns.cell
    sheet, heights = SheetHeight(terrain.vertices, terrain.faces), []
    for start in range(0, len(middle), PLACES):
        heights.append(sheet.at(middle[start:start + PLACES]))
        check()
    height = np.concatenate(heights).reshape(columns.shape)
    ground = np.where(np.isnan(height) | sem.is_in(columns.cover, WATER_IDS), columns.ground, height)
    return replace(columns, ground=ground, top=np.where(columns.above > 0, np.maximum(columns.top, ground), ground))


def _triangles(parts: list[Part]) -> int:
    return sum(len(part.faces) for part in parts)


class _Clock:
    """Tells what each step took, and lets the work be ended between them."""

    def __init__(self, told: Told | None, check: Callable[[], None]):
        self._told, self._check, self._begun = told, check, time.perf_counter()

    def done(self, step: str, before: int, after: int) -> None:
        """A step has been done."""
        now = time.perf_counter()
        if self._told is not None:
            self._told(step, now - self._begun, before, after)
        self._begun = now
        self._check()
