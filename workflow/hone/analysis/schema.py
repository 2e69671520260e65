"""The schema of configs: defaults, and its errors in the words of the settings."""

import difflib
import json
import re
from collections.abc import Iterable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import jsonschema
import yaml

__all__ = ["SCHEMA", "load_schema", "problems_with_schema", "with_defaults"]

SCHEMA = Path(__file__).parents[2] / "schemas" / "config.schema.yaml"


def load_schema() -> dict[str, Any]:
    """The JSON schema of a config: the one place where settings and defaults stand."""
    # In C where there is a library: every job of a run reads it.
    text = SCHEMA.read_text()
    schema: dict[str, Any] = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    return schema


def problems_with_schema(config: dict[str, Any], schema: dict[str, Any]) -> list[str]:
    """Everything in a config that its schema does not allow, and what is allowed instead."""
    errors = [e for e in _leaves(_Validator(schema).iter_errors(config)) if e.validator is not None]
    return list(dict.fromkeys(map(_explain, errors))) + _not_applicable(config, schema, schema)


def with_defaults(value: Any, schema: dict[str, Any], root: dict[str, Any]) -> Any:
    """``value`` with the defaults of its schema filled in, in place where it can be.

    Numbers are of the schema's type: 1 and 1.0 are the same setting, and a difference would make
    Snakemake run again.
    """
    parts = list(_parts(value, schema, root))
    if isinstance(value, dict):
        forbidden = _forbidden(parts)
        for key, sub in ((k, s) for p in parts for k, s in p.get("properties", {}).items() if s):
            if key not in value and "default" in sub and key not in forbidden:
                value[key] = deepcopy(sub["default"])
            if key in value:
                value[key] = with_defaults(value[key], sub, root)
    elif isinstance(value, list):
        for items in (part["items"] for part in parts if "items" in part):
            value = [with_defaults(item, items, root) for item in value]
    types = {part.get("type") for part in parts}
    return float(value) if "number" in types else int(value) if "integer" in types else value


def _pattern(validator: Any, wanted: str, instance: Any, _: Any) -> Iterator[Any]:
    """As JSON Schema means it: to Python, ``$`` is also before a line feed at the end."""
    if validator.is_type(instance, "string") and not re.fullmatch(wanted, instance):
        yield jsonschema.ValidationError(f"{instance!r} does not match {wanted!r}")


def _is_integer(_: Any, value: Any) -> bool:
    """Also one that is written as 20.0, if it is one that computers count with."""
    whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    return whole and not isinstance(value, bool) and abs(value) < 2**63


_Validator = jsonschema.validators.extend(
    jsonschema.Draft202012Validator,
    {"pattern": _pattern},
    type_checker=jsonschema.Draft202012Validator.TYPE_CHECKER.redefine("integer", _is_integer),
)


def _parts(value: Any, schema: dict[str, Any], root: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The schema of a value, and those of its alternatives and conditions that apply."""
    if "$ref" in schema:
        schema = root["$defs"][schema["$ref"].rsplit("/", 1)[-1]]
    yield schema

    def fits(sub: dict[str, Any]) -> bool:
        return _Validator(root).evolve(schema=sub).is_valid(value)

    chosen = [sub for sub in schema.get("anyOf", []) if fits(sub)]
    for rule in schema.get("allOf", []):
        chosen.append(rule.get("then" if fits(rule["if"]) else "else", {}))
    for sub in chosen:
        yield from _parts(value, sub, root)


def _not_applicable(
    value: Any, schema: dict[str, Any], root: dict[str, Any], where: str = ""
) -> list[str]:
    """Settings that belong to another kind of entry; jsonschema does not say where these are."""
    found = []
    first, *conditional = _parts(value, schema, root)
    if isinstance(value, dict):
        kind = value.get("kind", value.get("type"))
        for key in sorted(_forbidden(conditional) & set(value)):
            found.append(f"{where}: {key!r} does not apply to {kind!r}; remove it")
        for key, sub in first.get("properties", {}).items():
            if key in value:
                found += _not_applicable(value[key], sub, root, f"{where}.{key}".lstrip("."))
    elif isinstance(value, list) and "items" in first:
        for i, item in enumerate(value):
            found += _not_applicable(item, first["items"], root, f"{where}[{i}]")
    return found


def _forbidden(parts: Iterable[dict[str, Any]]) -> set[str]:
    """Keys that do not go with this kind of entry (``properties: {key: false}``)."""
    return {k for part in parts for k, sub in part.get("properties", {}).items() if sub is False}


def _leaves(errors: Any) -> Iterator[jsonschema.ValidationError]:
    for error in errors:
        if error.context and error.validator != "anyOf":
            yield from _leaves(error.context)
        else:
            yield error


def _where(path: Any) -> str:
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text or "the config"


def _explain(error: Any) -> str:
    where, kind, wanted = _where(error.absolute_path), error.validator, error.validator_value
    got = json.dumps(error.instance, default=str)
    if kind == "additionalProperties":
        allowed = list(error.schema["properties"])
        unknown = [key for key in error.instance if key not in allowed]
        return "; ".join(_unknown_key(where, str(key), allowed) for key in unknown)
    if kind == "required":
        missing = [key for key in wanted if key not in error.instance]
        return f"{where}: {', '.join(map(repr, missing))} is missing"
    if kind == "type":
        hint = ""
        if wanted in ("number", "integer") and isinstance(error.instance, str):
            hint = " (YAML reads this as text; write a number like 0.1 or 1.0e-1, without quotes)"
        elif wanted == "string" and not isinstance(error.instance, dict | list):
            hint = " (YAML does not read this as text; put it in quotes)"
        return f"{where}: {got} is not of type {wanted}{hint}"
    if kind == "anyOf":
        return f"{where}: {got} is not allowed. {_text(error.schema)}"
    if kind == "enum":
        return f"{where}: {got} is not allowed; allowed are {', '.join(map(str, wanted))}"
    if kind in ("pattern", "not", "maxLength"):
        if where.endswith("objective"):
            allowed = str(wanted).strip("^()$").split("|")[:-1]
            close = difflib.get_close_matches(str(error.instance), allowed, n=1)
            hint = f"did you mean {close[0]!r}? " if close else ""
            return (
                f"{where}: there is no objective {got}; {hint}allowed are {', '.join(allowed)}, "
                "and module:function"
            )
        return f"{where}: {got} is not a valid name: {_text(error.schema)}".rstrip(": ")
    limits = {
        "minimum": "must be at least",
        "maximum": "must be at most",
        "exclusiveMinimum": "must be above",
        "exclusiveMaximum": "must be below",
        "minItems": "must have at least this many entries:",
        "maxItems": "must have at most this many entries:",
    }
    if kind in limits:
        return f"{where}: {got} {limits[str(kind)]} {wanted}"
    return f"{where}: {error.message}"


def _text(schema: dict[str, Any]) -> str:
    return " ".join(str(schema.get("description", "")).split())


def _unknown_key(where: str, key: str, allowed: list[str]) -> str:
    close = difflib.get_close_matches(key, allowed, n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"allowed are {', '.join(allowed)}"
    return f"{where}: unknown setting {key!r}; {hint}"
