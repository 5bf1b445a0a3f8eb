"""Whatever goes wrong with the engine: one sentence, a button that mends it, and the next Generate works.

With each fault: no call of the session takes longer than 50 ms, no zombie stays, no half-written file stays.
"""
from __future__ import annotations

import shutil
import sys
import time
from pathlib import Path

import pytest

import addon  # before bpy
import bare
import fake_engine
from engine_bench import (READY, Job, Session, State, Timed, client_module, finish, is_there, job, left, pump_until,
                          session_module, start, zombies)

bpy = pytest.importorskip("bpy")
home_module, watch_module = bare.part("engine_home"), bare.part("engine_watch")
LONGEST_SECONDS = 0.05
STUCK = READY + "say(**ready); time.sleep(600)"
"""Says that it is ready and never reads its stdin."""
HEARS_NOTHING = READY + """
def beat():
    while True: say(type="heartbeat", busy=True); time.sleep(0.1)
import threading; threading.Thread(target=beat, daemon=True).start()
"""


class Bench:
    """A session whose next engine can be chosen, and its results folder."""

    def __init__(self, folder: Path):
        self.folder, self.results = folder, folder / "results"
        self.arguments, self.code, self.clients = [], None, []
        self.session = Timed(Session(self._start))

    def _start(self):
        self.clients.append(start(self.folder, *self.arguments, code=self.code))
        return self.clients[-1]

    def run(self, wanted, **more):
        self.session.start_job(wanted)
        return finish(self.session, wanted, **more)

    def check(self):
        """The next Generate works; nothing is left; no call took long."""
        self.arguments, self.code = [], None
        self.session.start_now()
        outcome = self.run(job(self.results, seed=77))
        assert outcome.error is None and (outcome.folder / "scene.json").is_file()
        assert self.session.state is State.READY and self.session.error is None
        self.session.shutdown(wait=True)
        assert left(self.results) == {outcome.folder.name}, "files are left"
        assert not zombies() and not [c for c in self.clients if c.pid is not None and is_there(c.pid)]
        longest = max(self.session.longest.items(), key=lambda item: item[1])
        print(f"longest call {longest[0]} {1000 * longest[1]:.1f} ms, zombies 0, files left 0")
        return longest


def measured(tmp_path, fault):
    """Run a fault and the check after it; a machine that was busy elsewhere gets two more chances at the time."""
    for attempt in range(3):
        folder = tmp_path / str(attempt)
        folder.mkdir()
        bench = Bench(folder)
        try:
            fault(bench)
            longest = bench.check()
        finally:
            bench.session.shutdown(wait=True)
        if longest[1] < LONGEST_SECONDS:
            return
    raise AssertionError(f"{longest[0]} took {1000 * longest[1]:.0f} ms")


@pytest.mark.parametrize(("seed", "kind", "words", "stays"), [
    (fake_engine.KILL, "killed", "signal 9", False), (fake_engine.NO_MEMORY, "out_of_memory", "memory", True),
    (fake_engine.BAD, "out_of_memory", "memory", True), (fake_engine.FULL, "write", "disk is full", True),
    (fake_engine.DEVICE, "device", "graphics card", False), (fake_engine.BUG, "internal", "IndexError", True)])
def test_faults_in_a_job(tmp_path, seed, kind, words, stays):
    def fault(bench):
        outcome = bench.run(job(bench.results, seed))
        assert outcome.error.kind == kind and words in outcome.error.message and outcome.error.remedy
        if not stays:
            pump_until(bench.session, lambda: bench.session.state is State.STOPPED)
            assert bench.session.error.kind == kind  # not overwritten by the process's end
        assert bench.session.state is (State.READY if stays else State.STOPPED)

    measured(tmp_path, fault)


@pytest.mark.parametrize(("arguments", "code", "kind"), [
    (["--no-import"], None, "import"), (["--dies"], None, "engine"), ([], "raise SystemExit(3)", "engine"),
    ([], "print('no frames, just text')", "protocol"), ([], READY + "say(**(ready | dict(protocol=99)))", "protocol")])
def test_an_engine_that_does_not_start(tmp_path, arguments, code, kind):
    def fault(bench):
        bench.arguments, bench.code = arguments, code
        outcome = bench.run(job(bench.results))
        assert outcome.error.kind == kind and outcome.error.remedy
        assert bench.session.state is State.STOPPED and bench.session.why == outcome.error.message

    measured(tmp_path, fault)


def test_a_python_that_cannot_be_started(tmp_path):
    def fault(bench):
        bench.session.session._start = lambda: client_module.EngineClient([str(tmp_path / "no python")], tmp_path, {},
                                                                          tmp_path / "log" / "engine.log")
        outcome = bench.run(job(bench.results))
        assert outcome.error.kind == "start" and "no python" in outcome.error.message
        bench.session.session._start = bench._start

    measured(tmp_path, fault)


@pytest.mark.parametrize("fault_name", ["deleted folder", "deleted Python"])
def test_a_deleted_engine(tmp_path, fault_name):
    home = home_module.EngineHome(tmp_path / "engine")

    def install():
        environment = home.new_environment()
        (environment / "bin").mkdir()
        (environment / "bin" / "python").symlink_to(sys.executable)
        home.switch(environment, "3.11", "cpu")

    def fault(bench):
        install()
        bench.session.session._installation.locate = home.python
        assert bench.session.state is State.STOPPED
        if fault_name == "deleted folder":
            shutil.rmtree(home.environment())
        else:
            (home.environment() / "bin" / "python").unlink()
            (home.environment() / "bin" / "python").symlink_to(tmp_path / "gone")
        with pytest.raises(client_module.EngineError, match="was deleted"):
            bench.session.start_job(job(bench.results))
        assert bench.session.state is State.NOT_INSTALLED and bench.session.error.kind == "broken_install"
        install()

    measured(tmp_path, fault)


def test_a_results_folder_that_cannot_be_written(tmp_path):
    def fault(bench):
        (bench.folder / "file").write_text("")
        outcome = bench.run(job(bench.folder / "file" / "results"))
        assert outcome.error.kind == "write"

    measured(tmp_path, fault)


def test_a_silent_engine(tmp_path, monkeypatch):
    monkeypatch.setattr(client_module, "SILENCE_SECONDS", 1.5)

    def fault(bench):
        outcome = bench.run(job(bench.results, fake_engine.FREEZE))
        assert outcome.error.kind == "hung" and "not answered" in outcome.error.message

    measured(tmp_path, fault)


def test_an_engine_that_is_never_ready(tmp_path, monkeypatch):
    monkeypatch.setattr(session_module, "START_SECONDS", 0.5)

    def fault(bench):
        bench.code = HEARS_NOTHING + "time.sleep(600)"
        outcome = bench.run(job(bench.results))
        assert outcome.error.kind == "hung" and "not ready" in outcome.error.message
        monkeypatch.setattr(session_module, "START_SECONDS", 300)

    measured(tmp_path, fault)


def test_a_job_that_does_not_hear_cancel(tmp_path, monkeypatch):
    monkeypatch.setattr(session_module, "CANCEL_SECONDS", 0.5)

    def fault(bench):
        wanted = job(bench.results, fake_engine.HANG)
        bench.session.start_job(wanted)
        pump_until(bench.session, lambda: wanted.step == fake_engine.STEPS)
        bench.session.cancel()
        began = time.monotonic()
        outcome = finish(bench.session, wanted)
        assert outcome.error.kind == "cancelled" and time.monotonic() - began < 2
        assert bench.session.state is State.STOPPED and bench.session.why

    measured(tmp_path, fault)


def test_an_engine_that_ignores_its_stdin_blocks_nobody(tmp_path):
    """A job of 4 MB for a pipe that holds 64 kB: the writer is stuck, no call is; Stop ends the engine."""
    def fault(bench):
        bench.code = STUCK
        wanted = Job(None, {}, bench.results, source="town", options={"text": "x" * 4_000_000})
        bench.session.start_job(wanted)
        pump_until(bench.session, lambda: bench.session.session._sent)
        for _ in range(20):
            bench.session.pump()
            bench.session.cancel()
        bench.session.shutdown()
        assert bench.session.job is None and bench.session.state is State.STOPPED
        assert bench.session.settle()

    measured(tmp_path, fault)


def test_cancel_and_stop_in_mid_job(tmp_path):
    def fault(bench):
        wanted = job(bench.results, fake_engine.SLOW)
        bench.session.start_job(wanted)
        pump_until(bench.session, lambda: wanted.step >= 2)
        bench.session.cancel()
        began = time.monotonic()
        assert finish(bench.session, wanted).error.kind == "cancelled"
        print(f"cancel answered in {1000 * (time.monotonic() - began):.0f} ms")
        assert time.monotonic() - began < 1
        wanted = job(bench.results, fake_engine.SLOW)
        bench.session.start_job(wanted)
        pump_until(bench.session, lambda: wanted.step >= 2)
        bench.session.shutdown(why="stopped by you")
        assert bench.session.last.job is wanted and bench.session.why == "stopped by you"

    measured(tmp_path, fault)


def test_restarts_back_off_and_a_person_starts_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr(watch_module, "BACK_OFF_SECONDS", (0.0, 0.6, 1.2))
    bench = Bench(tmp_path)
    waits = []
    for _ in range(4):
        bench.arguments = ["--dies"]
        wanted, count, began = job(bench.results), len(bench.clients), time.monotonic()
        bench.session.start_job(wanted)
        if len(bench.clients) == count:
            assert bench.session.state is State.STARTING and bench.session.why.startswith("again in")
        pump_until(bench.session, lambda n=count: len(bench.clients) > n)
        waits.append(time.monotonic() - began)
        assert finish(bench.session, wanted).error.kind == "engine"
    assert max(waits[:2]) < 0.5 <= waits[2] < 1.1 <= waits[3], waits
    wanted = job(bench.results)
    bench.session.start_job(wanted)
    assert bench.session.client is None  # it waits
    began = time.monotonic()
    bench.arguments = []
    bench.session.start_now()
    assert bench.session.client is not None and time.monotonic() - began < 0.5
    assert finish(bench.session, wanted).error is None
    bench.session.shutdown(wait=True)
    monkeypatch.undo()
    assert watch_module.BACK_OFF_SECONDS == (0.0, 2.0, 5.0, 15.0, 60.0)


# ---------------------------------------------------------------------------------------------------- the buttons, in Blender

KINDS = {"not_installed": "install_engine", "broken_install": "install_engine", "import": "install_engine",
         "python": "install_engine", "start": "install_engine", "install": "install_engine", "self_test": "install_engine",
         "killed": "start_engine", "engine": "start_engine", "hung": "start_engine", "protocol": "start_engine",
         "device": "choose_device", "out_of_memory": "use_smaller", "write": "choose_results_folder", "internal": "open_log"}


@pytest.fixture
def prefs():
    made = addon.part("preferences").preferences()
    made.engine_python, made.device = "", "cpu"
    yield made
    made.engine_python, made.device = "", "cpu"


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_has_its_button(prefs, kind):
    error = addon.part("engine_client").EngineError("It failed.", "Mend it.", kind)
    buttons = addon.part("mending").mends(error)
    assert buttons[0].operator == f"earthcrafter.{KINDS[kind]}"
    for button in buttons:
        properties = getattr(bpy.ops.earthcrafter, button.operator.split(".")[1]).get_rna_type().properties
        assert set(button.properties) <= set(properties.keys()) and button.text and len(button.text) < 30


def test_what_only_a_person_can_mend_has_no_button(prefs):
    for kind in ("bad_input", "cancelled", "weights"):
        assert addon.part("mending").mends(addon.part("engine_client").EngineError("It failed.", "Mend it.", kind)) == []


def test_the_cpu_in_place_of_a_card(prefs):
    service = addon.part("engine_service")
    prefs.device = "cuda:0"
    error = addon.part("engine_client").EngineError("The card's memory is full.", "Use the CPU.", "out_of_memory")
    service.session.error = error
    button = addon.part("mending").mends(error)[0]
    assert bpy.ops.earthcrafter.choose_device(**button.properties) == {"FINISHED"}
    assert prefs.device == "cpu" and service.session.error is None


def test_another_results_folder(prefs, tmp_path):
    service = addon.part("engine_service")
    service.session.error = addon.part("engine_client").EngineError("It cannot be written.", "Choose.", "write")
    with pytest.raises(RuntimeError, match="no folder"):
        bpy.ops.earthcrafter.choose_results_folder(directory=str(tmp_path / "none"))
    assert bpy.ops.earthcrafter.choose_results_folder(directory=str(tmp_path)) == {"FINISHED"}
    assert Path(prefs.results_folder) == tmp_path and service.session.error is None


def test_start_stop_free_by_the_buttons(prefs, tmp_path, monkeypatch):
    service, client = addon.part("engine_service"), addon.part("engine_client")
    command = [str(addon.ENGINE_PYTHON), str(Path(fake_engine.__file__))]
    env = client.engine_environment(bare.ROOT, tmp_path / "cache")
    monkeypatch.setattr(service.session, "_start", lambda: client.EngineClient(command, tmp_path, env, tmp_path / "log"))
    prefs.engine_python = str(addon.ENGINE_PYTHON)
    ops = bpy.ops.earthcrafter
    assert not ops.stop_engine.poll() and not ops.free_memory.poll() and ops.start_engine.poll()
    assert ops.start_engine() == {"FINISHED"} and not ops.start_engine.poll()
    pump_until(service.session, lambda: service.session.ready)
    assert ops.free_memory() == {"FINISHED"}
    pump_until(service.session, lambda: service.session.freed is not None)
    assert ops.stop_engine() == {"FINISHED"}
    assert service.session.settle() and not zombies() and service.session.why == "stopped by you"
    prefs.engine_python = str(tmp_path / "nowhere")
    assert service.session.state.value == "Not installed" and not ops.start_engine.poll() and not ops.self_test.poll()
