"""The library's rooms: who may import whom."""

import ast
from pathlib import Path

import pytest

LIBRARY = Path(__file__).parents[2] / "workflow" / "hone"
# Each may import those before it; `likelihood` and `running` stand alone.
ROOMS = (
    "running", "likelihood", "analysis", "statmodel", "observable", "events", "training",
    "results", "reporting",
)  # fmt: skip
ALONE = ("running", "likelihood")
BELOW = ("errors", "outliers", "sentinels", "sums")
"""Modules that all rooms may import."""


def imported(path):
    """Names of the modules of hone that a file imports, also inside functions."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.startswith("hone"))
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "hone":
            if node.module == "hone":
                yield from (f"hone.{alias.name}" for alias in node.names)
            else:
                yield node.module


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_only_those_below_it(room):
    allowed = {room, *BELOW, *(() if room in ALONE else ROOMS[: ROOMS.index(room)])}
    paths = sorted((LIBRARY / room).rglob("*.py"))
    assert paths
    for path in paths:
        found = {name.split(".")[1] for name in imported(path)}
        assert found <= allowed, path.relative_to(LIBRARY)


def test_every_module_is_in_a_room():
    old_names = {"histfactory", "infer", "renamed"}
    found = {
        path.stem for path in LIBRARY.iterdir() if path.name not in ("__pycache__", "py.typed")
    }
    assert found == {*ROOMS, *BELOW, *old_names, "__init__", "version"}
