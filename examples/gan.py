"""A generative adversarial network that learns to draw points of a circle.

Goodfellow et al., "Generative adversarial nets" (2014): a generator makes points of noise, a
discriminator tells them from real ones, and each learns from the other's mistakes. Two optimizers in one
`train_step`; no engine is named, so it runs on each: ``HORNBEAM_BACKEND=torch python examples/gan.py``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import hornbeam
from hornbeam import layers, losses, metrics, ops, optimizers, random

LATENT = 4


class GAN(hornbeam.Model):
    """A generator and a discriminator of points in the plane."""

    def __init__(self) -> None:
        super().__init__()
        self.generator = hornbeam.Sequential(
            [
                layers.Dense(32, activation="relu"),
                layers.Dense(32, activation="relu"),
                layers.Dense(2),
            ]
        )
        self.discriminator = hornbeam.Sequential(
            [layers.Dense(32, activation="leaky_relu"), layers.Dropout(0.1), layers.Dense(1)]
        )
        self.noise = random.SeedGenerator(1)
        self.generator_optimizer = optimizers.Adam(2e-3)
        self.error = losses.BinaryCrossentropy(from_logits=True)
        self.means = {
            name: metrics.Mean(name=name) for name in ("generator_loss", "discriminator_loss")
        }

    def call(self, latent: Any) -> Any:
        return self.discriminator(self.generator(latent))

    def drawn(self, count: int) -> Any:
        """`count` points of the generator."""
        return self.generator(random.normal((count, LATENT), seed=self.noise), training=True)

    def train_step(self, data: Any) -> dict[str, Any]:
        real, _, _ = hornbeam.utils.unpack_x_y_sample_weight(data)
        count = real.shape[0]
        truth = ops.concatenate([ops.ones((count, 1)), ops.zeros((count, 1))])

        def discriminator_loss() -> Any:
            points = ops.concatenate([real, ops.stop_gradient(self.drawn(count))])
            return self.error(truth, self.discriminator(points, training=True))

        def generator_loss() -> Any:
            return self.error(ops.ones((count, 1)), self.discriminator(self.drawn(count)))

        weights = self.discriminator.trainable_variables
        loss, gradients = hornbeam.value_and_grad(discriminator_loss)(weights)
        self.optimizer.apply(gradients, weights)
        self.means["discriminator_loss"].update_state(loss)

        weights = self.generator.trainable_variables
        loss, gradients = hornbeam.value_and_grad(generator_loss)(weights)
        self.generator_optimizer.apply(gradients, weights)
        self.means["generator_loss"].update_state(loss)
        return {name: mean.result() for name, mean in self.means.items()}


def train(epochs: int = 30, verbose: Any = 0) -> dict[str, list[float]]:
    """The history of the losses."""
    angles = np.random.default_rng(0).uniform(0, 2 * np.pi, 512)
    points = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype("float32")
    model = GAN()
    model(np.zeros((1, LATENT), "float32"))
    model.compile(optimizers.Adam(2e-3))
    return dict(model.fit(points, batch_size=64, epochs=epochs, verbose=verbose).history)


if __name__ == "__main__":
    hornbeam.utils.set_random_seed(0)
    train(verbose=2)
