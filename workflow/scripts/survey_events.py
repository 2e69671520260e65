"""Survey the events of a source: numbers and sums of weights."""

from hone.analysis import Analysis
from hone.errors import InputError
from hone.events.sources import sources
from hone.events.survey import refuse_sample_first, survey
from hone.running.files import write_json
from hone.running.script import job

with job(snakemake) as provenance:
    params = snakemake.params
    analysis = Analysis.model_validate(params.analysis)
    (source,) = sources(analysis, params.files)
    try:
        found = survey(source, analysis.features, analysis.channels, "evaluation")
    except InputError as error:
        for nominal in sources(analysis, params.nominal):
            refuse_sample_first(nominal, source, analysis.features, analysis.channels)
        raise error from None
    for entry in found["files"]:
        if entry["path"] in params.contents:
            entry["contents"] = params.contents[entry["path"]]
    write_json(snakemake.output[0], {**found, "provenance": provenance})
