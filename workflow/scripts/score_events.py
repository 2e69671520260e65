"""Write scores, bins and weights of the events of ntuples as friends of their trees."""

from hone.analysis import Analysis
from hone.events.friends import write_friends
from hone.events.load import read_surveys
from hone.events.sources import data_source, sources
from hone.observable import load_observable
from hone.results.scored_regions import with_scored_regions
from hone.results.selection import selected_networks
from hone.running.script import job, setup_jax

with job(snakemake) as provenance:
    setup_jax()
    inputs, params = snakemake.input, snakemake.params
    analysis = with_scored_regions(Analysis.model_validate(params.analysis), inputs.regions)
    networks = selected_networks(inputs.selected, inputs.models)
    ((name, paths),) = params.files.items()
    is_data = name in [sample.name for sample in analysis.data]
    source = data_source(analysis, paths) if is_data else sources(analysis, params.files)[0]
    write_friends(
        [load_observable(path)[0] for path in networks],
        source,
        analysis.channels,
        read_surveys(inputs.surveys),
        snakemake.output[0],
        provenance,
    )
