"""A place's meshes from its voxels and surfels: each kind of thing by its own module, then textures, then the budget."""
from __future__ import annotations

import time
from collections.abc import Callable

from ..convert.mesh import build_mesh
from ..scene.splats import Splats
from ..scene.voxels import VoxelScene
from .buildings import building_parts
from .columns import columns_of
from .crowns import crown_parts
from .decks import deck_parts
from .options import MeshOptions
from .place import Part, PlaceMesh
from .plants import find_plants
from .surface import surface_part
from .terrain import terrain_parts
from .texture import texture_place

Told = Callable[[str, float, int, int], None]
"""step, seconds, triangles before and after it"""


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
    plants = find_plants(columns, splats)
    clock.done("plants", 0, 0)
    if options.style == "surface":
        surface = surface_part(build_mesh(voxels, splats, check))
        clock.done("surface", 0, len(surface.faces))
        place = PlaceMesh([surface], {}, plants)
    else:
        parts: list[Part] = []
        for step, make in (("terrain", lambda: terrain_parts(columns, splats, check)),
                           ("decks", lambda: deck_parts(columns, splats, check)),
                           ("buildings", lambda: building_parts(columns, splats, check)),
                           ("crowns", lambda: crown_parts(plants, columns, splats, check))):
            parts += (made := make())
            clock.done(step, 0, sum(len(part.faces) for part in made))
        before = sum(len(part.faces) for part in parts)
        parts, textures = texture_place(parts, splats, columns, options, check)
        place = PlaceMesh(parts, textures, plants)
        clock.done("textures", before, place.triangles())
    if options.triangles is not None and place.triangles() > options.triangles:
        before = place.triangles()
        from .lod import fit_budget  # pulls in the simplifier, which few need
        place = fit_budget(place, options.triangles, check)
        clock.done("budget", before, place.triangles())
    return place


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
