"""Pictures of models: SVG and PNG, text for Graphviz and Mermaid.  No program besides is needed."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from hornbeam.errors import InputError, UnsupportedError
from hornbeam.utils.model_boxes import GAP, LINE, PAD, Box, Contents, Picture, picture_of

DIRECTIONS = ("TB", "LR")


class Drawing:
    """What `plot_model` returns: it shows itself in notebooks.

    Args:
        picture: the boxes and arrows.
        splines: "ortho" for arrows with right angles, "curved" or "line".
    """

    def __init__(self, picture: Picture, splines: str = "ortho") -> None:
        self.picture = picture
        self.svg = svg(picture, splines)

    def _repr_svg_(self) -> str:
        return self.svg


class Dot(str):
    """Text in the language of Graphviz, with the methods of `pydot.Dot` that write it."""

    def to_string(self) -> str:
        """The text."""
        return str(self)

    def write(self, path: Any) -> None:
        """Write the text to a file.

        Args:
            path: the file.
        """
        Path(path).write_text(self, encoding="utf-8")


def _picture(
    model: Any, rankdir: str, expand_nested: bool, layer_range: Any, **contents: bool
) -> Picture:
    if rankdir not in DIRECTIONS:
        raise InputError(f"`rankdir` must be one of {DIRECTIONS}, got {rankdir!r}.")
    return picture_of(model, Contents(**contents), expand_nested, rankdir == "LR", layer_range)


def plot_model(
    model: Any,
    to_file: Any = "model.png",
    show_shapes: bool = False,
    show_dtype: bool = False,
    show_layer_names: bool = False,
    rankdir: str = "TB",
    expand_nested: bool = False,
    dpi: int = 200,
    show_layer_activations: bool = False,
    show_trainable: bool = False,
    splines: str = "ortho",
    layer_range: Any = None,
) -> Drawing:
    """Draw a model.

    Args:
        model: a built functional or sequential model.
        to_file: where to; its end says what: ".svg", ".dot", ".mmd" (Mermaid), or with Matplotlib also
            ".png" and ".pdf".  None writes nothing.
        show_shapes: whether to write the shapes of inputs and outputs.
        show_dtype: whether to write the dtype of the outputs.
        show_layer_names: whether to write the layers' names, not their classes alone.
        rankdir: "TB" from top to bottom, "LR" from left to right.
        expand_nested: whether to draw what is inside nested models.
        dpi: dots per inch of a PNG.
        show_layer_activations: whether to write the names of activations.
        show_trainable: whether to write, and color, whether training changes the variables.
        splines: "ortho" for arrows with right angles, "curved" or "line".
        layer_range: (first, last) names of the layers to draw, or None for all.

    Returns:
        A `Drawing`, with its SVG text as ``.svg``; notebooks show it.

    Raises:
        InputError: for a model without a graph, or an unknown end of the file's name.
        UnsupportedError: for a PNG without Matplotlib.

    Example:

    >>> import hornbeam
    >>> model = hornbeam.Sequential([hornbeam.Input((4,)), hornbeam.layers.Dense(2)])
    >>> plot_model(model, None, show_shapes=True).svg.count("<rect")
    2
    """
    picture = _picture(
        model,
        rankdir,
        expand_nested,
        layer_range,
        shapes=show_shapes,
        dtype=show_dtype,
        names=show_layer_names,
        activations=show_layer_activations,
        trainable=show_trainable,
    )
    drawing = Drawing(picture, splines)
    if to_file is None:
        return drawing
    path = Path(to_file)
    texts = {".svg": drawing.svg, ".dot": dot(picture), ".mmd": mermaid(picture)}
    if path.suffix in texts:
        path.write_text(texts[path.suffix], encoding="utf-8")
    elif path.suffix in (".png", ".pdf"):
        _paint(picture, path, dpi)
    else:
        raise InputError(
            f"`to_file` must end in .svg, .png, .pdf, .dot or .mmd, got {str(to_file)!r}."
        )
    return drawing


def model_to_dot(
    model: Any,
    show_shapes: bool = False,
    show_dtype: bool = False,
    show_layer_names: bool = True,
    rankdir: str = "TB",
    expand_nested: bool = False,
    dpi: int = 200,
    subgraph: bool = False,
    show_layer_activations: bool = False,
    show_trainable: bool = False,
    splines: str = "ortho",
    layer_range: Any = None,
) -> Dot:
    """A model in the language of Graphviz, for those who have it.

    Args:
        model: a built functional or sequential model.
        show_shapes: as for `plot_model`.
        show_dtype: as for `plot_model`.
        show_layer_names: as for `plot_model`.
        rankdir: as for `plot_model`.
        expand_nested: as for `plot_model`.
        dpi: dots per inch.
        subgraph: whether to write a cluster, for use within another graph.
        show_layer_activations: as for `plot_model`.
        show_trainable: as for `plot_model`.
        splines: as Graphviz has it.
        layer_range: as for `plot_model`.

    Returns:
        A str with a method ``write(path)``.

    Example:

    >>> import hornbeam
    >>> model = hornbeam.Sequential([hornbeam.Input((4,)), hornbeam.layers.Dense(2)])
    >>> "0 -> 1;" in model_to_dot(model)
    True
    """
    picture = _picture(
        model,
        rankdir,
        expand_nested,
        layer_range,
        shapes=show_shapes,
        dtype=show_dtype,
        names=show_layer_names,
        activations=show_layer_activations,
        trainable=show_trainable,
    )
    return Dot(dot(picture, dpi, splines, subgraph))


def model_to_mermaid(
    model: Any, show_shapes: bool = False, rankdir: str = "TB", expand_nested: bool = False
) -> str:
    """A model as a Mermaid flowchart, which Markdown viewers draw.

    Args:
        model: a built functional or sequential model.
        show_shapes: as for `plot_model`.
        rankdir: as for `plot_model`.
        expand_nested: as for `plot_model`.

    Example:

    >>> import hornbeam
    >>> model = hornbeam.Sequential([hornbeam.Input((4,), name="x"), hornbeam.layers.Dense(2, name="y")])
    >>> print(model_to_mermaid(model))
    flowchart TB
        n0["x (InputLayer)"]
        n1["y (Dense)"]
        n0 --> n1
    """
    return mermaid(_picture(model, rankdir, expand_nested, None, shapes=show_shapes))


# ---------------------------------------------------------------------------------------- texts


def dot(picture: Picture, dpi: int = 200, splines: str = "ortho", subgraph: bool = False) -> str:
    """A picture in the language of Graphviz."""
    head = f"subgraph {_quoted('cluster_' + picture.name)}" if subgraph else "digraph"
    rankdir = "LR" if picture.across else "TB"
    lines = [f"{head} {{", f"  rankdir={rankdir}; splines={splines}; dpi={dpi};"]
    lines.append("  node [shape=box, fontname=Helvetica];")
    for i, box in enumerate(picture.boxes):
        lines.append(f"  {i} [label={_quoted(chr(10).join(box.lines))}];")
    for number, (group, boxes) in enumerate(picture.groups().items()):
        members = " ".join(str(picture.boxes.index(box)) + ";" for box in boxes)
        lines.append(f"  subgraph cluster_{number} {{ label={_quoted(group[-1])}; {members} }}")
    lines += [f"  {a} -> {b};" for a, b in picture.arrows]
    return "\n".join([*lines, "}"])


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def mermaid(picture: Picture) -> str:
    """A picture as a Mermaid flowchart."""
    lines = [f"flowchart {'LR' if picture.across else 'TB'}"]
    depth: tuple[str, ...] = ()
    for i, box in enumerate(picture.boxes):
        while box.group[: len(depth)] != depth:
            lines.append("    " * len(depth) + "end")
            depth = depth[:-1]
        for name in box.group[len(depth) :]:
            depth = (*depth, name)
            lines.append("    " * len(depth) + f'subgraph g{i}_{len(depth)}["{name}"]')
        text = "<br/>".join(line.replace('"', "#quot;") for line in box.lines)
        lines.append("    " * (len(depth) + 1) + f'n{i}["{text}"]')
    for level in range(len(depth), 0, -1):
        lines.append("    " * level + "end")
    return "\n".join(lines + [f"    n{a} --> n{b}" for a, b in picture.arrows])


# ------------------------------------------------------------------------------------------ SVG

COLORS = {None: "#f4f4f4", True: "#e4efdc", False: "#f6e3d9"}


def svg(picture: Picture, splines: str = "ortho") -> str:
    """A picture as SVG text."""
    if splines not in ("ortho", "curved", "line"):
        raise InputError(f'`splines` must be "ortho", "curved" or "line", got {splines!r}.')
    width, height = picture.size
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {width:.0f} {height:.0f}" font-family="Helvetica, Arial, sans-serif" '
        'font-size="12">',
        f"<title>{escape(picture.name)}</title>",
        '<defs><marker id="tip" markerWidth="8" markerHeight="8" refX="7" refY="3" orient="auto">'
        '<path d="M0,0 L7,3 L0,6 z" fill="#555"/></marker></defs>',
    ]
    for group, boxes in picture.groups().items():
        x, y, w, h = frame(boxes, len(group))
        parts.append(
            f'<g class="nested"><rect x="{x:.1f}" y="{y:.1f}" width="{w:.1f}" height="{h:.1f}" rx="6" '
            f'fill="none" stroke="#999" stroke-dasharray="4 3"/><text x="{x + 4:.1f}" '
            f'y="{y - 3:.1f}" fill="#777" font-size="10">{escape(group[-1])}</text></g>'
        )
    for a, b in picture.arrows:
        d = _path(points(picture, a, b), picture.across, splines)
        parts.append(f'<path d="{d}" fill="none" stroke="#555" marker-end="url(#tip)"/>')
    parts += [_svg_box(box) for box in picture.boxes]
    return "\n".join([*parts, "</svg>"])


def frame(boxes: list[Box], depth: int) -> tuple[float, float, float, float]:
    """(x, y, width, height) of a frame around boxes; deeper ones are tighter."""
    room = max(GAP / 2 - 3 * depth, 2)
    x, y = min(b.x for b in boxes) - room, min(b.y for b in boxes) - room
    right, bottom = max(b.x + b.width for b in boxes), max(b.y + b.height for b in boxes)
    return x, y, right + room - x, bottom + room - y


Point = tuple[float, float]


def points(picture: Picture, a: int, b: int) -> list[Point]:
    """Where an arrow starts, the ends of the lanes that it goes through, and where it ends."""
    one, two = picture.boxes[a], picture.boxes[b]
    lanes = picture.lanes.get((a, b), [])
    if picture.across:
        middles = [
            (x, lane.y + lane.height / 2) for lane in lanes for x in (lane.x, lane.x + lane.length)
        ]
        start, end = (one.x + one.width, one.y + one.height / 2), (two.x, two.y + two.height / 2)
        return [start, *middles, end]
    middles = [
        (lane.x + lane.width / 2, y) for lane in lanes for y in (lane.y, lane.y + lane.length)
    ]
    start, end = (one.x + one.width / 2, one.y + one.height), (two.x + two.width / 2, two.y)
    return [start, *middles, end]


def corners(stops: list[Point], across: bool) -> list[Point]:
    """A way through all stops with right angles, turning half-way between two of them."""
    found = [stops[0]]
    for (x0, y0), (x1, y1) in itertools.pairwise(stops):
        if across:
            found += [((x0 + x1) / 2, y0), ((x0 + x1) / 2, y1), (x1, y1)]
        else:
            found += [(x0, (y0 + y1) / 2), (x1, (y0 + y1) / 2), (x1, y1)]
    return found


def _path(stops: list[Point], across: bool, splines: str) -> str:
    turns = corners(stops, across)
    if splines == "curved":
        start, *rest = [f"{x:.1f},{y:.1f}" for x, y in turns]
        return f"M{start} " + " ".join(
            "C" + " ".join(rest[i : i + 3]) for i in range(0, len(rest), 3)
        )
    return "M" + " L".join(f"{x:.1f},{y:.1f}" for x, y in (turns if splines == "ortho" else stops))


def _svg_box(box: Box) -> str:
    texts = "".join(
        f'<text x="{box.x + box.width / 2:.1f}" y="{box.y + PAD / 2 + LINE * (i + 0.75):.1f}" '
        f'text-anchor="middle">{escape(line)}</text>'
        for i, line in enumerate(box.lines)
    )
    return (
        f'<rect x="{box.x:.1f}" y="{box.y:.1f}" width="{box.width:.1f}" height="{box.height:.1f}" '
        f'rx="4" fill="{COLORS[box.trainable]}" stroke="#555"/>{texts}'
    )


# ------------------------------------------------------------------------------------------ PNG


def _paint(picture: Picture, path: Path, dpi: int) -> None:
    """Draw with Matplotlib, a hundredth of an inch for each pixel."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
        from matplotlib.patches import FancyBboxPatch
    except ImportError:
        raise UnsupportedError(
            f"Writing {path.suffix} needs Matplotlib: pip install 'hornbeam[plot]'. SVG needs nothing."
        ) from None
    width, height = picture.size
    figure = Figure(figsize=(width / 100, height / 100), dpi=dpi)
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, width), ylim=(height, 0))
    axes.axis("off")
    for group, boxes in picture.groups().items():
        x, y, w, h = frame(boxes, len(group))
        axes.add_patch(FancyBboxPatch((x, y), w, h, boxstyle="square,pad=0", fill=False, ls="--",
                                      ec="#999"))  # fmt: skip
        axes.text(x + 4, y - 3, group[-1], fontsize=6, color="#777")
    for a, b in picture.arrows:
        turns = corners(points(picture, a, b), picture.across)
        axes.plot(*zip(*turns[:-1], strict=True), color="#555", lw=0.8)
        axes.annotate("", turns[-1], turns[-2], arrowprops={"arrowstyle": "-|>", "color": "#555",
                      "lw": 0.8, "shrinkA": 0, "shrinkB": 0})  # fmt: skip
    for box in picture.boxes:
        axes.add_patch(FancyBboxPatch((box.x, box.y), box.width, box.height,
                                      boxstyle="round,pad=0,rounding_size=4",
                                      fc=COLORS[box.trainable], ec="#555", lw=0.8))  # fmt: skip
        for i, line in enumerate(box.lines):
            at = box.y + PAD / 2 + LINE * (i + 0.5)
            axes.text(box.x + box.width / 2, at, line, ha="center", va="center", fontsize=7.5)
    figure.savefig(path, dpi=dpi)


__all__ = ["Dot", "Drawing", "model_to_dot", "model_to_mermaid", "plot_model"]
