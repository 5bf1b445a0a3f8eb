"""Which Python the engine runs with, and the operators that install, test and remove it, inside Blender."""
from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

import addon  # before bpy

bpy = pytest.importorskip("bpy")
addon.enable()
preferences, tasks, service = addon.part("preferences"), addon.part("engine_tasks"), addon.part("engine_service")
errors = addon.part("earthcrafter_core.errors")
ops = bpy.ops.earthcrafter


@pytest.fixture
def prefs(monkeypatch):
    made = preferences.preferences()
    monkeypatch.delenv(preferences.PYTHON_VARIABLE, raising=False)
    for name in ("engine_python", "install_python", "wheels_folder"):
        setattr(made, name, "")
    made.install_source = preferences.INTERNET
    yield made
    made.engine_python = ""
    preferences.engine_home().forget()
    assert preferences.engine_home().clear() == []


def environment(folder: Path) -> Path:
    """Something that looks like a virtual environment; its interpreter."""
    python = folder / "bin" / "python"
    python.parent.mkdir(parents=True, exist_ok=True)
    python.symlink_to(sys.executable)
    return python


def install() -> Path:
    """Something that looks like an installed engine; its folder."""
    home = preferences.engine_home()
    folder = home.new_environment()
    environment(folder)
    home.switch(folder, "3.11.7", "cpu")
    service.session.look_again()
    return folder


def wait_for_task(seconds=60):
    end = time.monotonic() + seconds
    while tasks.task is not None and time.monotonic() < end:
        tasks._poll()
        time.sleep(0.02)
    assert tasks.task is None


def test_the_order_of_pythons(prefs, tmp_path, monkeypatch):
    def kind_of_error():
        with pytest.raises(errors.EarthCrafterError) as caught:
            preferences.engine_python(prefs)
        return caught.value.kind

    assert kind_of_error() == "not_installed" and service.session.state.name == "NOT_INSTALLED"
    by_variable = environment(tmp_path / "by variable")
    monkeypatch.setenv(preferences.PYTHON_VARIABLE, str(tmp_path / "by variable"))
    assert preferences.engine_python(prefs) == by_variable
    installed = install()
    assert preferences.engine_python(prefs) == installed / "bin" / "python"
    assert service.session.state.name == "STOPPED"
    mine = environment(tmp_path / "meine Umgebung ü")
    prefs.engine_python = str(tmp_path / "meine Umgebung ü")
    assert preferences.engine_python(prefs) == mine
    prefs.engine_python = str(tmp_path / "gone")
    assert kind_of_error() == "python"
    assert addon.part("mending").mends(service.session.missing())[0].operator == "earthcrafter.use_installed_engine"
    assert ops.use_installed_engine() == {"FINISHED"}
    assert preferences.engine_python(prefs) == installed / "bin" / "python"
    (installed / "bin" / "python").unlink()
    service.session.look_again()
    assert kind_of_error() == "broken_install" and service.session.state.name == "NOT_INSTALLED"


def test_removing_takes_the_folder(prefs):
    folder = install()
    assert ops.remove_engine.poll() and ops.remove_engine() == {"FINISHED"}
    assert tasks._files.settle(10) and not folder.exists() and service.session.state.name == "NOT_INSTALLED"
    assert not ops.remove_engine.poll()


def test_the_dialog_refuses_with_a_sentence(prefs, tmp_path):
    with pytest.raises(RuntimeError, match="no folder of wheels"):
        ops.install_engine(source="FOLDER", folder=str(tmp_path / "none"))
    with pytest.raises(RuntimeError, match="no Python at"):
        ops.install_engine(source="PYTHON", python=str(tmp_path / "none"))
    bpy.context.preferences.system.use_online_access = False
    assert not bpy.app.online_access
    with pytest.raises(RuntimeError, match="Allow Online Access"):
        ops.install_engine(source="INTERNET")
    assert tasks.task is None


def test_an_installation_that_fails_shows_its_button_and_cancel_is_no_error(prefs, tmp_path):
    assert ops.install_engine(source="FOLDER", folder=str(tmp_path), python=str(addon.ENGINE_PYTHON)) == {"FINISHED"}
    assert not ops.install_engine.poll() and ops.cancel_install.poll()
    wait_for_task()
    assert tasks.error.kind == "install" and "lacks torch" in tasks.error.message
    assert addon.part("mending").mends(tasks.error)[0].text == "Try Again"
    assert ops.install_engine(source="FOLDER", folder=str(tmp_path), python=str(addon.ENGINE_PYTHON)) == {"FINISHED"}
    assert ops.cancel_install() == {"FINISHED"}
    wait_for_task()
    assert tasks.error is None and tasks.done.startswith("Cancelled") and preferences.engine_home().about() is None


def test_the_plan_is_what_the_preferences_say(prefs, tmp_path, monkeypatch):
    plan = tasks.new_plan()
    assert plan.python == Path(sys.executable) and plan.home.folder.is_relative_to(addon.USER_FOLDER) and plan.sizes()
    prefs.install_python, prefs.install_build = str(tmp_path / "py thon"), "cuda"
    plan = tasks.new_plan()
    assert plan.python == tmp_path / "py thon" and plan.build == "cuda"
    prefs.install_build = "auto"


def test_the_report_tells_all_versions(prefs):
    prefs.engine_python = str(addon.ENGINE_PYTHON)
    text = tasks.report()
    for words in (bpy.app.version_string, "Add-on: ", "System: ", str(addon.ENGINE_PYTHON), "Device: cpu", "State: Stopped"):
        assert words in text
    assert ops.copy_report() == {"FINISHED"}


@pytest.mark.skipif(not (addon.ROOT / "earthcrafter_core" / "engine" / "self_test.py").exists(), reason="no self-test yet")
def test_the_self_test_by_its_button(prefs):
    prefs.engine_python = str(addon.ENGINE_PYTHON)
    service.session.look_again()
    assert ops.self_test() == {"FINISHED"}
    wait_for_task(200)
    assert tasks.error is None, tasks.error
    assert tasks.tested.ok and "[ok]" in tasks.report() and "torch" in tasks.report()
