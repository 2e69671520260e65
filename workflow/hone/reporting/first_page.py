"""The first page of the report: the result, the analysis in words, and how it was made."""

from collections.abc import Iterable, Sequence

from hone.analysis import Analysis
from hone.analysis.leading import as_written
from hone.analysis.observables import (
    Categories,
    Cuts,
    Ensemble,
    GridCuts,
    ObservableSettings,
    OfNetwork,
    Rebinned,
    Softmax,
    TwoDimensional,
    VariableBins,
)
from hone.analysis.samples import NtupleSample
from hone.reporting.markup import list_table, rst
from hone.running.provenance import versions
from hone.running.run_times import RuleTime

__all__ = ["first_page", "how_it_was_made"]

_OBJECTIVES = {
    "cls": "the expected CLs", "limit": "the expected limit",
    "p0": "the expected discovery p-value", "sigma_mu": "the uncertainty of mu",
    "generalised_variance": "the generalised variance",
    "trace": "the sum of variances",
    "bce": "cross-entropy", "cross_entropy": "cross-entropy of classes",
    "bce_augmented": "cross-entropy with varied samples",
}  # fmt: skip
# Snakemake renders the page with Jinja, with the categories, to which it links.
_CATEGORIES = """\
**What is where:** {% for name in categories | map(attribute="name") | sort %}`{{ name }}`_{{ ", " if not loop.last else "." }}{% endfor %}
 In a list, the eye opens a figure or saves a table, the i shows its caption.
"""  # noqa: E501


def first_page(analysis: Analysis, headline: str, table: str, made: str) -> str:
    """The page in reStructuredText, a template of Jinja for Snakemake.

    Args:
        analysis: the whole.
        headline: the result in plain sentences.
        table: of :func:`hone.reporting.comparison_table.rst`.
        made: of :func:`how_it_was_made`.
    """
    paragraphs = [
        *map(rst, headline.split("\n\n")),
        table,
        f"{_medians(analysis)} nominal Asimov data; CLs are at mu = 1. Lower is better"
        + ("; the floor is a lower bound for all observables." if analysis.has_floor else ".")
        + _about_gains(analysis),
        _samples(analysis),
    ]
    if analysis.regions:
        regions = ", ".join(rst(region.name) for region in analysis.regions)
        paragraphs.append(f"Regions, fitted simultaneously: {regions}.")
    staterror = analysis.workspace.staterror
    also = ", and the statistical error of the simulation" if staterror else ""
    systematics = [
        f"*{rst(s.name)}* (``{s.type}``) of {', '.join(map(rst, s.samples))}"
        for s in analysis.systematics
    ]
    paragraphs += [f"Systematic uncertainties{also}:", _list(systematics or ["none"])]
    free = [f"*{rst(n.name)}* of {', '.join(map(rst, n.samples))}" for n in analysis.normfactors]
    if free:
        paragraphs.append(f"Free normalisations, determined in the fit: {', '.join(free)}.")
    observables = [f"*{rst(o.name)}* ({_kind(o)}{_searched(o)})" for o in analysis.observables]
    paragraphs += ["Observables:", _list(observables), _CATEGORIES, "**How it was made**", made]
    return "\n\n".join(paragraphs) + "\n"


def how_it_was_made(times: Sequence[RuleTime]) -> str:
    """Versions and run times in reStructuredText."""
    found = versions("snakemake", "matplotlib", "mplhep")
    jobs, seconds = sum(time.jobs for time in times), sum(time.seconds for time in times)
    rows = [
        {
            "rule": time.rule,
            "jobs": str(time.jobs),
            "seconds": f"{time.seconds:.1f}",
            "longest job": f"{time.longest:.1f}",
        }
        for time in times
    ]
    lines = [
        f"{jobs} jobs, with a total wall time of {seconds:.0f} seconds.",
        "",
        list_table(rows),
        "Versions: " + ", ".join(f"{name} {rst(number)}" for name, number in found.items()) + ".",
    ]
    return "\n".join(lines) + "\n"


def _samples(analysis: Analysis) -> str:
    found: dict[str, list[str]] = {"signal": [], "background": [], "data": []}
    for sample in analysis.samples:
        amount = ""
        if sample.yield_ is not None:
            amount = f", {sample.yield_:g} events expected"
        elif isinstance(sample, NtupleSample) and sample.cross_section is not None:
            amount = f", {sample.cross_section:g} pb"
        what = "" if sample.is_data else f" ({sample.process}{amount})"
        found[sample.process].append(f"*{rst(sample.name)}*{what}")
    text = f"**The analysis** ``{analysis.analysis}`` looks for {', '.join(found['signal'])} over "
    text += ", ".join(found["background"])
    for name in found["data"]:
        unseen = "" if analysis.observation.unblind else ", still blind"
        text += f" with the data {name}{unseen}"
    level = 100 * (1 - analysis.limits.level)
    features = ", ".join(map(rst, as_written(analysis.features)))
    return f"{text} at a confidence level of {level:g} per cent. The features are {features}."


def _medians(analysis: Analysis) -> str:
    seeds = max(len(analysis.seeds(o.name)) for o in analysis.observables)
    return "Medians over seeds on" if seeds > 1 else "On"


def _about_gains(analysis: Analysis) -> str:
    if analysis.baseline is None:
        return ""
    return " Gains are over the observable trained on cross-entropy, with standard errors."


def _kind(observable: ObservableSettings) -> str:
    match observable:
        case Ensemble():
            source = rst(observable.source)
            return (
                f"the mean score of all seeds of {source}, with the best edges of "
                f"{observable.bins} bins"
            )
        case Rebinned():
            source = rst(observable.source)
            return f"the weights of {source} with the best edges of {observable.bins} bins"
        case VariableBins():
            bins = len(observable.edges) - 1
            return f"the variable {rst(observable.variable)} in {bins} bins"
        case Cuts():
            return f"a count after cuts, trained for {_objective(observable.objective)}"
        case GridCuts():
            objective = _objective(observable.objective)
            return f"a count after cuts, the best of a grid for {objective}"
        case OfNetwork():
            network, in_bins = "a network", f"{observable.number_of_bins} bins"
            if isinstance(observable, Softmax):
                network += " with an output for each bin"
            elif isinstance(observable, TwoDimensional):
                network += " with two outputs"
                in_bins = f"{' x '.join(map(str, observable.bins))} bins of both"
            elif isinstance(observable, Categories):
                network += f" with an output for each of {len(observable.bins)} categories"
                in_bins += f" ({', '.join(map(str, observable.bins))})"
            elif observable.setting("failing") == "bin":
                in_bins += ", one of them of the events that fail its cuts"
            return f"{network} trained on {_objective(observable.objective)}, {in_bins}"
    return f"of kind {observable.kind}"


def _searched(observable: ObservableSettings) -> str:
    tune = observable.setting("tune")
    return f"; {', '.join(map(rst, tune.grid))}: the best of {tune.number} trials" if tune else ""


def _objective(name: str) -> str:
    return f"{_OBJECTIVES[name]} (``{name}``)" if name in _OBJECTIVES else f"``{name}``"


def _list(items: Iterable[str]) -> str:
    return "\n".join(f"- {item}" for item in items)
