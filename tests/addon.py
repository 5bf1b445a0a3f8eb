"""Loads the assembled extension into this process's bpy, once, away from the person's own Blender settings."""
from __future__ import annotations

import importlib
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "bl_ext.user_default.earthcrafter"
_MAIN = ROOT / ".venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
ENGINE_PYTHON = _MAIN if _MAIN.exists() else Path(sys.executable)
"""The engine's interpreter in all tests: that of the main environment, whichever bpy runs the test."""
FAKE_ENGINE = Path(__file__).with_name("fake_engine.py")


_KEEPER = tempfile.TemporaryDirectory(prefix="earthcrafter tést ")
USER_FOLDER = Path(_KEEPER.name)
"""Blender's user folder for this run, with a space and an accent in its name."""
os.environ["BLENDER_USER_RESOURCES"] = str(USER_FOLDER)  # before bpy is imported anywhere


@cache
def enable() -> ModuleType:
    """The extension's package, registered."""
    sys.path.insert(0, str(ROOT))
    import build
    build.assemble(USER_FOLDER / "extensions" / "user_default" / "earthcrafter")
    import bpy  # noqa: F401 - first: it makes addon_utils known
    import addon_utils
    module = addon_utils.enable(PACKAGE, default_set=True, persistent=True)
    assert module is not None, "the extension did not register"
    return module


def part(name: str) -> ModuleType:
    """A module of the extension."""
    enable()
    return importlib.import_module(f"{PACKAGE}.{name}")


@contextmanager
def fake_engine(folder: Path, script: Path = FAKE_ENGINE) -> Iterator[None]:
    """The stand-in for the networks, or another engine's script, serves the extension's session inside."""
    service, client, preferences = part("engine_service"), part("engine_client"), part("preferences")
    env = client.engine_environment(ROOT, folder / "cache")
    kept = service.session._start
    preferences.preferences().engine_python = str(ENGINE_PYTHON)
    service.session._start = lambda: client.EngineClient([str(ENGINE_PYTHON), str(script)], folder, env, folder / "log")
    try:
        yield
    finally:
        service.session.shutdown(wait=True)
        service.session._start = kept
