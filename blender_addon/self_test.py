"""The engine's self-test: a child process that tells its steps in lines of JSON, and a report for a bug report. No bpy."""
from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from .child_task import ChildTask
from .engine_client import EngineError, engine_environment


class SelfTestReader:
    """Follows the self-test's lines: {"step", "ok", "text"}, and {"report": {...}} at the end.

    Attributes:
        steps: (step, ok, text) as they came.
        report: the report, or None.
        noise: the last other lines, e.g. a Python traceback.
    """

    def __init__(self) -> None:
        self.steps: list[tuple[str, bool, str]] = []
        self.report: dict[str, Any] | None = None
        self.noise: list[str] = []

    @property
    def text(self) -> str:
        """The last step, for a person."""
        return self.steps[-1][2] if self.steps else "starting"

    @property
    def ok(self) -> bool:
        """Whether the test came to its end and nothing failed."""
        return self.report is not None and bool(self.report.get("ok")) and all(ok for _, ok, _ in self.steps)

    def read(self, line: str) -> None:
        """Take one line."""
        try:
            said = json.loads(line)
            if "report" in said:
                self.report = dict(said["report"])
            else:
                self.steps.append((str(said["step"]), bool(said["ok"]), str(said["text"])))
        except (ValueError, KeyError, TypeError):
            if line.strip():
                self.noise = [*self.noise[-19:], line.strip()]

    def failure(self, status: int) -> str:
        """What went wrong, in a few words."""
        failed = next((text for _, ok, text in self.steps if not ok), "")
        said = failed or (self.noise[-1] if self.noise else "")
        return said[:200].rstrip(".") or f"exit status {status}"


class SelfTest(ChildTask):
    """Runs the self-test with a Python. `reader` has what it has told so far.

    Args:
        python: the engine's interpreter.
        device: "cpu", "cuda:0" ...
        core: folder that holds the package earthcrafter_core.
        cache: folder for compiled code.
        log: file for everything that is printed.
    """

    def __init__(self, python: Path, device: str, core: Path, cache: Path, log: Path):
        super().__init__(log)
        self.reader, self.status = SelfTestReader(), 0
        self._python, self._device, self._core, self._cache = python, device, core, cache

    def work(self) -> None:
        """Run it. Raises EngineError where it fails."""
        self.text = "Testing the engine"
        self.status = self.call([self._python, "-m", "earthcrafter_core.engine.self_test", "--device", self._device],
                                engine_environment(self._core, self._cache), self._core, self._read)
        if self.status or not self.reader.ok:
            raise EngineError(f"The self-test failed: {self.reader.failure(self.status)}.",
                              "Install the engine again, or copy the report into a bug report.", "self_test")

    def _read(self, line: str) -> None:
        self.reader.read(line)
        self.text, self.fraction = self.reader.text, min(len(self.reader.steps) / 6, 1.0)


def report_text(reader: SelfTestReader | None, about: dict[str, str]) -> str:
    """The report as text for a bug report.

    Args:
        reader: what the self-test told, or None where it was not run.
        about: more lines, by name: Blender's version, the add-on's ...
    """
    lines = ["EarthCrafter self-test"] + [f"{name}: {value}" for name, value in about.items()]
    if reader is None:
        return "\n".join([*lines, "The self-test was not run."])
    lines += [f"[{'ok' if ok else 'FAILED'}] {step}: {text}" for step, ok, text in reader.steps]
    if reader.report is not None:
        lines += [f"{name}: {value if isinstance(value, str) else json.dumps(value)}" for name, value in reader.report.items()]
    if not reader.ok:
        lines += ["The last lines:", *reader.noise]
    return "\n".join(lines)
