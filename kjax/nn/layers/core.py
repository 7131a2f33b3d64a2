"""Dense, Embedding, Activation and the other layers that most networks are made of."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, ClassVar

import flax.linen as nn
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Num

from kjax.nn import arguments as arg
from kjax.nn import row_gradients
from kjax.nn.dtypes import cast_floating, policy_name
from kjax.nn.initializers import GivenValues
from kjax.nn.layers import base, low_rank
from kjax.nn.layers.regularization import dropout
from kjax.nn.lowering import product
from kjax.nn.module import Layer
from kjax.nn.ops.sparse import dense, is_sparse, matmul
from kjax.nn.quantization import float8, table
from kjax.nn.quantization import product as quantized
from kjax.nn.quantization.contraction import Contraction
from kjax.nn.value import field


class Dense(Layer):
    """``activation(inputs @ kernel + bias)`` on the last axis.

    Weights: ``kernel`` (features, units), ``bias`` (units,). With a policy such as ``dtype='int8_from_float32'`` the kernel
    is kept in fewer bits; see :mod:`kjax.nn.quantization`.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> layer = Dense(4, activation="relu")
        >>> variables = layer.init(jax.random.key(0), jnp.ones((2, 3)))
        >>> layer.apply(variables, jnp.ones((2, 3))).shape
        (2, 4)
    """

    units: int = field(convert=arg.positive)
    activation: Any = base.activation()
    use_bias: bool = base.flag(True)
    kernel_initializer: Any = base.initializer("glorot_uniform")
    bias_initializer: Any = base.initializer("zeros")
    kernel_regularizer: Any = base.regularizer()
    bias_regularizer: Any = base.regularizer()
    kernel_constraint: Any = base.constraint()
    bias_constraint: Any = base.constraint()
    lora_rank: int | None = low_rank.rank_field()
    lora_alpha: float | None = low_rank.alpha_field()
    quantization_config: Any = quantized.config_field()
    calibrated: bool = quantized.calibrated_field()

    supports_masking = True
    activates_last = True
    takes_sparse = True

    def __post_init__(self) -> None:
        super().__post_init__()
        low_rank.check(self, "kernel")

    def call(self, inputs: Num[Array, "batch *rest features"]) -> Float[Array, "batch *rest units"]:
        base.require_rank(self, inputs, 2, at_least=True)
        how = self.contraction(inputs.ndim, (inputs.shape[-1], self.units))
        kernel = functools.partial(base.declared_weight, self, "kernel", how.kernel, frozen=bool(self.lora_rank))
        mode = quantized.mode_of(self)
        inputs = inputs if mode is None else dense(inputs)
        outputs = kernel() if mode is None else quantized.product(self, inputs, how, kernel)
        bias = base.declared_weight(self, "bias", (self.units,)) if self.use_bias else None
        if mode is None:
            multiply = matmul if is_sparse(inputs) else product
            outputs = multiply(inputs, low_rank.adapted(self, "kernel", outputs))
        else:
            outputs = low_rank.added(self, "kernel", how, inputs, outputs)
        if mode == "float8" and bias is not None:
            bias = float8.rounded_bias(self, bias)
        return base.activate(self.activation, base.add_bias(outputs, bias))

    @nn.nowrap
    def contraction(self, ndim: int, kernel: tuple[int, ...]) -> Contraction:
        """The product of inputs of ``ndim`` axes with a kernel of a shape."""
        return Contraction.dense(ndim, kernel)


class Activation(Layer):
    """Apply an activation function.

    Attributes:
        activation: its name, or any function from an array to an array of the same shape.
    """

    activation: Any = field(convert=base.activations.get)

    supports_masking = True
    activates_last = True

    def call(self, inputs: Array) -> Array:
        return base.activate(self.activation, inputs)


def _initial_matrix(value: Any) -> GivenValues | None:
    if value is None or isinstance(value, GivenValues):
        return value
    matrix = np.asarray(value[0] if isinstance(value, (list, tuple)) and len(value) == 1 else value)
    if matrix.ndim != 2:
        raise ValueError(f"expected a matrix (input_dim, output_dim), received shape {matrix.shape}")
    return GivenValues(matrix)


class Embedding(Layer):
    """A learned vector for each integer from 0 to ``input_dim - 1``.

    An integer outside that range gives a row of NaN, so that the mistake is seen.

    Weights: ``embeddings`` (input_dim, output_dim).

    Attributes:
        input_dim: number of different integers.
        output_dim: length of the vectors.
        mask_zero: the integer 0 is padding; the output's mask is ``inputs != 0``.
        weights: initial matrix instead of ``embeddings_initializer``.
        dropout: part of the integers whose vectors are 0 in a training step, wherever they stand (Keras 1).
    """

    input_dim: int = field(convert=arg.positive)
    output_dim: int = field(convert=arg.positive)
    embeddings_initializer: Any = base.initializer("uniform")
    embeddings_regularizer: Any = base.regularizer()
    embeddings_constraint: Any = base.constraint()
    mask_zero: bool = base.flag(False)
    weights: Any = field(None, convert=_initial_matrix)
    lora_rank: int | None = low_rank.rank_field()
    lora_alpha: float | None = low_rank.alpha_field()
    quantization_config: Any = quantized.config_field()
    dropout: float = field(0.0, convert=arg.fraction, unknown_to_keras=True)

    autocast = False

    def __post_init__(self) -> None:
        super().__post_init__()
        low_rank.check(self, "embeddings")

    @property
    def supports_masking(self) -> bool:  # type: ignore[override]
        """Whether the layer makes a mask."""
        return self.mask_zero

    def call(self, inputs: Num[Array, "*shape"], training: bool = False) -> Float[Array, "*shape features"]:
        ids = inputs if jnp.issubdtype(inputs.dtype, jnp.integer) else inputs.astype("int32")
        if quantized.mode_of(self) is None:
            # Only the rows that are used are cast.
            rows = row_gradients.looked_up(jnp.take(self.table(cast=False), ids, axis=0), self._path_of_table())
            rows = cast_floating(rows, self.compute_dtype)
        else:
            rows = table.declared(self, "embeddings", self.input_dim, self.output_dim).rows(ids, self.compute_dtype)
        rows = rows + _row_corrections(self, ids) if self.lora_rank else rows
        if training and self.dropout:
            known = dropout(base.random_key(self), jnp.ones(self.input_dim, rows.dtype), self.dropout)
            rows = rows * jnp.take(known, ids, axis=0)[..., None]
        return rows

    def _path_of_table(self) -> str:
        return "/".join((*self.path, "embeddings"))

    def table(self, cast: bool) -> Float[Array, "input_dim output_dim"]:
        """The matrix of all vectors, in the compute type or in that in which it is stored."""
        return self.weight(
            "embeddings",
            (self.input_dim, self.output_dim),
            self.embeddings_initializer if self.weights is None else self.weights,
            regularizer=self.embeddings_regularizer,
            constraint=self.embeddings_constraint,
            cast=cast,
            frozen=bool(self.lora_rank),
        )

    def compute_mask(self, inputs: Any, mask: Any) -> Bool[Array, "*shape"] | None:
        """``inputs != 0`` where ``mask_zero`` is set."""
        del mask
        return inputs != 0 if self.mask_zero else None


def _row_corrections(layer: Any, ids: Array) -> Array:
    """What low-rank adaptation adds to rows of a table."""
    first, second = low_rank.factors(layer, "embeddings", (layer.input_dim, layer.output_dim))
    correction = low_rank.scale(layer) * jnp.matmul(jnp.take(first, ids, axis=0), second)
    return cast_floating(correction, layer.compute_dtype)


class ReversibleEmbedding(Layer):
    """An embedding that can also be run backwards, from vectors to one number (logit) for each integer.

    Weights: ``embeddings`` (input_dim, output_dim), and ``reverse_embeddings`` (output_dim, input_dim) if
    ``tie_weights`` is False.

    Attributes:
        input_dim: number of different integers.
        output_dim: length of the vectors.
        tie_weights: use the transposed embeddings backwards.
        mask_zero: the integer 0 is padding.
        reverse_dtype: type of the backward computation.
        logit_soft_cap: bound of the logits: they become ``tanh(logits / cap) * cap``.
    """

    input_dim: int = field(convert=arg.positive)
    output_dim: int = field(convert=arg.positive)
    tie_weights: bool = base.flag(True)
    embeddings_initializer: Any = base.initializer("uniform")
    embeddings_regularizer: Any = base.regularizer()
    embeddings_constraint: Any = base.constraint()
    mask_zero: bool = base.flag(False)
    reverse_dtype: str | None = field(None, convert=policy_name)
    logit_soft_cap: float | None = field(None, convert=arg.optional(float))
    lora_rank: int | None = low_rank.rank_field(kw_only=True)
    lora_alpha: float | None = low_rank.alpha_field(kw_only=True)
    quantization_config: Any = quantized.config_field(kw_only=True)

    autocast = False

    def __post_init__(self) -> None:
        super().__post_init__()
        low_rank.check(self, "embeddings")

    @property
    def supports_masking(self) -> bool:  # type: ignore[override]
        """Whether the layer makes a mask."""
        return self.mask_zero

    def call(self, inputs: Num[Array, "*shape"], reverse: bool = False) -> Float[Array, "*shape features"]:
        """The vectors of integers, or with ``reverse`` the logits of vectors."""
        ids = inputs if reverse or jnp.issubdtype(inputs.dtype, jnp.integer) else inputs.astype("int32")
        outputs = (self._quantized if quantized.mode_of(self) else self._plain)(ids, reverse)
        if not reverse:
            return outputs + _row_corrections(self, ids) if self.lora_rank else outputs
        if self.logit_soft_cap is not None:
            outputs = jnp.tanh(outputs / self.logit_soft_cap) * self.logit_soft_cap
        return outputs

    def _plain(self, inputs: Array, reverse: bool) -> Array:
        shape = (self.input_dim, self.output_dim)
        rows = base.declared_weight(self, "embeddings", shape, cast=False, frozen=bool(self.lora_rank))
        back = None
        if not self.tie_weights:
            back = self.weight("reverse_embeddings", shape[::-1], self.embeddings_initializer, cast=False)
        if not reverse:
            return cast_floating(jnp.take(rows, inputs, axis=0), self.compute_dtype)
        if back is None:
            back = low_rank.adapted(self, "embeddings", rows).T
        back = cast_floating(back, self.reverse_dtype or self.compute_dtype)
        return jnp.matmul(cast_floating(inputs, self.reverse_dtype or str(inputs.dtype)), back)

    def _quantized(self, inputs: Array, reverse: bool) -> Array:
        rows = table.declared(self, "embeddings", self.input_dim, self.output_dim)
        back = rows
        if not self.tie_weights:
            back = table.declared_reverse(self, self.input_dim, self.output_dim, rows.index)
        return table.logits(self, inputs, back) if reverse else rows.rows(inputs, self.compute_dtype)

    def compute_mask(self, inputs: Any, mask: Any) -> Bool[Array, "*shape"] | None:
        """``inputs != 0`` for integers where ``mask_zero`` is set."""
        del mask
        return inputs != 0 if self.mask_zero and jnp.issubdtype(inputs.dtype, jnp.integer) else None


class Identity(Layer):
    """Return the inputs."""

    supports_masking = True

    def call(self, inputs: Any) -> Any:
        return inputs


class Masking(Layer):
    """Mask, and set to 0, each time step all of whose features equal ``mask_value``.

    Attributes:
        mask_value: the value that marks padding.
    """

    mask_value: float = field(0.0)

    supports_masking = True

    def call(self, inputs: Num[Array, "batch time *features"]) -> Num[Array, "batch time *features"]:
        counts = jnp.any(inputs != self.mask_value, axis=-1, keepdims=True)
        return inputs * counts.astype(inputs.dtype)

    def compute_mask(self, inputs: Any, mask: Any) -> Bool[Array, "batch time *features"]:
        """True where some feature differs from ``mask_value``."""
        del mask
        return jnp.any(inputs != self.mask_value, axis=-1)


def _function(value: Any) -> Callable[..., Any]:
    if not callable(value):
        raise TypeError(f"expected a function, received {value!r}")
    return value


def _arguments(value: Any) -> tuple[tuple[str, Any], ...]:
    return tuple(sorted(dict(value or {}).items()))


class Lambda(Layer):
    """Apply any function; it must be pure.

    Attributes:
        function: called with the inputs, ``mask`` and ``training`` where it names them, and ``arguments``.
        output_shape: accepted for Keras' sake; shapes come from tracing.
        mask: mask of the output, or a function ``(inputs, mask)`` that gives it.
        arguments: further keyword arguments of ``function``.
    """

    draws: ClassVar[bool] = True  # the function may
    takes_sparse: ClassVar[bool] = True

    function: Callable[..., Any] = field(convert=_function)
    output_shape: Any = field(None, convert=arg.hashable)
    mask: Any = None
    arguments: Any = field(None, convert=_arguments)

    def call(self, inputs: Any, mask: Any = None, training: bool = False) -> Any:
        from kjax.nn.module import DROPOUT

        return self.run(
            inputs, mask, training, functools.partial(self.make_rng, DROPOUT) if self.has_rng(DROPOUT) else None
        )

    @nn.nowrap
    def run(self, inputs: Any, mask: Any, training: bool, next_key: Callable[[], Array] | None) -> Any:
        """Call the function; the module need not be bound.

        Args:
            inputs: the inputs.
            mask: their mask, or None.
            training: the mode.
            next_key: gives a fresh key of the random stream, or None where there is none.
        """
        from kjax.nn.module import Ambient, _signature, surround  # the inspection that `Layer` uses

        names, _ = _signature(self.function)
        context = {name: value for name, value in (("mask", mask), ("training", training)) if name in names}
        with surround(Ambient(training, next_key)):
            return self.function(inputs, **context, **dict(self.arguments))

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal layer, by name."""
        return super().get_config() | {"arguments": dict(self.arguments)}

    def compute_mask(self, inputs: Any, mask: Any) -> Any:
        """``mask`` of the arguments, called if it is a function."""
        return self.mask(inputs, mask) if callable(self.mask) else self.mask
