"""Operations, functions made of graphs, devices, and what symbolic tensors and variables refuse."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import hornbeam
from hornbeam import layers, ops
from hornbeam.backends import registry
from hornbeam.errors import InputError, UnsupportedError
from tests.engines import ENGINES, TRAINABLE


@hornbeam.saving.register_keras_serializable("tests")
class Shift(hornbeam.Operation):
    def __init__(self, by: float, name: str | None = None) -> None:
        super().__init__(name=name)
        self.by = by

    def call(self, x: Any, y: Any = None) -> Any:
        return x + self.by if y is None else x * y


@pytest.mark.parametrize("engine", ENGINES)
def test_an_operation_computes_and_stands_in_graphs(engine: str) -> None:
    x = np.ones((2, 3), "float32")
    with hornbeam.use_backend(engine):
        shift = Shift(2.0, name="shift")
        assert ops.convert_to_numpy(shift(ops.convert_to_tensor(x))).tolist() == [[3.0] * 3] * 2
        inputs = hornbeam.Input((3,))
        model = hornbeam.Model(inputs, layers.Dense(1, kernel_initializer="ones")(shift(inputs)))
        assert shift.input is inputs
        assert shift.output.shape == (None, 3)
        again = type(model).from_config(model.get_config())
        expected = [[9.0]] * 2
        assert [ops.convert_to_numpy(m(x)).tolist() for m in (model, again)] == [expected] * 2
    assert isinstance(layers.Dense(1), hornbeam.Operation)
    assert all(isinstance(o, hornbeam.Operation) for o in model._graph.operations)


def test_operations_without_nodes_names_or_call() -> None:
    shift = Shift(1.0)
    assert shift.name.startswith("shift")
    spec = shift.compute_output_spec(hornbeam.KerasTensor((2, 3), "int32"))
    assert (spec.shape, spec.dtype, shift.inbound_nodes) == ((2, 3), "float32", [])
    assert shift.symbolic_call(hornbeam.Input((4,))).shape == (None, 4)
    shift(hornbeam.Input((4,)))
    with pytest.raises(AttributeError, match="called on symbolic tensors 2 times"):
        _ = shift.input
    assert Shift.from_config(shift.get_config()).by == 1.0
    assert shift.quantized_call(np.ones(1)).tolist() == [2.0]
    with pytest.raises(NotImplementedError, match=r"must define `call\(self, ...\)`"):
        hornbeam.Operation()(1.0)
    with pytest.raises(InputError, match="a string without '/'"):
        hornbeam.Operation(name="a/b")
    node = (hornbeam.Input((2,)) * 2.0)._node.operation
    assert type(node).from_config(node.get_config()).record is node.record
    assert node.call(np.ones(1), 2).tolist() == [2.0]


class Forgetful(hornbeam.Operation):
    def __init__(self) -> None:
        pass


def test_an_operation_that_was_not_initialized_says_so() -> None:
    with pytest.raises(InputError, match="must call `super"):
        Forgetful()(1.0)


@pytest.mark.parametrize("engine", TRAINABLE)
def test_an_operation_can_be_computed_again(engine: str) -> None:
    with hornbeam.use_backend(engine):
        shift = Shift(2.0)
        again = shift.rematerialized_call(shift.call)
        gradient = hornbeam.grad(lambda x: ops.sum(again(x, y=x)))(ops.convert_to_tensor([3.0]))
        assert ops.convert_to_numpy(gradient).tolist() == [6.0]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_function_is_an_operation(engine: str) -> None:
    with hornbeam.use_backend(engine):
        a, b = hornbeam.Input((2,), name="a"), hornbeam.Input((1,), name="b")
        dense = layers.Dense(1, kernel_initializer="ones")
        f = hornbeam.Function([a, b], {"sum": dense(a) + b, "double": b * 2.0}, name="f")
        assert f.input == [a, b]
        assert sorted(f.output) == ["double", "sum"]
        assert f.compute_output_shape([(5, 2), (5, 1)]) == {"sum": (5, 1), "double": (5, 1)}
        again = hornbeam.Function.from_config(f.get_config())
        x = [np.ones((3, 2), "float32"), np.full((3, 1), 4, "float32")]
        for one in (f, again):
            y = one(x)
            assert ops.convert_to_numpy(y["sum"]).tolist() == [[6.0]] * 3
            assert ops.convert_to_numpy(one.call(x)["double"]).tolist() == [[8.0]] * 3
        inputs = [hornbeam.Input((2,)), hornbeam.Input((1,))]
        outer = hornbeam.Function(inputs, f(inputs)["sum"])
        assert outer.operations[-1] is f  # one node, not those within it
        assert ops.convert_to_numpy(outer(x)).tolist() == [[6.0]] * 3
        with pytest.raises(InputError, match="'f' has 2 inputs"):
            f(x[:1])


@pytest.mark.parametrize("engine", ENGINES)
def test_devices(engine: str) -> None:
    with hornbeam.use_backend(engine) as backend:
        for name in ("cpu:0", "cpu", "CPU:0", backend.devices()[0]):
            with hornbeam.device(name):
                v = hornbeam.Variable(np.ones(2, "float32"))
                assert ops.convert_to_numpy(ops.ones((2,)) + v).tolist() == [2.0, 2.0]
        for wrong in ("cpu:7" if engine != "jax" else "cpu:99", "tpu:0", "abacus", 3):
            with pytest.raises(InputError, match=f"{engine!r} sees no device .*, only '"):
                hornbeam.device(wrong).__enter__()  # type: ignore[arg-type]
        if not any(d.startswith(registry._GPU) for d in backend.devices()):
            with pytest.raises(InputError, match="sees no device 'gpu:0' here"):
                hornbeam.device("gpu:0").__enter__()


def test_variables_and_symbolic_tensors_refuse_what_they_cannot_do() -> None:
    assert (+hornbeam.Variable([1.0])).tolist() == [1.0]
    assert hornbeam.Variable(1.0, layout=None).shape == ()
    with pytest.raises(UnsupportedError, match="takes no layout"):
        hornbeam.Variable(1.0, layout=("batch",))
    x = hornbeam.KerasTensor((2,))
    assert x.reshape(newshape=(2, 1)).shape == x.reshape(2, 1).shape == (2, 1)
    assert x.reshape(-1).shape == (2,)
    assert (x.ragged_rank, x.row_splits_dtype) == (None, None)
    with pytest.raises(TypeError, match="is symbolic: it has no values"):
        x.__array__()


@pytest.mark.parametrize("engine", ENGINES)
def test_operators_between_arrays_and_symbolic_tensors(engine):
    x = hornbeam.KerasTensor((2, 3))
    with hornbeam.use_backend(engine):
        ones = hornbeam.ops.ones((2, 3))
        for found in (ones - x, x - ones, ones * x, ones / x, ones + x, ones @ x.T):
            assert isinstance(found, hornbeam.KerasTensor)
