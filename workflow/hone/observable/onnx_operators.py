"""What JAX computes, operator by operator, as nodes of an ONNX graph."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from string import ascii_letters
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import onnx
from jax import export
from jax.extend.core import ClosedJaxpr, Jaxpr, Literal
from onnx import helper, numpy_helper

from hone.errors import InputError

__all__ = ["Graph", "write_function"]

Value = str | np.ndarray
"""The name of what depends on the events, or an array that does not."""


class Graph:
    """Nodes and constants of an ONNX graph; values are names."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self._transposes: dict[str, tuple[str, list[int]]] = {}

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

    def cast(self, value: str, dtype: Any) -> str:
        """A value in another type of NumPy's."""
        return self("Cast", value, to=helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))

    def transposed(self, value: str, order: Sequence[int]) -> str:
        """An array with its axes in another order; two orders that undo each other are none."""
        source, before = self._transposes.get(value, (value, list(range(len(order)))))
        order = [before[axis] for axis in order]
        if order == sorted(order):
            return source
        name = self("Transpose", source, perm=order)
        self._transposes[name] = source, order
        return name

    def needed(self, outputs: Sequence[str]) -> tuple[list[Any], list[Any]]:
        """Nodes and constants of which something in the outputs is made."""
        known, nodes = set(outputs), []
        for node in reversed(self.nodes):
            if known & set(node.output):
                nodes.append(node)
                known |= set(node.input)
        return nodes[::-1], [constant for constant in self.constants if constant.name in known]


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


@dataclass
class _Equation:
    """One operator of JAX with its inputs."""

    graph: Graph
    events: str
    """Their number, int64 (1,)."""
    params: dict[str, Any]
    inputs: list[Value]
    shapes: list[Any]
    """Of the inputs; the number of events is the only size that is not an integer."""
    shape: Any
    """Of the (first) output."""
    dtype: np.dtype
    """Of the (first) output."""

    def name(self, number: int = 0) -> str:
        """Of an input."""
        value = self.inputs[number]
        return value if isinstance(value, str) else self.graph.constant(value)

    @property
    def names(self) -> list[str]:
        """Of all inputs."""
        return list(map(self.name, range(len(self.inputs))))

    def __call__(self, operator: str, *inputs: str, **attributes: Any) -> str:
        """The output of an operator of ONNX."""
        return self.graph(operator, *inputs, **attributes)

    def integers(self, values: Any) -> str:
        """A constant, int64."""
        return self.graph.constant(np.asarray(values, np.int64))

    def number(self, value: float) -> str:
        """A constant of the output's type."""
        return self.graph.constant(np.asarray(value, self.dtype))


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
            found = _nodes(
                each.primitive.name,
                _Equation(graph, events, each.params, given, shapes, shape, dtype),
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


def _nodes(operator: str, of: _Equation) -> list[Value]:
    if of.dtype not in _TYPES:
        raise InputError(f"JAX's operator {operator!r} on {of.dtype} is not written as ONNX")
    if operator == "split":
        return [*_split(of)]
    if operator in _LOGICAL and of.dtype != np.bool_:
        raise InputError(f"JAX's operator {operator!r} on the bits of numbers is not written")
    if operator in _DIRECT:
        return [of(_DIRECT[operator], *of.names)]
    if operator not in _WRITTEN:
        raise InputError(f"JAX's operator {operator!r} is not among those that are written as ONNX")
    return [_WRITTEN[operator](of)]


def _in_double(*operators: str) -> Callable[[_Equation], str]:
    """Operators one after another in double precision, rounded in the end, which is as good as the
    input; with 1 as the second argument of those that take two."""

    def written(of: _Equation) -> str:
        found, one = of.graph.cast(of.name(), "float64"), of.graph.constant(1.0)
        for operator in operators:
            found = of(operator, found, *[one] * (operator in ("Add", "Sub")))
        return of.graph.cast(found, of.dtype)

    return written


def _reduced(operator: str, through: str = "") -> Callable[[_Equation], str]:
    """A reduction; of truth values through another type."""

    def written(of: _Equation) -> str:
        value = of.graph.cast(of.name(), through) if through else of.name()
        found = of(operator, value, of.integers(of.params["axes"]), keepdims=0)
        return of.graph.cast(found, "bool") if through else found

    return written


def _argmax(of: _Equation) -> str:
    (axis,) = of.params["axes"]
    return of.graph.cast(of("ArgMax", of.name(), axis=axis, keepdims=0), of.dtype)


def _broadcast(of: _Equation) -> str:
    value, places = of.name(), of.params["broadcast_dimensions"]
    before = dict(zip(map(int, places), of.shapes[0], strict=True))
    if added := [axis for axis in range(len(of.shape)) if axis not in before]:
        value = of("Unsqueeze", value, of.integers(added))
    # In ONNX a size of 1 leaves the array's own.
    sizes = [1 if before.get(axis, 1) == size else size for axis, size in enumerate(of.shape)]
    if all(size == 1 for size in sizes):
        return value
    parts = [of.integers([size]) if isinstance(size, int) else of.events for size in sizes]
    return of("Expand", value, of("Concat", *parts, axis=0))


def _dot(of: _Equation) -> str:
    contracted, batched = of.params["dimension_numbers"]
    if (layer := _layer(of, contracted, batched)) is not None:
        return layer
    letters = iter(ascii_letters)
    one, other = ([""] * len(shape) for shape in of.shapes)
    for here, there in (*zip(*batched, strict=True), *zip(*contracted, strict=True)):
        one[here] = other[there] = next(letters)
    free = []
    for operand in (one, other):
        axes = [axis for axis, letter in enumerate(operand) if not letter]
        for axis in axes:
            operand[axis] = next(letters)
        free += [operand[axis] for axis in axes]
    result = "".join([one[axis] for axis in batched[0]] + free)
    return of("Einsum", *of.names, equation=f"{''.join(one)},{''.join(other)}->{result}")


def _layer(of: _Equation, contracted: Any, batched: Any) -> str | None:
    """A product with a constant matrix: times faster than others, which are sums of any axes."""
    side = next((k for k, value in enumerate(of.inputs) if isinstance(value, np.ndarray)), 0)
    matrix, last = of.inputs[side], len(of.shapes[1 - side]) - 1
    if isinstance(matrix, str) or matrix.ndim != 2 or batched != ((), ()):
        return None
    (own,), (other,) = contracted[side], contracted[1 - side]
    if other != last:
        return None
    product = of("MatMul", of.name(1 - side), of.graph.constant(matrix.T if own else matrix))
    return product if side else of.graph.transposed(product, [last, *range(last)])


def _gather(of: _Equation) -> str:
    """Elements along one axis, whose places do not depend on the events."""
    numbers, (_, places) = of.params["dimension_numbers"], of.inputs
    axes = numbers.start_index_map
    others = [axis for axis in range(len(of.shapes[0])) if axis not in axes]
    if (
        isinstance(places, str)
        or len(axes) != 1
        or numbers.collapsed_slice_dims != axes
        or any(of.params["slice_sizes"][axis] != of.shapes[0][axis] for axis in others)
    ):
        raise InputError("elements at places that depend on the event are not written as ONNX")
    if (places < 0).any() or (places >= of.shapes[0][axes[0]]).any():
        raise InputError("elements at places that an array does not have are not written as ONNX")
    found = of("Gather", of.name(), of.integers(places[..., 0]), axis=axes[0])
    rank = len(of.shape)
    chosen = [axis for axis in range(rank) if axis not in numbers.offset_dims]
    here = {place: axes[0] + k for k, place in enumerate(chosen)}
    rest = iter([axis for axis in range(rank) if axis not in here.values()])
    order = [here[axis] if axis in here else next(rest) for axis in range(rank)]
    return of.graph.transposed(found, order)


def _part(of: _Equation, starts: Sequence[int], ends: Sequence[Any], steps: Sequence[int]) -> str:
    """From the first to the last element (exclusive) along each axis."""
    axes = [
        axis
        for axis, size in enumerate(of.shapes[0])
        if (starts[axis], ends[axis], steps[axis]) != (0, size, 1)
    ]
    first, last, step = (of.integers([x[axis] for axis in axes]) for x in (starts, ends, steps))
    return of("Slice", of.name(), first, last, of.integers(axes), step)


def _slice(of: _Equation) -> str:
    steps = of.params["strides"] or [1] * len(of.shape)
    return _part(of, of.params["start_indices"], of.params["limit_indices"], steps)


def _dynamic_slice(of: _Equation) -> str:
    starts, ends = [], []
    for given, size, whole in zip(of.inputs[1:], of.shape, of.shapes[0], strict=True):
        # One that depends on the event would be a gather.
        starts.append(0 if size == whole else min(max(int(given), 0), whole - size))
        ends.append(size if size == whole else starts[-1] + size)
    return _part(of, starts, ends, [1] * len(ends))


def _reversed(of: _Equation) -> str:
    axes = of.params["dimensions"]
    first, last = [-1] * len(axes), [np.iinfo(np.int64).min] * len(axes)
    return of("Slice", of.name(), *map(of.integers, (first, last, axes, first)))


def _stack(of: _Equation) -> str:
    axis = of.params["axis"]
    parts = [of("Unsqueeze", name, of.integers([axis])) for name in of.names]
    return of("Concat", *parts, axis=axis)


def _split(of: _Equation) -> list[str]:
    axis, sizes = of.params["axis"], of.params["sizes"]
    ends = [int(end) for end in np.cumsum(sizes)]
    axes = of.integers([axis])
    return [
        of("Slice", of.name(), of.integers([end - size]), of.integers([end]), axes)
        for end, size in zip(ends, sizes, strict=True)
    ]


def _reshape(of: _Equation) -> str:
    sizes = [size if isinstance(size, int) else -1 for size in of.shape]
    return of("Reshape", of.name(), of.integers(sizes))


def _select(of: _Equation) -> str:
    if len(of.inputs) != 3:
        raise InputError("a choice between more than two values is not written as ONNX")
    which, if_false, if_true = of.names
    return of("Where", of.graph.cast(which, "bool"), if_true, if_false)


def _clamp(of: _Equation) -> str:
    lowest, value, highest = of.names
    return of("Min", of("Max", value, lowest), highest)


def _erf(of: _Equation) -> str:
    if of.dtype == np.float64:
        raise InputError("onnxruntime has erf in float32 only: give the network that precision")
    return of("Erf", of.name())


def _finite(of: _Equation) -> str:
    """x - x is not a number if x is not finite."""
    return of("Not", of("IsNaN", of("Sub", of.name(), of.name())))


_CALLS = {"jit", "custom_jvp_call", "custom_vjp_call", "closed_call", "checkpoint"}
_TYPES = [np.dtype(name) for name in ("bool", "int32", "int64", "float32", "float64")]
"""That onnxruntime computes with."""
_LOGICAL = {"and", "or", "not"}
_DIRECT = {
    "abs": "Abs", "add": "Add", "and": "And", "ceil": "Ceil", "copy": "Identity", "cos": "Cos",
    "div": "Div", "eq": "Equal", "exp": "Exp", "floor": "Floor",
    "ge": "GreaterOrEqual", "gt": "Greater", "le": "LessOrEqual", "log": "Log", "lt": "Less",
    "max": "Max", "min": "Min", "mul": "Mul", "neg": "Neg", "not": "Not", "or": "Or",
    "pow": "Pow", "sign": "Sign", "sin": "Sin", "sqrt": "Sqrt", "stop_gradient": "Identity",
    "sub": "Sub", "tanh": "Tanh",
}  # fmt: skip
"""Operators of JAX that are one of ONNX."""
_WRITTEN: dict[str, Callable[[_Equation], str]] = {
    "argmax": _argmax,
    "broadcast_in_dim": _broadcast,
    "clamp": _clamp,
    "concatenate": lambda of: of("Concat", *of.names, axis=of.params["dimension"]),
    "convert_element_type": lambda of: of.graph.cast(of.name(), of.dtype),
    "dot_general": _dot,
    "dynamic_slice": _dynamic_slice,
    "erf": _erf,
    "erfc": lambda of: of("Sub", of.number(1), _erf(of)),
    "expm1": _in_double("Exp", "Sub"),
    "gather": _gather,
    "integer_pow": lambda of: of("Pow", of.name(), of.number(of.params["y"])),
    "is_finite": _finite,
    "log1p": _in_double("Add", "Log"),
    "logistic": _in_double("Sigmoid"),
    "ne": lambda of: of("Not", of("Equal", *of.names)),
    "reduce_and": _reduced("ReduceMin", "int64"),
    "reduce_max": _reduced("ReduceMax"),
    "reduce_min": _reduced("ReduceMin"),
    "reduce_or": _reduced("ReduceMax", "int64"),
    "reduce_sum": _reduced("ReduceSum"),
    "reshape": _reshape,
    "rev": _reversed,
    "rsqrt": lambda of: of("Reciprocal", of("Sqrt", of.name())),
    "select_n": _select,
    "slice": _slice,
    "stack": _stack,
    "square": lambda of: of("Mul", of.name(), of.name()),
    "squeeze": lambda of: of("Squeeze", of.name(), of.integers(of.params["dimensions"])),
    "transpose": lambda of: of.graph.transposed(of.name(), of.params["permutation"]),
}
"""The others."""
