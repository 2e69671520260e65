"""Expected CLs and its gradient in the yields with relaxed, in relaxed's own environment."""

import sys

import jax
import numpy as np
from clock import median_seconds, report, seconds
from models import MODELS, model
from relaxed_peer import expected_cls

from hone.likelihood.histfactory import from_pyhf

jax.config.update("jax_enable_x64", True)

oracle = model(*MODELS[sys.argv[1]])
compiled = from_pyhf(oracle)
cls = expected_cls(oracle)
step = jax.jit(jax.value_and_grad(lambda nominal: cls(compiled.replace(nominal=nominal))))
first, (value, slope) = seconds(lambda: jax.block_until_ready(step(compiled.nominal)))
warm = median_seconds(lambda: jax.block_until_ready(step(compiled.nominal)), 50)
report(first=first, warm=warm, cls=value, gradient=np.asarray(slope).ravel().tolist())
