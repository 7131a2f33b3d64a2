"""FeatureSpace: the columns of a table as one vector, or as a dict of encoded columns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Self

import jax
import numpy as np

from kjax.keras import layers as _layers
from kjax.keras.core.layer import Layer
from kjax.keras.core.tensor import is_symbolic
from kjax.keras.features.columns import KINDS, Cross, Feature, Kinds, TFDConcat, one_of
from kjax.keras.saving.serialization import deserialize_keras_object, serialize_keras_object
from kjax.nn.value import did_you_mean

layers: Any = _layers

BATCH = 32
"""Rows at a time from which layers learn, where the data are not in batches already."""


class FeatureSpace(Kinds, Layer):
    """Encodes the columns of a table: normalized, cut into bins, looked up, hashed, crossed; side by side or as a dict.

    Call :meth:`adapt` on data first. It is then called on a dict of columns, or of the values of one row, and also draws
    the inputs and the encoded columns of a model: :meth:`get_inputs`, :meth:`get_encoded_features`.

        space = FeatureSpace({"age": "float_normalized", "job": "string_categorical"}, crosses=[("age_group", "job")])
        space.adapt(table)
        outputs = keras.layers.Dense(1)(space.get_encoded_features())
        model = keras.Model(space.get_inputs(), outputs)

    Args:
        features: for each column how it is encoded: a kind by name, or what a classmethod of that name returns:
            ``float``, ``float_rescaled``, ``float_normalized``, ``float_discretized``, ``integer_categorical``,
            ``string_categorical``, ``integer_hashed``, ``string_hashed``, or ``feature`` for a layer of one's own.
        output_mode: ``'concat'``: one vector; ``'dict'``: each column by its name.
        crosses: columns to combine: tuples of names, or what :meth:`cross` returns.
        crossing_dim: buckets of the crosses that are given as tuples.
        hashing_dim: buckets of hashed columns that are given by name.
        num_discretization_bins: bins of discretized columns that are given by name.
        name: its name.

    Raises:
        ValueError: no columns, unknown kinds, or crosses of columns that there are not.
    """

    def __init__(
        self,
        features: Mapping[str, Any],
        output_mode: str = "concat",
        crosses: Sequence[Any] | None = None,
        crossing_dim: int = 32,
        hashing_dim: int = 32,
        num_discretization_bins: int = 32,
        name: str | None = None,
    ) -> None:
        super().__init__(name=name)
        if not features:
            raise ValueError(
                "FeatureSpace: The `features` argument cannot be None or empty: it must name at least one column"
            )
        one_of("output_mode", output_mode, ("dict", "concat"))
        self.crossing_dim, self.hashing_dim = crossing_dim, hashing_dim
        self.num_discretization_bins = num_discretization_bins
        self.features = {key: self._as_feature(key, value) for key, value in features.items()}
        self.crosses = [self._as_cross(cross) for cross in crosses or ()]
        self.crosses_by_name = {cross.name: cross for cross in self.crosses}
        self.output_mode = output_mode
        self.inputs = {
            key: layers.Input(shape=(1,), dtype=feature.dtype, name=key) for key, feature in self.features.items()
        }
        self.preprocessors = {key: feature.preprocessor for key, feature in self.features.items()}
        self.crossers = {
            cross.name: layers.HashedCrossing(cross.crossing_dim, name=cross.name) for cross in self.crosses
        }
        self.one_hot_encoders: dict[str, Any] = {}
        self.concat: Any = None
        self.encoded_features: Any = None
        self._is_adapted = not self._learning()

    def _as_feature(self, name: str, given: Any) -> Feature:
        if isinstance(given, Feature):
            return given
        if isinstance(given, Mapping):
            return deserialize_keras_object(given)
        sizes = {
            "float_discretized": (self.num_discretization_bins,),
            "integer_hashed": (self.hashing_dim,),
            "string_hashed": (self.hashing_dim,),
        }
        if not isinstance(given, str) or given not in KINDS:
            known = did_you_mean(given, KINDS) if isinstance(given, str) else f"known: {', '.join(KINDS)}"
            raise ValueError(f"FeatureSpace: column {name!r} has the unknown type {given!r}; {known}")
        return getattr(self, given)(*sizes.get(given, ()), name=name)

    def _as_cross(self, given: Any) -> Cross:
        if isinstance(given, Mapping):
            given = deserialize_keras_object(given)
        cross = given if isinstance(given, Cross) else Cross(tuple(given), self.crossing_dim)
        if not cross.crossing_dim:
            raise ValueError("FeatureSpace: `crosses` need `crossing_dim`, the number of buckets")
        unknown = [key for key in cross.feature_names if key not in self.features]
        if unknown:
            raise ValueError(
                f"FeatureSpace: the cross {cross.feature_names} names {unknown[0]!r}, which is not among the features; "
                + did_you_mean(unknown[0], self.features)
            )
        return cross

    # -- learning ------------------------------------------------------------------------------------------------

    def _learning(self) -> list[str]:
        """The columns whose layers have something to learn."""
        return [name for name, layer in self.preprocessors.items() if hasattr(layer, "adapt") and not _is_given(layer)]

    def adapt(self, dataset: Any) -> None:
        """Let the layers learn means, boundaries and vocabularies.

        Args:
            dataset: dict of columns, or of anything that has them by name (a ``DataFrame``); or a data set that gives
                dicts of the values of one row, or of batches of them.

        Raises:
            ValueError: something else, or data without one of the columns.
        """
        learning = self._learning()
        columns, batches = _columns(dataset), None
        if columns is None:
            batches = dataset if iter(dataset) is not dataset or len(learning) < 2 else list(dataset)
        for name in learning:
            if columns is not None:
                values = np.asarray(_of(columns, name))
                found: Iterable[Any] = (values[i : i + BATCH] for i in range(0, len(values), BATCH))
            else:
                assert batches is not None
                found = _in_batches(_of(batch, name) for batch in batches)
            self.preprocessors[name].adapt(_at_least_two_axes(batch) for batch in found)
        self._is_adapted = True
        self.encoded_features, self.one_hot_encoders = None, {}
        self.get_encoded_features()
        self.built = True

    # -- encoding ------------------------------------------------------------------------------------------------

    def get_inputs(self) -> dict[str, Any]:
        """The inputs of a model, by column, each of shape (None, 1)."""
        self.get_encoded_features()
        return self.inputs

    def get_encoded_features(self) -> Any:
        """The encoded columns of :meth:`get_inputs`, as symbolic tensors: one, or a dict.

        Raises:
            ValueError: some columns have to be learned first.
        """
        if not self._is_adapted:
            raise ValueError(
                f"FeatureSpace {self.name!r}: call `adapt(dataset)` first; the columns {self._learning()} are learned"
            )
        if self.encoded_features is None:
            self.encoded_features = self._encode(self.inputs)
            self.built = True
        return self.encoded_features

    def _encode(self, columns: Mapping[str, Any]) -> Any:
        encoded = {name: self.preprocessors[name](columns[name]) for name in self.features}
        crossed = {
            cross.name: self.crossers[cross.name]([encoded[name] for name in cross.feature_names])
            for cross in self.crosses
        }
        parts = {name: self._part(name, encoded[name], self.features[name]) for name in sorted(encoded)}
        parts |= {name: self._part(name, crossed[name], self.crosses_by_name[name]) for name in sorted(crossed)}
        if self.output_mode == "dict":
            return parts
        for name, part in parts.items():
            if not np.issubdtype(_type_name(part), np.floating):
                raise ValueError(
                    f"FeatureSpace: column {name!r} cannot be put into one vector, since it is not encoded (its type is "
                    f"{part.dtype}); use output_mode='one_hot' for it, or output_mode='dict' for the FeatureSpace"
                )
        if self.concat is None:
            self.concat = TFDConcat(axis=-1)
        return self.concat(list(parts.values()))

    def _part(self, name: str, values: Any, spec: Feature | Cross) -> Any:
        """One of the outputs: indices as rows where that is asked for."""
        if spec.output_mode != "one_hot":
            return values
        if name not in self.one_hot_encoders:
            layer = self.preprocessors.get(name) or self.crossers[name]
            if not np.issubdtype(_type_name(values), np.integer):
                raise ValueError(
                    f"FeatureSpace: column {name!r} has output_mode='one_hot', so its layer should return integers; it "
                    f"returns {values.dtype}"
                )
            size = _number_of_indices(layer)
            if size is None:
                raise ValueError(
                    f"FeatureSpace: column {name!r} has output_mode='one_hot', but how many indices a "
                    f"{type(layer).__name__} gives is not known; use output_mode='int'"
                )
            self.one_hot_encoders[name] = layers.CategoryEncoding(num_tokens=size, output_mode="multi_hot")
        return self.one_hot_encoders[name](values)

    def __call__(self, data: Any) -> Any:
        """The encoded columns.

        Args:
            data: dict of columns, (batch,) or (batch, 1) each, or of the values of one row; symbolic tensors are fine.

        Returns:
            (batch, size), or for one row (size,); in mode ``'dict'`` a dict of such.

        Raises:
            ValueError: no dict, a column is missing, or :meth:`adapt` was not called.
        """
        self.get_encoded_features()
        if not isinstance(data, Mapping):
            raise ValueError(
                f"FeatureSpace {self.name!r} is called on a dict of columns, received {type(data).__name__}"
            )
        columns = {name: _of(data, name) for name in self.features}
        columns = {
            name: v if is_symbolic(v) or isinstance(v, jax.Array) else np.asarray(v) for name, v in columns.items()
        }
        is_row = any(len(v.shape) == 0 for v in columns.values())
        outputs = self._encode({name: _at_least_two_axes(v) for name, v in columns.items()})
        if not is_row:
            return outputs
        return jax.tree.map(lambda v: v[0] if len(v.shape) == 2 and v.shape[0] == 1 else v, outputs)

    def call(self, data: Any) -> Any:
        """The encoded columns; :meth:`__call__`."""
        return self(data)

    # -- configs and files ---------------------------------------------------------------------------------------

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal one."""
        return {
            "features": {name: serialize_keras_object(feature) for name, feature in self.features.items()},
            "output_mode": self.output_mode,
            "crosses": [serialize_keras_object(cross) for cross in self.crosses],
            "crossing_dim": self.crossing_dim,
            "hashing_dim": self.hashing_dim,
            "num_discretization_bins": self.num_discretization_bins,
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Make one from what :meth:`get_config` returned."""
        return cls(**config)

    def get_build_config(self) -> dict[str, Any]:
        """What each layer needs to be built."""
        return {name: layer.get_build_config() for name, layer in self.preprocessors.items()}

    def build_from_config(self, config: Mapping[str, Any]) -> None:
        """Build each layer; what they learned is in their configs, weights and assets."""
        for name, inner in config.items():
            layer = self.preprocessors[name]
            if not layer.built:
                layer.build_from_config(inner)
        self._is_adapted = self.built = True

    def save(self, filepath: Any, overwrite: bool = True) -> None:
        """Write it to a ``.keras`` file, which ``keras.models.load_model`` reads.

        Args:
            filepath: where to write.
            overwrite: False refuses to replace a file.
        """
        from kjax.keras.saving import save_model

        save_model(self, filepath, overwrite)


def _is_given(layer: Any) -> bool:
    """Whether what a layer could learn was given as an argument."""
    if isinstance(layer, layers.Normalization):
        return layer.input_mean is not None
    if isinstance(layer, layers.Discretization):
        return layer.num_bins is None
    return getattr(getattr(layer, "_lookup_layer", layer), "_fixed", False)


def _number_of_indices(layer: Any) -> int | None:
    """How many different integers a layer gives."""
    if isinstance(layer, (layers.IntegerLookup, layers.StringLookup)):
        return layer.vocabulary_size()
    if isinstance(layer, layers.CategoryEncoding):
        return layer.num_tokens
    if isinstance(layer, layers.Discretization):
        return layer.num_bins if layer.num_bins is not None else len(layer.bin_boundaries) + 1
    return layer.num_bins if isinstance(layer, (layers.HashedCrossing, layers.Hashing)) else None


def _type_name(values: Any) -> Any:
    """The type of an array or symbolic tensor, as NumPy compares it."""
    name = str(values.dtype)
    return np.dtype("O") if name == "string" else np.float32 if name == "bfloat16" else np.dtype(name)


def _of(columns: Any, name: str) -> Any:
    """A column of a batch."""
    batch: Any = columns[0] if isinstance(columns, tuple) and columns else columns
    try:
        return batch[name]
    except (KeyError, TypeError, IndexError) as error:
        held = list(batch) if isinstance(batch, Mapping) else type(batch).__name__
        raise ValueError(f"FeatureSpace: the data have no column {name!r}; they hold {held}") from error


def _columns(data: Any) -> Any:
    """Data that are columns by name, or None for a data set that gives them.

    Raises:
        ValueError: neither.
    """
    if isinstance(data, Mapping) or (hasattr(data, "columns") and hasattr(data, "iloc")):
        return data
    if hasattr(data, "__iter__") and not isinstance(data, (str, bytes, np.ndarray, jax.Array)):
        return None
    raise ValueError(
        "FeatureSpace: `adapt()` takes a dict of columns or a data set that gives dicts, received "
        f"{data!r} (a {type(data).__name__})"
    )


def _in_batches(values: Iterable[Any]) -> Iterator[Any]:
    """Batches as they come; single values some at a time."""
    pending: list[np.ndarray] = []
    for value in map(np.asarray, values):
        if value.ndim > 0:
            yield value
            continue
        pending.append(value)
        if len(pending) == BATCH:
            yield np.stack(pending)
            pending = []
    if pending:
        yield np.stack(pending)


def _at_least_two_axes(values: Any) -> Any:
    """(1, 1) for one value, (batch, 1) for a column."""
    while len(values.shape) < 2:
        values = values[..., None]
    return values
