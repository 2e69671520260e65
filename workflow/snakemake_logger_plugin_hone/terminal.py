"""What a run shows on the terminal: one line that says how far it is, and in the end what failed.

Snakemake's own lines, a dozen for each job, are in its log, and those of a job in the job's.
Snakemake finds the handler as its logger plugin ``hone``, for which ``profiles/default`` and
``make`` ask. It imports all plugins before it reads the rules: at the top of a module none may
import hone, which is that of the environment then, and not the one beside the rules.
"""

import math
import os
import re
import shutil
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from inspect import signature
from logging import WARNING, LogRecord
from pathlib import Path
from typing import Any, NamedTuple

from snakemake.logging import ColorizingTextHandler, DefaultFilter, DefaultFormatter
from snakemake.settings.enums import Quietness
from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent

__all__ = ["LogHandler", "Progress"]

_PERIOD = 0.5
"""Seconds between two drawings of the line."""
_PARTS = 10
"""So many lines of a whole run go to what is not a terminal."""
_MEMORY = 30.0
"""Seconds in which the time left follows what is estimated anew."""
_IN_MINUTES = 100.0
"""Seconds from which minutes are told."""


class _Job(NamedTuple):
    rule: str
    message: str
    logs: tuple[Path, ...]
    start: float
    """Seconds, of the clock of the run."""


class Progress:
    """How far a run is, in words.

    Args:
        clock: gives the time in seconds.
    """

    def __init__(self, clock: Any = time.monotonic) -> None:
        self._clock = clock
        self._begin = clock()
        self._waiting: Counter[str] = Counter()
        self._running: dict[int, _Job] = {}
        self._took: dict[str, list[float]] = {}
        self._end: float | None = None
        self._asked = self._begin
        self.done = self.total = 0
        self.weights: Mapping[str, float] = {}
        """How long a job of each rule takes relative to others; no time is estimated without."""

    def plan(self, jobs: Mapping[str, int]) -> None:
        """Begin with so many jobs of each rule; ``total`` among them is their sum."""
        self._waiting = Counter({rule: count for rule, count in jobs.items() if rule != "total"})
        self.total = self._waiting.total()
        self._begin = self._clock()
        self._end = None

    def start(self, job: int, rule: str, message: str, logs: Iterable[str] = ()) -> None:
        """A job begins, perhaps once more."""
        if job not in self._running:
            self._waiting[rule] -= 1
        self._running[job] = _Job(rule, message, tuple(map(Path, logs)), self._clock())

    def finish(self, job: int) -> None:
        """A job has ended well."""
        if ended := self._running.pop(job, None):
            self._took.setdefault(ended.rule, []).append(self._clock() - ended.start)

    def __str__(self) -> str:
        parts = [f"{self.done}/{self.total} jobs"]
        if self._running:
            parts.append(_in_words(max(self._running.values(), key=_interest)))
        left = self.seconds_left()
        if left is not None:
            parts.append(f"about {_rough(left)} left")
        return ", ".join(parts)

    def seconds_left(self) -> float | None:
        """Until the last job ends, from what jobs took so far; None if too few have ended."""
        took = {rule: sum(seconds) for rule, seconds in self._took.items()}
        weight = sum(self.weights.get(rule, 0.0) * len(s) for rule, s in self._took.items())
        if not (5 <= self.done < self.total and weight):
            return None
        now = self._clock()
        ages = [(job, now - job.start) for job in self._running.values()]

        def expected(rule: str) -> float:
            if rule in took:
                return took[rule] / len(self._took[rule])
            return self.weights.get(rule, 0.0) * sum(took.values()) / weight

        # On a busy machine each job that ends says something else: what is shown follows slowly.
        work = sum(max(count, 0) * expected(rule) for rule, count in self._waiting.items())
        work += sum(max(expected(job.rule) - age, 0.0) for job, age in ages)
        at_once = (sum(took.values()) + sum(age for _, age in ages)) / (now - self._begin)
        end, since = now + work / at_once, now - self._asked
        if self._end is not None:
            end = self._end + (end - self._end) * -math.expm1(-since / _MEMORY)
        self._end, self._asked = end, now
        return max(end - now, 0.0)


def _rough(seconds: float) -> str:
    """A time as far as it can be known: minutes, or tens of seconds."""
    if seconds > _IN_MINUTES:
        return f"{seconds / 60:.0f} min"
    return f"{max(10 * round(seconds / 10), 10)} s"


def _interest(job: _Job) -> tuple[bool, float]:
    return job.rule.startswith("train_"), job.start


def _in_words(job: _Job) -> str:
    """What a job does; of a training the last CLs in its log, too."""
    words = job.message[:1].lower() + job.message[1:] or job.rule
    for log in job.logs if _interest(job)[0] else ():
        try:
            found = re.findall(r"CLs (\d\S*)", log.read_text())
            if found:
                words += f", CLs {float(found[-1]):.1e}".replace("e-0", "e-")
        except (OSError, ValueError):
            continue
    return words


class LogHandler(LogHandlerBase):
    """Shows a run in one line; anything but a run as Snakemake does, and with ``--quiet``, too."""

    writes_to_stream = True
    writes_to_file = False
    has_filter = True
    has_formatter = True
    needs_rulegraph = False

    def __post_init__(self) -> None:
        settings: Any = self.common_settings
        self._stream = sys.stderr
        self._is_terminal = self._stream.isatty() and os.environ.get("TERM") != "dumb"
        formatter = DefaultFormatter(settings.quiet, settings.show_failed_logs)
        self.setFormatter(formatter)
        self._plain: ColorizingTextHandler | None = None
        more = (settings.dryrun, settings.verbose, settings.debug_dag, settings.printshellcmds)
        if any(more) or settings.show_failed_logs or {*(settings.quiet or ())} - {Quietness.REASON}:
            stream = sys.stdout if settings.stdout else sys.stderr
            # Their number depends on the version.
            options = signature(DefaultFilter).parameters
            chosen = DefaultFilter(**{name: getattr(settings, name) for name in options})
            self._plain = ColorizingTextHandler(settings.nocolor, stream, formatter, chosen)
        else:
            os.environ["HONE_QUIET"] = "1"  # `hone.running.script.QUIET`
        self.progress = Progress()
        self._held: list[str] = []
        # What failed, its logs, and which of them are named.
        self._failed: dict[int, tuple[str, tuple[str, ...], tuple[str, ...]]] = {}
        self._is_stopped = False
        self._start = time.time()
        self._parts = 0
        self._shown = ""
        self._stop = threading.Event()
        # Records come in a thread of Snakemake's, the line is drawn in another.
        self._writing = threading.RLock()

    @property
    def is_brief(self) -> bool:
        """Whether the run is one line."""
        return self._plain is None

    def emit(self, record: LogRecord) -> None:
        """Take in a record of Snakemake; print it if it is for now."""
        if self._plain:
            self._plain.handle(record)
            return
        known: Any = record
        match getattr(record, "event", None):
            case LogEvent.RUN_INFO:
                self.progress.plan(known.stats)
                self._held.clear()
                if self._is_terminal:
                    threading.Thread(target=self._draw_again, daemon=True).start()
            case LogEvent.JOB_INFO:
                job = (known.jobid, known.rule_name, known.rule_msg or "", known.log)
                self.progress.start(*job)
            case LogEvent.JOB_FINISHED:
                self.progress.finish(known.job_id)
                self._failed.pop(known.job_id, None)
            case LogEvent.PROGRESS:
                self.progress.done, self.progress.total = known.done, known.total
                self._next_part()
            case LogEvent.JOB_ERROR:
                logs = tuple(known.log)
                # Those of a group follow it.
                self._failed.setdefault(known.jobid, (f"rule {known.rule_name}", logs, logs))
            case LogEvent.GROUP_ERROR:
                self._group_failed(known.job_error_info, tuple(known.aux_logs))
            case LogEvent.ERROR if known.exception == "RuleException" and self.progress.total:
                pass  # of a job that has failed, which follows
            case LogEvent.ERROR | None:
                self._message(record)

    def _group_failed(self, jobs: Sequence[Mapping[str, Any]], of_cluster: tuple[str, ...]) -> None:
        """Snakemake names all jobs of a group when one fails: if that says why, it is for all."""
        logs = tuple(log for job in jobs for log in job["log"])
        rules = ", ".join(dict.fromkeys(job["rule_name"] for job in jobs))
        for job in jobs:
            self._failed[job["jobid"]] = (f"one of the rules {rules}", logs, of_cluster or logs)

    def _message(self, record: LogRecord) -> None:
        text = self.format(record)
        if record.levelno >= WARNING:
            # After a job has failed Snakemake says so in other words.
            if not (self._failed or self._is_stopped):
                self._held.clear()
                self._print(text)
        elif not self.progress.total:
            self._held.append(text)
        elif "on user request" in text:
            self._is_stopped = True
            self._print(text)
        elif self._failed and text.startswith("Complete log"):
            self._print(text)

    def end_of_jobs(self) -> None:
        """The line goes: results come."""
        with self._writing:
            self._stop.set()
            self._clear()

    def close(self) -> None:
        """What is left to say, when Snakemake has ended."""
        from hone.running.job_records import has_error

        self.end_of_jobs()
        if not self.progress.total:
            for text in self._held:
                self._print(text)
        self._held = []
        for what, logs, named in () if self._is_stopped else dict.fromkeys(self._failed.values()):
            # Others have left a sentence, which the run prints last.
            if not any(has_error(log, self._start) for log in logs):
                where = f"; its log: {', '.join(named)}" if named else ""
                self._print(f"{what} failed and could not say why (killed?){where}")
        self._failed = {}
        super().close()

    def _draw_again(self) -> None:
        while not self._stop.wait(_PERIOD):
            with self._writing:
                if not self._stop.is_set():
                    self._draw()

    def _draw(self) -> None:
        text = str(self.progress)[: shutil.get_terminal_size().columns - 1]
        if text != self._shown:
            self._stream.write(f"\r\x1b[K{text}")
            self._stream.flush()
            self._shown = text

    def _next_part(self) -> None:
        """On what is no terminal: a line for each tenth of the jobs."""
        part = _PARTS * self.progress.done // self.progress.total
        if not self._is_terminal and part > self._parts:
            self._parts = part
            self._print(str(self.progress))

    def _clear(self) -> None:
        if self._shown:
            self._stream.write("\r\x1b[K")
            self._stream.flush()
            self._shown = ""

    def _print(self, text: str) -> None:
        with self._writing:
            self._clear()
            self._stream.write(f"{text}\n")
            self._stream.flush()
