"""Ends the process as soon as the tests are over."""
from __future__ import annotations

import os
import sys

import pytest

_status = 0


def pytest_sessionfinish(exitstatus: int) -> None:
    """Keep the exit status."""
    global _status
    _status = int(exitstatus)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure() -> None:
    """Leave without bpy's destructors: one of them waits for ever for a thread of its own, where a test made it start that."""
    if "bpy" in sys.modules:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(_status)
