"""What happens around a run: locks of killed runs, stale results, times and the table in the end."""

import atexit
import gc
import time

import snakemake.sourcecache
from snakemake.exceptions import WorkflowError
from snakemake.io import IOFile
from snakemake.iocontainers import Wildcards
from snakemake.persistence.file import FilePersistence
from snakemake.settings.enums import Quietness, RerunTrigger

from hone.errors import HoneError
from hone.running.files import write_json
from hone.running.job_records import job_digests
from hone.running.run_lock import forget_run, note_run, release_stale_lock
from hone.running.run_times import as_text, run_times
from hone.running.script import QUIET
from hone.running.stale_results import differences, explain

STATE = Path(".snakemake")
# With `--quiet all`, or `--quiet`, the run says nothing but what went wrong; its jobs neither.
SILENT = Quietness.ALL in (workflow.output_settings.quiet or ())
if SILENT:
    os.environ[QUIET] = "1"


def params_now(rule, wildcards):
    """The parameters of a job by config and code as they are."""
    chosen = Wildcards(fromdict=wildcards)
    params = workflow.get_rule(rule).params
    return {k: v(chosen) if callable(v) else v for k, v in params.items()}


# With the parameters, or others could take their places in memory.
DIGESTS = {}


def digests_now(rule, wildcards):
    """What decides the outputs of a job by config and code as they are; None if there is none."""
    try:
        params = params_now(rule, wildcards)
    except (WorkflowError, LookupError, StopIteration):
        return None
    # Thousands of jobs share theirs.
    key = (rule, *map(id, params.values()))
    if key not in DIGESTS:
        DIGESTS[key] = params, job_digests(params)
    return DIGESTS[key][1]


@cache
def snakemakes_records():
    return FilePersistence()


def runs_again(rule, wildcards, outputs):
    """Whether Snakemake knows that it has to make files anew: by parameters, or after a kill."""
    known = snakemakes_records()
    now = {repr(value) for value in params_now(rule, wildcards).values()}
    # What Snakemake has in public for the latter works only once jobs are planned.
    return any(
        (record := known.metadata(IOFile(path))) and set(record.params or now) != now
        for path in outputs
    ) or bool(known._filter_incomplete_keys(outputs))


def look_at_what_is_there():
    """Before jobs are planned: nobody's lock stays, and no result of another config or code.

    Returns:
        Results of another config or code that Snakemake knows about.
    """
    message = release_stale_lock(STATE)
    if message and not SILENT:
        print(message, file=sys.stderr)
    folder = Path("results", ANALYSIS)
    if not os.access(
        next(p for p in (folder, folder.parent, Path()) if p.exists()), os.W_OK
    ):
        raise WorkflowError(f"{folder} cannot be written to; change its permissions")
    found = list(differences(folder, digests_now, runs_again))
    hidden = [difference for difference in found if not difference.runs_again]
    if hidden:
        why = "Snakemake's records, in .snakemake, are missing or belong to other files"
        raise WorkflowError(explain(folder, hidden, why))
    return found


def left_behind():
    """Say, once, what options leave as it is although another config or code made it.

    Snakemake knows its options only after it has read the rules.
    """
    found = BEHIND.copy()
    BEHIND.clear()
    if not found or workflow.dag_settings is None:
        return ""
    if workflow.touch:
        option = "--touch"
    elif RerunTrigger.PARAMS not in workflow.rerun_triggers:
        option = "--rerun-triggers"
    else:
        return ""
    return explain(Path(FOLDER), found, f"{option} wants it so", f"Leave out {option}.")


def show_what_is_left_behind():
    """For plans, and where there is nothing to be done."""
    print(left_behind(), end="", file=sys.stderr)


def show_times(started):
    """Print what the jobs of this run took, by rule."""
    try:
        times = run_times(Path("results", ANALYSIS, "benchmarks"), started)
    except HoneError:
        # what a killed job left of its timing; the job runs again
        return
    if times and not SILENT:
        print(f"\nJobs of this run\n\n{as_text(times)}")


def show_summary():
    """Print the result, the table and the paths; make does it itself, also after no job at all."""
    folder = Path("results", ANALYSIS)
    if "MAKELEVEL" in os.environ or SILENT:
        return
    for path in (folder / "headline.txt", folder / "summary.txt"):
        if path.exists():
            print(path.read_text())


# A plan of thousands of jobs is millions of objects that live as long as Snakemake: looking through
# them for garbage, and taking them apart in the end, is a third of its time.
gc.set_threshold(100_000, 50, 100)
atexit.register(gc.freeze)
# Of the same few scripts, asked three times for each job, at the price of a new class each time.
snakemake.sourcecache.parse_uri = cache(snakemake.sourcecache.parse_uri)


BEHIND = look_at_what_is_there() if workflow.is_main_process else []
atexit.register(show_what_is_left_behind)


STARTED = time.time()


onstart:
    if message := left_behind():
        raise WorkflowError(message)
    write_json(PLAN, CONTENTS)
    note_run(STATE)


onsuccess:
    forget_run(STATE)
    show_times(STARTED)
    show_summary()


onerror:
    forget_run(STATE)
    show_times(STARTED)
