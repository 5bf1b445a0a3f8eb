"""What walls show that surfels are too coarse for: where windows, doors, shop fronts and gates are, by class and by building.

Nothing here paints: a plan is a list of openings in metres of a wall's chart (openings.py paints them). Rows of windows
lie on one level all around a building, columns are spaced evenly along each wall, and an opening is only where all of it
and a rim around it is wall and above ground, so that none is cut by a corner, a gable or a lower roof.
"""
from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ...scene import classes as sem

WINDOW, FRENCH, DOOR, SHOP, GATE, SKYLIGHT = range(6)
"""Kinds of openings: a window; one down to the floor with a railing; a door; a shop front; a gate or garage; a roof window."""
PLASTER, SIDING, BRICK, PANELS, RIBS = range(5)
"""Kinds of walls: plain; boards; bricks; slabs with joints; ribbed sheets."""
RIM = 0.22  # metres of wall that must be around an opening
LOWEST = 0.86  # of a style's storey: no floor is lower
LEVEL = 0.45  # metres between the ground and the ground floor that a step or a ramp takes
ABOVE = 0.35  # metres between the ground and the lowest sill
DOOR_SIZE, PORTAL_SIZE, GARAGE_SIZE, GATE_SIZE = (1.05, 2.15), (1.9, 2.4), (2.7, 2.2), (4.0, 4.2)  # metres: width, height
PORTALS = 18.0  # metres between the doors of a long front
GATES = 9.0  # metres between the gates of a hall


@dataclass(frozen=True)
class Style:
    """Measures of a kind of facade in metres: storeys, windows, and what is between these.

    Attributes:
        storey: floor to floor. pitch: between middles of windows. width, height, sill: of windows, the sill above the floor.
        panes: columns and rows of a window. cladding: kind of wall. edge: least wall beside the outermost window.
        french: every which column has windows down to the floor; 0: none.
    """

    storey: float
    pitch: float
    width: float
    height: float
    sill: float
    panes: tuple[int, int]
    cladding: int
    edge: float = 0.8
    french: int = 0


STYLES: dict[int, tuple[Style, ...]] = {
    sem.HOUSE: (Style(2.8, 2.9, 1.15, 1.35, 0.9, (2, 2), SIDING), Style(2.8, 3.3, 1.5, 1.3, 0.95, (2, 1), PLASTER),
                Style(2.8, 2.6, 1.0, 1.45, 0.85, (1, 2), BRICK), Style(2.8, 3.1, 1.3, 1.3, 0.9, (2, 1), PLASTER)),
    sem.APARTMENTS: (Style(3.0, 3.0, 1.4, 1.5, 0.85, (2, 1), PLASTER, 1.0, 3),
                     Style(3.0, 2.6, 1.15, 1.6, 0.8, (1, 1), BRICK, 1.0),
                     Style(3.0, 3.5, 2.0, 1.45, 0.9, (3, 1), PANELS, 0.9, 2)),
    sem.TOWER: (Style(3.5, 1.6, 1.44, 2.4, 0.75, (1, 1), PANELS, 0.4), Style(3.4, 2.8, 1.8, 1.9, 0.8, (2, 1), PANELS, 0.9),
                Style(3.5, 3.0, 2.9, 1.75, 0.9, (3, 1), PANELS, 0.5)),
    sem.COMMERCIAL: (Style(3.6, 3.2, 2.2, 1.8, 0.9, (2, 1), PANELS, 0.7), Style(3.5, 2.7, 1.5, 1.9, 0.8, (2, 1), PLASTER, 0.8),
                     Style(3.6, 3.0, 2.9, 1.6, 1.0, (3, 1), PANELS, 0.6)),
    sem.INDUSTRIAL: (Style(5.0, 3.2, 2.4, 1.0, 3.2, (3, 1), RIBS, 1.2), Style(4.6, 4.0, 2.8, 1.1, 2.8, (4, 1), RIBS, 1.2)),
    sem.STRUCTURE: (Style(2.6, 3.0, 0.9, 0.8, 1.2, (2, 1), SIDING, 0.7), Style(2.6, 3.4, 1.0, 0.8, 1.2, (2, 1), PLASTER, 0.7))}
TRIMS = np.array([[226, 224, 218], [206, 203, 195], [92, 88, 84], [62, 64, 68]], np.float32)  # frames
LEAVES = np.array([[104, 60, 46], [58, 70, 84], [66, 82, 64], [84, 66, 52], [120, 116, 108]], np.float32)  # doors
GLASS = np.array([[44, 54, 64], [50, 58, 62], [38, 50, 64]], np.float32)


@dataclass
class Look:
    """How one building looks.

    Attributes:
        style: measures. class_id, seed: its own. floor: world z of its ground floor; storey: metres from floor to floor.
        trim, leaf, glass: float32 [3] 0..255 of frames, doors and panes. pitched: whether its roof slopes.
    """

    style: Style
    class_id: int
    seed: int
    floor: float
    storey: float
    trim: np.ndarray
    leaf: np.ndarray
    glass: np.ndarray
    pitched: bool


@dataclass
class Openings:
    """Openings of a wall: rect float64 [M, 4] (u from, to, v from, to) metres; kind, panes (columns, rows), seed: int64."""

    rect: np.ndarray
    kind: np.ndarray
    panes: np.ndarray
    seed: np.ndarray


@dataclass
class Wall:
    """A wall's chart as the plan needs it: metres; v = 0 is the wall's lowest point, at world z `bottom`.

    Attributes:
        length, height, bottom: metres. ground: float64 [W] v of the ground along it. density: samples of `ground` a metre.
        fits: whether rectangles [M, 4] lie on the wall, bool [M]. front: whether it looks to the street.
    """

    length: float
    height: float
    bottom: float
    ground: np.ndarray
    density: float
    fits: Callable[[np.ndarray], np.ndarray]
    front: bool

    def ground_at(self, u: np.ndarray) -> np.ndarray:
        """v of the ground at places u along the wall."""
        return self.ground[np.clip((u * self.density).astype(np.int64), 0, len(self.ground) - 1)]


def look_of(name: str, class_id: int, floor: float, eaves: float, pitched: bool, tone: np.ndarray) -> Look:
    """The look of a building by its name: the same for the same name.

    Args:
        floor, eaves: world z, metres. tone: float32 [3] 0..255 of its walls; red ones are brick.
    """
    seed = zlib.crc32(name.encode())
    styles = STYLES.get(class_id, STYLES[sem.HOUSE])
    style = styles[seed % len(styles)]
    brick = tuple(s for s in styles if s.cladding == BRICK)
    if brick and tone[0] > 1.18 * tone[2] and tone.mean() < 150:
        style = brick[0]
    height = max(eaves - floor, 1.0)
    storeys = max(1, int(height / (LOWEST * style.storey) + 0.15))
    storey = float(np.clip(height / storeys, LOWEST * style.storey, 1.5 * style.storey))
    pale = class_id == sem.HOUSE or (class_id in (sem.APARTMENTS, sem.STRUCTURE) and tone.mean() < 170)
    trim = TRIMS[(seed >> 4) % 2 if pale else 2 + (seed >> 4) % 2]
    return Look(style, class_id, seed, floor, storey, trim, LEAVES[(seed >> 8) % len(LEAVES)], GLASS[(seed >> 12) % len(GLASS)],
                pitched)


def plan(wall: Wall, look: Look) -> Openings:
    """The openings of a wall."""
    style, floor = look.style, look.floor - wall.bottom
    columns = _columns(wall.length, style)
    special = _at_the_ground(wall, look, columns, floor)
    rows = np.arange(-int(max(floor, 0) / look.storey), int(np.ceil((wall.height - floor) / look.storey)))  # below: on slopes
    if look.class_id in (sem.INDUSTRIAL, sem.STRUCTURE):
        rows = rows[rows == 0]
    if not len(columns) or not len(rows):
        return _joined(special, look)
    higher = float(np.clip(look.storey / style.storey, 1, 1.3))  # windows of high rooms are high
    sill = style.sill * min(higher, 1.12)
    height = min(style.height * higher, look.storey - sill - 0.35)
    row, column = (a.ravel() for a in np.meshgrid(rows, np.arange(len(columns)), indexing="ij"))
    low = floor + row * look.storey + sill
    tall = (row != 0) & (style.french > 0) & (column % max(style.french, 1) == look.seed % max(style.french, 1))
    rect = np.stack([columns[column] - style.width / 2, columns[column] + style.width / 2, low, low + height], 1)
    lower = rect - np.array([0, 0, sill - 0.12, 0])
    tall &= wall.fits(lower + RIM * np.array([-1, 1, -1, 1]))
    rect = np.where(tall[:, None], lower, rect)
    keep = (low > wall.ground_at(columns[column]) + ABOVE) & wall.fits(rect + RIM * np.array([-1, 1, -1, 1])) & (height > 0.5)
    for other in special:
        keep &= ~((rect[:, 0] < other[0][1] + 0.25) & (rect[:, 1] > other[0][0] - 0.25) & (rect[:, 2] < other[0][3] + 0.2)
                  & (rect[:, 3] > other[0][2]))
    rect, tall = rect[keep], tall[keep]
    panes = np.tile(np.array(style.panes), (len(rect), 1))
    panes[tall] = 2, 1
    return _joined(special, look, rect, np.where(tall, FRENCH, WINDOW), panes)


def skylights(size: np.ndarray, fits: Callable[[np.ndarray], np.ndarray], look: Look) -> Openings:
    """Roof windows: some on sloping roofs of houses, rows of domes on the flat roofs of halls and shops."""
    if look.pitched:
        if look.class_id not in (sem.HOUSE, sem.APARTMENTS) or look.seed % 3:
            return _joined([], look)
        pitch, width, height, rim = 4.0, 0.8, 1.2, 0.8
    else:
        if look.class_id not in (sem.INDUSTRIAL, sem.COMMERCIAL):
            return _joined([], look)
        pitch, width, height, rim = 7.0, 1.4, 1.4, 2.0
    across = (np.arange(int(size[0] // pitch)) + 0.5) * size[0] / max(1, int(size[0] // pitch))
    up = np.array([0.55 * size[1]]) if look.pitched else (
        (np.arange(int(size[1] // pitch)) + 0.5) * size[1] / max(1, int(size[1] // pitch)))
    u, v = (a.ravel() for a in np.meshgrid(across, up, indexing="ij"))
    rect = np.stack([u - width / 2, u + width / 2, v - height / 2, v + height / 2], 1)
    rect = rect[fits(rect + rim * np.array([-1, 1, -1, 1]))] if len(rect) else rect
    return _joined([], look, rect, np.full(len(rect), SKYLIGHT), np.ones((len(rect), 2), np.int64))


def joints(length: float, style: Style) -> tuple[float, float]:
    """u of the first upright joint between slabs and metres from one to the next: half way between columns of windows."""
    columns = _columns(length, style)
    pitch = float(columns[1] - columns[0]) if len(columns) > 1 else max(length, 1.0)
    return (float(columns[0]) - pitch / 2 if len(columns) > 1 else 0.0), pitch


def _columns(length: float, style: Style) -> np.ndarray:
    """Middles of the columns of windows along a wall, evenly spaced, metres."""
    free = length - 2 * style.edge
    if free < style.width:
        return np.zeros(0)
    count = max(1, int((free - style.width) / style.pitch + 1.02))
    return style.edge + free * (np.arange(count) + 0.5) / count if count > 1 else np.array([length / 2])


Special = tuple[np.ndarray, int, tuple[int, int]]


def _at_the_ground(wall: Wall, look: Look, columns: np.ndarray, floor: float) -> list[Special]:
    """Doors, shop fronts and gates of a wall, as rect, kind and panes."""
    if not wall.front:
        return []
    out: list[Special] = []

    def add(middle: float, size: tuple[float, float], kind: int, panes: tuple[int, int] = (1, 1)) -> None:
        ground = float(wall.ground_at(np.array([middle]))[0])
        low = floor if abs(ground - floor) < LEVEL else ground
        rect = np.array([middle - size[0] / 2, middle + size[0] / 2, low, low + size[1]])
        rim = rect + np.array([-0.3, 0.3, 0.05, 0.15])  # below it the wall may end
        if abs(ground - floor) < (LEVEL if kind == SHOP else 1.2) and wall.fits(rim[None])[0] and not any(
                rect[0] < o[0][1] + 0.2 and rect[1] > o[0][0] - 0.2 for o in out):
            out.append((rect, kind, panes))

    middle = float(columns[len(columns) // 2]) if len(columns) else wall.length / 2
    if look.class_id == sem.HOUSE:
        if wall.length > 9 and (look.seed >> 16) % 2:
            add(wall.length - 2.2 if (look.seed >> 17) % 2 else 2.2, GARAGE_SIZE, GATE)
        add(middle, DOOR_SIZE, DOOR)
    elif look.class_id == sem.STRUCTURE:
        add(wall.length / 2, GARAGE_SIZE if wall.length > 4.5 else DOOR_SIZE, GATE if wall.length > 4.5 else DOOR)
    elif look.class_id == sem.INDUSTRIAL:
        count = max(1, int((wall.length - 3) / GATES))
        for k in range(count):
            add(wall.length * (k + 0.5) / count, (GATE_SIZE[0], min(GATE_SIZE[1], look.storey - 0.6)), GATE)
        add(1.5, DOOR_SIZE, DOOR)
    else:
        count = max(1, int(wall.length / PORTALS))
        for k in range(count):
            at = wall.length * (k + 0.5) / count
            add(float(columns[np.abs(columns - at).argmin()]) if len(columns) else at, PORTAL_SIZE, DOOR, (2, 1))
        if look.class_id != sem.APARTMENTS:
            width = float(np.diff(columns).mean()) - 0.5 if len(columns) > 1 else 2.4
            for u in columns:
                add(float(u), (width, min(2.8, look.storey - 0.7)), SHOP, (max(1, round(width / 1.4)), 1))
    return out


def _joined(special: list[Special], look: Look, rect: np.ndarray | None = None, kind: np.ndarray | None = None,
            panes: np.ndarray | None = None) -> Openings:
    """One list of openings from the special ones and the rows of windows."""
    rects = [s[0][None] for s in special] + ([rect] if rect is not None else [])
    kinds = [np.array([s[1]]) for s in special] + ([kind] if kind is not None else [])
    both = [np.array([s[2]]) for s in special] + ([panes] if panes is not None else [])
    if not rects:
        return Openings(np.zeros((0, 4)), np.zeros(0, np.int64), np.zeros((0, 2), np.int64), np.zeros(0, np.int64))
    count = sum(len(r) for r in rects)
    seed = (look.seed + 7919 * np.arange(count)) % (1 << 31)
    return Openings(np.concatenate(rects), np.concatenate(kinds).astype(np.int64), np.concatenate(both).astype(np.int64), seed)
