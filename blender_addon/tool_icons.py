"""The pictures of the painting tools in the toolbar: cells in the palette's colours, drawn as triangles.

Blender reads such pictures from files, b"VCO\\0", a size and an offset of two bytes each, then three points of two bytes
and three RGBA colours of four bytes for each triangle; they are made at the first registration in the extension's own folder.
"""
from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from .earthcrafter_core.scene.classes import BROADLEAF, HOUSE, LAWN, PALETTE, PATH, ROAD, WATER
from .preferences import user_folder

VERSION = 1
"""Part of the files' names: pictures that change get new ones."""
_HEADER = b"VCO\0\xff\xff\0\0"
_LOW, _HIGH = 32, 224  # of 0..255, as far as Blender's own tools reach
_GREY = (229, 229, 229)
Points = list[tuple[float, float]]
Piece = tuple[Points, tuple[int, int, int]]


def icon(tool: str, otherwise: str) -> str:
    """`bl_icon` of a tool: the path of its picture, or Blender's own picture where it cannot be written."""
    path = user_folder("icons") / f"{tool}-{VERSION}.dat"
    try:
        if not path.is_file():
            _write(path, b"".join(_encoded(list(_DRAWINGS[tool]()))))
    except OSError:
        return otherwise
    return str(path.with_suffix(""))


def _write(path: Path, triangles: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(f".{os.getpid()}.tmp")
    temporary.write_bytes(_HEADER + triangles)
    os.replace(temporary, path)


def _encoded(pieces: list[Piece]) -> Iterator[bytes]:
    """All points, then all colours, of convex pieces as fans of triangles, the first ones below."""
    fans = [((points[0], points[k], points[k + 1]), color) for points, color in pieces for k in range(1, len(points) - 1)]
    for corners, _color in fans:
        yield bytes(round(_LOW + (_HIGH - _LOW) * v) for point in corners for v in point)
    for _corners, color in fans:
        yield bytes((*color, 255)) * 3


def _color(class_id: int) -> tuple[int, int, int]:
    red, green, blue = (int(v) for v in PALETTE[class_id])
    return red, green, blue


def _box(x0: float, y0: float, x1: float, y1: float, class_id: int) -> Piece:
    return [(x0, y0), (x1, y0), (x1, y1), (x0, y1)], _color(class_id)


def _cells(rows: tuple[str, ...], classes: dict[str, int]) -> Iterator[Piece]:
    """A small layout, a letter for each cell, the first row at the top; a dot leaves the cell out."""
    side = 1 / max(len(rows), len(rows[0]))
    gap = side * 0.06
    for r, row in enumerate(rows):
        for c, letter in enumerate(row):
            if letter != ".":
                yield _box(c * side + gap, 1 - (r + 1) * side + gap, (c + 1) * side - gap, 1 - r * side - gap, classes[letter])


def _brush() -> Iterator[Piece]:
    yield from _cells((".....", "GGG..", "GRGG.", "RRRG.", "GRGG."), {"G": LAWN, "R": ROAD})
    yield [(0.38, 0.34), (0.52, 0.30), (0.62, 0.46), (0.48, 0.56)], _color(ROAD)
    yield [(0.50, 0.56), (0.62, 0.45), (1.0, 0.90), (0.90, 1.0)], _GREY


def _line() -> Iterator[Piece]:
    yield from _cells(("GGGGR", "GGGRR", "GGRRG", "GRRGG", "RRGGG"), {"G": LAWN, "R": ROAD})
    for k in range(3):
        x = 0.14 + 0.3 * k
        yield [(x - 0.03, x + 0.03), (x + 0.03, x - 0.03), (x + 0.17, x + 0.11), (x + 0.11, x + 0.17)], _GREY


def _rectangle() -> Iterator[Piece]:
    yield from _cells(("GGGGG", "GHHHG", "GHHHG", "GHHHG", "GGGGG"), {"G": LAWN, "H": HOUSE})


def _polygon() -> Iterator[Piece]:
    yield _box(0, 0, 1, 1, LAWN)
    corners = [(0.12, 0.30), (0.60, 0.10), (0.90, 0.55), (0.55, 0.90), (0.15, 0.72)]
    yield corners, _color(WATER)
    for x, y in corners:
        yield [(x - 0.07, y - 0.07), (x + 0.07, y - 0.07), (x + 0.07, y + 0.07), (x - 0.07, y + 0.07)], _GREY


def _flood() -> Iterator[Piece]:
    yield from _cells(("PPPPP", "PWWWP", "PWWWP", "PPWWP", "GPPPP"), {"P": PATH, "W": WATER, "G": LAWN})
    yield [(0.50, 0.32), (0.64, 0.44), (0.50, 0.76), (0.36, 0.44)], _GREY


def _eyedropper() -> Iterator[Piece]:
    yield from _cells(("...", "GT.", "HG."), {"G": LAWN, "T": BROADLEAF, "H": HOUSE})
    yield [(0.16, 0.14), (0.26, 0.14), (0.66, 0.54), (0.54, 0.66), (0.14, 0.26)], _GREY
    yield [(0.48, 0.62), (0.62, 0.48), (0.76, 0.62), (0.62, 0.76)], (150, 150, 150)
    yield [(0.60, 0.74), (0.74, 0.60), (1.0, 0.84), (0.98, 0.98), (0.84, 1.0)], _GREY


_DRAWINGS = {"brush": _brush, "line": _line, "rectangle": _rectangle, "polygon": _polygon, "flood": _flood,
             "eyedropper": _eyedropper}
