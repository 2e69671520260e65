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
os.environ["PYTHONPATH"] = os.pathsep.join(
    [str(LIBRARY), *filter(None, [os.environ.get("PYTHONPATH")])]
)

from hone.config import (
    checked_config,
    is_trained,
    seeds,
    signals,
    systematics_of,
    templates,
)
from hone.errors import ConfigError
from hone.own_objective import source_file
from hone.provenance import code_digest, versions

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
STUDIES = {study["name"]: study for study in config["studies"]}
SETS = ["training", "validation", "evaluation"]
TEMPLATES = list(
    dict.fromkeys(t for signal in SIGNALS for t in templates(config, signal))
)
RESULT = "results/{analysis}/{signal}/{observable}/seed{seed}"
FIGURE = "results/{analysis}/figures/{signal}__{observable}__"


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
        "samples": [s for s in config["samples"] if s["name"] == sample],
        "systematics": [s for s in config["systematics"] if s["name"] == systematic],
    }


def model_settings(wildcards):
    """What makes histograms a statistical model, for the signal hypothesis at hand."""
    others = [s for s in SIGNALS if s != wildcards.signal]
    samples = [s for s in config["samples"] if s["name"] not in others]
    names = {s["name"] for s in samples}
    return {
        "samples": [
            {k: v for k, v in s.items() if k != "distribution"} for s in samples
        ],
        "systematics": [
            (
                s
                if s["type"] == "normsys"
                else {k: s[k] for k in ("name", "type", "sample")}
            )
            for s in systematics_of(config, wildcards.get("observable"))
            if s["sample"] in names
        ],
        "staterror": config["workspace"]["staterror"],
    }


def event_files(events_set):
    """Input function: the event files of one set that a signal hypothesis needs."""

    def files(wildcards):
        return expand(
            "results/{analysis}/events/{set}/{template}.root",
            analysis=wildcards.analysis,
            set=events_set,
            template=templates(config, wildcards.signal, wildcards.get("observable")),
        )

    return files


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


def source_model(wildcards):
    """The weights that a rebinned observable takes."""
    source = OBSERVABLES[wildcards.observable]["source"]
    return f"results/{wildcards.analysis}/{wildcards.signal}/{source}/seed{wildcards.seed}/model.safetensors"


def all_figures(extension):
    kinds = ["templates", "soft_hard", "cls_scan"]
    kinds += ["plane"] if len(config["features"]) == 2 else []
    figures = [(name, kind) for name in OBSERVABLES for kind in kinds]
    figures += [(name, "training") for name in TRAINED + REBINNED]
    return expand(
        "results/{analysis}/figures/{signal}__{figure}.{extension}",
        analysis=ANALYSIS,
        signal=SIGNALS,
        figure=[f"{name}__{kind}" for name, kind in figures],
        extension=extension,
    ) + expand(
        "results/{analysis}/figures/{signal}__{name}.{extension}",
        analysis=ANALYSIS,
        signal=SIGNALS,
        name=["comparison", *(f"study_{study}" for study in STUDIES)],
        extension=extension,
    )


def show_summary():
    """Print the table and the paths; make does it itself, also when there was nothing to do."""
    summary = Path("results", ANALYSIS, "summary.txt")
    if "MAKELEVEL" not in os.environ and summary.exists():
        print(summary.read_text())
