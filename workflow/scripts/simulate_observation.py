"""Draw the pseudo-data of the analysis."""

import numpy as np

from hone.analysis import Analysis
from hone.events import pseudo_data, write_events
from hone.running.script import job

with job(snakemake) as provenance:
    variables = pseudo_data(Analysis.model_validate(snakemake.params.analysis))
    events = len(next(iter(variables.values())))
    write_events(snakemake.output[0], variables, np.ones(events), provenance)
