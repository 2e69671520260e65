"""Contradictions in what a config says about events: files, regions, systematics."""

import itertools
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from hone.analysis.contents import matching
from hone.analysis.expressions import Expression
from hone.analysis.samples import affected, is_ntuple
from hone.errors import InputError

__all__ = ["input_problems"]

_POI = "mu"


def input_problems(config: Mapping[str, Any]) -> Iterator[str]:
    """Every contradiction, with the setting and what is allowed."""
    samples = {s["name"]: s for s in config["samples"]}
    simulated = [s for s in samples.values() if s["process"] != "data"]
    if len({is_ntuple(s) for s in simulated}) > 1:
        yield "samples: some have files and some a distribution; an analysis has either"
    data = [s["name"] for s in samples.values() if s["process"] == "data"]
    if len(data) > 1:
        yield f"samples: {', '.join(data)} are all of process data; list all files in one sample"
    if config["observation"]["unblind"] and not data:
        yield "observation.unblind: there is no sample of process data to be unblinded"
    if config["observation"]["pseudo_data"]:
        if not any(map(is_ntuple, simulated)):
            yield "observation.pseudo_data: generated events always have pseudo-data; remove it"
        if config["observation"]["unblind"]:
            yield "observation.pseudo_data: unblind counts the data; set one of both"
    for i, sample in enumerate(config["samples"]):
        for key, problem in _sample_problems(config, sample):
            yield f"samples[{i}].{key}: {problem}"
    signals = [s for s in samples.values() if s["process"] == "signal"]
    if len({tuple(sorted(s.get("parameters", {}))) for s in signals}) > 1:
        yield "samples: all signals must have the same parameters, or none"
    points = [tuple(sorted(s.get("parameters", {}).items())) for s in signals]
    if any(points) and len(set(points)) < len(points):
        yield "samples: two signals have the same parameters"
    for i, text in enumerate(config["features"]):
        yield from _expression_problem(f"features[{i}]", text)
    if config["split"]["training"] + config["split"]["validation"] >= 1:
        yield "split: training and validation leave no events for evaluation; their sum must be < 1"
    yield from _region_problems(config)
    yield from _systematic_problems(config, samples)


def _sample_problems(
    config: Mapping[str, Any], sample: Mapping[str, Any]
) -> Iterator[tuple[str, str]]:
    if sample["process"] == "data" and "files" not in sample:
        yield "files", "observed events need files"
    if not is_ntuple(sample):
        return
    if "dimuons" in sample:
        if "files" in sample:
            yield "dimuons", "there are files as well; give one of both"
        if (sample["dimuons"]["boson"] == "zprime") != ("mass" in sample["dimuons"]):
            yield "dimuons.mass", "a zprime has a mass, and nothing else has"
    yield from (("files", p) for p in _file_problems(sample.get("files", [])))
    if "yield" in sample and "cross_section" in sample:
        yield "cross_section", "there is a yield as well; give one of both"
    if "cross_section" in sample and "luminosity" not in config:
        yield "cross_section", "needs the luminosity of the analysis (luminosity, in 1/fb)"
    if "sum_of_weights" in sample and not {"yield", "cross_section"} & set(sample):
        yield "sum_of_weights", "is of no use without a yield or a cross_section"
    if "sum_of_weights" in sample and "dimuons" in sample:
        yield "sum_of_weights", "is the number of collisions of dimuons; remove it"
    if sample["process"] == "data":
        for key in ("yield", "cross_section"):
            if key in sample:
                yield key, "observed events are counted, not scaled; remove it"
        if sample["weight"] != "1":
            yield "weight", "observed events are counted, not weighted; remove it"
    yield from (("weight", p) for p in _expression_problem("", sample["weight"]))


def _file_problems(patterns: str | list[str]) -> Iterator[str]:
    several = [patterns] if isinstance(patterns, str) else patterns
    for pattern in several:
        if not matching(pattern):
            where = "" if Path(pattern).is_absolute() else f" in {Path.cwd()}"
            file, _, tree = pattern.rpartition(":")
            hint = f"; the tree of a file is named apart, tree: {tree}" if matching(file) else ""
            yield f"no file matches {pattern!r}{where}{hint}"
    for path in matching(patterns):
        if "{" in path or "}" in path:
            yield f"{path}: Snakemake takes braces for something else; rename the file"
    for path, times in Counter(p for pattern in several for p in matching(pattern)).items():
        if times > 1:
            yield f"{path} is listed more than once: its events would count twice"


def _expression_problem(where: str, text: str) -> Iterator[str]:
    try:
        Expression(text)
    except InputError as error:
        yield f"{where}: {error}" if where else str(error)


def _region_problems(config: Mapping[str, Any]) -> Iterator[str]:
    regions = config["regions"]
    if regions and not any(r["fit"] == "observable" for r in regions):
        yield "regions: none has fit: observable, so that there is nothing to train for"
    for i, region in enumerate(regions):
        for key in ("selection", "variable"):
            if key in region:
                yield from _expression_problem(f"regions[{i}].{key}", region[key])
        edges = region.get("edges", [])
        if any(b <= a for a, b in itertools.pairwise(edges)):
            yield f"regions[{i}].edges: {edges} must rise"


def _systematic_problems(
    config: Mapping[str, Any], samples: Mapping[str, Mapping[str, Any]]
) -> Iterator[str]:
    names = [name for name, sample in samples.items() if sample["process"] != "data"]
    regions = [r["name"] for r in config["regions"]]
    seen: dict[tuple[str, str, str], int] = {}
    kinds: dict[str, set[str]] = {}
    for i, systematic in enumerate(config["systematics"]):
        where = f"systematics[{i}]"
        kinds.setdefault(systematic["name"], set()).add(systematic["type"])
        for region in systematic.get("regions", []):
            if region not in regions:
                yield (
                    f"{where}.regions: there is no region {region!r}; regions are "
                    f"{', '.join(regions) or '(none)'}"
                )
        for name in affected(systematic):
            if name not in names:
                yield (
                    f"{where}.sample: there is no sample {name!r}; samples are {', '.join(names)}"
                )
                continue
            key = (systematic["name"], systematic["type"], name)
            if key in seen:
                yield (
                    f"{where}: the name {systematic['name']!r} is used more than once for a "
                    f"{systematic['type']} of {name!r} (systematics[{seen[key]}])"
                )
            seen[key] = i
            yield from _variation_problems(where, systematic, samples[name])
    widths: dict[str, set[float]] = {}
    for i, systematic in enumerate(config["systematics"]):
        name, kind = systematic["name"], systematic["type"]
        if kind == "lumi":
            widths.setdefault(name, set()).add(systematic["uncertainty"])
            if name != "lumi":
                yield f"systematics[{i}].name: pyhf wants a lumi to be named 'lumi', not {name!r}"
        elif name in (_POI, "lumi") or name.startswith("staterror_"):
            yield f"systematics[{i}].name: {name!r} is the name of another parameter"
        if kind == "shapesys" and (
            len(affected(systematic)) > 1
            or len(systematic.get("regions", config["regions"] or [""])) > 1
        ):
            yield (
                f"systematics[{i}]: a shapesys is of one sample in one region (sample, regions); "
                "use an entry with a name of its own for each"
            )
    if any(len(found) > 1 for found in widths.values()):
        yield "systematics: entries of lumi have different uncertainties; there is one luminosity"
    for name, found in kinds.items():
        if len(found) > 1 and found - {"histosys", "normsys"}:
            yield (
                f"systematics: {name!r} is of types {' and '.join(sorted(found))}; only a histosys "
                "and a normsys can share a parameter"
            )
    for i, factor in enumerate(config["normfactors"]):
        if factor["name"] in (*kinds, _POI, "lumi") or factor["name"].startswith("staterror_"):
            yield f"normfactors[{i}].name: {factor['name']!r} is the name of another parameter"
        if not factor["bounds"][0] <= 1 <= factor["bounds"][1]:
            yield f"normfactors[{i}].bounds: {factor['bounds']} must rise, with 1 between them"
        for name in affected(factor):
            if name not in names or samples[name]["process"] != "background":
                backgrounds = [n for n in names if samples[n]["process"] == "background"]
                yield (
                    f"normfactors[{i}].sample: there is no background {name!r}; backgrounds are "
                    f"{', '.join(backgrounds)}"
                )


def _normalisation_problems(
    where: str, variation: Mapping[str, Any], sample: Mapping[str, Any]
) -> Iterator[str]:
    """Whether a side of a systematic can be normalised as it says."""
    for key in ("normalise", "sum_of_weights"):
        if key not in variation:
            continue
        if not {"files", "tree"} & set(variation):
            yield f"{where}.{key}: only varied files or trees have a normalisation"
        elif not {"yield", "cross_section"} & set(sample):
            yield f"{where}.{key}: is of no use: the sample has no yield or cross_section"
    if "sum_of_weights" in variation and variation.get("normalise") == "nominal":
        yield f"{where}.normalise: there is a sum_of_weights as well; give one of both"


def _variation_problems(
    where: str, systematic: Mapping[str, Any], sample: Mapping[str, Any]
) -> Iterator[str]:
    """Whether the sides of a systematic fit the sample."""
    if systematic["type"] not in ("histosys", "shapesys"):
        return
    several = len(affected(systematic)) > 1
    for side in ("up", "down"):
        if side not in systematic:
            continue
        variation = systematic[side]
        if isinstance(variation, list):
            if is_ntuple(sample):
                yield (
                    f"{where}.{side}: a distribution cannot vary the events of files; give files, "
                    "a tree or a weight"
                )
        elif {"muon_scale", "muon_resolution"} & set(variation):
            if "dimuons" not in sample:
                yield f"{where}.{side}: only dimuons have muons to be varied"
        elif "files" in variation or "tree" in variation:
            if "files" not in sample:
                yield f"{where}.{side}: the events of {sample['name']!r} are not in files"
            yield from (
                f"{where}.{side}.files: {p}" for p in _file_problems(variation.get("files", []))
            )
        if isinstance(variation, dict):
            yield from _normalisation_problems(f"{where}.{side}", variation, sample)
        if several and not (isinstance(variation, dict) and list(variation) == ["weight"]):
            yield f"{where}.{side}: varied events belong to one sample; use an entry for each"
        if isinstance(variation, dict) and "weight" in variation:
            yield from _expression_problem(f"{where}.{side}.weight", variation["weight"])
