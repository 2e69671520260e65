"""Operators of JAX as nodes of an ONNX graph."""

from collections.abc import Callable, Sequence
from string import ascii_letters
from typing import Any

import numpy as np

from hone.errors import InputError
from hone.observable.onnx_graph import Equation, Value

__all__ = ["nodes"]


def nodes(operator: str, of: Equation) -> list[Value]:
    """Outputs of an operator.

    Args:
        operator: its name in JAX.
        of: its inputs.

    Raises:
        InputError: names an operator of JAX that is not written as ONNX.
    """
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


def _in_double(*operators: str) -> Callable[[Equation], str]:
    """Operators one after another in double precision, rounded in the end, which is as good as the
    input; with 1 as the second argument of those that take two."""

    def written(of: Equation) -> str:
        found, one = of.graph.cast(of.name(), "float64"), of.graph.constant(1.0)
        for operator in operators:
            found = of(operator, found, *[one] * (operator in ("Add", "Sub")))
        return of.graph.cast(found, of.dtype)

    return written


def _reduced(operator: str, through: str = "") -> Callable[[Equation], str]:
    """A reduction; of truth values through another type."""

    def written(of: Equation) -> str:
        value = of.graph.cast(of.name(), through) if through else of.name()
        found = of(operator, value, of.integers(of.params["axes"]), keepdims=0)
        return of.graph.cast(found, "bool") if through else found

    return written


def _argmax(of: Equation) -> str:
    (axis,) = of.params["axes"]
    return of.graph.cast(of("ArgMax", of.name(), axis=axis, keepdims=0), of.dtype)


def _broadcast(of: Equation) -> str:
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


def _dot(of: Equation) -> str:
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


def _layer(of: Equation, contracted: Any, batched: Any) -> str | None:
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


def _gather(of: Equation) -> str:
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


def _part(of: Equation, starts: Sequence[int], ends: Sequence[Any], steps: Sequence[int]) -> str:
    """From the first to the last element (exclusive) along each axis."""
    axes = [
        axis
        for axis, size in enumerate(of.shapes[0])
        if (starts[axis], ends[axis], steps[axis]) != (0, size, 1)
    ]
    first, last, step = (of.integers([x[axis] for axis in axes]) for x in (starts, ends, steps))
    return of("Slice", of.name(), first, last, of.integers(axes), step)


def _slice(of: Equation) -> str:
    steps = of.params["strides"] or [1] * len(of.shape)
    return _part(of, of.params["start_indices"], of.params["limit_indices"], steps)


def _dynamic_slice(of: Equation) -> str:
    starts, ends = [], []
    for given, size, whole in zip(of.inputs[1:], of.shape, of.shapes[0], strict=True):
        # One that depends on the event would be a gather.
        starts.append(0 if size == whole else min(max(int(given), 0), whole - size))
        ends.append(size if size == whole else starts[-1] + size)
    return _part(of, starts, ends, [1] * len(ends))


def _reversed(of: Equation) -> str:
    axes = of.params["dimensions"]
    first, last = [-1] * len(axes), [np.iinfo(np.int64).min] * len(axes)
    return of("Slice", of.name(), *map(of.integers, (first, last, axes, first)))


def _stack(of: Equation) -> str:
    axis = of.params["axis"]
    parts = [of("Unsqueeze", name, of.integers([axis])) for name in of.names]
    return of("Concat", *parts, axis=axis)


def _split(of: Equation) -> list[str]:
    axis, sizes = of.params["axis"], of.params["sizes"]
    ends = [int(end) for end in np.cumsum(sizes)]
    axes = of.integers([axis])
    return [
        of("Slice", of.name(), of.integers([end - size]), of.integers([end]), axes)
        for end, size in zip(ends, sizes, strict=True)
    ]


def _reshape(of: Equation) -> str:
    sizes = [size if isinstance(size, int) else -1 for size in of.shape]
    return of("Reshape", of.name(), of.integers(sizes))


def _select(of: Equation) -> str:
    if len(of.inputs) != 3:
        raise InputError("a choice between more than two values is not written as ONNX")
    which, if_false, if_true = of.names
    return of("Where", of.graph.cast(which, "bool"), if_true, if_false)


def _clamp(of: Equation) -> str:
    lowest, value, highest = of.names
    return of("Min", of("Max", value, lowest), highest)


def _erf(of: Equation) -> str:
    if of.dtype == np.float64:
        raise InputError("onnxruntime has erf in float32 only: give the network that precision")
    return of("Erf", of.name())


def _finite(of: Equation) -> str:
    """x - x is not a number if x is not finite."""
    return of("Not", of("IsNaN", of("Sub", of.name(), of.name())))


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
_WRITTEN: dict[str, Callable[[Equation], str]] = {
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
