"""``tf.layers`` and ``tf.contrib.layers`` of TensorFlow 1: layers as functions, whose variables lie in variable scopes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from kjax.keras import ops as _ops
from kjax.keras.legacy.tensorflow.door import define, fresh_key
from kjax.keras.legacy.tensorflow.graph_variables import get_variable, variable_scope
from kjax.keras.legacy.tensorflow.graphs import GraphKeys, add_to_collection, assign, control_dependencies, identity
from kjax.keras.legacy.tensorflow.tensor import apply

_ops: Any = _ops


def _sizes(value: Any, rank: int) -> tuple[int, ...]:
    return (int(value),) * rank if isinstance(value, int) else tuple(int(size) for size in value)


def _format(data_format: str) -> str:
    return "channels_first" if data_format in ("channels_first", "NCHW", "NCW", "NCDHW") else "channels_last"


def _channels(inputs: Any, data_format: str) -> int:
    return int(inputs.shape[1 if _format(data_format) == "channels_first" else -1])


def _weight(name: str, shape: tuple[int, ...], options: Mapping[str, Any], default: Any = None) -> Any:
    """The variable ``name`` as the arguments ``<name>_initializer`` and so on say."""
    return get_variable(
        options.get("names", {}).get(name, name),
        shape,
        initializer=options.get(f"{name}_initializer") or default,
        regularizer=options.get(f"{name}_regularizer"),
        trainable=bool(options.get("trainable", True)),
    )


def _finish(outputs: Any, options: Mapping[str, Any]) -> Any:
    activation, penalty = options.get("activation"), options.get("activity_regularizer")
    if options.get("normalizer") is not None:
        outputs = options["normalizer"](outputs)
    outputs = outputs if activation is None else activation(outputs)
    if penalty is not None:
        add_to_collection(GraphKeys.REGULARIZATION_LOSSES, penalty(outputs))
    return outputs


@define
def _product(x: Any, kernel: Any) -> Any:
    return jnp.tensordot(x, kernel, 1)


def _add_bias(outputs: Any, bias: Any, data_format: str = "channels_last") -> Any:
    if bias is None:
        return outputs
    return apply(_along_channels, (outputs, bias), {"first": _format(data_format) == "channels_first"}, "bias_add")


def _along_channels(x: Any, bias: Any, first: bool) -> Any:
    shape = (1, -1, *(1,) * (x.ndim - 2)) if first else (*(1,) * (x.ndim - 1), -1)
    return x + bias.reshape(shape)


def dense(
    inputs: Any, units: int, activation: Any = None, use_bias: bool = True, name: str | None = None, reuse: Any = None,
    **options: Any,
) -> Any:  # fmt: skip
    """``tf.layers.dense``: a product with a matrix, a bias and an activation.

    Args:
        inputs: tensor whose last size is known.
        units: number of outputs.
        activation: a function, or None.
        use_bias: whether there is a bias.
        name: the variable scope; counted up by default.
        reuse: whether variables of that name are shared.
        **options: ``kernel_initializer``, ``bias_initializer``, ``kernel_regularizer``, ``bias_regularizer``,
            ``activity_regularizer``, ``trainable``.
    """
    with variable_scope(name, default_name=options.get("title", "dense"), reuse=reuse):
        kernel = _weight("kernel", (int(inputs.shape[-1]), int(units)), options)
        bias = _weight("bias", (int(units),), options, "zeros") if use_bias else None
        return _finish(_add_bias(_product(inputs, kernel), bias), {**options, "activation": activation})


def _convolution(rank: int, transposed: bool) -> Callable[..., Any]:
    title = f"conv{rank}d_transpose" if transposed else f"conv{rank}d"

    def convolution(
        inputs: Any, filters: int, kernel_size: Any, strides: Any = 1, padding: str = "valid",
        data_format: str = "channels_last", dilation_rate: Any = 1, activation: Any = None, use_bias: bool = True,
        name: str | None = None, reuse: Any = None, **options: Any,
    ) -> Any:  # fmt: skip
        size, channels = _sizes(kernel_size, rank), _channels(inputs, data_format)
        with variable_scope(name, default_name=options.get("title", title), reuse=reuse):
            ends = (int(filters), channels) if transposed else (channels, int(filters))
            kernel = _weight("kernel", (*size, *ends), options)
            bias = _weight("bias", (int(filters),), options, "zeros") if use_bias else None
            convolve = _ops.conv_transpose if transposed else _ops.conv
            given = {
                "strides": _sizes(strides, rank),
                "padding": padding.lower(),
                "data_format": _format(data_format),
                "dilation_rate": _sizes(dilation_rate, rank),
            }
            outputs = apply(convolve, (inputs, kernel), given, title)
            return _finish(_add_bias(outputs, bias, data_format), {**options, "activation": activation})

    convolution.__name__ = convolution.__qualname__ = title
    convolution.__doc__ = (
        f"``tf.layers.{title}``: a convolution, a bias and an activation; options as of :func:`dense`."
    )
    return convolution


conv1d, conv2d, conv3d = (_convolution(rank, False) for rank in (1, 2, 3))
conv2d_transpose, conv3d_transpose = (_convolution(rank, True) for rank in (2, 3))


def separable_conv2d(
    inputs: Any, filters: int, kernel_size: Any, strides: Any = (1, 1), padding: str = "valid",
    data_format: str = "channels_last", dilation_rate: Any = 1, depth_multiplier: int = 1, activation: Any = None,
    use_bias: bool = True, name: str | None = None, reuse: Any = None, **options: Any,
) -> Any:  # fmt: skip
    """``tf.layers.separable_conv2d``: a convolution of each channel, then one over the channels of a place."""
    channels = _channels(inputs, data_format)
    with variable_scope(name, default_name="separable_conv2d", reuse=reuse):
        by_channel = _weight("depthwise_kernel", (*_sizes(kernel_size, 2), channels, depth_multiplier), options)
        over = _weight("pointwise_kernel", (1, 1, channels * depth_multiplier, int(filters)), options)
        bias = _weight("bias", (int(filters),), options, "zeros") if use_bias else None
        given = {"strides": _sizes(strides, 2), "padding": padding.lower(), "data_format": _format(data_format)}
        given["dilation_rate"] = _sizes(dilation_rate, 2)
        outputs = apply(_ops.separable_conv, (inputs, by_channel, over), given, "separable_conv2d")
        return _finish(_add_bias(outputs, bias, data_format), {**options, "activation": activation})


def _pooling(kind: str, rank: int) -> Callable[..., Any]:
    title = f"{kind}_pooling{rank}d"

    def pooling(
        inputs: Any, pool_size: Any = None, strides: Any = 1, padding: str = "valid", data_format: str = "channels_last",
        name: str | None = None, kernel_size: Any = None,
    ) -> Any:  # fmt: skip
        pool_size = kernel_size if pool_size is None else pool_size
        given = {
            "pool_size": _sizes(pool_size, rank),
            "strides": _sizes(strides, rank),
            "padding": padding.lower(),
            "data_format": _format(data_format),
        }
        return apply(getattr(_ops, f"{kind}_pool"), (inputs,), given, title)

    pooling.__name__ = pooling.__qualname__ = title
    pooling.__doc__ = f"``tf.layers.{title}``."
    return pooling


max_pooling1d, max_pooling2d, max_pooling3d = (_pooling("max", rank) for rank in (1, 2, 3))
average_pooling1d, average_pooling2d, average_pooling3d = (_pooling("average", rank) for rank in (1, 2, 3))


@define
def flatten(inputs: Any) -> Any:
    """``tf.layers.flatten``: all axes but the first as one."""
    return jnp.reshape(inputs, (inputs.shape[0], -1))


@define
def _dropped(x: Any, rate: Any, when: Any, noise_shape: Any = None) -> Any:
    keep = jax.random.bernoulli(fresh_key(), 1 - rate, noise_shape or jnp.shape(x))
    return jnp.where(when, jnp.where(keep, x / (1 - rate), 0), x)


def dropout(
    inputs: Any, rate: Any = 0.5, noise_shape: Any = None, seed: Any = None, training: Any = False, name: Any = None
) -> Any:
    """``tf.layers.dropout``: entries left out with probability ``rate`` where ``training``, a boolean or a tensor."""
    if training is False:
        return inputs
    return _dropped(inputs, rate, training, noise_shape=noise_shape)


@define
def _statistics(x: Any, axis: int) -> Any:
    others = tuple(a for a in range(x.ndim) if a != axis % x.ndim)
    return jnp.stack([jnp.mean(x, others), jnp.var(x, others)])


@define
def _normalized(
    x: Any, batch: Any, mean: Any, variance: Any, gamma: Any, beta: Any, when: Any, axis: int, epsilon: float
) -> Any:
    shape = tuple(-1 if a == axis % x.ndim else 1 for a in range(x.ndim))
    mean, variance = jnp.where(when, batch[0], mean), jnp.where(when, batch[1], variance)
    mean, scale = mean.reshape(shape), (gamma * jax.lax.rsqrt(variance + epsilon)).reshape(shape)
    return (x - mean) * scale + beta.reshape(shape)


@define
def _average(old: Any, new: Any, when: Any, momentum: float) -> Any:
    return jnp.where(when, momentum * old + (1 - momentum) * new, old)


def batch_normalization(
    inputs: Any, axis: int = -1, momentum: float = 0.99, epsilon: float = 1e-3, center: bool = True, scale: bool = True,
    training: Any = False, name: str | None = None, reuse: Any = None, **options: Any,
) -> Any:  # fmt: skip
    """``tf.layers.batch_normalization``; the assignments of its averages are in the collection ``UPDATE_OPS``.

    Args:
        inputs: tensor.
        axis: axis of the channels.
        momentum: weight of the old averages.
        epsilon: added to variances.
        center: whether there is a ``beta``.
        scale: whether there is a ``gamma``.
        training: a boolean or a tensor: whether the statistics of the batch count.
        name: the variable scope; counted up by default.
        reuse: whether variables of that name are shared.
        **options: ``beta_initializer`` and so on; ``updates_collections`` names another collection, or None assigns the
            averages whenever the outputs are computed.
    """
    shape = (int(inputs.shape[axis]),)
    frozen = {**options, "trainable": False}
    with variable_scope(name, default_name=options.get("title", "batch_normalization"), reuse=reuse):
        gamma = _weight("gamma", shape, options, "ones") if scale else jnp.ones(shape)
        beta = _weight("beta", shape, options, "zeros") if center else jnp.zeros(shape)
        mean = _weight("moving_mean", shape, frozen, "zeros")
        variance = _weight("moving_variance", shape, frozen, "ones")
        batch = _statistics(inputs, axis=axis)
        updates = []
        if training is not False:
            updates = [
                assign(average, _average(average, batch[at], training, momentum=momentum))
                for at, average in enumerate((mean, variance))
            ]
        where = options.get("updates_collections", GraphKeys.UPDATE_OPS)
        outputs = _normalized(inputs, batch, mean, variance, gamma, beta, training, axis=axis, epsilon=epsilon)
        if where is None:  # together with the outputs
            with control_dependencies(updates):
                return identity(outputs)
        for update in updates:
            add_to_collection(where, update)
        return outputs


# -- tf.contrib.layers -------------------------------------------------------------------------------------------------


_CONTRIB_NAMES = {
    "num_outputs": "units",
    "stride": "strides",
    "rate": "dilation_rate",
    "weights_initializer": "kernel_initializer",
    "weights_regularizer": "kernel_regularizer",
    "biases_initializer": "bias_initializer",
    "biases_regularizer": "bias_regularizer",
    "decay": "momentum",
    "is_training": "training",
    "scope": "name",
    "keep_prob": "rate",
    "activation_fn": "activation",
}
_WEIGHTS = {"names": {"kernel": "weights", "bias": "biases"}}


def _of_contrib(title: str, layer: Callable[..., Any], places: Sequence[str], /, **defaults: Any) -> Callable[..., Any]:
    """A layer under the names of ``tf.contrib.layers``.

    Args:
        title: its name, also of its variable scope.
        layer: the layer of ``tf.layers``.
        places: the arguments behind the inputs, by position.
        **defaults: arguments that are others by default.
    """

    def function(inputs: Any, *args: Any, **options: Any) -> Any:
        given = {**defaults, **dict(zip(places, args, strict=False)), **options}
        for dropped in ("outputs_collections", "variables_collections", "fused", "param_initializers"):
            given.pop(dropped, None)
        given = {_CONTRIB_NAMES.get(key, key): value for key, value in given.items()}
        if layer is not dense and "units" in given:
            given["filters"] = given.pop("units")
        if layer is dropout:
            given["rate"] = 1 - given["rate"]
        normalizer, arguments = given.pop("normalizer_fn", None), given.pop("normalizer_params", None) or {}
        if normalizer is not None:
            given |= {"normalizer": lambda outputs: normalizer(outputs, **arguments), "use_bias": False}
        activation = given.pop("activation", None) if layer is batch_normalization else None
        outputs = layer(inputs, **given)
        return outputs if activation is None else activation(outputs)

    function.__name__ = function.__qualname__ = title
    function.__doc__ = f"``tf.contrib.layers.{title}``."
    return function


_relu: Any = define(jax.nn.relu)
_KERNELS = ("num_outputs", "kernel_size", "stride", "padding")
_LEARNED: dict[str, Any] = {"activation": _relu, **_WEIGHTS}
fully_connected = _of_contrib(
    "fully_connected", dense, ("num_outputs", "activation_fn"), title="fully_connected", **_LEARNED
)
contrib_conv2d = _of_contrib("conv2d", conv2d, _KERNELS, padding="SAME", title="Conv", **_LEARNED)
contrib_conv2d_transpose = _of_contrib(
    "conv2d_transpose", conv2d_transpose, _KERNELS, padding="SAME", title="Conv2d_transpose", **_LEARNED
)
contrib_max_pool2d = _of_contrib("max_pool2d", max_pooling2d, ("kernel_size", "stride"), stride=2)
contrib_avg_pool2d = _of_contrib("avg_pool2d", average_pooling2d, ("kernel_size", "stride"), stride=2)
contrib_dropout = _of_contrib("dropout", dropout, ("keep_prob",), keep_prob=0.5, is_training=True)
batch_norm = _of_contrib(
    "batch_norm", batch_normalization, ("decay",), title="BatchNorm", decay=0.999, scale=False, is_training=True
)
