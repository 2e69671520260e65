"""One job in several processes, which a launcher of a cluster starts, e.g. on several machines."""

import logging
import os
import shlex
import sys
from typing import Any, NoReturn

from hone.errors import InputError

__all__ = [
    "end_all_but_first", "end_with_error", "is_first", "join_processes", "launched",
    "start_processes",
]  # fmt: skip

_LAUNCHED = "--one-of-several-processes"


def launched() -> bool:
    """Whether a launcher has started this process, to be one of several."""
    return sys.argv[1:] == [_LAUNCHED]


def start_processes(resources: Any) -> None:
    """Become the launcher, if the profile names one; it starts this script in each process.

    Args:
        resources: of Snakemake's job. ``mpi`` is the launcher, with its options; ``tasks``, or
            ``tasks_per_node`` and ``nodes``, say how many processes it shall start.

    Raises:
        InputError: the launcher is not there, or nothing says how many processes.
    """
    launcher = resources.get("mpi")
    if not launcher:
        return
    tasks = resources.get("tasks") or resources.get("tasks_per_node", 0) * resources.get("nodes", 1)
    if not tasks:
        raise InputError(f"the profile has mpi: {launcher}, but neither tasks nor tasks_per_node")
    program, *options = shlex.split(launcher)
    script = [sys.executable, sys.argv[0], _LAUNCHED]
    try:
        os.execvp(program, [program, *options, "-n", str(tasks), *script])
    except OSError as error:
        raise InputError(
            f"the profile has mpi: {launcher}, which cannot be started ({error.strerror})"
        ) from error


def join_processes() -> None:
    """Meet the other processes that the launcher has started; JAX knows it by its variables.

    Raises:
        InputError: they do not meet.
    """
    import jax

    try:
        jax.distributed.initialize()
    except (RuntimeError, ValueError) as error:
        raise InputError(
            f"the processes that mpi of the profile starts do not meet: {error}"
        ) from error


def is_first() -> bool:
    """Whether this is the process that speaks, and writes, for all of its job."""
    if not launched():
        return True
    import jax

    return jax.process_index() == 0


def end_all_but_first() -> None:
    """Leave the rest of a script to the first process."""
    if not is_first():
        sys.exit()


def end_with_error() -> NoReturn:
    """End a job that has failed; what is to be said of it has been logged."""
    if launched():
        # JAX would wait at the exit for the other processes, minutes long: they wait for this one.
        logging.shutdown()
        os._exit(1)
    sys.exit(1)
