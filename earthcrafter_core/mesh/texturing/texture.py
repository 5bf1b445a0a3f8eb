"""Textures of a place: the ground and the water as seen from above, buildings and bridges on charts; corner colours for all.

The colours are the surfels' (bake.py, ground.py); what is finer than a surfel is painted by rules (facades.py, covers.py).
"""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numba
import numpy as np
from scipy import ndimage

from ...scene import classes as sem
from ...scene.splats import Splats
from ..columns import WATER_IDS, Columns
from ..kernel import KERNEL
from ..options import MeshOptions
from ..place import BUILDING, DECK, TERRAIN, WATER, Part, Texture
from ..threads import Threads
from ..topology import face_normals
from .atlas import charts_of
from .bake import rasterise, surfels_of
from .built import BuiltPainter, street_of
from .ground import KERB, ground_texture
from .markings import paint_markings

LARGEST = 8192  # texels along a side of the ground's texture
WATER_SHARE = 0.25  # of the ground's texels a metre: water is smooth
VERTEX_TEXELS = 4.0  # texels a metre that corner colours are read from where no texture is asked for
STEEP = 0.35  # faces of the ground whose normal rises less than this are kerbs
AROUND = 0.35  # metres around a corner that its colour is the mean of


def texture_place(parts: list[Part], splats: Splats, columns: Columns, options: MeshOptions,
                  check: Callable[[], None]) -> tuple[list[Part], dict[str, Texture]]:
    """Give parts their colours: corner colours in any case, texture coordinates where textures are asked for.

    Terrain uses the texture "terrain", water "water" (both: u, v are x and y over the place), buildings and decks
    "buildings" or, where one page of atlas.PAGE texels is not enough, "buildings_1" and on. Crowns stay as they are.

    Args:
        parts, columns: of the place. splats: its surfels. options: how. check: called often; may raise.

    Returns:
        The parts in the same order, and the textures by name; none where vertex colours are asked for.
    """
    textured = options.colours == "texture"
    texels = options.texels if textured else min(options.texels, VERTEX_TEXELS)
    detail = options.facades and textured
    roughness = np.array(sem.ROUGHNESS, np.float32)
    out, textures = list(parts), dict[str, Texture]()
    with Threads(check) as threads:
        for name, kind, share in (("terrain", TERRAIN, 1.0), ("water", WATER, WATER_SHARE)):
            mine = [k for k, part in enumerate(parts) if part.kind == kind]
            if mine:
                done, textures[name] = _seen_from_above(name, [parts[k] for k in mine], splats, columns, texels * share,
                                                        roughness, detail, threads)
                for k, part in zip(mine, done, strict=True):
                    out[k] = part
        mine = [k for k, part in enumerate(parts) if part.kind in (BUILDING, DECK) and len(part.faces)]
        if mine:
            done, pages = _built([parts[k] for k in mine], splats, columns, texels, roughness, detail, threads)
            textures |= pages
            for k, part in zip(mine, done, strict=True):
                out[k] = part
    if not textured:
        return [replace(part, uv=None, texture="") for part in out], {}
    return out, textures


def _seen_from_above(name: str, parts: list[Part], splats: Splats, columns: Columns, texels: float, roughness: np.ndarray,
                     detail: bool, threads: Threads) -> tuple[list[Part], Texture]:
    """Terrain or water parts with their coordinates and corner colours, and their texture."""
    size = np.array(columns.shape) * columns.cell
    density = min(texels, LARGEST / size.max())
    w, h = np.maximum(np.rint(size * density), 1).astype(int).tolist()
    ids = WATER_IDS if name == "water" else np.setdiff1d(sem.GROUND_IDS, WATER_IDS)
    class_map = _class_map(parts, columns, ids, (h, w), density)
    rows = np.flatnonzero(sem.is_in(splats.class_id, ids))
    color, rough = ground_texture(splats, rows, class_map, columns.origin, density, roughness, detail, threads.run)
    if detail:
        paint_markings(color, class_map, density)
    out = []
    for part in parts:
        xy = part.vertices[part.faces][..., :2] - columns.origin  # [F, 3, 2]
        normal, _ = face_normals(part.vertices, part.faces)
        kerb = np.abs(normal[:, 2]) < STEEP
        upper = -normal[:, :2] / np.maximum(np.linalg.norm(normal[:, :2], axis=1), 1e-9)[:, None]
        xy = xy + np.where(kerb[:, None], upper * min(KERB / 2, 0.75 / density), 0.0)[:, None]  # kerbs: as their upper edge
        corner = np.empty((len(xy), 3, 3), np.uint8)
        near = xy + 0.25 * (xy.mean(1, keepdims=True) - xy)
        _corner_means(np.ascontiguousarray(near * density), part.face_class, class_map, color, int(np.ceil(AROUND * density)),
                      corner)
        out.append(replace(part, uv=np.clip(xy / size, 0, 1).astype(np.float32), texture=name, corner_color=corner))
    return out, Texture(np.ascontiguousarray(color[::-1]), np.ascontiguousarray(rough[::-1]))


def _class_map(parts: list[Part], columns: Columns, ids: np.ndarray, shape: tuple[int, int], density: float) -> np.ndarray:
    """Class uint8 [H, W] of each texel, row 0 south: that of the face there, elsewhere the nearest column's among `ids`."""
    known = sem.is_in(columns.cover, ids)
    if known.any():
        at = ndimage.distance_transform_edt(~known, return_distances=False, return_indices=True)
        plane = columns.cover[at[0], at[1]]
    else:
        plane = np.full(columns.shape, parts[0].face_class[0] if len(parts[0].face_class) else ids[0], np.uint8)
    x, y = (np.minimum(((np.arange(n) + 0.5) / density / columns.cell).astype(int), m - 1)
            for n, m in zip(shape[::-1], columns.shape, strict=True))
    out = np.ascontiguousarray(plane.T[y][:, x])
    for part in parts:
        xy = (part.vertices[part.faces][..., :2] - columns.origin) * density
        rasterise(np.ascontiguousarray(xy), part.face_class, out)
    return out


@numba.njit(**KERNEL)
def _corner_means(at, face_class, class_map, color, radius, out):
    """Mean colour of the texels of the face's class around each corner.

    at: float64 [F, 3, 2] texels. class_map, color: uint8 [H, W], [H, W, 3]. radius: texels. out: uint8 [F, 3, 3].
    """
    h, w = class_map.shape
    for f in range(len(at)):
        for k in range(3):
            x, y = min(max(int(at[f, k, 0]), 0), w - 1), min(max(int(at[f, k, 1]), 0), h - 1)
            r = g = b = n = 0
            for j in range(max(0, y - radius), min(h, y + radius + 1)):
                for i in range(max(0, x - radius), min(w, x + radius + 1)):
                    if class_map[j, i] == face_class[f]:
                        r, g, b, n = r + int(color[j, i, 0]), g + int(color[j, i, 1]), b + int(color[j, i, 2]), n + 1
            if n == 0:
                r, g, b, n = int(color[y, x, 0]), int(color[y, x, 1]), int(color[y, x, 2]), 1
            out[f, k, 0], out[f, k, 1], out[f, k, 2] = r // n, g // n, b // n


def _built(parts: list[Part], splats: Splats, columns: Columns, texels: float, roughness: np.ndarray, detail: bool,
           threads: Threads) -> tuple[list[Part], dict[str, Texture]]:
    """Buildings and decks with their coordinates and corner colours, and their pages."""
    charts = charts_of(parts, texels)
    rows = np.flatnonzero(sem.is_in(splats.class_id, np.append(sem.BUILDING_IDS, sem.BRIDGE)))
    painter = BuiltPainter(parts, charts, surfels_of(splats, rows), street_of(columns), roughness, detail)
    threads.each(painter.paint, range(len(parts)))
    names = ["buildings"] if len(painter.pages) == 1 else [f"buildings_{k + 1}" for k in range(len(painter.pages))]
    uv, first = charts.uv(), np.cumsum([0] + [len(part.faces) for part in parts])
    page_of = charts.page[charts.face_chart[first[:-1]]]
    out = [replace(part, uv=uv[a:b], texture=names[page], corner_color=painter.corner_color[a:b])
           for part, a, b, page in zip(parts, first[:-1], first[1:], page_of.tolist(), strict=True)]
    return out, {name: Texture(np.ascontiguousarray(page.color[::-1]), np.ascontiguousarray(page.roughness[::-1]))  # type: ignore[index]
                 for name, page in zip(names, painter.pages, strict=True)}
