"""What Keras' preprocessing layers have beyond arguments: statistics of data, and functions of the backend."""

from __future__ import annotations

import itertools
import math
import numbers
from collections.abc import Iterable, Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np

from kjax.keras.core import scope as scopes
from kjax.keras.core.data_layer import DataFunctions
from kjax.keras.core.pure import PureLayer
from kjax.keras.core.settings import settings
from kjax.keras.core.variable import Variable
from kjax.nn.features import bins
from kjax.nn.features.encoding import encoded_shape
from kjax.nn.layers.preprocessing.sound import mel_matrix


class DataMembers(DataFunctions, PureLayer):
    """Members of all preprocessing layers."""


class RescalingMembers(DataMembers):
    """Members of Rescaling."""

    def adapt_arguments(self, fields: dict[str, Any]) -> dict[str, Any]:
        """Where channels come first, one scale for each channel is laid along them."""
        given: Any = fields.get("scale")
        shape = np.shape(given)
        if settings.image_data_format == "channels_first" and 0 < len(shape) < 3:
            scale = np.reshape(given, shape + (1,) * (3 - len(shape)))
            return fields | {"scale": scale.tolist()}
        return fields


class MelMembers(DataMembers):
    """Members of MelSpectrogram."""

    def linear_to_mel_weight_matrix(
        self,
        num_mel_bins: int = 20,
        num_spectrogram_bins: int = 129,
        sampling_rate: float = 8000,
        lower_edge_hertz: float = 125.0,
        upper_edge_hertz: float = 3800.0,
        dtype: str = "float32",
    ) -> Any:
        """Weights that turn a spectrum into mel bands (:func:`kjax.nn.layers.preprocessing.sound.mel_matrix`)."""
        matrix = mel_matrix(num_mel_bins, num_spectrogram_bins, sampling_rate, lower_edge_hertz, upper_edge_hertz)
        return jnp.asarray(matrix, dtype)


def batches_of(data: Any, steps: int | None = None) -> Iterable[Any]:
    """Batches of inputs from an array (one batch), or from anything that gives batches; targets are left out.

    Args:
        data: an array or a table, a data set (iterable, ``PyDataset``, ``tf.data.Dataset``), or a list of batches.
        steps: number of batches to take; all by default.
    """
    if hasattr(data, "shape"):
        return [data]
    if not hasattr(data, "__iter__"):
        if not hasattr(data, "__getitem__") or not hasattr(data, "__len__"):
            return [data]
        data = map(data.__getitem__, range(len(data)))  # numbered batches
    if hasattr(data, "as_numpy_iterator"):
        data = data.as_numpy_iterator()
    batches = (batch[0] if isinstance(batch, tuple) else batch for batch in data)
    return batches if steps is None else itertools.islice(batches, steps)


class NormalizationMembers(DataMembers):
    """Members of Normalization: learning the statistics."""

    def adapt(self, data: Any) -> None:
        """Learn mean and variance from data; what was learned before is forgotten.

        Args:
            data: an array, lists of lists of numbers, or an iterable of batches (of which ``(x, y)`` count as x).

        Raises:
            ValueError: no data, or batches of other shapes than the layer was built for.
            TypeError: batches without a shape.
        """
        if self._module.mean is not None:  # type: ignore[attr-defined]
            raise ValueError(f"{self.name!r} was made with a fixed `mean` and `variance`; it does not adapt")
        if isinstance(data, list) and data and isinstance(data[0], list):
            data = np.asarray(data)
        total, mean, variance, kept = 0, 0.0, 0.0, None
        for batch in batches_of(data):
            if not hasattr(batch, "shape") and not isinstance(batch, numbers.Number):
                raise TypeError(f"adapt: batches must be arrays, received {type(batch).__name__}")
            x = np.asarray(batch)
            x = (
                x.astype(np.float64)
                if x.dtype.kind in "biuf"
                else np.asarray(jnp.asarray(batch, jnp.float32), np.float64)
            )
            if kept is None:
                kept = self._built_for(x.shape)
            if tuple(x.shape[axis] for axis in kept) != self._size_of_statistics():
                raise ValueError(
                    f"{self.name!r} keeps statistics of shape {self._size_of_statistics()} (axes {kept}); "
                    f"data of the incompatible shape {x.shape} do not fit"
                )
            rest = tuple(axis for axis in range(x.ndim) if axis not in kept)
            count = math.prod(x.shape[axis] for axis in rest)
            total += count
            share = count / total
            batch_mean, batch_variance = x.mean(axis=rest), x.var(axis=rest)
            new_mean = mean * (1 - share) + batch_mean * share
            variance = (variance + (mean - new_mean) ** 2) * (1 - share)
            variance = variance + (batch_variance + (batch_mean - new_mean) ** 2) * share
            mean = new_mean
        if kept is None:
            raise ValueError("adapt: an empty iterable was given: there are no data to learn from")
        self._statistic("mean").assign(np.asarray(mean, np.float32))
        self._statistic("variance").assign(np.asarray(variance, np.float32))

    def build(self, input_shape: Any = None, **named_shapes: Any) -> None:
        """Make the statistics for inputs of a shape, whose kept axes must be known."""
        if input_shape is not None:
            self._module.kept_axes(tuple(input_shape))  # type: ignore[attr-defined]
        super().build(input_shape, **named_shapes)

    def _built_for(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        kept = self._module.kept_axes(shape)  # type: ignore[attr-defined]
        if not self.built:
            self.build(tuple(size if axis in kept else None for axis, size in enumerate(shape)))
        return kept

    def _statistic(self, name: str) -> Variable:
        return next(variable for _, path, variable in self._boxes if path[-1] == name)

    def _size_of_statistics(self) -> tuple[int, ...]:
        return self._statistic("mean").shape

    def finalize_state(self) -> None:
        """Nothing is left to do: statistics are variables, which the layer reads when it is called."""

    def _value(self, name: str) -> Any:
        given = getattr(self._module, name)
        shape = (self._build_shapes or {}).get("input_shape")
        if given is None and not self.built:
            return None
        value = self._statistic(name).numpy() if given is None else np.asarray(given, np.float32)
        if shape is None:
            return value
        kept = self._module.kept_axes(tuple(shape))  # type: ignore[attr-defined]
        value = np.broadcast_to(value, [shape[axis] for axis in kept])
        return value.reshape([size if axis in kept else 1 for axis, size in enumerate(shape)])

    @property
    def mean(self) -> Any:
        """The mean, ready to broadcast to inputs."""
        return scopes.shown(self._value("mean"))

    @property
    def variance(self) -> Any:
        """The variance, ready to broadcast to inputs."""
        return scopes.shown(self._value("variance"))

    @property
    def input_mean(self) -> Any:
        """The mean that was given as an argument, or None."""
        return self._module.mean  # type: ignore[attr-defined]

    @property
    def input_variance(self) -> Any:
        """The variance that was given as an argument, or None."""
        return self._module.variance  # type: ignore[attr-defined]

    @property
    def adapt_mean(self) -> Variable:
        """The variable with the learned mean."""
        return self._statistic("mean")

    @property
    def adapt_variance(self) -> Variable:
        """The variable with the learned variance."""
        return self._statistic("variance")


class DiscretizationMembers(DataMembers):
    """Members of Discretization: learning the boundaries."""

    _summary: np.ndarray | None = None

    def adapt_arguments(self, fields: dict[str, Any]) -> dict[str, Any]:
        """Refuse both ways to say what the bins are."""
        if fields.get("num_bins") is not None and fields.get("bin_boundaries") is not None:
            raise ValueError(
                f"{self.name!r}: Both `num_bins` and `bin_boundaries` should not be set: give `bin_boundaries`, or "
                "`num_bins` and adapt the layer, not both"
            )
        return fields

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal layer, and the boundaries that it learned."""
        config = super().get_config()
        config.pop("trainable", None)  # real Keras does not take it here
        return config

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Any:
        """Make a layer from what :meth:`get_config` returned."""
        config = dict(config)
        learned = config.pop("bin_boundaries") if config.get("num_bins") is not None else None
        layer = cls(**config)
        if learned is not None:
            layer.bin_boundaries = learned
        return layer

    def adapt(self, data: Any, steps: int | None = None) -> None:
        """Learn boundaries that put about equally many values into each bin.

        Args:
            data: an array, or an iterable of batches.
            steps: number of batches to take; all by default.

        Raises:
            ValueError: the layer was made with boundaries.
        """
        if self.num_bins is None:
            raise ValueError(f"{self.name!r} was made with `bin_boundaries`; make it with `num_bins` to adapt it")
        self.reset_state()
        for batch in batches_of(data, steps):
            self.update_state(batch)
        self.finalize_state()

    def update_state(self, data: Any) -> None:
        """Add a batch to what is known of the data."""
        summary = bins.summarize(np.asarray(data, np.float32), self.epsilon)
        self._summary = summary if self._summary is None else bins.merge(summary, self._summary, self.epsilon)

    def finalize_state(self) -> None:
        """Take the boundaries from what is known of the data."""
        if self.num_bins is not None and self._summary is not None:
            self.bin_boundaries = bins.boundaries(self._summary, self.num_bins).tolist()

    def reset_state(self) -> None:
        """Forget the data."""
        self._summary = None

    def compute_output_shape(self, input_shape: Any, **kwargs: Any) -> Any:
        """Shape of the output for the shape of the input, before the boundaries are known too."""
        del kwargs
        depth = self.num_bins if self.bin_boundaries is None else len(self.bin_boundaries) + 1
        return encoded_shape(input_shape, self.output_mode, depth)

    @property
    def output_dtype(self) -> str:
        """Type of the output."""
        return "int32" if self.output_mode == "int" else self.compute_dtype

    def load_own_variables(self, store: Mapping[str, Any]) -> None:
        """Files of Keras may hold a summary of the data; the boundaries are in the config."""
        if len(store) == 1:
            self._summary = np.asarray(store["0"])

    num_bins: Any
    epsilon: Any
    output_mode: Any
    bin_boundaries: Any
