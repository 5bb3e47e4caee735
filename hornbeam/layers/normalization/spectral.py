"""`SpectralNormalization`: a layer's kernel divided by its largest singular value."""

from __future__ import annotations

from typing import Any

from hornbeam import ops
from hornbeam.errors import InputError
from hornbeam.layers.core.wrapper import Wrapper
from hornbeam.saving.objects import builtin


@builtin("keras.layers")
class SpectralNormalization(Wrapper):
    """Keeps the largest singular value of a layer's kernel at 1, which bounds its Lipschitz constant.

    In training the kernel is divided by an estimate of that value, which a step of power iteration
    improves at each call.  Miyato et al., 2018, https://arxiv.org/abs/1802.05957

    Args:
        layer: a layer with a `kernel` or `embeddings`.
        power_iterations: steps of power iteration at each call in training.
        **kwargs: see `Layer`.

    Example:

    >>> import hornbeam
    >>> layer = hornbeam.layers.SpectralNormalization(hornbeam.layers.Dense(3))
    >>> layer(hornbeam.ops.ones((2, 4)), training=True).shape
    (2, 3)
    """

    def __init__(self, layer: Any, power_iterations: int = 1, **kwargs: Any) -> None:
        super().__init__(layer, **kwargs)
        if isinstance(power_iterations, bool) or not power_iterations > 0:
            raise InputError(
                f"SpectralNormalization: `power_iterations` must be positive, got {power_iterations!r}."
            )
        self.power_iterations = power_iterations

    def build(self, input_shape: Any) -> None:
        """Build the wrapped layer, and the vector of the power iteration."""
        super().build(input_shape)
        self.input_spec = self.layer.input_spec
        found = [n for n in ("kernel", "embeddings") if hasattr(self.layer, n)]
        if not found:
            raise InputError(
                f"Layer {self.path!r} (SpectralNormalization): the wrapped "
                f"{type(self.layer).__name__} has neither `kernel` nor `embeddings`."
            )
        self.kernel = getattr(self.layer, found[0])
        self.vector_u = self.add_weight(
            (1, self.kernel.shape[-1]),
            "truncated_normal",
            dtype=self.kernel.dtype,
            trainable=False,
            name="vector_u",
        )

    def call(self, inputs: Any, training: bool = False) -> Any:
        """The wrapped layer of `inputs`; in training the kernel is normalized first."""
        if training:
            vector, kernel = self.normalized_weights()
            self.vector_u.assign(vector)
            self.kernel.assign(kernel)
        return self.layer(inputs)

    def normalized_weights(self) -> tuple[Any, Any]:
        """The vector after a step of power iteration, and the kernel divided by what it estimates."""
        kernel = self.kernel.value
        matrix = ops.stop_gradient(ops.reshape(kernel, (-1, kernel.shape[-1])))
        u = ops.cast(self.vector_u.value, matrix.dtype)
        for _ in range(self.power_iterations):
            v = _unit(ops.matmul(u, ops.transpose(matrix)))
            u = _unit(ops.matmul(v, matrix))
        sigma = ops.matmul(ops.matmul(v, matrix), ops.transpose(u))
        return u, ops.divide(kernel, ops.reshape(sigma, ()))


def _unit(x: Any) -> Any:
    return ops.multiply(x, ops.rsqrt(ops.maximum(ops.sum(ops.square(x)), 1e-12)))
