"""The painted grid: one class for each cell, with optional height hints and elevation. NumPy alone."""
from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from ..errors import BadInput
from .classes import CLASSES, NUM_CLASSES

MAX_CELLS = 4096
"""Longest side of a layout, in cells."""


@dataclass
class Layout:
    """A painted layout.

    Attributes:
        class_id: uint8 [H, W] class ids, row 0 north, column 0 west.
        cell_size: metres along one side of a cell.
        height_hint: float32 [H, W] metres above ground of what stands in the cell, NaN where unknown; or None.
        elevation: float32 [H, W] elevation of the ground in metres (any datum), or None: the model makes the relief.
        crs: coordinate reference system of `origin`, such as "EPSG:32633", or None where the place on Earth is unknown.
        origin: x and y of the layout's south-west corner in `crs` and its units (metres for UTM), or None.

    Raises:
        BadInput: wrong shape, dtype or range; the message names the remedy.
    """

    class_id: np.ndarray
    cell_size: float = 1.0
    height_hint: np.ndarray | None = None
    elevation: np.ndarray | None = None
    crs: str | None = None
    origin: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        ids = np.asarray(self.class_id)
        if ids.ndim != 2 or 0 in ids.shape:
            raise BadInput(f"The layout has the shape {ids.shape}.", "Give a grid of at least 1 x 1 cells.")
        if max(ids.shape) > MAX_CELLS:
            raise BadInput(f"The layout of {ids.shape[1]} x {ids.shape[0]} cells is too large.",
                           f"Give at most {MAX_CELLS} cells a side; cut it into parts.")
        if ids.dtype != np.uint8:
            if not np.issubdtype(ids.dtype, np.integer) or ids.min() < 0 or ids.max() > 255:
                raise BadInput("The layout holds values that are no class ids.", f"Use 0 to {NUM_CLASSES - 1}.")
            ids = ids.astype(np.uint8)
        unknown = np.unique(ids[ids >= NUM_CLASSES])
        if len(unknown):
            shown = ", ".join(str(u) for u in unknown[:5])
            raise BadInput(f"The layout has unknown class ids: {shown}.",
                           f"Use 0 ({CLASSES[0].name}) to {NUM_CLASSES - 1} ({CLASSES[-1].name}).")
        self.class_id = np.ascontiguousarray(ids)
        if not (np.isfinite(self.cell_size) and 0.05 <= self.cell_size <= 100):
            raise BadInput(f"The cell size {self.cell_size} m is out of range.", "Give 0.05 to 100 metres.")
        for name in ("height_hint", "elevation"):
            plane = getattr(self, name)
            if plane is None:
                continue
            plane = np.asarray(plane, np.float32)
            if plane.shape != ids.shape:
                raise BadInput(f"The {name.replace('_', ' ')} has the shape {plane.shape}, the layout {ids.shape}.",
                               "Give one value for each cell.")
            if name == "elevation" and not np.isfinite(plane).all():
                raise BadInput("The elevation has cells without a value.", "Fill the holes of the raster first.")
            setattr(self, name, np.ascontiguousarray(plane))

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns (H, W)."""
        return self.class_id.shape  # type: ignore[return-value]

    def hash(self) -> str:
        """16 hex digits that name the layout's content: classes, cell size, hints and elevation."""
        h = hashlib.sha256(repr((self.shape, float(self.cell_size))).encode())
        for plane in (self.class_id, self.height_hint, self.elevation):
            h.update(b"none" if plane is None else np.ascontiguousarray(plane).tobytes())
        return h.hexdigest()[:16]


def resample(plane: np.ndarray, cell_size: float, new_size: float) -> np.ndarray:
    """Nearest-neighbour resampling of a plane [H, W] from one cell size to another; [H', W'], same dtype.

    The extent in metres is kept up to one new cell; at least one cell a side remains.
    """
    if cell_size == new_size:
        return plane
    rows, cols = (max(1, round(n * cell_size / new_size)) for n in plane.shape)
    r = np.minimum(((np.arange(rows) + 0.5) * new_size / cell_size).astype(int), plane.shape[0] - 1)
    c = np.minimum(((np.arange(cols) + 0.5) * new_size / cell_size).astype(int), plane.shape[1] - 1)
    return plane[np.ix_(r, c)]
