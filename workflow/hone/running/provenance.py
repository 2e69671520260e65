"""Provenance of results: digests of config and code, versions of packages."""

import ast
import contextlib
import hashlib
import json
import os
import platform
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import resolve_name
from pathlib import Path
from typing import Any

from hone.errors import InputError
from hone.running.files import Json, read_json, write_json

__all__ = ["code_digest", "digest", "versions"]

_LIBRARY = Path(__file__).parents[1]
_MEMORY = Path(".snakemake", "hone-code.json")
"""What files of code were found to be, by their contents: to parse all of hone takes a second."""
_READER = hashlib.sha256(Path(__file__).read_bytes() + sys.version.encode()).digest()
"""Another reader of code, or another Python, remembers nothing of this one."""
_PACKAGES = (
    "jax", "jaxlib", "equinox", "optax", "pyhf", "numpy", "scipy", "uproot", "hist", "cabinetry",
    "iminuit",
)  # fmt: skip


def digest(content: Any) -> str:
    """Short digest of anything that JSON can hold."""
    text = json.dumps(content, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@cache
def versions(*others: str) -> dict[str, str]:
    """Versions of Python, of the packages that affect numbers, and of ``others``, if installed."""
    found = {"python": platform.python_version()}
    for package in (*_PACKAGES, *others):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


@cache
def code_digest(script: Path, folder: Path | None = None) -> str:
    """Digest of a script and of every module of hone and of the user that it imports.

    Imports are found in the syntax tree, inside functions too. Comments, docstrings and layout do
    not count, so that editing them reruns nothing.

    Args:
        script: a file of Python.
        folder: of the user's modules and packages, if any.

    Raises:
        InputError: a file is not Python.
    """
    seen: dict[Path, str] = {}
    known = len(_memory())
    waiting = [(script, "")]
    while waiting:
        path, package = waiting.pop()
        if path not in seen:
            seen[path], imported = _read(path, package, folder)
            waiting += imported
    if len(_memory()) > known:
        # Without this file the next run starts later; nothing else.
        with contextlib.suppress(OSError):
            write_json(_MEMORY, _memory())
    ordered = sorted((path.name, content) for path, content in seen.items())
    return digest([content for _, content in ordered])


@cache
def _read(path: Path, package: str, folder: Path | None) -> tuple[str, list[tuple[Path, str]]]:
    """Digest of a source file, and the files that it imports with their packages."""
    try:
        text = path.read_bytes()
        key = hashlib.sha256(_READER + package.encode() + b"\0" + text).hexdigest()
        if key not in _memory():
            tree = _without_docstrings(ast.parse(text, path.name))
            _memory()[key] = [digest(ast.dump(tree)), sorted(set(_imports(tree, package)))]
    except (OSError, SyntaxError, ValueError) as error:
        raise InputError(f"{path} is not Python ({error})") from error
    code, names = _memory()[key]
    found = (file for name in names for file in _files(name, folder, _LIBRARY))
    return code, list(dict.fromkeys(found))


@cache
def _memory() -> Json:
    with contextlib.suppress(InputError):
        return read_json(_MEMORY)
    return {}


def _without_docstrings(tree: ast.Module) -> ast.Module:
    for node in [tree, *_statements(tree)]:
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body
            node.body = [statement for statement in body if not _is_text(statement)] or body[:1]
    return tree


def _statements(node: ast.AST) -> Iterator[ast.AST]:
    """All statements inside, without their expressions: a tenth of what ``ast.walk`` visits."""
    for block in ("body", "orelse", "finalbody", "handlers", "cases"):
        for child in getattr(node, block, ()):
            yield child
            yield from _statements(child)


def _is_text(statement: ast.stmt) -> bool:
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )


def _imports(tree: ast.Module, package: str) -> Iterable[str]:
    """Names of modules imported anywhere; ``from a import b`` may mean a module ``a.b``."""
    for node in _statements(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            try:
                module = resolve_name("." * node.level + (node.module or ""), package or None)
            except ImportError:
                # A relative import outside a package; Python refuses it when the file runs.
                module = node.module or ""
            names = [module, *(f"{module}.{alias.name}" for alias in node.names)]
            yield from (name.lstrip(".") for name in names if name)


@cache
def _files(name: str, folder: Path | None, library: Path) -> list[tuple[Path, str]]:
    """Source files that importing ``name`` runs (its packages too), with their package."""
    parts = name.split(".")
    place = library.parent if parts[0] == "hone" else folder
    if place is None:
        return []
    found = []
    base = str(place)  # strings: paths of pathlib cost every run a tenth of a second
    for end in range(1, len(parts) + 1):
        base = f"{base}{os.sep}{parts[end - 1]}"
        if os.path.exists(package := f"{base}{os.sep}__init__.py"):
            found.append((Path(package), ".".join(parts[:end])))
        elif os.path.exists(module := f"{base}.py"):
            found.append((Path(module), ".".join(parts[: end - 1])))
    return found
