"""A layout made from something else (a map, a survey, a preset, a picture), and what got lost on the way. NumPy alone."""
from __future__ import annotations

from dataclasses import dataclass, field

from .layout import Layout


@dataclass
class MadeLayout:
    """A layout with where it comes from.

    Attributes:
        layout: the layout, with height hints, elevation and its place on Earth where the source knows them.
        name: what to call it, such as the file's stem.
        report: one sentence each on what could not be mapped, with counts; empty where everything was.
        source: what it was made from, such as "osm neubrandenburg.osm.bz2".
    """

    layout: Layout
    name: str
    report: list[str] = field(default_factory=list)
    source: str = ""
