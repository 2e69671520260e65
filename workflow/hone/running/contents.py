"""Digests of the user's own files: they tell by contents, not by times, whether a file changed.

Files of up to 16 MB are read completely; of larger ones the size and 64 blocks of 256 kB, evenly
spaced from the first byte to the last. That is enough for ROOT files, which begin with a unique
identifier and end with the addresses of their contents, and is fast for thousands of files.
"""

import contextlib
import hashlib
import os
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from hone.errors import InputError
from hone.running.files import Json, read_json, write_json

__all__ = ["contents", "look_at", "planned", "refuse_changed"]

_MEMORY = Path(".snakemake", "hone-contents.json")
"""Digests of files, with the size, times and inode they had: if these are the same, a file is not
read again."""
_BLOCK, _BLOCKS = 256 * 1024, 64
_COARSEST = 2.0
"""Coarsest resolution of modification times on common file systems, in seconds."""


def contents(path: str | Path) -> str:
    """Digest of the size and the contents of a file.

    Raises:
        InputError: the file cannot be read.
    """
    try:
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            found = hashlib.sha256(str(size).encode())
            if size <= _BLOCK * _BLOCKS:
                starts = list(range(0, size, _BLOCK))
            else:
                starts = [(size - _BLOCK) * k // (_BLOCKS - 1) for k in range(_BLOCKS)]
            for start in starts:
                file.seek(start)
                found.update(file.read(_BLOCK))
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror})") from error
    return found.hexdigest()[:16]


def look_at(paths: Iterable[str], memory: Path = _MEMORY) -> dict[str, str]:
    """Present digests of files. For the main process of a run only: jobs run in parallel.

    Raises:
        InputError: a file cannot be read.
    """
    known = _read(memory)
    paths = list(paths)
    stamps = {path: _stamp(path) for path in paths}
    new = [path for path in paths if not _is_known(known, path, stamps[path])]
    if new:
        now = time.time()
        with ThreadPoolExecutor() as threads:
            for path, digest in zip(new, threads.map(contents, new), strict=True):
                known[os.path.abspath(path)] = {
                    "digest": digest,
                    # A file written just now may change again without a change of its times.
                    "stamp": stamps[path] if now - _youngest(stamps[path]) > _COARSEST else None,
                }
        # Without this file the next call takes longer; nothing else.
        with contextlib.suppress(OSError):
            write_json(memory, known)
    return {path: known[os.path.abspath(path)]["digest"] for path in paths}


def planned(paths: Iterable[str], plan: Path) -> dict[str, str]:
    """Digests when the run was planned, for its jobs, whatever happened to the files since.

    Args:
        paths: of the files.
        plan: JSON file of digests by path, written by the main process.

    Raises:
        InputError: a file that is not in the plan cannot be read.
    """
    known = _read(plan)
    return {path: known.get(path) or contents(path) for path in paths}


def refuse_changed(expected: Mapping[str, str], since: str, memory: Path = _MEMORY) -> None:
    """Refuse files that have changed.

    Args:
        expected: digests by path.
        since: when or where that was, for the message.
        memory: JSON file of known digests.

    Raises:
        InputError: a file has other contents now, or cannot be read.
    """
    known = _read(memory) if expected else {}
    for path, digest in expected.items():
        entry = known.get(os.path.abspath(path))
        if entry and entry["digest"] == digest and _is_known(known, path, _stamp(path)):
            continue
        if contents(path) != digest:
            raise InputError(
                f"{path} has other contents than {since}: it was replaced or written to in the "
                "meantime. Run Snakemake again: it reruns what depends on the file"
            )


def _read(path: Path) -> Json:
    try:
        return read_json(path)
    except InputError:
        return {}


def _is_known(known: Mapping[str, Any], path: str, stamp: list[int]) -> bool:
    return known.get(os.path.abspath(path), {}).get("stamp") == stamp


def _stamp(path: str) -> list[int]:
    """Size, times (ns) and inode: any change of a file changes one of these."""
    try:
        found = os.stat(path)
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror})") from error
    return [found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino]


def _youngest(stamp: list[int]) -> float:
    return max(stamp[1:3]) / 1e9
