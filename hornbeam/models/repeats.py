"""Blocks that repeat in the graph of a model, run as one loop.

A model of 300 equal blocks is traced and compiled 300 times over when its plan is followed step by
step.  300 times Dense, BatchNormalization and Add take 12.9 s until the first step of training is done
on JAX, of which XLA spends 9.8 on the 27,000 operations.  Where the engine gains from it
(`Backend.worth_looping`), a run of equal blocks is computed by one `scan` over their variables instead,
and that takes 5.2 s.  The results are the same, and each variable stays a box of its own.

Blocks are equal if their operations are: layers of known classes whose attributes and variables agree,
and elementwise ops.  One tensor goes from each block to the next; nothing else in a run is used outside.
"""

from __future__ import annotations

import inspect
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from hornbeam import dtypes
from hornbeam.backends import registry
from hornbeam.backends.protocol import Array, Backend
from hornbeam.dtype_policies import DTypePolicy
from hornbeam.layers import call_context
from hornbeam.layers.core.activation import Activation
from hornbeam.layers.core.dense import Dense
from hornbeam.layers.core.einsum_dense import EinsumDense
from hornbeam.layers.layer import Layer
from hornbeam.layers.merging import elementwise
from hornbeam.layers.normalization import over_features
from hornbeam.layers.normalization.batch_normalization import BatchNormalization
from hornbeam.layers.regularization.dropout import Dropout
from hornbeam.ops.record import OpCall
from hornbeam.random.seed_generator import SeedGenerator
from hornbeam.variables import Variable, pure

FEWEST = 16
"""So many blocks are worth a loop: it stacks their variables and takes their gradients apart again."""
LONGEST = 32
"""Steps of the longest block that is looked for."""

LOOPED = frozenset(
    {
        Activation,
        BatchNormalization,
        Dense,
        Dropout,
        EinsumDense,
        elementwise.Add,
        elementwise.Average,
        elementwise.Maximum,
        elementwise.Minimum,
        elementwise.Multiply,
        elementwise.Subtract,
        over_features.LayerNormalization,
        over_features.RMSNormalization,
    }
)
"""Layers that keep nothing but variables, and whose calls depend on nothing but their attributes."""

_NO_MATTER = frozenset(
    """name seed inbound_nodes input_spec _path _arguments _added_weights _losses _lossy _build_shapes
    _given_input_shape""".split()
)
"""Attributes of layers that calls do not depend on, once the layer is built and its shapes are known."""
_PLAIN = frozenset({type(None), bool, int, float, str})


class Run(NamedTuple):
    """Equal blocks, one behind the other, in the steps of a graph."""

    first: int
    period: int
    blocks: int

    @property
    def end(self) -> int:
        """The step behind the last block."""
        return self.first + self.period * self.blocks


def runs_of(graph: Any) -> list[Run]:
    """The runs of at least `FEWEST` equal blocks among the steps of a graph, in order."""
    steps = graph.steps
    if len(steps) < FEWEST:
        return []
    uses = _Uses(graph)
    kinds = uses.kinds()
    found: list[Run] = []
    start = 0
    while start + FEWEST <= len(steps):
        run = _run_from(start, kinds, uses)
        if run is not None:
            found.append(run)
        start = start + 1 if run is None else run.end
    return found


def _run_from(start: int, kinds: Sequence[int], uses: _Uses) -> Run | None:
    """The run that begins at step `start`, of the shortest block that has one."""
    for period in range(1, min(LONGEST, (len(kinds) - start) // FEWEST) + 1):
        end = start + period
        while end < len(kinds) and kinds[end] == kinds[end - period]:
            end += 1
        run = uses.apart(Run(start, period, (end - start) // period))
        if run.blocks >= FEWEST:
            return run
    return None


class _Uses:
    """Which step makes and which steps take each value of a graph."""

    def __init__(self, graph: Any) -> None:
        self.graph = graph
        self.maker = dict.fromkeys(range(len(graph.inputs)), -1)
        self.last_taker: dict[int, int] = {}
        for i, step in enumerate(graph.steps):
            self.maker.update(dict.fromkeys(step.outputs, i))
            self.last_taker.update((slot, i) for _, slot in step.places)
        self.last_taker.update(dict.fromkeys(graph._output_slots, len(graph.steps)))
        self.calls = Counter(id(step.operation) for step in graph.steps)

    def kinds(self) -> list[int]:
        """A number for each step, the same for steps that do the same with values as far back."""
        numbers: dict[Any, int] = {}
        kinds = []
        for i in range(len(self.graph.steps)):
            key = self._kind(i)
            kinds.append(-1 - i if key is None else numbers.setdefault(key, len(numbers)))
        return kinds

    def _kind(self, i: int) -> Any:
        step = self.graph.steps[i]
        operation = _sameness(step.operation)
        taken = [slot for _, slot in step.places]
        plain = all(type(leaf) in _PLAIN for leaf in step.template)
        if operation is None or not plain or not taken or len(step.outputs) != 1:
            return None
        if self.calls[id(step.operation)] != 1:
            return None
        tensors = [*step.node.inputs, step.node.outputs]
        specs = tuple((tensor.shape, tensor.dtype) for tensor in tensors)
        back = tuple((place, i - self.maker[slot]) for place, slot in step.places)
        return operation, step.spec, tuple(map(repr, step.template)), back, specs

    def apart(self, run: Run) -> Run:
        """The run, as far as one tensor goes from block to block, and no other leaves or enters them."""
        steps = self.graph.steps[run.first : run.first + run.period]
        enters = [
            tensor
            for i, step in enumerate(steps)
            for tensor, (_, slot) in zip(step.node.inputs, step.places, strict=True)
            if self.maker[slot] < run.first
        ]
        last = steps[-1].node.outputs
        if len({id(tensor) for tensor in enters}) != 1 or (last.shape, last.dtype) != (
            enters[0].shape,
            enters[0].dtype,
        ):
            return run._replace(blocks=0)
        for block in range(run.blocks):
            end = run.first + (block + 1) * run.period
            slots = [step.outputs[0] for step in self.graph.steps[end - run.period : end]]
            takers = [self.last_taker.get(slot, -1) for slot in slots]
            if max(takers[:-1], default=-1) >= end:
                return run._replace(blocks=block)
            if takers[-1] >= end + run.period:
                return run._replace(blocks=block + 1)
        return run


def _sameness(operation: Any) -> Any:
    """What two operations have in common if they compute the same; None if nobody can tell."""
    if isinstance(operation, OpCall):
        return operation.record.name if operation.record.elementwise else None
    if type(operation) not in LOOPED or operation.activity_regularizer is not None:
        return None
    facts = [type(operation)]
    for name, value in operation.__dict__.items():
        if name in _NO_MATTER or name.endswith(("_initializer", "_regularizer", "_constraint")):
            continue
        fact = _fact(value)
        if fact is None:
            return None
        facts.append((name, fact))  # type: ignore[arg-type]
    return tuple(facts)


def _fact(value: Any) -> Any:
    if isinstance(value, Variable):
        return value.shape, value._dtype, value.trainable, value.autocast
    if isinstance(value, DTypePolicy):
        return type(value), value.name
    if type(value) in (list, tuple) and all(type(item) in _PLAIN for item in value):
        return repr(value)
    if type(value) in _PLAIN or inspect.isfunction(value) or isinstance(value, Backend):
        return type(value), value
    return SeedGenerator if type(value) is SeedGenerator else None


# ------------------------------------------------------------------------------------------- running


def run_blocks(graph: Any, run: Run, values: list[Any]) -> bool:
    """Compute a run of blocks as one loop, if the engine gains from it; whether it was done.

    Args:
        graph: the graph.
        run: one of its runs.
        values: what its slots hold; the output of the last block is put there.
    """
    backend = registry.current()
    steps = graph.steps[run.first : run.end]
    blocks = [steps[i : i + run.period] for i in range(0, len(steps), run.period)]
    boxes = [list(_variables(block)) for block in blocks]
    if not backend.worth_looping(run.blocks, sum(map(_nbytes, (v for row in boxes for v in row)))):
        return False
    first, makes = blocks[0], {slot for step in blocks[0] for slot in step.outputs}
    entry = next(s for step in first for _, s in step.places if s not in makes)
    context = call_context.current.get()
    expected = first[-1].node.outputs
    if (
        len({id(v) for row in boxes for v in row}) != sum(map(len, boxes))
        or backend.dtype(values[entry]) != expected.dtype
        or (context is not None and context.mask_of(values[entry]) is not None)
    ):
        return False
    changed: list[int] = []

    def body(carry: Array, own: list[Array]) -> tuple[Array, list[Array]]:
        inside = list(values)
        inside[entry] = carry

        def compute() -> Array:
            for step in first:
                graph.run_step(step, inside)
            return inside[first[-1].outputs[0]]

        out, new = pure(compute, boxes[0], own)
        changed[:] = [
            i for i, (old, value) in enumerate(zip(own, new, strict=True)) if value is not old
        ]
        return out, [new[i] for i in changed]

    columns = [[v.array for v in column] for column in zip(*boxes, strict=True)]
    out, after = backend.scan_lists(body, values[entry], columns)
    for i, rows in zip(changed, after, strict=True):
        for row, value in zip(boxes, rows, strict=True):
            row[i]._set(value)
    values[steps[-1].outputs[0]] = out
    return True


def _variables(block: Sequence[Any]) -> Iterator[Variable]:
    for step in block:
        if isinstance(step.operation, Layer):
            yield from step.operation.variables


def _nbytes(variable: Variable) -> int:
    return math.prod(variable.shape) * dtypes.bits(variable._dtype) // 8
