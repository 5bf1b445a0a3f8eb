"""The engine process and its session, with a stand-in for the networks: outcomes, states, and what they leave behind."""
from __future__ import annotations

import json
import os
import subprocess
import sys
import time

import numpy as np
import pytest

import bare
import fake_engine
from engine_bench import (FAKE, READY, Job, Layout, Session, State, client_module, errors, finish, is_there, job, left,
                          protocol, pump_until, start, zombies)

job_module, background = bare.part("engine_job"), bare.part("background")


@pytest.fixture
def results(tmp_path):
    return tmp_path / "Ergebnisse für mich"


@pytest.fixture
def session(tmp_path):
    made = Session(lambda: start(tmp_path))
    yield made
    made.shutdown(wait=True)
    assert not zombies()


def test_a_job_runs_and_the_engine_stays_for_the_next(session, results, tmp_path):
    assert session.state is State.STOPPED and not session.is_active
    first = job(results)
    session.start_job(first)
    assert session.state is State.STARTING
    fractions = []
    outcome = finish(session, first, each=lambda: fractions.append(first.fraction))
    assert outcome.error is None and (outcome.folder / "scene.json").is_file() and outcome.seconds > 0
    assert outcome.folder.parent == results and outcome.folder.name.startswith(first.layout.hash())
    assert fractions == sorted(fractions) and fractions[-1] == 1.0
    assert session.state is State.READY and session.ready["version"] and session.ready["devices"][0] == "cpu"
    pid = session.client.pid
    second = job(results, seed=2)
    session.start_job(second)
    assert finish(session, second).folder != outcome.folder and session.client.pid == pid
    session.settle()
    assert left(results) == {outcome.folder.name, session.last.folder.name}
    assert "prints to stdout" in (tmp_path / "log" / "engine.log").read_text()


def test_the_same_job_is_taken_from_what_is_there(session, results):
    for reused in (False, True):
        wanted = job(results)
        session.start_job(wanted)
        assert finish(session, wanted).reused is reused


def test_previews_come_as_files_and_vanish_with_the_job(session, results):
    wanted, seen = job(results, previews=True), []

    def take():
        seen.extend((kind, len(protocol.read_preview(file).triangles)) for kind, file in wanted.new_previews)
        wanted.new_previews.clear()

    session.start_job(wanted)
    finish(session, wanted, each=take)
    session.settle()
    assert [kind for kind, _ in seen] == ["cells", "voxels", "colours"][:len(seen)] and seen and seen[0][1] > 0
    assert left(results) == {session.last.folder.name} and not list(results.rglob("*.npz.tmp"))
    plain = job(results, seed=2)
    session.start_job(plain)
    finish(session, plain, each=lambda: seen.extend(plain.new_previews))
    assert len(seen) <= 3


def test_a_layout_is_made_and_kept(session, results):
    for reused in (False, True):
        wanted = Job(None, {}, results, source="town", options={"width": 40, "height": 24})
        assert wanted.kind == "layout"
        session.start_job(wanted)
        outcome = finish(session, wanted)
        made = protocol.read_made_layout(outcome.folder)
        assert outcome.reused is reused and made.layout.shape == (24, 40) and made.layout.crs == "EPSG:32633"
    bad = Job(None, {}, results, source="bad")
    session.start_job(bad)
    assert finish(session, bad).error.kind == "bad_input" and session.state is State.READY


def test_a_rectangle_of_a_kept_result_is_made_anew(session, results):
    first = job(results)
    session.start_job(first)
    base = finish(session, first).folder
    other = Layout(np.full((8, 8), 7, np.uint8))
    again = Job(other, {"seed": 5}, results, base=base, region=(1, 2, 4, 6))
    session.start_job(again)
    folder = finish(session, again).folder
    scene = json.loads((folder / "scene.json").read_text())
    assert scene["region"] == [1, 2, 4, 6] and scene["base"] == base.name and folder != base


def test_a_terrain_reaches_the_engine(session, results):
    corners = np.array([[0, 0, 5], [8, 0, 5], [8, 8, 5], [0, 8, 5]], np.float32)
    terrain = protocol.Terrain("mesh", corners, np.array([[0, 1, 2], [0, 2, 3]], np.int32))
    wanted = job(results, terrain=terrain)
    session.start_job(wanted)
    assert finish(session, wanted).error is None


def test_cancel_while_the_engine_starts(session, results):
    wanted = job(results, fake_engine.SLOW)
    session.start_job(wanted)
    session.cancel()
    began = time.monotonic()
    assert finish(session, wanted).error.kind == "cancelled" and time.monotonic() - began < 1
    session.settle()
    assert left(results) == set()


def test_one_job_at_a_time(session, results):
    wanted = job(results, fake_engine.SLOW)
    session.start_job(wanted)
    with pytest.raises(errors.BadInput, match="already"):
        session.start_job(job(results))
    assert session.job is wanted


def test_memory_is_told_and_given_back(session, results):
    wanted = job(results)
    session.start_job(wanted)
    finish(session, wanted)
    pump_until(session, lambda: session.memory_mb > 10)
    session.free()
    pump_until(session, lambda: session.freed is not None)
    assert session.freed["memory_mb"] > 0 and session.state is State.READY


def test_an_idle_engine_ends_and_comes_back(tmp_path, results):
    session = Session(lambda: start(tmp_path), idle_seconds=lambda: 0.3)
    first = job(results)
    session.start_job(first)
    finish(session, first)
    client = session.client
    pump_until(session, lambda: session.state is State.STOPPED)
    assert session.why == "idle, memory given back" and session.error is None and session.memory_mb == 0
    assert client.wait(5) and not is_there(client.pid)
    second = job(results, 2)
    session.start_job(second)
    assert finish(session, second).error is None and session.state is State.READY and session.why == ""
    session.shutdown(wait=True)
    assert session.state is State.STOPPED


def test_what_is_not_installed_is_told(tmp_path, results):
    def locate():
        raise client_module.EngineError("The engine is not installed.", "Install it.", "not_installed")

    session = Session(lambda: start(tmp_path), locate)
    assert session.state is State.NOT_INSTALLED and session.why == ""
    with pytest.raises(errors.EarthCrafterError, match="Install it"):
        session.start_job(job(results))
    with pytest.raises(errors.EarthCrafterError, match="Install it"):
        session.start_now()
    assert session.job is None and left(results) == set()
    session._installation.locate = lambda: None
    wanted = job(results)
    session.start_job(wanted)  # asks again at once
    assert finish(session, wanted).error is None
    session.shutdown(wait=True)


def test_the_log_before_is_kept(tmp_path):
    for text in ("first", "second"):
        client = start(tmp_path, code=f"import sys; print({text!r}, file=sys.stderr)")
        assert client.wait(20)
    assert (tmp_path / "log" / "engine.log").read_text().strip() == "second"
    assert (tmp_path / "log" / "engine.log.1").read_text().strip() == "first"


def test_the_engine_ends_when_blender_is_killed(tmp_path):
    """A stand-in for Blender starts an engine and a job, and is killed: no engine stays, the next start clears the rest."""
    code = f"""
import sys, time; sys.path.insert(0, {str(FAKE.parent)!r})
from engine_bench import *
session = Session(lambda: start(Path({str(tmp_path)!r})))
session.start_job(job(Path({str(tmp_path / 'results')!r}), {fake_engine.SLOW}))
pump_until(session, lambda: session.job.step > 1)
print(session.client.pid, flush=True)
time.sleep(60)
"""
    blender = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    engine = int(blender.stdout.readline())
    blender.kill()
    blender.wait()
    blender.stdout.close()
    end = time.monotonic() + 10
    while is_there(engine) and time.monotonic() < end:
        time.sleep(0.05)
    assert not is_there(engine)
    assert any(name.startswith(".part-") for name in left(tmp_path / "results"))
    session = Session(lambda: start(tmp_path))
    session.sweep(tmp_path / "results")
    assert session.settle() and left(tmp_path / "results") == set()


def test_only_what_nobody_owns_is_swept(tmp_path):
    ours = job(tmp_path)
    job_module.open_part(ours)
    foreign = tmp_path / ".part-foreign"
    foreign.mkdir()
    (foreign / "owner.json").write_text(json.dumps({"pid": 1, "host": "another machine"}))
    (tmp_path / "kept").mkdir()
    assert job_module.sweep(tmp_path) == []
    old = time.time() - 3 * 24 * 3600
    for path in (foreign / "owner.json", foreign):
        os.utime(path, (old, old))
    assert job_module.sweep(tmp_path) == [foreign] and left(tmp_path) == {ours.part.name, "kept"}


def test_results_that_cannot_be_written(session, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("no folder")
    wanted = job(blocked / "results")
    session.start_job(wanted)
    outcome = finish(session, wanted)
    assert outcome.error.kind == "write" and "cannot be written" in outcome.error.message
    good = job(tmp_path / "elsewhere")
    session.start_job(good)
    assert finish(session, good).error is None


def test_names_follow_everything_that_decides_the_result(results, tmp_path):
    ready = {"weights": "x", "version": "1"}
    mesh = np.zeros((3, 3), np.float32), np.array([[0, 1, 2]], np.int32)
    jobs = [job(results), job(results, 2), job(results, terrain=protocol.Terrain("mesh", *mesh)),
            job(results, base=results / "a", region=(0, 0, 1, 1)), job(results, base=results / "a", region=(0, 0, 1, 2)),
            job(results, base=results / "b", region=(0, 0, 1, 1)), Job(None, {}, results, results / "a"),
            Job(None, {}, results, source="town"), Job(None, {}, results, source="town", options={"a": 1}),
            Job(None, {}, results, source="city")]
    names = {j.name(ready) for j in jobs} | {jobs[0].name(ready | {"weights": "y"}), jobs[0].name(ready | {"version": "2"})}
    other = job(results)
    other.settings["steps"] = 3
    assert len(names | {other.name(ready)}) == len(jobs) + 3
    assert job(results, previews=True).name(ready) == jobs[0].name(ready)  # previews do not change the result
    source = tmp_path / "map.osm"
    source.write_text("a")
    named = [Job(None, {}, results, source="osm", options={"path": str(source)}).name(ready)]
    source.write_text("other")
    assert Job(None, {}, results, source="osm", options={"path": str(source)}).name(ready) not in named


def test_a_thread_that_works_in_order_and_keeps_exceptions():
    work, seen = background.Background(), []
    for number in range(50):
        work.do(lambda n=number: 1 // (n % 10), lambda value, n=number: seen.append((n, value)))
    assert work.settle(5)
    while (callback := work.collect()) is not None:
        callback()
    assert [n for n, _ in seen] == list(range(50)) and not work.is_busy
    assert isinstance(seen[0][1], ZeroDivisionError) and seen[1][1] == 1


def test_the_mismatch_of_releases_is_told(tmp_path, results):
    code = READY + "say(**(ready | dict(protocol=1))); sys.stdin.read()"
    session = Session(lambda: start(tmp_path, code=code))
    wanted = job(results)
    session.start_job(wanted)
    outcome = finish(session, wanted)
    assert outcome.error.kind == "protocol" and session.state is State.STOPPED and session.why == outcome.error.message
    session.shutdown(wait=True)


def test_sleep_of_the_machine_is_no_silence(tmp_path, monkeypatch):
    """Nobody looked for long: silence is counted from the next look on."""
    clock = [1000.0]
    monkeypatch.setattr(client_module.time, "monotonic", lambda: clock[0])
    client = object.__new__(client_module.EngineClient)
    client._ended, client._heard, client._looked = client_module.threading.Event(), 1000.0, 1000.0
    clock[0] += 3600
    assert client.failure() is None
    for _ in range(20):
        clock[0] += 7
        failure = client.failure()
    assert failure is not None and failure.kind == "hung"


