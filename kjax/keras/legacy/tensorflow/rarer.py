"""Functions of TensorFlow that scripts touch now and then: bits, blocks, sets of places, pieces of text, candidates."""

from __future__ import annotations

import collections
import contextlib
import hashlib
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from kjax.keras.legacy.tensorflow import philox
from kjax.keras.legacy.tensorflow.arrays import cast
from kjax.keras.legacy.tensorflow.door import define, dtype_of, fresh_key, function_of, shape_of
from kjax.keras.legacy.tensorflow.randomness import key_of, stateless_numbers
from kjax.keras.legacy.tensorflow.tensor import Tensor, apply, as_bytes, is_text, sizes, unwrap
from kjax.nn.ops import ctc as alignments

special = jax.scipy.special

for _name, _compute in {
    "erfc": special.erfc,
    "bessel_i0": special.i0,
    "bessel_i0e": special.i0e,
    "bessel_i1": special.i1,
    "bessel_i1e": special.i1e,
    "betainc": special.betainc,
    "igamma": special.gammainc,
    "igammac": special.gammaincc,
    "lbeta": lambda x: jnp.sum(special.gammaln(x), -1) - special.gammaln(jnp.sum(x, -1)),
    "ndtri": special.ndtri,
    "nextafter": jnp.nextafter,
    "polygamma": special.polygamma,
    "zeta": special.zeta,
    "xlog1py": special.xlog1py,
    "xdivy": lambda x, y: jnp.where(x == 0, 0, x / jnp.where(x == 0, 1, y)),
    "reciprocal_no_nan": lambda x: jnp.where(x == 0, 0, 1 / jnp.where(x == 0, 1, x)),
    "sinc": jnp.sinc,
    "invert_permutation": jnp.argsort,
    "is_non_decreasing": lambda x: jnp.all(jnp.diff(jnp.ravel(x)) >= 0),
    "is_strictly_increasing": lambda x: jnp.all(jnp.diff(jnp.ravel(x)) > 0),
    "invert": jnp.invert,
    "left_shift": jnp.left_shift,
    "right_shift": jnp.right_shift,
    "truncatediv": lambda x, y: jnp.trunc(x / y).astype(jnp.result_type(x, y)),
    "truncatemod": jnp.fmod,
    "realdiv": jnp.true_divide,
    "adjoint": lambda x: jnp.conj(jnp.swapaxes(x, -1, -2)),
    "eig": jnp.linalg.eig,
    "eigvals": jnp.linalg.eigvals,
    "eigvalsh": jnp.linalg.eigvalsh,
    "logdet": lambda x: 2 * jnp.sum(jnp.log(jnp.diagonal(jnp.linalg.cholesky(x), axis1=-2, axis2=-1)), -1),
}.items():
    globals()[_name] = function_of(_compute, _name, all_tensors=True)


@define
def polyval(coeffs: Any, x: Any) -> Any:
    return jnp.polyval(jnp.stack([jnp.asarray(c) for c in coeffs]), x)


@define
def cumulative_logsumexp(x: Any, axis: int = 0, exclusive: bool = False, reverse: bool = False) -> Any:
    x = jnp.flip(x, axis) if reverse else x
    found = jax.lax.associative_scan(jnp.logaddexp, x, axis=axis)
    if exclusive:
        found = jnp.roll(found, 1, axis)
        found = jnp.moveaxis(jnp.moveaxis(found, axis, 0).at[0].set(-jnp.inf), 0, axis)
    return jnp.flip(found, axis) if reverse else found


@define
def normalize(tensor: Any, ord: Any = "euclidean", axis: Any = None) -> Any:
    ord = {"euclidean": None, "fro": None}.get(ord, ord) if isinstance(ord, str) else ord
    size = jnp.linalg.norm(jnp.ravel(tensor) if axis is None else tensor, ord, axis, keepdims=axis is not None)
    return tensor / size, size


@define
def cholesky_solve(chol: Any, rhs: Any) -> Any:
    return jax.scipy.linalg.cho_solve((chol, True), rhs)


@define
def lu(input: Any) -> Any:
    found, _, order = jax.lax.linalg.lu(input)
    return found, order


@define
def dynamic_stitch(indices: Any, data: Any) -> Any:
    indices, data = [jnp.asarray(i) for i in indices], [jnp.asarray(d) for d in data]
    flat = [jnp.ravel(i) for i in indices]
    rows = [jnp.reshape(d, (len(i), *jnp.shape(d)[jnp.ndim(o) :])) for i, o, d in zip(flat, indices, data, strict=True)]
    number = int(max(int(jnp.max(i)) for i in flat if len(i))) + 1
    found = jnp.zeros((number, *rows[0].shape[1:]), rows[0].dtype)
    for places, values in zip(flat, rows, strict=True):
        found = found.at[places].set(values)
    return found


@define
def foldr(fn: Callable[..., Any], elems: Any, initializer: Any = None) -> Any:
    rows = jnp.flip(elems, 0)
    start, rest = (rows[0], rows[1:]) if initializer is None else (initializer, rows)
    return jax.lax.scan(lambda carry, row: (fn(carry, row), None), start, rest)[0]


UniqueWithCounts = collections.namedtuple("UniqueWithCounts", "y idx count")


def unique_with_counts(x: Any, out_idx: Any = "int32", name: str | None = None) -> Any:
    """``tf.unique_with_counts``: the different values in the order in which they come, where each is, how often."""
    array = np.ravel(np.asarray(unwrap(x)))
    _, first, back, count = np.unique(array, return_index=True, return_inverse=True, return_counts=True)
    order = np.argsort(first)
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    parts = array[first[order]], rank[back].astype(np.int32), count[order].astype(np.int32)
    return UniqueWithCounts(*(Tensor(part if is_text(part) else jnp.asarray(part)) for part in parts))


@define
def unravel_index(indices: Any, dims: Any) -> Any:
    return jnp.stack(jnp.unravel_index(indices, tuple(int(d) for d in np.asarray(dims))))


@define
def tensor_scatter_nd_min(tensor: Any, indices: Any, updates: Any) -> Any:
    return jnp.asarray(tensor).at[tuple(jnp.moveaxis(jnp.asarray(indices), -1, 0))].min(updates)


@define
def histogram_fixed_width_bins(values: Any, value_range: Any, nbins: int = 100, dtype: Any = "int32") -> Any:
    low, high = value_range
    return jnp.clip(((values - low) / (high - low) * nbins).astype(dtype_of(dtype)), 0, nbins - 1)


@define
def bitcast(input: Any, type: Any) -> Any:
    return jax.lax.bitcast_convert_type(input, dtype_of(type))


@define
def saturate_cast(value: Any, dtype: Any) -> Any:
    wanted = jnp.dtype(dtype_of(dtype))
    limits = jnp.iinfo(wanted) if jnp.issubdtype(wanted, jnp.integer) else jnp.finfo(wanted)
    return jnp.clip(value, limits.min, limits.max).astype(wanted)


def broadcast_static_shape(shape_x: Any, shape_y: Any) -> Any:
    """``tf.broadcast_static_shape``: the sizes of what two tensors give together."""
    return sizes(np.broadcast_shapes(shape_of(shape_x), shape_of(shape_y)))


broadcast_dynamic_shape = broadcast_static_shape


def edit_distance(hypothesis: Any, truth: Any, normalize: bool = True, name: str | None = None) -> Any:
    """``tf.edit_distance``: how many symbols must be put in, taken out or changed, row by row."""

    def rows(thing: Any) -> list[list[Any]]:
        found: list[list[Any]] = [[] for _ in range(thing._sizes[0])]
        for place, value in zip(thing._places, np.asarray(unwrap(thing.values)).tolist(), strict=True):
            found[place[0]].append(value)
        return found

    distances = []
    for mine, theirs in zip(rows(hypothesis), rows(truth), strict=True):
        line = list(range(len(theirs) + 1))
        for i, symbol in enumerate(mine, 1):
            before, line[0] = line[0], i
            for j, other in enumerate(theirs, 1):
                before, line[j] = line[j], min(line[j] + 1, line[j - 1] + 1, before + (symbol != other))
        distances.append(line[-1] / len(theirs) if normalize and theirs else float(line[-1]))
    return Tensor(jnp.asarray(distances, jnp.float32))


def fingerprint(data: Any, method: str = "farmhash64", name: str | None = None) -> Any:
    """``tf.fingerprint``: eight bytes of each row; by another hash than TensorFlow's, the same on every machine."""
    rows = as_bytes(unwrap(data)) if is_text(unwrap(data)) else np.asarray(unwrap(data))
    each = [row if isinstance(row, bytes) else np.asarray(row).tobytes() for row in rows]
    digests = [hashlib.blake2b(row, digest_size=8).digest() for row in each]
    return Tensor(np.stack([np.frombuffer(digest, np.uint8) for digest in digests]))


# -- gradients ---------------------------------------------------------------------------------------------------


def recompute_grad(f: Callable[..., Any]) -> Callable[..., Any]:
    """``tf.recompute_grad``: the function; ``keras.remat`` is what saves memory here."""
    return f


def grad_pass_through(f: Callable[..., Any]) -> Callable[..., Any]:
    """``tf.grad_pass_through``: a function whose gradient is that of doing nothing."""

    def through(x: Any) -> Any:
        found = f(x)
        return apply(lambda a, b: a + jax.lax.stop_gradient(b - a), (x, found), {}, "grad_pass_through")

    return through


@define
def fake_quant_with_min_max_args(
    inputs: Any, min: Any = -6.0, max: Any = 6.0, num_bits: int = 8, narrow_range: bool = False
) -> Any:
    """Rounded to so many levels; the gradient is 1 inside the range and 0 outside."""
    low_level, levels = float(narrow_range), 2.0**num_bits - 1
    scale = (max - min) / (levels - low_level)
    zero = jnp.clip(jnp.round(low_level - min / scale), low_level, levels)
    low, high = (low_level - zero) * scale, (levels - zero) * scale
    inside = jnp.clip(inputs, low, high)
    return inside + jax.lax.stop_gradient(jnp.round((inside - low) / scale) * scale + low - inside)


fake_quant_with_min_max_vars = fake_quant_with_min_max_args


# -- networks ----------------------------------------------------------------------------------------------------


@define
def weighted_moments(x: Any, axes: Any, frequency_weights: Any, keepdims: bool = False) -> Any:
    axes = tuple(int(a) for a in np.ravel(axes))
    weights = jnp.broadcast_to(frequency_weights, jnp.shape(x))
    total = jnp.sum(weights, axes, keepdims=True)
    mean = jnp.sum(x * weights, axes, keepdims=True) / total
    variance = jnp.sum(weights * (x - mean) ** 2, axes, keepdims=True) / total
    return (mean, variance) if keepdims else (jnp.squeeze(mean, axes), jnp.squeeze(variance, axes))


def ctc_greedy_decoder(
    inputs: Any, sequence_length: Any, merge_repeated: bool = True, blank_index: int | None = None
) -> tuple[list[Any], Any]:
    """``tf.nn.ctc_greedy_decoder`` of logits (time, batch, classes): the best class at each time, as a sparse tensor."""
    return _decoded(
        alignments.ctc_decode(
            jnp.swapaxes(unwrap(inputs), 0, 1),
            jnp.asarray(unwrap(sequence_length)),
            strategy="greedy",
            merge_repeated=merge_repeated,
            mask_index=jnp.shape(unwrap(inputs))[-1] - 1 if blank_index is None else int(blank_index),
        )
    )


def ctc_beam_search_decoder(
    inputs: Any, sequence_length: Any, beam_width: int = 100, top_paths: int = 1
) -> tuple[list[Any], Any]:
    """``tf.nn.ctc_beam_search_decoder`` of logits (time, batch, classes); the last class is the blank one."""
    return _decoded(
        alignments.ctc_decode(
            jax.nn.log_softmax(jnp.swapaxes(unwrap(inputs), 0, 1)),
            jnp.asarray(unwrap(sequence_length)),
            strategy="beam_search",
            beam_width=beam_width,
            top_paths=top_paths,
            mask_index=jnp.shape(unwrap(inputs))[-1] - 1,
        )
    )


def _decoded(found: Any) -> tuple[list[Any], Any]:
    from kjax.keras.legacy.tensorflow.sparse import SparseTensor

    paths, scores = found
    sparse = []
    for rows in np.asarray(paths):
        at = np.argwhere(rows >= 0)
        sparse.append(SparseTensor(at, rows[tuple(at.T)], (len(rows), int(at[:, 1].max(initial=-1)) + 1)))
    return sparse, Tensor(scores)


@define
def space_to_batch(input: Any, block_shape: Any, paddings: Any) -> Any:
    blocks, widths = [int(b) for b in np.ravel(block_shape)], [[int(v) for v in p] for p in np.asarray(paddings)]
    rest = input.ndim - 1 - len(blocks)
    x = jnp.pad(input, [(0, 0), *map(tuple, widths), *[(0, 0)] * rest])
    batch, inner, tail = x.shape[0], x.shape[1 : 1 + len(blocks)], x.shape[1 + len(blocks) :]
    x = x.reshape(batch, *[n for s, b in zip(inner, blocks, strict=True) for n in (s // b, b)], *tail)
    number = len(blocks)
    order = [2 * i + 2 for i in range(number)] + [0] + [2 * i + 1 for i in range(number)]
    x = jnp.transpose(x, order + list(range(2 * number + 1, x.ndim)))
    return x.reshape(batch * int(np.prod(blocks)), *[s // b for s, b in zip(inner, blocks, strict=True)], *tail)


@define
def batch_to_space(input: Any, block_shape: Any, crops: Any) -> Any:
    blocks, cuts = [int(b) for b in np.ravel(block_shape)], [[int(v) for v in c] for c in np.asarray(crops)]
    number = len(blocks)
    batch = input.shape[0] // int(np.prod(blocks))
    inner, tail = input.shape[1 : 1 + number], input.shape[1 + number :]
    x = input.reshape(*blocks, batch, *inner, *tail)
    order = [number, *[axis for i in range(number) for axis in (number + 1 + i, i)]]
    x = jnp.transpose(x, order + list(range(2 * number + 1, x.ndim)))
    x = x.reshape(batch, *[s * b for s, b in zip(inner, blocks, strict=True)], *tail)
    return x[(slice(None), *[slice(a, size - b) for (a, b), size in zip(cuts, x.shape[1:], strict=False)])]


# -- random numbers ----------------------------------------------------------------------------------------------


@define
def stateless_truncated_normal(
    shape: Any, seed: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = "float32"
) -> Any:
    if (numbers := stateless_numbers(philox.truncated_normal, seed, shape, dtype)) is not None:
        return mean + stddev * numbers
    return mean + stddev * jax.random.truncated_normal(key_of(seed), -2, 2, shape_of(shape), dtype_of(dtype))


@define
def stateless_categorical(logits: Any, num_samples: int, seed: Any, dtype: Any = "int64") -> Any:
    found = jax.random.categorical(key_of(seed), logits, shape=(int(num_samples), logits.shape[0])).T
    return found.astype(dtype_of(dtype))


@define
def stateless_shuffle(value: Any, seed: Any) -> Any:
    return jax.random.permutation(key_of(seed), value)


def uniform_candidate_sampler(
    true_classes: Any, num_true: int, num_sampled: int, unique: bool, range_max: int, seed: Any = None, name: Any = None
) -> tuple[Any, Any, Any]:
    """``tf.random.uniform_candidate_sampler``: classes, each as likely as another."""
    key = fresh_key() if seed is None else jax.random.key(int(seed))
    found = jax.random.choice(key, range_max, (int(num_sampled),), replace=not unique)
    share = num_sampled / range_max
    true = jnp.full(jnp.shape(unwrap(true_classes)), share, jnp.float32)
    return Tensor(found), Tensor(true), Tensor(jnp.full((int(num_sampled),), share, jnp.float32))


class Algorithm:
    """``tf.random.Algorithm``."""

    PHILOX, THREEFRY, AUTO_SELECT = 1, 2, 3


# -- odds and ends -----------------------------------------------------------------------------------------------


def as_string(input: Any, **options: Any) -> Any:
    """``tf.as_string``."""
    from kjax.keras.legacy.tensorflow import strings

    return strings.as_string(input, **options)


def make_ndarray(tensor: Any) -> np.ndarray:
    """``tf.make_ndarray``: the values of a tensor, or of a message of TensorBoard."""
    if hasattr(tensor, "SerializeToString"):
        from tensorboard.util import tensor_util

        return tensor_util.make_ndarray(tensor)
    return np.asarray(unwrap(tensor))


def make_tensor_proto(values: Any, dtype: Any = None, shape: Any = None, **options: Any) -> Any:
    """``tf.make_tensor_proto``: a message of TensorBoard, which :func:`make_ndarray` takes; without TensorBoard a tensor."""
    array = np.asarray(unwrap(values if dtype is None else cast(Tensor(np.asarray(unwrap(values))), dtype)))
    array = array if shape is None else np.broadcast_to(array, shape)
    try:
        from tensorboard.util import tensor_util
    except ImportError:
        return Tensor(array)
    return tensor_util.make_tensor_proto(array)


@contextlib.contextmanager
def variable_creator_scope(variable_creator: Any) -> Iterator[None]:
    """``tf.variable_creator_scope``: variables are made as they are."""
    yield


def inside_function() -> bool:
    """``tf.inside_function``: whether a function is being compiled."""
    from kjax.keras.legacy.tensorflow.compiled import executing_eagerly

    return not executing_eagerly()


def is_symbolic_tensor(tensor: Any) -> bool:
    """``tf.is_symbolic_tensor``."""
    from kjax.keras.core.tensor import is_symbolic

    return is_symbolic(tensor) or isinstance(unwrap(tensor), Tracer)


def is_numeric_tensor(tensor: Any) -> bool:
    """``tf.debugging.is_numeric_tensor``."""
    return hasattr(tensor, "dtype") and str(tensor.dtype) not in ("string", "bool", "object")


def register_tensor_conversion_function(
    base_type: type, conversion_func: Callable[..., Any], priority: int = 100
) -> None:
    """``tf.register_tensor_conversion_function``: objects become tensors through ``__array__`` here.

    Raises:
        TypeError: the type has no ``__array__``; it is given one.
    """
    if not hasattr(base_type, "__array__"):
        base_type.__array__ = lambda self, dtype=None, copy=None: np.asarray(  # type: ignore[attr-defined]
            unwrap(conversion_func(self, dtype=dtype)), dtype
        )
