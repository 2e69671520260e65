"""Numbers of an analysis in LaTeX, macros and tables, so that none is copied by hand."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

from hone.analysis.short_names import letters
from hone.reporting.lost_rates import lost_rates
from hone.reporting.markup import latex
from hone.results.documents import Limits
from hone.results.fit_documents import Fit, FitYields

__all__ = ["number", "number_macros", "with_band", "yields_tables"]

_BANDS = ("MinusTwoSigma", "MinusOneSigma", "", "PlusOneSigma", "PlusTwoSigma")
_SINGLE: Mapping[str, Literal[
    "observed_limit", "observed_cls", "observed_p0", "expected_p0", "sigma_mu"
]] = {
    "ObservedLimit": "observed_limit", "ObservedCLs": "observed_cls",
    "ObservedPZero": "observed_p0", "ExpectedPZero": "expected_p0", "SigmaMu": "sigma_mu",
}  # fmt: skip
_SETS: Mapping[str, Literal[
    "expected_limits", "expected_cls", "expected_limits_postfit", "expected_cls_postfit"
]] = {
    "ExpectedLimit": "expected_limits", "ExpectedCLs": "expected_cls",
    "PostfitLimit": "expected_limits_postfit", "PostfitCLs": "expected_cls_postfit",
}  # fmt: skip


def number_macros(
    results: Mapping[tuple[str, str], Limits], analysis: str, config: str, observed: str | None
) -> str:
    r"""The text of ``numbers.tex``: a ``\newcommand`` for each number that exists.

    For each signal and observable, with the prefix ``\hone<Signal><Observable>``: ``ExpectedLimit``
    (the median; ``ExpectedLimitMinusTwoSigma`` ... the rest of the five, ``ExpectedLimitBand`` with
    its 68 % band), ``ExpectedCLs`` (at mu = 1, without a band) and, after the fit to the
    observation, ``PostfitLimit`` and ``PostfitCLs`` in the same way; ``ObservedLimit``,
    ``ObservedCLs``, ``ObservedPZero``, ``ExpectedPZero`` and ``SigmaMu``; ``ConfidenceLevel``;
    ``Signal`` and ``Observable`` are the names.
    Numbers that do not exist have no macro, so that using them is an error of LaTeX.

    Args:
        results: content of ``limits.json`` by signal and observable.
        analysis: its name.
        config: digest of the configuration.
        observed: what the observation is, ``data`` or ``pseudo-data``; None in a blind analysis.
    """
    lines = [
        f"% Numbers of the analysis {analysis}, config digest {config}; \\input this file.",
        "% Expected numbers are nominal, Postfit ones after the fit to the observation; CLs and",
        "% sigma at a signal strength of 1; PZero is the p-value of no signal.",
    ]
    if observed is None:
        lines += ["% No observed and no Postfit numbers: the analysis is blind."]
    elif observed != "data":
        lines += [f"% Observed numbers are of {observed}: simulated events, not data."]
    for (signal, observable), limits in results.items():
        found = dict(_macros(limits, observed is None))
        found = {"Signal": latex(signal), "Observable": latex(observable), **found}
        prefix = f"hone{letters(signal)}{letters(observable)}"
        lines += ["", f"% signal {signal}, observable {observable}"]
        lines += [f"\\newcommand{{\\{prefix}{name}}}{{{text}}}" for name, text in found.items()]
        for what, reason in limits["reasons"].items():
            lines.append(f"% no {' '.join(what.split())}: {' '.join(str(reason).split())}")
    return "\n".join(lines) + "\n"


def number(value: float, digits: int = 3) -> str:
    r"""``value`` to ``digits`` significant digits, with a power of ten far from 1; in math mode."""
    if value == 0:
        return r"\ensuremath{0}"
    mantissa, _, exponent = f"{value:.{digits - 1}e}".partition("e")
    power = int(exponent)
    if -3 <= power < 5:
        return rf"\ensuremath{{{float(f'{mantissa}e{power}'):.{max(digits - 1 - power, 0)}f}}}"
    return rf"\ensuremath{{{mantissa} \times 10^{{{power}}}}}"


def with_band(low: float, middle: float, high: float) -> str:
    """The middle with the distances to both sides, to two digits of the smaller one.

    Far from 1, with a common power of ten.
    """
    below, above = middle - low, high - middle
    smallest = min(x for x in (below, above, abs(middle)) if x > 0) if middle else 1.0
    power = math.floor(math.log10(abs(middle))) if middle else 0
    power = 0 if -3 <= power < 5 else power
    scale = 10.0**power
    digits = min(max(1 - math.floor(math.log10(smallest / scale)), 0), 8)
    shown = [f"{x / scale:.{digits}f}" for x in (middle, above, below)]
    text = f"{shown[0]}^{{+{shown[1]}}}_{{-{shown[2]}}}"
    if power:
        text = f"({text}) \\times 10^{{{power}}}"
    return rf"\ensuremath{{{text}}}"


def yields_tables(fits: Mapping[tuple[str, str], Fit], observed: str | None) -> str:
    r"""The text of ``yields.tex``: a table (booktabs) for each signal and observable.

    Events in each region, summed over its bins, before and after the fit: of each sample, of all
    with the total uncertainty, and of the observation.

    Args:
        fits: content of ``fit.json`` by signal and observable.
        observed: what the observation is, ``data`` or ``pseudo-data``; None in a blind analysis.
    """
    lines = [
        "% Events before the fit (signals at a strength of 1), and after that to the observation.",
    ]
    if observed is None:
        lines += ["% The analysis is blind: there is no observation, and no fit to it."]
    for (signal, observable), fit in fits.items():
        lines += [
            "", f"% signal {signal}, observable {observable}",
            *(f"% {' '.join(note.split())}" for note in (fit["notes"] if observed else ())),
            r"\begin{tabular}{lrr}", r"\toprule",
            r" & Before the fit & After the fit \\",
        ]  # fmt: skip
        for region in fit["prefit"]:
            lines += [r"\midrule", rf"\multicolumn{{3}}{{l}}{{{latex(region)}}} \\"]
            lines += _yields(fit, region, observed)
        lines += [r"\bottomrule", r"\end{tabular}"]
    return "\n".join(lines) + "\n"


def _yields(fit: Fit, region: str, observed: str | None) -> Iterator[str]:
    before, after = fit["prefit"][region], (fit["postfit"] or {}).get(region)
    both = [before, after if observed else None]
    for sample in before["samples"]:
        cells = (
            f"{sum(found['samples'][sample]):z.{_places(found)}f}" if found else ""
            for found in both
        )
        yield _row(latex(sample), *cells)
    both_known = zip(both, (True, not lost_rates(fit)), strict=True)
    yield _row("Total", *(_total(found, known) if found else "" for found, known in both_known))
    if observed and fit["observation"] is not None:
        counted = f"{sum(fit['observation'][region]):.0f}"
        yield _row(observed.capitalize(), counted, counted)


def _places(found: FitYields) -> int:
    """Decimal places that show two digits of the total uncertainty."""
    error = found["total_uncertainty"]
    return max(1 - math.floor(math.log10(error)), 0) if error > 0 else 2


def _total(found: FitYields, with_error: bool) -> str:
    total, error = (f"{found[x]:.{_places(found)}f}" for x in ("total", "total_uncertainty"))
    return rf"${total} \pm {error}$" if with_error else f"${total}$"


def _row(*cells: str) -> str:
    return " & ".join(cells) + r" \\"


def _macros(limits: Limits, blind: bool) -> Iterator[tuple[str, str]]:
    yield "ConfidenceLevel", rf"\ensuremath{{{100 * (1 - limits['level']):.4g}\,\%}}"
    for name, key in _SINGLE.items():
        value = limits[key]
        if value is not None and not (blind and name.startswith("Observed")):
            yield name, number(value)
    for name, five in _SETS.items():
        if blind and name.startswith("Postfit"):
            continue
        yield from _five(name, limits[five])


def _five(name: str, values: Sequence[float | None]) -> Iterator[tuple[str, str]]:
    for band, value in zip(_BANDS, values, strict=True):
        if value is not None:
            yield name + band, number(value)
    inner = [value for value in values[1:4] if value is not None]
    # CLs in the band differ by powers of ten: no band.
    if name.endswith("Limit") and len(inner) == 3:
        yield f"{name}Band", with_band(*inner)
