"""Draw the expected CLs against a setting of the observables."""

from hone.analysis import Analysis
from hone.reporting.figures import save
from hone.reporting.figures.study import draw_study
from hone.running.files import read_csv, read_json
from hone.running.script import job

with job(snakemake):
    rows = read_csv(snakemake.input.comparison)
    mine = [row for row in rows if row["signal"] == snakemake.wildcards.signal]
    analysis = Analysis.model_validate(snakemake.params.analysis)
    (study,) = analysis.studies
    observables = [analysis.observable(name) for name in study.observables]
    floor = read_json(snakemake.input.floor) if snakemake.input.floor else {}
    save(draw_study(mine, study, observables, floor), snakemake.output)
