"""File work away from Blender's main thread: one thread that does it in order, and the callbacks of what is done. No bpy."""
from __future__ import annotations

import queue
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

_TRIES, _PAUSE = 5, 0.2  # Windows: a file that a virus scanner still holds open is free a moment later


class Background:
    """A thread that runs calls one after another; it ends when nothing is left, and comes back with the next call."""

    def __init__(self) -> None:
        self._calls: queue.SimpleQueue[tuple[Callable[[], Any], Callable[[Any], Any] | None]] = queue.SimpleQueue()
        self._done: queue.SimpleQueue[Callable[[], Any]] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._left = 0
        self._thread: threading.Thread | None = None

    def do(self, call: Callable[[], Any], then: Callable[[Any], Any] | None = None) -> None:
        """Run `call` in the thread. `then` gets its value, or the exception that it raised, from `collect`."""
        with self._lock:
            self._left += 1
            self._calls.put((call, then))
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="earthcrafter-files", daemon=True)
                self._thread.start()

    def collect(self) -> Callable[[], Any] | None:
        """A callback whose call is done, for the main thread to run; None where there is none. Never waits."""
        try:
            return self._done.get_nowait()
        except queue.Empty:
            return None

    @property
    def is_busy(self) -> bool:
        """Whether calls or callbacks are left."""
        return self._left > 0 or not self._done.empty()

    def settle(self, seconds: float) -> bool:
        """Wait until no call is left; False where `seconds` were not enough. For Blender's exit, and for tests."""
        end = time.monotonic() + seconds
        while self._left > 0:
            if time.monotonic() > end:
                return False
            time.sleep(0.005)
        return True

    def _run(self) -> None:
        while True:
            call, then = self._calls.get()
            value: Any
            try:
                value = call()
            except Exception as e:
                value = e
            if then is not None:
                self._done.put(lambda then=then, value=value: then(value))  # type: ignore[misc]
            with self._lock:
                self._left -= 1
                if self._left == 0:
                    self._thread = None
                    return


def remove_folder(folder: Path) -> bool:
    """Remove a folder and what it holds; a file in use is tried again for a second. False where something stays."""
    for _ in range(_TRIES):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return True
        time.sleep(_PAUSE)
    return False
