"""What layers that cannot be quantized say about it."""

from __future__ import annotations

from typing import Any

from hornbeam.errors import UnsupportedError


class Unquantized:
    """The part of `Layer` about quantization, which `Quantizable` layers override."""

    name: str
    dtype_policy: Any
    call: Any

    @property
    def quantization_mode(self) -> str | None:
        """How the weights are quantized: "int8", "int4", "float8", "gptq", "awq", or None."""
        return self.dtype_policy.quantization_mode  # type: ignore[no-any-return]

    def quantize(self, mode: Any = None, type_check: bool = True, config: Any = None) -> None:
        """Put the weights into few bits; layers with one large weight know how.

        Args:
            mode: "int8", "int4" or "float8".
            type_check: has no effect.
            config: a configuration from `hornbeam.quantizers`.

        Raises:
            UnsupportedError: for layers that do not know how.
        """
        raise UnsupportedError(
            f"Layer {self.name!r} ({type(self).__name__}) cannot be quantized; Dense, EinsumDense and "
            "Embedding can, and `model.quantize(mode)` does so with all of them in a model."
        )

    def quantized_build(self, input_shape: Any, mode: Any) -> None:
        """Make quantized weights; layers that can be quantized do it as part of `build`.

        Args:
            input_shape: the shape of the inputs.
            mode: how to quantize.

        Raises:
            UnsupportedError: for layers that cannot be quantized.
        """
        self.quantize(mode)

    def quantized_call(self, *args: Any, **kwargs: Any) -> Any:
        """What `call` computes, with quantized weights if the layer has any.

        Args:
            *args, **kwargs: as for `call`.
        """
        return self.call(*args, **kwargs)
