"""The one engine session of this Blender: started with the preferences' Python, drained by one timer."""
from __future__ import annotations

import time
from pathlib import Path

import bpy

from .earthcrafter_core.errors import EarthCrafterError
from .engine_client import EngineClient, engine_environment
from .engine_session import Job, Outcome, Session
from .preferences import engine_python, preferences, results_folder, user_folder

TIMER_SECONDS, BUDGET_SECONDS = 0.1, 0.01
_ROOT = Path(__file__).resolve().parent  # holds earthcrafter_core
_targets: dict[str, str] = {}  # job id -> name of the layout object to put the result on


def _start_engine() -> EngineClient:
    cache = user_folder("cache")
    command = [str(engine_python(preferences())), "-m", "earthcrafter_core.engine"]
    return EngineClient(command, _ROOT, engine_environment(_ROOT, cache), user_folder("logs") / "engine.log")


session = Session(_start_engine)


def start_job(job: Job, target: str) -> None:
    """Begin a job whose result is to stand where the object named `target` stands; the timer follows it.

    Raises EarthCrafterError.
    """
    session.generate(job)
    _targets.clear()
    _targets[job.id] = target
    if not bpy.app.timers.is_registered(_tick):
        bpy.app.timers.register(_tick, first_interval=TIMER_SECONDS, persistent=True)


def new_job(layout, settings: dict, scene: Path | None = None) -> Job:
    """A job with the preferences' results folder."""
    return Job(layout, settings, results_folder(preferences()), scene)


def wait_for(job: Job) -> Outcome:
    """Drain the engine until this job has ended; for scripts. Blender's window stands still meanwhile."""
    try:
        while session.job is job:
            if session.pump(BUDGET_SECONDS) is None:
                time.sleep(0.02)
    except KeyboardInterrupt:
        session.shutdown()
        raise
    outcome = session.last
    assert outcome is not None and outcome.job is job
    return outcome


def target_of(job: Job) -> bpy.types.Object | None:
    """The layout object that a job was started for, None where it was deleted meanwhile."""
    return bpy.data.objects.get(_targets.get(job.id, ""))


def _tick() -> float | None:
    """The timer: drain the queue, bring in a finished result, redraw the panel; ends with the job."""
    outcome = session.pump(BUDGET_SECONDS)
    if outcome is not None and outcome.folder is not None:
        _import(outcome)
    _redraw()
    return TIMER_SECONDS if session.job is not None else None


def _import(outcome: Outcome) -> None:
    """Import by the operator, so that it is one step of undo."""
    windows = bpy.context.window_manager.windows
    target = _targets.get(outcome.job.id, "")
    options = {"directory": str(outcome.folder), "layout_name": target}
    try:
        if windows:
            with bpy.context.temp_override(window=windows[0]):
                bpy.ops.earthcrafter.import_result("EXEC_DEFAULT", True, **options)
        else:
            bpy.ops.earthcrafter.import_result("EXEC_DEFAULT", **options)
    except (RuntimeError, EarthCrafterError) as e:
        session.error = e if isinstance(e, EarthCrafterError) else EarthCrafterError(
            str(e).strip(), "Leave the running tool and use Import Result.")


def _redraw() -> None:
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "VIEW_3D":
                area.tag_redraw()


def unregister() -> None:
    """Stop the timer and the engine."""
    if bpy.app.timers.is_registered(_tick):
        bpy.app.timers.unregister(_tick)
    session.shutdown()
    _targets.clear()
