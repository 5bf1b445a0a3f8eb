"""A stroke of the layout's brush: what one event of the mouse costs, against reading and writing the whole mesh for each.

The working copy, the shape and the quads of the overlay are timed, as the brush makes them; handing them to the GPU is not
(there may be none). Runs in headless Blender (the bpy package) with the extension as build.py assembles it.
"""
from __future__ import annotations

import importlib
import importlib.util
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

SIDE, EVENTS, HERTZ = 512, 600, 60  # ten seconds of input
BYTES_CELL = 3  # its class read and written, its flag written


def run() -> list[dict]:
    """Rows: name, seconds, ratio (reference / this; above 1 is faster), reference, bytes (floor: the cells that change)."""
    if importlib.util.find_spec("bpy") is None:  # not imported yet: the extension's folder is chosen before
        return [{"name": "strokes", "skipped": "the package bpy is not installed"}]
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
    addon = importlib.import_module("addon")
    addon.enable()
    parts = {name: addon.part(path) for name, path in (
        ("mesh", "layout_mesh"), ("overlay", "layout_overlay"), ("shapes", "earthcrafter_core.scene.shapes"),
        ("stroke", "earthcrafter_core.scene.stroke"))}
    rows = []
    for side in (SIDE, 1024):
        for radius in (4.0, 20.0):
            rows += _stroke(parts, side, radius)
    return rows


def path(side: int) -> np.ndarray:
    """Places of the mouse at HERTZ on a spiral over the grid, metres [EVENTS, 2]."""
    t = np.linspace(0, 1, EVENTS)
    angle, reach = 2 * np.pi * 6 * t, (0.05 + 0.4 * t) * side
    return np.stack([side / 2 + reach * np.cos(angle), side / 2 + reach * np.sin(angle)], 1)


def _stroke(parts: dict, side: int, radius: float) -> list[dict]:
    """Rows of one stroke on one grid."""
    mesh, overlay, shapes, stroke_module = (parts[k] for k in ("mesh", "overlay", "shapes", "stroke"))
    paint = stroke_module.Paint(7)
    obj = mesh.new_layout("benchmark", np.full((side, side), 12, np.uint8), 1.0)
    places = path(side)
    pieces = [[tuple(p) for p in places[max(k - 1, 0):k + 1]] for k in range(EVENTS)]

    begin = time.perf_counter()
    stroke = stroke_module.Stroke(mesh.read_classes(obj), mesh.read_heights(obj), paint)
    press = time.perf_counter() - begin

    def event(piece: list) -> None:
        new = stroke.add(shapes.line((side, side), 1.0, piece, 2 * radius))
        overlay.quads(stroke_module.runs(new), (side, side), 1.0)

    def whole(piece: list) -> None:
        classes = mesh.read_classes(obj)
        mask = shapes.line((side, side), 1.0, piece, 2 * radius).whole((side, side))
        classes[mask] = paint.class_id
        mesh.write_classes(obj, classes)

    seconds = _times(event, pieces)
    begin = time.perf_counter()
    count = mesh.apply(obj, stroke)
    release = time.perf_counter() - begin
    mesh.write_classes(obj, np.full((side, side), 12, np.uint8))
    reference = _times(whole, pieces)
    size = f"{side} x {side}, radius {radius:g} m"
    against = {"reference": "whole mesh for each event", "bytes": count * BYTES_CELL / EVENTS}
    rate = count / seconds.sum() / 1e6
    return [{"name": f"stroke {size}: event, mean ({rate:.1f} M cells/s)", "seconds": seconds.mean(),
             "ratio": reference.mean() / seconds.mean(), **against},
            {"name": f"stroke {size}: event, 95th percentile", "seconds": np.quantile(seconds, 0.95),
             "ratio": np.quantile(reference, 0.95) / np.quantile(seconds, 0.95), **against},
            {"name": f"stroke {size}: event, longest", "seconds": seconds.max(), "ratio": reference.max() / seconds.max(),
             **against},
            {"name": f"stroke {size}: press, release ({release * 1e3:.1f} ms)", "seconds": press,
             "bytes": side * side * 5}]


def _times(event: Callable[[list], None], pieces: list[list]) -> np.ndarray:
    """Seconds of each event."""
    seconds = []
    for piece in pieces:
        start = time.perf_counter()
        event(piece)
        seconds.append(time.perf_counter() - start)
    return np.array(seconds)
