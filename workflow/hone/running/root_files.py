"""ROOT files of the workflow: compression, identifiers, provenance.

uproot parses paths (``file:object``, ``protocol::file``) and may open another file, so it is given
open files here.
"""

import json
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uproot

__all__ = ["new_root_file", "reason", "root_file"]


@contextmanager
def root_file(path: str | Path) -> Iterator[Any]:
    """A ROOT file to read, whatever its name; or one on a server, by its address.

    Raises:
        ImportError: what reads such an address is not installed.
    """
    if "://" in str(path) and not Path(path).exists():
        # uproot's own reader of https needs no further packages.
        web = {"handler": uproot.HTTPSource} if str(path).startswith("http") else {}
        with uproot.open({str(path): None}, **web) as file:
            yield file
    else:
        # Here a thread that reads is a detour: whoever needs the file waits for it.
        with open(path, "rb") as raw, uproot.open(raw, use_threads=False) as file:
            yield file


@contextmanager
def new_root_file(path: Path, provenance: Mapping[str, Any]) -> Iterator[Any]:
    """A new ROOT file with its provenance as a string ``provenance``.

    Its UUID follows from the provenance, so that equal inputs give equal files.
    """
    text = json.dumps(provenance, sort_keys=True)
    with (
        open(path, "wb+") as raw,
        uproot.recreate(
            raw,
            compression=uproot.LZ4(4),
            uuid_function=lambda: uuid.uuid5(uuid.NAMESPACE_URL, f"{path.name}/{text}"),
        ) as file,
    ):
        file["provenance"] = text
        yield file


def reason(error: Exception) -> str:
    """Type and first line of an error of uproot or pyhf, for a message."""
    lines = str(error).strip().splitlines() or ["no reason given"]
    return f"{type(error).__name__}: {lines[0]}"
