"""LiDAR points -> training scene: rasters, ground, classes, shell, colours. Also LiDAR -> layout."""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import ndimage
from scipy.spatial import ConvexHull

from ..errors import BadInput
from ..scene import classes as c
from ..scene.layout import Layout
from ..scene.made_layout import MadeLayout
from ..scene.voxels import tangent_frame
from . import classify
from .classify import Planes
from .ground import COARSE, Frame, drape, fill, raster_extreme, raster_sum, relief, terrain
from .lidar import Points, read_place, read_points
from .shell import Shell, Surfaces, build_shell
from .tone import harmonise
from .training_scene import SUBSAMPLES, TrainingScene

GROUND_CODES, OVERHEAD_CODES = (2, 9), (15, 19)
TALL = 2.4  # metres from which vegetation is a tree
FINE = 2  # colour cells along one side of a cell
MIN_HOLE = 96  # side in cells of an empty square that counts as missing data
_WATER_RGB = np.array([52.0, 66.0, 62.0])


@dataclass
class Survey:
    """Rasters of a LiDAR file.

    Attributes:
        frame: place and cell size.
        terrain: float64 [H, W] elevation of the ground, metres.
        planes: what the classifier reads; `planes.top` is the height above the terrain.
        fine_rgb: float32 [2 H, 2 W, 3] colours 0..255, holes filled.
        bridge: bool [H, W] decks that the file marks.
    """

    frame: Frame
    terrain: np.ndarray
    planes: Planes
    fine_rgb: np.ndarray
    bridge: np.ndarray


def survey(points: Points, cell: float = 1.0) -> Survey:
    """Rasters of a file's points at `cell` metres.

    Raises:
        BadInput: fewer than 8 x 8 cells, or no ground returns.
    """
    extent = np.ptp(points.xyz[:, :2], axis=0)
    if extent.min() < COARSE * cell * 0.99:
        raise BadInput(f"The LiDAR file covers {extent[0]:.1f} x {extent[1]:.1f} m.",
                       f"Give one of at least {COARSE * cell:g} m a side.")
    frame = Frame.around(points.xyz, cell)
    on_ground = np.isin(points.classification, GROUND_CODES)
    if not on_ground.any():
        raise BadInput("The LiDAR file has no ground returns (class 2).", "Classify its ground first.")
    bare, _ = terrain(frame, points.xyz[on_ground])
    cells = frame.cells(points.xyz)
    returns = raster_sum(frame, cells)
    ground = raster_sum(frame, np.where(points.classification == 2, cells, -1)) / np.maximum(returns, 1)
    first = points.select(points.first() & ~np.isin(points.classification, OVERHEAD_CODES))
    cells = frame.cells(first.xyz)
    count = raster_sum(frame, cells)
    empty = count == 0
    top = raster_extreme(frame, cells, first.xyz[:, 2], np.maximum) - bare
    top = fill(np.nan_to_num(top), ~empty)
    several = raster_sum(frame, cells, first.number_of_returns > 1) / np.maximum(count, 1)
    trusted = (5, 6, 9, 17) if (first.classification == 6).any() else (9,) if (first.classification == 9).any() else ()
    code = {k: raster_sum(frame, np.where(first.classification == k, cells, -1)) / np.maximum(count, 1)
            for k in trusted}
    fine = _fine_colour(frame, first)
    rgb = fine.reshape(frame.rows, FINE, frame.cols, FINE, 3).mean((1, 3), dtype=np.float64)
    inside = _covered(frame, first.xyz, empty)
    bridge = code[17] > 0.5 if 17 in code else np.zeros(frame.shape, bool)
    return Survey(frame, bare, Planes(top, empty, ground, several, rgb, inside, code), fine, bridge)


def _fine_colour(frame: Frame, first: Points) -> np.ndarray:
    """Balanced colours at half a cell, float32 [2 H, 2 W, 3], grey where the file has none."""
    fine = frame.finer(FINE)
    if first.rgb is None:
        return np.full((*fine.shape, 3), 128, np.float32)
    cells = fine.cells(first.xyz)
    count = raster_sum(fine, cells)
    colours = balance(first.rgb)
    total = np.stack([raster_sum(fine, cells, colours[:, k]) for k in range(3)], 2)
    filled = fill(total / np.maximum(count, 1)[..., None], count > 0)
    return np.stack([ndimage.median_filter(filled[..., k].astype(np.float32), 3) for k in range(3)], 2)


def balance(rgb: np.ndarray) -> np.ndarray:
    """Colours [N, 3] uint8 without the haze of aerial images: darkest and brightest parts become neutral; float64."""
    low, high = np.percentile(rgb[::max(1, len(rgb) // 500_000)], [0.7, 99.3], axis=0)
    gain = np.clip((236 - 20) / np.maximum(high - low, 1), 0.9, 1.8)
    return np.clip((rgb - low) * gain + 20, 0, 255)


def _covered(frame: Frame, xyz: np.ndarray, empty: np.ndarray) -> np.ndarray:
    """Cells inside the survey's footprint, bool [H, W]: in the convex hull and not in a large empty square."""
    corners = xyz[ConvexHull(xyz[::max(1, len(xyz) // 2_000_000), :2]).vertices * max(1, len(xyz) // 2_000_000), :2]
    east = frame.west + (np.arange(frame.cols) + 0.5) * frame.cell
    north = frame.north - (np.arange(frame.rows) + 0.5) * frame.cell
    inside = np.ones(frame.shape, bool)
    for a, b in zip(corners, np.roll(corners, -1, 0), strict=True):  # counter-clockwise
        cross = (b[0] - a[0]) * (north - a[1])[:, None] - (b[1] - a[1]) * (east - a[0])[None]
        inside &= cross >= -1.5 * frame.cell * np.hypot(*(b - a))
    size = min(MIN_HOLE, *frame.shape)
    hole = empty & ndimage.uniform_filter(empty.astype(np.float32), 3).__gt__(0.5)
    square = ndimage.minimum_filter(hole.astype(np.uint8), size, mode="constant", cval=1)
    hole = ndimage.maximum_filter(square, size + 2, origin=0 if size % 2 else -1) > 0
    return inside & ~hole


def interpret(s: Survey) -> tuple[Surfaces, np.ndarray]:
    """Classes and heights of a survey; also the elevation plane [H/8, W/8] float32 that heights refer to."""
    p = s.planes
    wet = classify.water(p, s.terrain)
    building = classify.buildings(p, wet) & p.surveyed & ~s.bridge
    tree, shrub, canopy = vegetation(p, building | s.bridge, wet)
    bare = level_water(s.terrain, wet)
    elevation = relief(bare, wet)
    ground = np.clip(bare - drape(elevation), -5.0, 2.0)
    kinds, footprint = classify.building_kinds(building, p.top)
    cover = classify.ground_cover(p, building | tree | shrub | s.bridge, wet, building, kinds == c.HOUSE)
    roof = roofs(p.top + s.terrain, footprint, s.terrain)
    layout = cover.copy()
    layout[shrub] = c.SHRUB
    layout[tree] = c.BROADLEAF
    layout[s.bridge] = c.BRIDGE
    layout[building] = kinds[building]
    layout[~p.surveyed] = c.UNPAINTED
    top = np.where(tree | shrub, ground + canopy, ground)
    deck = smooth_deck(p.top + s.terrain, s.bridge) - drape(elevation)
    top = np.where(s.bridge, np.maximum(deck, ground), top)
    top = np.where(building, roof, top)
    return Surfaces(layout, cover, ground, top, np.where(building, footprint, 0)), elevation


def vegetation(p: Planes, built: np.ndarray, wet: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Trees and shrubs (bool [H, W] each) and the canopy's height above the ground in metres [H, W].

    Wires, poles and cars go: what is thin, and what is low and not green.
    """
    calm = wet & (ndimage.uniform_filter(p.empty.astype(float), 3) > 0.6)
    height = np.where(built | ~p.surveyed | calm, 0.0, np.clip(p.top, 0, 70))
    thick = ndimage.grey_opening(height, (2, 2))
    thick = ndimage.grey_dilation(thick, (3, 3))
    height = np.minimum(height, thick + 1.0)
    crown = ndimage.median_filter(ndimage.grey_closing(height, (3, 3)), 3)
    canopy = np.where(built, 0.0, ndimage.gaussian_filter(crown, 0.6))
    tree = (canopy > TALL) & ~built & p.surveyed
    tree = classify.without_small(ndimage.binary_opening(tree, np.ones((2, 2))), 6)
    green = classify.greenness(p.rgb)
    shrub = (canopy > 0.7) & ~tree & ~built & ~wet & p.surveyed & (green > 0.03)
    shrub = classify.without_small(ndimage.binary_opening(shrub, np.ones((2, 2))), 6)
    return tree, shrub, canopy


def level_water(ground: np.ndarray, wet: np.ndarray) -> np.ndarray:
    """Terrain [H, W] in which still water lies flat and a river falls smoothly: the lowest shore within 20 m, smoothed."""
    if not wet.any():
        return ground
    shore = ndimage.binary_dilation(wet, classify.SQUARE3, iterations=3)
    low = np.where(shore, ndimage.uniform_filter(ground, 3), np.inf)
    low = ndimage.minimum_filter(low, 41)
    low = np.where(np.isfinite(low), low, ground)
    weight = ndimage.gaussian_filter(wet.astype(float), 12)
    smooth = ndimage.gaussian_filter(np.where(wet, low - low.min(), 0.0), 12) / np.maximum(weight, 1e-6) + low.min()
    return np.where(wet, np.minimum(smooth, ground + 1.0), ground)


def roofs(surface: np.ndarray, footprint: np.ndarray, ground: np.ndarray) -> np.ndarray:
    """Roof heights [H, W] above each building's own level (the median ground under it), 0 outside buildings."""
    house = footprint > 0
    if not house.any():
        return np.zeros(surface.shape)
    index = np.arange(footprint.max() + 1)
    level = np.zeros(len(index))
    level[1:] = ndimage.median(ground, footprint, index[1:])
    height = surface - level[footprint]
    nearest = ndimage.distance_transform_edt(~house, return_distances=False, return_indices=True)
    core = ndimage.median_filter(np.where(house, height, height[tuple(nearest)]), 3)  # spikes, gutters, stray returns
    rim = house & ~ndimage.binary_erosion(house, classify.SQUARE3)
    typical = np.zeros(len(index))
    typical[1:] = ndimage.median(core, footprint, index[1:])
    good = house & ~(rim & (core < 0.6 * typical[footprint])) & (core > 1.8)
    core = fill(core, good) if good.any() else core
    return np.where(house, np.maximum(classify.smooth_planar(core, house), 2.0), 0.0)


def smooth_deck(surface: np.ndarray, bridge: np.ndarray) -> np.ndarray:
    """Bridge decks [H, W] without railings and cars: the median along the deck."""
    if not bridge.any():
        return surface
    nearest = ndimage.distance_transform_edt(~bridge, return_distances=False, return_indices=True)
    return ndimage.gaussian_filter(ndimage.median_filter(surface[tuple(nearest)], 7), 2)


def scene_from_lidar(points: Points, voxel_size: float = 1.0, meta: dict | None = None) -> TrainingScene:
    """The training scene of a whole LiDAR file.

    Cells outside the survey (holes of 96 m and more, beyond its edge) have layout 0 and no voxels; `Dataset` never
    crops them. Smaller holes are filled.

    Args:
        points: what `read_points` gave.
        voxel_size: metres.
        meta: the scene's meta data.

    Raises:
        BadInput: no ground returns, or too small.
    """
    s = survey(points, voxel_size)
    surfaces, elevation = interpret(s)
    shell = build_shell(surfaces, voxel_size)
    rgb = _voxel_colours(shell, surfaces, s)
    rows = surfaces.layout.shape[0]
    coords = np.stack([shell.col, rows - 1 - shell.row, shell.z], 1).astype(np.int16)
    order = np.lexsort((coords[:, 2], coords[:, 1], coords[:, 0]))
    covered = (surfaces.top > surfaces.ground + 0.5 * voxel_size)[shell.row, shell.col]
    seen = ~shell.side & ((shell.depth <= voxel_size) | ~covered)
    return TrainingScene(
        coords[order], shell.class_id[order], np.round(shell.normal[order] * 127).astype(np.int8),
        np.round(shell.offset[order] * 100).astype(np.int8), rgb[order], seen[order], surfaces.layout,
        surfaces.top.astype(np.float16), elevation, voxel_size, dict(meta or {}))


def _voxel_colours(shell: Shell, surfaces: Surfaces, s: Survey) -> np.ndarray:
    """Colours at the four sub-samples of each voxel, uint8 [N, 4, 3]."""
    fine = s.fine_rgb.astype(np.float64)
    wet = np.repeat(np.repeat(surfaces.cover == c.WATER, FINE, 0), FINE, 1)
    fine = _water_colour(fine, wet, np.repeat(np.repeat(s.planes.empty, FINE, 0), FINE, 1))
    fine = harmonise(fine, surfaces.layout)
    canopy = np.concatenate([fine, _canopy_colour(fine, c.is_in(surfaces.layout, c.TREE_IDS))])  # [4 H, 2 W, 3]
    crown = c.is_in(shell.class_id, c.TREE_IDS) * fine.shape[0]  # first row to read from
    u, v = tangent_frame(shell.normal)
    out = np.empty((len(shell.z), 4, 3), np.uint8)
    shade = np.where(shell.side, np.maximum(1 - 0.04 * shell.depth, 0.6), 1.0)[:, None]
    for k, (du, dv) in enumerate(SUBSAMPLES):
        east = shell.col + 0.5 + shell.offset[:, 0] * 0.8 + du * u[:, 0] + dv * v[:, 0]
        south = shell.row + 0.5 - shell.offset[:, 1] * 0.8 - du * u[:, 1] - dv * v[:, 1]
        r = np.clip(np.floor(south * FINE).astype(int), 0, fine.shape[0] - 1)
        q = np.clip(np.floor(east * FINE).astype(int), 0, fine.shape[1] - 1)
        out[:, k] = np.clip(canopy[r + crown, q] * shade + 0.5, 0, 255)
    wall = shell.side & (surfaces.footprint[shell.row, shell.col] > 0)
    out[wall] = _wall_colours(fine, surfaces.footprint)[surfaces.footprint[shell.row, shell.col][wall]][:, None]
    return out


def _water_colour(fine: np.ndarray, wet: np.ndarray, empty: np.ndarray) -> np.ndarray:
    """Colours in which water without returns takes the typical colour of the water with returns."""
    known = wet & ~empty
    calm = ndimage.binary_erosion(known, iterations=2)
    tone = np.median(fine[calm], 0) if calm.sum() > 500 else _WATER_RGB
    hole = wet & (ndimage.gaussian_filter(known.astype(float), 3) < 0.3)
    soft = ndimage.gaussian_filter(hole.astype(float), 2)[..., None] * wet[..., None]
    return fine * (1 - soft) + tone * soft


def _canopy_colour(fine: np.ndarray, tree: np.ndarray) -> np.ndarray:
    """Colours of the crowns [2 H, 2 W, 3]: where the image shows the ground beside a leaning tree, those nearby."""
    own = np.repeat(np.repeat(tree, FINE, 0), FINE, 1)
    own &= (classify.greenness(fine) > 0.02) | (fine.mean(2) < 60)
    return fill(fine, own) if own.any() else fine


def _wall_colours(fine: np.ndarray, footprint: np.ndarray) -> np.ndarray:
    """Plausible wall colour of each building, uint8 [B + 1, 3]: light plaster tinted by its roof."""
    labels = np.repeat(np.repeat(footprint, FINE, 0), FINE, 1)
    index = np.arange(footprint.max() + 1)
    roof = np.stack([ndimage.mean(fine[..., k], labels, index) for k in range(3)], 1)
    tone = np.random.default_rng(7).uniform(120, 190, len(index))[:, None] * np.array([1.04, 1.0, 0.93])
    return np.clip(0.35 * roof + 0.6 * tone, 0, 255).astype(np.uint8)


def made_from_lidar(path: Path | str, cell_size: float = 1.0, step: Callable[[float], None] | None = None) -> MadeLayout:
    """The layout of a real place: classes, heights of what stands there and elevation, with its place on Earth.

    Holes of the survey stay unpainted, with an unknown height.

    Args:
        path: .las or .laz.
        cell_size: metres.
        step: told the share done between two stages; may raise Cancelled.

    Raises:
        BadInput: the file cannot be read, has no ground returns or is too small.
    """
    path = Path(path)
    tell = step or (lambda fraction: None)
    points = read_points(path)
    tell(0.4)
    place = read_place(path)
    s = survey(points, cell_size)
    tell(0.7)
    surfaces, elevation = interpret(s)
    height = np.where(surfaces.layout > 0, surfaces.top, np.nan)
    south = s.frame.north - s.frame.rows * s.frame.cell
    origin = (s.frame.west / place.unit, south / place.unit) if place.crs else None
    layout = Layout(surfaces.layout, cell_size, height, drape(elevation) + np.nan_to_num(surfaces.ground), place.crs, origin)
    return MadeLayout(layout, path.stem, _losses(points, layout), f"lidar {path.name}")


def _losses(points: Points, layout: Layout) -> list[str]:
    """What a survey does not tell, one sentence each."""
    report = []
    holes = float((layout.class_id == 0).mean())
    if holes > 0:
        report.append(f"{int((layout.class_id == 0).sum())} cells ({100 * holes:.1f} %) have no returns and stay unpainted.")
    vague = float(np.isin(points.classification, (0, 1, 12)).mean())
    if vague > 0.01:
        report.append(f"{100 * vague:.0f} % of the points are not classified; trees and buildings among them were told apart "
                      "by their form.")
    if points.rgb is None:
        report.append("The points have no colours: roads, paths and kinds of grass could not be told apart by them.")
    return report


def layout_from_lidar(path: Path | str, cell_size: float = 1.0) -> Layout:
    """The layout alone of `made_from_lidar`."""
    return made_from_lidar(path, cell_size).layout
