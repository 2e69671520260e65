"""Read ahead: the next piece of a file is read while the present one is processed."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

__all__ = ["ahead"]

T = TypeVar("T")


def ahead(items: Iterable[T]) -> Iterator[T]:
    """The same items in the same order, each made in a thread while the one before is used.

    Errors in making an item are raised where it is used.
    """
    # A list, so that None could be an item.
    iterator = ([item] for item in items)
    with ThreadPoolExecutor(1) as thread:
        following = thread.submit(next, iterator, None)
        while (found := following.result()) is not None:
            following = thread.submit(next, iterator, None)
            yield from found
