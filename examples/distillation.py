"""Distillation: a small network learns from the opinions of a large one.

Hinton, Vinyals and Dean, "Distilling the knowledge in a neural network" (2015): the student's loss is a
mixture of the error on the labels and the divergence from the teacher's softened probabilities.
No engine is named: ``HORNBEAM_BACKEND=torch python examples/distillation.py`` runs it on another one.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import hornbeam
from hornbeam import layers, losses, ops, optimizers


class Distiller(hornbeam.Model):
    """A student beside its teacher, both from features to logits."""

    def __init__(
        self, student: Any, teacher: Any, alpha: float = 0.3, temperature: float = 3.0
    ) -> None:
        super().__init__()
        self.student, self.teacher = student, teacher
        self.alpha, self.temperature = alpha, temperature
        self.divergence = losses.KLDivergence()
        teacher.trainable = False

    def call(self, features: Any) -> Any:
        return self.student(features)

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        on_labels = super().compute_loss(x, y, y_pred, sample_weight, training)
        taught = ops.softmax(self.teacher(x, training=False) / self.temperature)
        learnt = ops.softmax(y_pred / self.temperature)
        on_opinions = self.divergence(taught, learnt) * self.temperature**2
        return self.alpha * on_labels + (1 - self.alpha) * on_opinions


def train(epochs: int = 10, verbose: Any = 0) -> dict[str, list[float]]:
    """The history of the student's loss and accuracy."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    x, y = np.asarray(digits.data[:640] / 16, "float32"), digits.target[:640].astype("int32")
    error = losses.SparseCategoricalCrossentropy(from_logits=True)
    teacher = hornbeam.Sequential([layers.Dense(64, activation="relu"), layers.Dense(10)])
    teacher.compile(optimizers.Adam(3e-3), error)
    teacher.fit(x, y, batch_size=64, epochs=epochs, verbose=verbose)
    student = hornbeam.Sequential([layers.Dense(12, activation="relu"), layers.Dense(10)])
    distiller = Distiller(student, teacher)
    distiller.compile(optimizers.Adam(3e-3), error, metrics=["accuracy"])
    return dict(distiller.fit(x, y, batch_size=64, epochs=epochs, verbose=verbose).history)


if __name__ == "__main__":
    hornbeam.utils.set_random_seed(0)
    train(verbose=2)
