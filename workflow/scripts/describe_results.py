"""Write the README of a results folder."""

from pathlib import Path

from hone.analysis import Analysis
from hone.reporting.describe import describe, kind_of
from hone.running.files import write_text
from hone.running.script import job

with job(snakemake):
    params = snakemake.params
    captions = {
        kind: path.read_text()
        for kind in {kind_of(figure) for figure in params.figures}
        if (path := Path(params.captions, f"{kind}.rst")).exists()
    }
    text = describe(
        Analysis.model_validate(params.config),
        Path(snakemake.input.headline).read_text(),
        Path(snakemake.input.table).read_text(),
        params.figures,
        captions,
        params.made_by,
    )
    write_text(snakemake.output[0], text)
