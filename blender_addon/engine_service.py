"""The engine of this Blender: one session, one queue, and the timer that drains them and brings in what comes.

Nothing here waits but `finish`, which is for scripts.
"""
from __future__ import annotations

import json
import time
from pathlib import Path

import bpy
from mathutils import Vector

from . import jobs, layout_mesh
from .arrivals import Arrival
from .background import Background
from .earthcrafter_core.engine.protocol import read_preview
from .earthcrafter_core.errors import EarthCrafterError
from .engine_client import EngineClient, engine_environment
from .engine_session import Outcome, Session
from .forecast import Forecast, Speed
from .history import History, note, working_seconds
from .job_queue import OPEN, Entry, JobQueue, Status, Target
from .preferences import engine_python, preferences, results_folder, user_folder
from .preview_view import PreviewArrays, PreviewView, arrays_of, object_of

BUSY_SECONDS, IDLE_SECONDS, BUDGET_SECONDS = 0.05, 1.0, 0.01
QUEUE_PROPERTY = "earthcrafter_queue"  # of the first scene, JSON
_ROOT = Path(__file__).resolve().parent  # holds earthcrafter_core


def _start_engine() -> EngineClient:
    cache = user_folder("cache")
    command = [str(engine_python(preferences())), "-m", "earthcrafter_core.engine"]
    return EngineClient(command, _ROOT, engine_environment(_ROOT, cache), user_folder("logs") / "engine.log")


session = Session(_start_engine, lambda: engine_python(preferences()), lambda: 60.0 * preferences().idle_minutes)
queue = JobQueue(session)
history = History()
view = PreviewView()
speed = Speed()
arrivals: list[Arrival] = []
_files = Background()
_shown: tuple[object, ...] = ()  # what the panels showed last


# ------------------------------------------------------------------------------------------------------------- asking

def submit(entry: Entry) -> None:
    """Put a job in the queue; the timer follows it. Raises EarthCrafterError where it was to start at once and cannot."""
    queue.add(entry)
    follow()


def start_layout(source: str, options: dict, wait: bool = False) -> set[str]:
    """Ask for a layout made from a map, a survey or a preset; an operator adopts it when it is there.

    Args:
        source, options: see data/layout_sources.make_layout.
        wait: return only when it is there; for scripts.

    Returns:
        What an operator returns. Raises EarthCrafterError.
    """
    entry = Entry(f"Layout from {source}", jobs.layout_job(source, options, user_folder("layouts")),
                  Target(scene=bpy.context.scene.name))
    submit(entry)
    if wait:
        finish(entry)
    return {"FINISHED"}


def finish(entry: Entry) -> None:
    """Drain until this entry has ended and is in the scene; for scripts, Blender's window stands still meanwhile.

    Raises EarthCrafterError where it failed.
    """
    arrival = None
    try:
        while entry.status in OPEN or is_arriving(entry):
            arrival = next((a for a in arrivals if a.entry is entry), arrival)
            tick(patient=False)
            if queue.paused and entry.status is Status.WAITING:
                raise session.error or EarthCrafterError("The queue is paused.", "Go on with it in the panel Queue.")
            time.sleep(0.005)
    except KeyboardInterrupt:
        session.shutdown()
        raise
    error = arrival.error if arrival is not None and arrival.error is not None else None
    if error is None and entry.status is not Status.DONE:
        error = session.error or EarthCrafterError(entry.message or f"{entry.status.value}.", "Press Generate again.")
    if error is not None:
        raise error


# ------------------------------------------------------------------------------------------------------------ the timer

def follow() -> None:
    """See that the timer runs."""
    if not bpy.app.timers.is_registered(tick):
        bpy.app.timers.register(tick, first_interval=BUSY_SECONDS, persistent=True)


def forecast(context: bpy.types.Context, obj: bpy.types.Object) -> Forecast:
    """What generating this layout with the scene's settings will need."""
    settings, device = context.scene.earthcrafter, preferences().device or "cpu"
    free = session.ready.get("device_info", {}).get(device, {}).get("free", 0)
    return speed.forecast(user_folder("measured"), layout_mesh.grid_shape(obj), layout_mesh.cell_size(obj), settings.steps,
                          settings.voxel_size, device, int(free or 0))


def is_busy() -> bool:
    """Whether a job runs or waits, or a result is on its way in."""
    return session.job is not None or bool(arrivals) or bool(queue.waiting and not queue.paused)


def is_arriving(entry: Entry) -> bool:
    """Whether the result of this entry is on its way into the scene."""
    return any(a.entry is entry for a in arrivals)


def tick(patient: bool = True) -> float | None:
    """The timer: drain the engine, show previews, bring results in, start what waits, redraw where something changed."""
    outcome = session.pump(BUDGET_SECONDS)
    if outcome is not None:
        _settle(outcome)
    _fetch_previews()
    while (callback := _files.collect()) is not None:
        callback()
    if arrivals and arrivals[0].step(patient):
        _arrived(arrivals.pop(0))
    queue.advance()
    _redraw()
    if is_busy() or _files.is_busy:
        return BUSY_SECONDS
    return IDLE_SECONDS if session.is_active else None


def _settle(outcome: Outcome) -> None:
    """A job has ended: note it, and let its result come in."""
    entry = queue.settle(outcome)
    if entry is None:  # its file was closed meanwhile, and the artist has cancelled nothing
        session.error = None
    if entry is None or outcome.folder is None:
        view.hide()
        return
    if outcome.job.kind != "layout" and entry.target.layout_id:
        note(outcome.folder, entry.target.layout_id, outcome.job.kind, outcome.seconds)
        history.forget()
    layout, asked = outcome.job.layout, outcome.job.settings
    if outcome.job.kind == "generate" and not outcome.reused and layout is not None:
        speed.learn(user_folder("measured"), layout.shape, layout.cell_size, asked["steps"], asked["voxel_size"],
                    asked["device"], working_seconds(outcome.folder))
    arrivals.append(Arrival(entry, preferences().splat_cap))


def _arrived(arrival: Arrival) -> None:
    """A result is in, or could not be."""
    if not arrivals and session.job is None:
        view.hide()
    if arrival.error is not None:
        session.error = arrival.error
        arrival.entry.message = f"{arrival.error.message} {arrival.error.remedy}"


def _fetch_previews() -> None:
    """Let the files' thread read the newest preview; older ones are taken away unseen."""
    job, entry = session.job, queue.running
    if job is None or entry is None or not job.new_previews:
        return
    coming, job.new_previews[:] = list(job.new_previews), []

    def read() -> PreviewArrays:
        arrays = arrays_of(read_preview(coming[-1][1]))
        for _kind, file in coming:
            file.unlink(missing_ok=True)
        return arrays

    def shown(arrays: object) -> None:
        if isinstance(arrays, PreviewArrays) and session.job is job:
            view.show(arrays, entry.target.uid, beside_shift(object_of(entry.target.uid), entry.target.beside))

    _files.do(read, shown)


def beside_shift(layout: bpy.types.Object | None, places: int) -> Vector:
    """Metres by which a place stands east of its layout, `places` of the layout's widths and a gap each."""
    return Vector((jobs.width_of(layout) * 1.08 * places, 0, 0)) if layout is not None and places else Vector()


def _redraw() -> None:
    """Redraw the 3D views where what the panels show has changed."""
    global _shown
    job = session.job
    now = (session.state, session.why, round(session.memory_mb, -1), view.arrays is None or id(view.arrays),
           None if job is None else (job.id, job.stage, job.step, job.cancelled, int(job.seconds)),
           tuple(e.status for e in queue.entries), tuple(a.holding for a in arrivals), session.error)
    if now == _shown:
        return
    _shown = now
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type in ("VIEW_3D", "PREFERENCES"):
                area.tag_redraw()


# ------------------------------------------------------------------------------------------------------- files that close

def close_file() -> None:
    """The file is about to be closed: its jobs end, nothing of them is left behind."""
    queue.cancel_all()
    queue.entries.clear()
    for arrival in arrivals:
        arrival.drop()
    arrivals.clear()
    view.hide()
    history.forget()


def write_queue() -> None:
    """Keep the queue's state in the file that is about to be saved."""
    dumped = queue.dump()
    scene = bpy.data.scenes[0]
    if dumped:
        scene[QUEUE_PROPERTY] = json.dumps(dumped)
    elif QUEUE_PROPERTY in scene:
        del scene[QUEUE_PROPERTY]


def read_queue() -> None:
    """Tell the state of the queue in the file that was opened."""
    try:
        dumped = json.loads(bpy.data.scenes[0].get(QUEUE_PROPERTY, "[]"))
    except ValueError:
        dumped = []
    queue.load(dumped if isinstance(dumped, list) else [], lambda asked: jobs.find_result(history, asked))
    session.sweep(results_folder(preferences()))
    follow()


def unregister() -> None:
    """Stop the timer and the engine."""
    if bpy.app.timers.is_registered(tick):
        bpy.app.timers.unregister(tick)
    close_file()
    session.shutdown(wait=True)
