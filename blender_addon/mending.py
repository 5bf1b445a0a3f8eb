"""For each kind of error the button that mends it."""
from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .earthcrafter_core.errors import EarthCrafterError
from .preferences import engine_home, preferences


@dataclass(frozen=True)
class Mend:
    """A button: an operator with its text, icon and properties."""

    operator: str
    text: str
    icon: str = "TOOL_SETTINGS"
    properties: dict[str, Any] = field(default_factory=dict)


_INSTALL = Mend("earthcrafter.install_engine", "Install Engine", "IMPORT")
_REPAIR = Mend("earthcrafter.install_engine", "Repair Engine", "FILE_REFRESH")
_START = Mend("earthcrafter.start_engine", "Start Again", "FILE_REFRESH")
_CPU = Mend("earthcrafter.choose_device", "Use the CPU", "MEMORY", {"device": "cpu"})
_SMALLER = Mend("earthcrafter.use_smaller", "Use a Smaller Setting", "TRIA_DOWN")
_FOLDER = Mend("earthcrafter.choose_results_folder", "Choose Results Folder", "FILE_FOLDER")
_INSTALLED = Mend("earthcrafter.use_installed_engine", "Use the Installed Engine", "CHECKMARK")
_LOG = Mend("earthcrafter.open_log", "Open Log", "TEXT", {"log": "engine"})
_INSTALL_LOG = Mend("earthcrafter.open_log", "Open Log", "TEXT", {"log": "install"})


def mends(error: EarthCrafterError) -> list[Mend]:
    """The buttons for an error, the one that mends it first; none where only the person can do something."""
    kind = error.kind
    if kind == "not_installed":
        return [_INSTALL]
    if kind in ("broken_install", "self_test"):
        return [_REPAIR]
    if kind in ("import", "python", "start"):
        return [*_another_engine(), *([_LOG] if kind == "import" else [])]
    if kind == "install":
        return [Mend("earthcrafter.install_engine", "Try Again", "FILE_REFRESH"), _INSTALL_LOG]
    if kind in ("killed", "engine", "hung", "protocol"):
        return [_START, _LOG]
    if kind == "device":
        return [_CPU, _LOG]
    if kind == "out_of_memory":
        return [_SMALLER if preferences().device in ("", "cpu") else _CPU]
    if kind == "write":
        return [_FOLDER]
    if kind == "internal":
        return [_LOG]
    return []


def offers_installation(error: EarthCrafterError) -> bool:
    """Whether one of the error's buttons installs the engine."""
    return any(mend.operator == _INSTALL.operator for mend in mends(error))


def _another_engine() -> list[Mend]:
    """In place of a Python that does not run: the installed engine where there is one, else an installation."""
    if not preferences().engine_python:
        return [_REPAIR if engine_home().about() is not None else _INSTALL]
    try:
        return [_INSTALLED if engine_home().python() is not None else _INSTALL]
    except EarthCrafterError:
        return [_REPAIR]
