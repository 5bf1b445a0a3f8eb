"""Exporting: several formats of one result, each whole or not at all, one after another whatever becomes of the others."""
from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ..convert.files import FILES, check_writable
from ..errors import BadInput, Cancelled, EarthCrafterError, WriteError
from .formats import Format
from .result import ExportOptions, Result


@dataclass(frozen=True)
class Told:
    """What happens, as it happens.

    Attributes:
        format: name of the format that it is about.
        fraction: of the whole export, 0 to 1. say: what begins; "" where it is about something else.
        files: what was written. error: what went wrong with this format; None where nothing did.
    """

    format: str
    fraction: float
    say: str = ""
    files: tuple[Path, ...] = ()
    error: EarthCrafterError | None = None


def export(folder: Path, formats: Sequence[Format], out: Path, options: ExportOptions | None = None,
           tell: Callable[[Told], None] = lambda told: None, check: Callable[[], None] = lambda: None) -> bool:
    """Write a result in several formats into the folder `out`; a failure of one does not hinder the others.

    Args:
        folder: of the result. formats: what to write. out: made where it does not exist; older files of the names are replaced.
        tell: hears of every format when it begins and when it ends.
        check: called often; may raise to end the export. What has been written by then stays.

    Returns:
        Whether all formats were written.

    Raises:
        BadInput: a folder without a result. WriteError: a target that cannot be written.
        Cancelled: the person asked to stop.
    """
    folder, out = Path(folder), Path(out)
    if not folder.is_dir() or not any((folder / name).is_file() for name in FILES):
        raise BadInput(f"The folder {folder} holds no generated scene.",
                       "Give the folder of a result, the one with scene.json.")
    check_writable(out)
    result = Result(folder, options or ExportOptions(), check)
    whole, done, good = sum(f.effort for f in formats), 0.0, True
    for chosen in formats:
        check()
        tell(Told(chosen.name, done / whole, say=f"Writing {chosen.label}"))
        done += chosen.effort
        try:
            files = _write(result, chosen, out)
        except Cancelled:
            raise
        except Exception as e:  # any library's own kinds
            good = False
            error = _explained(e, chosen, out)
            if error is not e:
                error.__cause__ = e
            tell(Told(chosen.name, done / whole, error=error))
        else:
            tell(Told(chosen.name, done / whole, files=files))
    return good


def _write(result: Result, chosen: Format, out: Path) -> tuple[Path, ...]:
    """Write one format; its files, the main one first."""
    missing = chosen.missing()
    if missing:
        raise BadInput(f"{chosen.label} needs {' and '.join(missing)}, which is not installed.",
                       f"Install it with: pip install {' '.join(missing)}.")
    out.mkdir(parents=True, exist_ok=True)
    main = f"{result.name}{chosen.suffix}"
    with _temporary(out) as folder:
        chosen.write(result, folder / main)
        result.check()
        names = sorted((p.name for p in folder.iterdir()), key=lambda name: name != main)
        for name in reversed(names):  # the main file last: it refers to the others
            _replace(folder / name, out / name)
    return tuple(out / name for name in names)


@contextmanager
def _temporary(out: Path) -> Iterator[Path]:
    """A folder inside `out` for what is not yet whole, gone at the end."""
    folder = Path(tempfile.mkdtemp(prefix=".export-", dir=out))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _replace(new: Path, old: Path) -> None:
    """Put a file or folder in the place of an older one."""
    if new.is_dir() and old.is_dir():
        shutil.rmtree(old)
    os.replace(new, old)


def _explained(e: Exception, chosen: Format, out: Path) -> EarthCrafterError:
    """An error of one format in one sentence, with what to do."""
    if isinstance(e, EarthCrafterError):
        return e
    if isinstance(e, ImportError) and not (e.name or "").startswith("earthcrafter_core"):
        return BadInput(f"{chosen.label} needs a library that cannot be loaded ({e}).",
                        "Install the engine again, or export another format.")
    if isinstance(e, OSError):
        return WriteError(f"{chosen.label} could not be written to {out} ({e.strerror or e}).",
                          "Choose another folder or free some space.")
    if isinstance(e, MemoryError):
        return WriteError(f"There is too little memory to write {chosen.label}.", "Export fewer texels or another format.")
    reason = " ".join(str(e).split()) or "no reason is given"
    return WriteError(f"{chosen.label} could not be written ({type(e).__name__}: {reason}).",
                      "Export another format, and report this.")
