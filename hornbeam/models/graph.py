"""The graph behind a functional model: which operations run, in which order, on what.

A `Graph` is found once, from the inputs and outputs, and turned into a flat plan: a list of steps that
read and write numbered slots.  Running it is a loop over the plan.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from hornbeam import tree
from hornbeam.backends import registry
from hornbeam.backends.symbolic import KerasTensor
from hornbeam.errors import InputError
from hornbeam.layers.call_context import current as call_context
from hornbeam.layers.shapes import as_shapes, map_shapes
from hornbeam.models import repeats
from hornbeam.ops.node import Node
from hornbeam.ops.operation import Operation
from hornbeam.ops.record import OpCall
from hornbeam.saving.objects import makes_plain


class Step(NamedTuple):
    """One call: the operation, where its arguments come from, where its outputs go."""

    operation: Any
    node: Node
    spec: Any
    template: list[Any]
    places: list[tuple[int, int]]
    outputs: list[int]
    single: int | None


class Graph:
    """The nodes between symbolic inputs and outputs.

    Args:
        inputs: the symbolic tensors it starts from, in order.
        outputs: the symbolic tensors it ends in, in order.
    """

    def __init__(self, inputs: Sequence[KerasTensor], outputs: Sequence[KerasTensor]) -> None:
        self.inputs = list(inputs)
        self.outputs = list(outputs)
        self._slots: dict[int, int] = {id(t): i for i, t in enumerate(self.inputs)}
        nodes = self._ordered_nodes()
        self.nodes = nodes
        self.operations = self._ordered_operations(nodes)
        self.steps = [self._step(node) for node in nodes]
        self.size = len(self._slots)
        self._output_slots = [self._slots[id(t)] for t in self.outputs]

    def _ordered_nodes(self) -> list[Node]:
        """The nodes to run, each after those it depends on."""
        known = {id(t) for t in self.inputs}
        order: dict[int, Node] = {}
        self._visited: list[Node] = []  # the same, with the inputs where they are met first
        for output in self.outputs:
            if id(output) in known:
                continue
            stack: list[tuple[Node, bool]] = [(_node_of(output), False)]
            while stack:
                node, visited = stack.pop()
                if id(node) in order:
                    continue
                if visited:
                    order[id(node)] = node
                    self._visited.append(node)
                    continue
                if node.is_input and id(tree.flatten(node.outputs)[0]) in known:
                    self._visited.append(node)
                    continue
                stack.append((node, True))
                parents = [t for t in node.inputs if id(t) not in known or _begins(t)]
                if node.is_input:
                    tensor = tree.flatten(node.outputs)[0]
                    raise InputError(
                        f"The graph is disconnected: the outputs depend on the input {tensor.name!r} "
                        f"(made by {node.operation.name!r}), which is not among the model's inputs "
                        f"{[t.name for t in self.inputs]}. Add it to `inputs=`."
                    )
                for tensor in reversed(parents):
                    parent = _node_of(tensor)
                    if id(parent) not in order:
                        stack.append((parent, False))
        return list(order.values())

    def _ordered_operations(self, nodes: list[Node]) -> list[Any]:
        """The operations, the ones furthest from the outputs first (the order of Keras)."""
        depth: dict[int, int] = {}
        for node in reversed(nodes):
            own = depth.setdefault(id(node), 0)
            for tensor in node.inputs:
                if tensor._node is not None:
                    key = id(tensor._node)
                    depth[key] = max(depth.get(key, 0), own + 1)
        by_operation: dict[int, tuple[Any, int, int]] = {}
        inputs = [t._node for t in self.inputs if t._node is not None]
        for position, node in enumerate([*self._visited, *inputs]):
            key = id(node.operation)
            at = depth.get(id(node), 0)
            if key not in by_operation:
                by_operation[key] = (node.operation, at, position)
            elif by_operation[key][1] < at:
                by_operation[key] = (node.operation, at, by_operation[key][2])
        ranked = sorted(by_operation.values(), key=lambda entry: (-entry[1], entry[2]))
        return [operation for operation, _, _ in ranked]

    def _step(self, node: Node) -> Step:
        leaves = tree.flatten((node.args, node.kwargs))
        places = []
        template = list(leaves)
        for i, leaf in enumerate(leaves):
            if isinstance(leaf, KerasTensor):
                places.append((i, self._slots[id(leaf)]))
                template[i] = None
        outputs = []
        for tensor in tree.flatten(node.outputs):
            outputs.append(self._slots.setdefault(id(tensor), len(self._slots)))
        plain = len(leaves) == 1 and len(node.args) == 1 and node.args[0] is leaves[0] and places
        return Step(
            node.operation,
            node,
            tree.structure_of((node.args, node.kwargs)),
            template,
            places,
            outputs,
            places[0][1] if plain else None,
        )

    def run(
        self,
        inputs: Sequence[Any],
        operation_fn: Callable[[Any], Callable[..., Any]] | None = None,
    ) -> list[Any]:
        """The outputs for these inputs.

        Args:
            inputs: arrays or symbolic tensors, in the order of `self.inputs`.
            operation_fn: what to call in place of an operation.
        """
        values: list[Any] = [None] * self.size
        values[: len(inputs)] = inputs
        runs = self._runs(inputs) if operation_fn is None else {}
        i = 0
        while i < len(self.steps):
            run = runs.get(i)
            if run is not None and repeats.run_blocks(self, run, values):
                i = run.end
                continue
            self.run_step(self.steps[i], values, operation_fn)
            i += 1
        return [values[slot] for slot in self._output_slots]

    def _runs(self, inputs: Sequence[Any]) -> dict[int, Any]:
        """First step -> run of equal blocks, where the engine of the inputs may loop over them."""
        engine = registry.engine_of(type(inputs[0])) if len(self.steps) >= repeats.FEWEST else None
        if engine is None or not engine.worth_looping(len(self.steps), 0):
            return {}
        return {run.first: run for run in repeats.runs_of(self)}

    @staticmethod
    def run_step(
        step: Step,
        values: list[Any],
        operation_fn: Callable[[Any], Callable[..., Any]] | None = None,
    ) -> None:
        """Run one step: take its arguments from the slots `values`, and put its outputs there."""
        call = step.operation if operation_fn is None else operation_fn(step.operation)
        if step.single is not None:
            out = call(values[step.single])
        else:
            leaves = list(step.template)
            for position, slot in step.places:
                leaves[position] = values[slot]
            args, kwargs = tree.unflatten(step.spec, leaves)
            out = call(*args, **kwargs)
        if isinstance(step.operation, OpCall):
            _carry_mask(step, values, out)
        if len(step.outputs) == 1 and not isinstance(out, (list, tuple, dict)):
            values[step.outputs[0]] = out
        else:
            for slot, value in zip(step.outputs, tree.flatten(out), strict=True):
                values[slot] = value


def _carry_mask(step: Step, values: list[Any], out: Any) -> None:
    """Masks go through elementwise ops."""
    context = call_context.get()
    if context is None or not context.masks or not step.operation.record.elementwise:
        return
    for _, slot in step.places:
        mask = context.mask_of(values[slot])
        if mask is not None:
            context.set_mask(out, mask)
            return


def _begins(tensor: KerasTensor) -> bool:
    return tensor._node is not None and bool(tensor._node.is_input)


def _node_of(tensor: Any) -> Node:
    node = tensor._node if isinstance(tensor, KerasTensor) else None
    if node is None:
        raise InputError(
            f"{tensor!r} is not the result of a layer or an op on `Input()` tensors, so a functional "
            "model cannot be made of it. Start from `hornbeam.Input(shape=...)`."
        )
    return node  # type: ignore[no-any-return]


class Function(Operation):
    """A callable made of the graph between symbolic inputs and outputs.

    Args:
        inputs: symbolic tensors, nested in any way.
        outputs: symbolic tensors that depend on them, nested in any way.
        name: a name.

    Example:

    >>> import hornbeam
    >>> x = hornbeam.Input(shape=(2,))
    >>> double = hornbeam.Function(x, x * 2.0)
    >>> double(hornbeam.ops.ones((1, 2))).tolist()
    [[2.0, 2.0]]
    """

    def __init__(self, inputs: Any, outputs: Any, name: str | None = None) -> None:
        super().__init__(name=name)
        self._inputs_struct = inputs
        self._outputs_struct = outputs
        self.graph = self._graph = Graph(tree.flatten(inputs), tree.flatten(outputs))

    @property
    def inputs(self) -> list[KerasTensor]:
        """The symbolic inputs, flat."""
        return self.graph.inputs

    @property
    def outputs(self) -> list[KerasTensor]:
        """The symbolic outputs, flat."""
        return self.graph.outputs

    @property
    def input(self) -> Any:
        """The symbolic inputs, nested as they were given."""
        return self._inputs_struct

    @property
    def output(self) -> Any:
        """The symbolic outputs, nested as they were given."""
        return self._outputs_struct

    @property
    def operations(self) -> list[Any]:
        """The operations that it runs."""
        return self.graph.operations

    def call(self, inputs: Any) -> Any:
        """The outputs for these inputs, nested as `output` is.

        Args:
            inputs: arrays or symbolic tensors, nested as `input` is.

        Raises:
            InputError: if there are more or fewer of them.
        """
        given = tree.flatten(inputs)
        if len(given) != len(self.inputs):
            raise InputError(
                f"Function {self.name!r} has {len(self.inputs)} inputs, "
                f"{[t.name for t in self.inputs]}, but got {len(given)}."
            )
        return tree.pack_sequence_as(self._outputs_struct, self.graph.run(given))

    def compute_output_spec(self, inputs: Any) -> Any:
        """The symbolic outputs for symbolic inputs.

        Args:
            inputs: symbolic tensors, nested as `input` is.
        """
        return super().compute_output_spec(inputs)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The shapes of the outputs for inputs of these shapes, nested as the inputs are.

        Args:
            input_shape: a shape, or as many as there are inputs.
        """
        shapes: list[Any] = []
        map_shapes(shapes.append, as_shapes(input_shape))
        tensors = [KerasTensor(s, t.dtype) for s, t in zip(shapes, self.inputs, strict=True)]
        outputs = self.compute_output_spec(tensors)
        return tree.map_structure(lambda tensor: tensor.shape, outputs)

    @makes_plain
    def get_config(self) -> dict[str, Any]:
        """The graph: operations, how they are called, inputs and outputs, as in functional models."""
        from hornbeam.models.functional import graph_config

        config = graph_config(self)
        config.pop("trainable")
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """A function from the result of `get_config`, with layers of its own."""
        from hornbeam.models.functional import model_from_graph_config

        return model_from_graph_config(lambda i, o, name, trainable: cls(i, o, name), config)
