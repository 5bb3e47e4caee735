"""Quantization, injected: a layer's weight is replaced by one of fewer bits.

A layer that uses its weight as an array needs to know nothing of this; one that multiplies by it does so
in `product`, so that inputs and gradients can be quantized as well.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from hornbeam import dtype_policies, ops, quantizers
from hornbeam.dtype_policies.quantized import MODES
from hornbeam.errors import InputError, UnsupportedError
from hornbeam.layers.low_rank import LowRankWeight
from hornbeam.layers.quantized_weights import (
    CalibratedWeight,
    Float8Scaling,
    Float8Weight,
    Int4Form,
    Int4Weight,
    Int8Weight,
    Layout,
)
from hornbeam.quantizers import QuantizationConfig
from hornbeam.quantizers.calibrated import rounded

CONFIGS = {
    "int8": quantizers.Int8QuantizationConfig,
    "int4": quantizers.Int4QuantizationConfig,
    "float8": quantizers.Float8QuantizationConfig,
}


def chosen_config(mode: Any, config: Any) -> Any:
    """The configuration that `quantize(mode, config=config)` means.

    Raises:
        InputError: for a mode that there is not, or one that is not that of `config`.
    """
    if isinstance(mode, QuantizationConfig) and config is None:
        mode, config = None, mode
    if config is not None and not isinstance(config, QuantizationConfig):
        raise InputError(f"`config` must be a QuantizationConfig, got {config!r}.")
    if mode is None and config is None:
        raise InputError("quantize() needs a mode, such as 'int8', or a `config`.")
    if mode is not None and mode not in MODES:
        raise InputError(f"`mode` must be one of {', '.join(map(repr, MODES))}, got {mode!r}.")
    if config is None:
        if mode not in CONFIGS:
            name = {"gptq": "GPTQConfig", "awq": "AWQConfig"}[mode]
            raise InputError(
                f"Mode {mode!r} looks at samples: pass `config=hornbeam.quantizers.{name}(...)`."
            )
        return CONFIGS[mode]()
    if mode is not None and config.mode != mode:
        raise InputError(f"The mode is {mode!r}, but that of `config` is {config.mode!r}.")
    return config


class Quantizable:
    """A mixin for layers with one large weight, which can be quantized."""

    _adapted: str
    _quantization_modes: tuple[str, ...] = MODES
    quantization_config: Any

    def _layout(self, name: str | None = None) -> Layout:
        """How the weight, or the one of that name, is used in products; subclasses know."""
        raise NotImplementedError

    def _int4_form(self, name: str) -> Int4Form:
        """How the weight of that name is kept in four bits."""
        return Int4Form()

    def _quantized_names(self) -> tuple[str, ...]:
        """The weights that are quantized."""
        return (self._adapted,)

    def product(self, inputs: Any) -> Any:
        """The inputs times the weight; subclasses know how."""
        raise NotImplementedError

    @property
    def variable_serialization_spec(self) -> dict[str | None, list[str]]:
        """The names of the variables that are saved, by mode of quantization, in their order."""
        name = self._adapted
        bias = ["bias"] if hasattr(self, "use_bias") or hasattr(self, "bias_axes") else []
        blocks = [f"{name}_scale", f"{name}_zero", "g_idx"]
        spec: dict[str | None, list[str]] = {
            None: [name, *bias],
            "int8": [name, *bias, f"{name}_scale"],
            "int4": [name, *bias, *blocks],
        }
        if "float8" in self._quantization_modes:
            scaled = [
                f"{what}_{part}"
                for what in ("inputs", name, "outputs_grad")
                for part in ("scale", "amax_history")
            ]
            spec["float8"] = [name, *bias, *scaled]
            spec["gptq"] = [*bias, f"quantized_{name}", *blocks]
            spec["awq"] = [*bias, f"quantized_{name}", *blocks[:2], "awq_scales", "g_idx"]
        return spec

    # ---------------------------------------------------------------------------------- quantizing

    def quantize(self, mode: Any = None, type_check: bool = True, config: Any = None) -> None:
        """Put the weight into few bits, for good.

        Args:
            mode: "int8", "int4" or "float8"; "gptq" and "awq" look at samples and are for whole models:
                `model.quantize`.
            type_check: has no effect: subclasses are quantized as their base is.
            config: a configuration from `hornbeam.quantizers`; None for the mode's usual one.

        Raises:
            UnsupportedError: for a mode that this layer does not have.
            InputError: if the layer is not built, is quantized already, or the mode is unknown.
        """
        layer: Any = self
        config = chosen_config(mode, config)
        if not layer._added_weights:
            raise InputError(
                f"Layer {layer.name!r} must be built before quantize(): call it on data once."
            )
        if layer.quantization_mode is not None:
            raise InputError(
                f"Layer {layer.name!r} is quantized already, with the policy "
                f"{layer.dtype_policy.name!r}."
            )
        if config.mode not in self._quantization_modes:
            raise UnsupportedError(
                f"Layer {layer.name!r} ({type(self).__name__}) cannot be quantized as {config.mode!r}, "
                f"only as {', '.join(map(repr, self._quantization_modes))}."
            )
        if config.mode in ("gptq", "awq"):
            raise InputError(
                f"Mode {config.mode!r} looks at what a layer is given: quantize the model, with "
                f"`model.quantize({config.mode!r}, config=...)`."
            )
        self._quantize_into(config)

    def quantized_build(self, kernel_shape: Any, mode: Any, config: Any = None) -> None:
        """Replace the weight by variables of few bits, as `quantize` does and as loading needs it.

        Args:
            kernel_shape: the shape of the weight, which the layer knows.
            mode: how to quantize.
            config: a configuration from `hornbeam.quantizers`.
        """
        self._quantize_into(chosen_config(mode, config))

    def _quantize_by_policy(self) -> None:
        """After building: what the dtype policy asks for."""
        policy = self.dtype_policy  # type: ignore[attr-defined]
        mode = policy.quantization_mode
        if mode is None or self._adapted not in self.__dict__:
            return
        if mode in ("gptq", "awq"):
            blank = np.zeros(self._layout().matrix_shape, np.float32)
            self._set_calibrated(rounded(blank, policy), policy)
            return
        config = self.quantization_config
        if config is None:
            size = getattr(policy, "block_size", -1)
            config = (
                quantizers.Int4QuantizationConfig(block_size=size)
                if mode == "int4"
                else CONFIGS[mode]()
            )
        self._quantize_into(config)

    def _quantize_into(self, config: Any) -> None:
        layer: Any = self
        source = layer.dtype_policy
        if source.quantization_mode is None:
            name = f"{config.policy_mode()}_from_{source.name}"
            layer.dtype_policy = dtype_policies.get(name)
        self.quantization_config = config
        for name in self._quantized_names():
            getattr(self, f"_to_{config.mode}")(config, name)

    # --------------------------------------------------------------------------------------- modes

    def _weight(self, name: str | None = None) -> Any:
        """The weight's variable, below low-rank adaptation."""
        weight = getattr(self, name or self._adapted)
        return weight.base if isinstance(weight, LowRankWeight) else weight

    def _replace(self, name: str, weight: Any, variable: Any) -> None:
        """Put `weight` where the weight was, and `variable` in its place among the variables."""
        layer: Any = self
        old = self._weight(name)
        others = [v for v in layer._added_weights if v is not variable]
        layer._added_weights[:] = [variable if v is old else v for v in others]
        variable.born_trainable = True  # it is saved in the place of the weight, which was
        self._set_weight(name, weight)

    def _set_weight(self, name: str, weight: Any) -> None:
        holder = getattr(self, name)
        if isinstance(holder, LowRankWeight):
            holder.base = weight
        else:
            setattr(self, name, weight)

    def _variable(self, name: str, value: Any, dtype: str) -> Any:
        layer: Any = self
        array = ops.convert_to_numpy(value)
        variable = layer.add_weight(
            array.shape, "zeros", dtype=dtype, trainable=False, name=name, autocast=False
        )
        variable.assign(array)
        return variable

    def _to_int8(self, config: Any, name: str) -> None:
        layout = self._layout(name)
        default = quantizers.AbsMaxQuantizer(axis=layout.reduced)
        quantizer = config.weight_quantizer_or_default(config, default)
        values, scale = quantizer(self._weight(name).value, axis=layout.reduced)
        policy = self.dtype_policy  # type: ignore[attr-defined]
        kept = self._variable(name, values, "int8")
        stored = self._variable(f"{name}_scale", layout.gathered(scale), policy.variable_dtype)
        self._replace(name, Int8Weight(layout, self._float_dtype(), kept, stored), kept)

    def _float_dtype(self) -> str:
        return str(self.dtype_policy.compute_dtype)  # type: ignore[attr-defined]

    def _to_int4(self, config: Any, name: str) -> None:
        layout = self._layout(name)
        rows, _ = layout.matrix_shape
        size = rows if config.block_size == -1 else config.block_size
        matrix = layout.matrix(ops.cast(self._weight(name).value, "float32"))
        parts = list(quantizers.abs_max_quantize_grouped_with_zero_point(matrix, size))
        form = self._int4_form(name)
        if form.by_column:
            parts = [ops.transpose(part) for part in parts]
        packed = quantizers.pack_int4(parts[0], axis=form.packed_axis)[0]
        variables = [
            self._variable(name, packed, "int8"),
            self._variable(f"{name}_scale", parts[1], "float32"),
            self._variable(f"{name}_zero", parts[2], form.zero_dtype),
        ]
        if name == self._adapted:
            variables.append(self._variable("g_idx", np.arange(rows) // size, "float32"))
        else:  # the blocks are those of the first weight
            variables.append(self._weight().g_idx)
        weight = Int4Weight(layout, self._float_dtype(), variables, form)
        self._replace(name, weight, variables[0])

    def _to_float8(self, config: Any, name: str) -> None:
        layer: Any = self
        length = layer.dtype_policy.amax_history_length

        def scaling(name: str, dtype: str) -> Float8Scaling:
            made = [
                layer.add_weight(
                    shape,
                    start,
                    dtype="float32",
                    name=f"{name}_{part}",
                    autocast=False,
                    overwrite_with_gradient=True,
                )
                for part, shape, start in (
                    ("scale", (), "ones"),
                    ("amax_history", (length,), "zeros"),
                )
            ]
            return Float8Scaling(made[0], made[1], dtype)

        base = self._weight(name)
        self._inputs_scaling = scaling("inputs", "float8_e4m3fn")
        weight = scaling(name, "float8_e4m3fn")
        self._gradient_scaling = scaling("outputs_grad", "float8_e5m2")
        self._set_weight(name, Float8Weight(self._layout(), self._float_dtype(), base, weight))

    def _set_calibrated(self, parts: Any, policy: Any) -> None:
        """Take over what GPTQ or AWQ found; see `hornbeam.quantizers.calibrated.Parts`."""
        layer: Any = self
        layout, name = self._layout(), self._adapted
        values, scale, zero, groups, row_scales = parts
        if policy.weight_bits == 4:
            values = quantizers.pack_int4(values, axis=0, dtype="uint8")[0]
        old = self._weight()
        variables = [
            self._variable(name, values, "uint8"),
            self._variable(f"{name}_scale", scale, "float32"),
            self._variable(f"{name}_zero", zero, "uint8"),
        ]
        if row_scales is not None:
            variables.append(self._variable("awq_scales", row_scales, "float32"))
        variables.append(self._variable("g_idx", groups, "float32"))
        layer._added_weights[:] = [v for v in layer._added_weights if v is not old]
        layer.dtype_policy = policy
        self._set_weight(
            name, CalibratedWeight(layout, self._float_dtype(), policy.weight_bits, variables)
        )

    # ------------------------------------------------------------------------------------- products

    def _product(self, inputs: Any) -> Any:
        """`product`, of quantized inputs where that was asked for."""
        mode = self.dtype_policy.quantization_mode  # type: ignore[attr-defined]
        if mode is None:
            return self.product(inputs)
        if mode == "float8":
            scaled = self._inputs_scaling.values(inputs)
            return self._gradient_scaling.gradients(self.product(scaled))
        quantizer = getattr(self.quantization_config, "activation_quantizer", None)
        if quantizer is None:
            return self.product(inputs)
        values, scale = quantizer(inputs, axis=self._input_axes(len(inputs.shape)))
        held = ops.divide(ops.cast(values, inputs.dtype), ops.cast(scale, inputs.dtype))
        # the error of rounding counts as a constant: gradients pass to the layers below
        return self.product(ops.add(inputs, ops.stop_gradient(ops.subtract(held, inputs))))

    def _input_axes(self, ndim: int) -> tuple[int, ...]:
        """The axes of the inputs that the product sums over."""
        return (-1,)
