"""Helper functions and constants of the rules."""

import os
import re
import shlex
import sys
from functools import cache
from pathlib import Path

import yaml
from snakemake.exceptions import WorkflowError
from snakemake.utils import update_config

# Rules and scripts import hone from beside them, in cluster jobs too, and before any other hone that
# the environment knows: what ran is what the digest of the code was made of. Only rules that
# Snakemake reads out of a repository, as a module, take the hone that is installed.
LIBRARY = Path(workflow.current_basedir.get_path_or_uri(secret_free=True)).parent
if LIBRARY.is_dir():
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

if LIBRARY.is_dir():
    import_from(LIBRARY)

# Snakemake writes it into command lines as it is: a folder of its path may have a space in its name.
sys.executable = shlex.quote(sys.executable)

if len(workflow.configfiles) > 1:
    raise WorkflowError(
        f"--configfile: {len(workflow.configfiles)} files are given, but a file describes a whole "
        "analysis; give one, and change single settings with --config, as --config seed=2"
    )
CONFIGFILE = Path(*workflow.configfiles or ["config/config.yaml"])
# Snakemake leaves the numbers in a list or a mapping of --config as text.
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
RESULT = "<results>/{signal}/{observable}/seed{seed}"
FIGURE = "<results>/figures/{signal}__{observable}__"
# Of every observable.
FIGURES = ["templates", "soft_hard", "systematics", "cls_scan", "plane", "importance"]
FIGURES += ["profile", "contour", "toys"]
FIGURES += ["prefit", "postfit", "pulls", "correlation", "impacts"]


def any_of(names):
    """A wildcard constraint: one of these names, or nothing at all if there are none."""
    return "|".join(map(re.escape, names)) or "(?!)"


# Of the paths in rules. No wildcard: Snakemake finds the rule of a file by what stands before the first.
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
    """Digest of the code that a script reaches, and versions: a change of either runs it again."""
    path = Path(workflow.source_path(f"../scripts/{script}.py"))

    def found(_):
        return {"code": code_digest(path), "versions": versions(*packages)}

    # A job wants to know it of its own rule only.
    return found(None) if workflow.is_main_process else found


def together_rule(name):
    """The rule that trains all seeds of an observable in one job."""
    return f"train_together_{underscored(name)}"


# What a profile sets for training, a GPU say, holds for these rules too, whose names it cannot know.
PROFILED = workflow.resource_settings.overwrite_resources
if "train_observable" in PROFILED:
    for name in TOGETHER:
        PROFILED.setdefault(together_rule(name), PROFILED["train_observable"])


def growing(amount):
    """A resource of which a job gets more each time it is tried again."""
    return lambda wildcards, attempt: amount * attempt


def of_hypothesis(function):
    """Function of wildcards that calls one of signal and observable once for each two.

    Thousands of jobs share what does not depend on their seed.
    """
    known = cache(function)
    return lambda wildcards: known(wildcards.signal, wildcards.observable)
