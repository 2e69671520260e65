"""Make an observable of a variable in given bins."""

import jax
import numpy as np

from hone.analysis import Analysis
from hone.observable import create_observable, save_observable
from hone.running.files import write_csv
from hone.running.script import job, setup_jax

with job(snakemake) as provenance:
    setup_jax(brief=True)
    analysis = Analysis.model_validate(snakemake.params.analysis)
    (settings,), features = analysis.observables, analysis.features
    unit = np.ones((2, len(features)))
    observable = create_observable(settings, features, unit, jax.random.key(0))
    row = {"step": 0, "validation_objective": 0.0, **observable.summary(1.0)}
    write_csv(snakemake.output.histories[0], [row])
    save_observable(snakemake.output.models[0], observable, settings, provenance)
