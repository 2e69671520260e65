"""Jobs of a local run, forked from one process that has imported what their scripts need.

To import JAX, pyhf and matplotlib takes two seconds, which was half of the time of a small
analysis. Snakemake has no such executor: what is replaced here is the `subprocess` of the module
that starts its jobs, for commands that do nothing but run a script with this Python; and what
measures them, as the kernel knows in the end what Snakemake would sample twice a second. A job that
cannot be forked (another environment, e.g. another number of threads; conda and containers; no
Linux; a server that has died) is started as Snakemake starts it.
"""

import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from threading import Lock
from types import SimpleNamespace
from typing import Any
from weakref import WeakValueDictionary

from hone.running.fork_server import KEPT_MEMORY, OWN_ENVIRONMENT

__all__ = ["ForkedJob", "ForkServer"]

_THREADS = (
    "OMP_NUM_THREADS", "GOTO_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS", "NUMEXPR_NUM_THREADS",
)  # fmt: skip
"""What Snakemake sets for a job. Libraries read them when they are imported."""


class ForkedJob:
    """What Snakemake uses of a :class:`subprocess.Popen`.

    Args:
        control: socket of the server.
        request: script, folder and environment.
        stdout: file descriptor.
    """

    def __init__(self, control: socket.socket, request: list[object], stdout: int) -> None:
        self.pid = 0
        """0 if the server did not fork."""
        self.used: list[float] = []
        """CPU time in seconds, largest memory in KiB, blocks of 512 bytes read and written."""
        self._channel, theirs = socket.socketpair()
        self._answers = self._channel.makefile("rb")
        with suppress(OSError):
            with theirs:
                socket.send_fds(control, [b"."], [theirs.fileno(), 0, stdout, 2])
            self._channel.sendall(json.dumps(request).encode() + b"\n")
            self.pid = int(self._answers.readline() or 0)
        if not self.pid:
            self._close()

    def wait(self) -> int:
        """Let the job begin, and wait for its end: its exit code, or minus the signal's number."""
        answer = b""
        with suppress(OSError):
            self._channel.sendall(b"\n")
            answer = self._answers.readline()
        if not answer:
            # The server has died: the job must not go on beside the one that may be its next try.
            self.kill()
        self._close()
        code, *self.used = json.loads(answer or f"[{-signal.SIGKILL}]")
        return int(code)

    def kill(self) -> None:
        """End the job."""
        self._send(signal.SIGKILL)

    def terminate(self) -> None:
        """Ask the job to end."""
        self._send(signal.SIGTERM)

    def _send(self, number: int) -> None:
        with suppress(ProcessLookupError):
            if not self._answers.closed:
                os.kill(self.pid, number)

    def _close(self) -> None:
        self._answers.close()
        self._channel.close()


class ForkServer:
    """Forks the jobs of this process from now on; it ends with us.

    Args:
        scripts: whose imports are done at once, for jobs of one thread. Without any, or if the
            first job has more threads, the server starts with that job, and forks those that have
            its environment.
    """

    def __init__(self, scripts: Sequence[str | Path] = ()) -> None:
        self._lock = Lock()
        self._control: socket.socket | None = None
        self._environment: dict[str, str] = {}
        self._jobs: WeakValueDictionary[int, ForkedJob] = WeakValueDictionary()
        self._sampled = _benchmarks().benchmarked
        if sys.platform == "linux":
            if scripts:
                self._control = self._start({**os.environ, **dict.fromkeys(_THREADS, "1")}, scripts)
            _snakemakes().sp = SimpleNamespace(**{**vars(subprocess), "Popen": self.popen})
            _benchmarks().benchmarked = self.benchmarked

    def end(self) -> None:
        """Fork no more jobs."""
        _snakemakes().sp = subprocess
        _benchmarks().benchmarked = self._sampled
        self._end_server()

    def popen(self, command: str, **options: Any) -> Any:
        """Start a command as :class:`subprocess.Popen` does."""
        script, out = _script(command), options.get("stdout")
        job = None
        if script and out != subprocess.PIPE:
            with suppress(OSError):
                job = self._fork(script, options["env"], 1 if out is None else out.fileno())
        return job or subprocess.Popen(command, **options)

    @contextmanager
    def benchmarked(
        self, pid: Any = None, benchmark_record: Any = None, **options: Any
    ) -> Iterator[Any]:
        """Fill in a record of Snakemake's about the process that ends in the meantime."""
        job, record = self._jobs.pop(pid, None), benchmark_record
        if job is None:
            with self._sampled(pid, record, **options) as sampled:
                yield sampled
            return
        started = time.time()
        try:
            yield record
        finally:
            record.running_time = time.time() - started
            record.data_collected, record.process_gone = bool(job.used), not job.used
            if job.used:
                record.cpu_time, memory, *blocks = job.used
                record.cpu_usage = 100 * record.cpu_time
                record.max_rss = memory / 1024
                record.io_in, record.io_out = (number / 2048 for number in blocks)

    def _fork(self, script: str, environment: dict[str, str], stdout: int) -> ForkedJob | None:
        with self._lock:
            if not self._environment:
                if any(environment.get(name) != "1" for name in _THREADS):
                    self._end_server()
                self._control = self._control or self._start(environment)
                self._environment = environment
        if not self._control or environment != self._environment:
            return None
        job = ForkedJob(self._control, [script, os.getcwd(), environment], stdout)
        if not job.pid:
            return None
        self._jobs[job.pid] = job
        return job

    def _start(
        self, environment: dict[str, str], scripts: Sequence[str | Path] = ()
    ) -> socket.socket:
        """Start the server, with the imports of scripts."""
        ours, theirs = socket.socketpair()
        number = theirs.fileno()
        line = [*shlex.split(sys.executable), "-P", "-m", "hone.running.fork_server", str(number)]
        line += map(str, scripts)
        # Ctrl-C is for its jobs, not for the server.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
        try:
            with theirs:
                self._process = subprocess.Popen(
                    line,
                    env={**KEPT_MEMORY, **environment, **OWN_ENVIRONMENT},
                    pass_fds=[number],
                )
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        return ours

    def _end_server(self) -> None:
        if self._control:
            self._control.close()
            if not self._environment:
                # It has no job, and may be importing what none needs.
                self._process.kill()
            self._process.wait()
            self._control = None


def _snakemakes() -> Any:
    """The module; `snakemake.shell` is a class, too."""
    return import_module("snakemake.shell")


def _benchmarks() -> Any:
    return import_module("snakemake.benchmark")


def _script(command: str) -> str:
    """The script that Snakemake's shell command runs with this Python and without anything else."""
    try:
        *before, script = shlex.split(command)
    except ValueError:  # no such command, e.g. one with an apostrophe in a comment
        return ""
    plain = before == ["set", "-euo", "pipefail;", *shlex.split(sys.executable)]
    return script if plain and Path(script).parent.match(".snakemake/scripts") else ""
