"""Things by name, read when they are asked for."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Generic, TypeVar

from hone.analysis import Template
from hone.errors import InputError

__all__ = ["Named", "UnknownNameError"]

T = TypeVar("T")


class UnknownNameError(InputError, KeyError):
    """There is nothing of this name; the message lists what there is."""

    __str__ = Exception.__str__  # KeyError's shows its message in quotes


class Named(Mapping[str, T], Generic[T]):
    """Things by name, each read when it is asked for.

    A template may also be given by sample, systematic and side: ``["background", "shape", "up"]``.
    """

    def __init__(self, what: str, names: Iterable[str], read: Callable[[str], T]) -> None:
        self._what, self._names, self._read = what, list(names), read

    def __getitem__(self, name: str | tuple[str, ...]) -> T:
        wanted, known = name, self._names
        if isinstance(name, tuple):
            wanted = Template(*name).name if len(name) <= len(Template._fields) else ""
            known = [_as_typed(other) for other in known]
        if wanted not in self._names:
            there = ", ".join(known) or "nothing"
            raise UnknownNameError(f"there is no {name!r} in {self._what}; there is {there}")
        return self._read(str(wanted))

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __repr__(self) -> str:
        return f"{self._what}: {', '.join(self._names)}"

    def _ipython_key_completions_(self) -> list[str]:
        return self._names


def _as_typed(name: str) -> str:
    """A template as it is given by sample, systematic and side; other names as they are."""
    sample, _, variation = name.partition("__")
    return repr((sample, *variation.rsplit("_", 1))) if variation else name
