"""A submission to HEPData: tables, figures and likelihoods, valid by HEPData's own validator."""

import contextlib
import tempfile
import warnings
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from hepdata_lib import Submission, Table
from hepdata_validator.full_submission_validator import FullSubmissionValidator
from PIL import Image

from hone.analysis.sections import Publication
from hone.errors import HoneError
from hone.reporting.publication.tables import (
    Result,
    histogram_tables,
    limit_table,
    matrix_tables,
    scan_table,
)

__all__ = ["make_submission", "validate", "write_submission"]

_THUMBNAIL = (240, 240)
"""Largest width and height of a thumbnail in pixels."""


def make_submission(
    results: Sequence[Result],
    analysis: str,
    observed: str | None,
    likelihoods: Path | None = None,
    figures: Iterable[Path] = (),
    publication: Publication | None = None,
) -> tuple[Submission, dict[str, list[Path]]]:
    """The submission (not yet written), and the figures of each of its tables.

    Args:
        results: of each signal and observable.
        analysis: its name.
        observed: what the observation is, ``data`` or ``pseudo-data``; None in a blind analysis.
        likelihoods: archive of workspaces.
        figures: PNG files, assigned to tables by name.
        publication: keywords of all tables.
    """
    submission = Submission()
    observables = list(dict.fromkeys(result.observable for result in results))
    submission.comment = (
        f"Analysis {analysis}: limits on the signal strength by the observables "
        f"{', '.join(observables)}, CLs scans, histograms and covariances of the backgrounds."
    )
    if observed is None:
        submission.comment += " The analysis is blind: there are no observed numbers."
    elif observed != "data":
        submission.comment += f" All observed numbers are of {observed}, not of data."
    if likelihoods is not None:
        submission.add_additional_resource(
            "Archive of the full likelihoods in the HistFactory JSON format of pyhf",
            str(likelihoods),
            copy_file=True,
            file_type="HistFactory",
        )
    by_name = {figure.stem: figure for figure in figures}
    given = publication or Publication()
    keywords: dict[str, Sequence[object]] = {
        "reactions": given.reactions, "cmenergies": given.energies, "phrases": given.phrases,
    }  # fmt: skip
    shown: dict[str, list[Path]] = defaultdict(list)

    def add(table: Table, *stems: str) -> None:
        _rename(table, submission.tables)
        table.keywords |= {name: list(found) for name, found in keywords.items() if found}
        submission.add_table(table)
        shown[table.name] += [by_name[stem] for stem in stems if stem in by_name]

    for observable in observables:
        mine = [result for result in results if result.observable == observable]
        add(limit_table(mine, observed), f"{observable}__limits")
        for result in mine:
            stem = f"{result.signal}__{observable}__"
            add(scan_table(result, observed), f"{stem}cls_scan")
            for table in histogram_tables(result, observed):
                add(table, f"{stem}templates")
            for table in matrix_tables(result, observed):
                add(table)
    return submission, dict(shown)


def write_submission(
    submission: Submission, folder: str | Path, figures: Mapping[str, Sequence[Path]] | None = None
) -> None:
    """Write ``submission.yaml`` and all of its files into a folder, and validate it.

    Raises:
        HoneError: HEPData would refuse it; says why.
    """
    folder = Path(folder).absolute()
    with tempfile.TemporaryDirectory() as scratch:
        for table in submission.tables:
            for figure in (figures or {}).get(table.name, ()):
                _add_figure(table, figure, Path(scratch))
        for resource in (submission, *submission.tables):
            resource.files_to_copy = [str(Path(f).absolute()) for f in resource.files_to_copy]
        # hepdata_lib leaves an archive with times in it in the working directory.
        with contextlib.chdir(scratch):
            submission.create_files(str(folder), validate=False, remove_old=True)
    validate(folder)


def validate(folder: str | Path) -> None:
    """Validate a submission with HEPData's validator and its local schemas.

    Raises:
        HoneError: with the messages of the validator.
    """
    validator = FullSubmissionValidator(autoload_remote_schemas=False)
    with warnings.catch_warnings():
        # The validator does not close its files.
        warnings.simplefilter("ignore", ResourceWarning)
        valid = validator.validate(directory=str(folder))
    if not valid:
        found = [
            f"{Path(name).name}: {message.message}"
            for name, messages in validator.get_messages().items()
            for message in messages
        ]
        raise HoneError(f"HEPData would refuse {folder}: " + "; ".join(found))


def _add_figure(table: Table, figure: Path, scratch: Path) -> None:
    """A figure and its thumbnail, with the names of HEPData."""
    # Names of figures have no dots.
    small = scratch / f"{figure.stem}.thumb{figure.suffix}"
    with Image.open(figure) as picture:
        picture.thumbnail(_THUMBNAIL)
        picture.save(small)
    table.add_additional_resource("Image file", str(figure), copy_file=True)
    table.add_additional_resource("Thumbnail image file", str(small), copy_file=True)


def _rename(table: Table, others: Sequence[Table]) -> None:
    """Number tables with equal file names; hepdata_lib names files after tables."""

    def file_of(name: str) -> str:
        return name.lower().replace(" ", "_")

    taken = {file_of(other.name) for other in others}
    base, number = table.name, 2
    while file_of(table.name) in taken:
        table.name = f"{base[:58]} ({number})"
        number += 1
