"""A stroke on the painted grid: collects the cells that change, and costs what it touches. NumPy alone.

The artist's grid is read once when the stroke begins and written once when it ends; in between only this working copy
changes.
"""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .shapes import Patch


@dataclass(frozen=True)
class Paint:
    """What is painted.

    Attributes:
        class_id: the class that cells get.
        height: metres above ground that they get as their hint; None takes the hint of the cells that change away.
        only_over: paint only cells of this class; None: all.
    """

    class_id: int
    height: float | None = None
    only_over: int | None = None


class Stroke:
    """The working copy of one stroke.

    Attributes:
        paint: what is painted.
        count: cells changed so far.
    """

    def __init__(self, class_id: np.ndarray, height_hint: np.ndarray | None, paint: Paint):
        """class_id: uint8 [H, W], kept and changed by `add`. height_hint: float32 [H, W] or None, only read."""
        self.paint, self.count = paint, 0
        self._classes, self._heights = class_id, height_hint
        self._changed = np.zeros(class_id.shape, bool)
        self._box: tuple[int, int, int, int] | None = None  # row0, col0, row1, col1 of the changed cells

    def would_change(self, patch: Patch) -> Patch:
        """The cells of the patch that painting it would change."""
        here, paint = patch.of(self._classes), self.paint
        change = here != paint.class_id
        if paint.height is not None:
            if self._heights is None:
                change = np.ones(here.shape, bool)
            else:
                change |= patch.of(self._heights) != np.float32(paint.height)
        change &= patch.mask & ~patch.of(self._changed)
        if paint.only_over is not None:
            change &= here == paint.only_over
        return Patch(patch.rows, patch.cols, change)

    def add(self, patch: Patch) -> Patch:
        """Paint the patch; the cells that changed now and had not before in this stroke."""
        new = self.would_change(patch)
        count = int(np.count_nonzero(new.mask))
        if count:
            new.of(self._classes)[new.mask] = self.paint.class_id
            new.of(self._changed)[new.mask] = True
            self.count += count
            box = (new.rows.start, new.cols.start, new.rows.stop, new.cols.stop)
            old = self._box or box
            self._box = (min(old[0], box[0]), min(old[1], box[1]), max(old[2], box[2]), max(old[3], box[3]))
        return new

    @property
    def changed(self) -> Patch:
        """All cells that changed."""
        row0, col0, row1, col1 = self._box or (0, 0, 0, 0)
        rows, cols = slice(row0, row1), slice(col0, col1)
        return Patch(rows, cols, self._changed[rows, cols])


def runs(patch: Patch) -> np.ndarray:
    """The covered cells as runs along the rows: int32 [N, 3] of row, first column, column after the last."""
    h, w = patch.mask.shape
    edges = np.zeros((h, w + 2), np.int8)
    edges[:, 1:-1] = patch.mask
    steps = np.diff(edges, axis=1)
    row, start = np.nonzero(steps == 1)
    end = np.nonzero(steps == -1)[1]
    return np.stack([row + patch.rows.start, start + patch.cols.start, end + patch.cols.start], 1).astype(np.int32)
