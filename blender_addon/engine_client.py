"""The add-on's end of the pipe: starts the engine process, writes messages, and collects what it answers.

No bpy. No call here waits: a keeper thread starts the process, waits for its end and reaps it; a writer and a reader
thread serve the pipes, of which a stuck engine may block either. The caller fills one queue and drains the other.
"""
from __future__ import annotations

import os
import queue
import subprocess
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from . import processes
from .earthcrafter_core.engine import protocol
from .earthcrafter_core.engine.protocol import Message
from .earthcrafter_core.errors import EarthCrafterError

SILENCE_SECONDS = 120.0
"""An engine that sends nothing, not even a heartbeat, for so long is taken for hung and ended."""
GRACE_SECONDS = 2.0
"""How long an engine that is told to end may take before it is killed."""
_GAP_SECONDS = 10.0  # nobody looked for so long: this machine slept, or Blender was busy; silence is counted anew


class EngineError(EarthCrafterError):
    """The engine is not installed, could not be started, stopped by itself, or no longer answers.

    kind is "not_installed", "start", "killed" (a signal ended it), "engine" (it ended by itself) or "hung".
    """

    kind = "engine"

    def __init__(self, message: str, remedy: str, kind: str = "engine"):
        super().__init__(message, remedy)
        self.kind = kind


def engine_environment(root: Path, cache: Path) -> dict[str, str]:
    """The environment of the engine process: Blender's own, without its Python's settings.

    Args:
        root: folder that holds the package earthcrafter_core.
        cache: folder for compiled code; the extension's own folder stays as it was installed.
    """
    env = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    env.update(PYTHONPATH=str(root), PYTHONUTF8="1", PYTHONUNBUFFERED="1",
               PYTHONPYCACHEPREFIX=str(cache / "python"), NUMBA_CACHE_DIR=str(cache / "numba"))
    env.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # torch's threads wait without spinning: Blender needs the cores too
    return env


class EngineClient:
    """One engine process. It starts in the background; an error of starting comes out of `failure`.

    Args:
        command: program and arguments, e.g. [python, "-m", "earthcrafter_core.engine"].
        cwd: folder that it runs in.
        env: its whole environment.
        log: file for its stderr; made anew, and the one before is kept as `<name>.1`.
    """

    def __init__(self, command: Sequence[str], cwd: Path, env: dict[str, str], log: Path):
        self.log = log
        self.memory_mb = 0.0
        """Resident memory of the engine in MB, as its last heartbeat told; 0 before the first."""
        self._command, self._cwd, self._env = list(command), cwd, env
        self._process: subprocess.Popen[bytes] | None = None
        self._incoming: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self._outgoing: queue.SimpleQueue[Message | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._stopping = False
        self._failure: EngineError | None = None
        self._heard = self._looked = time.monotonic()
        self.send({"type": protocol.HELLO, "protocol": protocol.PROTOCOL})
        threading.Thread(target=self._keep, name="earthcrafter-engine", daemon=True).start()

    @property
    def pid(self) -> int | None:
        """Process id of the engine, None until it is started."""
        return None if self._process is None else self._process.pid

    def send(self, message: Message) -> None:
        """Put one message on its way; where the engine is gone, `failure` says so."""
        self._outgoing.put(message)

    def receive(self) -> Message | None:
        """The next message that has come, or None."""
        try:
            return self._incoming.get_nowait()
        except queue.Empty:
            return None

    def failure(self) -> EngineError | None:
        """Why the engine no longer serves, or None while it lives. Its last messages are then in the queue."""
        if self._ended.is_set():
            return self._failure
        now = time.monotonic()
        if now - self._looked > _GAP_SECONDS:
            self._heard = now
        self._looked = now
        if now - self._heard > SILENCE_SECONDS:
            return EngineError(f"The engine has not answered for {SILENCE_SECONDS:.0f} seconds.",
                               "Start it again; its log may say what it was busy with.", "hung")
        return None

    def stop(self, grace: float = GRACE_SECONDS) -> None:
        """Tell the engine to end; it is killed where it stays longer than `grace` seconds, and reaped in any case."""
        with self._lock:
            if self._stopping:
                return
            self._stopping = True
        self._outgoing.put(None)
        killer = threading.Thread(target=self._kill_after, args=(grace,), name="earthcrafter-engine-end", daemon=True)
        killer.start()

    def wait(self, seconds: float) -> bool:
        """Wait for the process's end; False where it still runs. For Blender's exit and for threads."""
        return self._ended.wait(seconds)

    def _kill_after(self, grace: float) -> None:
        if not self._ended.wait(grace) and self._process is not None:
            processes.end_tree(self._process)

    def _keep(self) -> None:
        """Keeper thread: start the process, serve its pipes until it ends, reap it."""
        try:
            process = self._spawn()
        except OSError as e:
            self._failure = EngineError(f"The engine could not be started with {self._command[0]} ({e.strerror or e}).",
                                        "Install the engine again, or choose another Python in the add-on's preferences.",
                                        "start")
            self._ended.set()
            return
        self._heard = time.monotonic()
        reader = threading.Thread(target=self._read, args=(process,), name="earthcrafter-engine-reader", daemon=True)
        writer = threading.Thread(target=self._write, args=(process,), name="earthcrafter-engine-writer", daemon=True)
        reader.start()
        writer.start()
        with self._lock:
            self._process = process
            is_unwanted = self._stopping
        if is_unwanted:  # told to end before it was there
            processes.end_tree(process)
        status = process.wait()
        self._outgoing.put(None)
        reader.join(1.0)  # what it said last; a child of the engine that holds the pipe open is not waited for
        self._failure = _ended_by_itself(status)
        self._ended.set()

    def _spawn(self) -> subprocess.Popen[bytes]:
        self.log.parent.mkdir(parents=True, exist_ok=True)
        if self.log.exists():
            try:
                os.replace(self.log, self.log.with_name(self.log.name + ".1"))
            except OSError:
                pass  # Windows: an engine that is just ending, or an editor, holds it open
        with open(self.log, "wb") as stderr:
            return subprocess.Popen(self._command, cwd=self._cwd, env=self._env, stdin=subprocess.PIPE,
                                    stdout=subprocess.PIPE, stderr=stderr, **processes.start_options())

    def _read(self, process: subprocess.Popen[bytes]) -> None:
        """Reader thread: frames into the queue until the pipe ends."""
        stdout = process.stdout
        assert stdout is not None
        try:
            while (message := protocol.read_message(stdout)) is not None:
                self._heard = time.monotonic()
                if message["type"] == protocol.HEARTBEAT:
                    self.memory_mb = float(message.get("memory_mb") or 0.0)
                else:
                    self._incoming.put(message)
        except EarthCrafterError as e:
            self._incoming.put({"type": protocol.ERROR, "job": None, "kind": e.kind, "message": e.message,
                                "remedy": e.remedy})
        except (OSError, ValueError):
            pass
        finally:
            stdout.close()

    def _write(self, process: subprocess.Popen[bytes]) -> None:
        """Writer thread: messages into the pipe; closes it at the end, which tells the engine to end as well."""
        stdin = process.stdin
        assert stdin is not None
        try:
            while (message := self._outgoing.get()) is not None:
                protocol.write_message(stdin, message)
        except (OSError, ValueError):
            pass  # the engine is gone; the keeper knows
        finally:
            try:
                stdin.close()
            except OSError:
                pass


def _ended_by_itself(status: int) -> EngineError:
    """What an exit status of the engine means. Negative: the number of the signal that ended it (not on Windows)."""
    if status < 0:
        why = "; the system does so when memory is short" if status == -9 else ""
        return EngineError(f"The engine was ended from outside (signal {-status}{why}).",
                           "Start it again, with a smaller layout if memory was short.", "killed")
    return EngineError(f"The engine stopped by itself (exit status {status}).", "Start it again; its log has the details.")
