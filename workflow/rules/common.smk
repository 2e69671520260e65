"""Constants and helper functions of the rules."""

import os
import re
import shlex
import sys
from functools import cache
from pathlib import Path

import yaml
from snakemake.exceptions import WorkflowError
from snakemake.utils import update_config

# Rules and scripts import hone from this folder, in cluster jobs too, before any installed hone:
# the digest of the code is that of the code that runs.
LIBRARY = Path(workflow.basedir, "workflow").resolve()
sys.path.insert(0, str(LIBRARY))

from hone.analysis import (
    baseline,
    checked_config,
    event_files,
    is_trained,
    refuse_duplicates,
    scaled_to_yield,
    seeds,
    signals,
    systematics_of,
    templates,
)
from hone.running.contents import look_at, planned
from hone.errors import ConfigError, InputError
from hone.analysis.short_names import underscored
from hone.analysis.own_objective import source_file
from hone.running.provenance import code_digest, digest, versions
from hone.analysis.samples import affected, varied_weights
from hone.running.script import import_from

import_from(LIBRARY)

# Snakemake puts it into command lines unquoted, and its path may contain a space.
sys.executable = shlex.quote(sys.executable)

if len(workflow.configfiles) > 1:
    raise WorkflowError(
        f"--configfile: {len(workflow.configfiles)} files are given, but a file describes a whole "
        "analysis; give one, and change single settings with --config, e.g. --config seed=2"
    )
CONFIGFILE = Path(*workflow.configfiles or ["config/config.yaml"])
# Snakemake leaves numbers within a list or a mapping of --config as text.
for entry in workflow.config_settings.config_args or []:
    key, _, text = entry.partition("=")
    if isinstance(config.get(key), (dict, list)):
        update_config(config, {key: yaml.safe_load(text)})

try:
    if workflow.is_main_process:
        refuse_duplicates(os.path.relpath(CONFIGFILE))
    config = checked_config(config, os.path.relpath(CONFIGFILE.parent))
except ConfigError as error:
    raise WorkflowError(str(error)) from None

ANALYSIS = config["analysis"]
FOLDER = f"results/{ANALYSIS}"
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
# The user's own files by set of events; empty if events are generated.
FILES = event_files(config)
DATA = [s["name"] for s in config["samples"] if s["process"] == "data"]
# With ntuples, and neither unblinded nor with pseudo-data, the observation is the expectation.
OBSERVATION = {"signal": SIGNALS[0], **config["observation"]}
PSEUDO_DATA = OBSERVATION["pseudo_data"]
BLIND = bool(FILES) and not (OBSERVATION["unblind"] or PSEUDO_DATA)
# Samples whose events have varied weights.
WEIGHTED = [name for name in TEMPLATES if varied_weights(config, name)]
# Whether all features are variables of the events, not expressions.
PLAIN = all(name.isidentifier() for name in config["features"])
# The floor needs known densities and nothing else.
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
# Parameters that differ between hypotheses. Limits are drawn against the first if it alone identifies
# a hypothesis, and in the plane of the first two if these do.
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
RESULT = "<results>/{signal}/{observable}/seed{seed}"
FIGURE = "<results>/figures/{signal}__{observable}__"
# Figures of every observable.
FIGURES = ["templates", "soft_hard", "systematics", "cls_scan", "plane", "importance"]
FIGURES += ["profile", "contour", "toys"]
FIGURES += ["prefit", "postfit", "pulls", "correlation", "impacts"]


def any_of(names):
    """A wildcard constraint: one of these names; matches nothing if there are none."""
    return "|".join(map(re.escape, names)) or "(?!)"


# Not wildcards: Snakemake finds the rule of a file faster by what precedes its first wildcard.
pathvars:
    results=FOLDER,
    logs=f"{FOLDER}/logs",
    benchmarks=f"{FOLDER}/benchmarks",


wildcard_constraints:
    signal=any_of(SIGNALS),
    observable=any_of(OBSERVABLES),
    template=any_of(TEMPLATES),
    seed="[1-9][0-9]*",
    study=any_of(STUDIES),


def made_by(script, *packages):
    """Digest of the code that a script imports, and versions: a change of either reruns the rule."""
    path = LIBRARY / "scripts" / f"{script}.py"

    def found(_):
        return {"code": code_digest(path), "versions": versions(*packages)}

    # A job needs that of its own rule only.
    return found(None) if workflow.is_main_process else found


def together_rule(name):
    """The rule that trains all seeds of an observable in one job."""
    return f"train_together_{underscored(name)}"


# A profile's resources for training (e.g. a GPU) also hold for these rules, whose names it cannot know.
PROFILED = workflow.resource_settings.overwrite_resources
if "train_observable" in PROFILED:
    for name in TOGETHER:
        PROFILED.setdefault(together_rule(name), PROFILED["train_observable"])


def growing(amount):
    """A resource that grows with each retry of a job."""
    return lambda wildcards, attempt: amount * attempt


def of_hypothesis(function):
    """Function of wildcards that calls ``function`` once per signal and observable.

    Thousands of jobs share what does not depend on their seed.
    """
    known = cache(function)
    return lambda wildcards: known(wildcards.signal, wildcards.observable)
