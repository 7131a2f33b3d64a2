"""What users hand to ``fit``, as a source of (inputs, targets, weights) batches, checked before training starts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np

from kjax.data.arrays import Arrays
from kjax.train.objective import per_output


def as_array(thing: Any, argument: str) -> Any:
    """An array from what a user gave; arrays stay what they are, without a copy.

    Raises:
        ValueError: ragged lists, strings, objects.
    """
    if isinstance(thing, (np.ndarray, jax.Array)):
        array = thing
    elif (
        hasattr(thing, "shape")
        and hasattr(thing, "dtype")
        and hasattr(thing, "__getitem__")
        and not hasattr(thing, "iloc")
    ):
        return thing  # a memory map, an HDF5 dataset, ...
    else:
        try:
            array = np.asarray(thing)
        except ValueError as error:
            raise ValueError(
                f"argument `{argument}`: the list has rows of different lengths, so it is no array; pad them first "
                f"(keras.utils.pad_sequences). NumPy says: {error}"
            ) from None
    if array.dtype.kind == "O" and isinstance(array, np.ndarray):
        try:
            array = np.asarray(array.tolist(), dtype=np.float32)
        except (ValueError, TypeError):
            raise ValueError(
                f"argument `{argument}`: an array of Python objects is not data: {_short(thing)}"
            ) from None
    if array.dtype.kind not in "biufV":
        raise ValueError(f"argument `{argument}`: arrays of type {array.dtype} cannot be trained on")
    if array.ndim == 0:
        raise ValueError(f"argument `{argument}`: expected an array with a first axis of samples, received {thing!r}")
    return array


def _short(thing: Any) -> str:
    text = repr(thing)
    return text if len(text) < 80 else text[:77] + "..."


def as_tree(thing: Any, argument: str) -> Any:
    """Arrays in the structure that the user gave: one array, a list or tuple, or a dict.

    A list of numbers, or of lists of numbers, is one array; a list of arrays is several.
    """
    if thing is None:
        return None
    if isinstance(thing, Mapping):
        return {key: as_tree(value, f"{argument}[{key!r}]") for key, value in thing.items()}
    if hasattr(thing, "columns") and hasattr(thing, "to_numpy"):
        return as_array(thing.to_numpy(), argument)
    if isinstance(thing, (list, tuple)) and any(isinstance(item, Mapping) for item in thing):
        return [as_tree(item, f"{argument}[{i}]") for i, item in enumerate(thing)]
    if isinstance(thing, (list, tuple)) and thing and all(hasattr(item, "shape") and np.ndim(item) for item in thing):
        return [as_array(item, f"{argument}[{i}]") for i, item in enumerate(thing)]
    return as_array(thing, argument)


def is_nested(x: Any) -> bool:
    """Whether lists or dicts of arrays hold further ones."""
    items = x.values() if isinstance(x, Mapping) else x if isinstance(x, (list, tuple)) else ()
    inner = [item for item in items if isinstance(item, (list, tuple, Mapping))]
    return any(hasattr(leaf, "shape") for leaf in jax.tree.leaves(inner))


def arrange_inputs(x: Any, names: Sequence[str]) -> Any:
    """Inputs for a graph: one array, or a tuple in the order of the model's inputs.

    Args:
        x: an array, a list of them, a dict by input name, or lists and dicts nested as the model's inputs are.
        names: the inputs' names.

    Raises:
        ValueError: another number of inputs, or missing names.
    """
    if is_nested(x):
        x = jax.tree.leaves(x)
    if isinstance(x, Mapping):
        missing = [n for n in names if n not in x]
        if missing:
            raise ValueError(f"missing input {missing[0]!r}; the model's inputs are {list(names)}")
        arrays = [x[n] for n in names]
    else:
        arrays = list(x) if isinstance(x, (list, tuple)) else [x]
    if len(arrays) != len(names):
        raise ValueError(f"argument `x`: the model has {len(names)} input(s) {list(names)}, received {len(arrays)}")
    return arrays[0] if len(arrays) == 1 else tuple(arrays)


def check_values(tree: Any, argument: str) -> None:
    """Refuse targets or weights that hold NaN."""
    for leaf in jax.tree.leaves(tree):
        if isinstance(leaf, np.ndarray) and leaf.dtype.kind == "f" and leaf.size:
            # The sum is NaN wherever a NaN is, and needs no array of its own.
            if np.isnan(np.sum(leaf, dtype=np.float64)) and np.isnan(leaf).any():
                bad = np.argwhere(np.isnan(leaf))[0]
                raise ValueError(f"argument `{argument}` holds NaN, first at index {tuple(int(i) for i in bad)}")


def count_samples(tree: Any) -> int:
    """Number of samples of the first array."""
    return len(jax.tree.leaves(tree)[0])


def check_counts(x: Any, y: Any, weights: Any) -> None:
    """Refuse arrays of different numbers of samples, and empty ones."""
    n = count_samples(x)
    if n == 0:
        raise ValueError("argument `x` is empty: there are no samples")
    for name, tree in (("x", x), ("y", y), ("sample_weight", weights)):
        for leaf in jax.tree.leaves(tree):
            if len(leaf) != n:
                raise ValueError(
                    f"argument `{name}` has {len(leaf)} samples (shape {tuple(leaf.shape)}), but `x` has {n}"
                )


def split(tree: Any, at: int) -> tuple[Any, Any]:
    """The samples before and from ``at``, as views."""
    return jax.tree.map(lambda a: a[:at], tree), jax.tree.map(lambda a: a[at:], tree)


def weights_of_classes(class_weight: Mapping[int, float], y: Any) -> np.ndarray:
    """A weight for each sample from its class.

    Args:
        class_weight: weight of each class; classes that are not named weigh 1, as in Keras.
        y: integer classes, or one-hot rows.

    Raises:
        ValueError: targets of another form.
    """
    if not isinstance(class_weight, Mapping) or not all(_is_class(key) for key in class_weight):
        raise ValueError(
            f"argument `class_weight` must be a dict from integer classes to weights, received {_short(class_weight)}"
        )
    y = np.asarray(y)
    if y.ndim > 2:
        raise ValueError(f"class_weight needs targets of one or two axes, received shape {y.shape}")
    classes = y.argmax(axis=1) if y.ndim == 2 and y.shape[1] > 1 else y.reshape(-1)
    classes = np.round(classes).astype(np.int64)
    top = max([int(classes.max(initial=0)), *(int(c) for c in class_weight)])
    table = np.ones(top + 1, np.float32)
    for cls, weight in class_weight.items():
        table[int(cls)] = weight
    return table[classes]


def _is_class(key: Any) -> bool:
    return isinstance(key, (int, np.integer)) or (isinstance(key, (float, np.floating)) and float(key).is_integer())


def make_source(
    x: Any,
    y: Any,
    weights: Any,
    names: Sequence[str] | None,
    outputs: Sequence[str],
    batch_size: int,
    shuffle: Any,
) -> Arrays:
    """A source of (inputs, targets, weights) batches from arrays that were checked."""
    inputs = arrange_inputs(x, names) if names else x
    targets = None if y is None else tuple(per_output(y, outputs, "argument `y`"))
    weighted = None if weights is None else tuple(per_output(weights, outputs, "argument `sample_weight`", shared=True))
    return Arrays((inputs, targets, weighted), batch_size, shuffle)
