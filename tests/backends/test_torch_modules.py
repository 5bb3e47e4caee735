"""Models as PyTorch's own modules: parameters, state, loops and optimizers of PyTorch's own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import hornbeam
from hornbeam import layers
from hornbeam.backends.torch import module
from hornbeam.errors import InputError

X = np.random.default_rng(0).random((32, 4)).astype("float32")
Y = np.stack([X.sum(1), X[:, 0] - X[:, 1]], 1)
KEYS = ["dense.kernel", "dense.bias", "dense_1.kernel", "dense_1.bias"]
KEYS += ["batch_normalization.gamma", "batch_normalization.beta"]
STATE = ["batch_normalization.moving_mean", "batch_normalization.moving_variance"]


@pytest.fixture(autouse=True)
def on_torch() -> Any:
    with hornbeam.use_backend("torch"):
        yield


def made() -> Any:
    hornbeam.utils.set_random_seed(1)
    hidden = [layers.Dense(8, activation="relu"), layers.BatchNormalization(), layers.Dropout(0.3)]
    return hornbeam.Sequential([hornbeam.Input((4,)), *hidden, layers.Dense(2)])


def test_names_are_stable() -> None:
    for _ in range(2):  # the counters of layer names go on, those of keys do not
        found = module(made())
        assert sorted(name for name, _ in found.named_parameters()) == sorted(KEYS)
        assert [name for name, _ in found.named_buffers()] == STATE
        assert sorted(found.state_dict()) == sorted(KEYS + STATE)


def test_a_loop_of_pytorchs_own_trains_the_model() -> None:
    model = made()
    wrapped = module(model)
    optimizer = torch.optim.Adam(wrapped.parameters(), 0.05)
    start = model.layers[1].moving_mean.numpy()
    losses = []
    for _ in range(30):
        optimizer.zero_grad()
        loss = torch.nn.functional.mse_loss(wrapped(torch.tensor(X)), torch.tensor(Y))
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < losses[0] / 2
    assert np.abs(model.layers[1].moving_mean.numpy() - start).max() > 0.01
    model.compile("sgd", "mse")
    assert model.evaluate(X, Y, verbose=0) < losses[0]


def test_training_and_evaluation_mode() -> None:
    wrapped = module(made())
    x = torch.tensor(X)
    assert not torch.equal(wrapped(x), wrapped(x))  # dropout
    wrapped.eval()
    assert torch.equal(wrapped(x), wrapped(x))
    with torch.no_grad():
        assert not wrapped(x).requires_grad


def test_both_sides_see_every_change() -> None:
    model = made()
    wrapped = module(model)
    leaf = wrapped.get_parameter("dense.bias")
    model.compile("sgd", "mse")
    model.fit(X, Y, verbose=0)
    assert model.layers[0].bias.value is leaf
    np.testing.assert_array_equal(leaf.detach().numpy(), model.layers[0].bias.numpy())
    moving = wrapped.state_dict()[STATE[0]].numpy()
    np.testing.assert_array_equal(moving, model.layers[1].moving_mean.numpy())
    saved = {key: value.clone() for key, value in wrapped.state_dict().items()}
    other = made()
    module(other).load_state_dict(saved)
    for one, two in zip(model.weights, other.weights, strict=True):
        np.testing.assert_array_equal(one.numpy(), two.numpy())


def test_what_models_have_themselves() -> None:
    model = made()
    assert [id(p) for p in model.parameters()] == [id(p) for _, p in model.named_parameters()]
    assert {id(p) for p in model.parameters()} == {id(w.value) for w in model.trainable_weights}
    assert sorted(model.state_dict()) == sorted(KEYS + STATE)
    assert [name for name, _ in model.named_buffers()] == STATE
    assert len(list(model.buffers())) == 2
    model(torch.tensor(X)).sum().backward()
    assert model.layers[0].kernel.value.grad is not None
    model.zero_grad()
    assert model.layers[0].kernel.value.grad is None
    model.load_state_dict({key: torch.zeros_like(v) for key, v in model.state_dict().items()})
    assert not any(w.numpy().any() for w in model.weights)
    assert len(list(model.layers[0].parameters())) == 2


def test_other_engines_have_none_of_it() -> None:
    with hornbeam.use_backend("jax"):
        model = hornbeam.Sequential([hornbeam.Input((4,)), layers.Dense(2)])
    with pytest.raises(AttributeError, match="'Sequential' object has no attribute 'parameters'"):
        model.parameters()
    with pytest.raises(InputError, match=r"on the engine 'jax'.*model.to\('torch'\)"):
        module(model)
    assert len(list(model.to("torch").parameters())) == 2


def test_mistakes() -> None:
    with pytest.raises(InputError, match="has no variables yet: call it on data"):
        module(layers.Dense(2))
    wrapped = module(made())
    with pytest.raises(InputError, match="set by its dtype policy"):
        wrapped.double()
    with pytest.raises(InputError, match="leave `assign` alone"):
        wrapped.load_state_dict(wrapped.state_dict(), assign=True)
    with pytest.raises(RuntimeError, match="Missing key"):
        wrapped.load_state_dict({})
    wrapped.to("cpu")
    assert sorted(wrapped.state_dict()) == sorted(KEYS + STATE)


def test_frozen_layers_are_frozen_for_pytorch() -> None:
    model = made()
    model.layers[0].trainable = False
    frozen = [n for n, p in module(model).named_parameters() if not p.requires_grad]
    assert sorted(frozen) == ["dense.bias", "dense.kernel"]
