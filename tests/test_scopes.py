"""Scopes: state put in from outside, code run for shapes only, names."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import hornbeam
from hornbeam import layers, ops
from hornbeam.errors import InputError
from tests.engines import ENGINES, TRAINABLE


def values(*arrays: Any) -> list[Any]:
    return [ops.convert_to_numpy(x).tolist() for x in arrays]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_stateless_scope_maps_records_and_leaves_alone(engine: str) -> None:
    with hornbeam.use_backend(engine):
        mapped, assigned, other = (hornbeam.Variable([1.0, 2.0]) for _ in range(3))
        with hornbeam.StatelessScope([(mapped, np.array([3, 4]))]) as scope:
            assert values(mapped, mapped + 1, assigned) == [[3, 4], [4, 5], [1, 2]]
            assert ops.convert_to_numpy(mapped.value).dtype == "float32"
            assigned.assign_add([1.0, 1.0])
            mapped.assign(mapped * 2.0)
            assert values(mapped, assigned) == [[6, 8], [2, 3]]
            assert values(scope.get_current_value(mapped)) == [[6, 8]]
            scope.add_update((other, [9.0, 9.0]))
            assert sorted(scope.state_mapping) == sorted(map(id, (mapped, assigned, other)))
        assert values(mapped, assigned, other) == [[1, 2]] * 3
        kept = [scope.get_current_value(v) for v in (mapped, assigned, other)]
        assert values(*kept) == [[6, 8], [2, 3], [9, 9]]
        assert scope.get_current_value(hornbeam.Variable(0.0)) is None


@pytest.mark.parametrize("engine", ENGINES)
def test_stateless_scopes_in_each_other_and_after_errors(engine: str) -> None:
    with hornbeam.use_backend(engine):
        v, w = hornbeam.Variable(1.0), hornbeam.Variable(1.0)
        with pytest.raises(ZeroDivisionError), hornbeam.StatelessScope([(v, 2.0)]) as outer:
            with hornbeam.StatelessScope([(w, 7.0)]) as inner:
                assert values(v, w) == [2, 7]
                v.assign(3.0)
            assert values(v, w, inner.get_current_value(v)) == [2, 1, 3]
            w.assign(5.0)
            raise ZeroDivisionError
        assert values(v, w) == [1, 1]
        assert values(outer.get_current_value(v), outer.get_current_value(w)) == [2, 5]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_stateless_scope_is_a_stateless_call(engine: str) -> None:
    """Of a layer with moving averages and a seed: the same outputs, the same new state."""
    x = np.random.default_rng(0).normal(size=(4, 3)).astype("float32")
    with hornbeam.use_backend(engine):
        model = hornbeam.Sequential([layers.Dense(2), layers.BatchNormalization()])
        model.add(layers.Dropout(0.5, seed=1))
        model.build((None, 3))
        trainable = [ops.convert_to_tensor(v + 0.5) for v in model.trainable_variables]
        rest = [ops.convert_to_tensor(v.numpy()) for v in model.non_trainable_variables]
        expected, state = model.stateless_call(trainable, rest, x, training=True)
        pairs = [
            *zip(model.trainable_variables, trainable, strict=True),
            *zip(model.non_trainable_variables, rest, strict=True),
        ]
        with hornbeam.StatelessScope(state_mapping=pairs) as scope:
            outputs = model(x, training=True)
        np.testing.assert_allclose(*map(ops.convert_to_numpy, (outputs, expected)), rtol=1e-6)
        new = [scope.get_current_value(v) for v in model.non_trainable_variables]
        assert values(*new) == values(*state)
        assert values(*new) != values(*rest)
        assert values(*model.non_trainable_variables) == values(*rest)


@pytest.mark.parametrize("engine", TRAINABLE)
def test_gradients_go_through_a_stateless_scope(engine: str) -> None:
    with hornbeam.use_backend(engine):
        v = hornbeam.Variable([1.0, 2.0])

        def loss(value: Any) -> Any:
            with hornbeam.StatelessScope([(v, value)]) as scope:
                v.assign(v * v)
            return ops.sum(scope.get_current_value(v) * 3.0)

        (gradient,) = [hornbeam.grad(loss)(ops.convert_to_tensor([2.0, 5.0]))]
        assert values(gradient, v) == [[12, 30], [1, 2]]


class Penalized(hornbeam.Layer):
    def call(self, x: Any) -> Any:
        self.add_loss(ops.sum(x))
        return x


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("collect", [True, False])
def test_losses_are_collected_and_layers_keep_theirs(engine: str, collect: bool) -> None:
    with hornbeam.use_backend(engine):
        model = hornbeam.Sequential([Penalized(), layers.Dense(1, kernel_regularizer="l2")])
        model(np.ones((1, 2), "float32"))
        with hornbeam.StatelessScope(collect_losses=collect) as scope:
            model(np.full((1, 2), 3, "float32"))
            scope.add_loss(1.0)
        assert values(*scope.losses) == ([6, 1] if collect else [1])
        assert values(*model.losses)[0] == 2
        model(np.ones((1, 2), "float32") * 2)
        assert values(*model.losses)[0] == 4


def test_what_is_wrong_with_a_state_mapping_is_said() -> None:
    v = hornbeam.Variable([1.0, 2.0], name="v")
    with pytest.raises(InputError, match=r"takes pairs \(variable, value\)"):
        hornbeam.StatelessScope([v])
    with pytest.raises(InputError, match=r"takes pairs \(variable, value\)"):
        hornbeam.StatelessScope([([1.0], v)])
    with pytest.raises(InputError, match=r"shape \(3,\) for the variable 'v' of shape \(2,\)"):
        hornbeam.StatelessScope([(v, np.ones(3))])
    with hornbeam.StatelessScope() as scope, pytest.raises(InputError, match="is open already"):
        scope.__enter__()


@pytest.mark.parametrize("engine", ENGINES)
def test_a_symbolic_scope_leaves_no_state(engine: str) -> None:
    with hornbeam.use_backend(engine):
        norm, dropout = layers.BatchNormalization(), layers.Dropout(0.5, seed=1)
        x = hornbeam.Input((3,))
        norm.build((None, 3))
        before = values(*norm.variables, dropout.seed_generator.state)
        with hornbeam.SymbolicScope():
            y = dropout(norm(x))
            shape = dropout(norm(np.ones((2, 3), "float32"), training=True), training=True).shape
        assert tuple(shape) == (2, 3)
        assert values(*norm.variables, dropout.seed_generator.state) == before
        assert hornbeam.Model(x, y).output_shape == (None, 3)


def test_name_scopes_know_their_callers_and_parents() -> None:
    def path() -> str:
        return hornbeam.Variable(0.0, name="v").path

    caller = object()
    with hornbeam.name_scope("a", caller=caller) as scope:
        assert (scope.name, scope.caller, scope.deduplicate) == ("a", caller, True)
        with hornbeam.name_scope("a", caller=caller):
            assert path() == "a/v"
        with hornbeam.name_scope("a", caller=caller, deduplicate=False):
            assert path() == "a/a/v"
        with hornbeam.name_scope("a", caller=object()):
            assert path() == "a/a/v"
        with hornbeam.name_scope("b", override_parent="x/y"):
            assert path() == "x/y/b/v"
        with hornbeam.name_scope("b", override_parent=""):
            assert path() == "b/v"
        assert path() == "a/v"
    assert path() == "v"
    for wrong in ("a/b", 3):
        with pytest.raises(InputError, match="takes a string without '/'"):
            hornbeam.name_scope(wrong)  # type: ignore[arg-type]


def test_packages_find_the_scopes_under_the_names_of_keras() -> None:
    from hornbeam.compat.keras import installed

    with installed() as keras:
        assert keras.StatelessScope is hornbeam.StatelessScope
        assert keras.name_scope is hornbeam.name_scope
        assert keras.Operation is hornbeam.Operation
