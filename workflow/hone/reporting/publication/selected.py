"""What is published: workspace and limits of the selected seeds."""

from collections.abc import Iterable
from pathlib import Path

from hone.results.selection import selected_files
from hone.running.same_workspace import refuse_foreign

__all__ = ["selected_results"]

Files = dict[tuple[str, str], Path]


def selected_results(
    choices: Iterable[str], workspaces: Iterable[str], limits: Iterable[str]
) -> tuple[Files, Files]:
    """Workspace and limits of the selected seed, by signal and observable.

    Arguments as those of :func:`.selection.selected_files`.

    Raises:
        InputError: limits are not those of the workspace beside them, or a file is missing.
    """
    choices = list(choices)
    found, of_limits = (selected_files(choices, paths) for paths in (workspaces, limits))
    for place, path in found.items():
        refuse_foreign(path, of_limits[place])
    return found, of_limits
