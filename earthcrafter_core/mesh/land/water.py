"""Lakes, rivers and pools: flat sheets that meet the shore line of the terrain, one part for each."""
from __future__ import annotations

import numpy as np

from ...scene import classes as sem
from ..columns import WATER_IDS
from ..place import WATER, Part
from .sheet import Sheet
from .terrain_heights import Heights


def water_parts(sheet: Sheet, heights: Heights, labels: np.ndarray, cell: float, origin: np.ndarray) -> list[Part]:
    """One part for each water of a plan of the ground, over the same triangles as its bed; open at its edge."""
    rows = np.flatnonzero(np.isin(sheet.label, WATER_IDS))
    middle = sheet.points[sheet.triangles[rows]].mean(1)
    i, j = np.clip((middle / cell).astype(int), 0, np.array(labels.shape) - 1).T
    parts = []
    for class_id in WATER_IDS:
        of_class = sheet.label[rows] == class_id
        body = np.where(of_class, heights.nearest_body(int(class_id))[i, j], 0)
        for number, k in enumerate(np.unique(body[of_class]), 1):
            triangles = sheet.triangles[rows[body == k]]
            used, faces = np.unique(triangles, return_inverse=True)
            faces = faces.reshape(-1, 3).astype(np.int32)
            vertices = np.column_stack([sheet.points[used] + origin, np.full(len(used), heights.levels[k])])
            p = sheet.points[triangles]
            d, e = p[:, 1] - p[:, 0], p[:, 2] - p[:, 0]
            area = 0.5 * float((d[:, 0] * e[:, 1] - d[:, 1] * e[:, 0]).sum())
            normal = np.zeros((len(faces), 3, 3), np.float32)
            normal[..., 2] = 1
            parts.append(Part(f"{sem.NAMES[class_id]}_{number:03d}", WATER, int(class_id), vertices, faces,
                              np.full(len(faces), class_id, np.uint8), normal, np.full((len(faces), 3, 3), 128, np.uint8),
                              attributes={"area": area, "level": float(heights.levels[k])}))
    return parts
