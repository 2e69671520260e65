"""Waiting for what other processes do."""

import time

__all__ = ["wait_for"]


def wait_for(condition):
    """What a condition gives as soon as that is true."""
    end = time.monotonic() + 60
    while not (found := condition()):
        assert time.monotonic() < end
        time.sleep(0.01)
    return found
