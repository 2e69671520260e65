"""HistFactory likelihoods in JAX, and inference with them; independent of the rest of hone."""
