"""Files of a config that are not there, or cannot be read as they are meant."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from hone.analysis.fields import several
from hone.analysis.paths import is_remote, is_table, listed, matching

__all__ = ["of_files", "with_trees"]


def of_files(patterns: str | list[str]) -> Iterator[str]:
    """Files that are not there, cannot be read, or count twice."""
    for pattern in several(patterns):
        if matching(pattern) == [] == listed(pattern):
            yield f"{pattern} lists no file"
    for pattern in listed(patterns):
        if is_remote(pattern) and set("*?[") & set(pattern):
            yield f"{pattern}: what is on a server has no patterns; list the files, or name a .txt"
        elif is_remote(pattern) and is_table(pattern):
            yield f"{pattern}: only ROOT files are read from servers; copy it"
        elif pattern.endswith(".txt") and Path(pattern).is_file():
            yield f"{pattern} is within another list; name both lists in the config"
        elif not matching(pattern):
            where = "" if Path(pattern).is_absolute() else f" in {Path.cwd()}"
            file, _, tree = pattern.rpartition(":")
            hint = f"; the tree of a file is named apart, tree: {tree}" if matching(file) else ""
            yield f"no file matches {pattern!r}{where}{hint}"
    for path in matching(patterns):
        if "{" in path or "}" in path:
            yield f"{path}: Snakemake takes braces for something else; rename the file"
    times = Counter(p for pattern in listed(patterns) for p in matching(pattern))
    for path, number in times.items():
        if number > 1:
            yield f"{path} is listed more than once: its events would count twice"


def with_trees(setting: str, files: str | list[str]) -> Iterator[str]:
    """Files that a tree is named for and that have none: all their events would be read."""
    for path in filter(is_table, matching(files)):
        yield f"{setting}: {path} has no trees; remove it (what is varied is in files of its own)"
