"""Let Snakemake write its report of all existing results."""

from pathlib import Path

import yaml

from hone.analysis import Analysis
from hone.reporting.first_page import first_page, how_it_was_made
from hone.running.files import write_text
from hone.running.nested_report import write_report
from hone.running.run_times import run_times
from hone.running.script import job

with job(snakemake):
    inputs, output, params = snakemake.input, snakemake.output, snakemake.params
    page = first_page(
        Analysis.model_validate(yaml.safe_load(Path(inputs.config).read_text())),
        Path(inputs.headline).read_text(),
        Path(inputs.table).read_text(),
        how_it_was_made(run_times(Path(output.report).parent / "benchmarks")),
    )
    write_text(output.page, page)
    write_report(
        output.report, params.snakefile, params.options, params.stylesheet, snakemake.log[0]
    )
