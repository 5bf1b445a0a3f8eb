"""The sidebar tab "EarthCrafter" in the 3D view."""
from __future__ import annotations

from . import panels


def register() -> None:
    """Register the panels."""
    panels.register()


def unregister() -> None:
    """Unregister the panels."""
    panels.unregister()
