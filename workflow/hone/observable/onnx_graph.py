"""An ONNX graph that is being written, and an operator of JAX to write into it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

__all__ = ["Equation", "Graph", "Value"]

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


@dataclass
class Equation:
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
