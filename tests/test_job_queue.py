"""The queue and the history of results: what waits, what is told after a crash, what is found on disk again."""
from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import addon

pytest.importorskip("bpy")
queue_module, history_module, session_module = (addon.part(n) for n in ("job_queue", "history", "engine_session"))
errors, layout_module = addon.part("earthcrafter_core.errors"), addon.part("earthcrafter_core.scene.layout")
Entry, JobQueue, Status, Target = (getattr(queue_module, n) for n in ("Entry", "JobQueue", "Status", "Target"))
Job, Outcome = session_module.Job, session_module.Outcome


class OneJob:
    """In place of a session: holds one job until the test ends it."""

    def __init__(self):
        self.job, self.fails, self.started = None, None, []

    def start_job(self, job):
        if self.fails is not None:
            raise self.fails
        self.job = job
        self.started.append(job)

    def cancel(self):
        self.job.cancelled = True

    def end(self, folder=None, error=None):
        job, self.job = self.job, None
        return Outcome(job, folder, error, seconds=3.0)


def entry(name, seed=1):
    job = Job(layout_module.Layout(np.ones((8, 8), np.uint8)), {"seed": seed}, Path("results"))
    return Entry(name, job, Target(layout=name), asked={"kind": "generate", "seed": seed, "settings": {"seed": seed}})


@pytest.fixture
def queue():
    return JobQueue(OneJob())


def test_jobs_run_one_after_another_and_a_failure_does_not_stop_the_night(queue):
    entries = [entry("a"), entry("b"), entry("c")]
    for e in entries:
        queue.add(e)
    assert [e.status for e in entries] == [Status.RUNNING, Status.WAITING, Status.WAITING]
    queue.settle(queue.session.end(error=errors.OutOfMemory("Too little memory.", "Use less.")))
    queue.advance()
    queue.settle(queue.session.end(folder=Path("r/b")))
    queue.advance()
    assert [e.status for e in entries] == [Status.FAILED, Status.DONE, Status.RUNNING]
    assert entries[0].message == "Too little memory. Use less." and entries[1].folder == Path("r/b")
    assert queue.session.started == [e.job for e in entries]


def test_an_error_that_the_next_job_would_meet_pauses_the_queue(queue):
    entries = [entry("a"), entry("b")]
    for e in entries:
        queue.add(e)
    queue.settle(queue.session.end(error=errors.WriteError("The disk is full.", "Free some space.")))
    queue.advance()
    assert queue.paused and entries[1].status is Status.WAITING
    queue.resume()
    assert not queue.paused and entries[1].status is Status.RUNNING


def test_a_job_that_cannot_start_is_not_in_the_queue(queue):
    queue.session.fails = errors.BadInput("No.", "Do.")
    with pytest.raises(errors.BadInput):
        queue.add(entry("a"))
    assert not queue.entries


def test_cancel_takes_back_what_waits_and_stops_what_runs(queue):
    entries = [entry("a"), entry("b"), entry("c")]
    for e in entries:
        queue.add(e)
    queue.cancel(entries[1])
    assert entries[1].status is Status.CANCELLED and not entries[0].job.cancelled
    queue.cancel_all()
    assert entries[0].job.cancelled and entries[2].status is Status.CANCELLED
    queue.settle(queue.session.end(error=errors.Cancelled()))
    queue.advance()
    assert queue.session.job is None and entries[0].status is Status.CANCELLED
    queue.clear()
    assert not queue.entries


def test_a_file_that_is_opened_again_tells_the_truth(queue, tmp_path):
    entries = [entry("a", 1), entry("b", 2), entry("c", 3)]
    for e in entries:
        queue.add(e)
    queue.settle(queue.session.end(folder=tmp_path / "a"))
    queue.advance()
    dumped = json.loads(json.dumps(queue.dump()))
    again = JobQueue(OneJob())
    again.load(dumped + [{"label": "damaged"}], lambda asked: tmp_path / "b" if asked["seed"] == 2 else None)
    assert [(e.label, e.status) for e in again.entries] == [
        ("a", Status.DONE), ("b", Status.DONE), ("c", Status.INTERRUPTED)]
    assert again.entries[1].folder == tmp_path / "b" and "history" in again.entries[1].message
    assert again.session.job is None, "an opened file starts nothing by itself"


def result(folder, seed, layout_id=None, made=None):
    folder.mkdir(parents=True)
    (folder / "scene.json").write_text(json.dumps({
        "seed": seed, "settings": {"steps": 25}, "layout_hash": "abc", "weights": "w", "version": "1",
        "stages": {"coarse": {"seconds": 1.5}, "write": {"seconds": 0.5}}}))
    if layout_id is not None:
        history_module.note(folder, layout_id, "generate", 4.0)


def test_the_history_finds_what_lies_on_disk(tmp_path):
    history = history_module.History()
    result(tmp_path / "one", 1, "id1")
    result(tmp_path / "two", 2, "id2")
    result(tmp_path / "three", 3)  # brought from elsewhere: belongs to no layout
    (tmp_path / ".part-x").mkdir()
    records = history.of_layout("id1", [tmp_path, tmp_path / "none"])
    assert [(r.seed, r.kind, r.seconds, r.layout_hash) for r in records] == [(1, "generate", 4.0, "abc")]
    assert records[0].thumbnail is None and history_module.working_seconds(tmp_path / "one") == 2.0
    history_module.note(tmp_path / "two", "id1", "generate", 9.0)  # the same content painted in another layout
    history.forget()
    records = history.of_layout("id1", [tmp_path])
    assert sorted(r.seed for r in records) == [1, 2] and all(r.seconds == 4.0 for r in records)


def test_a_damaged_record_is_left_out(tmp_path):
    result(tmp_path / "one", 1, "id1")
    (tmp_path / "one" / "scene.json").write_text("{")
    assert history_module.History().of_layout("id1", [tmp_path]) == []
