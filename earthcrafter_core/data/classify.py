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
    return mask & _within(eroded, radius)


def closing(mask: np.ndarray, radius: float) -> np.ndarray:
    """Binary closing by a disc of `radius` cells."""
    return mask | (ndimage.distance_transform_edt(_within(mask, radius)) > radius)


def _within(mask: np.ndarray, distance: float) -> np.ndarray:
    """Cells at most `distance` cells away from the mask."""
    return ndimage.distance_transform_edt(~mask) <= distance if mask.any() else mask.copy()


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


def roughness(p: Planes) -> np.ndarray:
    """Residual in metres of the best plane through the raised surface near each cell, [H, W]; 9 where there is none."""
    _, residual = fit_planes(p.top, (p.top > RAISED) & ~p.empty)
    return ndimage.minimum_filter(np.where(np.isfinite(residual), residual, 9.0), 5)


def buildings(p: Planes, wet: np.ndarray, min_area: int = 20) -> np.ndarray:
    """Cells of buildings, bool [H, W].

    By the file's own codes where it has them; else by planarity (the best plane around a cell), by whether pulses
    went on to the ground (trees let them through) and by colour.

    Args:
        p: the planes. wet: cells of water. min_area: cells of the smallest building.
    """
    raised = (p.top > RAISED) & ~wet
    rough = roughness(p)
    if 6 in p.code:
        vegetation = ndimage.uniform_filter(p.code[5], 3) > 0.25
        rest = raised & ~vegetation & (p.top > 2.6)  # what the file left unclassified: stands, sheds, roofs
        solid = opening(rest & (rough < 0.35), 3.0) | opening(rest & (rough < 0.8), 4.0)
        seed = (p.code[6] > 0.3) | (without_small(solid, 60))
        mask = ndimage.binary_closing(seed, SQUARE3, iterations=2) & (p.top > 1.5)
    else:
        green = ndimage.uniform_filter(greenness(p.rgb), 3)
        through = ndimage.uniform_filter(p.ground, 3)  # share of ground returns around
        several = ndimage.uniform_filter(p.several, 3)
        score = ((0.35 - np.minimum(rough, 1.2)) * 2.2 + (0.12 - np.minimum(through, 0.6)) * 1.5
                 + (0.10 - np.minimum(several, 0.6)) * 1.2 + (0.06 - green) * 2.5)
        likely = raised & (ndimage.uniform_filter(np.where(raised, score, -0.3), 3) > 0)
        mask = opening(ndimage.binary_closing(likely, SQUARE3), 1.5)
        mask = _vote(mask, score, raised)
    mask = ndimage.binary_closing(np.pad(mask, 3), disk(2))[3:-3, 3:-3]
    mask = ndimage.binary_fill_holes(mask) & ((p.top > 1.5) | _small_holes(~mask, 12)) & ~wet
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


def building_kinds(mask: np.ndarray, height: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Building class of each cell from the area, width, height, roof and neighbours of its footprint.

    Args:
        mask: cells of buildings, bool [H, W]. height: metres above ground [H, W].

    Returns:
        class_id: uint8 [H, W], 0 outside buildings.
        labels: int32 [H, W] number of the footprint, 0 outside.
    """
    labels, count = ndimage.label(mask)
    index = np.arange(count + 1)
    area = np.bincount(labels.ravel(), minlength=count + 1)
    planes, _ = fit_planes(height, mask)
    flat = ndimage.mean(np.hypot(planes[..., 0], planes[..., 1]) < 0.12, labels, index)
    width = 2 * ndimage.maximum(ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1], labels, index)
    tall, typical = np.zeros(count + 1), np.zeros(count + 1)
    for k, part in enumerate(ndimage.find_objects(labels), 1):
        tall[k], typical[k] = np.percentile(height[part][labels[part] == k], [90, 50])
    homely = (area > 60) & (area < 480) & (width >= 5.5) & (typical > 2.8) & (tall < 11)
    homes, big = _nearby(labels, homely, 60), _nearby(labels, area >= 1800, 90)
    kind = np.full(count + 1, c.COMMERCIAL, np.uint8)
    kind[(area < 2500) & (typical >= 9)] = c.APARTMENTS
    kind[homely & ((homes >= 3) | (big < 1))] = c.HOUSE
    kind[(area < 800) & (tall < 10) & (homes >= 4)] = c.HOUSE  # adjoining houses of a settlement
    kind[((area >= 12000) & (flat > 0.6)) | ((area >= 1000) & (typical >= 13) & (flat > 0.3) & (tall < 28))] = c.INDUSTRIAL
    kind[(kind == c.APARTMENTS) & (big >= 2) & (homes < 3)] = c.INDUSTRIAL
    kind[(tall >= 28) & (area < 2000)] = c.TOWER
    kind[(area < 45) | (width < 5.5) & (area < 150) | (typical < 3.2) & (area < 400) & (homes < 3)] = c.STRUCTURE
    kind[0] = 0
    return kind[labels], labels.astype(np.int32)


def _nearby(labels: np.ndarray, which: np.ndarray, distance: float) -> np.ndarray:
    """Number of other footprints of those in `which` [B + 1] within a distance in cells of each footprint, [B + 1].

    Distances are between centres, less half the length of the larger footprint.
    """
    out = np.zeros(len(which))
    if not which[1:].any():
        return out
    parts = ndimage.find_objects(labels)
    centre = np.array([[(s.start + s.stop) / 2 for s in part] for part in parts])
    reach = np.array([max(s.stop - s.start for s in part) / 2 for part in parts])
    for k in np.flatnonzero(which[1:]):
        near = np.hypot(*(centre - centre[k]).T) < distance + max(reach[k] - 15, 0)
        near[k] = False
        out[1:] += near
    return out


def water(p: Planes, ground: np.ndarray, min_area: int = 120) -> np.ndarray:
    """Cells of water, bool [H, W]: the file's code 9, and low places where the pulses found nothing.

    Dark roofs swallow pulses too: holes with a raised plane around them are left out.

    Args:
        p: the planes. ground: terrain in metres [H, W]. min_area: cells of the smallest water.
    """
    mask = ndimage.binary_closing(p.code[9] > 0.4, disk(3)) if 9 in p.code else np.zeros(p.top.shape, bool)
    density = ndimage.gaussian_filter((~p.empty).astype(float), 2.0) / max(np.mean(~p.empty[p.surveyed]), 0.1)
    quiet = opening(p.surveyed & (density < 0.55) & ~mask, 1.5)
    roof = (p.top > RAISED) & (roughness(p) < 0.5)
    if 6 in p.code:
        roof |= p.code[6] > 0.3
    labels, _ = ndimage.label(quiet)
    for k, part in enumerate(ndimage.find_objects(labels), 1):
        grown = tuple(slice(max(s.start - 14, 0), s.stop + 14) for s in part)
        own = labels[grown] == k
        if own.sum() < (40 if 9 in p.code else min_area):
            continue
        away = ndimage.distance_transform_edt(~own)
        shore, bank = (away > 0) & (away <= 3), (away > 7) & (away <= 13) & p.surveyed[grown]
        if not bank.any() or (roof[grown][shore].mean() > 0.4 and own.sum() < 5000):
            continue
        level = np.percentile(ground[grown][own | shore], 25)
        if own.sum() >= 5000 or np.percentile(ground[grown][bank], 60) > level + 0.2:
            mask[grown] |= own
    if not p.code:  # surfaces that returned pulses but that no ground filter took, on the level of the water
        unclaimed = (ndimage.uniform_filter(p.ground, 9) < 0.03) & (ndimage.median_filter(p.top, 5) < 0.8) & ~roof
        level = ndimage.minimum_filter(np.where(mask, ground, np.inf), 61)
        unclaimed = opening(unclaimed & (ground < level + 1.5), 3.0)
        labels, _ = ndimage.label(mask | unclaimed)
        mask = np.isin(labels, np.unique(labels[without_small(mask, 2000)])) & (labels > 0) | mask
    mask = ndimage.binary_closing(mask, disk(3))
    return without_small(_fill_small(mask, 150), min_area) & p.surveyed


def _fill_small(mask: np.ndarray, area: int) -> np.ndarray:
    return mask | _small_holes(~mask, area)


def ground_cover(p: Planes, blocked: np.ndarray, wet: np.ndarray, building: np.ndarray,
                 homes: np.ndarray) -> np.ndarray:
    """Class of the ground in every cell, uint8 [H, W]: paved, green or bare by colour, then by shape and size.

    Args:
        p: the planes. blocked: cells whose ground is hidden (trees, buildings): they take the nearest class.
        wet: cells of water. building, homes: cells of buildings and of those that are houses.
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
    cover = _mode(cover, 3, 1)
    paved = without_small(_fill_small(cover == 1, 10), 30)
    bare = without_small(_fill_small((cover == 2) & ~paved, 20), 60)
    out = _green_kinds(p, smooth, green, ~paved & ~bare & ~wet, open_ground, building)
    out[bare] = c.SOIL
    kinds = _paved_kinds(paved, building, homes)
    kinds[driveways(kinds == c.ROAD, bright, homes)] = c.PATH
    out[paved] = kinds[paved]
    out[pools(p, homes, blocked)] = c.POOL
    out[wet] = c.WATER
    return out


def _mode(labels: np.ndarray, count: int, radius: int) -> np.ndarray:
    """Most frequent label 1..count in the window around each cell."""
    votes = np.stack([box(labels == k, radius) for k in range(1, count + 1)], 0)
    return votes.argmax(0) + 1


def _paved_kinds(paved: np.ndarray, built: np.ndarray, homes: np.ndarray) -> np.ndarray:
    """Road, path or parking for paved cells, uint8 [H, W].

    Compact blobs are parking (trees and islands in them belong to them, away from houses), narrow strips paths, the rest roads.
    """
    lot = closing(paved, 5.0)
    lot = (lot | _fill_small(lot, 350)) & ~built & ~_within(homes, 16.0) | paved
    core = opening(lot, 9.5)
    large = opening(lot, 19.0)
    large = _within(large, 9.0) & core
    labels, count = ndimage.label(core & ~large)
    index = np.arange(count + 1)
    area = np.bincount(labels.ravel(), minlength=count + 1)
    radius = ndimage.maximum(ndimage.distance_transform_edt(np.pad(core, 1))[1:-1, 1:-1], labels, index)
    compact = (area >= 650) & (area < 14 * np.maximum(radius, 1) ** 2)
    compact[0] = False
    wide = _within(compact[labels] | large, 5.0)
    wide &= paved
    wide |= paved & ~opening(paved & ~wide, 2.6) & _within(wide, 6.0)
    strip = paved & ~wide
    carriage = without_small(_within(opening(strip, 2.9), 1.0) & strip, 150)
    lane = strip & ~carriage  # lanes are long, driveways are not
    carriage |= without_small(opening(lane, 1.6), 220)
    carriage = _within(carriage, 1.5) & strip
    return np.where(wide, c.PARKING, np.where(carriage, c.ROAD, c.PATH)).astype(np.uint8)


def driveways(road: np.ndarray, bright: np.ndarray, homes: np.ndarray) -> np.ndarray:
    """Cells taken for road that are paler than the road around them and close to a house, bool [H, W].

    Driveways and front walks are concrete beside asphalt; where the road is as pale as they are nothing tells them apart.

    Args:
        road: bool [H, W]. bright: mean colour [H, W], 0..255. homes: cells of houses.
    """
    if not road.any() or not homes.any():
        return np.zeros_like(road)
    core = opening(road, 2.9) & ~_within(homes, 9.0)  # the middle of streets
    weight = ndimage.gaussian_filter(core.astype(float), 25)
    asphalt = ndimage.gaussian_filter(np.where(core, bright, 0.0), 25) / np.maximum(weight, 1e-9)
    pale = ndimage.uniform_filter(bright, 3) > 1.09 * asphalt
    near = road & _within(homes, 22.0)
    pale &= near & (weight > 1e-3)
    pale = without_small(opening(pale, 1.0), 12)
    street = without_small(opening(road & ~pale, 1.5), 150)
    return pale | (near & ~_within(street, 1.5))  # what is left of a driveway's shaded rim


def pools(p: Planes, homes: np.ndarray, blocked: np.ndarray) -> np.ndarray:
    """Swimming pools, bool [H, W]: small flat patches of bright cyan in the gardens of houses."""
    red, _, blue = (ndimage.uniform_filter(p.rgb[..., k], 2) for k in range(3))
    cyan = (blue > red + 28) & (blue > 95) & (p.top < 1.5) & ~blocked & p.surveyed
    cyan = ndimage.binary_closing(cyan, SQUARE3) & _within(homes, 30.0)
    return without_small(cyan, 8) & ~without_small(cyan, 260)


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
