"""Set-up of the scripts of the workflow: log, threads, errors, provenance."""

import gc
import logging
import os
import platform
import re
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from itertools import chain
from pathlib import Path
from typing import Any

from hone.errors import HoneError
from hone.running import job_records as records
from hone.running.contents import refuse_changed
from hone.running.job_records import Provenance
from hone.running.processes import (
    end_with_error,
    is_first,
    join_processes,
    launched,
    start_processes,
)

__all__ = ["ERRORS_LAST", "QUIET", "import_from", "job", "setup_jax"]

QUIET = "HONE_QUIET"
"""Environment variable: jobs print errors only."""
ERRORS_LAST = "HONE_ERRORS_LAST"
"""Environment variable: the run says in the end why jobs failed; they write it to their logs."""

log = logging.getLogger("hone")


@contextmanager
def job(snakemake: Any, in_processes: bool = False) -> Iterator[Provenance]:
    """Run the body of a script; yields the provenance of its outputs.

    Messages go to the rule's log and to the terminal. An error ends the job with a sentence, which
    the run repeats when all is over; one that hone has not raised leaves a traceback in the log.
    Snakemake then removes the outputs.

    Args:
        snakemake: that of the script.
        in_processes: whether several processes run the body, if the profile asks for them. Before
            it writes, it ends the others: :func:`~hone.running.processes.end_all_but_first`.
    """
    # XLA reads the size of its thread pool from NPROC at the first computation: results must not
    # depend on the number of cores of the run.
    os.environ["NPROC"] = str(snakemake.threads)
    # Ctrl-C is for the run to speak of: a job ends without a word, and without half-written files.
    signal.signal(signal.SIGINT, lambda *_: sys.exit(128 + signal.SIGINT))
    terminal = _start_logging(snakemake)
    _end_with_the_run()
    provenance = _provenance(snakemake)
    if not launched():
        records.forget(snakemake.log[0])
    contents = snakemake.params.get("contents", {})
    try:
        if launched():
            join_processes()
            log.setLevel(logging.INFO if is_first() else logging.ERROR)
        elif in_processes:
            start_processes(snakemake.resources)
        refuse_changed(contents, "when this run was planned")
        yield provenance
        refuse_changed(contents, "when this run was planned")
        records.write_record(snakemake.log[0], snakemake.output, provenance)
    except Exception as error:
        is_ours = isinstance(error, HoneError)
        which = f" ({', '.join(snakemake.wildcards)})" if snakemake.wildcards else ""
        what = error if is_ours else _unexpected(error, snakemake)
        message = f"rule {snakemake.rule}{which}: {what}"
        with suppress(OSError):
            # The files of its sample, which the job of a variation may have looked at first.
            of_sample = chain.from_iterable(snakemake.params.get("nominal", {}).values())
            inputs = [*map(str, snakemake.input), *of_sample]
            own = {"wildcards": [*snakemake.wildcards], "inputs": inputs}
            records.write_error(snakemake.log[0], message, own)
            if os.environ.get(ERRORS_LAST):
                log.removeHandler(terminal)
        log.error(message, exc_info=not is_ours)
        end_with_error()


def setup_jax(brief: bool = False, accelerated: bool = False) -> None:
    """Enable 64-bit JAX, and keep compiled programs for later jobs.

    Args:
        brief: the job compiles longer than it computes: let XLA optimise less.
        accelerated: the job takes a GPU if there is one. All others compute on the CPU, which is
            faster for a single fit, and gives the same digits on every machine.
    """
    if brief:
        flags = os.environ.get("XLA_FLAGS", "")
        os.environ["XLA_FLAGS"] = f"{flags} --xla_backend_optimization_level=0".strip()
    # Jobs that share a card take the memory that they need, not three quarters of it each.
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    import jax

    jax.config.update("jax_enable_x64", True)
    if not accelerated:
        jax.config.update("jax_platforms", "cpu")
    elif "JAX_DEFAULT_MATMUL_PRECISION" not in os.environ:
        # Else a GPU rounds the factors of products to 11 bits (TF32).
        jax.config.update("jax_default_matmul_precision", "float32")
    if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
        # A program compiled for one kind of processor must not be loaded on another.
        cache = Path(".snakemake", "jax-cache", _processor())
        jax.config.update("jax_compilation_cache_dir", str(cache.absolute()))
    # Also the small ones: a job has dozens of them.
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    # Imported modules stay, and traces are many short-lived objects: to look for garbage less often
    # saves a short job a tenth of its time.
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)
    log.info("JAX %s on %s", jax.__version__, jax.devices()[0])


def import_from(library: Path) -> None:
    """Make all jobs of this process import hone from ``library``."""
    others = [path for path in [os.environ.get("PYTHONPATH")] if path]
    os.environ["PYTHONPATH"] = os.pathsep.join([str(library), *others])


def _end_with_the_run() -> None:
    """End the job if its run is killed: the next run starts it again.

    Snakemake leaves its jobs running when it is killed, and two would write the same files. Only
    ``os._exit`` ends a process from another thread, whatever it computes.
    """
    run = os.getppid()

    def watch() -> None:
        while os.getppid() == run:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _start_logging(snakemake: Any) -> logging.Handler:
    path = snakemake.log[0]
    # Jobs that run in parallel share the terminal: each line there names its job.
    whose = " ".join([snakemake.rule, *snakemake.wildcards]).replace("%", "%%")
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    terminal = logging.StreamHandler(sys.stderr)
    # Set by runs with `--quiet all`.
    terminal.setLevel(logging.ERROR if os.environ.get(QUIET) else logging.INFO)
    file = logging.FileHandler(path, mode="a" if launched() else "w")
    for handler, name in ((file, ""), (terminal, f"{whose}: ")):
        handler.setFormatter(logging.Formatter(f"%(asctime)s {name}%(message)s", "%H:%M:%S"))
        log.addHandler(handler)
        logging.getLogger("py.warnings").addHandler(handler)
    logging.captureWarnings(True)
    log.setLevel(logging.INFO)
    log.propagate = False
    return terminal


def _unexpected(error: Exception, snakemake: Any) -> str:
    return f"{type(error).__name__}: {error} (traceback in {snakemake.log[0]})"


def _provenance(snakemake: Any) -> Provenance:
    """How the outputs were made; equal for equal inputs, so without times or machine names."""
    # Everything lies in results/<analysis>/.
    config = Path(*Path(snakemake.output[0]).parts[:2], "config.yaml")
    return {
        "workflow": "hone",
        "rule": snakemake.rule,
        "wildcards": dict(snakemake.wildcards.items()),
        **records.job_digests(dict(snakemake.params.items())),
        "command": f"snakemake --cores 1 {snakemake.output[0]} --configfile {config}",
    }


def _processor() -> str:
    try:
        flags = re.search(r"^(flags|Features).*$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
        text = flags.group(0) if flags else platform.processor()
    except OSError:
        text = platform.processor()
    return sha256(text.encode()).hexdigest()[:12]
