"""What users hand to ``fit``, as a source of (inputs, targets, weights) batches, checked before training starts."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import jax
import numpy as np

from kjax.data.host import host_array, whole
from kjax.data.stream import unpack
from kjax.keras.core.settings import settings
from kjax.keras.legacy.arguments import OLD_ERAS
from kjax.train.objective import per_output


def as_array(thing: Any, argument: str) -> Any:
    """An array from what a user gave; arrays stay what they are, without a copy.

    Raises:
        ValueError: ragged lists, strings, objects.
    """
    array = host_array(thing)
    if not (hasattr(array, "shape") and hasattr(array, "dtype") and hasattr(array, "__getitem__")):
        try:
            array = np.asarray(thing)
        except ValueError as error:
            raise ValueError(
                f"argument `{argument}`: the list has rows of different lengths, so it is no array; pad them first "
                f"(keras.utils.pad_sequences). NumPy says: {error}"
            ) from None
    if hasattr(thing, "columns") and array.dtype.kind == "O":
        words = [name for name in thing.columns if not _is_numeric(thing[name])]
        if words:
            raise ValueError(
                f"argument `{argument}`: column {words[0]!r} of the table holds {thing[words[0]].dtype} values, not "
                "numbers; make numbers of them first (pandas.get_dummies, keras.layers.StringLookup)"
            )
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


def _is_numeric(column: Any) -> bool:
    try:
        np.asarray(column.to_numpy(), dtype=np.float32)
    except (ValueError, TypeError):
        return False
    return True


def _short(thing: Any) -> str:
    text = repr(thing)
    return text if len(text) < 80 else text[:77] + "..."


def as_tree(thing: Any, argument: str) -> Any:
    """Arrays in the structure that the user gave: one array, a list or tuple, or a dict.

    A list of numbers, or of lists of numbers, is one array; a list of arrays is several, None may stand among them.
    """
    if thing is None:
        return None
    if isinstance(thing, Mapping):
        return {key: as_tree(value, f"{argument}[{key!r}]") for key, value in thing.items()}
    if isinstance(thing, (list, tuple)) and thing and all(_is_several(item) for item in thing):
        return [as_tree(item, f"{argument}[{i}]") for i, item in enumerate(thing)]
    return as_array(thing, argument)


def _is_several(item: Any) -> bool:
    """Whether an entry of a list is data of its own: an array, a dict or list of some, or None."""
    if isinstance(item, (list, tuple)):
        return any(_is_several(inner) for inner in item)
    return item is None or isinstance(item, Mapping) or bool(hasattr(item, "shape") and np.ndim(item))


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
            raise ValueError(f"Missing data for input {missing[0]!r}; the model's inputs are {list(names)}")
        arrays = [x[n] for n in names]
    else:
        arrays = list(x) if isinstance(x, (list, tuple)) else [x]
    if len(arrays) != len(names):
        raise ValueError(f"argument `x`: the model has {len(names)} input(s) {list(names)}, received {len(arrays)}")
    return arrays[0] if len(arrays) == 1 else tuple(arrays)


def wanted(x: Any, names: Sequence[str] | None) -> Any:
    """Of inputs by name those that a model has: a dict may hold others, of any kind."""
    if names and isinstance(x, Mapping) and len(x) > len(names) and all(name in x for name in names):
        return {name: x[name] for name in names}
    return x


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

    def cut(low: int | None, high: int | None) -> Any:
        return jax.tree.map(lambda a: a.part(low, high) if hasattr(a, "part") else a[low:high], tree)

    return cut(0, at), cut(at, count_samples(tree))


def weights_of_classes(class_weight: Mapping[int, float], y: Any) -> np.ndarray:
    """A weight for each sample from its class.

    Args:
        class_weight: weight of each class; classes that are not named weigh 1, as in Keras. In Keras 1 and 2 all were named.
        y: integer classes, or one-hot rows.

    Raises:
        ValueError: targets of another form, or classes without a weight in scripts of Keras 1 and 2.
    """
    if not isinstance(class_weight, Mapping) or not all(_is_class(key) for key in class_weight):
        raise ValueError(
            f"argument `class_weight` must be a dict from integer classes to weights, received {_short(class_weight)}"
        )
    y = whole(y)
    if y.ndim > 2:
        raise ValueError(f"class_weight needs targets of one or two axes, received shape {y.shape}")
    classes = y.argmax(axis=1) if y.ndim == 2 and y.shape[1] > 1 else y.reshape(-1)
    missing = sorted({*np.unique(classes).tolist()} - {*class_weight}) if settings.era in OLD_ERAS else []
    classes = np.round(classes).astype(np.int64)
    if missing:
        raise ValueError(
            f"`class_weight` must contain all classes in the data. The classes {missing} exist in the data but not in "
            "`class_weight`."
        )
    top = max([int(classes.max(initial=0)), *(int(c) for c in class_weight)])
    table = np.ones(top + 1, np.float32)
    for cls, weight in class_weight.items():
        table[int(cls)] = weight
    return table[classes]


def weighted_by_class(class_weight: Any, y: Any, weights: Any, outputs: Sequence[str] | None) -> Any:
    """Sample weights times those of the classes.

    Args:
        class_weight: weight of each class; of a model with several outputs a dict or list of such for the outputs.
        y: targets.
        weights: sample weights, or None.
        outputs: names of the model's outputs; None where its methods take targets in any structure.

    Raises:
        ValueError: no targets, or several outputs and one set of classes.
    """
    if y is None:
        raise ValueError("class_weight needs targets: their classes say which weight a sample has")
    several = len(outputs or ()) > 1
    named = isinstance(class_weight, Mapping) and any(isinstance(v, Mapping) for v in class_weight.values())
    if outputs and (named or isinstance(class_weight, (list, tuple))):
        # Wrapped: the inner dicts are weights of classes, not outputs in dicts of dicts.
        wrapped: Any = [SimpleNamespace(weights=one) for one in class_weight]
        if isinstance(class_weight, Mapping):
            wrapped = {name: SimpleNamespace(weights=one) for name, one in class_weight.items()}
        found = per_output(wrapped, outputs, "argument `class_weight`")
        each = [None if one is None else one.weights for one in found]
    elif several:
        raise ValueError(
            f"class_weight of a model with one output only; this one has {list(outputs or ())}: pass a dict from an output's "
            "name to the weights of its classes"
        )
    else:
        each = [class_weight]
    targets = per_output(y, outputs, "argument `y`") if several and outputs else jax.tree.leaves(y)[:1]
    given = per_output(weights, outputs or ("",), "argument `sample_weight`", shared=True)
    result = []
    for classes, true, weight in zip(each, targets, given, strict=True):
        if classes is not None:
            by_class = weights_of_classes(classes, true)
            weight = by_class if weight is None else by_class * whole(weight).reshape(-1)
        result.append(weight)
    if not several or not outputs:
        return result[0]
    return {name: weight for name, weight in zip(outputs, result, strict=True) if weight is not None}


def _is_class(key: Any) -> bool:
    return isinstance(key, (int, np.integer)) or (isinstance(key, (float, np.floating)) and float(key).is_integer())


def checked(x: Any, y: Any, weights: Any, what: str = "") -> tuple[Any, Any, Any]:
    """Inputs, targets and weights as trees of arrays with equal numbers of samples.

    Args:
        x: what the user gave.
        y: targets, or None.
        weights: sample weights, or None.
        what: beginning of the arguments' names in messages.

    Raises:
        ValueError: what cannot be trained on.
    """
    x = as_tree(x, f"{what}x")
    if x is None:
        raise ValueError(f"argument `{what}x` is missing: there are no data")
    y = None if isinstance(y, (list, tuple)) and not y else y  # of a model that has no targets
    y, weights = as_tree(y, f"{what}y"), as_tree(weights, f"{what}sample_weight")
    check_counts(x, y, weights)
    check_values(y, f"{what}y")
    check_values(weights, f"{what}sample_weight")
    return x, y, weights


@dataclasses.dataclass(frozen=True)
class Arrangement:
    """How data become what a step takes: ``(inputs, targets, weights)``, each in the order of the model.

    Attributes:
        names: the model's inputs, or None where it takes any structure.
        outputs: the model's outputs, or None where its methods take targets in any structure.
        class_weight: weight of each class, or such for the outputs.
        trained: those of the outputs that have a loss; targets may be given for these alone.
    """

    names: Sequence[str] | None
    outputs: Sequence[str] | None
    class_weight: Any = None
    trained: Sequence[str] = ()

    def __call__(self, x: Any, y: Any, weights: Any) -> Any:
        """Arrange data that were checked.

        Raises:
            ValueError: other numbers or names of inputs, targets or weights than the model has.
        """
        replaced = weights is not None and settings.era in OLD_ERAS  # sample weights took the place of those of classes
        if self.class_weight is not None and not replaced:
            weights = weighted_by_class(self.class_weight, y, weights, self.outputs)
        inputs = arrange_inputs(x, self.names) if self.names else x
        if self.outputs is None:
            return inputs, y, weights
        if 0 < len(self.trained) < len(self.outputs) and not isinstance(y, Mapping) and y is not None:
            given = list(y) if isinstance(y, (list, tuple)) else [y]
            if len(given) == len(self.trained):
                y = dict(zip(self.trained, given, strict=True))
        targets = None if y is None else tuple(per_output(y, self.outputs, "argument `y`"))
        if weights is not None:
            weights = tuple(per_output(weights, self.outputs, "argument `sample_weight`", shared=True))
        return inputs, targets, weights

    def of_batch(self, batch: Any) -> Any:
        """Check and arrange a batch as a stream gives it."""
        if self._is_plain and _is_plain(batch):
            for leaf, name in zip(batch[1:], ("y", "sample_weight"), strict=False):
                if leaf.dtype.kind == "f":
                    check_values(leaf, f"batch: {name}")
            return batch[0], (batch[1],), None if len(batch) == 2 else (batch[2],)
        x, y, weights = unpack(batch)
        return self(*checked(wanted(x, self.names), y, weights, "batch: "))

    @functools.cached_property
    def _is_plain(self) -> bool:
        """Whether one array of inputs and one of targets stay what they are: then a batch costs a few microseconds."""
        one_input = self.names is None or len(self.names) == 1
        one_output = self.outputs is not None and len(self.outputs) == 1
        return one_input and one_output and self.class_weight is None

    def inputs_of_batch(self, batch: Any) -> Any:
        """The inputs of a batch alone, for predictions; a list with an entry for each input has nothing else."""
        x = inputs_of(batch, self.names)
        return self(as_tree(x, "batch: x"), None, None)


def _is_plain(batch: Any) -> bool:
    """Whether a batch is a tuple of NumPy arrays of numbers with equal numbers of samples, two or three of them."""
    if type(batch) is not tuple or not 2 <= len(batch) <= 3:
        return False
    for array in batch:
        if type(array) is not np.ndarray or array.dtype.kind not in "biuf" or array.ndim == 0:
            return False
        if len(array) != len(batch[0]) or len(array) == 0:
            return False
    return True


def inputs_of(batch: Any, names: Sequence[str] | None) -> Any:
    """The inputs of a batch that is used for a prediction."""
    if isinstance(batch, list) and names and len(names) == len(batch) > 1:
        return batch
    return unpack(batch)[0]
