"""Layers around PyTorch's modules, JAX's functions and Flax's modules."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

import hornbeam
from hornbeam import layers
from hornbeam.errors import InputError, UnsafeFileError, UnsupportedError
from hornbeam.saving import register_keras_serializable

X = np.random.default_rng(0).random((16, 4)).astype("float32")
Y = np.stack([X.sum(1), X[:, 0] - X[:, 1]], 1)


@pytest.fixture
def on_torch() -> Any:
    with hornbeam.use_backend("torch"):
        yield


def net() -> Any:
    torch.manual_seed(0)
    return torch.nn.Sequential(
        torch.nn.Linear(4, 8), torch.nn.BatchNorm1d(8), torch.nn.ReLU(), torch.nn.Dropout(0.5)
    )


def around(module: Any, **compile_with: Any) -> Any:
    stack = [hornbeam.Input((4,)), layers.TorchModuleWrapper(module), layers.Dense(2)]
    model = hornbeam.Sequential(stack)
    model.compile(hornbeam.optimizers.Adam(0.05), "mse", **compile_with)
    return model


# ----------------------------------------------------------------------------- a module as a layer


@pytest.mark.usefixtures("on_torch")
class TestModules:
    def test_weights_are_the_modules_tensors(self) -> None:
        module = net()
        layer = layers.TorchModuleWrapper(module, name="net")
        assert [w.path for w in layer.trainable_weights][:2] == ["net/0_weight", "net/0_bias"]
        for weight, parameter in zip(layer.trainable_weights, module.parameters(), strict=True):
            assert weight.value is parameter
        names = [w.name for w in layer.non_trainable_weights]
        assert names == ["1_running_mean", "1_running_var", "1_num_batches_tracked"]
        assert layer.parameters()[0] is layer.trainable_weights[0].value

    def test_it_learns_as_the_module_would(self) -> None:
        ours, theirs = torch.nn.Linear(4, 2), torch.nn.Linear(4, 2)
        theirs.load_state_dict(ours.state_dict())
        model = hornbeam.Sequential([hornbeam.Input((4,)), layers.TorchModuleWrapper(ours)])
        model.compile(hornbeam.optimizers.SGD(0.1), "mse")
        optimizer = torch.optim.SGD(theirs.parameters(), 0.1)
        for _ in range(5):
            model.train_on_batch(X, Y)
            optimizer.zero_grad()
            torch.nn.functional.mse_loss(theirs(torch.tensor(X)), torch.tensor(Y)).backward()
            optimizer.step()
        for one, other in zip(ours.parameters(), theirs.parameters(), strict=True):
            np.testing.assert_allclose(one.detach(), other.detach(), rtol=1e-5)

    def test_mode_and_moving_statistics_follow_training(self) -> None:
        module = net()
        model = around(module)
        assert model.output_shape == (None, 2)
        start = model.layers[0].non_trainable_weights[0].numpy()
        model.predict(X, verbose=0)
        assert not module.training
        np.testing.assert_array_equal(model.layers[0].non_trainable_weights[0].numpy(), start)
        losses = model.fit(X, Y, epochs=15, verbose=0).history["loss"]
        assert module.training
        assert losses[-1] < losses[0]
        mean = model.layers[0].non_trainable_weights[0].numpy()
        assert np.abs(mean - start).max() > 0.01
        np.testing.assert_array_equal(module[1].running_mean.numpy(), mean)
        assert int(module[1].num_batches_tracked) == 15
        np.testing.assert_array_equal(model.predict(X, verbose=0), model.predict(X, verbose=0))

    def test_frozen(self) -> None:
        module = net()
        module[0].bias.requires_grad_(False)
        layer = layers.TorchModuleWrapper(module)
        assert len(layer.trainable_weights) == 3
        layer.trainable = False
        assert layer.trainable_weights == []
        assert not any(p.requires_grad for p in module.parameters())

    def test_lazy_modules_are_built_by_their_input(self) -> None:
        layer = layers.TorchModuleWrapper(torch.nn.LazyLinear(3))
        assert layer.weights == []
        assert tuple(layer(torch.ones(2, 5)).shape) == (2, 3)
        assert [w.shape for w in layer.weights] == [(3, 5), (3,)]

    @pytest.mark.parametrize("suffix", [".weights.h5", ".keras"])
    def test_files_hold_the_weights(self, suffix: str, tmp_path: Path) -> None:
        first, second = around(net()), around(net())
        first.fit(X, Y, epochs=2, verbose=0)
        path = tmp_path / f"model{suffix}"
        if suffix == ".keras":
            first.save(path)
            with pytest.raises(UnsafeFileError, match=r"never rebuilt from a file.*load_weights"):
                hornbeam.saving.load_model(path)
        else:
            first.save_weights(path)
        second.load_weights(path)
        np.testing.assert_array_equal(first.predict(X, verbose=0), second.predict(X, verbose=0))

    def test_a_registered_function_makes_the_module(self, tmp_path: Path) -> None:
        register_keras_serializable("tests.foreign")(net)
        model = around(net)
        model.fit(X, Y, verbose=0)
        model.save(tmp_path / "model.keras")
        loaded = hornbeam.saving.load_model(tmp_path / "model.keras")
        np.testing.assert_array_equal(model.predict(X, verbose=0), loaded.predict(X, verbose=0))

    def test_weights_of_another_module(self, tmp_path: Path) -> None:
        around(torch.nn.Linear(4, 8)).save_weights(tmp_path / "a.weights.h5")
        with pytest.raises(ValueError, match="do not fit Sequential.*1_running_mean"):
            around(net()).load_weights(tmp_path / "a.weights.h5")

    def test_given_shape_and_mistakes(self) -> None:
        layer = layers.TorchModuleWrapper(torch.nn.Linear(4, 8), output_shape=(None, 8))
        assert layer.compute_output_shape((None, 4)) == (None, 8)
        assert layer(hornbeam.Input((4,))).shape == (None, 8)
        with pytest.raises(InputError, match="needs a torch.nn.Module.*got int"):
            layers.TorchModuleWrapper(3)
        model = hornbeam.Sequential([hornbeam.Input((4,)), layer]).to("numpy")
        with pytest.raises(UnsupportedError, match=r"holds a module.*model.to\('torch'\)"):
            model(X)


# ---------------------------------------------------------------------------- a function as a layer


def call_with_all(params: Any, state: Any, rng: Any, inputs: Any, training: bool) -> Any:
    noise = jax.random.normal(rng, inputs.shape) if training else 0.0
    count = {"count": state["count"] + 1}
    return (inputs + 0.01 * noise) @ params["w"] + params["b"], count


def init_with_all(rng: Any, inputs: Any) -> Any:
    params = {"w": jax.random.normal(rng, (inputs.shape[-1], 2)), "b": jnp.zeros(2)}
    return params, {"count": jnp.zeros((), "int32")}


def call_plain(params: Any, inputs: Any) -> Any:
    return inputs @ params["w"]


class TestFunctions:
    def test_params_state_and_keys(self) -> None:
        layer = layers.JaxLayer(call_with_all, init_with_all, seed=1)
        model = hornbeam.Sequential([hornbeam.Input((4,)), layer])
        assert model.output_shape == (None, 2)
        assert sorted(w.name for w in layer.trainable_weights) == ["b", "w"]
        model.compile(hornbeam.optimizers.Adam(0.1), "mse")
        losses = model.fit(X, Y, batch_size=8, epochs=20, verbose=0).history["loss"]
        assert losses[-1] < losses[0] / 5
        assert int(layer.tracked_state["count"].numpy()) == 40
        np.testing.assert_array_equal(model.predict(X, verbose=0), model.predict(X, verbose=0))
        assert int(layer.tracked_state["count"].numpy()) == 40

    def test_given_params(self) -> None:
        w = np.arange(8.0, dtype="float32").reshape(4, 2)
        layer = layers.JaxLayer(call_plain, params={"w": w})
        assert layer.built
        np.testing.assert_allclose(layer(X), X @ w, rtol=1e-5)
        first = layers.JaxLayer(lambda inputs: inputs * 2)
        np.testing.assert_allclose(first(X), X * 2)
        assert first.weights == []

    def test_files(self, tmp_path: Path) -> None:
        for fn in (call_with_all, init_with_all):
            register_keras_serializable("tests.foreign")(fn)
        layer = layers.JaxLayer(call_with_all, init_with_all)
        model = hornbeam.Sequential([hornbeam.Input((4,)), layer])
        model.compile("sgd", "mse")
        model.fit(X, Y, verbose=0)
        model.save(tmp_path / "model.keras")
        loaded = hornbeam.saving.load_model(tmp_path / "model.keras")
        np.testing.assert_array_equal(model.predict(X, verbose=0), loaded.predict(X, verbose=0))

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ((lambda x: x,), r"has the parameters \['x'\].*params, state, rng, inputs, training"),
            ((lambda params: params, init_with_all), "must have a parameter `inputs`"),
            ((call_plain,), "takes `params`: give an `init_fn`"),
            ((3,), "must be a function, got 3"),
        ],
    )
    def test_mistakes(self, arguments: Any, message: str) -> None:
        with pytest.raises(InputError, match=message):
            layers.JaxLayer(*arguments)

    def test_wrong_results(self) -> None:
        layer = layers.JaxLayer(lambda state, inputs: inputs, state=1.0)
        with pytest.raises(InputError, match=r"must return \(outputs, new state\)"):
            layer(X)
        layer = layers.JaxLayer(call_with_all, lambda rng, inputs: {"w": 1})
        with pytest.raises(InputError, match=r"must return \(params, state\)"):
            layer(X)

    @pytest.mark.usefixtures("on_torch")
    def test_other_engines(self) -> None:
        with pytest.raises(UnsupportedError, match="function of JAX arrays.*set_backend"):
            layers.JaxLayer(lambda inputs: inputs)(X)


# ------------------------------------------------------------------------ Flax's protocol as a layer


class Normalized:
    """A module with Flax's protocol: a product, and a moving mean."""

    def __call__(self, x: Any, training: bool = False) -> Any: ...

    def doubled(self, x: Any) -> Any: ...

    def init(self, rngs: Any, x: Any, training: bool = False, method: Any = None) -> Any:
        w = jax.random.normal(rngs["params"], (x.shape[-1], 2))
        return {"params": {"w": w}, "batch_stats": {"mean": jnp.zeros(x.shape[-1])}}

    def apply(
        self,
        variables: Any,
        x: Any,
        rngs: Any = None,
        mutable: Any = False,
        training: bool = False,
        method: Any = None,
    ) -> Any:
        mean = variables["batch_stats"]["mean"]
        out = (x - mean) @ variables["params"]["w"] * (2 if method else 1)
        if not mutable:
            return out
        assert set(rngs) == {"dropout"}
        return out, {"batch_stats": {"mean": 0.5 * mean + 0.5 * x.mean(0)}}


class TestFlax:
    def test_it_learns(self) -> None:
        layer = layers.FlaxLayer(Normalized(), seed=2)
        model = hornbeam.Sequential([hornbeam.Input((4,)), layer, layers.Dense(2)])
        assert [w.name for w in layer.weights] == ["w", "batch_stats_mean"]
        model.compile(hornbeam.optimizers.Adam(0.1), "mse")
        losses = model.fit(X, Y, epochs=20, verbose=0).history["loss"]
        assert losses[-1] < losses[0] / 2
        np.testing.assert_allclose(layer.weights[1].numpy(), X.mean(0), rtol=1e-3)

    def test_methods_and_given_variables(self) -> None:
        module = Normalized()
        variables = module.init({"params": jax.random.key(0)}, jnp.ones((1, 4)))
        plain = layers.FlaxLayer(module, variables=variables)(X)
        for method in ("doubled", Normalized.doubled):
            twice = layers.FlaxLayer(module, method, variables)(X)
            np.testing.assert_allclose(twice, 2 * plain, rtol=1e-6)

    def test_weights_but_no_code_in_files(self, tmp_path: Path) -> None:
        models = [
            hornbeam.Sequential([hornbeam.Input((4,)), layers.FlaxLayer(Normalized())])
            for _ in range(2)
        ]
        models[0].save_weights(tmp_path / "a.weights.h5")
        models[1].load_weights(tmp_path / "a.weights.h5")
        np.testing.assert_array_equal(models[0](X), models[1](X))
        config = models[0].layers[0].get_config()
        with pytest.raises(UnsafeFileError, match="never rebuilt from a file.*load_weights"):
            layers.FlaxLayer.from_config(config)

    def test_mistakes(self) -> None:
        with pytest.raises(InputError, match="needs a Flax module.*got object"):
            layers.FlaxLayer(object())
        with pytest.raises(InputError, match="must be a dict of collections"):
            layers.FlaxLayer(Normalized(), variables=[1])
