"""A trained observable as an ONNX model: features of events in, score and bin out."""

import json
from collections.abc import Mapping, Sequence

import jax
import jax.numpy as jnp
import numpy as np
import onnx
from onnx import TensorProto, helper

from hone.errors import InputError
from hone.observable.base import Observable, finite
from hone.observable.onnx_graph import Graph
from hone.observable.onnx_program import write_function

__all__ = ["onnx_model"]

_OPSET, _IR = 20, 9
"""Of ONNX 1.15: read by onnxruntime from 1.17 on."""
_OUTPUTS = ("score", "bin")


def onnx_model(
    observables: Sequence[Observable], kind: str, metadata: Mapping[str, object]
) -> onnx.ModelProto:
    """The model of an observable, or of the networks of all folds.

    Its inputs are the features, each float64 (n,) under its name, with several networks also
    ``fold``, from 1, int64 (n,); its outputs ``score``, float64 (n,), and ``bin`` from 0, int64
    (n,). They are NaN and -1 for events that fail a cut, have a feature or an output that is not
    finite, or a fold that does not exist.

    Args:
        observables: one, or the network of each fold.
        kind: of its settings, for messages.
        metadata: text, or what JSON can hold; ``features`` and ``edges`` are added.

    Raises:
        InputError: the observable computes what is not written as ONNX; a feature has the name of
            another input or output.
    """
    graph, features = Graph(), observables[0].features
    folds = ["fold"] if len(observables) > 1 else []
    if taken := {*_OUTPUTS, *folds} & {*features}:
        raise InputError(
            f"the feature {min(taken)!r} has the name of another input or output of the model; "
            f"give it as an expression, e.g. 1 * {min(taken)}"
        )
    one = graph.constant([1])
    columns = [graph("Unsqueeze", name, one) for name in features]
    events = graph("Concat", *columns, axis=1)
    try:
        found = [_score_and_bin(graph, observable, events) for observable in observables]
    except InputError as error:
        raise InputError(f"an observable of kind {kind!r} is not exported: {error}") from error
    score, bins = found[0]
    if folds:
        score, bins = graph.constant(np.nan), graph.constant(-1)
        for number, of_fold in enumerate(found, 1):
            own = graph("Equal", "fold", graph.constant(number))
            score, bins = (
                graph("Where", own, value, other)
                for value, other in zip(of_fold, (score, bins), strict=True)
            )
    for value, name in zip((score, bins), _OUTPUTS, strict=True):
        graph("Identity", value, name=name)

    def tensor(name: str, kind: int) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, kind, ["events"])

    nodes, constants = graph.needed(_OUTPUTS)
    body = helper.make_graph(
        nodes,
        "observable",
        [tensor(name, TensorProto.DOUBLE) for name in features]
        + [tensor(name, TensorProto.INT64) for name in folds],
        [tensor("score", TensorProto.DOUBLE), tensor("bin", TensorProto.INT64)],
        constants,
    )
    model = helper.make_model(
        body,
        opset_imports=[helper.make_opsetid("", _OPSET)],
        ir_version=_IR,
        producer_name="hone",
    )
    edges = [np.asarray(observable.edges).tolist() for observable in observables]
    content = {"features": list(features), "edges": edges if folds else edges[0], **metadata}
    helper.set_model_props(
        model, {key: x if isinstance(x, str) else json.dumps(x) for key, x in content.items()}
    )
    try:
        onnx.checker.check_model(model, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise InputError(
            f"an observable of kind {kind!r} is not exported: ONNX has not all of what it computes "
            f"({str(error).splitlines()[0]})"
        ) from error
    return model


def _score_and_bin(graph: Graph, observable: Observable, events: str) -> tuple[str, str]:
    def score_of(events: jax.Array) -> jax.Array:
        response = observable.respond(events)
        return jnp.where(finite(response), observable.hard(response), jnp.nan)

    score = write_function(graph, score_of, events, len(observable.features))
    # x - x is 0, or NaN if x is not finite, which a comparison or a maximum would hide.
    zeros = graph("ReduceSum", graph("Sub", events, events), graph.constant([1]), keepdims=0)
    score = graph("Add", score, zeros)
    inner = np.asarray(observable.edges)[1:-1]
    if len(inner):
        column = graph("Unsqueeze", score, graph.constant([1]))
        above = graph("GreaterOrEqual", column, graph.constant(inner))
        bins = graph("ReduceSum", graph.cast(above, "int64"), graph.constant([1]), keepdims=0)
    else:
        bins = graph.constant(0)
    return score, graph("Where", graph("IsNaN", score), graph.constant(-1), bins)
