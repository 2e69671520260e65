"""Sum the varied weights of the events of a sample in each region."""

from hone.analysis import Analysis
from hone.events.sources import sources
from hone.events.survey import survey_weights
from hone.running.files import read_json, write_json
from hone.running.script import job

with job(snakemake) as provenance:
    params = snakemake.params
    analysis = Analysis.model_validate(params.analysis)
    (source,) = sources(analysis, params.files)
    factor = read_json(snakemake.input.survey)["factor"]
    found = survey_weights(source, analysis.channels, factor)
    write_json(snakemake.output[0], {"regions": found, "provenance": provenance})
