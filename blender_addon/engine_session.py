"""What the add-on knows of the engine: its state, the running job and how far it is. No bpy.

    not installed | stopped -> starting -> ready <-> running        failure, idleness or shutdown -> stopped

`Session.pump` is called from one timer in Blender's main thread (or from a loop in a script). No call waits: processes
are kept by the client's threads, files by one thread of the session. A job's files are made in a folder of their own
beside the results and moved when they are whole, so that a kill at any moment leaves no half-written result.
"""
from __future__ import annotations

import enum
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from . import engine_job
from .background import Background, remove_folder
from .earthcrafter_core.engine import protocol
from .earthcrafter_core.engine.protocol import Message
from .earthcrafter_core.errors import BadInput, Cancelled, EarthCrafterError, WriteError
from .engine_client import EngineClient, EngineError
from .engine_job import Job, Outcome
from .engine_watch import BackOff, Installation

__all__ = ["Job", "Outcome", "Session", "State"]
CANCEL_SECONDS = 20.0
"""A job that goes on so long after Cancel is ended together with its engine."""
START_SECONDS = 300.0
"""An engine that is not ready after so long is ended; a first start on a slow disk with a virus scanner takes minutes."""
_EXIT_SECONDS = 1.0  # at Blender's exit the engine may take so long to end by itself


class State(enum.Enum):
    """States of the engine as an artist sees them."""

    NOT_INSTALLED = "Not installed"
    STOPPED = "Stopped"
    STARTING = "Starting"
    READY = "Ready"
    RUNNING = "Working"


class Session:
    """The engine and at most one job.

    Args:
        start: starts an engine and returns its client; raises EarthCrafterError.
        locate: raises EarthCrafterError where no engine is installed.
        idle_seconds: gives the seconds after which an idle engine ends; 0: never.
    """

    def __init__(self, start: Callable[[], EngineClient], locate: Callable[[], object] = lambda: None,
                 idle_seconds: Callable[[], float] = lambda: 0.0):
        self._start, self._idle_seconds = start, idle_seconds
        self._installation, self._back_off = Installation(locate), BackOff()
        self._files = Background()
        self._client: EngineClient | None = None
        self._ending: list[EngineClient] = []
        self._why = ""
        self._used = self._cancelled_at = 0.0
        self._opened = self._sent = False
        self._swept: set[Path] = set()
        self.job: Job | None = None
        self.ready: Message = {}
        self.error: EarthCrafterError | None = None
        self.last: Outcome | None = None
        self.freed: Message | None = None
        """What the engine said of the memory that `free` gave back: memory_before_mb, memory_mb; None before."""

    @property
    def state(self) -> State:
        """The engine's state now."""
        if self._client is not None:
            return State.STARTING if not self.ready else State.READY if self.job is None else State.RUNNING
        if self.job is not None:
            return State.STARTING
        return State.STOPPED if self.missing() is None else State.NOT_INSTALLED

    @property
    def why(self) -> str:
        """Why the engine is in this state, as words after a colon, or ""."""
        if self._client is None and self.job is not None:
            return f"again in {self._back_off.seconds:.0f} s"
        if self._client is not None:
            return ""
        missing = self.missing()
        if missing is not None:
            return "" if missing.kind == "not_installed" else missing.message
        return self._why

    @property
    def client(self) -> EngineClient | None:
        """The running engine's client, None while stopped."""
        return self._client

    @property
    def memory_mb(self) -> float:
        """Memory in use by the engine in MB; 0 while it is stopped or has not told."""
        return 0.0 if self._client is None else self._client.memory_mb

    @property
    def is_active(self) -> bool:
        """Whether `pump` has anything to watch: an engine, a job, or files."""
        return self._client is not None or self.job is not None or self._files.is_busy

    def missing(self) -> EarthCrafterError | None:
        """Why there is no engine to start, or None."""
        return self._installation.missing()

    def look_again(self) -> None:
        """Forget what was known of the installation: the preferences or the disk have changed."""
        self._installation.forget()

    def start_job(self, job: Job) -> None:
        """Begin a job, starting the engine where none runs; the outcome comes out of `pump`.

        Raises:
            BadInput: a job is already running.
            EngineError: no engine is installed.
        """
        if self.job is not None:
            raise BadInput("The engine is already working.", "Wait for it, or press Cancel first.")
        self.error = None
        try:
            self._installation.require()
        except EarthCrafterError as e:
            self.error = e
            raise
        self.job, self._opened, self._sent, self._cancelled_at = job, False, False, 0.0
        if job.results not in self._swept:
            self._swept.add(job.results)
            self._files.do(lambda: engine_job.sweep(job.results))
        self._files.do(lambda: engine_job.open_part(job), lambda e: self._part_is_open(job, e))
        self._start_due()

    def start_now(self) -> None:
        """Start the engine at once, whatever failed before; does nothing where it runs. Raises EarthCrafterError."""
        self.error = None
        self._back_off.reset()
        self._installation.require()
        self._start_engine()

    def cancel(self) -> None:
        """Stop the running job; a sampling engine answers within one step."""
        job = self.job
        if job is None or job.cancelled:
            return
        job.cancelled, self._cancelled_at = True, time.monotonic()
        if self._sent and self._client is not None:
            self._client.send({"type": protocol.CANCEL, "job": job.id})

    def free(self) -> None:
        """Ask an idle engine to drop its networks and give their memory back."""
        if self._client is not None and self.ready and self.job is None:
            self.freed = None
            self._client.send({"type": protocol.FREE})

    def sweep(self, results: Path) -> None:
        """Remove what a crashed Blender left in a results folder, in the background."""
        self._swept.add(results)
        self._files.do(lambda: engine_job.sweep(results))

    def pump(self, budget: float = 0.01) -> Outcome | None:
        """Take messages for at most `budget` seconds; the outcome of the job where it has just ended."""
        end = time.monotonic() + budget
        while (callback := self._files.collect()) is not None:
            outcome = callback()
            if outcome is not None:
                return outcome
        while self._client is not None and time.monotonic() < end:
            failure = self._client.failure()  # asked first: what the engine said before it died is in the queue then
            message = self._client.receive()
            if message is not None:
                outcome = self._handle(message)
                if outcome is not None:
                    return outcome
            elif failure is not None:
                return self._fail(failure)
            else:
                break
        return self._watch()

    def shutdown(self, wait: bool = False, why: str = "") -> None:
        """End the engine and the running job; safe to call at any time.

        Args:
            wait: return when the process is reaped and its files are gone; for Blender's exit, takes up to a few seconds.
            why: what the state says then.
        """
        self._forget(_EXIT_SECONDS if wait else None)
        self._why = why
        self._back_off.reset()
        if self.job is not None:
            self._finish(self.job, error=Cancelled())
            self.error = None
        if wait:
            self.settle()

    def settle(self, seconds: float = 5.0) -> bool:
        """Wait until ended engines are reaped and files are cleared away; False where `seconds` were not enough."""
        end = time.monotonic() + seconds
        reaped = all(client.wait(max(end - time.monotonic(), 0.0)) for client in self._ending)
        return self._files.settle(max(end - time.monotonic(), 0.0)) and reaped

    def _start_due(self) -> Outcome | None:
        """Start an engine for the waiting job, once its time has come."""
        if self._client is not None or self.job is None or self._back_off.seconds > 0:
            return None
        try:
            self._start_engine()
        except EarthCrafterError as e:
            return self._fail(e)
        return None

    def _start_engine(self) -> None:
        if self._client is None:
            self._client, self._used = self._start(), time.monotonic()

    def _watch(self) -> Outcome | None:
        """What is due by the clock: a start, the end of a job that does not hear Cancel, the end of an idle engine."""
        now, job, idle = time.monotonic(), self.job, self._idle_seconds()
        if job is not None and job.cancelled:
            if not self._sent:
                return self._finish(job, error=Cancelled())
            if now - self._cancelled_at > CANCEL_SECONDS:
                self._forget(0.0)
                self._why = "it did not hear Cancel and was ended"
                return self._finish(job, error=Cancelled())
        if self._client is not None and not self.ready and now - self._used > START_SECONDS:
            return self._fail(EngineError(f"The engine was not ready after {START_SECONDS:.0f} seconds.",
                                          "Start it again; its log may say what it was busy with.", "hung"))
        if job is None and self._client is not None and self.ready and 0 < idle < now - self._used:
            self._forget()
            self._why = "idle, memory given back"
        return self._start_due()

    def _forget(self, grace: float | None = None) -> None:
        """Let go of the engine; its client ends it in the background."""
        if self._client is not None:
            self._client.stop() if grace is None else self._client.stop(grace)
            self._ending = [c for c in self._ending if not c.wait(0)] + [self._client]
        self._client, self.ready, self._sent = None, {}, False

    def _handle(self, message: Message) -> Outcome | None:
        kind, job = message["type"], self.job
        if kind == protocol.READY:
            if message.get("protocol") != protocol.PROTOCOL:
                return self._fail(EngineError("The engine and the add-on are of different releases.",
                                              "Install the engine again.", "protocol"))
            self.ready, self._used, self._why = message, time.monotonic(), ""
            self._prepare()
        elif kind == protocol.FREED:
            self.freed = message
        elif kind == protocol.ERROR and message.get("job") is None:
            return self._fail(_error(message))
        elif job is None or message.get("job") != job.id:
            return None  # the last words of a job that was given up
        elif kind == protocol.PROGRESS:
            job.stage, job.step, job.steps = message["stage"], message["step"], message["steps"]
            job.fraction, job.seconds_left = message["fraction"], message.get("seconds_left")
        elif kind == protocol.PREVIEW:
            job.new_previews.append((str(message["kind"]), Path(message["file"])))
        elif kind == protocol.ERROR:
            return self._finish(job, error=_error(message))
        elif kind == protocol.DONE:
            self._files.do(lambda: engine_job.keep(job, Path(message["folder"])), lambda v: self._kept(job, v))
        return None

    def _part_is_open(self, job: Job, error: Any) -> Outcome | None:
        if job is not self.job:
            return None
        if error is not None:
            return self._finish(job, error=_write_error(error))
        self._opened = True
        self._prepare()
        return None

    def _prepare(self) -> None:
        """Write the job's files, once both its folder and the engine are there."""
        job, ready = self.job, self.ready
        if job is None or not self._opened or not ready or self._sent:
            return

        def write() -> Path | Message:
            kept = job.results / job.name(ready)
            return kept if (kept / job.whole_file).is_file() else job.message(kept.name)

        self._files.do(write, lambda value: self._send(job, value))

    def _send(self, job: Job, prepared: Any) -> Outcome | None:
        """Hand the job to the engine, or give a result that is already there."""
        if job is not self.job or self._client is None or not self.ready:
            return None  # given up meanwhile, or its engine died: it is prepared again for the next one
        if isinstance(prepared, Path):
            return self._finish(job, folder=prepared, reused=True)
        if isinstance(prepared, Exception):
            return self._finish(job, error=_write_error(prepared))
        if not job.cancelled:
            self._client.send(prepared)
            self._sent = True
        return None

    def _kept(self, job: Job, value: Any) -> Outcome | None:
        if job is not self.job:
            return None
        return self._finish(job, folder=value) if isinstance(value, Path) else self._finish(job, error=_write_error(value))

    def _finish(self, job: Job, folder: Path | None = None, error: EarthCrafterError | None = None,
                reused: bool = False) -> Outcome:
        ending = list(self._ending)

        def clear() -> None:
            for client in ending:  # an engine that is being ended may still write into the folder
                client.wait(5.0)
            remove_folder(job.part)

        self._files.do(clear)
        job.new_previews.clear()
        self.job, self.error, self._sent, self._used = None, error, False, time.monotonic()
        if self.ready:  # this engine does its work
            self._back_off.reset()
        self.last = Outcome(job, folder, error, reused, job.seconds)
        return self.last

    def _fail(self, error: EarthCrafterError) -> Outcome | None:
        """The engine is gone: stopped, with the running job ended by its error."""
        self._forget(0.5)
        self._back_off.failed()
        self.look_again()
        self._why = error.message
        if self.job is not None or self.error is None:  # else its last job's error has told why
            self.error = error
        return self._finish(self.job, error=error) if self.job is not None else None


def _error(message: Message) -> EarthCrafterError:
    return EngineError(str(message.get("message")), str(message.get("remedy")), str(message.get("kind")))


def _write_error(error: Exception) -> EarthCrafterError:
    if isinstance(error, EarthCrafterError):
        return error
    return WriteError(f"The job's files could not be written ({error}).", "Free some space, or choose another results folder.")
