"""What training minimises: built from the likelihood, or plain losses of a classifier."""

import jax
import jax.numpy as jnp
from jax.scipy.special import log_ndtr
from jaxtyping import Array, Float

from hone.histfactory import Model
from hone.infer import asimov_qmu
from hone.infer.asymptotics import safe_sqrt

__all__ = ["binary_cross_entropy", "log_cls"]


def log_cls(model: Model, mu: float = 1.0) -> Float[Array, ""]:
    """Natural logarithm of the median expected CLs at ``mu``, on nominal Asimov data.

    CLs = 2 Phi(-sqrt(q_A)) (arXiv:1007.1727, eq. 67 and 89); in log space it neither underflows
    nor loses its slope at small CLs. The gradient is exact and costs one fit.
    """
    return log_ndtr(-safe_sqrt(asimov_qmu(model, mu))) + jnp.log(2.0)


def binary_cross_entropy(
    signal_logits: Float[Array, " n"], background_logits: Float[Array, " m"]
) -> Float[Array, ""]:
    """Binary cross-entropy with both classes of the same total weight."""
    signal = jax.nn.softplus(-signal_logits).mean()
    background = jax.nn.softplus(background_logits).mean()
    return 0.5 * (signal + background).astype("float64")
