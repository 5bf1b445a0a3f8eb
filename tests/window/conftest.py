"""The built extension for the windows; skips where this machine can open none, and says why."""
from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parent.parent.parent)]
import build  # noqa: E402
import harness  # noqa: E402
import window_tool  # noqa: E402

_missing = ""


def pytest_collection_finish(session: pytest.Session) -> None:
    """Install the window's Blender before the first test, whose time is limited."""
    global _missing
    if session.items and not session.config.option.collectonly:
        try:
            window_tool.install()
        except window_tool.Unavailable as e:
            _missing = str(e)


@pytest.fixture(scope="session")
def extension() -> Path:
    """The extension's zip, built now."""
    if _missing:
        pytest.skip(f"no real window: {_missing}")
    kept, build.BUILD, build.DIST = (build.BUILD, build.DIST), harness.OUTPUT / "build", harness.OUTPUT / "dist"
    try:
        return build.package()
    finally:
        build.BUILD, build.DIST = kept


@pytest.fixture
def window(extension):
    """An open window with a fresh profile, the engine's Python set and the sidebar open."""
    try:
        opened = harness.Window(extension, harness.OUTPUT / "résultats").__enter__()
    except window_tool.Unavailable as e:
        pytest.skip(f"no real window: {e}")
    try:
        yield opened
        assert not opened.complaints()
    finally:
        opened.close()
