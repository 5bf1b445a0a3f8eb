"""What the engine and its client say to each other: framed JSON on pipes, arrays as .npy files in a job folder.

A frame is 4 bytes b"ECF1", the length of the body as a little-endian uint32, and the body: one JSON object in UTF-8
whose "type" is one of the constants below. NumPy alone: Blender's side imports this module too.

| type      | sent by | fields |
|-----------|---------|--------|
| hello     | client  | protocol |
| ready     | engine  | protocol, version, python, torch, devices (list of names), weights (id or "none"), pid, cores, |
|           |         | memory_total, memory_free (bytes, whole machine), device_info: {device: {name, total, free}} (bytes) |
| generate  | client  | job, job_folder (see `write_job`), out (result folder), settings; optional: base (folder of a kept |
|           |         | result) and region [row0, col0, row1, col1] (layout cells, half-open, row 0 north) to make that part |
|           |         | of `base` anew and leave the rest; previews (default false); layout_source (text, for scene.json) |
| retexture | client  | job, scene (folder of a kept result), out, settings |
| layout    | client  | job, source, options (object), out (folder that `read_made_layout` then reads) |
| cancel    | client  | job |
| free      | client  | - (drop the networks and give their memory back, after the job that runs) |
| progress  | engine  | job, stage, step, steps, fraction (0..1 over all stages), seconds_left (of the whole job, or null) |
| preview   | engine  | job, kind ("cells", "voxels", "colours"), file: see `read_preview`; the client deletes it |
| done      | engine  | job, folder, seconds |
| error     | engine  | job (or null), kind, message, remedy (one sentence each) |
| freed     | engine  | memory_before_mb, memory_mb (resident) |
| heartbeat | engine  | busy, memory_mb (resident), every HEARTBEAT_SECONDS |
| shutdown  | client  | - |

Kinds of errors: bad_input, weights, write (also a full disk), out_of_memory, cancelled, import (the engine's Python cannot load
what it needs; it ends), device (the graphics card failed; it ends), protocol (engine and client are of different releases),
internal.
"""
from __future__ import annotations

import json
import os
import struct
from pathlib import Path
from typing import IO, Any

import numpy as np

from ..errors import BadInput, EarthCrafterError, WriteError
from ..scene.layout import Layout
from ..scene.made_layout import MadeLayout
from ..scene.preview import Preview, read_preview, write_preview
from ..scene.terrain import Terrain

__all__ = ["MadeLayout", "Preview", "ProtocolError", "Terrain", "check_settings", "read_job", "read_made_layout",
           "read_message", "read_preview", "write_job", "write_made_layout", "write_message", "write_preview"]
PROTOCOL = 2
HELLO, READY, CANCEL, FREE, FREED, HEARTBEAT, SHUTDOWN = "hello", "ready", "cancel", "free", "freed", "heartbeat", "shutdown"
GENERATE, RETEXTURE, LAYOUT = "generate", "retexture", "layout"
PROGRESS, PREVIEW, DONE, ERROR = "progress", "preview", "done", "error"
JOBS = (GENERATE, RETEXTURE, LAYOUT)
"""Messages that begin a job."""
PREVIEW_KINDS = ("cells", "voxels", "colours")
HEARTBEAT_SECONDS = 1.0

_MAGIC = b"ECF1"
_HEADER = struct.Struct("<4sI")
MAX_BODY = 1 << 24
"""Longest body in bytes: arrays never travel inside a frame."""

SETTINGS = {"seed": int, "steps": int, "guidance": float, "device": str, "voxel_size": float, "relief": str,
            "weights": str, "mesh": str, "colours": str, "texels": float,
            "splats": str, "splat_size": float}
"""Names and types of the settings that travel; each may be left out, and guidance and weights may be null."""
_NULLABLE = ("guidance", "weights")

Message = dict[str, Any]


class ProtocolError(EarthCrafterError):
    """The other side said something that is not a frame, or a frame that makes no sense."""

    kind = "protocol"


def write_message(stream: IO[bytes], message: Message) -> None:
    """Write one frame and flush. Raises OSError (BrokenPipeError) where the other side is gone."""
    body = json.dumps(message, ensure_ascii=False, allow_nan=False).encode("utf-8")
    stream.write(_HEADER.pack(_MAGIC, len(body)) + body)
    stream.flush()


def read_message(stream: IO[bytes]) -> Message | None:
    """Read one frame; None where the stream ended (also in mid-frame: the other side was killed).

    Raises:
        ProtocolError: bytes that are no frame, or a body that is no JSON object with a "type".
    """
    header = _read_exactly(stream, _HEADER.size)
    if header is None:
        return None
    magic, length = _HEADER.unpack(header)
    if magic != _MAGIC or length > MAX_BODY:
        raise ProtocolError("The engine's pipe carried bytes that are no message.", "Start the engine again.")
    body = _read_exactly(stream, length)
    if body is None:
        return None
    try:
        message = json.loads(body.decode("utf-8"))
    except ValueError as e:
        raise ProtocolError("The engine's pipe carried a damaged message.", "Start the engine again.") from e
    if not isinstance(message, dict) or not isinstance(message.get("type"), str):
        raise ProtocolError("The engine's pipe carried a message without a type.", "Start the engine again.")
    return message


def _read_exactly(stream: IO[bytes], size: int) -> bytes | None:
    """`size` bytes, or None where the stream ends before."""
    parts: list[bytes] = []
    while size > 0:
        part = stream.read(size)
        if not part:
            return None
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def check_settings(settings: Message) -> Message:
    """The settings with each value in its type. Raises BadInput for an unknown name or a value that does not fit."""
    checked: Message = {}
    for name, value in settings.items():
        if name not in SETTINGS:
            raise BadInput(f"The setting {name!r} is unknown.", "Use " + ", ".join(SETTINGS) + ".")
        if value is None and name in _NULLABLE:
            checked[name] = None
            continue
        try:
            checked[name] = SETTINGS[name](value)
        except (TypeError, ValueError) as e:
            raise BadInput(f"The setting {name} has the value {value!r}.",
                           f"Give a value of the kind {SETTINGS[name].__name__}.") from e
    return checked


def write_job(folder: Path, layout: Layout, terrain: Terrain | None = None) -> None:
    """Write a layout into the job folder: class_id.npy, optional height_hint.npy and elevation.npy, layout.json; and the
    terrain under it, which then counts instead of the elevation.

    Raises WriteError.
    """
    arrays, about = {}, {}
    if terrain is not None:
        about["terrain"] = {"kind": terrain.kind, "path": terrain.path}
        if terrain.kind == "mesh":
            arrays = {"terrain_vertices": terrain.vertices, "terrain_triangles": terrain.triangles}
    _write(folder, layout, arrays, about)


def read_job(folder: Path) -> tuple[Layout, Terrain | None]:
    """Read what `write_job` wrote. Raises BadInput where a file is missing or damaged."""
    layout, about = _read(folder)
    said = about.get("terrain")
    if said is None:
        return layout, None
    try:
        kind, path = str(said["kind"]), str(said["path"])
        vertices, triangles = (np.load(folder / f"terrain_{name}.npy", allow_pickle=False) if kind == "mesh" else None
                               for name in ("vertices", "triangles"))
    except (OSError, ValueError, KeyError, TypeError, EOFError) as e:
        raise BadInput(f"The job folder {folder} cannot be read ({e}).", "Press Generate again.") from e
    return layout, Terrain(kind, vertices, triangles, path)


def write_made_layout(folder: Path, made: MadeLayout) -> None:
    """Write a made layout: as `write_job`, with the rest of it in layout.json. Raises WriteError."""
    _write(folder, made.layout, {}, {"name": made.name, "report": list(made.report), "source": made.source})


def read_made_layout(folder: Path) -> MadeLayout:
    """Read what `write_made_layout` wrote. Raises BadInput where a file is missing or damaged."""
    layout, about = _read(folder)
    try:
        return MadeLayout(layout, str(about["name"]), [str(line) for line in about["report"]], str(about["source"]))
    except (KeyError, TypeError) as e:
        raise BadInput(f"The layout in {folder} cannot be read ({e!r}).", "Make the layout again.") from e


def _write(folder: Path, layout: Layout, arrays: dict[str, Any], about: Message) -> None:
    """The layout's planes and more arrays as .npy, then layout.json with the cell size, its place on Earth and `about`."""
    planes = {name: getattr(layout, name) for name in ("class_id", "height_hint", "elevation")}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, array in (planes | arrays).items():
            if array is not None:
                np.save(folder / f"{name}.npy", array, allow_pickle=False)
        temporary = folder / "layout.json.tmp"
        origin = None if layout.origin is None else [float(v) for v in layout.origin]
        temporary.write_text(json.dumps({"cell_size": layout.cell_size, "crs": layout.crs, "origin": origin, **about}),
                             encoding="utf-8")
        os.replace(temporary, folder / "layout.json")  # last: its presence says that the job is whole
    except OSError as e:
        raise WriteError(f"The job folder {folder} could not be written ({e.strerror or e}).",
                         "Free some space or choose another folder for temporary files.") from e


def _read(folder: Path) -> tuple[Layout, Message]:
    """The layout and the content of layout.json."""
    try:
        about = json.loads((folder / "layout.json").read_text(encoding="utf-8"))
        cell_size, x_y = float(about["cell_size"]), about["origin"]
        origin = None if x_y is None else (float(x_y[0]), float(x_y[1]))
        planes = {name: np.load(folder / f"{name}.npy", allow_pickle=False) if (folder / f"{name}.npy").exists() else None
                  for name in ("class_id", "height_hint", "elevation")}
        if planes["class_id"] is None:
            raise ValueError("class_id.npy is missing")
    except (OSError, ValueError, KeyError, TypeError, IndexError, EOFError) as e:
        raise BadInput(f"The job folder {folder} cannot be read ({e}).", "Press Generate again.") from e
    return Layout(planes["class_id"], cell_size, planes["height_hint"], planes["elevation"], about["crs"], origin), about
