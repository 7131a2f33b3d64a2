"""Dtype policies: which type weights are stored in, which one a layer computes in, and how weights are quantized."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Self

import jax
import jax.numpy as jnp
import numpy as np

from kjax.nn.value import did_you_mean

QUANTIZATION_MODES = ("int8", "float8", "int4", "gptq", "awq")
"""The ways of storing weights in fewer bits."""

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

default_policy_name: list[Callable[[], str]] = [lambda: "float32"]
"""The last of these names the policy that stands for None (``kjax.keras`` adds that of the session)."""

default_float: list[Callable[[], str]] = [lambda: "float32"]
"""The last of these names the type that losses and metrics compute in where none is given."""


class Policy:
    """A dtype policy: a value.

    Args:
        name: ``'float32'``, ``'bfloat16'``, ... or ``'mixed_bfloat16'``, ``'mixed_float16'``: compute in the short
            type, keep the weights in float32. None: the default.

    Raises:
        ValueError: no such policy.
    """

    def __init__(self, name: str | None = None) -> None:
        name = default_policy_name[-1]() if name is None else name
        if name not in _MIXED and name not in _PLAIN:
            raise ValueError(
                f"Cannot convert {name!r} to a mixed precision DTypePolicy; {did_you_mean(str(name), (*_MIXED, *_PLAIN))}"
            )
        self._set(name)

    def _set(self, name: str) -> None:
        object.__setattr__(self, "_name", name)

    @property
    def name(self) -> str:
        """Name of the policy."""
        return self._name  # type: ignore[attr-defined]

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"{self!r} is a value: make another policy instead of setting `{name}`")

    @property
    def spelling(self) -> str:
        """What :func:`policy` makes an equal policy of: the field ``dtype`` of a layer holds it."""
        return self.name

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
        """How weights are quantized: one of :data:`QUANTIZATION_MODES`, or None."""
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
    def from_config(cls, config: Any) -> Self:
        """Make a policy from what :meth:`get_config` returned."""
        return cls(**config)

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and other.spelling == self.spelling  # type: ignore[attr-defined]

    def __hash__(self) -> int:
        return hash((type(self), self.spelling))

    def __reduce__(self) -> Any:
        return policy, (self.spelling,)

    def __repr__(self) -> str:
        known = type(self).__name__.removesuffix("Policy").removesuffix("DType")
        return f'<{known}DTypePolicy "{self.name}">'


class QuantizedDTypePolicy(Policy):
    """A policy under which layers store their weights in fewer bits: ``'int8_from_float32'``.

    Args:
        mode: one of :data:`QUANTIZATION_MODES`.
        source_name: name of the policy whose types the layer computes in and keeps the other weights in.

    Raises:
        ValueError: an unknown mode, or int8 with float16.
    """

    def __init__(self, mode: str, source_name: str | None = None) -> None:
        self._quantize(mode, mode, source_name)

    def _quantize(self, mode: str, spelled: str, source_name: str | None) -> None:
        if mode not in QUANTIZATION_MODES:
            raise ValueError(
                f"Invalid quantization mode {mode!r} of a {type(self).__name__}: expected one of {QUANTIZATION_MODES}"
            )
        source = Policy(source_name)
        if mode == "int8" and source.compute_dtype == "float16":
            raise ValueError(
                f"{type(self).__name__}: quantization mode 'int8' doesn't work well with compute_dtype='float16', whose "
                "range the sums leave; use 'bfloat16' or 'mixed_bfloat16'"
            )
        self._set(f"{spelled}_from_{source.name}")
        object.__setattr__(self, "source", source)
        object.__setattr__(self, "mode", mode)

    source: Policy
    """The policy without quantization."""
    mode: str

    @property
    def compute_dtype(self) -> str:
        return self.source.compute_dtype

    @property
    def variable_dtype(self) -> str:
        return self.source.variable_dtype

    @property
    def quantization_mode(self) -> str | None:
        return self.mode

    def get_config(self) -> dict[str, Any]:
        return {"mode": self.name.removesuffix(f"_from_{self.source.name}"), "source_name": self.source.name}


class QuantizedFloat8DTypePolicy(QuantizedDTypePolicy):
    """Training with products of floats of eight bits.

    Args:
        mode: ``'float8'``.
        source_name: name of the policy without quantization.
        amax_history_length: number of steps whose largest absolute values the scales follow.
    """

    default_amax_history_length: ClassVar[int] = 1024

    def __init__(self, mode: str = "float8", source_name: str | None = None, amax_history_length: int = 1024) -> None:
        if not isinstance(amax_history_length, int):
            raise TypeError(f"`amax_history_length` must be an integer, received {amax_history_length!r}")
        super().__init__(mode, source_name)
        object.__setattr__(self, "_length", amax_history_length)

    @property
    def amax_history_length(self) -> int:
        """Number of steps whose largest absolute values the scales follow."""
        return self._length  # type: ignore[attr-defined]

    @property
    def spelling(self) -> str:
        if self.amax_history_length == self.default_amax_history_length:
            return self.name
        return f"{self.mode}/{self.amax_history_length}_from_{self.source.name}"

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"amax_history_length": self.amax_history_length}


class _Parametrized(QuantizedDTypePolicy):
    """A policy whose mode carries numbers: ``'gptq/4/128'``."""

    numbers: ClassVar[tuple[str, ...]]
    base: ClassVar[str]
    bits: ClassVar[tuple[int, ...]] = ()

    def __init__(self, mode: str, source_name: str | None = None) -> None:
        wanted = "/".join((self.base, *(f"<{name}>" for name in self.numbers)))
        name, *parts = str(mode).split("/")
        if name != self.base or len(parts) != len(self.numbers):
            raise ValueError(f"Invalid mode for {type(self).__name__}: expected {wanted!r}, received {mode!r}")
        try:
            values = dict(zip(self.numbers, map(int, parts), strict=True))
        except ValueError:
            raise ValueError(
                f"Invalid mode for {type(self).__name__}: {' and '.join(self.numbers)} must be integers, expected "
                f"{wanted!r}, received {mode!r}"
            ) from None
        if "weight_bits" in values and values["weight_bits"] not in self.bits:
            raise ValueError(
                f"Invalid weight_bits in mode {mode!r}: {self.base} has {', '.join(map(str, self.bits))} bits"
            )
        size = self.numbers[-1]
        if values[size] < -1 or values[size] == 0:
            raise ValueError(
                f"Invalid {size} in mode {mode!r}: expected a positive integer, or -1 for one scale a channel"
            )
        self._quantize(self.base, mode, source_name)
        for key, value in values.items():
            object.__setattr__(self, key, value)


class Int4DTypePolicy(_Parametrized):
    """Weights of four bits: ``Int4DTypePolicy('int4/128', 'float32')``.

    Args:
        mode: ``'int4/<block_size>'``: how many weights share a scale and a zero point; -1: a whole channel shares a scale.
        source_name: name of the policy without quantization.
    """

    base = "int4"
    numbers = ("block_size",)
    block_size: int


class GPTQDTypePolicy(_Parametrized):
    """Weights that GPTQ has quantized: ``GPTQDTypePolicy('gptq/4/128', 'float32')``.

    Args:
        mode: ``'gptq/<weight_bits>/<group_size>'``: 2, 3, 4 or 8 bits; how many weights share a scale, -1 for all of a
            channel.
        source_name: name of the policy without quantization.
    """

    base = "gptq"
    numbers = ("weight_bits", "group_size")
    bits = (2, 3, 4, 8)
    weight_bits: int
    group_size: int


class AWQDTypePolicy(_Parametrized):
    """Weights that AWQ has quantized: ``AWQDTypePolicy('awq/4/128', 'float32')``.

    Args:
        mode: ``'awq/4/<group_size>'``: how many weights share a scale, -1 for all of a channel.
        source_name: name of the policy without quantization.
    """

    base = "awq"
    numbers = ("weight_bits", "group_size")
    bits = (4,)
    weight_bits: int
    group_size: int


@functools.lru_cache(maxsize=256)
def _parsed(name: str) -> Policy:
    mode, found, source = name.partition("_from_")
    if not found:
        return Policy(name)
    base, *numbers = mode.split("/")
    if base == "float8":
        return QuantizedFloat8DTypePolicy(base, source, *map(int, numbers))
    classes: dict[str, type[QuantizedDTypePolicy]] = {"gptq": GPTQDTypePolicy, "awq": AWQDTypePolicy}
    if base == "int4" and numbers:
        return Int4DTypePolicy(mode, source)
    return classes.get(base, QuantizedDTypePolicy)(mode, source)


def policy(dtype: Any) -> Policy:
    """The policy for a name, a numpy or JAX dtype, a policy, its config, or None (the default).

    Raises:
        ValueError: no such policy.
    """
    if isinstance(dtype, Policy):
        return dtype
    if dtype is None:
        return Policy()
    if isinstance(dtype, Mapping):  # a serialized policy of Keras
        config = dict(dtype.get("config") or {})
        if "mode" not in config:
            return Policy(config.get("name"))
        source = config.get("source_name") or default_policy_name[-1]()
        length = config.get("amax_history_length")
        mode = config["mode"] if length is None else f"{config['mode']}/{length}"
        return _parsed(f"{mode}_from_{source}")
    name = dtype if isinstance(dtype, str) else getattr(dtype, "spelling", getattr(dtype, "name", None))
    if not isinstance(name, str):
        name = np.dtype(dtype).name
    return _parsed(name)


def policy_name(dtype: Any) -> str | None:
    """The spelling of the policy for a string, a numpy or JAX dtype, a policy or its config; None stays None.

    Raises:
        ValueError: no such policy.
    """
    return None if dtype is None else policy(dtype).spelling


def cast_floating(tree_leaf: Any, dtype: str) -> Any:
    """Cast a floating-point array to ``dtype``; leave integers, booleans and non-arrays alone."""
    kind = getattr(tree_leaf, "dtype", None)
    if kind is not None and jnp.issubdtype(kind, jnp.floating) and kind != jnp.dtype(dtype):
        return jnp.asarray(tree_leaf, dtype)
    return tree_leaf


def abstract(array: Any) -> jax.ShapeDtypeStruct:
    """Shape of an array and the type that it has on the device (float64 becomes float32 unless x64 is on)."""
    dtype = array.dtype
    extended = jnp.issubdtype(dtype, jax.dtypes.extended)  # keys are what they are
    return jax.ShapeDtypeStruct(array.shape, dtype if extended else jax.dtypes.canonicalize_dtype(dtype))
