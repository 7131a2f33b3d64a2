"""What the layers share: declared fields, weights that follow them, axes of a data format, checks of input shapes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array

from kjax.nn import activations, constraints, initializers, regularizers
from kjax.nn import arguments as arg
from kjax.nn.module import DROPOUT, Layer
from kjax.nn.value import field


def initializer(default: str) -> Any:
    """A field that holds an initializer."""
    return field(default, convert=initializers.get)


def regularizer() -> Any:
    """A field that holds a weight penalty, none by default."""
    return field(None, convert=regularizers.get)


def constraint() -> Any:
    """A field that holds a weight constraint, none by default."""
    return field(None, convert=constraints.get)


def activation(default: str | None = None) -> Any:
    """A field that holds an activation function."""
    return field(default, convert=activations.get)


def data_format() -> Any:
    """A field ``'channels_last'`` (default, also for None) or ``'channels_first'``."""
    return field("channels_last", convert=arg.data_format)


def flag(default: bool) -> Any:
    """A field that is true or false."""
    return field(default, convert=bool)


def seed() -> Any:
    """A field that tells apart the random streams of layers; the key itself comes with ``rngs={'dropout': key}``."""
    return field(None, convert=arg.optional(arg.integer))


def unsupported() -> Any:
    """A field that Keras has and kjax takes only at its default, None."""

    def convert(value: Any) -> None:
        if value is not None:
            raise ValueError(f"is not supported, received {value!r}; leave it out")

    return field(None, convert=convert)


def declared_weight(
    layer: Layer,
    name: str,
    shape: tuple[int, ...],
    family: str | None = None,
    *,
    initializer: Callable[..., Array] | None = None,
    **kwargs: Any,
) -> Array:
    """The weight ``name``, made as the fields ``<family>_initializer``, ``_regularizer``, ``_constraint`` say.

    Args:
        layer: the layer whose weight it is.
        name: its name.
        shape: its shape.
        family: first part of the names of the fields; ``name`` by default.
        initializer: instead of that of the field.
        **kwargs: passed to :meth:`kjax.nn.module.Layer.weight`.
    """
    family = family or name
    return layer.weight(
        name,
        shape,
        initializer or getattr(layer, f"{family}_initializer"),
        regularizer=getattr(layer, f"{family}_regularizer", None),
        constraint=getattr(layer, f"{family}_constraint", None),
        **kwargs,
    )


def random_key(layer: Layer) -> Array:
    """A key from the ``dropout`` stream, apart for layers with different ``seed`` fields.

    Raises:
        ValueError: the caller gave no ``rngs={'dropout': key}``.
    """
    if not layer.has_rng(DROPOUT):
        raise ValueError(
            f"{describe(layer)} draws random numbers: pass rngs={{'dropout': key}} to `apply` or `init`, "
            "or use training=False"
        )
    key = layer.make_rng(DROPOUT)
    number = getattr(layer, "seed", None)
    return key if number is None else jax.random.fold_in(key, number)


def activate(function: Callable[[Array], Array] | None, x: Array) -> Array:
    """``function(x)``, or ``x`` where there is none."""
    return x if function is None else function(x)


def along(vector: Array, ndim: int, axis: int = -1) -> Array:
    """A vector as an array of ``ndim`` axes that varies along ``axis`` only, ready to broadcast."""
    shape = [1] * ndim
    shape[axis] = vector.shape[0]
    return vector.reshape(shape)


def add_bias(x: Array, bias: Array | None, axis: int = -1) -> Array:
    """``x`` plus a vector along ``axis``, or ``x`` where there is none."""
    return x if bias is None else x + along(bias, x.ndim, axis)


def expand_mask(mask: Array, ndim: int) -> Array:
    """A mask with axes of size 1 appended until it has ``ndim`` axes."""
    return mask.reshape(mask.shape + (1,) * (ndim - mask.ndim))


def describe(layer: Layer) -> str:
    """The layer's class and its name, for error messages."""
    name = ("/".join(layer.path) if layer.scope is not None else None) or layer.name
    return f"{type(layer).__name__} layer {name!r}" if name else f"{type(layer).__name__} layer"


def require_rank(layer: Layer, x: Any, rank: int, *, at_least: bool = False, argument: str = "inputs") -> None:
    """Check the number of axes of an input.

    Raises:
        ValueError: it has another number of axes.
    """
    shape = jnp.shape(x)
    if len(shape) != rank and not (at_least and len(shape) > rank):
        wanted = f"at least {rank}" if at_least else str(rank)
        raise ValueError(
            f"{describe(layer)}: argument `{argument}` must have {wanted} axes (the batch first), "
            f"received shape {tuple(shape)}"
        )


def channel_axis(layer: Any) -> int:
    """The axis of the channels of batched inputs under the layer's ``data_format``."""
    return 1 if layer.data_format == "channels_first" else -1


def spatial_axes(layer: Any, ndim: int) -> tuple[int, ...]:
    """All axes but batch and channels."""
    return tuple(range(2, ndim)) if layer.data_format == "channels_first" else tuple(range(1, ndim - 1))


def to_channels_last(layer: Any, x: Array) -> Array:
    """Move the channels of a batched input to the end, where the layer's format has them first."""
    return jnp.moveaxis(x, 1, -1) if layer.data_format == "channels_first" else x


def from_channels_last(layer: Any, x: Array) -> Array:
    """The inverse of :func:`to_channels_last`."""
    return jnp.moveaxis(x, -1, 1) if layer.data_format == "channels_first" else x


def shapes_of(inputs: Sequence[Any]) -> str:
    """The shapes of several inputs, for error messages."""
    return ", ".join(str(tuple(jnp.shape(x))) for x in inputs)
