"""Trees, woods, fields, orchards, sports fields, pools and gardens drawn on a canvas."""
from __future__ import annotations

import numpy as np
from scipy import ndimage

from ...scene import classes as c
from .canvas import Canvas, Wing, line
from .ways import WHITE, stations

_NO_TREES = np.array([c.ROAD, c.WATER, c.POOL, c.RAILWAY, c.SPORTS, c.PARKING, c.SNOW])


def tree(canvas: Canvas, x: float, y: float, class_id: int = c.BROADLEAF, scale: float = 1.0,
         check: bool = True) -> bool:
    """A tree, unless its trunk would stand on something taken or on a road; says whether it was planted."""
    if not (0 <= x < canvas.size and 0 <= y < canvas.size):
        return False
    row, col = canvas.cell(x, y)
    if check and (canvas.taken[row, col] or canvas.cover[row, col] in _NO_TREES):
        return False
    rng = canvas.rng
    if class_id == c.CONIFER:
        height = float(np.clip(rng.normal(15, 4) * scale, 8, 28))
        radius = height * float(rng.uniform(0.15, 0.22)) + 0.6
    elif class_id == c.ORCHARD:
        height, radius = float(rng.uniform(2.2, 3.4)), float(rng.uniform(1.2, 1.8))
    else:
        height = float(np.clip(rng.normal(10.5, 3) * scale, 5, 20))
        radius = height * float(rng.uniform(0.28, 0.44)) + 0.4
    canvas.trees.append((x, y, height, radius, class_id))
    return True


def wood(canvas: Canvas, w: tuple[slice, slice], mask: np.ndarray, class_id: int, spacing: float = 5.0,
         mixed: float = 0.0, floor: int | None = c.MEADOW) -> None:
    """A wood over the masked cells of a window: jittered trees whose crowns touch, on a floor of shade."""
    mask = mask & ~canvas.taken[w] & ~np.isin(canvas.cover[w], _NO_TREES)
    if not mask.any():
        return
    if floor is not None:
        canvas.paint(w, mask, floor)
        canvas.stain(w, 0.6 * mask, (84, 76, 50))
    rng = canvas.rng
    x, y = canvas.grid(w)
    x0, x1, y0, y1 = float(x.min()), float(x.max()), float(y.min()), float(y.max())
    nx, ny = max(1, int((x1 - x0) / spacing)), max(1, int((y1 - y0) / spacing))
    gx, gy = np.meshgrid(np.arange(nx) + 0.5, np.arange(ny) + 0.5)
    px = x0 + (gx.ravel() + rng.uniform(-0.42, 0.42, nx * ny)) * spacing
    py = y0 + (gy.ravel() + rng.uniform(-0.42, 0.42, nx * ny)) * spacing
    stand = canvas.noise.plane(canvas.n, canvas.n, 64.0, 3)
    for tx, ty in zip(px, py, strict=True):
        row, col = canvas.cell(tx, ty)
        r, k = row - w[0].start, col - w[1].start
        if 0 <= r < mask.shape[0] and 0 <= k < mask.shape[1] and mask[r, k]:
            kind = class_id if rng.random() >= mixed else (c.CONIFER if class_id == c.BROADLEAF else c.BROADLEAF)
            tree(canvas, float(tx), float(ty), kind, 1.15 + 0.12 * float(np.clip(stand[row, col], -2, 2)), check=False)


def tree_row(canvas: Canvas, points: np.ndarray, step: float = 9.0, class_id: int = c.BROADLEAF,
             scale: float = 0.9) -> None:
    """Street trees along a polyline; they may stand on pavements."""
    for x, y, _ in stations(points, step, float(canvas.rng.uniform(0, step))):
        row, col = canvas.cell(x, y)
        if canvas.cover[row, col] not in (c.ROAD, c.WATER, c.RAILWAY, c.PARKING) and canvas.rng.random() < 0.85:
            if not canvas.taken[row, col] or canvas.cover[row, col] == c.PATH:
                tree(canvas, x, y, class_id, scale, check=False)


def scatter(canvas: Canvas, count: int, class_id: int = c.BROADLEAF, on: tuple[int, ...] = (c.LAWN, c.MEADOW),
            scale: float = 1.0) -> None:
    """Single trees at random places of the given classes."""
    for x, y in canvas.rng.uniform(0, canvas.size, (count, 2)):
        row, col = canvas.cell(x, y)
        if canvas.cover[row, col] in on and not canvas.taken[row, col]:
            tree(canvas, float(x), float(y), class_id, scale)


def patch(canvas: Canvas, class_id: int, x: float, y: float, radius: float,
          over: tuple[int, ...] = (c.LAWN, c.MEADOW)) -> None:
    """An irregular patch of a ground class over some classes, where nothing is built."""
    w, d = canvas.blob(x, y, radius)
    canvas.paint(w, (d <= 0) & np.isin(canvas.cover[w], over) & ~canvas.taken[w], class_id)


def field(canvas: Canvas, w: tuple[slice, slice], mask: np.ndarray, angle: float, class_id: int = c.CROPLAND) -> None:
    """A field with its own crop, tramlines and rows along an angle."""
    if not mask.any():
        return
    rng = canvas.rng
    canvas.paint(w, mask, class_id)
    x, y = canvas.grid(w)
    _, v = Wing(0, 0, angle, 1, 1).local(x, y)
    crops = {c.CROPLAND: [(164, 150, 92), (120, 130, 64), (176, 164, 110), (96, 118, 56), (150, 130, 84),
                          (134, 138, 70), (190, 176, 118)],
             c.SOIL: [(146, 116, 86), (128, 104, 82), (156, 132, 104)],
             c.MEADOW: [(112, 124, 66), (132, 134, 78), (100, 118, 58)]}
    tone = np.array(crops.get(class_id, [tuple(canvas.style.ground[class_id])]), np.float32)
    rgb = tone[int(rng.integers(len(tone)))] * float(rng.uniform(0.92, 1.08))
    patches = canvas.noise.plane(canvas.n, canvas.n, 32.0, int(rng.integers(8)))[w]
    canvas.stain(w, mask * np.clip(0.78 + 0.06 * patches, 0, 0.95), rgb)
    pitch = float(rng.choice([1.0, 1.5, 2.0, 3.0]))
    depth = float(rng.uniform(0.03, 0.10))
    canvas.shade[w][mask] *= (1 + depth * np.sign(np.sin(2 * np.pi * v / pitch)))[mask]
    canvas.stain(w, mask * 0.28 * line(np.mod(v, 18.0) - 9.0 - 0.9, 0.5), rgb * 0.66)
    canvas.stain(w, mask * 0.28 * line(np.mod(v, 18.0) - 9.0 + 0.9, 0.5), rgb * 0.66)
    edge = mask & ~ndimage.binary_erosion(mask, iterations=4)
    canvas.stain(w, 0.35 * edge, rgb * 0.86)


def orchard(canvas: Canvas, w: tuple[slice, slice], mask: np.ndarray, angle: float, vines: bool) -> None:
    """Rows of fruit trees, or of vines, over the masked cells."""
    if not mask.any():
        return
    canvas.paint(w, mask, c.ORCHARD)
    x, y = canvas.grid(w)
    u, v = Wing(0, 0, angle, 1, 1).local(x, y)
    canvas.stain(w, 0.35 * mask * line(np.mod(v + 2.5, 5.0) - 2.5 - 2.4, 1.2), (138, 124, 88))
    if vines:
        row = mask & (np.abs(np.mod(v, 2.5) - 1.25) < 0.6)
        canvas.stain(w, 0.75 * row, canvas.style.ground[c.SHRUB] * 1.05)
        canvas.stain(w, 0.5 * (mask & ~row), (150, 134, 100))
        canvas.ground[w][row] += 0.75
        return
    iu, iv = np.meshgrid(np.arange(np.floor(u.min() / 4.2), u.max() / 4.2),
                         np.arange(np.floor(v.min() / 5), v.max() / 5))
    cos, sin = np.cos(angle), np.sin(angle)
    for a, b in zip(iu.ravel() * 4.2, iv.ravel() * 5.0, strict=True):
        tx, ty = a * cos - b * sin, a * sin + b * cos
        if not (0 <= tx < canvas.size and 0 <= ty < canvas.size) or canvas.rng.random() < 0.05:
            continue
        row_, col = canvas.cell(tx, ty)
        if canvas.cover[row_, col] == c.ORCHARD and not canvas.taken[row_, col]:
            canvas.trees.append((tx, ty, float(canvas.rng.uniform(2.2, 3.5)), float(canvas.rng.uniform(1.3, 1.9)),
                                 c.ORCHARD))


def sports_field(canvas: Canvas, x: float, y: float, angle: float, kind: str = "football", scale: float = 1.0) -> bool:
    """A football pitch, a running track, tennis courts or a baseball field; says whether there was room."""
    hu, hv = {"football": (50.0, 32.0), "track": (86.0, 44.0), "tennis": (19.0, 18.0), "court": (15.0, 8.5),
              "baseball": (42.0, 42.0)}[kind]
    hu, hv = hu * scale, hv * scale
    w, u, v = canvas.box(x, y, angle, hu + 3, hv + 3)
    mask = (np.abs(u) <= hu + 2) & (np.abs(v) <= hv + 2)
    if not canvas.is_free(w, mask):
        return False
    canvas.take(w, mask)
    inside = (np.abs(u) <= hu) & (np.abs(v) <= hv)
    rng = canvas.rng
    if kind == "track":
        straight = hu - hv
        ring = np.hypot(np.clip(np.abs(u) - straight, 0, None), v)
        canvas.paint(w, ring <= hv, c.SPORTS)
        lane = (ring <= hv) & (ring > hv - 9)
        canvas.stain(w, 0.92 * lane, (158, 88, 70))
        canvas.stain(w, 0.6 * lane * line(np.mod(ring, 1.5) - 0.75, 0.15), WHITE)
        _pitch(canvas, w, u, v, straight + 4, min(hv - 12, 34))
    elif kind == "football":
        canvas.paint(w, inside, c.SPORTS)
        _pitch(canvas, w, u, v, hu - 3, hv - 3)
    elif kind == "baseball":
        canvas.paint(w, inside, c.SPORTS)
        a, b = u + hu - 6, v + hv - 6
        r = np.hypot(a, b)
        canvas.stain(w, 0.9 * ((r < 32) & (a > -2) & (b > -2) & ~((a > 3) & (b > 3) & (a < 25) & (b < 25))),
                     (168, 128, 94))
        canvas.stain(w, 0.8 * (r < 80) * np.maximum(line(a, 0.3) * (b > 0), line(b, 0.3) * (a > 0)), WHITE)
    else:
        canvas.paint(w, inside, c.SPORTS)
        rgb = [(74, 108, 84), (152, 92, 72), (84, 112, 138)][int(rng.integers(3))]
        canvas.stain(w, 0.9 * inside, rgb)
        courts = 2 if kind == "tennis" else 1
        for k in range(courts):
            cu = u - (k - (courts - 1) / 2) * hu
            _court(canvas, w, cu if kind == "court" else v, v if kind == "court" else cu, 11.9, 5.5)
    return True


def _pitch(canvas: Canvas, w: tuple[slice, slice], u: np.ndarray, v: np.ndarray, hu: float, hv: float) -> None:
    inside = (np.abs(u) <= hu) & (np.abs(v) <= hv)
    canvas.stain(w, 0.7 * (inside & (canvas.cover[w] == c.SPORTS)), canvas.style.ground[c.SPORTS])
    canvas.shade[w][inside] *= np.where(np.mod(u, 12.0) < 6.0, 0.96, 1.04)[inside]
    lines = np.maximum(line(np.abs(u) - hu, 0.2) * (np.abs(v) <= hv), line(np.abs(v) - hv, 0.2) * (np.abs(u) <= hu))
    lines = np.maximum(lines, line(u, 0.2) * inside)
    lines = np.maximum(lines, line(np.hypot(u, v) - min(9.15, hv * 0.3), 0.2) * inside)
    box_v, box_u = hv * 0.6, hu - hu * 0.31
    lines = np.maximum(lines, line(np.abs(u) - box_u, 0.2) * (np.abs(v) < box_v))
    lines = np.maximum(lines, line(np.abs(v) - box_v, 0.2) * (np.abs(u) > box_u) * inside)
    canvas.stain(w, 0.85 * lines, WHITE)


def _court(canvas: Canvas, w: tuple[slice, slice], u: np.ndarray, v: np.ndarray, hu: float, hv: float) -> None:
    inside = (np.abs(u) <= hu) & (np.abs(v) <= hv)
    lines = np.maximum(line(np.abs(u) - hu, 0.2) * (np.abs(v) <= hv), line(np.abs(v) - hv, 0.2) * (np.abs(u) <= hu))
    lines = np.maximum(lines, np.maximum(line(u, 0.2), line(np.abs(v) - hv * 0.75, 0.2)) * inside)
    lines = np.maximum(lines, line(np.abs(u) - hu * 0.54, 0.2) * (np.abs(v) < hv * 0.75))
    canvas.stain(w, 0.85 * lines, WHITE)


def pool(canvas: Canvas, x: float, y: float, angle: float, hu: float = 4.5, hv: float = 2.2) -> bool:
    """A swimming pool in a paved rim; says whether there was room."""
    w, u, v = canvas.box(x, y, angle, hu + 1.8, hv + 1.8)
    rim = (np.abs(u) <= hu + 1.6) & (np.abs(v) <= hv + 1.6)
    if not canvas.is_free(w, rim):
        return False
    canvas.take(w, rim)
    canvas.paint(w, rim, c.PATH)
    if canvas.rng.random() < 0.35:
        water = (u / hu) ** 2 + (v / hv) ** 2 <= 1.15
    else:
        water = (np.abs(u) <= hu) & (np.abs(v) <= hv)
    canvas.paint(w, water, c.POOL)
    canvas.ground[w][water] = -0.45
    canvas.stain(w, 0.35 * (water & ((np.abs(u) > hu - 0.8) | (np.abs(v) > hv - 0.8))), (140, 204, 214))
    if hu > 8:
        canvas.stain(w, 0.45 * water * line(np.mod(v, 2.5) - 1.25, 0.3), (44, 96, 140))
    return True


def hedge(canvas: Canvas, points: np.ndarray, width: float = 1.6) -> None:
    """A hedge along a polyline, where nothing is taken."""
    w, d, _ = canvas.near(points, width / 2 + 1)
    mask = (np.abs(d) <= width / 2) & ~canvas.taken[w] & np.isin(canvas.cover[w], (c.LAWN, c.MEADOW, c.CROPLAND))
    canvas.paint(w, mask, c.SHRUB)
