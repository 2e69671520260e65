"""Whether the numbers can be trusted: each check in a sentence, also those that did not pass."""

import math
from collections.abc import Iterator
from typing import Literal, NamedTuple, cast

from hone.analysis import Analysis
from hone.analysis.region_observables import seen
from hone.analysis.samples import GeneratedSample
from hone.events.documents import Survey
from hone.events.first_look import notes
from hone.reporting.rounding import with_error
from hone.results.below_floor import below_floor
from hone.results.documents import Row, ToyTest
from hone.results.folder import Folder, Published
from hone.results.gains import FIGURES_OF_MERIT
from hone.results.toy_band import band_ends

__all__ = ["Check", "checks"]

_GRADIENT = 1e-4
"""Largest relative difference of a derivative to finite differences, at the best step."""
_SIGMAS = 3.0
"""Largest difference of toys or event sets in standard deviations."""
_SMALLEST_P = 0.05
"""Of the goodness of fit."""
_THREE_SIGMA = 0.0027
"""Smallest p of a comparison of scores, for all processes together."""
_TELLING = 0.05
"""Largest error of a comparison of limits that can tell whether they differ."""
_ROUNDING = 1e-6
"""Relative difference of limits that events cannot have made."""
_FEWEST = 10
"""Fewest effective background events in a bin, for its limit to have a known error."""
_EMPTIED = 0.1
"""Part of the background in the emptiest bin of evaluation events that those of training have, if
these were learned by heart."""
_OF_FEW = ("no event", "only ", "MC error", "empty bins")
"""How warnings of few events begin."""
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
    floors = {signal: folder.floor(signal) for signal in folder.analysis.signals}
    below = below_floor(folder.csv("comparison.csv"), floors)
    for row in folder.table:
        published = folder.published(row["signal"], row["observable"])
        outcomes = {
            "pyhf": _pyhf(row, published),
            "toys": _toys(published, folder.analysis.label),
            "band by toys": _band(published),
            "goodness of fit": _goodness(published),
        }
        settings = folder.analysis.observable(row["observable"])
        if any(floors[row["signal"]].get(name) is not None for name in FIGURES_OF_MERIT):
            text = below.get((row["signal"], row["observable"]))
            outcomes["floor"] = _outcome(not text), text or "no figure of merit is below the floor"
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
    """Warnings of the table of yields, and the notes below it in ``yields.txt``.

    Where regions with the observable look for the signal, others may have hardly any of it.
    """
    rows = folder.csv("inputs/yields.csv")
    if not rows:
        return Check("inputs", "", "", "not done", "there is no inputs/yields.csv")
    analysis = folder.analysis
    signals = {sample.name for sample in analysis.samples if sample.is_signal}
    trained = {region.name for region in analysis.channels if region.is_trained}
    found = []
    for row in rows:
        warnings = list(filter(None, (row.get("warning") or "").split("; ")))
        if trained and row["region"] not in trained and row["sample"] in signals:
            warnings = [text for text in warnings if not text.startswith(_OF_FEW)]
        if warnings:
            variation = f" ({row['variation']})" if row.get("variation") else ""
            found.append(f"{row['sample']}{variation} in {row['region']}: {'; '.join(warnings)}")
    templates = [t.name for s in analysis.signals for t in analysis.templates_of(s)]
    surveys: dict[str, Survey] = {}
    for name, path in zip(templates, folder.files.surveys(templates), strict=True):
        if not folder.has(folder.within(path)):
            return Check("inputs", "", "", "not done", f"there is no {folder.within(path)}")
        surveys[name] = cast("Survey", folder.json(folder.within(path)))
    found += _fractional(folder)
    said = list(notes(surveys, seen(analysis)))
    if said:
        found.append(f"{len(said)} note{'' if len(said) == 1 else 's'}: " + "; ".join(said))
    text = "; ".join(found) or "nothing to note about events, features, weights or bins"
    return Check("inputs", "", "", "not passed" if found else "passed", text)


def _fractional(folder: Folder) -> Iterator[str]:
    """Data that are no counts, as histograms may have them."""
    if folder.analysis.observed != "data" or not folder.table:
        return
    place = folder.published(folder.table[0]["signal"], folder.table[0]["observable"]).place
    for channel in folder.json(f"{place}/workspace.json").get("observations", []):
        odd = [number for number in channel["data"] if number != round(number)]
        if odd:
            yield f"data in {channel['name']}: {odd[0]:g} events in a bin, which is no count"


def _pyhf(row: Row, published: Published) -> tuple[str, str]:
    seeds, agrees, largest = row["seeds"], row["pyhf_agrees"], row["pyhf_max_difference"]
    of_seeds = "the seed" if seeds == 1 else f"all {seeds} seeds"
    to = f"to {largest:.0e}" if largest is not None else "(nothing could be compared)"
    if agrees == seeds:
        return "passed", f"pyhf finds the same CLs at every limit of {of_seeds}, {to}"
    notes = published.limits.get("pyhf_check", {}).get("notes", [])
    more = f"; and {len(notes) - _NOTES} more" if len(notes) > _NOTES else ""
    said = f"; selected seed: {'; '.join(notes[:_NOTES])}{more}" if notes else ""
    return "not passed", (
        f"in {seeds - agrees} of {seeds} seeds a fit of pyhf failed, ended above hone's minimum or "
        f"at a negative rate; elsewhere the same CLs {to}{said}"
    )


def _toys(published: Published, label: str) -> tuple[str, str]:
    found = published.likelihood.get("toys")
    if not found:
        return "not done", published.likelihood.get("reasons", {}).get("toys", "no toys")
    texts, worst, least = [], 0.0, 0.0
    for data, name in ((found["expected"], "median expected"), (found["observed"], label)):
        if not data:
            continue
        toys, formula = data["cls"]["toys"], data["cls"]["asymptotic"]
        text = f"{name} CLs "
        error = toys.get("cls_error")
        if error and toys["cls"] is not None and formula["cls"] is not None:
            distance = (toys["cls"] - formula["cls"]) / error
            worst = max(worst, abs(distance))
            # That of the median: an observation with a small CLs needs more toys.
            least = least or _SIGMAS * error / formula["cls"]
            text += f"{with_error(toys['cls'], error)} by toys"
            text += f", {_short(formula['cls'])} asymptotic ({distance:+.1f}σ)"
        else:
            text += f"{_short(toys['cls'])} by toys, {_short(formula['cls'])} asymptotic"
            text += " (too few toys to compare)"
        texts.append(text)
    if 0 < worst <= _SIGMAS:
        texts.append(f"so many toys do not show differences below {least:.0%}")
    where = _tested(found, published.likelihood["poi"])
    return _outcome(worst <= _SIGMAS), f"{where}: {'; '.join(texts)}"


def _tested(toys: ToyTest, poi: str) -> str:
    """What the toys are of."""
    return f"at {poi} = {toys['mu']:.3g}, {toys['ntoys']} toys"


def _band(published: Published) -> tuple[str, str]:
    """The ends of the 68 % band, as far as the toys that the median needs tell them."""
    toys = published.likelihood.get("toys")
    if not toys:
        return "not done", published.likelihood.get("reasons", {}).get("toys", "no toys")
    texts, ends = [], band_ends(toys)
    for end in ends:
        text = f"{end.sigmas:+d}σ {with_error(end.toys, end.error)} by toys"
        told = "too few toys to tell" if end.distance is None else f"{end.distance:+.1f}σ"
        texts.append(f"{text}, {_short(end.asymptotic)} asymptotic ({told})")
    judged = [end for end in ends if end.distance is not None]
    where = _tested(toys, published.likelihood["poi"])
    text = f"{where}, ends of the 68 % band of expected CLs: {'; '.join(texts)}"
    wrong = [
        f"{'upper' if end.sigmas > 0 else 'lower'} end too {'high' if end.distance < 0 else 'low'}"
        for end in judged
        if end.differs and end.distance is not None
    ]
    if wrong:
        band = f"the asymptotic 68 % band of limits is not that of toys ({', '.join(wrong)})"
        return "not passed", f"{band}: {text}"
    return _outcome(True) if judged else "not done", text


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
    of_freedom = f"{degrees} degree{'' if degrees == 1 else 's'} of freedom"
    return _outcome(p >= _SMALLEST_P), f"{text}; deviance {deviance:.2f} for {of_freedom}"


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
    """Limits and scores on the events that it has learned from, and on those nothing has seen."""
    settings = folder.analysis.observable(published.observable)
    if not settings.is_trained:
        source = settings.setting("source")
        weights = f"the weights are those of {source}, which has this check; " if source else ""
        return "not done", f"{weights}few numbers were chosen on validation events, and no weights"
    found = published.overtraining
    if not found:
        return "not done", "there is no overtraining.json"
    known = {
        name: (of_set["limit"], of_set["error"])
        for name, of_set in found["limits"].items()
        if of_set["limit"] is not None and of_set["error"] is not None
    }
    fewest = {name: of_set["fewest"] for name, of_set in found["limits"].items()}
    # In a bin that training has emptied of background, other events have some.
    expected = fewest["evaluation"] * _size_of_training(folder.analysis)
    emptied = expected >= _FEWEST and fewest["training"] < _EMPTIED * expected
    background = "effective background events in the emptiest bin: " + ", ".join(
        f"{name} {number:.2g}{' (negative weights cancel)' if 0 < number < 1 else ''}"
        for name, number in fewest.items()
    )
    missing = [f"{name} events" for name in found["limits"] if name not in known]
    if missing:
        text = f"no expected limit exists on {' and '.join(missing)}; {background}"
        if emptied:
            return "not passed", f"training has emptied a bin: {text}"
        return "not done", f"cannot tell: {text}"
    seen, own = known.pop("evaluation")
    texts = [
        "expected limit on evaluation events, which nothing has seen, "
        f"{with_error(seen, own)} (without staterror and corrected for the bias of few events, to "
        "compare sets: not the limit of the table)"
    ]
    worst = largest = 0.0
    for name, (limit, error) in known.items():
        # All events in one bin: limits differ by rounding alone.
        both = max(math.hypot(error, own), _ROUNDING * seen)
        worst, largest = max(worst, abs(limit - seen) / both), max(largest, both / seen)
        text = f"on {name} events {with_error(limit, error)} ({(limit - seen) / both:+.1f}σ)"
        texts.append(text)
    chances = [of["p"] for of in found["scores"].values()]
    least = min(chances)
    texts.append(
        f"Kolmogorov-Smirnov p of scores in training against evaluation events {least:.2g}"
        + (f", the smallest of {len(chances)} processes" if len(chances) > 1 else "")
    )
    passed = worst <= _SIGMAS and least * len(chances) >= _THREE_SIGMA
    outcome = _outcome(passed)
    if emptied:
        outcome = "not passed"
        texts.insert(0, f"training has emptied a bin: {background}")
    elif min(fewest.values()) < _FEWEST:
        outcome = "not done" if least * len(chances) >= _THREE_SIGMA else outcome
        texts.insert(0, f"cannot tell by limits: {background}")
    elif passed and largest > _TELLING:
        outcome = "not done"
        few = f"cannot tell: with so few events, limits differ by {largest:.0%} by chance"
        texts.insert(0, few)
    return outcome, "; ".join(texts)


def _size_of_training(analysis: Analysis) -> float:
    """Of the training set in units of the evaluation set, at most 1; of several samples the
    smallest."""
    sizes, (start, end, begin, last) = analysis.events, analysis.split.ends
    parts = (
        (sizes.training, sizes.evaluation)
        if isinstance(sample, GeneratedSample)
        else (end - start, last - begin)
        for sample in analysis.simulated
    )
    return min(1.0, *(training / evaluation for training, evaluation in parts))


def _short(value: float | None) -> str:
    return "none" if value is None else f"{value:.3g}"
