"""Helper functions and constants of the rules."""

import os
import re
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

# Rules and scripts import hone from this folder, in cluster jobs too, and before any other hone that
# the environment knows: what ran is what the digest of the code was made of.
LIBRARY = Path(workflow.basedir, "workflow").resolve()
sys.path.insert(0, str(LIBRARY))

from hone.config import (
    baseline,
    checked_config,
    event_files,
    is_trained,
    seeds,
    signals,
    systematics_of,
    templates,
)
from hone.errors import ConfigError
from hone.own_objective import source_file
from hone.provenance import code_digest, versions
from hone.samples import affected, varied_weights
from hone.script import import_from

import_from(LIBRARY)

CONFIGFILE = Path((workflow.configfiles or ["config/config.yaml"])[-1])

try:
    config = checked_config(config, os.path.relpath(CONFIGFILE.parent))
except ConfigError as error:
    raise WorkflowError(str(error)) from None

ANALYSIS = config["analysis"]
SIGNALS = signals(config)
OBSERVABLES = {o["name"]: o for o in config["observables"]}
TRAINED = [name for name, o in OBSERVABLES.items() if is_trained(o)]
TOGETHER = [name for name in TRAINED if OBSERVABLES[name]["together"]]
REBINNED = [name for name, o in OBSERVABLES.items() if o["kind"] == "rebinned"]
VARIABLES = [name for name, o in OBSERVABLES.items() if o["kind"] == "variable"]
SEARCHED = [name for name, o in OBSERVABLES.items() if o.get("search") == "grid"]
BASELINE = baseline(config) if len(OBSERVABLES) > 1 else None
STUDIES = {study["name"]: study for study in config["studies"]}
SETS = ["training", "validation", "evaluation"]
TEMPLATES = list(
    dict.fromkeys(t for signal in SIGNALS for t in templates(config, signal))
)
# The user's own files by set of events; none where events are generated.
FILES = event_files(config)
DATA = [s["name"] for s in config["samples"] if s["process"] == "data"]
# Without generated pseudo-data and before unblinding, the observation is what is expected.
OBSERVATION = {"signal": SIGNALS[0], **config["observation"]}
PSEUDO_DATA = OBSERVATION["pseudo_data"]
BLIND = bool(FILES) and not (OBSERVATION["unblind"] or PSEUDO_DATA)
# Samples whose events are also weighted otherwise.
WEIGHTED = [name for name in TEMPLATES if varied_weights(config, name)]
# Features that are variables of the events, not expressions of them.
PLAIN = all(name.isidentifier() for name in config["features"])
# Known densities and nothing else: the floor is known too.
HAS_FLOOR = PLAIN and not (
    FILES
    or config["regions"]
    or config["normfactors"]
    or any(
        isinstance(s.get(side), dict)
        for s in config["systematics"]
        for side in ("up", "down")
    )
)
POSTPROCESSING = {
    "smoothed": [s["name"] for s in config["systematics"] if s.get("smoothing")],
    "threshold": config["workspace"]["pruning"],
}
PARAMETERS = {
    s["name"]: s.get("parameters", {})
    for s in config["samples"]
    if s["process"] == "signal"
}
# Parameters that are not the same in all hypotheses. Limits are drawn against the first, if it alone
# tells them apart, and in the plane of the first two, if these do.
VARIED = [
    p
    for p in PARAMETERS[SIGNALS[0]]
    if len({values[p] for values in PARAMETERS.values()}) > 1
]
APART = [
    len({tuple(v[p] for p in VARIED[:n]) for v in PARAMETERS.values()}) for n in (1, 2)
]
PARAMETER = VARIED[0] if VARIED and APART[0] == len(SIGNALS) else None
PLANE = VARIED[:2] if len(VARIED) > 1 and APART[1] == len(SIGNALS) else None
RESULT = "results/{analysis}/{signal}/{observable}/seed{seed}"
FIGURE = "results/{analysis}/figures/{signal}__{observable}__"
# Figures of the fit of a workspace.
FITS = ["prefit", "postfit", "pulls", "correlation", "impacts"]


def any_of(names):
    """A wildcard constraint: one of these names, or nothing at all if there are none."""
    return "|".join(map(re.escape, names)) or "(?!)"


wildcard_constraints:
    analysis=any_of([ANALYSIS]),
    signal=any_of(SIGNALS),
    observable=any_of(OBSERVABLES),
    template=any_of(TEMPLATES),
    seed="[1-9][0-9]*",
    study=any_of(STUDIES),


def made_by(script):
    """Digest of the code that a script reaches, and versions: a change of either runs it again."""
    path = LIBRARY / "scripts" / f"{script}.py"
    return {"code": code_digest(path), "versions": versions()}


def together_rule(name):
    """The rule that trains all seeds of an observable in one job."""
    return f"train_together_{name.replace('-', '_')}"


# What a profile sets for training, a GPU say, holds for these rules too, whose names it cannot know.
PROFILED = workflow.resource_settings.overwrite_resources
if "train_observable" in PROFILED:
    for name in TOGETHER:
        PROFILED.setdefault(together_rule(name), PROFILED["train_observable"])


def growing(amount):
    """A resource of which a job gets more each time it is tried again."""
    return lambda wildcards, attempt: amount * attempt


def settings(*keys):
    """The part of the config that a rule depends on."""
    return {key: config[key] for key in keys}


def observable_settings(wildcards):
    return OBSERVABLES[wildcards.observable]


def own_objective(wildcards):
    """Folder and digest of the user's file that an observable's objective comes from."""
    objective = OBSERVABLES[wildcards.observable].get("objective", "")
    if ":" not in objective:
        return {}
    path = source_file(objective, config["modules"])
    return {"folder": str(path.parent), "code": code_digest(path.absolute())}


def selection_settings():
    """What an observable is made with beside its own settings."""
    return {
        "observable": observable_settings,
        "own_objective": own_objective,
        "model": model_settings,
        "inputs": input_settings,
        "training_files": files_of("training"),
        "validation_files": files_of("validation"),
        "sizes": config["events"],
        "features": config["features"],
        "level": config["limits"]["level"],
    }


def template_settings(wildcards):
    """The sample and the systematic that a set of generated events depends on."""
    sample, _, variation = wildcards.template.partition("__")
    systematic = variation.rpartition("_")[0]
    return {
        "seed": config["seed"],
        "events": config["events"],
        "samples": [
            {k: v for k, v in s.items() if k != "parameters"}
            for s in config["samples"]
            if s["name"] == sample
        ],
        "systematics": [
            {k: v for k, v in s.items() if k != "smoothing"}
            for s in config["systematics"]
            if s["name"] == systematic and sample in affected(s)
        ],
    }


def sample_of(wildcards):
    """Settings of the sample that a template belongs to."""
    name = wildcards.template.partition("__")[0]
    return next(s for s in config["samples"] if s["name"] == name)


def muon_variation(wildcards):
    """What a variation of generated muons changes: nothing for the sample itself."""
    sample, _, variation = wildcards.template.partition("__")
    name, _, side = variation.rpartition("_")
    found = [
        s[side]
        for s in config["systematics"]
        if variation and s["name"] == name and sample in affected(s)
    ]
    return found[0] if found else {}


def without_distributions(entry):
    """An entry of samples or systematics without what does not matter to the reading of events."""
    return {
        k: [] if k in ("up", "down") and isinstance(v, list) else v
        for k, v in entry.items()
        if k not in ("distribution", "parameters", "smoothing")
    }


def samples_and_systematics(wildcards):
    """Those of the signal hypothesis at hand, and of the observable."""
    others = [s for s in SIGNALS if s != wildcards.signal] + DATA
    samples = [s for s in config["samples"] if s["name"] not in others]
    names = {s["name"] for s in samples}
    return samples, [
        {**s, "sample": [name for name in affected(s) if name in names]}
        for s in systematics_of(config, wildcards.get("observable"))
        if names & set(affected(s))
    ]


def model_settings(wildcards):
    """What makes histograms a statistical model, for the signal hypothesis at hand."""
    samples, systematics = samples_and_systematics(wildcards)
    kept = ("name", "process", "yield")
    return {
        "samples": [{k: s[k] for k in kept if k in s} for s in samples],
        "systematics": [
            {
                k: v
                for k, v in s.items()
                if k not in ("up", "down", "smoothing") or s["type"] == "normsys"
            }
            for s in systematics
        ],
        "normfactors": config["normfactors"],
        "regions": config["regions"],
        "staterror": config["workspace"]["staterror"],
    }


def input_settings(wildcards):
    """How event files are read, for the signal hypothesis at hand."""
    samples, systematics = samples_and_systematics(wildcards)
    return reading(samples, systematics)


def survey_settings(wildcards):
    """How the files of one set of events are read, with their nominal weight."""
    sample, _, variation = wildcards.template.partition("__")
    name = variation.rpartition("_")[0]
    return reading(
        [sample_of(wildcards)],
        [
            s
            for s in config["systematics"]
            if s["name"] == name and sample in affected(s)
        ],
    )


def weight_settings(wildcards):
    """How the weights of a sample's events are read."""
    sample = wildcards.template
    return reading(
        [sample_of(wildcards)],
        [s for s in config["systematics"] if sample in affected(s)],
    )


def reading(samples, systematics):
    found = {
        "samples": [without_distributions(s) for s in samples],
        "systematics": [
            without_distributions(s)
            for s in systematics
            if s["type"] in ("histosys", "shapesys")
        ],
        "regions": config["regions"],
        "split": config["split"],
    }
    if "luminosity" in config:
        found["luminosity"] = config["luminosity"]
    return found


def surveyed_files(wildcards):
    """Input function: files of one set of events; of generated ones those of the evaluation set."""
    return FILES.get(
        wildcards.template,
        [f"results/{wildcards.analysis}/events/evaluation/{wildcards.template}.root"],
    )


def files_of(events_set):
    """Function of wildcards: files by name of the set of events, as a hypothesis needs them."""

    def files(wildcards):
        return {
            name: FILES.get(
                name, [f"results/{wildcards.analysis}/events/{events_set}/{name}.root"]
            )
            for name in templates(config, wildcards.signal, wildcards.get("observable"))
        }

    return files


def all_files_of(events_set):
    """Input function: the files of one set that a signal hypothesis needs."""

    def files(wildcards):
        return [
            f for several in files_of(events_set)(wildcards).values() for f in several
        ]

    return files


def surveys(wildcards):
    """Input function: what is known about the events that a hypothesis needs."""
    return expand(
        "results/{analysis}/inputs/{template}.json",
        analysis=wildcards.analysis,
        template=templates(config, wildcards.signal, wildcards.get("observable")),
    )


def injected(wildcards):
    """The signal in the observation of the user's own files, where it is another hypothesis'."""
    name = OBSERVATION["signal"]
    expected = BLIND or PSEUDO_DATA
    return [name] if expected and OBSERVATION["mu"] and name != wildcards.signal else []


def injected_files(wildcards):
    """Its files, by name."""
    return {name: FILES[name] for name in injected(wildcards)}


def injected_surveys(wildcards):
    """What is known about its events."""
    return [
        f"results/{wildcards.analysis}/inputs/{name}.json"
        for name in injected(wildcards)
    ]


def injected_settings(wildcards):
    """How its events are read, with their nominal weight."""
    there = injected(wildcards)
    return reading([s for s in config["samples"] if s["name"] in there], [])


def observed_files(wildcards):
    """Input function: files with observed events; none while the analysis is blind."""
    if BLIND or PSEUDO_DATA:
        return []
    generated = [f"results/{wildcards.analysis}/events/observed/data.root"]
    return FILES[DATA[0]] if FILES else generated


def all_seeds(name):
    """Input function: a file of every seed of an observable."""

    def files(wildcards):
        return expand(
            f"{RESULT}/{name}",
            seed=range(1, seeds(config, wildcards.observable) + 1),
            allow_missing=False,
            **dict(wildcards.items()),
        )

    return files


def all_results(name):
    """A file of every seed of every observable of every signal."""
    return [
        f"results/{ANALYSIS}/{signal}/{observable}/seed{seed}/{name}"
        for signal in SIGNALS
        for observable in OBSERVABLES
        for seed in range(1, seeds(config, observable) + 1)
    ]


def of_all_signals(name):
    """Input function: a file of an observable for every signal."""
    return lambda wildcards: expand(
        "results/{analysis}/{signal}/{observable}/{name}",
        name=name,
        signal=SIGNALS,
        **dict(wildcards.items()),
    )


def of_all_seeds_and_signals(name):
    """Input function: a file of every seed of an observable for every signal."""
    return lambda wildcards: expand(
        f"{RESULT}/{name}",
        signal=SIGNALS,
        seed=range(1, seeds(config, wildcards.observable) + 1),
        **dict(wildcards.items()),
    )


def patchsets():
    """One for each observable, where there are several hypotheses."""
    return expand(
        "results/{analysis}/patchset/{observable}/patchset.json",
        analysis=ANALYSIS,
        observable=OBSERVABLES if len(SIGNALS) > 1 else [],
    )


def source_model(wildcards):
    """The weights that a rebinned observable takes."""
    source = OBSERVABLES[wildcards.observable]["source"]
    return f"results/{wildcards.analysis}/{wildcards.signal}/{source}/seed{wildcards.seed}/model.safetensors"


def all_figures(extension):
    kinds = ["templates", "soft_hard", "systematics", "cls_scan", "plane", "importance"]
    kinds += ["profile", "contour", "toys", *FITS]
    figures = [(name, kind) for name in OBSERVABLES for kind in kinds]
    figures += [
        (name, kind) for name in TRAINED + REBINNED for kind in ("training", "edges")
    ]
    figures += [(name, "gradient") for name in TRAINED]
    return (
        expand(
            "results/{analysis}/figures/{signal}__{figure}.{extension}",
            analysis=ANALYSIS,
            signal=SIGNALS,
            figure=[f"{name}__{kind}" for name, kind in figures],
            extension=extension,
        )
        + expand(
            "results/{analysis}/figures/{signal}__{name}.{extension}",
            analysis=ANALYSIS,
            signal=SIGNALS,
            name=[
                "comparison",
                *(["gain"] if BASELINE else []),
                *(f"study_{study}" for study in STUDIES),
            ],
            extension=extension,
        )
        + expand(
            "results/{analysis}/figures/{observable}__limits.{extension}",
            analysis=ANALYSIS,
            observable=OBSERVABLES if PARAMETER else [],
            extension=extension,
        )
        + expand(
            "results/{analysis}/figures/{observable}__exclusion.{extension}",
            analysis=ANALYSIS,
            observable=OBSERVABLES if PLANE else [],
            extension=extension,
        )
    )


def animations():
    return expand(
        "results/{analysis}/figures/{signal}__{observable}__training.gif",
        analysis=ANALYSIS,
        signal=SIGNALS,
        observable=TRAINED,
    )
