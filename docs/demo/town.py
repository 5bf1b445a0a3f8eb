"""The town of the demo, 128 x 128 m, as strokes in metres from the south-west corner (x east, y north)."""
from __future__ import annotations

from collections.abc import Iterator

SIDE = 128
Stroke = tuple[str, str, tuple]
"""("rectangle", class, (corner, opposite)), ("disc", class, (centre, radius)) or ("line", class, (points, width))."""

RIVER = [(128, 58), (112, 66), (98, 78), (90, 92), (88, 108), (94, 128)]
MAIN_ROAD = [(0, 38), (24, 40), (44, 46), (62, 56), (82, 68), (106, 86), (128, 98)]
LANE = [(66, 58), (70, 40), (78, 26), (92, 16), (128, 12)]
SIDE_STREET = [(30, 41), (33, 22), (30, 0)]
HOUSES = [(4, 24, 9, 8), (17, 25, 8, 9), (5, 8, 10, 8), (18, 8, 8, 10),  # west of the side street: x, y, width, depth
          (38, 28, 9, 9), (39, 12, 10, 8), (40, 0, 9, 7),
          (53, 36, 9, 10), (56, 20, 10, 9), (62, 5, 10, 9), (80, 2, 11, 8), (98, 1, 10, 7), (114, 1, 10, 7),
          (80, 40, 9, 9), (86, 28, 9, 8)]


def strokes() -> Iterator[Stroke]:
    """All strokes, in the order of painting."""
    yield from _ground()
    yield from _gardens()
    yield from _streets()
    yield from _centre()
    yield from _park()
    yield from _east_bank()


def _ground() -> Iterator[Stroke]:
    yield "line", "meadow", (RIVER, 26)
    yield "line", "shrub", (RIVER, 19)
    yield "line", "sand", (RIVER[1:4], 17)
    yield "line", "water", (RIVER, 14)


def _gardens() -> Iterator[Stroke]:
    for x, y, width, depth in HOUSES:
        yield "rectangle", "house", ((x, y), (x + width, y + depth))
    for x, y in ((14, 20), (2, 19), (28, 14), (50, 26), (52, 12), (76, 16), (94, 8), (110, 5), (96, 36), (74, 2)):
        yield "disc", "broadleaf", ((x, y), 3.2)
    for x, y in ((3, 3), (35, 36), (60, 31), (92, 24)):
        yield "disc", "conifer", ((x, y), 2.4)
    yield "rectangle", "pool", ((45, 22), (51, 25))
    yield "rectangle", "pool", ((11, 19), (17, 22))
    yield "line", "shrub", ([(0, 17), (27, 17)], 1.5)
    yield "rectangle", "structure", ((50, 2), (54, 6))


def _streets() -> Iterator[Stroke]:
    for points in (MAIN_ROAD, LANE, SIDE_STREET):
        yield "line", "path", (points, 10)
    yield "line", "road", (LANE, 6)
    yield "line", "road", (SIDE_STREET, 6)
    yield "line", "road", (MAIN_ROAD, 7)
    yield "line", "bridge", ([(85, 70), (106, 86)], 9)


def _centre() -> Iterator[Stroke]:
    yield "rectangle", "path", ((4, 88), (34, 122))
    yield "rectangle", "tower", ((10, 98), (25, 113))
    yield "rectangle", "commercial", ((6, 90), (30, 97))
    yield "rectangle", "parking", ((38, 100), (54, 124))
    yield "line", "road", ([(36, 44), (36, 128)], 5)
    yield "line", "path", ([(32.5, 48), (32.5, 124)], 2)
    for x in (4, 19):
        yield "rectangle", "apartments", ((x, 52), (x + 10, 82))
    yield "rectangle", "parking", ((41, 60), (50, 84))
    for y in (54, 62, 70, 78):
        yield "disc", "broadleaf", ((16.5, y), 2.2)
    for y in (90, 100, 110, 120):
        yield "disc", "broadleaf", ((31, y), 1.8)


def _park() -> Iterator[Stroke]:
    yield "disc", "water", ((68, 100), 6)
    yield "line", "path", ([(40, 92), (56, 88), (70, 90), (79, 100), (74, 114), (60, 120), (57, 128)], 2.5)
    yield "line", "path", ([(56, 88), (60, 100), (60, 120)], 2)
    for x, y, r in ((60, 74, 4.5), (68, 80, 5), (76, 86, 3.5), (80, 116, 4.5), (68, 112, 4), (53, 94, 3), (66, 124, 3.5),
                    (54, 66, 3.5), (76, 124, 3.5)):
        yield "disc", "broadleaf", ((x, y), r)
    for x, y, r in ((72, 76, 3), (78, 106, 2.5), (57, 110, 2.5)):
        yield "disc", "conifer", ((x, y), r)
    yield "line", "shrub", ([(76, 96), (74, 93), (70, 91.5)], 1.5)


def _east_bank() -> Iterator[Stroke]:
    yield "rectangle", "sports", ((98, 24), (124, 52))
    yield "line", "broadleaf", ([(100, 55), (118, 55)], 4)
    yield "rectangle", "commercial", ((106, 104), (124, 120))
    yield "rectangle", "parking", ((106, 96), (116, 103))
    for x, y in ((100, 100), (102, 112), (104, 124), (118, 78), (124, 72), (112, 76)):
        yield "disc", "broadleaf", ((x, y), 3)
    yield "disc", "conifer", ((122, 84), 3)
