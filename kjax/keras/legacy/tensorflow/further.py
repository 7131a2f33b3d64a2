"""Functions of TensorFlow that few scripts need: of `tf.math`, `tf.nn`, `tf.linalg`, `tf.image`, `tf.random`, `tf.sparse`."""

from __future__ import annotations

import functools
import importlib
import re
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from kjax.keras.legacy.tensorflow.door import define, dtype_of, shape_of
from kjax.keras.legacy.tensorflow.randomness import key_of
from kjax.keras.legacy.tensorflow.sparse import SparseTensor, from_dense
from kjax.keras.legacy.tensorflow.tensor import Tensor, as_bytes, unwrap, wrap

# -- segments ----------------------------------------------------------------------------------------------------


def _number_of(segment_ids: Any) -> int:
    return int(np.max(np.asarray(segment_ids))) + 1


@define
def segment_min(data: Any, segment_ids: Any) -> Any:
    return jax.ops.segment_min(data, segment_ids, _number_of(segment_ids))


@define
def segment_prod(data: Any, segment_ids: Any) -> Any:
    return jax.ops.segment_prod(data, segment_ids, _number_of(segment_ids))


@define
def unsorted_segment_min(data: Any, segment_ids: Any, num_segments: int) -> Any:
    return jax.ops.segment_min(data, segment_ids, int(num_segments))


@define
def unsorted_segment_prod(data: Any, segment_ids: Any, num_segments: int) -> Any:
    return jax.ops.segment_prod(data, segment_ids, int(num_segments))


@define
def unsorted_segment_sqrt_n(data: Any, segment_ids: Any, num_segments: int) -> Any:
    data = jnp.asarray(data)
    count = jax.ops.segment_sum(jnp.ones(len(segment_ids)), segment_ids, int(num_segments))
    total = jax.ops.segment_sum(data, segment_ids, int(num_segments))
    return total / jnp.sqrt(jnp.maximum(count, 1)).reshape(-1, *[1] * (data.ndim - 1))


@define
def sparse_segment_sum(data: Any, indices: Any, segment_ids: Any) -> Any:
    return jax.ops.segment_sum(jnp.asarray(data)[indices], segment_ids, _number_of(segment_ids))


@define
def sparse_segment_mean(data: Any, indices: Any, segment_ids: Any) -> Any:
    number = _number_of(segment_ids)
    count = jax.ops.segment_sum(jnp.ones(len(segment_ids)), segment_ids, number)
    total = jax.ops.segment_sum(jnp.asarray(data)[indices], segment_ids, number)
    return total / jnp.maximum(count, 1).reshape(-1, *[1] * (total.ndim - 1))


@define
def erfcinv(x: Any) -> Any:
    return jax.scipy.special.erfinv(1 - jnp.asarray(x))


@define
def approx_max_k(operand: Any, k: int, **options: Any) -> Any:
    return jax.lax.approx_max_k(jnp.asarray(operand), int(k))


@define
def approx_min_k(operand: Any, k: int, **options: Any) -> Any:
    return jax.lax.approx_min_k(jnp.asarray(operand), int(k))


# -- sparse ------------------------------------------------------------------------------------------------------


def _of_two(function: Callable[..., Any]) -> Callable[..., Any]:
    def combine(sp_a: SparseTensor, sp_b: SparseTensor, name: str | None = None) -> SparseTensor:
        """The greater, or the smaller, of the values at each place."""
        found = function(np.asarray(sp_a.to_dense()), np.asarray(sp_b.to_dense()))
        places = np.unique(np.concatenate([sp_a._places, sp_b._places]), axis=0)
        return SparseTensor(places, found[tuple(places.T)], sp_a._sizes)

    return combine


maximum, minimum = _of_two(np.maximum), _of_two(np.minimum)


def reset_shape(sp_input: SparseTensor, new_shape: Any = None, name: str | None = None) -> SparseTensor:
    """``tf.sparse.reset_shape``: other sizes; without them those of the smallest box around the values."""
    sizes = sp_input._places.max(0, initial=-1) + 1 if new_shape is None else np.asarray(unwrap(new_shape))
    return SparseTensor(sp_input._places, sp_input.values, sizes)


def sparse_bincount(values: Any, weights: Any = None, axis: int | None = 0, minlength: Any = None, **options: Any) -> SparseTensor:  # fmt: skip
    """``tf.sparse.bincount``: how often each number comes, of all values, or with ``axis=-1`` of each row."""
    array = np.asarray(unwrap(values))
    heavy = None if weights is None else np.asarray(unwrap(weights))
    length = max(int(array.max(initial=-1)) + 1, int(minlength or 0))
    if axis == -1 and array.ndim == 2:
        rows = [np.bincount(row, None if heavy is None else heavy[i], length) for i, row in enumerate(array)]
        return from_dense(np.stack(rows))
    return from_dense(np.bincount(array.ravel(), None if heavy is None else heavy.ravel(), length))


def _sets(function: Callable[[set[Any], set[Any]], set[Any]]) -> Callable[..., Any]:
    def combine(a: Any, b: Any, validate_indices: bool = True, **options: Any) -> SparseTensor:
        """The rows of two tensors as sets, put together."""
        one, two = ([set(row) for row in np.asarray(unwrap(t.to_dense() if isinstance(t, SparseTensor) else t)).tolist()] for t in (a, b))  # fmt: skip
        rows = [sorted(function(x, y)) for x, y in zip(one, two, strict=True)]
        places = [[i, j] for i, row in enumerate(rows) for j in range(len(row))]
        values = np.asarray([value for row in rows for value in row], np.asarray(unwrap(a)).dtype)
        return SparseTensor(np.asarray(places).reshape(-1, 2), values, [len(rows), max(map(len, rows), default=0)])

    return combine


intersection, union, difference = _sets(set.intersection), _sets(set.union), _sets(set.difference)


def set_size(a: SparseTensor, validate_indices: bool = True) -> Any:
    """``tf.sets.size``: how many elements each row has."""
    return Tensor(np.bincount(a._places[:, 0], minlength=a._sizes[0]).astype(np.int32))


# -- matrices ----------------------------------------------------------------------------------------------------


@define
def logm(input: Any) -> Any:
    values, vectors = np.linalg.eig(np.asarray(input))
    return jnp.asarray(vectors @ np.diag(np.log(values)) @ np.linalg.inv(vectors), jnp.asarray(input).dtype)


@define
def lu_solve(lower_upper: Any, perm: Any, rhs: Any, validate_args: bool = False) -> Any:
    return jax.scipy.linalg.lu_solve((jnp.asarray(lower_upper), jnp.arange(len(perm))), jnp.asarray(rhs)[perm])


@define
def lu_reconstruct(lower_upper: Any, perm: Any, validate_args: bool = False) -> Any:
    lower = jnp.tril(lower_upper, -1) + jnp.eye(len(perm))
    return (lower @ jnp.triu(lower_upper))[jnp.argsort(jnp.asarray(perm))]


@define
def eigh_tridiagonal(alpha: Any, beta: Any, eigvals_only: bool = True, **options: Any) -> Any:
    matrix = jnp.diag(alpha) + jnp.diag(jnp.asarray(beta), 1) + jnp.diag(jnp.asarray(beta), -1)
    return jnp.linalg.eigvalsh(matrix) if eigvals_only else tuple(jnp.linalg.eigh(matrix))


class LinearOperator:
    """``tf.linalg.LinearOperatorFullMatrix`` and those that are told by less: a matrix as an object.

    Args:
        matrix: the matrix.
        **options: what is known of it is accepted.
    """

    def __init__(self, matrix: Any, **options: Any) -> None:
        self._matrix = jnp.asarray(unwrap(matrix))

    @property
    def shape(self) -> Any:
        """The sizes."""
        return wrap(self._matrix).shape

    def to_dense(self) -> Any:
        """The matrix."""
        return wrap(self._matrix)

    def matmul(self, x: Any, adjoint: bool = False, adjoint_arg: bool = False, name: str | None = None) -> Any:
        """The product with a matrix."""
        return _product(self._turned(adjoint), x)

    __matmul__ = matmul

    def matvec(self, x: Any, adjoint: bool = False, name: str | None = None) -> Any:
        """The product with a vector."""
        return _vector(self._turned(adjoint), x)

    def solve(self, rhs: Any, adjoint: bool = False, adjoint_arg: bool = False, name: str | None = None) -> Any:
        """What the product of is ``rhs``."""
        return _solved(self._turned(adjoint), rhs)

    def solvevec(self, rhs: Any, adjoint: bool = False, name: str | None = None) -> Any:
        """The same for a vector."""
        return wrap(jnp.linalg.solve(self._turned(adjoint), jnp.asarray(unwrap(rhs))[..., None])[..., 0])

    def _turned(self, adjoint: bool) -> Any:
        return jnp.conj(jnp.swapaxes(self._matrix, -1, -2)) if adjoint else self._matrix

    def determinant(self) -> Any:
        """The determinant."""
        return wrap(jnp.linalg.det(self._matrix))

    def log_abs_determinant(self) -> Any:
        """The logarithm of its size."""
        return wrap(jnp.linalg.slogdet(self._matrix)[1])

    def inverse(self) -> LinearOperator:
        """The inverse."""
        return LinearOperator(jnp.linalg.inv(self._matrix))

    def adjoint(self) -> LinearOperator:
        """The conjugate, transposed."""
        return LinearOperator(self._turned(True))

    def trace(self) -> Any:
        """The sum of the diagonal."""
        return wrap(jnp.trace(self._matrix, axis1=-2, axis2=-1))

    def diag_part(self) -> Any:
        """The diagonal."""
        return wrap(jnp.diagonal(self._matrix, axis1=-2, axis2=-1))


@define
def _product(matrix: Any, x: Any) -> Any:
    return matrix @ jnp.asarray(x)


@define
def _vector(matrix: Any, x: Any) -> Any:
    return jnp.einsum("...ij,...j->...i", matrix, jnp.asarray(x))


@define
def _solved(matrix: Any, rhs: Any) -> Any:
    return jnp.linalg.solve(matrix, rhs)


def LinearOperatorDiag(diag: Any, **options: Any) -> LinearOperator:
    """``tf.linalg.LinearOperatorDiag``."""
    values = jnp.asarray(unwrap(diag))
    return LinearOperator(values[..., None] * jnp.eye(values.shape[-1], dtype=values.dtype))


def LinearOperatorIdentity(num_rows: Any, batch_shape: Any = None, dtype: Any = "float32", **options: Any) -> LinearOperator:  # fmt: skip
    """``tf.linalg.LinearOperatorIdentity``."""
    return LinearOperator(jnp.eye(int(unwrap(num_rows)), dtype=dtype_of(dtype or "float32")))


def LinearOperatorScaledIdentity(num_rows: Any, multiplier: Any, **options: Any) -> LinearOperator:
    """``tf.linalg.LinearOperatorScaledIdentity``."""
    return LinearOperator(jnp.eye(int(unwrap(num_rows))) * jnp.asarray(unwrap(multiplier)))


# -- networks ----------------------------------------------------------------------------------------------------


def _steps(strides: Any, axes: int) -> tuple[int, ...]:
    given = [int(s) for s in np.ravel(np.asarray(unwrap(strides)))]
    return tuple(given * axes if len(given) == 1 else given[1:-1] if len(given) == axes + 2 else given)


_PLACES = {1: ("NWC", "WIO", "NWC"), 2: ("NHWC", "HWIO", "NHWC"), 3: ("NDHWC", "DHWIO", "NDHWC")}


@define
def conv_transpose(
    input: Any, filters: Any, output_shape: Any, strides: Any, padding: str = "SAME", data_format: Any = None, dilations: Any = None
) -> Any:  # fmt: skip
    axes = jnp.ndim(input) - 2
    return jax.lax.conv_transpose(
        input, jnp.asarray(filters), _steps(strides, axes), padding, dimension_numbers=_PLACES[axes], transpose_kernel=True
    )  # fmt: skip


conv1d_transpose = conv3d_transpose = conv_transpose


def _windows(x: Any, ksize: Any, strides: Any, padding: str, rates: Any, fill: float) -> Any:
    """The windows of pictures: (batch, rows, columns, window, channels)."""
    rates = _steps(1 if rates is None else rates, 2)
    rows, columns, pads = [], [], []
    for size, k, stride, rate in zip(x.shape[1:3], ksize, strides, rates, strict=True):
        reach = (k - 1) * rate + 1
        out = -(-size // stride) if padding == "SAME" else (size - reach) // stride + 1
        more = max((out - 1) * stride + reach - size, 0) if padding == "SAME" else 0
        pads.append((more // 2, more - more // 2))
        (columns if rows else rows).append(np.arange(out)[:, None] * stride + np.arange(k)[None] * rate)
    padded = jnp.pad(x, [(0, 0), *pads, (0, 0)], constant_values=fill)
    found = padded[:, rows[0][:, None, :, None], columns[0][None, :, None, :]]
    return found.reshape(*found.shape[:3], -1, found.shape[-1])


@define
def max_pool_with_argmax(
    input: Any, ksize: Any, strides: Any, padding: str, data_format: str = "NHWC", output_dtype: Any = "int64",
    include_batch_in_index: bool = False,
) -> Any:  # fmt: skip
    x = jnp.asarray(input)
    batch, height, width, channels = x.shape
    places = jnp.arange(height * width * channels, dtype=jnp.float32).reshape(1, height, width, channels)
    arguments = (_steps(ksize, 2), _steps(strides, 2), padding, None)
    values = _windows(x, *arguments, -jnp.inf)
    numbers = jnp.broadcast_to(_windows(places, *arguments, 0.0), values.shape)
    best = jnp.argmax(values, 3)[:, :, :, None]
    chosen = jnp.take_along_axis(numbers, best, 3)[:, :, :, 0].astype(jnp.int32)
    if include_batch_in_index:
        chosen = chosen + jnp.arange(batch, dtype=jnp.int32)[:, None, None, None] * (height * width * channels)
    return jnp.max(values, 3), chosen


@define
def dilation2d(input: Any, filters: Any, strides: Any, padding: str, data_format: str, dilations: Any) -> Any:
    filters = jnp.asarray(filters)
    found = _windows(jnp.asarray(input), filters.shape[:2], _steps(strides, 2), padding, dilations, -jnp.inf)
    return jnp.max(found + filters.reshape(1, 1, 1, -1, filters.shape[-1]), 3)


@define
def erosion2d(value: Any, filters: Any, strides: Any, padding: str, data_format: str, dilations: Any) -> Any:
    filters = jnp.asarray(filters)[::-1, ::-1]
    found = _windows(-jnp.asarray(value), filters.shape[:2], _steps(strides, 2), padding, dilations, -jnp.inf)
    return -jnp.max(found + filters.reshape(1, 1, 1, -1, filters.shape[-1]), 3)


@define
def sufficient_statistics(x: Any, axes: Any, shift: Any = None, keepdims: bool = False) -> Any:
    x = jnp.asarray(x)
    axes = tuple(int(a) for a in np.ravel(axes))
    moved = x if shift is None else x - shift
    count = jnp.float32(np.prod([x.shape[a] for a in axes]))
    return count, jnp.sum(moved, axes, keepdims=keepdims), jnp.sum(moved**2, axes, keepdims=keepdims), shift


@define
def normalize_moments(counts: Any, mean_ss: Any, variance_ss: Any, shift: Any = None) -> Any:
    mean = jnp.asarray(mean_ss) / counts
    return (mean if shift is None else mean + shift), jnp.asarray(variance_ss) / counts - mean**2


@define
def isotonic_regression(inputs: Any, decreasing: bool = True, axis: int = -1) -> Any:
    from sklearn.isotonic import isotonic_regression as fitted

    array = np.moveaxis(np.asarray(inputs), axis, -1)
    rows = array.reshape(-1, array.shape[-1])
    found = np.stack([fitted(row, increasing=not decreasing) for row in rows]).reshape(array.shape).astype(array.dtype)
    number = np.concatenate([np.zeros((len(rows), 1), int), np.diff(found.reshape(rows.shape)) != 0], 1).cumsum(1)
    return jnp.asarray(np.moveaxis(found, -1, axis)), jnp.asarray(
        np.moveaxis(number.reshape(array.shape), -1, axis), jnp.int32
    )


# -- random numbers ----------------------------------------------------------------------------------------------


@define
def stateless_gamma(shape: Any, seed: Any, alpha: Any, beta: Any = None, dtype: Any = "float32") -> Any:
    found = jax.random.gamma(key_of(seed), jnp.asarray(alpha, dtype_of(dtype)), shape_of(shape))
    return found if beta is None else found / beta


@define
def stateless_poisson(shape: Any, seed: Any, lam: Any, dtype: Any = "float32") -> Any:
    return jax.random.poisson(key_of(seed), jnp.asarray(lam, jnp.float32), shape_of(shape)).astype(dtype_of(dtype))


@define
def stateless_binomial(shape: Any, seed: Any, counts: Any, probs: Any, output_dtype: Any = "int32") -> Any:
    found = jax.random.binomial(key_of(seed), jnp.asarray(counts, jnp.float32), jnp.asarray(probs), shape_of(shape))
    return found.astype(dtype_of(output_dtype))


@define
def fold_in(seed: Any, data: Any, alg: Any = None) -> Any:
    return jax.random.randint(jax.random.fold_in(key_of(seed), jnp.asarray(data, jnp.uint32)), (2,), 0, 2**31 - 1)


# -- pictures ----------------------------------------------------------------------------------------------------


def ssim_multiscale(
    img1: Any, img2: Any, max_val: Any, power_factors: Any = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333),
    filter_size: int = 11, filter_sigma: float = 1.5, k1: float = 0.01, k2: float = 0.03,
) -> Any:  # fmt: skip
    """``tf.image.ssim_multiscale``: how like pictures are, at several scales.

    Source: Wang, Simoncelli and Bovik, 2003, "Multiscale structural similarity for image quality assessment".
    """
    window = np.exp(-0.5 * ((np.arange(filter_size) - (filter_size - 1) / 2) / filter_sigma) ** 2)
    kernel = np.outer(window, window) / np.outer(window, window).sum()
    c1, c2 = (k1 * max_val) ** 2, (k2 * max_val) ** 2

    def compute(a: Any, b: Any) -> Any:
        def blurred(x: Any) -> Any:
            planes = jnp.moveaxis(x, -1, 1).reshape(-1, 1, *x.shape[1:3])
            found = jax.lax.conv_general_dilated(planes, jnp.asarray(kernel[None, None], x.dtype), (1, 1), "VALID")
            return found.reshape(x.shape[0], x.shape[-1], *found.shape[2:])

        def halved(x: Any) -> Any:
            x = jnp.pad(x, [(0, 0), (0, x.shape[1] % 2), (0, x.shape[2] % 2), (0, 0)], "symmetric")
            return x.reshape(x.shape[0], x.shape[1] // 2, 2, x.shape[2] // 2, 2, -1).mean((2, 4))

        a, b = jnp.asarray(a, jnp.float32), jnp.asarray(b, jnp.float32)
        parts = []
        for scale in range(len(power_factors)):
            if scale:
                a, b = halved(a), halved(b)
            ma, mb = blurred(a), blurred(b)
            light = (2 * ma * mb + c1) / (ma**2 + mb**2 + c1)
            shape = (2 * (blurred(a * b) - ma * mb) + c2) / (blurred(a**2 + b**2) - ma**2 - mb**2 + c2)
            last = scale == len(power_factors) - 1
            parts.append(jax.nn.relu(jnp.mean(light * shape if last else shape, (2, 3))))
        powers = jnp.asarray(power_factors)[:, None, None]
        return jnp.mean(jnp.prod(jnp.stack(parts) ** powers, 0), -1)

    return _applied(compute, "ssim_multiscale")(img1, img2)


def _applied(function: Callable[..., Any], name: str) -> Callable[..., Any]:
    from kjax.keras.legacy.tensorflow.tensor import apply

    return lambda *args: apply(function, args, {}, name)


def stateless_random_jpeg_quality(image: Any, min_jpeg_quality: int, max_jpeg_quality: int, seed: Any) -> Any:
    """``tf.image.stateless_random_jpeg_quality``."""
    from kjax.keras.legacy.tensorflow.pictures import adjust_jpeg_quality

    draw = np.random.default_rng([int(s) for s in np.asarray(unwrap(seed))])
    return adjust_jpeg_quality(image, int(draw.integers(min_jpeg_quality, max_jpeg_quality)))


# -- strings -----------------------------------------------------------------------------------------------------


def unsorted_segment_join(inputs: Any, segment_ids: Any, num_segments: int, separator: str = "", name: Any = None) -> Any:  # fmt: skip
    """``tf.strings.unsorted_segment_join``: the strings of each number, one behind the other."""
    texts, numbers = as_bytes(unwrap(inputs)).ravel().tolist(), np.ravel(np.asarray(unwrap(segment_ids))).tolist()
    rows = [[t for t, n in zip(texts, numbers, strict=True) if n == i] for i in range(int(unwrap(num_segments)))]
    return Tensor(as_bytes([separator.encode().join(row) for row in rows]))


def unicode_decode_with_offsets(input: Any, input_encoding: str = "UTF-8", **options: Any) -> Any:
    """``tf.strings.unicode_decode_with_offsets``: the numbers of characters, and the bytes at which they begin."""
    from kjax.keras.legacy.tensorflow.strings import unicode_decode, unicode_split_with_offsets

    return unicode_decode(input, input_encoding), unicode_split_with_offsets(input, input_encoding)[1]


# -- raw operations ----------------------------------------------------------------------------------------------


class RawOperations:
    """``tf.raw_ops``: functions under the names of operations, ``tf.raw_ops.MatMul(a=..., b=...)``."""

    _modules = ("math", "nn", "linalg", "", "image", "io", "strings", "random", "signal")

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        found = self._function(re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower())
        if found is None:
            raise AttributeError(
                f"the stand-in for TensorFlow has no raw operation {name!r}; use the function of tf, tf.math, tf.nn or tf.image"
            )

        @functools.wraps(found)
        def call(**arguments: Any) -> Any:
            """The operation: what the function does with the arguments in the order in which they are given."""
            arguments.pop("name", None)
            return found(*arguments.values())

        return call

    def _function(self, name: str) -> Any:
        for candidate in (name, name.replace("mat_mul", "matmul").removesuffix("_v2"), f"reduce_{name}"):
            for module in self._modules:
                place = importlib.import_module(f"tensorflow.{module}".rstrip("."))
                if hasattr(place, candidate):
                    return getattr(place, candidate)
        return None


raw_ops = RawOperations()
