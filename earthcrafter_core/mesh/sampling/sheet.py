"""The faces of a place that one texture covers, and the splats that lie on them."""
from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ...scene.splats import SH_C0, Splats, concatenated, quaternions
from ..place import CROWN, TERRAIN, WATER, Part, Texture
from ..texturing.bake import rasterise
from ..threads import Threads
from .blocks import cut_into_squares, lay_lattices
from .hidden import undersides

COARSEST = 0.5  # metres across the largest splats
SMALLEST_OF_PLANTS = 0.25  # metres across splats of plants, whose leaves are one another's noise
LEAVES = 0.5  # sides of its square that a plant's splat takes its colour from: a mean of more would be one green for all
OPACITY = 4.0  # logit: 98 %
SPARSE = 1.5  # times the width of the finest splats: faces with wider texels get a lattice of their own
OVERHANG = -0.5  # faces whose normal's z is less have no layer behind: it would come out of thin eaves
ROWS, FACES = 256, 2000  # of a texture, of a lattice, at a time


@dataclass(frozen=True)
class _Layer:
    """One layer of splats.

    Attributes:
        finest, coarsest: metres across. detail: standard deviation of colours (0..255) from which a square is cut.
        alike: least cosine between the faces in a square. share: of the finest squares, at the rim of a face.
        sigma: standard deviation of a splat, sides of its square. depth: behind the face, sides of its square.
    """

    finest: float
    coarsest: float
    detail: float
    alike: float
    share: float
    sigma: float
    depth: float = 0.0


SEEN = _Layer(0.0, COARSEST, 8.0, 0.995, 0.5, 0.47)
"""What is seen. Larger discs would blur, smaller ones leave holes: these leave some, for the layer behind."""
BEHIND = _Layer(0.25, 0.5, np.inf, 0.9, 1.0, 0.4, 0.5)
"""Behind it: nothing of this layer may come out beside or before its face."""
BEHIND_GROUND = _Layer(0.25, 0.5, np.inf, 0.9, 0.25, 0.65, 0.5)
"""The same under ground and water, where there is no beside: closed, and over the seams of kerbs too."""


class Sheet:
    """Faces of parts with one texture: where they are, and where on the texture.

    Attributes:
        corners: float64 [F, 3, 3] metres. texels: float64 [F, 3, 2] x, y on the texture. normal: float64 [F, 3].
        across: float64 [F, 2, 3] metres that one texel to the right and one down lead to.
        face_class: uint8 [F].
    """

    def __init__(self, parts: Sequence[Part], texture: Texture) -> None:
        self.kind, self.color = parts[0].kind, texture.color
        height, width, _ = texture.color.shape
        seen = [~undersides(part) for part in parts]
        self.corners = np.concatenate([part.vertices[part.faces[s]] for part, s in zip(parts, seen, strict=True)])
        self.face_class = np.concatenate([part.face_class[s] for part, s in zip(parts, seen, strict=True)])
        uv = np.concatenate([part.uv[s] for part, s in zip(parts, seen, strict=True) if part.uv is not None])
        self.texels = np.stack([uv[..., 0] * float(width), (1 - uv[..., 1]) * float(height)], -1)
        sides = self.corners[:, 1:] - self.corners[:, :1]  # [F, 2, 3]
        normal = np.cross(sides[:, 0], sides[:, 1])
        area = np.linalg.norm(normal, axis=1)
        self.normal = normal / np.maximum(area, 1e-12)[:, None]
        self.across = _inverse(self.texels[:, 1:] - self.texels[:, :1]) @ sides
        self._texel = np.sqrt(np.linalg.norm(np.cross(self.across[:, 0], self.across[:, 1]), axis=1))  # [F] metres
        order = np.argsort(self._texel)
        middle = np.searchsorted(np.cumsum(area[order]), area.sum() / 2)
        self._usual = float(self._texel[order[min(middle, len(order) - 1)]]) if len(order) else 1.0

    def count(self, size: float, threads: Threads) -> int:
        """How many splats there are where the finest are `size` metres across, of the layers behind too."""
        return sum(len(piece.squares) for piece in self._pieces(size, threads, only_count=True))

    def splats(self, size: float, threads: Threads) -> Splats:
        """The splats, the finest of them `size` metres across."""
        return concatenated([self._splats(piece) for piece in self._pieces(size, threads)])

    def _pieces(self, size: float, threads: Threads, only_count: bool = False) -> list[_Piece]:
        """The squares of all layers; where only their number is asked for, not what they are."""
        if self.kind == CROWN:
            return self._lattices(np.arange(len(self.corners)), max(size, SMALLEST_OF_PLANTS), LEAVES, threads, only_count)
        sparse = self._texel > SPARSE * max(size, self._usual)
        face, dense = np.full(self.color.shape[:2], -1, np.int32), np.flatnonzero(~sparse)
        rasterise(np.ascontiguousarray(self.texels[dense]), dense.astype(np.int32), face)
        behind = BEHIND_GROUND if self.kind in (TERRAIN, WATER) else BEHIND
        pieces = self._cut(SEEN, face, size, threads, only_count)
        face[(face >= 0) & (self.normal[face, 2] < OVERHANG)] = -1
        pieces += self._cut(behind, face, size, threads, only_count)
        return pieces + self._lattices(np.flatnonzero(sparse), size, 1.0, threads, only_count)

    def _cut(self, layer: _Layer, face: np.ndarray, size: float, threads: Threads, only_count: bool) -> list[_Piece]:
        """The squares of a layer, rows of the texture by rows."""
        finest, coarsest = self._side(max(layer.finest, size)), self._side(max(layer.coarsest, size))

        def cut(first: int, stop: int, squares: np.ndarray, means: np.ndarray) -> int:
            return cut_into_squares(first, stop, shift, face, self.normal, self.face_class, self.color, coarsest, finest,  # type: ignore[no-any-return]
                                    layer.detail ** 2, layer.alike, layer.share, squares, means)

        shift = coarsest // 2 if layer.depth else 0  # a splat behind is in the middle of where four in front leave a hole
        rows = -(-ROWS // coarsest) * coarsest
        return _in_pieces(cut, np.arange(0, len(face) + shift + rows, rows), layer, threads, only_count)

    def _side(self, size: float) -> int:
        """Texels, a power of two, that are nearest to `size` metres."""
        return int(2 ** max(0, round(np.log2(size / self._usual))))

    def _lattices(self, faces: np.ndarray, size: float, blur: float, threads: Threads, only_count: bool) -> list[_Piece]:
        """Squares of `size` metres on faces [K], without regard to what shares their texels."""
        side = size / np.maximum(self._texel[faces], 1e-6)
        corners = np.ascontiguousarray(self.texels[faces])

        def lay(first: int, stop: int, squares: np.ndarray, means: np.ndarray) -> int:
            return lay_lattices(first, stop, corners, side, blur, self.color, squares, means)  # type: ignore[no-any-return]

        bounds = np.linspace(0, len(faces), max(1, len(faces) // FACES) + 1).astype(int)
        pieces = _in_pieces(lay, bounds, SEEN, threads, only_count)
        if not only_count:
            for piece in pieces:
                piece.squares[:, 3] = faces[piece.squares[:, 3].astype(np.int64)]
        return pieces

    def _splats(self, piece: _Piece) -> Splats:
        """Splats over squares."""
        face, side = piece.squares[:, 3].astype(np.int64), piece.squares[:, 2]
        normal, right, down = self.normal[face], self.across[face, 0], self.across[face, 1]
        at = piece.squares[:, :2] + side[:, None] / 2 - self.texels[face, 0]
        mean = self.corners[face, 0] + at[:, :1] * right + at[:, 1:] * down
        width = np.linalg.norm(right, axis=1)
        one = right / np.maximum(width, 1e-12)[:, None]
        other = np.cross(normal, one)
        sides = side[:, None] * np.stack([width, np.abs(np.einsum("nk,nk->n", down, other))], 1)  # [N, 2] metres
        mean -= piece.layer.depth * np.sqrt(sides.prod(1))[:, None] * normal
        scale = np.log(np.maximum(piece.layer.sigma * sides, 1e-3))
        sh = (piece.means / 255 - 0.5) / SH_C0
        return Splats(mean.astype(np.float32), scale.astype(np.float32),
                      quaternions(np.stack([one, other, normal], 2)).astype(np.float32),
                      np.full(len(mean), OPACITY, np.float32), sh[:, None].astype(np.float32), self.face_class[face])


@dataclass
class _Piece:
    """Squares float64 [N, 4] x, y, side in texels, face; their colours float32 [N, 3] 0..255; the layer they are of."""

    squares: np.ndarray
    means: np.ndarray
    layer: _Layer


def _in_pieces(kernel: Callable[[int, int, np.ndarray, np.ndarray], int], bounds: np.ndarray, layer: _Layer, threads: Threads,
               only_count: bool) -> list[_Piece]:
    """What a kernel gives for bounds[k] to bounds[k + 1], every k: run to count, and once more to fill."""
    found: dict[int, _Piece] = {}

    def work(k: int) -> None:
        span = int(bounds[k]), int(bounds[k + 1])
        count = kernel(*span, np.empty((0, 4)), np.empty((0, 3), np.float32))
        piece = _Piece(np.empty((count, 4)), np.empty((0 if only_count else count, 3), np.float32), layer)
        if not only_count:
            kernel(*span, piece.squares, piece.means)
        found[k] = piece

    threads.each(work, range(len(bounds) - 1))
    return [found[k] for k in sorted(found)]


def _inverse(matrices: np.ndarray) -> np.ndarray:
    """Inverse of matrices [F, 2, 2]; zeros where there is none."""
    (a, b), (c, d) = np.moveaxis(matrices, 0, -1)
    det = a * d - b * c
    known = np.abs(det) > 1e-9
    return np.moveaxis(np.array([[d, -b], [-c, a]]) * (known / np.where(known, det, 1.0)), -1, 0)
