"""Lines on the ground: a pitch on sports fields, bays on car parks, where these are about as oblong as real ones."""
from __future__ import annotations

import numpy as np
import shapely
from scipy import ndimage

from ...scene import classes as sem

COARSEST = 2.0  # texels a metre: below, lines would be smears
WHITE = np.array([226, 226, 220], np.float32)
OBLONG = 0.8  # share of its least rectangle that a patch fills, else nobody knows how its lines run
PITCH_LINE, BAY_LINE = 0.12, 0.10  # metres
PITCH_WEAR, BAY_WEAR = 0.75, 0.55  # how much of the white is left
PITCH_INSET, LEAST_PITCH = 1.5, 9.0  # metres
CIRCLE, AREA = (9.15, 0.18), ((16.5, 0.16), (20.16, 0.3))  # of a pitch: metres, and shares of its sides, whatever is less
BAY, BAY_DEPTH, AISLE, BAY_INSET = 2.5, 5.0, 6.0, 0.5  # metres


def paint_markings(color: np.ndarray, class_map: np.ndarray, density: float) -> None:
    """Paint lines into the picture of the ground, in place.

    Args:
        color: uint8 [H, W, 3] sRGB, row 0 south. class_map: uint8 [H, W] class of each texel. density: texels a metre.
    """
    if density < COARSEST:
        return
    for class_id, lines in ((sem.SPORTS, _pitch), (sem.PARKING, _bays)):
        label, count = ndimage.label(class_map == class_id)
        for number, box in enumerate(ndimage.find_objects(label, count), 1):
            patch = label[box] == number
            frame = _frame(patch, density)
            if frame is None:
                continue
            middle, along, length, width = frame
            y, x = np.nonzero(patch)
            at = (np.stack([x, y], 1) + 0.5) / density - middle  # [N, 2] metres
            u, v = at @ along, at @ np.array([-along[1], along[0]])
            share = lines(u, v, length, width, density)[:, None]
            here = color[box]
            here[y, x] = np.rint(here[y, x] + share * (WHITE - here[y, x])).astype(np.uint8)


def _frame(patch: np.ndarray, density: float) -> tuple[np.ndarray, np.ndarray, float, float] | None:
    """Middle [2], direction of the long side [2], length and width in metres of a patch bool [H, W]; None: it is not oblong."""
    edge = patch & ~ndimage.binary_erosion(patch)
    y, x = np.nonzero(edge)
    rectangle = shapely.oriented_envelope(shapely.multipoints(np.stack([x, y], 1) + 0.5))
    if rectangle.geom_type != "Polygon":
        return None
    corner = np.asarray(rectangle.exterior.coords)[:4] / density
    sides = corner[1:3] - corner[:2]  # two neighbours
    length = np.linalg.norm(sides, axis=1)
    if patch.sum() / density ** 2 < OBLONG * length.prod():
        return None
    first = int(length.argmax())
    along = sides[first] / length[first]
    return corner.mean(0), along * np.sign(along[0] + 1e-9 * along[1] or 1.0), float(length.max()), float(length.min())


def _drawn(distance: np.ndarray, line: float, density: float) -> np.ndarray:
    """Share [N] of each texel that lines of this width cover, by its distance to the nearest one."""
    return np.clip((line / 2 - distance) * density + 0.5, 0, min(1.0, line * density)).astype(np.float32)


def _pitch(u: np.ndarray, v: np.ndarray, length: float, width: float, density: float) -> np.ndarray:
    """Touch lines, halfway line, circle and penalty areas of a field at places [N] along and across it."""
    half, side = length / 2 - PITCH_INSET, width / 2 - PITCH_INSET
    if width < LEAST_PITCH:
        return np.zeros(len(u), np.float32)

    def outline(x: np.ndarray, y: np.ndarray, a: float, b: float) -> np.ndarray:
        """Distance to a rectangle of half sides a, b."""
        over = np.maximum(np.stack([np.abs(x) - a, np.abs(y) - b]), 0)
        return np.abs(np.hypot(*over) + np.minimum(np.maximum(np.abs(x) - a, np.abs(y) - b), 0))

    inside = (np.abs(u) < half) & (np.abs(v) < side)
    radius = min(CIRCLE[0], CIRCLE[1] * width)
    deep, wide = (min(metres, share * of) for (metres, share), of in zip(AREA, (length, width)))
    lines = [np.abs(u), np.abs(np.hypot(u, v) - radius),
             *(outline(u - end * (half - deep / 2), v, deep / 2, wide) for end in (-1, 1))]
    nearest = np.where(inside, np.min(lines, 0), np.inf)
    return PITCH_WEAR * _drawn(np.minimum(nearest, outline(u, v, half, side)), PITCH_LINE, density)


def _bays(u: np.ndarray, v: np.ndarray, length: float, width: float, density: float) -> np.ndarray:
    """Lines between the bays of a car park: rows on both sides of aisles, as many as fit, else one row beside an aisle."""
    module, free = 2 * BAY_DEPTH + AISLE, width - 2 * BAY_INSET
    count, bays = int(free // module), int((length - 2 * BAY_INSET) // BAY)
    if bays < 2 or free < BAY_DEPTH + AISLE - 1:
        return np.zeros(len(u), np.float32)
    t = v + (count * module / 2 if count else free / 2)
    deep = np.mod(t, module) if count else t
    row = (t >= 0) & (t <= (count * module if count else BAY_DEPTH)) & ((deep <= BAY_DEPTH) | (deep >= BAY_DEPTH + AISLE))
    along = u + bays * BAY / 2
    row &= (along > -BAY_LINE) & (along < bays * BAY + BAY_LINE)
    between = np.abs(along - BAY * np.rint(along / BAY))
    backs = np.minimum(deep, module - deep) if count > 1 else np.full(len(u), np.inf)  # where two rows meet
    backs = np.where((t > BAY_DEPTH) & (t < count * module - BAY_DEPTH), backs, np.inf)
    return BAY_WEAR * _drawn(np.where(row, np.minimum(between, backs), np.inf), BAY_LINE, density)
