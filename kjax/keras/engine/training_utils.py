"""``keras.engine.training_utils`` of Keras 2: how ``fit`` looked at data, for scripts and tests that called it themselves."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from kjax.keras.core.doors import checks
from kjax.keras.core.tensor import is_symbolic
from kjax.keras.models.data import weights_of_classes
from kjax.keras.utils.sequence import PyDataset


def make_batches(size: int, batch_size: int) -> list[tuple[int, int]]:
    """Where batches begin and end.

    Args:
        size: number of samples.
        batch_size: samples of a batch.
    """
    return [(start, min(size, start + batch_size)) for start in range(0, size, batch_size)]


def batch_shuffle(index_array: Any, batch_size: int) -> np.ndarray:
    """Numbers of samples with whole batches in another order; those of the last, partial batch stay at the end."""
    index = np.asarray(index_array)
    whole = len(index) // batch_size * batch_size
    blocks = index[:whole].reshape(-1, batch_size)
    np.random.shuffle(blocks)
    return np.append(blocks.reshape(-1), index[whole:])


def check_num_samples(
    ins: Sequence[Any], batch_size: int | None = None, steps: int | None = None, steps_name: str = "steps"
) -> int | None:
    """Number of samples, or None where a number of steps says how long to go on.

    Raises:
        ValueError: both steps and a batch size, or nothing that tells.
    """
    if steps is not None and batch_size is not None:
        raise ValueError(f"`batch_size` must be None where `{steps_name}` is given")
    if not ins or any(map(is_symbolic, ins)):
        if steps is None:
            raise ValueError(f"the data have no number of samples; give `{steps_name}`")
        return None
    return int(ins[0].shape[0]) if hasattr(ins[0], "shape") else None


def standardize_input_data(
    data: Any,
    names: Sequence[str],
    shapes: Sequence[Any] | None = None,
    check_batch_axis: bool = True,
    exception_prefix: str = "",
) -> list[Any]:
    """Data as a list of arrays in the order of names, checked against shapes; vectors become columns.

    Args:
        data: an array, a list of arrays, a dict by name, or None.
        names: names of the inputs or outputs.
        shapes: a shape, or None, for each; None in it fits any size.
        check_batch_axis: whether the first axis counts.
        exception_prefix: what the data are, for messages: ``'input'``, ``'target'``.

    Raises:
        ValueError: other numbers, names or shapes of arrays.
    """
    if not names:
        if data is not None and hasattr(data, "__len__") and len(data):
            raise ValueError(f"expected no {exception_prefix} data, received {type(data).__name__}")
        return []
    if data is None:
        return [None for _ in names]
    if isinstance(data, Mapping):
        missing = [name for name in names if name not in data]
        if missing:
            raise ValueError(f"no {exception_prefix} data for {missing[0]!r}; needed are {list(names)}")
        arrays = [data[name] for name in names]
    elif isinstance(data, (list, tuple)):
        plain = len(names) == 1 and data and np.ndim(data[0]) == 0
        arrays = [np.asarray(data)] if plain else list(data)
    else:
        arrays = [data]
    if len(arrays) != len(names):
        raise ValueError(
            f"{exception_prefix or 'data'}: expected {len(names)} array(s) for {list(names)}, received {len(arrays)}"
        )
    arrays = [None if a is None else _column(a) for a in arrays]
    for array, name, shape in zip(arrays, names, shapes or [None] * len(names), strict=True):
        if array is not None and shape is not None:
            _check_shape(np.shape(array), name, shape, check_batch_axis, exception_prefix)
    return arrays


def _column(array: Any) -> Any:
    array = np.asarray(array) if isinstance(array, (list, tuple, int, float)) else array
    return array[:, None] if len(np.shape(array)) == 1 else array


def _check_shape(found: Sequence[int], name: str, shape: Sequence[Any], batch_axis: bool, prefix: str) -> None:
    start = 0 if batch_axis else 1
    fits = len(found) == len(shape) and all(
        wanted is None or size == wanted for size, wanted in zip(found[start:], shape[start:], strict=True)
    )
    if not fits:
        raise ValueError(f"{prefix or 'data'} {name!r}: expected shape {tuple(shape)}, received {tuple(found)}")


def standardize_sample_or_class_weights(x_weight: Any, output_names: Sequence[str], weight_type: str) -> list[Any]:
    """Weights as a list with an entry, or None, for each output.

    Args:
        x_weight: None, one entry, a list of them or a dict by output.
        output_names: the outputs.
        weight_type: the argument's name, for messages.

    Raises:
        ValueError: another number of entries.
        TypeError: one entry for several outputs.
    """
    if x_weight is None or (hasattr(x_weight, "__len__") and len(x_weight) == 0):
        return [None for _ in output_names]
    if len(output_names) == 1:
        if isinstance(x_weight, (list, tuple)) and len(x_weight) == 1:
            return list(x_weight)
        if isinstance(x_weight, Mapping) and output_names[0] in x_weight:
            return [x_weight[output_names[0]]]
        return [x_weight]
    if isinstance(x_weight, (list, tuple)):
        if len(x_weight) != len(output_names):
            raise ValueError(
                f"`{weight_type}`: the model has {len(output_names)} outputs, received {len(x_weight)} entries"
            )
        return list(x_weight)
    if isinstance(x_weight, Mapping):
        return [x_weight.get(name) for name in output_names]
    raise TypeError(f"`{weight_type}` of a model with several outputs must be a list or dict, received {x_weight!r}")


def standardize_class_weights(class_weight: Any, output_names: Sequence[str]) -> list[Any]:
    """See :func:`standardize_sample_or_class_weights`."""
    return standardize_sample_or_class_weights(class_weight, output_names, "class_weight")


def standardize_sample_weights(sample_weight: Any, output_names: Sequence[str]) -> list[Any]:
    """See :func:`standardize_sample_or_class_weights`."""
    return standardize_sample_or_class_weights(sample_weight, output_names, "sample_weight")


def check_array_length_consistency(inputs: Any, targets: Any, weights: Any = None) -> None:
    """Compare the numbers of samples.

    Raises:
        ValueError: they differ.
    """

    def counts(arrays: Any) -> set[int]:
        given = arrays if isinstance(arrays, (list, tuple)) else [arrays]
        return {int(np.shape(a)[0]) for a in given if a is not None and np.shape(a)}

    found = {"inputs": counts(inputs), "targets": counts(targets), "sample weights": counts(weights)}
    for what, sizes in found.items():
        if len(sizes) > 1:
            raise ValueError(f"all {what} must have the same number of samples, received {sorted(sizes)}")
    for what in ("targets", "sample weights"):
        first = "inputs" if what == "targets" else "targets"
        if found[what] and found[first] and found[what] != found[first]:
            raise ValueError(f"{first} have {min(found[first])} samples, {what} have {min(found[what])}")


def check_loss_and_target_compatibility(targets: Any, loss_fns: Sequence[Any], output_shapes: Sequence[Any]) -> None:
    """Compare targets with what losses need.

    Args:
        targets: arrays, or None.
        loss_fns: functions, or None.
        output_shapes: shapes of the model's outputs.

    Raises:
        ValueError: they do not go together.
    """
    elementwise = {"mean_squared_error", "binary_crossentropy", "categorical_crossentropy"}
    for y, loss, shape in zip(targets, loss_fns, output_shapes, strict=False):
        if y is None or loss is None:
            continue
        name = getattr(loss, "__name__", "")
        found = np.shape(y)
        if name == "categorical_crossentropy" and found[-1] == 1:
            raise ValueError(
                f"targets of shape {tuple(found)} with the loss 'categorical_crossentropy', which takes one-hot rows; "
                "use keras.utils.to_categorical, or the loss 'sparse_categorical_crossentropy'"
            )
        if name in elementwise:
            for size, wanted in zip(found[1:], tuple(shape)[1:], strict=False):
                if wanted is not None and size != wanted:
                    raise ValueError(
                        f"targets of shape {tuple(found)} for an output of shape {tuple(shape)} with the loss {name!r}"
                    )


def collect_metrics(metrics: Any, output_names: Sequence[str]) -> list[list[Any]]:
    """The metrics of each output, from a list for all or a dict by output.

    Raises:
        TypeError: something else.
    """
    if not metrics:
        return [[] for _ in output_names]
    if isinstance(metrics, (list, tuple)):
        return [list(metrics) for _ in output_names]
    if isinstance(metrics, Mapping):
        found = [metrics.get(name, []) for name in output_names]
        return [list(m) if isinstance(m, (list, tuple)) else [m] for m in found]
    raise TypeError(f"`metrics` must be a list or a dict, received {metrics!r}")


def weighted_masked_objective(fn: Callable[..., Any] | None) -> Callable[..., Any] | None:
    """A loss that takes weights and a mask as well, and returns the mean over samples.

    Args:
        fn: from targets and predictions to a loss for each sample; None gives None.

    Returns:
        ``weighted(y_true, y_pred, weights, mask=None)``: ``mean(loss * weights) / mean(weights != 0)``, the loss of masked
        entries zero and the mean of the mask divided out.
    """
    if fn is None:
        return None
    from kjax.keras import backend as K

    def weighted(y_true: Any, y_pred: Any, weights: Any, mask: Any = None) -> Any:
        score = fn(y_true, y_pred)
        if mask is not None:
            mask = K.cast(mask, K.floatx())
            score = score * mask / K.mean(mask)
        if weights is not None:
            axes = list(
                range(len(np.shape(weights)) if not hasattr(weights, "shape") else len(weights.shape), K.ndim(score))
            )
            score = (K.mean(score, axis=axes) if axes else score) * weights
            score = score / K.mean(K.cast(K.not_equal(weights, 0), K.floatx()))
        return K.mean(score)

    return weighted


def standardize_weights(
    y: Any, sample_weight: Any = None, class_weight: Any = None, sample_weight_mode: str | None = None
) -> Any:
    """A weight for each sample, or each step of each sample.

    Args:
        y: targets.
        sample_weight: weights, or None.
        class_weight: weights of classes, or None.
        sample_weight_mode: ``'temporal'`` for a weight for each step, otherwise None.

    Raises:
        ValueError: weights that do not fit the targets or the mode, or classes without a weight.
    """
    if sample_weight_mode not in (None, "temporal"):
        raise ValueError(f"`sample_weight_mode` must be None or 'temporal', received {sample_weight_mode!r}")
    if sample_weight_mode == "temporal":
        if np.ndim(y) < 3:
            raise ValueError(f"weights for each step need targets of at least three axes, received shape {np.shape(y)}")
        if sample_weight is not None and np.ndim(sample_weight) != 2:
            raise ValueError(
                f"with sample_weight_mode='temporal' weights must be (samples, steps), received {np.shape(sample_weight)}"
            )
    elif sample_weight is not None and np.ndim(sample_weight) != 1:
        raise ValueError(
            f"sample weights must have one axis, received shape {np.shape(sample_weight)}; weights for each step need "
            "compile(sample_weight_mode='temporal')"
        )
    if sample_weight is not None:
        if np.ndim(sample_weight) > np.ndim(y) or np.shape(y)[: np.ndim(sample_weight)] != np.shape(sample_weight):
            raise ValueError(f"weights of shape {np.shape(sample_weight)} for targets of shape {np.shape(y)}")
    if isinstance(class_weight, Mapping):
        if np.ndim(y) > 2:
            raise ValueError(f"class_weight needs targets of one or two axes, received shape {np.shape(y)}")
        classes = np.argmax(y, axis=1) if np.ndim(y) == 2 and np.shape(y)[1] > 1 else np.reshape(y, -1)
        missing = {int(c) for c in np.unique(classes)} - {int(c) for c in class_weight}
        if missing:
            raise ValueError(f"`class_weight` has no weight for the classes {sorted(missing)}")
        by_class = weights_of_classes(class_weight, np.asarray(y))
        return by_class if sample_weight is None else sample_weight
    if sample_weight is not None:
        return sample_weight
    shape = np.shape(y)[:2] if sample_weight_mode == "temporal" else np.shape(y)[:1]
    return np.ones(shape, "float32")


def is_sequence(seq: Any) -> bool:
    """Whether a thing gives batches by number."""
    return isinstance(seq, PyDataset) or {"__len__", "__getitem__"} <= set(dir(type(seq)))


def is_generator_or_sequence(x: Any) -> bool:
    """Whether a thing gives batches, one after the other or by number."""
    return isinstance(x, (PyDataset, Iterator))


def iter_sequence_infinite(seq: Any) -> Iterator[Any]:
    """The batches of a sequence over and over."""
    while True:
        for number in range(len(seq)):
            yield seq[number]


checks.fill(
    standardize_input_data=standardize_input_data,
    standardize_sample_weights=standardize_sample_weights,
    standardize_class_weights=standardize_class_weights,
    standardize_weights=standardize_weights,
    check_array_length_consistency=check_array_length_consistency,
)
