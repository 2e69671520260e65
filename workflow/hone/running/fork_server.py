"""The process that jobs are forked from: ``python -m hone.running.fork_server FD [SCRIPT...]``.

A script is run as ``python SCRIPT`` would run it, but for its imports, which are done before the
fork and stay for later jobs; those of the named scripts at once. What they import is what it was
when first imported in this run.
"""

import ast
import atexit
import ctypes
import fcntl
import gc
import json
import os
import runpy
import signal
import socket
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from io import BufferedRandom, BufferedWriter, TextIOWrapper
from pathlib import Path
from select import select
from typing import NamedTuple

__all__ = ["KEPT_MEMORY", "OWN_ENVIRONMENT"]

OWN_ENVIRONMENT = {
    # pyarrow would start a thread when it is imported.
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
}
"""Environment of a server, which its jobs do not see."""

# Memory that arrays leave is kept for the next ones: to get it from the kernel again, page by page,
# is a few per cent of a job's time.
KEPT_MEMORY = {"MALLOC_MMAP_THRESHOLD_": str(2**25), "MALLOC_TRIM_THRESHOLD_": str(2**28)}
"""The same, unless the user has values of these."""


class _Job(NamedTuple):
    script: str
    folder: str
    environment: dict[str, str]
    channel: int
    """File descriptor of a socket to the run, which the server keeps as long as the job lives."""
    streams: list[int]
    """File descriptors that become 0, 1 and 2."""


def _serve(control: socket.socket) -> _Job:
    """Fork a job for each request, and return in the job; without the run, kill all and end."""
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake)
    running: dict[int, int] = {}
    while True:
        ready, _, _ = select([control.fileno(), woken], [], [], 0)
        if not ready:
            ready, _, _ = select([control.fileno(), woken], [], [])
            # A Ctrl-C while nothing was to be forked was for the jobs of then, not for later ones.
            signal.sigtimedwait([signal.SIGINT], 0)
        if woken in ready:
            os.read(woken, 4096)
            _report_ended(running)
        if control.fileno() not in ready:
            continue
        said, received, _, _ = socket.recv_fds(control, 1, 4)
        if not said:
            for pid in running:
                os.kill(pid, signal.SIGKILL)
            os._exit(0)
        pid = -1
        # Whatever fails, e.g. a fork for want of memory, must not end the other jobs: the run,
        # without an answer, starts this one another way.
        with suppress(Exception):
            job = _request(received)
            for what in _imports(job.script):
                _import(*what)
            # Looking for garbage would write into what jobs share.
            gc.freeze()
            # The server holds Ctrl-C back, to outlive its jobs: one during imports is for the job.
            interrupted = signal.SIGINT in signal.sigpending()
            # A thread would keep its locks for ever in the job.
            if len(os.listdir("/proc/self/task")) == 1:
                pid = os.fork()
        if pid == 0:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            os.close(woken)
            os.close(wake)
            control.close()
            for other in running.values():
                os.close(other)
            if interrupted:
                signal.raise_signal(signal.SIGINT)
            return job
        if pid > 0:
            running[pid] = received.pop(0)
            _say(running[pid], pid)
        for descriptor in received:
            os.close(descriptor)


def _request(received: list[int]) -> _Job:
    for descriptor in received:
        os.set_inheritable(descriptor, False)
    channel, *streams = received
    with open(channel, "rb", closefd=False) as lines:
        script, folder, environment = json.loads(lines.readline())
    return _Job(script, folder, environment, channel, streams)


def _import_ahead(scripts: Sequence[str], control: socket.socket) -> None:
    """Import what scripts import; without the run, which may not need them, end."""
    for script in scripts:
        # Snakemake deletes its copies of them when it ends.
        with suppress(OSError):
            for what in _imports(script):
                asked, _, _ = select([control], [], [], 0)
                if asked and not control.recv(1, socket.MSG_PEEK):
                    os._exit(0)
                _import(*what)


def _imports(script: str) -> list[tuple[str, str]]:
    """What a script imports in its first lines: modules, and names of these."""
    names: list[tuple[str, str]] = []
    with suppress(SyntaxError):
        for node in ast.parse(Path(script).read_bytes()).body:
            if isinstance(node, ast.Import):
                names += [(alias.name, "") for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                names += [(node.module, alias.name) for alias in node.names]
    return names


def _import(module: str, name: str) -> None:
    """Import what can be; the script says itself what cannot."""
    with suppress(BaseException):  # sys.exit, too
        if not hasattr(import_module(module), name or "__name__"):
            import_module(f"{module}.{name}")


def _report_ended(running: dict[int, int]) -> None:
    for pid in list(running):
        ended, status, used = os.wait4(pid, os.WNOHANG)
        if ended:
            channel = running.pop(pid)
            seconds, blocks = used.ru_utime + used.ru_stime, (used.ru_inblock, used.ru_oublock)
            _say(channel, [os.waitstatus_to_exitcode(status), seconds, used.ru_maxrss, *blocks])
            os.close(channel)


def _say(channel: int, what: object) -> None:
    with suppress(OSError):  # where nobody listens any more
        os.write(channel, json.dumps(what).encode() + b"\n")


def _run(job: _Job) -> None:
    # The run measures the job from here on.
    begins = os.read(job.channel, 1)
    # The kernel kills the job when the run ends, even while the server imports. There is nothing
    # else to come from the run. Only the server keeps the channel: children may outlive the job.
    fcntl.fcntl(job.channel, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(job.channel, fcntl.F_SETSIG, signal.SIGKILL)
    fcntl.fcntl(job.channel, fcntl.F_SETFL, os.O_ASYNC)
    ended, _, _ = select([job.channel], [], [], 0)
    os.close(job.channel)
    if ended or not begins:
        sys.exit(1)
    for number, stream in enumerate(job.streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(job.folder)
    os.environ.clear()
    os.environ.update(job.environment, PWD=job.folder)
    # What `ps` and `top` show, instead of one name for all jobs.
    with suppress(OSError):
        Path("/proc/self/comm").write_text(Path(job.script).stem.rpartition(".")[2])
    sys.argv = [job.script]
    sys.path.insert(0, str(Path(job.script).parent))
    # Python's own generator has a new state after each fork.
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed()
    code: object = 1
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
        runpy.run_path(job.script, run_name="__main__")
        code = 0
    except SystemExit as end:
        code = end.code or 0
        raise
    finally:
        _exit_code.append(code if isinstance(code, int) else 1)


_exit_code = [1]


def _leave() -> None:
    """End without taking thousands of modules apart, which would be a tenth of a second a job."""
    sys.stdout.flush()
    sys.stderr.flush()
    # Files that the script has left open; those of text write to the others.
    kinds: list[type] = [TextIOWrapper, BufferedWriter, BufferedRandom]
    left = [file for file in gc.get_objects() if type(file) in kinds]
    for file in sorted(left, key=lambda file: kinds.index(type(file))):
        with suppress(OSError, ValueError):  # ValueError: it is closed
            file.flush()
    ctypes.CDLL(None).fflush(None)  # what libraries in C print
    os._exit(_exit_code[-1])


if __name__ == "__main__":
    # What is registered first is called last.
    atexit.register(_leave)
    run = socket.socket(fileno=int(sys.argv[1]))
    _import_ahead(sys.argv[2:], run)
    _run(_serve(run))
