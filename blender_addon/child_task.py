"""A task that runs child processes in a thread and reads what they print; Blender's main thread only looks at it. No bpy."""
from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from . import processes
from .earthcrafter_core.errors import Cancelled, EarthCrafterError
from .engine_client import EngineError


class ChildTask:
    """Base of tasks; a subclass does its work in `work`, by `call`.

    Attributes:
        text: what is being done, for a person.
        fraction: how far it is, 0 to 1.
        is_done: whether the thread has come to its end; then `error` is what went wrong, or None.
    """

    def __init__(self, log: Path):
        self.text, self.fraction, self.is_done = "Starting", 0.0, False
        self.error: EarthCrafterError | None = None
        self._log = log
        self._cancelled = threading.Event()
        self._process: subprocess.Popen[str] | None = None
        self._thread = threading.Thread(target=self._run, name="earthcrafter-task", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def cancel(self) -> None:
        """End the running child and the task; `is_done` says when. Does not wait."""
        self._cancelled.set()
        threading.Thread(target=self._end_child, name="earthcrafter-task-end", daemon=True).start()

    def join(self, seconds: float) -> bool:
        """Wait for the end; for Blender's exit and for tests. False where it still runs."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def work(self) -> None:
        """What the task does. Raises EarthCrafterError."""
        raise NotImplementedError

    def clean_up(self) -> None:
        """Called after a failure or Cancel, in the thread."""

    def call(self, command: Sequence[str | Path], env: dict[str, str], cwd: Path, on_line: Callable[[str], None]) -> int:
        """Run a command to its end and hand over each line it prints; its exit status.

        Raises:
            Cancelled: the person asked to stop.
            EngineError: the program cannot be started.
        """
        if self._cancelled.is_set():
            raise Cancelled()
        words = [str(c) for c in command]
        with open(self._log, "a", encoding="utf-8") as log:
            log.write(f"> {subprocess.list2cmdline(words)}\n")
            try:
                process = subprocess.Popen(words, env=env, cwd=cwd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                           stderr=subprocess.STDOUT, encoding="utf-8", errors="replace",
                                           **processes.start_options())
            except OSError as e:
                raise EngineError(f"{words[0]} could not be started ({e.strerror or e}).", "Choose another Python.",
                                  "python") from e
            self._process = process
            try:
                if self._cancelled.is_set():
                    processes.end_tree(process)
                assert process.stdout is not None
                with process.stdout as lines:
                    for line in lines:
                        log.write(line)
                        on_line(line)
                status = process.wait()
            finally:  # whatever happened here, no child stays
                processes.end_tree(process)
                process.wait()
        self._process = None
        if self._cancelled.is_set():
            raise Cancelled()
        return status

    def _end_child(self) -> None:
        process = self._process
        if process is not None:
            processes.end_tree(process)

    def _run(self) -> None:
        try:
            self._log.parent.mkdir(parents=True, exist_ok=True)
            self._log.write_text("", encoding="utf-8")
            self.work()
        except EarthCrafterError as e:
            self.error = e
        except Exception as e:
            self.error = EngineError(f"The task failed ({type(e).__name__}: {e}).", f"{self._log} has the details.", "internal")
        if self.error is not None:
            self.text = "Clearing away"
            self.clean_up()
        self.is_done = True
