"""Whether the numbers can be trusted: each check in a sentence, also those that did not pass."""

import math
from typing import Literal, NamedTuple

from hone.results.documents import Row
from hone.results.folder import Folder, Published

__all__ = ["Check", "checks"]

_GRADIENT = 1e-4
"""Largest relative difference of a derivative to finite differences, at the best step."""
_SIGMAS = 3.0
"""Largest difference of toys or event sets in standard deviations."""
_SMALLEST_P = 0.05
"""Of the goodness of fit."""
_NOTES = 1
"""Most notes of pyhf that are shown."""


class Check(NamedTuple):
    """The outcome of a check, with the reason where it was not done."""

    name: str
    signal: str
    observable: str
    outcome: Literal["passed", "not passed", "not done"]
    text: str

    @property
    def anchor(self) -> str:
        """Its place on the page."""
        parts = ("check", self.signal, self.observable, self.name.replace(" ", "-"))
        return "-".join(filter(None, parts))


def checks(folder: Folder) -> list[Check]:
    """Every check of every observable; of the inputs, one for all."""
    found = [_inputs(folder)]
    for row in folder.table:
        published = folder.published(row["signal"], row["observable"])
        outcomes = {
            "pyhf": _pyhf(row, published),
            "toys": _toys(published, folder.analysis.label),
            "goodness of fit": _goodness(published),
        }
        settings = folder.analysis.observable(row["observable"])
        if settings.learns:
            outcomes["overtraining"] = _overtraining(folder, published)
        if settings.is_trained:
            outcomes["gradient"] = _gradient(published)
        found += [
            Check(name, row["signal"], row["observable"], *outcome)  # type: ignore[arg-type]
            for name, outcome in outcomes.items()
        ]
    return found


def _outcome(passed: bool) -> str:
    return "passed" if passed else "not passed"


def _inputs(folder: Folder) -> Check:
    rows = folder.csv("inputs/yields.csv")
    if not rows:
        return Check("inputs", "", "", "not done", "there is no inputs/yields.csv")
    found = [
        f"{row['sample']}{f' ({x})' if (x := row.get('variation')) else ''} in {row['region']}: {w}"
        for row in rows
        if (w := row.get("warning"))
    ]
    text = "; ".join(found) or "no warnings about events, weights or bins"
    return Check("inputs", "", "", "not passed" if found else "passed", text)


def _pyhf(row: Row, published: Published) -> tuple[str, str]:
    seeds, agrees, largest = row["seeds"], row["pyhf_agrees"], row["pyhf_max_difference"]
    of_seeds = "the seed" if seeds == 1 else f"all {seeds} seeds"
    to = f"to {largest:.0e}" if largest is not None else "(nothing could be compared)"
    if agrees == seeds:
        return "passed", f"pyhf finds the same CLs at every limit of {of_seeds}, {to}"
    notes = published.limits.get("pyhf_check", {}).get("notes", [])
    more = f"; and {len(notes) - _NOTES} more" if len(notes) > _NOTES else ""
    said = f"; published seed: {'; '.join(notes[:_NOTES])}{more}" if notes else ""
    return "not passed", (
        f"in {seeds - agrees} of {seeds} seeds a fit of pyhf failed, ended above hone's minimum or "
        f"at a negative rate; elsewhere the same CLs {to}{said}"
    )


def _toys(published: Published, label: str) -> tuple[str, str]:
    found = published.likelihood.get("toys")
    if not found:
        return "not done", published.likelihood.get("reasons", {}).get("toys", "no toys")
    texts, worst = [], 0.0
    for data, name in ((found["expected"], "expected"), (found["observed"], label)):
        if not data:
            continue
        toys, formula = data["cls"]["toys"], data["cls"]["asymptotic"]
        text = f"{name} CLs {_short(toys['cls'])}"
        error = toys.get("cls_error")
        if error and toys["cls"] is not None and formula["cls"] is not None:
            distance = (toys["cls"] - formula["cls"]) / error
            worst = max(worst, abs(distance))
            text += (
                f" ± {error:.1g} by toys, {_short(formula['cls'])} asymptotic ({distance:+.1f}σ)"
            )
        else:
            text += f" by toys, {_short(formula['cls'])} asymptotic (too few toys to compare)"
        texts.append(text)
    where = f"at {published.likelihood['poi']} = {found['mu']:.3g}, {found['ntoys']} toys: "
    return _outcome(worst <= _SIGMAS), where + "; ".join(texts)


def _goodness(published: Published) -> tuple[str, str]:
    found = published.fit.get("fit")
    toys = found["goodness_of_fit_toys"] if found else None
    p = toys["p"] if toys else found["goodness_of_fit"] if found else None
    if found is None or p is None:
        reasons = published.fit.get("reasons", {})
        said = reasons.get("goodness_of_fit") or next(iter(reasons.values()), "there is no fit")
        return "not done", said
    text = f"p = {p:.2g} " + (f"by {toys['toys']} toys" if toys else "by chi-squared")
    deviance, degrees = found["deviance"], found["degrees_of_freedom"]
    return _outcome(p >= _SMALLEST_P), f"{text}; deviance {deviance:.2f} for {degrees} degrees"


def _gradient(published: Published) -> tuple[str, str]:
    found = published.gradient
    if not found or found.get("reason"):
        return "not done", found.get("reason") or "there is no gradient.json"
    best = [min((x for x in row if x is not None), default=math.inf) for row in found["relative"]]
    worst = max(best, default=math.inf)
    return _outcome(worst <= _GRADIENT), (
        f"derivatives agree with finite differences to {worst:.0e} in {len(best)} random "
        f"directions (at most {_GRADIENT:.0e} passes)"
    )


def _overtraining(folder: Folder, published: Published) -> tuple[str, str]:
    """The limit on the events that chose the weights, and on those that nothing has seen."""
    rows = [row for row in published.history if row.get("validation_limit") is not None]
    limits = published.limits.get("expected_limits") or [None] * 5
    error = published.limits.get("without_staterror", {}).get("expected_limit_error")
    if not rows or limits[2] is None or not error:
        return "not done", "there is no limit on validation events to compare with"
    validation, evaluation = _sizes(folder)
    if not validation or not evaluation:
        return "not done", "the numbers of validation and evaluation events are not known"
    best = min(rows, key=lambda row: row["validation_objective"])["validation_limit"]
    both = error * math.sqrt(1 + evaluation / validation)
    distance = (limits[2] - best) / both
    return _outcome(distance <= _SIGMAS), (
        f"expected limit on validation events, which chose the weights, {best:.4f}; on evaluation "
        f"events, which nothing has seen, {limits[2]:.4f} ({distance:+.1f}σ)"
    )


def _sizes(folder: Folder) -> tuple[int, int]:
    """Numbers of validation and evaluation events."""
    if not folder.analysis.has_ntuples:
        events = folder.analysis.events
        return events.validation, events.evaluation
    paths = folder.files.surveys(sample.name for sample in folder.analysis.simulated)
    sets = [survey["sets"] for path in paths if (survey := folder.json(folder.within(path)))]
    # At most so many are validated on.
    largest = folder.analysis.events.validation
    return (
        sum(min(entry["validation"]["events"], largest) for entry in sets),
        sum(entry["evaluation"]["events"] for entry in sets),
    )


def _short(value: float | None) -> str:
    return "none" if value is None else f"{value:.3g}"
