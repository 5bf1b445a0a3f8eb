"""A real window of Blender for tests: a fresh profile with the built extension, Python inside it, mouse, keys, pictures.

The window is opened and driven by a tool outside this repository (window.py, beside it under shared/, or wherever
EARTHCRAFTER_WINDOW_TOOL says), which needs root and Debian. It has one window at a time.
"""
from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from window_tool import ROOT, alive, close_abandoned, pids_of_window, tool_module, tool_path

OUTPUT = ROOT / "build" / "window"
PROFILE = OUTPUT / "profile"
ENGINE = "earthcrafter_core.engine"
START_SECONDS = 120


class WindowError(Exception):
    """The window or Blender in it did not do what was asked; the text has the tool's output."""


def engines() -> list[int]:
    """Pids of the engines that this profile's Blender has started and that still run, or have ended unreaped."""
    mark = f"BLENDER_USER_RESOURCES={PROFILE}".encode()
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            environment, command = (folder / "environ").read_bytes(), (folder / "cmdline").read_bytes()
        except OSError:
            continue
        if mark in environment.split(b"\0") and ENGINE.encode() in command:
            found.append(int(folder.name))
    return found


class Window:
    """One open window with a fresh profile. Use as a context: it is closed at the end whatever happened.

    Args:
        extension: zip to install.
        folder: folder for results; emptied.
    """

    def __init__(self, extension: Path, folder: Path):
        self._extension, self._folder = extension, folder
        self.pids: dict[str, int] = {}
        self._log = Path(os.devnull)

    def __enter__(self) -> Window:
        close_abandoned()
        for made in (PROFILE, self._folder):
            shutil.rmtree(made, ignore_errors=True)
            made.mkdir(parents=True)
        try:
            said = self._tool("start", "--extension", str(self._extension), "--mount", str(ROOT), sys.base_prefix,
                              timeout=START_SECONDS)
            self._log = Path(said.rpartition("log in ")[2].strip() or os.devnull)
            self.pids = pids_of_window()
            for name in ("inside.py", "watch.py"):
                self.py(Path(__file__).with_name(name).read_text(encoding="utf-8"))
            self.py(f"set_up({sys.executable!r}, {str(self._folder)!r})")
            time.sleep(1)  # the sidebar's tab is chosen by a timer
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def close(self) -> None:
        """End Blender and the screen; by force where they stay."""
        pids = self.pids or pids_of_window()
        log = self.log()
        if tool_module().STATE.exists():
            subprocess.run([sys.executable, str(tool_path()), "stop"], capture_output=True, timeout=60)
        end = time.monotonic() + 10
        while any(alive(pid) for pid in pids.values()) and time.monotonic() < end:
            time.sleep(0.1)
        for pid in pids.values():
            if alive(pid):
                os.killpg(pid, signal.SIGKILL)
        for pid in engines():
            os.kill(pid, signal.SIGKILL)
        OUTPUT.mkdir(parents=True, exist_ok=True)
        (OUTPUT / "blender.log").write_text(log)

    @property
    def results(self) -> list[Path]:
        """Folders of whole results, oldest first."""
        return sorted((f for f in self._folder.iterdir() if (f / "scene.json").is_file() and f.name[0] != "."),
                      key=lambda f: f.stat().st_mtime)

    @property
    def parts(self) -> list[Path]:
        """What lies in the results folder and is no whole result."""
        return [f for f in self._folder.iterdir() if f not in self.results]

    def log(self) -> str:
        """What Blender wrote."""
        return self._log.read_text(errors="replace")

    def complaints(self) -> list[str]:
        """Lines of the log in which Blender tells of an exception in Python."""
        return [line[:300] for line in self.log().splitlines() if "Python script error" in line or "Error: Python" in line]

    def _tool(self, *arguments: str, timeout: float = 60) -> str:
        """Call the tool as a program; its output. Raises WindowError."""
        kept = {k: os.environ[k] for k in ("PATH", "HOME") if k in os.environ}
        env = kept | {"LANG": "C.UTF-8", "BLENDER_USER_RESOURCES": str(PROFILE)}
        try:
            done = subprocess.run([sys.executable, str(tool_path()), *arguments], capture_output=True, text=True,
                                  timeout=timeout, env=env)
        except subprocess.TimeoutExpired as e:
            raise WindowError(f"{arguments[0]}: no answer in {timeout:.0f} s") from e
        if done.returncode:
            raise WindowError(f"{arguments[0]}: {done.stdout}{done.stderr}")
        return done.stdout

    def py(self, source: str, timeout: float = 60) -> str:
        """Run Python in Blender with the 3D view as its context; what it printed. Names stay from call to call."""
        try:
            answer = tool_module().py(source, timeout)
        except SystemExit as e:  # the tool's way to say that Blender has ended or stands still
            raise WindowError(str(e.code)) from e
        if not answer["ok"]:
            raise WindowError(answer["out"])
        return answer["out"]

    def ask(self, expression: str, timeout: float = 60) -> Any:
        """Value of a Python expression in Blender, by way of JSON."""
        lines = self.py(f"import json\nprint('=>' + json.dumps({expression}))", timeout).splitlines()
        return json.loads(next(line[2:] for line in reversed(lines) if line.startswith("=>")))

    def wait(self, expression: str, seconds: float, what: str, hopeless: str = "False") -> Any:
        """Ask until the answer is true; it. Raises WindowError, at once where the expression `hopeless` is true."""
        end = time.monotonic() + seconds
        while not (answer := self.ask(expression)):
            if time.monotonic() > end or self.ask(hopeless):
                raise WindowError(f"not within {seconds:.0f} s: {what}; {self.ask('told()')}")
            time.sleep(0.2)
        return answer

    def shot(self, name: str) -> Path:
        """A picture of the whole screen in build/window."""
        OUTPUT.mkdir(parents=True, exist_ok=True)
        self._tool("shot", str(OUTPUT / f"{name}.png"))
        return OUTPUT / f"{name}.png"

    def key(self, *names: str) -> None:
        """Press keys one after another, e.g. "ctrl+z"."""
        for name in names:
            self._tool("key", name)
            self._handled(0.3)

    def move(self, x: float, y: float) -> None:
        """Put the mouse there (screen pixels from the upper left)."""
        tool_module().xdo("mousemove", round(x), round(y))
        self._handled(0.03)

    def click(self, x: float, y: float) -> None:
        """Click there."""
        self._tool("click", str(x), str(y))
        self._handled(0.1)

    def drag(self, points: list[list[float]]) -> None:
        """Press at the first point, go over the others, release at the last."""
        self._tool("drag", *(str(value) for point in points for value in point))
        self._handled(0.3)

    def _handled(self, seconds: float) -> None:
        """Wait until Blender has handled the last event of mouse or keys.

        Python runs in a turn of Blender's loop after new events were read, but before they are handled: what one call
        could see too early, the next one sees.
        """
        time.sleep(seconds)
        self.py("pass")

    def button(self, says: str, near: tuple[float, float] | None = None) -> tuple[float, float]:
        """Screen place of a button in the sidebar. Raises WindowError where there is none.

        The mouse goes down the sidebar, which is scrolled where that does not find it, and Blender is asked which
        operator the button under it calls, or which property it sets.

        Args:
            says: how that call or property begins, e.g. "bpy.ops.earthcrafter.generate(".
            near: where to look first.
        """
        x, y, width, height = self.ask("region_box('UI')")
        columns = [x + 0.4 * width, x + 0.75 * width]
        if near is not None:
            for down in (0, 14, -14, 28, -28, 42, -42, 56, -56):
                for across in columns:
                    if self._is_over(across, near[1] + down, says):
                        return across, near[1] + down
        for _scrolled in range(4):
            for across in columns:
                for down in range(8, int(height) - 8, 15):
                    if self._is_over(across, y + down, says):
                        return across, y + down
            self.py("scroll_sidebar()")
        raise WindowError(f"no button in the sidebar says {says}")

    def _is_over(self, x: float, y: float, says: str) -> bool:
        self.move(x, y)
        return self.ask("under_mouse()").startswith(says)

    def over_view(self) -> None:
        """Put the mouse over the 3D view, so that keys go there."""
        x, y, width, height = self.ask("region_box('WINDOW')")
        self.move(x + 0.4 * width, y + 0.5 * height)

    def engines_after(self, seconds: float) -> list[int]:
        """Engines that still run, or have ended unreaped, so long after now at most."""
        end = time.monotonic() + seconds
        while (found := engines()) and time.monotonic() < end:
            time.sleep(0.1)
        return found

    def running(self) -> bool:
        """Whether Blender lives and answers."""
        return alive(self.pids["blender"]) and self.ask("1 + 1", timeout=30) == 2

    def quit(self, seconds: float = 30) -> float:
        """Quit Blender as Ctrl+Q without saving does; how many seconds it took to end. Raises WindowError."""
        self.py("bpy.app.timers.register(lambda: bpy.ops.wm.quit_blender() and None, first_interval=0.2)")
        start = time.monotonic()
        while alive(self.pids["blender"]):
            if time.monotonic() > start + seconds:
                raise WindowError(f"Blender did not end within {seconds:.0f} s")
            time.sleep(0.02)
        return time.monotonic() - start
