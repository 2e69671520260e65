"""What YAML says too little about: errors of syntax, and keys that a config file gives twice."""

from collections.abc import Iterator
from pathlib import Path

import yaml

from hone.analysis.places import entry
from hone.errors import ConfigError

__all__ = ["refuse_duplicates"]


def refuse_duplicates(path: str | Path) -> None:
    """Look through a YAML (or JSON) file.

    Raises:
        ConfigError: every key that stands twice in the same place, with its lines; or where the
            file is not YAML; or there is no such file.
    """
    try:
        # JSON may have tabs where YAML has spaces.
        text = Path(path).read_text(encoding="utf-8").replace("\t", " ")
    except OSError as error:
        raise ConfigError(f"{path} cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8 ({error})") from error
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        problems = list(_duplicates(root, "", set()))
    except yaml.YAMLError as error:
        place, what = _explained(error, text)
        raise ConfigError(f"{path}{place}: this is not YAML ({what})") from error
    except RecursionError:
        raise ConfigError(f"{path}: nested too deeply; nothing in a config is") from None
    if problems:
        raise ConfigError("\n".join(f"{path}: {text}; keep one of them" for text in problems))


def _explained(error: yaml.YAMLError, text: str) -> tuple[str, str]:
    """Where YAML ends, and why, in one line."""
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark:
        line, column = error.problem_mark.line, error.problem_mark.column
        what = ", ".join(filter(None, (error.context, error.problem)))
    elif isinstance(error, yaml.reader.ReaderError):
        before = text[: error.position].split("\n")
        line, column = len(before) - 1, len(before[-1])
        what = f"{error.reason}: {text[error.position]!r}"
    else:
        return "", str(error)
    return f", line {line + 1}, column {column + 1}", what


def _scalars(node: yaml.Node) -> dict[str, object]:
    """What an entry of a list may be called by."""
    found = node.value if isinstance(node, yaml.MappingNode) else []
    return {str(key.value): child.value for key, child in found}


def _duplicates(node: yaml.Node | None, place: str, seen: set[int]) -> Iterator[str]:
    # An alias is the node of its anchor again.
    if id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, yaml.SequenceNode):
        entries = [_scalars(child) for child in node.value]
        for index, child in enumerate(node.value):
            yield from _duplicates(child, place + entry(entries, index), seen)
    elif isinstance(node, yaml.MappingNode):
        lines: dict[str, int] = {}
        for key, child in node.value:
            name, line = str(key.value), key.start_mark.line + 1
            inner = f"{place}.{name}" if place else name
            # Several anchors may be merged.
            if name in lines and name != "<<":
                yield f"{inner} is given twice, in lines {lines[name]} and {line}"
            lines[name] = line
            yield from _duplicates(child, inner, seen)
