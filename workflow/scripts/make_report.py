"""Write the report, and let Snakemake write its own, of all existing results."""

from pathlib import Path

from hone.analysis.report_items import ITEMS
from hone.reporting.first_page import first_page, how_it_was_made
from hone.reporting.page import page
from hone.results.folder import Folder
from hone.running.files import write_text
from hone.running.nested_report import written_report
from hone.running.run_times import run_times
from hone.running.script import job

with job(snakemake):
    inputs, output, params = snakemake.input, snakemake.output, snakemake.params
    folder = Folder(Path(output.report).parent)
    captions = {
        kind: path.read_text()
        for kind in ITEMS
        if (path := Path(params.captions, f"{kind}.rst")).exists()
    }
    text = first_page(
        folder.analysis,
        Path(inputs.headline).read_text(),
        Path(inputs.table).read_text(),
        how_it_was_made(run_times(folder.path / "benchmarks")),
    )
    write_text(output.page, text)
    made_of = params.snakefile, params.options, params.stylesheet, snakemake.log[0]
    with written_report(output.provenance, *made_of):
        write_text(output.report, page(folder, captions))
