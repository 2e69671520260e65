"""What happens around a run: locks of killed runs, stale results, times and the table in the end."""

import atexit
import gc
import time

import snakemake.sourcecache
from snakemake.exceptions import WorkflowError
from snakemake.io import IOFile
from snakemake.iocontainers import Wildcards
from snakemake.persistence.file import FilePersistence
from snakemake.settings.enums import Quietness

from hone.errors import HoneError
from hone.records import job_digests
from hone.run_lock import forget_run, note_run, release_stale_lock
from hone.run_times import as_text, run_times
from hone.script import QUIET
from hone.stale import differences, explain

STATE = Path(".snakemake")
# With `--quiet all`, or `--quiet`, the run says nothing but what went wrong; its jobs neither.
SILENT = Quietness.ALL in (workflow.output_settings.quiet or ())
if SILENT:
    os.environ[QUIET] = "1"


def digests_now(rule, wildcards):
    """What decides the outputs of a job by config and code as they are; None if there is none."""
    try:
        params = workflow.get_rule(rule).params
        chosen = Wildcards(fromdict=wildcards)
        return job_digests(
            {k: v(chosen) if callable(v) else v for k, v in params.items()}
        )
    except (WorkflowError, LookupError, StopIteration):
        return None


def look_at_what_is_there():
    """Before jobs are planned: nobody's lock stays, and no result of another config or code."""
    message = release_stale_lock(STATE)
    if message and not SILENT:
        print(message, file=sys.stderr)
    folder = Path("results", ANALYSIS)
    if not os.access(
        next(p for p in (folder, folder.parent, Path()) if p.exists()), os.W_OK
    ):
        raise WorkflowError(f"{folder} cannot be written to; change its permissions")
    if not (folder / "logs").exists():
        return
    known = FilePersistence()
    found = list(
        differences(
            folder, lambda path: known.metadata(IOFile(path)) is not None, digests_now
        )
    )
    if found:
        raise WorkflowError(explain(folder, found))


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


if workflow.is_main_process:
    look_at_what_is_there()


STARTED = time.time()


onstart:
    note_run(STATE)


onsuccess:
    forget_run(STATE)
    show_times(STARTED)
    show_summary()


onerror:
    forget_run(STATE)
    show_times(STARTED)
