"""The add-on's modules that need no Blender, imported without it: blender_addon/ and the core as one package, as installed."""
from __future__ import annotations

import importlib
import sys
import types
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "earthcrafter_bare"


def part(name: str) -> types.ModuleType:
    """A module of the extension, e.g. "engine_session" or "earthcrafter_core.errors"."""
    if PACKAGE not in sys.modules:
        package = types.ModuleType(PACKAGE)
        package.__path__ = [str(ROOT / "blender_addon"), str(ROOT)]
        sys.modules[PACKAGE] = package
    return importlib.import_module(f"{PACKAGE}.{name}")
