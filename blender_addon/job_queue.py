"""The jobs that an artist has asked for, in turn: what waits, what runs, how each ended. No bpy.

The queue lives outside Blender's data, so that undo cannot take a running job's state back. It is written into the .blend
file when that is saved, and read when the file is opened: what had not ended by then is told as interrupted, unless its
result lies on disk.
"""
from __future__ import annotations

import enum
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .earthcrafter_core.errors import EarthCrafterError
from .engine_session import Job, Outcome, Session


class Status(enum.Enum):
    """States of a queued job as an artist reads them."""

    WAITING = "Waiting"
    RUNNING = "Working"
    DONE = "Done"
    FAILED = "Failed"
    CANCELLED = "Cancelled"
    INTERRUPTED = "Interrupted"


OPEN = (Status.WAITING, Status.RUNNING)
STOPPERS = ("not_installed", "start", "import", "protocol", "write")
"""Kinds of errors that the next job would meet as well: the queue pauses instead of failing job after job."""
_KEPT = 50  # ended entries that are remembered


@dataclass
class Target:
    """Where a result is to stand.

    Attributes:
        uid: session_uid of the layout object, 0 for none. layout: its name. scene: name of its scene.
        layout_id: the layout's own lasting id, for the history.
        beside: places to the east of the layout (0: on it), in widths of the layout.
    """

    uid: int = 0
    layout: str = ""
    scene: str = ""
    layout_id: str = ""
    beside: int = 0


@dataclass
class Entry:
    """One job of the queue.

    Attributes:
        label: what an artist reads, e.g. "Layout, seed 7".
        job: the job with the layout as it was when it was asked for; None where it was read from a file.
        target: where the result is to stand.
        status, message: how it is, and why. folder: of the result. seconds: that it took.
    """

    label: str
    job: Job | None
    target: Target
    status: Status = Status.WAITING
    message: str = ""
    folder: Path | None = None
    seconds: float = 0.0
    asked: dict[str, Any] = field(default_factory=dict)


class JobQueue:
    """Jobs in turn on one session.

    Args:
        session: does the work.
    """

    def __init__(self, session: Session):
        self.session = session
        self.entries: list[Entry] = []
        self.paused = False

    @property
    def running(self) -> Entry | None:
        """The entry whose job the session works on."""
        return next((e for e in self.entries if e.job is not None and e.job is self.session.job), None)

    @property
    def waiting(self) -> list[Entry]:
        """Entries that have not begun, in their order."""
        return [e for e in self.entries if e.status is Status.WAITING]

    def add(self, entry: Entry) -> None:
        """Put an entry at the end; it starts at once where the session is idle.

        Raises:
            EarthCrafterError: it was to start at once and could not; it is not in the queue then.
        """
        self.paused = False if not self.waiting else self.paused
        self.entries.append(entry)
        if self.session.job is None and self.waiting[0] is entry:
            try:
                self._start(entry)
            except EarthCrafterError:
                self.entries.remove(entry)
                raise

    def advance(self) -> None:
        """Start the next waiting entry where the session is idle and the queue not paused."""
        while self.session.job is None and not self.paused and self.waiting:
            entry = self.waiting[0]
            try:
                self._start(entry)
            except EarthCrafterError as e:
                self._end(entry, e)

    def settle(self, outcome: Outcome) -> Entry | None:
        """Note how the running entry's job ended; that entry."""
        entry = next((e for e in self.entries if e.job is outcome.job), None)
        if entry is None:
            return None
        entry.seconds = outcome.seconds
        if outcome.error is not None:
            self._end(entry, outcome.error)
        else:
            entry.status, entry.folder = Status.DONE, outcome.folder
            entry.message = "Taken from the results kept before" if outcome.reused else ""
        self._forget_old()
        return entry

    def cancel(self, entry: Entry) -> None:
        """Take a waiting entry back, or stop the running one."""
        if entry.status is Status.WAITING:
            entry.status = Status.CANCELLED
        elif entry is self.running:
            self.session.cancel()

    def cancel_all(self) -> None:
        """Take every waiting entry back and stop the running one."""
        for entry in [*self.waiting, *([self.running] if self.running else [])]:
            self.cancel(entry)

    def resume(self) -> None:
        """Go on after a pause."""
        self.paused = False
        self.advance()

    def clear(self) -> None:
        """Forget the entries that have ended; interrupted ones stay, for they can be asked for again."""
        self.entries = [e for e in self.entries if e.status in (*OPEN, Status.INTERRUPTED)]

    def _start(self, entry: Entry) -> None:
        assert entry.job is not None
        entry.job.started = time.monotonic()  # the time in the queue is not the job's
        self.session.start_job(entry.job)
        entry.status, entry.message = Status.RUNNING, ""

    def _end(self, entry: Entry, error: EarthCrafterError) -> None:
        entry.status = Status.CANCELLED if error.kind == "cancelled" else Status.FAILED
        entry.message = f"{error.message} {error.remedy}" if entry.status is Status.FAILED else ""
        if error.kind in STOPPERS and self.waiting:
            self.paused = True

    def _forget_old(self) -> None:
        ended = [e for e in self.entries if e.status not in OPEN]
        for entry in ended[:max(len(ended) - _KEPT, 0)]:
            self.entries.remove(entry)

    # ------------------------------------------------------------------------------------------- in the .blend file

    def dump(self) -> list[dict[str, Any]]:
        """The entries for the .blend file (JSON)."""
        return [{"label": e.label, "layout": e.target.layout, "layout_id": e.target.layout_id, "scene": e.target.scene,
                 "beside": e.target.beside, "status": e.status.name, "message": e.message,
                 "folder": str(e.folder or ""), "seconds": round(e.seconds, 1), "asked": e.asked} for e in self.entries]

    def load(self, dumped: list[dict[str, Any]], find: Callable[[dict[str, Any]], Path | None]) -> None:
        """Take the entries of a .blend file in place of the present ones; damaged ones are left out.

        Args:
            dumped: what `dump` gave.
            find: gives the folder of a result on disk by what was asked for, or None.
        """
        self.entries, self.paused = [], False
        for item in dumped:
            try:
                target = Target(0, str(item["layout"]), str(item["scene"]), str(item["layout_id"]), int(item["beside"]))
                entry = Entry(str(item["label"]), None, target, Status[item["status"]], str(item["message"]),
                              Path(item["folder"]) if item["folder"] else None, float(item["seconds"]), dict(item["asked"]))
            except (KeyError, TypeError, ValueError):
                continue
            if entry.status in OPEN:
                entry.folder = find(entry.asked)
                if entry.folder is not None:
                    entry.status, entry.message = Status.DONE, "Ended after the file was saved: see the history"
                else:
                    entry.status, entry.message = Status.INTERRUPTED, "Blender or the file was closed before it ended"
            self.entries.append(entry)
