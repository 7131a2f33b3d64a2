"""Shapes of results of operations, from shapes alone, as Keras has them inside; None stands for a free axis."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from kjax.keras import ops
from kjax.keras.core.tensor import KerasTensor
from kjax.keras.ops import is_tensor
from kjax.keras.utils.conv_utils import conv_output_length
from kjax.keras.utils.layer_utils import get_source_inputs as get_source_inputs
from kjax.nn.lowering import transposed_pads

Shape = Sequence[int | None]


def canonicalize_axis(axis: Any, num_dims: int) -> int:
    """An axis counted from the front.

    Raises:
        ValueError: no such axis.
    """
    axis = operator.index(axis)
    if not -num_dims <= axis < num_dims:
        raise ValueError(f"axis {axis} is out of bounds for an array with dimension {num_dims}")
    return axis % num_dims if num_dims else axis


def canonicalize_axes(axis: Any, num_dims: int) -> tuple[int, ...]:
    """An axis, or a list of axes, as a tuple of axes counted from the front."""
    axes = axis if isinstance(axis, (tuple, list)) else (axis,)
    return tuple(canonicalize_axis(a, num_dims) for a in axes)


def to_tuple_or_list(value: Any) -> Any:
    """An integer as a tuple of one; tuples, lists and None as they are.

    Raises:
        ValueError: something else.
    """
    if isinstance(value, int):
        return (value,)
    if value is not None and not isinstance(value, (tuple, list)):
        raise ValueError(f"axes are an integer, a tuple or a list of them, received {value!r}")
    return value


def standardize_shape(shape: Any) -> tuple[int | None, ...]:
    """A shape as a tuple of integers and None.

    Raises:
        ValueError: no shape, or an axis that is no size.
    """
    from jax import export

    if shape is None:
        raise ValueError("Undefined shapes are not supported: None may stand for single axes of one")
    if not hasattr(shape, "__iter__"):
        raise ValueError(f"Cannot convert '{shape!r}' to a shape: a shape is a list of sizes")
    sizes: list[int | None] = []
    for size in shape:
        if size is None or export.is_symbolic_dim(size):
            sizes.append(None)
            continue
        refused = f"Cannot convert '{shape!r}' to a shape. Found invalid dimension {size!r} of type {type(size)}"
        if isinstance(size, (str, float)):
            raise ValueError(refused)
        try:
            number = int(size)
        except Exception as error:
            raise ValueError(refused) from error
        if number < 0:
            raise ValueError(f"Cannot convert '{shape!r}' to a shape. Negative dimensions are not allowed")
        sizes.append(number)
    return tuple(sizes)


def shape_equal(a_shape: Shape, b_shape: Shape) -> bool:
    """Whether two shapes may be the same: free axes fit everything."""
    return len(a_shape) == len(b_shape) and all(
        a is None or b is None or a == b for a, b in zip(a_shape, b_shape, strict=True)
    )


def broadcast_shapes(shape1: Shape, shape2: Shape) -> list[int | None]:
    """The shape of the result of an operation on pairs of elements.

    Raises:
        ValueError: two sizes do not fit.
    """
    rank = max(len(shape1), len(shape2))
    found: list[int | None] = []
    for a, b in zip(*((1,) * (rank - len(s)) + tuple(s) for s in (shape1, shape2)), strict=True):
        if a is not None and b is not None and a != b and 1 not in (a, b):
            raise ValueError(
                f"Cannot broadcast shape {list(shape1)} with {list(shape2)}: an axis of size {a} meets one of size {b}"
            )
        found.append(b if a == 1 else a if b in (1, None) else b)
    return found


def reduce_shape(shape: Shape, axis: Any = None, keepdims: bool = False) -> tuple[int | None, ...]:
    """The shape without the axes over which a reduction goes, or with 1 in their places."""
    axes = range(len(shape)) if axis is None else canonicalize_axes(axis, len(shape))
    if keepdims:
        return tuple(1 if i in axes else size for i, size in enumerate(shape))
    return tuple(size for i, size in enumerate(shape) if i not in axes)


def compute_expand_dims_output_shape(input_shape: Shape, axis: Any) -> tuple[int | None, ...]:
    """The shape with axes of size 1 at the given places of the result; at the end for None."""
    places = to_tuple_or_list(len(input_shape) if axis is None else axis)
    rank = len(places) + len(input_shape)
    places = canonicalize_axes(places, rank)
    sizes = iter(input_shape)
    return tuple(1 if i in places else next(sizes) for i in range(rank))


def compute_transpose_output_shape(input_shape: Shape, axes: Any) -> tuple[int | None, ...]:
    """The shape with its axes in another order; reversed for None.

    Raises:
        ValueError: no permutation of the axes.
    """
    rank = len(input_shape)
    if axes is None:
        return tuple(input_shape[::-1])
    if len(axes) != rank:
        raise ValueError(
            f"axis must be a list of the same length as the input shape, {rank}, and name all axes; received {list(axes)}"
        )
    if not all(isinstance(a, int) and -rank <= a < rank for a in axes):
        raise ValueError(f"`axes` must be integers from {-rank} to {rank - 1}, received {list(axes)}")
    order = [a % rank for a in axes]
    if len(set(order)) != rank:
        raise ValueError(f"`axes` names an axis of the input twice: {list(axes)}, of {rank} axes")
    return tuple(input_shape[a] for a in order)


def compute_matmul_output_shape(shape1: Shape, shape2: Shape) -> tuple[int | None, ...]:
    """The shape of a matrix product; vectors count as rows on the left and as columns on the right.

    Raises:
        ValueError: the inner sizes differ.
    """
    left = (1, *shape1) if len(shape1) == 1 else tuple(shape1)
    right = (*shape2, 1) if len(shape2) == 1 else tuple(shape2)
    inner = (left[-1], right[-2])
    if None not in inner and inner[0] != inner[1]:
        raise ValueError(
            f"Inner dimensions must be equal: the last axis of the left factor, {left}, and the last but one of the "
            f"right, {right}, differ"
        )
    last = [size for size, keep in ((left[-2], len(shape1) > 1), (right[-1], len(shape2) > 1)) if keep]
    return (*broadcast_shapes(left[:-2], right[:-2]), *last)


def validate_reshape_shape(newshape: Any, newshape_arg_name: str = "newshape") -> None:
    """Check the shape that a reshape asks for.

    Raises:
        ValueError: a size below -1, or -1 more than once.
    """
    if is_tensor(newshape):
        return
    sizes = [size for size in newshape if isinstance(size, (int, np.integer))]
    if any(size < -1 for size in sizes):
        raise ValueError(
            f"`{newshape_arg_name}` holds sizes from 0 on, and -1 for what is left over, received {newshape}"
        )
    if sizes.count(-1) > 1:
        raise ValueError(
            f"There must be at most one unknown dimension (-1) in `{newshape_arg_name}`, received {newshape}"
        )


def compute_reshape_output_shape(
    input_shape: Shape, newshape: Any, newshape_arg_name: str = "newshape"
) -> tuple[int | None, ...]:
    """The shape that a reshape gives: -1 becomes a size, or None where it depends on free axes.

    Raises:
        ValueError: the number of elements differs.
    """
    validate_reshape_shape(newshape, newshape_arg_name)
    if is_tensor(newshape) or isinstance(newshape, KerasTensor):
        shape = newshape.shape
        count = shape[0] if len(shape) == 1 else None
        return tuple(None for _ in range(1 if count is None else int(count)))
    wanted = tuple(int(size) if isinstance(size, (int, np.integer)) else None for size in newshape)
    if None in input_shape or None in wanted:
        return tuple(None if size == -1 else size for size in wanted)
    total = math.prod(input_shape)  # type: ignore[arg-type]
    known = math.prod(size for size in wanted if size != -1)  # type: ignore[misc]
    if -1 not in wanted and known != total:
        raise ValueError(
            f"The total size of the tensor must be unchanged: {newshape_arg_name}={newshape} holds {known} elements, an "
            f"input of shape {input_shape} {total}"
        )
    if -1 in wanted and (known == 0 or total % known):
        raise ValueError(
            f"The total size of the tensor must be unchanged: the {total} elements of an input of shape {input_shape} "
            "cannot be divided into "
            f"{newshape_arg_name}={newshape}"
        )
    return tuple(total // known if size == -1 else size for size in wanted)


def compute_take_along_axis_output_shape(
    input_shape: Shape, indices_shape: Shape, axis: int | None
) -> list[int | None]:
    """The shape of ``take_along_axis``.

    Raises:
        ValueError: the ranks differ.
    """
    shape = list(input_shape)
    if axis is None:
        shape = [None if None in shape else math.prod(shape)]  # type: ignore[arg-type]
    if len(shape) != len(indices_shape):
        raise ValueError(f"`x` of shape {shape} and `indices` of shape {list(indices_shape)} have different ranks")
    axis = canonicalize_axis(axis or 0, len(shape))
    shape[axis] = indices_shape[axis]
    return broadcast_shapes(shape, indices_shape)


def compute_pooling_output_shape(
    input_shape: Shape, pool_size: Any, strides: Any, padding: str = "valid", data_format: str = "channels_last"
) -> tuple[int | None, ...]:
    """The shape of pooling.

    Raises:
        ValueError: nothing would be left of an axis, or an unknown padding.
    """
    spatial = _spatial(input_shape, data_format)
    strides = pool_size if strides is None else strides
    found = _windows(spatial, pool_size, strides, padding, (1,) * len(spatial), f"inputs.shape={tuple(input_shape)}")
    channels = input_shape[-1] if data_format == "channels_last" else input_shape[1]
    return _with_channels(input_shape[0], found, channels, data_format)


def compute_conv_output_shape(
    input_shape: Shape,
    filters: int,
    kernel_size: tuple[int, ...],
    strides: Any = 1,
    padding: str = "valid",
    data_format: str = "channels_last",
    dilation_rate: Any = 1,
) -> tuple[int | None, ...]:
    """The shape of a convolution.

    Raises:
        ValueError: ranks that do not fit, nothing left of an axis, or an unknown padding.
    """
    spatial = _spatial(input_shape, data_format)
    strides, dilation = (
        (value,) * len(spatial) if isinstance(value, int) else tuple(value) for value in (strides, dilation_rate)
    )
    if len(kernel_size) + 2 != len(input_shape):
        raise ValueError(
            f"Kernel shape must have the same length as input: a kernel of size {kernel_size}, an input of shape "
            f"{tuple(input_shape)}"
        )
    if len(dilation) != len(spatial):
        raise ValueError(
            f"`dilation_rate` must hold {len(spatial)} numbers for an input of shape {tuple(input_shape)}, "
            f"received {dilation_rate}"
        )
    found = _windows(spatial, kernel_size, strides, padding, dilation, f"inputs shape={tuple(input_shape)}")
    return _with_channels(input_shape[0], found, filters, data_format)


def _spatial(shape: Shape, data_format: str) -> Shape:
    return shape[1:-1] if data_format == "channels_last" else shape[2:]


def _with_channels(
    batch: int | None, spatial: tuple[int | None, ...], channels: int | None, data_format: str
) -> tuple[int | None, ...]:
    if data_format == "channels_last":
        return (batch, *spatial, channels)
    return (batch, channels, *spatial)


def _windows(
    spatial: Shape, sizes: Sequence[int], strides: Sequence[int], padding: str, dilation: Sequence[int], shown: str
) -> tuple[int | None, ...]:
    if padding not in ("valid", "same", "causal"):
        raise ValueError(f"`padding` must be either 'valid', 'same' or 'causal', received {padding!r}")
    found = tuple(
        conv_output_length(*axis)
        for axis in zip(spatial, sizes, [padding] * len(spatial), strides, dilation, strict=True)
    )
    if any(size is not None and size <= 0 for size in found):
        raise ValueError(
            f"Computed output size would be zero or negative: windows of {tuple(sizes)}, strides of {tuple(strides)} and padding "
            f"{padding!r} on {shown}"
        )
    return found


def compute_conv_transpose_output_shape(
    input_shape: Shape,
    kernel_size: Sequence[int],
    filters: int,
    strides: Any,
    padding: str,
    output_padding: Any = None,
    data_format: str = "channels_last",
    dilation_rate: Any = 1,
) -> list[int | None]:
    """The shape of a transposed convolution.

    Raises:
        ValueError: an unknown padding.
    """
    spatial = _spatial(input_shape, data_format)
    strides, dilation, extra = (_for_each(value, len(spatial)) for value in (strides, dilation_rate, output_padding))
    if padding.lower() not in ("valid", "same"):
        raise ValueError(f"`padding` must be 'valid' or 'same', received {padding!r}")
    found: list[int | None] = []
    for size, kernel, stride, rate, more in zip(spatial, kernel_size, strides, dilation, extra, strict=True):
        reach = (kernel - 1) * rate + 1
        if size is None:
            found.append(None)
        elif more is None:
            found.append(size * stride + (max(reach - stride, 0) if padding.lower() == "valid" else 0))
        else:
            found.append((size - 1) * stride + more + (reach if padding.lower() == "valid" else reach % 2))
    return list(_with_channels(input_shape[0], tuple(found), filters, data_format))


def _for_each(value: Any, rank: int) -> tuple[Any, ...]:
    return (value,) * rank if value is None or isinstance(value, int) else tuple(value)


def compute_conv_transpose_padding_args_for_jax(
    input_shape: Shape,
    kernel_shape: Sequence[int],
    strides: Any,
    padding: str,
    output_padding: Any,
    dilation_rate: Any,
) -> list[tuple[int, int]]:
    """The padding (before, after) of each spatial axis with which JAX computes a transposed convolution."""
    rank = len(input_shape) - 2
    strides, dilation, extra = (_for_each(value, rank) for value in (strides, dilation_rate, output_padding))
    return [
        transposed_pads((kernel - 1) * rate + 1, stride, padding.lower(), more)
        for kernel, stride, rate, more in zip(kernel_shape[:rank], strides, dilation, extra, strict=True)
    ]


def standardize_axis_for_numpy(axis: Any) -> Any:
    """A list of axes as a tuple; other things as they are."""
    return tuple(axis) if isinstance(axis, list) else axis


def check_conv_input_channels(inputs: Any, kernel: Any, data_format: str) -> None:
    """Check the channels of a convolution.

    Raises:
        ValueError: inputs and kernel have different numbers of them.
    """
    _check_channels(inputs, kernel.shape[-2], data_format)


def check_conv_transpose_input_channels(inputs: Any, kernel: Any, data_format: str) -> None:
    """Check the channels of a transposed convolution, whose kernels have them last.

    Raises:
        ValueError: inputs and kernel have different numbers of them.
    """
    _check_channels(inputs, kernel.shape[-1], data_format)


def _check_channels(inputs: Any, expected: int | None, data_format: str) -> None:
    channels = inputs.shape[-1] if data_format == "channels_last" else inputs.shape[1]
    if isinstance(channels, int) and isinstance(expected, int) and channels != expected:
        raise ValueError(
            f"the inputs of shape {tuple(inputs.shape)} ({data_format}) have {channels} channels, the kernel has {expected}"
        )


def slice_along_axis(x: Any, start: int = 0, stop: int | None = None, step: int = 1, axis: int = 0) -> Any:
    """``x[start:stop:step]`` along one axis."""
    axis = canonicalize_axis(axis, len(x.shape))
    return x[(*(slice(None),) * axis, slice(start, stop, step))]


def _get_output_shape_given_tf_padding(
    input_size: int | None, kernel_size: int, strides: int, padding: str, output_padding: int | None, dilation_rate: int
) -> int | None:
    """Size of one spatial axis behind a transposed convolution."""
    if input_size is None:
        return None
    shape = (1, input_size, 1)
    found = compute_conv_transpose_output_shape(
        shape, (kernel_size,), 1, strides, padding, output_padding, dilation_rate=dilation_rate
    )
    return found[1]


def _convert_conv_transpose_padding_args_from_keras_to_jax(
    kernel_size: int, stride: int, dilation_rate: int, padding: str, output_padding: int | None
) -> tuple[int, int]:
    """The padding (before, after) of one axis with which JAX computes a transposed convolution."""
    return transposed_pads((kernel_size - 1) * dilation_rate + 1, stride, padding.lower(), output_padding)


def compute_adaptive_pooling_window_sizes(input_dim: int, output_dim: int) -> tuple[int, int]:
    """The two sizes that windows have where an axis is pooled to a size: the smaller and the larger."""
    small = math.ceil(input_dim / output_dim)
    return small, small + 1


def vectorize_impl(pyfunc: Any, vmap_fn: Any = None, *, excluded: Any = None, signature: str | None = None) -> Any:
    """A function of single elements as one of arrays, see :func:`kjax.keras.ops.vectorize`."""
    del vmap_fn
    return ops.vectorize(pyfunc, excluded=excluded, signature=signature)
