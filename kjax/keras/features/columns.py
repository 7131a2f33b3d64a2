"""Columns of a table and how each is encoded; columns that are crossed."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Self

from kjax.keras import layers as _layers
from kjax.keras import ops
from kjax.keras.core.layer import Layer
from kjax.keras.core.settings import unique_name
from kjax.keras.saving.serialization import deserialize_keras_object, serialize_keras_object

layers: Any = _layers

KINDS = (
    "float float_rescaled float_normalized float_discretized integer_categorical string_categorical integer_hashed "
    "string_hashed"
).split()
"""Kinds of columns that have a name."""


def one_of(argument: str, value: Any, allowed: Sequence[str]) -> None:
    """Refuse a value that is none of the allowed ones.

    Raises:
        ValueError: it is another.
    """
    if value not in allowed:
        raise ValueError(f"argument `{argument}` must be one of {', '.join(map(repr, allowed))}; received {value!r}")


@dataclasses.dataclass
class Cross:
    """Columns that are combined into one: each combination of their values is hashed to one of a number of buckets.

    Attributes:
        feature_names: the columns.
        crossing_dim: number of buckets.
        output_mode: ``'one_hot'`` or ``'int'``.
    """

    feature_names: tuple[str, ...]
    crossing_dim: int
    output_mode: str = "one_hot"

    def __post_init__(self) -> None:
        one_of("output_mode", self.output_mode, ("int", "one_hot"))
        self.feature_names = tuple(self.feature_names)

    @property
    def name(self) -> str:
        """The names of the columns, joined by ``_X_``."""
        return "_X_".join(self.feature_names)

    def get_config(self) -> dict[str, Any]:
        """The fields."""
        return {**dataclasses.asdict(self), "feature_names": list(self.feature_names)}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Make one from what :meth:`get_config` returned."""
        return cls(**config)


@dataclasses.dataclass
class Feature:
    """How a column is encoded.

    Attributes:
        dtype: type of its values: ``'float32'``, ``'int32'``, ``'string'``, ...
        preprocessor: the layer that encodes it.
        output_mode: ``'float'``: the layer's outputs; ``'one_hot'``, ``'int'``: its indices, as rows or as they are.
    """

    dtype: str
    preprocessor: Any
    output_mode: str

    def __post_init__(self) -> None:
        one_of("output_mode", self.output_mode, ("int", "one_hot", "float"))
        if isinstance(self.preprocessor, Mapping):
            self.preprocessor = deserialize_keras_object(self.preprocessor)

    def get_config(self) -> dict[str, Any]:
        """The fields, the layer as its config."""
        return {
            "dtype": self.dtype,
            "preprocessor": serialize_keras_object(self.preprocessor),
            "output_mode": self.output_mode,
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Make one from what :meth:`get_config` returned."""
        return cls(**config)


class TFDIdentity(Layer):
    """The column as it is; the name is that in files of Keras."""

    def call(self, x: Any) -> Any:
        """The inputs."""
        return ops.convert_to_tensor(x)


class TFDConcat(Layer):
    """Columns side by side; the name is that in files of Keras.

    Args:
        axis: the axis.
        **kwargs: those of every layer.
    """

    def __init__(self, axis: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis = axis

    def call(self, xs: Any) -> Any:
        """The inputs, concatenated."""
        return ops.concatenate(xs, axis=self.axis)


def _categorical(
    kind: str, name: str | None, dtype: str, output_mode: str, max_tokens: int | None, num_oov_indices: int
) -> Feature:
    sizes = {"max_tokens": max_tokens, "num_oov_indices": num_oov_indices}
    return _feature(f"{kind}_categorical", name, dtype, output_mode, f"{kind.title()}Lookup", **sizes)


def _feature(kind: str, name: str | None, dtype: str, output_mode: str, layer: str, **arguments: Any) -> Feature:
    """A column that is encoded by one of the layers of kjax."""
    name = f"{name or unique_name(kind)}_preprocessor"
    cls = TFDIdentity if layer == "TFDIdentity" else getattr(layers, layer)
    return Feature(dtype, cls(name=name, **arguments), output_mode)


class Kinds:
    """The kinds of columns, as classmethods that say how one is encoded."""

    @classmethod
    def cross(cls, feature_names: Sequence[str], crossing_dim: int, output_mode: str = "one_hot") -> Cross:
        """Columns to combine; arguments as the attributes of :class:`Cross`."""
        return Cross(tuple(feature_names), crossing_dim, output_mode)

    @classmethod
    def feature(cls, dtype: str, preprocessor: Any, output_mode: str) -> Feature:
        """A column with a layer of one's own; arguments as the attributes of :class:`Feature`."""
        return Feature(dtype, preprocessor, output_mode)

    @classmethod
    def float(cls, name: str | None = None) -> Feature:
        """Numbers as they are."""
        return _feature("float", name, "float32", "float", "TFDIdentity")

    @classmethod
    def float_rescaled(cls, scale: Any = 1.0, offset: Any = 0.0, name: str | None = None) -> Feature:
        """Numbers times ``scale``, plus ``offset``."""
        return _feature("float_rescaled", name, "float32", "float", "Rescaling", scale=scale, offset=offset)

    @classmethod
    def float_normalized(cls, name: str | None = None) -> Feature:
        """Numbers with mean 0 and variance 1."""
        return _feature("float_normalized", name, "float32", "float", "Normalization", axis=-1)

    @classmethod
    def float_discretized(
        cls,
        num_bins: int | None,
        bin_boundaries: Sequence[Any] | None = None,
        output_mode: str = "one_hot",
        name: str | None = None,
    ) -> Feature:
        """Numbers by the bin in which they lie, learned or with the given boundaries.

        Raises:
            ValueError: boundaries of another number of bins.
        """
        bins: dict[str, Any] = {"num_bins": num_bins}
        if bin_boundaries is not None:
            if num_bins not in (None, len(bin_boundaries) + 1):
                raise ValueError(
                    f"float_discretized: {len(bin_boundaries)} boundaries make {len(bin_boundaries) + 1} bins, not {num_bins}"
                )
            bins = {"bin_boundaries": bin_boundaries}
        return _feature("float_discretized", name, "float32", output_mode, "Discretization", **bins)

    @classmethod
    def integer_categorical(
        cls,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        output_mode: str = "one_hot",
        name: str | None = None,
    ) -> Feature:
        """Integers by their place in a vocabulary."""
        return _categorical("integer", name, "int32", output_mode, max_tokens, num_oov_indices)

    @classmethod
    def string_categorical(
        cls,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        output_mode: str = "one_hot",
        name: str | None = None,
    ) -> Feature:
        """Strings by their place in a vocabulary."""
        return _categorical("string", name, "string", output_mode, max_tokens, num_oov_indices)

    @classmethod
    def string_hashed(cls, num_bins: int, output_mode: str = "one_hot", name: str | None = None) -> Feature:
        """Strings by the bucket that a hash gives."""
        return _feature("string_hashed", name, "string", output_mode, "Hashing", num_bins=num_bins)

    @classmethod
    def integer_hashed(cls, num_bins: int, output_mode: str = "one_hot", name: str | None = None) -> Feature:
        """Integers by the bucket that a hash gives."""
        return _feature("integer_hashed", name, "int32", output_mode, "Hashing", num_bins=num_bins)
