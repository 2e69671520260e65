"""The first page of the report: the result, the analysis in words, and how it was made."""

from collections.abc import Iterable, Mapping
from typing import Any

from hone.analysis.samples import affected
from hone.reporting.markup import rst

__all__ = ["first_page"]

_OBJECTIVES = {
    "cls": "the expected CLs", "limit": "the expected limit",
    "p0": "the expected discovery p-value", "sigma_mu": "the uncertainty of mu",
    "generalised_variance": "the generalised variance",
    "bce": "cross-entropy", "bce_augmented": "cross-entropy with varied samples",
}  # fmt: skip
# Snakemake renders the page with Jinja, with the categories, to which it links.
_CATEGORIES = """\
**What is where:** {% for name in categories | map(attribute="name") | sort %}`{{ name }}`_{{ ", " if not loop.last else "." }}{% endfor %}
 In a list, the eye opens a figure or saves a table, the i shows its caption.
"""  # noqa: E501


def first_page(config: Mapping[str, Any], headline: str, table: str, made: str) -> str:
    """The page in reStructuredText, a template of Jinja for Snakemake.

    Args:
        config: of the analysis, with all defaults.
        headline: the result in plain sentences.
        table: of :func:`hone.reporting.comparison_table.rst`.
        made: of :func:`hone.reporting.report.how_it_was_made`.
    """
    paragraphs = [
        *map(rst, headline.split("\n\n")),
        table,
        "Medians over seeds on nominal Asimov data; CLs are at mu = 1. Lower is better; the floor "
        "is a lower bound for all observables, if it is known." + _about_gains(config),
        _samples(config),
    ]
    if config["regions"]:
        regions = ", ".join(rst(region["name"]) for region in config["regions"])
        paragraphs.append(f"Regions, fitted simultaneously: {regions}.")
    staterror = config["workspace"]["staterror"]
    also = ", and the statistical error of the simulation" if staterror else ""
    systematics = [
        f"*{rst(s['name'])}* (``{s['type']}``) of {', '.join(map(rst, affected(s)))}"
        for s in config["systematics"]
    ]
    paragraphs += [f"Systematic uncertainties{also}:", _list(systematics or ["none"])]
    free = [
        f"*{rst(n['name'])}* of {', '.join(map(rst, affected(n)))}" for n in config["normfactors"]
    ]
    if free:
        paragraphs.append(f"Free normalisations, determined in the fit: {', '.join(free)}.")
    observables = [f"*{rst(o['name'])}* ({_kind(o)})" for o in config["observables"]]
    paragraphs += ["Observables:", _list(observables), _CATEGORIES, "**How it was made**", made]
    return "\n\n".join(paragraphs) + "\n"


def _samples(config: Mapping[str, Any]) -> str:
    found: dict[str, list[str]] = {"signal": [], "background": [], "data": []}
    for sample in config["samples"]:
        amount = ""
        if "yield" in sample:
            amount = f", {sample['yield']:g} events expected"
        elif "cross_section" in sample:
            amount = f", {sample['cross_section']:g} pb"
        kind = sample["process"]
        what = f" ({kind}{amount})" if kind != "data" else ""
        found[kind].append(f"*{rst(sample['name'])}*{what}")
    text = f"**The analysis** ``{config['analysis']}`` looks for {', '.join(found['signal'])} over "
    text += ", ".join(found["background"])
    for name in found["data"]:
        unseen = "" if config["observation"]["unblind"] else ", still blind"
        text += f" with the data {name}{unseen}"
    level = 100 * (1 - config["limits"]["level"])
    features = ", ".join(map(rst, config["features"]))
    return f"{text} at a confidence level of {level:g} per cent. The features are {features}."


def _about_gains(config: Mapping[str, Any]) -> str:
    if not any(o.get("objective") == "bce" for o in config["observables"]):
        return ""
    return " Gains are over the observable trained on cross-entropy, with standard errors."


def _kind(observable: Mapping[str, Any]) -> str:
    kind = observable["kind"]
    if kind == "rebinned":
        source, bins = rst(observable["source"]), observable["bins"]
        return f"the weights of {source} with the best edges of {bins} bins"
    if kind == "variable":
        bins = len(observable["edges"]) - 1
        return f"the variable {rst(observable['variable'])} in {bins} bins"
    objective = f"``{observable['objective']}``"
    if observable["objective"] in _OBJECTIVES:
        objective = f"{_OBJECTIVES[observable['objective']]} ({objective})"
    if kind == "cuts":
        how = "the best of a grid" if observable["search"] == "grid" else "trained"
        return f"a count after cuts, {how} for {objective}"
    network = "a network" if kind == "network" else "a network with an output for each bin"
    return f"{network} trained on {objective}, {observable['bins']} bins"


def _list(items: Iterable[str]) -> str:
    return "\n".join(f"- {item}" for item in items)
