"""What stands on the ground, told from LiDAR rasters: buildings and trees, kinds of buildings, ground cover.

All planes have row 0 in the north and cells of about 1 m.
"""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from ..scene import classes as c

RAISED = 2.2  # metres above ground from which something can be a building or a tree
SQUARE3 = np.ones((3, 3), bool)


@dataclass
class Planes:
    """Rasters of one place, each [H, W] (float64 or bool).

    Attributes:
        top: height above ground of the highest first return, metres, holes filled.
        empty: no first return in the cell.
        ground: share of ground returns among all returns of the cell.
        several: share of the first returns that had further returns.
        rgb: float64 [H, W, 3], 0..255, holes filled, colour-balanced.
        surveyed: inside the footprint of the survey.
        code: dict of ASPRS code -> share of the first returns with that code, for codes 5, 6, 9 and 17 where the
            file's classes can be trusted for them.
    """

    top: np.ndarray
    empty: np.ndarray
    ground: np.ndarray
    several: np.ndarray
    rgb: np.ndarray
    surveyed: np.ndarray
    code: dict[int, np.ndarray]


def disk(radius: int) -> np.ndarray:
    """Round structuring element, bool [2 r + 1, 2 r + 1]."""
    y, x = np.mgrid[-radius:radius + 1, -radius:radius + 1]
    return x * x + y * y <= radius * radius + 1


def opening(mask: np.ndarray, radius: float) -> np.ndarray:
    """Binary opening by a disc of `radius` cells; by distance transforms, so that the radius costs nothing."""
    eroded = ndimage.distance_transform_edt(np.pad(mask, 1, mode="edge"))[1:-1, 1:-1] > radius
    return mask & (ndimage.distance_transform_edt(~eroded) <= radius) if eroded.any() else np.zeros_like(mask)


def without_small(mask: np.ndarray, area: int) -> np.ndarray:
    """The mask without its connected parts of fewer than `area` cells."""
    labels, count = ndimage.label(mask)
    return (np.bincount(labels.ravel(), minlength=count + 1) >= area)[labels] & mask


def box(values: np.ndarray, radius: int) -> np.ndarray:
    """Sum over the (2 r + 1)^2 window around each cell, zeros outside; float64."""
    size = 2 * radius + 1
    return ndimage.uniform_filter(values.astype(np.float64), size, mode="constant") * size * size


def fit_planes(height: np.ndarray, mask: np.ndarray, radius: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """Least-squares plane through the masked heights of the window around each cell.

    Returns:
        planes: float64 [H, W, 3]: a, b, c of c + a * (col - centre col) + b * (row - centre row).
        residual: float64 [H, W] root mean square residual, inf where fewer than six cells are masked.
    """
    m = mask.astype(np.float64)
    base = height[mask].mean() if mask.any() else 0.0
    z = np.where(mask, height - base, 0.0)
    row, col = np.indices(height.shape).astype(np.float64)
    n = np.maximum(box(m, radius), 1e-9)
    mean = {k: box(v * m, radius) / n for k, v in {"z": z, "x": col, "y": row}.items()}
    x, y = mean["x"] - col, mean["y"] - row  # mean position in the window, about its centre
    pair = {"xx": col * col, "xy": col * row, "yy": row * row, "xz": col * z, "yz": row * z, "zz": z * z}
    cov = {k: box(v * m, radius) / n - mean[k[0]] * mean[k[1]] for k, v in pair.items()}
    det = cov["xx"] * cov["yy"] - cov["xy"] ** 2
    good = (n >= 6) & (det > 1e-3)
    det = np.where(good, det, 1.0)
    a = (cov["xz"] * cov["yy"] - cov["yz"] * cov["xy"]) / det
    b = (cov["yz"] * cov["xx"] - cov["xz"] * cov["xy"]) / det
    level = mean["z"] - a * x - b * y + base
    residual = np.sqrt(np.maximum(cov["zz"] - a * cov["xz"] - b * cov["yz"], 0))
    return np.stack([a, b, level], 2), np.where(good, residual, np.inf)


def smooth_planar(height: np.ndarray, mask: np.ndarray, radius: int = 2, rounds: int = 2) -> np.ndarray:
    """Roof heights [H, W] smoothed in the mask: each cell takes the best-fitting of the planes of nearby windows.

    Ridges, eaves and steps between roofs stay sharp, since a window across an edge fits badly.
    """
    out = height
    for _ in range(rounds):
        planes, residual = fit_planes(out, mask, radius)
        best, value = np.full(out.shape, np.inf), out.copy()
        for dr in range(-radius, radius + 1):
            for dc in range(-radius, radius + 1):
                r = _shift(residual, dr, dc, np.inf) + 0.02 * (abs(dr) + abs(dc))
                p = _shift(planes, dr, dc, 0.0)  # the plane of the window centred at (row + dr, col + dc)
                better = mask & (r < best)
                best[better] = r[better]
                value[better] = (p[..., 2] - dc * p[..., 0] - dr * p[..., 1])[better]
        ok = mask & (np.abs(value - out) < 3.0)
        out = np.where(ok, value, out)
    return out


def _shift(a: np.ndarray, dr: int, dc: int, fill: float) -> np.ndarray:
    """out[r, c] = a[r + dr, c + dc], `fill` outside."""
    out = np.full_like(a, fill)
    h, w = a.shape[:2]
    out[max(-dr, 0):h - max(dr, 0), max(-dc, 0):w - max(dc, 0)] = \
        a[max(dr, 0):h - max(-dr, 0), max(dc, 0):w - max(-dc, 0)]
    return out


def greenness(rgb: np.ndarray) -> np.ndarray:
    """Excess green (2 g - r - b) / (r + g + b) of colours [..., 3], float64 [...]."""
    return (2 * rgb[..., 1] - rgb[..., 0] - rgb[..., 2]) / np.maximum(rgb.sum(-1), 1)


def buildings(p: Planes, min_area: int = 20) -> np.ndarray:
    """Cells of buildings, bool [H, W].

    By the file's own code 6 where it has one; else by planarity (the best plane around a cell), by whether pulses
    went on to the ground (trees let them through) and by colour.
    """
    raised = p.top > RAISED
    _, residual = fit_planes(p.top, raised & ~p.empty)
    rough = ndimage.minimum_filter(np.where(np.isfinite(residual), residual, 9.0), 5)
    if 6 in p.code:
        vegetation = ndimage.uniform_filter(p.code[5], 3) > 0.4
        solid = (rough < 0.35) & ~vegetation & raised  # roofs that the file left unclassified, a stadium's stands
        seed = (p.code[6] > 0.3) | (opening(solid, 3.0) & without_small(solid, 300))
        mask = ndimage.binary_closing(seed, SQUARE3, iterations=2) & (p.top > 1.5)
    else:
        green = ndimage.uniform_filter(greenness(p.rgb), 3)
        through = ndimage.uniform_filter(p.ground, 3)  # share of ground returns around
        several = ndimage.uniform_filter(p.several, 3)
        score = ((0.35 - np.minimum(rough, 1.2)) * 2.2 + (0.12 - np.minimum(through, 0.6)) * 1.5
                 + (0.10 - np.minimum(several, 0.6)) * 1.2 + (0.06 - green) * 2.5)
        likely = raised & (ndimage.uniform_filter(np.where(raised, score, -0.3), 3) > 0)
        mask = opening(ndimage.binary_closing(likely, SQUARE3), 1.5)
        mask = _vote(mask, np.where(np.isfinite(score), score, -1), raised)
    mask = ndimage.binary_closing(np.pad(mask, 3), disk(2))[3:-3, 3:-3]
    mask = ndimage.binary_fill_holes(mask) & ((p.top > 1.5) | _small_holes(~mask, 12))
    mask = opening(ndimage.median_filter(mask, 3), 1.0)
    return without_small(mask, min_area)


def _vote(mask: np.ndarray, score: np.ndarray, raised: np.ndarray) -> np.ndarray:
    """Whole components by their mean score, grown into the raised cells that adjoin their edges."""
    labels, count = ndimage.label(mask)
    mean = ndimage.mean(score, labels, np.arange(count + 1))
    mean[0] = -1
    kept = (mean > 0.08)[labels]
    return kept | (ndimage.binary_dilation(kept, SQUARE3) & raised & (score > -0.45))


def _small_holes(mask: np.ndarray, area: int) -> np.ndarray:
    return mask & ~without_small(mask, area)


def building_kinds(mask: np.ndarray, height: np.ndarray, rgb: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Building class of each cell from its footprint's area, height and roof.

    Returns:
        class_id: uint8 [H, W], 0 outside buildings.
        labels: int32 [H, W] number of the footprint, 0 outside.
    """
    labels, count = ndimage.label(mask, SQUARE3)
    index = np.arange(count + 1)
    area = np.bincount(labels.ravel(), minlength=count + 1)
    tall = np.zeros(count + 1)
    typical = np.zeros(count + 1)
    extent = np.ones(count + 1)
    for k, part in enumerate(ndimage.find_objects(labels), 1):
        inside = labels[part] == k
        tall[k], typical[k] = np.percentile(height[part][inside], [90, 50])
        extent[k] = area[k] / inside.size
    near = _neighbours(labels, area, index)
    kind = np.full(count + 1, c.COMMERCIAL, np.uint8)
    kind[(area < 2500) & (typical >= 9)] = c.APARTMENTS
    kind[(area < 480) & (tall < 11)] = c.HOUSE
    kind[(area < 800) & (tall < 10) & (near >= 4)] = c.HOUSE  # adjoining houses of a settlement
    kind[(area >= 12000) | ((area >= 1200) & (typical >= 14))] = c.INDUSTRIAL
    kind[(tall >= 28) & (area < 3000)] = c.TOWER
    kind[(area < 45) | ((tall < 3.2) & (area < 400))] = c.STRUCTURE
    kind[0] = 0
    return kind[labels], labels.astype(np.int32)


def _neighbours(labels: np.ndarray, area: np.ndarray, index: np.ndarray) -> np.ndarray:
    """Number of house-sized footprints within 60 cells of each footprint, [count + 1]."""
    if len(index) < 3:
        return np.zeros(len(index))
    from scipy.spatial import cKDTree

    centres = np.array(ndimage.center_of_mass(labels > 0, labels, index[1:]))
    homes = (area[1:] > 60) & (area[1:] < 400)
    if not homes.any():
        return np.zeros(len(index))
    found = cKDTree(centres[homes]).query_ball_point(centres, 60, return_length=True)
    return np.concatenate([[0], found - homes])


def water(p: Planes, ground: np.ndarray, building: np.ndarray, min_area: int = 120) -> np.ndarray:
    """Cells of water, bool [H, W]: the file's code 9, or flat, low places where the pulses found nothing.

    Args:
        p: the planes. ground: terrain in metres [H, W]. building: cells of buildings.
    """
    if 9 in p.code:
        wet = p.code[9] > 0.4
        mask = ndimage.binary_closing(wet, disk(3))
        # narrow reaches that reflected nothing: empty cells beside code 9, no higher than its surroundings
        quiet = opening(p.empty & p.surveyed & ~building & (p.top < 1.0), 1.5)
    else:
        mask = np.zeros(p.top.shape, bool)
        density = ndimage.gaussian_filter((~p.empty).astype(float), 2.0)
        quiet = opening(p.surveyed & ~building & (density < 0.45) & (p.top < 1.5), 2.0)
    labels, count = ndimage.label(quiet)
    for k, part in enumerate(ndimage.find_objects(labels), 1):
        grown = tuple(slice(max(s.start - 8, 0), s.stop + 8) for s in part)
        own = labels[grown] == k
        if own.sum() < min_area and not (9 in p.code and own.sum() >= 40):
            continue
        ring = ndimage.binary_dilation(own, SQUARE3, iterations=6) & ~ndimage.binary_dilation(own, SQUARE3, iterations=3)
        ring &= p.surveyed[grown]
        if ring.any() and np.median(p.top[grown][ring]) < 12 \
                and np.percentile(ground[grown][ring], 60) > np.median(ground[grown][own]) + 0.15:
            mask[grown] |= own
    mask = ndimage.binary_closing(mask, disk(2)) & ~building
    return without_small(_fill_small(mask, 60), min_area) & p.surveyed


def _fill_small(mask: np.ndarray, area: int) -> np.ndarray:
    return mask | _small_holes(~mask, area)


def ground_cover(p: Planes, blocked: np.ndarray, wet: np.ndarray, building: np.ndarray) -> np.ndarray:
    """Class of the ground in every cell, uint8 [H, W]: paved, green or bare by colour, then by shape and size.

    Args:
        p: the planes. blocked: cells whose ground is hidden (trees, buildings): they take the nearest class.
        wet: cells of water. building: cells of buildings.
    """
    smooth = np.stack([ndimage.median_filter(p.rgb[..., k], 3) for k in range(3)], 2)
    bright = smooth.mean(2)
    green = greenness(smooth)
    warm = (smooth[..., 0] - smooth[..., 2]) / np.maximum(smooth.sum(2), 1)
    shade = bright < 48
    open_ground = ~blocked & ~wet & p.surveyed
    known = open_ground & ~shade
    grey = (green < 0.045) & (np.abs(warm) < 0.075) & (bright > 52)
    brown = (green < 0.05) & (warm >= 0.075) & (bright > 60)
    cover = np.where(grey, 1, np.where(brown, 2, 3))  # 1 paved, 2 bare, 3 green
    nearest = ndimage.distance_transform_edt(~known, return_distances=False, return_indices=True) \
        if known.any() else np.indices(known.shape)
    cover = cover[tuple(nearest)]
    cover = _mode(cover, 3, 2)
    paved = without_small(_fill_small(cover == 1, 10), 30)
    bare = without_small(_fill_small((cover == 2) & ~paved, 20), 60)
    out = _green_kinds(p, smooth, green, ~paved & ~bare & ~wet, open_ground, building)
    out[bare] = c.SOIL
    out[paved] = _paved_kinds(paved, open_ground)[paved]
    out[wet] = c.WATER
    return out


def _mode(labels: np.ndarray, count: int, radius: int) -> np.ndarray:
    """Most frequent label 1..count in the window around each cell."""
    votes = np.stack([box(labels == k, radius) for k in range(1, count + 1)], 0)
    return votes.argmax(0) + 1


def _paved_kinds(paved: np.ndarray, open_ground: np.ndarray) -> np.ndarray:
    """Road, path or parking for paved cells [H, W]: wide blobs are parking, narrow strips paths, the rest roads."""
    wide = opening(paved, 8.0)
    wide = without_small(wide, 500)
    wide = ndimage.binary_dilation(wide, disk(2), iterations=2) & paved
    strip = paved & ~wide
    carriage = opening(strip, 2.2)
    carriage = without_small(carriage, 250)
    carriage = ndimage.binary_dilation(carriage, disk(1)) & strip
    out = np.where(carriage, c.ROAD, np.where(wide, c.PARKING, c.PATH)).astype(np.uint8)
    scraps = strip & ~carriage & ndimage.binary_dilation(wide, disk(3)) & open_ground
    out[scraps & ~opening(strip, 1.2)] = c.PARKING
    return out


def _green_kinds(p: Planes, rgb: np.ndarray, green: np.ndarray, mask: np.ndarray, open_ground: np.ndarray,
                 building: np.ndarray) -> np.ndarray:
    """Lawn, meadow or cropland for every cell (used where `mask`), uint8 [H, W]."""
    bright = rgb.mean(2)
    mean = ndimage.uniform_filter(bright, 9)
    texture = np.sqrt(np.maximum(ndimage.uniform_filter(bright ** 2, 9) - mean ** 2, 0))
    relief = np.abs(np.clip(p.top, 0, 2))
    rough = ndimage.uniform_filter(np.where(open_ground, relief, 0), 9)
    to_building = ndimage.distance_transform_edt(~building) if building.any() else np.full(mask.shape, 1e3)
    tended = (to_building < 35) | ((texture < 7) & (rough < 0.15) & (green > 0.08) & (to_building < 120))
    tended = ndimage.uniform_filter(tended.astype(float), 9) > 0.5
    out = np.where(tended, c.LAWN, c.MEADOW).astype(np.uint8)
    field = opening(mask & open_ground & (texture < 11) & (rough < 0.15) & (to_building > 50), 18)
    out[without_small(field, 8000) & (ndimage.uniform_filter(green, 25) < 0.10)] = c.CROPLAND
    return out
