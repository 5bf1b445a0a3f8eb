"""The queue: take a job back, ask for one again, go on after a pause, tidy up."""
from __future__ import annotations

import bpy
from bpy.props import BoolProperty, IntProperty

from .. import engine_service, jobs
from ..earthcrafter_core.errors import EarthCrafterError
from ..job_queue import OPEN, Entry, Status
from .common import register_classes, report, unregister_classes


def _entry(index: int) -> Entry | None:
    entries = engine_service.queue.entries
    return entries[index] if 0 <= index < len(entries) else None


class EARTHCRAFTER_OT_cancel_queued(bpy.types.Operator):
    """Take this job out of the queue, or stop it where it runs"""

    bl_idname = "earthcrafter.cancel_queued"
    bl_label = "Cancel Job"
    bl_options = {"INTERNAL"}

    index: IntProperty(name="Job", description="Which job of the queue, from 0", options={"SKIP_SAVE"})  # type: ignore[valid-type]
    everything: BoolProperty(name="All", description="Every job", options={"SKIP_SAVE"})  # type: ignore[valid-type]

    def execute(self, _context: bpy.types.Context) -> set[str]:
        """Take it back."""
        entry = _entry(self.index)
        if self.everything:
            engine_service.queue.cancel_all()
        elif entry is not None:
            engine_service.queue.cancel(entry)
        return {"FINISHED"}


class EARTHCRAFTER_OT_retry_queued(bpy.types.Operator):
    """Ask for this job again, with the layout as it is painted now"""

    bl_idname = "earthcrafter.retry_queued"
    bl_label = "Ask Again"
    bl_options = {"INTERNAL"}

    index: IntProperty(name="Job", description="Which job of the queue, from 0; -1: every interrupted one",  # type: ignore[valid-type]
                       options={"SKIP_SAVE"})

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Put new jobs in their place."""
        queue = engine_service.queue
        wanted = ([e for e in queue.entries if e.status is Status.INTERRUPTED] if self.index < 0
                  else [e for e in [_entry(self.index)] if e is not None])
        try:
            for entry in wanted:
                new = jobs.again(context, entry)
                engine_service.submit(new)
                queue.entries.remove(entry)
        except EarthCrafterError as e:
            return report(self, e)
        return {"FINISHED"}


class EARTHCRAFTER_OT_resume_queue(bpy.types.Operator):
    """Go on with the jobs that wait"""

    bl_idname = "earthcrafter.resume_queue"
    bl_label = "Go On"
    bl_options = {"INTERNAL"}

    def execute(self, _context: bpy.types.Context) -> set[str]:
        """Start the next job."""
        engine_service.queue.resume()
        engine_service.follow()
        return {"FINISHED"}


class EARTHCRAFTER_OT_wait_for_queue(bpy.types.Operator):
    """Wait until every queued job has ended and its place is in the scene; for scripts, Blender's window stands still"""

    bl_idname = "earthcrafter.wait_for_queue"
    bl_label = "Wait for the Queue"
    bl_options = {"INTERNAL"}

    def execute(self, _context: bpy.types.Context) -> set[str]:
        """Wait; an error where a job failed, after all have ended."""
        error = None
        for entry in list(engine_service.queue.entries):
            if entry.status in OPEN or engine_service.is_arriving(entry):
                try:
                    engine_service.finish(entry)
                except EarthCrafterError as e:
                    error = e
        return {"FINISHED"} if error is None else report(self, error)


class EARTHCRAFTER_OT_clear_queue(bpy.types.Operator):
    """Forget the jobs that have ended; their results stay in the history"""

    bl_idname = "earthcrafter.clear_queue"
    bl_label = "Clear Ended"
    bl_options = {"INTERNAL"}

    def execute(self, _context: bpy.types.Context) -> set[str]:
        """Clear."""
        engine_service.queue.clear()
        return {"FINISHED"}


_CLASSES = (EARTHCRAFTER_OT_cancel_queued, EARTHCRAFTER_OT_retry_queued, EARTHCRAFTER_OT_resume_queue,
            EARTHCRAFTER_OT_wait_for_queue, EARTHCRAFTER_OT_clear_queue)


def register() -> None:
    """Register the operators of this module."""
    register_classes(_CLASSES)


def unregister() -> None:
    """Unregister them."""
    unregister_classes(_CLASSES)
