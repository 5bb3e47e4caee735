"""`DTypePolicy`, and the one that layers use by default."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hornbeam import dtypes
from hornbeam.errors import InputError, UnknownNameError, suggest
from hornbeam.saving.objects import (
    Configurable,
    builtin,
    deserialize_keras_object,
    serialize_keras_object,
)

MIXED = {"mixed_float16": "float16", "mixed_bfloat16": "bfloat16"}


@builtin("keras")
class DTypePolicy(Configurable):
    """The dtypes of a layer: what it computes in, and what its variables are kept in.

    Args:
        name: a dtype, for both; or "mixed_float16" or "mixed_bfloat16", which compute in the small
            float type and keep variables in float32.  None stands for the global policy's name.

    Example:

    >>> import hornbeam
    >>> policy = hornbeam.dtype_policies.DTypePolicy("mixed_bfloat16")
    >>> policy.compute_dtype, policy.variable_dtype
    ('bfloat16', 'float32')
    """

    def __init__(self, name: str | None = None) -> None:
        if name is None:
            name = dtype_policy().name
        if not isinstance(name, str):
            raise InputError(f"A dtype policy's name must be a string, got {name!r}.")
        self._name = name
        self._compute_dtype, self._variable_dtype = self._parse(name)

    def _parse(self, name: str) -> tuple[str, str]:
        if name in MIXED:
            return MIXED[name], "float32"
        try:
            dtype = dtypes.standardize(name)
        except ValueError:
            raise UnknownNameError(
                f"There is no dtype policy named {name!r}: expected 'mixed_float16', 'mixed_bfloat16' "
                f"or a dtype such as 'float32'.{suggest(name, (*MIXED, *dtypes.ALL))}"
            ) from None
        return dtype, dtype

    @property
    def name(self) -> str:
        """The policy's name."""
        return self._name

    @property
    def compute_dtype(self) -> str:
        """What layers compute in, and cast their inputs to."""
        return self._compute_dtype

    @property
    def variable_dtype(self) -> str:
        """What layers keep their variables in."""
        return self._variable_dtype

    @property
    def quantization_mode(self) -> str | None:
        """How the layer's weights are quantized: None, not at all."""
        return None

    def convert_input(self, x: Any, autocast: bool, dtype: Any) -> Any:
        """`x` as a tensor, cast to `dtype` if it is floating and `autocast` is on.

        Args:
            x: an array, symbolic tensor, number or list; anything else is returned as it is.
            autocast: whether floating arrays are cast.
            dtype: the dtype to cast to.
        """
        from hornbeam import ops
        from hornbeam.ops.record import owner_of

        wanted = dtypes.standardize(dtype)
        if owner_of(x) is None and not hasattr(x, "__array__"):
            if not isinstance(x, (int, float, list, tuple)):
                return x
            x = ops.convert_to_tensor(x)
        elif owner_of(x) is None:
            x = ops.convert_to_tensor(x)
        floating = dtypes.is_float(dtypes.standardize(x.dtype))
        return ops.cast(x, wanted) if autocast and floating else x

    def get_config(self) -> dict[str, Any]:
        """``{"name": ...}``."""
        return {"name": self.name}

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.get_config() == other.get_config()

    def __hash__(self) -> int:
        return hash((type(self).__name__, self.name))

    def __repr__(self) -> str:
        return f'<{type(self).__name__} "{self.name}">'


FloatDTypePolicy = DTypePolicy

_global: DTypePolicy | None = None


def dtype_policy() -> DTypePolicy:
    """The policy of layers that are given none: at first that of `hornbeam.config.floatx`.

    Example:

    >>> import hornbeam
    >>> hornbeam.config.dtype_policy()
    <DTypePolicy "float32">
    """
    return DTypePolicy(dtypes.floatx()) if _global is None else _global


def set_dtype_policy(policy: Any) -> None:
    """Set the policy of layers that are given none.

    Args:
        policy: a policy or its name, such as "mixed_bfloat16".  None goes back to the policy of
            `hornbeam.config.floatx`.

    Example:

    >>> import hornbeam
    >>> hornbeam.config.set_dtype_policy("float32")
    """
    global _global
    _global = None if policy is None else get(policy)


def get(identifier: Any) -> DTypePolicy:
    """The policy that `identifier` stands for.

    Args:
        identifier: a policy, its name, its config, a dtype in any spelling, or None for the global
            policy.

    Raises:
        UnknownNameError: for a string that names neither a policy nor a dtype.

    Example:

    >>> import hornbeam
    >>> hornbeam.dtype_policies.get("bfloat16")
    <DTypePolicy "bfloat16">
    """
    if identifier is None:
        return dtype_policy()
    if isinstance(identifier, DTypePolicy):
        return identifier
    if isinstance(identifier, Mapping):
        return deserialize(identifier)
    if isinstance(identifier, str):
        if "_from_" in identifier:
            from hornbeam.dtype_policies.quantized import quantized

            return quantized(identifier)
        return DTypePolicy(identifier)
    try:
        return DTypePolicy(dtypes.standardize(identifier))
    except ValueError:
        raise InputError(
            f"A dtype policy must be a policy, a dtype or a name, got {identifier!r}."
        ) from None


def serialize(dtype_policy: DTypePolicy) -> dict[str, Any]:
    """`dtype_policy` as a config.

    Example:

    >>> import hornbeam
    >>> hornbeam.dtype_policies.serialize(hornbeam.DTypePolicy("mixed_bfloat16"))["class_name"]
    'DTypePolicy'
    """
    return serialize_keras_object(dtype_policy)  # type: ignore[no-any-return]


def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None) -> DTypePolicy:
    """The policy that `serialize` made `config` of.

    Args:
        config: the config.
        custom_objects: name -> class or function, for what is not registered.

    Example:

    >>> import hornbeam
    >>> config = hornbeam.dtype_policies.serialize(hornbeam.DTypePolicy("mixed_bfloat16"))
    >>> type(hornbeam.dtype_policies.deserialize(config)).__name__
    'DTypePolicy'
    """
    return deserialize_keras_object(config, custom_objects)  # type: ignore[no-any-return]
