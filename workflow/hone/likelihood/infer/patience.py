"""Log messages during long computations."""

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["said_if_slow"]

log = logging.getLogger(__name__)

_FIRST = 30.0
"""Seconds until the first message; the time to the next doubles."""


@contextmanager
def said_if_slow(what: str) -> Iterator[None]:
    """Log a warning while the block runs: after 30 s, 1 minute, 2 minutes, ...

    Args:
        what: what is computed, e.g. ``"the limits of 200 parameters"``.
    """
    done, started = threading.Event(), time.monotonic()

    def speak() -> None:
        wait = _FIRST
        while not done.wait(wait):
            wait = time.monotonic() - started
            log.warning("still computing %s (%.0f s)", what, wait)

    threading.Thread(target=speak, daemon=True).start()
    try:
        yield
    finally:
        done.set()
