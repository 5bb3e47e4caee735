"""A critic with a gradient penalty: a gradient within the function that is differentiated.

Gulrajani et al., "Improved training of Wasserstein GANs" (2017): a critic's slope between real and made
points is kept near one, so the loss has the norm of a gradient in it, and training needs second
derivatives. No engine is named: ``HORNBEAM_BACKEND=torch python examples/gradient_penalty.py``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import hornbeam
from hornbeam import layers, metrics, ops, optimizers, random


class Critic(hornbeam.Model):
    """How much more real than made a point in the plane is."""

    def __init__(self, penalty: float = 10.0) -> None:
        super().__init__()
        self.scores = hornbeam.Sequential(
            [
                layers.Dense(32, activation="tanh"),
                layers.Dense(32, activation="tanh"),
                layers.Dense(1),
            ]
        )
        self.penalty = penalty
        self.noise = random.SeedGenerator(1)
        self.means = {name: metrics.Mean(name=name) for name in ("loss", "slope")}

    def call(self, points: Any) -> Any:
        return self.scores(points)

    def train_step(self, data: Any) -> dict[str, Any]:
        real, made, _ = hornbeam.utils.unpack_x_y_sample_weight(data)
        share = random.uniform((real.shape[0], 1), seed=self.noise)
        between = share * real + (1 - share) * made

        def loss() -> Any:
            slopes = hornbeam.grad(lambda points: ops.sum(self(points)))(between)
            norms = ops.sqrt(ops.sum(ops.square(slopes), axis=-1) + 1e-12)
            distance = ops.mean(self(made)) - ops.mean(self(real))
            return distance + self.penalty * ops.mean(ops.square(norms - 1)), ops.mean(norms)

        weights = self.trainable_variables
        (value, slope), gradients = hornbeam.value_and_grad(loss, has_aux=True)(weights)
        self.optimizer.apply(gradients, weights)
        self.means["loss"].update_state(value)
        self.means["slope"].update_state(slope)
        return {name: mean.result() for name, mean in self.means.items()}


def train(epochs: int = 20, verbose: Any = 0) -> dict[str, list[float]]:
    """The history of the loss and of the mean slope, which comes near one."""
    rng = np.random.default_rng(0)
    real = rng.normal(1.0, 0.3, (512, 2)).astype("float32")
    made = rng.normal(-1.0, 0.3, (512, 2)).astype("float32")
    model = Critic()
    model(real[:1])
    model.compile(optimizers.Adam(3e-3))
    return dict(model.fit(real, made, batch_size=64, epochs=epochs, verbose=verbose).history)


if __name__ == "__main__":
    hornbeam.utils.set_random_seed(0)
    train(verbose=2)
