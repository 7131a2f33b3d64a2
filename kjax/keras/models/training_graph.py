"""A training as a graph, as Keras 1 and 2 drew it in ``compile``: targets and weights to feed, losses, metrics and updates."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import jax.numpy as jnp

from kjax.keras.core.operation import Input, Operation
from kjax.keras.core.tensor import KerasTensor, computed_mask, is_symbolic
from kjax.keras.core.variable import Variable
from kjax.nn import losses

if TYPE_CHECKING:
    from kjax.keras.models.model import Model


@dataclasses.dataclass
class TrainingGraph:
    """What of a training is drawn.

    Attributes:
        targets: a tensor for each output, None for those without a loss.
        sample_weights: a placeholder for each output, None for those without a loss.
        total_loss: the loss of a batch with all penalties.
        metrics_tensors: the losses of the outputs, where there are several outputs, and the metrics.
    """

    targets: list[KerasTensor | None]
    sample_weights: list[KerasTensor | None]
    total_loss: KerasTensor
    metrics_tensors: list[Any]

    def __post_init__(self) -> None:
        self.count = len(self.metrics_tensors)

    @property
    def fed_targets(self) -> list[KerasTensor]:
        """The targets that are fed."""
        return [t for t in self.targets if t is not None and t._keras_history[0].is_placeholder]

    @property
    def fed_weights(self) -> list[KerasTensor]:
        """The sample weights that are fed."""
        return [w for w in self.sample_weights if w is not None]


def draw_training(model: Model) -> TrainingGraph:
    """Draw the training of a compiled functional model.

    Args:
        model: the model.

    Raises:
        ValueError: it has no losses at all.
    """
    compilation = model._need_compilation()
    objective = model._prepare_objective()
    names = model.output_names
    given = target_tensors(compilation.target_tensors, names)
    modes = compilation.weight_modes(names)
    targets: list[KerasTensor | None] = []
    weights: list[KerasTensor | None] = []
    parts: list[KerasTensor] = []
    total: Any = None
    metrics: list[KerasTensor] = []
    for target, name, output, own, mode in zip(objective.targets, names, model.outputs, given, modes, strict=True):
        if target.loss is None:
            targets.append(None)
            weights.append(None)
            continue
        true = target_placeholder(own, name, output)
        weight = Input(batch_shape=(None,) * (2 if mode == "temporal" else 1), name=f"{name}_sample_weights")
        targets.append(true)
        weights.append(weight)
        mask = getattr(output, "_keras_mask", None)
        draw = _Drawing(target, mask is not None)
        loss = Operation(draw.loss, f"{name}_loss")._symbolic_call(draw.arguments(true, output, weight), {})
        parts.append(loss)
        weighted = loss if target.weight == 1 else loss * target.weight
        total = weighted if total is None else total + weighted
        for metric, weighs in [(m, False) for m in target.metrics] + [(m, True) for m in target.weighted_metrics]:
            measure = _Measuring(metric, weighs, mask is not None)
            metrics.append(
                Operation(measure.value, f"{name}_{metric.name}")._symbolic_call(
                    draw.arguments(true, output, weight), {}
                )
            )
    for penalty in model.losses:
        total = penalty if total is None else total + penalty
    if total is None:
        raise ValueError(f"model {model.name!r} has no loss: compile it with one, or add losses (add_loss)")
    if not is_symbolic(total):
        total = Operation(jnp.asarray, "constant")._symbolic_call((total,), {})
    shown = [*(parts if objective.loss_names else []), *metrics]
    return TrainingGraph(targets, weights, total, shown)


class _Drawing:
    """A loss as a function of targets, outputs, weights and, where there is one, a mask."""

    def __init__(self, target: Any, masked: bool) -> None:
        self.target, self.masked = target, masked

    def arguments(self, true: Any, output: KerasTensor, weight: Any) -> tuple[Any, ...]:
        """What the function is called with."""
        return (true, output, weight, computed_mask(output)) if self.masked else (true, output, weight)

    def loss(self, true: Any, pred: Any, weight: Any, *mask: Any) -> Any:
        """The mean loss of a batch."""
        return jnp.mean(jnp.asarray(self.target.loss(true, pred, weight, *mask), jnp.float32))


class _Measuring:
    """A metric of one batch as a function."""

    def __init__(self, metric: Any, weighs: bool, masked: bool) -> None:
        self.metric, self.weighs, self.masked = metric, weighs, masked

    def value(self, true: Any, pred: Any, weight: Any, *mask: Any) -> Any:
        """The value."""
        state = self.metric.init(true, pred)
        factor = weight if self.weighs else None
        return self.metric.compute(self.metric.update(state, true, pred, factor, mask[0] if mask else None))


def target_tensors(given: Any, names: Sequence[str]) -> list[Any]:
    """``compile(target_tensors=...)`` as an entry, or None, for each output.

    Raises:
        ValueError: another number of entries, or an unknown output.
        TypeError: neither a tensor, a list nor a dict.
    """
    if given is None or (isinstance(given, (list, tuple)) and not given):
        return [None] * len(names)
    if isinstance(given, Mapping):
        for name in given:
            if name not in names:
                raise ValueError(
                    f"compile: argument `target_tensors`: no output is called {name!r}; the outputs are {list(names)}"
                )
        return [given.get(name) for name in names]
    if isinstance(given, (list, tuple)):
        if len(given) != len(names):
            raise ValueError(
                f"compile: argument `target_tensors`: expected {len(names)} tensors for the outputs {list(names)}, "
                f"received {len(given)}"
            )
        return list(given)
    if not hasattr(given, "shape") or len(names) != 1:
        raise TypeError(
            f"compile: argument `target_tensors` must be a list or dict of {len(names)} tensor(s), received {given!r}"
        )
    return [given]


def target_placeholder(own: Any, name: str, output: KerasTensor) -> KerasTensor:
    """The tensor that the targets of an output are: the given one, or a placeholder."""
    if own is not None:
        fed = (
            is_symbolic(own)
            and own._keras_history is not None
            and getattr(own._keras_history[0], "is_placeholder", False)
        )
        return own if fed else Input(tensor=own, name=f"{name}_target")
    return Input(batch_shape=(None,) * len(output.shape), dtype=output.dtype, name=f"{name}_target")


def is_fed(tensor: Any) -> bool:
    """Whether data have to be given for an input or a target."""
    return not isinstance(tensor, Variable) and bool(getattr(tensor._keras_history[0], "is_placeholder", True))


SPARSE = (losses.SparseCategoricalCrossentropy,)
"""Losses whose targets have one column where the output has one for each class."""
