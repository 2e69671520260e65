"""The result in sentences that a physicist outside the analysis reads."""

import math
from typing import NamedTuple

from hone.analysis.fair_baseline import fair_baseline
from hone.reporting.rounding import with_error, with_interval
from hone.results.documents import Likelihood, Numbers, Row
from hone.results.folder import Folder, Published
from hone.results.toy_band import band_differs

__all__ = ["Result", "level", "observation", "profile_interval", "result", "strength", "summary"]

_ALIKE = 0.1
"""Largest relative difference of two uncertainties that are called alike."""
_SEEN = 0.995
"""A limit without some uncertainties is named below this fraction of that with all."""


class Result(NamedTuple):
    """What is said of a signal, without full stops."""

    signal: str
    line: str
    """The limit."""
    details: list[tuple[str, str]]
    """What is asked next, and the answer."""


def strength(name: str) -> str:
    """The symbol of a signal strength in text."""
    return f"μ{name[2:]}" if name == "mu" or name.startswith("mu_") else name


def level(folder: Folder) -> str:
    """Of confidence, of the limits."""
    return f"{100 * (1 - folder.analysis.limits.level):g}\N{NO-BREAK SPACE}% CL"


def observation(folder: Folder) -> str:
    """What is observed, in a sentence."""
    match folder.analysis.observed:
        case None:
            return "Blind: no data have been looked at; all numbers are expected ones."
        case "pseudo-data":
            return "No data: what is called observed is pseudo-data, drawn from simulated events."
    return "Unblind: observed numbers are of the data."


def summary(folder: Folder) -> str:
    """The result of many signals in one line."""
    best = {s: row for s in folder.analysis.signals if (row := folder.best(s))}
    if not best:
        return f"No expected limit exists for any of {len(folder.analysis.signals)} signals"
    poi = strength(folder.analysis.measured[0])
    lowest, highest = (
        pick(best, key=lambda signal: best[signal]["expected_limit"]) for pick in (min, max)
    )
    return (
        f"{len(best)} signals, expected upper limits on {poi} from "
        f"{best[lowest]['expected_limit']:#.3g} ({lowest}) to "
        f"{best[highest]['expected_limit']:#.3g} ({highest}) at {level(folder)}"
    )


def result(folder: Folder, signal: str) -> Result:
    """The limit of a signal, what limits it, and where the number for a paper is."""
    poi = strength(folder.analysis.measured[0])
    best = folder.best(signal)
    if best is None:
        low, high = folder.analysis.strengths(signal)[0].bounds
        return Result(signal, f"{poi}: no expected limit between {low:g} and {high:g}", [])
    published = folder.published(signal, best["observable"])
    line = f"{poi} < {best['expected_limit']:#.3g} expected at {level(folder)}"
    line += _compared(folder, best)
    details = [
        ("Observable", _spread(best)),
        (folder.analysis.label.capitalize(), _observed(folder, published, poi)),
        ("What limits it", _limit_parts(published)),
        (f"Uncertainty of {poi}", _breakdown(published)),
        ("Best fit", _best_fit(folder, published)),
        ("Other measures", _other_merits(folder, signal, best)),
        ("Selected seed", _published(published, poi, best["seeds"])),
    ]
    return Result(signal, line, [(name, text) for name, text in details if text])


def _compared(folder: Folder, best: Row) -> str:
    """With the classifier and its best edges, which is fair, then with that as it is."""
    text, rows = "", {row["observable"]: row for row in folder.of(best["signal"])}
    for name, gain, what in (
        (best.get("fair_baseline"), "fair_gain", "the classifier with its best edges"),
        (best["baseline"], "gain_expected_limit", "cross-entropy"),
    ):
        other = rows.get(name or "", best)
        if other is not best and other["expected_limit"] is not None:
            error = best[f"{gain}_error"]
            distance = _distance(best["expected_limit"], other["expected_limit"], error)
            text += f", {distance} {what}"
    floor = folder.floor(best["signal"], best["observable"]).get("expected_limit")
    if floor:
        text += f", {_distance(best['expected_limit'], floor)} the floor"
    return text


def _distance(value: float, other: float, error: float | None = None) -> str:
    """In per cent, with its standard error if that is known."""
    percent = 100 * abs(value / other - 1)
    places = 0 if percent >= 1 else 1
    known = f" ± {error:.{places}f}" if error else ""
    shown = f"{percent:.{places}f}{known} %".replace(" ", "\N{NO-BREAK SPACE}")
    return f"{shown} {'below' if value < other else 'above'}"


def _spread(best: Row) -> str:
    text = f"{best['observable']}, on background-only Asimov data"
    if best["seeds"] > 1:
        low, high = best["expected_limit_lowest"], best["expected_limit_highest"]
        text += f"; median of {best['seeds']} trainings from {low:#.3g} to {high:#.3g}"
    return text


def _observed(folder: Folder, published: Published, poi: str) -> str:
    if folder.analysis.is_blind:
        return ""
    value = published.limits.get("observed_limit")
    if value is None:
        reasons = published.limits.get("reasons", {})
        return f"no limit: {reasons.get('observed limit', 'see limits.json')}"
    text = f"{poi} < {value:#.3g} with {published.observable} ({_method(published)})"
    for baseline in filter(None, (fair_baseline(folder.analysis), folder.analysis.baseline)):
        if baseline != published.observable:
            other = folder.published(published.signal, baseline).limits.get("observed_limit")
            text += f", {_distance(value, other)} {baseline}" if other else ""
    return text


def _limit_parts(published: Published) -> str:
    """Statistics or systematics, and limits with parameters fixed."""
    found = published.fit.get("limit")
    if not found or not found["expected"] or not found["statistical"]:
        return ""
    whole, statistical = found["expected"], found["statistical"]
    systematic = math.sqrt(max(whole**2 - statistical**2, 0.0))
    text = f"{_larger(statistical, systematic)}: the limit of the selected seed, {whole:#.3g}, is "
    text += f"{_distance(whole, statistical)} that without systematic uncertainties"
    fixed = sorted((limit, name) for name, limit in found["groups"].items() if limit)[:3]
    parts = ", ".join(f"{name} {limit:#.3g}" for limit, name in fixed if limit < whole * _SEEN)
    return text + (f"; without one of these: {parts}" if parts else "")


def _larger(statistics: float, systematics: float) -> str:
    """Which is the larger part."""
    low, high = sorted([statistics, systematics])
    if high - low <= _ALIKE * high:
        return "statistics and systematics alike"
    return "statistics" if statistics > systematics else "systematics"


def _breakdown(published: Published) -> str:
    found = published.fit.get("breakdown")
    if not found:
        return ""
    groups = [(name, group["uncertainty"]) for name, group in found["groups"].items()]
    if found["free"]:
        groups.append(("free normalisations", found["free"]["uncertainty"]))
    largest = sorted(groups, key=lambda group: -group[1])[:3]
    parts = ", ".join(f"{name} {uncertainty:.2g}" for name, uncertainty in largest)
    poi, total = strength(published.fit["poi"]), found["total"]
    where = "" if found["mu"] is None else f" expected at {poi} = {found['mu']:g}"
    if found["negative"]:
        where = f" in the fit with negative {poi} allowed"
    included = " with free normalisations" if found["free"] else ""
    not_gaussian = abs(found["hessian"] - total) > _ALIKE * total
    hessian = f" (not Gaussian: {found['hessian']:#.3g} by the Hessian)" if not_gaussian else ""
    text = f"{total:#.3g}{where}{hessian}, {found['statistical']:#.3g}"
    return f"{text} of it statistical{included}" + (f"; {parts}" if parts else "")


def _best_fit(folder: Folder, published: Published) -> str:
    found = published.fit.get("fit")
    if not found or folder.analysis.is_blind:
        return ""
    texts = []
    for name in folder.analysis.measured:
        if name not in found["labels"]:
            continue
        place = found["labels"].index(name)
        value, text = found["bestfit"][place], ""
        interval = profile_interval(published.likelihood, name)
        if interval:
            text = with_interval(value, *interval)
        elif found["uncertainty"] and name not in found["on_bound"]:
            text = with_error(value, found["uncertainty"][place])
        if name in found["on_bound"]:
            text = f"{text or f'{value:#.3g}'} (at its bound)"
        texts.append(f"{strength(name)} = {text or f'{value:#.3g}'}")
    return ", ".join(texts)


def profile_interval(likelihood: Likelihood, name: str) -> Numbers:
    """Where -2 ln L of the observation rises by 1, if that is scanned for ``name``; None at a bound
    of it, and nothing if neither end is in the scan."""
    profile = likelihood.get("profile")
    if not profile or "observed" not in profile or likelihood["poi"] != name:
        return []
    interval = profile["observed"]["interval"]
    return [] if interval == [None, None] else interval


def _other_merits(folder: Folder, signal: str, best: Row) -> str:
    """Where another observable is better than the one with the lowest limit."""
    texts = []
    for column, name in (("expected_cls", "CLs"), ("expected_p0", "p0"), ("sigma_mu", "sigma_mu")):
        rows = [row for row in folder.of(signal) if row[column] is not None]
        first = min(rows, key=lambda row: row[column], default=best)
        if first is not best and best[column] is not None:
            value, other = first[column], best[column]
            texts.append(
                f"{first['observable']} has the lowest {name} ({value:#.3g}, not {other:#.3g})"
            )
    return "; ".join(texts)


def _published(published: Published, poi: str, seeds: int) -> str:
    five = published.limits.get("expected_limits") or [None] * 5
    text = str(published.seed)
    if None not in five[1:4]:
        low, middle, high = five[1:4]
        text += f"{', the best in validation' if seeds > 1 else ''}: {poi} < {middle:#.3g} expected"
        text += f" ({low:#.3g} to {high:#.3g} at 68 %, {_method(published)})"
    return text


def _method(published: Published) -> str:
    """How limits are computed, and whether toys show that it does not hold."""
    differ = band_differs(published.likelihood.get("toys"))
    return "asymptotic; toys differ, see Checks" if differ else "asymptotic"
