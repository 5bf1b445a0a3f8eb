"""Make a rectangle of a result anew and leave the rest as it is, to the byte.

All cells of 8 voxels that the rectangle touches are sampled again; everything around them is known to the samplers (occupied
cells and relief, structural and textural latents), so that what is new fits it. The work is done on a canvas of those cells and
a margin; outside of them voxels and splats are copied from the result.
"""
from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy import ndimage

from ..convert.drape import drape, seen_from_above
from ..convert.files import check_writable, read_layout_of, read_scene, read_structure, read_surfels, read_voxels
from ..convert.preview import preview_of_cells
from ..convert.relief import KeptRelief, continued, find_bodies, known_bodies
from ..convert.seam import close_seam, fill_seam, join_colours
from ..errors import BadInput
from ..scene import classes as sem
from ..scene.layout import Layout, resample
from ..scene.needs import CELL, TILE
from ..scene.preview import Preview
from ..scene.splats import SH_C0, Splats, concatenated
from ..scene.voxels import VoxelScene, flat_origin
from ..tiling import Window
from .canvas import Planes
from .generation import (
    Latents,
    Previews,
    generate,
    half,
    make_texture,
    mesh_and_write,
    structure_preview,
    structure_voxel_size,
    voxel_shape,
)
from .networks import Models
from .run import Progress, Run, Settings
from .structure import KnownCells, Sampled, Structure, finish_structure, joined, sample_structure, taken
from .texture import KnownTexture

MARGIN = 4
"""Cells around what is made anew that the samplers see."""
TILE_CELLS = TILE // CELL
_NEW = "Generate the whole place again."


@dataclass
class Base:
    """A result of which a part is made anew.

    Attributes:
        scene: scene.json. layout: as it was asked for. structure, latents: of the flattened scene.
        voxels, splats: of the draped scene. levels: float64 [5, H, W] see relief.Bodies.planes.
    """

    scene: dict
    layout: Layout
    structure: Structure
    latents: Latents
    voxels: VoxelScene
    splats: Splats
    levels: np.ndarray

    @classmethod
    def read(cls, folder: Path) -> Base:
        """Read a result's folder. Raises BadInput."""
        scene, layout, arrays = read_scene(folder), read_layout_of(folder), read_structure(folder)
        needed = {*Structure.__dataclass_fields__, *Latents.__dataclass_fields__}
        if layout is None or not needed <= set(arrays):
            raise BadInput(f"The result in {folder} was made by an older version, which kept less.", _NEW)
        structure = Structure(**{k: arrays[k] for k in Structure.__dataclass_fields__})
        latents = Latents(**{k: arrays[k] for k in Latents.__dataclass_fields__})
        voxels = read_voxels(folder)
        levels = arrays.get("levels")
        if levels is None:
            flat = VoxelScene(structure.coords, structure.class_id, latents.rgb)
            seen = seen_from_above(flat, structure.layout)
            levels = find_bodies(seen, structure.elevation, voxels.voxel_size).planes()
        return cls(scene, layout, structure, latents, voxels, read_surfels(folder), levels.astype(np.float64))


@dataclass
class Place:
    """Where the new part lies.

    Attributes:
        anew: cells that are made anew. canvas: those and a margin.
        size: rows and columns (H, W) of the canvas's voxels that belong to the layout.
    """

    anew: Window
    canvas: Window
    size: tuple[int, int]

    @property
    def corner(self) -> tuple[int, int]:
        """Voxels (x, y) of the canvas's corner."""
        return self.canvas.x0 * CELL, self.canvas.y0 * CELL

    def column(self) -> np.ndarray:
        """bool [Y, X] cells of the canvas that are made anew, row 0 south."""
        c, a = self.canvas, self.anew
        out = np.zeros((c.y1 - c.y0, c.x1 - c.x0), bool)
        out[a.y0 - c.y0:a.y1 - c.y0, a.x0 - c.x0:a.x1 - c.x0] = True
        return out

    def rows(self) -> np.ndarray:
        """bool [H, W] voxels' columns of the canvas that are made anew, row 0 north."""
        h, w = self.size
        return np.kron(self.column(), np.ones((CELL, CELL), bool))[:h, :w][::-1]

    def here(self, rows: int) -> tuple[slice, slice]:
        """Slices of a plane of the whole place with so many rows, row 0 north, that give the canvas."""
        x, y = self.corner
        return slice(rows - y - self.size[0], rows - y), slice(x, x + self.size[1])

    def contains(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Whether columns, or points in voxels, of the whole place lie where it is made anew; bool [N]."""
        a = self.anew
        return (x >= a.x0 * CELL) & (x < a.x1 * CELL) & (y >= a.y0 * CELL) & (y < a.y1 * CELL)

    def on_canvas(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Whether columns of the whole place lie on the canvas; bool [N]."""
        (x0, y0), (h, w) = self.corner, self.size
        return (x >= x0) & (x < x0 + w) & (y >= y0) & (y < y0 + h)


def regenerate(base: Path, layout: Layout, region: tuple[int, int, int, int], out: Path, settings: Settings, *,
               progress: Progress | None = None, cancel: Callable[[], bool] | None = None, models: Models | None = None,
               preview: Previews | None = None, layout_source: str = "") -> dict:
    """Make a rectangle of a result anew under `layout` and leave the rest; writes a whole scene into `out`.

    All cells of 8 voxels that the rectangle touches change; outside of them every voxel and every splat is that of `base`.
    What the layout says outside the rectangle does not count: there the result keeps the layout it was made from.

    Args:
        base: folder of a result. layout: of the same size and cell size. region: row0, col0, row1, col1 in layout cells,
            half-open, row 0 north. The others: as `generate`.

    Returns:
        The content of scene.json, with `region` and `base` (the folder's name).

    Raises:
        As generate; BadInput: a result of an older version or of other weights, a layout or voxels of another size, an empty
        rectangle.
    """
    check_writable(out)
    before = Base.read(base)
    composed = _composed(before, layout, region, settings)
    about = {"layout_source": layout_source, "region": [int(v) for v in region], "base": Path(base).name}
    place = _place(composed, region, settings)
    h, w = voxel_shape(composed, settings)
    if place.anew == Window(0, math.ceil(h / CELL), 0, math.ceil(w / CELL)):
        return generate(composed, out, settings, progress=progress, cancel=cancel, models=models, preview=preview,
                        layout_source=layout_source)
    run = Run(settings, progress, cancel, place.size, corner=(place.canvas.x0, place.canvas.y0), whole=(h, w))
    with run.stage("load"):
        models = models or Models(settings.configuration, settings.weights, settings.device, run.check)
        if before.scene.get("weights") != models.id:
            raise BadInput(f"The result in {base} was made with other weights.", _NEW)
    with run.listening(models):
        structure, sampled, origin = _structure(before, composed, place, models, run, preview)
        known = KnownTexture(origin >= 0, before.latents.texture_latent[origin].astype(np.float32), before.latents.rgb[origin])
        splats, rgb, latent = make_texture(structure, models, run, known)
        splats, rgb = _joined_colours(structure, splats, rgb, place, settings.voxel_size)
        if preview is not None:
            preview("colours", _moved(structure_preview(structure, rgb, settings.voxel_size), place, settings))
        size = settings.voxel_size
        flat = VoxelScene(structure.coords, structure.class_id, rgb, flat_origin(size), size)
        with run.stage("drape"):
            part = KeptRelief(known_bodies(before.levels[(slice(None), *place.here(h))], size), ~place.rows())
            datum = float(before.voxels.origin[2] - flat_origin(size)[2])
            bodies = find_bodies(seen_from_above(flat, structure.layout), structure.elevation, size, part)
            voxels, splats = drape(flat, splats, structure.layout, structure.elevation, part, datum, run.check)
            voxels, splats = _composite(before, voxels, splats, place)
        levels = before.levels.copy()
        levels[(slice(None), *place.here(h))] = bodies.planes()
        texture = Latents(*_cells(before, sampled, place), half(models.tex_vae.normalise(latent)), rgb)
        whole, latents = _whole(before, structure, texture, place)
        return mesh_and_write(whole, latents, voxels, splats, composed, out, models, run, about, levels)


# ---------------------------------------------------------------------------------------------------------- what and where

def _composed(before: Base, layout: Layout, region: tuple[int, int, int, int], settings: Settings) -> Layout:
    """The result's layout with the new one inside the region. Raises BadInput where they do not fit."""
    old = before.layout
    if layout.shape != old.shape or abs(layout.cell_size - old.cell_size) > 1e-6:
        raise BadInput(f"The layout has {layout.shape[1]} x {layout.shape[0]} cells of {layout.cell_size:g} m, the result "
                       f"{old.shape[1]} x {old.shape[0]} of {old.cell_size:g} m.", _NEW)
    if structure_voxel_size(before.scene) != settings.voxel_size:
        raise BadInput(f"The result has voxels of {structure_voxel_size(before.scene):g} m, the settings ask for "
                       f"{settings.voxel_size:g} m.", "Choose the result's voxel size, or generate the whole place again.")
    row0, col0, row1, col1 = region
    here = slice(max(row0, 0), max(row1, 0)), slice(max(col0, 0), max(col1, 0))
    if old.class_id[here].size == 0:
        raise BadInput("The rectangle holds no cell of the layout.", "Drag it over the layout.")
    ids = old.class_id.copy()
    ids[here] = layout.class_id[here]
    hint = None
    if old.height_hint is not None or layout.height_hint is not None:
        hint = np.full(old.shape, np.nan, np.float32) if old.height_hint is None else old.height_hint.copy()
        hint[here] = np.nan if layout.height_hint is None else layout.height_hint[here]
    ground = old.elevation
    if layout.elevation is not None:
        if ground is None:
            ground = resample(before.structure.elevation, settings.voxel_size, old.cell_size)
            rows, cols = (np.minimum(np.arange(n), m - 1) for n, m in zip(old.shape, ground.shape))
            ground = ground[np.ix_(rows, cols)]
        ground = ground.copy()
        ground[here] = layout.elevation[here]
    return Layout(ids, old.cell_size, hint, ground, old.crs, old.origin)


def _place(layout: Layout, region: tuple[int, int, int, int], settings: Settings) -> Place:
    """Cells that the region touches, and the canvas around them."""
    (h, w), scale = voxel_shape(layout, settings), layout.cell_size / settings.voxel_size
    row0, col0, row1, col1 = region

    def touched(low: float, high: float, n: int) -> tuple[int, int]:
        return max(math.floor(low / CELL + 1e-6), 0), min(math.ceil(high / CELL - 1e-6), math.ceil(n / CELL))

    (y0, y1), (x0, x1) = touched(h - row1 * scale, h - row0 * scale, h), touched(col0 * scale, col1 * scale, w)
    if y0 >= y1 or x0 >= x1:
        raise BadInput("The rectangle holds no cell of the layout.", "Drag it over the layout.")

    def around(low: int, high: int, n: int) -> tuple[int, int]:
        least = max(high - low + 2 * MARGIN, TILE_CELLS)
        low = max(min((low + high - least) // 2, n - least), 0)
        return low, min(low + least, n)

    padded = [max(math.ceil(n / CELL), TILE_CELLS) for n in (h, w)]
    (cy0, cy1), (cx0, cx1) = around(y0, y1, padded[0]), around(x0, x1, padded[1])
    return Place(Window(y0, y1, x0, x1), Window(cy0, cy1, cx0, cx1),
                 (min(h, cy1 * CELL) - cy0 * CELL, min(w, cx1 * CELL) - cx0 * CELL))


# ------------------------------------------------------------------------------------------------------------ structure

def _structure(before: Base, layout: Layout, place: Place, models: Models, run: Run, preview: Previews | None,
               ) -> tuple[Structure, Sampled, np.ndarray]:
    """The canvas's structure, what was sampled for it, and for each voxel its row in the result's structure, -1 where new."""
    size, c = run.settings.voxel_size, place.canvas
    planes = Planes(layout, models.config.tile, run.settings)
    high, wide = (n * CELL for n in planes.shape)
    ground = before.structure.elevation[::-1]
    ground = np.pad(ground, ((0, high - ground.shape[0]), (0, wide - ground.shape[1])), mode="edge")
    ground = ground[c.y0 * CELL:c.y1 * CELL, c.x0 * CELL:c.x1 * CELL].astype(np.float32)
    planes = planes.part(c)
    kept = ~place.column()
    outside = np.kron(kept, np.ones((CELL, CELL), bool))
    if planes.elevation is not None:
        planes.elevation = continued(planes.elevation, ground, outside, size).astype(np.float32)
    cells = before.latents.cells.astype(np.int64) - [c.x0, c.y0, 0]
    on = ((cells >= 0) & (cells < [c.x1 - c.x0, c.y1 - c.y0, 1 << 15])).all(1)
    on[on] = kept[cells[on, 1], cells[on, 0]]
    known = KnownCells(kept, cells[on], before.latents.cell_latent[on].astype(np.float32), ground)

    def seen(grid: np.ndarray, elevation: np.ndarray) -> None:
        if preview is not None:
            made = preview_of_cells(grid, planes.class_id, planes.size, elevation, size)
            preview("cells", _moved(made, place, run.settings))

    sampled = sample_structure(planes, models, run, known, seen)
    sampled.elevation = continued(sampled.elevation, ground, outside, size).astype(np.float32)
    with run.stage("surfaces"):
        own = before.structure.coords
        rows = place.on_canvas(own[:, 0], own[:, 1]) & ~place.contains(own[:, 0], own[:, 1])
        around = taken(before.structure, rows, (-place.corner[0], -place.corner[1]))
        mixed = _with_surroundings(sampled, around, place)
        made = finish_structure(mixed, size, run.check)
        shifted = made.coords + [*place.corner, 0]
        made = taken(made, place.contains(shifted[:, 0], shifted[:, 1]))
        source = np.concatenate([np.flatnonzero(rows), np.full(len(made.coords), -1)])
        structure, order = joined([around, made], made.layout, made.elevation)
        source = source[order]
        fill = fill_seam(structure.coords, place.rows()[::-1].T)
        walls = Structure(fill.place.astype(np.int32), structure.class_id[fill.source], made.layout, made.elevation,
                          fill.normal, (0.45 * fill.normal).astype(np.float32))
        structure, order = joined([structure, walls], made.layout, made.elevation)
        source = np.append(source, np.full(len(fill.place), -1))[order]
        if preview is not None:
            view = structure_preview(structure, sem.PALETTE[structure.class_id], size)
            preview("voxels", _moved(view, place, run.settings))
    return structure, sampled, source


def _with_surroundings(sampled: Sampled, around: Structure, place: Place) -> Sampled:
    """The sampled voxels where the place is made anew, the known ones around it.

    A building that reaches from there inside is left out inside, so that its roof is drawn on from what is known of it.
    """
    h, w = sampled.planes.size
    painted = sampled.planes.class_id[:h, :w]  # row 0 south
    anew = place.rows()[::-1]
    crossing = np.zeros((h, w), bool)
    for c in sem.BUILDING_IDS:
        label, _ = ndimage.label(painted == c)
        both = np.intersect1d(np.unique(label[anew]), np.unique(label[~anew]))
        crossing |= np.isin(label, both[both > 0])
    xyz = sampled.coords
    inside = (xyz[:, 0] < w) & (xyz[:, 1] < h)
    xyz, ids = xyz[inside], sampled.class_id[inside]
    new = anew[xyz[:, 1], xyz[:, 0]] & ~(crossing[xyz[:, 1], xyz[:, 0]] & sem.is_in(ids, sem.BUILDING_IDS))
    return replace(sampled, coords=np.concatenate([around.coords.astype(np.int64), xyz[new]]),
                   class_id=np.concatenate([around.class_id, ids[new]]))


def _moved(preview: Preview, place: Place, settings: Settings) -> Preview:
    """A preview of the canvas at its place."""
    preview.position[:, :2] += np.array(place.corner, np.float32) * np.float32(settings.voxel_size)
    return preview


# ------------------------------------------------------------------------------------------------------------ composite

def _joined_colours(structure: Structure, splats: Splats, rgb: np.ndarray, place: Place, voxel_size: float,
                    ) -> tuple[Splats, np.ndarray]:
    """Splats and voxels' colours of the canvas without a border on lawns, roads and water."""
    change = join_colours(structure.coords, structure.class_id, rgb, place.rows()[::-1].T, voxel_size)
    n = len(structure.coords)
    each = len(splats) // (n + len(structure.corner))  # those of corners' second walls follow
    sh = splats.sh.copy()
    sh[:each * n, 0] += np.repeat(change, each, 0) / (255 * SH_C0)
    return replace(splats, sh=sh), np.clip(rgb + change + 0.5, 0, 255).astype(np.uint8)


def _composite(before: Base, voxels: VoxelScene, splats: Splats, place: Place) -> tuple[VoxelScene, Splats]:
    """The result's draped scene with the canvas's in the cells that are made anew, steps between them closed."""
    old, size = before.voxels, before.voxels.voxel_size
    down = int(round((voxels.origin[2] - old.origin[2]) / size))
    new = voxels.coords + np.array([*place.corner, down], np.int32)
    inside, outside = place.contains(new[:, 0], new[:, 1]), ~place.contains(old.coords[:, 0], old.coords[:, 1])
    coords = np.concatenate([old.coords[outside], new[inside]])
    class_id = np.concatenate([old.class_id[outside], voxels.class_id[inside]])
    rgb = np.concatenate([old.rgb[outside], voxels.rgb[inside]])
    mean = splats.mean + np.array([place.corner[0] * size, place.corner[1] * size, 0], np.float32)
    kept = ~place.contains(before.splats.mean[:, 0] / size, before.splats.mean[:, 1] / size)
    came = place.contains(mean[:, 0] / size, mean[:, 1] / size)
    moved = replace(splats, mean=mean)
    together = concatenated([before.splats.take(kept), moved.take(came)])
    scene = VoxelScene(coords.astype(np.int32), class_id, rgb, old.origin, size)
    anew = np.zeros(coords[:, :2].max(0) + 1, bool)
    a = place.anew
    anew[a.x0 * CELL:a.x1 * CELL, a.y0 * CELL:a.y1 * CELL] = True
    scene, together = close_seam(scene, together, anew)
    order = np.lexsort((scene.coords[:, 2], scene.coords[:, 1], scene.coords[:, 0]))
    floor = min(int(scene.coords[:, 2].min()), 0)  # what lies deeper than all before moves the origin, not the scene
    return VoxelScene((scene.coords[order] - [0, 0, floor]).astype(np.int32), scene.class_id[order], scene.rgb[order],
                      old.origin + np.array([0, 0, floor * size]), size), together


def _cells(before: Base, sampled: Sampled, place: Place) -> tuple[np.ndarray, np.ndarray]:
    """Cells int16 [P, 3] and latent float16 [P, 32] of the whole place."""
    a, c = place.anew, place.canvas

    def anew(cells: np.ndarray) -> np.ndarray:
        return (cells[:, 0] >= a.x0) & (cells[:, 0] < a.x1) & (cells[:, 1] >= a.y0) & (cells[:, 1] < a.y1)

    new = sampled.cells + [c.x0, c.y0, 0]
    kept, came = ~anew(before.latents.cells), anew(new)
    cells = np.concatenate([before.latents.cells[kept], new[came].astype(np.int16)])
    order = np.lexsort((cells[:, 2], cells[:, 1], cells[:, 0]))
    return cells[order], np.concatenate([before.latents.cell_latent[kept], half(sampled.latent[came])])[order]


def _whole(before: Base, part: Structure, texture: Latents, place: Place) -> tuple[Structure, Latents]:
    """Structure and latents of the whole place; `texture` holds its cells, and the canvas's texture."""
    old = before.structure
    shifted = part.coords + [*place.corner, 0]
    came, kept = place.contains(shifted[:, 0], shifted[:, 1]), ~place.contains(old.coords[:, 0], old.coords[:, 1])
    here, rows = place.here(old.layout.shape[0]), place.rows()
    layout, elevation = old.layout.copy(), old.elevation.copy()
    layout[here][rows], elevation[here][rows] = part.layout[rows], part.elevation[rows]
    structure, order = joined([taken(old, kept), taken(part, came, place.corner)], layout, elevation)
    latent = np.concatenate([before.latents.texture_latent[kept], texture.texture_latent[came]])[order]
    rgb = np.concatenate([before.latents.rgb[kept], texture.rgb[came]])[order]
    return structure, Latents(texture.cells, texture.cell_latent, latent, rgb)
