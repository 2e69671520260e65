"""Locks of Snakemake: the lock of a killed run is removed.

Snakemake itself cannot tell it from that of an active run and asks for ``--unlock``; here the same
command goes on.
"""

import json
import os
import platform
from pathlib import Path

from hone.running.files import write_json

__all__ = ["forget_run", "note_run", "release_stale_lock"]


def note_run(folder: str | Path) -> None:
    """Note that this process holds a lock in ``folder`` (``.snakemake``)."""
    write_json(_note(folder), _myself())


def forget_run(folder: str | Path) -> None:
    """The run has ended."""
    _note(folder).unlink(missing_ok=True)


def release_stale_lock(folder: str | Path) -> str | None:
    """Remove the locks of killed runs of this machine, if no other run is active in the folder.

    Locks of other machines, and locks without a note, are kept. Snakemake does not say which lock
    belongs to which run, so nothing is removed while another run is active.

    Returns:
        A message of one line, or None.
    """
    locks = [p for p in Path(folder, "locks").glob("*.lock") if p.is_file()]
    notes = sorted(Path(folder).glob("hone-run-*.json"))
    if not locks:
        # Notes without a lock are outdated. If an active run loses its note here, its lock is kept
        # as one without a note.
        for note in notes:
            note.unlink(missing_ok=True)
        return None
    gone: dict[Path, int] = {}
    for note in notes:
        try:
            run = json.loads(note.read_text())
            pid, started, host = int(run["pid"]), run["started"], run["host"]
        except (OSError, ValueError, KeyError, TypeError):
            continue
        if host != platform.node():
            return (
                f"The lock here belongs to process {pid} on {host}; if that run has ended, remove "
                "it: snakemake --unlock"
            )
        if _started(pid) == started:
            return None
        gone[note] = pid
    if not gone:
        return None
    for path in (*locks, *gone):
        path.unlink(missing_ok=True)
    killed = ", ".join(str(pid) for pid in gone.values())
    return f"Resuming after a killed run (process {killed}); its lock is removed."


def _myself() -> dict[str, str | int]:
    return {"host": platform.node(), "pid": os.getpid(), "started": _started(os.getpid())}


def _started(pid: int) -> str:
    """Start time of a process, so that a reused process number is not mistaken for it."""
    try:
        # Fields after the name in parentheses, which may contain anything: state, ..., start time.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return "" if fields[0] == "Z" else fields[19]
    except OSError:
        pass
    if Path("/proc/self/stat").exists():
        return ""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return ""
    except PermissionError:
        pass
    return "running"


def _note(folder: str | Path) -> Path:
    return Path(folder, f"hone-run-{platform.node()}-{os.getpid()}.json")
