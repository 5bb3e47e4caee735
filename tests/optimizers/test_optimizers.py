"""Optimizers against Keras: 50 updates, states, configs; eager and as compiled pure functions."""

import inspect
import os

os.environ.setdefault("KERAS_BACKEND", "jax")

import keras
import numpy as np
import pytest

import hornbeam
from hornbeam import optimizers
from hornbeam.backends import registry
from hornbeam.errors import InputError, UnknownNameError
from hornbeam.optimizers import schedules
from tests.engines import ENGINES

STEPS = 50
SCHEDULE = ("ExponentialDecay", (0.1, 5, 0.5))

ROWS = [
    ("SGD", {}),
    ("SGD", {"momentum": 0.9}),
    ("SGD", {"momentum": 0.9, "nesterov": True, "weight_decay": 0.01}),
    ("SGD", {"use_ema": True, "ema_momentum": 0.8, "ema_overwrite_frequency": 3}),
    ("SGD", {"gradient_accumulation_steps": 3, "momentum": 0.9}),
    ("RMSprop", {}),
    ("RMSprop", {"centered": True, "momentum": 0.5}),
    ("Adam", {}),
    ("Adam", {"amsgrad": True, "clipnorm": 0.5}),
    ("Adam", {"clipvalue": 0.1, "loss_scale_factor": 4.0}),
    ("Adam", {"global_clipnorm": 0.3}),
    ("Adam", {"learning_rate": SCHEDULE}),
    ("Adam", {"gradient_accumulation_steps": 2, "use_ema": True, "learning_rate": SCHEDULE}),
    ("AdamW", {}),
    ("Adagrad", {"weight_decay": 0.1}),
    ("Adadelta", {}),
    ("Adafactor", {}),
    ("Adafactor", {"relative_step": False, "weight_decay": 0.01}),
    ("Adamax", {}),
    ("Ftrl", {}),
    ("Ftrl", {"l1_regularization_strength": 0.1, "l2_regularization_strength": 0.1, "beta": 0.2}),
    ("Lamb", {}),
    ("Lion", {}),
    ("Muon", {}),
    ("Muon", {"nesterov": False, "rms_rate": None, "exclude_layers": ["v1"]}),
    ("Nadam", {}),
    ("Nadam", {"gradient_accumulation_steps": 2}),
    ("ScheduleFreeAdamW", {"warmup_steps": 5, "weight_decay": 0.01}),
]
IDS = [f"{name}-{'-'.join(kwargs)}" for name, kwargs in ROWS]


def make(library, name, kwargs):
    kwargs = {"learning_rate": 0.05, **kwargs}
    if kwargs["learning_rate"] is SCHEDULE:
        kind, args = SCHEDULE
        kwargs["learning_rate"] = getattr(library.optimizers.schedules, kind)(*args)
    return getattr(library.optimizers, name)(**kwargs)


def data(steps=STEPS):
    rng = np.random.default_rng(0)
    first = [rng.standard_normal(s).astype(np.float32) for s in ((3, 4), (4,), (2, 3, 4, 5))]
    grads = [[rng.standard_normal(x.shape).astype(np.float32) for x in first] for _ in range(steps)]
    return first, grads


def variables(library, first):
    return [library.Variable(x, name=f"v{i}") for i, x in enumerate(first)]


def distance(ours, theirs):
    pairs = zip(ours, theirs, strict=True)
    return max(float(np.abs(np.asarray(a) - np.asarray(b)).max()) for a, b in pairs)


@pytest.mark.parametrize(("name", "kwargs"), ROWS, ids=IDS)
def test_updates_and_state_equal_those_of_keras(name, kwargs):
    first, grads = data()
    theirs, their_variables = make(keras, name, kwargs), variables(keras, first)
    theirs.build(their_variables)
    ours, our_variables = make(hornbeam, name, kwargs), variables(hornbeam, first)
    ours.build(our_variables)
    # ours as a compiled pure function, carried by hand; Keras' too, for speed
    compiled = registry.get("jax").compile(ours.stateless_apply)
    state = [v.value for v in ours.variables]
    trained = [v.value for v in our_variables]
    import jax

    their_step = jax.jit(theirs.stateless_apply)
    their_state = [v.value for v in theirs.variables]
    their_trained = [v.value for v in their_variables]
    for gradients in grads:
        trained, state = compiled(state, gradients, trained)
        their_trained, their_state = their_step(their_state, gradients, their_trained)
        assert distance(trained, their_trained) < 1e-5
    assert [(tuple(v.shape), v.dtype) for v in ours.variables] == [
        (tuple(v.shape), v.dtype) for v in theirs.variables
    ]
    names = [v.path.split("/")[-1] for v in ours.variables]
    their_names = [v.path.split("/")[-1] for v in theirs.variables]
    differing = {b for a, b in zip(names, their_names, strict=True) if a != b}
    assert {n.split("_")[0] for n in differing} <= {"variable"}  # Nadam's product
    scale = 1 + max(float(np.abs(np.asarray(s)).max()) for s in their_state)
    assert distance(state, their_state) < 1e-4 * scale


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("name", "kwargs"), ROWS, ids=IDS)
def test_eager_equals_pure_on_every_engine(engine, name, kwargs):
    first, grads = data(3)
    first, grads = first[:2], [gradients[:2] for gradients in grads]
    reference, pure_variables = make(hornbeam, name, kwargs), variables(hornbeam, first)
    reference.build(pure_variables)
    state = [v.value for v in reference.variables]
    trained = [v.value for v in pure_variables]
    for gradients in grads:
        trained, state = reference.stateless_apply(state, gradients, trained)
    assert distance(pure_variables, first) == 0  # nothing has changed in the boxes
    with hornbeam.use_backend(engine):
        ours, our_variables = make(hornbeam, name, kwargs), variables(hornbeam, first)
        for gradients in grads:
            ours.apply_gradients(zip(gradients, our_variables, strict=True))
    assert distance(our_variables, trained) < 1e-5
    assert distance(ours.variables, state) < 1e-4


@pytest.mark.parametrize(("name", "kwargs"), ROWS, ids=IDS)
def test_config(name, kwargs):
    theirs, ours = make(keras, name, kwargs), make(hornbeam, name, kwargs)
    expected, config = theirs.get_config(), ours.get_config()
    expected.pop("name")
    config.pop("name")
    assert config == expected
    again = optimizers.deserialize(optimizers.serialize(ours))
    assert again.get_config()["name"] == ours.name


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("CosineDecay", (0.1, 10)),
        ("CosineDecay", (0.1, 10, 0.1, "c", 0.5, 3)),
        ("CosineDecayRestarts", (0.1, 4, 1.5, 0.8, 0.1)),
        ("CosineDecayRestarts", (0.1, 4, 1.0)),
        ("ExponentialDecay", (0.1, 10, 0.9, True)),
        ("InverseTimeDecay", (0.1, 10, 0.9)),
        ("InverseTimeDecay", (0.1, 10, 0.9, True)),
        ("PiecewiseConstantDecay", ([1, 5], [0.1, 0.2, 0.3])),
        ("PolynomialDecay", (0.1, 10, 0.01, 2.0)),
        ("PolynomialDecay", (0.1, 4, 0.01, 1.0, True)),
    ],
)
def test_schedules(name, args):
    theirs = getattr(keras.optimizers.schedules, name)(*args)
    ours = getattr(schedules, name)(*args)
    for step in range(25):
        np.testing.assert_allclose(float(ours(step)), float(theirs(step)), rtol=1e-5, atol=1e-7)
    assert ours.get_config() == theirs.get_config()
    assert schedules.deserialize(schedules.serialize(ours)).get_config() == ours.get_config()


@pytest.mark.parametrize("engine", ENGINES)
def test_loss_scaling_skips_what_is_not_finite_and_grows(engine):
    with hornbeam.use_backend(engine):
        w = hornbeam.Variable(np.array([1.0], np.float32))
        inner = optimizers.SGD(0.5)
        scaled = optimizers.LossScaleOptimizer(inner, initial_scale=4.0, dynamic_growth_steps=2)
        scaled.build([w])
        assert float(scaled.scale_loss(hornbeam.ops.convert_to_tensor(2.0))) == 8.0
        scaled.apply([np.array([4.0], np.float32)])
        assert w.numpy().tolist() == [0.5]
        scaled.apply([np.array([np.inf], np.float32)])
        assert w.numpy().tolist() == [0.5]
        assert float(scaled.dynamic_scale) == 2.0
        assert int(scaled.iterations) == 1
        for _ in range(2):
            scaled.apply([np.array([0.0], np.float32)])
        assert float(scaled.dynamic_scale) == 4.0
    again = optimizers.deserialize(optimizers.serialize(scaled))
    assert again.inner_optimizer.get_config() == inner.get_config()
    assert [v.name for v in scaled.variables] == [
        "iteration", "learning_rate", "step_counter", "dynamic_scale", "iteration", "learning_rate",
    ]  # fmt: skip
    scaled.learning_rate = 0.25
    assert float(inner.learning_rate) == 0.25


def test_an_optimizer_in_the_style_of_keras():
    class Momentum(optimizers.Optimizer):
        def __init__(self, learning_rate=0.1, beta=0.5, **kwargs):
            super().__init__(learning_rate=learning_rate, **kwargs)
            self.beta = beta

        def build(self, variables):
            if not self.built:
                super().build(variables)
                self.means = self.add_optimizer_variables(variables, "mean")

        def update_step(self, gradient, variable, learning_rate):
            mean = self.means[self._get_variable_index(variable)]
            self.assign(mean, mean * self.beta + gradient)
            self.assign_sub(variable, mean * learning_rate)

    w = hornbeam.Variable(np.array([1.0], np.float32), name="w")
    optimizer = Momentum(0.5)
    for _ in range(2):
        optimizer.apply([np.array([1.0], np.float32)], [w])
    assert w.numpy().tolist() == [1.0 - 0.5 - 0.75]
    assert optimizer.get_config()["beta"] == 0.5
    assert optimizer.variables[-1].path.endswith("/w_mean")


def test_constraints_are_applied_after_updates():
    w = hornbeam.Variable(np.array([1.0, -1.0], np.float32))
    w.constraint = hornbeam.constraints.NonNeg()
    optimizers.SGD(0.5).apply([np.array([4.0, 0.0], np.float32)], [w])
    assert w.numpy().tolist() == [0.0, 0.0]


def test_weight_decay_leaves_out_what_is_excluded():
    kernel, bias = (hornbeam.Variable(np.ones(1, np.float32), name=n) for n in ("kernel", "bias"))
    optimizer = optimizers.SGD(0.5, weight_decay=0.5)
    optimizer.exclude_from_weight_decay(var_names=["bia"])
    optimizer.apply([np.zeros(1, np.float32)] * 2, [kernel, bias])
    assert (float(kernel.numpy()[0]), float(bias.numpy()[0])) == (0.75, 1.0)


def test_averages_are_taken_over_at_the_end():
    w = hornbeam.Variable(np.array([1.0], np.float32))
    optimizer = optimizers.SGD(1.0, use_ema=True, ema_momentum=0.5)
    for _ in range(2):
        optimizer.apply([np.array([1.0], np.float32)], [w])
    optimizer.finalize_variable_values([w])
    assert w.numpy().tolist() == [-0.5]  # the mean of 0 and -1


def test_float64_stays_float64():
    w = hornbeam.Variable(np.array([1.0]), dtype="float64")
    optimizers.Adam(1e-9).apply([np.array([1.0])], [w])
    assert w.dtype == "float64"
    assert 0 < 1 - w.numpy()[0] < 2e-9


def test_state_can_be_stored_and_loaded():
    first, grads = data(2)
    optimizer, trained = optimizers.Adam(), variables(hornbeam, first)
    optimizer.apply(grads[0], trained)
    store = {}
    optimizer.save_own_variables(store)
    again = optimizers.Adam()
    again.build(trained)
    again.load_own_variables(store)
    assert distance(again.variables, optimizer.variables) == 0
    with pytest.raises(
        InputError, match="holds 8 variables of an optimizer, but .* has 2; build it"
    ):
        optimizers.Adam().load_own_variables(store)


def test_different_optimizers_for_different_variables():
    first, grads = data(5)
    results = []
    for library in (keras, hornbeam):
        chosen = library.optimizers.OptimizerMap(
            library.optimizers.SGD(0.1), {"v[12]": library.optimizers.Adam(0.01)}
        )
        both = library.optimizers.MultiOptimizer(chosen, loss_scale_factor=2.0)
        trained = variables(library, first)
        both.build(trained)
        for gradients in grads:
            both.apply(gradients, trained)
        results.append((trained, both.variables))
    assert distance(results[1][0], results[0][0]) < 1e-5
    assert distance(results[1][1], results[0][1]) < 1e-5
    again = optimizers.deserialize(optimizers.serialize(both))
    again.build(trained)
    assert [type(o).__name__ for o in again.optimizers] == ["Adam", "SGD"]
    assert {o.loss_scale_factor for o in again.optimizers} == {2.0}
    with pytest.raises(AttributeError, match="has no learning rate of its own"):
        _ = again.learning_rate
    chosen["v.*"] = optimizers.SGD()
    with pytest.raises(InputError, match=r"matches several keys of the OptimizerMap"):
        chosen["v1"]


W = np.ones(2, np.float32)


@pytest.mark.parametrize(
    ("act", "error", "match"),
    [
        (lambda: optimizers.get("admw"), UnknownNameError, "Did you mean"),
        (lambda: optimizers.Adam(rate=0.1), InputError, r"unknown arguments \['rate'\]"),
        (lambda: optimizers.Adam(clipnorm=1, clipvalue=2), InputError, "only one of `clipnorm`"),
        (lambda: optimizers.Adam("fast"), InputError, "must be a number, a LearningRateSchedule"),
        (lambda: optimizers.Adam(use_ema=True, ema_momentum=2), InputError, "`ema_momentum` must be"),
        (lambda: optimizers.Adam(gradient_accumulation_steps=0), InputError, "positive int or None"),
        (lambda: optimizers.SGD(momentum=2), InputError, r"`momentum` must be in \[0, 1\], got 2"),
        (lambda: optimizers.AdamW(weight_decay=None), InputError, "use Adam"),
        (lambda: optimizers.SGD().apply([W]), InputError, "does not know which variables"),
        (lambda: optimizers.SGD().apply_gradients([]), InputError, "no pairs"),
        (
            lambda: optimizers.SGD().apply([None], [hornbeam.Variable(W, name="lonely")]),
            InputError,
            "No variable has a gradient .*lonely",
        ),
        (lambda: optimizers.Optimizer(0.1).apply([W], [hornbeam.Variable(W)]),
         NotImplementedError, "must define `update"),
        (lambda: schedules.PiecewiseConstantDecay([1], [1]), InputError, "one value more"),
        (lambda: schedules.CosineDecay(0.1, 0), InputError, "`decay_steps` must be positive"),
        (lambda: optimizers.LossScaleOptimizer(3), InputError, "wraps an optimizer"),
    ],
)  # fmt: skip
def test_errors(act, error, match):
    with pytest.raises(error, match=match):
        act()


def test_other_variables_than_those_it_was_built_for():
    optimizer = optimizers.SGD()
    optimizer.build([hornbeam.Variable(W)])
    with pytest.raises(InputError, match="was built for other variables than 'stranger'"):
        optimizer.apply([W], [hornbeam.Variable(W, name="stranger")])


def test_a_scheduled_rate_cannot_be_set():
    optimizer = optimizers.SGD(schedules.ExponentialDecay(0.1, 10, 0.9))
    with pytest.raises(TypeError, match="cannot be set to a number"):
        optimizer.learning_rate = 0.5


def test_missing_gradients_are_told_once():
    used, unused = hornbeam.Variable(W), hornbeam.Variable(W, name="unused")
    with pytest.warns(UserWarning, match="have no gradient and stay as they are: .*unused"):
        optimizers.SGD().apply([W, None], [used, unused])


@pytest.mark.parametrize("name", hornbeam.optimizers.legacy.__all__)
def test_what_is_no_more_says_what_to_use(name):
    with pytest.raises(ImportError, match=f"Use `optimizers.{name}`: it has the same rule"):
        getattr(hornbeam.optimizers.legacy, name)(0.1, decay=1e-3)


@pytest.mark.parametrize("kind", optimizers.ALL_CLASSES[1:], ids=lambda kind: kind.__name__)
def test_build_names_its_argument_as_in_keras(kind):
    theirs = getattr(keras.optimizers, kind.__name__)
    for method in ("build", "update_step"):
        if kind in (optimizers.LossScaleOptimizer, optimizers.MultiOptimizer) and method != "build":
            continue  # they leave single steps to the optimizers within
        found, expected = (inspect.signature(getattr(k, method)) for k in (kind, theirs))
        assert list(found.parameters) == list(expected.parameters)
