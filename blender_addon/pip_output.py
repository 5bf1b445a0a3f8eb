"""What pip prints, as progress and as one sentence with its remedy. No bpy."""
from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable
from pathlib import Path

from .earthcrafter_core.errors import EarthCrafterError
from .engine_client import EngineError

_COLLECTING = re.compile(r"^Collecting ([A-Za-z0-9_.\-]+)")
_WHEEL = re.compile(r"^\s*(Downloading|Using cached|Processing) .*?([A-Za-z0-9_.]+)-\d[^/\\\s]*\.whl"
                    r"(?: \(([\d.]+) ([kMG])B\))?")
_INSTALLING = re.compile(r"^Installing collected packages: (.+)$")
_PACKAGES = 20  # that the pinned list comes to; a CUDA build more
_UNITS = {"k": 1e-3, "M": 1.0, "G": 1e3}
_FULL = ("No space left on device", "not enough space on the disk", "WinError 112", "Disk quota exceeded")
_NETWORK = ("Temporary failure in name resolution", "Name or service not known", "getaddrinfo failed", "nodename nor servname",
            "NewConnectionError", "Failed to establish a new connection", "Connection refused", "ConnectTimeout",
            "Read timed out", "ReadTimeoutError", "ProxyError", "SSLError", "CERTIFICATE_VERIFY_FAILED",
            "Network is unreachable", "Connection reset", "Connection broken")
_MISSING = re.compile(r"(?:No matching distribution found for|Could not find a version that satisfies the requirement) (\S+)")
_BROKEN = re.compile(r"(?:Wheel '?([^' ]+)'? .*is invalid|(\S+\.whl) is not a (?:valid|supported) wheel"
                     r"|Invalid wheel filename: '?([^' ]+)|has an invalid wheel|File is not a zip file|BadZipFile)")


class PipReader:
    """Follows pip's lines.

    Attributes:
        text: what pip does now, for a person.
        collected: names of the packages that pip has begun to fetch.
        installing: names of the packages that are being installed, empty before.
        lines: the last lines.
    """

    def __init__(self) -> None:
        self.text = "Asking for the packages"
        self.collected: set[str] = set()
        self.installing: list[str] = []
        self.lines: list[str] = []

    def read(self, line: str) -> None:
        """Take one line."""
        line = line.rstrip()
        self.lines = [*self.lines[-199:], line]
        if (found := _COLLECTING.match(line)) is not None:
            self.collected.add(_normal(found[1]))
            self.text = f"Collecting {found[1]}"
        elif (found := _WHEEL.match(line)) is not None:
            self.collected.add(_normal(found[2]))
            size = f" ({float(found[3]) * _UNITS[found[4]]:.1f} MB)" if found[3] else ""
            self.text = f"{'Downloading' if found[1] == 'Downloading' else 'Taking'} {found[2]}{size}"
        elif (found := _INSTALLING.match(line)) is not None:
            self.installing = [name.strip() for name in found[1].split(",")]
            self.text = f"Installing {len(self.installing)} packages"


class PipProgress:
    """Follows one run of pip and tells how far it is: fetching is the first 60 % of its span, installing the rest.

    pip says nothing while it fetches a large file or unpacks one, so a thread looks at its folders meanwhile.

    Args:
        show: takes a text and a fraction.
        environment: folder of the virtual environment; pip's temporary files lie under its tmp.
        span: fractions at the run's begin and end.
        counts_bytes: whether files are fetched into tmp, so that their size can be told.
    """

    def __init__(self, show: Callable[[str, float], None], environment: Path, span: tuple[float, float], counts_bytes: bool):
        self.reader = PipReader()
        self._show, self._environment, self._span, self._counts_bytes = show, environment, span, counts_bytes
        self._ended = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="earthcrafter-pip", daemon=True)

    def __enter__(self) -> PipProgress:
        self._watcher.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._ended.set()

    def read(self, line: str) -> None:
        """Take one line of pip."""
        self.reader.read(line)
        self._tell()

    def _watch(self) -> None:
        while not self._ended.wait(0.5):
            self._tell()

    def _tell(self) -> None:
        reader, (begin, end) = self.reader, self._span
        if reader.installing:
            names = {_normal(name) for name in reader.installing}
            done = len(names & set(self._installed()))
            part = 0.6 + 0.4 * done / len(names)
            text = f"Installing packages: {done} of {len(names)}"
        else:
            part = 0.6 * min(len(reader.collected) / _PACKAGES, 1.0)
            text = f"{reader.text}, package {len(reader.collected)}"
            if self._counts_bytes:
                text += f", {self._fetched_mb():.0f} MB so far"
        self._show(text, begin + (end - begin) * part)

    def _installed(self) -> list[str]:
        folders = [*_entries(self._environment / "lib"), self._environment / "Lib"]
        return [_normal(p.name.split("-")[0]) for folder in folders for p in _entries(folder / "site-packages")
                if p.name.endswith(".dist-info")]

    def _fetched_mb(self) -> float:
        total = 0
        for file in [f for folder in _entries(self._environment / "tmp") for f in _entries(folder)]:
            try:
                total += file.stat().st_size
            except OSError:
                pass  # pip has just moved it
        return total / 1e6


def _entries(folder: Path) -> list[Path]:
    """What a folder holds; nothing where it is none, or has just gone: pip works in it."""
    try:
        return [folder / name for name in os.listdir(folder)]
    except OSError:
        return []


def explain(lines: list[str], status: int, offline: bool) -> EarthCrafterError:
    """Why pip failed, from what it printed."""
    text = "\n".join(lines)
    if any(words in text for words in _FULL):
        return EngineError("The disk is full.", "Free some space and install the engine again.", "install")
    if (broken := _BROKEN.search(text)) is not None:
        name = next((g for g in broken.groups() if g), _last_wheel(lines))
        again = "Copy it into the folder again." if offline else "Install the engine again."
        return EngineError(f"The file {name} is damaged.", again, "install")
    if not offline and any(words in text for words in _NETWORK):
        return EngineError("The package server cannot be reached.",
                           "Check the network, or install from a folder of wheels.", "install")
    if (missing := _MISSING.search(text)) is not None:
        where = "The folder lacks" if offline else "There is nowhere to get"
        return EngineError(f"{where} {missing[1].rstrip(';,')} for this system and Python.",
                           "Put the wheel into the folder, or install from the internet." if offline
                           else "Choose another Python (3.11 to 3.14, 64 bit), or another build.", "install")
    said = next((line for line in reversed(lines) if line.startswith("ERROR")), next(reversed(lines), ""))
    return EngineError(f"The packages could not be installed (exit status {status}: {said[:160]}).",
                       "The installation's log has the details.", "install")


def _normal(name: str) -> str:
    """A package's name as all its spellings have it."""
    return re.sub(r"[-_.]+", "_", name).lower()


def _last_wheel(lines: list[str]) -> str:
    named = [word.strip("'\"()") for line in lines for word in line.split() if ".whl" in word]
    return re.split(r"[/\\]", named[-1])[-1] if named else "of a package"
