"""Snakemake in processes forked from one that has imported it, which is half of a short run."""

import atexit
import multiprocessing
import os
import sys
from pathlib import Path

__all__ = ["run"]

TESTS = Path(__file__).parents[1]
_SERVER = multiprocessing.get_context("forkserver")
# hone is not among them: each run has the one beside its rules.
_SERVER.set_forkserver_preload(["snakemake.cli", "snakemake.report.html_reporter", "pandas"])


def run(arguments, folder, environment, output, python=sys.executable):
    """``python -m snakemake`` with arguments in a folder: its exit code; it prints into a file."""
    process = _SERVER.Process(target=_run, args=(arguments, folder, environment, output, python))
    process.start()
    process.join()
    return process.exitcode


def _run(arguments, folder, environment, output, python):
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    with Path(output).open("w") as file:
        os.dup2(file.fileno(), sys.stdout.fileno())
        os.dup2(file.fileno(), sys.stderr.fileno())
    sys.executable, sys.argv = python, ["snakemake", *arguments]
    sys.path[:] = ["", *(path for path in sys.path if not Path(path).is_relative_to(TESTS))]
    from snakemake.cli import main

    try:
        main()
    finally:
        # A process of multiprocessing ends without them.
        atexit._run_exitfuncs()
