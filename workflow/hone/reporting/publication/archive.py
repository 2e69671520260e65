"""Reproducible archives with a manifest."""

import gzip
import hashlib
import io
import json
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hone.errors import InputError
from hone.running.files import Json, replacing

__all__ = ["MANIFEST", "check_archive", "make_manifest", "write_tar", "write_zip"]

MANIFEST = "manifest.json"
_DATE = (1980, 1, 1, 0, 0, 0)
"""Date of all files: the earliest of the format."""

Content = Mapping[str, bytes | Path]
"""Files of an archive by their path in it: contents, or location on disk."""


def write_zip(path: str | Path, content: Content) -> None:
    """Write a zip archive, sorted by name, without times or permissions.

    Raises:
        InputError: a name is absolute, points outside of the archive, or differs from another only
            in case.
    """
    _check_names(content)
    with replacing(path) as partial, zipfile.ZipFile(partial, "w") as archive:
        for name in sorted(content):
            entry = zipfile.ZipInfo(name, _DATE)
            entry.create_system = 3
            entry.external_attr = 0o100644 << 16
            archive.writestr(
                entry, _bytes(content[name]), compress_type=zipfile.ZIP_DEFLATED, compresslevel=9
            )


def write_tar(path: str | Path, content: Content) -> None:
    """The same as a gzipped tar archive, for HEPData and pyhf.

    Raises:
        InputError: as :func:`write_zip`.
    """
    _check_names(content)
    with (
        replacing(path) as partial,
        partial.open("wb") as raw,
        # gzip would store the time and the name of the file.
        gzip.GzipFile("", "wb", 9, raw, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w") as archive,
    ):
        for name in sorted(content):
            found = _bytes(content[name])
            entry = tarfile.TarInfo(name)
            entry.size = len(found)
            archive.addfile(entry, io.BytesIO(found))


def make_manifest(content: Content, **more: Any) -> Json:
    """Path, size in bytes and SHA-256 of each file, sorted by path, and further entries."""
    files = []
    for name in sorted(content):
        found = _bytes(content[name])
        digest = hashlib.sha256(found).hexdigest()
        files.append({"path": name, "size": len(found), "sha256": digest})
    return {"files": files, **more}


def check_archive(path: str | Path) -> Json:
    """Compare an archive with its manifest, and return that.

    Raises:
        InputError: there is no manifest, or files are missing, added or different.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            content = {info.filename: archive.read(info) for info in archive.infolist()}
            manifest = json.loads(content.pop(MANIFEST))
            said = {file["path"]: file for file in manifest["files"]}
    except (OSError, KeyError, TypeError, ValueError, zipfile.BadZipFile) as error:
        raise InputError(f"{path}: not an archive with a manifest ({error})") from error
    found = {file["path"]: file for file in make_manifest(content)["files"]}
    wrong = sorted(n for n in said.keys() | found.keys() if said.get(n) != found.get(n))
    if wrong:
        raise InputError(f"{path}: not as its manifest says: {', '.join(wrong)}")
    return manifest


def _bytes(source: bytes | Path) -> bytes:
    return source if isinstance(source, bytes) else source.read_bytes()


def _check_names(content: Content) -> None:
    seen: dict[str, str] = {}
    for name in content:
        parts = name.split("/")
        if name.startswith("/") or "\\" in name or not all(parts) or ".." in parts:
            raise InputError(f"{name!r} is not a path within an archive")
        other = seen.setdefault(name.casefold(), name)
        if other != name:
            raise InputError(f"{name!r} and {other!r} differ only in case: rename one")
