"""Policies of layers whose weights are quantized: how, and from which policy they came."""

from __future__ import annotations

from typing import Any, ClassVar

from hornbeam.dtype_policies.policy import DTypePolicy, dtype_policy
from hornbeam.errors import InputError
from hornbeam.saving.objects import builtin

MODES = ("int8", "int4", "float8", "gptq", "awq")


@builtin("keras.dtype_policies")
class QuantizedDTypePolicy(DTypePolicy):
    """The policy of a layer with quantized weights.

    Args:
        mode: "int8", "int4" or "float8"; subclasses know modes with settings in them.
        source_name: the name of the policy that the layer had before, whose dtypes it computes in and
            keeps its other variables in; None for the global policy's.

    Raises:
        InputError: for a mode that does not exist, or for float16, whose range is too small.

    Example:

    >>> import hornbeam
    >>> policy = hornbeam.dtype_policies.QuantizedDTypePolicy("int8", "mixed_bfloat16")
    >>> policy.name, policy.quantization_mode, policy.compute_dtype
    ('int8_from_mixed_bfloat16', 'int8', 'bfloat16')
    """

    _form: ClassVar[str] = ""
    """What the mode looks like, for a policy with settings in it."""

    def __init__(self, mode: str, source_name: str | None = None) -> None:
        source = DTypePolicy(source_name or dtype_policy().name)
        kind = mode.partition("/")[0] if isinstance(mode, str) else mode
        if kind not in MODES:
            raise InputError(
                f"A quantization mode must be one of {', '.join(map(repr, MODES))}, got {mode!r}."
            )
        if kind in ("int8", "int4") and source.compute_dtype == "float16":
            raise InputError(
                f"Weights quantized as {mode!r} cannot be used in float16, whose range is too small for "
                f"their sums. Use 'mixed_bfloat16' or 'float32' in place of {source.name!r}."
            )
        super().__init__(source.name)
        self._given_mode = mode
        self._source_name = source.name
        self._name = f"{mode}_from_{source.name}"
        self._quantization_mode = kind

    def _numbers(self, count: int) -> list[int]:
        """The numbers behind the slashes of the mode."""
        parts = self._given_mode.split("/")[1:]
        numbers = [int(part) for part in parts if part.lstrip("-").isdigit()]
        if len(parts) != count or len(numbers) != count or any(n == 0 or n < -1 for n in numbers):
            raise InputError(
                f"The mode of {type(self).__name__} must look like {self._form!r}, with positive "
                f"numbers or -1 for all of an axis, got {self._given_mode!r}."
            )
        return numbers

    @property
    def quantization_mode(self) -> str | None:
        """How weights are quantized: "int8", "int4", "float8", "gptq" or "awq"."""
        return self._quantization_mode

    def get_config(self) -> dict[str, Any]:
        """``{"mode": ..., "source_name": ...}``."""
        return {"mode": self._given_mode, "source_name": self._source_name}


@builtin("keras.dtype_policies")
class QuantizedFloat8DTypePolicy(QuantizedDTypePolicy):
    """The policy of a layer that multiplies in 8-bit floats, with scales that follow its largest values.

    Args:
        mode: "float8".
        source_name: as in `QuantizedDTypePolicy`.
        amax_history_length: of how many steps the largest value counts.

    Example:

    >>> import hornbeam
    >>> hornbeam.dtype_policies.QuantizedFloat8DTypePolicy("float8", "float32").amax_history_length
    1024
    """

    default_amax_history_length = 1024

    def __init__(
        self, mode: str, source_name: str | None = None, amax_history_length: int = 1024
    ) -> None:
        super().__init__(mode, source_name)
        if isinstance(amax_history_length, bool) or not isinstance(amax_history_length, int):
            raise InputError(f"`amax_history_length` must be an int, got {amax_history_length!r}.")
        self._amax_history_length = amax_history_length

    @property
    def amax_history_length(self) -> int:
        """Of how many steps the largest value counts."""
        return self._amax_history_length

    def get_config(self) -> dict[str, Any]:
        """The mode, the source and the length of the history."""
        return {**super().get_config(), "amax_history_length": self._amax_history_length}


@builtin("keras.dtype_policies")
class Int4DTypePolicy(QuantizedDTypePolicy):
    """The policy of a layer with weights of 4 bits, in blocks that have a scale each.

    Args:
        mode: "int4/<block size>", such as "int4/128"; -1 is one block for the whole axis.
        source_name: as in `QuantizedDTypePolicy`.

    Example:

    >>> import hornbeam
    >>> hornbeam.dtype_policies.Int4DTypePolicy("int4/64", "float32").block_size
    64
    """

    _form = "int4/<block_size>"

    def __init__(self, mode: str, source_name: str | None = None) -> None:
        super().__init__(mode, source_name)
        (self.block_size,) = self._numbers(1)
        self.mode = "int4"


class _Calibrated(QuantizedDTypePolicy):
    def __init__(self, mode: str, source_name: str | None = None) -> None:
        super().__init__(mode, source_name)
        self.weight_bits, self.group_size = self._numbers(2)
        self.mode = self._quantization_mode


@builtin("keras.dtype_policies")
class GPTQDTypePolicy(_Calibrated):
    """The policy of a layer whose weights GPTQ has quantized (https://arxiv.org/abs/2210.17323).

    Args:
        mode: "gptq/<bits>/<group size>", such as "gptq/4/128"; -1 is one group for the whole axis.
        source_name: as in `QuantizedDTypePolicy`.

    Example:

    >>> import hornbeam
    >>> policy = hornbeam.dtype_policies.GPTQDTypePolicy("gptq/4/128", "float32")
    >>> policy.weight_bits, policy.group_size
    (4, 128)
    """

    _form = "gptq/<weight_bits>/<group_size>"


@builtin("keras.dtype_policies")
class AWQDTypePolicy(_Calibrated):
    """The policy of a layer whose weights AWQ has quantized (https://arxiv.org/abs/2306.00978).

    Args:
        mode: "awq/<bits>/<group size>", such as "awq/4/128"; -1 is one group for the whole axis.
        source_name: as in `QuantizedDTypePolicy`.

    Example:

    >>> import hornbeam
    >>> policy = hornbeam.dtype_policies.AWQDTypePolicy("awq/4/128", "float32")
    >>> policy.weight_bits, policy.group_size
    (4, 128)
    """

    _form = "awq/<weight_bits>/<group_size>"


def quantized(name: str) -> QuantizedDTypePolicy:
    """The policy with a name such as "int8_from_float32" or "int4/128_from_mixed_bfloat16"."""
    mode, _, source = name.partition("_from_")
    kind = mode.partition("/")[0]
    if kind == "float8":
        return QuantizedFloat8DTypePolicy(mode, source)
    if kind == "gptq":
        return GPTQDTypePolicy(mode, source)
    if kind == "awq":
        return AWQDTypePolicy(mode, source)
    return Int4DTypePolicy(mode, source) if "/" in mode else QuantizedDTypePolicy(mode, source)
