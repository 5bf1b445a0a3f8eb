"""An artist's way in a real window of Blender 5.2: paint with the mouse, undo, generate, cancel, generate, undo, regenerate.

The engine is the environment's own Python 3.11 with the shipped weights; Blender runs a Python of its own. Writes three
pictures and figures.json into build/window.
"""
from __future__ import annotations

import json
import time

import numpy as np
import pytest

import harness

SIDE = 64  # cells of 1 m
LAWN, ROAD, HOUSE = 12, 7, 1
ROAD_WAY = [(8.0, 12.0), (56.0, 12.0)]
HOUSE_CORNERS = [(20.0, 30.0), (44.0, 30.0), (44.0, 46.0), (20.0, 46.0)]
BRUSH_RADIUS = 3.0
WHOLE = [(0, 0), (SIDE, 0), (SIDE, SIDE), (0, SIDE)]
AREA_CORNERS = [(40.0, 28.0), (60.0, 12.0)]  # of the rectangle that is made anew, metres
RIM = 8  # metres around it that may change: one cell of the coarse grid
FAILED = "session().error is not None"
SLOW_STEPS = 200  # long enough to be cancelled


def centres() -> np.ndarray:
    """Centres of the cells, metres from the south-west corner, [SIDE, SIDE, 2] with row 0 north."""
    col, row = np.meshgrid(np.arange(SIDE) + 0.5, SIDE - np.arange(SIDE) - 0.5)
    return np.stack([col, row], -1)


def distance_to_way(way: list[list[float]]) -> np.ndarray:
    """Metres from each cell's centre to a polyline, [SIDE, SIDE]."""
    found = np.full((SIDE, SIDE), np.inf)
    for a, b in zip(np.asarray(way), np.asarray(way)[1:]):
        t = np.clip(((centres() - a) @ (b - a)) / ((b - a) @ (b - a)), 0, 1)
        found = np.minimum(found, np.linalg.norm(centres() - (a + t[..., None] * (b - a)), axis=-1))
    return found


def painted(window: harness.Window) -> np.ndarray:
    """Class ids of the layout, [SIDE, SIDE]."""
    return np.array(window.ask("classes()"))


def take(window: harness.Window, tool: str, class_name: str) -> None:
    """Take a tool and press the key of a class over the view."""
    window.py(f"bpy.ops.wm.tool_set_by_id(name={tool!r})")
    window.over_view()
    window.key(window.ask(f"key_of({class_name!r})"))
    assert window.ask("painting().paint_class") == class_name


def columns_outside(folder, area: tuple[int, int, int, int], rim: int) -> set[tuple[int, ...]]:
    """Voxels of a result whose column lies outside the area (layout cells) and its rim: x, y, height, class, colour."""
    with np.load(folder / "voxels.npz") as data:
        centre = data["origin"] + (data["coords"] + 0.5) * data["voxel_size"]
        rows = np.concatenate([np.round(centre * 1000).astype(np.int64), data["class_id"][:, None], data["rgb"]], 1)
    row, col = SIDE - centre[:, 1], centre[:, 0]
    inside = (row > area[0] - rim) & (row < area[2] + rim) & (col > area[1] - rim) & (col < area[3] + rim)
    return set(map(tuple, rows[~inside].tolist()))


@pytest.mark.timeout(600)
def test_paint_generate_cancel_undo_regenerate(window):
    figures: dict[str, object] = {"blender": window.ask("bpy.app.version_string")}

    # a layout, by its button, and the dialog's default button
    window.py("bpy.context.scene.cursor.location = (0, 0, 0)")
    window.py(f"bpy.ops.earthcrafter.new_layout('EXEC_DEFAULT', True, width={SIDE}, height={SIDE}, fill='lawn')")
    time.sleep(0.5)
    seen, (left, top, *_) = window.ask(f"to_screen({WHOLE})"), window.ask("region_box('UI')")
    assert all(x < left and y > top for x, y in seen), "a new layout comes into view, clear of the sidebar"
    window.py("look_down()")
    assert (painted(window) == LAWN).all()

    # road: drag the brush
    window.py(f"painting().brush_radius = {BRUSH_RADIUS}")
    take(window, "earthcrafter.brush", "road")
    pixels = window.ask(f"to_screen({ROAD_WAY})")
    window.drag(pixels)
    time.sleep(1)
    road = painted(window)
    way = distance_to_way(window.ask(f"to_layout({pixels})"))
    expected, allowed = way < BRUSH_RADIUS - 0.5, way < BRUSH_RADIUS + 0.5
    figures["cells_lost_of_the_stroke"] = int((expected & (road != ROAD)).sum())
    assert not (expected & (road != ROAD)).any() and not ((road == ROAD) & ~allowed).any()

    # house: click a polygon
    take(window, "earthcrafter.polygon", "house")
    for x, y in window.ask(f"to_screen({HOUSE_CORNERS})"):
        window.click(x, y)
    window.key("Return")
    house = painted(window)
    x, y = centres()[..., 0], centres()[..., 1]
    inside = (x > 20.5) & (x < 43.5) & (y > 30.5) & (y < 45.5)
    around = (x > 19.5) & (x < 44.5) & (y > 29.5) & (y < 46.5)
    assert (house[inside] == HOUSE).all() and not (house[~around] == HOUSE).any()
    window.shot("painted")

    # Ctrl+Z twice, redo twice
    window.key("ctrl+z")
    assert (painted(window) == road).all()
    window.key("ctrl+z")
    assert (painted(window) == LAWN).all()
    window.key("ctrl+shift+z")
    assert (painted(window) == road).all()
    window.key("ctrl+shift+z")
    assert (painted(window) == house).all()

    # Generate by its button, then cancel
    window.py("look_from_side()")
    figures["redraw_by_software_ms"] = round(1e3 * window.ask("redraw_seconds()"))
    window.py("watch = Watch(); bpy.app.timers.register(watch.tick)")
    window.py(f"bpy.context.scene.earthcrafter.steps = {SLOW_STEPS}")
    button = window.button("bpy.ops.earthcrafter.generate(")
    window.click(*button)
    window.wait("session().job is not None and session().job.step > 2", 120, "the first job runs", FAILED)
    window.click(*window.button("bpy.ops.earthcrafter.cancel(", near=button))
    window.wait("session().job is None", 30, "the job is cancelled")
    marks = window.ask("watch.marks")
    figures["cancel_latency_s"] = round(marks["idle"] - marks["cancel"], 3)
    assert window.ask("places()") == [] and window.ask("told()")["state"] == "READY"
    assert marks["idle"] - marks["cancel"] < 2

    # Generate again and wait
    window.py("bpy.context.scene.earthcrafter.steps = 25")
    time.sleep(1)
    window.click(*window.button("bpy.ops.earthcrafter.generate(", near=button))
    window.wait("'preview' in watch.marks or places()", 120, "something is seen", FAILED)
    window.shot("generating")
    window.wait("places()", 240, "the place comes in", FAILED)
    figures["generate"] = seen = window.ask("watch.figures()")
    assert seen["seconds_until"]["preview"] < seen["seconds_until"]["place"], "the scene appears as it comes"
    assert window.ask("len(places())") == 1 and not window.ask("service().is_busy()")
    first = window.results[0]
    assert (np.load(first / "layout.npz")["class_id"] == house).all()

    # undo the import: the layout is there as before, the result stays on disk
    window.over_view()
    window.key("ctrl+z")
    assert window.ask("places()") == [] and (painted(window) == house).all()
    assert (first / "voxels.npz").is_file() and window.ask("records()") == 1

    # make a rectangle anew with another seed
    window.py("bpy.context.scene.earthcrafter.seed = 5; bpy.ops.earthcrafter.select_area('INVOKE_DEFAULT')")
    window.drag(window.ask(f"to_screen({AREA_CORNERS})"))
    area = tuple(window.ask("chosen_area()"))
    window.py("bpy.ops.earthcrafter.regenerate('INVOKE_DEFAULT')")
    window.wait("places()", 240, "the rectangle comes in", FAILED)
    figures["regenerate"] = window.ask("watch.figures()")
    time.sleep(1)
    window.shot("regenerated")
    for name in ("generate", "regenerate"):
        own = {called: used for called, (_took, used) in figures[name]["own_longest_ms"].items()}
        own.pop("PreviewView._draw", None)  # drawn by software here, and compiled at its first call
        assert max(own.values()) < 50, f"{name}: the main thread was held up by {own}"

    # what is there now
    assert window.ask("len(places())") == 1 and window.ask("records()") == 2 and (painted(window) == house).all()
    assert len(window.results) == 2 and not window.parts
    second = next(folder for folder in window.results if folder != first)
    assert json.loads((second / "scene.json").read_text())["region"] == list(area)
    kept, made = (columns_outside(folder, area, RIM) for folder in (first, second))
    figures["voxels_outside_the_rectangle"] = len(kept)
    figures["voxels_changed_outside"] = len(kept ^ made)
    assert kept == made and len(kept) > SIDE * SIDE // 2
    whole = [columns_outside(folder, (0, 0, 0, 0), 0) for folder in (first, second)]
    assert whole[0] != whole[1], "the rectangle itself is another"

    # quit: nothing stays behind
    figures["seconds_to_quit"] = round(window.quit(), 2)
    assert not window.engines_after(5), "an engine outlived Blender"
    figures["engines_left"] = len(harness.engines())
    figures["files_lost"] = sum(not (folder / name).is_file() for folder in (first, second)
                                for name in ("scene.json", "voxels.npz", "splats.ply", "points.ply", "mesh.glb"))
    assert figures["files_lost"] == 0
    (harness.OUTPUT / "figures.json").write_text(json.dumps(figures, indent=1))
    print(json.dumps(figures, indent=1))
