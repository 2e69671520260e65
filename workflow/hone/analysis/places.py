"""How messages call a place in a config: entries of lists by name, or else counted from one."""

import re
from typing import Any

__all__ = ["entry", "named"]

_PLACE = re.compile(r"(?<![\w.\]])[a-z_]+(?:\.\w+|\[\d+\])*\[\d+\](?:\.\w+|\[\d+\])*")
_PART = re.compile(r"\w+|\[\d+\]")
_ENDINGS = {1: "st", 2: "nd", 3: "rd"}


def named(text: str, config: Any) -> str:
    """A message with its places as a reader finds them.

    Args:
        text: with places such as ``samples[3].selection``, counted from zero.
        config: as read from YAML.

    >>> named("samples[1].tree: unknown", {"samples": [{"name": "ttH"}, {"name": "ttbar"}]})
    "samples['ttbar'].tree: unknown"
    >>> named("observables[0].edges[1]: 'x'", {"observables": [{"edges": [0, "x"]}]})
    "observables[1st].edges[2nd]: 'x'"
    """
    return _PLACE.sub(lambda found: _named(found[0], config), text)


def entry(several: list[Any], index: int) -> str:
    """An entry of a list, in brackets: by its name, if no other has it."""
    names = [item.get("name") if isinstance(item, dict) else None for item in several]
    name = names[index]
    if isinstance(name, str) and names.count(name) == 1:
        return f"[{name!r}]"
    number = index + 1
    teens = number % 100 in (11, 12, 13)
    return f"[{number}{'th' if teens else _ENDINGS.get(number % 10, 'th')}]"


def _named(place: str, config: Any) -> str:
    """As it is, if the config has no such place: an expression may look like one."""
    words = ""
    for part in _PART.findall(place):
        if not part.startswith("["):
            words += f".{part}"
            config = config.get(part) if isinstance(config, dict) else None
            continue
        index = int(part[1:-1])
        if not isinstance(config, list) or index >= len(config):
            return place
        words += entry(config, index)
        config = config[index]
    return words.removeprefix(".")
