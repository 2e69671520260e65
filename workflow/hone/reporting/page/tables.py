"""The tables of the page."""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from hone.analysis.leading import as_written
from hone.analysis.samples import NtupleSample
from hone.reporting.comparison_table import floors_of
from hone.reporting.lost_rates import lost_rates
from hone.reporting.page.checks import Check
from hone.reporting.page.words import profile_interval
from hone.reporting.rounding import per_cent, rounded, with_interval
from hone.results.documents import Numbers
from hone.results.folder import Folder
from hone.running.run_times import run_times

__all__ = ["Cell", "Table", "tables"]


class Cell(NamedTuple):
    """A cell: its text, what it is sorted by (None: the text), and where it links to."""

    text: str
    value: float | None = None
    link: str = ""


_NONE = Cell("–")


class Table(NamedTuple):
    """A table that the reader can sort."""

    tab: str
    title: str
    caption: str
    columns: list[str]
    rows: list[list[Cell]]
    links: list[tuple[str, str]]
    """Texts and addresses of files with its numbers."""
    anchors: list[str]
    """Of each row; empty if nothing links to them."""
    leads: bool = False
    """Whether it stands above the figures of its tab."""


def tables(folder: Folder, checks: Iterable[Check]) -> list[Table]:
    """All tables that have rows."""
    found = [
        _result(folder), _seeds(folder), *_yields(folder), *_parameters(folder), _samples(folder),
        _systematics(folder), _inputs(folder), _checks(checks), _files(folder), _times(folder),
    ]  # fmt: skip
    return [table for table in found if table.rows]


def _number(value: Any, form: str = "#.4g") -> Cell:
    return _NONE if value is None else Cell(f"{value:{form}}", float(value))


def _with_error(value: float | None, error: float | None) -> list[Cell]:
    """A number and its error, in two cells."""
    if value is None or error is None:
        return [_number(value), _number(error)]
    texts = rounded(value, error)
    return [Cell(texts[0], float(value)), Cell(texts[1] or f"{error:g}", float(error))]


def _range(low: float | None, high: float | None) -> Cell:
    return _NONE if low is None or high is None else Cell(f"{low:#.3g} to {high:#.3g}")


def _links(folder: Folder, *names: str) -> list[tuple[str, str]]:
    return [(name, name) for name in names if folder.has(name)]


def _result(folder: Folder) -> Table:
    is_blind, with_gain = folder.analysis.is_blind, folder.analysis.baseline is not None
    observed = folder.analysis.label.capitalize()
    columns = ["Signal", "Observable", "Expected limit", "Over seeds"]
    columns += ["Gain [%]"] if with_gain else []
    columns += ["CLs at μ = 1", "p0", "σ(μ)", "Selected seed", "Its limit", "At 68 %"]
    columns += [] if is_blind else [observed]
    rows = []
    for row in folder.table:
        published = folder.published(row["signal"], row["observable"])
        five = published.limits.get("expected_limits") or [None] * 5
        cells = [Cell(row["signal"]), Cell(row["observable"])]
        cells.append(_number(row["expected_limit"]))
        cells.append(_range(row["expected_limit_lowest"], row["expected_limit_highest"]))
        if with_gain:
            gain, error = row["gain_expected_limit"], row["gain_expected_limit_error"]
            cells.append(_NONE if gain is None else Cell(per_cent(gain, error, "+"), gain))
        cells += [_number(row[x], "#.3g") for x in ("expected_cls", "expected_p0")]
        cells += [_number(row["sigma_mu"]), Cell(str(published.seed), published.seed)]
        cells += [_number(five[2], "#.3g"), _range(five[1], five[3])]
        if not is_blind:
            cells.append(_number(published.limits.get("observed_limit"), "#.3g"))
        rows.append(cells)
    floors = list(_floors(folder, columns))
    rows += floors
    links = _links(folder, "table.csv", "table.tex", "table.md", "summary.txt")
    seeds = any(row["seeds"] > 1 for row in folder.table)
    caption = "Medians over the seeds on" if seeds else "On"
    caption += " nominal Asimov data; lower is better. σ(μ) is that of the Hessian."
    if floors:
        caption += (
            " But for statistical fluctuations, no observable is below the floor. That of p0 is "
            "of cells so fine that some have a signal and hardly any background: no few bins come "
            "near it."
        )
        if folder.analysis.floor.in_bins:
            caption += (
                " Lowest found in N bins: the best that a search over partitions into N bins found."
            )
    if folder.analysis.workspace.staterror:
        caption += (
            " The statistical error of the simulation is in the model (staterror); limits without "
            "it, for comparison with published ones, are in summary.txt."
        )
    caption += (
        " The selected seed is the best in validation; bands and what is observed are its own."
        if seeds
        else ""
    )
    if with_gain:
        caption += (
            f" Gain: by how much the median limit is below that of {folder.analysis.baseline}, "
            "trained on cross-entropy, with standard error."
        )
    return Table("Result", "Limits", caption, columns, rows, links, [], leads=True)


def _floors(folder: Folder, columns: list[str]) -> Iterator[list[Cell]]:
    for signal in folder.analysis.signals:
        for name, values in floors_of(folder.floor(signal)).items():
            if values.get("expected_limit") is None:
                continue
            known = {
                "Signal": Cell(signal), "Observable": Cell(name),
                "Expected limit": _number(values["expected_limit"]),
                "CLs at μ = 1": _number(values.get("expected_cls"), ".3g"),
                "p0": _number(values.get("expected_p0"), ".3g"),
                "σ(μ)": _number(values.get("sigma_mu")),
            }  # fmt: skip
            yield [known.get(column, _NONE) for column in columns]


def _seeds(folder: Folder) -> Table:
    columns = {
        "Expected limit": "expected_limits_2", "-2σ": "expected_limits_0",
        "-1σ": "expected_limits_1", "+1σ": "expected_limits_3", "+2σ": "expected_limits_4",
        "CLs at μ = 1": "expected_cls_2", "p0": "expected_p0", "σ(μ)": "sigma_mu",
    }  # fmt: skip
    if not folder.analysis.is_blind:
        columns[folder.analysis.label.capitalize()] = "observed_limit"
    rows = [
        [
            Cell(row["signal"]), Cell(row["observable"]), Cell(str(row["seed"]), row["seed"]),
            *(_number(row.get(column)) for column in columns.values()),
            Cell("yes" if str(row.get("pyhf_agrees")) == "True" else "no"),
        ]
        for row in folder.csv("comparison.csv")
    ]  # fmt: skip
    heads = ["Signal", "Observable", "Seed", *columns, "pyhf agrees"]
    caption = "Every seed: limits on nominal Asimov data, and that of the observation."
    links = _links(folder, "comparison.csv")
    return Table("Result", "All seeds", caption, heads, rows, links, [])


def _yields(folder: Folder) -> Iterator[Table]:
    """Before and after the fit, summed over the bins of each region."""
    rows = []
    for published in folder.all_published():
        fit = published.fit
        for region, before in (fit.get("prefit") or {}).items():
            after = (fit.get("postfit") or {}).get(region)
            head = [Cell(published.signal), Cell(published.observable), Cell(region)]
            for sample, yields in before["samples"].items():
                fitted = [_number(sum(after["samples"][sample]))] if after else [_NONE]
                rows.append([*head, Cell(sample), _number(sum(yields)), _NONE, *fitted, _NONE])
            total = _with_error(before["total"], before["total_uncertainty"])
            fitted = [_NONE, _NONE]
            if after:
                known = not lost_rates(fit)
                fitted = _with_error(after["total"], after["total_uncertainty"] if known else None)
            rows.append([*head, Cell("total"), *total, *fitted])
            if observation := fit.get("observation"):
                counted = _number(sum(observation[region]), ".6g")
                rows.append([*head, Cell(folder.analysis.label), counted, _NONE, counted, _NONE])
    heads = ["Signal", "Observable", "Region", "Sample", "Before the fit", "±", "After it", "±"]
    caption = (
        "Expected events of the selected seeds, summed over the bins: before the fit with the "
        "signal at its nominal yield, and at the best fit. ± is the total uncertainty of the sum; "
        "after the fit by the Hessian, and none where a fit leaves no rate in a bin: the Hessian "
        "does not know this bound (see the figure after the fit)."
    )
    yield Table("Fit", "Yields", caption, heads, rows, [], [])


def _parameters(folder: Folder) -> Iterator[Table]:
    rows = []
    for published in folder.all_published():
        fit = published.fit.get("fit")
        if not fit or folder.analysis.is_blind:
            continue
        unknown: Numbers = [None] * len(fit["labels"])
        errors = fit["uncertainty"] or unknown
        for name, value, error, width in zip(
            fit["labels"], fit["bestfit"], errors, fit["prefit_uncertainty"], strict=True
        ):
            at_bound = name in fit["on_bound"]
            notes = ["at its bound"] if at_bound else []
            if interval := profile_interval(published.likelihood, name):
                notes.append(f"{with_interval(value, *interval)} by its profile likelihood")
            rows.append([
                Cell(published.signal), Cell(published.observable), Cell(name),
                *_with_error(value, None if at_bound else error), _number(width, ".3g"),
                Cell("; ".join(notes)),
            ])  # fmt: skip
    heads = ["Signal", "Observable", "Parameter", "Best fit", "±", "± before", "Note"]
    caption = (
        "Best fit of the selected seeds; ± is by the Hessian, which says nothing at a bound, and "
        "± before the width of a constraint."
    )
    yield Table("Fit", "Parameters", caption, heads, rows, [], [])


def _samples(folder: Folder) -> Table:
    rows = []
    for sample in folder.analysis.samples:
        amount = _NONE
        if sample.yield_ is not None:
            amount = Cell(f"{sample.yield_:g} events", sample.yield_)
        elif isinstance(sample, NtupleSample) and sample.cross_section is not None:
            amount = Cell(f"{sample.cross_section:g} pb", sample.cross_section)
        unseen = sample.is_data and not folder.analysis.observation.unblind
        what = f"{sample.process} (blind)" if unseen else sample.process
        rows.append([Cell(sample.name), Cell(what), amount])
    features = ", ".join(as_written(folder.analysis.features)) or "none"
    return Table(
        "Inputs", "Samples", f"Features: {features}.", ["Sample", "Process", "Expected"], rows,
        _links(folder, "config.yaml"), [],
    )  # fmt: skip


def _systematics(folder: Folder) -> Table:
    rows = [
        [Cell(s.name), Cell(s.type), Cell(", ".join(s.samples))]
        for s in folder.analysis.systematics
    ]
    rows += [
        [Cell(n.name), Cell("free normalisation"), Cell(", ".join(n.samples))]
        for n in folder.analysis.normfactors
    ]
    caption = "Uncertainties of the expectation."
    if folder.analysis.workspace.staterror:
        caption += " The statistical error of the simulation is one of them, bin by bin."
    heads = ["Systematic", "Type", "Samples"]
    return Table("Inputs", "Systematics", caption, heads, rows, [], [])


def _inputs(folder: Folder) -> Table:
    rows = [
        [
            Cell(row["region"]), Cell(row["sample"]), Cell(row["variation"] or "nominal"),
            _number(row["events"], "d"), *_with_error(row["yield"], row["error"]),
            _number(row["effect"] and 100 * row["effect"], "+z.2f"), Cell(row["warning"] or ""),
        ]
        for row in folder.csv("inputs/yields.csv")
    ]  # fmt: skip
    heads = ["Region", "Sample", "Variation", "Events", "Yield", "± MC", "Effect [%]", "Warning"]
    caption = "What enters, before any training."
    return Table("Inputs", "Raw events and yields", caption, heads, rows,
                 _links(folder, "inputs/yields.csv"), [])  # fmt: skip


def _checks(found: Iterable[Check]) -> Table:
    several = list(found)
    rows = [
        [Cell(c.outcome), Cell(c.name), Cell(c.signal), Cell(c.observable), Cell(c.text)]
        for c in several
    ]
    heads = ["Outcome", "Check", "Signal", "Observable", "What was found"]
    caption = "What did not pass is a reason to look, and not hidden; with σ, up to three pass."
    return Table(
        "Checks", "Outcomes", caption, heads, rows, [], [c.anchor for c in several], leads=True
    )


def _times(folder: Folder) -> Table:
    times = run_times(folder.path / "benchmarks")
    rows = [
        [
            Cell(t.rule),
            Cell(str(t.jobs), t.jobs),
            _number(t.seconds, ".1f"),
            _number(t.longest, ".1f"),
        ]
        for t in times
    ]
    jobs, seconds = sum(t.jobs for t in times), sum(t.seconds for t in times)
    caption = f"{jobs} jobs with a total wall time of {seconds:.0f} seconds."
    return Table(
        "Files", "Run times", caption, ["Rule", "Jobs", "Seconds", "Longest"], rows, [], []
    )


_LISTED = {
    "README.md": "the result, captions, and the command that remakes each figure",
    "provenance.html": "Snakemake's report: rules, code, run times and settings behind each file",
    "summary.txt": "the table on screen",
    "table.csv": "the table", "table.tex": "the same for LaTeX", "table.md": "the same in Markdown",
    "comparison.csv": "every number of every seed",
    "publication/numbers.tex": "LaTeX macros for a paper",
    "publication/yields.tex": "events before and after the fit, for LaTeX",
    "config.yaml": "all settings",
    "inputs/yields.csv": "events and yields before training", "figures": "all figures, PNG and PDF",
}  # fmt: skip
_OF_SEEDS = {
    "limits.json": "limits, CLs, p0, and pyhf's check", "workspace.json": "the pyhf workspace",
    "histograms.root": "the templates", "model.safetensors": "the trained observable",
}  # fmt: skip


def _files(folder: Folder) -> Table:
    found = {**_LISTED}
    for published in folder.all_published():
        of = f" of {published.observable} for {published.signal}, selected seed"
        found |= {f"{published.place}/{name}": what + of for name, what in _OF_SEEDS.items()}
    # Made after the page, of the same results.
    late = ("provenance.html", "README.md")
    rows = [
        [Cell(name, link=name), Cell(what)]
        for name, what in found.items()
        if folder.has(name) or name in late
    ]
    caption = (
        "Links work while the page lies in the results folder. Without publication/numbers.tex: "
        "snakemake publish makes it."
    )
    return Table("Files", "Files", caption, ["File", "What it holds"], rows, [], [])
