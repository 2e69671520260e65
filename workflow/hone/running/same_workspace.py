"""Whether results belong together: JSON files say which workspace they were made from."""

from pathlib import Path

import pyhf

from hone.errors import InputError
from hone.running.files import read_json

__all__ = ["refuse_foreign", "workspace_digest"]


def workspace_digest(path: str | Path) -> str:
    """SHA-256 of a workspace as ``pyhf digest`` prints it, whatever its layout.

    Raises:
        InputError: the file cannot be read.
    """
    return pyhf.utils.digest(read_json(path))


def refuse_foreign(workspace: str | Path, *results: str | Path) -> None:
    """Refuse JSON files with another workspace in their provenance than this one.

    Raises:
        InputError: names the workspace and the first such file, or a file cannot be read.
    """
    digest = workspace_digest(workspace)
    for path in results:
        said = read_json(path).get("provenance", {}).get("workspace")
        if said != digest:
            raise InputError(
                f"{path} was not made from {workspace} as it is: it names a workspace of pyhf "
                f"digest {str(said)[:16]}, this one has {digest[:16]}. One of them was changed or "
                "exchanged; remove both, and run Snakemake again"
            )
