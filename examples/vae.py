"""A variational autoencoder that squeezes digits of 8 x 8 pixels into two numbers.

Kingma and Welling, "Auto-encoding variational Bayes" (2013): the encoder gives a mean and a variance, a
sample of that distribution is decoded again, and the loss is what got lost plus the divergence of the
distribution from a standard normal one. No engine is named:
``HORNBEAM_BACKEND=torch python examples/vae.py`` runs it on another one.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import hornbeam
from hornbeam import layers, metrics, ops, optimizers, random

PIXELS, LATENT = 64, 2


class Sampling(layers.Layer):
    """A sample of the normal distribution with the given mean and logarithm of the variance."""

    def __init__(self, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.seed_generator = random.SeedGenerator(seed)

    def call(self, mean: Any, log_variance: Any) -> Any:
        noise = random.normal(ops.shape(mean), seed=self.seed_generator)
        return mean + ops.exp(0.5 * log_variance) * noise


class VAE(hornbeam.Model):
    """Pixels in [0, 1] of shape (batch, 64) to their reconstruction's logits."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = hornbeam.Sequential(
            [layers.Dense(32, activation="relu"), layers.Dense(2 * LATENT)]
        )
        self.sampling = Sampling(seed=1)
        self.decoder = hornbeam.Sequential(
            [layers.Dense(32, activation="relu"), layers.Dense(PIXELS)]
        )
        self.means = {name: metrics.Mean(name=name) for name in ("loss", "lost", "divergence")}

    def call(self, pixels: Any) -> Any:
        mean, log_variance = ops.split(self.encoder(pixels), 2, axis=-1)
        return self.decoder(self.sampling(mean, log_variance)), mean, log_variance

    def train_step(self, data: Any) -> dict[str, Any]:
        pixels, _, _ = hornbeam.utils.unpack_x_y_sample_weight(data)

        def losses() -> Any:
            logits, mean, log_variance = self(pixels, training=True)
            error = ops.binary_crossentropy(pixels, logits, from_logits=True)
            lost = ops.mean(ops.sum(error, axis=-1))
            distance = 1 + log_variance - ops.square(mean) - ops.exp(log_variance)
            divergence = -0.5 * ops.mean(ops.sum(distance, axis=-1))
            return lost + divergence, (lost, divergence)

        weights = self.trainable_variables
        (loss, (lost, divergence)), gradients = hornbeam.value_and_grad(losses, has_aux=True)(
            weights
        )
        self.optimizer.apply(gradients, weights)
        for mean, value in zip(self.means.values(), (loss, lost, divergence), strict=True):
            mean.update_state(value)
        return {name: mean.result() for name, mean in self.means.items()}


def train(epochs: int = 20, verbose: Any = 0) -> dict[str, list[float]]:
    """The history of the losses."""
    from sklearn.datasets import load_digits

    pixels = np.asarray(load_digits().data[:512] / 16, "float32")
    model = VAE()
    model(pixels[:1])
    model.compile(optimizers.Adam(3e-3))
    return dict(model.fit(pixels, batch_size=64, epochs=epochs, verbose=verbose).history)


if __name__ == "__main__":
    hornbeam.utils.set_random_seed(0)
    train(verbose=2)
