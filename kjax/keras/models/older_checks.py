"""What Keras 1 and 2 checked in ``compile`` and before data were used, in scripts of their time."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from kjax.data.recognise import batches_of
from kjax.keras.core import doors
from kjax.keras.core.evaluate import may_stop, nodes_between
from kjax.keras.core.older_optimizers import NO_GRADIENT
from kjax.keras.core.operation import Operation
from kjax.keras.core.settings import settings
from kjax.keras.core.tensor import symbolic_leaves
from kjax.keras.models import data as adapt
from kjax.keras.models.training_graph import target_tensors

if TYPE_CHECKING:
    from kjax.keras.models.model import Model


def check_types(optimizer: Any, loss_weights: Any, metrics: Any) -> None:
    """Refuse arguments of ``compile`` of the wrong type.

    Raises:
        TypeError: neither a list nor a dict.
        ValueError: no optimizer.
    """
    if optimizer is None:
        raise ValueError("compile: Could not interpret optimizer identifier: None")
    if loss_weights is not None and not isinstance(loss_weights, (list, tuple, Mapping)):
        raise TypeError(
            f"compile: argument `loss_weights` must be a list or dict of numbers, received {loss_weights!r}"
        )
    if isinstance(metrics, (int, float)):
        raise TypeError(f"compile: argument `metrics` must be a list or dict of metrics, received {metrics!r}")


def check_compilation(model: Model) -> None:
    """Compare the arguments of ``compile`` with the outputs of the model, where these are known.

    Raises:
        ValueError: other outputs than the model has, or nothing to minimize.
    """
    compilation = model._need_compilation()
    if not model.is_functional:
        return
    names = model.output_names
    compilation.weight_modes(names)
    target_tensors(compilation.target_tensors, names)
    objective = model._prepare_objective()
    if isinstance(compilation.loss, Mapping) and "class_name" not in compilation.loss:
        for name in names:
            if name not in compilation.loss:
                warnings.warn(
                    f"compile: output {name!r} is missing from the dict `loss`: it is not trained, and no targets are "
                    "expected for it",
                    stacklevel=5,
                )
    if all(target.loss is None for target in objective.targets) and not (model.losses or model._loss_functions):
        raise ValueError(
            f"compile: model {model.name!r} has no loss to minimize: give `loss`, or add one with add_loss"
        )


def check_ends(model: Model, inputs: Any, outputs: Any) -> None:
    """Refuse inputs that were not made as such, and outputs of functions of tensors: those of a model came from layers.

    Raises:
        ValueError: an input twice, or one of the backend; an output that no layer returned.
    """
    begins = symbolic_leaves(inputs)
    if len({id(tensor) for tensor in begins}) < len(begins):
        raise ValueError(
            f"The list of inputs passed to the model is redundant. All inputs should only appear once. Found: {begins}"
        )
    for tensor in begins:
        if tensor._keras_history is not None and getattr(tensor._keras_history[0], "is_backends", False):
            raise ValueError(
                f"Input tensors to a {type(model).__name__} must come from `keras.layers.Input`. Received: {tensor}, "
                "a placeholder of the backend; Input(tensor=...) makes an input of it"
            )
    for tensor in symbolic_leaves(outputs):
        if tensor._keras_history is not None and isinstance(tensor._keras_history[0], Operation):
            raise ValueError(
                f"Output tensors to a {type(model).__name__} must be the output of a Keras `Layer` (thus holding past "
                f"layer metadata). Found: {tensor}. Make it in a Lambda layer: Lambda(lambda x: ...)(x)"
            )


def check_steps(x: Any, batch_size: Any, steps: Any, name: str) -> None:
    """Refuse a number of steps together with a size of batches of arrays.

    Raises:
        ValueError: both are given.
    """
    if steps is not None and batch_size is not None and batches_of(x) is None:
        raise ValueError(f"argument `batch_size` must be None where `{name}` is given")


def check_gradients(model: Any, objective: Any) -> None:
    """Refuse to train weights on which no loss depends, or only through functions that have no gradient.

    Raises:
        ValueError: there are such weights.
    """
    if not model.is_functional or model._find_closures():
        return
    ends = [tensor for tensor, target in zip(model.outputs, objective.targets, strict=True) if target.loss is not None]
    trained = [v for v in model._collected_trainable_weights if v.regularizer is None]
    nodes, _ = nodes_between([], ends)
    if not trained or (len(ends) == len(model.outputs) and not may_stop(nodes)):
        return
    reached = [doors.graphs.gradients(end, trained) for end in ends]
    missing = [v.path for v, *found in zip(trained, *reached, strict=True) if all(g is None for g in found)]
    if missing and not model.losses:
        raise ValueError(NO_GRADIENT.format(model.optimizer.name, missing))


def run_of_era() -> dict[str, bool]:
    """What a run of the era does at the end of the data, as arguments of :class:`kjax.data.reader.Reader`."""
    return {"repeats": settings.era in ("1", "2"), "strict": settings.era == "2"}


def check_targets(model: Model, objective: Any, targets: Any, outputs: Any) -> None:
    """Compare the shapes of targets with those of the outputs, exactly, for all losses of Keras.

    Raises:
        ValueError: they differ.
    """
    from kjax.nn import losses
    from kjax.train.objective import per_output

    names = [t.name for t in objective.targets]
    trues = per_output(targets, names, "argument `y`")
    preds = per_output(outputs, names, "outputs")
    for target, true, pred in zip(objective.targets, trues, preds, strict=True):
        known = type(target.loss).__module__ == losses.MeanSquaredError.__module__
        if true is None or not known or not hasattr(pred, "shape"):
            continue
        have, want = tuple(true.shape[1:]), tuple(pred.shape[1:])
        if type(target.loss) is losses.CategoricalCrossentropy and have in ((), (1,)):
            raise ValueError(
                f"You are passing a target array of shape {tuple(true.shape)} while using as loss `categorical_crossentropy`. "
                "`categorical_crossentropy` expects targets to be binary matrices (1s and 0s) of shape (samples, classes). "
                "Make them of integer classes with keras.utils.to_categorical, or use the loss "
                "`sparse_categorical_crossentropy`, which takes the integers."
            )
        if len(have) + 1 == len(want) and len(have) < 1:
            have = (1,)
        if type(target.loss) is losses.SparseCategoricalCrossentropy:
            if have not in ((*want[:-1], 1), want[:-1]):
                raise ValueError(
                    f"argument `y`: expected targets of output {target.name!r} of shape (n, {_joined((*want[:-1], 1))}), "
                    f"received (n, {_joined(have)})"
                )
        elif have != want:
            raise ValueError(
                f"argument `y`: expected targets of output {target.name!r} of shape (n, {_joined(want)}), "
                f"received (n, {_joined(have)})"
            )


def check_weights(model: Model, objective: Any, targets: Any, weights: Any) -> None:
    """Compare the number of axes of sample weights with ``sample_weight_mode``.

    Raises:
        ValueError: weights, or targets, of another number of axes, or weights that do not fit the targets.
    """
    from kjax.train.objective import per_output

    names = [t.name for t in objective.targets]
    modes = model._need_compilation().weight_modes(names)
    trues = per_output(targets, names, "argument `y`")
    given = per_output(weights, names, "argument `sample_weight`", shared=True)
    for name, mode, true, weight in zip(names, modes, trues, given, strict=True):
        if mode == "temporal" and true is not None and np.ndim(true) < 3:
            raise ValueError(
                f"argument `y`: output {name!r} has sample_weight_mode='temporal', which needs targets of at least three "
                f"axes, received shape {np.shape(true)}"
            )
        axes = 2 if mode == "temporal" else 1
        if weight is not None and np.ndim(weight) != axes:
            hint = "" if mode else "; weights for each step need compile(sample_weight_mode='temporal')"
            raise ValueError(
                f"argument `sample_weight`: output {name!r} takes weights of {axes} axes, received shape "
                f"{np.shape(weight)}{hint}"
            )
        if weight is not None and true is not None and np.shape(true)[:axes] != np.shape(weight):
            raise ValueError(
                f"argument `sample_weight`: weights of shape {np.shape(weight)} do not fit targets of shape "
                f"{np.shape(true)} of output {name!r}"
            )


def _joined(shape: Any) -> str:
    return ", ".join(map(str, shape))


def show_validation_data(callbacks: Any, validation_data: Any, uses_learning_phase: bool) -> None:
    """Let callbacks of Keras 1 and 2 find the validation data, inputs, targets and weights in one list, where they are arrays.

    Args:
        callbacks: the callbacks of ``fit``.
        validation_data: what ``fit`` was given, or holds back.
        uses_learning_phase: whether the list ends with the phase.
    """
    if not isinstance(validation_data, (list, tuple)) or len(validation_data) not in (2, 3):
        return
    x, y, *weights = (jax.tree.leaves(adapt.as_tree(part, "validation_data")) for part in validation_data)
    weights = weights[0] if weights and weights[0] else [np.ones(len(t), settings.floatx) for t in y]
    shown = [*x, *y, *weights, *([0.0] if uses_learning_phase else [])]
    for callback in getattr(callbacks, "callbacks", callbacks) or ():
        callback.validation_data = shown
