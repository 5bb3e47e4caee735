"""A node of the graph that symbolic calls leave behind."""

from __future__ import annotations

from typing import Any

from hornbeam import tree
from hornbeam.backends.symbolic import KerasTensor


class Node:
    """One call of an operation (a layer, a model or an op) on symbolic tensors.

    Making a node enters it into the operation's ``inbound_nodes`` and into the outputs, which is how
    a model finds its graph again from its outputs.
    """

    __slots__ = ("args", "inputs", "kwargs", "operation", "outputs")

    def __init__(
        self, operation: Any, args: tuple[Any, ...], kwargs: dict[str, Any], outputs: Any
    ) -> None:
        self.operation = operation
        self.args = args
        self.kwargs = kwargs
        self.outputs = outputs
        leaves = tree.flatten((args, kwargs))
        self.inputs = [leaf for leaf in leaves if isinstance(leaf, KerasTensor)]
        operation.inbound_nodes.append(self)
        made = [outputs] if type(outputs) is KerasTensor else tree.flatten(outputs)
        for index, tensor in enumerate(made):
            if isinstance(tensor, KerasTensor):
                tensor._node = self
                tensor._index = index

    @property
    def is_input(self) -> bool:
        """Whether this is where a graph begins."""
        return not self.inputs

    def parents(self) -> list[Node]:
        """The nodes that this node's inputs come from, each once."""
        found: dict[int, Node] = {}
        for tensor in self.inputs:
            if tensor._node is not None:
                found[id(tensor._node)] = tensor._node
        return list(found.values())

    def __repr__(self) -> str:
        return f"<Node of {self.operation.name!r} on {self.inputs}>"
