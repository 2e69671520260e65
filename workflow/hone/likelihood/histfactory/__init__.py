"""The differentiable HistFactory likelihood: a pyhf model compiled to JAX."""

from hone.likelihood.histfactory.compile import from_pyhf
from hone.likelihood.histfactory.config import ModelConfig
from hone.likelihood.histfactory.model import Model

__all__ = ["Model", "ModelConfig", "from_pyhf"]
