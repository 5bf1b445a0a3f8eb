"""The themes of synthetic scenes."""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from . import city, land, town
from .canvas import Canvas


@dataclass(frozen=True)
class Theme:
    """A kind of place.

    Attributes:
        plan: draws the place on an empty canvas.
        share: how often it is drawn, relative.
        hills: lowest and highest difference of elevation, metres.
    """

    plan: Callable[[Canvas], None]
    share: float
    hills: tuple[float, float]


THEMES: dict[str, Theme] = {
    "suburb": Theme(town.suburb, 1.4, (1, 18)),
    "downtown": Theme(city.downtown, 1.2, (0, 4)),
    "village": Theme(town.village, 1.1, (3, 25)),
    "coast": Theme(land.coast, 1.1, (2, 15)),
    "valley": Theme(land.valley, 1.1, (15, 60)),
    "farmland": Theme(land.farmland, 1.1, (2, 25)),
    "campus": Theme(city.campus, 1.0, (0, 10)),
    "industrial": Theme(city.industrial, 1.0, (0, 6)),
    "swatches": Theme(land.swatches, 1.8, (0, 8)),
}
