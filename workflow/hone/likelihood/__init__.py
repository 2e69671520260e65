"""HistFactory likelihoods in JAX, and inference with them; independent of the rest of hone.

The examples in this package go on from here:

>>> import jax
>>> jax.config.update("jax_enable_x64", True)
>>> import pyhf
>>> from hone.likelihood import infer
>>> from hone.likelihood.histfactory import from_pyhf
>>> spec = pyhf.simplemodels.uncorrelated_background([12.0, 11.0], [50.0, 52.0], [3.0, 7.0])
>>> model = from_pyhf(spec)
>>> data = [57.0, 55.0, *model.config.auxdata]
"""
