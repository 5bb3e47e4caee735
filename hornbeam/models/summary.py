"""The table that ``model.summary()`` prints."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import Any

from hornbeam import dtypes, tree
from hornbeam.errors import InputError
from hornbeam.layers import state


def print_summary(
    model: Any,
    line_length: int | None = None,
    positions: Sequence[float] | None = None,
    print_fn: Any = None,
    expand_nested: bool = False,
    show_trainable: bool = False,
    layer_range: Sequence[str] | None = None,
) -> None:
    """Print the layers, output shapes and numbers of parameters of `model`; see `Model.summary`."""
    rows = list(_rows(model, expand_nested, 0))
    if layer_range is not None:
        rows = _between(rows, layer_range)
    connected = model._graph is not None and not _is_chain(model)
    headings = ["Layer (type)", "Output shape", "Param #"]
    headings += ["Connected to"] * connected + ["Trainable"] * show_trainable
    kept = {id(node) for node in model._graph.nodes} if connected else None
    token = state.memory.set(state.Memory())  # weights are asked for again and again
    try:
        lines = [_cells(model, depth, layer, kept, show_trainable) for depth, layer in rows]
        totals = _totals(model)
    finally:
        state.memory.reset(token)
    wide = line_length or (100 if connected else 80)
    widths = _widths([headings, *lines], wide, positions)
    right = [heading == "Param #" for heading in headings]
    text = "\n".join(
        [
            *_folded(f'Model: "{model.name}"', wide),
            *_table(headings, lines, widths, right),
            *(part for total in totals for part in _folded(total, wide)),
            "",
        ]
    )
    if print_fn is None:
        print(text, end="")
    else:
        print_fn(text)


def _cells(
    model: Any, depth: int, layer: Any, kept: set[int] | None, show_trainable: bool
) -> list[str]:
    """What the row of a layer shows."""
    weights = layer.weights
    count = sum(math.prod(v.shape) for v in weights)
    cells = [f"{'  ' * depth}{layer.name} ({type(layer).__name__})", _shape_text(layer, model)]
    cells.append(f"{count:,}" if layer.built or weights else "not built")
    if kept is not None:
        cells.append(_sources(layer, kept) if depth == 0 else "")
    if show_trainable:
        cells.append("yes" if layer.trainable else "no")
    return cells


def _widths(lines: list[list[str]], wide: int, positions: Sequence[float] | None) -> list[int]:
    """The widths of the columns, such that the widest give way and all have a place."""
    widths = [max(map(_cells_of, column)) for column in zip(*lines, strict=True)]
    given = 0
    if positions:
        ends = [int(end * wide) for end in positions][: len(widths)]
        begins = [0, *ends]
        given = len(ends)
        widths[:given] = [max(1, end - begin - 3) for begin, end in zip(begins, ends, strict=False)]
        if given == len(widths):
            over = sum(widths) + 3 * len(widths) + 1 - wide
            return [*widths[:-1], max(1, widths[-1] - max(0, over))]
    least = 4 * len(widths)
    room = max(wide - 3 * len(widths) - 1, least)
    while sum(widths) > room:
        others = widths[given:]
        if max(others) <= 1:
            break
        widths[given + others.index(max(others))] -= 1
    return widths


def _table(
    headings: list[str], lines: list[list[str]], widths: list[int], right: list[bool]
) -> Iterator[str]:
    """The lines of a table.  `rich` draws the same one, but takes ten times as long for 900 layers."""

    def rule(left: str, line: str, cross: str, end: str) -> str:
        return left + cross.join(line * (width + 2) for width in widths) + end

    def row(cells: list[str], bar: str) -> Iterator[str]:
        columns = [
            _folded(cell, width, "ellipsis") for cell, width in zip(cells, widths, strict=True)
        ]
        for parts in zip_longest(*columns, fillvalue=""):
            yield bar.join(["", *map(padded, parts, widths, right), ""])

    def padded(part: str, width: int, to_the_right: bool) -> str:
        space = " " * (width - _cells_of(part))
        return f" {space}{part} " if to_the_right else f" {part}{space} "

    between = rule("├", "─", "┼", "┤")
    yield rule("┏", "━", "┳", "┓")
    yield from row(headings, "┃")
    yield rule("┡", "━", "╇", "┩")
    for i, line in enumerate(lines):
        if i:
            yield between
        yield from row(line, "│")
    yield rule("└", "─", "┴", "┘")


def _cells_of(text: str) -> int:
    """How many places a text takes in a terminal."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def _folded(text: str, width: int, overflow: Any = "fold") -> list[str]:
    """The text in lines that fit, broken between words; `overflow` is rich's, for longer words."""
    if _cells_of(text) <= width:
        return [text]
    from rich.console import Console
    from rich.text import Text  # which, unlike strings, is not searched for markup and emoji

    lines = Text(text).wrap(Console(width=width), width, overflow=overflow)
    return [line.plain.rstrip() for line in lines]


def _rows(model: Any, expand_nested: bool, depth: int) -> Any:
    for layer in model.layers:
        yield depth, layer
        if expand_nested and hasattr(layer, "layers"):
            yield from _rows(layer, expand_nested, depth + 1)


def _between(rows: list[Any], layer_range: Sequence[str]) -> list[Any]:
    names = [layer.name for _, layer in rows]
    if len(layer_range) != 2 or any(name not in names for name in layer_range):
        raise InputError(
            f"`layer_range` must be the names of two layers of the model, got {list(layer_range)}; "
            f"it has {names}."
        )
    first, last = (names.index(name) for name in layer_range)
    return rows[first : last + 1]


def _is_chain(model: Any) -> bool:
    graph = model._graph
    uses = Counter(id(tensor) for node in graph.nodes for tensor in node.inputs)
    return (
        len(graph.inputs) == 1
        and all(len(node.parents()) <= 1 for node in graph.nodes)
        and max(uses.values(), default=0) <= 1
    )


def _shape_text(layer: Any, model: Any) -> str:
    for node in layer.inbound_nodes:
        shapes = [t.shape for t in tree.flatten(node.outputs) if hasattr(t, "shape")]
        return str(shapes[0]) if len(shapes) == 1 else ", ".join(map(str, shapes))
    return "?"


def _sources(layer: Any, kept: set[int]) -> str:
    """The operations whose outputs `layer` takes, in those of its nodes whose ids are `kept`."""
    names = []
    for node in layer.inbound_nodes:
        if id(node) in kept:
            names += [tensor._node.operation.name for tensor in node.inputs]
    return ", ".join(names) or "-"


def _totals(model: Any) -> list[str]:
    trainable = model.trainable_weights
    frozen = model.non_trainable_weights
    optimizer = model.optimizer
    slots = list(optimizer.variables) if optimizer is not None and optimizer.built else []
    lines = [
        f" Total params: {_count_text([*trainable, *frozen, *slots])}",
        f" Trainable params: {_count_text(trainable)}",
        f" Non-trainable params: {_count_text(frozen)}",
    ]
    if slots:
        lines.append(f" Optimizer params: {_count_text(slots)}")
    return lines


def _count_text(variables: Sequence[Any]) -> str:
    count = sum(math.prod(v.shape) for v in variables)
    size = sum(math.prod(v.shape) * dtypes.bits(v.dtype) / 8 for v in variables)
    return f"{count:,} ({_bytes(size)})"


def _bytes(size: float) -> str:
    """A size that a person can read at a glance.

    >>> _bytes(152), _bytes(3 * 2**20)
    ('152 B', '3.00 MB')
    """
    for unit in ("B", "KB", "MB", "GB"):
        if size < 1024 or unit == "GB":
            return f"{size:.0f} B" if unit == "B" else f"{size:.2f} {unit}"
        size /= 1024
    raise AssertionError("unreachable")


def as_html(model: Any) -> str:
    """What notebooks show of a model: its picture, if it has a graph, and how large it is."""
    from html import escape

    from hornbeam.utils.model_plot import plot_model

    head = f"<b>{escape(model.name)}</b> ({escape(type(model).__name__)})"
    try:
        head += f", {model.count_params():,} parameters"
        drawing = plot_model(model, None, show_shapes=True, show_layer_names=True)
    except InputError as error:
        return f"<div>{head}: {escape(str(error))}</div>"
    return f"<div>{head}<br/>{drawing.svg}</div>"
