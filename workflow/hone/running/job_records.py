"""Records of jobs: what made the files of a results folder, or why not, kept in the folder."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hone.running.files import write_json, write_text
from hone.running.provenance import digest

__all__ = ["errors_since", "forget", "job_digests", "write_error", "write_record"]


def write_record(log: str | Path, outputs: Sequence[str], provenance: Mapping[str, Any]) -> None:
    """Write the record of a successful job beside its log."""
    write_json(_beside(log), {"outputs": list(map(str, outputs)), "provenance": provenance})


def write_error(log: str | Path, message: str) -> None:
    """Write why a job failed beside its log."""
    write_text(_beside(log, ".error"), message)


def errors_since(logs: str | Path, start: float) -> list[str]:
    """Why jobs failed, each reason once.

    Args:
        logs: folder of the logs of an analysis.
        start: of the run, as ``time.time`` gives it.
    """
    found = [(p.stat().st_mtime, p.read_text()) for p in Path(logs).rglob("*.error")]
    return list(dict.fromkeys(message for written, message in sorted(found) if written >= start))


def forget(log: str | Path) -> None:
    """Remove what is left of an earlier job when it starts again."""
    for suffix in (".json", ".error"):
        _beside(log, suffix).unlink(missing_ok=True)


def job_digests(params: Mapping[str, Any]) -> dict[str, Any]:
    """Digests and versions that determine the outputs of a job, from the parameters of its rule.

    ``ntuples`` only if the job reads the user's own files.
    """
    others = ("made_by", "contents")
    made_by, contents = params["made_by"], params.get("contents")
    return {
        "settings": digest({k: v for k, v in params.items() if k not in others}),
        **({"ntuples": digest(contents)} if contents else {}),
        "code": made_by["code"],
        "versions": made_by["versions"],
    }


def _beside(log: str | Path, suffix: str = ".json") -> Path:
    return Path(log).with_suffix(suffix)
