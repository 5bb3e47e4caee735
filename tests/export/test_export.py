"""Programs made of models, from every engine, and run by the libraries they are for."""

import importlib.util
import os

import numpy as np
import pytest

import hornbeam
from hornbeam import layers
from hornbeam.backends import registry
from hornbeam.errors import EngineNotFoundError, InputError, UnsupportedError
from hornbeam.export import ExportArchive, signatures
from tests.engines import ENGINES

RNG = np.random.default_rng(0)


def image_model():
    return hornbeam.Sequential(
        [
            hornbeam.Input((6, 6, 1)), layers.Conv2D(2, 3, activation="relu"),
            layers.BatchNormalization(), layers.Flatten(), layers.Dropout(0.5), layers.Dense(2),
        ]
    )  # fmt: skip


def two_inputs():
    a, b = hornbeam.Input((4,), name="a"), hornbeam.Input((4,), name="b")
    joined = layers.Concatenate()([a * 2, b])
    return hornbeam.Model({"a": a, "b": b}, {"o": layers.Dense(2)(joined), "s": joined})


def listed():
    a, b = hornbeam.Input((4,)), hornbeam.Input((4,))
    return hornbeam.Model([a, b], [layers.Dense(2)(a + b), a])


def recurrent():
    return hornbeam.Sequential(
        [
            hornbeam.Input((5,), dtype="int32"), layers.Embedding(10, 4, mask_zero=True),
            layers.LSTM(3), layers.Dense(2),
        ]
    )  # fmt: skip


def attention():
    x = hornbeam.Input((5, 8))
    return hornbeam.Model(x, layers.LayerNormalization()(layers.MultiHeadAttention(2, 4)(x, x) + x))


def rows(*shape):
    return RNG.normal(size=shape).astype("float32")


CASES = {
    "image": (image_model, lambda n: rows(n, 6, 6, 1)),
    "two inputs": (two_inputs, lambda n: {"a": rows(n, 4), "b": rows(n, 4)}),
    "listed": (listed, lambda n: [rows(n, 4), rows(n, 4)]),
    "recurrent": (recurrent, lambda n: RNG.integers(0, 10, (n, 5)).astype("int32")),
    "attention": (attention, lambda n: rows(n, 5, 8)),
}
EVERYWHERE = [(engine, "two inputs") for engine in ENGINES]
IN_DETAIL = [("jax", case) for case in CASES if case != "two inputs"]


def same(got, expected):
    if isinstance(expected, dict):
        assert set(got) == set(expected)
        got, expected = [got[key] for key in expected], list(expected.values())
    got, wanted = hornbeam.tree.flatten(got), hornbeam.tree.flatten(expected)
    assert len(got) == len(wanted)
    for one, other in zip(got, wanted, strict=True):
        np.testing.assert_allclose(np.asarray(one), other, atol=1e-5)


def places(model):
    return [(v.backend.name, id(v._value)) for v in model.variables]


@pytest.mark.parametrize(("engine", "case"), [*EVERYWHERE, *IN_DETAIL])
def test_saved_models(engine, case, tmp_path, capsys):
    tf = pytest.importorskip("tensorflow")
    make, data = CASES[case]
    with hornbeam.use_backend(engine):
        model = make()
    before = places(model)
    model.export(tmp_path / "program")
    assert "serve(" in capsys.readouterr().out
    assert places(model) == before  # not even copied
    program = tf.saved_model.load(tmp_path / "program")
    assert len(program.variables) == len(model.variables)
    for size in (1, 3):
        x = data(size)
        same(program.serve(x), model.predict(x, verbose=0))
    assert "serving_default" in program.signatures
    assert sorted(os.listdir(tmp_path)) == ["program"]


def test_saved_models_as_layers(tmp_path):
    pytest.importorskip("tensorflow")
    model = image_model()
    model.export(tmp_path / "program", verbose=False)
    x = rows(3, 6, 6, 1)
    with hornbeam.use_backend("tensorflow"):
        layer = layers.TFSMLayer(tmp_path / "program")
        got = layer(x).numpy()
    same(got, model.predict(x, verbose=0))


@pytest.mark.parametrize(
    ("engine", "case"), [("jax", "two inputs"), ("torch", "image"), ("torch", "attention")]
)
def test_exported_programs(engine, case, tmp_path, capsys):
    torch = pytest.importorskip("torch")
    make, data = CASES[case]
    with hornbeam.use_backend(engine):
        model = make()
    before = places(model)
    model.export(tmp_path / "program.pt2", format="torch")
    assert "program.pt2" in capsys.readouterr().out
    assert places(model) == before
    program = torch.export.load(tmp_path / "program.pt2").module()
    for size in (1, 3):
        x = data(size)
        given = hornbeam.tree.map_structure(torch.from_numpy, x)
        same(hornbeam.tree.map_structure(lambda t: t.numpy(), program(given)), model.predict(x))
    assert os.listdir(tmp_path) == ["program.pt2"]


@pytest.mark.skipif(
    not all(map(importlib.util.find_spec, ("torch", "onnx", "onnxscript", "onnxruntime"))),
    reason="needs onnx, onnxscript and onnxruntime",
)
def test_onnx(tmp_path):
    import onnxruntime

    model = two_inputs()
    model.export(tmp_path / "program.onnx", format="onnx", verbose=False)
    session = onnxruntime.InferenceSession(tmp_path / "program.onnx")
    assert [i.name for i in session.get_inputs()] == ["a", "b"]
    x = {"a": rows(3, 4), "b": rows(3, 4)}
    same(session.run(None, x), list(model.predict(x, verbose=0).values()))


def test_onnx_without_its_packages(tmp_path, monkeypatch):
    pytest.importorskip("torch")
    model, real = two_inputs(), importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *a: None if "onnx" in name else real(name, *a)
    )
    with pytest.raises(EngineNotFoundError, match="pip install onnx onnxscript"):
        model.export(tmp_path / "m.onnx", format="onnx")
    assert os.listdir(tmp_path) == []


def test_several_endpoints(tmp_path):
    tf = pytest.importorskip("tensorflow")
    model = image_model()
    scale = hornbeam.Variable(3.0, name="scale")
    archive = ExportArchive()
    archive.track(model)
    archive.track(scale)
    archive.add_endpoint("scaled", lambda x: model(x) * scale, [hornbeam.Input((6, 6, 1))])
    spec = [hornbeam.InputSpec(shape=(2, 6, 6, 1), dtype="float32")]
    assert archive.add_endpoint("two", model, spec) is model
    archive.add_variable_collection("kernels", model.trainable_variables[:1])
    archive.write_out(tmp_path / "p", verbose=False)
    program = tf.saved_model.load(tmp_path / "p")
    x = rows(2, 6, 6, 1)
    expected = model.predict(x, verbose=0)
    same(program.scaled(x), expected * 3)
    same(program.two(x), expected)
    assert len(program.kernels) == 1
    with pytest.raises((TypeError, ValueError), match="signature"):
        program.two(rows(3, 6, 6, 1))


def test_a_folder_is_replaced_as_a_whole(tmp_path, monkeypatch):
    pytest.importorskip("tensorflow")
    folder = tmp_path / "p"
    folder.mkdir()
    (folder / "old").write_text("x")
    model = hornbeam.Sequential([hornbeam.Input((2,)), layers.Dense(1)])
    backend = registry.exporter("tf_saved_model")
    with monkeypatch.context() as patch:
        patch.setattr(backend, "save_program", lambda path, *a: os.mkdir(path) or 1 / 0)
        with pytest.raises(ZeroDivisionError):
            model.export(folder, verbose=False)
    assert os.listdir(folder) == ["old"]
    assert os.listdir(tmp_path) == ["p"]
    model.export(folder, verbose=False)
    assert "saved_model.pb" in os.listdir(folder)
    assert "old" not in os.listdir(folder)
    assert os.listdir(tmp_path) == ["p"]


def test_models_that_do_not_say_what_they_take(tmp_path):
    class Own(hornbeam.Model):
        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(2)

        def call(self, x):
            return self.dense(x)

    model = Own()
    with pytest.raises(InputError, match=r"Pass `input_signature="):
        model.export(tmp_path / "p")
    model(rows(3, 4))
    (spec,) = signatures.signature_of(model)
    assert spec.shape == (None, 4)


@pytest.mark.parametrize(
    ("act", "error", "match"),
    [
        (lambda a, m: m.export("x", format="openvino"), UnsupportedError, "openvino.convert_model"),
        (lambda a, m: m.export("x", format="litert"), UnsupportedError, "TFLiteConverter"),
        (lambda a, m: m.export("x", format="tf_saved"), UnsupportedError, "Did you mean"),
        (lambda a, m: m.export("x", more=1), TypeError, "unknown arguments"),
        (lambda a, m: ExportArchive("onnx"), UnsupportedError, "Model.export"),
        (lambda a, m: ExportArchive(more=1), TypeError, "unknown arguments"),
        (lambda a, m: a.track(7), InputError, "takes layers"),
        (lambda a, m: a.track(layers.Dense(2)), InputError, "has not been built"),
        (lambda a, m: a.add_endpoint("f", len), InputError, "needs `input_signature="),
        (lambda a, m: a.add_endpoint("f", len, [None]), InputError, "A signature is made of"),
        (lambda a, m: a.add_endpoint("1", m), InputError, "identifier, got '1'"),
        (lambda a, m: a.add_endpoint("variables", m), InputError, "new name"),
        (lambda a, m: a.add_endpoint("f", m, None, more=1), TypeError, "unknown arguments"),
        (lambda a, m: a.add_variable_collection("v", [1]), InputError, "list of variables"),
        (lambda a, m: a.add_variable_collection("v v", []), InputError, "identifier"),
        (lambda a, m: a.write_out("x"), InputError, "no endpoint"),
    ],
)
def test_messages(act, error, match):
    model = hornbeam.Sequential([hornbeam.Input((2,)), layers.Dense(1)])
    with pytest.raises(error, match=match):
        act(ExportArchive(), model)
