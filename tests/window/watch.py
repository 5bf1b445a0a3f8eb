"""Runs in Blender's window after inside.py: how long its main thread is held up, and by whom."""
import importlib
import time

import bpy


def _part(name):
    return importlib.import_module(f"bl_ext.user_default.earthcrafter.{name}")


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
        self.service, self.import_ = _part("engine_service"), _part("result_import")
        self._wrap(self.service, "tick")
        self._wrap(_part("preview_view").PreviewView, "_draw")
        for base, names in ((bpy.types.Panel, ("draw", "draw_header", "draw_header_preset")),
                            (bpy.types.Operator, ("invoke", "execute", "modal"))):
            for cls in base.__subclasses__():
                if cls.__name__.startswith("EARTHCRAFTER_"):
                    for name in names:
                        if name in cls.__dict__:
                            self._wrap(cls, name)

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
            for mark, holds in (("preview", self.service.view.arrays is not None),
                                ("idle", self.service.session.job is None),
                                ("place", bool(self.import_.places(bpy.context.scene)))):
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
        for a in bpy.context.window.screen.areas:
            a.tag_redraw()
        bpy.ops.wm.redraw_timer(type="DRAW_WIN_SWAP", iterations=1)
        found.append(time.perf_counter() - begun)
    return max(found)
