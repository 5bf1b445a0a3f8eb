"""Presets to start a layout from: seven kinds of places, planned by rule and seed, of any size."""
from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from ..errors import BadInput, Cancelled
from ..scene import classes as c
from ..scene.layout import MAX_CELLS, Layout
from ..scene.made_layout import MadeLayout
from ..scene.sources import PRESETS
from .synthetic.canvas import Canvas
from .synthetic.plan import cover_of
from .synthetic.style import draw_style
from .synthetic.themes import THEMES

LABELS = {preset.name: preset.label for preset in PRESETS}
NAMES = tuple(LABELS)
LONGEST = 2048  # metres a side: plans of more need minutes and gigabytes
_SHORTEST = 256  # metres a side that are planned at least: places of this size look right; of them the middle is kept
_TRIES = 12  # plans of the shortest side that are drawn at most until one is good; fewer of larger ones

_BUILT = tuple(int(k) for k in c.BUILDING_IDS)
_GOOD: dict[str, list[tuple[tuple[int, ...], float, float]]] = {
    "suburb": [((c.HOUSE,), 0.08, 0.4), ((c.ROAD,), 0.06, 0.3)],
    "downtown": [((c.APARTMENTS, c.COMMERCIAL, c.TOWER), 0.24, 0.6), ((c.TOWER,), 0.015, 0.2), ((c.PARKING,), 0, 0.18),
                 ((c.BRIDGE,), 0, 0), ((c.ROAD,), 0.08, 0.35)],
    "village": [(_BUILT, 0.05, 0.2), ((c.ROAD,), 0.03, 0.2), ((c.SOIL,), 0, 0.12), ((c.COMMERCIAL,), 0.002, 0.05),
                ((c.BROADLEAF,), 0.02, 0.3)],
    "coast": [((c.WATER,), 0.22, 0.5), (_BUILT, 0.03, 0.3), ((c.SAND,), 0.05, 0.25), ((c.ROAD,), 0.02, 0.2)],
    "valley": [((c.SNOW,), 0, 0.2), ((c.WATER,), 0.03, 0.2), ((c.CONIFER,), 0.08, 0.5), ((c.ROAD,), 0.015, 0.1),
               (_BUILT, 0.004, 0.1), ((c.ROCK,), 0.01, 0.25)],
    "farmland": [(_BUILT, 0.012, 0.1), ((c.CROPLAND,), 0.2, 0.65), ((c.BROADLEAF, c.CONIFER), 0.03, 0.3),
                 ((c.ROAD,), 0.01, 0.1)],
    "campus": [(_BUILT, 0.08, 0.3), ((c.SPORTS,), 0.03, 0.25), ((c.PATH,), 0.01, 0.2), ((c.BROADLEAF,), 0.04, 0.3)],
}
"""What makes a plan of each kind a good one: classes whose cells together are between two shares of the layout."""


def make_preset(name: str, seed: int = 0, width: int = 128, height: int = 128, cell_size: float = 1.0,
                cancel: Callable[[], bool] | None = None) -> MadeLayout:
    """The layout of a place that does not exist; the same for the same arguments.

    Args:
        name: one of NAMES.
        seed: any whole number from 0.
        width, height: cells from west to east and from south to north.
        cell_size: metres.
        cancel: asked before each plan; Cancelled is raised where it says yes.

    Raises:
        BadInput: an unknown preset, or a size that is out of range. Cancelled.

    Example:
        >>> make_preset("village", 3, 96, 64, 0.5).layout.shape
        (64, 96)
    """
    if name not in NAMES:
        raise BadInput(f"There is no preset {name!r}.", f"Choose one of: {', '.join(NAMES)}.")
    if seed < 0:
        raise BadInput(f"The seed {seed} is negative.", "Give a whole number from 0.")
    if not (np.isfinite(cell_size) and 0.05 <= cell_size <= 100):
        raise BadInput(f"The cell size {cell_size} m is out of range.", "Give 0.05 to 100 metres.")
    longest = max(width, height)
    if not 8 <= min(width, height) or longest > MAX_CELLS or longest * cell_size > LONGEST:
        raise BadInput(f"A preset of {width} x {height} cells of {cell_size:g} m is out of range.",
                       f"Give 8 to {min(MAX_CELLS, int(LONGEST / cell_size))} cells a side of this size.")
    size = max(_SHORTEST, 2 * math.ceil(longest * cell_size / 2))
    best: tuple[float, np.ndarray, np.ndarray] | None = None
    for attempt in range(max(2, _TRIES * _SHORTEST**2 // size**2)):
        if cancel is not None and cancel():
            raise Cancelled
        rng = np.random.default_rng((seed, NAMES.index(name), attempt))
        canvas = Canvas(rng, size, draw_style(rng))
        THEMES[name].plan(canvas)
        ids, top = cover_of(canvas, (height, width), cell_size)
        fault = _fault(ids, name)
        if best is None or fault < best[0]:
            best = fault, ids, top
        if fault == 0:
            break
    assert best is not None  # at least two tries were made
    _, ids, top = best
    hint = np.where(c.is_in(ids, c.BUILDING_IDS), top, np.float32(np.nan))
    return MadeLayout(Layout(ids, cell_size, hint if np.isfinite(hint).any() else None), LABELS[name], [],
                      f"preset {name} {seed}")


def _fault(ids: np.ndarray, name: str) -> float:
    """How far a plan is from a good one: the shares by which it misses, each against what is wanted; 0 for a good one."""
    share = np.bincount(ids.ravel(), minlength=c.NUM_CLASSES) / ids.size
    fault = 0.0
    for classes, low, high in _GOOD[name]:
        got = float(share[list(classes)].sum())
        fault += max(0.0, low - got) / max(low, 0.02) + max(0.0, got - high) / max(high, 0.05)
    return fault
