"""The arithmetic of sliding windows, for convolution and pooling on every engine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hornbeam import settings
from hornbeam.errors import InputError


@dataclass(frozen=True)
class Plan:
    """How a window moves over the spatial axes of an array."""

    ndim: int
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    channels_last: bool

    @property
    def channel_axis(self) -> int:
        return self.ndim + 1 if self.channels_last else 1

    def spatial(self, shape: Sequence[Any]) -> tuple[Any, ...]:
        """The spatial part of a whole shape."""
        return tuple(shape[1:-1] if self.channels_last else shape[2:])

    def with_channels(self, per_axis: Sequence[Any], other: Any) -> tuple[Any, ...]:
        """One entry per axis of the array: `per_axis` for the spatial ones, else `other`."""
        if self.channels_last:
            return (other, *per_axis, other)
        return (other, other, *per_axis)


def spread(value: Any, ndim: int, name: str) -> tuple[int, ...]:
    """`value` as one positive int per spatial axis.

    >>> spread(2, 3, "strides")
    (2, 2, 2)
    """
    values = (value,) * ndim if isinstance(value, int) else tuple(value)
    if len(values) != ndim or not all(isinstance(v, int) and v > 0 for v in values):
        raise InputError(
            f"`{name}` must be a positive int or {ndim} of them (one per spatial axis), got {value!r}."
        )
    return values


def plan(ndim: int, strides: Any, dilation_rate: Any, data_format: str | None) -> Plan:
    """A `Plan` from the arguments of an op."""
    if data_format is None:
        data_format = settings.image_data_format()
    if data_format not in ("channels_last", "channels_first"):
        raise InputError(
            f"`data_format` must be 'channels_last' or 'channels_first', got {data_format!r}."
        )
    return Plan(
        ndim,
        spread(strides, ndim, "strides"),
        spread(dilation_rate, ndim, "dilation_rate"),
        data_format == "channels_last",
    )


def pads(
    sizes: Sequence[Any], window: Sequence[int], plan: Plan, padding: str
) -> list[tuple[Any, Any]]:
    """(before, after) padding of each spatial axis.

    'valid' pads nothing; 'same' pads so that the output has ceil(size / stride) entries, the odd
    entry at the end; 'causal' pads only before, so that no output sees later inputs.

    Raises:
        InputError: for another padding, or a window that does not fit an axis without any.
    """
    padding = str(padding).lower()
    if padding not in ("valid", "same", "causal"):
        raise InputError(f"`padding` must be 'valid', 'same' or 'causal', got {padding!r}.")
    result: list[tuple[Any, Any]] = []
    rows = zip(sizes, window, plan.strides, plan.dilations, strict=True)
    for size, width, stride, dilation in rows:
        reach = (width - 1) * dilation + 1
        if padding == "valid":
            if isinstance(size, int) and reach > size:
                raise InputError(
                    f"A window of {width} places (dilation {dilation}) does not fit an axis of size "
                    f"{size} with padding 'valid'."
                )
            result.append((0, 0))
            continue
        if padding == "causal":
            result.append((reach - 1, 0))
            continue
        if stride == 1:
            total: Any = reach - 1
        else:
            total = _at_least_zero((-(-size // stride) - 1) * stride + reach - size)
        result.append((total // 2, total - total // 2))
    return result


def _at_least_zero(n: Any) -> Any:
    return max(n, 0) if isinstance(n, int) else n


def output_size(size: Any, pad: tuple[Any, Any], window: int, stride: int, dilation: int) -> Any:
    """How many positions a window takes along an axis.

    >>> output_size(28, (0, 0), 3, 1, 1)
    26
    """
    return (size + pad[0] + pad[1] - (window - 1) * dilation - 1) // stride + 1


def transposed_pads(
    window: Sequence[int], plan: Plan, padding: str, output_padding: Any = None
) -> list[tuple[int, int]]:
    """Padding of the spread-out input of a transposed convolution, negative for cropping.

    With it, a plain convolution of the spread-out input, (size - 1) * stride + 1 long, gives
    size * stride entries for 'same' and size * stride + max(reach - stride, 0) for 'valid'; or, with
    an `output_padding`, so many more than the smallest output.
    """
    padding = str(padding).lower()
    if padding not in ("valid", "same"):
        raise InputError(f"`padding` must be 'valid' or 'same', got {padding!r}.")
    extras: tuple[int | None, ...] = (None,) * plan.ndim
    if output_padding is not None:
        given = (output_padding,) * plan.ndim if isinstance(output_padding, int) else output_padding
        extras = tuple(given)
    result = []
    for width, stride, dilation, extra in zip(
        window, plan.strides, plan.dilations, extras, strict=True
    ):
        reach = (width - 1) * dilation + 1
        if extra is not None and not 0 <= extra < stride:
            raise InputError(
                f"`output_padding` must be from 0 to stride - 1 = {stride - 1}, got {extra}."
            )
        if padding == "valid":
            cropped = min(reach - stride, 0) if extra is None else -extra
        else:
            cropped = reach - stride if extra is None else 2 * (reach // 2) - extra
        before = reach - 1 - max(cropped, 0) // 2
        result.append((before, 2 * (reach - 1) - cropped - before))
    return result
