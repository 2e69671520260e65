"""The configuration of an analysis: checked against its schema, defaults filled in."""

import difflib
import itertools
import json
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import yaml

from hone.errors import ConfigError
from hone.own_objective import find_function

__all__ = [
    "SCHEMA",
    "checked_config",
    "is_trained",
    "load_schema",
    "seeds",
    "signals",
    "systematics_of",
    "templates",
]

SCHEMA = Path(__file__).parents[1] / "schemas" / "config.schema.yaml"


def load_schema() -> dict[str, Any]:
    """The JSON schema of a config: the one place where settings and defaults stand."""
    schema: dict[str, Any] = yaml.safe_load(SCHEMA.read_text())
    return schema


def checked_config(config: dict[str, Any], folder: str | Path = "config") -> dict[str, Any]:
    """A copy of ``config`` with every default filled in.

    Args:
        config: as read from YAML.
        folder: of the config file, where the user's own modules are if ``modules`` is not set.

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
        # Written down, so that the record of a config means the same in another place.
        config.setdefault("modules", str(folder))
        problems = list(_contradictions(config, config["modules"]))
    if problems:
        raise ConfigError(
            "the configuration cannot be used:\n" + "\n".join(f"- {p}" for p in problems)
        )
    return config


def signals(config: dict[str, Any]) -> list[str]:
    """Names of the signal hypotheses."""
    return [s["name"] for s in config["samples"] if s["process"] == "signal"]


def systematics_of(config: dict[str, Any], observable: str | None) -> list[dict[str, Any]]:
    """The systematics that an observable is trained and fitted with, in the config's order."""
    by_name: dict[str | None, dict[str, Any]] = {o["name"]: o for o in config["observables"]}
    chosen = by_name.get(observable, {})
    if "source" in chosen and "systematics" not in chosen:
        return systematics_of(config, chosen["source"])
    names = chosen.get("systematics")
    return [s for s in config["systematics"] if names is None or s["name"] in names]


def templates(config: dict[str, Any], signal: str, observable: str | None = None) -> list[str]:
    """Names of the event sets of one hypothesis: each sample, then its varied distributions.

    A varied set is called ``<sample>__<systematic>_up`` or ``..._down``. With an observable, only
    the sets that it needs.
    """
    systematics = systematics_of(config, observable)
    names = []
    for sample in config["samples"]:
        if sample["process"] == "signal" and sample["name"] != signal:
            continue
        names.append(sample["name"])
        for systematic in systematics:
            if systematic["type"] != "normsys" and systematic["sample"] == sample["name"]:
                names += [
                    f"{sample['name']}__{systematic['name']}_{side}" for side in ("up", "down")
                ]
    return names


def seeds(config: dict[str, Any], observable: str) -> int:
    """Number of seeds: a rebinned observable has those of its source, what is not trained one."""
    chosen = next(o for o in config["observables"] if o["name"] == observable)
    return seeds(config, chosen["source"]) if "source" in chosen else int(chosen.get("seeds", 1))


def is_trained(observable: dict[str, Any]) -> bool:
    """Whether gradients make this observable what it is."""
    return "steps" in observable


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
        return f"{where}: {got} is not of type {wanted}{hint}"
    if kind == "anyOf":
        return f"{where}: {got} is not allowed. {_text(error.schema)}"
    if kind == "enum":
        return f"{where}: {got} is not allowed; allowed are {', '.join(map(str, wanted))}"
    if kind in ("pattern", "not"):
        if where.endswith("objective"):
            allowed = str(wanted).strip("^()$").split("|")[:-1]
            close = difflib.get_close_matches(str(error.instance), allowed, n=1)
            hint = f"did you mean {close[0]!r}? " if close else ""
            return (
                f"{where}: there is no objective {got}; {hint}allowed are {', '.join(allowed)}, "
                "and module:function"
            )
        return f"{where}: {got} is not a valid name. {_text(error.schema)}".strip()
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


def _contradictions(config: dict[str, Any], folder: str | Path) -> Iterator[str]:
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
    for i, observable in enumerate(config["observables"]):
        for key, problem in _observable_problems(config, observable, folder):
            yield f"observables[{i}].{key}: {problem}"
    by_name = {o["name"]: o for o in config["observables"]}
    for i, study in enumerate(config["studies"]):
        for name in study["observables"]:
            if name not in by_name:
                yield (
                    f"studies[{i}].observables: there is no observable {name!r}; "
                    f"observables are {', '.join(by_name)}"
                )
            elif not isinstance(by_name[name].get(study["against"]), int | float):
                yield (
                    f"studies[{i}].against: the observable {name!r} has no number "
                    f"{study['against']!r}"
                )


_CLASSIFIERS = ("bce", "bce_augmented")


def _observable_problems(
    config: dict[str, Any], observable: dict[str, Any], folder: str | Path
) -> Iterator[tuple[str, str]]:
    """Settings of an observable that contradict each other or the rest, with what is wrong."""
    kind, objective = observable["kind"], observable.get("objective", "")
    networks = [o["name"] for o in config["observables"] if o["kind"] == "network"]
    if kind == "rebinned" and observable["source"] not in networks:
        yield (
            "source",
            f"there is no network {observable['source']!r}; "
            f"networks are {', '.join(networks) or '(none)'}",
        )
    if ":" in objective:
        problem = find_function(objective, folder)
        if problem:
            yield "objective", problem
    if objective in _CLASSIFIERS:
        if kind != "network" or "cuts" in observable:
            what = f"of kind {kind}" if kind != "network" else "with cuts"
            yield (
                "objective",
                f"{objective} trains a classifier, which an observable {what} is not; use an "
                "objective of the likelihood or of counts, such as cls or z_a",
            )
        if observable.get("edges") == "learned":
            yield "edges", f"{objective} does not depend on edges; use a rebinned observable"
        for key in ("minimum_background", "maximum_mc_error"):
            if observable.get(key):
                yield key, f"{objective} does not see the bins; use another objective"
    names = [s["name"] for s in config["systematics"]]
    for name in observable.get("systematics", []):
        if name not in names:
            yield (
                "systematics",
                f"there is no systematic {name!r}; systematics are {', '.join(names) or '(none)'}",
            )
    for i, cut in enumerate(observable.get("cuts", [])):
        if cut["variable"] not in config["features"]:
            yield f"cuts[{i}].variable", _no_feature(config, cut["variable"])
    if kind == "variable" and observable["variable"] not in config["features"]:
        yield "variable", _no_feature(config, observable["variable"])
    if observable.get("search") == "grid":
        combinations = observable["points"] ** len(observable["cuts"])
        if combinations > 1_000_000:
            yield "points", f"{combinations} combinations are more than a million; use fewer points"
    if isinstance(observable.get("edges"), list):
        yield from _edge_problems(observable)
    for key in ("bandwidth", "temperature"):
        numbers = observable.get(key, [])
        if observable.get("smoothing") == "learned" and (
            len(numbers) < 2 or numbers[0] <= numbers[-1]
        ):
            yield key, "smoothing learned needs a start and, below it, a smallest value"
    if is_trained(observable):
        yield from _training_problems(config, observable)


def _edge_problems(observable: dict[str, Any]) -> Iterator[tuple[str, str]]:
    edges = observable["edges"]
    if any(b <= a for a, b in itertools.pairwise(edges)):
        yield "edges", f"{edges} must rise"
    if observable["kind"] == "network":
        if (edges[0], edges[-1]) != (0, 1):
            yield "edges", f"{edges} are out of range: a network's edges go from 0 to 1"
        if len(edges) != observable["bins"] + 1:
            yield "edges", f"{len(edges)} edges do not make {observable['bins']} bins (bins)"


def _training_problems(
    config: dict[str, Any], observable: dict[str, Any]
) -> Iterator[tuple[str, str]]:
    batch, steps = observable["batch"], observable["steps"]
    if batch > config["events"]["training"]:
        yield (
            "batch",
            f"{batch} events are more than the {config['events']['training']} of events.training",
        )
    if batch % observable["accumulate"]:
        yield "accumulate", f"the batch of {batch} is not a multiple of {observable['accumulate']}"
    if observable["validate_every"] > steps:
        yield "validate_every", f"must be at most steps ({steps})"


def _no_feature(config: dict[str, Any], name: str) -> str:
    return f"there is no feature {name!r}; features are {', '.join(config['features'])}"


def _distribution_problems(config: dict[str, Any]) -> Iterator[str]:
    places = [
        (f"samples[{i}].distribution", s["distribution"]) for i, s in enumerate(config["samples"])
    ]
    for i, systematic in enumerate(config["systematics"]):
        if systematic["type"] != "normsys":
            places += [(f"systematics[{i}].{side}", systematic[side]) for side in ("up", "down")]
    features = set(config["features"])
    for where, blocks in places:
        variables = [v for block in blocks for v in block["variables"]]
        if len(set(variables)) != len(variables):
            yield f"{where}: a variable appears in more than one block"
        for missing in sorted(features - set(variables)):
            yield f"{where}: the feature {missing!r} is not among its variables"
        for k, block in enumerate(blocks):
            if block["kind"] == "exponential":
                continue
            size = len(block["variables"])
            covariance = block["covariance"]
            key, means = (
                ("means", block["means"]) if "means" in block else ("mean", [block["mean"]])
            )
            if any(len(mean) != size for mean in means):
                yield f"{where}[{k}].{key}: needs {size} numbers, one per variable"
            elif [len(row) for row in covariance] != [size] * size:
                yield f"{where}[{k}].covariance: needs {size} rows of {size} numbers"
            elif not _positive_definite(np.array(covariance)):
                yield f"{where}[{k}].covariance: must be symmetric and positive definite"


def _positive_definite(matrix: np.ndarray) -> bool:
    return np.array_equal(matrix, matrix.T) and bool((np.linalg.eigvalsh(matrix) > 0).all())
