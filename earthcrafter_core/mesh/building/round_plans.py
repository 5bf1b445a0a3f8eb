"""Footprints without straight walls: circles, or smooth outlines, as convex polygons, and the roofs over them."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from scipy import ndimage

from ..topology import plane_cross
from .frames import Frame, Raster
from .roofs import FLAT, HIP, SLOPE_PRICE, TERRACES, Form, Roof, fitted, prism
from .terraces import LEAST_TERRACE, PRICE, levels_of

ROUND_ERROR = 0.35  # metres that the border of a circle may miss by, root mean square
SIDE = 1.6  # metres, a circle's sides
EVEN = 0.8  # metres: standard deviation of the blur that takes the steps off a free outline
STRAY = 0.45  # metres by which a free outline may leave the footprint's
SHORT = 3.0  # metres: a side up to this length may be a corner that was blurred
LEAST_COURT = 6.0  # square metres of a courtyard
LEAST_SHARE = 0.12  # of a polygon that another level must have to be cut off
SPAN = 4.0  # metres between the points of a free outline at which it can be cut
STRAIGHT = 1e-3  # sine of the least turn at a corner
CUTS = 3  # lines, one within the other, that cut a polygon into levels


@dataclass
class RoundPlan:
    """A footprint as convex polygons of its frame that share whole sides.

    Attributes:
        frame: where it lies. polygons: each float64 [P, 2], counter-clockwise.
        outline: all of them together. circle: (u, v, radius) where it is one, else None.
    """

    frame: Frame
    polygons: list[np.ndarray]
    outline: shapely.Geometry
    circle: tuple[float, float, float] | None = None

    def area(self) -> float:
        """Square metres."""
        return float(self.outline.area)

    def corners(self) -> int:
        """Corners of its outline; a circle counts as a square."""
        rings = shapely.get_num_interior_rings(self.outline) + 1  # each names its first corner twice
        return 4 if self.circle else int(shapely.count_coordinates(self.outline) - rings)

    def contains(self, points: np.ndarray) -> np.ndarray:
        """Whether points [..., 2] of the frame lie in it."""
        return shapely.contains_xy(self.outline, points[..., 0], points[..., 1])


def circle_plan(raster: Raster, frame: Frame) -> RoundPlan | None:
    """The circle through the footprint's border; None where it is none."""
    solid = raster.share > 0.5
    edge = (solid[1:] != solid[:-1]) & raster.known[1:] & raster.known[:-1]
    side = (solid[:, 1:] != solid[:, :-1]) & raster.known[:, 1:] & raster.known[:, :-1]
    half = raster.step / 2
    points = np.concatenate([np.column_stack([raster.u[i] + half, raster.v[j]]) for i, j in [np.nonzero(edge)]]
                            + [np.column_stack([raster.u[i], raster.v[j] + half]) for i, j in [np.nonzero(side)]])
    if len(points) < 16:
        return None
    a = np.column_stack([2 * points, np.ones(len(points))])
    (u, v, c), *_ = np.linalg.lstsq(a, (points ** 2).sum(1), rcond=None)
    radius = float(np.sqrt(max(c + u * u + v * v, 0.0)))
    missed = np.hypot(*(points - (u, v)).T) - radius
    if radius < 1.5 or np.sqrt((missed ** 2).mean()) > ROUND_ERROR:
        return None
    count = int(np.clip(round(2 * np.pi * radius / SIDE), 12, 48))
    turn = np.arange(count) * 2 * np.pi / count
    reach = radius * np.sqrt(2 * np.pi / count / np.sin(2 * np.pi / count))  # a polygon of the circle's area
    ring = np.column_stack([u + reach * np.cos(turn), v + reach * np.sin(turn)])
    return RoundPlan(frame, [ring], shapely.Polygon(ring), (float(u), float(v), radius))


def free_plan(raster: Raster, frame: Frame) -> RoundPlan | None:
    """The footprint's own outline with few corners and the same area; None where nothing is left."""
    solid = ndimage.gaussian_filter(raster.share, EVEN / raster.step, mode="nearest") > 0.5  # beyond the place's border too
    half = raster.step / 2
    runs = []
    for i, row in enumerate(solid):
        change = np.flatnonzero(np.diff(np.pad(row.astype(int), 1)))
        runs += [shapely.box(raster.u[i] - half, raster.v[a] - half, raster.u[i] + half, raster.v[b - 1] + half)
                 for a, b in zip(change[::2], change[1::2])]
    if not runs:
        return None
    steps = shapely.union_all(runs)
    largest = max(shapely.get_parts(steps.simplify(STRAY)), key=lambda part: part.area)
    rings = [_sharpened(np.asarray(ring.coords)[:-1]) for ring in (largest.exterior, *largest.interiors)
             if shapely.Polygon(ring).area > LEAST_COURT]
    outline = shapely.Polygon(rings[0], rings[1:]) if rings else shapely.Polygon()
    if not outline.is_valid or outline.is_empty:
        return None
    wanted = float((raster.share > 0.5).sum()) * raster.step ** 2
    outline = outline.buffer((wanted - outline.area) / max(outline.length, 1e-9), join_style="mitre")
    if not isinstance(outline, shapely.Polygon) or outline.is_empty:
        return None
    return RoundPlan(frame, convex_polygons(shapely.segmentize(outline, SPAN)), outline)


def _sharpened(ring: np.ndarray) -> np.ndarray:
    """A ring [P, 2] whose short sides, between two that turn the same way, are replaced by the point where those two meet."""
    ring = ring.copy()
    while len(ring) > 4:
        a, p, q, b = (np.roll(ring, k, 0) for k in (1, 0, -1, -2))
        before, side, after = p - a, q - p, b - q
        det = before[:, 0] * after[:, 1] - before[:, 1] * after[:, 0]
        same = np.sign(plane_cross(before, side)) == np.sign(plane_cross(side, after))
        with np.errstate(divide="ignore", invalid="ignore"):
            along = plane_cross(side, after) / det  # how far beyond p, in units of the side before
            meet = p + along[:, None] * before
        reach = np.hypot(*(meet - (p + q) / 2).T)
        length = np.hypot(*side.T)
        fit = same & (length < SHORT) & np.isfinite(reach) & (reach < SHORT) & (np.abs(det) > 0.5 * np.hypot(*before.T)
                                                                               * np.hypot(*after.T))
        if not fit.any():
            break
        k = int(np.argmin(np.where(fit, length, np.inf)))
        ring[k] = meet[k]
        ring = np.delete(ring, (k + 1) % len(ring), 0)
    return ring


def convex_polygons(polygon: shapely.Polygon) -> list[np.ndarray]:
    """A polygon, holes and all, as few convex ones: triangles joined where that leaves them convex (Hertel and Mehlhorn)."""
    parts = [np.asarray(shapely.orient_polygons(t).exterior.coords)[:-1]
             for t in shapely.get_parts(shapely.constrained_delaunay_triangles(polygon))]
    owner = {(tuple(p), tuple(q)): k for k, part in enumerate(parts) for p, q in zip(part, np.roll(part, -1, 0))}
    for p, q in sorted(owner, key=lambda side: (-np.hypot(side[0][0] - side[1][0], side[0][1] - side[1][1]), side)):
        one, two = owner[p, q], owner.get((q, p), -1)
        both = _joined(parts[one], parts[two], p, q) if two not in (-1, one) else None
        if both is not None and _is_convex(both, owner):
            parts[one], parts[two] = both, both[:0]
            owner |= {(tuple(a), tuple(b)): one for a, b in zip(both, np.roll(both, -1, 0))} | {(q, p): one}
    return [part for part in parts if len(part)]


def _joined(one: np.ndarray, two: np.ndarray, p: tuple[float, ...], q: tuple[float, ...]) -> np.ndarray:
    """Two counter-clockwise polygons that share the side p, q (`one` in this order) as one."""
    i, j = int((one == p).all(1).argmax()), int((two == q).all(1).argmax())
    return np.concatenate([np.roll(one, -(i + 1), 0), np.roll(two, -(j + 1), 0)[1:-1]])


def _is_convex(ring: np.ndarray, owner: dict) -> bool:
    """Whether a ring turns left at every corner; it may go straight on where both sides are of the outline, else a neighbour
    would have a corner there that the hull of the ring has not. owner: has the sides of all polygons."""
    side = np.roll(ring, -1, 0) - ring
    onward = np.roll(side, -1, 0)
    turn = plane_cross(side, onward) / np.maximum(np.hypot(*side.T) * np.hypot(*onward.T), 1e-12)
    free = [(tuple(b), tuple(a)) not in owner for a, b in zip(ring, np.roll(ring, -1, 0))]
    straight = np.array(free) & np.roll(free, -1)
    return bool((turn > np.where(straight, -1e-9, STRAIGHT)).all())


# -------------------------------------------------------------------------------------------------------------- roofs

def round_roofs(plan: RoundPlan, raster: Raster, heights: np.ndarray, points: np.ndarray, z: np.ndarray,
                floor: float) -> list[Roof]:
    """Flat, cone (of a circle) and terraced roofs over a round plan.

    Args:
        heights: float64 [I, J] of the raster's samples. points: [N, 2] of the frame, z: [N] surfels. floor: world z.
    """
    plain = [np.pad(p, ((0, 0), (0, 1))) for p in plan.polygons]
    forms = [Form(FLAT, 0.0, lambda at: np.zeros(len(at)), plain)]
    if plan.circle is not None:
        u, v, radius = plan.circle
        tip = np.array([[u, v, radius]])
        forms.append(Form(HIP, SLOPE_PRICE, lambda at: np.maximum(radius - np.hypot(at[:, 0] - u, at[:, 1] - v), 0.0),
                          [np.concatenate([plain[0], tip])]))
    roofs = [fitted(form, points, z, floor) for form in forms]
    steps = _cut_levels(plan, raster, heights, points, z, floor)
    return roofs + ([steps] if steps is not None else [])


def _cut_levels(plan: RoundPlan, raster: Raster, heights: np.ndarray, points: np.ndarray, z: np.ndarray,
                floor: float) -> Roof | None:
    """The polygons at levels, cut by straight lines where one of them has several; None where one level is enough."""
    levels = levels_of(z)
    if len(levels) < 2:
        return None
    solid = (raster.share > 0.5) & raster.known
    at = np.stack(np.meshgrid(raster.u, raster.v, indexing="ij"), -1)[solid]
    label = np.abs(heights[solid][:, None] - levels).argmin(1)
    leaves = [leaf for p in plan.polygons for leaf in _leaves(p, at, label, CUTS)]
    if len({level for _, level in leaves}) < 2:
        return None
    pieces = [prism(np.pad(p, ((0, 0), (0, 1)), constant_values=levels[level]), floor) for p, level in leaves]

    def height(own: np.ndarray) -> np.ndarray:
        out = np.full(len(own), levels[leaves[0][1]])
        for p, level in leaves:
            out[within(p, own)] = levels[level]
        return out

    missed = np.abs(height(points) - z)
    made = [levels[level] for _, level in leaves]
    return Roof(TERRACES, float(np.median(missed)), float(missed.mean()) + PRICE, float(min(made)), pieces, height)


def _leaves(polygon: np.ndarray, at: np.ndarray, label: np.ndarray, cuts: int) -> list[tuple[np.ndarray, int]]:
    """A convex polygon as parts of one level each; at: [N, 2] samples of the footprint, label: [N] their levels."""
    own = within(polygon, at)
    at, label = at[own], label[own]
    if not len(label):
        return [(polygon, 0)]
    count = np.bincount(label)
    level = int(count.argmax())
    high = label > level if (label > level).sum() > (label < level).sum() else label >= level
    if cuts == 0 or count[level] > (1 - LEAST_SHARE) * len(label) or high.all() or not high.any():
        return [(polygon, level)]
    away = at[high].mean(0) - at[~high].mean(0)
    away /= max(float(np.hypot(*away)), 1e-9)
    limit = float(np.quantile(at @ away, 1 - high.mean()))
    parts = [_beyond(polygon, away, limit), _beyond(polygon, -away, -limit)]
    if any(p is None or _area(p) < LEAST_TERRACE for p in parts):
        return [(polygon, level)]
    return [leaf for p in parts if p is not None for leaf in _leaves(p, at, label, cuts - 1)]


def within(polygon: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Which points [N, 2] lie in a convex counter-clockwise polygon [P, 2], bool [N]."""
    side = np.roll(polygon, -1, 0) - polygon
    out = ((points >= polygon.min(0)) & (points <= polygon.max(0))).all(1)
    away = points[out][:, None] - polygon
    out[out] = (side[:, 0] * away[..., 1] - side[:, 1] * away[..., 0] >= 0).all(1)
    return out


def _area(polygon: np.ndarray) -> float:
    """Square metres of a polygon [P, 2]."""
    return float(abs(plane_cross(polygon, np.roll(polygon, -1, 0)).sum()) / 2)


def _beyond(polygon: np.ndarray, away: np.ndarray, limit: float) -> np.ndarray | None:
    """About the part of a convex polygon [P, 2] with away . point >= limit, cut from corner to corner; None where none is."""
    far = polygon @ away - limit
    ahead = np.roll(far, -1)
    crossed = far * ahead < 0
    nearer = np.where(np.abs(far) <= np.abs(ahead), np.arange(len(far)), np.roll(np.arange(len(far)), -1))
    far[nearer[crossed]] = 0.0  # the line goes through corners: polygons beside this one know no others
    return polygon[far >= 0] if (far >= 0).sum() > 2 and (far > 0).any() else None
