"""How to quantize: quantizers of arrays, and the configurations that layers are given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from hornbeam import dtypes
from hornbeam.errors import InputError
from hornbeam.quantizers.functions import abs_max_quantize
from hornbeam.saving.objects import (
    Configurable,
    builtin,
    deserialize_keras_object,
    serialize_keras_object,
)


class Quantizer(Configurable):
    """The base of quantizers: a function from an array to ``(integers, scale)``.

    Args:
        output_dtype: the integers' dtype.

    Example:

    >>> import hornbeam
    >>> hornbeam.Quantizer().output_dtype
    'int8'
    """

    def __init__(self, output_dtype: Any = "int8") -> None:
        self.output_dtype = dtypes.standardize(output_dtype)

    def __call__(self, x: Any) -> Any:
        """`x` as it is; subclasses quantize."""
        return x

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        raise NotImplementedError(f"{type(self).__name__} must define `get_config(self)`.")


@builtin("keras.quantizers")
class AbsMaxQuantizer(Quantizer):
    """`hornbeam.quantizers.abs_max_quantize` as an object.

    Args:
        axis: the axis or axes that share a scale; may be given in the call instead.
        value_range: the least and the largest integer.
        epsilon: keeps the scale finite where all is zero.
        output_dtype: the integers' dtype.

    Example:

    >>> import hornbeam
    >>> integers, scale = hornbeam.quantizers.AbsMaxQuantizer(axis=-1)([[0.5, -1.0]])
    >>> integers.tolist()
    [[63, -127]]
    """

    def __init__(
        self,
        axis: Any = None,
        value_range: Sequence[float] = (-127, 127),
        epsilon: float = 1e-7,
        output_dtype: Any = "int8",
    ) -> None:
        super().__init__(output_dtype)
        self.axis = None if axis is None else (axis,) if isinstance(axis, int) else tuple(axis)
        self.value_range = tuple(value_range)
        self.epsilon = epsilon

    def __call__(self, x: Any, axis: Any = None, to_numpy: bool = False) -> tuple[Any, Any]:
        """(integers, scale) of `x`; without any axis each vector of the last axis has a scale."""
        over = axis if axis is not None else self.axis if self.axis is not None else -1
        return abs_max_quantize(
            x, over, self.value_range, self.output_dtype, self.epsilon, to_numpy
        )

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        config = {
            "value_range": self.value_range,
            "epsilon": self.epsilon,
            "output_dtype": self.output_dtype,
        }
        return config if self.axis is None else {**config, "axis": self.axis}


class QuantizationConfig(Configurable):
    """The base of what `layer.quantize(mode, config=...)` takes.

    Args:
        weight_quantizer: a quantizer of weights; None for the mode's own.
        activation_quantizer: a quantizer of the layer's inputs; None to leave them as they are.

    Example:

    >>> import hornbeam
    >>> hornbeam.quantizers.Int8QuantizationConfig(activation_quantizer=None).mode
    'int8'
    """

    _mode: ClassVar[str | None] = None

    def __init__(self, weight_quantizer: Any = None, activation_quantizer: Any = None) -> None:
        self.weight_quantizer = _quantizer(weight_quantizer)
        self.activation_quantizer = _quantizer(activation_quantizer)

    @property
    def mode(self) -> str:
        """The quantization mode that it configures."""
        if self._mode is None:
            raise NotImplementedError(f"{type(self).__name__} must define the property `mode`.")
        return self._mode

    def policy_mode(self) -> str:
        """The mode as a dtype policy spells it, with its settings."""
        return self.mode

    def get_config(self) -> dict[str, Any]:
        """The quantizers, as configs."""
        return {
            "weight_quantizer": serialize_keras_object(self.weight_quantizer),
            "activation_quantizer": serialize_keras_object(self.activation_quantizer),
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """The configuration with these arguments."""
        quantizers = ("weight_quantizer", "activation_quantizer")
        return cls(
            **{k: deserialize_keras_object(v) if k in quantizers else v for k, v in config.items()}
        )

    @staticmethod
    def weight_quantizer_or_default(config: Any, default: Any) -> Any:
        """The weight quantizer of `config`, or `default` where it has none or is None."""
        chosen = None if config is None else config.weight_quantizer
        return default if chosen is None else chosen

    @staticmethod
    def activation_quantizer_or_default(config: Any, default: Any) -> Any:
        """The activation quantizer of `config`, None included; `default` for no config."""
        return default if config is None else config.activation_quantizer


def _quantizer(given: Any) -> Any:
    if given is None or isinstance(given, Quantizer):
        return given
    if isinstance(given, Mapping):
        return deserialize_keras_object(given)
    raise InputError(f"A quantizer must be a `Quantizer`, its config or None, got {given!r}.")


@builtin("keras.quantizers")
class Int8QuantizationConfig(QuantizationConfig):
    """Weights of 8 bits with a scale per output; inputs as well, unless told otherwise.

    Args:
        weight_quantizer: a quantizer of weights; None for an `AbsMaxQuantizer` of the input axes.
        activation_quantizer: a quantizer of the inputs; "default" for an `AbsMaxQuantizer` of each row,
            None to keep inputs as they are.

    Example:

    >>> import hornbeam
    >>> config = hornbeam.quantizers.Int8QuantizationConfig()
    >>> type(config.activation_quantizer).__name__
    'AbsMaxQuantizer'
    """

    _mode = "int8"

    def __init__(self, weight_quantizer: Any = None, activation_quantizer: Any = "default") -> None:
        super().__init__(
            weight_quantizer,
            AbsMaxQuantizer() if activation_quantizer == "default" else activation_quantizer,
        )


@builtin("keras.quantizers")
class Int4QuantizationConfig(QuantizationConfig):
    """Weights of 4 bits, two to a byte, each block of them with a scale and a zero.

    Args:
        weight_quantizer: must be None: blocks have one way of being quantized.
        activation_quantizer: a quantizer of the inputs; "default" and None keep them as they are.
        block_size: the rows of a block; -1 for all.

    Example:

    >>> import hornbeam
    >>> hornbeam.quantizers.Int4QuantizationConfig(block_size=64).policy_mode()
    'int4/64'
    """

    _mode = "int4"

    def __init__(
        self,
        weight_quantizer: Any = None,
        activation_quantizer: Any = "default",
        block_size: int = 128,
    ) -> None:
        if weight_quantizer is not None:
            raise InputError(
                "Int4QuantizationConfig: weights of 4 bits are quantized in blocks, which no "
                f"`weight_quantizer` does; leave it at None, got {weight_quantizer!r}."
            )
        if not isinstance(block_size, int) or block_size == 0 or block_size < -1:
            raise InputError(f"`block_size` must be a positive int or -1, got {block_size!r}.")
        super().__init__(None, None if activation_quantizer == "default" else activation_quantizer)
        self.block_size = block_size

    def policy_mode(self) -> str:
        """``int4/<block size>``."""
        return f"int4/{self.block_size}"

    def get_config(self) -> dict[str, Any]:
        """The quantizers and the size of blocks."""
        return {**super().get_config(), "block_size": self.block_size}


@builtin("keras.quantizers")
class Float8QuantizationConfig(QuantizationConfig):
    """Products of 8-bit floats, whose scales follow the largest values while training.

    Example:

    >>> import hornbeam
    >>> hornbeam.quantizers.Float8QuantizationConfig().mode
    'float8'
    """

    _mode = "float8"

    def __init__(self) -> None:
        super().__init__()

    def get_config(self) -> dict[str, Any]:
        """Nothing: there is nothing to choose."""
        return {}


class _Calibrated(QuantizationConfig):
    """What GPTQ and AWQ share: they look at what a layer is given for sample texts."""

    def __init__(
        self,
        dataset: Any,
        tokenizer: Any,
        weight_bits: int,
        num_samples: int,
        sequence_length: int,
        group_size: int,
        quantization_layer_structure: Any,
    ) -> None:
        super().__init__()
        if weight_bits not in (2, 3, 4, 8):
            raise InputError(f"`weight_bits` must be 2, 3, 4 or 8, got {weight_bits!r}.")
        for name, value in {"num_samples": num_samples, "sequence_length": sequence_length}.items():
            if not isinstance(value, int) or value < 1:
                raise InputError(f"`{name}` must be a positive int, got {value!r}.")
        if not isinstance(group_size, int) or group_size == 0 or group_size < -1:
            raise InputError(f"`group_size` must be a positive int or -1, got {group_size!r}.")
        self.dataset = dataset
        self.tokenizer = tokenizer
        self.weight_bits = weight_bits
        self.num_samples = num_samples
        self.sequence_length = sequence_length
        self.group_size = group_size
        self.quantization_layer_structure = quantization_layer_structure

    def dtype_policy_string(self) -> str:
        """``<mode>/<bits>/<group size>``."""
        return f"{self.mode}/{self.weight_bits}/{self.group_size}"

    def policy_mode(self) -> str:
        """``<mode>/<bits>/<group size>``."""
        return self.dtype_policy_string()

    def get_config(self) -> dict[str, Any]:
        """The numbers; samples, tokenizer and layers are not saved."""
        return {
            "dataset": None,
            "tokenizer": None,
            "weight_bits": self.weight_bits,
            "num_samples": self.num_samples,
            "sequence_length": self.sequence_length,
            "group_size": self.group_size,
            "quantization_layer_structure": None,
        }


@builtin("keras.quantizers")
class GPTQConfig(_Calibrated):
    """GPTQ: weights are rounded one input at a time, the rest making up for the error.

    Frantar et al. (2022), https://arxiv.org/abs/2210.17323.

    Args:
        dataset: sample texts, or arrays of token numbers of shape (tokens,).
        tokenizer: an object with ``tokenize(text)``, or a function; None for arrays of numbers.
        weight_bits: 2, 3, 4 or 8.
        num_samples: how many sequences to look at.
        per_channel: must be True: each output has scales of its own.
        sequence_length: the tokens of a sequence.
        hessian_damping: share of the mean curvature that is added, for stability, in (0, 1).
        group_size: the inputs that share a scale; -1 for all.
        symmetric: whether zero lies in the middle of the range.
        activation_order: whether inputs with the largest curvature go first.
        quantization_layer_structure: ``{"pre_block_layers": [...], "sequential_blocks": [...]}``: the
            layers that the tokens go through first, and the blocks to be quantized in their order.

    Example:

    >>> import hornbeam
    >>> hornbeam.quantizers.GPTQConfig(None, None, group_size=64).dtype_policy_string()
    'gptq/4/64'
    """

    _mode = "gptq"

    def __init__(
        self,
        dataset: Any,
        tokenizer: Any,
        *,
        weight_bits: int = 4,
        num_samples: int = 128,
        per_channel: bool = True,
        sequence_length: int = 512,
        hessian_damping: float = 0.01,
        group_size: int = 128,
        symmetric: bool = False,
        activation_order: bool = False,
        quantization_layer_structure: Any = None,
    ) -> None:
        super().__init__(
            dataset,
            tokenizer,
            weight_bits,
            num_samples,
            sequence_length,
            group_size,
            quantization_layer_structure,
        )
        if not per_channel:
            raise InputError(
                "GPTQConfig: one scale for all outputs is not offered: per_channel=True."
            )
        if not 0 < hessian_damping < 1:
            raise InputError(f"`hessian_damping` must be in (0, 1), got {hessian_damping!r}.")
        self.per_channel = per_channel
        self.hessian_damping = hessian_damping
        self.symmetric = symmetric
        self.activation_order = activation_order

    def get_config(self) -> dict[str, Any]:
        """The numbers; samples, tokenizer and layers are not saved."""
        return {
            **super().get_config(),
            "per_channel": self.per_channel,
            "hessian_damping": self.hessian_damping,
            "symmetric": self.symmetric,
            "activation_order": self.activation_order,
        }


@builtin("keras.quantizers")
class AWQConfig(_Calibrated):
    """AWQ: inputs that are large on average get finer steps, by a scale found on a grid.

    Lin et al. (2023), https://arxiv.org/abs/2306.00978.

    Args:
        dataset: sample texts, or arrays of token numbers of shape (tokens,).
        tokenizer: an object with ``tokenize(text)``, or a function; None for arrays of numbers.
        weight_bits: must be 4.
        num_samples: how many sequences to look at.
        sequence_length: the tokens of a sequence.
        group_size: the inputs that share a scale; -1 for all.
        num_grid_points: how many exponents in [0, 1) to try.
        quantization_layer_structure: as for `GPTQConfig`.

    Example:

    >>> import hornbeam
    >>> hornbeam.quantizers.AWQConfig(None, None).dtype_policy_string()
    'awq/4/128'
    """

    _mode = "awq"

    def __init__(
        self,
        dataset: Any,
        tokenizer: Any,
        *,
        weight_bits: int = 4,
        num_samples: int = 128,
        sequence_length: int = 512,
        group_size: int = 128,
        num_grid_points: int = 20,
        quantization_layer_structure: Any = None,
    ) -> None:
        if weight_bits != 4:
            raise InputError(f"AWQConfig: `weight_bits` must be 4, got {weight_bits!r}.")
        super().__init__(
            dataset,
            tokenizer,
            weight_bits,
            num_samples,
            sequence_length,
            group_size,
            quantization_layer_structure,
        )
        if not isinstance(num_grid_points, int) or num_grid_points < 1:
            raise InputError(f"`num_grid_points` must be a positive int, got {num_grid_points!r}.")
        self.num_grid_points = num_grid_points

    def get_config(self) -> dict[str, Any]:
        """The numbers; samples, tokenizer and layers are not saved."""
        return {**super().get_config(), "num_grid_points": self.num_grid_points}
