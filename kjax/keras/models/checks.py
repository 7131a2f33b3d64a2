"""Checks of data against a model, before anything is computed, with messages for the person who reads them."""

from __future__ import annotations

import warnings
from typing import Any

import jax
import numpy as np

from kjax.keras.core import codes
from kjax.keras.core.settings import settings
from kjax.keras.legacy.arguments import OLD_ERAS
from kjax.nn import losses
from kjax.train.objective import per_output


def check_inputs(model: Any, inputs: Any) -> None:
    """Compare the shapes of inputs with those that the model declares.

    Raises:
        ValueError: they do not fit.
    """
    arrays = jax.tree.leaves(inputs, is_leaf=lambda leaf: leaf is None)
    for tensor, name, array in zip(model.inputs, model.input_names, arrays, strict=True):
        if array is None:  # an optional one
            continue
        want, have = tensor.shape, tuple(array.shape)
        if tensor.dtype == codes.STRING and array.dtype == codes.DONE:
            continue
        if (len(have) == len(want) - 1 and want[-1] == 1) or (len(have) == len(want) + 1 and have[-1] == 1):
            continue
        wrong = len(have) != len(want) or any(w is not None and w != h for w, h in zip(want[1:], have[1:], strict=True))
        if wrong:
            raise ValueError(
                f"argument `x`: input {name!r} of model {model.name!r} expects samples of shape {want[1:]}, "
                f"received {have[1:]}"
            )


def check_targets(model: Any, objective: Any, targets: Any, outputs: Any, batch_size: int | None = None) -> None:
    """Compare the shapes of targets with the model's outputs, as each loss needs them.

    Args:
        model: for its name.
        objective: the losses.
        targets: targets of a sample.
        outputs: abstract outputs.
        batch_size: samples in a batch, where that is known.

    Raises:
        ValueError: they do not fit.
    """
    names = [t.name for t in objective.targets]
    trues = per_output(targets, names, "argument `y`")
    preds = per_output(outputs, names, "outputs")
    for target, true, pred in zip(objective.targets, trues, preds, strict=True):
        if target.loss is None or not hasattr(pred, "shape"):
            continue
        if true is None:
            raise ValueError(f"argument `y`: output {target.name!r} has a loss but no targets")
        have, want = tuple(true.shape[1:]), tuple(pred.shape[1:])
        name = getattr(target.loss, "name", type(target.loss).__name__)
        if type(target.loss) in _SPARSE:
            if have not in (want[:-1], (*want[:-1], 1)):
                raise ValueError(
                    f"argument `y`: loss {name!r} needs an integer class for each row of output {target.name!r} of shape "
                    f"(n, {_join(want)}): targets of shape (n{_tail(want[:-1])}), received (n{_tail(have)})"
                )
        elif type(target.loss) in _SAME_SHAPE and have != want:
            squeezed = (have == want[:-1] and want[-1:] == (1,)) or (have[-1:] == (1,) and have[:-1] == want)
            if not squeezed and not _is_repeated(target, have, want, batch_size):
                hint = ""
                if type(target.loss) is losses.CategoricalCrossentropy and have in ((), (1,)):
                    hint = (
                        "; for integer classes use 'sparse_categorical_crossentropy', "
                        "or make them one-hot with keras.utils.to_categorical"
                    )
                raise ValueError(
                    f"argument `y`: loss {name!r} needs targets like output {target.name!r} of shape (n{_tail(want)}), "
                    f"received (n{_tail(have)}){hint}"
                )


def _is_repeated(target: Any, have: tuple[int, ...], want: tuple[int, ...], batch_size: int | None) -> bool:
    """Whether a loss repeats targets along axes of the output, or the output along theirs, as tf.keras and Keras 3 do."""
    if settings.era in OLD_ERAS or type(target.loss) in _CROSS_ENTROPIES:
        return False
    aligned = (1,) * len(want) if not have and batch_size == 1 else have
    if len(aligned) != len(want) or any(1 not in (h, w) and h != w for h, w in zip(aligned, want, strict=True)):
        return False
    warnings.warn(
        f"argument `y`: targets of shape (n{_tail(have)}) are repeated to compare them with output {target.name!r} of shape "
        f"(n{_tail(want)}), as Keras does; make the shapes equal if that is not what is meant",
        stacklevel=2,
    )
    return True


def check_presence(objective: Any, targets: Any) -> None:
    """Refuse data without targets where a loss needs them.

    Raises:
        ValueError: there are none.
    """
    needing = [t.name for t in objective.targets if t.loss is not None]
    if targets is None and needing:
        raise ValueError(
            f"argument `y` is missing: the model was compiled with a loss for its output {needing[0]!r}, which needs "
            "targets; compile with loss=None if the model adds its losses itself"
        )


def counts_of_classes(objective: Any, outputs: Any) -> list[int | None]:
    """For each output the number of classes that it tells apart, where its targets are integer classes.

    Args:
        objective: the losses.
        outputs: abstract outputs.
    """
    preds = per_output(outputs, [t.name for t in objective.targets], "outputs")
    return [
        pred.shape[-1] if type(target.loss) in _SPARSE and hasattr(pred, "shape") else None
        for target, pred in zip(objective.targets, preds, strict=True)
    ]


def check_classes(objective: Any, targets: Any, outputs: Any) -> None:
    """Compare integer classes with the number of classes that the model tells apart.

    Args:
        objective: the losses.
        targets: arrays of all samples; only those in the host's memory are looked at.
        outputs: abstract outputs.

    Raises:
        ValueError: a class below 0, or not below the number of classes.
    """
    names = [t.name for t in objective.targets]
    for target, true, pred in zip(
        objective.targets,
        per_output(targets, names, "argument `y`"),
        per_output(outputs, names, "outputs"),
        strict=True,
    ):
        if type(target.loss) not in _SPARSE or not isinstance(true, np.ndarray) or not true.size:
            continue
        ignored = getattr(target.loss, "ignore_class", None)
        classes = pred.shape[-1] if getattr(target.loss, "axis", -1) in (-1, pred.ndim - 1) else None
        low, high = true.min(), true.max()
        if classes is None or (low >= 0 and high < classes):
            continue
        counted = true if ignored is None else true[true != ignored]
        if counted.size and (counted.min() < 0 or counted.max() >= classes):
            raise ValueError(
                f"argument `y`: output {target.name!r} tells {classes} classes apart, numbered 0 to {classes - 1}, "
                f"but the targets hold classes from {counted.min()} to {counted.max()}"
            )


def check_weights(objective: Any, weights: Any, outputs: Any) -> None:
    """Compare the shapes of sample weights with the values of the losses that they weigh.

    Raises:
        ValueError: a weight for something that has no loss of its own.
    """
    names = [t.name for t in objective.targets]
    columns = per_output(weights, names, "argument `sample_weight`", shared=True), per_output(outputs, names, "outputs")
    for target, weight, pred in zip(objective.targets, *columns, strict=True):
        if weight is None or type(target.loss) not in (*_SPARSE, *_SAME_SHAPE):
            continue
        have, want = tuple(weight.shape[1:]), tuple(pred.shape[1:-1])
        if have[len(want) :] == (1,):
            have = have[: len(want)]
        if have != want[: len(have)]:
            raise ValueError(
                f"argument `sample_weight`: the loss of output {target.name!r} has values of shape (n{_tail(want)}), "
                f"received weights of shape (n{_tail(tuple(weight.shape[1:]))})"
            )


def _join(shape: tuple[int, ...]) -> str:
    return ", ".join(map(str, shape))


def _tail(shape: tuple[int, ...]) -> str:
    return "".join(f", {s}" for s in shape) if shape else ","


_SPARSE = (losses.SparseCategoricalCrossentropy,)
_CROSS_ENTROPIES = (losses.CategoricalCrossentropy, losses.BinaryCrossentropy)
_SAME_SHAPE = (
    *_CROSS_ENTROPIES,
    losses.MeanSquaredError,
    losses.MeanAbsoluteError,
)
