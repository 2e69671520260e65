"""Records of jobs: what made the files of a results folder, kept in the folder itself."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hone.running.files import write_json
from hone.running.provenance import digest

__all__ = ["forget", "job_digests", "write_record"]


def write_record(log: str | Path, outputs: Sequence[str], provenance: Mapping[str, Any]) -> None:
    """Write the record of a successful job beside its log."""
    write_json(_beside(log), {"outputs": list(map(str, outputs)), "provenance": provenance})


def forget(log: str | Path) -> None:
    """Remove the record of a job that starts."""
    _beside(log).unlink(missing_ok=True)


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


def _beside(log: str | Path) -> Path:
    return Path(log).with_suffix(".json")
