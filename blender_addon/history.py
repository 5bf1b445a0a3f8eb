"""The results that lie on disk, by the layout that they were made from. No bpy.

Beside each result lies history.json with what an artist asked for and from which layout; undo and crashes cannot take it.
"""
from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FILE = "history.json"
THUMBNAIL = "thumbnail.png"
_FRESH_SECONDS = 1.0  # a panel asks at every redraw; the disk is looked at this seldom


@dataclass(frozen=True)
class Record:
    """One result.

    Attributes:
        folder: of the result. layout_ids: lasting ids of the layouts that it was made for.
        kind: "generate", "retexture" or "regenerate". seed, settings, seconds: as asked for, and what it took.
        layout_hash, weights, version: what reproduces it, of scene.json. made: seconds since 1970.
    """

    folder: Path
    layout_ids: tuple[str, ...]
    kind: str
    seed: int
    settings: dict[str, Any]
    seconds: float
    layout_hash: str
    weights: str
    version: str
    made: float

    @property
    def thumbnail(self) -> Path | None:
        """Its small picture, None where there is none."""
        path = self.folder / THUMBNAIL
        return path if path.is_file() else None


def note(folder: Path, layout_id: str, kind: str, seconds: float) -> None:
    """Write down that a result was made for a layout; a disk that is full costs the history, not the result."""
    said = _read_json(folder / FILE)
    ids = [str(i) for i in said.get("layouts", [])]
    content = {"layouts": ids if layout_id in ids else [*ids, layout_id], "kind": said.get("kind", kind),
               "seconds": said.get("seconds", round(seconds, 1)), "made": said.get("made", time.time())}
    temporary = folder / f"{FILE}.tmp"
    try:
        temporary.write_text(json.dumps(content), encoding="utf-8")
        os.replace(temporary, folder / FILE)
    except OSError:
        temporary.unlink(missing_ok=True)


def read(folder: Path) -> Record | None:
    """The record of a result's folder, None where it holds no whole result."""
    scene = _read_json(folder / "scene.json")
    if not scene:
        return None
    said = _read_json(folder / FILE)
    try:
        return Record(folder, tuple(str(i) for i in said.get("layouts", [])), str(said.get("kind", "generate")),
                      int(scene.get("seed", 0)), dict(scene.get("settings", {})), float(said.get("seconds", 0)),
                      str(scene.get("layout_hash", "")), str(scene.get("weights", "")), str(scene.get("version", "")),
                      float(said.get("made", 0)))
    except (TypeError, ValueError):
        return None


def working_seconds(folder: Path) -> float:
    """Seconds that the stages of a result took, without the engine's start; 0 where they are not known."""
    stages = _read_json(folder / "scene.json").get("stages", {})
    try:
        return float(sum(stage["seconds"] for stage in stages.values()))
    except (AttributeError, KeyError, TypeError):
        return 0.0


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


class History:
    """The records of some results folders, read again where the disk has changed."""

    def __init__(self) -> None:
        self._records: dict[Path, tuple[float, Record | None]] = {}
        self._listed: dict[Path, tuple[float, float, list[Path]]] = {}  # looked at, folder's time, folders in it

    def of_layout(self, layout_id: str, results: list[Path]) -> list[Record]:
        """Results of a layout, newest first."""
        found = [r for r in self.records(results) if layout_id in r.layout_ids]
        return sorted(found, key=lambda r: -r.made)

    def records(self, results: list[Path]) -> list[Record]:
        """All results in these folders."""
        folders = [f for parent in dict.fromkeys(results) for f in self._folders(parent)]
        return [record for f in folders if (record := self._record(f)) is not None]

    def forget(self) -> None:
        """Look at the disk anew at the next call."""
        self._records.clear()
        self._listed.clear()

    def _folders(self, parent: Path) -> list[Path]:
        now = time.monotonic()
        looked, changed, folders = self._listed.get(parent, (float("-inf"), -1.0, []))
        if now - looked < _FRESH_SECONDS:
            return folders
        try:
            time_now = parent.stat().st_mtime
            if time_now != changed:
                folders = [p for p in parent.iterdir() if not p.name.startswith(".") and (p / "scene.json").is_file()]
        except OSError:
            time_now, folders = -1.0, []
        self._listed[parent] = (now, time_now, folders)
        return folders

    def _record(self, folder: Path) -> Record | None:
        try:
            stamp = (folder / FILE).stat().st_mtime
        except OSError:
            stamp = 0.0
        known = self._records.get(folder)
        if known is None or known[0] != stamp:
            known = self._records[folder] = (stamp, read(folder))
        return known[1]
