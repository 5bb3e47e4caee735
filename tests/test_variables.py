"""Variables, and pure functions made of code that assigns them."""

import numpy as np
import pytest

import hornbeam
from hornbeam import ops
from hornbeam.errors import InputError
from hornbeam.variables import Variable, autocasting, pure, recording_writes, swapped


def test_it_stands_wherever_an_array_can():
    v = Variable([1.0, 2.0], name="v")
    assert ops.add(v, 1).tolist() == [2.0, 3.0]
    assert (v * v - 1.0).tolist() == [0.0, 3.0]
    assert (1.0 / v).tolist() == [1.0, 0.5]
    assert (v == v).tolist() == [True, True]
    assert v[1] == 2.0
    assert np.asarray(v).tolist() == [1.0, 2.0]
    assert np.sum(v) == 3.0
    assert len(v) == 2
    assert {v: "usable as a key"}[v]


def test_its_value_belongs_to_nobody_else():
    source = np.ones(3, np.float32)
    v = Variable(source)
    source[:] = 5
    assert v.numpy().tolist() == [1, 1, 1]
    v.assign(source)
    source[:] = 7
    assert v.numpy().tolist() == [5, 5, 5]


def test_assignments_keep_shape_and_dtype():
    v = Variable(np.zeros((2, 2)), dtype="float32", name="w")
    v.assign(np.ones((2, 2), np.int64))
    assert v.dtype == "float32"
    v.assign_add(1.0)
    v.assign_sub([[1, 2], [3, 4]])
    assert v.numpy().tolist() == [[1, 0], [-1, -2]]
    with pytest.raises(InputError, match=r"shape \(3,\) to variable 'w' of shape \(2, 2\)"):
        v.assign(np.ones(3))


def test_initializers_and_their_mistakes():
    assert Variable(lambda shape, dtype: np.full(shape, 2, dtype), (3,)).numpy().tolist() == [2] * 3
    with pytest.raises(InputError, match="needs `shape=`"):
        Variable(lambda shape, dtype: None)
    with pytest.raises(InputError, match=r"returned shape \(2,\) where \(3,\)"):
        Variable(lambda shape, dtype: np.zeros(2), (3,))
    with pytest.raises(InputError, match="cannot contain '/'"):
        Variable(1.0, name="a/b")
    with pytest.raises(InputError, match="unknown arguments"):
        Variable(1.0, sharding="x")


def test_paths_come_from_name_scopes():
    with hornbeam.name_scope("a"), hornbeam.name_scope("b"):
        assert Variable(1.0, name="v").path == "a/b/v"


def test_autocasting_shows_another_dtype_and_keeps_the_value():
    v, fixed = Variable([1.0]), Variable([1.0], autocast=False)
    with autocasting("bfloat16"):
        assert str(v.value.dtype) == v.dtype == "bfloat16"
        assert fixed.dtype == "float32"
        v.assign([1.001])
    np.testing.assert_allclose(v.numpy(), [1.001])


def test_pure_functions_leave_no_trace():
    a, b = Variable(1.0), Variable(10.0)

    def step(x):
        a.assign(a.value + x)
        b.assign(b.value * 2)
        return a.value

    result, new = pure(step, [a, b], [np.float32(5), np.float32(6)], 2.0)
    assert (float(result), [float(n) for n in new]) == (7.0, [7.0, 12.0])
    assert (float(a), float(b)) == (1.0, 10.0)


def test_a_variable_that_a_step_may_not_touch():
    a, stray = Variable(1.0), Variable(1.0, name="stray")
    with pytest.raises(InputError, match="'stray'.*attributes of the model"):
        pure(lambda: stray.assign(2.0), [a], [a.value])
    assert float(stray) == 1.0


def test_swapping_restores_after_an_error():
    v = Variable(1.0)
    with pytest.raises(KeyError), swapped([v], [ops.zeros(())]):
        raise KeyError
    assert float(v) == 1.0


def test_writes_are_recorded_and_undone():
    a, b = Variable(1.0), Variable(2.0)
    with recording_writes() as writes:
        a.assign(5.0)
        a.assign(6.0)
    assert [v is a for v in writes.variables] == [True]
    assert b not in writes
    writes.undo()
    assert float(a) == 1.0


class TestValueAndGrad:
    def test_of_variables(self):
        w, b = Variable([1.0, 2.0]), Variable(3.0)
        seen = Variable(0.0, trainable=False)

        def loss():
            seen.assign(ops.sum(w))
            return ops.sum(w * w) + b

        value, grads = hornbeam.value_and_grad(loss)({"w": w, "b": b})
        assert float(value) == 8.0
        assert grads["w"].tolist() == [2.0, 4.0]
        assert float(grads["b"]) == 1.0
        assert float(seen) == 3.0

    def test_of_arrays_with_aux(self):
        (value, aux), grad = hornbeam.value_and_grad(lambda x: (x**2, {"x": x}), has_aux=True)(3.0)
        assert (float(value), float(aux["x"]), float(grad)) == (9.0, 3.0, 6.0)
        grads, aux = hornbeam.grad(lambda x: (x**2, 1.0), has_aux=True)(3.0)
        assert float(grads) == 6.0

    def test_of_higher_order(self):
        cube = hornbeam.grad(hornbeam.grad(lambda x: x**3))
        assert float(cube(2.0)) == 12.0

    def test_stop_gradient(self):
        w = Variable(2.0)
        _, grad = hornbeam.value_and_grad(lambda: w * ops.stop_gradient(w.value))(w)
        assert float(grad) == 2.0

    def test_mistakes(self):
        w = Variable([1.0, 2.0])
        with pytest.raises(InputError, match=r"of a scalar.*shape \(2,\)"):
            hornbeam.value_and_grad(lambda: w * 2.0)(w)
        with pytest.raises(InputError, match="nothing besides the variables"):
            hornbeam.value_and_grad(lambda x: w)(w, 1.0)
        with pytest.raises(InputError, match="must return \\(scalar, aux\\)"):
            hornbeam.value_and_grad(lambda: ops.sum(w), has_aux=True)(w)
