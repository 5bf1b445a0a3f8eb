"""The engine: reads messages on stdin, runs one job at a time, answers on stdout, and ends when stdin closes.

Three threads: the main thread runs jobs (torch and numba stay in it), a reader takes messages (so that cancel is heard
in mid-run), a third sends heartbeats. What libraries print goes to stderr, which the client sends to a log file.
"""
from __future__ import annotations

import hashlib
import os
import platform
import queue
import shutil
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, BinaryIO, NoReturn

from .. import __version__
from ..errors import BadInput, Cancelled, EarthCrafterError
from . import protocol
from .protocol import Message

GRACE_SECONDS = 5.0
"""How long a running job may take to notice that the client is gone, before the engine ends without it."""
_PROGRESS_SECONDS = 0.05  # a progress message at most this often


class Server:
    """One engine for one client.

    Args:
        source: where messages come from.
        sink: where messages go.
        load_pipeline: imports and returns the module with `Settings`, `generate` and `retexture`.
    """

    def __init__(self, source: BinaryIO, sink: BinaryIO, load_pipeline: Callable[[], ModuleType]):
        self._source, self._sink, self._load_pipeline = source, sink, load_pipeline
        self._send_lock = threading.Lock()
        self._jobs: queue.Queue[Message | None] = queue.Queue()
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
            pipeline = self._load_pipeline()
            self.send(self._ready_message())
        except Exception as e:
            traceback.print_exc()
            self.send({"type": protocol.ERROR, "job": None, **describe(e)})
            return 1
        while (job := self._jobs.get()) is not None:
            self._run_job(pipeline, job)
        return 0

    def _read(self) -> None:
        """Take messages until the client is gone; cancel is noted at once, jobs wait their turn."""
        try:
            while not self._closing.is_set() and (message := protocol.read_message(self._source)) is not None:
                kind = message["type"]
                if kind in (protocol.GENERATE, protocol.RETEXTURE):
                    self._jobs.put(message)
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
        self._jobs.put(None)

        def end() -> None:
            time.sleep(GRACE_SECONDS)
            os._exit(0)

        threading.Thread(target=end, name="end", daemon=True).start()

    def _beat(self) -> None:
        while not self._closing.wait(protocol.HEARTBEAT_SECONDS):
            self.send({"type": protocol.HEARTBEAT, "busy": self._current is not None})

    def _ready_message(self) -> Message:
        torch = sys.modules.get("torch")
        devices = ["cpu"]
        if torch is not None and torch.cuda.is_available():
            devices += [f"cuda:{i}" for i in range(torch.cuda.device_count())]
        return {"type": protocol.READY, "protocol": protocol.PROTOCOL, "version": __version__,
                "python": platform.python_version(), "torch": getattr(torch, "__version__", "none"),
                "devices": devices, "weights": weights_id(), "pid": os.getpid()}

    def _run_job(self, pipeline: ModuleType, message: Message) -> None:
        """Run one job to its done or error message; whatever goes wrong, the engine goes on."""
        job = str(message.get("job"))
        self._current = job
        started = time.perf_counter()
        try:
            folder = self._generate(pipeline, message, job)
            self.send({"type": protocol.DONE, "job": job, "folder": str(folder),
                       "seconds": round(time.perf_counter() - started, 3)})
        except BaseException as e:  # also MemoryError; a job never takes the engine along
            if not isinstance(e, EarthCrafterError):
                traceback.print_exc()
            self.send({"type": protocol.ERROR, "job": job, **describe(e)})
        finally:
            self._current = None
            self._cancelled.discard(job)

    def _generate(self, pipeline: ModuleType, message: Message, job: str) -> Path:
        """Read the job and hand it to the pipeline; the result folder. Raises what the pipeline raises."""
        def is_cancelled() -> bool:
            return self._closing.is_set() or job in self._cancelled

        if is_cancelled():
            raise Cancelled()
        values = protocol.check_settings(message.get("settings") or {})
        if values.get("weights") is not None:
            values["weights"] = Path(values["weights"])
        settings = pipeline.Settings(**values)
        out = Path(_text(message, "out"))
        progress = _Throttled(self.send, job)
        progress("load", 0, 1, 0.0)
        options = {"progress": progress, "cancel": is_cancelled, "models": self._load_models(pipeline, settings)}
        if message["type"] == protocol.RETEXTURE:
            pipeline.retexture(Path(_text(message, "scene")), out, settings, **options)
            return out
        job_folder = Path(_text(message, "job_folder"))
        try:
            pipeline.generate(protocol.read_job(job_folder), out, settings, **options)
        finally:
            shutil.rmtree(job_folder, ignore_errors=True)
        return out


    def _load_models(self, pipeline: ModuleType, settings: Any) -> Any:
        """The networks for these settings; those of the last job are kept, so that the next one starts at once."""
        key = (settings.configuration, settings.weights, settings.device)
        if self._models is None or self._models[0] != key:
            self._models = None  # free the old ones first
            self._models = (key, pipeline.Models(*key))
        return self._models[1]


class _Throttled:
    """The pipeline's progress callback: sends at most every _PROGRESS_SECONDS, and always the first of a stage."""

    def __init__(self, send: Callable[[Message], None], job: str):
        self._send, self._job, self._stage, self._last = send, job, "", 0.0

    def __call__(self, stage: str, step: int, steps: int, fraction: float) -> None:
        now = time.monotonic()
        if stage == self._stage and step < steps and now - self._last < _PROGRESS_SECONDS:
            return
        self._stage, self._last = stage, now
        self._send({"type": protocol.PROGRESS, "job": self._job, "stage": stage, "step": int(step),
                    "steps": int(steps), "fraction": float(min(max(fraction, 0.0), 1.0))})


def _text(message: Message, name: str) -> str:
    value = message.get(name)
    if not isinstance(value, str) or not value:
        raise BadInput(f"The message {message['type']} has no {name}.", "Install add-on and engine from one release.")
    return value


def describe(error: BaseException) -> Message:
    """kind, message and remedy of any error, one sentence each."""
    if isinstance(error, EarthCrafterError):
        return {"kind": error.kind, "message": error.message, "remedy": error.remedy}
    name = type(error).__name__
    if isinstance(error, MemoryError) or name == "OutOfMemoryError" or "not enough memory" in str(error):
        return {"kind": "out_of_memory", "message": "The engine ran out of memory.",
                "remedy": "Generate a smaller layout, choose the CPU as device, or close other programs."}
    if isinstance(error, ImportError):
        return {"kind": "engine", "message": f"The engine's Python lacks a package ({error}).",
                "remedy": "Choose the Python that `build.py` made, or install requirements.txt into yours."}
    if isinstance(error, OSError):
        return {"kind": "write", "message": f"A file could not be read or written ({error}).",
                "remedy": "Check the folder's rights and the free space, then press Generate again."}
    return {"kind": "internal", "message": f"The engine met an unexpected error ({name}: {error}).",
            "remedy": "Press Generate again; the engine's log has the details."}


def weights_id() -> str:
    """12 hex digits that name the default weights' content, or "none"."""
    files = sorted((Path(__file__).parent.parent / "weights").glob("*.safetensors"))
    if not files:
        return "none"
    h = hashlib.sha256()
    for file in files:
        h.update(file.name.encode() + b"\0" + file.read_bytes())
    return h.hexdigest()[:12]


def _load_pipeline() -> ModuleType:
    from .. import pipeline
    return pipeline


def main(load_pipeline: Callable[[], ModuleType] = _load_pipeline) -> NoReturn:
    """Serve on this process's stdin and stdout, then exit; what anything else prints to stdout lands in stderr."""
    source = sys.stdin.buffer
    sink = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    sys.stdout = sys.stderr
    if os.name == "nt":
        import msvcrt
        msvcrt.setmode(sys.stdin.fileno(), os.O_BINARY)  # type: ignore[attr-defined]
        msvcrt.setmode(sink.fileno(), os.O_BINARY)  # type: ignore[attr-defined]
    status = Server(source, sink, load_pipeline).run()
    sys.stderr.flush()
    os._exit(status)  # daemon threads may hold the pipes' locks; nothing is left to clean up
