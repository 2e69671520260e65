"""Whose lock it is that Snakemake finds: the lock of a run that was killed is in nobody's way."""

import json
import os
import platform
from pathlib import Path

from hone.running.files import write_json

__all__ = ["forget_run", "note_run", "release_stale_lock"]


def note_run(folder: str | Path) -> None:
    """Note that this process is a run that has a lock in ``folder`` (``.snakemake``)."""
    write_json(_note(folder), _myself())


def forget_run(folder: str | Path) -> None:
    """The run has ended."""
    _note(folder).unlink(missing_ok=True)


def release_stale_lock(folder: str | Path) -> str | None:
    """Remove the locks of runs on this machine whose processes are gone, if no run goes on.

    A lock of another machine stays, and one that nothing is known about. While another run goes on
    in the same folder nothing is removed: Snakemake does not say which lock is whose.

    Returns:
        What to say about it in one line, or None.
    """
    locks = [p for p in Path(folder, "locks").glob("*.lock") if p.is_file()]
    notes = sorted(Path(folder).glob("hone-run-*.json"))
    if not locks:
        # Who had a lock here says nothing about the next one. A run that goes on may lose its note:
        # then its lock is one that nothing is known about.
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
                f"The lock here is of process {pid} on {host}; if that run has ended, remove it: "
                "snakemake --unlock"
            )
        if _started(pid) == started:
            return None
        gone[note] = pid
    if not gone:
        return None
    for path in (*locks, *gone):
        path.unlink(missing_ok=True)
    killed = ", ".join(str(pid) for pid in gone.values())
    return f"Went on after a run that was killed (process {killed}); its lock is removed."


def _myself() -> dict[str, str | int]:
    return {"host": platform.node(), "pid": os.getpid(), "started": _started(os.getpid())}


def _started(pid: int) -> str:
    """When a process was started, so that another one with its number is not taken for it."""
    try:
        # What follows the name in parentheses, which may hold anything: the state, ..., the time.
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
