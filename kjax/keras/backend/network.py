"""Functions of the backend that are pure functions of floor 1, lifted: on symbolic tensors each is one node."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jax.core import Tracer

from kjax.keras.backend.graph import int_shape
from kjax.keras.backend.session import normalize_data_format
from kjax.keras.core import scope as scopes
from kjax.keras.core.operation import Operation
from kjax.keras.core.settings import settings
from kjax.keras.core.tensor import is_symbolic, symbolic_leaves
from kjax.keras.core.variable import Variable
from kjax.keras.legacy import spellings
from kjax.keras.legacy.arguments import OLD_ERAS
from kjax.nn.ops import convolution, keras2

LIFTED = (
    "dot gather batch_flatten repeat resize_images resize_volumes temporal_padding spatial_2d_padding "
    "spatial_3d_padding relu hard_sigmoid l2_normalize categorical_crossentropy sparse_categorical_crossentropy "
    "binary_crossentropy batch_normalization normalize_batch_in_training bias_add conv1d conv2d_transpose conv3d_transpose "
    "pool2d pool3d ctc_batch_cost ctc_decode foldl foldr map_fn"
)
"""Functions of ``kjax.nn.ops.keras2`` under their own names."""


def lift(target: Callable[..., Any], name: str | None = None) -> Callable[..., Any]:
    """A pure function of arrays as a function of variables and symbolic tensors too."""
    name = name or target.__name__
    signature = inspect.signature(target)

    @functools.wraps(target)
    def function(*args: Any, **kwargs: Any) -> Any:
        bound = signature.bind(*args, **kwargs)
        if "data_format" in signature.parameters:
            bound.arguments["data_format"] = normalize_data_format(bound.arguments.get("data_format"))
        if isinstance(bound.arguments.get("padding"), str):
            _check_padding(name, bound.arguments["padding"])
        if settings.era in OLD_ERAS and "interpolation" in bound.arguments:
            meant = spellings.ERA_VALUES["interpolation"]
            bound.arguments["interpolation"] = meant.get(
                bound.arguments["interpolation"], bound.arguments["interpolation"]
            )
        args, kwargs = bound.args, bound.kwargs
        if symbolic_leaves((args, kwargs)):
            return Operation(target, name)._symbolic_call(args, kwargs)
        if scopes.recording() is not None:
            return scopes.recorder.call_function(target, args, kwargs)
        return target(*jax.tree.map(_value, args, is_leaf=_is_variable), **jax.tree.map(_value, kwargs))

    return function


def _check_padding(function: str, padding: str) -> None:
    known = ("valid", "same", "causal") if function == "conv1d" else ("valid", "same")
    if padding not in known:
        raise ValueError(f"{function}: argument `padding` must be one of {known}, received {padding!r}")


def _is_variable(leaf: Any) -> bool:
    return isinstance(leaf, Variable)


def _value(leaf: Any) -> Any:
    return leaf.value if isinstance(leaf, Variable) else leaf


_of_samples, _of_matrices = lift(keras2.batch_dot), lift(keras2.batch_matmul)


def batch_dot(x: Any, y: Any, axes: Any = None) -> Any:
    """Products of the samples of two batches; see :func:`kjax.nn.ops.keras2.batch_dot`.

    In the eras of Keras 1 and 2, arrays of more than three axes are multiplied as matrices in their last two axes.
    """
    if settings.era in OLD_ERAS and max(len(x.shape), len(y.shape)) > 3:
        return _of_matrices(x, y, axes)
    return _of_samples(x, y, axes)


globals().update({name: lift(getattr(keras2, name)) for name in LIFTED.split()})


def _convolution(name: str, target: Callable[..., Any], rank: int, kernels: int = 1) -> Callable[..., Any]:
    names = ["x", *(["kernel"] if kernels == 1 else ["depthwise_kernel", "pointwise_kernel"])]
    if name.startswith("depthwise"):
        names[1] = "depthwise_kernel"
    one: Any = 1 if rank == 1 else (1,) * rank
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    defaults = {"strides": one, "padding": "valid", "data_format": None, "dilation_rate": one}
    parameters = [inspect.Parameter(n, kind) for n in names]
    parameters += [inspect.Parameter(n, kind, default=d) for n, d in defaults.items()]
    signature = inspect.Signature(parameters)

    def function(*args: Any, **kwargs: Any) -> Any:
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        return target(*bound.args)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = target.__doc__
    function.__signature__ = signature  # type: ignore[attr-defined]
    return lift(function, name)


conv2d = _convolution("conv2d", convolution.conv, 2)
conv3d = _convolution("conv3d", convolution.conv, 3)
depthwise_conv2d = _convolution("depthwise_conv2d", convolution.depthwise_conv, 2)
separable_conv1d = _convolution("separable_conv1d", convolution.separable_conv, 1, kernels=2)
separable_conv2d = _convolution("separable_conv2d", convolution.separable_conv, 2, kernels=2)


def local_conv1d(inputs: Any, kernel: Any, kernel_size: Any, strides: Any, data_format: str | None = None) -> Any:
    """A convolution over time with a kernel of its own for each place: (places, window * channels, filters)."""
    return _local_conv(inputs, kernel, kernel_size, strides, data_format)


def local_conv2d(
    inputs: Any, kernel: Any, kernel_size: Any, strides: Any, output_shape: Any, data_format: str | None = None
) -> Any:
    """A convolution over images with a kernel of its own for each place: (places, window * channels, filters)."""
    del output_shape
    return _local_conv(inputs, kernel, kernel_size, strides, data_format)


_local_conv = lift(keras2.local_conv)
_rnn = lift(keras2.rnn)


def rnn(
    step_function: Callable[..., Any],
    inputs: Any,
    initial_states: Any,
    go_backwards: bool = False,
    mask: Any = None,
    constants: Any = None,
    unroll: bool = False,
    input_length: int | None = None,
    time_major: bool = False,
    zero_output_for_mask: bool = False,
    return_all_outputs: bool = True,
) -> Any:
    """A step function over the time axis of sequences; arguments as those of :func:`kjax.nn.ops.keras2.rnn`.

    Raises:
        ValueError: ``unroll``, and a number of steps that is not known.
    """
    leaves = symbolic_leaves(inputs)
    if unroll and leaves and leaves[0].shape[0 if time_major else 1] is None:
        raise ValueError("K.rnn: unroll=True needs a known number of steps; give the input a length")
    flags = (unroll, input_length, time_major, zero_output_for_mask, return_all_outputs)
    return _rnn(step_function, inputs, initial_states, go_backwards, mask, constants, *flags)


_switch = lift(keras2.switch)


def switch(condition: Any, then_expression: Any, else_expression: Any) -> Any:
    """One expression where the condition holds, the other elsewhere.

    Args:
        condition: scalar, or tensor whose axes are the first ones of the expressions.
        then_expression: tensor, or function without arguments.
        else_expression: as ``then_expression``.
    """
    if not is_symbolic(condition) and np.ndim(condition) == 0 and not isinstance(condition, Tracer):
        chosen = then_expression if bool(condition) else else_expression
        return chosen() if callable(chosen) else chosen
    chosen = [e() if callable(e) and not is_symbolic(e) else e for e in (then_expression, else_expression)]
    return _switch(condition, *chosen)


def ctc_label_dense_to_sparse(labels: Any, label_lengths: Any) -> tuple[np.ndarray, np.ndarray, tuple[int, int]]:
    """Labels as (indices, values, shape) of those that count.

    Args:
        labels: (batch, labels).
        label_lengths: number of labels of each sample.
    """
    dense = np.asarray(_value(labels))
    inside = np.arange(dense.shape[1])[None] < np.asarray(_value(label_lengths)).reshape(-1, 1)
    return np.argwhere(inside), dense[inside], (dense.shape[0], dense.shape[1])


def transpose_shape(shape: Any, target_format: str, spatial_axes: Any) -> tuple[Any, ...]:
    """A shape in the data format ``'channels_first'`` as one in ``target_format``.

    Args:
        shape: sizes, channels second.
        target_format: ``'channels_first'`` or ``'channels_last'``.
        spatial_axes: the spatial axes.

    Raises:
        ValueError: an unknown format.
    """
    if target_format not in ("channels_first", "channels_last"):
        raise ValueError(f"`target_format` must be 'channels_first' or 'channels_last', received {target_format!r}")
    if target_format == "channels_first":
        return tuple(shape)
    return (*tuple(shape)[: spatial_axes[0] - 1], *(shape[a] for a in spatial_axes), shape[1])


def get_variable_shape(x: Any) -> Any:
    """The shape of a variable."""
    return int_shape(x)
