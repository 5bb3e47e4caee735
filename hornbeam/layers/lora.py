"""Low-rank adaptation, injected: a weight is replaced by one that adds a trained product to it.

A layer that uses its weight as an array needs to know nothing of this.
"""

from __future__ import annotations

from typing import Any

from hornbeam.errors import InputError
from hornbeam.layers.low_rank import LowRankWeight
from hornbeam.layers.quantizable import Quantizable
from hornbeam.layers.quantized_weights import QuantizedWeight
from hornbeam.quantizers import QuantizationConfig
from hornbeam.saving.objects import deserialize_keras_object


class LowRankAdaptable(Quantizable):
    """A mixin for layers with one large weight: LoRA by constructor argument or by `enable_lora`."""

    _adapted: str
    lora_enabled: bool
    lora_rank: int | None
    lora_alpha: float | None

    def _adapt(
        self, attribute: str, rank: int | None, alpha: float | None, quantization: Any
    ) -> None:
        if isinstance(quantization, dict):
            quantization = deserialize_keras_object(quantization)
        if quantization is not None and not isinstance(quantization, QuantizationConfig):
            raise InputError(
                f"{type(self).__name__}: `quantization_config` must be one of the configurations in "
                f"hornbeam.quantizers, got {quantization!r}."
            )
        self._adapted = attribute
        self.lora_rank = rank
        self.lora_alpha = alpha if alpha is not None else rank
        self.lora_enabled = False
        self.quantization_config = quantization

    def _inject(self) -> None:
        """At the end of building: what the dtype policy and the constructor ask for."""
        self._quantize_by_policy()
        if self.lora_rank:
            self.enable_lora(self.lora_rank, self.lora_alpha)

    def enable_lora(
        self,
        rank: int,
        lora_alpha: float | None = None,
        a_initializer: Any = "he_uniform",
        b_initializer: Any = "zeros",
    ) -> None:
        """Freeze the weight and train a product of two matrices in its place.

        Args:
            rank: the rank of the product.
            lora_alpha: the product is scaled by ``lora_alpha / rank``; by default by 1.
            a_initializer: how the first factor starts.
            b_initializer: how the second factor starts; with zeros nothing changes at first.

        Raises:
            InputError: if the layer is not built, or adapted already.
        """
        layer: Any = self
        if not layer._added_weights:
            raise InputError(
                f"Layer {layer.name!r} must be built before enable_lora(): call it on data once, or "
                "pass `lora_rank=` to the constructor."
            )
        if self.lora_enabled:
            raise InputError(f"Layer {layer.name!r} has LoRA enabled already.")
        name = self._adapted
        base = getattr(layer, name)
        a = layer.add_weight((*base.shape[:-1], rank), a_initializer, name=f"lora_{name}_a")
        b = layer.add_weight((rank, base.shape[-1]), b_initializer, name=f"lora_{name}_b")
        if not isinstance(base, QuantizedWeight):
            base.trainable = False
        self.lora_enabled, self.lora_rank = True, rank
        self.lora_alpha = lora_alpha if lora_alpha is not None else rank
        setattr(layer, name, LowRankWeight(base, a, b, self.lora_alpha / rank))
