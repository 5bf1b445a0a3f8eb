"""Installing the engine: a new environment with the pinned packages, tried by its self-test, then switched to. No bpy.

Until the switch nothing that was there is touched; a failure or Cancel removes the new folder and leaves the old engine.
"""
from __future__ import annotations

import json
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .background import remove_folder
from .child_task import ChildTask
from .earthcrafter_core.errors import BadInput
from .engine_client import EngineError, engine_environment
from .engine_home import REQUIREMENTS, EngineHome, interpreter
from .pip_output import PipProgress, explain
from .self_test import SelfTestReader

BUILDS = ("cpu", "cuda", "apple")
TORCH_INDEX = "https://download.pytorch.org/whl/"
PACKAGE_INDEX = "https://pypi.org/simple"
WINDOWS_CUDA = "cu130"  # the CUDA release that PyPI's own build for Linux carries
SIZES = {("linux", "cpu"): (370, 1440), ("linux", "cuda"): (2909, 5490), ("win32", "cpu"): (261, 933),
         ("darwin", "apple"): (245, 1066)}
"""(download, on disk) in MB, by system and build: on Linux of real installations before there were exports, to which the wheels
of these are added; for the others the pinned list's wheels summed and the 36 MB that the environment itself takes on Linux."""
_PYTHONS = ((3, 11), (3, 14))
_LOOK = ("import importlib.util as u, json, struct, sys; print(json.dumps([list(sys.version_info[:3]), "
         "struct.calcsize('P') * 8, [m for m in ('venv', 'ensurepip') if u.find_spec(m) is None]]))")


@dataclass(frozen=True)
class Plan:
    """What to install, and from where.

    Attributes:
        python: interpreter that the environment is made from.
        build: "cpu", "cuda" or "apple": the build of torch.
        home: where environments live.
        core: folder that holds the package earthcrafter_core, for the self-test.
        cache: folder for compiled code.
        log: file for everything that is printed.
        wheels: folder of wheels to install from without any network; None: the internet.
    """

    python: Path
    build: str
    home: EngineHome
    core: Path
    cache: Path
    log: Path
    wheels: Path | None = None

    def sizes(self) -> tuple[int, int] | None:
        """(download, on disk) in MB, None where they were never measured."""
        return SIZES.get((sys.platform, self.build))


def suggested_build() -> str:
    """The build of torch that this machine can use: Apple's, CUDA where NVIDIA's driver is installed, else the CPU's."""
    if sys.platform == "darwin":
        return "apple"
    return "cuda" if shutil.which("nvidia-smi") is not None else "cpu"


def torch_commands(build: str, pinned: str) -> list[list[str]]:
    """pip's arguments for that build of torch, to be tried one after another; none where the plain package is right.

    Plain PyPI has the CPU's build for Windows, Apple's for macOS, and CUDA's for Linux.
    """
    if build == "cpu" and sys.platform.startswith("linux"):
        local, index = "cpu", "cpu"
    elif build == "cuda" and sys.platform == "win32":
        local = index = WINDOWS_CUDA
    else:
        return []
    wanted = f"{pinned}+{local}"
    return [[wanted], [wanted, "--index-url", TORCH_INDEX + index, "--extra-index-url", PACKAGE_INDEX]]


class Installer(ChildTask):
    """Installs an engine by a plan. `report` is the new engine's self-test, None before.

    Args:
        plan: what and from where.
        requirements: the pinned list.
    """

    def __init__(self, plan: Plan, requirements: Path = REQUIREMENTS):
        super().__init__(plan.log)
        self.plan = plan
        self.report: dict[str, Any] | None = None
        self._requirements = requirements
        self._environment: Path | None = None
        self._env = pip_environment(plan)

    def work(self) -> None:
        """Make, fill, try, switch. Raises EarthCrafterError."""
        version = self._look_at_python()
        self._look_at_disk()
        self._environment = environment = self.plan.home.new_environment()
        self._show("Making the environment", 0.02)
        self._make_environment(environment)
        python = interpreter(environment)
        if python is None:
            raise EngineError("The new environment has no Python.", "Choose another Python.", "python")
        self._install(python)
        self._show("Trying the engine", 0.9)
        self._try(python)
        self._show("Switching", 0.99)
        shutil.rmtree(environment / "tmp", ignore_errors=True)
        self.plan.home.switch(environment, version, self.plan.build)
        self._environment = None
        self.plan.home.clear()
        self._show("Installed", 1.0)

    def clean_up(self) -> None:
        """Remove the new folder."""
        if self._environment is not None:
            remove_folder(self._environment)

    def _show(self, text: str, fraction: float) -> None:
        self.text, self.fraction = text, max(self.fraction, fraction)

    def _look_at_python(self) -> str:
        """The interpreter's version, e.g. "3.11.9". Raises EngineError where it cannot be used."""
        printed: list[str] = []
        self._show("Looking at Python", 0.01)
        status = self.call([self.plan.python, "-c", _LOOK], self._env, self.plan.home.folder.parent, printed.append)
        try:
            version, bits, lacking = json.loads(printed[-1])
        except (ValueError, IndexError, TypeError):
            raise EngineError(f"{self.plan.python} does not run as a Python (exit status {status}).",
                              "Choose another Python.", "python") from None
        name = ".".join(map(str, version))
        if not _PYTHONS[0] <= tuple(version[:2]) <= _PYTHONS[1] or bits != 64:
            raise EngineError(f"Python {name} ({bits} bit) cannot run the engine.",
                              "Choose a 64-bit Python from 3.11 to 3.14.", "python")
        if lacking:
            raise EngineError(f"Python {name} at {self.plan.python} has no {' and no '.join(lacking)}.",
                              "Choose another Python; on Debian and Ubuntu the package "
                              f"python{version[0]}.{version[1]}-venv adds it.", "python")
        return name

    def _look_at_disk(self) -> None:
        sizes = self.plan.sizes()
        folder = self.plan.home.folder
        folder.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(folder).free / 1e6
        if sizes is not None and free < sum(sizes):
            raise EngineError(f"The engine needs {sum(sizes) / 1000:.1f} GB while it is installed, and {folder} has "
                              f"{free / 1000:.1f} GB free.", "Free some space and install the engine again.", "install")

    def _make_environment(self, environment: Path) -> None:
        printed: list[str] = []
        status = self.call([self.plan.python, "-m", "venv", environment], self._env, environment, printed.append)
        if status:
            said = next((line.strip() for line in reversed(printed) if line.strip()), "")
            raise EngineError(f"The environment could not be made (exit status {status}: {said[:160]}).",
                              "Choose another Python; the installation's log has the details.", "python")

    def _install(self, python: Path) -> None:
        plan = self.plan
        (python.parents[1] / "tmp").mkdir(exist_ok=True)
        listed = ["-r", str(self._requirements)]
        if plan.wheels is not None:
            if not plan.wheels.is_dir():
                raise BadInput(f"There is no folder {plan.wheels}.", "Choose the folder that holds the wheels.")
            self._pip(python, ["--no-index", "--find-links", str(plan.wheels), *listed], (0.05, 0.9))
            return
        pinned = next(line.strip() for line in self._requirements.read_text(encoding="utf-8").splitlines()
                      if line.startswith("torch=="))
        attempts = torch_commands(plan.build, pinned)
        for arguments in attempts:
            try:
                self._pip(python, arguments, (0.05, 0.55))
                break
            except EngineError:
                if arguments is attempts[-1]:
                    raise
        self._pip(python, listed, (0.55, 0.9) if attempts else (0.05, 0.9))

    def _pip(self, python: Path, packages: list[str], span: tuple[float, float]) -> None:
        """Run pip install. Raises EngineError with what its output means."""
        environment = python.parents[1]
        command: list[str | Path] = [python, "-m", "pip", "install", "--no-input", "--disable-pip-version-check",
                                     "--no-cache-dir", "--progress-bar", "off", "--retries", "2", *packages]
        env = self._env | {name: str(environment / "tmp") for name in ("TMPDIR", "TEMP", "TMP")}
        with PipProgress(self._show, environment, span, self.plan.wheels is None) as progress:
            status = self.call(command, env, environment, progress.read)
        if status:
            raise explain(progress.reader.lines, status, self.plan.wheels is not None)

    def _try(self, python: Path) -> None:
        """The self-test with the new Python. Raises EngineError where it fails."""
        reader = SelfTestReader()

        def on_line(line: str) -> None:
            reader.read(line)
            self._show(f"Trying the engine: {reader.text}", 0.9)

        status = self.call([python, "-m", "earthcrafter_core.engine.self_test", "--device", "cpu"],
                           engine_environment(self.plan.core, self.plan.cache), self.plan.core, on_line)
        self.report = reader.report
        if status or not reader.ok:
            raise EngineError(f"The new engine does not work ({reader.failure(status)}).",
                              "The engine in use was left as it was; the installation's log has the details.", "install")


def pip_environment(plan: Plan) -> dict[str, str]:
    """The environment of pip: without Python's variables; a person's settings of pip count for the internet alone."""
    env = engine_environment(plan.core, plan.cache)
    del env["PYTHONPATH"]
    if plan.wheels is not None:  # settings may name servers and other folders
        return {k: v for k, v in env.items() if not k.startswith("PIP_")} | {"PIP_CONFIG_FILE": os.devnull}
    return env | {"PIP_USER": "0", "PIP_REQUIRE_VIRTUALENV": "0"}
