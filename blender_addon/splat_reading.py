"""More or fewer splats of a place that is in the scene already: read again from its folder by a thread, filled in by one
operator, which makes it one step of undo."""
from __future__ import annotations

import itertools
import threading
from pathlib import Path

import bpy

from . import class_visibility, jobs
from .cloud_objects import cloud_mesh
from .earthcrafter_core.errors import BadInput, EarthCrafterError
from .earthcrafter_core.scene.merging import merged
from .result_files import read_splats
from .result_import import SHOWN, TOTAL
from .splat_arrays import CloudArrays, splat_arrays
from .splat_display import splats_of

_POLL_SECONDS = 0.05
_numbers = itertools.count(1)
_readings: dict[str, Reading] = {}  # token -> begun, not yet filled in


class Reading:
    """Splats of a place on their way.

    Attributes:
        place: name of the place's collection.
        arrays, total: the splats that will be shown and how many there are, when `done`; else `error` says what is wrong.
    """

    def __init__(self, place: str, path: Path, cap: int):
        self.place, self._path, self._cap = place, path, cap
        self.arrays: CloudArrays | None = None
        self.total = 0
        self.error: EarthCrafterError | None = None
        self._thread = threading.Thread(target=self._read, name="earthcrafter-splats", daemon=True)
        self._thread.start()

    def _read(self) -> None:
        try:
            splats = read_splats(self._path)
            self.arrays, self.total = splat_arrays(merged(splats, self._cap)), len(splats)
        except EarthCrafterError as e:
            self.error = e
        except Exception as e:  # whatever a damaged file does, it is told and Blender goes on
            self.error = BadInput(f"The file {self._path} cannot be read ({e}).", "Generate the place again.")

    @property
    def done(self) -> bool:
        """Whether it is read, or cannot be."""
        return not self._thread.is_alive()

    def wait(self) -> None:
        """Return when it is read."""
        self._thread.join()


def begin(collection: bpy.types.Collection, cap: int) -> str:
    """Start to read at most `cap` splats of a place; the token of the reading."""
    token = f"splats {next(_numbers)}"
    _readings[token] = Reading(collection.name, jobs.folder_of(collection) / "splats.ply", cap)
    return token


def is_reading(place: str) -> bool:
    """Whether splats of the place of this name are being read."""
    return any(reading.place == place for reading in _readings.values())


def take(token: str, wait: bool = False) -> Reading | None:
    """The reading of a token, once, when it is done; None where there is none."""
    if wait and token in _readings:
        _readings[token].wait()
    return _readings.pop(token, None)


def fill_in_when_read(token: str) -> None:
    """Call the operator that fills the splats in as soon as they are read and Blender is in Object Mode."""
    def poll() -> float | None:
        if token not in _readings:
            return None
        if not _readings[token].done or bpy.context.mode != "OBJECT":
            return _POLL_SECONDS
        try:
            bpy.ops.earthcrafter.fill_splats("EXEC_DEFAULT", True, token=token)
        except RuntimeError as e:  # it was reported already
            print(f"EarthCrafter: {e}")
        return None

    bpy.app.timers.register(poll, first_interval=_POLL_SECONDS)


def fill_in(collection: bpy.types.Collection, reading: Reading) -> int:
    """Give a place the splats that were read, in place of those that it shows; how many these are.

    Raises:
        EarthCrafterError: they could not be read, or the place's splats were deleted.
    """
    if reading.error is not None:
        raise reading.error
    obj = splats_of(collection)
    if obj is None or reading.arrays is None:
        raise BadInput("The splats of this place were deleted.", "Import the result again.")
    steps = cloud_mesh(obj.data.name, reading.arrays)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            mesh = end.value
            break
    old, name = obj.data, obj.data.name
    obj.data = mesh
    if not old.users:
        bpy.data.meshes.remove(old)
        mesh.name = name
    obj[SHOWN], obj[TOTAL] = len(reading.arrays.position), reading.total
    class_visibility.apply(collection)
    return obj[SHOWN]
