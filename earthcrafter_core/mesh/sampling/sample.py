"""Splats from textured meshes: as sharp as these, where what the texture network decodes is half a metre wide.

A splat is a disc of constant colour (2DGS, Huang et al. 2024). Each texture is cut into squares of texels by a quadtree, fine
at edges and windows and coarse on lawns, and each square becomes a splat on the face it lies on. Behind them, a little
inside, lies a coarse layer: discs that are small enough to be sharp leave holes between them, and through these one sees
that layer's colours instead of the sky. Viewers draw splats by the distance of their middles; the layer is deep enough to
come after.
"""
from __future__ import annotations

from collections.abc import Callable

from ...scene.splats import Splats, concatenated
from ..options import SplatOptions
from ..place import TERRAIN, PlaceMesh
from ..threads import Threads
from .hidden import HiddenGround
from .sheet import Sheet

MOST = 6_000_000
"""Splats of a place, above which the finest are made wider: a file of 430 MB."""
WIDEST = 2.0
"""Metres that the finest are made at most, however many they are then."""


def sample_splats(place: PlaceMesh, size: float = SplatOptions.size, most: int = MOST,
                  check: Callable[[], None] = lambda: None) -> Splats:
    """Splats of a place's textured parts, in the colours of the textures.

    Args:
        place: with textures. size: metres across the finest splats; doubled until there are at most `most`, up to WIDEST.
        check: called often; may raise.

    Returns:
        The same for the same input, whatever the number of threads.
    """
    sheets = []
    for name in sorted(place.textures):
        parts = [part for part in place.parts if part.texture == name and len(part.faces)]
        if parts:
            sheets.append(Sheet(parts, place.textures[name]))
    with Threads(check) as threads:
        while size < WIDEST and sum(sheet.count(size, threads) for sheet in sheets) > most:
            size *= 2
        hidden, made = HiddenGround(place), []
        for sheet in sheets:
            splats = sheet.splats(size, threads)
            if sheet.kind == TERRAIN:
                splats = splats.take(~hidden.at(splats.mean[:, :2]))
            made.append(splats)
    return concatenated(made)

