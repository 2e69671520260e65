"""What happens around a run of Snakemake: locks of killed runs, stale results, times, the table."""

import atexit
import gc
import os
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from difflib import get_close_matches
from functools import cache, cached_property
from pathlib import Path
from threading import Thread
from typing import Any

import snakemake.sourcecache
from snakemake.exceptions import WorkflowError
from snakemake.io import IOFile
from snakemake.iocontainers import Wildcards
from snakemake.logging import logger
from snakemake.persistence.file import FilePersistence
from snakemake.settings.enums import Quietness, RerunTrigger

from hone.errors import HoneError
from hone.running.files import write_json
from hone.running.forked_jobs import ForkServer
from hone.running.job_records import JobDigests, errors_since, job_digests
from hone.running.result_text import result_text
from hone.running.run_lock import forget_run, note_run, release_stale_lock
from hone.running.run_times import as_text, run_times
from hone.running.script import ERRORS_LAST, QUIET
from hone.running.stale_results import Difference, differences, explain

__all__ = ["Run", "plan_faster"]

Params = dict[str, object]
"""Parameters of a job by name."""

_STATE = Path(".snakemake")
_FIRST_LOOK = "check_inputs"
"""The rule that tabulates the inputs: its name is a target, as a table it prints."""
_MINUTES = 10
"""Of a job of a rule that says nothing of its time, to tell how far a run is."""


def plan_faster() -> None:
    """Make Snakemake plan thousands of jobs in two thirds of the time.

    A plan is millions of objects that live as long as Snakemake: looking through them for garbage,
    and taking them apart in the end, is a third of its time. And it parses the address of each of
    a few scripts three times for each job, at the price of a new class each time.
    """
    gc.set_threshold(100_000, 50, 100)
    atexit.register(gc.freeze)
    snakemake.sourcecache.parse_uri = cache(snakemake.sourcecache.parse_uri)


class Run:
    """A call of Snakemake, in the process that plans its jobs.

    Args:
        workflow: Snakemake's object.
        folder: of the analysis, ``results/<analysis>``.
    """

    def __init__(self, workflow: Any, folder: str | Path) -> None:
        self.workflow = workflow
        self.folder = Path(folder)
        self.started = time.time()
        # With `--quiet all` only what went wrong is said, by jobs too.
        self.is_silent = Quietness.ALL in (workflow.output_settings.quiet or ())
        if self.is_silent:
            os.environ[QUIET] = "1"
        # With the parameters, or others could take their places in memory.
        self._digests: dict[tuple[object, ...], tuple[Params, JobDigests]] = {}
        self._behind: list[Difference] = []
        self._errors: list[str] = []
        self._forks: ForkServer | None = None
        self._ahead: Thread | None = None

    def look_at_what_is_there(self) -> None:
        """Before jobs are planned: nobody's lock stays, and no result of another config or code.

        Raises:
            WorkflowError: there are results of another config or code that Snakemake would take for
                up to date; or no results can be written.
        """
        message = release_stale_lock(_STATE)
        if message and not self.is_silent:
            print(message, file=sys.stderr)
        first = next(p for p in (self.folder, self.folder.parent, Path()) if p.exists())
        if not os.access(first, os.W_OK):
            raise WorkflowError(f"{self.folder} cannot be written to; change its permissions")
        self._behind = list(
            differences(self.folder, self._digests_now, self._runs_again, self._makes)
        )
        hidden = [difference for difference in self._behind if not difference.runs_again]
        if hidden:
            why = "Snakemake's records, in .snakemake, are missing or belong to other files"
            raise WorkflowError(explain(self.folder, hidden, why))

    def import_ahead(self, *scripts: str | Path) -> None:
        """Import what jobs need while they are planned, which keeps one core busy.

        Only where there is no result yet: other runs may have nothing to do.

        Args:
            scripts: of the first jobs.
        """

        def start() -> None:
            now = self.workflow
            # Snakemake says what for when it begins to plan; with some options it never does.
            for _ in range(1500):
                if now.executor_plugin is not None:
                    break
                time.sleep(0.02)
            else:
                return
            if now.local_exec and not now.dryrun and not now.touch:
                # Where it cannot be started now, it is tried again with the first job.
                with suppress(OSError):
                    self._forks = ForkServer(scripts)

        if not (self.folder / "config.yaml").exists():
            self._ahead = Thread(target=start, daemon=True)
            self._ahead.start()

    def begin(self, plan: Path, contents: Mapping[str, str]) -> None:
        """Before the first job.

        Args:
            plan: file in which jobs find the digests of the user's files.
            contents: these digests, by path.

        Raises:
            WorkflowError: an option leaves results of another config or code as they are.
        """
        if message := self.left_behind():
            raise WorkflowError(message)
        write_json(plan, contents)
        note_run(_STATE)
        os.environ[ERRORS_LAST] = "1"
        # With a limit Snakemake looks for jobs to start once a second, and once more for each job
        # that has ended: after fifty jobs it needs a core for itself. Jobs here need seconds, and
        # none is submitted to others.
        if self.workflow.local_exec:
            if self._ahead:
                self._ahead.join()
            self._forks = self._forks or ForkServer()
            self.workflow.scheduler.job_rate_limiter = None
            jobs = self.workflow.dag.needrun_jobs() if self._brief() else ()
            minutes = {job.rule.name: job.resources.get("runtime", _MINUTES) for job in jobs}
            for handler in self._brief():
                handler.progress.weights = minutes

    def end(self, well: bool) -> None:
        """After the last job: print what jobs took, by rule; the result and its paths.

        Args:
            well: whether all jobs ended well.
        """
        forget_run(_STATE)
        if self._forks:
            self._forks.end()
        for handler in self._brief():
            handler.end_of_jobs()
        if not well:
            self._errors = errors_since(self.folder / "logs", self.started)
        if self.is_silent:
            return
        try:
            times = run_times(self.folder / "benchmarks", self.started)
        except HoneError:
            times = []  # what a killed job left of its timing; the job runs again
        if times:
            text = f"\nJobs of this run\n\n{as_text(times)}"
            if self._brief():
                logger.info(text)  # for Snakemake's log
            else:
                print(text)
        # Without the line, its job has printed it.
        if well and self._brief() and _FIRST_LOOK in self._targets():
            print((self.folder / "inputs/yields.txt").read_text())
        # `make` shows the table itself, also where there was no job at all.
        if well and "MAKELEVEL" not in os.environ:
            print(result_text(self.folder))
            if self._targets() == ["limits"] and not (self.folder / "report.html").exists():
                print("Figures and report.html come with the same command without `limits`.\n")

    def _brief(self) -> list[Any]:
        """What shows the run as one line, if it is shown so."""
        handlers = self.workflow.logger_manager.get_log_handlers()
        return [h for h in handlers if getattr(h, "is_brief", False)]

    def last_words(self) -> str:
        """What is to be read when Snakemake has said all: why jobs failed, what was left behind."""
        errors = "".join(f"{message}\n" for message in self._errors)
        return errors + self.left_behind() + self._unknown_targets()

    def _targets(self) -> list[str]:
        """Names of rules and files that Snakemake was asked for."""
        settings = self.workflow.dag_settings
        return [] if settings is None else list(map(str, settings.targets or ()))

    def _unknown_targets(self) -> str:
        """Say what can be asked for, if Snakemake was asked for what no rule is or makes."""
        rules = list(self.workflow.rules)
        if not self.workflow.is_main_process:
            return ""
        unknown = [
            target
            for target in self._targets()
            if not any(target == rule.name or rule.is_producer(target) for rule in rules)
            and not Path(target).exists()
        ]
        if not unknown:
            return ""
        targets = sorted(r.name for r in rules if not r.output or r.name == _FIRST_LOOK)
        near = [name for target in unknown for name in get_close_matches(target, targets, 1)]
        meant = f" (did you mean {' '.join(near)}?)" if near else ""
        return (
            f"\n{', '.join(unknown)}: no rule has this name or makes this file{meant}. Targets are "
            f"{', '.join(targets)}, and every file in results/README.md\n"
        )

    def left_behind(self) -> str:
        """Say, once, what options leave as it is although another config or code made it.

        Snakemake knows its options only after it has read the rules.
        """
        found, self._behind = self._behind, []
        if not found or self.workflow.dag_settings is None:
            return ""
        if self.workflow.touch:
            option = "--touch"
        elif RerunTrigger.PARAMS not in self.workflow.rerun_triggers:
            option = "--rerun-triggers"
        else:
            return ""
        return explain(self.folder, found, f"{option} wants it so", f"Leave out {option}.")

    def _params_now(self, rule: str, wildcards: Mapping[str, str]) -> Params:
        """The parameters of a job by config and code as they are."""
        chosen = Wildcards(fromdict=wildcards)
        params = self.workflow.get_rule(rule).params
        return {k: v(chosen) if callable(v) else v for k, v in params.items()}

    def _makes(self, rule: str, path: str) -> bool:
        """Whether a rule makes a file, or no rule does any more: not if another one does.

        An observable of another kind has files of the same names from another rule.
        """
        if self.workflow.get_rule(rule).is_producer(path):
            return True
        return not any(other.is_producer(path) for other in self.workflow.rules)

    def _digests_now(self, rule: str, wildcards: Mapping[str, str]) -> JobDigests | None:
        """What decides the outputs of a job now; None if there is no such job."""
        try:
            params = self._params_now(rule, wildcards)
        except (WorkflowError, LookupError, StopIteration):
            return None
        # Thousands of jobs share theirs.
        key = (rule, *map(id, params.values()))
        if key not in self._digests:
            self._digests[key] = params, job_digests(params)
        return self._digests[key][1]

    @cached_property
    def _records(self) -> Any:
        return FilePersistence()

    def _runs_again(self, rule: str, wildcards: Mapping[str, str], outputs: Sequence[str]) -> bool:
        """Whether Snakemake knows that it has to make files anew: parameters differ, or a kill."""
        now = {repr(value) for value in self._params_now(rule, wildcards).values()}
        # What Snakemake has in public for the latter works only once jobs are planned.
        return any(
            (record := self._records.metadata(IOFile(path))) and set(record.params or now) != now
            for path in outputs
        ) or bool(self._records._filter_incomplete_keys(outputs))
