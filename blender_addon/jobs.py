"""From what an artist has set to a job for the engine."""
from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy

from . import layout_mesh, result_import
from .earthcrafter_core.errors import BadInput
from .engine_session import Job
from .history import History, Record
from .job_queue import Entry, Target
from .preferences import preferences, results_folder, user_folder

Region = tuple[int, int, int, int]


def settings_of(scene: bpy.types.Scene, seed: int | None = None) -> dict[str, Any]:
    """The scene's settings as the engine takes them."""
    chosen = scene.earthcrafter
    return {"seed": chosen.seed if seed is None else seed, "steps": chosen.steps, "guidance": chosen.guidance or None,
            "relief": "flat" if chosen.relief == "flat" else "generated", "voxel_size": chosen.voxel_size,
            "mesh": chosen.mesh, "colours": chosen.colours, "texels": chosen.texels,
            "splats": chosen.splats, "splat_size": chosen.splat_size, "device": preferences().device or "cpu"}


def target_of(context: bpy.types.Context, obj: bpy.types.Object, beside: int = 0) -> Target:
    """Where a result of this layout is to stand."""
    return Target(obj.session_uid, obj.name, context.scene.name, layout_mesh.layout_id(obj), beside)


def _job(context: bpy.types.Context, obj: bpy.types.Object, settings: dict[str, Any], base: Path | None = None,
         region: Region | None = None) -> Job:
    """The layout as it is now, without its own elevation where a flat relief is asked for. Raises BadInput."""
    layout = layout_mesh.read_layout(obj, elevation=context.scene.earthcrafter.relief != "flat")
    return Job(layout, settings, results_folder(preferences()), base=base, region=region,
               terrain=layout_mesh.terrain_of(obj, context), previews=True, layout_source=obj.name)


def generate_entry(context: bpy.types.Context, obj: bpy.types.Object, seed: int, beside: int = 0) -> Entry:
    """The whole layout, generated. Raises BadInput."""
    return _entry(f"Seed {seed}: {obj.name}", _job(context, obj, settings_of(context.scene, seed)),
                  target_of(context, obj, beside))


def regenerate_entry(context: bpy.types.Context, obj: bpy.types.Object, base: Path, region: Region, seed: int) -> Entry:
    """A rectangle of the layout, generated again; the rest is that of `base`. Raises BadInput."""
    return _entry(f"Seed {seed}, area: {obj.name}", _job(context, obj, settings_of(context.scene, seed), base, region),
                  target_of(context, obj))


def retexture_entry(context: bpy.types.Context, place: bpy.types.Collection, seed: int) -> Entry:
    """A place with new colours."""
    obj = bpy.data.objects.get(place.get(result_import.LAYOUT, ""))
    target = target_of(context, obj) if layout_mesh.is_layout(obj) else Target(scene=context.scene.name)
    job = Job(None, settings_of(context.scene, seed), results_folder(preferences()), folder_of(place))
    return _entry(f"Seed {seed}, colours: {place.name}", job, target)


def _entry(label: str, job: Job, target: Target) -> Entry:
    asked = {"kind": job.kind, "seed": job.settings["seed"], "settings": job.settings, "region": job.region,
             "base": str(job.base or job.scene or ""), "results": str(job.results),
             "layout_hash": job.layout.hash() if job.layout is not None else ""}
    return Entry(label, job, target, asked=asked)


def layout_job(source: str, options: dict[str, Any], results: Path) -> Job:
    """A layout to be made from a map, a survey or a preset."""
    return Job(None, {}, results, source=source, options=options)


def again(context: bpy.types.Context, entry: Entry) -> Entry:
    """The job of an entry that was read from a file, asked for anew with the layout as it is now. Raises BadInput."""
    obj = bpy.data.objects.get(entry.target.layout)
    if obj is None or not layout_mesh.is_layout(obj):
        raise BadInput(f"The layout {entry.target.layout} is no longer in this file.", "Generate another layout.")
    asked = entry.asked
    settings, kind, base = dict(asked.get("settings", {})), asked.get("kind"), Path(asked.get("base", ""))
    if kind == "retexture":
        job = Job(None, settings, results_folder(preferences()), base)
    elif kind == "regenerate":
        job = _job(context, obj, settings, base, tuple(asked.get("region") or ()))
    else:
        job = _job(context, obj, settings)
    made = _entry(entry.label, job, target_of(context, obj, entry.target.beside))
    if asked.get("layout_hash") and made.asked["layout_hash"] != asked["layout_hash"]:
        made.label += ", as painted now"
    return made


def find_result(history: History, asked: dict[str, Any]) -> Path | None:
    """The folder of a result on disk that is what was asked for, None where there is none."""
    wanted = asked.get("settings", {})
    if asked.get("kind") != "generate":
        return None  # what decides the others' results is not all in scene.json
    for record in history.records([Path(asked.get("results", "")), *result_folders()]):
        same = all(record.settings.get(k) == v for k, v in wanted.items() if k != "seed")
        if (record.layout_hash, record.seed, record.kind) == (asked.get("layout_hash"), asked.get("seed"), "generate") and same:
            return record.folder
    return None


def result_folders() -> list[Path]:
    """Folders in which results of this file may lie."""
    return [results_folder(preferences()), user_folder("results")]


def folder_of(place: bpy.types.Collection) -> Path:
    """The folder of a place's files; where the .blend file was moved together with its results, the one beside it."""
    folder = Path(place[result_import.FOLDER])
    if folder.is_dir():
        return folder
    return next((moved for parent in result_folders() if (moved := parent / folder.name).is_dir()), folder)


def records_of(history: History, obj: bpy.types.Object) -> list[Record]:
    """The history of a layout, newest first."""
    return history.of_layout(layout_mesh.layout_id(obj), result_folders())


def base_of(scene: bpy.types.Scene, history: History, obj: bpy.types.Object) -> Path | None:
    """The result that stands on a layout: the newest place that is shown, else the newest of its history."""
    for place in reversed(result_import.places(scene)):
        if place.get(result_import.LAYOUT) == obj.name and not place.hide_viewport:
            return folder_of(place)
    records = records_of(history, obj)
    return records[0].folder if records else None


def region_of(scene: bpy.types.Scene, obj: bpy.types.Object) -> Region | None:
    """The chosen area in cells [row0, col0, row1, col1] (half-open, row 0 north), None where it covers none."""
    settings, size = scene.earthcrafter, layout_mesh.cell_size(obj)
    if settings.region_layout not in ("", layout_mesh.layout_id(obj)):
        return None  # it was dragged over another layout
    rows, cols = layout_mesh.grid_shape(obj)
    (x0, x1), (y0, y1) = (sorted(pair) for pair in zip(settings.region_corner, settings.region_opposite))
    col0, col1 = max(int(x0 // size), 0), min(int(-(-x1 // size)), cols)
    row0, row1 = max(int(rows - (-(-y1 // size))), 0), min(int(rows - y0 // size), rows)
    return (row0, col0, row1, col1) if row0 < row1 and col0 < col1 else None


def width_of(obj: bpy.types.Object) -> float:
    """Metres from the west to the east of a layout."""
    return layout_mesh.grid_shape(obj)[1] * layout_mesh.cell_size(obj)
