"""Hashing and HashedCrossing: values, and combinations of values, in a fixed number of buckets."""

from __future__ import annotations

from typing import Any

import numpy as np

from kjax.keras.features.host import HostLayer, as_strings, float_type
from kjax.keras.features.lookup import salt_of
from kjax.nn.dtypes import policy_name
from kjax.nn.features import hashing
from kjax.nn.features.encoding import encode, encoded_shape


def _host_values(values: Any) -> np.ndarray:
    array = np.asarray(values)
    return array if array.dtype.kind in "iuf" else as_strings(array)


def _checked(who: str, num_bins: Any, mode: str, modes: tuple[str, ...], sparse: bool) -> int:
    if num_bins is None or num_bins <= 0:
        raise ValueError(f"{who}: argument `num_bins` cannot be `None` or below 1, received {num_bins!r}")
    if mode not in modes:
        raise ValueError(f"{who}: argument `output_mode` must be one of {', '.join(modes)}, received {mode!r}")
    if sparse and mode == "int":
        raise ValueError(f"{who}: `sparse` is for rows, of another `output_mode` than 'int'")
    return int(num_bins)


class _Hashed(HostLayer):
    num_bins: int
    output_mode: str

    def __init__(self, dtype: Any = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._result = policy_name(dtype)

    @property
    def result_dtype(self) -> str:
        """Type of the outputs."""
        return self._result or ("int64" if self.output_mode == "int" else float_type())

    def _config(self, *names: str) -> dict[str, Any]:
        config: dict[str, Any] = {"name": self.name, "trainable": self.trainable, "dtype": self.result_dtype}
        return config | {name: getattr(self, name) for name in names}


class Hashing(_Hashed):
    """Strings or integers as one of a number of buckets, in every process the same; without a vocabulary.

    Args:
        num_bins: number of buckets.
        mask_value: a value that gets bucket 0, which then is no other value's.
        salt: one or two integers: another hash (SipHash instead of FarmHash).
        output_mode: ``'int'``, ``'one_hot'``, ``'multi_hot'`` or ``'count'``.
        sparse: whether rows are sparse arrays, see :class:`HostLayer`.
        **kwargs: those of every layer; ``dtype`` is that of the output.
    """

    def __init__(
        self,
        num_bins: int,
        mask_value: Any = None,
        salt: Any = None,
        output_mode: str = "int",
        sparse: bool = False,
        **kwargs: Any,
    ) -> None:
        modes = ("int", "one_hot", "multi_hot", "count")
        self.num_bins = _checked("Hashing", num_bins, output_mode, modes, sparse)
        self.output_mode = output_mode
        if output_mode == "int" and policy_name(kwargs.get("dtype")) not in (None, "int32", "int64"):
            raise ValueError(f"Hashing: output_mode 'int' needs an integer `dtype`, received {kwargs['dtype']!r}")
        super().__init__(**kwargs)
        self.num_bins, self.output_mode = int(num_bins), output_mode
        self.mask_value = mask_value
        self.salt = salt_of(salt, "Hashing")
        self.sparse = bool(sparse)

    def compute(self, inputs: Any) -> np.ndarray:
        """Buckets, or rows of numbers."""
        values = _host_values(inputs)
        masked = self.mask_value is not None and self.num_bins > 1
        found = hashing.buckets(values, self.num_bins - masked, self.salt)
        if masked:
            found = np.where(values == self.mask_value, 0, found + 1)
        return encode(found, self.output_mode, self.num_bins, np.int64, np)

    def output_shape_for(self, shape: Any) -> tuple[int | None, ...]:
        """Shape of the outputs."""
        return encoded_shape(shape, self.output_mode, self.num_bins)

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal layer."""
        config = self._config("num_bins", "mask_value", "output_mode", "sparse")
        return config | {"salt": None if self.salt is None else list(self.salt)}


class HashedCrossing(_Hashed):
    """Combinations of the values of several features as one of a number of buckets.

    Args:
        num_bins: number of buckets.
        output_mode: ``'int'`` or ``'one_hot'``.
        sparse: whether rows are sparse arrays, see :class:`HostLayer`.
        name: the layer's name.
        dtype: type of the output.
        **kwargs: those of every layer.
    """

    def __init__(
        self,
        num_bins: int,
        output_mode: str = "int",
        sparse: bool = False,
        name: str | None = None,
        dtype: Any = None,
        **kwargs: Any,
    ) -> None:
        bins = _checked("HashedCrossing", num_bins, output_mode, ("int", "one_hot"), sparse)
        super().__init__(name=name, dtype=dtype, **kwargs)
        self.num_bins, self.output_mode, self.sparse = bins, output_mode, bool(sparse)

    def compute(self, inputs: Any) -> np.ndarray:
        """Buckets, or one-hot rows.

        Raises:
            ValueError: fewer than two inputs, inputs of different or of other shapes, or floats.
        """
        if not isinstance(inputs, (list, tuple)) or len(inputs) < 2:
            raise ValueError(f"{self.name!r} should be called on a list of at least two inputs, received {inputs!r}")
        columns = [_host_values(values) for values in inputs]
        shape = columns[0].shape
        if len(shape) > 2 or (len(shape) == 2 and shape[-1] != 1) or any(c.shape != shape for c in columns):
            raise ValueError(
                f"{self.name!r}: all inputs should have shape (), (batch,) or (batch, 1), received "
                f"{[c.shape for c in columns]}"
            )
        if any(column.dtype.kind == "f" for column in columns):
            raise ValueError(f"{self.name!r}: inputs should have an integer or string type, received floats")
        return encode(hashing.cross(columns, self.num_bins), self.output_mode, self.num_bins, np.int64, np)

    def output_shape_for(self, shape: Any) -> tuple[int | None, ...]:
        """Shape of the outputs, for the shapes of the inputs."""
        first = shape[0] if shape and isinstance(shape[0], (list, tuple)) else shape
        return encoded_shape(first, self.output_mode, self.num_bins)

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal layer."""
        return self._config("num_bins", "output_mode", "sparse")
