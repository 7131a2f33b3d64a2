"""Attention: values mixed by how well their keys fit a query."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from kjax.nn import arguments as arg
from kjax.nn.initializers import GlorotUniform, Ones
from kjax.nn.layers import base
from kjax.nn.layers.activation import softmax_of_seen
from kjax.nn.layers.einsum import EinsumDense
from kjax.nn.layers.regularization import dropout
from kjax.nn.module import Layer
from kjax.nn.quantization.config import config_field_value
from kjax.nn.value import ArgumentError, field


def causal_mask(queries: int, keys: int) -> Bool[Array, "queries keys"]:
    """True where the key is not after the query."""
    return jnp.arange(queries)[:, None] >= jnp.arange(keys)[None, :]


def window_mask(queries: int, keys: int, window: int) -> Bool[Array, "queries keys"]:
    """True where query and key are less than ``window`` apart."""
    return jnp.abs(jnp.arange(queries)[:, None] - jnp.arange(keys)[None, :]) < window


class _ScoredAttention(Layer):
    """The body of Attention and AdditiveAttention; a subclass writes ``scores(query, key)``."""

    supports_masking = True

    def call(
        self,
        inputs: Sequence[Float[Array, "batch _ features"]],
        mask: Any = None,
        training: bool = False,
        return_attention_scores: bool = False,
        use_causal_mask: bool = False,
    ) -> Any:
        """Mix the values.

        Args:
            inputs: ``[query, value]`` or ``[query, value, key]``; the key is the value by default.
            mask: masks of these, a list; those of query and value count.
            training: whether dropout acts.
            return_attention_scores: return the weights of the values too.
            use_causal_mask: no query sees later values.

        Returns:
            (batch, query time, value features), and (batch, query time, value time) if asked for.
        """
        if not isinstance(inputs, (list, tuple)) or len(inputs) not in (2, 3):
            raise ValueError(
                f"{base.describe(self)}: the layer must be called on a list of inputs, namely [query, value] or "
                "[query, value, key]: argument `inputs` must be a list [query, value] or [query, value, key]"
            )
        if mask is not None and (not isinstance(mask, (list, tuple)) or len(mask) not in (2, 3)):
            raise ValueError(
                f"{base.describe(self)}: the layer accepts mask list of length 2 or 3: argument `mask` must be a list "
                "[query mask, value mask]"
            )
        query, value = inputs[:2]
        key = inputs[2] if len(inputs) == 3 else value
        layer: Any = self
        scores = self.scores(query, key)
        seen = None if mask is None or mask[1] is None else jnp.expand_dims(jnp.asarray(mask[1], bool), -2)
        if use_causal_mask:
            causal = causal_mask(*scores.shape[-2:])[None]
            seen = causal if seen is None else seen & causal
        if seen is not None:
            scores = jnp.where(seen, scores, scores - jnp.asarray(_hiding(scores.dtype), scores.dtype))
        weights = jax.nn.softmax(scores, axis=-1)
        if training and layer.dropout > 0:
            weights = dropout(base.random_key(self), weights, layer.dropout)
        outputs = jnp.matmul(weights, value)
        if mask is not None and mask[0] is not None:
            outputs = jnp.where(jnp.expand_dims(mask[0], -1), outputs, jnp.zeros((), outputs.dtype))
        return (outputs, weights) if return_attention_scores else outputs

    def scores(self, query: Array, key: Array) -> Float[Array, "batch query_time key_time"]:
        """How well each key fits each query."""
        raise NotImplementedError

    def compute_mask(self, inputs: Any, mask: Any) -> Any:
        """The mask of the query."""
        del inputs
        return mask[0] if isinstance(mask, (list, tuple)) else None


def _hiding(dtype: Any) -> float:
    return 65504.0 if dtype == jnp.float16 else 1.0e9


class Attention(_ScoredAttention):
    """Dot-product attention (Luong).

    Weights: ``scale`` () with ``use_scale``; ``concat_score_weight`` () with ``score_mode='concat'``.

    Attributes:
        use_scale: multiply the scores by a learned number.
        score_mode: ``'dot'``: inner product of query and key; ``'concat'``: sum of ``tanh(query + key)``.
        dropout: part of the weights that is dropped.
        seed: tells apart layers; the key comes with ``rngs={'dropout': key}``.

    Source: Luong et al., 2015, "Effective approaches to attention-based neural machine translation".
    """

    use_scale: bool = base.flag(False)
    score_mode: str = field("dot", convert=arg.choice("dot", "concat"))
    dropout: float = field(0.0, convert=arg.fraction)
    seed: int | None = base.seed()

    def scores(self, query: Array, key: Array) -> Float[Array, "batch query_time key_time"]:
        scale = self.weight("scale", (), Ones()) if self.use_scale else None
        if self.score_mode == "dot":
            scores = jnp.matmul(query, jnp.swapaxes(key, -2, -1))
            return scores if scale is None else scores * scale
        factor = self.weight("concat_score_weight", (), Ones())
        sums = jnp.expand_dims(query, -2) + jnp.expand_dims(key, -3)
        return factor * jnp.sum(jnp.tanh(sums if scale is None else scale * sums), axis=-1)


class AdditiveAttention(_ScoredAttention):
    """Attention with the scores ``sum(scale * tanh(query + key))`` (Bahdanau).

    Weights: ``scale`` (features,) with ``use_scale``.

    Attributes:
        use_scale: weight the features by a learned vector.
        dropout: part of the weights that is dropped.
        seed: tells apart layers; the key comes with ``rngs={'dropout': key}``.

    Source: Bahdanau et al., 2015, "Neural machine translation by jointly learning to align and translate".
    """

    use_scale: bool = base.flag(True)
    dropout: float = field(0.0, convert=arg.fraction)
    seed: int | None = field(None, convert=arg.optional(arg.integer), kw_only=True)

    def scores(self, query: Array, key: Array) -> Float[Array, "batch query_time key_time"]:
        sums = jnp.tanh(jnp.expand_dims(query, -2) + jnp.expand_dims(key, -3))
        if self.use_scale:
            scale = self.weight("scale", (query.shape[-1],), GlorotUniform())
            sums = sums * base.along(scale, sums.ndim)
        return jnp.sum(sums, axis=-1)


class _HeadedAttention(Layer):
    """What multi-head and grouped-query attention share: masks, projections, the mixing."""

    supports_masking = True

    def __post_init__(self) -> None:
        super().__post_init__()
        layer: Any = self
        if layer.flash_attention and layer.dropout > 0:
            raise ArgumentError(f"{type(self).__name__}: argument `dropout` must be 0 with `flash_attention`")

    def regularize_activity(self, outputs: Any) -> None:
        """Nothing here: the projections have the activity penalty."""

    @nn.nowrap
    def projection(
        self, name: str, equation: str, sizes: tuple[int, ...], bias_axes: str, activation: Any = None
    ) -> Any:
        """A dense layer with this layer's initializers, penalties and constraints."""
        layer: Any = self
        free = len(equation.partition("->")[2]) - 1 - len(sizes)
        changes = {field: value for part, field, value in layer.projections if part == name}
        changes.setdefault("dtype", self.dtype)
        return EinsumDense(
            equation,
            (None,) * free + sizes,
            activation=activation,
            bias_axes=bias_axes if layer.use_bias else None,
            kernel_initializer=layer.kernel_initializer,
            bias_initializer=layer.bias_initializer,
            kernel_regularizer=layer.kernel_regularizer,
            bias_regularizer=layer.bias_regularizer,
            activity_regularizer=self.activity_regularizer,
            kernel_constraint=layer.kernel_constraint,
            bias_constraint=layer.bias_constraint,
            trainable=self.trainable,
            name=name,
            **changes,
        )

    def seen(
        self,
        query: Array,
        value: Array,
        masks: Sequence[Any],
        attention_mask: Any,
        use_causal_mask: bool,
    ) -> Bool[Array, "batch query_time value_time"] | None:
        """Which values each query sees, from the masks of query, value, key and the others; None: all.

        The batch axis may have size 1.
        """
        layer: Any = self
        parts = []
        for mask, axis in zip(masks, (-1, -2, -2), strict=True):
            if mask is not None:
                parts.append(jnp.expand_dims(jnp.asarray(mask, bool), axis))
        times = query.shape[1], value.shape[1]
        if use_causal_mask:
            parts.append(causal_mask(*times)[None])
        if layer.sliding_window is not None:
            parts.append(window_mask(*times, layer.sliding_window)[None])
        if attention_mask is not None:
            attention_mask = jnp.asarray(attention_mask, bool)
        for part in parts:
            attention_mask = part if attention_mask is None else attention_mask & _same_rank(part, attention_mask)
        return attention_mask

    def mix(
        self,
        query: Float[Array, "batch *query_time heads width"],
        key: Float[Array, "batch *key_time heads width"],
        value: Float[Array, "batch *key_time heads value_width"],
        seen: Any,
        axes: tuple[int, ...],
        training: bool,
        with_scores: bool,
    ) -> tuple[Array, Array | None]:
        """The mixed values, and the weights where they were asked for.

        Args:
            query: queries.
            key: keys.
            value: values.
            seen: which values each query sees, or None.
            axes: the axes that attention goes over.
            training: whether dropout acts.
            with_scores: whether to return the weights.
        """
        layer: Any = self
        scale = 1.0 / math.sqrt(query.shape[-1])
        plain = query.ndim == 4 and axes == (1,) and key.shape == value.shape
        plain = plain and query.dtype != jnp.float64  # JAX's function adds up in float32
        if plain and layer.dropout == 0 and not with_scores:
            if seen is not None:
                seen = seen if seen.ndim == 4 else jnp.expand_dims(seen, -3)
                if seen.shape[1] not in (1, query.shape[2]):
                    raise ValueError(
                        f"{base.describe(self)}: argument `attention_mask` with 4 axes must have size 1 or "
                        f"{query.shape[2]} (the query heads) along axis 1, received {seen.shape[1]}"
                    )
                shape = (query.shape[0], *seen.shape[1:2], query.shape[1], key.shape[1])
                seen = jnp.broadcast_to(seen, shape)
            if layer.flash_attention and jax.default_backend() != "gpu":
                raise RuntimeError(f"{base.describe(self)}: `flash_attention` needs an NVIDIA GPU; leave it out")
            how = "cudnn" if layer.flash_attention else None
            return jax.nn.dot_product_attention(query, key, value, mask=seen, scale=scale, implementation=how), None
        if layer.flash_attention and (with_scores or query.ndim == 4):  # inputs of more axes do without it, as in Keras
            raise ValueError(
                f"{base.describe(self)}: `flash_attention` does not give the scores, and needs keys and values of one size"
            )
        score_equation, mix_equation = _equations(query.ndim, axes)
        scores = jnp.einsum(score_equation, key, query * jnp.asarray(scale, query.dtype))
        if seen is not None:
            where = -2 * len(axes) - 1
            while seen.ndim < scores.ndim:
                seen = jnp.expand_dims(seen, where)
        last = tuple(range(scores.ndim - len(axes), scores.ndim))
        weights = jax.nn.softmax(scores, axis=last) if seen is None else softmax_of_seen(scores, seen, last)
        mixed = weights
        if training and layer.dropout > 0:
            mixed = dropout(base.random_key(self), weights, layer.dropout)
        return jnp.einsum(mix_equation, mixed, value), weights

    def compute_mask(self, inputs: Any, mask: Any) -> Any:
        """The mask of the query."""
        del inputs
        return mask[0] if isinstance(mask, (list, tuple)) else mask


def _same_rank(part: Array, like: Array) -> Array:
    """A (batch, query, key) mask with axes of size 1 after the batch axis, as many as ``like`` has more."""
    more = like.ndim - part.ndim
    return part.reshape(part.shape[:1] + (1,) * more + part.shape[1:]) if more > 0 else part


def _letters(count: int, start: int = 0) -> str:
    return "".join(chr(ord("a") + start + i) for i in range(count))


def _equations(rank: int, axes: tuple[int, ...]) -> tuple[str, str]:
    """Einsum equations: keys and queries to scores, scores and values to outputs."""
    query = _letters(rank)
    fresh = iter(_letters(len(axes), rank))
    key = "".join(next(fresh) if i in axes else letter for i, letter in enumerate(query))
    shared = [letter for i, letter in enumerate(query[:-1]) if i not in axes]
    scores = "".join(shared + [query[a] for a in axes] + [key[a] for a in axes])
    return f"{key},{query}->{scores}", f"{scores},{key}->{query}"


def _shape(value: Any) -> tuple[int, ...] | None:
    if not value:
        return None
    sizes = value if isinstance(value, (list, tuple)) else (value,)
    return tuple(arg.positive(n) for n in sizes)


def _axes(value: Any) -> tuple[int, ...] | None:
    if not value:
        return None
    axes = arg.axes(value)
    return axes if isinstance(axes, tuple) else (axes,)


def _projections(value: Any) -> tuple[tuple[str, str, Any], ...]:
    """Converter of ``projections``: what is written in a config is made what it was."""
    entries = ((part, name, config_field_value(x) if name == "quantization_config" else x) for part, name, x in value)
    return tuple((str(part), str(name), x) for part, name, x in entries)


class MultiHeadAttention(_HeadedAttention):
    """Attention by several heads at once, each with projections of its own.

    Weights, under the names ``query``, ``key``, (``gate``,) ``value``: ``kernel`` (features, heads, width), ``bias``
    (heads, width); under ``attention_output``: ``kernel`` (heads, width, outputs), ``bias`` (outputs,).

    Attributes:
        num_heads: number of heads.
        key_dim: width of queries and keys in each head.
        value_dim: width of values; ``key_dim`` by default.
        dropout: part of the weights that is dropped.
        use_bias: whether the projections have biases.
        output_shape: sizes of the output's last axes; those of the query by default.
        attention_axes: axes that attention goes over; all but the first and the last by default.
        sliding_window: a query sees values less than this far from it, or None: all.
        flash_attention: use the fused kernel of NVIDIA GPUs.
        use_gate: multiply the mixed values by a sigmoid of a projection of the query.
        seed: tells apart layers; the key comes with ``rngs={'dropout': key}``.
        projections: (name, field, value) of what the dense layers inside have other than this layer: their policies and
            configs where they are quantized.

    Source: Vaswani et al., 2017, "Attention is all you need".
    """

    num_heads: int = field(convert=arg.positive)
    key_dim: int = field(convert=arg.positive)
    value_dim: int | None = field(None, convert=arg.optional(arg.positive))
    dropout: float = field(0.0, convert=arg.fraction)
    use_bias: bool = base.flag(True)
    output_shape: Any = field(None, convert=_shape)
    attention_axes: Any = field(None, convert=_axes)
    sliding_window: int | None = field(None, convert=arg.optional(arg.positive))
    flash_attention: bool | None = field(None, convert=arg.optional(bool))
    kernel_initializer: Any = base.initializer("glorot_uniform")
    bias_initializer: Any = base.initializer("zeros")
    kernel_regularizer: Any = base.regularizer()
    bias_regularizer: Any = base.regularizer()
    kernel_constraint: Any = base.constraint()
    bias_constraint: Any = base.constraint()
    use_gate: bool = base.flag(False)
    seed: int | None = base.seed()
    projections: Any = field((), convert=_projections, unknown_to_keras=True)

    def call(
        self,
        query: Float[Array, "batch *query_time features"],
        value: Float[Array, "batch *value_time value_features"],
        key: Float[Array, "batch *value_time key_features"] | None = None,
        query_mask: Any = None,
        value_mask: Any = None,
        key_mask: Any = None,
        attention_mask: Any = None,
        return_attention_scores: bool = False,
        training: bool = False,
        use_causal_mask: bool = False,
    ) -> Any:
        """Mix the values.

        Args:
            query: queries.
            value: values.
            key: keys; the values by default.
            query_mask: (batch, query time), or None.
            value_mask: (batch, value time), or None.
            key_mask: (batch, value time), or None.
            attention_mask: (batch, query time, value time), True where the query sees the value.
            return_attention_scores: return the weights of the values too.
            training: whether dropout acts.
            use_causal_mask: no query sees later values.

        Returns:
            (batch, query time, outputs), and (batch, heads, query time, value time) if asked for.
        """
        key = value if key is None else key
        base.require_rank(self, query, 3, at_least=True, argument="query")
        for name, x in (("value", value), ("key", key)):
            base.require_rank(self, x, query.ndim, argument=name)
        if value.shape[1:-1] != key.shape[1:-1]:
            raise ValueError(
                f"{base.describe(self)}: arguments `value` and `key` must have the same shape but for the last axis, "
                f"received shapes {value.shape} and {key.shape}"
            )
        seen = self.seen(query, value, (query_mask, value_mask, key_mask), attention_mask, use_causal_mask)
        names: list[tuple[str, Any]] = [("query", query), ("key", key)]
        if self.use_gate:
            names.append(("gate", query))
        names.append(("value", value))
        projected = {name: self.dense(name, x.ndim, ())(x) for name, x in names}
        rank = projected["query"].ndim
        axes = self.attention_axes or tuple(range(1, rank - 2))
        axes = tuple(a if a >= 0 else a + rank - 1 for a in axes)
        outputs, scores = self.mix(
            projected["query"],
            projected["key"],
            projected["value"],
            seen,
            axes,
            training,
            return_attention_scores,
        )
        if self.use_gate:
            outputs = outputs * projected["gate"]
        sizes = self.output_shape or (query.shape[-1],)
        outputs = self.dense("attention_output", outputs.ndim - 1, sizes)(outputs)
        return (outputs, scores) if return_attention_scores else outputs

    @nn.nowrap
    def dense(self, name: str, rank: int, sizes: tuple[int, ...]) -> EinsumDense:
        """One of the dense layers inside.

        Args:
            name: ``'query'``, ``'key'``, ``'value'``, ``'gate'`` or ``'attention_output'``.
            rank: number of axes of the query (or value) with the batch.
            sizes: sizes of the output's last axes.
        """
        if name == "attention_output":
            free, bound, outputs = _letters(rank - 1), _letters(2, rank - 1), _letters(len(sizes), rank + 1)
            return self.projection(name, f"{free}{bound},{bound}{outputs}->{free}{outputs}", sizes, outputs)
        free, bound, heads = _letters(rank - 1), _letters(1, rank - 1), _letters(2, rank)
        width = self.key_dim if name in ("query", "key") else self.value_dim or self.key_dim
        equation = f"{free}{bound},{bound}{heads}->{free}{heads}"
        return self.projection(name, equation, (self.num_heads, width), heads, "sigmoid" if name == "gate" else None)


class GroupQueryAttention(_HeadedAttention):
    """Multi-head attention in which several query heads share a key and value head.

    Weights as :class:`MultiHeadAttention`.

    Attributes:
        head_dim: width of each head.
        num_query_heads: number of query heads.
        num_key_value_heads: number of key and value heads, which divides it.
        dropout: part of the weights that is dropped.
        use_bias: whether the projections have biases.
        sliding_window: a query sees values less than this far from it, or None: all.
        flash_attention: use the fused kernel of NVIDIA GPUs.
        use_gate: multiply the mixed values by a sigmoid of a projection of the query.
        seed: tells apart layers; the key comes with ``rngs={'dropout': key}``.
        projections: (name, field, value) of what the dense layers inside have other than this layer: their policies and
            configs where they are quantized.

    Source: Ainslie et al., 2023, "GQA: training generalized multi-query transformer models".
    """

    head_dim: int = field(convert=arg.positive)
    num_query_heads: int = field(convert=arg.positive)
    num_key_value_heads: int = field(convert=arg.positive)
    dropout: float = field(0.0, convert=arg.fraction)
    use_bias: bool = base.flag(True)
    sliding_window: int | None = field(None, convert=arg.optional(arg.positive))
    flash_attention: bool | None = field(None, convert=arg.optional(bool))
    kernel_initializer: Any = base.initializer("glorot_uniform")
    bias_initializer: Any = base.initializer("zeros")
    kernel_regularizer: Any = base.regularizer()
    bias_regularizer: Any = base.regularizer()
    kernel_constraint: Any = base.constraint()
    bias_constraint: Any = base.constraint()
    use_gate: bool = base.flag(False)
    seed: int | None = base.seed()
    projections: Any = field((), convert=_projections, unknown_to_keras=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.num_query_heads % self.num_key_value_heads:
            raise ArgumentError(
                f"{type(self).__name__}: argument `num_query_heads`: {self.num_query_heads} is no multiple of "
                f"`num_key_value_heads` {self.num_key_value_heads}"
            )

    def call(
        self,
        query: Float[Array, "batch query_time features"],
        value: Float[Array, "batch value_time value_features"],
        key: Float[Array, "batch value_time key_features"] | None = None,
        query_mask: Any = None,
        value_mask: Any = None,
        key_mask: Any = None,
        attention_mask: Any = None,
        return_attention_scores: bool = False,
        training: bool = False,
        use_causal_mask: bool = False,
    ) -> Any:
        """Mix the values; arguments as :meth:`MultiHeadAttention.call`."""
        for name, x in (("query", query), ("value", value)):
            base.require_rank(self, x, 3, argument=name)
        seen = self.seen(query, value, (query_mask, value_mask, key_mask), attention_mask, use_causal_mask)
        q = self.dense("query", 3, ())(query)
        k = self.dense("key", 3, ())(value if key is None else key)
        gate = self.dense("gate", 3, ())(query) if self.use_gate else None
        v = self.dense("value", 3, ())(value)
        repeats = self.num_query_heads // self.num_key_value_heads
        k, v = jnp.repeat(k, repeats, axis=2), jnp.repeat(v, repeats, axis=2)
        outputs, scores = self.mix(q, k, v, seen, (1,), training, return_attention_scores)
        outputs = outputs if gate is None else outputs * gate
        outputs = self.dense("attention_output", 3, (query.shape[-1],))(outputs)
        return (outputs, scores) if return_attention_scores else outputs

    @nn.nowrap
    def dense(self, name: str, rank: int, sizes: tuple[int, ...]) -> EinsumDense:
        """One of the dense layers inside; see :meth:`MultiHeadAttention.dense`."""
        del rank
        if name == "attention_output":
            return self.projection(name, "bquh,uhm->bqm", sizes, "m")
        if name in ("query", "gate"):
            heads = (self.num_query_heads, self.head_dim)
            return self.projection(name, "bqm,muh->bquh", heads, "uh", "sigmoid" if name == "gate" else None)
        return self.projection(name, "bkm,mvh->bkvh", (self.num_key_value_heads, self.head_dim), "vh")
