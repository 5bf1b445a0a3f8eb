"""The one export that may run in this Blender: what Blender writes itself at once, the rest by the engine's command in a
child process, which a timer looks at."""
from __future__ import annotations

from pathlib import Path

import bpy

from . import jobs, scene_export
from .earthcrafter_core.errors import BadInput, EarthCrafterError, WriteError
from .engine_tasks import POLL_SECONDS, log_of, redraw
from .export_formats import FORMATS, SCENE, engine_arguments
from .export_settings import chosen, export_settings
from .export_task import Exported, ExportTask
from .preferences import engine_python, preferences, user_folder

_EXIT_SECONDS = 5.0
_ROOT = Path(__file__).resolve().parent  # holds earthcrafter_core
task: ExportTask | None = None
"""The running export, None while there is none."""
last: Exported | None = None
"""What came of the last export, or comes of the running one."""
_shown: object = None  # what the panels showed last


def folder_of(scene: bpy.types.Scene, place: bpy.types.Collection) -> Path:
    """Where a place's exports go by the scene's settings."""
    folder = export_settings(scene).folder
    if folder:
        return Path(bpy.path.abspath(folder))
    return (Path(bpy.data.filepath).parent if bpy.data.filepath else jobs.folder_of(place)) / "export"


def start(scene: bpy.types.Scene, place: bpy.types.Collection, names: set[str], folder: Path) -> None:
    """Write a place in the formats of these names. A format that fails is told in `last.errors`, the others are written.

    Raises:
        BadInput: no format, or another export still runs. WriteError: the folder cannot be made.
    """
    global task, last
    formats = [f for f in FORMATS if f.name in names]
    if not formats:
        raise BadInput("No format is chosen.", "Choose at least one.")
    if task is not None:
        raise BadInput("Another export is still running.", "Wait for its end, or cancel it.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as e:
        raise WriteError(f"The folder {folder} cannot be made ({e.strerror or e}).", "Choose another folder.") from e
    last, options = Exported(folder, scene_export.safe_name(place.name)), chosen(export_settings(scene))
    for chosen_format in (f for f in formats if f.group == SCENE):
        try:
            last.formats.append(scene_export.write(chosen_format, scene_export.shown_objects(place), folder, last.name,
                                                   options["fbx_scale"]))
        except EarthCrafterError as e:
            last.errors.append(e)
    wanted = [f.name for f in formats if f.group != SCENE]
    if not wanted:
        return
    try:
        python = engine_python(preferences())
    except EarthCrafterError as e:
        last.errors.append(e)
        return
    task = ExportTask(python, _ROOT, user_folder("cache"), log_of("export"), jobs.folder_of(place), wanted,
                      engine_arguments(options), last)
    task.start()
    if not bpy.app.timers.is_registered(_poll):
        bpy.app.timers.register(_poll, first_interval=POLL_SECONDS, persistent=True)


def wait() -> None:
    """Return when the running export has ended; for scripts."""
    while task is not None and not task.join(POLL_SECONDS):
        pass
    _settle()


def cancel() -> None:
    """End the running export; what is written stays."""
    if task is not None:
        task.cancel()


def _poll() -> float | None:
    """The timer: redraw, and settle the export that has ended."""
    global _shown
    if task is not None and task.is_done:
        _settle()
    now = task and (task.text, round(task.fraction, 2))
    if now != _shown:
        _shown = now
        redraw()
    return POLL_SECONDS if task is not None else None


def _settle() -> None:
    global task
    if task is not None and task.error is not None:
        task.exported.errors.append(task.error)
    task = None


def unregister() -> None:
    """End the running export and its child; called at Blender's exit too."""
    global task
    if bpy.app.timers.is_registered(_poll):
        bpy.app.timers.unregister(_poll)
    if task is not None:
        task.cancel()
        task.join(_EXIT_SECONDS)
        task = None
