"""What JAX computes, operator by operator, as an ONNX graph."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import export
from jax.extend.core import ClosedJaxpr, Jaxpr, Literal

from hone.errors import InputError
from hone.observable.onnx_graph import Equation, Graph, Value
from hone.observable.onnx_operators import nodes

__all__ = ["write_function"]

_CALLS = {"jit", "custom_jvp_call", "custom_vjp_call", "closed_call", "checkpoint"}


def write_function(
    graph: Graph, function: Callable[[jax.Array], jax.Array], events: str, features: int
) -> str:
    """Write what a function makes of any number of events.

    Args:
        graph: to which nodes are added.
        function: of features, float64 (n, F); JAX traces it once. What does not depend on the
            events is computed here.
        events: name of the features.
        features: F.

    Raises:
        InputError: names an operator of JAX that is not written as ONNX.
    """
    (size,) = export.symbolic_shape("n")
    traced = jax.make_jaxpr(jax.vmap(lambda event: function(event[None])[0]))(
        jax.ShapeDtypeStruct((size, features), np.float64)
    )
    number = graph("Shape", events, start=0, end=1)
    (found,) = _written(graph, number, traced, [events])
    return found if isinstance(found, str) else graph.constant(found)


def _written(graph: Graph, events: str, program: Any, inputs: Sequence[Value]) -> list[Value]:
    """Outputs of a program of JAX (a closed jaxpr)."""
    jaxpr = program.jaxpr
    values: dict[Any, Value] = dict(zip(jaxpr.invars, inputs, strict=True))
    values |= {v: _known(x) for v, x in zip(jaxpr.constvars, program.consts, strict=True)}

    def read(variable: Any) -> Value:
        if isinstance(variable, Literal):
            aval: Any = variable.aval
            return np.asarray(variable.val, aval.dtype)
        return values[variable]

    for each in jaxpr.eqns:
        given = list(map(read, each.invars))
        outputs = [variable.aval for variable in each.outvars]
        if each.primitive.name in _CALLS:
            found = _written(graph, events, _called(each.params), given)
        elif not any(isinstance(value, str) for value in given) and all(
            isinstance(size, int) for output in outputs for size in output.shape
        ):
            made = each.primitive.bind(*given, **each.params)
            found = list(map(_known, made if each.primitive.multiple_results else [made]))
        else:
            shapes = [variable.aval.shape for variable in each.invars]
            shape, dtype = outputs[0].shape, outputs[0].dtype
            found = nodes(
                each.primitive.name,
                Equation(graph, events, each.params, given, shapes, shape, dtype),
            )
        values |= dict(zip(each.outvars, found, strict=True))
    return list(map(read, jaxpr.outvars))


def _known(array: Any) -> np.ndarray:
    """What does not depend on the events."""
    if jnp.issubdtype(jnp.result_type(array), jax.dtypes.prng_key):
        raise InputError("random numbers are not written as ONNX")
    return np.asarray(array)


def _called(params: dict[str, Any]) -> ClosedJaxpr:
    inner = params["jaxpr" if "jaxpr" in params else "call_jaxpr"]
    return ClosedJaxpr(inner, []) if isinstance(inner, Jaxpr) else inner
