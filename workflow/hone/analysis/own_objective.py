"""An objective of the user's own: a Python function named in the config as ``module:function``."""

import ast
import importlib.util
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from hone.errors import InputError

__all__ = ["find_function", "load_objective", "source_file"]


def source_file(name: str, folder: str | Path) -> Path:
    """The file of ``module:function``: ``module.py`` in the folder of the config."""
    return Path(folder, name.partition(":")[0]).with_suffix(".py")


def find_function(name: str, folder: str | Path) -> str | None:
    """What is wrong with a name, found without running the file; None if nothing is."""
    path, function = source_file(name, folder), name.partition(":")[2]
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


def load_objective(name: str, folder: str | Path) -> Callable[[Any], Any]:
    """The function, wrapped so that what goes wrong in it names the setting.

    It gets a :class:`hone.Model` and returns a number, smaller for better observables, in terms
    of ``jax.numpy``. Its file can import others beside it, as a script can.

    Raises:
        InputError: there is no such function, it raises, or returns something else.
    """
    problem = find_function(name, folder)
    if problem:
        raise InputError(f"objective: {problem}")
    path = source_file(name, folder)
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
            f"objective: {path} cannot be imported ({type(error).__name__}: {error})"
        ) from error
    return partial(_called, getattr(module, name.partition(":")[2]), name)


def _called(function: Callable[[Any], Any], name: str, model: Any) -> Any:
    try:
        value = function(model)
    except Exception as error:
        raise InputError(f"objective: {name!r} raised {type(error).__name__}: {error}") from error
    shape, dtype = getattr(value, "shape", None), str(getattr(value, "dtype", ""))
    if shape != () or not dtype.startswith("float"):
        what = f"an array of shape {shape}, {dtype}" if shape is not None else repr(value)
        raise InputError(
            f"objective: {name!r} must return one real number of JAX (shape ()), not {what}"
        )
    return value
