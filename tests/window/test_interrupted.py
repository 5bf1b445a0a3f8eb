"""What an artist does while a job runs, in a real window: each ends cleanly."""
from __future__ import annotations

import time

import pytest

import harness

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def running(window):
    """A window in which a house was painted on a new layout and a job runs, its second step done."""
    start(window)
    return window


def start(window: harness.Window, steps: int = 25) -> None:
    """Paint, each an undo step, and press Generate."""
    window.py("bpy.ops.earthcrafter.new_layout('EXEC_DEFAULT', True, width=32, height=32, fill='lawn')")
    window.py("bpy.ops.earthcrafter.paint_rectangle('EXEC_DEFAULT', True, paint_class='house', corner=(8, 8), "
              "opposite=(20, 20))")
    window.py(f"bpy.context.scene.earthcrafter.steps = {steps}; bpy.ops.earthcrafter.generate('INVOKE_DEFAULT')")
    window.wait("session().job is not None and session().job.step > 1", 120, "the job runs",
                "session().error is not None")
    window.over_view()


def settled(window: harness.Window) -> None:
    """Wait until nothing is on its way any more, and see that nothing half-made lies about."""
    window.wait("not service().is_busy()", 120, "the job ends")
    time.sleep(0.5)
    assert window.running() and not window.parts
    assert window.ask("orphans()") == []


def test_undo_during_a_job_takes_the_stroke_back_and_the_place_still_comes(running):
    running.key("ctrl+z")
    assert not running.ask("any(1 in row for row in classes())"), "the house is undone"
    settled(running)
    assert running.ask("len(places())") == 1
    running.key("ctrl+z")
    assert running.ask("places()") == [] and running.running()


def test_undo_of_the_layout_itself_during_a_job(running):
    running.key("ctrl+z", "ctrl+z")
    assert running.ask("layout() is None")
    settled(running)
    assert running.ask("places()") == [] and "deleted" in running.ask("told()['error']")
    assert len(running.results) == 1, "the place is kept on disk"
    running.key("ctrl+shift+z")
    assert running.ask("layout() is not None") and running.running()


def test_the_layout_is_deleted_in_mid_job(running):
    running.py("bpy.ops.object.select_all(action='DESELECT'); layout().select_set(True)")
    running.py("bpy.ops.object.delete('EXEC_DEFAULT', True)")
    assert running.ask("layout() is None")
    settled(running)
    assert running.ask("places()") == [] and "deleted" in running.ask("told()['error']")
    assert len(running.results) == 1


def test_another_scene_is_chosen_in_mid_job(running):
    running.py("bpy.ops.scene.new('EXEC_DEFAULT', True, type='NEW')")
    assert running.ask("bpy.context.scene.name") != "Scene"
    settled(running)
    assert running.ask("places()") == [] and running.ask("len(places('Scene'))") == 1


def test_another_file_is_opened_in_mid_job(window):
    other = str(harness.OUTPUT / "other file é.blend")
    window.py(f"bpy.ops.wm.save_as_mainfile(filepath={other!r}, copy=True)")
    start(window)
    window.py(f"bpy.app.timers.register(lambda: bpy.ops.wm.open_mainfile(filepath={other!r}) and None)")
    window.wait(f"bpy.data.filepath == {other!r}", 60, "the file is open")
    settled(window)
    assert window.ask("places()") == [] and window.results == []
    start(window)
    settled(window)
    assert window.ask("len(places())") == 1, "the next Generate works"


def test_quit_in_mid_job(running):
    running.quit()
    assert not running.engines_after(5), "an engine outlived Blender"
    assert running.results == [] and not running.parts
