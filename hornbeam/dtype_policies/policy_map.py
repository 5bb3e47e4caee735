"""`DTypePolicyMap`: a policy for each layer, by its path."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, MutableMapping
from typing import Any

from hornbeam.dtype_policies.policy import DTypePolicy, dtype_policy, get
from hornbeam.errors import InputError
from hornbeam.saving.objects import builtin, deserialize_keras_object, serialize_keras_object


@builtin("keras.dtype_policies")
class DTypePolicyMap(DTypePolicy, MutableMapping[str, DTypePolicy]):
    """Policies by the paths of layers, to be passed as the ``dtype`` of a model's layers.

    A path that is not a key gets the policy of the one key that matches it as a regular expression
    from the start, and without any the default policy.

    Args:
        default_policy: the policy of paths that nothing matches; None for the global one.
        policy_map: path -> policy.

    Example:

    >>> import hornbeam
    >>> policies = hornbeam.dtype_policies.DTypePolicyMap("float32")
    >>> policies["encoder/.*"] = "bfloat16"
    >>> policies["encoder/dense"], policies["head"]
    (<DTypePolicy "bfloat16">, <DTypePolicy "float32">)
    """

    def __init__(
        self, default_policy: Any = None, policy_map: Mapping[str, Any] | None = None
    ) -> None:
        if policy_map is not None and not isinstance(policy_map, Mapping):
            raise InputError(f"`policy_map` must be a dict of policies, got {policy_map!r}.")
        self._default_given = None if default_policy is None else get(default_policy)
        self._map: dict[str, DTypePolicy] = {}
        for key, policy in (policy_map or {}).items():
            self[key] = policy

    @property
    def default_policy(self) -> DTypePolicy:
        """The policy of paths that nothing matches."""
        return dtype_policy() if self._default_given is None else self._default_given

    @property
    def name(self) -> str:
        """A name for the map: "map_" and that of the default policy."""
        return f"map_{self.default_policy.name}"

    @property
    def compute_dtype(self) -> str:
        """What the default policy computes in."""
        return self.default_policy.compute_dtype

    @property
    def variable_dtype(self) -> str:
        """What the default policy keeps variables in."""
        return self.default_policy.variable_dtype

    @property
    def quantization_mode(self) -> str | None:
        """The default policy's."""
        return self.default_policy.quantization_mode

    def __getitem__(self, key: str) -> DTypePolicy:
        if key in self._map:
            return self._map[key]
        matching = [k for k in self._map if re.match(k, key)]
        if len(matching) > 1:
            raise InputError(
                f"The path {key!r} matches several keys of the DTypePolicyMap, {matching}: make them "
                "more specific."
            )
        return self._map[matching[0]] if matching else self.default_policy

    def __setitem__(self, key: str, policy: Any) -> None:
        if key in self._map:
            raise InputError(f"The DTypePolicyMap has {key!r} already; delete it first.")
        self._map[key] = get(policy)

    def __delitem__(self, key: str) -> None:
        del self._map[key]

    def __contains__(self, key: object) -> bool:
        return key in self._map

    def __len__(self) -> int:
        return len(self._map)

    def __iter__(self) -> Iterator[str]:
        return iter(self._map)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {
            "default_policy": serialize_keras_object(self._default_given),
            "policy_map": {key: serialize_keras_object(p) for key, p in self._map.items()},
        }

    @classmethod
    def from_config(
        cls, config: dict[str, Any], custom_objects: Mapping[str, Any] | None = None
    ) -> DTypePolicyMap:
        """A map from the result of `get_config`."""
        read = {k: deserialize_keras_object(v, custom_objects) for k, v in config.items()}
        return cls(**read)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DTypePolicyMap) and self.get_config() == other.get_config()

    def __hash__(self) -> int:
        return id(self)

    def __repr__(self) -> str:
        return f"<DTypePolicyMap default_policy={self.default_policy.name}, policies={self._map}>"
