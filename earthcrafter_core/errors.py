"""Errors that a person reads: one sentence that says what is wrong, and one that says what to do."""
from __future__ import annotations


class EarthCrafterError(Exception):
    """An error with its remedy.

    Attributes:
        kind: short machine-readable name ("bad_input", "weights", "write", "out_of_memory", "cancelled", ...).
        message: what is wrong, one sentence.
        remedy: what the person can do, one sentence.
    """

    kind = "error"

    def __init__(self, message: str, remedy: str):
        super().__init__(f"{message} {remedy}")
        self.message, self.remedy = message, remedy


class BadInput(EarthCrafterError):
    """A layout, LAZ or other file, or an option, that cannot be used as given."""

    kind = "bad_input"


class WeightsError(EarthCrafterError):
    """Weights that are missing, damaged or of another configuration."""

    kind = "weights"


class WriteError(EarthCrafterError):
    """A result that could not be written."""

    kind = "write"


class OutOfMemory(EarthCrafterError):
    """The device or the machine has too little memory for this run."""

    kind = "out_of_memory"


class Cancelled(EarthCrafterError):
    """The person asked to stop; nothing was written."""

    kind = "cancelled"

    def __init__(self) -> None:
        super().__init__("Cancelled.", "Nothing was written.")
