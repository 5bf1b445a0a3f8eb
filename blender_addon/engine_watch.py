"""What the session asks again and again: whether an engine is installed, and when the next one may start. No bpy."""
from __future__ import annotations

import time
from collections.abc import Callable

from .earthcrafter_core.errors import EarthCrafterError

BACK_OFF_SECONDS = (0.0, 2.0, 5.0, 15.0, 60.0)
"""Wait before the next start, after so many engines that failed one after another."""
_INSTALLED_SECONDS = 2.0  # a panel asks at every redraw; the disk is asked this seldom


class Installation:
    """Whether there is an engine to start.

    Args:
        locate: raises EarthCrafterError where there is none.
    """

    def __init__(self, locate: Callable[[], object]):
        self.locate = locate
        self._known: tuple[float, EarthCrafterError | None] = (float("-inf"), None)

    def missing(self) -> EarthCrafterError | None:
        """Why there is none, or None; as it was two seconds ago at most."""
        now = time.monotonic()
        if now - self._known[0] > _INSTALLED_SECONDS:
            try:
                self.locate()
                self._known = (now, None)
            except EarthCrafterError as e:
                self._known = (now, e)
        return self._known[1]

    def require(self) -> None:
        """Ask anew. Raises EarthCrafterError where there is none."""
        self.forget()
        missing = self.missing()
        if missing is not None:
            raise missing

    def forget(self) -> None:
        """The preferences or the disk have changed."""
        self._known = (float("-inf"), None)


class BackOff:
    """Starts that follow failures wait longer and longer."""

    def __init__(self) -> None:
        self._failures, self._not_before = 0, 0.0

    @property
    def seconds(self) -> float:
        """Seconds until the next start."""
        return max(self._not_before - time.monotonic(), 0.0)

    def failed(self) -> None:
        """One more engine failed."""
        self._not_before = time.monotonic() + BACK_OFF_SECONDS[min(self._failures, len(BACK_OFF_SECONDS) - 1)]
        self._failures += 1

    def reset(self) -> None:
        """An engine did its work, or a person wants it now."""
        self._failures, self._not_before = 0, 0.0
