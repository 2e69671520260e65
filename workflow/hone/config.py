"""The configuration of an analysis: checked against its schema, defaults filled in."""

import difflib
import json
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import yaml

from hone.errors import ConfigError

__all__ = ["SCHEMA", "checked_config", "load_schema", "seeds", "signals", "templates"]

SCHEMA = Path(__file__).parents[1] / "schemas" / "config.schema.yaml"


def load_schema() -> dict[str, Any]:
    """The JSON schema of a config: the one place where settings and defaults stand."""
    schema: dict[str, Any] = yaml.safe_load(SCHEMA.read_text())
    return schema


def checked_config(config: dict[str, Any]) -> dict[str, Any]:
    """A copy of ``config`` with every default filled in.

    Raises:
        ConfigError: lists every setting that is wrong, with what is allowed.
    """
    schema = load_schema()
    validator = jsonschema.Draft202012Validator(schema)
    errors = [e for e in _leaves(validator.iter_errors(config)) if e.validator is not None]
    problems = list(dict.fromkeys(map(_explain, errors)))
    problems += _not_applicable(config, schema, schema)
    if not problems:
        config = _with_defaults(deepcopy(config), schema, schema)
        problems = list(_contradictions(config))
    if problems:
        raise ConfigError(
            "the configuration cannot be used:\n" + "\n".join(f"- {p}" for p in problems)
        )
    return config


def signals(config: dict[str, Any]) -> list[str]:
    """Names of the signal hypotheses."""
    return [s["name"] for s in config["samples"] if s["process"] == "signal"]


def templates(config: dict[str, Any], signal: str) -> list[str]:
    """Names of the event sets of one hypothesis: each sample, then its varied distributions.

    A varied set is called ``<sample>__<systematic>_up`` or ``..._down``.
    """
    names = []
    for sample in config["samples"]:
        if sample["process"] == "signal" and sample["name"] != signal:
            continue
        names.append(sample["name"])
        for systematic in config["systematics"]:
            if systematic["type"] == "histosys" and systematic["sample"] == sample["name"]:
                names += [
                    f"{sample['name']}__{systematic['name']}_{side}" for side in ("up", "down")
                ]
    return names


def seeds(config: dict[str, Any], observable: str) -> int:
    """Number of seeds of an observable; a rebinned one has those of its source."""
    by_name = {o["name"]: o for o in config["observables"]}
    chosen = by_name[observable]
    return int(by_name[chosen["source"]]["seeds"] if "source" in chosen else chosen["seeds"])


def _with_defaults(value: Any, schema: dict[str, Any], root: dict[str, Any]) -> Any:
    if "$ref" in schema:
        schema = root["$defs"][schema["$ref"].rsplit("/", 1)[-1]]
    if isinstance(value, dict):
        forbidden = _forbidden(value, schema)
        for key, sub in schema.get("properties", {}).items():
            if key not in value and "default" in sub and key not in forbidden:
                value[key] = deepcopy(sub["default"])
            if key in value:
                value[key] = _with_defaults(value[key], sub, root)
    elif isinstance(value, list) and "items" in schema:
        return [_with_defaults(item, schema["items"], root) for item in value]
    elif schema.get("type") == "number":
        # 1 and 1.0 are the same setting: without this, Snakemake would run again for one.
        return float(value)
    return value


def _not_applicable(
    value: Any, schema: dict[str, Any], root: dict[str, Any], where: str = ""
) -> list[str]:
    """Settings that belong to another kind of entry; jsonschema does not say where these are."""
    if "$ref" in schema:
        schema = root["$defs"][schema["$ref"].rsplit("/", 1)[-1]]
    found = []
    if isinstance(value, dict):
        kind = value.get("kind", value.get("type"))
        for key in sorted(_forbidden(value, schema) & set(value)):
            found.append(f"{where}: {key!r} does not apply to {kind!r}; remove it")
        for key, sub in schema.get("properties", {}).items():
            if key in value:
                found += _not_applicable(value[key], sub, root, f"{where}.{key}".lstrip("."))
    elif isinstance(value, list) and "items" in schema:
        for i, item in enumerate(value):
            found += _not_applicable(item, schema["items"], root, f"{where}[{i}]")
    return found


def _forbidden(value: dict[str, Any], schema: dict[str, Any]) -> set[str]:
    """Keys that do not go with this kind of entry (``properties: {key: false}``)."""
    keys: set[str] = set()
    for rule in schema.get("allOf", []):
        applies = jsonschema.Draft202012Validator(rule["if"]).is_valid(value)
        branch = rule.get("then" if applies else "else", {})
        keys |= {key for key, sub in branch.get("properties", {}).items() if sub is False}
    return keys


def _leaves(errors: Any) -> Iterator[jsonschema.ValidationError]:
    for error in errors:
        if error.context:
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
        return f"{where}: {got} is not of type {wanted}{hint}"
    if kind == "enum":
        return f"{where}: {got} is not allowed; allowed are {', '.join(map(str, wanted))}"
    if kind in ("pattern", "not"):
        return f"{where}: {got} is not a valid name. {error.schema.get('description', '')}".strip()
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


def _unknown_key(where: str, key: str, allowed: list[str]) -> str:
    close = difflib.get_close_matches(key, allowed, n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"allowed are {', '.join(allowed)}"
    return f"{where}: unknown setting {key!r}; {hint}"


def _contradictions(config: dict[str, Any]) -> Iterator[str]:
    """What a schema cannot say: names that refer to nothing, sizes that do not fit."""
    for key in ("samples", "systematics", "observables"):
        names = [entry["name"] for entry in config[key]]
        for name in sorted({n for n in names if names.count(n) > 1}):
            yield f"{key}: the name {name!r} is used more than once"
    samples = {s["name"]: s for s in config["samples"]}
    for process in ("signal", "background"):
        if process not in {s["process"] for s in samples.values()}:
            yield f"samples: there is no sample of process {process!r}"
    yield from _distribution_problems(config)
    for i, systematic in enumerate(config["systematics"]):
        if systematic["sample"] not in samples:
            yield (
                f"systematics[{i}].sample: there is no sample {systematic['sample']!r}; "
                f"samples are {', '.join(samples)}"
            )
    injected = config["observation"].get("signal")
    if injected is not None and injected not in signals(config):
        yield (
            f"observation.signal: there is no signal {injected!r}; "
            f"signals are {', '.join(signals(config))}"
        )
    networks = [o["name"] for o in config["observables"] if o["kind"] == "network"]
    for i, observable in enumerate(config["observables"]):
        where = f"observables[{i}]"
        if observable["kind"] == "rebinned":
            if observable["source"] not in networks:
                yield (
                    f"{where}.source: there is no network {observable['source']!r}; "
                    f"networks are {', '.join(networks) or '(none)'}"
                )
            continue
        if observable["edges"] == "learned" and observable["objective"] != "cls":
            yield f"{where}.edges: learned edges need the objective cls; use a rebinned observable"
        if observable["batch"] > config["events"]["training"]:
            yield (
                f"{where}.batch: {observable['batch']} events are more than the "
                f"{config['events']['training']} of events.training"
            )
        if observable["validate_every"] > observable["steps"]:
            yield f"{where}.validate_every: must be at most steps ({observable['steps']})"


def _distribution_problems(config: dict[str, Any]) -> Iterator[str]:
    places = [
        (f"samples[{i}].distribution", s["distribution"]) for i, s in enumerate(config["samples"])
    ]
    for i, systematic in enumerate(config["systematics"]):
        if systematic["type"] == "histosys":
            places += [(f"systematics[{i}].{side}", systematic[side]) for side in ("up", "down")]
    features = set(config["features"])
    for where, blocks in places:
        variables = [v for block in blocks for v in block["variables"]]
        if len(set(variables)) != len(variables):
            yield f"{where}: a variable appears in more than one block"
        for missing in sorted(features - set(variables)):
            yield f"{where}: the feature {missing!r} is not among its variables"
        for k, block in enumerate(blocks):
            if block["kind"] != "normal":
                continue
            size = len(block["variables"])
            covariance = block["covariance"]
            if len(block["mean"]) != size:
                yield f"{where}[{k}].mean: needs {size} numbers, one per variable"
            elif [len(row) for row in covariance] != [size] * size:
                yield f"{where}[{k}].covariance: needs {size} rows of {size} numbers"
            elif not _positive_definite(np.array(covariance)):
                yield f"{where}[{k}].covariance: must be symmetric and positive definite"


def _positive_definite(matrix: np.ndarray) -> bool:
    return np.array_equal(matrix, matrix.T) and bool((np.linalg.eigvalsh(matrix) > 0).all())
