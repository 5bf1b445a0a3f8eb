"""Where the installed engine lives: environments in folders of their own, and one small file that names the one in use. No bpy.

    <user>/engine/env-<hash of the pinned list>-<time>/    a virtual environment
    <user>/engine/installed.json                           {"folder", "requirements", "python", "build"}
"""
from __future__ import annotations

import hashlib
import json
import os
import time
from pathlib import Path
from typing import Any

from . import ownership
from .background import remove_folder
from .earthcrafter_core.errors import WriteError
from .engine_client import EngineError

REQUIREMENTS = Path(__file__).with_name("engine_requirements.txt")
_NAME = "installed.json"


def interpreter(path: Path) -> Path | None:
    """The interpreter that a path means: the file itself, or the one in a virtual environment's folder; None: there is none."""
    candidates = (path, path / "bin" / "python", path / "Scripts" / "python.exe")
    return next((p for p in candidates if p.is_file()), None)


def requirements_hash(requirements: Path = REQUIREMENTS) -> str:
    """8 hex digits that name the pinned list."""
    lines = [line.strip() for line in requirements.read_text(encoding="utf-8").splitlines()]
    return hashlib.sha256("\n".join(x for x in lines if x and not x.startswith("#")).encode()).hexdigest()[:8]


class EngineHome:
    """The folder of installed engines.

    Args:
        folder: e.g. <the extension's user folder>/engine; need not exist.
    """

    def __init__(self, folder: Path):
        self.folder = folder

    def about(self) -> dict[str, Any] | None:
        """What is installed, as installed.json says; None where nothing is."""
        try:
            about = json.loads((self.folder / _NAME).read_text(encoding="utf-8"))
            return about if isinstance(about["folder"], str) else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def environment(self) -> Path | None:
        """Folder of the environment in use, whether it is still there or not."""
        about = self.about()
        return None if about is None else self.folder / about["folder"]

    def python(self) -> Path | None:
        """The installed engine's interpreter; None where nothing is installed.

        Raises EngineError of the kind "broken_install" where it was deleted.
        """
        environment = self.environment()
        if environment is None:
            return None
        python = interpreter(environment)
        if python is None:
            gone = "Python that it was made from" if environment.is_dir() else "folder"
            raise EngineError(f"The engine's {gone} was deleted.", "Install the engine again.", "broken_install")
        return python

    def is_outdated(self) -> bool:
        """Whether the installed packages are those of another release of the add-on."""
        about = self.about()
        return about is not None and about.get("requirements") != requirements_hash()

    def new_environment(self) -> Path:
        """Make a folder for a new environment, marked as unfinished. Raises WriteError."""
        folder = self.folder / f"env-{requirements_hash()}-{time.strftime('%Y%m%d-%H%M%S')}"
        number = 1
        try:
            while folder.exists():
                number += 1
                folder = folder.with_name(f"{folder.name.split('_')[0]}_{number}")
            ownership.mark(folder)
        except OSError as e:
            raise WriteError(f"The engine's folder {self.folder} cannot be written ({e.strerror or e}).",
                             "Free some space, or give the folder's rights back.") from e
        return folder

    def switch(self, environment: Path, python: str, build: str) -> None:
        """Make this environment the one in use, at once and whole. Raises WriteError."""
        about = {"folder": environment.name, "requirements": requirements_hash(), "python": python, "build": build}
        temporary = self.folder / f"{_NAME}.tmp"
        try:
            temporary.write_text(json.dumps(about), encoding="utf-8")
            ownership.unmark(environment)
            os.replace(temporary, self.folder / _NAME)
        except OSError as e:
            raise WriteError(f"The engine's folder {self.folder} cannot be written ({e.strerror or e}).",
                             "Free some space, or give the folder's rights back.") from e

    def forget(self) -> None:
        """Nothing is installed any more; `clear` then removes the folders. Raises WriteError."""
        try:
            (self.folder / _NAME).unlink(missing_ok=True)
        except OSError as e:
            raise WriteError(f"The engine could not be removed ({e.strerror or e}).",
                             "Close what holds its folder open.") from e

    def clear(self) -> list[Path]:
        """Remove environments that are not in use and that nobody is installing; those that could not be removed.

        Files that Windows holds open stay until the next time. Takes seconds: for a thread.
        """
        used = self.environment()
        try:
            found = [p for p in self.folder.iterdir() if p.name.startswith("env-") and p.is_dir() and p != used]
        except OSError:
            return []
        unused = [p for p in found if not ownership.is_marked(p) or ownership.is_left_over(p)]
        return [p for p in unused if not remove_folder(p)]
