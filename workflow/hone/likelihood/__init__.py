"""HistFactory likelihoods in JAX, and inference with them; knows nothing of the rest of hone."""
