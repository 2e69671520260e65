"""Branches that events do not have, in features and other expressions."""

from collections.abc import Iterator, Mapping

from hone.analysis.analysis import Analysis
from hone.analysis.distributions import branches_of
from hone.analysis.expressions import Expression, meant
from hone.analysis.leading import as_written, leading
from hone.analysis.shape_systematics import ShapeVariation
from hone.analysis.variations import SIDES
from hone.errors import InputError

__all__ = ["known_branches", "missing_branches", "of_features"]


def of_features(analysis: Analysis) -> Iterator[str]:
    """Features that are of branches which events do not have."""
    known = known_branches(analysis)
    if not analysis.features and analysis.observables:
        names = ", ".join(o.name for o in analysis.observables)
        yield f"features: there are none; {names} must see some, e.g. features: [met, log(pt)]"
    for i, text in enumerate(as_written(analysis.features)):
        try:
            (text, *_) = leading([text])
            yield from missing_branches(f"features[{i}]", text, known)
        except InputError as error:
            yield f"features[{i}]: {error}"


def known_branches(analysis: Analysis) -> dict[str, tuple[str, ...]]:
    """Branches of events that the workflow makes itself, by the setting that describes them."""
    found = {
        f"samples[{i}]": sample.branches
        for i, sample in enumerate(analysis.samples)
        if sample.branches is not None
    }
    for i, systematic in enumerate(analysis.systematics):
        if isinstance(systematic, ShapeVariation):
            for side in SIDES:
                density = systematic.side(side)
                if isinstance(density, list):
                    found[f"systematics[{i}].{side}"] = branches_of(density)
    return found


def missing_branches(
    setting: str, expression: str | None, known: Mapping[str, tuple[str, ...]]
) -> Iterator[str]:
    """Branches in an expression that events do not have, each with the first of these events."""
    for branch in Expression(expression).branches if expression else ():
        where = next((where for where, there in known.items() if branch not in there), None)
        if where is not None:
            hint = meant(branch, known[where]) or f"they have {', '.join(known[where])}"
            yield f"{setting}: the events of {where} have no branch {branch!r}; {hint}"
