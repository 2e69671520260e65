"""Helper functions and constants of the rules."""

import os
import re
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

# Scripts inherit the search path of this process, in cluster jobs too: they import hone from here.
LIBRARY = Path(workflow.basedir, "workflow")
if str(LIBRARY) not in sys.path:
    sys.path.insert(0, str(LIBRARY))

from hone.config import checked_config, seeds, signals, templates
from hone.errors import ConfigError
from hone.provenance import code_digest, versions

try:
    config = checked_config(config)
except ConfigError as error:
    raise WorkflowError(str(error)) from None

ANALYSIS = config["analysis"]
SIGNALS = signals(config)
OBSERVABLES = {o["name"]: o for o in config["observables"]}
NETWORKS = [name for name, o in OBSERVABLES.items() if o["kind"] == "network"]
REBINNED = [name for name, o in OBSERVABLES.items() if o["kind"] == "rebinned"]
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


def made_by(script):
    """Digest of the code that a script reaches, and versions: a change of either runs it again."""
    path = LIBRARY / "scripts" / f"{script}.py"
    return {"code": code_digest(path), "versions": versions()}


def settings(*keys):
    """The part of the config that a rule depends on."""
    return {key: config[key] for key in keys}


def observable_settings(wildcards):
    return OBSERVABLES[wildcards.observable]


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
            for s in config["systematics"]
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
            template=templates(config, wildcards.signal),
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
    kinds = ["training", "templates", "soft_hard", "cls_scan"]
    kinds += ["plane"] if len(config["features"]) == 2 else []
    return expand(
        "results/{analysis}/figures/{signal}__{observable}__{kind}.{extension}",
        analysis=ANALYSIS,
        signal=SIGNALS,
        observable=OBSERVABLES,
        kind=kinds,
        extension=extension,
    ) + expand(
        "results/{analysis}/figures/{signal}__comparison.{extension}",
        analysis=ANALYSIS,
        signal=SIGNALS,
        extension=extension,
    )


def show_summary():
    """Print the table and the paths; make does it itself, also when there was nothing to do."""
    summary = Path("results", ANALYSIS, "summary.txt")
    if "MAKELEVEL" not in os.environ and summary.exists():
        print(summary.read_text())
