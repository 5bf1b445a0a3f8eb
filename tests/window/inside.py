"""Runs in Blender's window: what the tests ask it."""
import importlib
import time

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


class Watch:
    """Watches Blender's main thread by a timer of 5 ms, and how long each call of the extension's own functions takes.

    Attributes:
        gaps: seconds between two calls of the timer; quiet: those in which Blender redrew no part of the window.
        own: name of a function -> the longest of its calls and the processor time of the longest, seconds.
        marks: what happened -> seconds since Generate.
    """

    INTERVAL = 0.005

    def __init__(self):
        self.gaps, self.quiet, self.own, self.marks = [], [], {}, {}
        self.start = self.last = None
        self.drawn = False
        for space in (bpy.types.SpaceView3D, bpy.types.SpaceOutliner, bpy.types.SpaceProperties,
                      bpy.types.SpaceDopeSheetEditor):
            for kind in ("WINDOW", "HEADER", "UI", "TOOLS", "TOOL_HEADER"):
                try:
                    space.draw_handler_add(self._note_redraw, (), kind, "POST_PIXEL")
                except TypeError:  # this space has no such region
                    pass
        self.over = False
        service = part("engine_service")
        self._wrap(service, "tick")
        self._wrap(part("preview_view").PreviewView, "_draw")
        for base, names in ((bpy.types.Panel, ("draw", "draw_header", "draw_header_preset")),
                            (bpy.types.Operator, ("invoke", "execute", "modal"))):
            for cls in base.__subclasses__():
                if cls.__name__.startswith("EARTHCRAFTER_"):
                    for name in names:
                        if name in cls.__dict__:
                            self._wrap(cls, name)
        self.service = service

    def _note_redraw(self):
        self.drawn = True

    def _wrap(self, owner, name):
        inner = getattr(owner, name)
        called = f"{owner.__name__.rpartition('.')[2]}.{name}"

        def timed(*arguments, **options):
            """Calls the function, and takes the time."""
            begun, used = time.perf_counter(), time.thread_time()
            if called.endswith("generate.execute"):  # Generate, and Regenerate Area
                self.start, self.marks, self.gaps, self.quiet, self.own = begun, {}, [], [], {}
            if called == "EARTHCRAFTER_OT_cancel.execute":
                self.marks["cancel"] = begun - self.start
            try:
                return inner(*arguments, **options)
            finally:
                took = time.perf_counter() - begun, time.thread_time() - used
                self.own[called] = tuple(map(max, took, self.own.get(called, (0.0, 0.0))))

        # Blender passes as many arguments as the function's code names
        signatures = {2: lambda self, context: timed(self, context),
                      3: lambda self, context, event: timed(self, context, event)}
        is_blenders = isinstance(owner, type) and issubclass(owner, bpy.types.Panel | bpy.types.Operator)
        setattr(owner, name, signatures[inner.__code__.co_argcount] if is_blenders else timed)

    def tick(self):
        """The timer."""
        now = time.perf_counter()
        if self.start is not None and self.last is not None:
            self.gaps.append(now - self.last)
            if not self.drawn:
                self.quiet.append(now - self.last)
            self.drawn = False
            for mark, holds in (("preview", self.service.view.arrays is not None), ("idle", session().job is None),
                                ("place", bool(places()))):
                if holds:
                    self.marks.setdefault(mark, now - self.start)
        self.last = time.perf_counter()
        return None if self.over else self.INTERVAL

    def figures(self):
        """What was seen since Generate was pressed."""
        slow = dict(sorted(self.own.items(), key=lambda item: item[1], reverse=True)[:6])
        return {"longest_gap_ms": round(1e3 * max(self.gaps)),
                "longest_gap_without_redraw_ms": round(1e3 * max(self.quiet)),
                "gaps_over_50_ms": sum(g > 0.05 for g in self.gaps),
                "own_longest_ms": {name: [round(1e3 * value, 1) for value in took] for name, took in slow.items()},
                "seconds_until": {name: round(seconds, 2) for name, seconds in self.marks.items()}}


def redraw_seconds():
    """The longest redraw of the window as it is, of five; the extension's panels and drawings are part of it."""
    found = []
    for _ in range(5):
        begun = time.perf_counter()
        for a in window.screen.areas:
            a.tag_redraw()
        bpy.ops.wm.redraw_timer(type="DRAW_WIN_SWAP", iterations=1)
        found.append(time.perf_counter() - begun)
    return max(found)
