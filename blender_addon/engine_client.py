"""The add-on's end of the pipe: starts the engine process, writes messages, and collects what it answers.

No bpy and no threads that touch it: a reader thread fills a queue, the caller drains it.
"""
from __future__ import annotations

import os
import queue
import subprocess
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from .earthcrafter_core.engine import protocol
from .earthcrafter_core.engine.protocol import Message
from .earthcrafter_core.errors import EarthCrafterError

SILENCE_SECONDS = 120.0
"""An engine that sends nothing, not even a heartbeat, for so long is taken for hung and ended."""


class EngineError(EarthCrafterError):
    """The engine could not be started, stopped by itself, or no longer answers."""

    kind = "engine"


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
    """One engine process.

    Args:
        command: program and arguments, e.g. [python, "-m", "earthcrafter_core.engine"].
        cwd: folder that it runs in.
        env: its whole environment.
        log: file for its stderr; made anew.

    Raises:
        EngineError: the program or the log's folder cannot be used.
    """

    def __init__(self, command: Sequence[str], cwd: Path, env: dict[str, str], log: Path):
        self.log = log
        self._messages: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self._heard = time.monotonic()
        flags = getattr(subprocess, "CREATE_NO_WINDOW", 0)  # on Windows: no console window
        try:
            log.parent.mkdir(parents=True, exist_ok=True)
            with open(log, "wb") as stderr:
                self._process = subprocess.Popen(list(command), cwd=cwd, env=env, stdin=subprocess.PIPE,
                                                 stdout=subprocess.PIPE, stderr=stderr, creationflags=flags)
        except OSError as e:
            raise EngineError(f"The engine could not be started with {command[0]} ({e.strerror or e}).",
                              "Choose another Python in the add-on's preferences.") from e
        self._reader = threading.Thread(target=self._read, name="earthcrafter-engine", daemon=True)
        self._reader.start()
        self.send({"type": protocol.HELLO, "protocol": protocol.PROTOCOL})

    @property
    def pid(self) -> int:
        """Process id of the engine."""
        return self._process.pid

    def _read(self) -> None:
        """Reader thread: frames into the queue until the pipe ends."""
        stdout = self._process.stdout
        assert stdout is not None
        try:
            while (message := protocol.read_message(stdout)) is not None:
                self._heard = time.monotonic()
                if message["type"] != protocol.HEARTBEAT:
                    self._messages.put(message)
        except (EarthCrafterError, OSError, ValueError) as e:
            if isinstance(e, EarthCrafterError):
                self._messages.put({"type": protocol.ERROR, "job": None, "kind": e.kind, "message": e.message,
                                    "remedy": e.remedy})
        finally:
            stdout.close()

    def send(self, message: Message) -> bool:
        """Write one message; False where the engine is gone (`failure` then says why)."""
        stdin = self._process.stdin
        assert stdin is not None
        try:
            protocol.write_message(stdin, message)
        except (OSError, ValueError):  # ValueError: the pipe was closed by `stop`
            return False
        return True

    def receive(self) -> Message | None:
        """The next message that has come, or None; never waits."""
        try:
            return self._messages.get_nowait()
        except queue.Empty:
            return None

    def failure(self) -> EngineError | None:
        """Why the engine no longer serves, or None while it lives. Its last messages are then in the queue."""
        status = self._process.poll()
        if status is not None:
            self._reader.join(1.0)
            how = f"signal {-status}" if status < 0 else f"exit status {status}"
            remedy = f"Press Generate to start a new one; {self.log} has the details."
            if status == -9:
                remedy = "Press Generate to start a new one, with a smaller layout if memory was short."
            return EngineError(f"The engine stopped by itself ({how}).", remedy)
        if time.monotonic() - self._heard > SILENCE_SECONDS:
            return EngineError(f"The engine has not answered for {SILENCE_SECONDS:.0f} seconds.",
                               "Press Generate to start a new one.")
        return None

    def stop(self, wait: float = 2.0) -> None:
        """End the engine: close its stdin, wait for it, kill it if it stays; it is reaped in any case."""
        process = self._process
        try:
            if process.stdin is not None:
                process.stdin.close()
        except OSError:
            pass
        try:
            process.wait(wait)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
