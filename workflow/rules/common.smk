"""The analysis, and what all rules need of it: files, wildcards, parameters, resources, figures."""

import os
import shlex
import sys
from pathlib import Path

# Rules and scripts import hone from beside them, in cluster jobs too, and before any other hone that
# the environment knows: what ran is what the digest of the code was made of. Only rules that
# Snakemake reads out of a repository, as a module, take the hone that is installed.
LIBRARY = Path(workflow.current_basedir.get_path_or_uri(secret_free=True)).parent
if LIBRARY.is_dir():
    sys.path.insert(0, str(LIBRARY))
    from hone.running.script import import_from

    import_from(LIBRARY)

from hone.analysis import checked_config, parts, refuse_duplicates
from hone.analysis.sections import SETS
from hone.analysis.fair_baseline import fair_baseline
from hone.analysis.files import Files
from hone.analysis.needs import Needs, any_of, growing
from hone.analysis.observables import BestEdges, GridCuts, Trained, VariableBins
from hone.analysis.region_observables import seen
from hone.analysis.report_items import ITEMS, labels
from hone.analysis.settings import plain
from hone.analysis.trainings import Trials, trainings
from hone.errors import HoneError
from hone.running.contents import look_at, planned
from hone.running.given import config_file, share_resources
from hone.running.provenance import code_digest, digest, versions
from hone.training.tracking import refuse_without_mlflow

# Snakemake puts it into command lines unquoted, and its path may contain a space.
sys.executable = shlex.quote(sys.executable)
MAIN = workflow.is_main_process

try:
    CONFIGFILE = os.path.relpath(config_file(workflow, config, "config/config.yaml"))
    if MAIN:
        refuse_duplicates(CONFIGFILE)
    ANALYSIS = checked_config(config, CONFIGFILE)
    if MAIN and ANALYSIS.tracking == "mlflow":
        refuse_without_mlflow()
    FILES = Files(ANALYSIS)
    # What the jobs of a run go by, whatever happens to the files meanwhile.
    PLAN = Path(".snakemake", f"hone-plan-{ANALYSIS.analysis}.json")
    CONTENTS = look_at(FILES.own) if MAIN else planned(FILES.own, PLAN)
except HoneError as error:
    # Of an exception Snakemake would show the line of this file first, not of the user's.
    sys.exit(str(error))

NEEDS = Needs(FILES, CONTENTS, ancient)
TRIALS = Trials(FILES)
RESULT = "<results>/{signal}/{observable}/seed{seed}"
# With folds, a seed has several networks.
OF_NETWORK = "{signal}/{observable}/seed{seed}"
if ANALYSIS.split.folds:
    OF_NETWORK = f"{OF_NETWORK}/fold{{fold}}"
NETWORK = f"<results>/{OF_NETWORK}"
SELECTED = "<results>/{signal}/{observable}/selected.json"
FLOOR = "<results>/{signal}/floor.json" if ANALYSIS.has_floor else []
# Of jobs that are ready at the same time: the result first, figures, of priority 0, last.
FOR_LIMITS, FOR_TRAINING, FOR_FIGURES = 4, 2, 1
share_resources(workflow, *(training.rule for training in trainings(FILES)))


# Not wildcards: Snakemake finds the rule of a file faster by what precedes its first wildcard.
pathvars:
    results=ANALYSIS.folder,
    logs=f"{ANALYSIS.folder}/logs",
    benchmarks=f"{ANALYSIS.folder}/benchmarks",
    figures=f"{ANALYSIS.folder}/figures",
    publication=f"{ANALYSIS.folder}/publication",


wildcard_constraints:
    signal=any_of(ANALYSIS.signals),
    observable=any_of(FILES.observables),
    template=any_of(NEEDS.templates),
    seed="[1-9][0-9]*",
    fold="[1-9][0-9]*",
    trial="[1-9][0-9]*",
    study=any_of(s.name for s in ANALYSIS.studies),


def made_by(script, *packages):
    """Digest of the code that a script imports, and versions: a change of either reruns the rule."""
    path = Path(workflow.source_path(f"../scripts/{script}.py"))

    def found(_):
        return {"code": code_digest(path), "versions": versions(*packages)}

    # A job needs that of its own rule only.
    return found(None) if MAIN else found


def shown(kind, path, label=""):
    """An output that the report shows, with the caption of its kind."""
    return report(
        path,
        caption=f"../report/{kind}.rst",
        category=ITEMS[kind].category,
        labels=labels(kind, path, label),
    )


def figures(folder, *rules):
    """Outputs: what these rules draw, `<kind>_png` and `<kind>_pdf`."""
    stem, kinds = f"<figures>/{folder}", FILES.drawn_by(*rules)
    return {
        **{f"{k}_png": shown(k, f"{stem}/{k}.png") for k in kinds},
        **{f"{k}_pdf": f"{stem}/{k}.pdf" for k in kinds},
    }
