"""``keras.utils.conv_utils`` of Keras 2: lengths before and after convolutions, arguments in canonical form."""

from __future__ import annotations

from typing import Any

from kjax.keras.utils.kernels import convert_kernel as convert_kernel

_PADDINGS = ("valid", "same", "causal", "full")


def normalize_tuple(value: Any, n: int, name: str) -> tuple[int, ...]:
    """A tuple of ``n`` integers from an integer or a sequence of ``n``.

    Args:
        value: what was given.
        n: how many.
        name: the argument's name, for the error.

    Raises:
        ValueError: anything else.
    """
    if isinstance(value, int):
        return (value,) * n
    try:
        result = tuple(int(item) for item in value)
    except (TypeError, ValueError):
        result = ()
    if len(result) != n:
        raise ValueError(f"The `{name}` argument must be an integer or a tuple of {n} integers, received {value!r}")
    return result


def normalize_padding(value: str) -> str:
    """The name of a padding in lower case.

    Raises:
        ValueError: an unknown one.
    """
    padding = value.lower()
    if padding not in _PADDINGS:
        raise ValueError(f"The `padding` argument must be one of {', '.join(_PADDINGS)}, received {value!r}")
    return padding


def conv_output_length(
    input_length: int | None, filter_size: int, padding: str, stride: int, dilation: int = 1
) -> int | None:
    """Length of the output of a convolution.

    Args:
        input_length: length of the input; None stays None.
        filter_size: length of the kernel.
        padding: ``'valid'``, ``'same'``, ``'causal'`` or ``'full'``.
        stride: step.
        dilation: distance of the kernel's elements.
    """
    if input_length is None:
        return None
    reach = filter_size + (filter_size - 1) * (dilation - 1)
    extra = {"same": 0, "causal": 0, "valid": 1 - reach, "full": reach - 1}[normalize_padding(padding)]
    return -(-(input_length + extra) // stride)


def conv_input_length(output_length: int | None, filter_size: int, padding: str, stride: int) -> int | None:
    """Length of the input that gives an output of a length; the inverse of :func:`conv_output_length`."""
    if output_length is None:
        return None
    pad = {"same": filter_size // 2, "valid": 0, "full": filter_size - 1}[normalize_padding(padding)]
    return (output_length - 1) * stride - 2 * pad + filter_size


def deconv_length(
    dim_size: int | None,
    stride_size: int,
    kernel_size: int,
    padding: str,
    output_padding: int | None,
    dilation: int = 1,
) -> int | None:
    """Length of the output of a transposed convolution.

    Args:
        dim_size: length of the input; None stays None.
        stride_size: step.
        kernel_size: length of the kernel.
        padding: ``'valid'``, ``'same'`` or ``'full'``.
        output_padding: elements added at the end; None infers the length.
        dilation: distance of the kernel's elements.
    """
    if dim_size is None:
        return None
    padding = normalize_padding(padding)
    reach = kernel_size + (kernel_size - 1) * (dilation - 1)
    if output_padding is None:
        extra = {"valid": max(reach - stride_size, 0), "same": 0, "full": 2 - stride_size - reach}[padding]
        return dim_size * stride_size + extra
    pad = {"same": reach // 2, "valid": 0, "full": reach - 1}[padding]
    return (dim_size - 1) * stride_size + reach - 2 * pad + output_padding
