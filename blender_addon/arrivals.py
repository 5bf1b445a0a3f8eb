"""Brings finished results in without stopping Blender: files are read by a thread, datablocks made in short steps, and one
operator at the end makes it a single step of undo."""
from __future__ import annotations

import threading
import time

import bpy

from . import result_import
from .earthcrafter_core.errors import BadInput, EarthCrafterError
from .job_queue import Entry
from .preferences import preferences
from .preview_view import object_of
from .result_arrays import ResultArrays, read_result

STEP_SECONDS = 0.008  # new steps begin within this time of a tick
_PATIENCE_SECONDS = 5.0  # how long a running tool may hold an import up
_ready: dict[str, result_import.Imported] = {}  # token -> built, not linked


class Arrival:
    """One result on its way into the scene.

    Args:
        entry: the queue's entry, done, with its folder.
        splat_cap: see preferences.
    """

    def __init__(self, entry: Entry, splat_cap: int):
        assert entry.folder is not None
        self.entry, self.folder, self._cap = entry, entry.folder, splat_cap
        self._mesh_objects = preferences().mesh_objects
        self.error: EarthCrafterError | None = None
        self.holding = ""
        self._result: ResultArrays | None = None
        self._building: result_import.Building | None = None
        self._built: result_import.Imported | None = None
        self._since: float | None = None
        self._thread = threading.Thread(target=self._read, name="earthcrafter-read", daemon=True)
        if not self._is_layout:
            self._thread.start()

    @property
    def _is_layout(self) -> bool:
        return self.entry.job is not None and self.entry.job.kind == "layout"

    def _read(self) -> None:
        try:
            self._result = read_result(self.folder, self._cap, self._mesh_objects)
        except EarthCrafterError as e:
            self.error = e
        except Exception as e:  # whatever a damaged file does, it is told and Blender goes on
            self.error = BadInput(f"The result in {self.folder} cannot be read ({e}).", "Generate the place again.")

    def step(self, patient: bool = True) -> bool:
        """Do a little; True when the result is in or cannot come (`error`).

        Args:
            patient: wait for Object Mode and for the end of a running tool.
        """
        if self._thread.is_alive():
            return False
        if self.error is not None:
            return True
        if not self._is_layout and self._built is None:
            self._build()
            return False
        if patient and (reason := self._not_now()):
            self.holding = reason
            return False
        self._finish()
        return True

    def drop(self) -> None:
        """Give the import up; what it has made is removed."""
        if self._building is not None:
            self._building.close()
        if self._built is not None:
            result_import.discard(self._built)
        self._building = self._built = self._result = None

    def _build(self) -> None:
        assert self._result is not None
        self._building = self._building or result_import.build(self._result)
        end = time.perf_counter() + STEP_SECONDS
        try:
            while time.perf_counter() < end:
                next(self._building)
        except StopIteration as done:
            self._built = done.value
        except ReferenceError:  # undo took away what was made so far: begin anew
            self._building = None

    def _not_now(self) -> str:
        """Why this is no moment to change the scene, or ""."""
        if bpy.context.mode != "OBJECT":
            return "Ready: go to Object Mode to bring the place in"
        if any(len(window.modal_operators) for window in bpy.context.window_manager.windows):
            self._since = self._since or time.monotonic()
            if time.monotonic() - self._since < _PATIENCE_SECONDS:
                return "Ready: waits for the running tool"
        return ""

    def _finish(self) -> None:
        """Call the operator that makes it one step of undo.

        It is told the layout's scene by name: a scene that no window shows, set in the context, makes Blender 5.2 crash. And
        it is called without an override of the context: Blender reads that (a Python dict) without Python's lock while an
        operator runs, and whatever a thread does in Python then may be torn.
        """
        target = self.entry.target
        layout = object_of(target.uid) or bpy.data.objects.get(target.layout)
        if target.layout and (layout is None or not layout.users_scene):  # deleted, though something may still refer to it
            self.drop()
            self.error = BadInput("The layout of this place was deleted meanwhile.",
                                  "The place is kept: bring it in with Import Result.")
            return
        token = self.entry.job.id if self.entry.job is not None else ""
        if self._built is not None:
            _ready[token] = self._built
        try:
            if self._is_layout:
                bpy.ops.earthcrafter.adopt_layout("EXEC_DEFAULT", True, directory=str(self.folder))
                return
            bpy.ops.earthcrafter.import_result(
                "EXEC_DEFAULT", True, directory=str(self.folder), layout_name=layout.name if layout is not None else "",
                beside=target.beside, scene_name=target.scene, token=token)
            self._show_colours()
        except RuntimeError as e:
            self.error = EarthCrafterError(str(e).strip().removeprefix("Error: "), "Use Import Result.")
        finally:
            _ready.pop(token, None)

    def _show_colours(self) -> None:
        """Turn solid views to Material Preview for the first place of a scene, and for new colours: solid ones show classes."""
        new_colours = self.entry.job is not None and self.entry.job.kind == "retexture"
        if not preferences().show_colours or not (new_colours or len(result_import.places(bpy.context.scene)) == 1):
            return
        for window in bpy.context.window_manager.windows:
            for area in window.screen.areas:
                if area.type == "VIEW_3D" and area.spaces.active.shading.type == "SOLID":
                    area.spaces.active.shading.type = "MATERIAL"


def give_up(token: str) -> None:
    """Remove what was built for this token: it is not needed."""
    built = _ready.pop(token, None)
    if built is not None:
        result_import.discard(built)


def take(token: str) -> result_import.Imported | None:
    """What was built for this token, once; None where there is nothing, or undo took it away meanwhile."""
    built = _ready.pop(token, None)
    try:
        return built if built is not None and built.collection.name else None
    except ReferenceError:
        return None
