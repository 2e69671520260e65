"""What happens around a run: locks of killed runs, stale results, the table in the end."""

from snakemake.exceptions import WorkflowError
from snakemake.io import IOFile
from snakemake.iocontainers import Wildcards
from snakemake.persistence.file import FilePersistence

from hone.records import job_digests
from hone.run_lock import forget_run, note_run, release_stale_lock
from hone.stale import differences, explain

STATE = Path(".snakemake")


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
    if message:
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


if workflow.is_main_process:
    look_at_what_is_there()


onstart:
    note_run(STATE)


onsuccess:
    forget_run(STATE)
    show_summary()


onerror:
    forget_run(STATE)
