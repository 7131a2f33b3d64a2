"""Convolution, pooling and products as XLA:CPU runs them well.

XLA:CPU runs a convolution inside the body of a loop through a path that is 13 to 25 times slower than outside (jax
issue 12868). There are two ways round it: lower the convolution to patches (shifted slices, side by side) and one
matrix product, or keep it out of loops, which the engine does where :func:`has_slow_loop_ops` says so.

Processor milliseconds, forward and backward, 2026-11-23, jax 0.10.2, two cores, batch 32, 3x3 kernels:

=====================  ==================  ================  ===============
input                  native, no loop     patches, in loop  patches, no loop
=====================  ==================  ================  ===============
32x32x3 to 32          8 to 11             5                 8
32x32x32 to 32         32                  51                74
15x15x32 to 64         11                  16                15
15x15x64 to 64         22                  22                25
=====================  ==================  ================  ===============

So: patches where they are narrow (and for 1x1 kernels, where they are the input itself) and where the caller is a loop
by its nature (ConvLSTM); the native convolution, one step a call, everywhere else. Max pooling by shifted slices and
comparisons takes a whole ``cifar10_cnn`` step from 139 to 106 processor milliseconds against the native operation,
whose gradient is slow. On other platforms the native operations are used throughout.
"""

from __future__ import annotations

import contextlib
import contextvars
import functools
import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array

NARROW = 48
"""Up to this many values in a patch, patches and a matrix product beat the native convolution."""

PATCH_BYTES = 2**28
"""Above this size of the patches the native convolution is used in any case."""

Padding = str | Sequence[tuple[int, int]]


def on_cpu() -> bool:
    """Whether what is traced now will run on a CPU.

    Decided at trace time: ``lax.platform_dependent`` would keep the residuals of both forms through the gradient.
    """
    return jax.default_backend() == "cpu" and not _portable.get()


_portable: contextvars.ContextVar[bool] = contextvars.ContextVar("portable", default=False)


@contextlib.contextmanager
def portable() -> Iterator[None]:
    """Inside, native operations are traced: for code that runs on any platform, and on batches of any size."""
    token = _portable.set(True)
    try:
        yield
    finally:
        _portable.reset(token)


def product(x: Array, kernel: Array, preferred_element_type: Any = None) -> Array:
    """``x @ kernel``; with a matrix, over the rows of ``x``.

    XLA:CPU transposes the gradient of an output of more than two axes in memory before it multiplies it with the inputs,
    which costs a fifth of the time of a dense layer on sequences; that of rows it multiplies as it is.

    Args:
        x: array.
        kernel: array.
        preferred_element_type: as for ``jnp.matmul``.
    """
    multiply = functools.partial(jnp.matmul, preferred_element_type=preferred_element_type)
    if x.ndim < 3 or kernel.ndim != 2 or x.shape[-1] != kernel.shape[0] or not on_cpu():
        return multiply(x, kernel)
    rows = multiply(x.reshape(math.prod(x.shape[:-1]), x.shape[-1]), kernel)
    return rows.reshape(*x.shape[:-1], kernel.shape[-1])


def pads_of(
    padding: Padding, spatial: Sequence[int], window: Sequence[int], strides: Sequence[int]
) -> list[tuple[int, int]]:
    """Padding of each spatial axis as (before, after)."""
    if isinstance(padding, str):
        return list(lax.padtype_to_pads(spatial, window, strides, padding.upper()))
    return [(int(a), int(b)) for a, b in padding]


def _shifted(x: Array, size: Sequence[int], strides: Sequence[int], dilation: Sequence[int]) -> Iterator[Array]:
    """The padded input as each point of the window sees it, in the order of the window's points."""
    outs = [(n - (k - 1) * d - 1) // s + 1 for n, k, s, d in zip(x.shape[1:-1], size, strides, dilation, strict=True)]
    for point in itertools.product(*(range(k) for k in size)):
        start = [0, *(p * d for p, d in zip(point, dilation, strict=True)), 0]
        stop = [
            x.shape[0],
            *(b + (o - 1) * s + 1 for b, o, s in zip(start[1:-1], outs, strides, strict=True)),
            x.shape[-1],
        ]
        yield lax.slice(x, start, stop, [1, *strides, 1])


def conv(
    inputs: Array,
    kernel: Array,
    *,
    strides: Sequence[int],
    padding: Padding,
    dilation: Sequence[int],
    groups: int = 1,
    in_loop: bool = False,
) -> Array:
    """Convolution (cross-correlation), channels last.

    Args:
        inputs: [batch, *spatial, channels].
        kernel: [*window, channels / groups, filters].
        strides: distance between windows along each spatial axis.
        padding: ``'valid'``, ``'same'``, or (before, after) for each spatial axis.
        dilation: distance between the points of a window.
        groups: number of groups of channels that are convolved apart.
        in_loop: whether the caller is itself the body of a loop.

    Returns:
        [batch, *spatial', filters].
    """
    rank = inputs.ndim - 2
    window = kernel.shape[:rank]
    reach = [(k - 1) * d + 1 for k, d in zip(window, dilation, strict=True)]
    pads = pads_of(padding, inputs.shape[1:-1], reach, strides)
    outs = [(n + a + b - r) // s + 1 for n, (a, b), r, s in zip(inputs.shape[1:-1], pads, reach, strides, strict=True)]
    size = inputs.shape[0] * math.prod(outs) * math.prod(kernel.shape[:-1]) * inputs.dtype.itemsize
    width = math.prod(kernel.shape[:-1])
    suits = in_loop or width <= NARROW or math.prod(window) == 1
    if not on_cpu() or not suits or groups != 1 or size > PATCH_BYTES or min(outs) < 1:
        spatial = "DHW"[-rank:]
        layout = ("N" + spatial + "C", spatial + "IO", "N" + spatial + "C")
        return lax.conv_general_dilated(
            inputs,
            kernel,
            strides,
            pads,
            rhs_dilation=dilation,
            dimension_numbers=layout,
            feature_group_count=groups,
        )
    padded = lax.pad(inputs, jnp.zeros((), inputs.dtype), [(0, 0, 0), *((a, b, 0) for a, b in pads), (0, 0, 0)])
    slices = list(_shifted(padded, window, strides, dilation))
    patches = slices[0] if len(slices) == 1 else jnp.concatenate(slices, axis=-1)
    flat = patches.reshape(-1, patches.shape[-1]) @ kernel.reshape(-1, kernel.shape[-1])
    return flat.reshape(inputs.shape[0], *outs, kernel.shape[-1])


def transposed_pads(reach: int, stride: int, padding: str, extra: int | None = None) -> tuple[int, int]:
    """Zeros before and after an axis that was spread out by the stride, so that the output has Keras' size.

    Args:
        reach: size of the window with its dilation.
        stride: factor by which the output is larger.
        padding: ``'valid'`` or ``'same'``.
        extra: Keras' ``output_padding``; None gives ``n * stride`` for ``'same'`` and as much as is needed for ``'valid'``.
    """
    if padding == "valid":
        after = max(stride - reach, 0) if extra is None else extra
        return reach - 1, reach - 1 + after
    total = stride + reach - 2 if extra is None else reach + reach % 2 - 2 + extra
    before = min((total + 1) // 2, reach - 1)
    return before, total - before


def conv_transpose(
    inputs: Array,
    kernel: Array,
    *,
    strides: Sequence[int],
    padding: Sequence[tuple[int, int]],
    dilation: Sequence[int],
) -> Array:
    """The gradient of a convolution by its inputs: a convolution of the spread-out inputs with the turned kernel.

    Args:
        inputs: [batch, *spatial, channels].
        kernel: [*window, filters, channels].
        strides: factor by which each spatial axis grows.
        padding: zeros around the spread-out inputs, see :func:`transposed_pads`.
        dilation: distance between the points of a window.
    """
    rank = inputs.ndim - 2
    turned = jnp.swapaxes(jnp.flip(kernel, tuple(range(rank))), -1, -2)
    if on_cpu():
        gaps = [(0, 0, 0), *((0, 0, s - 1) for s in strides), (0, 0, 0)]
        spread = lax.pad(inputs, jnp.zeros((), inputs.dtype), gaps)
        return conv(spread, turned, strides=(1,) * rank, padding=padding, dilation=dilation)
    spatial = "DHW"[-rank:]
    return lax.conv_general_dilated(
        inputs,
        turned,
        (1,) * rank,
        padding,
        lhs_dilation=strides,
        rhs_dilation=dilation,
        dimension_numbers=(f"N{spatial}C", f"{spatial}IO", f"N{spatial}C"),
    )


def max_pool(inputs: Array, size: Sequence[int], *, strides: Sequence[int], padding: Padding) -> Array:
    """Largest value of each window, channels last; of equal values the first takes the gradient.

    Args:
        inputs: [batch, *spatial, channels].
        size: window along each spatial axis.
        strides: distance between windows.
        padding: as for :func:`conv`; padded places never win.
    """
    pads = pads_of(padding, inputs.shape[1:-1], size, strides)
    floating = jnp.issubdtype(inputs.dtype, jnp.floating)
    # A NumPy constant: JAX knows the gradient of reduce_window only where it sees that the start is the identity.
    lowest = np.array(-np.inf if floating else jnp.iinfo(inputs.dtype).min, inputs.dtype)
    if not on_cpu() or math.prod(size) > 16:
        full = [(0, 0), *pads, (0, 0)]
        return lax.reduce_window(inputs, lowest, lax.max, (1, *size, 1), (1, *strides, 1), full)
    padded = lax.pad(inputs, jnp.asarray(lowest), [(0, 0, 0), *((a, b, 0) for a, b in pads), (0, 0, 0)])
    slices = _shifted(padded, size, strides, [1] * len(size))
    best = next(slices)
    for other in slices:
        best = jnp.where(other > best, other, best)
    return best


def avg_pool(inputs: Array, size: Sequence[int], *, strides: Sequence[int], padding: Padding) -> Array:
    """Mean of each window, channels last; padded places do not count.

    Args:
        inputs: [batch, *spatial, channels].
        size: window along each spatial axis.
        strides: distance between windows.
        padding: as for :func:`conv`.
    """
    pads = pads_of(padding, inputs.shape[1:-1], size, strides)

    def total(x: Array) -> Array:
        if on_cpu() and math.prod(size) <= 16:
            padded = lax.pad(x, jnp.zeros((), x.dtype), [(0, 0, 0), *((a, b, 0) for a, b in pads), (0, 0, 0)])
            return sum(_shifted(padded, size, strides, [1] * len(size)), start=jnp.zeros((), x.dtype))
        full = [(0, 0), *pads, (0, 0)]
        return lax.reduce_window(x, np.zeros((), x.dtype), lax.add, (1, *size, 1), (1, *strides, 1), full)

    summed = total(inputs)
    if not any(a or b for a, b in pads):
        return summed / math.prod(size)
    ones = jnp.ones((1, *inputs.shape[1:-1], 1), inputs.dtype)
    return summed / lax.stop_gradient(total(ones))


SLOW_IN_LOOPS = frozenset({"conv_general_dilated", "select_and_scatter_add", "select_and_gather_add"})
"""Primitives that XLA:CPU runs much slower inside a loop."""


def primitives_in(jaxpr: Any) -> frozenset[str]:
    """Names of the primitives of a (closed) jaxpr and of those inside it."""
    found: set[str] = set()
    inner = getattr(jaxpr, "jaxpr", jaxpr)
    for equation in inner.eqns:
        found.add(equation.primitive.name)
        for parameter in jax.tree.leaves(equation.params, is_leaf=lambda p: hasattr(p, "eqns") or hasattr(p, "jaxpr")):
            if hasattr(parameter, "eqns") or hasattr(parameter, "jaxpr"):
                found |= primitives_in(parameter)
    return frozenset(found)


def has_slow_loop_ops(jaxpr: Any) -> bool:
    """Whether a (closed) jaxpr, or one inside it, holds an operation of :data:`SLOW_IN_LOOPS`."""
    return bool(SLOW_IN_LOOPS & primitives_in(jaxpr))
