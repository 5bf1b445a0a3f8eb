"""Kernels on all cores: work cut into pieces that own what they write, so that the result does not depend on the threads."""
from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from typing import Any

import numpy as np

from ..machine import cores

PATIENCE = 0.1  # seconds between two calls of `check`


class Threads:
    """Runs pieces of work on as many threads as there are cores; `check` is called while they run, and may raise.

    After any error the pieces that have not begun are left out, and those that have are waited for.
    """

    def __init__(self, check: Callable[[], None]):
        self._check = check
        self._pool = ThreadPoolExecutor(cores(), thread_name_prefix="texture")

    def __enter__(self) -> Threads:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    def each(self, work: Callable[[Any], None], items: Iterable[Any]) -> None:
        """work(item) for every item. Raises what `work` or `check` raises."""
        pending = {self._pool.submit(work, item) for item in items}
        try:
            while pending:
                self._check()
                done, pending = wait(pending, PATIENCE, FIRST_EXCEPTION)
                for future in done:
                    future.result()
        except BaseException:
            for future in pending:
                future.cancel()
            raise

    def run(self, kernel: Callable[..., None], bounds: np.ndarray, *arguments: Any) -> None:
        """kernel(bounds[i], bounds[i + 1], *arguments) for every i."""
        spans = [(int(a), int(b)) for a, b in zip(bounds[:-1], bounds[1:], strict=True)]
        self.each(lambda span: kernel(*span, *arguments), spans)
