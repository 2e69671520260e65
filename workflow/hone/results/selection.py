"""Files of the selected seeds."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from hone.errors import InputError
from hone.running.files import place_of, read_json

__all__ = ["selected", "selected_files", "selected_networks"]


def selected(choice: str | Path, paths: Sequence[str]) -> str:
    """The one of ``paths`` (``.../seed<K>/...``) whose seed ``selected.json`` names."""
    return selected_networks(choice, paths)[0]


def selected_networks(choice: str | Path, paths: Sequence[str]) -> list[str]:
    """Those of ``paths`` (``.../seed<K>/[fold<J>/]...``) whose seed ``selected.json`` names."""
    seed = read_json(choice)["seed"]
    return [path for path in paths if place_of(path)[-1] == seed]


def selected_files(
    choices: Iterable[str | Path], paths: Iterable[str | Path]
) -> dict[tuple[str, str], Path]:
    """The file of the selected seed, by signal and observable.

    Args:
        choices: all ``<signal>/<observable>/selected.json``.
        paths: ``<signal>/<observable>/seed<K>/<file>`` of all seeds.

    Raises:
        InputError: there is no file of the seed that was selected.
    """
    found = {}
    by_place = {place_of(path): Path(path) for path in paths}
    for choice in map(Path, choices):
        signal, observable = choice.parts[-3:-1]
        seed = read_json(choice)["seed"]
        try:
            found[signal, observable] = by_place[signal, observable, seed]
        except KeyError:
            raise InputError(f"{choice} names seed {seed}, of which there are no results") from None
    return found
