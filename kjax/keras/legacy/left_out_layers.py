"""Layers, models and functions of tf.keras 2 that Keras 3 left out."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from kjax.keras import activations, initializers, layers, ops
from kjax.keras.core import scope as scopes
from kjax.keras.core.layer import Layer
from kjax.keras.core.settings import settings
from kjax.keras.models import Model

_LAYERS: Any = layers


class AbstractRNNCell(Layer):
    """Base of cells that users write: ``call(inputs, states)``, ``state_size`` and ``output_size``."""

    def call(self, inputs: Any, states: Any) -> Any:
        """One step: the output and the new states; every cell writes its own."""
        raise NotImplementedError(f"{type(self).__name__} has no `call` method")

    @property
    def state_size(self) -> Any:
        """Sizes of the states."""
        raise NotImplementedError(f"{type(self).__name__} does not say its `state_size`")

    @property
    def output_size(self) -> Any:
        """Size of the output."""
        raise NotImplementedError(f"{type(self).__name__} does not say its `output_size`")

    def get_initial_state(self, inputs: Any = None, batch_size: Any = None, dtype: Any = None) -> Any:
        """Zeros."""
        batch = batch_size if inputs is None else ops.shape(inputs)[0]
        sizes = self.state_size if isinstance(self.state_size, (list, tuple)) else [self.state_size]
        zeros = [jnp.zeros((batch, *(s if isinstance(s, (list, tuple)) else (s,))), dtype or "float32") for s in sizes]
        return zeros if isinstance(self.state_size, (list, tuple)) else zeros[0]


class LinearModel(Model):
    """``keras.experimental.LinearModel``: the sum of a linear function of each input, and a bias.

    Args:
        units: size of the output.
        activation: what is done with the sum.
        use_bias: whether there is a bias.
        kernel_initializer: initializer of the kernels.
        bias_initializer: initializer of the bias.
        kernel_regularizer: penalty on the kernels.
        bias_regularizer: penalty on the bias.
        **kwargs: arguments of every model.
    """

    def __init__(
        self, units: int = 1, activation: Any = None, use_bias: bool = True, kernel_initializer: Any = "zeros",
        bias_initializer: Any = "zeros", kernel_regularizer: Any = None, bias_regularizer: Any = None, **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(**kwargs)
        self.units, self.use_bias = units, use_bias
        self.activation = activations.get(activation)
        self._kernel = {"kernel_initializer": kernel_initializer, "kernel_regularizer": kernel_regularizer}
        self.bias_initializer, self.bias_regularizer = bias_initializer, bias_regularizer
        self.dense_layers: list[Layer] = []

    def build(self, input_shape: Any = None) -> None:
        """Make a kernel for each input."""
        several = isinstance(input_shape, dict) or (bool(input_shape) and isinstance(input_shape[0], (list, tuple)))
        shapes = list(input_shape.values()) if isinstance(input_shape, dict) else list(input_shape) if several else [input_shape]  # fmt: skip
        self.dense_layers = [_LAYERS.Dense(self.units, use_bias=False, **self._kernel) for _ in shapes]
        for dense, shape in zip(self.dense_layers, shapes, strict=True):
            dense.build(shape)
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight((self.units,), self.bias_initializer, name="bias", regularizer=self.bias_regularizer)  # fmt: skip
        super().build(input_shape)

    def call(self, inputs: Any) -> Any:
        """The sum."""
        parts = list(inputs.values()) if isinstance(inputs, dict) else inputs if isinstance(inputs, (list, tuple)) else [inputs]  # fmt: skip
        total: Any = 0
        for dense, part in zip(self.dense_layers, parts, strict=True):
            total = total + dense(part)
        if self.bias is not None:
            total = total + ops.reshape(self.bias, (1, -1))
        return total if self.activation is None else self.activation(total)


class WideDeepModel(Model):
    """``keras.experimental.WideDeepModel``: the sum of what two models give, each trained by an optimizer of its own.

    Args:
        linear_model: the wide one.
        dnn_model: the deep one.
        activation: what is done with the sum.
        **kwargs: arguments of every model.
    """

    def __init__(self, linear_model: Any, dnn_model: Any, activation: Any = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.linear_model, self.dnn_model = linear_model, dnn_model
        self.activation = activations.get(activation)

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """The sum of both: of a pair of inputs, or of the same."""
        pair = inputs if isinstance(inputs, (list, tuple)) and len(inputs) == 2 else (inputs, inputs)
        total = self.linear_model(pair[0]) + self.dnn_model(pair[1], training=training)
        return total if self.activation is None else self.activation(total)


class RandomFourierFeatures(Layer):
    """``cos(x W + b)`` with a random ``W``: its inner products are near those of a Gaussian or Laplacian kernel.

    Args:
        output_dim: number of features.
        kernel_initializer: ``'gaussian'``, ``'laplacian'``, or an initializer of ``W``.
        scale: width of the kernel; 1 for ``'gaussian'`` and ``'laplacian'`` is ``sqrt(n / 2)`` for ``n`` inputs and 1.
        trainable: whether the width is trained.
        name: name of the layer.
        **kwargs: arguments of every layer.

    Source: Rahimi and Recht, 2007, "Random features for large-scale kernel machines".
    """

    def __init__(
        self, output_dim: int, kernel_initializer: Any = "gaussian", scale: float | None = None, trainable: bool = False,
        name: str | None = None, **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(trainable=trainable, name=name, **kwargs)
        if output_dim <= 0:
            raise ValueError(f"RandomFourierFeatures: argument `output_dim` must be positive, received {output_dim}")
        self.output_dim, self.kernel_initializer, self.scale = output_dim, kernel_initializer, scale

    def build(self, input_shape: Any) -> None:
        """Draw the kernel."""
        number = int(input_shape[-1])
        kind = self.kernel_initializer.lower() if isinstance(self.kernel_initializer, str) else None
        made: Any = self.kernel_initializer
        if kind == "gaussian":
            made = initializers.RandomNormal(stddev=1.0)  # type: ignore[attr-defined]
        elif kind == "laplacian":
            made = np.random.default_rng(0).standard_cauchy((number, self.output_dim)).astype("float32")
            made = initializers.Constant(made)  # type: ignore[attr-defined]
        wide = self.scale or (np.sqrt(number / 2.0) if kind == "gaussian" else 1.0)
        self.unscaled_kernel = self.add_weight((number, self.output_dim), made, name="unscaled_kernel", trainable=False)
        self.bias = self.add_weight((self.output_dim,), initializers.RandomUniform(0.0, 2 * np.pi), name="bias", trainable=False)  # type: ignore[attr-defined]  # fmt: skip
        self.kernel_scale = self.add_weight((1,), initializers.Constant(wide), name="kernel_scale", trainable=self.trainable)  # type: ignore[attr-defined]  # fmt: skip

    def call(self, inputs: Any) -> Any:
        """The features."""
        product = ops.matmul(inputs, self.unscaled_kernel) / ops.reshape(self.kernel_scale, (1, 1))
        return ops.cos(product + ops.reshape(self.bias, (1, -1)))


class RadialConstraint:
    """Kernels that are the same at the same distance from the middle, square: each ring takes a value of the diagonal."""

    def __call__(self, w: Any) -> Any:
        """The weights, the upper middle column turned around the middle."""
        return scopes.through(self._turned, w)

    def _turned(self, w: Any) -> Any:
        w = jnp.asarray(w)
        if w.ndim != 4 or w.shape[0] != w.shape[1]:
            raise ValueError(f"RadialConstraint: expected weights of shape (n, n, inputs, outputs), received {w.shape}")
        rows, columns = np.indices(w.shape[:2])
        middle = (w.shape[0] - 1) / 2
        ring = np.maximum(np.abs(rows - middle), np.abs(columns - middle)).astype(int)  # 0 in the middle
        half, is_even = w.shape[0] // 2, w.shape[0] % 2 == 0
        place = half - 1 + ring + np.where(ring > 0, int(is_even), 0)  # which of the diagonal Keras takes
        return w[place, place]

    def get_config(self) -> dict[str, Any]:
        """No arguments."""
        return {}


radial_constraint = RadialConstraint


@contextlib.contextmanager
def learning_phase_scope(value: Any) -> Iterator[None]:
    """``keras.backend.learning_phase_scope``: the mode inside a block."""
    from kjax.keras import backend

    before = settings.learning_phase
    backend.set_learning_phase(value)
    try:
        yield
    finally:
        settings.learning_phase = before


def warmstart_embedding_matrix(
    base_vocabulary: Sequence[str], new_vocabulary: Sequence[str], base_embeddings: Any, new_embeddings_initializer: Any = "uniform"
) -> Any:  # fmt: skip
    """``keras.utils.warmstart_embedding_matrix``: rows for a new vocabulary, those of known words taken over.

    Args:
        base_vocabulary: the known words.
        new_vocabulary: the new ones.
        base_embeddings: the rows of the known words.
        new_embeddings_initializer: initializer of the rows of all others.
    """
    base = np.asarray(base_embeddings)
    made = np.array(initializers.get(new_embeddings_initializer)((len(new_vocabulary), base.shape[1])))
    places = {word: i for i, word in enumerate(base_vocabulary)}
    for row, word in enumerate(new_vocabulary):
        if word in places:
            made[row] = base[places[word]]
    return scopes.shown(jnp.asarray(made))
