"""`tf.print`: values as TensorFlow writes them, also from functions that are compiled."""

from __future__ import annotations

import builtins
import sys
from typing import Any

import jax
import numpy as np
from jax.core import Tracer

from kjax.keras.core.variable import Variable
from kjax.keras.legacy.tensorflow.ragged import RaggedTensor
from kjax.keras.legacy.tensorflow.sparse import SparseTensor
from kjax.keras.legacy.tensorflow.tensor import Tensor, as_bytes, is_text, unwrap

_DIGITS = {"float16": (3, 6), "bfloat16": (3, 6), "float32": (6, 9), "float64": (15, 17)}
"""Digits of a number: as many as the type always keeps, or, where these give another number, as many as tell all apart."""


def element_text(value: Any) -> str:
    """One number, truth value or string of a tensor."""
    if isinstance(value, (bytes, str)):
        return f'"{value.decode(errors="replace") if isinstance(value, bytes) else value}"'
    if isinstance(value, (bool, np.bool_)):
        return str(int(value))
    digits = _DIGITS.get(str(getattr(value, "dtype", "")))
    if digits is None:
        return str(value)
    short = f"{float(value):.{digits[0]}g}"
    return short if type(value)(short) == value or value != value else f"{float(value):.{digits[1]}g}"


def array_text(array: np.ndarray, summarize: int, depth: int = 1) -> str:
    """The elements of an array in brackets: of each axis the first and the last ``summarize`` ones; -1 for all."""
    if array.ndim == 0:
        return element_text(array[()])
    number = len(array)
    cut = summarize >= 0 and number > 2 * summarize
    shown = [*range(summarize), *range(number - summarize, number)] if cut else range(number)
    parts = [array_text(np.asarray(array[i]), summarize, depth + 1) for i in shown]
    if cut:
        parts.insert(summarize, "...")
    between = "\n" * (array.ndim - 1) + " " * depth if array.ndim > 1 else " "
    return f"[{between.join(parts)}]"


def value_text(thing: Any, summarize: int, inside: bool = False) -> str:
    """A tensor, or anything that may hold some, as text."""
    if isinstance(thing, RaggedTensor):
        return str(thing.to_list()).replace(", ", " ") if not inside else str(thing.to_list())
    if isinstance(thing, SparseTensor):
        parts = (thing.indices, thing.values, thing.dense_shape)
        return "'SparseTensor(indices={}, values={}, shape={})'".format(*(value_text(p, summarize) for p in parts))
    if isinstance(thing, (Tensor, Variable, jax.Array, np.ndarray, np.generic)):
        value = unwrap(thing)
        array = as_bytes(value) if is_text(value) else np.asarray(value)
        return array_text(array, summarize)
    if isinstance(thing, dict):
        return "{" + ", ".join(f"{key!r}: {value_text(value, summarize, True)}" for key, value in thing.items()) + "}"
    if isinstance(thing, (list, tuple)) and not hasattr(thing, "_fields"):
        text = ", ".join(value_text(item, summarize, True) for item in thing)
        return f"[{text}]" if isinstance(thing, list) else f"({text}{',' if len(thing) == 1 else ''})"
    return repr(thing) if inside else str(thing)


def _write(text: str, end: str, stream: Any) -> None:
    if isinstance(stream, str) and stream.startswith("file://"):
        with open(stream.removeprefix("file://"), "a", encoding="utf-8") as file:
            file.write(text + end)
        return
    streams = {"stderr": sys.stderr, "stdout": sys.stdout, None: sys.stderr}
    target = streams.get(stream) if isinstance(stream, (str, type(None))) else stream
    builtins.print(text, end=end, file=target if hasattr(target, "write") else sys.stderr, flush=True)


def print(
    *inputs: Any, output_stream: Any = None, summarize: int = 3, sep: str = " ", end: str = "\n", name: Any = None
) -> None:
    """``tf.print``.

    Args:
        *inputs: tensors, and anything that may hold some.
        output_stream: ``sys.stdout``, ``sys.stderr`` (the default), another file, or ``'file://path'``.
        summarize: how many elements are shown at each end of an axis; -1 for all.
        sep: what stands between the inputs.
        end: what stands at the end.
        name: accepted.
    """
    summarize = 3 if summarize is None else int(summarize)
    leaves, structure = jax.tree.flatten(inputs, is_leaf=_is_whole)
    traced = [i for i, leaf in enumerate(leaves) if isinstance(unwrap(leaf), Tracer)]

    def show(*values: Any) -> None:
        known = list(leaves)
        for place, value in zip(traced, values, strict=True):
            known[place] = np.asarray(value)
        items = jax.tree.unflatten(structure, known)
        _write(sep.join(value_text(item, summarize) for item in items), end, output_stream)

    if traced:
        jax.debug.callback(show, *[unwrap(leaves[i]) for i in traced])
    else:
        show()


def _is_whole(thing: Any) -> bool:
    return thing is None or isinstance(thing, (Tensor, Variable, RaggedTensor, SparseTensor))
