"""What all ROOT files of the workflow share: compression, identifiers, provenance."""

import json
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import uproot

__all__ = ["reason", "root_file"]


def root_file(path: Path, provenance: Mapping[str, Any]) -> Any:
    """A new ROOT file that holds its provenance as a string of that name.

    Its UUID follows from the provenance, so that equal inputs give equal identifiers.
    """
    text = json.dumps(provenance, sort_keys=True)
    file = uproot.recreate(
        path,
        compression=uproot.LZ4(4),
        uuid_function=lambda: uuid.uuid5(uuid.NAMESPACE_URL, f"{path.name}/{text}"),
    )
    file["provenance"] = text
    return file


def reason(error: Exception) -> str:
    """Kind and first line of an error of uproot, for a message of ours."""
    lines = str(error).strip().splitlines() or ["no reason given"]
    return f"{type(error).__name__}: {lines[0]}"
