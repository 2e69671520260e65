"""The JSON schema of configs, for editors and for the table of settings; written by `make docs`."""

import ast
import inspect
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from hone.analysis.analysis import Analysis
from hone.analysis.settings import Settings

__all__ = ["json_schema"]


def json_schema() -> dict[str, Any]:
    """Every setting with its type, limits, default, and as description the docstring below it."""
    schema = Analysis.model_json_schema()
    classes = {kind.__name__: kind for kind in _all(Settings)}
    for name, definition in {"Analysis": schema, **schema["$defs"]}.items():
        if name not in classes:
            continue
        found = _docstrings(classes[name])
        for field, info in classes[name].model_fields.items():
            described = definition["properties"][info.alias or field]
            described.pop("title", None)
            if info.default is None:
                _without_null(described)
            if field in found:
                described["description"] = found[field]
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _without_null(described: dict[str, Any]) -> None:
    """What is not given has no value: nobody writes null."""
    del described["default"]
    kept = [part for part in described.pop("anyOf") if part != {"type": "null"}]
    described.update(kept[0] if len(kept) == 1 else {"anyOf": kept})


def _all(kind: type[Settings]) -> Iterator[type[Settings]]:
    yield kind
    for child in kind.__subclasses__():
        yield from _all(child)


def _docstrings(kind: type[Settings]) -> dict[str, str]:
    """Of the attributes of a class and of its parents."""
    found: dict[str, str] = {}
    for base in reversed([b for b in kind.__mro__ if issubclass(b, Settings)]):
        body = _classes(sys.modules[base.__module__].__file__ or "").get(base.__name__, [])
        for statement, following in zip(body, [*body[1:], None], strict=True):
            if (
                isinstance(statement, ast.AnnAssign)
                and isinstance(statement.target, ast.Name)
                and isinstance(following, ast.Expr)
                and isinstance(following.value, ast.Constant)
            ):
                text = inspect.cleandoc(str(following.value.value))
                found[statement.target.id] = " ".join(text.split())
    return found


@cache
def _classes(path: str) -> dict[str, list[ast.stmt]]:
    tree = ast.parse(Path(path).read_text())
    return {node.name: node.body for node in tree.body if isinstance(node, ast.ClassDef)}
