"""Small functions of ``keras.src.utils``: checks of arguments, lists, types, sizes, logging."""

from __future__ import annotations

import contextlib
import functools
import importlib
import itertools
import logging
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jax.core import Tracer

from kjax.keras import ops
from kjax.keras.config import disable_traceback_filtering as disable_traceback_filtering
from kjax.keras.config import enable_traceback_filtering as enable_traceback_filtering
from kjax.keras.config import is_traceback_filtering_enabled as is_traceback_filtering_enabled
from kjax.keras.console import print_message
from kjax.keras.core.settings import settings
from kjax.keras.summary import _memory, _memory_text
from kjax.keras.utils.data_utils import validate_file as validate_file
from kjax.keras.utils.io_utils import ask_to_proceed_with_overwrite as ask_to_proceed_with_overwrite
from kjax.keras.utils.layer_utils import count_params as count_params
from kjax.keras.utils.layer_utils import print_summary as print_summary

GLOBAL_RANDOM_SEED = "global_random_seed"

DTYPE_TO_SIZE = {
    **{f"{kind}{bits}": bits for kind in ("int", "uint") for bits in (8, 16, 32, 64)},
    **{f"float{bits}": bits for bits in (16, 32, 64)},
    "bfloat16": 16,
    "bool": 1,
}
"""Bits of a number of a type."""

# -- arguments ------------------------------------------------------------------------------------------------------------


def standardize_tuple(value: Any, n: int, name: str, allow_zero: bool = False) -> tuple[int, ...]:
    """One integer for all of ``n`` axes, or one for each, as a tuple.

    Args:
        value: integer, or ``n`` of them.
        n: number of axes.
        name: name of the argument, for errors.
        allow_zero: whether 0 is accepted.

    Raises:
        ValueError: something else.
    """
    message = f"argument `{name}` must be an integer or {n} of them, received {value!r}"
    if isinstance(value, int):
        found: tuple[Any, ...] = (value,) * n
    else:
        try:
            found = tuple(value)
        except TypeError:
            raise ValueError(message) from None
        if len(found) != n:
            raise ValueError(message)
        for item in found:
            try:
                int(item)
            except (ValueError, TypeError):
                raise ValueError(f"{message}: {item!r} is none") from None
    refused = {item for item in found if item < 0 or (item == 0 and not allow_zero)}
    if refused:
        raise ValueError(f"{message}: {refused} must be {'at least' if allow_zero else 'above'} 0")
    return found


def standardize_padding(value: Any, allow_causal: bool = False) -> Any:
    """The padding in small letters; lists and tuples as they are.

    Raises:
        ValueError: an unknown padding.
    """
    if isinstance(value, (list, tuple)):
        return value
    known = {"valid", "same", *(("causal",) if allow_causal else ())}
    if value.lower() not in known:
        raise ValueError(f"argument `padding` must be one of {sorted(known)}, or pairs of sizes, received {value!r}")
    return value.lower()


def validate_string_arg(
    value: Any,
    allowable_strings: Iterable[str],
    caller_name: str,
    arg_name: str,
    allow_none: bool = False,
    allow_callables: bool = False,
) -> None:
    """Check that an argument is one of some strings.

    Raises:
        ValueError: it is not.
    """
    if (allow_none and value is None) or (allow_callables and callable(value)):
        return
    if not isinstance(value, str) or value not in allowable_strings:
        raise ValueError(
            f"{caller_name}: argument `{arg_name}` must be one of {sorted(allowable_strings)}, received {value!r}"
        )


def is_continuous_axis(axis: Any) -> bool:
    """Whether axes follow one another, forwards or backwards."""
    if isinstance(axis, int) or len(axis) < 2:
        return True
    steps = {b - a for a, b in itertools.pairwise(axis)}
    return len(steps) == 1 and steps <= {1, -1}


# -- functions and lists --------------------------------------------------------------------------------------------------


def default(method: Callable[..., Any]) -> Callable[..., Any]:
    """Mark a method as one that a subclass may replace."""
    method._is_default = True  # type: ignore[attr-defined]
    return method


def is_default(method: Callable[..., Any]) -> bool:
    """Whether a method is a marked one, so that no subclass replaced it."""
    return getattr(method, "_is_default", False)


def to_list(x: Any) -> list[Any]:
    """A list as it is, other things as a list of one."""
    return x if isinstance(x, list) else [x]


def remove_long_seq(maxlen: int, seq: Sequence[Any], label: Sequence[Any]) -> tuple[list[Any], list[Any]]:
    """The sequences shorter than ``maxlen``, and their labels."""
    kept = [(s, y) for s, y in zip(seq, label, strict=True) if len(s) < maxlen]
    return [s for s, _ in kept], [y for _, y in kept]


def removeprefix(x: str, prefix: str) -> str:
    """``str.removeprefix``."""
    return x.removeprefix(prefix)


def removesuffix(x: str, suffix: str) -> str:
    """``str.removesuffix``."""
    return x.removesuffix(suffix)


def remove_by_id(lst: list[Any], value: Any) -> None:
    """Take the first entry that is ``value`` itself out of a list."""
    for i, item in enumerate(lst):
        if item is value:
            del lst[i]
            return


def pythonify_logs(logs: dict[str, Any] | None) -> dict[str, Any]:
    """Logs by sorted names, with Python's floats where values are numbers, and dicts in them taken apart."""
    result: dict[str, Any] = {}
    for key, value in sorted((logs or {}).items()):
        if isinstance(value, dict):
            result.update(pythonify_logs(value))
            continue
        with contextlib.suppress(TypeError, ValueError):  # not every log is a number
            value = float(value)
        result[key] = value
    return result


# -- types and sizes ------------------------------------------------------------------------------------------------------


def dtype_size(dtype: str) -> int:
    """Bits of a number of a type.

    Raises:
        ValueError: an unknown type.
    """
    if dtype not in DTYPE_TO_SIZE:
        raise ValueError(f"no size is known for the dtype {dtype!r}")
    return DTYPE_TO_SIZE[dtype]


def is_float(dtype: str) -> bool:
    """Whether a type is one of floats."""
    return "float" in dtype


def cast_to_common_dtype(tensors: list[Any]) -> list[Any]:
    """Tensors in the widest type of floats among them; float16 beside bfloat16 gives float32; integers alone stay."""
    floats = [dtype for dtype in (ops.dtype(x) for x in tensors) if is_float(dtype)]
    if not floats:
        return tensors
    widest = max(floats, key=dtype_size)
    if {"float16", "bfloat16"} <= set(floats) and dtype_size(widest) < 32:
        widest = "float32"
    return [ops.cast(x, widest) for x in tensors]


def weight_memory_size(weights: Iterable[Any]) -> float:
    """Bytes of some weights, each counted once."""
    return _memory({id(w): w for w in weights}.values())


def readable_memory_size(weight_memory_size: float) -> str:
    """Bytes as text, such as ``1.50 KB``."""
    return _memory_text(weight_memory_size)


def encode_categorical_inputs(
    inputs: Any,
    output_mode: str,
    depth: int,
    dtype: Any,
    sparse: bool = False,
    count_weights: Any = None,
    backend_module: Any = None,
) -> Any:
    """Integers as the outputs of layers of categories.

    Args:
        inputs: the integers.
        output_mode: ``'int'``, ``'one_hot'``, ``'multi_hot'`` or ``'count'``.
        depth: number of categories.
        dtype: type of the result; that of the weights where there are some.
        sparse: whether the result is sparse.
        count_weights: what each integer counts.
        backend_module: accepted for compatibility.
    """
    del backend_module
    if output_mode == "int":
        return ops.cast(inputs, dtype)
    if len(ops.shape(inputs)) == 0:
        inputs = ops.expand_dims(inputs, -1)
    if output_mode == "multi_hot":
        return ops.multi_hot(inputs, depth, dtype=dtype, sparse=sparse)
    shape = ops.shape(inputs)
    if output_mode == "one_hot":
        if len(shape) > 1 and shape[-1] == 1:
            inputs = ops.squeeze(inputs, -1)
        return ops.one_hot(inputs, depth, dtype=dtype, sparse=sparse)
    kind = dtype if count_weights is None else ops.dtype(count_weights)
    encoded = ops.one_hot(inputs, depth, dtype=kind, sparse=sparse)
    if count_weights is not None:
        encoded = encoded * ops.expand_dims(count_weights, -1)
    return ops.sum(encoded, axis=1 if len(shape) > 1 else 0)


def build_pos_neg_masks(query_labels: Any, key_labels: Any, remove_diagonal: bool = True) -> tuple[Any, Any]:
    """Which pairs of labels are equal, and which are not.

    Args:
        query_labels: labels, one a row.
        key_labels: labels, one a column.
        remove_diagonal: whether a label is no positive pair with itself.
    """
    rows, columns = (ops.reshape(labels, (-1, 1)) for labels in (query_labels, key_labels))
    same = ops.equal(rows, ops.transpose(columns))
    if not remove_diagonal:
        return same, ops.logical_not(same)
    diagonal = ops.eye(ops.shape(rows)[0], ops.shape(columns)[0], dtype="bool")
    return ops.logical_and(same, ops.logical_not(diagonal)), ops.logical_not(same)


# -- the session ----------------------------------------------------------------------------------------------------------


def get_random_seed() -> int:
    """The seed that everything random is derived from."""
    return settings.seed


def print_msg(message: Any, line_break: bool = True) -> None:
    """Print a message, or log it where interactive logging is off."""
    print_message(str(message), "\n" if line_break else "")


def set_logging_verbosity(level: str) -> None:
    """Set from which level on messages are logged: ``'FATAL'``, ``'ERROR'``, ``'WARNING'``, ``'INFO'``, ``'DEBUG'``.

    Raises:
        ValueError: another level.
    """
    known = {"FATAL", "ERROR", "WARNING", "INFO", "DEBUG"}
    if level not in known:
        raise ValueError(f"the level must be one of {sorted(known)}, received {level!r}")
    logging.getLogger("kjax").setLevel(getattr(logging, level))
    try:
        absl = importlib.import_module("absl.logging")
    except ModuleNotFoundError:
        return
    absl.set_verbosity(getattr(absl, level))


def is_in_jax_tracing_scope(x: Any = None) -> bool:
    """Whether a value, or a fresh array, is traced."""
    return isinstance(jax.numpy.zeros(()) if x is None else x, Tracer)


def filter_traceback(fn: Callable[..., Any]) -> Callable[..., Any]:
    """The function as it is: errors are raised near their cause here."""
    return fn


def inject_argument_info_in_traceback(fn: Callable[..., Any], object_name: str | None = None) -> Callable[..., Any]:
    """The function as it is: errors name their arguments themselves."""
    del object_name
    return fn


def format_argument_value(value: Any) -> str:
    """A value as errors show it: arrays by shape and type."""
    if isinstance(value, (jax.Array, np.ndarray)):
        return f"Tensor(shape={value.shape}, dtype={value.dtype.name})"
    return repr(value)


class LazyModule:
    """A module that is imported when it is first used.

    Args:
        name: its full name.
        pip_name: how it is installed.
        import_error_msg: what the error says where it is not installed.
    """

    def __init__(self, name: str, pip_name: str | None = None, import_error_msg: str | None = None) -> None:
        self.name = name
        self.pip_name = pip_name or name
        self.import_error_msg = import_error_msg or (
            f"the package {name} is not installed: pip install {self.pip_name}"
        )

    @functools.cached_property
    def _found(self) -> Any:
        try:
            return importlib.import_module(self.name)
        except ImportError:
            raise ImportError(self.import_error_msg) from None

    @property
    def available(self) -> bool:
        """Whether the module is installed."""
        try:
            return self._found is not None
        except ImportError:
            return False

    def initialize(self) -> None:
        """Import the module.

        Raises:
            ImportError: it is not installed.
        """
        assert self._found is not None

    def __getattr__(self, name: str) -> Any:
        if name == "_api_export_path":
            raise AttributeError(name)
        return getattr(self._found, name)

    def __repr__(self) -> str:
        return f"LazyModule({self.name})"


tensorflow = LazyModule("tensorflow")
gfile = LazyModule("tensorflow.io.gfile", pip_name="tensorflow")
scipy = LazyModule("scipy")
h5py = LazyModule("h5py")
optree = LazyModule("optree")
grain = LazyModule("grain")
ocp = LazyModule("orbax.checkpoint", pip_name="orbax-checkpoint")
dmtree = LazyModule("tree", pip_name="dm-tree")
jax2onnx = LazyModule("jax2onnx")
tf2onnx = LazyModule("tf2onnx")
litert = LazyModule("ai_edge_litert", pip_name="ai-edge-litert")
tensorflow_io = LazyModule("tensorflow_io", pip_name="tensorflow-io")
torch_xla = LazyModule("torch_xla")


def validate_float_arg(value: Any, name: str) -> float:
    """The number itself, as a float.

    Raises:
        ValueError: it is no finite number that is at least 0.
    """
    if not isinstance(value, (int, float)) or not math.isfinite(value) or value < 0:
        raise ValueError(f"Invalid value for argument {name}: expected a non-negative float, received {name}={value!r}")
    return float(value)


_OWN = str(Path(__file__).resolve().parents[2])


def include_frame(fname: str) -> bool:
    """Whether a file is shown in filtered traces: one that is not of kjax itself."""
    return _OWN not in fname


def in_tf_graph() -> bool:
    """False: nothing runs in graphs of TensorFlow."""
    return False


def in_grain_data_pipeline() -> bool:
    """False: layers that run inside of datasets need not know."""
    return False


def peek_and_restore(generator: Iterator[Any]) -> tuple[Any, Iterator[Any]]:
    """The first element of a generator, and a generator of all elements.

    Raises:
        StopIteration: it has none.
    """
    first = next(generator)

    def everything() -> Iterator[Any]:
        yield first
        yield from generator

    return first, everything()
