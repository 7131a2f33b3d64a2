"""What tf.keras 2 measured by and Keras 3 left out: MeanTensor, MeanRelativeError, to_ordinal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np

from kjax.keras.core.metric import Metric
from kjax.keras.core.variable import Variable
from kjax.keras.metrics import Mean  # pyright: ignore[reportAttributeAccessIssue]


class MeanTensor(Metric):
    """The mean of each entry of the tensors that it is given.

    Args:
        name: its name in the logs.
        dtype: type to compute in.
        shape: shape of the tensors; by default that of the first one.
    """

    def __init__(self, name: str = "mean_tensor", dtype: Any = None, shape: Any = None) -> None:
        super().__init__(dtype, name)
        self._shape: tuple[int, ...] | None = None
        self.total: Variable | None = None
        self.count: Variable | None = None
        if shape is not None:
            self._build(tuple(shape))

    def _build(self, shape: tuple[int, ...]) -> None:
        self._shape = shape
        self.total = self.add_weight(shape, "zeros", self.dtype, name="total")
        self.count = self.add_weight(shape, "zeros", self.dtype, name="count")

    def update_state(self, values: Any, sample_weight: Any = None) -> None:
        """Add a tensor.

        Args:
            values: a tensor of the metric's shape.
            sample_weight: weights of its entries; axes are appended or broadcast where they are missing.

        Raises:
            ValueError: tensors of another shape were seen before.
        """
        array = jnp.asarray(values, self.dtype)
        if self._shape is None:
            self._build(array.shape)
        if array.shape != self._shape:
            raise ValueError(
                f"MeanTensor {self.name!r}: tensors must always have the same shape; expected {self._shape}, "
                f"received {array.shape}"
            )
        assert self.total is not None and self.count is not None
        weight = jnp.ones((), self.dtype) if sample_weight is None else jnp.asarray(sample_weight, self.dtype)
        if 0 < weight.ndim < array.ndim:
            weight = weight.reshape(weight.shape + (1,) * (array.ndim - weight.ndim))
        self.total.assign(self.total.value + array * weight)
        self.count.assign(self.count.value + jnp.broadcast_to(weight, array.shape))

    def result(self) -> Any:
        """The means; 0 where nothing was counted.

        Raises:
            ValueError: there were no data so far, and no shape was given.
        """
        if self.total is None or self.count is None:
            raise ValueError(f"MeanTensor {self.name!r} has no result before its first data: call update_state first")
        total, count = self.total.value, self.count.value
        return jnp.where(count == 0, 0, total / jnp.where(count == 0, 1, count))

    def get_config(self) -> dict[str, Any]:
        """Arguments that make an equal metric."""
        return {**super().get_config(), "shape": self._shape}


class MeanRelativeError(Mean):
    """The mean of ``|y_true - y_pred| / normalizer``; 0 where the normalizer is 0.

    Args:
        normalizer: what errors are divided by; broadcasts with the targets.
        name: its name in the logs.
        dtype: type to compute in.
    """

    def __init__(self, normalizer: Any, name: str | None = None, dtype: Any = None) -> None:
        super().__init__(name=name, dtype=dtype)
        self.normalizer = jnp.asarray(normalizer, self.dtype)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add a batch of targets and predictions."""
        true, predicted = jnp.asarray(y_true, self.dtype), jnp.asarray(y_pred, self.dtype)
        error = jnp.abs(true - predicted)
        zero = self.normalizer == 0
        super().update_state(jnp.where(zero, 0, error / jnp.where(zero, 1, self.normalizer)), sample_weight)

    def get_config(self) -> dict[str, Any]:
        """Arguments that make an equal metric."""
        return {"name": self.name, "dtype": self.dtype, "normalizer": np.asarray(self.normalizer).tolist()}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> MeanRelativeError:
        """Make a metric from what :meth:`get_config` returned."""
        return cls(**config)


def to_ordinal(y: Any, num_classes: int | None = None, dtype: Any = "float32") -> np.ndarray:
    """Integer classes as ordinal rows: class k has its first k entries 1.

    Args:
        y: integers from 0; a last axis of length 1 is dropped.
        num_classes: number of classes; the largest plus one by default.
        dtype: type of the result.

    Returns:
        Array of the shape of ``y`` with a further last axis of ``num_classes - 1``.
    """
    classes = np.asarray(y).astype(np.int64)
    if classes.ndim > 1 and classes.shape[-1] == 1:
        classes = classes[..., 0]
    count = int(classes.max(initial=-1)) + 1 if num_classes is None else int(num_classes)
    return (classes[..., None] > np.arange(count - 1)).astype(dtype)
