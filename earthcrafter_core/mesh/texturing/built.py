"""Textures of buildings and decks: each chart gets the surfels of its class that lie on it, then finer detail."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from ...scene import classes as sem
from ..columns import Columns
from ..place import BUILDING, DECK, Part, Texture
from . import bake, covers, facades
from .atlas import FLAT, PAD, ROOF, UNDER, WALL, Charts
from .openings import paint_openings

COARSE = 4.0  # texels a metre at which surfels are summed: their standard deviation is 0.3 m, more would show no more
COARSE_PAD = 3  # texels around a chart at that density
DEPTH, DECK_DEPTH = 0.9, 4.0  # metres between a surfel and the plane of its chart; decks are curved
OUTSIDE = 0.7  # metres before a wall, where the ground's level is read
KEEP = {WALL: 0.3, ROOF: 0.5, FLAT: 0.55, UNDER: 0.0}
"""How much of the surfels' variation stays under painted detail; the rest is the building's tone."""
WIDE, GAP = 8, 0.02  # coarse texels: radius of the blur that fills gaps; its weight
SOFTENED = 3  # coarse texels: radius of the blur under painted detail
UPHILL = 65  # percent of the ground around a building that lies below its ground floor
EVEN = 1.0  # metres: standard deviation of the blur of the ground along a wall
FRONT = 4.0  # metres that walls may be farther from the street than the nearest, and still be fronts
TONE = np.array([150, 146, 140], np.float32)  # of buildings without a surfel


@dataclass
class Street:
    """Where the ground and the streets are.

    Attributes: columns: of the place. distance: float32 [X, Y] metres to the nearest street.
    """

    columns: Columns
    distance: np.ndarray

    def ground(self, xy: np.ndarray) -> np.ndarray:
        """z of the ground at world points [M, 2]."""
        return self._at(self.columns.ground, xy)

    def away(self, xy: np.ndarray) -> np.ndarray:
        """Metres to the nearest street of world points [M, 2]."""
        return self._at(self.distance, xy)

    def _at(self, plane: np.ndarray, xy: np.ndarray) -> np.ndarray:
        at = (xy - self.columns.origin) / self.columns.cell - 0.5
        return ndimage.map_coordinates(plane, at.T, order=1, mode="nearest")


def street_of(columns: Columns) -> Street:
    """Streets are roads; where a place has none, paths and parking; where it has none either, all are equally far."""
    for ids in ([sem.ROAD], [sem.PATH, sem.PARKING]):
        mask = sem.is_in(columns.cover, np.array(ids)) & columns.shown
        if mask.any():
            return Street(columns, (ndimage.distance_transform_edt(~mask) * columns.cell).astype(np.float32))
    return Street(columns, np.zeros(columns.shape, np.float32))


class BuiltPainter:
    """Paints the charts of parts on the pages, one part at a time, from several threads.

    Args:
        parts: buildings and decks. charts: theirs. surfels: of building and bridge classes. street: see `Street`.
        roughness: float32 [26] of classes. detail: whether facades are painted.
    """

    def __init__(self, parts: Sequence[Part], charts: Charts, surfels: bake.Surfels, street: Street, roughness: np.ndarray,
                 detail: bool):
        self.parts, self.charts, self.surfels, self.street = parts, charts, surfels, street
        self.roughness, self.detail = roughness, detail
        self.pages = [Texture(np.empty((h, w, 3), np.uint8), np.empty((h, w), np.uint8)) for w, h in charts.pages.tolist()]
        for page in self.pages:
            page.color[:] = TONE.astype(np.uint8)
            page.roughness[:] = 204  # type: ignore[index]
        self.corner_color = np.empty((len(charts.face_chart), 3, 3), np.uint8)
        self._faces = np.argsort(charts.face_chart, kind="stable")
        self._first_face = np.searchsorted(charts.face_chart[self._faces], np.arange(len(charts.part) + 1))
        self._first_chart = np.searchsorted(charts.part, np.arange(len(parts) + 1))  # charts are sorted by part

    def paint(self, k: int) -> None:
        """Paint all charts of part `k`."""
        mine = range(self._first_chart[k], self._first_chart[k + 1])
        rows = {c: self._rows(c) for c in mine}
        tones = self._tones(mine, rows)
        look = self._look(k, mine, tones[WALL]) if self.detail and self.parts[k].kind == BUILDING else None
        fronts = self._fronts(mine, look.floor) if look is not None else set()
        for c in mine:
            self._chart(c, rows[c], tones, look, c in fronts)

    def _panels(self, c: int) -> range:
        return range(self.charts.first[c], self.charts.first[c + 1])

    def _rows(self, c: int) -> list[np.ndarray]:
        """The surfels of each panel of a chart."""
        p, part = self.charts.panels, self.parts[self.charts.part[c]]
        depth = DECK_DEPTH if part.kind == DECK and self.charts.kind[c] != WALL else DEPTH
        return [self.surfels.near(p.origin[k], p.right[k], p.up[k], p.normal[k],
                                  np.array([p.left[k], p.stop[k], 0.0, self.charts.size[c, 1]]), part.class_id, depth)
                for k in self._panels(c)]

    def _tones(self, mine: range, rows: dict[int, list[np.ndarray]]) -> dict[int, np.ndarray]:
        """Tone float32 [3] of each kind of chart of a part: of walls that of the brighter half: no windows."""
        def of(*kinds: int) -> np.ndarray | None:
            found = [r for c in mine if self.charts.kind[c] in kinds for r in rows[c]]
            rgb = self.surfels.rgb[np.concatenate(found)] if found else np.zeros((0, 3), np.float32)
            if WALL in kinds and len(rgb) > 3:
                light = rgb.sum(1)
                rgb = rgb[light >= np.median(light)]
            return rgb.mean(0) if len(rgb) else None
        wall, roof = of(WALL), of(ROOF, FLAT)
        either = next((t for t in (wall, roof) if t is not None), TONE)
        wall, roof = either if wall is None else wall, either if roof is None else roof
        return {WALL: wall, ROOF: roof, FLAT: roof, UNDER: 0.6 * wall}

    def _look(self, k: int, mine: range, tone: np.ndarray) -> facades.Look:
        """How building `k` looks: its ground floor is a little above most of the ground around."""
        part, levels = self.parts[k], [self._ground(c)[PAD:-PAD] for c in mine if self.charts.kind[c] == WALL]
        base = float(part.attributes.get("base", part.vertices[:, 2].min()))
        floor = float(np.percentile(np.concatenate(levels), UPHILL)) + 0.12 if levels else base
        eaves = base + part.attributes.get("eaves", part.attributes.get("height", part.vertices[:, 2].max() - base))
        return facades.look_of(part.name, part.class_id, floor, eaves, part.attributes.get("roof", 0) in (1, 2), tone)

    def _bottom(self, c: int) -> float:
        """World z of v = 0 of a wall."""
        return float(self.charts.panels.origin[self.charts.first[c], 2])

    def _ground(self, c: int) -> np.ndarray:
        """z of the ground before each column of texels of a wall's chart, float64 [W]."""
        p, density = self.charts.panels, self.charts.density[c]
        u = (np.arange(self.charts.pixels[c, 0]) + 0.5 - PAD) / density
        panels = np.array(self._panels(c))
        panels = panels[np.argsort(p.left[panels], kind="stable")]
        k = panels[np.maximum(np.searchsorted(p.left[panels], u, "right") - 1, 0)]
        u = np.clip(u, p.left[k], p.stop[k])
        foot = (p.origin[k] + p.right[k] * u[:, None])[:, :2]
        level = np.minimum(*(self.street.ground(foot + far * OUTSIDE * p.normal[k, :2]) for far in (1, 2)))
        return ndimage.gaussian_filter1d(level, EVEN * density, mode="nearest", truncate=2)

    def _fronts(self, mine: range, floor: float) -> set[int]:
        """The walls that look to the street: the nearest one, of larger buildings all that are about as near."""
        walls = [c for c in mine if self.charts.kind[c] == WALL and self._bottom(c) < floor + 0.3
                 and self.charts.size[c, 0] > 2.4 and self.charts.size[c, 1] > 2.4]
        if not walls:
            return set()
        p = self.charts.panels
        k = np.array([self.charts.first[c] for c in walls])
        middle = p.origin[k] + p.right[k] * ((p.left[k] + p.stop[k]) / 2)[:, None] + 2 * OUTSIDE * p.normal[k]
        far = self.street.away(middle[:, :2]) - 0.15 * self.charts.size[walls, 0]
        if self.parts[self.charts.part[mine[0]]].class_id in (sem.HOUSE, sem.STRUCTURE):
            return {walls[int(far.argmin())]}
        return {c for c, f in zip(walls, far, strict=True) if f < far.min() + FRONT}

    def _chart(self, c: int, rows: list[np.ndarray], tones: dict[int, np.ndarray], look: facades.Look | None, front: bool,
               ) -> None:
        """Paint one chart and write it to its page."""
        charts, kind = self.charts, int(self.charts.kind[c])
        part = self.parts[charts.part[c]]
        w, h = charts.pixels[c]
        color, rough = np.empty((h, w, 3), np.float32), np.full((h, w), self.roughness[part.class_id], np.float32)
        self._base(c, rows, tones[kind], self.detail, color)
        self._corners(c, color)
        if look is not None:
            self._building_detail(c, look, tones[kind], front, color, rough)
        elif self.detail and kind != UNDER:
            mask = np.ones((h, w), np.uint8)
            cover = covers.PAVING if kind == FLAT else covers.CONCRETE
            covers.cover_roof(color, rough, covers.edge_distance(mask, 1), charts.density[c], PAD, cover, charts.part[c], False)
        page, (x, y) = self.pages[charts.page[c]], charts.corner[c]
        page.color[y:y + h, x:x + w] = np.clip(color + 0.5, 0, 255)
        page.roughness[y:y + h, x:x + w] = np.clip(rough * 255 + 0.5, 0, 255)  # type: ignore[index]

    def _base(self, c: int, rows: list[np.ndarray], tone: np.ndarray, softened: bool, color: np.ndarray) -> None:
        """The surfels' colours of a chart, into color float32 [H, W, 3]."""
        s, p, kind = self.surfels, self.charts.panels, int(self.charts.kind[c])
        density = min(COARSE, self.charts.density[c])
        size = np.ceil(self.charts.size[c] * density).astype(np.int64) + 2 * COARSE_PAD
        total = np.zeros((size[1], size[0], 4), np.float32)
        panels = self._panels(c)
        for k, found in zip(panels, rows, strict=True):
            first = 0 if p.left[k] < 1e-6 else round(p.left[k] * density) + COARSE_PAD
            stop = size[0] if p.stop[k] > self.charts.size[c, 0] - 1e-6 else round(p.stop[k] * density) + COARSE_PAD
            bake.splat(found, s.mean, s.axes, s.weight, s.rgb, s.reach, p.origin[k], p.right[k], p.up[k], density, COARSE_PAD,
                       first, stop, total)
        wide = total.copy()
        bake.blur(wide, WIDE, 2)
        if softened:
            bake.blur(total, SOFTENED, 2)
        total += GAP * wide
        bake.resolve(total, density / self.charts.density[c], tone.astype(np.float32), KEEP[kind] if softened else 1.0,
                     np.array([PAD, COARSE_PAD]), color)

    def _corners(self, c: int, color: np.ndarray) -> None:
        """Colours of the corners of a chart's faces, a little inside of them."""
        faces = self._faces[self._first_face[c]:self._first_face[c + 1]]
        uv = self.charts.face_uv[faces]
        uv = 0.85 * uv + 0.15 * uv.mean(1, keepdims=True)
        x, y = np.clip((uv * self.charts.density[c] + PAD).astype(np.int64), 0, self.charts.pixels[c] - 1).transpose(2, 0, 1)
        self.corner_color[faces] = np.clip(color[y, x] + 0.5, 0, 255)

    def _building_detail(self, c: int, look: facades.Look, tone: np.ndarray, front: bool, color: np.ndarray, rough: np.ndarray,
                         ) -> None:
        """Paint what the surfels are too coarse for on a chart of a building, in place."""
        charts, kind, density = self.charts, int(self.charts.kind[c]), float(self.charts.density[c])
        if charts.thin[c] and kind == FLAT:
            color += 0.75 * (covers.COPING - color)
        if kind == UNDER or charts.thin[c]:
            return
        if kind == WALL and look.pitched and charts.size[c, 1] < covers.LOW:
            color += 0.8 * (look.trim - color)  # the board at the eaves
            return
        mask = np.zeros(rough.shape, np.uint8)
        faces = self._faces[self._first_face[c]:self._first_face[c + 1]]
        bake.rasterise(charts.face_uv[faces] * density + PAD, np.ones(len(faces), np.uint8), mask)
        fits = _Fits(mask, density)
        if kind == WALL:
            bottom = self._bottom(c)
            ground = self._ground(c) - bottom
            cladding = look.style.cladding if charts.size[c, 1] > covers.LOW else facades.PLASTER
            covers.cover_wall(color, rough, covers.tops(mask), density, PAD, ground, cladding, look.seed % (1 << 20),
                              look.floor - bottom, look.storey, *facades.joints(charts.size[c, 0], look.style), look.pitched)
            openings = facades.plan(facades.Wall(charts.size[c, 0], charts.size[c, 1], bottom, ground[PAD:-PAD], density, fits,
                                                 front), look)
        else:
            cover = covers.roof_cover(look, tone, kind == FLAT)
            covers.cover_roof(color, rough, covers.edge_distance(mask, 2 * density), density, PAD, cover, look.seed % (1 << 20),
                              not charts.sunk[c])
            openings = facades.skylights(charts.size[c], fits, look)
        if len(openings.rect):
            paint_openings(color, rough, density, PAD, openings.rect, openings.kind, openings.panes, openings.seed, look.trim,
                           look.leaf, look.glass)


class _Fits:
    """Whether rectangles in metres of a chart lie on its mask uint8 [H, W]."""

    def __init__(self, mask: np.ndarray, density: float):
        self._sum = np.pad(mask.cumsum(0, np.int64).cumsum(1), ((1, 0), (1, 0)))
        self._density = density

    def __call__(self, rect: np.ndarray) -> np.ndarray:
        h, w = self._sum.shape
        texel = np.rint(rect * self._density + PAD).astype(np.int64)
        inside = (texel[:, 0] >= 0) & (texel[:, 1] < w) & (texel[:, 2] >= 0) & (texel[:, 3] < h)
        x0, x1 = (np.clip(texel[:, k], 0, w - 1) for k in (0, 1))
        y0, y1 = (np.clip(texel[:, k], 0, h - 1) for k in (2, 3))
        count = self._sum[y1, x1] - self._sum[y0, x1] - self._sum[y1, x0] + self._sum[y0, x0]
        return inside & (count == (x1 - x0) * (y1 - y0))
