"""The walls between the rooms: no bpy in the core, no torch on the add-on's side, imports only one way."""
from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
CORE = ROOT / "earthcrafter_core"
LEVELS = [{"errors", ""}, {"scene", "sparse", "flow", "precision", "machine", "compiling"},
          {"models", "render", "convert", "tiling"}, {"mesh"}, {"export"}, {"data", "weights"}, {"pipeline"},
          {"train", "engine", "layout_commands", "export_commands"}, {"cli"}, {"__main__"}]
"""Rooms from the bottom up; a room imports from its own level's own room and from lower levels only. "" is the root."""
ADDON_MAY_USE = ("scene", "errors", "engine.protocol")
BLENDER = ("bpy", "mathutils", "bpy_extras", "gpu", "gpu_extras", "bmesh", "addon_utils")


def python_files(*folders: Path) -> list[Path]:
    return sorted(p for folder in folders for p in folder.rglob("*.py"))


def imports_of(path: Path) -> set[str]:
    """Dotted names that a file of the core imports, relative ones resolved from earthcrafter_core."""
    package = ["earthcrafter_core", *path.relative_to(CORE).parts[:-1]]
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[:len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *(node.module.split(".") if node.module else [])])
            found.update(f"{module}.{alias.name}" for alias in node.names)
    return found


def room_of(dotted: str) -> str | None:
    """Room of a name inside the core, "" for the root's own names, None outside the core."""
    parts = dotted.split(".")
    if parts[0] != "earthcrafter_core":
        return None
    name = parts[1] if len(parts) > 1 else ""
    return name if any(name in level for level in LEVELS) else ""


def level_of(room: str) -> int:
    return next(i for i, level in enumerate(LEVELS) if room in level)


def test_every_room_has_a_level():
    rooms = {p.name for p in CORE.iterdir() if p.is_dir() and p.name != "__pycache__" and python_files(p)}
    rooms |= {p.stem for p in CORE.glob("*.py")} - {"__init__"}
    assert rooms <= set().union(*LEVELS), "a new room needs its place in LEVELS"


@pytest.mark.parametrize("path", python_files(CORE), ids=lambda p: str(p.relative_to(CORE)))
def test_nothing_imports_upwards(path):
    parts = path.relative_to(CORE).parts
    room = parts[0].removesuffix(".py")
    room = "" if room == "__init__" else room
    for dotted in imports_of(path):
        other = room_of(dotted)
        if other is None or other == room:
            continue
        assert level_of(other) < level_of(room), f"{'/'.join(parts)} ({room}) imports {dotted} ({other})"


@pytest.mark.parametrize("path", python_files(CORE), ids=lambda p: str(p.relative_to(CORE)))
def test_the_core_never_names_blender(path):
    assert not {d for d in imports_of(path) if d.split(".")[0] in BLENDER}


@pytest.mark.parametrize("path", python_files(ROOT / "blender_addon", ROOT / "operators", ROOT / "ui"),
                         ids=lambda p: str(p.relative_to(ROOT)))
def test_the_addon_uses_only_what_needs_numpy_alone(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            module = node.module or ""
            names = [module] if module else [a.name for a in node.names]
            if module.startswith("earthcrafter_core"):
                assert node.level, "inside the extension the core is imported relatively"
                used = [module.removeprefix("earthcrafter_core").lstrip(".")]
                if used == ["engine"]:
                    used = [f"engine.{a.name}" for a in node.names]
                assert all(u.startswith(ADDON_MAY_USE) for u in used), f"{path.name} uses {used}"
        assert not {n.split(".")[0] for n in names} & {"torch", "numba", "scipy", "PIL", "safetensors"}


@pytest.mark.parametrize("path", python_files(ROOT / "blender_addon", ROOT / "operators", ROOT / "ui"),
                         ids=lambda p: str(p.relative_to(ROOT)))
def test_the_addon_overrides_no_context(path):
    """Blender reads an overridden context without Python's lock while an operator runs: with threads about it crashes."""
    assert not [node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
                if isinstance(node, ast.Attribute) and node.attr == "temp_override"]


BLOCKER = """
import sys
class Wall:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {blocked!r}:
            raise ImportError("the wall: " + name)
sys.meta_path.insert(0, Wall())
{body}
"""


def run_behind_wall(blocked: tuple[str, ...], body: str, cwd: Path = ROOT) -> None:
    done = subprocess.run([sys.executable, "-c", BLOCKER.format(blocked=blocked, body=body)], cwd=cwd,
                          capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr


def test_the_core_imports_without_bpy():
    run_behind_wall(BLENDER, """
import importlib, pkgutil, earthcrafter_core
for module in pkgutil.walk_packages(earthcrafter_core.__path__, "earthcrafter_core."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
""")


def test_what_both_sides_use_needs_numpy_alone():
    run_behind_wall(("torch", "numba", "scipy", "bpy", "safetensors", "laspy", "PIL"), """
import earthcrafter_core.scene.classes, earthcrafter_core.scene.layout, earthcrafter_core.scene.voxels
import earthcrafter_core.scene.splats, earthcrafter_core.scene.shapes, earthcrafter_core.engine.protocol
""")


def test_the_addon_registers_without_torch(tmp_path):
    pytest.importorskip("bpy")
    run_behind_wall(("torch", "numba", "scipy", "safetensors", "laspy", "PIL", "trimesh", "plyfile"), f"""
import os
os.environ["BLENDER_USER_RESOURCES"] = {str(tmp_path)!r}
import build
from pathlib import Path
build.assemble(Path({str(tmp_path)!r}) / "extensions" / "user_default" / "earthcrafter")
import bpy, addon_utils
module = addon_utils.enable("bl_ext.user_default.earthcrafter", default_set=True)
assert module is not None
bpy.ops.earthcrafter.new_layout(width=16, height=16)
addon_utils.disable("bl_ext.user_default.earthcrafter")
assert not hasattr(bpy.types.Scene, "earthcrafter")
assert "torch" not in sys.modules
""")
