"""The engine process and its client, with a stand-in for the networks: outcomes, faults, and what they leave behind."""
from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest

import addon
import fake_engine

pytest.importorskip("bpy")
client_module, session_module = addon.part("engine_client"), addon.part("engine_session")
protocol, errors = addon.part("earthcrafter_core.engine.protocol"), addon.part("earthcrafter_core.errors")
Layout = addon.part("earthcrafter_core.scene.layout").Layout
State = session_module.State
FAKE = Path(__file__).with_name("fake_engine.py")


@pytest.fixture
def results(tmp_path, monkeypatch):
    """A results folder, and a temporary folder for jobs that has to be empty again at the end."""
    jobs = tmp_path / "jobs"
    jobs.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(jobs))
    return tmp_path / "Ergebnisse für mich"


@pytest.fixture
def session(tmp_path):
    made = session_module.Session(lambda: start(tmp_path))
    yield made
    made.shutdown()


def start(tmp_path, command=(str(addon.ENGINE_PYTHON), str(FAKE))):
    env = client_module.engine_environment(FAKE.parent.parent, tmp_path / "cache")
    return client_module.EngineClient(command, tmp_path, env, tmp_path / "log" / "engine.log")


def job(results, seed=1):
    ids = np.random.default_rng(0).integers(0, 26, (8, 8)).astype(np.uint8)
    return session_module.Job(Layout(ids), {"seed": seed, "steps": 25}, results)


def finish(session, wanted, seconds=60, each=lambda: None):
    """Pump until the job has ended."""
    end = time.monotonic() + seconds
    while session.job is wanted and time.monotonic() < end:
        session.pump()
        each()
        time.sleep(0.005)
    assert session.last is not None and session.last.job is wanted, "the job did not end"
    return session.last


def left(folder: Path) -> set[str]:
    return {p.name for p in folder.iterdir()} if folder.exists() else set()


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        return True
    except ProcessLookupError:
        return False


def test_a_job_runs_and_the_engine_stays_for_the_next(session, results, tmp_path):
    first = job(results)
    session.start_job(first)
    assert session.state is State.STARTING
    fractions = []
    outcome = finish(session, first, each=lambda: fractions.append(first.fraction))
    assert outcome.error is None and (outcome.folder / "scene.json").is_file()
    assert outcome.folder.parent == results and outcome.folder.name.startswith(first.layout.hash())
    assert fractions == sorted(fractions) and fractions[-1] == 1.0
    assert session.state is State.READY and session.ready["version"] and session.ready["devices"][0] == "cpu"
    pid = session.client.pid
    second = job(results, seed=2)
    session.start_job(second)
    assert finish(session, second).folder != outcome.folder and session.client.pid == pid
    assert left(results) == {outcome.folder.name, session.last.folder.name}
    assert left(tmp_path / "jobs") == set()
    assert "prints to stdout" in (tmp_path / "log" / "engine.log").read_text()


def test_the_same_job_is_taken_from_what_is_there(session, results):
    for reused in (False, True):
        wanted = job(results)
        session.start_job(wanted)
        assert finish(session, wanted).reused is reused


def test_an_engine_killed_in_mid_run(session, results):
    wanted = job(results, fake_engine.KILL)
    session.start_job(wanted)
    outcome = finish(session, wanted)
    assert outcome.error.kind == "killed" and "signal 9" in outcome.error.message
    assert "Start it again" in outcome.error.remedy
    assert session.state is State.STOPPED and session.client is None
    assert left(results) == set()  # no half-written result
    again = job(results)
    session.start_job(again)  # starts a new engine
    assert finish(session, again).error is None


def test_cancel(session, results):
    wanted = job(results, fake_engine.SLOW)
    session.start_job(wanted)
    finish_when = time.monotonic() + 30
    while wanted.step < 2 and time.monotonic() < finish_when:
        session.pump()
    session.cancel()
    cancelled = time.monotonic()
    outcome = finish(session, wanted)
    assert outcome.error.kind == "cancelled" and time.monotonic() - cancelled < 3
    assert session.state is State.READY and left(results) == set()


def test_cancel_while_the_engine_starts(session, results):
    wanted = job(results, fake_engine.SLOW)
    session.start_job(wanted)
    session.cancel()
    assert finish(session, wanted).error.kind == "cancelled" and left(results) == set()


@pytest.mark.parametrize(("seed", "kind", "words"), [(fake_engine.BAD, "out_of_memory", "too little memory"),
                                                     (fake_engine.BUG, "internal", "IndexError")])
def test_errors_in_the_job_leave_the_engine_ready(session, results, seed, kind, words):
    wanted = job(results, seed)
    session.start_job(wanted)
    outcome = finish(session, wanted)
    assert outcome.error.kind == kind and words in outcome.error.message and outcome.error.remedy
    assert session.state is State.READY and left(results) == set()


def test_one_job_at_a_time(session, results):
    wanted = job(results, fake_engine.SLOW)
    session.start_job(wanted)
    with pytest.raises(errors.BadInput, match="already"):
        session.start_job(job(results))
    assert session.job is wanted


def test_shutdown_in_mid_run_leaves_nothing(session, results):
    wanted = job(results, fake_engine.SLOW)
    session.start_job(wanted)
    while wanted.step < 2:
        session.pump()
    pid = session.client.pid
    session.shutdown()
    assert not is_alive(pid) and session.state is State.STOPPED and left(results) == set()


def test_the_engine_ends_when_its_client_is_gone(tmp_path):
    client = start(tmp_path)
    client._process.stdin.close()
    assert client._process.wait(20) == 0


def test_a_python_that_is_not_there(results, tmp_path):
    session = session_module.Session(lambda: start(tmp_path, [str(tmp_path / "no python"), "-m", "x"]))
    with pytest.raises(errors.EarthCrafterError, match="Choose another Python"):
        session.start_job(job(results))
    assert session.state is State.STOPPED and session.job is None and left(results) == set()


@pytest.mark.parametrize("code", ["raise SystemExit(3)", "print('no frames')", "import nothing_of_that_name"])
def test_a_python_that_is_no_engine(results, tmp_path, code):
    session = session_module.Session(lambda: start(tmp_path, [str(addon.ENGINE_PYTHON), "-c", code]))
    wanted = job(results)
    session.start_job(wanted)
    outcome = finish(session, wanted)
    assert outcome.error is not None and outcome.error.remedy and session.state is State.STOPPED
    assert left(results) == set()


def test_results_that_cannot_be_written(session, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("no folder")
    with pytest.raises(errors.WriteError, match="preferences"):
        session.start_job(job(blocked / "results"))
    assert session.job is None and session.state is State.STOPPED


def test_a_silent_engine_is_given_up(session, results, monkeypatch):
    monkeypatch.setattr(client_module, "SILENCE_SECONDS", 0.2)
    session._start = lambda: start(results.parent, [str(addon.ENGINE_PYTHON), "-c", "import time; time.sleep(60)"])
    wanted = job(results)
    session.start_job(wanted)
    pid = session.client.pid
    assert "not answered" in finish(session, wanted).error.message
    assert not is_alive(pid)


def test_names_follow_layout_seed_settings_and_weights(results):
    a = job(results)
    names = {a.name({"weights": "x"}), a.name({"weights": "y"}), job(results, 2).name({"weights": "x"})}
    b = job(results)
    b.settings["steps"] = 3
    names.add(b.name({"weights": "x"}))
    assert len(names) == 4 and job(results).name({"weights": "x"}) in names
