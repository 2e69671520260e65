"""What a schema cannot say: settings that contradict each other or name what is not there."""

import contextlib
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from hone.analysis.contents import is_trained, signals
from hone.analysis.expressions import Expression
from hone.analysis.inputs import input_problems
from hone.analysis.own_objective import find_function
from hone.errors import InputError

__all__ = ["contradictions"]


def contradictions(config: dict[str, Any], folder: str | Path) -> Iterator[str]:
    """What a schema cannot say: names that refer to nothing, sizes that do not fit."""
    samples = {s["name"]: s for s in config["samples"]}
    for process in ("signal", "background"):
        if process not in {s["process"] for s in samples.values()}:
            yield f"samples: there is no sample of process {process!r}"
    yield from _distribution_problems(config)
    yield from input_problems(config)
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
        (f"samples[{i}].distribution", s["distribution"])
        for i, s in enumerate(config["samples"])
        if "distribution" in s
    ]
    for i, systematic in enumerate(config["systematics"]):
        places += [
            (f"systematics[{i}].{side}", systematic[side])
            for side in ("up", "down")
            if isinstance(systematic.get(side), list)
        ]
    features = set()
    for text in config["features"]:
        with contextlib.suppress(InputError):  # said by input_problems
            features |= set(Expression(text).branches)
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
