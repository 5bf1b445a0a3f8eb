"""What a generation will need on this machine: the core's measured figures, corrected by what earlier jobs took here."""
from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from .earthcrafter_core.scene.needs import Needs, needs

_FILE = "speed.json"
_WEIGHT = 0.5  # share of the newest job in this machine's speed
_SPARE = 0.9  # share of the free memory that may be used


@dataclass(frozen=True)
class Forecast:
    """What a generation needs, and whether it fits.

    Attributes:
        needs: seconds and bytes. free: bytes free where it runs, 0 where unknown.
        measured: whether earlier jobs on this device have corrected the seconds.
    """

    needs: Needs
    free: int
    measured: bool

    @property
    def fits(self) -> bool:
        """Whether the memory suffices, as far as known."""
        return not self.free or self.needs.memory_bytes <= self.free * _SPARE

    def text(self) -> str:
        """E.g. "About 8 s and 0.9 GB"."""
        return f"About {duration(self.needs.seconds)} and {self.needs.memory_bytes / 1e9:.1f} GB"


def duration(seconds: float) -> str:
    """Seconds as a person reads them."""
    if seconds < 90:
        return f"{max(round(seconds), 1)} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


class Speed:
    """How long jobs take on this machine's devices against the core's figures, kept in a folder of the extension."""

    def __init__(self) -> None:
        self._ratio: dict[str, float] | None = None

    def forecast(self, folder: Path, shape: tuple[int, int], cell_size: float, steps: int, voxel_size: float, device: str,
                 free: int) -> Forecast:
        """The forecast of a layout of `shape` cells (H, W); free: bytes free on the device, 0 where unknown."""
        ratios = self._read(folder)
        speed = ratios.get(device, 1.0)
        return Forecast(needs(shape, cell_size, steps, voxel_size, device, speed), free, device in ratios)

    def learn(self, folder: Path, shape: tuple[int, int], cell_size: float, steps: int, voxel_size: float, device: str,
              seconds: float) -> None:
        """Take a finished job's seconds into account; a disk that is full costs only that."""
        expected = needs(shape, cell_size, steps, voxel_size, device, 1.0).seconds
        if expected <= 0 or seconds <= 0:
            return
        ratios = self._read(folder)
        now = seconds / expected
        ratios[device] = now if device not in ratios else (1 - _WEIGHT) * ratios[device] + _WEIGHT * now
        temporary = folder / f"{_FILE}.tmp"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            temporary.write_text(json.dumps(ratios), encoding="utf-8")
            os.replace(temporary, folder / _FILE)
        except OSError:
            temporary.unlink(missing_ok=True)

    def _read(self, folder: Path) -> dict[str, float]:
        if self._ratio is None:
            try:
                kept = json.loads((folder / _FILE).read_text(encoding="utf-8"))
                self._ratio = {str(k): float(v) for k, v in kept.items() if 0 < float(v) < 1e4}
            except (OSError, ValueError, TypeError, AttributeError):
                self._ratio = {}
        return self._ratio
