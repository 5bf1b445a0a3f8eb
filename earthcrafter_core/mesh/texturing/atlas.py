"""Charts: the flat pieces of buildings and decks that a texture is painted on, and their places on its pages."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from ..place import DECK, Part

WALL, ROOF, FLAT, UNDER = 0, 1, 2, 3
"""Kinds of charts: upright, sloping, level and facing up, facing down."""
PAD = 4  # texels around each chart, so that the first mip levels of neighbours do not mix
PAGE = 4096  # texels along the longest side of a page
FILL = 0.8  # share of a page that the charts assigned to it may take before they are packed
COPLANAR = float(np.cos(np.radians(0.5)))
LEVEL = float(np.cos(np.radians(1)))  # what rises more is a sloping roof, with courses and without a coping
BEND = float(np.cos(np.radians(30)))  # walls that bend less than this, one of them narrow, are unrolled into one chart
NARROW = 3.0  # metres
PLAIN = 2.0  # texels a metre of what has one colour: undersides of buildings, copings
THIN = 0.8  # metres: level strips that are narrower are copings
SUNK = 0.5  # share of a roof's border along which a parapet or a wall rises


@dataclass
class Panels:
    """Flat pieces. A point (u, v) of the chart, metres, is at origin + u * right + v * up; u runs from `left` to `stop`.

    Attributes:
        origin, right, up, normal: float64 [P, 3]; walls are seen from outside with u to the right and v up.
        left, stop: float64 [P] metres. chart: int64 [P].
    """

    origin: np.ndarray
    right: np.ndarray
    up: np.ndarray
    normal: np.ndarray
    left: np.ndarray
    stop: np.ndarray
    chart: np.ndarray


@dataclass
class Charts:
    """All charts of some parts.

    Attributes:
        panels: the flat pieces of the charts, sorted by chart. first: int64 [C + 1] bounds of each chart's panels.
        part: int64 [C] index of the part. kind: uint8 [C]. size: float64 [C, 2] metres.
        face_chart: int64 [F] of the faces of all parts, one part after the other. face_uv: float64 [F, 3, 2] metres.
        thin, sunk: bool [C] strips such as copings, roofs between parapets or higher walls.
        density: float64 [C] texels a metre. page: int64 [C]. corner, pixels: int64 [C, 2] texels (x, y), y up, PAD included.
        pages: int64 [pages, 2] width and height, powers of two.
    """

    panels: Panels
    first: np.ndarray
    part: np.ndarray
    kind: np.ndarray
    size: np.ndarray
    face_chart: np.ndarray
    face_uv: np.ndarray
    thin: np.ndarray
    sunk: np.ndarray
    density: np.ndarray
    page: np.ndarray
    corner: np.ndarray
    pixels: np.ndarray
    pages: np.ndarray

    def uv(self) -> np.ndarray:
        """Texture coordinates float32 [F, 3, 2] in 0..1, v up, of each face's page."""
        c = self.face_chart
        texel = self.corner[c][:, None] + PAD + self.face_uv * self.density[c][:, None, None]
        return (texel / self.pages[self.page[c]][:, None]).astype(np.float32)


def charts_of(parts: Sequence[Part], texels: float) -> Charts:
    """Cut parts into charts and pack these.

    Coplanar faces that touch are one chart. Curved walls (facets narrower than NARROW) are unrolled along their
    outline. Parts of several faces in a row stay in order, so that the same parts give the same charts.

    Args:
        parts: at least one, each with at least one face. texels: texels a metre; large things get less where a page
            would be too small.
    """
    vertices, faces, face_part = _merged(parts)
    corners = vertices[faces]
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])  # length: twice the area
    unit = normal / np.maximum(np.linalg.norm(normal, axis=1), 1e-12)[:, None]
    deck = np.array([part.kind == DECK for part in parts])[face_part]
    kind = _kinds(unit, deck)
    level = deck & (np.abs(unit[:, 2]) > 0.7)  # the tops of decks may be curved: seen from above
    unit[level] = np.sign(unit[level, 2])[:, None] * np.array([0.0, 0.0, 1.0])
    one, other, edge = _neighbours(faces, len(vertices))
    joined = (np.einsum("ij,ij->i", unit[one], unit[other]) > COPLANAR) & (kind[one] == kind[other])
    count, panel = _components(len(faces), one[joined], other[joined])
    lead = np.full(count, len(faces))
    np.minimum.at(lead, panel, np.arange(len(faces)))  # the first face of each panel
    summed = np.zeros((count, 3))
    np.add.at(summed, panel, unit * np.linalg.norm(normal, axis=1)[:, None] + unit * 1e-9)
    angle = np.array([part.attributes.get("angle", 0.0) for part in parts])[face_part[lead]]
    panel_kind = kind[lead]
    axes = _axes(summed, panel_kind, angle)
    uv = np.stack([np.einsum("fck,fk->fc", corners, axes[a][panel]) for a in (0, 1)], -1)  # [F, 3, 2]
    low, high = _bounds(uv, panel, count)
    bend = _bends(vertices, one, other, edge, panel, panel_kind, axes, high[:, 0] - low[:, 0])
    chart, shift = _unrolled(count, *bend)
    strips = _strips(vertices, corners, normal, one, other, edge, chart[panel], kind)
    return _assembled(parts, corners, panel, panel_kind, face_part[lead], axes, uv, low, high, chart, shift, strips, texels)


def _merged(parts: Sequence[Part]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """vertices [V, 3], faces [F, 3] and part [F] of all parts together."""
    start = np.cumsum([0] + [len(part.vertices) for part in parts])
    faces = np.concatenate([part.faces.astype(np.int64) + s for part, s in zip(parts, start[:-1], strict=True)])
    return (np.concatenate([part.vertices for part in parts]), faces,
            np.repeat(np.arange(len(parts)), [len(part.faces) for part in parts]))


def _kinds(unit: np.ndarray, deck: np.ndarray) -> np.ndarray:
    """Kind uint8 [F] of faces by their normals [F, 3]."""
    z = unit[:, 2]
    kind = np.where(z > LEVEL, FLAT, np.where(z > 0.2, ROOF, np.where(z < -0.2, UNDER, WALL)))
    return np.where(deck & (z > 0.7), FLAT, kind).astype(np.uint8)


def _neighbours(faces: np.ndarray, vertices: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pairs of faces that share an edge: face [E], face [E], vertices of the edge [E, 2]."""
    ends = np.sort(faces[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1)
    key = ends[:, 0] * vertices + ends[:, 1]
    order = np.argsort(key, kind="stable")
    same = np.flatnonzero(np.diff(key[order]) == 0)
    return order[same] // 3, order[same + 1] // 3, ends[order[same]]


def _components(count: int, one: np.ndarray, other: np.ndarray) -> tuple[int, np.ndarray]:
    """How many groups, and the group [count] of each: numbered by their first member."""
    graph = coo_matrix((np.ones(len(one), bool), (one, other)), (count, count))
    found, label = connected_components(graph, directed=False)
    first = np.full(found, count)
    np.minimum.at(first, label, np.arange(count))
    rank = np.empty(found, np.int64)
    rank[np.argsort(first)] = np.arange(found)
    return found, rank[label]


def _axes(normal: np.ndarray, kind: np.ndarray, angle: np.ndarray) -> np.ndarray:
    """right, up, normal float64 [3, P, 3] of panels: walls upright, roofs up their slope, level ones along the building."""
    n = np.where((kind == WALL)[:, None], normal * (1, 1, 0), normal)
    n = n / np.maximum(np.linalg.norm(n, axis=1), 1e-12)[:, None]
    along = np.stack([np.cos(angle), np.sin(angle), np.zeros(len(angle))], 1)
    slope = np.stack([-n[:, 1], n[:, 0], np.zeros(len(n))], 1)  # z x n: to the right as seen from outside
    right = np.where(((kind == FLAT) | (kind == UNDER))[:, None], along, slope)
    right -= n * np.einsum("ij,ij->i", right, n)[:, None]
    right /= np.maximum(np.linalg.norm(right, axis=1), 1e-12)[:, None]
    return np.stack([right, np.cross(n, right), n])


def _bounds(uv: np.ndarray, group: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Least and greatest (u, v) float64 [count, 2] of the corners [F, 3, 2] of each group [F]."""
    low, high = np.full((count, 2), np.inf), np.full((count, 2), -np.inf)
    np.minimum.at(low, group, uv.min(1))
    np.maximum.at(high, group, uv.max(1))
    return low, high


def _bends(vertices: np.ndarray, one: np.ndarray, other: np.ndarray, edge: np.ndarray, panel: np.ndarray, kind: np.ndarray,
           axes: np.ndarray, width: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pairs of walls that are unrolled together: panel [B], panel [B], u of the one minus u of the other at their edge [B]."""
    a, b = panel[one], panel[other]
    span = vertices[edge[:, 1]] - vertices[edge[:, 0]]
    use = (a != b) & (kind[a] == WALL) & (kind[b] == WALL) & (np.einsum("ij,ij->i", axes[2][a], axes[2][b]) > BEND)
    use &= (np.abs(span[:, 2]) > 4 * np.hypot(span[:, 0], span[:, 1])) & (np.minimum(width[a], width[b]) < NARROW)
    a, b, at = a[use], b[use], vertices[edge[use, 0]]
    return a, b, np.einsum("ij,ij->i", at, axes[0][a]) - np.einsum("ij,ij->i", at, axes[0][b])


def _unrolled(count: int, one: np.ndarray, other: np.ndarray, step: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Chart [P] of each panel and what is added to its u [P], so that panels that bend go on where the one before ends."""
    links: dict[int, list[tuple[int, float]]] = {}
    for a, b, s in zip(one.tolist(), other.tolist(), step.tolist(), strict=True):
        links.setdefault(a, []).append((b, s))
        links.setdefault(b, []).append((a, -s))
    chart, shift, found = np.full(count, -1), np.zeros(count), 0
    for panel in range(count):
        if chart[panel] >= 0:
            continue
        chart[panel], queue = found, [panel]
        for a in queue:  # breadth first: a ring is cut opposite its first panel
            for b, s in links.get(a, ()):
                if chart[b] < 0:
                    chart[b], shift[b] = found, shift[a] + s
                    queue.append(b)
        found += 1
    return chart, shift


def _strips(vertices: np.ndarray, corners: np.ndarray, normal: np.ndarray, one: np.ndarray, other: np.ndarray, edge: np.ndarray,
            chart: np.ndarray, kind: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """`thin` and `sunk` bool [C] of charts, from the faces' chart [F] and kind [F] and their pairs at edges."""
    count = int(chart.max()) + 1
    area = np.bincount(chart, np.linalg.norm(normal, axis=1) / 2, count)
    sides = np.linalg.norm(np.roll(corners, -1, 1) - corners, axis=2).sum(1)
    length = np.linalg.norm(vertices[edge[:, 0]] - vertices[edge[:, 1]], axis=1)
    inner = chart[one] == chart[other]
    border = np.maximum(np.bincount(chart, sides, count) - 2 * np.bincount(chart[one[inner]], length[inner], count), 1e-9)
    middle, rising = corners[..., 2].mean(1), np.zeros(count)
    for a, b in ((one, other), (other, one)):
        up = (kind[a] == FLAT) & (kind[b] == WALL) & (middle[b] > middle[a] + 0.02)
        rising += np.bincount(chart[a[up]], length[up], count)
    level = np.zeros(count, bool)
    level[chart] = kind != WALL
    return level & (2 * area / border < THIN), rising / border > SUNK


def _assembled(parts: Sequence[Part], corners: np.ndarray, panel: np.ndarray, kind: np.ndarray, part: np.ndarray,
               axes: np.ndarray, uv: np.ndarray, low: np.ndarray, high: np.ndarray, chart: np.ndarray, shift: np.ndarray,
               strips: tuple[np.ndarray, np.ndarray], texels: float) -> Charts:
    """The charts, packed, of panels with their bounds, charts and shifts."""
    count = int(chart.max()) + 1
    low, high = low + np.stack([shift, 0 * shift], 1), high + np.stack([shift, 0 * shift], 1)
    least, most = np.full((count, 2), np.inf), np.full((count, 2), -np.inf)
    np.minimum.at(least, chart, low)
    np.maximum.at(most, chart, high)
    move = np.stack([shift, 0 * shift], 1) - least[chart]  # [P, 2] added to world coordinates along the panel's axes
    depth, faces_of = np.zeros(len(chart)), np.bincount(panel, minlength=len(chart))
    np.add.at(depth, panel, np.einsum("fck,fk->f", corners, axes[2][panel]) / 3)
    origin = (axes[2] * (depth / faces_of)[:, None] - axes[0] * move[:, :1] - axes[1] * move[:, 1:])
    order = np.argsort(chart, kind="stable")
    panels = Panels(origin[order], axes[0][order], axes[1][order], axes[2][order], (low - least[chart])[order, 0],
                    (high - least[chart])[order, 0], chart[order])
    first = np.searchsorted(panels.chart, np.arange(count + 1))
    lead = order[first[:-1]]
    size, chart_part, chart_kind = most - least, part[lead], kind[lead]
    density = _densities(parts, size, chart_part, chart_kind, strips[0], texels)
    pixels = np.ceil(size * density[:, None] - 1e-6).astype(np.int64) + 2 * PAD
    page, corner, pages = _packed(pixels, chart_part)
    return Charts(panels, first, chart_part, chart_kind, size, chart[panel], uv + move[panel][:, None], *strips, density, page,
                  corner, pixels, pages)


def _densities(parts: Sequence[Part], size: np.ndarray, part: np.ndarray, kind: np.ndarray, thin: np.ndarray,
               texels: float) -> np.ndarray:
    """Texels a metre [C]: as asked for, less for what has one colour, for long charts and for the charts of vast parts."""
    deck = np.array([p.kind == DECK for p in parts])[part]
    density = np.where(((kind == UNDER) | thin) & ~deck, min(PLAIN, texels), texels)
    density = np.minimum(density, (PAGE - 2 * PAD) / np.maximum(size.max(1), 1e-9))
    area = np.bincount(part, (size * density[:, None] + 2 * PAD).prod(1), len(parts))
    return density * np.sqrt(np.minimum(1, FILL * PAGE ** 2 / np.maximum(area, 1)))[part]


def _packed(pixels: np.ndarray, part: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """page [C], corner [C, 2] and the pages' sizes [pages, 2]; all charts of a part lie on one page."""
    area = np.bincount(part, pixels.prod(1), part.max() + 1)
    page_of_part, page, filled = np.zeros(len(area), np.int64), 0, 0.0
    for k, a in enumerate(area.tolist()):
        if filled and filled + a > FILL * PAGE ** 2:
            page, filled = page + 1, 0.0
        page_of_part[k], filled = page, filled + a
    chart_page, corner, pages = page_of_part[part], np.zeros_like(pixels), []
    for k in range(page + 1):
        rows = np.flatnonzero(chart_page == k)
        best = min((_shelves(pixels[rows], width) for width in _widths(pixels[rows])),
                   key=lambda s: (s[1].prod(), s[1].max()))
        corner[rows] = best[0]
        pages.append(best[1])
    return chart_page, corner, np.array(pages)


def _widths(pixels: np.ndarray) -> list[int]:
    """Widths of a page that are worth a try: powers of two from the widest chart on."""
    least = 1 << int(max(int(pixels[:, 0].max()), 64) - 1).bit_length()
    return [least << k for k in range(7) if least << k <= PAGE] or [least]


def _shelves(pixels: np.ndarray, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Corners [N, 2] of rectangles on shelves, the highest first, and the page's size [2], powers of two."""
    corner = np.zeros_like(pixels)
    x = y = shelf = 0
    for k in np.lexsort((np.arange(len(pixels)), -pixels[:, 0], -pixels[:, 1])).tolist():
        w, h = pixels[k].tolist()
        if x + w > width:
            x, y = 0, y + shelf
        if x == 0:
            shelf = h
        corner[k] = x, y
        x += w
    return corner, np.array([width, 1 << max(y + shelf - 1, 63).bit_length()])
