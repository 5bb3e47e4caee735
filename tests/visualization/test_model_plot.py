"""Pictures of models: what is in them, where it is, and in which formats."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

import hornbeam
from hornbeam import layers
from hornbeam.utils.model_boxes import Contents, picture_of
from hornbeam.utils.model_plot import model_to_dot, model_to_mermaid, plot_model

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def model():
    inner = hornbeam.Sequential(
        [hornbeam.Input((8,)), layers.Dense(8, "relu", name="a & b")], name="inner"
    )
    left, right = hornbeam.Input((4,), name="left"), hornbeam.Input((4,), name="right")
    shared = layers.Dense(8, name="shared")
    joined = layers.Concatenate(name="joined")([inner(shared(left)), shared(right)])
    frozen = layers.Dense(1, name="frozen", trainable=False)
    return hornbeam.Model([left, right], frozen(joined), name="two_ways")


def texts(svg):
    return [element.text for element in ElementTree.fromstring(svg).iter(f"{SVG}text")]


def test_every_layer_is_a_box_and_every_call_an_arrow(model):
    root = ElementTree.fromstring(plot_model(model, None, show_layer_names=True).svg)
    assert len(list(root.iter(f"{SVG}rect"))) == 6
    drawn = [t.text for t in root.iter(f"{SVG}text")]
    assert drawn == ["left (InputLayer)", "right (InputLayer)", "shared (Dense)", "inner (Sequential)",
                     "joined (Concatenate)", "frozen (Dense)"]  # fmt: skip
    arrows = [p for p in root.iter(f"{SVG}path") if "marker-end" in p.attrib]
    assert len(arrows) == 6


def test_what_is_written_in_a_box(model):
    svg = plot_model(
        model, None, show_shapes=True, show_dtype=True, show_layer_names=True, show_trainable=True,
        show_layer_activations=True, expand_nested=True,
    ).svg  # fmt: skip
    found = texts(svg)
    for line in ("input: (None, 8), (None, 8)", "output: (None, 16)", "dtype: float32", "inner",
                 "not trainable", "trainable", "activation: relu", "a & b (Dense)"):  # fmt: skip
        assert line in found
    assert "InputLayer" in texts(plot_model(model, None).svg), "classes alone by default"


@pytest.mark.parametrize("across", [False, True])
@pytest.mark.parametrize("expand", [False, True])
def test_boxes_are_beside_each_other_and_arrows_lead_onwards(model, across, expand):
    picture = picture_of(model, Contents(shapes=True), expand, across)
    for i, one in enumerate(picture.boxes):
        for two in picture.boxes[i + 1 :]:
            apart = (
                one.x + one.width <= two.x
                or two.x + two.width <= one.x
                or one.y + one.height <= two.y
                or two.y + two.height <= one.y
            )
            assert apart, (one, two)
    for a, b in picture.arrows:
        one, two = picture.boxes[a], picture.boxes[b]
        assert (two.x > one.x + one.width) if across else (two.y > one.y + one.height)
    width, height = picture.size
    assert all(0 <= b.x <= width - b.width and 0 <= b.y <= height - b.height for b in picture.boxes)


def test_nested_models_have_a_frame(model):
    picture = picture_of(model, Contents(), True, False)
    (group,) = picture.groups()
    assert group == ("inner",)
    assert 'class="nested"' in plot_model(model, None, expand_nested=True).svg
    assert "subgraph cluster_0" in model_to_dot(model, expand_nested=True)
    assert 'subgraph g3_1["inner"]' in model_to_mermaid(model, expand_nested=True)


def test_a_part_of_the_layers(model):
    drawn = texts(
        plot_model(model, None, show_layer_names=True, layer_range=("inner", "joined")).svg
    )
    assert drawn == ["inner (Sequential)", "joined (Concatenate)"]


@pytest.mark.parametrize(
    ("name", "begins"),
    [
        ("m.png", b"\x89PNG"),
        ("m.pdf", b"%PDF"),
        ("m.svg", b"<svg"),
        ("m.dot", b"digraph"),
        ("m.mmd", b"flowchart LR"),
    ],
)
def test_files(model, tmp_path, name, begins):
    plot_model(model, tmp_path / name, rankdir="LR", dpi=40, expand_nested=True, show_shapes=True)
    assert (tmp_path / name).read_bytes().startswith(begins)


def test_dot(model, tmp_path):
    dot = model_to_dot(model, rankdir="LR", subgraph=True)
    assert dot.to_string() == dot
    assert dot.startswith('subgraph "cluster_two_ways" {')
    assert "rankdir=LR" in dot
    dot.write(tmp_path / "m.dot")
    assert (tmp_path / "m.dot").read_text() == dot


def test_notebooks(model):
    drawing = plot_model(model, None)
    assert drawing._repr_svg_() == drawing.svg
    html = model._repr_html_()
    assert "<svg" in html
    assert "two_ways" in html
    assert "129 parameters" in html
    unbuilt = hornbeam.Sequential([layers.Dense(1)], name="not_yet")
    assert "not_yet" in unbuilt._repr_html_()
    assert "<svg" not in unbuilt._repr_html_()


@pytest.mark.parametrize("splines", ["ortho", "curved", "line"])
def test_arrows(model, splines):
    assert ElementTree.fromstring(plot_model(model, None, splines=splines).svg) is not None


class Subclassed(hornbeam.Model):
    def call(self, x):
        return x


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"to_file": "m.gif"}, "must end in .svg"),
        ({"to_file": None, "rankdir": "UP"}, "`rankdir` must be"),
        ({"to_file": None, "splines": "wavy"}, "`splines` must be"),
        ({"to_file": None, "layer_range": ("left", "nobody")}, "names of two layers"),
    ],
)
def test_mistakes(model, words, message):
    with pytest.raises(ValueError, match=message):
        plot_model(model, **words)


def test_models_without_a_graph():
    with pytest.raises(ValueError, match="build it, or call it on data"):
        plot_model(hornbeam.Sequential([layers.Dense(1)]), None)
    with pytest.raises(ValueError, match="only functional and sequential"):
        plot_model(Subclassed(), None)
