"""``keras.dtype_policies``: which type weights are stored in and which one layers compute in."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, MutableMapping
from typing import Any

from kjax.keras.core import configs
from kjax.keras.core.settings import dtype_policy
from kjax.nn.dtypes import AWQDTypePolicy as AWQDTypePolicy
from kjax.nn.dtypes import GPTQDTypePolicy as GPTQDTypePolicy
from kjax.nn.dtypes import Int4DTypePolicy as Int4DTypePolicy
from kjax.nn.dtypes import Policy, policy
from kjax.nn.dtypes import QuantizedDTypePolicy as QuantizedDTypePolicy
from kjax.nn.dtypes import QuantizedFloat8DTypePolicy as QuantizedFloat8DTypePolicy

DTypePolicy = FloatDTypePolicy = Policy


class DTypePolicyMap(MutableMapping[str, Policy]):
    """Policies by path of a layer, exact or as a regular expression that matches all of it, and one for all others.

    Args:
        default_policy: policy of paths that are not in the map; the session's by default.
        policy_map: policies by path.
    """

    def __init__(self, default_policy: Any = None, policy_map: Mapping[str, Any] | None = None) -> None:
        self._default = None if default_policy is None else get(default_policy)
        self._policies: dict[str, Policy] = {}
        for path, entry in (policy_map or {}).items():
            self[path] = entry

    @property
    def name(self) -> str:
        """Name of the default policy, for a layer that gets the map as its ``dtype``."""
        return self.default_policy.name

    @property
    def default_policy(self) -> Policy:
        """Policy of paths that are not in the map."""
        return self._default or dtype_policy()

    @property
    def compute_dtype(self) -> str:
        """That of the default policy."""
        return self.default_policy.compute_dtype

    @property
    def variable_dtype(self) -> str:
        """That of the default policy."""
        return self.default_policy.variable_dtype

    @property
    def quantization_mode(self) -> str | None:
        """That of the default policy."""
        return self.default_policy.quantization_mode

    def convert_input(self, x: Any, autocast: bool, dtype: Any) -> Any:
        """As that of the default policy."""
        return self.default_policy.convert_input(x, autocast, dtype)

    def __getitem__(self, key: str) -> Policy:
        if key in self._policies:
            return self._policies[key]
        matching = [pattern for pattern in self._policies if re.fullmatch(pattern, key)]
        if len(matching) > 1:
            raise ValueError(f"path {key!r} matches several entries of the map: {matching}")
        return self._policies[matching[0]] if matching else self.default_policy

    def __setitem__(self, key: str, policy: Any) -> None:
        if key in self._policies:
            raise ValueError(f"the map has a policy for {key!r} already; delete it first")
        self._policies[key] = get(policy)

    def __delitem__(self, key: str) -> None:
        del self._policies[key]

    def __len__(self) -> int:
        return len(self._policies)

    def __iter__(self) -> Iterator[str]:
        return iter(self._policies)

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal map."""
        return {
            "default_policy": None if self._default is None else serialize(self._default),
            "policy_map": {path: serialize(policy) for path, policy in self._policies.items()},
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> DTypePolicyMap:
        """Make a map from what :meth:`get_config` returned."""
        policies = {path: get(entry) for path, entry in (config.get("policy_map") or {}).items()}
        return cls(config.get("default_policy"), policies)


def get(identifier: Any) -> Any:
    """The policy for a name, a type, a config, a policy, or None (the session's).

    Raises:
        ValueError: no such policy.
    """
    if identifier is None:
        return dtype_policy()
    if isinstance(identifier, (Policy, DTypePolicyMap)):
        return identifier
    if isinstance(identifier, Mapping):
        return deserialize(identifier)
    try:
        return policy(identifier)
    except TypeError:
        raise ValueError(
            f"Cannot interpret `dtype` argument {identifier!r}: expected a name or a DTypePolicy"
        ) from None


def serialize(dtype_policy: Any) -> dict[str, Any]:
    """The config of a policy, as Keras writes it."""
    return configs.serialize_keras_object(dtype_policy)


def deserialize(config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Any:
    """The policy of a config."""
    del custom_objects
    if config.get("class_name") == "DTypePolicyMap":
        return DTypePolicyMap.from_config(config["config"])
    return policy(config)
