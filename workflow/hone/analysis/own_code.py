"""Functions of the user's own, named in the config as ``module:function``."""

import ast
import importlib.util
import json
import re
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema

from hone.analysis.settings import Settings, plain, refuse
from hone.errors import InputError
from hone.running.provenance import code_digest

__all__ = ["PATTERN", "OwnFunction", "OwnFunctionName", "find_function", "load_function"]

PATTERN = "[A-Za-z_][A-Za-z0-9_]*:[A-Za-z_][A-Za-z0-9_]*"
"""Of ``module:function``."""


class OwnFunction(Settings):
    """A function, where its file is, and which code it was: all that is needed to load it again."""

    function: Annotated[str, Field(pattern=f"^{PATTERN}$")]
    """As ``module:function``."""
    folder: str | None = None
    """Of the module; None until it is looked for."""
    code: str | None = None
    """Digest of the module and of what it imports from beside it and from hone."""

    def beside(self, folder: str | Path) -> "OwnFunction":
        """The same with the folder, and the digest of the code as it is now."""
        code = _digest(_source_file(self.function, folder))
        return OwnFunction(function=self.function, folder=str(Path(folder)), code=code)

    def load(self, setting: str) -> Callable[..., Any]:
        """The function; the same object each time.

        Raises:
            InputError: it is not there, its file fails, or is no longer the code of the digest.
        """
        return _loaded(self, setting)


@cache
def _loaded(own: OwnFunction, setting: str) -> Callable[..., Any]:
    return load_function(own.function, Path(own.folder or "").absolute(), setting, own.code or "")


def _digest(path: Path) -> str:
    return code_digest(path.absolute(), path.parent.absolute())


def _named(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if not re.fullmatch(PATTERN, value):
        raise refuse(f"{json.dumps(value)} is not of the form module:function")
    return {"function": value}


OwnFunctionName = Annotated[
    OwnFunction,
    BeforeValidator(_named),
    PlainSerializer(lambda own: own.function if own.folder is None else plain(own)),
    WithJsonSchema({"type": "string", "pattern": f"^{PATTERN}$"}),
]
"""Annotation of a setting that is written as ``module:function``."""


def _source_file(name: str, folder: str | Path) -> Path:
    """The file of ``module:function``: ``module.py`` in the folder of the config."""
    return Path(folder, name.partition(":")[0]).with_suffix(".py")


def find_function(name: str, folder: str | Path) -> str | None:
    """What is wrong with a name, found without running the file; None if nothing is."""
    path, function = _source_file(name, folder), name.partition(":")[2]
    try:
        tree = ast.parse(path.read_text())
    except OSError:
        return f"{name!r} needs the file {path}, beside the config, which is not there"
    except (SyntaxError, ValueError) as error:
        return f"{path} is not Python ({error})"
    functions = [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]
    if function not in functions:
        there = ", ".join(functions) or "(none)"
        return f"{path} has no function {function!r}; functions there are {there}"
    return None


def load_function(
    name: str, folder: str | Path, setting: str, code: str | None = None
) -> Callable[..., Any]:
    """The function. Its file can import others beside it, as a script can.

    Args:
        name: as ``module:function``.
        folder: of the module.
        setting: that names it, for messages.
        code: digest that the code must have; other code does not run. None for any.

    Raises:
        InputError: there is no such function, its file fails, or is other code.
    """
    problem = find_function(name, folder)
    if problem:
        raise InputError(f"{setting}: {problem}")
    path = _source_file(name, folder)
    if code not in (None, _digest(path)):
        raise InputError(
            f"{setting}: {path}, or a file that it imports, has changed since the training began; "
            "take the edit back, or train again"
        )
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None, "find_function has read it"
    module = importlib.util.module_from_spec(spec)
    # For good: the function may import when it is called.
    sys.path.insert(0, str(path.parent.absolute()))
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise InputError(
            f"{setting}: {path} cannot be imported ({type(error).__name__}: {error})"
        ) from error
    found: Callable[..., Any] = getattr(module, name.partition(":")[2])
    return found
