"""Where splats lie on a texture: squares of texels, fine where the picture has detail and coarse where it has none."""
from __future__ import annotations

import numba
import numpy as np

from ..kernel import KERNEL, SMALL

STACK = 64
"""Squares that wait while one is cut up; 3 for each halving and one more are enough for sides of 2^20 texels."""


@numba.njit(**KERNEL)
def cut_into_squares(first, stop, shift, face, normal, face_class, color, coarsest, finest, limit, alike, share, squares,
                     means):
    """Cut rows of a texture into squares of texels, each halved until it is of one colour, flat and of one class.

    A quadtree from the top: a square stays whole where all its texels belong to faces of one class and direction, and
    their colours differ by less than the limit. The finest squares stay in any case, where enough of them is covered.

    Args:
        first, stop: rows, multiples of `coarsest`. shift: texels that all squares lie further up and left.
        face: int32 [H, W] the face at each texel, -1 for none.
        normal: float64 [F, 3] unit. face_class: uint8 [F]. color: uint8 [H, W, 3].
        coarsest, finest: sides of squares in texels, powers of two.
        limit: largest variance of a square's colours, mean of three channels. alike: least cosine between normals in a square.
        share: part of the finest squares that must be covered.
        squares: out, float64 [N, 4] x, y of the corner, side, face. means: out, float32 [N, 3]. Not written where N is 0.

    Returns:
        How many squares there are.
    """
    height, width = face.shape
    todo = np.empty((STACK, 3), np.int64)
    count = 0
    for top in range(first - shift, min(stop - shift, height), coarsest):
        for left in range(-shift, width, coarsest):
            todo[0, 0], todo[0, 1], todo[0, 2] = left, top, coarsest
            waiting = 1
            while waiting:
                waiting -= 1
                x, y, side = todo[waiting, 0], todo[waiting, 1], todo[waiting, 2]
                covered, one, flat, r, g, b, squared = _sums(face, normal, face_class, color, x, y, side, alike)
                if covered == 0:
                    continue
                whole = flat and covered == side * side
                if whole and side > finest:
                    variance = (squared - (r * r + g * g + b * b) / covered) / (3 * covered)
                    whole = variance < limit
                if whole or (side <= finest and covered >= share * side * side):
                    if count < len(squares):
                        squares[count, 0], squares[count, 1], squares[count, 2], squares[count, 3] = x, y, side, one
                        means[count, 0], means[count, 1], means[count, 2] = r / covered, g / covered, b / covered
                    count += 1
                elif side > finest:
                    half = side // 2
                    for k in range(4):
                        if x + (k & 1) * half < width and y + (k >> 1) * half < height:
                            todo[waiting, 0], todo[waiting, 1], todo[waiting, 2] = x + (k & 1) * half, y + (k >> 1) * half, half
                            waiting += 1
    return count


@numba.njit(**SMALL)
def _sums(face, normal, face_class, color, x0, y0, side, alike):
    """Of a square: covered texels, a face near its middle, whether it is flat and of one class; sums of red, green, blue, and
    of all three squared."""
    height, width = face.shape
    covered, one, first, flat = 0, -1, -1, True
    r = g = b = squared = 0.0
    for y in range(max(y0, 0), min(y0 + side, height)):
        for x in range(max(x0, 0), min(x0 + side, width)):
            f = face[y, x]
            if f < 0:
                continue
            covered += 1
            if first < 0:
                first = f
            if one < 0 or (y <= y0 + side // 2 and x <= x0 + side // 2):
                one = f
            if f != first and flat:
                cosine = normal[f, 0] * normal[first, 0] + normal[f, 1] * normal[first, 1] + normal[f, 2] * normal[first, 2]
                flat = cosine >= alike and face_class[f] == face_class[first]
            cr, cg, cb = float(color[y, x, 0]), float(color[y, x, 1]), float(color[y, x, 2])
            r, g, b, squared = r + cr, g + cg, b + cb, squared + cr * cr + cg * cg + cb * cb
    return covered, one, flat, r, g, b, squared


@numba.njit(**KERNEL)
def lay_lattices(first, stop, corners, side, blur, color, squares, means):
    """Lay a lattice over each of some triangles: squares whose middles lie in it, whatever the size of a texel is.

    For faces that share texels with others (plants), and faces with fewer texels than splats (copings).

    Args:
        first, stop: faces. corners: float64 [F, 3, 2] x, y in texels. side: float64 [F] of a square, texels.
        blur: sides of a square that its colour is the mean of. color: uint8 [H, W, 3].
        squares: out, float64 [N, 4] x, y of the corner, side, face. means: out, float32 [N, 3]. Not written where N is 0.

    Returns:
        How many squares there are.
    """
    height, width, _ = color.shape
    count = 0
    for f in range(first, stop):
        s = side[f]
        ax, ay, bx, by, cx, cy = (corners[f, 0, 0], corners[f, 0, 1], corners[f, 1, 0], corners[f, 1, 1], corners[f, 2, 0],
                                  corners[f, 2, 1])
        area = (bx - ax) * (cy - ay) - (cx - ax) * (by - ay)
        if abs(area) < 1e-9:
            continue
        sign = 1.0 if area > 0 else -1.0
        for j in range(int(np.ceil(min(ay, by, cy) / s - 0.5)), int(np.floor(max(ay, by, cy) / s - 0.5)) + 1):
            for i in range(int(np.ceil(min(ax, bx, cx) / s - 0.5)), int(np.floor(max(ax, bx, cx) / s - 0.5)) + 1):
                x, y = (i + 0.5) * s, (j + 0.5) * s
                if (sign * ((bx - ax) * (y - ay) - (by - ay) * (x - ax)) < 0
                        or sign * ((cx - bx) * (y - by) - (cy - by) * (x - bx)) < 0
                        or sign * ((ax - cx) * (y - cy) - (ay - cy) * (x - cx)) < 0):
                    continue
                if count < len(squares):
                    squares[count, 0], squares[count, 1], squares[count, 2], squares[count, 3] = i * s, j * s, s, f
                    r = g = b = 0.0
                    texels = 0
                    for v in range(*_span(y, s * blur, height)):
                        for u in range(*_span(x, s * blur, width)):
                            r, g, b, texels = r + color[v, u, 0], g + color[v, u, 1], b + color[v, u, 2], texels + 1
                    texels = max(texels, 1)
                    means[count, 0], means[count, 1], means[count, 2] = r / texels, g / texels, b / texels
                count += 1
    return count


@numba.njit(**SMALL)
def _span(middle, side, end):
    """Texels (from, to) of a side around its middle, at least the one that it is in, of those from 0 to `end`."""
    first = min(int(np.rint(middle - side / 2)), int(middle))
    return min(max(first, 0), end - 1), min(max(int(np.rint(middle + side / 2)), int(middle) + 1, 1), end)
