"""The engine: reads messages on stdin, runs one job at a time, answers on stdout, and ends when stdin closes.

Three threads: the main thread runs jobs (torch and numba stay in it), a reader takes messages (so that cancel is heard
in mid-run), a third sends heartbeats. What libraries print goes to stderr, which the client sends to a log file.
Whatever goes wrong in a job becomes an error message and the engine goes on, but for a graphics card that failed: no process
can use it any more in which that happened, so the engine ends and the client starts another.
"""
from __future__ import annotations

import os
import platform
import queue
import shutil
import sys
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

from .. import __version__, machine
from ..errors import BadInput, Cancelled, EarthCrafterError, WriteError
from ..scene.layout import Layout
from ..weights import weights_id
from . import protocol
from .faults import describe, describe_start
from .protocol import Message

GRACE_SECONDS = 5.0
"""How long a running job may take to notice that the client is gone, before the engine ends without it."""
_PROGRESS_SECONDS = 0.05  # a progress message at most this often


@dataclass
class Backend:
    """What does the work.

    Attributes:
        pipeline: the module with Settings, Models, generate, retexture and regenerate.
        make_layout: data.layout_sources.make_layout, imported when first called.
    """

    pipeline: Any
    make_layout: Callable[..., protocol.MadeLayout]


class Server:
    """One engine for one client.

    Args:
        source: where messages come from.
        sink: where messages go.
        load: imports and returns the backend.
    """

    def __init__(self, source: BinaryIO, sink: BinaryIO, load: Callable[[], Backend]):
        self._source, self._sink, self._load = source, sink, load
        self._send_lock = threading.Lock()
        self._todo: queue.Queue[Message | None] = queue.Queue()
        self._cancelled: set[str] = set()
        self._closing = threading.Event()
        self._current: str | None = None
        self._models: tuple[tuple[object, ...], Any] | None = None  # the networks last used, by what chose them

    def send(self, message: Message) -> None:
        """Send from any thread; a client that is gone closes the engine."""
        try:
            with self._send_lock:
                protocol.write_message(self._sink, message)
        except OSError:
            self._close()

    def run(self) -> int:
        """Serve until the client says shutdown or closes stdin. Returns the exit status."""
        threading.Thread(target=self._read, name="reader", daemon=True).start()
        threading.Thread(target=self._beat, name="heartbeat", daemon=True).start()
        try:
            backend = self._load()
            self.send(self._ready_message())
        except Exception as e:
            traceback.print_exc()
            self.send({"type": protocol.ERROR, "job": None, **describe_start(e)})
            return 1
        while (message := self._todo.get()) is not None:
            if message["type"] == protocol.FREE:
                self._free()
            elif not self._run_job(backend, message):
                return 1
        return 0

    def _read(self) -> None:
        """Take messages until the client is gone; cancel is noted at once, jobs wait their turn."""
        try:
            while not self._closing.is_set() and (message := protocol.read_message(self._source)) is not None:
                kind = message["type"]
                if kind in (*protocol.JOBS, protocol.FREE):
                    self._todo.put(message)
                elif kind == protocol.CANCEL:
                    self._cancelled.add(str(message.get("job")))
                elif kind == protocol.SHUTDOWN:
                    break
                elif kind == protocol.HELLO and message.get("protocol") != protocol.PROTOCOL:
                    self.send({"type": protocol.ERROR, "job": None, "kind": "protocol",
                               "message": "The engine and Blender's add-on are of different versions.",
                               "remedy": "Install both from the same release."})
        except (EarthCrafterError, OSError, ValueError):
            traceback.print_exc()
        self._close()

    def _close(self) -> None:
        """End soon: a running job sees cancel; where it does not within GRACE_SECONDS, the process ends without it."""
        if self._closing.is_set():
            return
        self._closing.set()
        self._todo.put(None)

        def end() -> None:
            time.sleep(GRACE_SECONDS)
            os._exit(0)

        threading.Thread(target=end, name="end", daemon=True).start()

    def _beat(self) -> None:
        while not self._closing.wait(protocol.HEARTBEAT_SECONDS):
            self.send({"type": protocol.HEARTBEAT, "busy": self._current is not None,
                       "memory_mb": machine.resident_mb()})

    def _ready_message(self) -> Message:
        torch = sys.modules.get("torch")
        total, free = machine.memory()
        devices = machine.devices()
        return {"type": protocol.READY, "protocol": protocol.PROTOCOL, "version": __version__,
                "python": platform.python_version(), "torch": getattr(torch, "__version__", "none"),
                "devices": list(devices), "weights": weights_id(), "pid": os.getpid(), "cores": machine.cores(),
                "memory_total": total, "memory_free": free, "device_info": devices}

    def _free(self) -> None:
        """Drop the networks and give memory back."""
        before = machine.resident_mb()
        self._models = None
        machine.give_back()
        self.send({"type": protocol.FREED, "memory_before_mb": before, "memory_mb": machine.resident_mb()})

    def _run_job(self, backend: Backend, message: Message) -> bool:
        """Run one job to its done or error message; whether the engine can go on."""
        job = str(message.get("job"))
        self._current = job
        started = time.perf_counter()
        said: Message = {}
        try:
            folder = self._work(backend, message, job)
            said = {"type": protocol.DONE, "job": job, "folder": str(folder),
                    "seconds": round(time.perf_counter() - started, 3)}
        except BaseException as e:  # also MemoryError; a job never takes the engine along
            if not isinstance(e, EarthCrafterError):
                traceback.print_exc()
            said = {"type": protocol.ERROR, "job": job, **describe(e)}
        finally:
            self._current = None
            self._cancelled.discard(job)
            if message.get("job_folder"):
                shutil.rmtree(str(message["job_folder"]), ignore_errors=True)
        if said.get("kind") == "out_of_memory":
            self._models = None
            machine.give_back()
        self.send(said)
        return said.get("kind") != "device"

    def _work(self, backend: Backend, message: Message, job: str) -> Path:
        """Do the job; the folder made. Raises what the backend raises."""
        def is_cancelled() -> bool:
            return self._closing.is_set() or job in self._cancelled

        if is_cancelled():
            raise Cancelled()
        out = Path(_text(message, "out"))
        progress = _Throttled(self.send, job)
        progress("load", 0, 1, 0.0)
        if message["type"] == protocol.LAYOUT:
            made = backend.make_layout(_text(message, "source"), message.get("options") or {}, cancel=is_cancelled,
                                       progress=progress)
            protocol.write_made_layout(out, made)
            return out
        pipeline = backend.pipeline
        values = protocol.check_settings(message.get("settings") or {})
        if values.get("weights") is not None:
            values["weights"] = Path(values["weights"])
        settings = pipeline.Settings(**values)
        options = {"progress": progress, "cancel": is_cancelled, "models": self._load_models(pipeline, settings, is_cancelled)}
        if message["type"] == protocol.RETEXTURE:
            pipeline.retexture(Path(_text(message, "scene")), out, settings, **options)
            return out
        layout = _layout_of(Path(_text(message, "job_folder")))
        options["layout_source"] = str(message.get("layout_source") or "")
        if message.get("previews"):
            options["preview"] = _Previews(self.send, job, out.parent)
        if message.get("base"):
            pipeline.regenerate(Path(_text(message, "base")), layout, _region(message), out, settings, **options)
        else:
            pipeline.generate(layout, out, settings, **options)
        return out

    def _load_models(self, pipeline: Any, settings: Any, is_cancelled: Callable[[], bool]) -> Any:
        """The networks for these settings; those of the last job are kept, so that the next one starts at once."""
        def check() -> None:
            if is_cancelled():
                raise Cancelled

        key = (settings.configuration, settings.weights, settings.device)
        if self._models is None or self._models[0] != key:
            self._models = None  # free the old ones first
            self._models = (key, pipeline.Models(*key, check=check))
        return self._models[1]


class _Throttled:
    """The backend's progress callback: sends at most every _PROGRESS_SECONDS, and always the first of a stage."""

    def __init__(self, send: Callable[[Message], None], job: str):
        self._send, self._job, self._stage, self._last = send, job, "", 0.0

    def __call__(self, stage: str, step: int, steps: int, fraction: float, seconds_left: float | None = None) -> None:
        now = time.monotonic()
        if stage == self._stage and step < steps and now - self._last < _PROGRESS_SECONDS:
            return
        self._stage, self._last = stage, now
        self._send({"type": protocol.PROGRESS, "job": self._job, "stage": stage, "step": int(step),
                    "steps": int(steps), "fraction": float(min(max(fraction, 0.0), 1.0)),
                    "seconds_left": None if seconds_left is None else round(float(seconds_left), 1)})


class _Previews:
    """The pipeline's preview callback: a file beside the result's folder, and a message that names it."""

    def __init__(self, send: Callable[[Message], None], job: str, folder: Path):
        self._send, self._job, self._folder = send, job, folder

    def __call__(self, kind: str, preview: protocol.Preview) -> None:
        file = self._folder / f"preview-{self._job}-{kind}.npz"
        try:
            protocol.write_preview(file, preview)
        except WriteError:  # a view of the way is not worth the place itself; a full disk shows at the end
            traceback.print_exc()
            return
        self._send({"type": protocol.PREVIEW, "job": self._job, "kind": kind, "file": str(file)})


def _layout_of(job_folder: Path) -> Layout:
    """The job's layout, its terrain as its elevation."""
    layout, terrain = protocol.read_job(job_folder)
    if terrain is None:
        return layout
    from ..convert.terrain import elevation_of
    return replace(layout, elevation=elevation_of(terrain, layout.shape, layout.cell_size))


def _region(message: Message) -> tuple[int, int, int, int]:
    """The message's region. Raises BadInput."""
    try:
        row0, col0, row1, col1 = (int(v) for v in message["region"])
    except (KeyError, TypeError, ValueError) as e:
        raise BadInput("The message names no rectangle to make anew.", "Install add-on and engine from one release.") from e
    return row0, col0, row1, col1


def _text(message: Message, name: str) -> str:
    value = message.get(name)
    if not isinstance(value, str) or not value:
        raise BadInput(f"The message {message['type']} has no {name}.", "Install add-on and engine from one release.")
    return value


def _load_backend() -> Backend:
    from .. import pipeline

    def make_layout(*args: Any, **options: Any) -> protocol.MadeLayout:
        from ..data import layout_sources
        return layout_sources.make_layout(*args, **options)

    return Backend(pipeline, make_layout)


def main(load: Callable[[], Backend] = _load_backend) -> NoReturn:
    """Serve on this process's stdin and stdout, then exit; what anything else prints to stdout lands in stderr."""
    source = sys.stdin.buffer
    sink = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    sys.stdout = sys.stderr
    if os.name == "nt":
        import msvcrt
        msvcrt.setmode(sys.stdin.fileno(), os.O_BINARY)  # type: ignore[attr-defined]
        msvcrt.setmode(sink.fileno(), os.O_BINARY)  # type: ignore[attr-defined]
    status = Server(source, sink, load).run()
    sys.stderr.flush()
    os._exit(status)  # daemon threads may hold the pipes' locks; nothing is left to clean up
