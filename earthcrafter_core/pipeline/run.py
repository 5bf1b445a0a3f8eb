"""How to generate, and one run of it: settings, progress, the time left, cancel, and what each stage took."""
from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, TypeVar

import torch

from ..errors import BadInput, Cancelled, OutOfMemory
from ..machine import peak_memory_mb
from ..mesh.options import MeshOptions, SplatOptions
from ..models.blocks import ConvBlock, SwinBlock
from ..scene.needs import TWO_CORES, stage_seconds

if TYPE_CHECKING:
    from .networks import Models

Progress = Callable[[str, int, int, float, float], None]
"""stage, step, steps of the stage, overall fraction 0..1, seconds left of the whole run"""

STAGES = ("load", "coarse", "fine", "voxels", "surfaces", "texture", "surfels", "drape", "mesh", "write")
OF_STRUCTURE = ("coarse", "fine", "voxels", "surfaces")
"""Stages that a new texture goes without."""
GUIDANCE = {"coarse": 1.5, "fine": 1.0, "texture": 1.0}
"""Guidance of each stage where none is asked for, by layout adherence and IoU on held-out places."""
T = TypeVar("T")
PATIENCE = 0.05  # seconds between two looks at cancel
TRUST = 0.03
"""After this share of its expected time a run's own speed counts as much as that of the run before."""


@dataclass
class Settings:
    """How to generate.

    Attributes:
        seed: any integer; every seed gives the same scene again on the same device.
        steps: sampling steps of each flow, 1..1000. guidance: classifier-free guidance of all three flows, None for GUIDANCE.
        device: "cpu" or "cuda". voxel_size: metres; the default weights are trained at 1.
        relief: "generated" or "flat"; a layout with an elevation is always draped on that.
        weights: folder of weights, None for the shipped ones. configuration: name of the model configuration.
        mesh: style of the mesh, one of mesh.options.STYLES. colours: of the mesh, one of mesh.options.COLOURS. texels: texels
            a metre of its textures, 1..16.
        splats: where they come from, one of mesh.options.SPLATS. splat_size: metres across the finest of those from meshes.
    """

    seed: int = 0
    steps: int = 25
    guidance: float | None = None
    device: str = "cpu"
    voxel_size: float = 1.0
    relief: str = "generated"
    weights: Path | None = None
    configuration: str = "default"
    mesh: str = "clean"
    colours: str = "texture"
    texels: float = 8.0
    splats: str = "meshes"
    splat_size: float = 0.125

    def __post_init__(self) -> None:
        if not 1 <= self.steps <= 1000:
            raise BadInput(f"{self.steps} steps are out of range.", "Give 1 to 1000 steps; 25 is a good number.")
        if self.guidance is not None and not 0 <= self.guidance <= 20:
            raise BadInput(f"The guidance {self.guidance} is out of range.", "Give 0 to 20; 1 turns it off.")
        if self.relief not in ("generated", "flat"):
            raise BadInput(f"The relief {self.relief!r} is not known.", "Use 'generated' or 'flat'.")
        if not 0.25 <= self.voxel_size <= 8:
            raise BadInput(f"The voxel size {self.voxel_size} m is out of range.", "Give 0.25 to 8 metres; 1 is a good one.")
        if self.device.startswith("cuda") and not torch.cuda.is_available():
            raise BadInput("There is no CUDA device here.", "Use the device 'cpu'.")
        self.mesh_options(), self.splat_options()  # say what is wrong with them

    def mesh_options(self) -> MeshOptions:
        """How the mesh is made. Raises BadInput."""
        return MeshOptions(self.mesh, self.colours, self.texels)

    def splat_options(self) -> SplatOptions:
        """Where the splats come from. Raises BadInput."""
        return SplatOptions(self.splats, self.splat_size)

    def guidance_of(self, stage: str) -> float:
        """Guidance of one flow."""
        return GUIDANCE[stage] if self.guidance is None else self.guidance


@dataclass
class Run:
    """One run.

    Attributes:
        settings, progress, cancel: as given to `generate`.
        shape: voxels (H, W) of what is sampled, for the time that each stage will take. whole: of what is written, where it
            is more.
        report: seconds and peak memory of each stage so far.
        without: stages that the run goes without.
        corner: cells (x, y) of the canvas's corner in the place that it is a part of.
    """

    settings: Settings
    progress: Progress | None = None
    cancel: Callable[[], bool] | None = None
    shape: tuple[int, int] = (128, 128)
    report: dict[str, dict[str, float]] = field(default_factory=dict)
    without: tuple[str, ...] = ()
    corner: tuple[int, int] = (0, 0)
    whole: tuple[int, int] | None = None
    _paces: ClassVar[dict[str, float]] = {}  # of the last run on each device: its seconds over the expected ones
    _expected: dict[str, float] = field(default_factory=dict)  # seconds of each stage, by the measurements
    _begun: float = 0.0
    _stage_begun: float = 0.0
    _behind: float = 0.0  # expected seconds of the stages that are done

    def __post_init__(self) -> None:
        s = self.settings
        guided = s.guidance not in (None, 1.0)
        of_stage = stage_seconds(self.shape, s.steps, guided, s.device)
        if self.whole is not None:
            written = stage_seconds(self.whole, s.steps, guided, s.device)
            of_stage |= {name: written[name] for name in ("mesh", "write")}
        self._expected = {k: v for k, v in of_stage.items() if k not in self.without}

    def check(self) -> None:
        """Raise Cancelled where the run is to stop; to be called at least every half second or so."""
        if self.cancel is not None and self.cancel():
            raise Cancelled

    def patiently(self, work: Callable[[Callable[[], None]], T]) -> T:
        """work(check) in a thread of its own, so that a cancel is heard while a library computes for seconds.

        Then the thread is left: it ends at its next call of check, and what it made is thrown away.
        """
        left, made = threading.Event(), Future[T]()

        def check() -> None:
            if left.is_set():
                raise Cancelled

        def run() -> None:
            try:
                made.set_result(work(check))
            except BaseException as e:
                made.set_exception(e)

        threading.Thread(target=run, name="earthcrafter-patient", daemon=True).start()
        try:
            while not wait([made], PATIENCE).done:
                self.check()
        except BaseException:
            left.set()
            raise
        return made.result()

    @contextmanager
    def listening(self, models: Models) -> Iterator[None]:
        """Look at cancel before every block of the networks: one step of a large place takes longer than a second."""
        blocks = [b for network in models.networks for b in network.modules() if isinstance(b, ConvBlock | SwinBlock)]
        handles = [b.register_forward_pre_hook(lambda *_: self.check()) for b in blocks]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    @contextmanager
    def stage(self, name: str) -> Iterator[Callable[[int, int], None]]:
        """Time a stage; gives a function to tell its steps, which looks at cancel too."""
        self._stage_begun = time.perf_counter()
        if name != "load":  # reading files says nothing of how fast the machine computes
            self._begun = self._begun or self._stage_begun

        def step(i: int, n: int) -> None:
            self.check()
            self._tell(name, i, n)

        step(0, 1)
        try:
            yield step
        except torch.OutOfMemoryError as e:
            raise OutOfMemory(f"The device has too little memory for the stage {name!r}.",
                              "Use a smaller layout or the device 'cpu'.") from e
        except MemoryError as e:
            raise OutOfMemory(f"The machine has too little memory for the stage {name!r}.", "Use a smaller layout.") from e
        except RuntimeError as e:
            if "can't allocate memory" in str(e) or "not enough memory" in str(e):  # torch's allocator on the CPU
                raise OutOfMemory(f"The machine has too little memory for the stage {name!r}.",
                                  "Use a smaller layout.") from e
            raise
        self.note(name)
        self._behind += self._expected[name]
        self._tell(name, 1, 1, done=True)

    def note(self, name: str) -> None:
        """Write down what the stage that runs has taken so far."""
        self.report[name] = {"seconds": round(time.perf_counter() - self._stage_begun, 3), "peak_memory_mb": peak_memory_mb()}

    def _tell(self, name: str, i: int, n: int, done: bool = False) -> None:
        """Progress: the expected seconds that lie behind are its fraction, and what remains of them is scaled by how fast
        this run has been."""
        if self.progress is None:
            return
        total = sum(self._expected.values())
        behind = min(self._behind + (0.0 if done else self._expected[name] * i / n), total)
        elapsed = time.perf_counter() - self._begun if self._begun else 0.0
        computed = max(behind - self._expected["load"], 0.0) if self._begun else 0.0
        device = self.settings.device
        before = self._paces.get(device, TWO_CORES if torch.get_num_threads() > 1 else 1.0)
        pace = (elapsed + TRUST * total * before) / (computed + TRUST * total)
        if done and name == STAGES[-1]:
            self._paces[device] = elapsed / max(computed, 1e-9)
        self.progress(name, i, n, behind / total, (total - behind) * pace)
