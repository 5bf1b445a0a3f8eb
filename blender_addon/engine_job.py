"""One job for the engine: what is asked for, how far it is, the name of its result, and its folders on disk. No bpy."""
from __future__ import annotations

import hashlib
import json
import os
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import ownership
from .background import remove_folder
from .earthcrafter_core.engine import protocol
from .earthcrafter_core.engine.protocol import Message
from .earthcrafter_core.errors import EarthCrafterError, WriteError
from .earthcrafter_core.scene.layout import Layout

GENERATE, RETEXTURE, REGENERATE, LAYOUT = "generate", "retexture", "regenerate", "layout"


@dataclass
class Job:
    """One run of the engine.

    Attributes:
        layout: what to generate; None for a new texture and where a layout is to be made.
        settings: see protocol.SETTINGS.
        results: folder under which the result's folder is made.
        scene: folder of the kept result for a new texture, or None.
        kind: "generate", "retexture", "regenerate" or "layout"; "" takes what the other fields say.
        base, region: folder of a kept result, and the cells [row0, col0, row1, col1] (half-open, row 0 north) of it that
            are made anew under `layout`.
        terrain: the relief under the layout, or None.
        source, options: of a layout to be made, see data/layout_sources.make_layout.
        layout_source: what the layout was made from; kept with the result, in words.
        previews: whether unfinished stages are wanted.
        new_previews: (kind, file) that came and nobody took; the files vanish with the job.
        stage, step, steps, fraction, seconds_left: how far it is; fraction from 0 to 1 over all stages.
    """

    layout: Layout | None
    settings: Message
    results: Path
    scene: Path | None = None
    kind: str = ""
    base: Path | None = None
    region: tuple[int, int, int, int] | None = None
    terrain: protocol.Terrain | None = None
    source: str = ""
    options: dict[str, Any] = field(default_factory=dict)
    layout_source: str = ""
    previews: bool = False
    id: str = field(default_factory=lambda: uuid.uuid4().hex[:12])
    started: float = field(default_factory=time.monotonic)
    stage: str = ""
    step: int = 0
    steps: int = 0
    fraction: float = 0.0
    seconds_left: float | None = None
    cancelled: bool = False
    new_previews: list[tuple[str, Path]] = field(default_factory=list)

    def __post_init__(self) -> None:
        if not self.kind:
            self.kind = (LAYOUT if self.source else RETEXTURE if self.layout is None
                         else REGENERATE if self.base is not None else GENERATE)

    @property
    def seconds(self) -> float:
        """Seconds since the job was asked for."""
        return time.monotonic() - self.started

    @property
    def part(self) -> Path:
        """Folder in which the engine works."""
        return self.results / f".part-{self.id}"

    @property
    def whole_file(self) -> str:
        """The file whose presence says that the result is whole."""
        return "layout.json" if self.kind == LAYOUT else "scene.json"

    def name(self, ready: Message) -> str:
        """Name of the result: the layout's hash, the seed, and a hash of everything else that decides the result.

        Args:
            ready: the engine's greeting, for its version and weights.
        """
        made_by: list[Any] = [self.kind, ready.get("version"), ready.get("weights")]
        if self.kind == LAYOUT:
            made_by = [self.kind, ready.get("version"), self.source, sorted(self.options.items()),
                       _stamp(self.options.get("path"))]
            return f"layout_{self.source}_{_digest(made_by)}"
        made_by.append(sorted((k, v) for k, v in self.settings.items() if k != "seed"))
        if self.scene is not None:
            made_by.append(self.scene.name)
        if self.base is not None:
            made_by += [self.base.name, self.region]
        if self.terrain is not None:
            made_by.append(self.terrain.hash())
        source = self.layout.hash() if self.layout is not None else self.scene.name if self.scene is not None else ""
        return f"{source.split('_')[0]}_seed{self.settings.get('seed', 0)}_{_digest(made_by)}"

    def message(self, kept_name: str) -> Message:
        """Write the job's files and return the message that begins it. For a thread: a large terrain takes its time.

        Raises WriteError.
        """
        message: Message = {"type": protocol.GENERATE, "job": self.id, "out": str(self.part / kept_name)}
        if self.kind == LAYOUT:
            return message | {"type": protocol.LAYOUT, "source": self.source, "options": self.options}
        message["settings"] = self.settings
        if self.kind == RETEXTURE:
            return message | {"type": protocol.RETEXTURE, "scene": str(self.scene)}
        assert self.layout is not None
        protocol.write_job(self.part / "job", self.layout, self.terrain)
        message.update(job_folder=str(self.part / "job"), previews=self.previews, layout_source=self.layout_source)
        if self.kind == REGENERATE:
            message.update(base=str(self.base), region=list(self.region or ()))
        return message


@dataclass(frozen=True)
class Outcome:
    """How a job ended: with a folder, or with an error; `seconds` from asking to the end."""

    job: Job
    folder: Path | None = None
    error: EarthCrafterError | None = None
    reused: bool = False
    seconds: float = 0.0


def open_part(job: Job) -> None:
    """Make the job's folder and write into it: the folder's rights are tried before the work, not after.

    Raises WriteError.
    """
    try:
        ownership.mark(job.part)
    except OSError as e:
        remove_folder(job.part)
        raise WriteError(f"The results folder {job.results} cannot be written ({e.strerror or e}).",
                         "Choose another results folder, or free some space.") from e


def keep(job: Job, made: Path) -> Path:
    """Move the finished folder to its place among the results. Raises WriteError."""
    kept = job.results / made.name
    try:
        if kept.exists():  # without its last file: not a whole result
            os.replace(kept, job.part / "unfinished")
        os.replace(made, kept)
    except OSError as e:
        raise WriteError(f"The result could not be moved to {kept} ({e.strerror or e}).",
                         "Choose another results folder, or close what holds this one open.") from e
    return kept


def sweep(results: Path) -> list[Path]:
    """Remove the part folders that a crashed Blender left among the results; the folders that were removed."""
    try:
        parts = [p for p in results.iterdir() if p.name.startswith(".part-") and p.is_dir()]
    except OSError:
        return []
    return [p for p in parts if ownership.is_left_over(p) and remove_folder(p)]


def _stamp(path: object) -> list[int] | None:
    """Size and time of a source file, so that a changed file is read anew."""
    try:
        status = os.stat(str(path))
    except OSError:
        return None
    return [status.st_size, status.st_mtime_ns]


def _digest(made_by: list[Any]) -> str:
    return hashlib.sha256(json.dumps(made_by, default=str).encode()).hexdigest()[:8]
