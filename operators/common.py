"""What all operators share: the layout to work on, and errors as one sentence in Blender's report."""
from __future__ import annotations

from pathlib import Path

import bpy

from ..earthcrafter_core.errors import EarthCrafterError
from ..layout_mesh import active_layout


def report(operator: bpy.types.Operator, error: EarthCrafterError) -> set[str]:
    """Show the error with its remedy and end the operator without an undo step."""
    operator.report({"ERROR"}, f"{error.message} {error.remedy}")
    return {"CANCELLED"}


def open_path(operator: bpy.types.Operator, path: Path) -> set[str]:
    """Open a file or folder with the system's own program; where there is none, its path goes into the clipboard."""
    try:
        return bpy.ops.wm.path_open(filepath=str(path))
    except RuntimeError:  # no program for it, such as a Linux without xdg-open
        bpy.context.window_manager.clipboard = str(path)
        operator.report({"WARNING"}, f"No program here opens it. The path is in the clipboard: {path}")
        return {"CANCELLED"}


def draw_with_size(operator: bpy.types.Operator, *names: str) -> None:
    """Draw properties of an operator that makes a layout, its width, height and cell size, and the metres they come to."""
    column = operator.layout.column()
    column.use_property_split = True
    for name in (*names, "width", "height", "cell_size"):
        column.prop(operator, name)
    row = column.split(factor=0.4)
    row.label()
    row.label(text=f"{operator.width * operator.cell_size:g} x {operator.height * operator.cell_size:g} m")


class ObjectModeOperator:
    """Mix-in: available in Object Mode."""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Needs Object Mode."""
        if context.mode != "OBJECT":
            cls.poll_message_set("Go to Object Mode first")  # type: ignore[attr-defined]
            return False
        return True


class LayoutOperator:
    """Mix-in: available where there is a layout in Object Mode; says why where it is not."""

    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Needs a layout, and Object Mode."""
        if active_layout(context) is None:
            cls.poll_message_set("Make a new layout first, or select one")  # type: ignore[attr-defined]
            return False
        if context.mode != "OBJECT":
            cls.poll_message_set("Go to Object Mode first")  # type: ignore[attr-defined]
            return False
        return True


def register_classes(classes: tuple[type, ...]) -> None:
    """Register in order."""
    for cls in classes:
        bpy.utils.register_class(cls)


def unregister_classes(classes: tuple[type, ...]) -> None:
    """Unregister in the opposite order."""
    for cls in reversed(classes):
        bpy.utils.unregister_class(cls)
