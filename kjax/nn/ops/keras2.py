"""Functions of the backend of Keras 1 and 2 on plain arrays, where they are not those of ``keras.ops``."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from kjax.nn import activations, lowering
from kjax.nn.numerics import EPSILON
from kjax.nn.ops import convolution, ctc, nn, sparse
from kjax.nn.ops.convert import array, axes, floating
from kjax.nn.ops.random import dropout as dropout_of_key

# -- products and shapes ----------------------------------------------------------------------------------------------


def dot(x: Any, y: Any) -> Array:
    """Sum of products over the last axis of ``x``, which may be sparse, and the last but one of ``y``."""
    if sparse.is_sparse(x):
        return sparse.matmul(x, array(y))
    return jnp.dot(array(x), array(y))


def batch_dot(x: Any, y: Any, axes: Any = None) -> Array:
    """Products of the samples of two batches.

    Args:
        x: (batch, ...).
        y: (batch, ...).
        axes: the axis of ``x`` and that of ``y`` to sum over, or one for both; by default the last of ``x`` and the last
            but one of ``y`` (the last, where ``y`` has two axes).

    Returns:
        The batch axis, the other axes of ``x``, the other axes of ``y``; (batch, 1) for two matrices.

    Raises:
        ValueError: fewer than two axes, the batch axis among ``axes``, or sizes that differ.
    """
    x, y = array(x), array(y)
    if x.ndim < 2 or y.ndim < 2:
        raise ValueError(f"batch_dot: both arrays need a batch axis and one more, received {x.shape} and {y.shape}")
    if axes is None:
        axes = (x.ndim - 1, y.ndim - 1 if y.ndim == 2 else y.ndim - 2)
    first, second = (axes, axes) if isinstance(axes, int) else axes
    first, second = first % x.ndim, second % y.ndim
    if 0 in (first, second):
        raise ValueError("batch_dot: axis 0 is the batch and cannot be summed over; K.expand_dims(x, 0) adds one")
    if x.shape[first] != y.shape[second] or x.shape[0] != y.shape[0]:
        raise ValueError(
            f"batch_dot: shapes {x.shape} and {y.shape} do not fit with axes {(first, second)}: the batch sizes must be "
            f"equal, and {x.shape[first]} must be {y.shape[second]}"
        )
    result = jax.lax.dot_general(x, y, (((first,), (second,)), ((0,), (0,))))
    return result[:, None] if x.ndim == y.ndim == 2 else result


def batch_matmul(x: Any, y: Any, axes: Any = None) -> Array:
    """``batch_dot`` of Keras 2.2 on TensorFlow for arrays of more than three axes: a matrix product of the last two axes.

    All axes before them count as the batch. The array with fewer axes gets axes of size 1 at its end, which go again.

    Source: https://github.com/keras-team/keras/blob/2.2.4/keras/backend/tensorflow_backend.py.

    Args:
        x: (batch, ...).
        y: (batch, ...).
        axes: whether the last axis of each is summed over, or the one before it.
    """
    x, y = array(x), array(y)
    ranks = x.ndim, y.ndim
    first, second = (x.ndim - 1, y.ndim - 2) if axes is None else (axes, axes) if isinstance(axes, int) else axes
    rank = max(ranks)
    x, y = (a.reshape(a.shape + (1,) * (rank - a.ndim)) for a in (x, y))
    x = x if first in (rank - 1, -1) else jnp.swapaxes(x, -1, -2)
    y = jnp.swapaxes(y, -1, -2) if second in (rank - 1, -1) else y
    result = jnp.matmul(x, y)
    extra = abs(ranks[0] - ranks[1])
    at = sum(ranks) - 3 if ranks[0] > ranks[1] else ranks[0] - 1
    return jnp.squeeze(result, tuple(range(at, at + extra))) if extra else result


def gather(reference: Any, indices: Any) -> Array:
    """Slices along the first axis."""
    return jnp.take(array(reference), array(indices).astype(jnp.int32), axis=0)


def batch_flatten(x: Any) -> Array:
    """All axes but the first as one."""
    x = array(x)
    return x.reshape(x.shape[0], math.prod(x.shape[1:]))


def repeat(x: Any, n: int) -> Array:
    """A matrix ``n`` times along a new second axis."""
    x = array(x)
    if x.ndim != 2:
        raise ValueError(f"repeat: expected an array of shape (batch, features), received {x.shape}")
    return jnp.repeat(x[:, None], n, axis=1)


def resize_images(
    x: Any,
    height_factor: int,
    width_factor: int,
    data_format: str | None = None,
    interpolation: str = "nearest",
) -> Array:
    """Images larger by whole factors, ``'nearest'``, ``'bilinear'`` or ``'bilinear_keras2'`` (see :func:`stretched`)."""
    x = array(x)
    rows = 2 if data_format == "channels_first" else 1
    if interpolation == "nearest":
        return jnp.repeat(jnp.repeat(x, height_factor, axis=rows), width_factor, axis=rows + 1)
    if interpolation == "bilinear_keras2":
        return stretched(stretched(x, rows, height_factor), rows + 1, width_factor)
    if interpolation != "bilinear":
        raise ValueError(f"resize_images: `interpolation` must be 'nearest' or 'bilinear', received {interpolation!r}")
    shape = list(x.shape)
    shape[rows] *= height_factor
    shape[rows + 1] *= width_factor
    return jax.image.resize(x, shape, "bilinear", antialias=False)


def stretched(x: Array, axis: int, factor: int) -> Array:
    """Linear interpolation along an axis, where output ``i`` lies at input ``i / factor``: points at upper left corners."""
    size = x.shape[axis]
    places = np.arange(size * factor) / factor
    low = places.astype(np.int32)
    weight = jnp.asarray(places - low, x.dtype).reshape([-1 if i == axis else 1 for i in range(x.ndim)])
    first, second = jnp.take(x, low, axis), jnp.take(x, np.minimum(low + 1, size - 1), axis)
    return first + (second - first) * weight


def resize_volumes(
    x: Any, depth_factor: int, height_factor: int, width_factor: int, data_format: str | None = None
) -> Array:
    """Volumes larger by whole factors, each value repeated."""
    first = 2 if data_format == "channels_first" else 1
    result = array(x)
    for axis, factor in enumerate((depth_factor, height_factor, width_factor), start=first):
        result = jnp.repeat(result, factor, axis=axis)
    return result


def _pad(x: Any, padding: Sequence[Any], data_format: str | None) -> Array:
    sides = [tuple(p) if isinstance(p, (tuple, list)) else (p, p) for p in padding]
    full = [(0, 0), (0, 0), *sides] if data_format == "channels_first" else [(0, 0), *sides, (0, 0)]
    return jnp.pad(array(x), full)


def temporal_padding(x: Any, padding: Sequence[int] = (1, 1)) -> Array:
    """Zeros before and after the steps of sequences."""
    return _pad(x, [tuple(padding)], "channels_last")


def spatial_2d_padding(x: Any, padding: Any = ((1, 1), (1, 1)), data_format: str | None = None) -> Array:
    """Zeros around images."""
    return _pad(x, padding, data_format)


def spatial_3d_padding(x: Any, padding: Any = ((1, 1), (1, 1), (1, 1)), data_format: str | None = None) -> Array:
    """Zeros around volumes."""
    return _pad(x, padding, data_format)


def switch(condition: Any, then_expression: Any, else_expression: Any) -> Array:
    """One expression where the condition holds, the other elsewhere; the condition's axes are the first ones."""
    condition, then, other = array(condition).astype(bool), array(then_expression), array(else_expression)
    if condition.ndim > max(then.ndim, other.ndim):
        raise ValueError(
            f"switch: the condition of shape {condition.shape} must not have more axes than the expressions of shapes "
            f"{then.shape} and {other.shape}"
        )
    return jnp.where(condition.reshape(condition.shape + (1,) * (then.ndim - condition.ndim)), then, other)


# -- activations, losses, normalization ------------------------------------------------------------------------------------


def relu(x: Any, alpha: float = 0.0, max_value: float | None = None, threshold: float = 0.0) -> Array:
    """Rectified linear unit with the slope ``alpha`` below ``threshold``, not above ``max_value``."""
    return activations.relu(array(x), alpha, max_value, threshold)


def hard_sigmoid(x: Any) -> Array:
    """``clip(0.2 * x + 0.5, 0, 1)``."""
    return activations.hard_sigmoid_keras2(array(x))


def l2_normalize(x: Any, axis: Any = None) -> Array:
    """``x`` divided by its Euclidean norm along axes, all by default; not by less than 1e-6 (TensorFlow's rule)."""
    x = array(x)
    return x * jax.lax.rsqrt(jnp.maximum(jnp.sum(jnp.square(x), axes(axis), keepdims=True), 1e-12))


def categorical_crossentropy(target: Any, output: Any, from_logits: bool = False, axis: int = -1) -> Array:
    """``-sum(target * log(output))`` over the classes; the arrays may broadcast."""
    target, output = array(target), floating(output)
    if from_logits:
        return -jnp.sum(target * jax.nn.log_softmax(output, axis), axis=axis)
    output = jnp.clip(output / jnp.sum(output, axis, keepdims=True), EPSILON, 1 - EPSILON)
    return -jnp.sum(target * jnp.log(output), axis=axis)


def sparse_categorical_crossentropy(target: Any, output: Any, from_logits: bool = False, axis: int = -1) -> Array:
    """``-log(output[target])`` for integer targets of any shape with as many elements as there are distributions."""
    output = jnp.moveaxis(floating(output), axis, -1)
    target = array(target).reshape(output.shape[:-1])
    return nn.sparse_categorical_crossentropy(target, output, from_logits)


def binary_crossentropy(target: Any, output: Any, from_logits: bool = False) -> Array:
    """``-(target * log(output) + (1 - target) * log(1 - output))`` for each element; the arrays may broadcast."""
    target, output = floating(target), floating(output)
    shape = jnp.broadcast_shapes(target.shape, output.shape)
    return nn.binary_crossentropy(jnp.broadcast_to(target, shape), jnp.broadcast_to(output, shape), from_logits)


def _along(v: Any, like: Array, axis: int) -> Any:
    if v is None:
        return None
    v = array(v)
    if v.ndim in (0, like.ndim):
        return v
    shape = [1] * like.ndim
    shape[axis] = -1
    return v.reshape(shape)


def batch_normalization(
    x: Any, mean: Any, var: Any, beta: Any, gamma: Any, axis: int = -1, epsilon: float = 1e-3
) -> Array:
    """``gamma * (x - mean) / sqrt(var + epsilon) + beta``; None leaves a factor or shift out."""
    x = array(x)
    mean, var, beta, gamma = (_along(v, x, axis) for v in (mean, var, beta, gamma))
    result = (x - mean) * jax.lax.rsqrt(var + epsilon)
    result = result if gamma is None else result * gamma
    return result if beta is None else result + beta


def normalize_batch_in_training(
    x: Any, gamma: Any, beta: Any, reduction_axes: Sequence[int], epsilon: float = 1e-3
) -> tuple[Array, Array, Array]:
    """A batch normalized by its own mean and variance over axes, and these two."""
    x = array(x)
    over = tuple(reduction_axes)
    mean, var = jnp.mean(x, over), jnp.var(x, over)
    shape = [1 if a in [o % x.ndim for o in over] else x.shape[a] for a in range(x.ndim)]

    def wide(v: Any) -> Any:
        return None if v is None else array(v).reshape(shape)

    normed = (x - wide(mean)) * jax.lax.rsqrt(wide(var) + epsilon)
    normed = normed if gamma is None else normed * wide(gamma)
    return (normed if beta is None else normed + wide(beta)), mean, var


def bias_add(x: Any, bias: Any, data_format: str | None = None) -> Array:
    """``x`` plus a bias: a vector for the channels, or one with all axes but the batch.

    Raises:
        ValueError: a bias with another number of axes.
    """
    x, bias = array(x), array(bias)
    if bias.ndim not in (1, x.ndim - 1):
        raise ValueError(f"bias_add: the bias must have 1 or {x.ndim - 1} axes, received shape {bias.shape}")
    if bias.ndim == 1:
        shape = [1] * x.ndim
        shape[1 if data_format == "channels_first" else -1] = -1
        return x + bias.reshape(shape)
    if data_format == "channels_first":
        bias = jnp.moveaxis(bias, -1, 0)
    return x + bias[None]


def drop(key: Array, x: Any, level: float, noise_shape: Any = None) -> Array:
    """Elements set to 0 with probability ``level``, the others scaled up."""
    return dropout_of_key(key, x, level, None if noise_shape is None else tuple(noise_shape))


# -- convolutions and pooling --------------------------------------------------------------------------------------------


def conv1d(
    x: Any,
    kernel: Any,
    strides: Any = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Any = 1,
) -> Array:
    """Convolution over time; ``'causal'`` padding shows an output no later inputs."""
    x, kernel = array(x), array(kernel)
    if padding == "causal":
        rate = dilation_rate if isinstance(dilation_rate, int) else dilation_rate[0]
        before = rate * (kernel.shape[0] - 1)
        sides = [(0, 0), (0, 0), (before, 0)] if data_format == "channels_first" else [(0, 0), (before, 0), (0, 0)]
        x, padding = jnp.pad(x, sides), "valid"
    return convolution.conv(x, kernel, strides, padding, data_format, dilation_rate)


def conv2d_transpose(
    x: Any,
    kernel: Any,
    output_shape: Any,
    strides: Any = (1, 1),
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Any = (1, 1),
) -> Array:
    """The gradient, by its inputs, of the convolution that makes ``x`` from images of ``output_shape``.

    Args:
        x: outputs of that convolution.
        kernel: (height, width, channels of the result, channels of ``x``).
        output_shape: shape of the result; of its entries the spatial ones count.
        strides: strides of that convolution.
        padding: its padding.
        data_format: where the channels are.
        dilation_rate: its dilation.
    """
    return _conv_transpose(x, kernel, output_shape, strides, padding, data_format, dilation_rate)


def conv3d_transpose(
    x: Any,
    kernel: Any,
    output_shape: Any,
    strides: Any = (1, 1, 1),
    padding: str = "valid",
    data_format: str | None = None,
) -> Array:
    """As :func:`conv2d_transpose`, for volumes."""
    return _conv_transpose(x, kernel, output_shape, strides, padding, data_format, (1, 1, 1))


def _conv_transpose(
    x: Any, kernel: Any, output_shape: Any, strides: Any, padding: str, data_format: str | None, dilation: Any
) -> Array:
    kernel = array(kernel)
    last = jnp.moveaxis(array(x), 1, -1) if data_format == "channels_first" else array(x)
    rank = last.ndim - 2
    steps = (strides,) * rank if isinstance(strides, int) else tuple(strides)
    rates = (dilation,) * rank if isinstance(dilation, int) else tuple(dilation)
    spatial = list(output_shape)[2:] if data_format == "channels_first" else list(output_shape)[1:-1]
    reach = [(k - 1) * d + 1 for k, d in zip(kernel.shape[:rank], rates, strict=True)]
    pads = []
    for n, wanted, r, s in zip(last.shape[1:-1], spatial, reach, steps, strict=True):
        size = _transposed_size(n, r, s, padding) if wanted is None else int(wanted)
        total = max((n - 1) * s + r - size, 0) if padding == "same" else 0
        full = (n - 1) * s + r
        before = total // 2
        pads.append((r - 1 - before, r - 1 + size - full + before))
    result = lowering.conv_transpose(last, kernel, strides=steps, padding=pads, dilation=rates)
    return jnp.moveaxis(result, -1, 1) if data_format == "channels_first" else result


def _transposed_size(size: int, reach: int, stride: int, padding: str) -> int:
    """Size of an axis after a transposed convolution, where nothing else is said."""
    return size * stride if padding == "same" else size * stride + max(reach - stride, 0)


def _pool(mode: str) -> Callable[..., Array]:
    pools = {"max": convolution.max_pool, "avg": convolution.average_pool}
    if mode not in pools:
        raise ValueError(f"`pool_mode` must be 'max' or 'avg', received {mode!r}")
    return pools[mode]


def pool2d(
    x: Any,
    pool_size: Any,
    strides: Any = (1, 1),
    padding: str = "valid",
    data_format: str | None = None,
    pool_mode: str = "max",
) -> Array:
    """Largest value (``'max'``) or mean (``'avg'``) of each window of images."""
    return _pool(pool_mode)(x, pool_size, strides, padding, data_format)


def pool3d(
    x: Any,
    pool_size: Any,
    strides: Any = (1, 1, 1),
    padding: str = "valid",
    data_format: str | None = None,
    pool_mode: str = "max",
) -> Array:
    """Largest value (``'max'``) or mean (``'avg'``) of each window of volumes."""
    return _pool(pool_mode)(x, pool_size, strides, padding, data_format)


def local_conv(inputs: Any, kernel: Any, kernel_size: Any, strides: Any, data_format: str | None = None) -> Array:
    """A convolution with a kernel of its own for each place.

    Args:
        inputs: (batch, *spatial, channels), or with the channels second.
        kernel: (places, window * channels, filters).
        kernel_size: size of the window.
        strides: distance between windows.
        data_format: where the channels are; in patches they come first where they do in the inputs.
    """
    x, kernel = array(inputs), array(kernel)
    first = data_format == "channels_first"
    x = jnp.moveaxis(x, 1, -1) if first else x
    sizes, steps = tuple(kernel_size), tuple(strides)
    counts = [(n - k) // s + 1 for n, k, s in zip(x.shape[1:-1], sizes, steps, strict=True)]
    windows = []
    for offset in itertools.product(*map(range, sizes)):
        places = (slice(o, o + s * (n - 1) + 1, s) for o, s, n in zip(offset, steps, counts, strict=True))
        windows.append(x[(slice(None), *places)])
    patches = jnp.stack(windows, axis=-1 if first and len(sizes) > 1 else -2)
    flat = patches.reshape(x.shape[0], math.prod(counts), -1)
    result = jnp.einsum("bpi,pif->bpf", flat, kernel).reshape(x.shape[0], *counts, kernel.shape[-1])
    return jnp.moveaxis(result, -1, 1) if first else result


# -- sequences --------------------------------------------------------------------------------------------------------


def ctc_batch_cost(y_true: Any, y_pred: Any, input_length: Any, label_length: Any) -> Array:
    """Minus the log-probability of labels under all alignments; the last class is the blank.

    Args:
        y_true: labels (batch, labels).
        y_pred: probabilities (batch, steps, classes).
        input_length: number of steps (batch, 1).
        label_length: number of labels (batch, 1).

    Returns:
        (batch, 1).
    """
    y_pred = array(y_pred)
    lengths = (array(n).reshape(-1) for n in (label_length, input_length))
    return ctc.ctc_loss(y_true, jnp.log(y_pred + EPSILON), *lengths, mask_index=y_pred.shape[-1] - 1)[:, None]


def ctc_decode(
    y_pred: Any, input_length: Any, greedy: bool = True, beam_width: int = 100, top_paths: int = 1
) -> tuple[list[Array], Array]:
    """The likeliest labels, -1 after their end, and their scores; the last class is the blank.

    Args:
        y_pred: probabilities (batch, steps, classes).
        input_length: number of steps (batch,).
        greedy: best class of each step; False searches for the best prefixes.
        beam_width: number of prefixes that are kept.
        top_paths: number of results of the search.
    """
    logits = jnp.log(array(y_pred) + EPSILON)
    strategy = "greedy" if greedy else "beam_search"
    labels, scores = ctc.ctc_decode(logits, input_length, strategy, beam_width, top_paths, mask_index=None)
    return list(labels), scores


def rnn(
    step_function: Callable[..., Any],
    inputs: Any,
    initial_states: Sequence[Any],
    go_backwards: bool = False,
    mask: Any = None,
    constants: Any = None,
    unroll: bool = False,
    input_length: int | None = None,
    time_major: bool = False,
    zero_output_for_mask: bool = False,
    return_all_outputs: bool = True,
) -> tuple[Any, Any, Any]:
    """A step function over the time axis of sequences.

    Args:
        step_function: ``(inputs of one step, states) -> (outputs, new states)``; ``constants`` come after the states.
        inputs: (batch, steps, ...), or a tree of such arrays.
        initial_states: list of the first states.
        go_backwards: from the last step to the first; the outputs come in that order.
        mask: (batch, steps) or (batch, steps, 1), False where a step repeats the last output and states.
        constants: list of further arguments of each step.
        unroll: write the steps out instead of a loop.
        input_length: accepted for compatibility.
        time_major: whether the time axis comes first.
        zero_output_for_mask: masked steps give zeros instead of the last output.
        return_all_outputs: False keeps the last output only.

    Returns:
        The last output, the outputs of all steps (batch, steps, ...), and the list of the last states.
    """
    del input_length

    def time_first(x: Any) -> Array:
        return array(x) if time_major else jnp.swapaxes(array(x), 0, 1)

    given = jax.tree.map(time_first, inputs)
    extra = list(constants or [])
    steps = jax.tree.leaves(given)[0].shape[0]
    first = [array(s) for s in initial_states]
    hidden = None
    if mask is not None:
        m = array(mask).astype(bool)
        hidden = time_first(m[..., 0] if m.ndim == 3 else m)
    if go_backwards:
        given = jax.tree.map(lambda x: jnp.flip(x, 0), given)
        hidden = None if hidden is None else jnp.flip(hidden, 0)

    def call(x: Any, states: Any) -> tuple[Any, list[Array]]:
        output, new = step_function(x, [*states, *extra])
        return output, [jnp.asarray(n, s.dtype) for n, s in zip(list(new), states, strict=True)]

    def keep(m: Array, new: Any, old: Any) -> Any:
        return jax.tree.map(lambda a, b: jnp.where(m.reshape(m.shape + (1,) * (a.ndim - m.ndim)), a, b), new, old)

    def step(carry: Any, now: Any) -> tuple[Any, Any]:
        states, last = carry
        x, m = now
        output, new = call(x, states)
        if m is not None:
            zeros = jax.tree.map(jnp.zeros_like, output)
            shown = keep(m, output, zeros if zero_output_for_mask else last)
            last, new = keep(m, output, last), keep(m, new, states)
            return (new, last), shown
        return (new, output), output

    start = jax.eval_shape(lambda: call(jax.tree.map(lambda x: x[0], given), first)[0])
    last = jax.tree.map(lambda s: jnp.zeros(s.shape, s.dtype), start)
    (states, last), outputs = jax.lax.scan(step, (first, last), (given, hidden), unroll=steps if unroll else 1)
    if not return_all_outputs:
        outputs = jax.tree.map(lambda x: x[None], last)
    return last, outputs if time_major else jax.tree.map(lambda x: jnp.swapaxes(x, 0, 1), outputs), states


def foldl(fn: Callable[..., Any], elems: Any, initializer: Any = None, name: str | None = None) -> Any:
    """``fn(accumulator, element)`` over the first axis; without an initializer it starts from the first element."""
    del name
    return _fold(fn, elems, initializer, reverse=False)


def foldr(fn: Callable[..., Any], elems: Any, initializer: Any = None, name: str | None = None) -> Any:
    """As :func:`foldl`, from the last element to the first."""
    del name
    return _fold(fn, elems, initializer, reverse=True)


def _fold(fn: Callable[..., Any], elems: Any, initializer: Any, reverse: bool) -> Any:
    elems = jax.tree.map(lambda x: jnp.flip(array(x), 0) if reverse else array(x), elems)
    if initializer is None:
        initializer = jax.tree.map(lambda x: x[0], elems)
        elems = jax.tree.map(lambda x: x[1:], elems)
    start = jax.tree.map(array, initializer)
    kinds = jax.eval_shape(lambda: fn(start, jax.tree.map(lambda x: x[0], elems)))
    start = jax.tree.map(lambda s, k: s.astype(k.dtype), start, kinds)
    return jax.lax.scan(lambda carry, x: (fn(carry, x), None), start, elems)[0]


def map_fn(fn: Callable[..., Any], elems: Any, name: str | None = None, dtype: Any = None) -> Any:
    """``fn`` of each element along the first axis."""
    del name
    result = jax.lax.map(fn, jax.tree.map(array, elems))
    return result if dtype is None else jax.tree.map(lambda x: x.astype(dtype) if isinstance(dtype, str) else x, result)
