"""Before and after a run: locks of killed runs, stale results, run times and the summary."""

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
# With `--quiet` or `--quiet all`, the run and its jobs print errors only.
SILENT = Quietness.ALL in (workflow.output_settings.quiet or ())
if SILENT:
    os.environ[QUIET] = "1"


def params_now(rule, wildcards):
    """The parameters of a job with the present config and code."""
    chosen = Wildcards(fromdict=wildcards)
    params = workflow.get_rule(rule).params
    return {k: v(chosen) if callable(v) else v for k, v in params.items()}


# The parameters are kept: keys are their addresses, which would otherwise be reused.
DIGESTS = {}


def digests_now(rule, wildcards):
    """Digests of a job with the present config and code; None if there is no such job."""
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
    """Whether Snakemake itself reruns a job: its parameters changed, or it was killed."""
    known = snakemakes_records()
    now = {repr(value) for value in params_now(rule, wildcards).values()}
    # Snakemake's public function for incomplete files works only after planning.
    return any(
        (record := known.metadata(IOFile(path))) and set(record.params or now) != now
        for path in outputs
    ) or bool(known._filter_incomplete_keys(outputs))


def look_at_what_is_there():
    """Before planning: remove stale locks, and refuse results of another config or code.

    Returns:
        Results of another config or code that Snakemake will rerun.
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
    """Results of another config or code that options keep; said once.

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
    """For dry runs, and if there is nothing to do."""
    print(left_behind(), end="", file=sys.stderr)


def show_times(started):
    """Print the times of the jobs of this run by rule."""
    try:
        times = run_times(Path("results", ANALYSIS, "benchmarks"), started)
    except HoneError:
        # A killed job left a part of its benchmark file; the job is rerun.
        return
    if times and not SILENT:
        print(f"\nJobs of this run\n\n{as_text(times)}")


def show_summary():
    """Print the headline and the summary; `make` prints them itself, even if no job ran."""
    folder = Path("results", ANALYSIS)
    if "MAKELEVEL" in os.environ or SILENT:
        return
    for path in (folder / "headline.txt", folder / "summary.txt"):
        if path.exists():
            print(path.read_text())


# The plan of thousands of jobs is millions of objects that live as long as Snakemake; collecting
# garbage among them and freeing them at the end takes a third of the time.
gc.set_threshold(100_000, 50, 100)
atexit.register(gc.freeze)
# Called three times per job for the same few scripts, and creates a class each time.
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
