"""A trained observable as an ONNX model: features of events in, score and bin out.

Only this module imports onnx. The graph repeats, operator by operator, what the observable does to
its events, in the same precision.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from functools import reduce, singledispatch
from typing import Any

import equinox as eqx
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from hone.errors import InputError
from hone.observable.base import Observable
from hone.observable.cuts import CutObservable, Cuts
from hone.observable.ensemble import EnsembleObservable
from hone.observable.network import NetworkObservable, SoftmaxObservable
from hone.observable.own_network import OwnNetwork
from hone.observable.variable import VariableObservable

__all__ = ["Graph", "onnx_model", "write_score"]

_OPSET, _IR = 20, 9
"""Of ONNX 1.15: read by onnxruntime from 1.17 on."""
_OUTPUTS = ("score", "bin")
_LARGEST = np.finfo(float).max


class Graph:
    """Nodes and constants of an ONNX graph; values are names."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def constant(self, values: Any) -> str:
        """An array of its own type."""
        name = f"#c{len(self.constants)}"  # no expression has a "#"
        self.constants.append(numpy_helper.from_array(np.asarray(values), name))
        return name

    def __call__(self, operator: str, *inputs: str, name: str = "", **attributes: Any) -> str:
        """The output of an operator."""
        name = name or f"#{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [name], **attributes))
        return name

    def cast(self, value: str, dtype: str) -> str:
        """A value in another type of NumPy's."""
        to = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        return self("Cast", value, to=to)


def onnx_model(
    observables: Sequence[Observable], kind: str, metadata: Mapping[str, object]
) -> onnx.ModelProto:
    """The model of an observable, or of the networks of all folds.

    Its inputs are the features, each float64 (n,) under its name, with several networks also
    ``fold``, from 1, int64 (n,); its outputs ``score``, float64 (n,), and ``bin`` from 0, int64
    (n,). They are NaN and -1 for events that fail a cut, have a feature that is not finite, or
    a fold that does not exist.

    Args:
        observables: one, or the network of each fold.
        kind: of its settings, for messages.
        metadata: text, or what JSON can hold; ``features`` and ``edges`` are added.

    Raises:
        InputError: a kind of observable or of layer is not written as ONNX; a feature has the name
            of another input or output.
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

    body = helper.make_graph(
        graph.nodes,
        "observable",
        [tensor(name, TensorProto.DOUBLE) for name in features]
        + [tensor(name, TensorProto.INT64) for name in folds],
        [tensor("score", TensorProto.DOUBLE), tensor("bin", TensorProto.INT64)],
        graph.constants,
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
    onnx.checker.check_model(model, full_check=True)
    return model


def _score_and_bin(graph: Graph, observable: Observable, events: str) -> tuple[str, str]:
    score = write_score(observable, graph, events)
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


@singledispatch
def write_score(observable: Observable, graph: Graph, events: str) -> str:
    """Write the score of an observable, float64 (n,), NaN for events that fail a cut.

    A new kind of observable registers its own function, ``@write_score.register``.

    Args:
        observable: of any kind.
        graph: to which nodes are added.
        events: the features, float64 (n, F).

    Raises:
        InputError: nothing is registered for this kind.
    """
    raise InputError(
        f"nothing says how a {type(observable).__name__} is written as ONNX; register a function "
        "for it, @write_score.register of hone.observable.onnx_model"
    )


@write_score.register
def _of_network(observable: NetworkObservable, graph: Graph, events: str) -> str:
    logits = graph.cast(_network(observable.network, graph, events), "float64")
    # In double precision and rounded afterwards, it is as good as the network's precision.
    score = graph.cast(graph("Sigmoid", logits), observable.network.precision)
    score = graph("Squeeze", graph.cast(score, "float64"), graph.constant([1]))
    if observable.cuts is None:
        return score
    failing = -0.5 if observable.failing == "bin" else np.nan
    return _where_passing(observable.cuts, graph, events, score, failing)


@write_score.register
def _of_ensemble(observable: EnsembleObservable, graph: Graph, events: str) -> str:
    scores = []
    for member, turned in zip(observable.members, observable.turned, strict=True):
        score = write_score(member, graph, events)
        scores.append(graph("Sub", graph.constant(1.0), score) if turned else score)
    total = reduce(lambda one, other: graph("Add", one, other), scores)
    return graph("Div", total, graph.constant(float(len(scores))))


@write_score.register
def _of_softmax(observable: SoftmaxObservable, graph: Graph, events: str) -> str:
    outputs = graph.cast(_network(observable.network, graph, events), "float64")
    largest = graph.cast(graph("ArgMax", outputs, axis=1, keepdims=0), "float64")
    zeros = graph("ReduceSum", graph("Sub", outputs, outputs), graph.constant([1]), keepdims=0)
    return graph("Add", graph("Add", largest, graph.constant(0.5)), zeros)


@write_score.register
def _of_cuts(observable: CutObservable, graph: Graph, events: str) -> str:
    return _where_passing(observable.cuts, graph, events, graph.constant(0.5))


@write_score.register
def _of_variable(observable: VariableObservable, graph: Graph, events: str) -> str:
    column = observable.features.index(observable.variable)
    return graph("Gather", events, graph.constant(column), axis=1)


def _standardised(graph: Graph, events: str, mean: np.ndarray, scale: np.ndarray) -> str:
    """As :func:`hone.observable.scaling.standardised`."""
    halves = graph("Mul", events, graph.constant(0.5))
    difference = graph("Sub", halves, graph.constant(0.5 * mean))
    return graph("Div", difference, graph.constant(0.5 * scale))


def _where_passing(
    cuts: Cuts, graph: Graph, events: str, score: str, failing: float = np.nan
) -> str:
    chosen = graph("Gather", events, graph.constant(np.array(cuts.columns)), axis=1)
    scaled = _standardised(graph, chosen, cuts.centre, cuts.scale)
    signs = np.where([side == "above" for side in cuts.sides], 1.0, -1.0)
    margins = graph("Sub", scaled, graph.constant(np.asarray(cuts.thresholds)))
    margins = graph("Mul", margins, graph.constant(signs))
    smallest = graph("ReduceMin", margins, graph.constant([1]), keepdims=0)
    passing = graph("Greater", smallest, graph.constant(0.0))
    return graph("Where", passing, score, graph.constant(failing))


def _network(network: Any, graph: Graph, events: str) -> str:
    """Outputs (n, outputs) in the network's precision."""
    if isinstance(network, OwnNetwork):
        raise InputError(
            f"nothing says how its architecture {network.own.function!r} is written as ONNX; only "
            "networks of hone (without architecture) are"
        )
    if (network.lowest > -_LARGEST).any() or (network.highest < _LARGEST).any():
        events = graph("Max", events, graph.constant(network.lowest))
        events = graph("Min", events, graph.constant(network.highest))
    scaled = _standardised(graph, events, network.mean, network.scale)
    value = graph.cast(scaled, network.precision)
    for layer in network.layers:
        before, value = value, _linear(layer.linear, graph, value)
        if layer.norm is not None:
            weights = (graph.constant(part) for part in (layer.norm.weight, layer.norm.bias))
            value = graph("LayerNormalization", value, *weights, epsilon=layer.norm.eps)
        if layer.activation not in _ACTIVATIONS:
            raise InputError(
                f"nothing says how the activation {layer.activation!r} is written as ONNX; there "
                f"is {', '.join(_ACTIVATIONS)}"
            )
        value = _ACTIVATIONS[layer.activation](graph, value, np.dtype(network.precision).type)
        value = graph("Add", before, value) if layer.residual else value
    return _linear(network.last, graph, value)


def _linear(layer: eqx.nn.Linear, graph: Graph, value: str) -> str:
    return graph("Gemm", value, *map(graph.constant, (layer.weight, layer.bias)), transB=1)


def _relu(graph: Graph, x: str, number: type) -> str:
    return graph("Relu", x)


def _tanh(graph: Graph, x: str, number: type) -> str:
    return graph("Tanh", x)


def _swish(graph: Graph, x: str, number: type) -> str:
    return graph("Mul", x, graph("Sigmoid", x))


def _softplus(graph: Graph, x: str, number: type) -> str:
    """max(x, 0) + ln(1 + exp(-|x|))."""
    small = graph("Exp", graph("Neg", graph("Abs", x)))
    return graph("Add", graph("Relu", x), graph("Log", graph("Add", small, _one(graph, number))))


def _elu(graph: Graph, x: str, number: type, alpha: float = 1.0) -> str:
    """max(x, 0) + alpha (exp(min(x, 0)) - 1)."""
    below = graph("Exp", graph("Min", x, graph.constant(number(0))))
    below = graph("Mul", graph("Sub", below, _one(graph, number)), graph.constant(number(alpha)))
    return graph("Add", graph("Relu", x), below)


def _selu(graph: Graph, x: str, number: type) -> str:
    """G. Klambauer et al., arXiv:1706.02515."""
    elu = _elu(graph, x, number, 1.6732632423543772848170429916717)
    return graph("Mul", elu, graph.constant(number(1.0507009873554804934193349852946)))


def _gelu(graph: Graph, x: str, number: type) -> str:
    """x / 2 (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3)))."""
    cube = graph("Mul", x, graph("Mul", x, x))
    inner = graph("Add", x, graph("Mul", cube, graph.constant(number(0.044715))))
    tanh = graph("Tanh", graph("Mul", inner, graph.constant(number(np.sqrt(2 / np.pi)))))
    half = graph("Mul", x, graph.constant(number(0.5)))
    return graph("Mul", half, graph("Add", tanh, _one(graph, number)))


def _one(graph: Graph, number: type) -> str:
    return graph.constant(number(1))


# Of operators that onnxruntime has in both precisions: Elu, Selu, Gelu and Softplus are not.
_ACTIVATIONS: dict[str, Callable[[Graph, str, type], str]] = {
    "relu": _relu,
    "elu": _elu,
    "selu": _selu,
    "gelu": _gelu,
    "swish": _swish,
    "tanh": _tanh,
    "softplus": _softplus,
}
