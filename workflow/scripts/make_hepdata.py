"""Make a HEPData submission of the selected seeds, ready for upload."""

import shutil
import tempfile
from pathlib import Path

from hone.analysis import Analysis
from hone.analysis.region_observables import regions_of
from hone.errors import FitError
from hone.reporting.publication.archive import write_tar
from hone.reporting.publication.covariance import background_prediction
from hone.reporting.publication.hepdata import make_submission, write_submission
from hone.reporting.publication.selected import selected_results
from hone.reporting.publication.tables import Result
from hone.results.selection import selected_files
from hone.running.files import read_json
from hone.running.script import job, log, setup_jax
from hone.statmodel.templates import read_histograms

with job(snakemake):
    setup_jax(brief=True)
    inputs, params = snakemake.input, snakemake.params
    analysis = Analysis.model_validate(params.analysis)
    workspaces, limits = selected_results(inputs.selected, inputs.workspaces, inputs.limits)
    histograms = selected_files(inputs.selected, inputs.histograms)
    results = []
    for (signal, observable), path in workspaces.items():
        place = signal, observable
        workspace = read_json(path)
        try:
            prediction = background_prediction(workspace, signal, params.observed is None)
        except FitError as error:
            prediction = str(error)
            log.warning("%s, %s: no covariance, %s", signal, observable, error)
        templates, edges = read_histograms(histograms[place], analysis.workspace.histograms)
        parameters = analysis.sample(signal).parameters
        regions = regions_of(analysis, observable)
        axes = {region.name: region.axis for region in regions if region.axis is not None}
        results.append(
            Result(
                signal, observable, parameters, read_json(limits[place]), workspace, templates,
                edges, axes, prediction,
            )
        )  # fmt: skip
    # Not an output folder: HEPData refuses unknown files, e.g. Snakemake's timestamp.
    with tempfile.TemporaryDirectory() as scratch:
        # There, all files lie in one folder.
        copies = [
            shutil.copy(path, Path(scratch, "__".join(Path(path).parts[3:])))
            for path in inputs.figures
        ]
        submission, figures = make_submission(
            results,
            analysis.analysis,
            params.observed,
            Path(inputs.likelihoods),
            map(Path, copies),
            analysis.publication,
        )
        folder = Path(scratch, "hepdata")
        write_submission(submission, folder, figures)
        write_tar(snakemake.output[0], {path.name: path for path in folder.iterdir()})
