"""The JSON schema of configs, for editors and for the table of settings; written by `make docs`."""

import ast
import inspect
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from pydantic.json_schema import JsonSchemaValue as JsonSchema

from hone.analysis.config import Config
from hone.analysis.settings import Settings

__all__ = ["json_schema"]


def json_schema() -> JsonSchema:
    """Every setting with its type, limits, default, and as description the docstring below it."""
    schema = Config.model_json_schema()
    classes = {kind.__name__: kind for kind in _all(Settings)}
    for name, definition in {"Config": schema, **schema["$defs"]}.items():
        if name not in classes:
            continue
        texts = _docstrings(classes[name])
        for field, info in classes[name].model_fields.items():
            described = definition["properties"][info.alias or field]
            described.pop("title", None)
            if info.default is None:
                _without_null(described)
            if field in texts:
                described["description"] = texts[field]
    found: JsonSchema = _by_kind(schema, schema["$defs"])
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **found}


def _by_kind(schema: Any, definitions: JsonSchema) -> Any:
    """Kinds of entries as conditions, so that an editor speaks of the kind that is meant.

    Of alternatives it would say that none of them fits.
    """
    if isinstance(schema, list):
        return [_by_kind(part, definitions) for part in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: _by_kind(value, definitions) for key, value in schema.items()}
    parts = found.get("anyOf", [])
    kinds = [definitions.get(part.get("$ref", "").rpartition("/")[2], {}) for part in parts]
    if not parts or not all("properties" in kind for kind in kinds):
        return found
    del found["anyOf"]
    tests = [_told_by(kind, kinds) for kind in kinds]
    common = [key for key in tests[0]["required"] if all(key in t["required"] for t in tests)]
    values = {k: list(dict.fromkeys(t["properties"][k]["const"] for t in tests)) for k in common}
    tags = {"properties": {k: {"enum": v} for k, v in values.items()}, "required": common}
    return {
        **found,
        "type": "object",
        **(tags if common else {"anyOf": tests}),
        "allOf": [{"if": t, "then": part} for t, part in zip(tests, parts, strict=True)],
    }


def _told_by(kind: JsonSchema, kinds: list[JsonSchema]) -> JsonSchema:
    """What entries of a kind are known by: fixed values, or settings that only this kind has."""
    fixed = {k: {"const": p["const"]} for k, p in kind["properties"].items() if "const" in p}
    if fixed:
        return {"properties": fixed, "required": [k for k in kind["required"] if k in fixed]}
    others = {key for other in kinds if other is not kind for key in other["properties"]}
    return {"properties": {}, "required": [k for k in kind["required"] if k not in others]}


def _without_null(described: JsonSchema) -> None:
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
