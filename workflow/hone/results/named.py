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
        wanted = Template(*name).name if isinstance(name, tuple) else name
        if wanted not in self._names:
            there = ", ".join(self._names) or "nothing"
            raise UnknownNameError(f"there is no {wanted!r} in {self._what}; there is {there}")
        return self._read(wanted)

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
