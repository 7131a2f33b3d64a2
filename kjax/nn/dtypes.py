"""Dtype policies: which type weights are stored in and which one a layer computes in."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax.numpy as jnp
import numpy as np

from kjax.nn.value import did_you_mean

_MIXED = {"mixed_bfloat16": "bfloat16", "mixed_float16": "float16"}
_PLAIN = (
    "float32",
    "float64",
    "bfloat16",
    "float16",
    "int8",
    "uint8",
    "int16",
    "int32",
    "int64",
    "bool",
    "uint32",
)


@dataclasses.dataclass(frozen=True)
class Policy:
    """A dtype policy.

    Attributes:
        name: ``'float32'``, ``'bfloat16'``, ... or ``'mixed_bfloat16'``, ``'mixed_float16'``: compute in the short
            type, keep the weights in float32.
    """

    name: str = "float32"

    def __post_init__(self) -> None:
        if self.name not in _MIXED and self.name not in _PLAIN:
            raise ValueError(f"unknown dtype policy {self.name!r}; {did_you_mean(self.name, (*_MIXED, *_PLAIN))}")

    @property
    def compute_dtype(self) -> str:
        """Name of the type that the layer computes in."""
        return _MIXED.get(self.name, self.name)

    @property
    def variable_dtype(self) -> str:
        """Name of the type that weights are stored in."""
        return "float32" if self.name in _MIXED else self.name

    @property
    def quantization_mode(self) -> str | None:
        """None: these policies do not quantize."""
        return None

    def convert_input(self, x: Any, autocast: bool, dtype: Any) -> Any:
        """An input in a type, where it holds floats and ``autocast`` asks for it.

        Args:
            x: array, or something that becomes one.
            autocast: whether floats are cast.
            dtype: the type.
        """
        kind = getattr(x, "dtype", None)
        if kind is None:
            return jnp.asarray(x, dtype if autocast else None)
        return x.astype(dtype) if autocast and jnp.issubdtype(kind, jnp.floating) else x

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal policy."""
        return {"name": self.name}

    @classmethod
    def from_config(cls, config: Any) -> Policy:
        """Make a policy from what :meth:`get_config` returned."""
        return cls(**config)

    def __repr__(self) -> str:
        return f'<DTypePolicy "{self.name}">'


def policy_name(dtype: Any) -> str | None:
    """The policy name for a string, a numpy or JAX dtype, or an object with a ``name`` (a Keras DTypePolicy).

    Raises:
        ValueError: no such policy.
    """
    if dtype is None:
        return None
    if isinstance(dtype, dict):  # a serialized Keras DTypePolicy
        dtype = dtype["config"]["name"]
    name = dtype if isinstance(dtype, str) else getattr(dtype, "name", None)
    if not isinstance(name, str):
        name = np.dtype(dtype).name
    return Policy(name).name


def cast_floating(tree_leaf: Any, dtype: str) -> Any:
    """Cast a floating-point array to ``dtype``; leave integers, booleans and non-arrays alone."""
    kind = getattr(tree_leaf, "dtype", None)
    if kind is not None and jnp.issubdtype(kind, jnp.floating) and kind != jnp.dtype(dtype):
        return jnp.asarray(tree_leaf, dtype)
    return tree_leaf
