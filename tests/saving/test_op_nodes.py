"""Ops as nodes of saved graphs: Keras reads what is written here, and the other way round."""

import json

import numpy as np
import pytest

import hornbeam
from hornbeam import layers, ops, tree
from hornbeam.errors import CorruptFileError, UnknownObjectError
from hornbeam.models import op_nodes
from tests.ops import rows_basic, rows_more, rows_nn  # noqa: F401
from tests.ops.table import ROWS, Spec
from tests.ops.test_table import find

DTYPES = {"int": "int32", "bool": "bool", "complex": "complex64"}


def rows():
    """A row with arguments for each op that Keras writes, the one that says most."""
    best = {}
    for row in ROWS:
        name = row.op.split(".")[-1]
        if name not in op_nodes._MODULE_OF or not row.specs():
            continue
        kept = best.get(name)
        if kept is None or len(row.kwargs) + len(row.args) > len(kept.kwargs) + len(kept.args):
            best[name] = row
    return sorted(best.values(), key=lambda row: row.op)


def graph(row, framework, find_in):
    """The model of one call, in one framework or the other."""
    inputs = []

    def draw(leaf):
        if not isinstance(leaf, Spec):
            return leaf
        inputs.append(
            framework.Input(batch_shape=leaf.shape, dtype=DTYPES.get(leaf.kind, "float32"),
                            name=f"in_{len(inputs)}")
        )  # fmt: skip
        return inputs[-1]

    args, kwargs = tree.map_structure(draw, (row.args, row.kwargs))
    out = find(row.op, find_in)(*args, **kwargs)
    return framework.Model(inputs, tree.flatten(out))


@pytest.fixture(scope="module")
def keras():
    return pytest.importorskip("keras")


NOT_A_NODE = {"full": "what is filled with a symbolic tensor is no node here"}


def the_op(text):
    """Class and arguments of the only op in the config of a model."""
    (entry,) = [x for x in json.loads(text)["config"]["layers"] if x["inbound_nodes"]]
    fixed = {k: v for k, v in entry["config"].items() if k != "name"}
    (call,) = entry["inbound_nodes"]
    return entry["module"], entry["class_name"], fixed, len(call["args"]), sorted(call["kwargs"])


def of_keras(row, keras):
    """The model that Keras makes of the row, and whether it can read back what it writes itself."""
    try:
        model = graph(row, keras, keras.ops)
    except Exception:
        return None, False
    try:
        keras.models.model_from_json(model.to_json())
    except Exception:
        return model, False
    return model, True


@pytest.mark.parametrize("row", [r for r in rows() if r.op not in NOT_A_NODE], ids=lambda r: r.op)
def test_both_read_what_the_other_writes(row, keras):
    ours = graph(row, hornbeam, ops)
    text = ours.to_json()
    same = hornbeam.models.model_from_json(text)
    assert [t.shape for t in same.outputs] == [t.shape for t in ours.outputs]
    assert the_op(same.to_json()) == the_op(text)
    theirs, readable = of_keras(row, keras)
    if theirs is not None:
        again = hornbeam.models.model_from_json(theirs.to_json())
        assert [t.shape for t in again.outputs] == [t.shape for t in ours.outputs]
        assert the_op(theirs.to_json())[:2] == the_op(text)[:2]
        said = {k: v for k, v in the_op(text)[2].items() if v is not None}
        assert said.items() <= the_op(again.to_json())[2].items()
    if readable:  # and then the file of ours too
        read = keras.models.model_from_json(text)
        assert [tuple(t.shape) for t in read.outputs] == [tuple(t.shape) for t in theirs.outputs]


def test_a_graph_of_many_ops_computes_the_same(keras, tmp_path):
    def build(framework):
        o = framework.ops
        a = framework.Input((4, 6), name="a")
        b = framework.Input((4, 6), name="b")
        x = (1 - (2.0 * (a + 1) - b)) / 2
        x = x @ o.transpose(b, (0, 2, 1))
        y = a[:, 0], a[:, 1:3, None], a[..., -1], a[0]
        z = o.mean(o.reshape(o.concatenate([a, b], axis=-1), (-1, 48)), axis=1, keepdims=True)
        w = abs(o.relu(-o.where(a > 0, a, b * 2))) ** 2
        parts = o.split(w, 2, axis=-1)
        e = o.cast(o.einsum("bij,bkj->bik", a, b), "float16")
        stacked = o.stack([a, b], axis=1)
        constant = a * np.arange(6, dtype="float32")
        added = framework.layers.Add()([a, b])
        return framework.Model({"a": a, "b": b}, [x, *y, z, *parts, e, stacked, constant, added])

    rng = np.random.default_rng(0)
    data = {k: rng.normal(size=(3, 4, 6)).astype("float32") for k in "ab"}
    ours, theirs = build(hornbeam), build(keras)
    ours.save(tmp_path / "ours.keras")
    theirs.save(tmp_path / "theirs.keras")
    pairs = [
        (ours, keras.models.load_model(tmp_path / "ours.keras")),
        (hornbeam.models.load_model(tmp_path / "theirs.keras"), theirs),
        (hornbeam.models.load_model(tmp_path / "ours.keras"), theirs),
    ]
    for one, other in pairs:
        for p, q in zip(one.predict_on_batch(data), other.predict_on_batch(data), strict=True):
            np.testing.assert_allclose(p, q, rtol=1e-5, atol=1e-5)


def test_shared_and_nested(keras, tmp_path):
    def build(framework):
        i = framework.Input((3,), name="i")
        shared = framework.layers.Dense(3, activation="tanh", name="shared")
        inner_in = framework.Input((3,), name="inner_in")
        inside = framework.layers.Dense(3, name="inside")(inner_in)
        inner = framework.Model(inner_in, inside * 2.0, name="inner")
        stack = framework.Sequential(
            [framework.Input((3,)), framework.layers.Dense(3, name="low")], name="stack"
        )
        h = inner(shared(i)) + shared(inner(i))
        return framework.Model(i, stack(h) + inner(h))

    data = np.random.default_rng(0).normal(size=(5, 3)).astype("float32")
    ours, theirs = build(hornbeam), build(keras)
    ours.save(tmp_path / "ours.keras")
    theirs.save(tmp_path / "theirs.keras")
    np.testing.assert_allclose(
        keras.models.load_model(tmp_path / "ours.keras").predict_on_batch(data),
        ours.predict_on_batch(data), rtol=1e-5, atol=1e-6,
    )  # fmt: skip
    loaded = hornbeam.models.load_model(tmp_path / "theirs.keras")
    np.testing.assert_allclose(
        loaded.predict_on_batch(data), theirs.predict_on_batch(data), rtol=1e-5, atol=1e-6
    )
    assert len(loaded.weights) == len(theirs.weights)


def test_ops_and_layers_of_one_name(keras, tmp_path):
    """Keras numbers ops without names anew; their numbers must not become those of layers."""

    def build(framework):
        o, concatenate = framework.ops, framework.layers.Concatenate
        i = framework.Input((4,))
        x = concatenate()([o.concatenate([i, i * 2], axis=-1), i])
        y = concatenate()([o.concatenate([x, o.sin(i)], axis=-1), x])
        return framework.Model(i, o.mean(o.reshape(y, (-1, 4, 7)), axis=1))

    data = np.random.default_rng(0).normal(size=(3, 4)).astype("float32")
    ours, theirs = build(hornbeam), build(keras)
    ours.save(tmp_path / "ours.keras")
    theirs.save(tmp_path / "theirs.keras")
    entries = json.loads(ours.to_json())["config"]["layers"]
    said = {x["name"]: "name" in x["config"] for x in entries if x["module"].endswith("ops.numpy")}
    assert said == {
        "concatenate_1": True, "concatenate_3": True,  # as the layers around them are called
        "multiply": True, "sin": True, "reshape": False, "mean": False,
    }  # fmt: skip
    hornbeam.naming.reset_names()
    keras.utils.clear_session(free_memory=False)
    again = hornbeam.models.load_model(tmp_path / "ours.keras")
    assert [x["name"] for x in json.loads(again.to_json())["config"]["layers"]] == [
        x["name"] for x in entries
    ]
    hornbeam.naming.reset_names()
    for model in (
        again,
        hornbeam.models.load_model(tmp_path / "theirs.keras"),
        keras.models.load_model(tmp_path / "ours.keras"),
    ):
        got = model.predict_on_batch(data)
        np.testing.assert_allclose(got, theirs.predict_on_batch(data), rtol=1e-5, atol=1e-6)


def changed(text, **changes):
    config = json.loads(text)
    node = next(x for x in config["config"]["layers"] if x["class_name"] == "Mean")
    for key, value in changes.items():
        node[key] = value
    return json.dumps(config)


def test_refusals():
    i = hornbeam.Input((4, 3))
    text = hornbeam.Model(i, ops.mean(i, axis=1)).to_json()
    read = hornbeam.models.model_from_json
    assert read(text).output_shape == (None, 3)
    with pytest.raises(UnknownObjectError, match=r"the op 'Meen', which does not exist.*'Mean'"):
        read(changed(text, class_name="Meen"))
    with pytest.raises(CorruptFileError, match=r"the op 'mean' unknown arguments \['evil'\]"):
        read(changed(text, config={"name": "mean", "evil": 1}))
    with pytest.raises(CorruptFileError, match="entry of an op in a config is malformed"):
        read(changed(text, config=[1]))
    with pytest.raises(CorruptFileError, match="name of an op in a config must be a string"):
        read(changed(text, config={"name": 7}))
    with pytest.raises(CorruptFileError, match="in a way it cannot be called"):
        read(changed(text, inbound_nodes=[{"args": [1, 2, 3, 4], "kwargs": {}}]))


def test_an_op_of_our_own_is_saved_under_our_name(tmp_path):
    i = hornbeam.Input((4,))
    model = hornbeam.Model(i, layers.Dense(2)(ops.mish(i)))
    model.save(tmp_path / "m.keras")
    loaded = hornbeam.models.load_model(tmp_path / "m.keras")
    x = np.ones((2, 4), "float32")
    np.testing.assert_array_equal(loaded.predict_on_batch(x), model.predict_on_batch(x))
