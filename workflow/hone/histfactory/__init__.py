"""The differentiable HistFactory likelihood: a pyhf model compiled to JAX."""

from hone.histfactory.compile import from_pyhf
from hone.histfactory.model import Model, ModelConfig

__all__ = ["Model", "ModelConfig", "from_pyhf"]
