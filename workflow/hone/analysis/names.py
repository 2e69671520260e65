"""Names in a config that would make two things one: a file, a rule, a patch, a macro."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import product
from typing import TypeVar

from hone.analysis.analysis import Analysis
from hone.analysis.fields import RESERVED
from hone.analysis.short_names import letters, underscored

__all__ = ["name_problems"]

_PARAMETERS = ("systematics", "normfactors", "measure")
"""Lists of parameters of the fit."""

T = TypeVar("T")


def name_problems(analysis: Analysis) -> Iterator[str]:
    """Names that are equal, too much alike or reserved, each with what is wrong."""
    names = {
        "samples": [s.name for s in analysis.samples],
        "regions": [r.name for r in analysis.regions],
        "systematics": [s.name for s in analysis.systematics],
        "normfactors": [f.name for f in analysis.normfactors],
        "measure": [s.name for s in analysis.measure],
        "observables": [o.name for o in analysis.observables],
        "studies": [s.name for s in analysis.studies],
    }
    for key, of_list in {"analysis": [analysis.analysis], **names}.items():
        for name in dict.fromkeys(of_list):
            # Entries of systematics with one name share a parameter.
            if of_list.count(name) > 1 and key != "systematics":
                yield f"{key}: the name {name!r} is used more than once"
            if name.casefold() in RESERVED:
                yield f"{key}: {name!r} is reserved, whatever its capitals; choose another name"
    parameters = [name for key in _PARAMETERS for name in names.pop(key)]
    alike = [
        f"{where}: {one!r} and {other!r} differ in nothing but capitals or - and _; their files, "
        "rules or patches would have one name: rename one"
        for where, of_list in {**names, ", ".join(_PARAMETERS): parameters}.items()
        for one, other in _same(of_list, lambda name: underscored(name).casefold())
    ]
    yield from alike or _same_macros(analysis.signals, names["observables"])
    if analysis.tracking == "mlflow" and analysis.analysis == "Default":
        yield "analysis: MLflow has an experiment 'Default' already; choose another name"


def _same_macros(of_signals: Sequence[str], observables: Sequence[str]) -> Iterator[str]:
    """Results whose numbers would have the same names in LaTeX; the first two are enough."""
    found = _same(product(of_signals, observables), lambda place: "".join(map(letters, place)))
    for one, other in list(found)[:1]:
        yield (
            f"samples, observables: the numbers of {', '.join(one)} and of {', '.join(other)} "
            f"would be the same macros of LaTeX, \\hone{''.join(map(letters, one))}...; rename a "
            "signal or an observable"
        )


def _same(names: Iterable[T], read: Callable[[T], str]) -> Iterator[tuple[T, T]]:
    """Different names that read the same, each with the first one that does."""
    first: dict[str, T] = {}
    for name in dict.fromkeys(names):
        other = first.setdefault(read(name), name)
        if other != name:
            yield other, name
