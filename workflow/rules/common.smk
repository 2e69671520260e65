"""The analysis, and what all rules need: wildcards, digests of code, parameters."""

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

from hone.analysis import checked_config, parts, refuse_duplicates
from hone.analysis.analysis import SETS
from hone.analysis.files import Files
from hone.analysis.observables import GridCuts, Rebinned, Trained, VariableBins
from hone.analysis.own_objective import source_file
from hone.analysis.report_items import ITEMS
from hone.analysis.settings import plain
from hone.analysis.short_names import underscored
from hone.errors import ConfigError, InputError
from hone.running.contents import look_at, planned
from hone.running.provenance import code_digest, digest, versions
from hone.running.script import import_from

if LIBRARY.is_dir():
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
    ANALYSIS = checked_config(config, os.path.relpath(CONFIGFILE.parent))
except ConfigError as error:
    raise WorkflowError(str(error)) from None

FILES = Files(ANALYSIS)
TEMPLATES = list(
    dict.fromkeys(t for s in ANALYSIS.signals for t in ANALYSIS.templates_of(s))
)
BY_NAME = {t.name: t for t in TEMPLATES}
WEIGHTED = [
    t.name for t in TEMPLATES if not t.systematic and ANALYSIS.weights(t.sample)
]
TRAINED = ANALYSIS.of_kind(Trained)
TOGETHER = [name for name in TRAINED if ANALYSIS.observable(name).together]
RESULT = "<results>/{signal}/{observable}/seed{seed}"
# What the jobs of a run go by, whatever happens to the files meanwhile.
PLAN = Path(".snakemake", f"hone-plan-{ANALYSIS.analysis}.json")
try:
    look = look_at if workflow.is_main_process else lambda paths: planned(paths, PLAN)
    CONTENTS = look(FILES.own)
except InputError as error:
    raise WorkflowError(str(error)) from None


def any_of(names):
    """A wildcard constraint: one of these names; matches nothing if there are none."""
    return "|".join(map(re.escape, names)) or "(?!)"


# Not wildcards: Snakemake finds the rule of a file faster by what precedes its first wildcard.
# A profile's resources for training (e.g. a GPU) also hold for these rules, whose names it cannot know.
# Snakemake reads them at its first rule.
PROFILED = workflow.resource_settings.overwrite_resources
if "train_observable" in PROFILED:
    for name in TOGETHER:
        PROFILED.setdefault(
            f"train_together_{underscored(name)}", PROFILED["train_observable"]
        )


pathvars:
    results=ANALYSIS.folder,
    logs=f"{ANALYSIS.folder}/logs",
    benchmarks=f"{ANALYSIS.folder}/benchmarks",


wildcard_constraints:
    signal=any_of(ANALYSIS.signals),
    observable=any_of(FILES.observables),
    template=any_of(BY_NAME),
    seed="[1-9][0-9]*",
    study=any_of(s.name for s in ANALYSIS.studies),


def made_by(script, *packages):
    """Digest of the code that a script imports, and versions: a change of either reruns the rule."""
    path = Path(workflow.source_path(f"../scripts/{script}.py"))

    def found(_):
        return {"code": code_digest(path), "versions": versions(*packages)}

    # A job needs that of its own rule only.
    return found(None) if workflow.is_main_process else found


def shown(path, kind, label="", signal="all", observable="all"):
    """An output that the report shows, with the caption of its kind."""
    item = ITEMS[kind]
    return report(
        path,
        caption=f"../report/{kind}.rst",
        category=item.category,
        labels={
            "figure": label or item.label,
            "signal": signal,
            "observable": observable,
        },
    )


def figures(*kinds):
    """Outputs of a rule: figures of an observable, `<kind>_png` and `<kind>_pdf`."""
    stem = "<results>/figures/{signal}/{observable}/"
    places = ("{signal}", "{observable}")
    return {
        **{f"{k}_png": shown(f"{stem}{k}.png", k, "", *places) for k in kinds},
        **{f"{k}_pdf": f"{stem}{k}.pdf" for k in kinds},
    }


def growing(amount):
    """A resource that grows with each retry of a job."""
    return lambda wildcards, attempt: amount * attempt


def of_hypothesis(function, *others):
    """Function of wildcards that calls ``function`` once per signal and observable.

    Thousands of jobs share what does not depend on their seed.
    """
    known = cache(function)
    return lambda wildcards: known(wildcards.signal, wildcards.observable, *others)


def as_inputs(paths):
    """Of the user's own files the contents count, which are among the parameters, not the times."""
    return [ancient(path) if path in CONTENTS else path for path in paths]


def contents_of(names):
    """Digests of the user's own files with the events of some sets; none of what is generated."""
    paths = [path for name in names for path in FILES.ntuples.get(name, [])]
    return {path: CONTENTS[path] for path in paths if path in CONTENTS}


def for_rules(part, *fields):
    """Parameter function: a part of the analysis, for a signal and an observable."""
    return of_hypothesis(
        lambda signal, observable: part(ANALYSIS, signal, observable, *fields)
    )


def for_template(part):
    """Parameter function: a part of the analysis, for a set of events."""
    return lambda wildcards: part(ANALYSIS, BY_NAME[wildcards.template])


def events_of(*events_sets):
    """Input function, to be unpacked: files of some sets of events, and what is known about them."""

    @of_hypothesis
    def files(signal, observable):
        names = FILES.templates(signal, observable)
        of_sets = {s: sum(FILES.events_of(names, s).values(), []) for s in events_sets}
        return {
            **{name: as_inputs(paths) for name, paths in of_sets.items()},
            "surveys": FILES.surveys(names),
        }

    return files


def files_by_name(*events_sets):
    """Parameter function: the files of sets of events, by set and template."""
    return of_hypothesis(
        lambda signal, observable: {
            s: FILES.events_of(FILES.templates(signal, observable), s)
            for s in events_sets
        }
    )


@of_hypothesis
def contents_of_events(signal, observable):
    return contents_of(FILES.templates(signal, observable))


def all_seeds(name):
    """Input function: a file of every seed of an observable."""
    return of_hypothesis(
        lambda signal, observable: FILES.of_seeds(name, [signal], [observable])
    )


def of_all_signals(name):
    """Input function: a file of an observable for every signal."""
    return lambda wildcards: FILES.of_observables(
        name, observables=[wildcards.observable]
    )


def of_all_seeds_and_signals(name):
    """Input function: a file of every seed of an observable for every signal."""
    return lambda wildcards: FILES.of_seeds(name, observables=[wildcards.observable])


@of_hypothesis
def title(signal, observable):
    """What figures are of: with several hypotheses, of one of them."""
    return observable if len(ANALYSIS.signals) == 1 else f"{observable}, {signal}"


def own_objective(wildcards):
    """Folder and digest of the user's code that an observable's objective comes from."""
    objective = (
        getattr(ANALYSIS.observable(wildcards.observable), "objective", None) or ""
    )
    if ":" not in objective:
        return {}
    path = source_file(objective, ANALYSIS.modules)
    code = code_digest(path.absolute(), path.parent.absolute())
    return {"folder": str(path.parent), "code": code}


def selection_settings(*events_sets):
    """What the rules that make an observable depend on."""
    return {
        "analysis": for_rules(parts.of_training),
        "files": files_by_name(*events_sets),
        "contents": contents_of_events,
        "own_objective": own_objective,
    }


def surveyed(wildcards):
    """Input function: files of one set of events; of generated ones those of the evaluation set."""
    return as_inputs(
        FILES.events_of([wildcards.template], "evaluation")[wildcards.template]
    )


@of_hypothesis
def events_of_histograms(signal, observable):
    """Input function, to be unpacked: what the histograms of a hypothesis are filled with."""
    others = FILES.injected_in(signal)
    names = FILES.templates(signal, observable)
    events = FILES.events_of(names, "evaluation")
    return {
        "evaluation": as_inputs(sum(events.values(), [])),
        "surveys": FILES.surveys([*names, *others]),
        "injected": as_inputs(sum((FILES.ntuples[name] for name in others), [])),
    }


@of_hypothesis
def files_of_histograms(signal, observable):
    return {
        "evaluation": FILES.events_of(
            FILES.templates(signal, observable), "evaluation"
        ),
        "injected": {name: FILES.ntuples[name] for name in FILES.injected_in(signal)},
    }


@of_hypothesis
def injected_events(signal, observable):
    """How events of the injected signal are read, where it is another hypothesis'."""
    return parts.of_injection(ANALYSIS, FILES.injected_in(signal))


@of_hypothesis
def contents_of_histograms(signal, observable):
    """Also of an injected signal and of data, where these are counted."""
    names = [*FILES.templates(signal, observable), *FILES.injected_in(signal)]
    data = [sample.name for sample in ANALYSIS.data if FILES.observed]
    return contents_of(names + data)
