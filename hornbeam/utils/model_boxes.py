"""A model as boxes and arrows, with a place for each: what pictures of models are drawn from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from hornbeam.errors import InputError
from hornbeam.models import Model, Sequential

CHARACTER, LINE, PAD, GAP, RANK = 7.0, 16.0, 10.0, 24.0, 36.0
"""Pixels: a character's width, a line's height, room inside of a box, between boxes, between rows."""


@dataclass
class Box:
    """A layer: what is written in it, and where it is.

    Args:
        name: the layer's name.
        lines: what is written in the box.
        group: the names of the nested models around it, from the outside in.
        trainable: whether training changes its variables; None for a layer without any.
        x: the left side, in pixels.
        y: the upper side, in pixels.
        rank: the row, from 0.
        length: of a lane, how far it goes.
    """

    name: str
    lines: list[str]
    group: tuple[str, ...] = ()
    trainable: bool | None = None
    x: float = 0.0
    y: float = 0.0
    rank: int = 0
    length: float = 0.0

    @property
    def width(self) -> float:
        """The width in pixels."""
        return max(len(line) for line in self.lines) * CHARACTER + 2 * PAD

    @property
    def height(self) -> float:
        """The height in pixels."""
        return len(self.lines) * LINE + PAD


@dataclass
class Picture:
    """All boxes, and which leads to which.

    Args:
        name: the model's name.
        boxes: the boxes, every one behind those that lead to it.
        arrows: (from, to), places in `boxes`.
        across: whether it goes from left to right.
        lanes: arrow -> the empty boxes that it goes through.
    """

    name: str
    boxes: list[Box] = field(default_factory=list)
    arrows: list[tuple[int, int]] = field(default_factory=list)
    across: bool = False
    lanes: dict[tuple[int, int], list[Box]] = field(default_factory=dict)

    @property
    def size(self) -> tuple[float, float]:
        """(width, height) in pixels."""
        right = max((box.x + box.width for box in self.boxes), default=0.0)
        bottom = max((box.y + box.height for box in self.boxes), default=0.0)
        return right + PAD, bottom + PAD

    def groups(self) -> dict[tuple[str, ...], list[Box]]:
        """The nested models, from the outside in, and the boxes within each."""
        found: dict[tuple[str, ...], list[Box]] = {}
        for box in self.boxes:
            for depth in range(1, len(box.group) + 1):
                found.setdefault(box.group[:depth], []).append(box)
        return dict(sorted(found.items(), key=lambda item: len(item[0])))


@dataclass
class Contents:
    """What is written in boxes.

    Args:
        shapes: the shapes of inputs and outputs.
        dtype: the dtype of the outputs.
        names: the layer's name.
        activations: the name of the activation.
        trainable: whether training changes the variables.
    """

    shapes: bool = False
    dtype: bool = False
    names: bool = True
    activations: bool = False
    trainable: bool = False

    def lines(self, layer: Any, inputs: Sequence[Any], outputs: Sequence[Any]) -> list[str]:
        """The lines for a layer that is called on `inputs` and returns `outputs`."""
        kind = getattr(layer, "record", None)
        title = getattr(kind, "name", None) or type(layer).__name__
        lines = [f"{layer.name} ({title})" if self.names else str(title)]
        activation = getattr(layer, "activation", None)
        if self.activations and activation is not None:
            lines.append(f"activation: {getattr(activation, '__name__', activation)}")
        if self.shapes:
            if inputs:
                lines.append(f"input: {_shapes(inputs)}")
            lines.append(f"output: {_shapes(outputs)}")
        if self.dtype:
            lines.append(f"dtype: {', '.join(dict.fromkeys(str(t.dtype) for t in outputs))}")
        if self.trainable and getattr(layer, "weights", None):
            lines.append("trainable" if layer.trainable else "not trainable")
        return lines


def _shapes(tensors: Sequence[Any]) -> str:
    return ", ".join(str(tuple(t.shape)) for t in tensors)


def picture_of(
    model: Any, contents: Contents, expand: bool, across: bool, layer_range: Any = None
) -> Picture:
    """The boxes and arrows of a model, each box in its place.

    Args:
        model: a built functional or sequential model.
        contents: what is written in boxes.
        expand: whether nested models are shown with what is in them.
        across: whether it goes from left to right instead of down.
        layer_range: (first, last) names of the layers to show, or None for all.

    Raises:
        InputError: if the model has no graph to show.
    """
    picture = Picture(model.name, across=across)
    _enter(picture, model, contents, expand, ())
    if layer_range is not None:
        _cut(picture, layer_range)
    _place(picture)
    return picture


def _calls(model: Any) -> tuple[list[tuple[Any, list[Any], list[Any]]], list[Any], list[Any]]:
    """[(layer, inputs, outputs) in order], inputs and outputs of a model."""
    from hornbeam import tree

    if isinstance(model, Sequential) and model.built:
        tensors = model._sequence_tensors
        flat = [tree.flatten(t) for t in tensors]
        first: list[Any] = [(t._node.operation, [], [t]) for t in flat[0]]
        rest = [(layer, flat[i], flat[i + 1]) for i, layer in enumerate(model.layers)]
        return [*first, *rest], flat[0], flat[-1]
    graph = getattr(model, "_graph", None)
    if graph is None:
        raise InputError(
            f"Model {model.name!r} has no graph that could be drawn: "
            + (
                "build it, or call it on data, first."
                if isinstance(model, Sequential)
                else "only functional and sequential models have one."
            )
        )
    begin: list[Any] = [(t._node.operation, [], [t]) for t in graph.inputs if t._node is not None]
    calls = [(n.operation, n.inputs, tree.flatten(n.outputs)) for n in graph.nodes if n.inputs]
    return [*begin, *calls], list(graph.inputs), tree.flatten(graph.outputs)


def _enter(
    picture: Picture, model: Any, contents: Contents, expand: bool, group: tuple[str, ...]
) -> tuple[list[int], list[int]]:
    """Enter a model's boxes; returns those of its inputs and of its outputs."""
    calls, inputs, outputs = _calls(model)
    made_by: dict[int, int] = {}
    box_of: dict[int, int] = {}
    for layer, ins, outs in calls:
        sources = [made_by[id(t)] for t in ins if id(t) in made_by]
        if expand and isinstance(layer, Model) and _has_graph(layer):
            starts, ends = _enter(picture, layer, contents, expand, (*group, layer.name))
            _join(picture, list(zip(sources, starts, strict=False)))
            made_by.update({id(t): ends[min(i, len(ends) - 1)] for i, t in enumerate(outs)})
            continue
        place = box_of.get(id(layer))
        if place is None:
            place = box_of[id(layer)] = len(picture.boxes)
            trainable = bool(layer.trainable) if getattr(layer, "weights", None) else None
            lines = contents.lines(layer, ins, outs)
            picture.boxes.append(Box(layer.name, lines, group, trainable))
        _join(picture, [(source, place) for source in sources])
        made_by.update({id(t): place for t in outs})
    return [made_by[id(t)] for t in inputs], [made_by[id(t)] for t in outputs]


def _has_graph(model: Any) -> bool:
    return bool(model.built and (isinstance(model, Sequential) or model._graph is not None))


def _join(picture: Picture, arrows: list[tuple[int, int]]) -> None:
    picture.arrows += [arrow for arrow in dict.fromkeys(arrows) if arrow not in picture.arrows]


def _cut(picture: Picture, layer_range: Any) -> None:
    names = [box.name for box in picture.boxes]
    ends = tuple(layer_range)
    unknown = [name for name in ends if name not in names]
    if len(ends) != 2 or unknown:
        raise InputError(
            f"`layer_range` must be the names of two layers, got {layer_range!r}. The model has {names}."
        )
    first, last = sorted(names.index(name) for name in ends)
    kept = range(first, last + 1)
    picture.boxes = [picture.boxes[i] for i in kept]
    picture.arrows = [(a - first, b - first) for a, b in picture.arrows if a in kept and b in kept]


# --------------------------------------------------------------------------------------- places


def _place(picture: Picture) -> None:
    """Rows by the longest way from an input; within a row, boxes near those that lead to them.

    An arrow over several rows gets a lane, an empty box, in each row between.
    """
    boxes = list(picture.boxes)
    parents: list[list[int]] = [[] for _ in boxes]
    onwards = [
        (a, b) for a, b in picture.arrows if a < b
    ]  # a layer may be called on its own output
    for b, box in enumerate(boxes):
        parents[b] = [a for a, end in onwards if end == b]
        box.rank = 1 + max((boxes[a].rank for a in parents[b]), default=-1)
    for a, b in onwards:
        before = a
        for rank in range(boxes[a].rank + 1, boxes[b].rank):
            lane = Box("", [""], rank=rank)
            boxes.append(lane)
            parents.append([before])
            picture.lanes.setdefault((a, b), []).append(lane)
            before = len(boxes) - 1
        parents[b][parents[b].index(a)] = before
    rows: dict[int, list[int]] = {}
    for i, box in enumerate(boxes):
        rows.setdefault(box.rank, []).append(i)
    middle: dict[int, float] = {}
    along = PAD
    for rank in sorted(rows):
        row = rows[rank]
        order = {i: k for k, i in enumerate(row)}
        row.sort(key=lambda i: (_mean([middle[p] for p in parents[i]], order[i] * 1e3), order[i]))
        along += _set_row([boxes[i] for i in row], row, picture.across, along, middle)
    _center([[boxes[i] for i in row] for row in rows.values()], picture.across)


def _mean(values: list[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise


def _set_row(
    boxes: list[Box], row: list[int], sideways: bool, along: float, middle: dict[int, float]
) -> float:
    across = PAD
    for i, box in zip(row, boxes, strict=True):
        box.x, box.y = (along, across) if sideways else (across, along)
        extent = box.height if sideways else box.width
        middle[i] = across + extent / 2
        across += extent + GAP
    extents = [box.width if sideways else box.height for box in boxes]
    for box in boxes:
        if not box.name:
            box.length = max(extents)
    return max(extents) + RANK


def _center(rows: list[list[Box]], sideways: bool) -> None:
    """Move each row so that all have the same middle."""
    ends = [max(b.y + b.height if sideways else b.x + b.width for b in row) for row in rows]
    for row, end in zip(rows, ends, strict=True):
        shift = (max(ends) - end) / 2
        for box in row:
            if sideways:
                box.y += shift
            else:
                box.x += shift


__all__ = ["Box", "Contents", "Picture", "picture_of"]
