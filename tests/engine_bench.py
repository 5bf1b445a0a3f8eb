"""What the tests of the engine's session share: sessions whose calls are timed, engines that misbehave, and what is left."""
from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import numpy as np

import bare

client_module, session_module = bare.part("engine_client"), bare.part("engine_session")
protocol, errors = bare.part("earthcrafter_core.engine.protocol"), bare.part("earthcrafter_core.errors")
Layout = bare.part("earthcrafter_core.scene.layout").Layout
Job, Session, State = session_module.Job, session_module.Session, session_module.State
FAKE = Path(__file__).with_name("fake_engine.py")
READY = f"""
import sys, time; sys.path.insert(0, {str(bare.ROOT)!r})
from earthcrafter_core.engine import protocol
def say(**message): protocol.write_message(sys.stdout.buffer, message)
ready = dict(type="ready", protocol=protocol.PROTOCOL, version="0", weights="none", torch="none", devices=["cpu"])
"""
"""Begin of an engine's code: `say(**ready)` makes the client take it for one."""


def start(tmp_path, *arguments, code=None):
    """A client with the fake engine, or with other code in its place."""
    command = [sys.executable, "-c", code] if code is not None else [sys.executable, str(FAKE), *arguments]
    env = client_module.engine_environment(bare.ROOT, tmp_path / "cache")
    return client_module.EngineClient(command, tmp_path, env, tmp_path / "log" / "engine.log")


class Timed:
    """A session that notes how long the longest call of each name took, in seconds."""

    def __init__(self, session):
        self.session, self.longest = session, {}

    def __getattr__(self, name):
        began = time.perf_counter()
        value = getattr(self.session, name)
        self._note(name, began)
        if not callable(value):
            return value

        def call(*args, **kwargs):
            began = time.perf_counter()
            try:
                return value(*args, **kwargs)
            finally:
                if name != "settle" and not kwargs.get("wait"):  # these two are there to wait
                    self._note(name, began)

        return call

    def _note(self, name, began):
        self.longest[name] = max(self.longest.get(name, 0.0), time.perf_counter() - began)


def job(results, seed=1, **more):
    ids = np.random.default_rng(0).integers(0, 26, (8, 8)).astype(np.uint8)
    return Job(Layout(ids), {"seed": seed, "steps": 25}, results, **more)


def finish(session, wanted, seconds=60, each=lambda: None):
    """Pump until the job has ended."""
    end = time.monotonic() + seconds
    while session.job is wanted and time.monotonic() < end:
        session.pump()
        each()
        time.sleep(0.005)
    assert session.last is not None and session.last.job is wanted, "the job did not end"
    return session.last


def pump_until(session, condition, seconds=30):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come to that"
        session.pump()
        time.sleep(0.005)


def left(folder: Path) -> set[str]:
    return {p.name for p in folder.iterdir()} if folder.exists() else set()


def is_there(pid: int) -> bool:
    """Whether a process or its zombie is there."""
    try:
        os.kill(pid, 0)
        return True
    except ProcessLookupError:
        return False


def zombies() -> list[str]:
    """Children of this process that ended and were not reaped (Linux)."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            name, rest = status.read_text().rsplit(")", 1)
        except OSError:
            continue
        state, parent = rest.split()[:2]
        if state == "Z" and int(parent) == os.getpid():
            found.append(name)
    return found
