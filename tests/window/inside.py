"""Runs in Blender's window: what the tests ask it."""
import importlib

import bpy
from bpy_extras import view3d_utils
from mathutils import Euler, Vector

window, area, region = bpy.context.window, bpy.context.area, bpy.context.region  # the tool sets them before every call
PACKAGE = "bl_ext.user_default.earthcrafter"


def part(name):
    """A module of the extension."""
    return importlib.import_module(f"{PACKAGE}.{name}")


def set_up(python, results):
    """What an artist sets once; the sidebar with the extension's tab."""
    chosen = bpy.context.preferences.addons[PACKAGE].preferences
    chosen.engine_python, chosen.results_folder = python, results
    chosen.show_colours = False  # Material Preview by software is a matter of minutes
    bpy.context.preferences.view.smooth_view = 0
    open_sidebar()


def service():
    """The engine's service."""
    return part("engine_service")


def layout():
    """The scene's layout object."""
    return part("layout_mesh").active_layout(bpy.context)


def painting():
    """The tools' settings."""
    return part("tool_settings").tool_settings(bpy.context)


def key_of(class_name):
    """The key that chooses a class while a tool is active."""
    return str((part("tool_settings").QUICK_CLASSES.index(class_name) + 1) % 10)


def chosen_area():
    """The area to make anew, in cells: row0, col0, row1, col1."""
    return part("jobs").region_of(bpy.context.scene, layout())


def records():
    """How many results the layout's history has."""
    service().history.forget()
    return len(part("jobs").records_of(service().history, layout()))


def orphans():
    """Objects, meshes and collections that nobody uses: what a half import would leave."""
    return [block.name for blocks in (bpy.data.objects, bpy.data.meshes, bpy.data.collections) for block in blocks
            if not block.users]


def classes():
    """Class ids of the layout, rows from north to south."""
    return part("layout_mesh").read_classes(layout()).tolist()


def places(scene=None):
    """Names of the results in a scene, this one where none is named, oldest first."""
    return [c.name for c in part("result_import").places(bpy.data.scenes[scene] if scene else bpy.context.scene)]


def session():
    """The engine's session."""
    return part("engine_service").session


def told():
    """What the session says, for messages."""
    s = session()
    job = s.job
    return {"state": s.state.name, "job": job and f"{job.stage} {job.step}/{job.steps}",
            "error": s.error and f"{s.error.message} {s.error.remedy}"}


def look_down():
    """The layout from above without perspective, filling the view's middle."""
    obj, view = layout(), area.spaces.active.region_3d
    size = part("layout_mesh").cell_size(obj)
    rows, cols = part("layout_mesh").grid_shape(obj)
    view.view_perspective = "ORTHO"
    view.view_rotation = (1, 0, 0, 0)
    view.view_location = obj.matrix_world @ Vector((cols * size / 2, rows * size / 2, 0))
    view.view_distance = 2.2 * max(rows, cols) * size
    view.update()


def look_from_side():
    """The same place, seen from the south-west above."""
    area.spaces.active.region_3d.view_rotation = Euler((0.9, 0, -0.6)).to_quaternion()
    area.spaces.active.region_3d.update()


def to_screen(points):
    """Places on the layout (metres from its south-west corner) in screen pixels from the upper left."""
    matrix, found = layout().matrix_world, []
    for x, y in points:
        at = view3d_utils.location_3d_to_region_2d(region, area.spaces.active.region_3d, matrix @ Vector((x, y, 0)))
        found.append([round(region.x + at.x), round(window.height - 1 - (region.y + at.y))])
    return found


def to_layout(pixels):
    """Where the rays of screen pixels meet the layout's plane, metres from its south-west corner."""
    matrix, view, found = layout().matrix_world, area.spaces.active.region_3d, []
    for x, y in pixels:
        at = (x - region.x, window.height - 1 - y - region.y)
        place = view3d_utils.region_2d_to_location_3d(region, view, at, matrix.translation)
        found.append(list(matrix.inverted() @ place)[:2])
    return found


def region_box(kind):
    """A region of the 3D view in screen pixels: left, top, width, height."""
    r = next(r for r in area.regions if r.type == kind)
    return [r.x, window.height - (r.y + r.height), r.width, r.height]


def sidebar():
    """The view's sidebar as a context."""
    found = next(r for r in area.regions if r.type == "UI")
    return bpy.context.temp_override(window=window, area=area, region=found)


def open_sidebar():
    """Show the sidebar with the extension's tab; the tab can be chosen once it was drawn."""
    area.spaces.active.show_region_ui = True

    def choose():
        next(r for r in area.regions if r.type == "UI").active_panel_category = "EarthCrafter"

    bpy.app.timers.register(choose, first_interval=0.5)


def scroll_sidebar():
    """Show what is further down."""
    with sidebar():
        for _ in range(8):
            bpy.ops.view2d.scroll_down(deltay=-40)


def under_mouse():
    """The call or the property that stands behind the button under the mouse in the sidebar; empty where there is none."""
    with sidebar():
        for copy in (bpy.ops.ui.copy_python_command_button, bpy.ops.ui.copy_data_path_button):
            if copy.poll():
                copy()
                return bpy.context.window_manager.clipboard
    return ""
