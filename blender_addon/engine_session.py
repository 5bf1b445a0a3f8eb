"""What the add-on knows of the engine: its state, the running job and how far it is. No bpy.

    stopped -> starting -> ready <-> running          failure or shutdown -> stopped

`Session.pump` is called from one timer in Blender's main thread (or from a loop in a script) and never waits.
A job's files are made in a folder of their own beside the results and moved when they are whole, so that a kill at any
moment leaves no half-written result.
"""
from __future__ import annotations

import enum
import hashlib
import json
import os
import shutil
import tempfile
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from .earthcrafter_core.engine import protocol
from .earthcrafter_core.engine.protocol import Message
from .earthcrafter_core.errors import BadInput, EarthCrafterError, WriteError
from .earthcrafter_core.scene.layout import Layout
from .engine_client import EngineClient, EngineError


class State(enum.Enum):
    """States of the engine as an artist sees them."""

    STOPPED = "Stopped"
    STARTING = "Starting"
    READY = "Ready"
    RUNNING = "Generating"


@dataclass
class Job:
    """One generation.

    Attributes:
        layout: what to generate, or None where a kept result is textured again.
        settings: see protocol.SETTINGS.
        results: folder under which the result's folder is made.
        scene: folder of the kept result for a new texture, or None.
    """

    layout: Layout | None
    settings: Message
    results: Path
    scene: Path | None = None
    id: str = field(default_factory=lambda: uuid.uuid4().hex[:12])
    started: float = field(default_factory=time.monotonic)
    stage: str = ""
    step: int = 0
    steps: int = 0
    fraction: float = 0.0
    cancelled: bool = False

    @property
    def seconds(self) -> float:
        """Seconds since the job was asked for."""
        return time.monotonic() - self.started

    @property
    def part(self) -> Path:
        """Folder in which the engine works."""
        return self.results / f".part-{self.id}"

    def name(self, ready: Message) -> str:
        """Name of the result: the layout's hash, the seed, and a hash of settings, weights and version."""
        source = self.layout.hash() if self.layout is not None else self.scene.name if self.scene else ""
        rest = {k: v for k, v in self.settings.items() if k != "seed"}
        made_by = [sorted(rest.items()), ready.get("weights"), ready.get("version"),
                   self.scene.name if self.scene else None]
        digest = hashlib.sha256(json.dumps(made_by).encode()).hexdigest()[:8]
        return f"{source.split('_')[0]}_seed{self.settings.get('seed', 0)}_{digest}"


@dataclass(frozen=True)
class Outcome:
    """How a job ended: with a folder, or with an error."""

    job: Job
    folder: Path | None = None
    error: EarthCrafterError | None = None
    reused: bool = False


class Session:
    """The engine and at most one job.

    Args:
        start: starts an engine and returns its client; raises EarthCrafterError.
    """

    def __init__(self, start: Callable[[], EngineClient]):
        self._start = start
        self._client: EngineClient | None = None
        self.state = State.STOPPED
        self.job: Job | None = None
        self.ready: Message = {}
        self.error: EarthCrafterError | None = None
        self.last: Outcome | None = None

    @property
    def client(self) -> EngineClient | None:
        """The running engine's client, None while stopped."""
        return self._client

    def generate(self, job: Job) -> None:
        """Begin a job, starting the engine where none runs; the outcome comes out of `pump`.

        Raises:
            BadInput: a job is already running.
            WriteError: the results' folder cannot be written.
            EngineError: the engine cannot be started.
        """
        if self.job is not None:
            raise BadInput("A place is already being generated.", "Wait for it, or press Cancel first.")
        _make_folder(job.part)
        self.error = None
        try:
            if self._client is not None and self._client.failure() is not None:
                self._forget()
            if self._client is None:
                self._client = self._start()
                self.state = State.STARTING
        except EarthCrafterError as e:
            shutil.rmtree(job.part, ignore_errors=True)
            self.error = e
            raise
        self.job = job
        if self.state is State.READY:
            self._send_job(job)

    def cancel(self) -> None:
        """Ask the engine to stop the running job; it answers within one sampling step."""
        if self.job is None or self._client is None:
            return
        self.job.cancelled = True
        self._client.send({"type": protocol.CANCEL, "job": self.job.id})

    def pump(self, budget: float = 0.01) -> Outcome | None:
        """Take messages for at most `budget` seconds; the outcome of the job where it has just ended."""
        end = time.monotonic() + budget
        while self._client is not None and time.monotonic() < end:
            message = self._client.receive()
            if message is None:
                failure = self._client.failure()
                message = None if failure is None else self._client.receive()  # what came before it died
                if message is None:
                    return self._fail(failure) if failure is not None else None
            outcome = self._handle(message)
            if outcome is not None:
                return outcome
        return None

    def shutdown(self) -> None:
        """End the engine and drop the running job; safe to call at any time."""
        job, self.job = self.job, None
        self._forget()
        if job is not None:
            shutil.rmtree(job.part, ignore_errors=True)

    def _forget(self, wait: float = 2.0) -> None:
        if self._client is not None:
            self._client.stop(wait)
        self._client, self.state, self.ready = None, State.STOPPED, {}

    def _handle(self, message: Message) -> Outcome | None:
        kind, job = message["type"], self.job
        if kind == protocol.READY:
            self.state, self.ready = State.READY, message
            return self._send_job(job) if job is not None else None
        if kind == protocol.ERROR and message.get("job") is None:
            return self._fail(_error(message))
        if job is None or message.get("job") != job.id:
            return None  # the last words of a job that was given up
        if kind == protocol.PROGRESS:
            job.stage, job.step, job.steps = message["stage"], message["step"], message["steps"]
            job.fraction = message["fraction"]
        elif kind == protocol.ERROR:
            return self._finish(job, error=_error(message))
        elif kind == protocol.DONE:
            return self._keep(job, Path(message["folder"]))
        return None

    def _send_job(self, job: Job) -> Outcome | None:
        """Hand the job to the engine, or give a result that is already there."""
        kept = job.results / job.name(self.ready)
        if job.cancelled:
            return self._finish(job, error=_error({"kind": "cancelled", "message": "Cancelled.",
                                                   "remedy": "Nothing was written."}))
        if (kept / "scene.json").is_file():
            return self._finish(job, folder=kept, reused=True)
        message: Message = {"job": job.id, "out": str(job.part / kept.name), "settings": job.settings}
        try:
            if job.layout is not None:
                job_folder = Path(tempfile.mkdtemp(prefix="earthcrafter-"))
                protocol.write_job(job_folder, job.layout)
                message.update(type=protocol.GENERATE, job_folder=str(job_folder))
            else:
                message.update(type=protocol.RETEXTURE, scene=str(job.scene))
        except EarthCrafterError as e:
            return self._finish(job, error=e)
        except OSError as e:
            return self._finish(job, error=WriteError(f"The job folder could not be made ({e.strerror or e}).",
                                                      "Free some space for temporary files."))
        self.state = State.RUNNING
        if self._client is not None:
            self._client.send(message)
        return None

    def _keep(self, job: Job, made: Path) -> Outcome:
        """Move the finished folder to its place among the results."""
        kept = job.results / made.name
        try:
            if kept.exists():  # without scene.json: not a whole result
                shutil.rmtree(kept)
            os.replace(made, kept)
        except OSError as e:
            return self._finish(job, error=WriteError(f"The result could not be moved to {kept} ({e.strerror or e}).",
                                                      "Choose another results folder."))
        return self._finish(job, folder=kept)

    def _finish(self, job: Job, folder: Path | None = None, error: EarthCrafterError | None = None,
                reused: bool = False) -> Outcome:
        shutil.rmtree(job.part, ignore_errors=True)
        self.job, self.error = None, error
        if self._client is not None:
            self.state = State.READY
        self.last = Outcome(job, folder, error, reused)
        return self.last

    def _fail(self, error: EarthCrafterError) -> Outcome | None:
        """The engine is gone: stopped, with the running job ended by its error."""
        job = self.job
        self._forget(wait=0.5)
        self.error = error
        return self._finish(job, error=error) if job is not None else None


def _error(message: Message) -> EarthCrafterError:
    error = EngineError(str(message.get("message")), str(message.get("remedy")))
    error.kind = str(message.get("kind"))
    return error


def _make_folder(folder: Path) -> None:
    """Make the job's folder and write a byte into it: the folder's rights are tried before the work, not after."""
    try:
        folder.mkdir(parents=True)
        probe = folder / ".probe"
        probe.write_bytes(b"0")
        probe.unlink()
    except OSError as e:
        shutil.rmtree(folder, ignore_errors=True)
        raise WriteError(f"The results folder {folder.parent} cannot be written ({e.strerror or e}).",
                         "Choose another one in the add-on's preferences.") from e
