"""Let Snakemake write its report of all existing results."""

import subprocess
import sys
from pathlib import Path

import yaml

from hone.analysis import Analysis
from hone.errors import HoneError
from hone.reporting.first_page import first_page
from hone.reporting.report import how_it_was_made
from hone.running.files import write_text
from hone.running.run_times import run_times
from hone.running.script import job

with job(snakemake):
    inputs, output = snakemake.input, snakemake.output
    page = first_page(
        Analysis.model_validate(yaml.safe_load(Path(inputs.config).read_text())),
        Path(inputs.headline).read_text(),
        Path(inputs.table).read_text(),
        how_it_was_made(run_times(Path(output.report).parent / "benchmarks")),
    )
    write_text(output.page, page)
    command = [
        *(sys.executable, "-m", "snakemake", "--nolock"),
        *("--snakefile", snakemake.params.snakefile),
        *snakemake.params.options,
        *("--report", output.report),
        *("--report-stylesheet", snakemake.params.stylesheet),
        *("--", "results"),
    ]
    done = subprocess.run(command, text=True, capture_output=True, check=False)
    with Path(snakemake.log[0]).open("a") as log:
        log.write(done.stdout + done.stderr)
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise HoneError(f"Snakemake could not write the report ({last}); see {snakemake.log[0]}")
