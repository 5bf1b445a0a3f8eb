"""The engine's server over real pipes, with a stand-in for the networks: every message, and every fault."""
from __future__ import annotations

import queue
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

import fake_engine
from earthcrafter_core.engine import faults, protocol
from earthcrafter_core.scene.layout import Layout

FAKE = Path(__file__).with_name("fake_engine.py")


class Client:
    """The plainest client: sends messages, collects the answers."""

    def __init__(self, *arguments: str):
        self.process = subprocess.Popen([sys.executable, str(FAKE), *arguments], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.heard: list[protocol.Message] = []
        self._queue: queue.Queue = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        while (message := protocol.read_message(self.process.stdout)) is not None:
            self._queue.put(message)
        self._queue.put(None)

    def send(self, kind: str, **fields) -> None:
        protocol.write_message(self.process.stdin, {"type": kind, **fields})

    def wait(self, *kinds: str, seconds: float = 60) -> protocol.Message:
        """The next message of one of the kinds; what came before it is in `heard`."""
        end = time.monotonic() + seconds
        while (message := self._queue.get(timeout=max(end - time.monotonic(), 0.01))) is not None:
            self.heard.append(message)
            if message["type"] in kinds:
                return message
        raise AssertionError(f"the engine ended without a message of {kinds}: {self.heard[-3:]}")


@pytest.fixture
def client():
    made = Client()
    yield made
    made.process.kill()
    made.process.wait()


def job(tmp_path: Path, client: Client, seed: int = 1, **fields) -> protocol.Message:
    """Generate an 8 x 8 layout; how it ended."""
    folder = tmp_path / f"job {seed}"
    protocol.write_job(folder, Layout(np.full((8, 8), 10, np.uint8)))
    client.send(protocol.GENERATE, job=f"j{seed}", job_folder=str(folder), out=str(tmp_path / f"out{seed}"),
                settings={"seed": seed}, **fields)
    said = client.wait(protocol.DONE, protocol.ERROR)
    assert said["job"] == f"j{seed}" and not folder.exists()
    return said


def test_ready_says_what_the_machine_has(client):
    ready = client.wait(protocol.READY)
    assert ready["protocol"] == protocol.PROTOCOL == 2
    assert 0 < ready["memory_free"] <= ready["memory_total"] and ready["cores"] >= 1
    assert ready["devices"][0] == "cpu" and set(ready["device_info"]) == set(ready["devices"])
    assert ready["device_info"]["cpu"]["name"] and ready["device_info"]["cpu"]["total"] == ready["memory_total"]


def test_heartbeats_tell_the_memory(client):
    beat = client.wait(protocol.HEARTBEAT)
    assert beat["busy"] is False and beat["memory_mb"] > 10


def test_progress_tells_the_seconds_left_and_previews_come(client, tmp_path):
    assert job(tmp_path, client, previews=True, layout_source="hand")["type"] == protocol.DONE
    assert all(m["seconds_left"] is not None for m in client.heard if m.get("stage") == "texture")
    previews = [m for m in client.heard if m["type"] == protocol.PREVIEW]
    assert [m["kind"] for m in previews] == list(protocol.PREVIEW_KINDS)
    for m in previews:
        file = Path(m["file"])
        assert file.parent == tmp_path and len(protocol.read_preview(file).triangles) == 2
        file.unlink()
    client.heard.clear()
    job(tmp_path, client, seed=2)
    assert not [m for m in client.heard if m["type"] == protocol.PREVIEW], "previews only where they are asked for"


def test_a_rectangle_of_a_kept_result(client, tmp_path):
    job(tmp_path, client)
    assert job(tmp_path, client, seed=2, base=str(tmp_path / "out1"), region=[0, 0, 4, 4])["type"] == protocol.DONE
    assert fake_engine.files.read_scene(tmp_path / "out2")["region"] == [0, 0, 4, 4]
    wrong = job(tmp_path, client, seed=3, base=str(tmp_path / "out1"), region=[0, 0])
    assert wrong["type"] == protocol.ERROR and wrong["kind"] == "bad_input"


def test_terrain_becomes_elevation(client, tmp_path):
    corners = np.array([[0, 0, 1], [8, 0, 1], [8, 8, 9], [0, 8, 9]], np.float32)
    layout, folder = Layout(np.full((8, 8), 10, np.uint8)), tmp_path / "job"
    protocol.write_job(folder, layout, protocol.Terrain("mesh", corners, np.array([[0, 1, 2], [0, 2, 3]])))
    client.send(protocol.GENERATE, job="t", job_folder=str(folder), out=str(tmp_path / "out"), settings={})
    assert client.wait(protocol.DONE, protocol.ERROR)["type"] == protocol.DONE
    slope = np.repeat(8.5 - np.arange(8, dtype=np.float32)[:, None], 8, 1)
    expected = Layout(layout.class_id, elevation=slope)
    assert fake_engine.files.read_scene(tmp_path / "out")["layout_hash"] == expected.hash()


def test_a_layout_job(client, tmp_path):
    client.send(protocol.LAYOUT, job="l", source="preset", options={"width": 16, "name": "Straße"}, out=str(tmp_path / "made"))
    assert client.wait(protocol.DONE, protocol.ERROR)["folder"] == str(tmp_path / "made")
    made = protocol.read_made_layout(tmp_path / "made")
    assert made.layout.shape == (32, 16) and len(made.report) == 1 and "Straße" in made.source
    client.send(protocol.LAYOUT, job="m", source="bad", options={}, out=str(tmp_path / "other"))
    assert client.wait(protocol.DONE, protocol.ERROR)["kind"] == "bad_input"


def test_free_is_answered_and_the_next_job_runs(client, tmp_path):
    job(tmp_path, client)
    client.send(protocol.FREE)
    assert client.wait(protocol.FREED)["memory_mb"] > 10
    assert job(tmp_path, client, seed=2)["type"] == protocol.DONE


@pytest.mark.parametrize("seed, kind", [(fake_engine.NO_MEMORY, "out_of_memory"), (fake_engine.FULL, "write"),
                                        (fake_engine.BAD, "out_of_memory"), (fake_engine.BUG, "internal")])
def test_faults_are_told_and_the_engine_goes_on(client, tmp_path, seed, kind):
    said = job(tmp_path, client, seed=seed)
    assert (said["kind"], said["type"]) == (kind, protocol.ERROR) and said["remedy"].endswith(".")
    assert job(tmp_path, client)["type"] == protocol.DONE


def test_a_broken_graphics_card_ends_the_engine(client, tmp_path):
    said = job(tmp_path, client, seed=fake_engine.DEVICE)
    assert said["kind"] == "device" and "illegal memory access" in said["message"]
    assert client.process.wait(10) == 1


def test_a_torch_that_cannot_be_imported():
    client = Client("--no-import")
    said = client.wait(protocol.ERROR)
    assert said["job"] is None and said["kind"] == "import" and "torch_that_is_not_there" in said["message"]
    assert client.process.wait(10) == 1


def test_an_engine_that_ends_when_its_client_is_gone(client, tmp_path):
    client.wait(protocol.READY)
    client.process.stdin.close()
    assert client.process.wait(10) == 0


def test_errors_at_the_start_are_the_python_s():
    for e in (OSError("[WinError 126] The module could not be found"), RuntimeError("module compiled for NumPy 1"),
              AttributeError("x")):
        said = faults.describe_start(e)
        assert said["kind"] == "import" and "cannot load" in said["message"]
    assert faults.describe_start(MemoryError())["kind"] == "out_of_memory"


def test_a_library_s_long_message_is_cut():
    said = faults.describe(RuntimeError("x" * 500 + "\nstack trace"))
    assert len(said["message"]) < 250 and "stack" not in said["message"]
