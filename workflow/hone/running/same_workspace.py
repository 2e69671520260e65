"""Results that belong together: JSON files name the workspace they were made from."""

from pathlib import Path

import pyhf

from hone.errors import InputError
from hone.running.files import read_json

__all__ = ["refuse_foreign", "workspace_digest"]


def workspace_digest(path: str | Path) -> str:
    """SHA-256 of a workspace as ``pyhf digest`` prints it, independent of its formatting.

    Raises:
        InputError: the file cannot be read.
    """
    return pyhf.utils.digest(read_json(path))


def refuse_foreign(workspace: str | Path, *results: str | Path) -> None:
    """Refuse JSON files whose provenance names another workspace.

    Raises:
        InputError: names the workspace and the first such file, or a file cannot be read.
    """
    digest = workspace_digest(workspace)
    for path in results:
        said = read_json(path).get("provenance", {}).get("workspace")
        if said != digest:
            raise InputError(
                f"{path} was not made from the present {workspace}: it names a workspace of pyhf "
                f"digest {str(said)[:16]}, this one has {digest[:16]}. One of them was changed or "
                "exchanged; remove both, and run Snakemake again"
            )
