"""A result in other formats: the core's own command in a child process, which tells what it does in lines of JSON. No bpy."""
from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .child_task import ChildTask
from .earthcrafter_core.errors import EarthCrafterError
from .engine_client import EngineError, engine_environment


@dataclass
class Exported:
    """What came of an export so far: the folder, the name that all main files begin with, the files of each format, the main
    one first, and an error for each format that could not be written."""

    folder: Path
    name: str
    formats: list[list[Path]] = field(default_factory=list)
    errors: list[EarthCrafterError] = field(default_factory=list)

    @property
    def files(self) -> list[Path]:
        """All of them."""
        return [path for files in self.formats for path in files]


class ExportTask(ChildTask):
    """Writes a result in some formats. `exported` has what came of it; a format that fails hinders no other.

    Args:
        python: the engine's interpreter.
        core: folder that holds the package earthcrafter_core.
        cache: folder for compiled code. log: file for everything that is printed.
        result: folder of the result.
        formats: names of formats.
        options: more words of the command line, see `export_formats.engine_arguments`.
        exported: is added to.
    """

    def __init__(self, python: Path, core: Path, cache: Path, log: Path, result: Path, formats: Sequence[str],
                 options: Sequence[str], exported: Exported):
        super().__init__(log)
        self.exported = exported
        self._core, self._cache, self._noise = core, cache, ""
        self._command: list[str | Path] = [
            python, "-m", "earthcrafter_core", "export", result, "--to", ",".join(formats), "-o", exported.folder,
            "--name", exported.name, *options, "--json"]

    def work(self) -> None:
        """Run it. Raises EngineError where the command itself fails."""
        failures = len(self.exported.errors)
        status = self.call(self._command, engine_environment(self._core, self._cache), self._core, self._read)
        if status and len(self.exported.errors) == failures:
            raise EngineError(f"The export failed: {self._noise or f'exit status {status}'}".rstrip(".") + ".",
                              f"{self._log} has the details.", "export")

    def _read(self, line: str) -> None:
        """Take one line."""
        try:
            said = json.loads(line)
            if "error" in said:
                self.exported.errors.append(EarthCrafterError(str(said["error"]), str(said["remedy"])))
            elif "file" in said:
                self.exported.formats.append([Path(name) for name in said.get("files", [said["file"]])])
            else:
                self.text, self.fraction = str(said["say"]), float(said["progress"])
        except (ValueError, KeyError, TypeError):
            self._noise = line.strip()[:200] or self._noise

    def clean_up(self) -> None:
        """Remove what the ended command had not yet written as a whole."""
        for part in self.exported.folder.glob(".export-*"):
            shutil.rmtree(part, ignore_errors=True)
