"""The one long task of the engine's installation that may run in this Blender: an installation, a removal or a self-test.

A timer looks at it and redraws the panels; the task itself runs in its own thread and child process.
"""
from __future__ import annotations

import platform
import time
import tomllib
from pathlib import Path

import bpy

from . import engine_service
from .background import Background
from .child_task import ChildTask
from .earthcrafter_core.errors import EarthCrafterError
from .engine_install import Installer, Plan
from .preferences import base_python, engine_home, engine_python, on_change, preferences, torch_build, user_folder
from .self_test import SelfTest, SelfTestReader, report_text

POLL_SECONDS = 0.2
_EXIT_SECONDS = 5.0
_ROOT = Path(__file__).resolve().parent  # holds earthcrafter_core
_files = Background()
task: ChildTask | None = None
"""The running task, None while there is none."""
error: EarthCrafterError | None = None
"""Why the last task failed, or None."""
done = ""
"""What the last task achieved, for a person, or ""; shown until `done_until`."""
done_until = 0.0
_DONE_SECONDS = 60.0
tested: SelfTestReader | None = None
"""What the last self-test told."""
_shown: object = None  # what the panels showed last


def log_of(name: str) -> Path:
    """A log file: "engine", "install" or "self_test"."""
    return user_folder("logs") / f"{name}.log"


def new_plan(python: Path | None = None, build: str = "", wheels: Path | None = None) -> Plan:
    """What would be installed now: what is given, the rest as the preferences say."""
    prefs = preferences()
    return Plan(python or base_python(prefs), build or torch_build(prefs), engine_home(), _ROOT, user_folder("cache"),
                log_of("install"), wheels)


def start_install(plan: Plan) -> None:
    """Begin an installation."""
    _begin(Installer(plan))


def start_self_test() -> None:
    """Begin a self-test of the engine on the chosen device. Raises EngineError where no engine is installed."""
    prefs = preferences()
    _begin(SelfTest(engine_python(prefs), prefs.device or "cpu", _ROOT, user_folder("cache"), log_of("self_test")))


def cancel() -> None:
    """End the running task; a cancelled installation leaves what was there before."""
    if task is not None:
        task.cancel()


def remove_engine() -> None:
    """Remove the installed engine; its files go in the background. Raises WriteError."""
    global done, error, done_until
    engine_service.session.shutdown(why="the engine was removed")
    home = engine_home()
    home.forget()
    _files.do(home.clear)
    engine_service.session.look_again()
    done, error, done_until = "The engine was removed", None, time.monotonic() + _DONE_SECONDS


def report() -> str:
    """The report for a bug report, with the versions of everything."""
    prefs = preferences()
    try:
        python = str(engine_python(prefs))
    except EarthCrafterError as e:
        python = e.message
    about = {"Add-on": _version(), "Blender": f"{bpy.app.version_string} ({bpy.app.build_platform.decode(errors='replace')})",
             "System": platform.platform(), "Engine's Python": python, "Installed": str(engine_home().about()),
             "Device": prefs.device, "State": f"{engine_service.session.state.value} {engine_service.session.why}".strip()}
    return report_text(tested, about)


def _version() -> str:
    """The add-on's version, as its manifest says."""
    return str(tomllib.loads((_ROOT / "blender_manifest.toml").read_text(encoding="utf-8"))["version"])


def _begin(new: ChildTask) -> None:
    global task, error, done
    task, error, done = new, None, ""
    new.start()
    if not bpy.app.timers.is_registered(_poll):
        bpy.app.timers.register(_poll, first_interval=POLL_SECONDS, persistent=True)


def _poll() -> float | None:
    """The timer: redraw, and settle the task that has ended."""
    global tested, _shown
    if isinstance(task, SelfTest):
        tested = task.reader
    if task is not None and task.is_done:
        _settle(task)
    now = (task and (task.text, round(task.fraction, 2)), error, done)
    if now != _shown:
        _shown = now
        redraw()
    return POLL_SECONDS if task is not None else None


def _settle(ended: ChildTask) -> None:
    global task, error, done, done_until
    task, error = None, ended.error if ended.error is None or ended.error.kind != "cancelled" else None
    session = engine_service.session
    if isinstance(ended, Installer):
        if ended.error is None:
            preferences().engine_python = ""  # else it would go before the one just installed
            if session.job is None:
                session.shutdown(why="a new engine was installed")
            session.error = None
            done = "The engine is installed"
    elif ended.error is None:
        done = "The engine passed its self-test"
    if ended.error is not None and error is None:
        done = "Cancelled: nothing was changed"
    done_until = time.monotonic() + _DONE_SECONDS
    session.look_again()


def redraw() -> None:
    """Redraw the sidebar and the preferences."""
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type in ("VIEW_3D", "PREFERENCES"):
                area.tag_redraw()


def _python_changed() -> None:
    session = engine_service.session
    session.look_again()
    session.error = None
    if session.job is None:
        session.shutdown(why="another Python was chosen")


def register() -> None:
    """Remove what earlier installations left, in the background."""
    on_change.append(_python_changed)
    _files.do(engine_home().clear)


def unregister() -> None:
    """End the running task and its child; called at Blender's exit too."""
    global task
    on_change.clear()
    if bpy.app.timers.is_registered(_poll):
        bpy.app.timers.unregister(_poll)
    if task is not None:
        task.cancel()
        task.join(_EXIT_SECONDS)
        task = None
    _files.settle(_EXIT_SECONDS)


